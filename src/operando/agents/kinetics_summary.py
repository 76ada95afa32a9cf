"""What the kinetic engine answers: estimates, laws with their evidence, and the notes beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = (0.025, 0.16, 0.5, 0.84, 0.975)
"""Probabilities of the quantiles in every :class:`Estimate`."""


@dataclass(frozen=True)
class Estimate:
    """Posterior of one number.

    Parameters
    ----------
    mean, sd : float
    quantiles : tuple of float
        At 2.5, 16, 50, 84 and 97.5 %.
    """

    mean: float
    sd: float
    quantiles: tuple[float, float, float, float, float]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {"mean": self.mean, "sd": self.sd, "quantiles": list(self.quantiles)}


@dataclass(frozen=True)
class ModelSummary:
    """What one law says.

    Parameters
    ----------
    t0, k : Estimate
        Onset, s, and rate, 1/s, given that the process began within the record.
    shape : Estimate or None
        The law's own parameter.
    log_evidence : float
        Natural logarithm of the probability (density) of all data under this law.
    probability : float
        Of the law among those compared, each as probable as the others before the data.
    """

    t0: Estimate
    k: Estimate
    shape: Estimate | None
    log_evidence: float
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "t0": self.t0.as_dict(),
            "k": self.k.as_dict(),
            "shape": None if self.shape is None else self.shape.as_dict(),
            "log_evidence": self.log_evidence,
            "probability": self.probability,
        }


@dataclass(frozen=True)
class KineticsSummary:
    """The answer after some frames.

    Parameters
    ----------
    frames : int
    models : mapping of str to ModelSummary
        By name of law.
    best : str
        The most probable law; read it with its probability.
    t0, k : Estimate
        Averaged over the laws by their probabilities, given that the process began. They mean
        something only when `p_begun` is close to 1 and `locking_on` is false.
    p_begun : float
        Probability that the process began before the end of the last frame.
    p_t0_before : float or None
        P(t0 <= ts), when a time ts was given.
    p_t0_at_ts : float or None
        Probability of "the onset is at ts exactly" against "it is anywhere in its prior", both
        as probable before the data.
    locking_on : bool
        True in the few frames of the onset, while the answer still jumps.
    doubt : str
        Why the onset must not be believed, in one line; empty when nothing speaks against it.
    """

    frames: int
    models: Mapping[str, ModelSummary]
    best: str
    t0: Estimate
    k: Estimate
    p_begun: float
    p_t0_before: float | None
    p_t0_at_ts: float | None
    locking_on: bool
    doubt: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {
            "frames": self.frames,
            "best": self.best,
            "models": {name: model.as_dict() for name, model in self.models.items()},
            "t0": self.t0.as_dict(),
            "k": self.k.as_dict(),
            "p_begun": self.p_begun,
            "p_t0_before": self.p_t0_before,
            "p_t0_at_ts": self.p_t0_at_ts,
            "locking_on": self.locking_on,
            "doubt": self.doubt,
        }
