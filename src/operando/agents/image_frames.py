"""Frames of detector images from files of any common kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.image_checks import refuse_endless
from operando.agents.poni_files import quiet
from operando.errors import BadInput

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs")
IMAGE_SUFFIXES = (".tif", ".tiff", ".edf", ".cbf", ".img", ".mccd", ".mar3450", *HDF5_SUFFIXES)

_HDF5 = b"\x89HDF\r\n\x1a\n"
# What fabio would take for an image by its first bytes: XML, which names files and entities.
_NO_IMAGES = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


def image_frames(path: Path) -> Iterator[NDArray[Any]]:
    """Read the frames of an image file one after the other.

    Parameters
    ----------
    path : Path
        By fabio, or for the suffixes of HDF5 its only image dataset or ``entry/data/data``.

    Yields
    ------
    ndarray, (rows, columns)

    Raises
    ------
    BadInput
        If there is no image in it.
    """
    beginning = _beginning(path)
    if path.suffix.lower() in HDF5_SUFFIXES or beginning.startswith(_HDF5):
        yield from _hdf5_frames(path)
        return
    if beginning.lstrip().startswith(_NO_IMAGES):
        raise BadInput("is no image, whatever its name")
    import fabio

    refuse_endless(path)
    with quiet():
        try:
            with fabio.open(str(path)) as file:
                # Asked for frame 0 of one, fabio looks for another file of a numbered series.
                stack = [file] if file.nframes == 1 else file.frames()
                frames = [np.asarray(frame.data) for frame in stack]
        except Exception as error:  # fabio's readers raise whatever their parsing meets
            raise BadInput("cannot be read as an image") from error
    if not frames:
        raise BadInput("holds no frame")
    yield from frames


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except OSError:  # said below, as of all that cannot be read
        return b""


def _hdf5_frames(path: Path) -> Iterator[NDArray[Any]]:
    import h5py
    import hdf5plugin  # noqa: F401  (registers the filters that frames are compressed with)

    from operando.confined_hdf5 import beside, check

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadInput("cannot be read as HDF5") from error
    with file:
        found: dict[str, Any] = {}

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.ndim in (2, 3) and item.dtype.kind in "iuf":
                if min(item.shape[-2:]) > 1 and item.size:
                    found[name] = item

        try:
            file.visititems(look)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise BadInput("cannot be read as HDF5: what it is made of is damaged") from error
        name = "entry/data/data" if "entry/data/data" in found else next(iter(found), None)
        if name is None:
            raise BadInput("holds no image dataset")
        if len(found) > 1 and name != "entry/data/data":
            raise BadInput(
                f"holds several image datasets ({', '.join(list(found)[:5])}); which one is meant "
                "is known only if it is entry/data/data"
            )
        data = found[name]
        check(data, beside(path))
        try:
            if data.ndim == 2:
                yield data[...]
            else:
                for i in range(len(data)):
                    yield data[i]
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise BadInput(f"dataset {name} cannot be read; is its compression known?") from error
