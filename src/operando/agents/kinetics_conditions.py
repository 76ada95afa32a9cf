"""The next run of a series: the condition that fixes a slope or tells the leading laws apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from operando.agents.arrhenius import ArrheniusFit, Condition
from operando.agents.kinetics_config import AreaNoise
from operando.agents.kinetics_information import LOG_RATE, expected_sd, frame_information
from operando.agents.kinetics_summary import KineticsSummary
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, KineticLaw, mean_extent

Floats = NDArray[np.float64]

#: Precision of the priors of onset, log rate, log shape and the two amplitudes.
_PRIOR = np.array([1e-4, 0.25, 0.25, 1.0, 1.0])
#: A law less probable than this is not worth a run to be ruled out.
_LEADING = 0.02


@dataclass(frozen=True, eq=False)
class RunFrames:
    """Frames that each run of the series will have, and what they cost in noise.

    Parameters
    ----------
    start, stop : ndarray of float64, (f,)
        Exposures, s, the onset being expected at 0.
    noise : AreaNoise
    flux : float
        Dose in a second, in the unit of the noise.
    """

    start: Floats
    stop: Floats
    noise: AreaNoise
    flux: float

    @classmethod
    def fixed(
        cls, noise: AreaNoise, flux: float, *, exposure: float, before: float, after: float
    ) -> RunFrames:
        """Make frames without a gap from `before` to `after` seconds about the onset."""
        count = int((before + after) / exposure)
        if count < 3:
            raise BadInput(f"{count} frames make no run; three or more are needed")
        # Half a frame off, so that the onset lies where it neither helps nor harms most.
        start = exposure * (np.arange(count, dtype=np.float64) + 0.5) - before
        return cls(start, start + exposure, noise, flux)

    def log_rate_sd(self, law: KineticLaw, rate: float, shape: float = 1.0) -> float:
        """Foretell how well a run at this rate tells ln k."""
        each = frame_information(
            law, (0.0, rate, shape), (1.0, 1.0), self.start, self.stop, self.noise, self.flux
        )
        return float(expected_sd(each.sum(axis=0), _PRIOR)[LOG_RATE])


@dataclass(frozen=True)
class Ranking:
    """Conditions by what a run at each is worth.

    Parameters
    ----------
    best : Condition
    worth : tuple of float
        Of each candidate in the order given: nats.
    reason : str
        In one line.
    """

    best: Condition
    worth: tuple[float, ...]
    reason: str


def next_for_slope(
    fit: ArrheniusFit,
    candidates: Sequence[Condition],
    frames: RunFrames,
    law: str = "first_order",
    shape: float = 1.0,
) -> Ranking:
    """Find the condition at which one more run fixes the activation energy best.

    Far from the runs there are, a run tells more of a slope, until its process gets so fast that
    it is over within a frame or so slow that it does not end within the record. Both come in by
    the Fisher information of the frames, averaged over what the rate may be there.

    Parameters
    ----------
    fit : ArrheniusFit
        Through the runs so far.
    candidates : sequence of Condition
        Those that can be set.
    frames : RunFrames
    law : str
    shape : float
        Of the law.

    Returns
    -------
    Ranking
        Worth: by how much the logarithm of the energy's standard deviation is expected to fall.
    """
    if not candidates:
        raise BadInput("no condition to choose from")
    now = fit.energy[1]
    after = []
    for condition in candidates:
        mean, sd = fit.log_rate(condition)
        # Gauss-Hermite with three points, over what ln k may turn out to be.
        widths = [
            np.log(
                fit.energy_sd_after(
                    condition,
                    frames.log_rate_sd(_law(law), float(np.exp(mean + off * sd)), shape),
                )
            )
            for off in (-np.sqrt(3.0), 0.0, np.sqrt(3.0))
        ]
        after.append(float(np.dot([1 / 6, 2 / 3, 1 / 6], widths)))
    best = int(np.argmin(after))
    reason = (
        f"a run at {_words(candidates[best])} brings sd(E) from {now / 1e3:.3g} "
        f"to {np.exp(after[best]) / 1e3:.3g} kJ/mol"
    )
    return Ranking(candidates[best], tuple(float(np.log(now)) - a for a in after), reason)


def next_for_law(
    summary: KineticsSummary,
    measured_at: Condition,
    fit: ArrheniusFit,
    candidates: Sequence[Condition],
    frames: RunFrames,
    laws: Mapping[str, KineticLaw] = LAWS,
) -> Ranking:
    """Find the condition at which one more run tells the leading laws apart best.

    Parameters
    ----------
    summary : KineticsSummary
        Of a run at `measured_at`: the laws' probabilities, rates and shapes.
    measured_at : Condition
    fit : ArrheniusFit
        By how much the rate changes from there.
    candidates : sequence of Condition
    frames : RunFrames
    laws : mapping of str to KineticLaw
        By name; those shipped unless given.

    Returns
    -------
    Ranking
        Worth: expected log Bayes factor of the true law against another one that has been fitted
        to the same run, weighted with the probabilities of both being the one and the other.

    Notes
    -----
    The criterion is the upper bound of Box and Hill, Technometrics 9, 57 (1967), with the rival
    refitted. What parameters the rival has free costs it nothing here, so that a law that
    contains the true one is worth 0: no run tells those apart.
    """
    leading = [name for name, one in summary.models.items() if one.probability >= _LEADING]
    if len(leading) < 2:
        raise BadInput(f"one law is left, {summary.best}: there is nothing to tell apart")
    if not candidates:
        raise BadInput("no condition to choose from")
    worth = []
    for condition in candidates:
        faster = float(np.exp(fit.log_rate(condition)[0] - fit.log_rate(measured_at)[0]))
        total = 0.0
        for true in leading:
            model = summary.models[true]
            shape = 1.0 if model.shape is None else model.shape.quantiles[2]
            rate = faster * model.k.quantiles[2]
            total += sum(
                model.probability
                * summary.models[rival].probability
                * separation(laws[true], rate, shape, laws[rival], frames)
                for rival in leading
                if rival != true
            )
        worth.append(total)
    best = int(np.argmax(worth))
    reason = (
        f"a run at {_words(candidates[best])} is expected to bring {worth[best]:.2g} nat "
        f"between {', '.join(leading)}"
    )
    return Ranking(candidates[best], tuple(worth), reason)


def separation(
    true: KineticLaw, rate: float, shape: float, rival: KineticLaw, frames: RunFrames
) -> float:
    """Log likelihood ratio of the true law against a rival fitted as well as it can be.

    Parameters
    ----------
    true : KineticLaw
    rate, shape : float
        Of the true law; its onset is at 0 and its amplitudes are 1.
    rival : KineticLaw
    frames : RunFrames

    Returns
    -------
    float
        Expected over the noise, nats, at least 0.
    """
    alpha = mean_extent(true, frames.start, frames.stop, 0.0, rate, shape)
    areas = np.stack([1.0 - alpha, alpha], axis=-1)
    dose = frames.flux * (frames.stop - frames.start)
    root = np.linalg.cholesky(frames.noise.of(areas) / dose[:, None, None])
    shapes = rival.shape

    def white(vector: Floats) -> Floats:
        return np.asarray(np.linalg.solve(root, vector))

    def apart(p: Floats) -> Floats:
        form = 1.0 if shapes is None else float(np.exp(p[2]))
        extent = mean_extent(
            rival, frames.start, frames.stop, p[0] / rate, rate * float(np.exp(p[1])), form
        )
        # Both amplitudes enter linearly: the best ones follow.
        columns = np.zeros((len(extent), 2, 2))
        columns[:, 0, 0], columns[:, 1, 1] = 1.0 - extent, extent
        design, target = white(columns).reshape(-1, 2), white(areas[..., None]).reshape(-1)
        best = np.linalg.lstsq(design, target, rcond=None)[0]
        return np.asarray(target - design @ best)

    middle = [0.0] if shapes is None else [-0.5, 0.5]
    low, high = [-5.0, -4.0], [5.0, 4.0]
    if shapes is not None:
        low, high = [*low, np.log(shapes.low)], [*high, np.log(shapes.high)]
    best = np.inf
    for quick in (-0.7, 0.0, 0.7):
        for form in middle:
            start = np.array([0.0, quick] if shapes is None else [0.0, quick, form])
            start = np.clip(start, np.array(low) + 1e-6, np.array(high) - 1e-6)
            best = min(best, least_squares(apart, start, bounds=(low, high), max_nfev=60).cost)
    return max(float(best), 0.0)


def _law(name: str) -> KineticLaw:
    if name not in LAWS:
        raise BadInput(f"no law {name!r}; there are {', '.join(LAWS)}")
    return LAWS[name]


def _words(condition: Condition) -> str:
    return f"{condition.temperature:g} K and pressure {condition.pressure:g}"
