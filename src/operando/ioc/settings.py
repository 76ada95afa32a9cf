"""What an IOC of a simulated station is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass

from operando.errors import BadInput
from operando.simulations.gas_cell import LoadingTruth

STATIONS = ("mapping", "kinetics", "battery")


@dataclass(frozen=True)
class IocSettings:
    """An IOC of a simulated station.

    Parameters
    ----------
    station : str
        One of `STATIONS`, or "all".
    prefix : str
        Begin of the name of every process variable; the station's name follows.
    seed : int
        Of the specimen and of everything random in the instrument.
    speed : float
        Simulated seconds in a real one; infinity does not wait.
    shape, step_um
        Rows and columns of the mapping station's section, and their distance in µm.
    flux : float
        Of the kinetics station, relative to that of the published record.
    truth : LoadingTruth, optional
        How the kinetics station's crystal loads; as published if not given.
    soc : float
        State of charge of the battery station's cell.
    epoch : float, optional
        When the battery station's time begins, s since 1970; now if not given.

    Raises
    ------
    BadInput
        If there is no such station, or the seed is negative.
    """

    station: str = "mapping"
    prefix: str = "sim:"
    seed: int = 7
    speed: float = 1.0
    shape: tuple[int, int] = (95, 80)
    step_um: float = 2.0
    flux: float = 1.0
    truth: LoadingTruth | None = None
    soc: float = 0.0
    epoch: float | None = None

    def __post_init__(self) -> None:
        if self.station not in (*STATIONS, "all"):
            names = ", ".join((*STATIONS, "all"))
            raise BadInput(f"there is no station {self.station!r}; one of {names} is needed")
        if self.seed < 0:
            raise BadInput(f"a seed is 0 or more, got {self.seed}")

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations that are served."""
        return STATIONS if self.station == "all" else (self.station,)

    def prefix_of(self, station: str) -> str:
        """Begin of the names of one station's process variables.

        Examples
        --------
        >>> IocSettings(prefix="BL16:").prefix_of("mapping")
        'BL16:mapping:'
        """
        return f"{self.prefix}{station}:"
