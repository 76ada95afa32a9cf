"""What comes from outside stays in its place: names in folders, files within what was told.

Names of runs, streams and samples are written by whoever made the documents, and documents name
the files that frames are in. Neither may lead anywhere else, nor do anything to a terminal.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from operando.errors import BadInput

#: Folders of frames, besides a store's own, that may be read; separated as in PATH.
READABLE_VARIABLE = "OPERANDO_READABLE"
_PLAIN_NAME = re.compile(r"[^\W_][\w.-]*")
#: Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
_LONGEST_NAME = 120
_SECRET = re.compile(r"api_?key|_key$|token|passw|secret|credential", re.I)

# Empty: what the documents name may be read, for they are this process's own. Of several, which
# threads may begin and end in any order, the last holds.
_readable: list[tuple[Path, ...]] = []


def file_name(text: str) -> str:
    """Give a name for a file that cannot lead out of its folder.

    Parameters
    ----------
    text : str
        Of any length, with anything in it.

    Returns
    -------
    str
        The same if it is fit for that; otherwise what is, with a digest of the whole behind it,
        so that different texts have different names.

    Examples
    --------
    >>> file_name("primary"), file_name("003-a.b"), file_name("../../etc/passwd")
    ('primary', '003-a.b', 'etc_passwd-3754d6cb')
    >>> file_name("")
    'unnamed-e3b0c442'
    """
    fit = _PLAIN_NAME.fullmatch(text) and not text.endswith(".") and not _DEVICES.fullmatch(text)
    if fit and len(text.encode()) <= _LONGEST_NAME:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = re.sub(r"[^0-9A-Za-z.-]+", "_", text).strip("._-")[:60].replace("..", "_")
    return f"{kept if kept and not _DEVICES.fullmatch(kept) else 'unnamed'}-{digest}"


def short_name(uid: str) -> str:
    """Give the beginning of a run's uid, for names of files that people see.

    Examples
    --------
    >>> short_name("0123456789ab"), short_name("/../../x")
    ('01234567', 'x-f8e77b')
    """
    return file_name(uid)[:8]


def printable(text: str) -> str:
    r"""Write what would move a cursor, change a terminal or begin another line as an escape.

    Examples
    --------
    >>> printable("steel\x1b[2J\nrun 7")
    'steel\\x1b[2J\\nrun 7'
    """
    return "".join(one if _shows(one) else ascii(one)[1:-1] for one in text)


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Tell whether a file is in one of some folders, links and all being followed."""
    try:
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, ValueError, RuntimeError):  # a name that cannot be one, a loop of links
        return False


def file_of(uri: str) -> Path:
    """Give the file of a ``file://`` address.

    Raises
    ------
    operando.errors.BadInput
        If it is the address of something else.

    Examples
    --------
    >>> file_of("file://localhost/data/a%20b.h5").as_posix()
    '/data/a b.h5'
    """
    parsed = urlparse(uri)
    if parsed.scheme not in ("file", "") or not parsed.path or "\0" in unquote(parsed.path):
        raise BadInput(f"frames at {printable(uri)} are not in a file that can be read here")
    return Path(unquote(parsed.path))


def readable_folders(frames: Path) -> tuple[Path, ...]:
    """Give the folders in which a store's runs may have frames.

    Parameters
    ----------
    frames : Path
        The store's own; ``OPERANDO_READABLE`` names others.
    """
    more = os.environ.get(READABLE_VARIABLE, "").split(os.pathsep)
    return (frames, *(Path(folder) for folder in more if folder))


@contextmanager
def reading_within(folders: Iterable[Path]) -> Iterator[None]:
    """Have the frames of documents read from some folders alone, by everybody in this process.

    For documents that were stored: who can write to a store must not choose what a colleague's
    replay opens.
    """
    held = tuple(folders)
    _readable.append(held)
    try:
        yield
    finally:
        _readable.remove(held)


def may_read(path: Path) -> bool:
    """Tell whether a file that documents name may be opened; see `reading_within`."""
    return not _readable or within(path, _readable[-1])


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that a child process needs; keys are not among them.

    Examples
    --------
    >>> without_keys({"PATH": "/bin", "OPERANDO_WRITE_KEY": "w", "TILED_API_KEY": "k"})
    {'PATH': '/bin'}
    """
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}
