"""Names and files that lead elsewhere: nothing is run, read or written outside its folder."""

import ast
import csv
import logging
import os
import pickle
import re
import shutil
import tempfile
import time
from pathlib import Path

import event_model
import h5py
import numpy as np
import pytest

import operando
from operando.agents import bayes_opt, focus_checkpoint, map_checkpoint, soc_checkpoint
from operando.agents.frames import FrameReader
from operando.agents.image_frames import image_frames
from operando.agents.kinetics_agent import KineticsAgent
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.poni_files import Geometry
from operando.agents.soc_library import SocLibrary
from operando.cli import _OneLine
from operando.confined import file_name, may_read, printable, reading_within, within
from operando.errors import AgentError, BadInput, OperandoError, StoreError
from operando.reporting.folder import report_path
from operando.store import open_store
from operando.store.intake import Intake
from operando.store.journal import JournalFile, read
from operando.store.places import Places
from operando.store.recovery import spill, unspill

HOSTILE = [
    *("../../x", "/etc/passwd", "a/b", "a\\b", "..", ".", "...", "", " ", "NUL", "con.txt", "lpt1"),
    *(
        "x\0y",
        "x" * 5000,
        "é" * 200,
        "a\nb",
        "\x1b[2J\x1b]0;owned\x07",
        "~root",
        "-rf",
        "x.",
        "x:y",
    ),
    *("$(id)", "`id`", "%2e%2e%2fx", "\udcff", "\u202egpj.exe", "C:\\x", "\\\\host\\share"),
]
MARKUP = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
ESCAPE = "\x1b[2J\x1b]0;owned\x07steel\nall is well"
SECRET = 4242


def everything(folder):
    """List what is in a folder, links not followed."""
    return {path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


# Names that become files.


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_one_file_in_its_folder(tmp_path, text):
    name = file_name(text)
    path = tmp_path / "in" / f"{name}.csv"
    path.parent.mkdir()
    path.write_text("there")
    assert path.resolve().parent == tmp_path / "in"
    assert everything(tmp_path) == {path}
    assert re.fullmatch(r"[\w.-]+", name)
    assert name.partition(".")[0].lower() not in ("con", "nul", "lpt1")
    assert file_name(name) == name


def test_names_that_differ_stay_different():
    names = [file_name(text).lower() for text in (*HOSTILE, "x", "x_y", "etc_passwd")]
    assert len(set(names)) == len(names)


def run_documents(uid="", stream="primary", key="x", value=1.0, device="stage", **start):
    """Compose a run of one event."""
    metadata = {"plan_name": "count", "scan_id": 1, **start}
    run = event_model.compose_run(uid=uid or None, metadata=metadata)
    kind = "string" if isinstance(value, str) else "number"
    described = run.compose_descriptor(
        name=stream,
        data_keys={key: {"source": "SIM", "dtype": kind, "shape": [], "units": "mm"}},
        configuration={
            device: {
                "data": {"a b": 1.0, "b\0": "x\0y"},
                "timestamps": {"a b": 0.0, "b\0": 0.0},
                "data_keys": {
                    "a b": {"source": "SIM", "dtype": "number", "shape": []},
                    "b\0": {"source": "SIM", "dtype": "string", "shape": []},
                },
            }
        },
        validate=False,
    )
    event = described.compose_event(data={key: value}, timestamps={key: 0.0}, validate=False)
    return [
        ("start", run.start_doc),
        ("descriptor", described.descriptor_doc),
        ("event", event),
        ("stop", run.compose_stop()),
    ]


@pytest.mark.parametrize("uid", HOSTILE)
def test_no_uid_leads_a_journal_or_a_report_out_of_its_folder(tmp_path, uid):
    folder = tmp_path / "a" / "b" / "journal"
    folder.mkdir(parents=True)
    intake = Intake(folder, lambda *_: None)
    start = {"uid": uid, "time": 0.0}
    intake("start", start)  # what a RunEngine calls: it must not raise
    (journal,) = everything(tmp_path)
    assert journal.parent == folder
    assert [entry.doc for _, entry in read(journal)] == [start]
    out = tmp_path / "out" / "reports"
    named = report_path(out, {"uid": uid, "plan_name": uid})
    assert Path(os.path.normpath(named)).is_relative_to(out)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("bounds") / "store") as opened:
        yield opened


