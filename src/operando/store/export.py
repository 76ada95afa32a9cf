"""Stored runs as files that other programs read: NeXus (HDF5) and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from operando.confined import file_name, printable, short_name
from operando.errors import BadInput

if TYPE_CHECKING:
    from operando.store.facade import Store

_BLOCK_BYTES = 64e6
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Progress = Callable[[int], None]


def export_run(
    store: Store,
    run: Any,
    folder: Path,
    *,
    nexus: bool = True,
    tables: bool = True,
    frames: bool = True,
    progress: Progress | None = None,
) -> list[Path]:
    """Write a run to files, whole or not at all each.

    Parameters
    ----------
    store : Store
        Where the run is.
    run : bluesky_tiled_plugins.BlueskyRun
        The run.
    folder : pathlib.Path
        Where to write; made when needed. The names begin with the uid's first 8 characters.
    nexus : bool
        Write ``….nxs``: HDF5 with one NXdata group a stream and default plots.
    tables : bool
        Write ``…-<stream>.csv``, one row an event, and ``….json`` with start and stop.
    frames : bool
        Have detector frames in the NeXus file, compressed (bitshuffle-LZ4).
    progress : callable, optional
        Called with the number of frames copied.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    operando.errors.BadInput
        The folder cannot be written.
    """
    stem = short_name(str(run.metadata["start"]["uid"]))
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if nexus:
            with _draft(folder / f"{stem}.nxs") as path:
                _write_nexus(store, run, path, frames, progress or (lambda count: None))
            written.append(folder / f"{stem}.nxs")
        if tables:
            written += _write_tables(store, run, folder, stem)
    except OSError as error:
        raise BadInput(f"cannot write in {folder}: {error.strerror or error}") from error
    return written


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give another name to write to, which becomes `path` when all went well."""
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)  # of an export that was killed, or a link to somewhere else
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def columns(stream: Any) -> dict[str, NDArray[Any]]:
    """Read what a stream's events hold, without frames.

    Parameters
    ----------
    stream : bluesky_tiled_plugins.BlueskyEventStream

    Returns
    -------
    dict
        ``time`` (epoch seconds) and one array a key, events first.
    """
    keys = stream.metadata.get("data_keys", {})
    external = {key for key, described in keys.items() if described.get("external")}
    wanted = ["time", *(key for key in keys if key not in external and key in stream)]
    data = stream.read(variables=wanted)
    return {key: np.asarray(data[key]) for key in wanted if key in data}


def _write_tables(store: Store, run: Any, folder: Path, stem: str) -> list[Path]:
    written = []
    for name in store.streams(run):
        table = columns(run[name])
        target = folder / f"{stem}-{file_name(name)}.csv"
        with _draft(target) as path, path.open("x", newline="") as file:
            writer = csv.writer(file)
            flat = dict(_flat(table))
            writer.writerow(map(plain_cell, flat))
            cells = (map(plain_cell, values.tolist()) for values in flat.values())
            writer.writerows(zip(*cells, strict=True))
        written.append(target)
    with _draft(folder / f"{stem}.json") as path:
        documents = {key: run.metadata.get(key) for key in ("start", "stop")}
        path.write_text(json.dumps(documents, indent=1, default=str))
    return [*written, folder / f"{stem}.json"]


