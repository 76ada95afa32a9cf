"""The documents that go with a file of frames."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.devices.hdf5_writer import DATASET, FrameWriter

StreamAsset = tuple[str, dict[str, Any]]


class SeriesDocuments:
    """The documents of one stream's frames: a StreamResource, and a StreamDatum for every batch.

    Frames belong to the series for good when their StreamDatum has been emitted. The RunEngine
    fills in a document's ``descriptor`` when it emits it; a document that was collected and then
    dropped (a pause between read and save) stays without, and its frames do not count.

    Parameters
    ----------
    data_key : str
        Key of the frames in the events' descriptor.
    shape : tuple of int
        Rows and columns of a frame.
    path : Path, optional
        The file, once it is known; before the first document it must be.
    """

    def __init__(self, data_key: str, shape: tuple[int, int], path: Path | None = None) -> None:
        self.path = path
        self._resource: dict[str, Any] = {
            "uid": str(uuid.uuid4()),
            "run_start": "",
            "mimetype": "application/x-hdf5",
            "data_key": data_key,
            "parameters": {"dataset": DATASET, "chunk_shape": (1, *shape), "swmr": True},
        }
        self._datum: dict[str, Any] | None = None
        self._settled = 0
        self._written = 0

    @property
    def frames(self) -> int:
        """Number of frames in the file."""
        return self._written

    @property
    def dropped(self) -> int:
        """Frames at the end of the file that no document was emitted for."""
        self._settle()
        return self._written - self._settled

    def took(self, number: int) -> None:
        """Count frames that were written after the others."""
        self._settle()
        self._datum = None
        self._written += number

    def documents(self) -> Iterator[StreamAsset]:
        """Yield the documents for the frames written since the last call."""
        if self._datum is not None or self._written == self._settled:
            return
        if not self._resource["run_start"]:
            assert self.path is not None
            self._resource["uri"] = f"file://localhost{self.path.as_posix()}"
            yield "stream_resource", self._resource
        self._datum = {
            "uid": f"{self._resource['uid']}/{self._settled}",
            "stream_resource": self._resource["uid"],
            "descriptor": "",
            "indices": {"start": self._settled, "stop": self._written},
            "seq_nums": {"start": 0, "stop": 0},
        }
        yield "stream_datum", self._datum

    def _settle(self) -> None:
        if self._datum is not None and self._datum["descriptor"]:
            self._settled = self._datum["indices"]["stop"]


class FrameSeries(SeriesDocuments):
    """The frames of one stream in a file that is written here.

    Frames that no document was emitted for are written over by the next ones, so the frames in
    the file are those of the events, in their order.

    Parameters
    ----------
    writer : FrameWriter
        The file, empty.
    data_key : str
        Key of the frames in the events' descriptor.
    shape : tuple of int
        Rows and columns of a frame.
    """

    def __init__(self, writer: FrameWriter, data_key: str, shape: tuple[int, int]) -> None:
        super().__init__(data_key, shape, writer.path)
        self._writer = writer

    def put(self, frames: NDArray[np.int32]) -> None:
        """Write frames after those that were emitted, over any that were not.

        Parameters
        ----------
        frames : ndarray of int32, shape (n, rows, columns)
            The frames.
        """
        self.discard()
        self._writer.write(frames, self._settled)
        self.took(len(frames))

    def discard(self) -> None:
        """Forget the frames that were not emitted."""
        self._settle()
        self._datum = None
        self._written = self._settled

    def close(self) -> None:
        """Close the file, without frames that no event refers to."""
        self.discard()
        if self._settled:
            self._writer.truncate(self._settled)
        self._writer.close()