def test_a_run_of_a_name_that_leads_elsewhere_is_kept_and_waits(store):
    root = Path(store.name).parent
    write = store.writer()
    before = everything(root)
    for docs in (run_documents(uid="../../outside"), run_documents(stream="../../outside")):
        for name, doc in docs:
            write(name, doc)
        uid = docs[0][1]["uid"]
        assert [doc["uid"] for _, doc in store.documents(uid)] == [doc["uid"] for _, doc in docs]
    waiting = store.sync(20.0).waiting
    problems = "\n".join(str(one.problem) for one in waiting)
    assert len(waiting) == 2
    assert "../../outside is no key for Tiled" in problems
    assert "../../outside is no name for a node" in problems
    new = everything(root) - before
    assert all(path.is_relative_to(root / "store") for path in new)
    assert {path.parent.name for path in new if path.suffix == ".jsonl"} == {"journal"}


@pytest.fixture(scope="module")
def hostile_uid(store):
    """Store a run whose every name and text is hostile, as far as Tiled takes them."""
    text = run_documents(
        stream="documents", value=FORMULA, device="de\0vice", sample=MARKUP, operator=ESCAPE
    )
    start = {**text[0][1], "plan_name": ESCAPE, "title": MARKUP}
    write = store.writer()
    for name, doc in (("start", start), *text[1:]):
        write(name, doc)
    deadline = time.monotonic() + 60
    while any(one.uid == start["uid"] for one in store.sync(1.0).waiting):
        assert time.monotonic() < deadline
    return start["uid"]


