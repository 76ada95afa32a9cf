import pytest

from operando.plans import time_limits


@pytest.fixture
def impatient(monkeypatch):
    """Let plans wait half a second for what should be done at once."""
    monkeypatch.setattr(time_limits, "PATIENCE_S", 0.5)
