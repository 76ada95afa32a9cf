"""Measured patterns from files: tables of text, and images with their geometry."""

from __future__ import annotations

import math
from pathlib import Path

from operando.agents.image_frames import IMAGE_SUFFIXES
from operando.agents.pattern_images import read_images
from operando.agents.pattern_text import read_text
from operando.agents.patterns import PowderPatterns
from operando.agents.peaks import Peak, find_peaks
from operando.agents.poni_files import Geometry
from operando.errors import BadInput
from operando.physics.constants import energy_from_wavelength, wavelength_from_energy

__all__ = ["Peak", "find_peaks", "read_patterns"]

_WAVELENGTHS = (0.05, 10.0)  # Å; what powders are measured with
_LARGEST_TABLE = 200_000_000  # bytes
_AGREEMENT = 1e-3  # relative, between two statements of one wavelength


def read_patterns(
    path: Path | str,
    *,
    wavelength: float | None = None,
    energy_kev: float | None = None,
    poni: Path | str | None = None,
) -> PowderPatterns:
    """Read the patterns of one file.

    Parameters
    ----------
    path : Path or str
        A table of text, or an image (tif, edf, cbf, h5 and the like).
    wavelength : float, optional
        Å. One of `wavelength`, `energy_kev` and a PONI file that says it is needed.
    energy_kev : float, optional
        Photon energy, keV.
    poni : Path or str, optional
        pyFAI geometry, needed for images.

    Returns
    -------
    PowderPatterns
        With a name for each pattern.

    Raises
    ------
    BadInput
        If the file is absent or cannot be read as patterns; the message names the file and the
        place in it, and what is needed instead.

    Notes
    -----
    A table (xy, xye, csv, dat or any other suffix) has 2θ in degrees first, ascending. Columns
    are separated by comma, semicolon, tab or blanks. Lines that begin with ``#``, ``!`` or ``;``
    are comments, and so is whatever precedes the first row of numbers. Where the last heading
    has as many cells as there are columns, patterns are named by it; a single pattern is named
    by its file. In a file that ends in ``.xye`` the third column is sigma, the standard
    deviation; in all others each column is a pattern, and sigma comes from
    :func:`operando.agents.pattern_noise.sigma_of`: square roots of counts, and what the scatter
    of the data says for anything else.

    An image is integrated by pyFAI, each pixel in one bin, bins about a pixel wide. Dead,
    saturated and hot pixels and gaps are left out. A file of several frames gives as many
    patterns.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise BadInput("is a directory; a file is needed")
        if not path.exists():
            raise BadInput("does not exist")
        if not path.is_file():
            raise BadInput("is a device or a pipe; a file is needed")
        stated = _stated(wavelength, energy_kev)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if poni is None:
                raise BadInput("is an image, which needs its geometry: give a PONI file by --poni")
            geometry = Geometry.from_poni(Path(poni))
            return read_images(path, geometry, _wavelength(stated, geometry.wavelength))
        if path.stat().st_size > _LARGEST_TABLE:
            raise BadInput(f"is larger than {_LARGEST_TABLE // 10**6} MB; tables are smaller")
        known = Geometry.from_poni(Path(poni)).wavelength if poni and stated is None else None
        return read_text(path, _wavelength(stated, known))
    except (BadInput, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{path}: {reason or error}") from error


def _stated(wavelength: float | None, energy_kev: float | None) -> float | None:
    """Wavelength that the caller gave, in either unit."""
    values = []
    if wavelength is not None:
        energy_from_wavelength(wavelength)  # refuses what is not above 0
        values.append(wavelength)
    if energy_kev is not None:
        values.append(wavelength_from_energy(energy_kev))
    if not values:
        return None
    if not math.isclose(values[0], values[-1], rel_tol=_AGREEMENT):
        raise BadInput(
            f"wavelength {values[0]:g} Å and energy {energy_kev:g} keV ({values[-1]:g} Å) "
            "contradict each other; give one of them"
        )
    return values[0]


def _wavelength(stated: float | None, known: float | None) -> float:
    if stated is None and known is None:
        raise BadInput("does not say its wavelength: give it by --wavelength (Å) or --energy (keV)")
    if stated is not None and known is not None:
        if not math.isclose(stated, known, rel_tol=_AGREEMENT):
            raise BadInput(
                f"the wavelength given is {stated:g} Å, but the PONI file says {known:g} Å"
            )
    chosen = known if known is not None else stated
    assert chosen is not None
    low, high = _WAVELENGTHS
    if not low <= chosen <= high:
        raise BadInput(
            f"the wavelength is {chosen:g} Å; {low:g} to {high:g} Å is allowed (--wavelength is in "
            "Å, --energy in keV, a PONI file's in m)"
        )
    return chosen
