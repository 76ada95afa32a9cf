"""Lines of every structure against tables of the literature and of the design."""

import itertools

import numpy as np
import pytest

from operando.physics.crystals import STRUCTURES, structure
from operando.physics.powder import powder_lines

# Structure, hkl, 2θ at 10 keV in degrees, d in Å, intensity with polarisation 1.
# The 44 % line of hematite is usually written 204; of that pair the reverse setting allows 204,
# the obverse one, which the structure is given in, 024.
TABLE = [
    ("fe3o4", "311", 28.35, 2.532, 100),
    ("fe3o4", "440", 49.37, 1.484, 55),
    ("fe3o4", "511", 45.12, 1.616, 39),
    ("fe3o4", "220", 24.11, 2.969, 27),
    ("fe3o4", "400", 34.35, 2.099, 22),
    ("gamma_feooh", "020", 11.38, 6.255, 100),
    ("gamma_feooh", "120", 21.72, 3.291, 70),
    ("gamma_feooh", "031", 29.11, 2.467, 56),
    ("gamma_feooh", "051", 37.33, 1.937, 28),
    ("gamma_feooh", "151", 41.94, 1.732, 26),
    ("alpha_feooh", "110", 17.08, 4.174, 100),
    ("alpha_feooh", "111", 29.37, 2.446, 88),
    ("alpha_feooh", "130", 26.65, 2.690, 52),
    ("alpha_feooh", "221", 42.34, 1.716, 51),
    ("alpha_feooh", "151", 46.75, 1.562, 37),
    ("fe_bcc", "110", 35.62, 2.027, 100),
    ("fe_bcc", "211", 63.98, 1.170, 34),
    ("fe_bcc", "200", 51.26, 1.433, 17),
    ("fe_fcc", "111", 34.80, 2.073, 100),
    ("fe_fcc", "200", 40.40, 1.796, 49),
    ("fe_fcc", "311", 69.86, 1.083, 36),
    ("fe_fcc", "220", 58.46, 1.270, 32),
    ("fe3c", "031", 35.94, 2.010, 100),
    ("fe3c", "220", 35.60, 2.028, 73),
    ("fe3c", "102", 34.99, 2.062, 59),
    ("fe3c", "211", 34.29, 2.103, 58),
    ("fe3c", "221", 39.16, 1.850, 52),
    ("alpha_fe2o3", "104", 26.52, 2.703, 100),
    ("alpha_fe2o3", "110", 28.49, 2.519, 76),
    ("alpha_fe2o3", "116", 42.86, 1.697, 56),
    ("alpha_fe2o3", "024", 39.32, 1.843, 44),
    ("feo", "200", 33.31, 2.163, 100),
    ("feo", "220", 47.82, 1.530, 67),
    ("feo", "111", 28.74, 2.498, 64),
]
# Lines whose intensity is more than 5 points off, with ours. Goethite: the table's own atoms
# are not known; those of Gualtieri and Venturelli without hydrogen make 110 too strong. One H
# near (0.40, 0.08, 1/4), where the O-H...O bond runs, brings all five lines to 1 point, but no
# published position was at hand, and none is made up.
MISSED = {("alpha_feooh", "111"): 79.9}


def line_at(name, two_theta, **options):
    lines = powder_lines(structure(name), **options)
    nearest = np.argmin(np.abs(lines.two_theta(1.23984) - two_theta))
    return lines, int(nearest)


@pytest.mark.parametrize(("name", "hkl", "two_theta", "d", "intensity"), TABLE)
def test_line_of_the_design_table(name, hkl, two_theta, d, intensity):
    lines, i = line_at(name, two_theta)
    assert lines.two_theta(1.23984)[i] == pytest.approx(two_theta, abs=0.02)
    assert lines.d_spacing[i] == pytest.approx(d, abs=1.5e-3)
    assert "".join(map(str, lines.hkl[i])) == hkl
    if (name, hkl) in MISSED:
        assert lines.intensity[i] == pytest.approx(MISSED[name, hkl], abs=0.1)
        assert abs(lines.intensity[i] - intensity) > 5, "reproduced now: take it out of MISSED"
    else:
        assert lines.intensity[i] == pytest.approx(intensity, abs=5)


@pytest.mark.parametrize("name", sorted({row[0] for row in TABLE}))
def test_no_strong_line_is_missing_from_the_design_table(name):
    """The first line of each phase in the table is its strongest."""
    first = next(row for row in TABLE if row[0] == name)
    lines, i = line_at(name, first[2])
    assert np.argmax(lines.intensity) == i


# Strongest line at Cu Kα1 with its spacing: PDF 5-586, 29-696, 33-1161, 33-664.
@pytest.mark.parametrize(
    ("name", "hkl", "d"),
    [
        ("caco3", (1, 0, 4), 3.035),
        ("feco3", (1, 0, 4), 2.793),
        ("sio2", (1, 0, 1), 3.343),
        ("alpha_fe2o3", (1, 0, 4), 2.700),
    ],
)
def test_strongest_line_of_other_minerals(name, hkl, d):
    lines = powder_lines(structure(name), 1.5406, polarisation=0.5)
    strongest = np.argmax(lines.intensity)
    assert lines.d_spacing[strongest] == pytest.approx(d, abs=0.004)
    assert sorted(np.abs(lines.hkl[strongest])) == sorted(hkl)


def test_second_lines_of_quartz_and_calcite():
    """PDF 33-1161: quartz 100 at 4.257 Å, 22 %; PDF 5-586: calcite 113 at 2.285 Å, 18 %."""
    for name, d, intensity in (("sio2", 4.257, 22), ("caco3", 2.285, 18)):
        lines = powder_lines(structure(name), 1.5406, polarisation=0.5)
        i = np.argmin(np.abs(lines.d_spacing - d))
        assert lines.d_spacing[i] == pytest.approx(d, abs=0.002)
        assert lines.intensity[i] == pytest.approx(intensity, abs=3)


@pytest.mark.parametrize("name", STRUCTURES)
def test_composition_and_density_are_physical(name):
    """No site is lost or doubled: formula units per cell come out whole."""
    expected = {
        "fe3o4": {"Fe": 24, "O": 32},
        "gamma_feooh": {"Fe": 4, "O": 8},
        "alpha_feooh": {"Fe": 4, "O": 8},
        "fe_bcc": {"Fe": 2},
        "fe3c": {"Fe": 12, "C": 4},
        "fe_fcc": {"Fe": 4},
        "alpha_fe2o3": {"Fe": 12, "O": 18},
        "feo": {"Fe": 4, "O": 4},
        "feco3": {"Fe": 6, "C": 6, "O": 18},
        "caco3": {"Ca": 6, "C": 6, "O": 18},
        "sio2": {"Si": 3, "O": 6},
    }[name]
    crystal = structure(name)
    counted = {}
    for site in crystal.sites:
        images = [
            np.mod(op.apply_to_xyz([site.x, site.y, site.z]), 1.0) for op in crystal.operations()
        ]
        apart = [
            np.abs((a - b + 0.5) % 1 - 0.5).max() > 1e-3
            for a, b in itertools.combinations(images, 2)
        ]
        # n(n-1)/2 pairs of images fall in groups of one position each.
        order = len(images)
        stabiliser = 1 + 2 * (len(apart) - sum(apart)) // order
        counted[site.element] = counted.get(site.element, 0) + order // stabiliser
    assert counted == expected


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_names_a_publication(name):
    source = structure(name).source
    assert "(19" in source or "(20" in source
    assert len(source) > 30
