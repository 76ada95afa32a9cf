"""A run goes in and comes out as it was, through a real embedded Tiled."""

import subprocess
import sys

import bluesky.plans as bp
import numpy as np
import pytest
from dask import is_dask_collection
from event_model import sanitize_doc
from ophyd.sim import SynAxis, SynGauss

from operando.errors import BadInput, StoreError
from operando.store import open_store
from support.frames_run import COLUMNS, ROWS, documents, frame


@pytest.fixture(scope="module")
def frames_run(shared_store):
    """Return the documents of a stored run with frames."""
    docs = list(documents(shared_store.frames_dir, 12, sample="section A"))
    write = shared_store.writer()
    for name, doc in docs:
        write(name, doc)
    assert shared_store.sync().waiting == ()
    return docs


@pytest.fixture
def scan(shared_store, engine):
    motor = SynAxis(name="motor")
    detector = SynGauss("detector", motor, "motor", center=0, Imax=1)
    docs = []
    engine.subscribe(shared_store.writer())
    (uid,) = engine(
        bp.scan([detector], motor, -1, 1, 7, md={"sample": "section B"}),
        lambda name, doc: docs.append((name, doc)),
    )
    assert shared_store.sync().waiting == ()
    return uid, docs


def uid_of(docs):
    return docs[0][1]["uid"]


def test_scan_is_read_back(shared_store, scan):
    uid, _ = scan
    table = shared_store[uid]["primary"].read()
    assert table["motor"].values == pytest.approx(np.linspace(-1, 1, 7))
    assert shared_store[uid].metadata["stop"]["num_events"] == {"primary": 7}
    assert shared_store[uid].validate()


def test_a_run_counts_as_soon_as_it_is_stored(shared_store, monkeypatch):
    # Tiled's clients remember their length for a second; a slow machine must not hide that.
    monkeypatch.setattr("tiled.client.container.LENGTH_CACHE_TTL", 60)
    write, before = shared_store.writer(), len(shared_store)
    for name, doc in documents(shared_store.frames_dir, 1):
        write(name, doc)
    status = shared_store.sync()
    assert status.runs == len(shared_store) == before + 1


def test_run_is_found_as_users_expect(shared_store, scan, frames_run):
    uid, docs = scan
    by_scan_id = shared_store[docs[0][1]["scan_id"]]
    assert by_scan_id.metadata["start"]["uid"] == uid
    assert shared_store[uid[:8]].metadata["start"]["uid"] == uid
    assert shared_store[-1].metadata["start"]["time"] >= docs[0][1]["time"]
    from tiled.queries import Eq

    found = shared_store.catalog.search(Eq("sample", "section A"))
    assert list(found) == [uid_of(frames_run)]


def test_databroker_idioms_do_not_change_the_store(shared_store, scan):
    uid, _ = scan
    table = shared_store.broker()[uid].table()
    assert table["motor"].tolist() == pytest.approx(np.linspace(-1, 1, 7).tolist())
    assert shared_store[uid]["primary"].read()["motor"].shape == (7,)


@pytest.mark.parametrize("key", ["00000000-dead", 987654321, "abc"])
def test_unknown_run_is_one_clear_line(shared_store, scan, key):
    with pytest.raises(BadInput, match=str(key)) as caught:
        shared_store[key]
    assert "\n" not in str(caught.value)


def test_frames_are_one_array_read_frame_by_frame(shared_store, frames_run):
    image = shared_store[uid_of(frames_run)]["primary"]["image"]
    assert image.shape == (12, ROWS, COLUMNS)
    assert image.dtype == np.dtype("<i4")
    np.testing.assert_array_equal(image[5], frame(5))
    lazy = shared_store.lazy(uid_of(frames_run))["primary"]["image"].read()
    assert lazy.shape == (12, ROWS, COLUMNS)
    assert image.chunks[0] == (1,) * 12  # the server can hand out any frame by itself
    assert is_dask_collection(lazy)
    np.testing.assert_array_equal(lazy[3:5].compute(), np.stack([frame(3), frame(4)]))


