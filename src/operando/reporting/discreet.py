"""What leaves the machine in a report: no keys, and of files their names only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from markupsafe import escape

HIDDEN = "(hidden)"
_SECRET = re.compile(r"api_?key|apikey|token|passw|secret|credential|authorization|bearer", re.I)
_USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s@]+@", re.I)
_QUERY = re.compile(r"([?&;](?:[\w.-]*(?:key|token|secret|passw)[\w.-]*)=)[^&\s\"'<>]+", re.I)
_FILE = re.compile(r"file://[^/\s]*(?=/)", re.I)
# A path inside a sentence, not the one of an address and not the slash of a unit.
_POSIX = re.compile(r"(?<![\w.:/…])(?:~|/)(?:[^\s/:,;'\"()<>]*/)+([^\s/:,;'\"()<>]+)")
_WINDOWS = re.compile(r"\b[A-Za-z]:\\(?:[^\\\s'\"<>|]+\\)*([^\\\s'\"<>|]+)")


def discreet(value: Any) -> Any:
    """Give a value without keys and without the folders of files.

    Parameters
    ----------
    value : object
        Text, or mappings and sequences of it; anything else is returned as it is.

    Examples
    --------
    >>> discreet({"library": "/data/someone/library.npz", "api_key": "k", "rate": "0.6 1/s"})
    {'library': '…/library.npz', 'api_key': '(hidden)', 'rate': '0.6 1/s'}
    >>> discreet("http://me:word@host/x?api_key=abc&n=1")
    'http://host/x?api_key=(hidden)&n=1'
    """
    if isinstance(value, Mapping):
        return {
            discreet(str(key)): HIDDEN if _SECRET.search(str(key)) else discreet(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [discreet(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    text = _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(r"\1", text))
    text = _FILE.sub("", text)
    for kind in (PurePosixPath, PureWindowsPath):  # the whole of it, blanks and all
        path = kind(text)
        if path.is_absolute() and "\n" not in text and len(path.parts) > 2:
            return f"…/{path.name}"
    return _WINDOWS.sub(r"…/\1", _POSIX.sub(r"…/\1", text))


def without_keys(page: str) -> str:
    """Take the keys that this process was given out of a page, wherever they stand."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 8:
            page = page.replace(value, HIDDEN).replace(str(escape(value)), HIDDEN)
    return page


def store_name(name: str) -> str:
    """Name a store without the folders that it is in.

    Examples
    --------
    >>> store_name("/data/beamtime/operando-out/store"), store_name("http://host:8000/api/v1")
    ('operando-out/store', 'http://host:8000/api/v1')
    """
    if "://" in name:
        return _text(name)
    return "/".join(PurePosixPath(name.replace("\\", "/")).parts[-2:]).lstrip("/")
