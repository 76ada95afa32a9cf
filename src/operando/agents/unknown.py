"""What the listed phases cannot explain: the evidence for "other".

The entropy of an ensemble does not see an unlisted phase (it is confidently wrong together);
the part of a pattern that no combination of the present phases' lines can produce does.
Each line of a present phase may take any height and a little any width and place (as in a
Le Bail fit, A. Le Bail, Powder Diffr. 20, 316 (2005), 10.1154/1.2135315), so texture and strain
explain themselves away, and the background may be any smooth curve. A peak left over is unlisted.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.phase_features import background_basis, effective_variance, significance
from operando.agents.phase_lines import CANONICAL_TWO_THETA, gaussian_bins, reference_lines
from operando.physics.phases import CRYSTALLINE

#: Names of the columns of :func:`residual_features`.
RESIDUAL_FEATURES = ("first", "second", "third", "excess", "relative", "free_share")

_PAIR = 2  # bins summed before the search: a line is never narrower than two
_SEARCH_FWHM = 0.24  # degrees
_MIN_FREE = 0.35  # share of a trial line that must survive the projection to count
_APART = 5  # paired bins between two separate left-over peaks (0.6°)


def paired(columns: NDArray[np.float64] | FloatArray) -> NDArray[np.float64]:
    """Sum neighbouring bins along the first axis, (487, m) to (243, m)."""
    even = columns[: columns.shape[0] // _PAIR * _PAIR]
    return np.asarray(even.reshape(-1, _PAIR, *columns.shape[1:]).sum(axis=1))


def paired_rows(rows: FloatArray) -> FloatArray:
    """Sum neighbouring bins along the last axis, (n, 487) to (n, 243)."""
    # A slice a bin of the pair: many times faster than a sum over an axis of two.
    even = rows[:, : rows.shape[1] // _PAIR * _PAIR]
    paired = even[:, ::_PAIR] + even[:, 1::_PAIR]
    return np.asarray(paired, dtype=np.float32)


@cache
def explained_basis(code: int, also: tuple[float, ...] = ()) -> NDArray[np.float64]:
    """Orthonormal basis of all that some phases can produce, (243, r), on paired bins.

    Parameters
    ----------
    code : int
        Bit mask of listed phases, in the order of ``CRYSTALLINE``.
    also : tuple of float
        Lines of other phases, 2θ on the canonical axis.
    """
    listed = (
        line.two_theta for line in reference_lines(3.0) if code >> CRYSTALLINE.index(line.phase) & 1
    )
    lines = [_line_shapes(two_theta) for two_theta in (*listed, *also)]
    design = np.concatenate([paired(background_basis(8)), *lines], axis=1)
    design /= np.linalg.norm(design, axis=0)
    # A third of the time of a singular value decomposition, whose left vectors these are.
    square, right = np.linalg.eigh(design.T @ design)
    kept = square > 1e-6 * square[-1]
    return np.asarray(design @ (right[:, kept] / np.sqrt(square[kept])))


@cache
def _line_shapes(two_theta: float) -> NDArray[np.float64]:
    """Three widths of a line and a little shift of it, (243, 4), on paired bins."""
    columns = [gaussian_bins(two_theta, fwhm) for fwhm in (0.14, 0.28, 0.60)]
    shifted = gaussian_bins(two_theta + 0.06, 0.2)
    columns.append(shifted - gaussian_bins(two_theta - 0.06, 0.2))
    return paired(np.stack(columns, axis=1))


@cache
def _search_filters(
    code: int, also: tuple[float, ...]
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Build filters blind to all that is explained, (243, m), their squares, their bins (m,)."""
    trial = _trial_lines()
    basis = explained_basis(code, also)
    free = trial - basis @ (basis.T @ trial)
    share = np.einsum("bm,bm->m", free, free)
    kept = np.flatnonzero(share >= _MIN_FREE)
    filters = np.ascontiguousarray((free[:, kept] / share[kept]).astype(np.float32))
    return filters, filters * filters, kept


@cache
def _trial_lines() -> NDArray[np.float64]:
    """Lines of unit norm at every place, (243, 243), on paired bins."""
    trial = paired(np.stack([gaussian_bins(c, _SEARCH_FWHM) for c in _paired_centers()], axis=1))
    return np.asarray(trial / np.linalg.norm(trial, axis=0))


