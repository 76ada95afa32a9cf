"""Small runs of every kind, as documents: what an agent reads in a few milliseconds."""

import itertools
import math
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from operando.agents.focus_config import FocusConfig
from operando.physics.geometry import DetectorGeometry
from support.loading import ANGLE, MEANS

ROWS, COLUMNS = 3, 487
DATASET = "/entry/data/data"
MAP_SHAPE = (2, 3)
KINDS = ("mapping", "kinetics", "battery", "focus", "bayes")


def frames_file(folder: Path) -> Path:
    """Write the frames that all runs share: of a map and of a loading."""
    path = folder / "frames.h5"
    rng = np.random.default_rng(3)
    extents = (0.0, 1.0, 0.0, 0.0, 0.3, 0.6, 0.8, 0.9)
    mean = np.stack([(1.0 - x) * MEANS[0] + x * MEANS[1] for x in extents])
    assert mean.shape[1] == len(ANGLE) == COLUMNS
    frames = rng.poisson(4.0 * np.repeat(mean[:, None], ROWS, axis=1)).astype("<i4")
    with h5py.File(path, "w") as file:
        file.create_dataset(DATASET, data=frames, chunks=(1, ROWS, COLUMNS))
    return path


def _keys(**kinds):
    return {key: {"source": "SIM", "dtype": kind, "shape": []} for key, kind in kinds.items()}


@dataclass
class Run:
    """Documents of one run in the making."""

    kind: str
    metadata: dict
    documents: list = field(default_factory=list)

    def __post_init__(self):
        self.uid = str(uuid.uuid4())
        self._time = itertools.count(1.8e9, 0.5)
        self._counts = {}
        start = {"uid": self.uid, "time": next(self._time), "scan_id": 1, **self.metadata}
        self.documents.append(("start", start))

    def stream(self, name, data_keys, configuration=None):
        """Describe a stream; return its uid."""
        uid = str(uuid.uuid4())
        doc = {
            "uid": uid,
            "run_start": self.uid,
            "time": next(self._time),
            "name": name,
            "data_keys": data_keys,
            "configuration": {"device": {"data": configuration or {}, "timestamps": {}}},
            "object_keys": {"device": list(data_keys)},
            "hints": {},
        }
        self.documents.append(("descriptor", doc))
        self._counts[uid] = 0
        return uid

    def event(self, descriptor, **data):
        """Add an event."""
        self._counts[descriptor] += 1
        now = next(self._time)
        doc = {
            "uid": str(uuid.uuid4()),
            "descriptor": descriptor,
            "time": now,
            "seq_num": self._counts[descriptor],
            "data": data,
            "timestamps": dict.fromkeys(data, now),
            "filled": {},
        }
        self.documents.append(("event", doc))

    def resource(self, path):
        """Name the file of frames; return its uid."""
        doc = {
            "uid": str(uuid.uuid4()),
            "run_start": self.uid,
            "mimetype": "application/x-hdf5",
            "uri": path.as_uri(),
            "data_key": "pilatus_image",
            "parameters": {"dataset": DATASET},
        }
        self.documents.append(("stream_resource", doc))
        return doc["uid"]

    def frame(self, resource, descriptor, index):
        """Announce the frame of the next event."""
        number = self._counts[descriptor] + 1
        doc = {
            "uid": str(uuid.uuid4()),
            "stream_resource": resource,
            "descriptor": descriptor,
            "indices": {"start": index, "stop": index + 1},
            "seq_nums": {"start": number, "stop": number + 1},
        }
        self.documents.append(("stream_datum", doc))

    def stop(self):
        """End the run; return its documents."""
        doc = {
            "uid": str(uuid.uuid4()),
            "run_start": self.uid,
            "time": next(self._time),
            "exit_status": "success",
            "num_events": {},
        }
        self.documents.append(("stop", doc))
        return self.documents


def _detector():
    image = {"source": "SIM", "dtype": "array", "shape": [1, ROWS, COLUMNS], "external": "STREAM:"}
    return {"pilatus_image": image}, {
        "pilatus_pixel_size": 172e-6,
        "pilatus_poni": list(DetectorGeometry(shape=(ROWS, COLUMNS)).poni()),
        "pilatus_energy": 10.0,
        "pilatus_exposure": 0.2,
        "pilatus_mask": [0, 7],
    }


