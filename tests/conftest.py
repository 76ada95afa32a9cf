"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest
from bluesky import RunEngine

from operando.store import embedded, open_store
from support.commands import runner


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data, which is not part of the project; tests skip without it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("OPERANDO_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"measured data not found in {folder} (set OPERANDO_SHARED_DATA)")
    return folder


@pytest.fixture
def operando(monkeypatch, capfd):
    """Run ``operando`` with some words; return its status, stdout and stderr."""
    return runner(monkeypatch, capfd)


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory):
    """Make a catalog without runs once: it says nothing of where it is."""
    folder = tmp_path_factory.mktemp("empty") / "store"
    with open_store(folder):
        pass
    return folder / "catalog.db"


@pytest.fixture
def engine():
    """A RunEngine that keeps its documents and leaves Ctrl-C to pytest."""
    run_engine = RunEngine({}, context_managers=[], call_returns_result=False)
    run_engine.documents = []
    run_engine.subscribe(lambda name, doc: run_engine.documents.append((name, dict(doc))))
    yield run_engine
    if run_engine.state != "idle":
        run_engine.halt()


@pytest.fixture(scope="session", autouse=True)
def _routes_declared_once():
    """Let the stores that a process opens share Tiled's routes.

    Declaring them takes half of an opening. They are the same for all: what differs from store to
    store is in the application around them.
    """
    application = embedded.application

    def with_the_same_routes(*args, **options):
        from tiled.server import app  # slow, and few tests open a store

        patch.setattr(app, "get_router", _first_answer_of(app.get_router))
        patch.setattr(embedded, "application", application)
        return application(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "application", with_the_same_routes)
        yield


def _first_answer_of(get_router):
    made = []

    def shared(*registries):
        assert registries[-1] == {}, "authenticators have routes of their own"
        if not made:
            made.append(get_router(*registries))
        return made[0]

    return shared
