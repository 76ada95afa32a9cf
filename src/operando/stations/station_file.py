"""The one file that describes a station: devices, limits, store, when to wait for beam."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from operando.errors import BadInput
from operando.stations.parts import (
    KINDS,
    BatteryPart,
    FocusingPart,
    KineticsPart,
    MappingPart,
    RingPart,
)
from operando.stations.toml_reader import TableReader, parse, read_text

JOBS = ("mapping", "battery", "kinetics", "focusing")
_PREFIX = re.compile(r"[A-Za-z0-9_:.<>;\[\]{}-]+")


@dataclass(frozen=True)
class StationFile:
    """All that a station's file says.

    Parameters
    ----------
    name, title : str
        Short, and for people.
    path : str
        Where the file is.
    seed : int
        Of everything random in simulated devices.
    speed : float
        Simulated seconds in a real one; infinity does not wait.
    store : str
        Folder or Tiled server's address where runs are kept.
    mapping : MappingPart or None
    battery : BatteryPart or None
    kinetics : KineticsPart or None
    focusing : FocusingPart or None
    ring : RingPart or None
    """

    name: str
    title: str
    path: str
    seed: int = 7
    speed: float = math.inf
    store: str = "operando-out/store"
    mapping: MappingPart | None = None
    battery: BatteryPart | None = None
    kinetics: KineticsPart | None = None
    focusing: FocusingPart | None = None
    ring: RingPart | None = None

    def with_(
        self, *, store: str | None = None, seed: int | None = None, speed: float | None = None
    ) -> StationFile:
        """Return the same with what was given on the command line."""
        given = {"store": store, "seed": seed, "speed": speed}
        return replace(self, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def built_in_stations() -> dict[str, Path]:
    """List the stations that come with the package.

    Returns
    -------
    dict of str to Path
        Their files, by name.

    Examples
    --------
    >>> "sim" in built_in_stations()
    True
    """
    folder = Path(str(resources.files("operando.stations")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_station_file(name_or_file: str) -> StationFile:
    """Read a station's description.

    Parameters
    ----------
    name_or_file : str
        Name of a station that comes with the package, or a TOML file.

    Returns
    -------
    StationFile

    Raises
    ------
    BadInput
        If there is no such station, or its file cannot be used: the message names file, line and
        key.

    Examples
    --------
    >>> read_station_file("sim").battery.voltage_v
    (2.5, 5.1)
    """
    known = built_in_stations()
    path = known.get(name_or_file, Path(name_or_file).expanduser())
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name that cannot be one
        there = False
    if not there:
        raise BadInput(f"no station {name_or_file!r}: neither a file nor one of {', '.join(known)}")
    return parse_station_file(read_text(path), str(path))


def parse_station_file(text: str, path: str = "station.toml") -> StationFile:
    """Read a station's description from its text.

    Parameters
    ----------
    text : str
        TOML.
    path : str
        Where it is from, for messages.

    Returns
    -------
    StationFile

    Raises
    ------
    BadInput
        As for `read_station_file`.
    """
    table = TableReader(path, text, parse(text, path))
    name = table.text("name", Path(path).stem or "station")
    station = StationFile(
        name=name,
        title=table.text("title", name),
        path=path,
        seed=table.whole("seed", 7, 0, 2**32 - 1),
        speed=table.number("speed", math.inf, 1e-3, 1e6, {"max": math.inf}),
        store=table.text("store", "operando-out/store"),
        mapping=_mapping(table.table("mapping")),
        battery=_battery(table.table("battery")),
        kinetics=_kinetics(table.table("kinetics")),
        focusing=_focusing(table.table("focusing")),
        ring=_ring(table.table("ring")),
    )
    table.no_more()
    if not any(getattr(station, job) for job in JOBS):
        needed = " or ".join(f"[{job}]" for job in JOBS)
        raise BadInput(f"{path}: the station has no devices; {needed} is needed")
    return station


def _prefix(table: TableReader, key: str, default: str | None = None) -> str:
    what = 'a PV name or its beginning like "BL16:"'
    value = table.text(key, default, what=what)
    if value and not _PREFIX.fullmatch(value):
        table.fail(key, f"{what} is needed")
    return value


def _mapping(table: TableReader | None) -> MappingPart | None:
    if table is None:
        return None
    usual = part = MappingPart(kind=table.text("kind", choices=KINDS))
    if part.kind == "epics":
        part = replace(usual, prefix=_prefix(table, "prefix"))
    elif part.kind == "simulated":
        part = replace(
            usual,
            x_um=table.pair("x_um", usual.x_um, -1e6, 1e6),
            y_um=table.pair("y_um", usual.y_um, -1e6, 1e6),
        )
    section = table.table("section") if part.kind != "epics" else None
    table.no_more()
    if section is None:
        return part
    part = replace(
        part,
        rows=section.whole("rows", usual.rows, 2, 1000),
        columns=section.whole("columns", usual.columns, 2, 1000),
        step_um=section.number("step_um", usual.step_um, 0.1, 100.0),
    )
    section.no_more()
    return part


def _battery(table: TableReader | None) -> BatteryPart | None:
    if table is None:
        return None
    usual = part = BatteryPart(kind=table.text("kind", choices=KINDS))
    if part.kind == "epics":
        part = replace(part, prefix=_prefix(table, "prefix"))
    elif part.kind == "simulated":
        part = BatteryPart(
            voltage_v=table.pair("voltage_v", usual.voltage_v, 0.0, 6.0),
            current_a=table.number("current_a", usual.current_a, 1e-6, 10.0),
            temperature_c=table.number("temperature_c", usual.temperature_c, 0.0, 150.0),
            scan_s=table.number("scan_s", usual.scan_s, 1.0, 3600.0),
        )
    table.no_more()
    return part


def _kinetics(table: TableReader | None) -> KineticsPart | None:
    if table is None:
        return None
    part = KineticsPart(kind=table.text("kind", choices=KINDS))
    if part.kind == "epics":
        part = replace(part, prefix=_prefix(table, "prefix"))
    else:
        part = replace(part, flux=table.number("flux", part.flux, 1e-3, 1e3))
    table.no_more()
    return part


def _focusing(table: TableReader | None) -> FocusingPart | None:
    if table is None:
        return None
    part = FocusingPart(kind=table.text("kind", choices=KINDS[:1]))
    table.no_more()
    return part


def _ring(table: TableReader | None) -> RingPart | None:
    if table is None:
        return None
    kind, usual = table.text("kind", choices=("simulated", "epics")), RingPart()
    real = kind == "epics"
    below = table.number("below_ma", usual.below_ma, 0.0, 1000.0)
    part = RingPart(
        kind,
        current=_prefix(table, "current") if real else "",
        front_end=_prefix(table, "front_end", "") if real else "",
        below_ma=below,
        above_ma=table.number("above_ma", max(usual.above_ma, below), below, 1000.0),
        settle_s=table.number("settle_s", usual.settle_s, 0.0, 3600.0),
    )
    table.no_more()
    return part
