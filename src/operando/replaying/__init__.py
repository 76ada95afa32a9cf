"""Feed a stored run to an agent as if it were being measured, and compare what it decides."""

from __future__ import annotations

from operando.replaying.driving import Replay, replay_run
from operando.replaying.rebuild import changed_spec, rebuild

__all__ = ["Replay", "changed_spec", "rebuild", "replay_run"]
