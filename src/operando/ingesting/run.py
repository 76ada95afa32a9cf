"""The documents of a run that was measured long ago."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import event_model
import numpy as np
from numpy.typing import NDArray

from operando.agents.poni_files import Geometry
from operando.devices.hdf5_writer import DATASET, FrameWriter
from operando.errors import BadInput
from operando.ingesting.frames import RawFrame, Turn, frame_files, poni_file, raw_frames
from operando.ingesting.positions import Positions
from operando.physics.constants import energy_from_wavelength
from operando.store import Store

_PAGE = 64


@dataclass(frozen=True)
class Ingest:
    """What is known about a folder of frames.

    Parameters
    ----------
    folder : Path
        Where the frames are (TIFF, CBF, EDF, HDF5).
    poni : Path, optional
        Their geometry; by default the folder's one PONI file.
    positions : Path, optional
        CSV file of positions; without it the frames stand 1 µm apart on a line.
    energy_kev : float, optional
        Photon energy; needed when the PONI file does not say the wavelength.
    exposure_s : float
        Exposure of each frame, s.
    sample : str
        Name of the sample.
    pattern : str
        Which files of the folder.

    Raises
    ------
    BadInput
        If a value makes no sense.
    """

    folder: Path
    poni: Path | None = None
    positions: Path | None = None
    energy_kev: float | None = None
    exposure_s: float = 1.0
    sample: str = ""
    pattern: str = "*"

    def __post_init__(self) -> None:
        if not self.exposure_s > 0:
            raise BadInput(f"--exposure is {self.exposure_s:g} s; more than 0 is needed")
        if self.energy_kev is not None and not self.energy_kev > 0:
            raise BadInput(f"--energy is {self.energy_kev:g} keV; more than 0 is needed")


def ingest(
    settings: Ingest, store: Store, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Copy a folder's frames to a store and register them as a run.

    Nothing is registered unless all of it can be read.

    Parameters
    ----------
    settings : Ingest
        What is known.
    store : Store
        Where it goes.
    progress : callable, optional
        Called with the number of frames read so far.

    Returns
    -------
    dict
        ``uid``, ``frames``, ``shape`` (of the map), ``energy_kev``, ``masked_pixels``.

    Raises
    ------
    BadInput
        Something cannot be read, or does not fit.
    """
    files = frame_files(settings.folder, settings.pattern)
    geometry = Geometry.from_poni(settings.poni or poni_file(settings.folder))
    energy = settings.energy_kev
    if energy is None and geometry.wavelength is None:
        raise BadInput(f"{geometry.path} does not say the wavelength; give --energy")
    energy = energy or energy_from_wavelength(geometry.wavelength or 1.0)
    run = event_model.compose_run(
        time=files[0].stat().st_mtime, metadata={"plan_name": "ingest", "scan_id": 0}
    )
    path = store.frames_dir / f"ingest_{run.start_doc['uid']}.h5"
    try:
        copied = _copy(raw_frames(files), geometry, path, progress or (lambda count: None))
        names = [file.name for file in copied.files]
        places = (
            Positions.read(settings.positions, names)
            if settings.positions
            else Positions.in_line(len(names))
        )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    configuration = {
        "pilatus_exposure": (settings.exposure_s, "s"),
        "pilatus_energy": (energy, "keV"),
        "pilatus_pixel_size": (copied.turn.pixel_size, "m"),
        "pilatus_poni": (_poni(geometry), "m, rad"),
        "pilatus_mask": (copied.mask.tolist(), ""),
    }
    about = {
        **places.grid(),
        "sample": settings.sample,
        "agent": None,
        "seed": None,
        "num_points": len(names),
        "motors": ["stage_y", "stage_x"],
        "detectors": ["pilatus"],
        "source": {
            "folder": str(settings.folder.resolve()),
            "poni": str(geometry.path.resolve()),
            "rounded": copied.rounded,
        },
    }
    write = store.writer()
    for name, doc in _documents(run, about, configuration, copied, places, path):
        write(name, doc)
    return {
        "uid": run.start_doc["uid"],
        "frames": len(names),
        "shape": about["shape"],
        "energy_kev": energy,
        "masked_pixels": int(copied.mask.size),
    }


@dataclass(frozen=True)
class _Copied:
    """What was found while frames were copied."""

    files: list[Path]
    shape: tuple[int, int]
    turn: Turn
    mask: NDArray[np.int64]
    rounded: bool


