"""Lines that are flown, whatever moves and takes the frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from operando.devices.exposure import READOUT_S
from operando.devices.fly_line import FlyLine
from operando.devices.frame_portions import FramesInPortions
from operando.devices.soft import check_range
from operando.devices.travel import Travel


class LineFlyer(FramesInPortions):
    """What a line may be, waiting for it, and what its descriptor says.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    stage : readable device
        What moves; has axes ``x`` and ``y`` (um) with limits, x with velocity and acceleration.
    detector : readable device
        What takes the frames.
    monitor : readable device
        What counts the beam.
    """

    nothing_to_complete = "no line to complete: kick one off first"

    def __init__(self, *args: Any, stage: Any, detector: Any, monitor: Any, **kwargs: Any) -> None:
        super().__init__(*args, detector=detector, **kwargs)
        self._stage, self._monitor = stage, monitor
        self._line: FlyLine | None = None

    def check_value(self, value: Mapping[str, float]) -> None:
        """Refuse a line that cannot be flown.

        Parameters
        ----------
        value : mapping
            The fields of `FlyLine`.

        Raises
        ------
        BadInput
            If the line is none.
        LimitError
            If the exposure is too short, the stage would be too fast or the line with its
            run-up would leave the stage's range.
        """
        line = FlyLine(**value)  # type: ignore[arg-type]
        self._detector.exposure.check_value(line.exposure)
        sweep = self._sweep(line)
        velocity = self._stage.x.velocity.get()
        check_range(f"{self.name} velocity", sweep.velocity, 0.0, velocity, "um/s")
        for end in (sweep.start, sweep.stop):
            self._stage.x.check_value(end)
        self._stage.y.check_value(line.y)

    def _sweep(self, line: FlyLine) -> Travel:
        acceleration = float(self._stage.x.acceleration.get())
        velocity = abs(line.step) / (line.exposure + READOUT_S)
        margin = np.copysign(0.5 * abs(line.step) + 0.5 * velocity**2 / acceleration, line.step)
        return Travel(
            float(line.x_start - margin), float(line.x_stop + margin), velocity, acceleration
        )

    @property
    def standing(self) -> str:
        """Where the stage is, for whoever has waited for it in vain."""
        axes = (self._stage.x, self._stage.y)
        return ", ".join(f"{axis.name} at {float(axis.position):g} um" for axis in axes)

    def pause(self) -> None:
        """Stop the sweep: the line is flown again when the run is resumed."""
        self.stop()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Describe an event: positions, beam and frame."""
        return {
            **self._stage.x.describe(),
            **self._stage.y.describe(),
            **self._monitor.describe(),
            **self._detector.describe(),
        }

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Read the configuration of detector and stage."""
        return {**self._detector.read_configuration(), **self._stage.read_configuration()}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Describe the configuration of detector and stage."""
        return {**self._detector.describe_configuration(), **self._stage.describe_configuration()}

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [*self._stage.x.hints["fields"], *self._monitor.hints["fields"]]}
