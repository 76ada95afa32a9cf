"""Frames into an HDF5 file that can be read while it grows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from operando import frame_codec
from operando.abandoned import abandon
from operando.errors import DeviceError

#: Where the frames are, in every file.
DATASET = "/entry/data/data"


class FrameWriter:
    """One HDF5 file of frames: bitshuffle-LZ4, one frame a chunk, single writer, many readers.

    Parameters
    ----------
    path : Path
        File to create; its folder is made when missing.
    shape : tuple of int
        Rows and columns of a frame.
    settings : mapping, optional
        Numbers or text kept under ``/entry/instrument/detector``, for whoever has only the file.

    Raises
    ------
    DeviceError
        If the file cannot be made; it names it.

    Notes
    -----
    The layout is NeXus: ``/entry`` (NXentry), ``/entry/data`` (NXdata) with the signal ``data``,
    int32, shape (frames, rows, columns). The file stays in SWMR mode (h5py and HDF5's "single
    writer, multiple reader"): after `write` returns a reader in any process sees the frames, and
    a file whose writer was killed opens with ``swmr=True``.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.path, self._closed = path.absolute(), False
        with self._told():
            self._create(shape, settings or {})

    def _create(self, shape: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Version 1.10 is the oldest that has SWMR, so the widest range of readers.
        self._file = h5py.File(self.path, "x", libver=("v110", "v110"))
        entry = _group(self._file, "entry", "NXentry", default="data")
        data = _group(entry, "data", "NXdata", signal="data")
        detector = _group(_group(entry, "instrument", "NXinstrument"), "detector", "NXdetector")
        for key, value in settings.items():
            detector[key] = value
        self._data = data.create_dataset(
            "data",
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(1, *shape),
            dtype="<i4",
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        self._packs = frame_codec.codes(self._data)
        self._file.swmr_mode = True

    def write(self, frames: NDArray[np.int32], at: int) -> None:
        """Write frames; they can be read when this returns.

        Parameters
        ----------
        frames : ndarray of int32, shape (n, rows, columns)
            The frames.
        at : int
            Index of the first one. Frames that are there already are replaced.

        Raises
        ------
        DeviceError
            If they cannot be written, as on a full disk; it names the file.
        """
        before, stop = len(self._data), at + len(frames)
        with self._told():
            try:
                if stop > before:
                    self._data.resize(stop, axis=0)
                self._put(np.ascontiguousarray(frames, dtype="<i4"), at)
                self._data.flush()
            except (OSError, RuntimeError):
                self._forget_frames_after(before)
                raise

    def _put(self, frames: NDArray[np.int32], at: int) -> None:
        if not self._packs:
            self._data[at : at + len(frames)] = frames
            return
        for number, frame in enumerate(frames, at):
            self._data.id.write_direct_chunk((number, 0, 0), frame_codec.encode(frame))

    def _forget_frames_after(self, number: int) -> None:
        """Drop frames that HDF5 holds and cannot write: it could not close the file with them."""
        with suppress(OSError, RuntimeError):
            self._data.resize(number, axis=0)
            self._data.flush()

    def truncate(self, frames: int) -> None:
        """Cut off what was written last.

        Parameters
        ----------
        frames : int
            Number of frames to keep.
        """
        with self._told():
            if frames < len(self._data):
                self._data.resize(frames, axis=0)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        with self._told():
            try:
                self._file.close()
            except (OSError, RuntimeError):
                abandon(self._file, self._data)
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what the disk has against it in a line; HDF5 takes three and names its own parts."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            said = re.search("error message = '([^']+)'", str(error))
            why = said[1] if said else getattr(error, "strerror", None) or str(error)
            raise DeviceError(f"frames cannot be written to {self.path}: {why}") from error


def _group(parent: h5py.Group, name: str, kind: str, **attributes: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    group.attrs.update(attributes)
    return group
