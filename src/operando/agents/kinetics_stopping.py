"""When a record of a process is long enough, and why: targets, odds between laws, gain and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from operando.agents.kinetics_summary import KineticsSummary
from operando.agents.known_settings import known_settings
from operando.errors import BadInput


@dataclass(frozen=True)
class StopConfig:
    """What is enough. What is None is not asked for; with nothing set the answer is always no.

    Parameters
    ----------
    sd_t0, sd_k : float, optional
        Standard deviations of onset (s) and rate (1/s) to reach; if both are set, both.
    odds : float, optional
        Bayes factor of the best law against each rival to reach.
    least_gain : float, optional
        Cost of another frame, nats: stop when it is expected to tell less than that about onset
        and rate together.
    law : str, optional
        Law whose standard deviations are judged, for whoever knows the law. None: those averaged
        over all laws, which hold the doubt about the law too.
    rivals : tuple of str
        Laws that must be ruled out; all, if empty. Leave out those that contain the best one:
        data can never tell them apart from it.
    every : bool
        True: standard deviations and odds must both be reached, where both are set. False:
        either is enough.
    settled : int
        For so many updates one after the other.
    begun : float
        Probability that the process has begun below which nothing stops a record.

    Raises
    ------
    BadInput
        When a number makes no sense; the message names it.
    """

    sd_t0: float | None = None
    sd_k: float | None = None
    odds: float | None = None
    least_gain: float | None = None
    law: str | None = None
    rivals: tuple[str, ...] = ()
    every: bool = False
    settled: int = 1
    begun: float = 0.99

    def __post_init__(self) -> None:
        for name in ("sd_t0", "sd_k", "odds", "least_gain"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise BadInput(f"{name} is {value}; it must be a number above 0")
        if self.settled < 1:
            raise BadInput(f"settled is {self.settled}; 1 update or more is needed")
        if not 0.5 <= self.begun < 1.0:
            raise BadInput(f"begun is {self.begun}; at least 0.5 and below 1 is needed")

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        return {**asdict(self), "rivals": list(self.rivals)}

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> StopConfig:
        """Make a configuration from names and values; unknown names are refused.

        Examples
        --------
        >>> StopConfig.from_mapping({"sd_t0": 0.03, "rivals": ["jander"]}).rivals
        ('jander',)
        """
        values = known_settings(cls, settings)
        return cls(**{**values, "rivals": tuple(values.get("rivals", ()))})


class StopRule:
    """Whether to end a record.

    An agent keeps one and calls :meth:`decide` after each update, with the updates before it and,
    if it has a design (:mod:`operando.agents.kinetics_design`), the gain expected of the next
    frame. The answer and its reason go into the stream ``decisions``.

    Parameters
    ----------
    config : StopConfig
    """

    def __init__(self, config: StopConfig) -> None:
        self.config = config

    def decide(
        self,
        summary: KineticsSummary,
        *,
        earlier: Sequence[KineticsSummary] = (),
        gain: float | None = None,
    ) -> tuple[bool, str]:
        """Say whether to stop, and why or why not, in one line.

        Parameters
        ----------
        summary : KineticsSummary
            The last one.
        earlier : sequence of KineticsSummary
            Those before it, the latest at the end; only needed if ``config.settled`` is above 1.
        gain : float, optional
            What the next frame is expected to tell, nats.

        Raises
        ------
        BadInput
            When the configuration names a law that was not compared.
        """
        config = self.config
        if summary.p_begun < config.begun:
            return False, f"nothing has begun for sure (probability {summary.p_begun:.2g})"
        if summary.locking_on:
            return False, "locking on to the onset"
        if summary.doubt:
            return False, summary.doubt
        if config.least_gain is not None and gain is not None and gain < config.least_gain:
            return True, f"another frame tells {gain:.2g} nat, its cost is {config.least_gain:.2g}"
        asked = [check for check in (self._widths, self._odds) if check(summary) is not None]
        if not asked:
            return False, "no target was set" if config.least_gain is None else "still to be learnt"
        recent = [*earlier[len(earlier) - config.settled + 1 :], summary]
        judged = [[check(one) for check in asked] for one in recent]
        enough = all if config.every else any
        last = [answer for answer in judged[-1] if answer is not None]
        if not enough(met for met, _ in last):
            return False, "; ".join(why for met, why in last if not met)
        held = all(
            one.p_begun >= config.begun
            and not one.locking_on
            and enough(answer is not None and answer[0] for answer in row)
            for one, row in zip(recent, judged, strict=True)
        )
        if len(recent) < config.settled or not held:
            return False, f"targets met, but not in {config.settled} updates running"
        return True, "targets met: " + "; ".join(why for met, why in last if met)

    def _widths(self, summary: KineticsSummary) -> tuple[bool, str] | None:
        config = self.config
        judged: Any = summary if config.law is None else summary.models.get(config.law)
        if judged is None:
            raise BadInput(f"no law {config.law!r}; there are {', '.join(summary.models)}")
        wanted = [
            (name, sd, target, unit)
            for name, sd, target, unit in (
                ("sd_t0", judged.t0.sd, config.sd_t0, "s"),
                ("sd_k", judged.k.sd, config.sd_k, "1/s"),
            )
            if target is not None
        ]
        if not wanted:
            return None
        missed = [one for one in wanted if one[1] > one[2]]
        return not missed, ", ".join(
            f"{name} is {sd:.3g} {unit}, {target:.3g} is wanted"
            for name, sd, target, unit in (missed or wanted)
        )

    def _odds(self, summary: KineticsSummary) -> tuple[bool, str] | None:
        config = self.config
        if config.odds is None:
            return None
        unknown = [name for name in config.rivals if name not in summary.models]
        if unknown:
            raise BadInput(f"no law {unknown[0]!r}; there are {', '.join(summary.models)}")
        rivals = set(config.rivals or summary.models) - {summary.best}
        if not rivals:
            return False, "no rival to compare with"
        best = summary.models[summary.best].log_evidence
        nearest = max(rivals, key=lambda name: summary.models[name].log_evidence)
        found = math.exp(min(best - summary.models[nearest].log_evidence, 690.0))
        return found >= config.odds, (
            f"odds of {summary.best} against {nearest} are {found:.3g}, {config.odds:g} is wanted"
        )
