"""What a station's file says of each of its parts; the defaults are those of the simulation."""

from __future__ import annotations

from dataclasses import dataclass

#: Where devices come from: this process, a soft IOC beside it, process variables (PVs).
KINDS = ("simulated", "soft-ioc", "epics")


@dataclass(frozen=True)
class MappingPart:
    """The micro-diffraction station.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    prefix : str
        Of its PVs; empty when it is simulated.
    x_um, y_um : tuple of float
        Travel that the simulated stage may use, µm; over EPICS the motor records say.
    rows, columns : int
        Points of the simulated section.
    step_um : float
        Distance between them, µm.
    """

    kind: str = "simulated"
    prefix: str = ""
    x_um: tuple[float, float] = (-2500.0, 2500.0)
    y_um: tuple[float, float] = (-2500.0, 2500.0)
    rows: int = 95
    columns: int = 80
    step_um: float = 2.0


@dataclass(frozen=True)
class BatteryPart:
    """The cell on its potentiostat, and the X-ray side.

    Parameters
    ----------
    kind, prefix
        As for `MappingPart`; over EPICS the limits are the potentiostat's own.
    voltage_v : tuple of float
        The potentiostat stops outside, V.
    current_a, temperature_c : float
        And above, A and °C.
    scan_s : float
        Counting time of a quick XAFS scan, s.
    """

    kind: str = "simulated"
    prefix: str = ""
    voltage_v: tuple[float, float] = (2.5, 5.1)
    current_a: float = 0.010
    temperature_c: float = 60.0
    scan_s: float = 60.0


@dataclass(frozen=True)
class KineticsPart:
    """The gas-loading station.

    Parameters
    ----------
    kind, prefix
        As for `MappingPart`.
    flux : float
        Of the simulated beam, relative to that of the published record.
    """

    kind: str = "simulated"
    prefix: str = ""
    flux: float = 1.0


@dataclass(frozen=True)
class FocusingPart:
    """The mirrors that focus the beam, with an edge to measure it by.

    Parameters
    ----------
    kind : str
        ``"simulated"``: out of focus by the station's seed.
    """

    kind: str = "simulated"


@dataclass(frozen=True)
class RingPart:
    """The storage ring's signals, and when a plan waits for them.

    Parameters
    ----------
    kind : str
        ``"simulated"`` or ``"epics"``.
    current, front_end : str
        PVs of the ring current (mA) and of the front-end shutter (not 0: open).
    below_ma, above_ma : float
        A plan waits when the current falls below the one, and goes on when it is above the other.
    settle_s : float
        How long it then waits before it goes on, s.
    """

    kind: str = "simulated"
    current: str = ""
    front_end: str = ""
    below_ma: float = 50.0
    above_ma: float = 80.0
    settle_s: float = 2.0
