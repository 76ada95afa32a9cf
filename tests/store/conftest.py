"""A real embedded store, shared: a Tiled takes seconds to create."""

import pytest
from bluesky import RunEngine

from operando.store import open_store


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def new_store(tmp_path):
    """Return a store of the test's own."""
    with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def engine():
    return RunEngine({})
