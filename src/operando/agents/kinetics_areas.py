"""From powder patterns to two areas: how much is empty crystal, how much is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_config import AreaNoise
from operando.agents.patterns import PowderPatterns
from operando.errors import AgentError, BadInput

Floats = NDArray[np.float64]

#: Degree of the polynomial in 2θ that is free beside the two end patterns.
BACKGROUND_DEGREE = 3


@dataclass(frozen=True, eq=False)
class PatternSum:
    """Patterns of one state, added up.

    Parameters
    ----------
    two_theta : ndarray of float64, (b,)
        Degrees.
    intensity : ndarray of float64, (b,)
        Sum of the patterns' intensities, counts; NaN where nothing is measured.
    scale : ndarray of float64, (b,)
        What one photon adds to a bin's intensity: 1 in a bin of typical solid angle.
    dose : float
        Sum of the monitor's counts.
    frames : int
    """

    two_theta: Floats
    intensity: Floats
    scale: Floats
    dose: float
    frames: int

    @classmethod
    def of(cls, patterns: PowderPatterns, dose: Floats) -> PatternSum:
        """Add up patterns with their monitor counts, (n,).

        Raises
        ------
        AgentError
            If there is no pattern, or no beam.
        """
        total = float(np.sum(dose))
        if not len(patterns) or not total > 0:
            raise AgentError("an end pattern needs frames with beam on the sample")
        summed = patterns.intensity.astype(np.float64).sum(axis=0)
        scale = photon_scale(patterns)
        return cls(patterns.two_theta, summed, scale, total, len(patterns))

    def __add__(self, other: PatternSum) -> PatternSum:
        if not np.array_equal(self.two_theta, other.two_theta):
            raise AgentError("end patterns were measured on different axes")
        return PatternSum(
            self.two_theta,
            self.intensity + other.intensity,
            np.maximum(self.scale, other.scale),
            self.dose + other.dose,
            self.frames + other.frames,
        )


def photon_scale(patterns: PowderPatterns) -> Floats:
    """Tell what one photon adds to the intensity of a bin, (b,).

    A reducer divides each bin's counts by its share of solid angle. What it divided by stands in
    sigma: sigma² = counts scale² and intensity = counts scale, and sigma = scale without counts.
    """
    intensity = patterns.intensity.astype(np.float64)
    variance = patterns.sigma.astype(np.float64) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(intensity > 0, variance / intensity, np.sqrt(variance))
    return np.asarray(np.median(each, axis=0))


@dataclass(frozen=True, eq=False)
class AreaWeights:
    """Fixed linear weights that turn a pattern into two areas.

    An area of 1 is what the end pattern shows per count of the monitor, so before the onset the
    empty crystal's area is 1 and the loaded one's 0.

    Parameters
    ----------
    two_theta : ndarray of float64, (b,)
        Degrees.
    ends : ndarray of float64, (2, b)
        Empty and loaded pattern, intensity per count of the monitor.
    background : ndarray of float64, (p, b)
        What else may be in a pattern, same units: smooth curves.
    scale : ndarray of float64, (b,)
        What one photon adds to a bin's intensity.
    weights : ndarray of float64, (2, b)
        Areas are ``weights @ intensity / i0``.
    noise : AreaNoise
        Covariance of the areas, as predicted from them, for a dose in counts of the monitor.

    Notes
    -----
    Generalised least squares with the expected variance of a pattern half way between the ends:
    the same weights for every frame, so that no frame's own noise chooses its weights. The
    covariance of W I / i0 is W diag(sum_j a_j R_j s) W^T / i0, with areas a, end patterns R and
    the intensity s of one photon. That the end patterns are themselves counted adds an error
    common to all frames, small while they had many times the dose of a frame; what it does to
    their squares is taken off.
    """

    two_theta: Floats
    ends: Floats
    background: Floats
    scale: Floats
    weights: Floats
    noise: AreaNoise

    @classmethod
    def from_ends(cls, empty: PatternSum, loaded: PatternSum) -> AreaWeights:
        """Make weights from the sums of both end states.

        Raises
        ------
        AgentError
            If the end patterns differ in their axes, or not at all in their intensities.
        """
        if not np.array_equal(empty.two_theta, loaded.two_theta):
            raise AgentError("the end patterns were measured on different axes")
        ends = np.stack([one.intensity / one.dose for one in (empty, loaded)])
        known = np.isfinite(ends).all(axis=0) & (ends.sum(axis=0) > 0)
        ends = np.where(known, ends, 0.0)
        x = np.linspace(-1.0, 1.0, empty.two_theta.size)
        level = ends.mean()
        smooth = level * np.polynomial.legendre.legvander(x, BACKGROUND_DEGREE).T * known
        scale = np.where(known, np.maximum(empty.scale, loaded.scale), 0.0)
        _require_difference(ends, smooth, scale, (empty.dose, loaded.dose))
        inverse = np.zeros(known.size)
        inverse[known] = 1.0 / (ends.mean(axis=0) * scale)[known]
        basis = np.concatenate([ends, smooth])
        normal = (basis * inverse) @ basis.T
        for j, end in enumerate((empty, loaded)):
            # An end pattern's own counting noise looks like signal in its square.
            normal[j, j] -= float(np.sum(inverse * ends[j] * scale)) / end.dose
        weights = np.linalg.solve(normal, basis * inverse)[:2]
        per_area = np.stack([(weights * (end * scale)) @ weights.T for end in ends])
        noise = AreaNoise(np.zeros((2, 2)), per_area)
        return cls(empty.two_theta, ends, smooth, scale, weights, noise)

    def areas(self, patterns: PowderPatterns, dose: Floats) -> Floats:
        """Reduce patterns to areas.

        Parameters
        ----------
        patterns : PowderPatterns
            n of them, on the axis of the weights.
        dose : ndarray of float64, (n,)
            Counts of the monitor in each.

        Returns
        -------
        ndarray of float64, (n, 2)
            Empty and loaded.

        Raises
        ------
        BadInput
            If the axis is another one, or a frame had no beam.
        """
        if not np.array_equal(patterns.two_theta, self.two_theta):
            raise BadInput("the patterns are on another axis than the end patterns")
        if not np.all(dose > 0):
            raise BadInput("a frame without beam on the sample has no areas")
        intensity = np.nan_to_num(patterns.intensity.astype(np.float64))
        # One by one: in a product of matrices the last digits depend on how many there are.
        sums = np.array([self.weights @ row for row in intensity]).reshape(-1, 2)
        return np.asarray(sums / np.asarray(dose)[:, None])

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any weight."""
        import hashlib

        return hashlib.sha256(self.weights.tobytes()).hexdigest()[:12]


