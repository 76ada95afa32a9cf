"""Edges on the stage, and the counters before and behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.devices.soft import SoftSignal
from operando.devices.stage import Axis
from operando.devices.together import Together

if TYPE_CHECKING:
    from operando.devices.shutter import Shutter
    from operando.simulations.clock import Clock
    from operando.simulations.kb_instrument import KBInstrument


class KnifeStage(Device):  # type: ignore[misc]
    """Two crossed edges: ``y`` takes the horizontal one out of the beam, ``x`` the vertical one.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    clock : Clock
        The station's clock.

    Notes
    -----
    The beam passes an edge whose axis is far above the beam's position; ``clear`` is far enough.
    """

    x = Component(Axis, "", limits=(-2500.0, 2500.0), kind="hinted")
    y = Component(Axis, "", limits=(-2500.0, 2500.0), kind="hinted")
    clear = Component(SoftSignal, value=600.0, units="um", limits=(0.0, 2500.0), kind="config")

    def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = clock
        self._together = Together(clock)

    def pass_time(self, axis: Axis, seconds: float) -> None:
        """Let the time of one axis's move pass at unlimited speed; see `Together`."""
        self._together.pass_time(axis, seconds)

    def stop(self, *, success: bool = False) -> None:
        """Stop both axes where they are.

        Parameters
        ----------
        success : bool
            Whether whoever waits for a move should take it for done.
        """
        self.x.stop(success=success)
        self.y.stop(success=success)


class KnifeCounters(Device):  # type: ignore[misc]
    """A photodiode behind the edges and the ion chamber before them, counted together.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    instrument : KBInstrument
        What they see.
    stage : KnifeStage
        Where the edges are.
    shutter : Shutter
        Whether there is a beam.
    clock : Clock
        The station's clock.

    Notes
    -----
    Data: ``_diode`` and ``_i0``, counts.
    """

    dwell = Component(SoftSignal, value=0.2, units="s", limits=(1e-3, 600.0), kind="config")

    def __init__(
        self,
        *args: Any,
        instrument: KBInstrument,
        stage: KnifeStage,
        shutter: Shutter,
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._instrument, self._stage, self._shutter = instrument, stage, shutter
        self._clock, self._action = clock, OneAction(self, clock)
        self._counts = {"diode": 0.0, "i0": 0.0}
        self._time = clock.now()

    def trigger(self) -> Status:
        """Count once.

        Returns
        -------
        Status
            Finished when the counts are there.

        Raises
        ------
        DeviceError
            If a count is going on.
        """
        opened, began = self._shutter.is_open, self._clock.now()
        dwell = float(self.dwell.get())

        def finish() -> None:
            diode, i0 = self._instrument.counts(
                [self._stage.x.position], [self._stage.y.position], [began], dwell
            )
            beam = 1.0 if opened and self._shutter.is_open else 0.0
            self._counts = {"diode": beam * float(diode[0]), "i0": beam * float(i0[0])}
            self._time = self._clock.now()

        return self._action.begin(dwell, finish)

    def stop(self, *, success: bool = False) -> None:
        """Give up the count that is going on.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give up the count: it is repeated when the run is resumed."""
        self.stop(success=True)

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the last counts."""
        return {
            f"{self.name}_{key}": {"value": value, "timestamp": self._time}
            for key, value in self._counts.items()
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the counts."""
        return {
            f"{self.name}_{key}": {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": "counts",
            }
            for key in self._counts
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """What to plot."""
        return {"fields": [f"{self.name}_diode"]}
