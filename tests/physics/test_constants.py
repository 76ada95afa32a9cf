import math

import pytest
import scipy.constants as si
from hypothesis import given
from hypothesis import strategies as st

from operando.errors import BadInput
from operando.physics.constants import (
    HC_KEV_ANGSTROM,
    energy_from_wavelength,
    wavelength_from_energy,
)
from operando.physics.phases import CORROSION, CRYSTALLINE, DISPLAY_NAMES, LABELS, SUBSTRATE


def test_hc_is_that_of_the_si():
    assert pytest.approx(si.h * si.c / si.e * 1e7, rel=1e-15) == HC_KEV_ANGSTROM


def test_known_wavelengths():
    assert wavelength_from_energy(10.0) == pytest.approx(1.239842, abs=1e-6)
    # Cu Kα1, Hölzer et al. (1997), Phys. Rev. A 56, 4554: 1.540593 Å, 8.047823 keV.
    assert energy_from_wavelength(1.540593) == pytest.approx(8.047823, abs=5e-5)


@given(st.floats(1e-3, 1e3))
def test_conversions_undo_each_other(energy):
    assert energy_from_wavelength(wavelength_from_energy(energy)) == pytest.approx(energy)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("convert", [wavelength_from_energy, energy_from_wavelength])
def test_what_is_not_a_positive_number_is_refused(convert, value):
    with pytest.raises(BadInput, match="above 0"):
        convert(value)


def test_labels_fall_in_their_groups():
    assert len(LABELS) == len(set(LABELS)) == 9
    assert CORROSION + SUBSTRATE == CRYSTALLINE
    assert set(DISPLAY_NAMES) == set(LABELS)
