"""Portions of a train of frames, whoever takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operando.devices.frame_portions import FramesInPortions
from operando.errors import BadInput


class TrainInPortions(FramesInPortions):
    """What a portion may be, waiting for it, and what its descriptor says.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    detector : readable device
        What takes the frames.
    monitor : readable device
        What counts the beam.
    """

    nothing_to_complete = "nothing to complete: kick a portion off first"

    def __init__(self, *args: Any, detector: Any, monitor: Any, **kwargs: Any) -> None:
        super().__init__(*args, detector=detector, **kwargs)
        self._monitor = monitor
        self._num = 0

    def check_value(self, value: Mapping[str, float]) -> None:
        """Refuse a portion that cannot be taken.

        Parameters
        ----------
        value : mapping
            ``exposure`` (s) and ``num`` (frames).

        Raises
        ------
        BadInput
            If there is no frame in it.
        LimitError
            If the exposure is outside the detector's range.
        """
        if int(value["num"]) < 1:
            raise BadInput(f"a portion needs at least one frame, not {value['num']}")
        self._detector.exposure.check_value(float(value["exposure"]))

    def pause(self) -> None:
        """Give up the portion: a resumed run takes it again, in a new train."""
        self.stop(success=True)

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Read the configuration of the detector."""
        return dict(self._detector.read_configuration())

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Describe the configuration of the detector."""
        return dict(self._detector.describe_configuration())

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [*self._monitor.hints["fields"]]}
