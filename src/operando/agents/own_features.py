"""What a pattern says about an added phase: its lines, and what the others leave of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from operando.agents.patterns import FloatArray
from operando.agents.phase_features import local_filter, significance
from operando.agents.phase_lines import (
    CANONICAL_WAVELENGTH,
    FILTER_WIDTHS,
    Line,
    gaussian_bins,
    lines_of,
)
from operando.agents.unknown import (
    codes_of,
    explained_basis,
    paired,
    paired_rows,
    residual_features,
)
from operando.errors import BadInput
from operando.physics.crystals import CrystalStructure
from operando.physics.phases import CRYSTALLINE
from operando.physics.powder import PowderLines, powder_lines

_D_MIN = 1.75  # Å: beyond the canonical axis
_LARGEST = 20_000.0  # Å³
_NOTHING = 1e-9  # scattering power: forbidden reflections have the rounding of a double
_MOST_LINES = 10  # that carry filters
_DRAWN = 100  # lines of a phase that are drawn: the others are lost in the noise
_FWHM = 0.28  # degrees, of the lines that the listed phases are taken from
_MIN_FREE = 0.2  # of a line that must not be the listed phases' for it to count


@dataclass(frozen=True)
class OwnLines:
    """Lines of one added phase on the canonical axis.

    Parameters
    ----------
    name : str
    two_theta : tuple of float
        All that are worth explaining away (from 3 % of the strongest), degrees.
    strongest : tuple of Line
        Those that carry filters.
    table : PowderLines
        All of them, for drawing.
    """

    name: str
    two_theta: tuple[float, ...]
    strongest: tuple[Line, ...]
    table: PowderLines

    @classmethod
    def of(cls, structure: CrystalStructure) -> OwnLines:
        """Work the lines out.

        Raises
        ------
        BadInput
            If there is none on the canonical axis, or the cell is too large to have any.
        """
        if structure.volume > _LARGEST:
            raise BadInput(
                f"{structure.name} has a cell of {structure.volume:.0f} Å³; up to {_LARGEST:.0f} "
                "Å³ there are lines to tell a phase by"
            )
        # No more reflections than are seen: a large cell has many thousands beyond.
        table = _strongest(powder_lines(structure, CANONICAL_WAVELENGTH, d_min=_D_MIN))
        lines = lines_of(table, 3.0) if table.scale > _NOTHING else []
        if not lines:
            raise BadInput(f"{structure.name} has no line between 1.80 and 7.32 Å")
        ranked = sorted(lines, key=lambda line: -line.intensity)[:_MOST_LINES]
        return cls(structure.name, tuple(line.two_theta for line in lines), tuple(ranked), table)


def _strongest(table: PowderLines) -> PowderLines:
    """Keep the lines that can be seen, from large to small spacing."""
    kept = np.sort(np.argsort(-table.intensity, kind="stable")[:_DRAWN])
    return PowderLines(
        table.name,
        table.d_spacing[kept],
        table.intensity[kept],
        table.hkl[kept],
        table.multiplicity[kept],
        table.scale,
    )


@cache
def _raw_filters(lines: tuple[Line, ...]) -> FloatArray:
    """Build filters at the lines, (487, widths × lines)."""
    columns = [local_filter(line.two_theta, fwhm) for fwhm in FILTER_WIDTHS for line in lines]
    return np.stack(columns, axis=1).astype(np.float32)


@cache
def _free_filters(lines: tuple[Line, ...], code: int) -> tuple[FloatArray, FloatArray]:
    """Build filters at each line and at all of them, blind to the listed phases.

    Returns
    -------
    filters : ndarray of float32, (243, lines + 1)
        Nought where too little of a line is left.
    share : ndarray of float32, (lines + 1,)
        What is left of each, 0 to 1.
    """
    single = np.stack([gaussian_bins(line.two_theta, _FWHM) for line in lines], axis=1)
    heights = np.array([line.intensity for line in lines])
    trial = paired(np.concatenate([single, (single @ heights)[:, None]], axis=1))
    trial /= np.linalg.norm(trial, axis=0)
    basis = explained_basis(code)
    free = trial - basis @ (basis.T @ trial)
    share = np.square(free).sum(axis=0)
    filters = np.where(share >= _MIN_FREE, free / np.maximum(share, 1e-9), 0.0)
    return filters.astype(np.float32), share.astype(np.float32)


def own_features(
    own: Sequence[OwnLines], intensity: FloatArray, variance: FloatArray, evidence: FloatArray
) -> FloatArray:
    """Features of each pattern for some added phases.

    Parameters
    ----------
    own : sequence of OwnLines
    intensity, variance : ndarray of float32, (n, 487)
        On the canonical axis, as `effective_variance` gives them.
    evidence : ndarray of float32, (n, 16)
        What the second stage of the classifier looks at: a first opinion on the nine labels,
        left-over peaks, signal to noise.

    Returns
    -------
    ndarray of float32, (n, m)
        `evidence`; the peaks left over when the added phases are explained away as well; for
        every phase the significance and relative height of its lines, and the significance of
        what the listed phases in the pattern cannot have put there.
    """
    present = evidence[:, : len(CRYSTALLINE)] > -1.0
    also = tuple(two_theta for one in own for two_theta in one.two_theta)
    columns = [evidence, residual_features(intensity, variance, present, also)]
    y, v, codes = paired_rows(intensity), paired_rows(variance), codes_of(present)
    for one in own:
        amplitude, sd = significance(intensity, variance, _raw_filters(one.strongest))
        wide, wide_sd = (part[:, len(one.strongest) :] for part in (amplitude, sd))
        best = np.maximum((wide - wide_sd).max(axis=1, keepdims=True), 0.0)
        columns += [np.arcsinh(0.5 * amplitude / sd), np.clip(wide / (best + 3 * wide_sd), -0.5, 1)]
        left = np.empty((len(y), 2 * len(one.strongest) + 2), dtype=np.float32)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            filters, share = _free_filters(one.strongest, int(code))
            amplitude, sd = significance(y[rows], v[rows], filters)
            left[rows, : share.size] = np.arcsinh(0.5 * amplitude / sd)
            left[rows, share.size :] = share
        columns.append(left)
    return np.concatenate(columns, axis=1, dtype=np.float32)
