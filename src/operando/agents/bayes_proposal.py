"""Where to measure next, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operando.agents.bayes_space import Points


@dataclass(frozen=True)
class Hedge:
    """How the acquisition functions have done so far, for "gp_hedge".

    Parameters
    ----------
    gains : tuple of float
        Of EI, LCB and PI.
    proposed : tuple of tuple of float
        What each of them proposed last, in the unit cube; empty before.
    """

    gains: tuple[float, ...] = (0.0, 0.0, 0.0)
    proposed: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Where to measure next, and why.

    Parameters
    ----------
    setting : tuple of float
        Of the knobs, in their own units.
    reason : str
        "start", "design" or the acquisition function that it comes of.
    acquisition : float
        Its value there, the larger the better; 0 without a model.
    expected, expected_sd : float
        The model's objective there; NaN without a model.
    hedge : Hedge
        To be given to the next step.
    """

    setting: tuple[float, ...]
    reason: str
    acquisition: float = 0.0
    expected: float = math.nan
    expected_sd: float = math.nan
    hedge: Hedge = field(default_factory=Hedge)

    def pretended(self, points: Points) -> Points:
        """Add it to what has been measured, as if it had come out as expected."""
        value = self.expected
        if math.isnan(value):
            value = float(points.values.mean()) if len(points) else 1.0
        last = Points(
            np.array([self.setting]),
            np.array([value]),
            points.sd[-1:] if len(points) else np.array([math.nan]),
            points.times[-1:] if len(points) else np.zeros(1),
        )
        return points.joined(last)


class Suggestion(dict[str, Any]):
    """A point to measure: ``_id`` and a value for each knob, and nothing else.

    bluesky-adaptive takes every number in a suggestion for a knob, so the reasons are beside it.

    Parameters
    ----------
    number : str
        Its ``_id``.
    names : tuple of str
        Of the knobs.
    proposal : Proposal
        The point; `why` tells its ``decision`` ("start", "design" or the acquisition function),
        ``acquisition``, ``expected`` and ``expected_sd``.
    """

    def __init__(self, number: str, names: tuple[str, ...], proposal: Proposal) -> None:
        super().__init__({"_id": number, **dict(zip(names, proposal.setting, strict=True))})
        self.why = {
            "decision": proposal.reason,
            "acquisition": proposal.acquisition,
            "expected": proposal.expected,
            "expected_sd": proposal.expected_sd,
        }
