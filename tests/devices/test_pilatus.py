import math
import os
import subprocess
import sys
import time

import h5py
import hdf5plugin  # noqa: F401 - the frames are bitshuffled
import numpy as np
import pytest
from ophyd.utils import ReadOnlyError

from operando.devices.hdf5_writer import FrameWriter
from operando.errors import BadInput, DeviceError, LimitError

READ = """
import sys, h5py, hdf5plugin
with h5py.File(sys.argv[1], "r", libver="latest", swmr=True) as file:
    data = file["entry/data/data"]
    print(data.shape, data.dtype.str, data[:, 0, 0].tolist())
"""


def read_elsewhere(path):
    return subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def staged(station):
    station.detector.stage()
    station.shutter.set("open")
    yield station
    station.detector.unstage()


def emit(documents):
    """Do what the RunEngine does to documents that it emits."""
    documents = list(documents)
    for name, doc in documents:
        doc["run_start" if name == "stream_resource" else "descriptor"] = "uid"
    return documents


def test_frames_can_be_read_by_another_process_while_the_file_grows(staged, tmp_path):
    detector = staged.detector
    for k in range(3):
        staged.stage.x.set(2.0 * k)
        detector.trigger().wait(timeout=5)
        emit(detector.collect_asset_docs())
        (path,) = tmp_path.glob("*.h5")
        assert read_elsewhere(path) == f"({k + 1}, 195, 487) <i4 {[2 * i for i in range(k + 1)]}"


def test_the_file_is_nexus_and_says_how_it_was_measured(staged, tmp_path):
    staged.detector.trigger().wait(timeout=5)
    emit(staged.detector.collect_asset_docs())
    staged.detector.unstage()
    (path,) = tmp_path.glob("pilatus_*.h5")
    with h5py.File(path) as file:
        assert file["entry"].attrs["NX_class"] == "NXentry"
        assert file["entry/data"].attrs["signal"] == "data"
        assert file["entry/data/data"].chunks == (1, 195, 487)
        assert file["entry/instrument/detector/pilatus_energy"][()] == 10.0
        assert file["entry/instrument/detector/pilatus_mask"][()].tolist() == [3, 500, 70000]


def test_one_resource_a_series_and_indices_that_count_from_zero(staged):
    detector = staged.detector
    names, ranges, uris = [], [], set()
    for k in range(4):
        if k == 2:
            detector.prepare({"exposure": 0.5})
        detector.trigger().wait(timeout=5)
        for name, doc in emit(detector.collect_asset_docs()):
            names.append(name)
            if name == "stream_datum":
                ranges.append((doc["indices"]["start"], doc["indices"]["stop"]))
            else:
                uris.add(doc["uri"])
                assert doc["parameters"]["dataset"] == "/entry/data/data"
    assert names == ["stream_resource", "stream_datum", "stream_datum"] * 2
    assert ranges == [(0, 1), (1, 2), (0, 1), (1, 2)]
    assert len(uris) == 2


def test_a_frame_whose_document_was_dropped_is_replaced(staged, tmp_path):
    """A pause between read and save drops the documents; the point is measured again."""
    detector = staged.detector
    kept = []
    for x, dropped in ((1.0, True), (2.0, False), (3.0, True), (4.0, False), (5.0, None)):
        staged.stage.x.set(x)
        detector.trigger().wait(timeout=5)
        if dropped is None:
            continue  # aborted before it was read
        documents = list(detector.collect_asset_docs())
        if not dropped:
            kept += emit(documents)
    detector.unstage()

    assert [name for name, _ in kept] == ["stream_resource", "stream_datum", "stream_datum"]
    assert [doc["indices"]["start"] for name, doc in kept if name == "stream_datum"] == [0, 1]
    (path,) = tmp_path.glob("*.h5")
    with h5py.File(path) as file:
        assert file["entry/data/data"][:, 0, 0].tolist() == [2, 4]


def test_exposure_and_readout_pass_on_the_clock(staged):
    staged.detector.exposure.set(0.25)
    begin = staged.clock.now()
    staged.detector.trigger().wait(timeout=5)
    staged.monitor.trigger().wait(timeout=5)
    assert staged.clock.now() - begin == pytest.approx(0.25 + 0.00095, abs=1e-6)
    assert staged.monitor.read()["i0"]["value"] == 250_000


def test_the_monitor_alone_counts_for_as_long_as_an_exposure(station):
    station.shutter.set("open")
    station.detector.exposure.set(0.2)
    begin = station.clock.now()
    station.monitor.trigger().wait(timeout=5)
    assert station.clock.now() - begin == pytest.approx(0.2, abs=1e-6)
    assert station.monitor.read()["i0"]["value"] == 200_000


