"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data, which is not part of the project; tests skip without it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("OPERANDO_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"measured data not found in {folder} (set OPERANDO_SHARED_DATA)")
    return folder
