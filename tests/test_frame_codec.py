"""Frames packed and unpacked beside HDF5: the same bytes, and no trust in those of a file."""

import struct
import threading
import time

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from operando import frame_codec
from operando.agents.frames import FrameReader
from operando.devices.hdf5_writer import DATASET, FrameWriter
from operando.errors import AgentError, BadInput

SHAPE = (195, 487)

needs_library = pytest.mark.skipif(
    frame_codec._library() is None, reason="the filter's functions cannot be called here"
)


def dataset(path, shape, dtype="<i4", **layout):
    file = h5py.File(path, "w")
    layout = layout or {"chunks": (1, *shape[1:]), **hdf5plugin.Bitshuffle(cname="lz4")}
    return file.create_dataset(DATASET, shape=shape, dtype=dtype, **layout)


def series(path):
    """The documents of a file of frames, as an agent gets them."""
    resource = {"uid": "r", "uri": f"file://localhost{path}", "parameters": {"dataset": DATASET}}
    datum = {"stream_resource": "r", "indices": {"start": 0, "stop": 3}}
    return resource, datum


@pytest.fixture
def frames():
    return np.random.default_rng(3).poisson(0.3, (3, *SHAPE)).astype(np.int32)


@needs_library
@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["<i4", "<u2", "u1", "<f8"]),
        st.tuples(st.integers(1, 90), st.integers(1, 90)),
    )
)
def test_a_chunk_is_to_the_byte_what_hdf5_writes(tmp_path_factory, frame):
    path = tmp_path_factory.mktemp("codec") / "a.h5"
    data = dataset(path, (1, *frame.shape), frame.dtype)
    assert frame_codec.codes(data)
    data[0] = frame
    skipped, chunk = data.id.read_direct_chunk((0, 0, 0))
    assert frame_codec.encode(frame) == chunk
    out = np.empty_like(frame)
    frame_codec.decode(chunk, out, skipped=skipped)
    assert out.tobytes() == frame.tobytes()
    data.file.close()


@needs_library
def test_other_layouts_are_left_to_hdf5(tmp_path):
    packed = hdf5plugin.Bitshuffle(cname="lz4")
    for number, layout in enumerate(
        (
            {"chunks": (2, *SHAPE), **packed},
            {"chunks": (1, *SHAPE), **hdf5plugin.Bitshuffle(cname="zstd")},
            {"chunks": (1, *SHAPE), "compression": "gzip"},
            {"chunks": (1, *SHAPE), "shuffle": True, **packed},
            {"chunks": (1, *SHAPE)},
        )
    ):
        data = dataset(tmp_path / f"{number}.h5", (4, *SHAPE), **layout)
        assert not frame_codec.codes(data)
        data.file.close()


@needs_library
@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 400), more=st.binary())
def test_a_damaged_chunk_is_refused_or_unpacked_and_nothing_else(at, value, cut, more):
    frame = np.random.default_rng(5).poisson(0.3, (40, 97)).astype(np.int32)
    chunk = bytearray(frame_codec.encode(frame))
    chunk[at % len(chunk)] = value
    damaged = bytes(chunk[: len(chunk) - cut if cut % 3 else len(chunk)]) + more
    # What is around the frame must stay as it is.
    around, said = np.full((3, 40, 97), 7, np.int32), ""
    try:
        frame_codec.decode(damaged, around[1])
    except BadInput as refused:
        said = str(refused)
    assert (around[[0, 2]] == 7).all()
    assert "\n" not in said


@needs_library
def test_a_block_that_says_more_than_there_is_is_not_read(frames):
    chunk = bytearray(frame_codec.encode(frames[0]))
    chunk[12:16] = struct.pack(">I", 2**31 - 1)
    with pytest.raises(BadInput, match=r"the blocks of a frame|is cut off"):
        frame_codec.decode(bytes(chunk), np.empty(SHAPE, np.int32))


def test_frames_are_the_same_with_and_without_the_library(tmp_path, frames, monkeypatch):
    found = []
    for name, writes, reads in (("a", True, False), ("b", False, True), ("c", False, False)):
        with monkeypatch.context() as without:
            if not writes:
                without.setattr(frame_codec, "_library", lambda: None)
            writer = FrameWriter(tmp_path / f"{name}.h5", SHAPE)
            writer.write(frames, 0)
            writer.write(frames[2:0:-1], 1)  # over those that are there
            writer.close()
        with monkeypatch.context() as without:
            if not reads:
                without.setattr(frame_codec, "_library", lambda: None)
            reader, (resource, datum) = FrameReader(), series(tmp_path / f"{name}.h5")
            reader.stream_resource(resource)
            found.append(np.concatenate(list(reader.read(datum))))
            reader.close()
    for read in found:
        np.testing.assert_array_equal(read, frames[[0, 2, 1]])


def test_a_chunk_that_is_not_packed_is_read(tmp_path, frames):
    data = dataset(tmp_path / "a.h5", frames.shape)
    for number, frame in enumerate(frames):
        data.id.write_direct_chunk((number, 0, 0), frame.tobytes(), filter_mask=1)
    data.file.close()
    reader, (resource, datum) = FrameReader(), series(tmp_path / "a.h5")
    reader.stream_resource(resource)
    np.testing.assert_array_equal(np.concatenate(list(reader.read(datum))), frames)
    reader.close()


def test_a_frame_that_was_never_written_to_a_closed_file_is_what_hdf5_says(tmp_path, frames):
    data = dataset(tmp_path / "a.h5", frames.shape)
    data[0], data[2] = frames[0], frames[2]
    data.file.close()
    reader, (resource, datum) = FrameReader(patience_s=0.1), series(tmp_path / "a.h5")
    reader.stream_resource(resource)
    (found,) = reader.read(datum)
    assert not found[1].any()
    np.testing.assert_array_equal(found[2], frames[2])
    reader.close()


def test_room_for_a_frame_is_no_frame_before_it_is_written(tmp_path, frames):
    writer = FrameWriter(tmp_path / "a.h5", SHAPE)
    writer.write(frames[:2], 0)
    writer._data.resize(3, axis=0)
    writer._data.flush()
    reader, (resource, datum) = FrameReader(patience_s=20.0), series(tmp_path / "a.h5")
    reader.stream_resource(resource)
    late = threading.Timer(0.5, lambda: writer.write(frames[2:], 2))
    began = time.monotonic()
    late.start()
    np.testing.assert_array_equal(np.concatenate(list(reader.read(datum))), frames)
    assert time.monotonic() - began >= 0.5
    reader.close()
    writer.close()


def test_a_damaged_frame_fails_with_the_name_of_its_file(tmp_path, frames):
    data = dataset(tmp_path / "a.h5", frames.shape)
    for number, frame in enumerate(frames):
        chunk = bytearray(frame_codec.encode(frame)) if frame_codec._library() else bytearray(99)
        chunk[12:16] = b"\xff\xff\xff\xff"
        data.id.write_direct_chunk((number, 0, 0), bytes(chunk))
    data.file.close()
    reader, (resource, datum) = FrameReader(), series(tmp_path / "a.h5")
    reader.stream_resource(resource)
    with pytest.raises(AgentError, match=r"cannot read frames from .*a\.h5"):
        list(reader.read(datum))
    reader.close()
