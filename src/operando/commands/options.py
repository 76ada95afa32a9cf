"""Options and helpers that the commands share; light, so that ``--help`` is quick."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any

import typer
from rich.console import Console

from operando.errors import BadInput

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="OPERANDO_STORE",
        help="Where runs are kept: a directory (embedded Tiled) or a Tiled server's address.",
    ),
]
Speed = Annotated[
    str, typer.Option(help="Simulated seconds a real second; 'max' does not wait at all.")
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Scheduler of a Dask cluster to share the work, like tcp://10.0.0.1:8786.",
    ),
]
#: Of the demonstrations.
StationName = Annotated[
    str,
    typer.Option("--station", help="sim, or epics-sim: the same behind EPICS process variables."),
]


def console(quiet: bool = False) -> Console:
    """Messages for people go to stderr, so that stdout holds the answer alone."""
    return Console(stderr=True, quiet=quiet)


def plain(value: Any) -> str:
    r"""Write a value for a table: no markup, nothing that a terminal would obey; None is nothing.

    Examples
    --------
    >>> plain("steel [bold]\x1b"), plain(None)
    ('steel \\[bold]\\x1b', '')
    """
    from rich.markup import escape

    from operando.confined import printable

    return "" if value is None else escape(printable(str(value)))


def print_json(result: dict[str, Any]) -> None:
    """Print the one JSON object that ends a command's output; a number that is none is null.

    Examples
    --------
    >>> print_json({"f1": float("nan")})
    {"f1": null}
    """
    print(json.dumps(_finite(result), allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def parse_speed(text: str) -> float:
    """Read ``--speed``: a positive number, or ``max`` for no waiting at all.

    Raises
    ------
    BadInput
        If it is neither.

    Examples
    --------
    >>> parse_speed("max")
    inf
    """
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise BadInput(f"--speed is {text!r}; a number above 0 or 'max' is needed")
    return speed


def parse_shape(text: str) -> tuple[int, int]:
    """Read ``--shape``: rows and columns with an x between.

    Raises
    ------
    BadInput
        If it is not that.

    Examples
    --------
    >>> parse_shape("95x80")
    (95, 80)
    """
    try:
        rows, columns = (int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        raise BadInput(f"--shape is {text!r}; rows and columns like 95x80 are needed") from None
    return rows, columns


_UNITS_S = {"": 1.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Read a time: a number with s, min or h after it; seconds without.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    BadInput
        If it is not that, or not above 0.

    Examples
    --------
    >>> parse_duration("20min"), parse_duration("1.5 h"), parse_duration("90")
    (1200.0, 5400.0, 90.0)
    """
    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([a-z]*)\s*", text)
    try:
        seconds = float(match[1]) * _UNITS_S[match[2]] if match else math.nan
    except (KeyError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadInput(f"{text!r} is no time; one like 90s, 20min or 1.5h is needed")
    return seconds
