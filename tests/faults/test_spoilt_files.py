"""Spoilt files: a named error of one line that names the file, or what is in it; in time."""

import io
import json
import random
import struct
import time
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.agents.focus_agent import FocusAgent
from operando.agents.image_frames import image_frames
from operando.agents.label_store import LabelStore
from operando.agents.npz_file import read_arrays, write_arrays
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.agents.soc_stepper import SocStepper
from operando.errors import BadInput, OperandoError, StoreError
from operando.ingesting.positions import Positions
from operando.interactive.metadata import StoredMetadata
from operando.physics.crystals import from_cif
from operando.stations.station_file import parse_station_file
from operando.store.journal import JournalFile, seal, unseal
from operando.store.recovery import close_run
from support.readers import array_readers, kept_readers, text_readers

_SETTINGS = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Readers that take less than a millisecond: those of text."""
    return [*text_readers(), *kept_readers(tmp_path_factory.mktemp("kept"))]


def refused_or_read(reader, path):
    """Read a file; what is raised must be an error of operando's, a line, and name the file."""
    began, words = time.process_time(), path.name
    try:
        reader.read(path)
    except OperandoError as error:
        words = str(error)
    assert len(words.splitlines()) == 1
    assert path.name in words
    assert time.process_time() - began < 2.0


def test_good_files_are_read(readers, tmp_path):
    for reader in readers:
        for number, data in enumerate(reader.good):
            path = tmp_path / f"{number}{reader.suffix}"
            path.write_bytes(data)
            reader.read(path)


def test_spoilt_files_are_read_or_refused_in_a_line(readers, tmp_path):
    @_SETTINGS
    @given(seed=st.integers(0, 2**32 - 1))
    def spoil(seed):
        rng = random.Random(seed)
        for reader in readers:
            path = tmp_path / f"spoilt{reader.suffix}"
            path.write_bytes(reader.mutate(rng, rng.choice(reader.good), reader.good))
            refused_or_read(reader, path)

    spoil()


def test_spoilt_checkpoints_and_models_are_read_or_refused_in_a_line(tmp_path):
    rng = random.Random(8)
    for reader in array_readers(tmp_path):
        # Those that take long are of the agents that the same code reads for.
        for _ in range(min(round(200 / reader.cost), 20)):
            path = tmp_path / f"spoilt{reader.suffix}"
            path.write_bytes(reader.mutate(rng, rng.choice(reader.good), reader.good))
            refused_or_read(reader, path)


@pytest.mark.parametrize("kind", [FocusAgent, SocStepper])
def test_settings_that_an_agent_lacks_are_refused_by_the_name_of_the_file(tmp_path, kind):
    path = tmp_path / "agent.npz"
    agent = kind(checkpoint_path=path)
    agent.checkpoint()
    agent.close()
    arrays = read_arrays(path)
    about = json.loads(str(arrays["about"]))
    about["spec"]["config"]["unknown"] = 1
    write_arrays(path, **{**arrays, "about": np.array(json.dumps(about))})
    with pytest.raises(BadInput, match=r"agent\.npz: not a checkpoint .*'unknown'"):
        kind.from_checkpoint(path)


