"""What the kinetics agent makes of its record: whether to stop, and which frames come next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operando.agents.kinetics_design import Proposal
from operando.agents.kinetics_record import KineticsRecord
from operando.agents.kinetics_stopping import StopRule

#: Frames whose dose and exposure say what the flux is.
_RECENT = 5


@dataclass(frozen=True)
class Choice:
    """What to do after a frame.

    Parameters
    ----------
    stop : bool
    why : str
        In one line.
    frames : mapping
        ``exposure`` (s), ``num`` and ``pause`` (s) of what comes next; empty without a design.
    """

    stop: bool
    why: str
    frames: Mapping[str, float]


def choose(record: KineticsRecord) -> Choice:
    """Apply the configuration's stop rule and, if there is one, its design.

    Parameters
    ----------
    record : KineticsRecord
        With a frame at least.
    """
    record.settle()
    config = record.config.stopping
    recent = [update.summary for update in record.updates[-config.settled :]]
    proposal = _propose(record)
    gain = None if proposal is None else proposal.per_frame
    stop, why = StopRule(config).decide(recent[-1], earlier=recent[:-1], gain=gain)
    if stop or proposal is None:
        return Choice(stop, why, {})
    return Choice(False, f"{why}; {proposal.reason}", portion(proposal))


def portion(proposal: Proposal) -> dict[str, float]:
    """Put a proposal as frames without a gap and a pause after them.

    Examples
    --------
    Frames with gaps are asked for one by one:

    >>> portion(Proposal(True, 0.1, 0.3, 3, None, None, "waiting")) == {
    ...     "exposure": 0.1, "num": 1, "pause": 0.3 - 0.1
    ... }
    True
    """
    if not proposal.open:
        return {"num": 0, "pause": proposal.interval}
    gap = proposal.interval - proposal.exposure
    # A readout is no gap: the detector makes it by itself.
    if gap < 0.5 * proposal.exposure:
        return {"exposure": proposal.exposure, "num": proposal.num, "pause": 0.0}
    return {"exposure": proposal.exposure, "num": 1, "pause": gap}


def _propose(record: KineticsRecord) -> Proposal | None:
    if record.design is None:
        return None
    start, stop, dose, _ = record.frames()
    exposure = stop - start
    flux = float(dose[-_RECENT:].sum() / exposure[-_RECENT:].sum())
    now = float(stop[-1]) + record.design.config.dead_time
    return record.design.propose(
        record.engine,
        record.updates[-1].summary,
        now=now,
        flux=flux,
        spent=float(np.sum(exposure)),
    )