def mapping(path):
    """A map of two rows and three columns."""
    (ny, nx), extents = MAP_SHAPE, [[0.0, 10.0], [0.0, 20.0]]
    run = Run("mapping", {"plan_name": "map_grid", "shape": [ny, nx], "extents": extents})
    image, configuration = _detector()
    keys = _keys(stage_x="number", stage_y="number") | image
    stream, resource = run.stream("primary", keys, configuration), run.resource(path)
    for n in range(ny * nx):
        run.frame(resource, stream, n)
        run.event(stream, stage_x=10.0 * (n % nx), stage_y=10.0 * (n // nx))
    return run.stop()


def kinetics(path):
    """The end states and a short record between them."""
    run = Run("kinetics", {"plan_name": "watch_kinetics"})
    image, configuration = _detector()
    keys = _keys(frame_start="number", frame_stop="number", i0="number") | image
    resource = run.resource(path)
    index = 0
    for name, frames in (("empty", 1), ("loaded", 1), ("primary", 6)):
        stream = run.stream(name, keys, configuration)
        for _ in range(frames):
            begin = 2.0 * index
            run.frame(resource, stream, index)
            run.event(stream, frame_start=begin, frame_stop=begin + 1.9, i0=1e4)
            index += 1
    gas = run.stream("gas", _keys(gas_opened_at="number"))
    run.event(gas, gas_opened_at=7.0)
    return run.stop()


def battery(path):
    """Three steps of a charge, each with a pattern and a scan over one edge."""
    run = Run(
        "battery",
        {"plan_name": "soc_stepped", "detectors": ["xrd", "xafs_mn"], "repeats": 1, "max_soc": 1.5},
    )
    energy = np.linspace(6440.0, 7100.0, 120)
    mu = 0.5 + 1.2 / (1.0 + np.exp(-(energy - 6545.0) / 4.0))
    angle = np.linspace(10.0, 20.0, 80)
    peak = 50.0 + 900.0 * np.exp(-0.5 * ((angle - 15.0) / 0.2) ** 2)
    number = {"dtype": "number"}
    step = run.stream(
        "soc_steps",
        _keys(
            soc_step_index="integer",
            soc_step_soc="number",
            soc_step_ocv="number",
            soc_step_reason="string",
        ),
    )
    scan = run.stream(
        "xafs",
        _keys(**{f"xafs_mn_{key}": "array" for key in ("energy", "i0", "i1", "ir")})
        | {"soc_step_index": number},
        {"xafs_mn_dark": [1.0, 1.0, 1.0], "xafs_mn_dwell": 1.0, "xafs_mn_elements": "Mn"},
    )
    pattern = run.stream(
        "xrd",
        _keys(xrd_counts="array") | {"soc_step_index": number},
        {"xrd_two_theta": angle.tolist(), "xrd_energy": 10000.0},
    )
    for index, soc in enumerate((0.0, 0.1, 0.2)):
        run.event(
            step,
            soc_step_index=index,
            soc_step_soc=soc,
            soc_step_ocv=3.6 + soc,
            soc_step_reason="scheduled",
        )
        run.event(pattern, soc_step_index=index, xrd_counts=peak.tolist())
        i0 = np.full(energy.size, 1e6)
        run.event(
            scan,
            soc_step_index=index,
            xafs_mn_energy=energy.tolist(),
            xafs_mn_i0=i0.tolist(),
            xafs_mn_i1=(i0 * np.exp(-mu)).tolist(),
            xafs_mn_ir=(i0 * np.exp(-2.0 * mu)).tolist(),
        )
    return run.stop()


def focus(path):
    """A scan of the edge in each direction."""
    run = Run("focus", {"plan_name": "knife_edge"})
    config = FocusConfig()
    knobs = dict.fromkeys(config.knobs("v"), 4.0) | dict.fromkeys(config.knobs("h"), 4.1)
    for name in ("knife_v", "knife_h"):
        data = ("stage_x", "stage_y", "scaler_diode", "scaler_i0", *knobs)
        stream = run.stream(name, _keys(**dict.fromkeys(data, "number")))
        for at in np.linspace(-4.0, 4.0, 11).tolist():
            passed = 0.5 * math.erfc(-at / 1.7)
            x, y = (600.0, at) if name == "knife_v" else (at, 300.0)
            counts = {"scaler_diode": 4e5 * passed, "scaler_i0": 4e5}
            run.event(stream, stage_x=x, stage_y=y, **counts, **knobs)
    return run.stop()


def bayes(path):
    """Five settings of a knob and what came of them."""
    run = Run("bayes", {"plan_name": "optimise"})
    stream = run.stream("primary", _keys(x="number", y="number"))
    for x in np.linspace(-1.0, 1.0, 5).tolist():
        run.event(stream, x=x, y=(x - 0.4) ** 2)
    return run.stop()


def good_run(kind, path):
    """Documents of a good run of a kind, all uids new."""
    return globals()[kind](path)
