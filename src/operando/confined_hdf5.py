"""Datasets of HDF5 files that hold their own data.

An HDF5 file can name others: by external links, as the sources of a virtual dataset, or as the
storage of a plain one. Whoever opens it then reads those files without knowing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py

from operando.confined import printable
from operando.errors import BadInput

_DEEPEST = 8

MayRead = Callable[[Path], bool]


def dataset_at(file: h5py.File, name: str, may_read: MayRead) -> h5py.Dataset:
    """Give a dataset of a file, with all the files that it is in.

    Parameters
    ----------
    file : h5py.File
        Open.
    name : str
        Of the dataset.
    may_read : callable
        Tells of another file's path whether it may be read.

    Raises
    ------
    operando.errors.BadInput
        It, or what it is made of, is in a file that may not be read.
    KeyError
        There is no such dataset.
    """
    found = _resolved(file, name, may_read, 0)
    if not isinstance(found, h5py.Dataset):
        raise KeyError(name)
    return found


def check_under(file: h5py.File, name: str, may_read: MayRead) -> None:
    """Refuse a dataset, or a group with anything below it, of files that may not be read."""
    found = _resolved(file, name, may_read, 0)
    if isinstance(found, h5py.Group):
        names: list[str] = []
        found.visit_links(names.append)
        for below in names:
            with suppress(KeyError):  # a link to nothing
                _resolved(file, f"{found.name}/{below}", may_read, 0)


def check(data: h5py.Dataset, may_read: MayRead) -> None:
    """Refuse a dataset that is made of files that may not be read; see `dataset_at`."""
    _check(data, may_read, 0)


def beside(path: Path) -> MayRead:
    """Let the files in a file's own folder be read, as masters of a camera refer to them."""
    folder = path.resolve().parent
    return lambda other: other.resolve().is_relative_to(folder)


def _resolved(file: h5py.File, name: str, may_read: MayRead, depth: int) -> Any:
    """Follow the links of a path one by one, so that none is followed unseen."""
    if depth > _DEEPEST:
        raise BadInput(f"links of {printable(name)} lead on and on")
    group: Any = file
    parts = [part for part in name.split("/") if part not in ("", ".")]
    for index, part in enumerate(parts):
        if not isinstance(group, h5py.Group):
            raise KeyError(name)
        link = group.get(part, getlink=True)
        rest = "/".join(parts[index + 1 :])
        if isinstance(link, h5py.ExternalLink):
            other = _allowed(file, link.filename, may_read)
            with h5py.File(other, "r") as opened:
                _resolved(opened, f"{link.path}/{rest}", may_read, depth + 1)
            break  # all of it may be read: the library may follow it
        if isinstance(link, h5py.SoftLink):
            base = "" if link.path.startswith("/") else group.name
            return _resolved(file, f"{base}/{link.path}/{rest}", may_read, depth + 1)
        group = group[part]
    found = file[name or "/"]
    if isinstance(found, h5py.Dataset):
        _check(found, may_read, depth)
    return found


def _check(data: h5py.Dataset, may_read: MayRead, depth: int) -> None:
    if data.external:  # looked for in the working directory, whichever that is
        raise BadInput(
            f"{printable(data.file.filename)} has the data of {printable(data.name)} in another "
            "file that is no HDF5; that may not be read"
        )
    if not data.is_virtual:
        return
    for source in data.virtual_sources():
        if source.file_name == ".":
            _resolved(data.file, source.dset_name, may_read, depth + 1)
            continue
        path = _allowed(data.file, source.file_name, may_read)
        with h5py.File(path, "r") as opened:
            _resolved(opened, source.dset_name, may_read, depth + 1)


def _allowed(file: h5py.File, name: str, may_read: MayRead) -> Path:
    path = Path(file.filename).parent / name
    # HDF5 replaces what follows a per cent sign, and looks in other folders for what is not there.
    if "%" in name or not may_read(path) or not path.is_file():
        raise BadInput(
            f"{printable(file.filename)} leads to the file {printable(name)}, which may not be read"
        )
    return path
