"""Plans wait while the ring has no beam or the front end is closed, and go on by themselves."""

from __future__ import annotations

from typing import Any

from bluesky.suspenders import SuspendBoolLow, SuspendFloor

from operando.stations.parts import RingPart


class BeamFloor(SuspendFloor):  # type: ignore[misc]
    """Wait below a current; one that is not a number is no beam either."""

    def _should_suspend(self, value: float) -> bool:
        return not value >= self._suspend_thresh

    def _should_resume(self, value: float) -> bool:
        return bool(value >= self._resume_thresh)


def wait_for_beam(engine: Any, ring: Any, part: RingPart) -> None:
    """Install the suspenders.

    Parameters
    ----------
    engine : RunEngine
    ring : object
        Has ``current`` (mA) and perhaps ``front_end`` (not 0: open).
    part : RingPart
        When to wait, and how long to wait on.
    """
    engine.install_suspender(
        BeamFloor(
            ring.current,
            part.below_ma,
            resume_thresh=part.above_ma,
            sleep=part.settle_s,
            tripped_message=f"the plan goes on by itself above {part.above_ma:g} mA",
        )
    )
    if hasattr(ring, "front_end"):
        engine.install_suspender(
            SuspendBoolLow(
                ring.front_end,
                sleep=part.settle_s,
                tripped_message="the plan goes on by itself when the front end is open",
            )
        )
