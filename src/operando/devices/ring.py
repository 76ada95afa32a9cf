"""The storage ring as a beamline sees it: its current, and the front end's shutter."""

from __future__ import annotations

from typing import Any

from ophyd import Component, Device, EpicsSignalRO

from operando.devices.epics_connection import connect, let_go_unless_sound, require_client
from operando.devices.soft import SoftSignal

#: Current that is kept by top-up, mA.
NOMINAL_MA = 99.5
#: Less than this is no beam, mA.
_NO_BEAM_MA = 1.0


class Ring(Device):  # type: ignore[misc]
    """A simulated storage ring: set its signals to lose the beam and to have it back.

    Examples
    --------
    >>> ring = Ring("", name="ring")
    >>> ring.has_beam
    True
    >>> ring.dump()
    >>> ring.has_beam
    False
    >>> ring.refill()
    """

    current = Component(
        SoftSignal, value=NOMINAL_MA, units="mA", limits=(0.0, 500.0), kind="hinted"
    )
    #: Not 0: open.
    front_end = Component(SoftSignal, value=1, limits=(0, 1), kind="normal")

    @property
    def has_beam(self) -> bool:
        """Whether there is beam at the hutch."""
        return bool(self.front_end.get()) and float(self.current.get()) > _NO_BEAM_MA

    def dump(self) -> None:
        """Lose the beam."""
        self.current.put(0.0)

    def refill(self) -> None:
        """Have the beam back."""
        self.current.put(NOMINAL_MA)


def epics_ring(current: str, front_end: str = "", *, timeout: float = 5.0) -> Any:
    """Connect to the signals of a real ring.

    Parameters
    ----------
    current : str
        PV of the current, mA.
    front_end : str
        PV that is not 0 while the front end is open; empty for none.
    timeout : float
        Longest wait for an answer, s.

    Returns
    -------
    ophyd.Device
        Named ``ring``, with ``current`` and perhaps ``front_end``.

    Raises
    ------
    MissingPVs
        Names the PVs that do not answer.
    """
    require_client()
    names = {"current": current, **({"front_end": front_end} if front_end else {})}
    parts = {name: Component(EpicsSignalRO, pv, kind="hinted") for name, pv in names.items()}
    ring = type("EpicsRing", (Device,), parts)("", name="ring")
    with let_go_unless_sound(ring):
        connect(ring, timeout=timeout)
    return ring
