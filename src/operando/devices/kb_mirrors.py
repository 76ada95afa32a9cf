"""The mirrors of a focusing station: pitch and bender of each, with the lag of real motors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ophyd import Component, Device

from operando.devices.soft import SoftSignal
from operando.devices.stage import Axis
from operando.devices.together import Together
from operando.simulations.kb_optics import KNOBS

if TYPE_CHECKING:
    from operando.simulations.clock import Clock
    from operando.simulations.kb_instrument import KBInstrument


class Knob(Axis):
    """A motor of a mirror: an axis whose mirror hears where it arrives.

    ``approach`` is how far below its goal it must have been so that what plays and lags in it is
    always on the same side; plans that come from above go there first.
    """

    approach = Component(SoftSignal, value=0.0, units="", limits=(0.0, 1e3), kind="config")

    def _arrived(self, position: float) -> None:
        self.parent.arrive(self.attr_name, position)


class PitchKnob(Knob):
    """Grazing angle of a mirror, mrad."""

    velocity = Component(SoftSignal, value=0.02, units="mrad/s", limits=(1e-4, 1.0), kind="config")
    acceleration = Component(
        SoftSignal, value=0.1, units="mrad/s^2", limits=(1e-4, 10.0), kind="config"
    )
    settle = Component(SoftSignal, value=1.0, units="s", limits=(0.0, 60.0), kind="config")
    approach = Component(SoftSignal, value=0.02, units="mrad", limits=(0.0, 1.0), kind="config")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.egu = "mrad"


class BendKnob(Knob):
    """Position of a mirror's bender, um."""

    velocity = Component(SoftSignal, value=5.0, units="um/s", limits=(1e-2, 100.0), kind="config")
    acceleration = Component(
        SoftSignal, value=20.0, units="um/s^2", limits=(1e-2, 1e3), kind="config"
    )
    settle = Component(SoftSignal, value=2.0, units="s", limits=(0.0, 60.0), kind="config")
    approach = Component(SoftSignal, value=25.0, units="um", limits=(0.0, 200.0), kind="config")


class KBMirrors(Device):  # type: ignore[misc]
    """A vertically and a horizontally focusing mirror, each with pitch and bender.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    instrument : KBInstrument
        The mirrors that the motors move.
    clock : Clock
        The station's clock.
    """

    pitch_v = Component(PitchKnob, "", limits=(3.6, 4.4), start=4.0, kind="hinted")
    bend_v = Component(BendKnob, "", limits=(800.0, 1200.0), start=1000.0, kind="hinted")
    pitch_h = Component(PitchKnob, "", limits=(3.6, 4.4), start=4.0, kind="hinted")
    bend_h = Component(BendKnob, "", limits=(800.0, 1200.0), start=1000.0, kind="hinted")

    def __init__(self, *args: Any, instrument: KBInstrument, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = clock
        self._instrument = instrument
        self._together = Together(clock)

    def pass_time(self, axis: Axis, seconds: float) -> None:
        """Let the time of one knob's move pass at unlimited speed; see `Together`."""
        self._together.pass_time(axis, seconds)

    def arrive(self, knob: str, position: float) -> None:
        """Tell the mirror where one of its motors has come to.

        Parameters
        ----------
        knob : str
            One of ``pitch_v``, ``bend_v``, ``pitch_h`` and ``bend_h``.
        position : float
            In the motor's units; it has not turned on its way there.
        """
        self._instrument.arrive(knob, position)

    def stop(self, *, success: bool = False) -> None:
        """Stop all knobs where they are.

        Parameters
        ----------
        success : bool
            Whether whoever waits for a move should take it for done.
        """
        for name in KNOBS:
            getattr(self, name).stop(success=success)
