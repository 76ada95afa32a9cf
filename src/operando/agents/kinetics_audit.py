"""A full Poisson fit of all counts at the end of a run, to audit the fit of two areas a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.kinetics_areas import AreaWeights
from operando.agents.kinetics_record import KineticsRecord
from operando.errors import AgentError
from operando.physics.kinetic_laws import KineticLaw, mean_extent

Floats = NDArray[np.float64]

_STEPS, _CHUNK = 40, 256


@dataclass(frozen=True)
class Audit:
    """What the fit of all counts says beside that of the areas, for one law.

    Parameters
    ----------
    law : str
    t0, t0_sd : float
        Onset, s on the record's clock.
    k, k_sd : float
        Rate, 1/s.
    shift_t0, shift_k : float
        Difference to the posterior means of the areas' fit, in the audit's standard deviations.
    deviance, counts : float, int
        Twice the log likelihood ratio to a perfect fit, and the number of counts fitted: alike
        when the model describes the patterns and bins hold more than a few photons.
    """

    law: str
    t0: float
    t0_sd: float
    k: float
    k_sd: float
    shift_t0: float
    shift_k: float
    deviance: float
    counts: int

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "law": self.law,
            "t0": {"mean": self.t0, "sd": self.t0_sd},
            "k": {"mean": self.k, "sd": self.k_sd},
            "shift_t0_sd": self.shift_t0,
            "shift_k_sd": self.shift_k,
            "deviance": self.deviance,
            "counts": self.counts,
        }


def audit(record: KineticsRecord, law: KineticLaw) -> Audit:
    """Fit a law to the counts of all frames by maximum likelihood.

    Parameters
    ----------
    record : KineticsRecord
        With at least one frame after the onset.
    law : KineticLaw
        One of those that the record's engine compares.

    Returns
    -------
    Audit

    Raises
    ------
    AgentError
        If the fit does not converge.

    Notes
    -----
    The count n of bin b in frame i is Poisson with the mean

    dose_i / s_b (A0 (1 - a_i) R0_b + A1 a_i R1_b + sum_p c_p(i) B_pb)

    where a is the extent averaged over the exposure, R the end patterns, s what a photon adds
    to a bin, and B smooth curves with one set of coefficients before the valve opened and one
    after. Pixels of a bin share one brightness, so their sum holds all that they say. Solved by
    Fisher scoring; uncertainties are those of the expected information.
    """
    model = record.settle().summary.models[law.name]
    start, stop, dose, _ = record.frames()
    problem = _Problem.of(record, law, start, stop, dose)
    first = [model.t0.mean, float(np.log(model.k.mean))]
    if law.shape is not None and model.shape is not None:
        first.append(float(np.log(model.shape.mean)))
    theta = np.concatenate([first, [1.0, 1.0], np.zeros(problem.coefficients)])
    for _ in range(_STEPS):
        gradient, information, deviance = problem.look(theta)
        # So weak a prior is not seen; it keeps what no frame tells of from running away.
        information = (
            information + 1e-6 * np.diag(np.diag(information)) + 1e-12 * np.eye(len(theta))
        )
        covariance = np.linalg.inv(information)
        step = covariance @ gradient
        size = float(np.sqrt(np.maximum(step @ information @ step, 0.0)))
        theta = theta + step * min(1.0, 2.0 / max(size, 1e-12))
        if size < 1e-3:
            break
    else:
        raise AgentError(f"the fit of all counts with the law {law.name} does not converge")
    sd = np.sqrt(np.diag(covariance))
    k = float(np.exp(float(theta[1])))
    return Audit(
        law.name,
        float(theta[0]),
        float(sd[0]),
        k,
        float(k * sd[1]),
        float((theta[0] - model.t0.mean) / sd[0]),
        float((k - model.k.mean) / (k * sd[1])),
        deviance,
        problem.counts.size,
    )


@dataclass(frozen=True, eq=False)
class _Problem:
    """Counts (n, b), curves that add up to their means (m, b), and the law."""

    counts: Floats
    curves: Floats
    dose: Floats
    start: Floats
    stop: Floats
    law: KineticLaw
    after: NDArray[np.bool_]

    @classmethod
    def of(
        cls, record: KineticsRecord, law: KineticLaw, start: Floats, stop: Floats, dose: Floats
    ) -> _Problem:
        weights: AreaWeights = record.weights
        known = weights.scale > 0
        scale = weights.scale[known]
        counts = np.rint(record.patterns()[:, known].astype(np.float64) / scale)
        curves = np.concatenate([weights.ends, weights.background])[:, known] / scale
        ts = record.valve_time
        after = np.zeros(len(start), bool) if ts is None else 0.5 * (start + stop) > ts
        return cls(counts, curves, dose, start, stop, law, after)

    @property
    def coefficients(self) -> int:
        """Number of background coefficients, before and after the valve opened."""
        return 2 * (len(self.curves) - 2)

    def look(self, theta: Floats) -> tuple[Floats, Floats, float]:
        """Gradient of the log likelihood, expected information, and deviance."""
        amount, slope = self._amounts(theta), self._slopes(theta)
        gradient = np.zeros(len(theta))
        information = np.zeros((len(theta), len(theta)))
        deviance = 0.0
        for first in range(0, len(self.dose), _CHUNK):
            part = slice(first, first + _CHUNK)
            n, dose = self.counts[part], self.dose[part, None]
            mean = np.maximum(dose * (amount[part] @ self.curves), 1e-9)
            score = ((n / mean - 1.0) * dose) @ self.curves.T
            weight = dose**2 / mean
            curvature = np.einsum("ib,mb,lb->iml", weight, self.curves, self.curves, optimize=True)
            gradient += np.einsum("im,imq->q", score, slope[part])
            information += np.einsum(
                "imq,iml,ilr->qr", slope[part], curvature, slope[part], optimize=True
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                surprise = np.where(n > 0, n * np.log(n / mean), 0.0)
            deviance += float(2.0 * np.sum(surprise - n + mean))
        return gradient, information, deviance

    def _amounts(self, theta: Floats) -> Floats:
        """How much of each curve a frame has, (n, m)."""
        own = 2 if self.law.shape is None else 3
        shape = 1.0 if self.law.shape is None else np.exp(theta[2])
        alpha = mean_extent(self.law, self.start, self.stop, theta[0], np.exp(theta[1]), shape)
        empty, loaded = theta[own : own + 2]
        before, after = theta[own + 2 :].reshape(2, -1)
        smooth = np.where(self.after[:, None], after, before)
        ends = np.stack([empty * (1.0 - alpha), loaded * alpha], axis=1)
        return np.concatenate([ends, smooth], axis=1)

    def _slopes(self, theta: Floats) -> Floats:
        """Differentiate the amounts by central differences, (n, m, q)."""
        slopes = []
        for q in range(len(theta)):
            change = np.zeros(len(theta))
            change[q] = 1e-5
            slopes.append((self._amounts(theta + change) - self._amounts(theta - change)) / 2e-5)
        return np.stack(slopes, axis=2)
