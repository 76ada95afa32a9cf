"""Frames that are collected in portions: their documents, then their events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ophyd import Device
from ophyd.status import Status, StatusBase

from operando.devices.frame_series import StreamAsset
from operando.errors import DeviceError


class FileWriting(Protocol):
    """A detector that says where its frames are."""

    def discard(self) -> None:
        """Forget frames that no document was emitted for."""
        ...

    def collect_asset_docs(self) -> Iterator[StreamAsset]:
        """Yield the documents of new frames."""
        ...


class FramesInPortions(Device):  # type: ignore[misc]
    """A device that fills a page of events with a detector's frames, and hands both out together.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    detector : FileWriting
        What takes the frames.

    Notes
    -----
    The RunEngine asks for the frames' documents first. A page that is full only after that waits
    for the next time, so that no event comes before its frame.
    """

    #: Said by `complete` before anything was kicked off.
    nothing_to_complete = "nothing to complete: kick it off first"

    def __init__(self, *args: Any, detector: FileWriting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._detector: Any = detector  # subclasses know which
        self._page: dict[str, Any] | None = None
        self._released: dict[str, Any] | None = None
        self._status: Status | None = None

    def complete(self) -> StatusBase:
        """Wait for what was kicked off.

        Returns
        -------
        StatusBase
            Finished when its frames are in the file.

        Raises
        ------
        DeviceError
            If nothing was kicked off.
        """
        if self._status is None:
            raise DeviceError(f"{self.name} has {self.nothing_to_complete}")
        return self._status

    def _forget(self) -> None:
        """Forget a portion that was not collected."""
        self._detector.discard()
        self._page = self._released = None

    def collect_asset_docs(self) -> Iterator[StreamAsset]:
        """Yield the documents of the portion's frames, and release its events."""
        self._released, self._page = self._page, None
        if self._released is not None:
            yield from self._detector.collect_asset_docs()

    def collect_pages(self) -> Iterator[dict[str, Any]]:
        """Yield the events of the portion whose frames were handed out."""
        page, self._released = self._released, None
        if page is not None:
            yield page
