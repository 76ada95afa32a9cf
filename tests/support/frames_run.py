"""A run with frames in HDF5, composed as a detector would emit it."""

import time
from pathlib import Path

import event_model
import h5py
import hdf5plugin
import numpy as np

ROWS, COLUMNS = 13, 17
DATASET = "/entry/data/data"


def frame(index: int) -> np.ndarray:
    """Return a frame that says which one it is."""
    return (np.arange(ROWS * COLUMNS, dtype="<i4") + 1000 * index).reshape(ROWS, COLUMNS)


def documents(folder: Path, points: int, *, batch: int = 1, pause: float = 0.0, **metadata):
    """Yield a run's documents, its frames written before they are announced."""
    run = event_model.compose_run(metadata={"plan_name": "frames", "scan_id": 77, **metadata})
    yield "start", run.start_doc
    path = folder / f"{run.start_doc['uid']}.h5"
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset(
            DATASET,
            shape=(0, ROWS, COLUMNS),
            maxshape=(None, ROWS, COLUMNS),
            chunks=(1, ROWS, COLUMNS),
            dtype="<i4",
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        file.swmr_mode = True
        stream = run.compose_descriptor(
            name="primary",
            data_keys={
                "x": {"source": "SIM", "dtype": "number", "dtype_numpy": "<f8", "shape": []},
                "label": {"source": "SIM", "dtype": "string", "shape": []},
                "hit": {"source": "SIM", "dtype": "boolean", "shape": []},
                "probability": {
                    "source": "SIM",
                    "dtype": "array",
                    "dtype_numpy": "<f8",
                    "shape": [9],
                },
                "image": {
                    "source": "SIM",
                    "dtype": "array",
                    "dtype_numpy": "<i4",
                    "shape": [ROWS, COLUMNS],
                    "external": "STREAM:",
                },
            },
        )
        yield "descriptor", stream.descriptor_doc
        resource = run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=path.as_uri(),
            data_key="image",
            parameters={"dataset": DATASET, "swmr": True, "chunk_shape": [1, ROWS, COLUMNS]},
        )
        yield "stream_resource", resource.stream_resource_doc
        for index in range(points):
            data.resize(index + 1, axis=0)
            data[index] = frame(index)
            data.flush()
            if (index + 1) % batch == 0 or index + 1 == points:
                first = index - index % batch
                span = {"start": first, "stop": index + 1}
                datum = resource.compose_stream_datum(indices=span)
                datum["descriptor"] = stream.descriptor_doc["uid"]
                datum["seq_nums"] = {"start": first + 1, "stop": index + 2}
                yield "stream_datum", datum
            yield (
                "event",
                stream.compose_event(
                    data={
                        "x": np.float64(index / 10),
                        "label": f"point {index}",
                        "hit": index % 2 == 0,
                        "probability": np.full(9, index / 100),
                    },
                    timestamps=dict.fromkeys(("x", "label", "hit", "probability"), time.time()),
                ),
            )
            time.sleep(pause)
    yield "stop", run.compose_stop()
