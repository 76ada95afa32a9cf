import pytest
from bluesky import RunEngine

from operando.plans import time_limits


@pytest.fixture
def engine():
    """A RunEngine that keeps its documents and leaves Ctrl-C to pytest."""
    run_engine = RunEngine({}, context_managers=[], call_returns_result=False)
    run_engine.documents = []
    run_engine.subscribe(lambda name, doc: run_engine.documents.append((name, dict(doc))))
    yield run_engine
    if run_engine.state != "idle":
        run_engine.halt()


@pytest.fixture
def impatient(monkeypatch):
    """Let plans wait half a second for what should be done at once."""
    monkeypatch.setattr(time_limits, "PATIENCE_S", 0.5)
