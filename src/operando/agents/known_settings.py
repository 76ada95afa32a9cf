"""Settings from names and values: a name that means nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from operando.errors import BadInput


def known_settings(cls: type[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Copy settings of a dataclass, if it has them all.

    Parameters
    ----------
    cls : type
        The dataclass.
    settings : mapping
        Names and values.

    Raises
    ------
    BadInput
        If a name is none of its fields; the message says which, and what there are.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Config:
    ...     rate: float
    >>> known_settings(Config, {"rat": 1.0})
    Traceback (most recent call last):
    ...
    operando.errors.BadInput: no setting 'rat'; there are rate
    """
    known = {field.name for field in fields(cls)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise BadInput(f"no setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return dict(settings)