def _copy(
    frames: Iterator[RawFrame], geometry: Geometry, path: Path, progress: Callable[[int], None]
) -> _Copied:
    first = next(frames)
    turn = Turn(geometry, first.counts)
    rows, columns = first.counts.shape
    writer = FrameWriter(path, (rows, columns))
    files, rounded = [], False
    total = np.zeros((rows, columns))
    bad = np.ones((rows, columns), dtype=bool)
    try:
        for number, frame in enumerate(itertools.chain([first], frames)):
            writer.write(np.maximum(turn(frame.counts), 0)[None], number)
            total += np.maximum(frame.counts, 0)
            bad &= frame.counts < 0
            files.append(frame.file)
            rounded |= frame.rounded
            progress(number + 1)
    finally:
        writer.close()
    return _Copied(files, (rows, columns), turn, turn.mask(total, bad), rounded)


def _poni(geometry: Geometry) -> list[float]:
    ai = geometry.integrator
    return [float(v) for v in (ai.dist, ai.poni1, ai.poni2, ai.rot1, ai.rot2, ai.rot3)]


def _documents(
    run: Any,
    about: dict[str, Any],
    configuration: dict[str, tuple[Any, str]],
    copied: _Copied,
    places: Positions,
    path: Path,
) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "start", {**run.start_doc, **about}
    stream = run.compose_descriptor(
        name="primary",
        time=run.start_doc["time"],
        data_keys=_data_keys(copied.shape, places.i0 is not None),
        configuration={"pilatus": _configuration(configuration, run.start_doc["time"])},
        object_keys={"pilatus": ["pilatus_image"]},
        hints={"stage": {"fields": ["stage_x", "stage_y"]}},
    )
    yield "descriptor", stream.descriptor_doc
    resource = run.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=path.absolute().as_uri(),
        data_key="pilatus_image",
        parameters={"dataset": DATASET, "chunk_shape": [1, *copied.shape]},
    )
    yield "stream_resource", resource.stream_resource_doc
    times = np.maximum.accumulate([file.stat().st_mtime for file in copied.files])
    for first in range(0, len(times), _PAGE):
        stop = min(first + _PAGE, len(times))
        datum = resource.compose_stream_datum(indices={"start": first, "stop": stop})
        datum["descriptor"] = stream.descriptor_doc["uid"]
        datum["seq_nums"] = {"start": first + 1, "stop": stop + 1}
        yield "stream_datum", datum
        for index in range(first, stop):
            data = _row(places, copied.files, index)
            yield (
                "event",
                stream.compose_event(
                    data=data, timestamps=dict.fromkeys(data, times[index]), time=times[index]
                ),
            )
    yield "stop", run.compose_stop(time=float(times[-1]))


def _row(places: Positions, files: Sequence[Path], index: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "stage_x": float(places.x[index]),
        "stage_y": float(places.y[index]),
        "file": files[index].name,
    }
    if places.i0 is not None:
        row["i0"] = float(places.i0[index])
    return row


def _data_keys(shape: tuple[int, int], with_i0: bool) -> dict[str, Any]:
    number = {"source": "ingest", "dtype": "number", "dtype_numpy": "<f8", "shape": []}
    keys: dict[str, Any] = {
        "stage_x": {**number, "units": "um"},
        "stage_y": {**number, "units": "um"},
        "file": {"source": "ingest", "dtype": "string", "shape": []},
        "pilatus_image": {
            "source": "ingest",
            "dtype": "array",
            "dtype_numpy": "<i4",
            "shape": list(shape),
            "units": "counts",
            "external": "STREAM:",
        },
    }
    if with_i0:
        keys["i0"] = {**number, "units": "counts"}
    return keys


def _configuration(values: dict[str, tuple[Any, str]], when: float) -> dict[str, Any]:
    data_keys = {}
    for key, (value, units) in values.items():
        many = isinstance(value, list)
        kind = "array" if many else "number"
        shape = [len(value)] if many else []
        data_keys[key] = {"source": "ingest", "dtype": kind, "shape": shape, "units": units}
    return {
        "data": {key: value for key, (value, _) in values.items()},
        "timestamps": dict.fromkeys(values, when),
        "data_keys": data_keys,
    }