def test_no_beam_behind_a_closed_shutter(staged, source):
    staged.shutter.set("closed")
    staged.detector.threshold_energy.set(7000.0)
    staged.detector.trigger().wait(timeout=5)
    assert staged.monitor.read()["i0"]["value"] == 0.0
    assert source.threshold_ev == 7000.0
    assert source.beam_size == (1.25, 2.0)


@pytest.mark.parametrize("exposure", [0.002, 0.0, -1.0, float("nan"), 4000.0])
def test_exposures_the_detector_cannot_make_are_refused(station, exposure):
    with pytest.raises(LimitError, match=r"0\.95 ms readout .* 300 frames/s"):
        station.detector.exposure.set(exposure)
    station.detector.exposure.set(0.0024)


def test_geometry_energy_and_mask_cannot_be_set_by_a_plan(station):
    configuration = station.detector.read_configuration()
    assert configuration["pilatus_poni"]["value"][3] == pytest.approx(math.radians(25.0))
    assert configuration["pilatus_mask"]["value"] == [3, 500, 70000]
    described = station.detector.describe_configuration()
    assert described["pilatus_poni"]["shape"] == [6]
    assert described["pilatus_mask"]["dtype_numpy"] == "<i8"
    with pytest.raises(ReadOnlyError):
        station.detector.energy.set(12.0)


def test_a_detector_that_is_not_staged_takes_no_frames(station):
    assert isinstance(station.detector.trigger().exception(timeout=1), DeviceError)


def test_an_exposure_can_be_given_up(make_station, tmp_path):
    station = make_station(speed=1.0)
    station.detector.stage()
    station.detector.exposure.set(30.0)
    status = station.detector.trigger()
    station.detector.pause()
    status.wait(timeout=1)
    station.detector.unstage()
    assert not list(tmp_path.glob("*.h5"))


def test_frames_are_written_faster_than_the_detector_delivers_them(tmp_path):
    frames = np.random.default_rng(0).poisson(0.3, (90, 195, 487)).astype(np.int32)
    writer = FrameWriter(tmp_path / "speed.h5", (195, 487))
    writer.write(frames, 0)
    best = 0.0
    for k in range(1, 5):
        # The processor's time: other tests run at the same time.
        begin = time.process_time()
        writer.write(frames, 90 * k)
        best = max(best, 90 / (time.process_time() - begin))
    writer.close()
    assert best > 600  # twice the detector's rate


WRITE_TOO_MUCH = """
import resource, sys
from pathlib import Path
import numpy as np
from operando.agents.frames import FrameReader
from operando.devices.hdf5_writer import DATASET, FrameWriter
from operando.errors import DeviceError

path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
writer, reader = FrameWriter(path, (195, 487)), FrameReader()
place = {"uid": "r", "uri": f"file://localhost{path}", "parameters": {"dataset": DATASET}}
reader.stream_resource(place)
frames = np.random.default_rng(1).integers(0, 1 << 20, (4, 195, 487), np.int32)
for number in range(4):
    try:
        writer.write(frames[number:][:1], number)
        datum = {"stream_resource": "r", "indices": {"start": number, "stop": number + 1}}
        assert sum(len(portion) for portion in reader.read(datum)) == 1
    except DeviceError as error:
        print(number, error)
        break
for one in (writer, reader, writer):
    try:
        one.close()
    except DeviceError as error:
        print("again:", error)
"""


def test_a_disk_that_takes_no_more_is_told_in_a_line_that_names_the_file(tmp_path):
    path = tmp_path / "full.h5"
    run = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, path],
        capture_output=True,
        text=True,
        env={**os.environ, "OPERANDO_READABLE": str(tmp_path)},
    )
    told = f"frames cannot be written to {path}: File too large\n"
    written, _, said = run.stdout.partition(" ")
    assert said == told + f"again: {told}"
    # Whoever reads it in the same process cannot close it either.
    assert run.stderr.startswith(f"{path} cannot be closed: "), run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    with h5py.File(path, "r", swmr=True) as file:
        assert len(file["/entry/data/data"]) == int(written) > 0, "none that was not written"


def test_the_shutter_closes_on_its_own_and_reopens_only_after_a_pause(station):
    shutter = station.shutter
    shutter.set("open").wait(timeout=1)
    shutter.stop()
    assert not shutter.is_open
    shutter.pause()
    shutter.resume()
    assert shutter.is_open
    shutter.unstage()
    assert not shutter.is_open
    shutter.resume()
    assert shutter.read()["shutter"]["value"] == "closed"
    with pytest.raises(BadInput, match="'ajar'"):
        shutter.set("ajar")
