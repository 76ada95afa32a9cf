import pytest

from support import cif


@pytest.fixture(scope="session")
def cif_text():
    """Write a structure as the text of a CIF file."""
    return cif.cif_text
