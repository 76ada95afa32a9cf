"""Frames are read from the files that documents name, while these still grow."""

import threading
import time

import event_model
import h5py
import numpy as np
import pytest

from operando.agents.frames import PORTION, FrameReader
from operando.errors import AgentError
from support.frames_run import DATASET, documents, frame


def read_all(reader, docs):
    """Frames of every stream datum, read the moment it is announced."""
    for name, doc in docs:
        if name == "stream_resource":
            reader.stream_resource(doc)
        elif name == "stream_datum":
            yield doc, np.concatenate(list(reader.read(doc)))


def plain_file(path, frames, **options):
    with h5py.File(path, "w", **options) as file:
        file["/entry/data/data"] = np.stack([frame(i) for i in range(frames)])


def announce(path, stop, start=0, uri=None):
    """Resource and datum of frames that are in `path`, or are said to be."""
    resource = {
        "uid": "r",
        "uri": uri or path.as_uri(),
        "data_key": "image",
        "parameters": {"dataset": DATASET},
    }
    return resource, {"stream_resource": "r", "indices": {"start": start, "stop": stop}}


@pytest.fixture
def reader():
    reader = FrameReader(patience_s=0.2)
    yield reader
    reader.close()


@pytest.mark.parametrize("batch", [1, 3])
def test_frames_of_a_growing_file_are_read_as_they_are_announced(tmp_path, reader, batch):
    seen = []
    for datum, frames in read_all(reader, documents(tmp_path, 8, batch=batch)):
        first = datum["indices"]["start"]
        np.testing.assert_array_equal(frames, [frame(first + i) for i in range(len(frames))])
        seen += range(first, first + len(frames))
    assert seen == list(range(8))


def test_frames_can_be_read_again_after_the_run(tmp_path, reader):
    docs = list(documents(tmp_path, 4))
    assert [f[0, 0, 0] for _, f in read_all(reader, docs)] == [0, 1000, 2000, 3000]


def test_announced_frames_that_cannot_be_seen_yet_are_waited_for(tmp_path):
    path = tmp_path / "late.h5"
    reader = FrameReader(patience_s=20.0)
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset(
            DATASET, (1, 13, 17), maxshape=(None, 13, 17), chunks=(1, 13, 17), dtype="<i4"
        )
        file.swmr_mode = True
        resource, datum = announce(path, 3)
        reader.stream_resource(resource)
        got = []
        reading = threading.Thread(target=lambda: got.extend(reader.read(datum)))
        reading.start()
        time.sleep(0.1)
        assert not got
        data.resize(3, axis=0)
        data[2] = frame(2)
        data.flush()
        reading.join(10)
    np.testing.assert_array_equal(got[0][2], frame(2))
    reader.close()


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}])
def test_a_finished_file_of_any_format_is_read(tmp_path, reader, options):
    path = tmp_path / "with a space.h5"
    plain_file(path, 5, **options)
    resource, datum = announce(path, 4, start=2)
    reader.stream_resource(resource)
    np.testing.assert_array_equal(np.concatenate(list(reader.read(datum))), [frame(2), frame(3)])


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}])
def test_frames_that_never_come_are_an_error_after_the_wait(tmp_path, reader, options):
    path = tmp_path / "short.h5"
    plain_file(path, 2, **options)
    resource, datum = announce(path, 5)
    reader.stream_resource(resource)
    begin = time.monotonic()
    with pytest.raises(AgentError, match="holds 2 frames; 5 were announced"):
        list(reader.read(datum))
    assert time.monotonic() - begin < 5.0


def test_frames_of_a_resource_that_was_never_announced_are_an_error(reader):
    with pytest.raises(AgentError, match="unknown stream resource"):
        list(reader.read({"stream_resource": "nobody", "indices": {"start": 0, "stop": 1}}))


@pytest.mark.parametrize("content", [None, b"", b"no HDF5 at all"])
def test_a_file_that_is_absent_or_no_hdf5_is_an_error(tmp_path, reader, content):
    path = tmp_path / "frames.h5"
    if content is not None:
        path.write_bytes(content)
    resource, datum = announce(path, 1)
    reader.stream_resource(resource)
    with pytest.raises(AgentError, match=r"frames\.h5"):
        list(reader.read(datum))


def test_a_file_without_the_dataset_is_an_error(tmp_path, reader):
    path = tmp_path / "empty.h5"
    h5py.File(path, "w").close()
    resource, datum = announce(path, 1)
    reader.stream_resource(resource)
    with pytest.raises(AgentError, match="cannot read frames"):
        list(reader.read(datum))


def test_frames_elsewhere_are_an_error_that_says_where(tmp_path, reader):
    resource, datum = announce(tmp_path, 1, uri="s3://bucket/frames.h5")
    reader.stream_resource(resource)
    with pytest.raises(AgentError, match="s3://bucket"):
        list(reader.read(datum))


def test_a_reader_that_was_closed_holds_no_file_and_can_start_again(tmp_path, reader):
    docs = list(documents(tmp_path, 2))
    list(read_all(reader, docs))
    reader.close()
    with h5py.File(next(tmp_path.glob("*.h5")), "r+"):
        pass  # nobody else has it open
    assert len(list(read_all(reader, docs))) == 2


def test_the_documents_of_the_support_module_are_valid(tmp_path):
    for name, doc in documents(tmp_path, 2):
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)


def test_two_agents_may_read_the_same_frames_at_the_same_time(tmp_path):
    docs = list(documents(tmp_path, 24, batch=3))
    readers, wrong = [FrameReader() for _ in range(3)], []

    def read(reader):
        try:
            for datum, frames in read_all(reader, docs):
                if frames[0, 0, 0] != 1000 * datum["indices"]["start"]:
                    wrong.append(datum)
        except AgentError as error:
            wrong.append(error)

    for _ in range(5):
        threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for reader in readers:
        reader.close()
    assert not wrong


def test_a_file_that_somebody_else_has_open_is_read(tmp_path, reader):
    docs = list(documents(tmp_path, 6))
    with h5py.File(next(tmp_path.glob("*.h5")), "r", swmr=True, libver="latest") as file:
        data = file[DATASET]
        assert data[0, 0, 0] == 0
        assert [f[0, 0, 0] for _, f in read_all(reader, docs)] == [0, 1000, 2000, 3000, 4000, 5000]
        assert data[5, 0, 0] == 5000


def test_a_long_series_is_never_in_memory_as_a_whole(tmp_path, reader):
    path = tmp_path / "long.h5"
    plain_file(path, 3 * PORTION + 1)
    resource, datum = announce(path, 3 * PORTION + 1, start=1)
    reader.stream_resource(resource)
    portions = list(reader.read(datum))
    assert [len(portion) for portion in portions] == 3 * [PORTION]
    first = [portion[0, 0, 0] for portion in portions]
    assert first == [1000, 1000 * (PORTION + 1), 1000 * (2 * PORTION + 1)]
