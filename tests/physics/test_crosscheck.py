"""Our powder lines against those of xrayutilities, which shares no code with gemmi.

It reads the symmetry operations from the CIF text that we write; form factors, dispersion,
multiplicities and the Lorentz-polarisation factor are its own.
"""

import numpy as np
import pytest

from operando.physics.crystals import STRUCTURES, structure
from operando.physics.powder import powder_lines

xrayutilities = pytest.importorskip(
    "xrayutilities", reason="xrayutilities is not installed (pip install operando[crosscheck])"
)

WAVELENGTH = 1.23984
HIGHEST = 70.0  # degrees 2θ


def other_lines(text):
    """Two-theta in degrees and intensity of each reflection family, strongest line = 100."""
    crystal = xrayutilities.materials.Crystal.fromCIF(text)
    powder = xrayutilities.simpack.Powder(crystal, 1)
    diffraction = xrayutilities.simpack.PowderDiffraction(powder, wl=WAVELENGTH, tt_cutoff=HIGHEST)
    try:
        lines = [(2.0 * line["ang"], line["r"]) for line in diffraction.data.values()]
    finally:
        diffraction.close()
    return np.array(lines).T


@pytest.mark.parametrize("name", STRUCTURES)
def test_positions_and_intensities_agree(name, cif_text):
    """Its laboratory formula for polarisation is ours with a share of one half."""
    ours = powder_lines(
        structure(name),
        WAVELENGTH,
        polarisation=0.5,
        d_min=0.5 * WAVELENGTH / np.sin(np.radians(0.5 * HIGHEST)),
    )
    two_theta = ours.two_theta(WAVELENGTH)
    theirs, strength = other_lines(cif_text(structure(name)))
    # We merge what no detector can separate; it does not.
    distance = np.abs(theirs[:, None] - two_theta)
    assert distance.min(axis=0).max() < 0.005
    owner = np.where(distance.min(axis=1) < 0.01, distance.argmin(axis=1), two_theta.size)
    total = np.bincount(owner, weights=strength, minlength=two_theta.size + 1)
    relative = 100.0 * total / total[:-1].max()
    np.testing.assert_allclose(relative[:-1], ours.intensity, atol=0.1)
    # What it has besides are lines under our cut of 0.1.
    alone = strength[owner == two_theta.size]
    assert alone.max(initial=0.0) < 0.0011 * total.max()
