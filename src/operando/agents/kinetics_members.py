"""End patterns from a record itself, when nobody measured the crystal empty and loaded."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_areas import PatternSum, photon_scale
from operando.agents.patterns import PowderPatterns
from operando.errors import BadInput

Floats = NDArray[np.float64]

_ROUNDS, _ENOUGH = 300, 1e-6


def ends_from_record(
    patterns: PowderPatterns, dose: Floats, *, before: int, after: int
) -> tuple[PatternSum, PatternSum]:
    """Separate a record into two end members, the empty and the loaded crystal.

    Non-negative matrix factorisation of all frames into two patterns, with the Kullback-Leibler
    divergence, which is the likelihood of Poisson counts. Any two patterns on the line between the
    ends would fit as well, so the ends are put where the record says: at the mean of the frames
    before the process and of those after it. All frames take part in what the two look like, so
    they are less noisy than these few.

    Parameters
    ----------
    patterns : PowderPatterns
        n frames of a record, in their order.
    dose : ndarray of float64, (n,)
        Counts of the monitor.
    before, after : int
        Frames at the beginning that show the empty crystal, and at the end that show the loaded
        one. What the last ones lack of being loaded makes the rate too large by about as much.

    Returns
    -------
    empty, loaded : PatternSum
        For `AreaWeights.from_ends`.

    Raises
    ------
    BadInput
        When the frames before and after are not different frames, or a dose is not above 0.
    """
    weight = np.asarray(dose, dtype=np.float64)
    if min(before, after) < 1 or before + after > len(patterns):
        raise BadInput(f"{before} frames before and {after} after, of {len(patterns)} in all")
    if weight.shape != (len(patterns),) or not (weight > 0.0).all():
        raise BadInput("end members need a dose above 0 for every frame")
    counts = patterns.intensity.astype(np.float64)
    known = np.isfinite(counts).all(axis=0)
    scale = photon_scale(patterns)
    first, last = slice(0, before), slice(len(patterns) - after, None)
    ends = np.zeros((2, known.size))
    ends[:, known] = _separate(counts[:, known], weight, first, last)
    # Each frame tells half of its counts about either end.
    shared = 0.5 * float(weight.sum())
    empty, loaded = (
        PatternSum(patterns.two_theta, end * shared, scale, shared, len(patterns)) for end in ends
    )
    return empty, loaded


def _separate(counts: Floats, dose: Floats, first: slice, last: slice) -> Floats:
    """Both ends for a unit of dose, (2, b)."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    start = np.stack([counts[some].sum(axis=0) / dose[some].sum() for some in (first, last)])
    start = np.maximum(start, 1e-3 * start.mean())
    ramp = np.linspace(0.05, 0.95, len(dose))
    shares = np.ascontiguousarray(dose[:, None] * np.stack([1.0 - ramp, ramp], axis=1))
    model = NMF(
        2,
        init="custom",
        solver="mu",
        beta_loss="kullback-leibler",
        max_iter=_ROUNDS,
        tol=_ENOUGH,
    )
    with warnings.catch_warnings():
        # The last digits of a factorisation are of no use here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixed = model.fit_transform(counts, W=shares, H=start.copy())
    where = np.stack([mixed[some].sum(axis=0) / dose[some].sum() for some in (first, last)])
    return np.asarray(where @ model.components_)