def plain_cell(value: Any) -> Any:
    """Give a cell of a CSV file that no spreadsheet takes for a formula.

    Examples
    --------
    >>> plain_cell(-1.5), plain_cell("-1.5"), plain_cell("=cmd|' /C calc'!A0")
    (-1.5, '-1.5', "'=cmd|' /C calc'!A0")
    """
    if not isinstance(value, str) or not value.lstrip().startswith(_BEGINS_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _flat(table: dict[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give each element of an array a column of its own."""
    for key, values in table.items():
        if values.ndim == 1:
            yield key, values
        else:
            for index in np.ndindex(values.shape[1:]):
                yield "_".join((key, *map(str, index))), values[(slice(None), *index)]


def _write_nexus(store: Store, run: Any, path: Path, frames: bool, progress: Progress) -> None:
    start, stop = run.metadata["start"], run.metadata.get("stop") or {}
    streams = store.streams(run)
    with h5py.File(path, "x") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry")
        entry["definition_local"] = "operando run: one NXdata group a stream"
        entry["title"] = printable(str(start.get("plan_name", "run")))
        entry["entry_identifier_uuid"] = printable(str(start["uid"]))
        entry["start_time"] = _iso(start["time"])
        if "time" in stop:
            entry["end_time"] = _iso(stop["time"])
        if start.get("sample"):
            _group(entry, "sample", "NXsample")["name"] = printable(str(start["sample"]))
        notes = _group(entry, "documents", "NXcollection")
        for key in ("start", "stop"):
            notes[key] = json.dumps(run.metadata.get(key), default=str)
        instrument = _group(entry, "instrument", "NXinstrument")
        groups = {name: _free(entry, name) for name in streams}
        for name, group in groups.items():
            _write_stream(entry, group, run[name])
            _write_configuration(instrument, group, run[name])
            if frames:
                _write_frames(entry, group, run[name], progress)
        # The frames are what one wants to see first, of a run that has some.
        shown = [name for name in entry if entry[name].attrs.get("signal") == "data"]
        entry.attrs["default"] = (shown or list(groups.values()) or ["documents"])[0]


def _free(parent: Any, name: str) -> str:
    """Give a name that leads nowhere else and that nothing in a group has."""
    name = file_name(name)
    while name in parent:
        name += "_"
    return name


def _group(parent: Any, name: str, kind: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _write_stream(entry: Any, name: str, stream: Any) -> None:
    """Write a stream's columns, with the plot that its devices suggest."""
    group = _group(entry, name, "NXdata")
    keys = stream.metadata.get("data_keys", {})
    table = columns(stream)
    for key, values in table.items():
        text = values.dtype.kind in "OUS"
        kind = h5py.string_dtype() if text else None
        data = _without_nul(values) if text else values
        written = group.create_dataset(_free(group, key), data=data, dtype=kind)
        if units := "s" if key == "time" else keys.get(key, {}).get("units"):
            written.attrs["units"] = printable(str(units))
    numbers = [k for k, v in table.items() if v.ndim == 1 and v.dtype.kind in "iuf" and k != "time"]
    hints = stream.metadata.get("hints", {}).values()
    hinted = [field for hint in hints for field in hint.get("fields", []) if field in numbers]
    if numbers:
        group.attrs["signal"] = (hinted or numbers)[-1]
        group.attrs["axes"] = ["time"]


def _without_nul(texts: NDArray[Any]) -> NDArray[Any]:
    """Write the one character that HDF5's text cannot hold as an escape."""
    return np.array([str(one).replace("\0", "\\0") for one in texts.flat], dtype=object).reshape(
        texts.shape
    )


def _write_configuration(instrument: Any, name: str, stream: Any) -> None:
    """Write what the devices were set to, by stream and device."""
    group = _group(instrument, name, "NXcollection")
    for device, said in stream.metadata.get("configuration", {}).items():
        values = said.get("data", {})
        if not values:
            continue
        of_device = _group(group, _free(group, device), "NXcollection")
        for key, value in values.items():
            plain = value if isinstance(value, int | float | str | bool) else np.asarray(value)
            if isinstance(plain, np.ndarray) and plain.dtype.kind not in "iufb":
                plain = json.dumps(value, default=str)
            if isinstance(plain, str):
                plain = plain.replace("\0", "\\0")
            written = of_device.create_dataset(_free(of_device, key), data=plain)
            if units := said.get("data_keys", {}).get(key, {}).get("units"):
                written.attrs["units"] = printable(str(units))


def _write_frames(entry: Any, name: str, stream: Any, progress: Progress) -> None:
    """Copy external arrays block by block: a run's frames need not fit in memory."""
    for key, described in stream.metadata.get("data_keys", {}).items():
        if not described.get("external") or key not in stream:
            continue
        source = stream[key]
        group = _group(entry, _free(entry, f"{name}_{key}"), "NXdata")
        group.attrs["signal"] = "data"
        data = group.create_dataset(
            "data",
            shape=source.shape,
            dtype=source.dtype,
            chunks=(1, *source.shape[1:]),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        data.attrs["interpretation"] = "image"
        if units := described.get("units"):
            data.attrs["units"] = units
        one = max(int(np.prod(source.shape[1:])) * source.dtype.itemsize, 1)
        block = max(int(_BLOCK_BYTES / one), 1)
        for first in range(0, source.shape[0], block):
            frames = np.asarray(source[first : first + block])
            data[first : first + len(frames)] = frames
            progress(len(frames))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