def _require_difference(
    ends: Floats, smooth: Floats, scale: Floats, doses: tuple[float, float]
) -> None:
    """Refuse end patterns that differ by no more than noise and a background."""
    variance = scale * (ends[0] / doses[0] + ends[1] / doses[1])
    known = variance > 0
    root = np.sqrt(variance[known])
    target, design = (ends[1] - ends[0])[known] / root, (smooth[:, known] / root).T
    fit = np.linalg.lstsq(design, target, rcond=None)[0]
    chance = 1.0 + 5.0 * np.sqrt(2.0 / target.size)
    if np.mean((target - design @ fit) ** 2) < chance:
        raise AgentError("the end patterns cannot be told from each other and a background")


def ends_to_arrays(ends: Mapping[str, PatternSum]) -> dict[str, Any]:
    """Give end patterns as arrays for a checkpoint."""
    arrays: dict[str, Any] = {}
    for key, one in ends.items():
        arrays[f"end:{key}"] = np.vstack([one.two_theta, one.intensity, one.scale])
        arrays[f"about:{key}"] = np.array([one.dose, one.frames], dtype=np.float64)
    return arrays


def ends_from_arrays(arrays: Mapping[str, Any]) -> dict[str, PatternSum]:
    """Read the arrays of `ends_to_arrays`."""
    found = {}
    for key in (name.removeprefix("end:") for name in arrays if name.startswith("end:")):
        dose, frames = arrays[f"about:{key}"]
        two_theta, intensity, scale = arrays[f"end:{key}"]
        found[key] = PatternSum(two_theta, intensity, scale, float(dose), int(frames))
    return found