def packed(**members):
    """An npz file of members as they are."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return out.getvalue()


def declared(descr, shape, data=b""):
    """An array that says what it likes of itself."""
    out = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue() + data


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a"),
        (b"PK\x03\x04 and nothing more", "not a"),
        (packed(a=declared("<f8", (10**12,))), "more than it holds"),
        (packed(a=declared("<f8", (-5,))), "more than it holds"),
        (packed(a=declared("|O", (3,), b"\x80\x04.")), "objects"),
        (packed(a=declared("|u1", (10**7,), bytes(10**7))), "1000000 at most"),
        (packed(a=b"no array at all"), "not a"),
    ],
)
def test_arrays_from_anywhere_are_looked_at_before_they_are_made(tmp_path, content, why):
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=why) as refused:
        read_arrays(path, largest=10**6)
    assert "arrays.npz" in str(refused.value)


def test_a_checkpoint_with_a_map_too_large_for_its_arrays_takes_no_memory(tmp_path):
    grid = {"shape": [10**6, 10**6], "origin_um": [0.0, 0.0], "step_um": [1.0, 1.0]}
    header = json.dumps({"spec": {}, "grid": grid, "next_id": 0}).encode()
    path = tmp_path / "map.npz"
    small = np.zeros((6, 10), dtype=np.float32)
    write_arrays(
        path, header=np.frombuffer(header, np.uint8), two_theta=np.arange(10.0),
        wavelength=np.array(1.0), intensity=small, variance=small,
    )  # fmt: skip
    with pytest.raises(BadInput, match="no such map's"):
        PhaseMappingAgent.from_checkpoint(path)


def test_a_checkpoint_of_another_agent_names_the_file(tmp_path):
    path = tmp_path / "focus.npz"
    about = {"spec": [], "began": 0, "scans": [{"points": float("inf")}]}
    write_arrays(path, about=np.array(json.dumps(about)))
    with pytest.raises(BadInput, match=r"focus\.npz: not a checkpoint of scans"):
        FocusAgent.from_checkpoint(path)


def nested(depth=100_000):
    return b"[" * depth + b"]" * depth


def test_words_that_nest_too_deep_are_no_words(tmp_path):
    labels = tmp_path / "labels.jsonl"
    labels.write_bytes(nested() + b"\n" + nested() + b"\n")
    with pytest.raises(StoreError, match="line 1, is no label"):
        LabelStore(labels)
    kept = tmp_path / "metadata.json"
    kept.write_bytes(nested())
    assert dict(StoredMetadata(kept)) == {}
    line = seal(0, "start", {"uid": "a"})
    assert unseal(line) is not None
    assert unseal(line.replace(b'"a"', nested())) is None


def test_a_scan_number_that_is_none_does_not_keep_a_run_from_being_measured(tmp_path):
    path = tmp_path / "metadata.json"
    path.write_text('{"scan_id": Infinity, "proposal": "p"}')
    kept = StoredMetadata(path)
    assert kept.next_scan_id() == 1
    assert kept["proposal"] == "p"


def test_a_journal_with_documents_that_lack_their_keys_can_be_closed(tmp_path):
    path = tmp_path / "a.jsonl"
    documents = [("start", {"uid": "a"}), ("descriptor", {}), ("event", {"seq_num": None})]
    path.write_bytes(b"".join(seal(n, *one) for n, one in enumerate(documents)))
    journal = JournalFile(path)
    assert close_run(journal, tmp_path / "damaged") == "a"
    journal.close()
    last = unseal(path.read_bytes().splitlines(keepends=True)[-1])
    assert (last.name, last.doc["exit_status"]) == ("stop", "abort")


def test_numbers_beyond_all_measure_are_refused(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("x,y\n1e308,1\n-1e308,2\n")
    with pytest.raises(BadInput, match="row 1: x is '1e308'"):
        Positions.read(path, ["a", "b"])
    with pytest.raises(BadInput, match=r"a\.toml"):
        parse_station_file(f"seed = 1{'0' * 400}\n", "a.toml")


def test_what_is_said_of_a_file_is_one_line(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("x\x0by,i0\n1,2\n")
    with pytest.raises(BadInput) as refused:
        Positions.read(path, ["a"])
    assert len(str(refused.value).splitlines()) == 1


def tiff_in_a_circle():
    header = struct.pack("<2sHI", b"II", 42, 8)
    return header + struct.pack("<HHHIII", 1, 256, 3, 1, 40, 8)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.cbf", b"###CBF: VERSION 1.5\r\n--CIF-BINARY-FORMAT-SECTION--\r\n", "binary section"),
        ("a.cbf", b"\x0c\x1a\x04\xd5", "binary section"),
        ("a.tif", tiff_in_a_circle(), "circle"),
        ("a.edf", b"{\nDim_1 = 65536 ;\nDim_2 = 40 ;\n}\n" + bytes(6400), "2621440 pixels"),
        ("a.edf", b"{\nDim_1 = 40 ;\nDim_2147483647 = 40 ;\n}\n" + bytes(6400), "Dim_2147483647"),
    ],
)
def test_images_that_would_be_read_for_ever_are_refused(tmp_path, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=why):
        list(image_frames(path))


def test_a_damaged_hdf5_file_is_no_image(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=np.ones((4, 40, 40)), chunks=(1, 40, 40))
    whole = path.read_bytes()
    rng = random.Random(4)
    for _ in range(60):
        spoilt = bytearray(whole)
        for _ in range(20):
            spoilt[rng.randrange(min(len(spoilt), 4000))] = rng.randrange(256)
        path.write_bytes(bytes(spoilt))
        try:
            frames = list(image_frames(path))
        except BadInput:
            continue
        assert all(frame.ndim == 2 for frame in frames)


@pytest.mark.parametrize(
    "content",
    [b"", b"data_a\n_space_group_name_H-M_alt '\xff-3 m'\n_cell_length_a 2.9\n"],
    ids=["nothing", "no text"],
)
def test_cif_files_without_a_block_or_with_words_that_are_no_text_are_refused(tmp_path, content):
    path = tmp_path / "a.cif"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.cif"):
        from_cif(path)
