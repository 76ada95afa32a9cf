"""Bluesky's Tiled writer, flushed by time and never writing a row twice.

`bluesky_tiled_plugins.TiledWriter` flushes by count alone: one event at a time costs some
50 ms each, a large count shows nothing until ``stop``. The class here is its run writer with a
`flush` that the uploader calls every second or so, and a stream of its own, ``journal``, which
holds the run's documents as they were: Tiled's own reconstruction renames events, merges stream
datums and drops ``filled``.
"""

from __future__ import annotations

import base64
import time
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from bluesky_tiled_plugins.writing.tiled_writer import RunNormalizer, _RunWriter
from event_model import DocumentNames

JOURNAL_STREAM = "journal"
JOURNAL_KEY = "journal_lines"

# An array's first batch sets the size of its chunks for good: small ones make thousands of files.
_ARRAY_ROWS = 64
_ARRAY_SECONDS = 30.0
_WHOLE_RUN = 1_000_000_000


def pack(lines: bytes) -> str:
    r"""Return journal lines as compact text.

    Examples
    --------
    >>> unpack(pack(b"one\ntwo\n"))
    b'one\ntwo\n'
    """
    return base64.b64encode(zlib.compress(lines, 6)).decode("ascii")


def unpack(text: str) -> bytes:
    """Return the journal lines in a packed text."""
    return zlib.decompress(base64.b64decode(text))


class _BatchWriter(_RunWriter):  # type: ignore[misc]
    """One run's writer with a `flush`; see the module."""

    def __init__(self, client: Any) -> None:
        super().__init__(client, batch_size=_WHOLE_RUN, max_array_size=0)
        self._first_row: dict[str, float] = {}

    def flush(self) -> None:
        """Write what has been taken, but for arrays too few to make a chunk of."""
        for stream, rows in self._internal_data_cache.items():
            if rows and self._due(stream, len(rows)):
                self._write_internal_data(rows, desc_node=self._desc_nodes[stream])
                rows.clear()
                self._first_row.pop(stream, None)
        for resource in list(self._external_data_cache):
            self._write_external_data(self._external_data_cache.pop(resource))

    def _due(self, stream: str, rows: int) -> bool:
        if not self._int_array_keys.get(stream):
            return True
        now = time.monotonic()
        waited = now - self._first_row.setdefault(stream, now)
        return rows >= _ARRAY_ROWS or waited > _ARRAY_SECONDS

    def _append_with_retry(self, df_client: Any, table: Any, desc_name: str) -> None:
        """Append rows once: the uploader begins a failed run anew, so none comes twice."""
        df_client.append_partition(0, table)


#: What the schema asks of an event without external data: these keys, of these types.
_EVENT: dict[str, tuple[type, ...]] = {
    "uid": (str,),
    "descriptor": (str,),
    "seq_num": (int,),
    "time": (float, int),
    "data": (dict,),
    "timestamps": (dict,),
}


def is_plain_event(doc: Mapping[str, Any]) -> bool:
    """Tell whether an event is as the schema wants it, without asking the schema.

    Examples
    --------
    >>> event = {"uid": "a", "descriptor": "b", "seq_num": 1, "time": 2.0}
    >>> is_plain_event({**event, "data": {}, "timestamps": {}}), is_plain_event(event)
    (True, False)
    """
    return doc.keys() == _EVENT.keys() and all(type(doc[key]) in _EVENT[key] for key in _EVENT)


class _Normalizer(RunNormalizer):  # type: ignore[misc]
    """Bluesky's, which puts every event of a page to the JSON schema: 0.4 ms of the interpreter."""

    def emit(self, name: DocumentNames, doc: Any) -> None:
        """Pass a document on; what is not plainly right is put to the schema."""
        if name is DocumentNames.event and is_plain_event(doc):
            self.dispatcher.process(name, doc)
        else:
            super().emit(name, doc)


class LiveRunWriter:
    """Writes one run to Tiled.

    Parameters
    ----------
    catalog : bluesky_tiled_plugins.CatalogOfBlueskyRuns
        Where the run goes.
    """

    def __init__(self, catalog: Any) -> None:
        self._writer = _BatchWriter(catalog.include_data_sources())
        self._normalizer = _Normalizer()
        self._normalizer.subscribe(self._writer)
        self._lines: list[bytes] = []
        self._descriptor: str | None = None
        self._chunks = 0

    def take(self, name: str, doc: Mapping[str, Any], line: bytes) -> None:
        """Take one document and its journal line; ``stop`` writes everything."""
        self._lines.append(line)
        if name == "stop":
            self._write_journal(float(doc["time"]))
        self._normalizer(name, doc)
        if name == "start":
            self._describe_journal(str(doc["uid"]), float(doc["time"]))

    def flush(self) -> None:
        """Write what has been taken so far."""
        if self._lines:
            self._write_journal(time.time())
        self._writer.flush()

    def _describe_journal(self, run: str, when: float) -> None:
        self._descriptor = str(uuid.uuid4())
        self._normalizer(
            "descriptor",
            {
                "uid": self._descriptor,
                "run_start": run,
                "time": when,
                "name": JOURNAL_STREAM,
                "data_keys": {
                    JOURNAL_KEY: {"source": "operando journal", "dtype": "string", "shape": []}
                },
                "configuration": {},
                "hints": {},
                "object_keys": {},
            },
        )

    def _write_journal(self, when: float) -> None:
        self._chunks += 1
        self._normalizer(
            "event",
            {
                "uid": str(uuid.uuid4()),
                "descriptor": self._descriptor,
                "time": when,
                "seq_num": self._chunks,
                "data": {JOURNAL_KEY: pack(b"".join(self._lines))},
                "timestamps": {JOURNAL_KEY: when},
                "filled": {},
            },
        )
        self._lines.clear()
