"""Frames from the files that documents name, and from no others."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the filters that frames are compressed with)
import numpy as np
from numpy.typing import NDArray

from operando import frame_codec
from operando.abandoned import abandon
from operando.confined import READABLE_VARIABLE, file_of, may_read
from operando.confined_hdf5 import dataset_at
from operando.errors import AgentError, BadInput

logger = logging.getLogger(__name__)

#: HDF5 cannot refresh a dataset that is open a second time in the same process, by another
#: agent that reads the same frames. Hence a lock, and no dataset stays open.
_ONE_AT_A_TIME = threading.Lock()
#: Frames that are read at a time: 6 MB of 195 x 487 pixels stay near the processor, and neither
#: a long series nor a writer in this process has to wait for all of a datum's.
PORTION = 16


class FrameReader:
    """Open the files of a run's StreamResources and read what its StreamDatums point at.

    Files are read while they are written (HDF5's single writer, multiple reader).

    Parameters
    ----------
    patience_s : float
        How long to wait for frames that were announced but cannot be seen yet.
    """

    def __init__(self, patience_s: float = 5.0) -> None:
        self._patience = patience_s
        self._resources: dict[str, Mapping[str, Any]] = {}
        self._files: dict[str, h5py.File] = {}
        self._packed: dict[tuple[str, str], bool] = {}

    def stream_resource(self, doc: Mapping[str, Any]) -> None:
        """Remember where a series of frames is."""
        self._resources[doc["uid"]] = doc

    def read(self, datum: Mapping[str, Any]) -> Iterator[NDArray[Any]]:
        """Read the frames of a StreamDatum in portions.

        Yields
        ------
        ndarray, (n, rows, columns)
            At most :data:`PORTION` frames; at least one portion, which may be empty.

        Raises
        ------
        AgentError
            If the file or the frames cannot be had.
        """
        uid = datum["stream_resource"]
        if uid not in self._resources:
            raise AgentError(f"frames of an unknown stream resource {uid} were announced")
        start, stop = datum["indices"]["start"], datum["indices"]["stop"]
        for first in range(start, max(stop, start + 1), PORTION):
            yield self._read(uid, first, min(first + PORTION, stop), stop)

    def _read(self, uid: str, start: int, stop: int, announced: int) -> NDArray[Any]:
        """Read a portion, as soon as it can be seen."""
        resource = self._resources[uid]
        deadline = time.monotonic() + self._patience
        try:
            while True:
                late = time.monotonic() > deadline
                found = self._look(uid, resource, start, stop, waits=not late)
                if len(found) >= stop - start:
                    return found
                # What is not open for whoever watches it grow will not grow any more.
                if late or not self._files[uid].swmr_mode:
                    raise AgentError(
                        f"{resource['uri']} holds {start + len(found)} frames; "
                        f"{announced} were announced"
                    )
                time.sleep(0.01)
        except (OSError, KeyError, BadInput) as error:
            raise AgentError(f"cannot read frames from {resource['uri']}: {error}") from error

    def _look(
        self, uid: str, resource: Mapping[str, Any], start: int, stop: int, *, waits: bool
    ) -> NDArray[Any]:
        """Read as many of the frames as can be seen now."""
        with _ONE_AT_A_TIME:
            if uid not in self._files:
                self._files[uid] = _open(resource)
            name = resource["parameters"]["dataset"]
            data = self._files[uid][name]
            try:
                if data.shape[0] < stop and data.file.swmr_mode:
                    data.refresh()
                if (uid, name) not in self._packed:
                    self._packed[uid, name] = frame_codec.codes(data)
                packed = self._packed[uid, name]
                chunks = _chunks(data, start, stop, waits) if packed else None
                if chunks is None:
                    return np.asarray(data[start:stop])
                frames = np.empty((len(chunks), *data.shape[1:]), data.dtype)
            finally:
                # At once, not when this frame of the stack dies: a traceback may keep it.
                data.id.close()
        for (skipped, chunk), frame in zip(chunks, frames, strict=True):
            frame_codec.decode(chunk, frame, skipped=skipped)
        return frames

    def close(self) -> None:
        """Close all files and forget them."""
        for file in self._files.values():
            try:
                file.close()
            except (OSError, RuntimeError) as error:  # who writes it here has no room to end it
                logger.warning("%s cannot be closed: %s", file.filename, error)
                abandon(file)
        self._files.clear()
        self._packed.clear()
        self._resources.clear()


def _chunks(
    data: h5py.Dataset, start: int, stop: int, waits: bool
) -> list[tuple[int, bytes]] | None:
    """Read chunks as they are in the file; None where one was never written nor will be."""
    found = []
    for number in range(start, min(stop, data.shape[0])):
        try:
            found.append(data.id.read_direct_chunk((number, 0, 0)))
        except RuntimeError:
            if not (waits and data.file.swmr_mode):
                return None
            break  # who writes has made room for it, and no more yet
    return found


def _open(resource: Mapping[str, Any]) -> h5py.File:
    """Open a file that may be read, with all that its dataset is made of."""
    path = file_of(resource["uri"])
    if not may_read(path):
        raise BadInput(
            f"it is not in the folder of the store's frames, nor in one of {READABLE_VARIABLE}"
        )
    # A file that is closed already needs no SWMR and may not allow it.
    try:
        file = h5py.File(path, "r", libver="latest", swmr=True)
    except (OSError, ValueError):
        file = h5py.File(path, "r")
    try:
        dataset_at(file, resource["parameters"]["dataset"], may_read).id.close()
    except BaseException:
        file.close()
        raise
    return file
