r"""The write-ahead journal: one file a run, one line a document.

A line is a JSON object with its own checksum at the end,

    {"n":12,"name":"event","doc":{...},"crc32":"1f0c9a3e"}

where ``n`` counts the run's documents from 0 and ``crc32`` is the CRC-32 of all the bytes
before ``,"crc32"``. A line that is cut short or changed is recognised, and costs itself only.

The process that writes a journal holds a lock on it (``flock``), which the kernel drops when
the process dies: a journal that can be locked and has no ``stop`` belongs to a killed run.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operando.confined import file_name

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
#: Of a document that JSON cannot hold as it is: levels that are kept, and integers from where on
#: Python writes no digits.
_DEEPEST, _LARGEST = 20, 10**4000
_SEAL = b',"crc32":"'
_TAIL = len(_SEAL) + 8 + len(b'"}\n')


def journal_name(uid: str) -> str:
    """Name the journal of a run; no uid leads it out of its folder.

    Examples
    --------
    >>> journal_name("7b3c1d2e"), journal_name("../requests/x")
    ('7b3c1d2e.jsonl', 'requests_x-57b1d01c.jsonl')
    """
    return f"{file_name(uid)}{SUFFIX}"


@dataclass(frozen=True)
class Entry:
    """One document of a run as the journal keeps it.

    Parameters
    ----------
    n : int
        Position in the run, from 0.
    name : str
        The document's kind: ``start``, ``event``, …
    doc : dict
        The document.
    line : bytes
        The line, with its newline.
    """

    n: int
    name: str
    doc: dict[str, Any]
    line: bytes


def _plain(value: object) -> object:
    """Return what JSON can hold of a value that it does not know."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # A measurement is worth more than the type of one odd value in it.
    logger.warning("a %s in a document is kept as its text", type(value).__name__)
    return repr(value)


def _tame(value: object, above: tuple[int, ...] = ()) -> object:
    """Return a value with text for keys, not too deep, without what holds itself."""
    if isinstance(value, Mapping | list | tuple):
        if len(above) == _DEEPEST or id(value) in above:
            return "..."
        here = (*above, id(value))
        if isinstance(value, Mapping):
            return {str(key): _tame(one, here) for key, one in value.items()}
        return [_tame(one, here) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        return hex(value)
    return value


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"), check_circular=True)


def seal(n: int, name: str, doc: Mapping[str, Any]) -> bytes:
    r"""Return the line of a document.

    Parameters
    ----------
    n : int
        Position in the run, from 0.
    name : str
        The document's kind.
    doc : mapping
        The document; numpy scalars and arrays become plain numbers and lists.

    Examples
    --------
    >>> seal(0, "start", {"uid": "a", "x": np.float64(1.5)})
    b'{"n":0,"name":"start","doc":{"uid":"a","x":1.5},"crc32":"976ba3be"}\n'
    """
    try:
        text = _ENCODER.encode({"n": n, "name": name, "doc": doc})
    except (TypeError, ValueError, RecursionError) as error:
        logger.warning("a %s is kept as far as JSON can hold it: %s", name, error)
        text = _ENCODER.encode({"n": n, "name": str(name), "doc": _tame(doc)})
    body = text[:-1].encode()
    return b'%s%s%08x"}\n' % (body, _SEAL, zlib.crc32(body))


def unseal(line: bytes) -> Entry | None:
    """Return the document of a line, or nothing when the line is damaged."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    if tail != b'%s%08x"}\n' % (_SEAL, zlib.crc32(body)):
        return None
    try:
        record = json.loads(body + b"}")
        return Entry(int(record["n"]), str(record["name"]), record["doc"], line)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def read(path: Path, offset: int = 0) -> Iterator[tuple[int, Entry | None]]:
    """Read whole lines of a journal.

    Parameters
    ----------
    path : pathlib.Path
        The file; it may be growing.
    offset : int
        Byte to begin at, the beginning of a line.

    Yields
    ------
    end : int
        Byte after the line.
    entry : Entry or None
        The document, or nothing for a damaged line.
    """
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # still being written, or cut off when the process was killed
            offset += len(line)
            yield offset, unseal(line)


def lock(descriptor: int) -> bool:
    """Lock an open journal for this process; tell whether that worked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class JournalFile:
    """A run's journal, open for writing and locked.

    Documents that cannot be written (a full disk) stay in memory, in order, and are
    written before the next one as soon as that works again.

    Parameters
    ----------
    path : pathlib.Path
        The file; made when it is not there.
    n : int
        Number of documents that it holds already.
    wait : bool
        Take documents also while the file cannot be opened.

    Raises
    ------
    OSError
        The file cannot be opened.
    BlockingIOError
        Another process writes it.
    """

    def __init__(self, path: Path, n: int = 0, *, wait: bool = False) -> None:
        self.path = path
        self.count = n
        self.problem: str | None = None
        self._held: list[bytes] = []
        self._descriptor: int | None = None
        self._size = 0
        self._guard = threading.Lock()
        try:
            self._open()
        except OSError as error:
            if not wait:
                raise
            self.problem = error.strerror or str(error)

    def _open(self) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        if not lock(descriptor):
            os.close(descriptor)
            raise BlockingIOError(f"{self.path} is written by another process")
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    @property
    def held(self) -> int:
        """Number of documents that could not be written yet."""
        return len(self._held)

    def append(self, name: str, doc: Mapping[str, Any]) -> None:
        """Add one document; never raises because of the disk."""
        with self._guard:
            self._held.append(seal(self.count, name, doc))
            self.count += 1
            self._flush()

    def flush(self) -> None:
        """Write what is held."""
        with self._guard:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        try:
            if self._descriptor is None:
                self._open()
            while self._descriptor is not None and self._held:
                self._write(self._descriptor, self._held[0])
                self._held.pop(0)
        except OSError as error:
            if self.problem is None:
                logger.error("journal %s: %s; documents wait in memory", self.path, error)
            self.problem = error.strerror or str(error)
        else:
            self.problem = None

    def _write(self, descriptor: int, line: bytes) -> None:
        """Write one whole line or nothing."""
        written = 0
        try:
            while written < len(line):
                written += os.write(descriptor, line[written:])
        except OSError:
            if written:
                os.ftruncate(descriptor, self._size)
            raise
        self._size += written

    def settle(self) -> None:
        """Have the disk keep what is written, also through a power cut."""
        if self._descriptor is not None:
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self.problem = error.strerror or str(error)

    def truncate(self, size: int) -> None:
        """Cut a damaged tail off."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, size)
            self._size = size

    def close(self) -> list[bytes]:
        """Close the file and drop its lock.

        Returns
        -------
        list of bytes
            Lines that could not be written.
        """
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return self._held
