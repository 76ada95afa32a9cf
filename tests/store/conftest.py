"""A real embedded store, shared: a Tiled takes seconds to create."""

import shutil

import pytest
from bluesky import RunEngine

from operando.store import open_store
from operando.store.places import Places
from support.tiled_server import Server, free_port


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def make_store(empty_catalog):
    """Return what opens a new store in a folder, without the time that making it takes."""

    def make(folder):
        folder.mkdir(parents=True)
        shutil.copy(empty_catalog, folder / "catalog.db")
        return open_store(folder)

    return make


@pytest.fixture
def new_store(tmp_path, make_store):
    """Return a store of the test's own."""
    with make_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def engine():
    return RunEngine({})


@pytest.fixture
def server(tmp_path, monkeypatch, make_store):
    """Start a server of a new store, which may read the frames that this process writes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_store(tmp_path / "served").close()
    port = free_port()
    frames = Places.of(f"http://127.0.0.1:{port}").frames
    frames.mkdir(parents=True)
    with Server(tmp_path / "served", frames, port) as server:
        yield server