def test_values_keep_their_kinds(shared_store, frames_run):
    table = shared_store[uid_of(frames_run)]["primary"].read()
    assert table["probability"].shape == (12, 9)
    assert table["probability"].dtype == float
    assert table["probability"].values[7] == pytest.approx(np.full(9, 0.07))
    assert [bool(value) for value in table["hit"].values[:3]] == [True, False, True]
    assert table["label"].values[2] == "point 2"
    assert shared_store[uid_of(frames_run)].validate()


@pytest.mark.parametrize("source", ["best", "journal", "tiled"])
def test_documents_come_back_exactly(shared_store, frames_run, source):
    got = list(shared_store.documents(uid_of(frames_run), source))
    assert got == [(name, sanitize_doc(doc)) for name, doc in frames_run]


def test_reading_a_run_back_asks_tiled_for_nothing_twice(shared_store, frames_run, monkeypatch):
    import httpx

    asked = []
    send = httpx.Client.send

    def noted(client, request, **options):
        asked.append(str(request.url))
        return send(client, request, **options)

    monkeypatch.setattr(httpx.Client, "send", noted)
    # From a server far away each request takes longer than the documents in it.
    assert len(list(shared_store.documents(uid_of(frames_run), "tiled"))) == len(frames_run)
    assert 0 < len(asked) <= 4
    assert len(set(asked)) == len(asked)


def test_interleaved_streams_and_runs_keep_their_order(new_store):
    write = new_store.writer()
    one = list(documents(new_store.frames_dir, 5, scan=1))
    two = list(documents(new_store.frames_dir, 5, batch=2, scan=2))
    for first, second in zip(one, two, strict=False):
        write(*first)
        write(*second)
    for left in (one[len(two) :], two[len(one) :]):
        for item in left:
            write(*item)
    assert new_store.sync().waiting == ()
    for run in (one, two):
        got = list(new_store.documents(uid_of(run), "tiled"))
        assert got == [(name, sanitize_doc(doc)) for name, doc in run]


def test_run_of_another_writer_is_rebuilt_from_its_tables(shared_store):
    from bluesky_tiled_plugins import TiledWriter

    run = list(documents(shared_store.frames_dir, 4))
    write = TiledWriter(shared_store.catalog, max_array_size=0)
    for name, doc in run:
        write(name, sanitize_doc(doc))
    got = list(shared_store.documents(uid_of(run)))
    assert next(name for name, _ in got) == "start"
    assert [name for name, _ in got][-1] == "stop"
    events = [doc for name, doc in got if name == "event"]
    assert [doc["data"]["x"] for doc in events] == [0.0, 0.1, 0.2, 0.3]
    with pytest.raises(BadInput, match="not written by operando"):
        shared_store.documents(uid_of(run), "tiled")


def test_user_can_watch_a_run_before_it_ends(new_store):
    run = documents(new_store.frames_dir, 6, pause=0.5)
    write = new_store.writer()
    seen = 0
    for name, doc in run:
        write(name, doc)
        if name == "event" and len(new_store):
            streams = new_store[-1]
            if "journal" in list(streams):
                seen = max(seen, len(list(new_store.documents(-1, "tiled"))))
    assert seen >= 3


def test_reopening_does_not_create_again(tmp_path):
    said = []
    with open_store(tmp_path / "store", progress=said.append):
        pass
    assert len(said) == 1
    assert "creating" in said[0]
    with open_store(tmp_path / "store", progress=said.append) as store:
        assert len(store) == 0
    assert len(said) == 1


def test_two_processes_use_one_store(shared_store, scan):
    uid, _ = scan
    code = (
        "import sys; from operando.store import open_store\n"
        "with open_store(sys.argv[1], create=False) as store:\n"
        "    print(store[sys.argv[2]].metadata['start']['uid'])\n"
    )
    folder = shared_store.frames_dir.parent
    other = subprocess.run(
        [sys.executable, "-c", code, str(folder), uid], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == uid


def test_import_is_cheap():
    code = "import sys, operando.store; print('tiled' in sys.modules, 'dask' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("target", "message"),
    [("", "no name"), ("ftp://somewhere/x", "neither a folder"), ("absent", "no store in")],
)
def test_bad_store_name(tmp_path, monkeypatch, target, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message):
        open_store(target, create=False)


def test_store_in_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        open_store(tmp_path / "file")
