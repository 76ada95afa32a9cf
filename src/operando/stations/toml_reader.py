"""Read TOML with errors that name the file, the line and the key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from operando.errors import BadInput

_LARGEST = 1e300
_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_.\s-]|"[^"]*"|'[^']*')+?)\s*=""")
_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


def line_of(text: str, path: Sequence[str]) -> int | None:
    r"""Find the line on which a key, or the table around it, is set.

    Parameters
    ----------
    text : str
        TOML.
    path : sequence of str
        The key with the tables around it, outermost first.

    Returns
    -------
    int or None
        Counted from 1; None when not even the outermost table is there.

    Examples
    --------
    >>> line_of("seed = 7\n[mapping]\n  kind = 'epics'\n", ("mapping", "kind"))
    3
    """
    wanted = tuple(path)
    table: tuple[str, ...] = ()
    found: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            here = table = _parts(header[1])
        elif key := _KEY.match(line):
            here = table + _parts(key[1])
        else:
            continue
        shared = len(here) if here == wanted[: len(here)] else 0
        if shared:
            found.setdefault(shared, number)
    return found[max(found)] if found else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def parse(text: str, name: str) -> dict[str, Any]:
    """Parse TOML.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for the message.

    Raises
    ------
    BadInput
        If it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at and at[1] else max(len(text.splitlines()), 1)
        why = _AT.sub("", str(error)) if at else str(error)
        raise BadInput(f"{name}, line {line}: this is no TOML: {why}") from None
    except ValueError as error:  # such as a date that is none
        raise BadInput(f"{name}: this is no TOML: {error}") from None


class TableReader:
    """Take the keys of one table, each with what is allowed; complain about the others.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    text : str
        What is in the file, to find lines in.
    values : mapping
        The table.
    path : tuple of str
        Its name, with those of the tables around it.
    """

    def __init__(
        self, name: str, text: str, values: Mapping[str, Any], path: tuple[str, ...] = ()
    ) -> None:
        self._name, self._text, self._values, self._path = name, text, values, path
        self._taken: list[str] = []

    def fail(self, key: str, needed: str) -> NoReturn:
        """Refuse a key's value.

        Raises
        ------
        BadInput
            Naming file, line, key, value, and what is needed.
        """
        path = (*self._path, key)
        line = line_of(self._text, path)
        where = self._name if line is None else f"{self._name}, line {line}"
        said = "is missing" if key not in self._values else f"is {_shown(self._values[key])}"
        raise BadInput(f"{where}: {'.'.join(path)} {said}; {needed}")

    def _take(self, key: str) -> Any:
        self._taken.append(key)
        return self._values.get(key)

    def table(self, key: str) -> TableReader | None:
        """Take a table; None when there is none."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"a table [{'.'.join((*self._path, key))}] is needed")
        return TableReader(self._name, self._text, value, (*self._path, key))

    def text(
        self,
        key: str,
        default: str | None = None,
        choices: Sequence[str] = (),
        what: str = "a text in quotes",
    ) -> str:
        """Take a text that is not empty; it must be there unless there is a default."""
        value = self._take(key)
        if value is None and default is not None:
            return default
        needed = " or ".join(f'"{choice}"' for choice in choices) or what
        right = isinstance(value, str) and value.strip() and value.isprintable()
        if not right or (choices and value not in choices):
            self.fail(key, f"{needed} is needed")
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """Take true or false."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(key, "true or false is needed")
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Take a whole number from `low` to `high`."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(key, f"a whole number from {low} to {high} is needed")
        return value

    def number(
        self, key: str, default: float, low: float, high: float, words: Mapping[str, float] = {}
    ) -> float:
        """Take a number from `low` to `high`, or a word that stands for one."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and value in words:
            return words[value]
        if not _is_number(value) or not low <= value <= high:
            also = "".join(f' or "{word}"' for word in words)
            self.fail(key, f"a number from {low:g} to {high:g}{also} is needed")
        return float(value)

    def pair(
        self, key: str, default: tuple[float, float], low: float, high: float
    ) -> tuple[float, float]:
        """Take a range ``[lowest, highest]`` within `low` and `high`."""
        value = self._take(key)
        if value is None:
            return default
        right = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
        if not right or not low <= value[0] < value[1] <= high:
            self.fail(key, f"[lowest, highest] within {low:g} and {high:g} is needed")
        return float(value[0]), float(value[1])

    def no_more(self) -> None:
        """Refuse keys that nobody took.

        Raises
        ------
        BadInput
            Naming the first of them, what it may have been meant for, and all that are known.
        """
        for key in self._values:
            if key not in self._taken:
                near = difflib.get_close_matches(key, self._taken, 1)
                hint = f"did you mean {near[0]}? " if near else ""
                self.fail(key, f"there is no such key; {hint}known: {', '.join(self._taken)}")


def _is_number(value: Any) -> bool:
    # Not math.isfinite: a whole number may be too large for it.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _shown(value: Any) -> str:
    """Write a value as TOML has it, shortened."""
    if isinstance(value, dict):
        return "a table"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def read_text(path: Path) -> str:
    """Read a text file.

    Raises
    ------
    BadInput
        If it is not there, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: this is no text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None