def _paired_centers() -> NDArray[np.float64]:
    return paired(CANONICAL_TWO_THETA[:, None])[:, 0] / _PAIR


def codes_of(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Bit mask of each row of listed phases (n, 6), (n,)."""
    return np.asarray(present.astype(np.int64) @ (1 << np.arange(len(CRYSTALLINE))))


def prepare_filters() -> None:
    """Build what any combination of listed phases needs, a quarter of a second in all.

    Otherwise each is built when it is first met, in the middle of something else.
    """
    for code in range(1 << len(CRYSTALLINE)):
        _search_filters(code, ())


def residual_features(
    intensity: FloatArray,
    variance: FloatArray,
    present: NDArray[np.bool_],
    also: tuple[float, ...] = (),
) -> FloatArray:
    """Left-over peaks of each pattern once the present phases are explained away.

    Parameters
    ----------
    intensity, variance : ndarray of float32, (n, 487)
        On the canonical axis, as `effective_variance` gives them.
    present : ndarray of bool, (n, 6)
        Which of the listed crystalline phases to explain away, in the order of ``CRYSTALLINE``.
    also : tuple of float
        Lines of other phases to explain away in every pattern, 2θ on the canonical axis.

    Returns
    -------
    ndarray of float32, (n, 6)
        Columns :data:`RESIDUAL_FEATURES`: arcsinh of the significance of the three strongest
        separate left-over peaks; log of the summed excess; the first's height relative to
        the pattern's strongest peak; the share of the axis that was free to look at.
    """
    y, v = paired_rows(intensity), paired_rows(variance)
    codes = codes_of(present)
    amplitude, sd = np.zeros_like(y), np.ones_like(y)
    free = np.zeros(y.shape, dtype=bool)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)[:, None]
        filters, squares, kept = _search_filters(int(code), also)
        found = significance(y[rows[:, 0]], v[rows[:, 0]], filters, squares)
        amplitude[rows, kept], sd[rows, kept] = found
        free[rows, kept] = True
    nothing, _, _ = _search_filters(0, ())
    return _summary(amplitude, sd, free, (y @ nothing).max(axis=1))


def _summary(
    amplitude: FloatArray, sd: FloatArray, free: NDArray[np.bool_], strongest: FloatArray
) -> FloatArray:
    """Condense significances where the axis is `free`, (n, 243), into the columns promised."""
    z = np.where(free, amplitude / sd, np.float32(-3.0))
    rows = np.arange(len(z))
    columns = [np.log1p(np.square(np.maximum(z - 2.5, 0.0)).sum(axis=1) / _APART)]
    first = z.argmax(axis=1)
    relative = np.maximum(amplitude[rows, first], 0) / np.maximum(
        strongest, 3.0 * sd[rows, first] + 1e-20
    )
    columns += [np.minimum(relative, 1.0), free.sum(axis=1) / CANONICAL_TWO_THETA.size]
    tops = []
    for _ in range(3):
        best = z.argmax(axis=1)
        tops.append(np.arcsinh(0.5 * z[rows, best]))
        z[np.abs(np.arange(z.shape[1]) - best[:, None]) < _APART] = -3.0
    return np.stack([*tops, *columns], axis=1).astype(np.float32)


def explain(pattern: PowderPatterns, present: NDArray[np.bool_]) -> FloatArray:
    """Non-negative fit of one flagged pattern by the present phases' lines and a background.

    Parameters
    ----------
    pattern : PowderPatterns
        One pattern on the canonical axis.
    present : ndarray of bool, (6,)
        The phases whose lines may be used, in the order of ``CRYSTALLINE``.

    Returns
    -------
    ndarray of float32, (487,)
        What is left over, in units of the standard deviation: positive where there is
        intensity that no present phase can produce.
    """
    intensity, variance = effective_variance(pattern)
    weight = 1.0 / np.sqrt(variance[0])
    smooth = background_basis(8)
    lines = [
        gaussian_bins(line.two_theta, fwhm)
        for line in reference_lines(3.0)
        if present[CRYSTALLINE.index(line.phase)]
        for fwhm in (0.14, 0.28, 0.60)
    ]
    # A background may go either way, a line only up.
    design = np.column_stack([smooth, -smooth, *lines]) * weight[:, None]
    solution, _ = nnls(design, intensity[0] * weight)
    return np.asarray(intensity[0] * weight - design @ solution, dtype=np.float32)