def test_an_export_is_in_its_folder_and_no_cell_is_a_formula(
    store, hostile_uid, operando, tmp_path
):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    out = tmp_path / "out"
    out.mkdir()
    # What somebody else put where a draft is going to be.
    (out / f".{hostile_uid[:8]}.nxs.part").symlink_to(victim)
    (out / f".{hostile_uid[:8]}-documents.csv.part").symlink_to(victim)
    done = operando("export", hostile_uid, out, "--store", store.name, "--json")
    assert done.returncode == 0, done.stderr
    assert {Path(path).parent for path in done.json()["files"]} == {out}
    assert everything(tmp_path) == {victim, *map(Path, done.json()["files"])}
    assert victim.read_text() == "untouched"
    with (out / f"{hostile_uid[:8]}-documents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["x"] for row in rows] == [f"'{FORMULA}"]
    with h5py.File(out / f"{hostile_uid[:8]}.nxs") as file:
        assert list(file) == ["entry"]
        assert file["entry/documents_/x"].asstr()[0] == FORMULA  # the words are not changed here
        assert len(file["entry/instrument/documents_"]) == 1


def test_a_terminal_is_shown_no_control_characters(store, hostile_uid, operando):
    for words in (["runs"], ["show", hostile_uid]):
        done = operando(*words, "--store", store.name)
        assert done.returncode == 0, done.stderr
        for said in (done.stdout, done.stderr):
            colourless = re.sub(r"\x1b\[[\d;]*m", "", said)  # rich's own
            assert "\x1b" not in colourless
            assert "\x07" not in said
            lines = [line.lstrip(" │") for line in said.splitlines()]
            assert not any(line.startswith("all is well") for line in lines)
    bad = operando("show", "\x1b[2Jno\nrun", "--store", store.name)
    assert bad.returncode == 2
    assert "\x1b" not in bad.stderr
    assert bad.stderr.count("\n") == 1


def test_a_log_line_is_one_line():
    record = logging.LogRecord(
        "x", logging.ERROR, "", 1, "run %s", ("7\n\x1b[2JERROR all lost",), None
    )
    line = _OneLine().format(record)
    assert line == r"run 7\n\x1b[2JERROR all lost"
    assert printable("試料 20 µm – α") == "試料 20 µm – α"


def test_a_report_of_hostile_words_is_text(store, hostile_uid, operando, tmp_path):
    path = tmp_path / "report.html"
    assert operando("report", hostile_uid, "--out", path, "--store", store.name).returncode == 0
    page = path.read_text(encoding="utf-8")
    assert MARKUP not in page
    assert "&lt;script&gt;" in page


# Frames that are elsewhere.


def h5(path, dataset="/entry/data/data", value=7):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[dataset] = np.full((2, 3, 4), value, "<i4")
    return path


def external_link(path, secret):
    with h5py.File(path, "w") as file:
        file["/entry/data/data"] = h5py.ExternalLink(str(secret), "/entry/data/data")


def link_on_the_way(path, secret):
    with h5py.File(path, "w") as file:
        file["/entry"] = h5py.ExternalLink(str(secret), "/entry")


def soft_link_to_external(path, secret):
    with h5py.File(path, "w") as file:
        file["/elsewhere"] = h5py.ExternalLink(str(secret), "/entry/data/data")
        file["/entry/data/data"] = h5py.SoftLink("/elsewhere")


def virtual(path, secret):
    layout = h5py.VirtualLayout((2, 3, 4), "<i4")
    layout[:] = h5py.VirtualSource(secret, "/entry/data/data", (2, 3, 4))
    with h5py.File(path, "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout)


def virtual_of_one_that_links(path, secret):
    external_link(path.with_name("sibling.h5"), secret)
    virtual(path, "sibling.h5")


def external_storage(path, secret):
    with h5py.File(path, "w") as file:
        storage = [(str(secret), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("/entry/data/data", (2, 3, 4), "<i4", external=storage)


def relative_link(path, secret):
    external_link(path, os.path.relpath(secret, path.parent))


def link_found_in_the_working_directory(path, secret):
    external_link(path, secret.name)


LEADING = [
    external_link, link_on_the_way, soft_link_to_external, virtual, virtual_of_one_that_links,
    external_storage, relative_link, link_found_in_the_working_directory,
]  # fmt: skip


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Give a folder of frames beside one with a secret, which is where we stand."""
    secret = h5(tmp_path / "secret" / "secret.h5", value=SECRET)
    monkeypatch.chdir(secret.parent)
    folder = tmp_path / "frames"
    folder.mkdir()
    return folder, secret


def read_by_agent(uri):
    reader = FrameReader(patience_s=0.1)
    resource = {"uid": "r", "uri": uri, "parameters": {"dataset": "/entry/data/data"}}
    reader.stream_resource(resource)
    try:
        datum = {"stream_resource": "r", "indices": {"start": 0, "stop": 2}}
        return np.concatenate(list(reader.read(datum)))
    finally:
        reader.close()


@pytest.mark.parametrize("make", LEADING)
def test_a_frame_file_that_leads_elsewhere_is_refused(frames, make):
    folder, secret = frames
    make(folder / "frames.h5", secret)
    with reading_within([folder]), pytest.raises(AgentError, match="may not be read"):
        read_by_agent((folder / "frames.h5").as_uri())
    # By its suffix or by its first bytes, a file that classify or ingest is given.
    for name in ("frames.h5", "frames.tif"):
        (folder / "frames.h5").rename(folder / name) if name.endswith("tif") else None
        with pytest.raises(BadInput, match=r"may not be read|holds no image"):
            list(image_frames(folder / name))


def test_frames_beside_their_master_are_read(frames):
    folder, _ = frames
    h5(folder / "data_000001.h5", value=5)
    virtual(folder / "master.h5", "data_000001.h5")
    external_link(folder / "links.h5", "data_000001.h5")
    with reading_within([folder]):
        for name in ("master.h5", "links.h5"):
            assert read_by_agent((folder / name).as_uri()).mean() == 5
    assert [frame.mean() for frame in image_frames(folder / "master.h5")] == [5, 5]


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "{secret}",
        "{frames}/../secret/secret.h5",
        "{frames}/%2e%2e/secret/secret.h5",
        "{frames}/link.h5",
        "{frames}/folder/secret.h5",
        "http://127.0.0.1:9/x.h5",
        "s3://bucket/x.h5",
        "secret.h5",
        "file:///x%00.h5",
        "",
    ],
)
def test_documents_name_frames_where_they_may_be_and_nowhere_else(frames, uri):
    folder, secret = frames
    (folder / "link.h5").symlink_to(secret)
    (folder / "folder").symlink_to(secret.parent)
    named = uri.format(secret=secret.as_uri(), frames=folder.as_uri())
    with reading_within([folder]), pytest.raises(AgentError, match="cannot read frames"):
        read_by_agent(named)
    with reading_within([folder, secret.parent]):
        assert read_by_agent(secret.as_uri()).mean() == SECRET


def test_commands_that_read_a_store_read_frames_from_it_alone(store, frames, monkeypatch):
    from rich.console import Console

    from operando.commands.stored import opened

    _, secret = frames
    with opened(store.name, Console(quiet=True)) as again:
        assert may_read(again.frames_dir / "x.h5")
        assert not may_read(secret)
    assert may_read(secret)  # what this process measures itself is wherever its detectors write
    monkeypatch.setenv("OPERANDO_READABLE", str(secret.parent))
    with opened(store.name, Console(quiet=True)):
        assert may_read(secret)


def registered(store, key, uri, **source):
    """Register a file in the store's Tiled as a client that may write does."""
    structure = {
        "data_type": {"endianness": "little", "kind": "i", "itemsize": 4},
        "chunks": [[2], [3], [4]], "shape": [2, 3, 4], "dims": None, "resizable": False,
    }  # fmt: skip
    asset = {"data_uri": uri, "is_directory": False, "parameter": "data_uris", "num": 0}
    source = {
        "structure_family": "array", "structure": structure, "mimetype": "application/x-hdf5",
        "management": "external", "parameters": {"dataset": "/entry/data/data"},
        "assets": [asset], **source,
    }  # fmt: skip
    body = {"id": key, "structure_family": "array", "metadata": {}, "specs": []}
    client = store.catalog.context.http_client
    made = client.post("/api/v1/register/", json={**body, "data_sources": [source]})
    read_ = client.get(f"/api/v1/array/full/{key}", params={"format": "application/json"})
    return made, read_


def test_tiled_reads_no_frames_from_elsewhere(store, frames):
    _, secret = frames
    own = h5(store.frames_dir / "own.h5")
    made, got = registered(store, "own", own.as_uri())
    assert (made.status_code, got.status_code) == (200, 200)
    made, got = registered(store, "elsewhere", secret.as_uri())
    assert (made.status_code, got.status_code) == (200, 403)  # kept, and not read
    assert "Refusing to serve" in got.json()["detail"]
    external_link(store.frames_dir / "leads.h5", secret)
    made, got = registered(store, "leads", (store.frames_dir / "leads.h5").as_uri())
    assert got.status_code == 403
    assert "may not be read" in got.json()["detail"]


@pytest.mark.parametrize("kind", ["dots", "link", "http", "sqlite", "kept", "id"])
def test_tiled_is_told_no_addresses_that_lead_elsewhere(store, frames, kind):
    _, secret = frames
    inside = store.frames_dir
    (inside / "link.h5").unlink(missing_ok=True)
    (inside / "link.h5").symlink_to(secret)
    uri = {
        "dots": f"{inside.as_uri()}/../../../../{secret.relative_to('/')}",
        "link": (inside / "link.h5").as_uri(),
        "http": "http://127.0.0.1:9/x.h5",
        "sqlite": f"sqlite:///{store.name}/catalog.db",
    }.get(kind, secret.as_uri())
    source = {"management": "writable", "mimetype": "application/x-zarr"} if kind == "kept" else {}
    made, _ = registered(store, ".." if kind == "id" else f"no-{kind}", uri, **source)
    assert made.status_code == 422
    assert re.search("no address|no name|cannot be registered", made.json()["detail"])
    assert secret.exists()


def test_files_are_not_handed_out_as_they_are(store, tmp_path):
    secret = tmp_path / "id_rsa"
    secret.write_text("PRIVATE KEY")
    registered(store, "raw", secret.as_uri())
    client = store.catalog.context.http_client
    about = client.get("/api/v1/metadata/raw", params={"include_data_sources": True}).json()
    number = about["data"]["attributes"]["data_sources"][0]["assets"][0]["id"]
    for what in ("bytes", "manifest"):
        answer = client.get(f"/api/v1/asset/{what}/raw", params={"id": number})
        assert answer.status_code == 403
        assert "PRIVATE" not in answer.text


# Files that users are sent.


@pytest.mark.parametrize("name", ["frame.tif", "frame.edf", "frame.cbf", "frame.mccd", "frame.img"])
@pytest.mark.parametrize("begins", [b"", b"\xef\xbb\xbf", b"\n"])
def test_no_image_is_read_as_xml(tmp_path, name, begins):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    text = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha"><!ENTITY f SYSTEM '
        f'"file:///etc/passwd">{entities}]><x><data>&f;&e8;</data></x>'
    )
    (tmp_path / name).write_bytes(begins + text.encode())
    began = time.perf_counter()
    with pytest.raises(BadInput, match=r"is no image|cannot be read"):
        list(image_frames(tmp_path / name))
    assert time.perf_counter() - began < 5.0


PONI = "Distance: 0.1\nPoni1: 0.01\nPoni2: 0.01\nRot1: 0\nRot2: 0\nRot3: 0\nWavelength: 1e-10\n"


@pytest.mark.parametrize(
    "lines",
    [
        'poni_version: 2\nDetector: NexusDetector\nDetector_config: {{"filename": "{secret}"}}\n',
        'poni_version: 2\nDetector: Detector\nDetector_config: {{"splineFile": "{secret}"}}\n',
        "poni_version: 2\nDetector: {secret}\nDetector_config: {{}}\n",
        "PixelSize1: 1e-4\nPixelSize2: 1e-4\nSplineFile: {secret}\n",
    ],
)
def test_a_geometry_opens_no_file_of_another_folder(frames, lines):
    folder, secret = frames
    poni = folder / "geometry.poni"
    poni.write_text(lines.format(secret=secret) + PONI)
    with pytest.raises(BadInput, match="which is not in its folder"):
        Geometry.from_poni(poni)


@pytest.mark.parametrize("pattern", ["../secret/*", "/etc/*", "x/../../secret/*", ""])
def test_ingest_looks_for_frames_in_its_folder_alone(frames, store, operando, pattern):
    folder, _ = frames
    (folder / "x").mkdir()
    done = operando("ingest", folder, "--pattern", pattern, "--store", store.name)
    assert done.returncode == 2
    assert "--pattern" in done.stderr


class Runs:
    """What, unpickled, runs."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


LOADERS = {
    "library": SocLibrary.load,
    "classifier": PhaseClassifier.load,
    "kinetics": KineticsAgent.from_checkpoint,
    "optimiser": bayes_opt.BayesOptAgent.from_checkpoint,
    "map": map_checkpoint.read_checkpoint,
    "charge": soc_checkpoint.read_checkpoint,
    "focus": focus_checkpoint.read_scans,
}


@pytest.mark.parametrize("kind", LOADERS)
def test_no_checkpoint_runs_anything(tmp_path, kind):
    ran, path = tmp_path / "ran", tmp_path / "model.npz"
    held = np.array([Runs(ran)], dtype=object)
    names = ("about", "config", "spec", "format", "version", "arrays", "grid", "memory", "state")
    np.savez(path, **dict.fromkeys(names, held))
    with pytest.raises(OperandoError, match=r"model\.npz"):
        LOADERS[kind](path)
    path.write_bytes(pickle.dumps(Runs(ran)))
    with pytest.raises(OperandoError, match=r"model\.npz"):
        LOADERS[kind](path)
    assert not ran.exists()


def test_the_code_has_nothing_that_runs_data():
    """Look through all of it: what unpickles, evaluates, unpacks or gives a shell a line."""
    forbidden = {
        *("eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "shutil.unpack_archive"),
        *("np.fromregex", "pd.read_pickle", "joblib.load", "torch.load", "dill.load"),
    }
    modules = {"pickle", "joblib", "shelve", "marshal", "dill", "zipfile", "tarfile", "xml", "lxml"}
    files = list(Path(operando.__file__).parent.rglob("*.py"))
    assert len(files) > 300
    for file in files:
        # Looks at what an archive says of itself before anything is read from it.
        allowed = {"zipfile"} if file.name == "npz_file.py" else set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            where = f"{file.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                named = {name.name.split(".")[0] for name in node.names}
                assert not (modules - allowed) & named, where
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in modules, where
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert called not in forbidden, where
                if called.startswith("subprocess."):
                    assert "shell" not in given, where
                if called in ("np.load", "numpy.load"):
                    assert given.get("allow_pickle") == "False", where
                if called == "Environment":
                    assert given.get("autoescape") == "True", where


# Folders of the system's.


def test_what_a_full_disk_did_not_take_goes_to_a_folder_of_ones_own(tmp_path, monkeypatch):
    system = tmp_path / "tmp"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    places = Places.of(tmp_path / "store")
    places.make()
    victim = tmp_path / "victim"
    victim.mkdir()
    places.spill.symlink_to(victim)  # somebody was there first
    forged = victim / "forged.jsonl"
    forged.write_bytes(b"")

    journal = JournalFile(places.journal / "run.jsonl")
    monkeypatch.setattr(journal, "_write", full)
    journal.append("start", {"uid": "run", "time": 0.0})
    spill([journal], places)
    assert everything(victim) == {forged}
    unspill(places)
    (mine,) = [entry.doc for _, entry in read(places.journal / "run.jsonl")]
    assert mine["uid"] == "run"
    assert not (places.journal / "forged.jsonl").exists()


def test_documents_that_no_disk_takes_are_said_to_be_lost(tmp_path, empty_catalog, monkeypatch):
    (tmp_path / "store").mkdir()
    shutil.copy(empty_catalog, tmp_path / "store")
    store = open_store(tmp_path / "store")
    system = tmp_path / "tmp"
    system.write_text("no folder")
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    monkeypatch.setattr(JournalFile, "_write", full)
    store.writer()("start", {"uid": "0b1e5b30-a3f2-4b6e-8f33-1d6c1d3f8d10", "time": 0.0})
    with pytest.raises(StoreError, match=r"^1 document is lost: .*No space left .*Not a directory"):
        store.close(timeout=1.0)


def full(*_):
    raise OSError(28, "No space left on device")


def test_loops_of_links_and_names_too_long_are_in_no_folder(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert not within(tmp_path / "x\0y", [tmp_path])
    assert not within(tmp_path.parent, [tmp_path])
    assert within(tmp_path / "new" / "one.h5", [tmp_path])
