"""Files of plain arrays, replaced as a whole, and read without trust."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from operando.errors import BadInput

#: Most bytes that the arrays of a file may take: a map of 100,000 patterns has a fifth of it.
LARGEST: Final = 2_000_000_000
_MOST_ARRAYS: Final = 100_000


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write a compressed npz file.

    Parameters
    ----------
    path : pathlib.Path
        Replaced at the end, so that a process that dies here leaves the old file.
    **arrays
        What ``numpy.asarray`` makes plain arrays of, of any shape; their keys in the file.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)


def read_arrays(path: Path | str, largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Read an npz file that may come from anywhere: nothing in it is run.

    Parameters
    ----------
    path : pathlib.Path or str
    largest : int
        Most bytes of all arrays together; that is seen to before any is made.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    BadInput
        If it is no such file, is damaged, or declares more than it holds or than is allowed.
    """
    with refusing(path, "file of arrays (npz)"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS:
            raise BadInput(f"it holds {len(members)} arrays; {_MOST_ARRAYS} at most are allowed")
        sizes = [_declared(archive, member) for member in members]
        if sum(sizes) > largest:
            raise BadInput(f"its arrays take {sum(sizes)} bytes; {largest} at most are allowed")
        with np.load(path, allow_pickle=False) as file:
            return dict(file)


def _declared(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Bytes that an array says it has, of which no more than its part of the file are there."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise BadInput(f"{member.filename} holds objects; plain arrays are needed")
    size = math.prod(shape) * max(dtype.itemsize, 1)
    if min(shape, default=0) < 0 or size > member.file_size:
        raise BadInput(f"{member.filename} says that it is {shape}, which is more than it holds")
    return size


@contextmanager
def refusing(path: Path | str, what: str) -> Iterator[None]:
    """Say of whatever goes wrong with a file that it is not what it should be.

    Parameters
    ----------
    path : pathlib.Path or str
    what : str
        What it should be, such as "checkpoint of a kinetics agent".

    Raises
    ------
    BadInput
        In place of any error; one line that names the file.

    Examples
    --------
    >>> with refusing("a.npz", "model"):
    ...     {}["weights"]
    Traceback (most recent call last):
    operando.errors.BadInput: a.npz: not a model ('weights' is missing)
    """
    try:
        yield
    except Exception as error:  # a file can be wrong in any way: all mean that it cannot be used
        words = str(error.strerror or error) if isinstance(error, OSError) else str(error)
        words = " ".join(words.split()).removeprefix(f"{path}: ") or type(error).__name__
        if isinstance(error, KeyError):
            words += " is missing"
        raise BadInput(f"{path}: not a {what} ({words[:200]})") from error
