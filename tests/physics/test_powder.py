import itertools

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import BadInput
from operando.physics.crystals import STRUCTURES, CrystalStructure, Site, structure
from operando.physics.powder import powder_lines

TRIGONAL = ["alpha_fe2o3", "feco3", "caco3", "sio2"]


def brute_force(crystal, d_min):
    """|F|² of all reflections from all atoms of the cell, without symmetry or merging."""
    cell = gemmi.UnitCell(*crystal.cell)
    sites = {}
    for site in crystal.sites:
        for op in crystal.operations():
            xyz = np.mod(op.apply_to_xyz([site.x, site.y, site.z]), 1.0)
            sites[site.element, *np.round(xyz, 3) % 1.0] = (site, xyz)
    most = [int(length / d_min) + 1 for length in crystal.cell[:3]]
    found = {}
    for hkl in itertools.product(*(range(-m, m + 1) for m in most)):
        d = cell.calculate_d(hkl) if any(hkl) else 0.0
        if d < d_min:
            continue
        stol2 = 0.25 / d**2
        factor = sum(
            gemmi.Element(s.element).it92.calculate_sf(stol2)
            * np.exp(-s.b_iso * stol2 + 2j * np.pi * np.dot(hkl, xyz))
            for s, xyz in sites.values()
        )
        found[hkl] = (d, abs(factor) ** 2)
    return found


@pytest.mark.parametrize("name", TRIGONAL)
def test_trigonal_lines_sum_over_all_signs_of_the_indices(name):
    crystal = structure(name)
    found = brute_force(crystal, 1.4)
    lines = powder_lines(crystal, 1.0, d_min=1.4, anomalous=False, min_intensity=1.0)
    d, power = np.array([*found.values()]).T
    sine = 0.5 / d
    strength = power / (sine**2 * np.sqrt(1 - sine**2))
    total = np.array([strength[np.isclose(d, x, rtol=1e-5)].sum() for x in lines.d_spacing])
    np.testing.assert_allclose(100 * total / total.max(), lines.intensity, rtol=2e-3)


@pytest.mark.parametrize("name", ["alpha_fe2o3", "feco3", "caco3"])
def test_all_six_reflections_of_104_count(name):
    """Five have a negative index, and 014 is absent: no list of positive ones would do."""
    lines = powder_lines(structure(name))
    strongest = int(np.argmax(lines.intensity))
    assert lines.hkl[strongest].tolist() == [1, 0, 4]
    assert lines.multiplicity[strongest] == 6
    positive = [
        h
        for h, (d, power) in brute_force(structure(name), 2.5).items()
        if min(h) >= 0 and power > 1 and np.isclose(d, lines.d_spacing[strongest])
    ]
    assert positive == [(1, 0, 4)]


def test_a_line_that_only_a_mixed_sign_reflection_makes_is_kept():
    """In a triclinic cell hkl and -hkl differ, so that the lines with mixed signs stand alone."""
    oblique = CrystalStructure(
        "oblique", "", "Fe", "P -1", (4.0, 5.0, 6.0, 75.0, 80.0, 100.0), (Site("Fe", 0, 0, 0),), ""
    )
    lines = powder_lines(oblique, d_min=2.0)
    cell = gemmi.UnitCell(*oblique.cell)
    for hkl in [(1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1)]:
        assert np.abs(lines.d_spacing - cell.calculate_d(hkl)).min() < 1e-9
    # Only far out do two of them fall on one spacing by chance.
    assert (lines.multiplicity[:15] == 2).all()


@given(
    name=st.sampled_from(sorted(STRUCTURES)),
    energy_kev=st.floats(7.5, 60.0),
    polarisation=st.floats(0.0, 1.0),
    anomalous=st.booleans(),
    d_min=st.floats(0.9, 1.5),
    min_intensity=st.floats(0.01, 20.0),
)
@settings(max_examples=40, deadline=None)
def test_lines_are_ordered_scaled_and_cut(
    name, energy_kev, polarisation, anomalous, d_min, min_intensity
):
    wavelength = 12.39842 / energy_kev
    lines = powder_lines(
        structure(name),
        wavelength,
        d_min=d_min,
        polarisation=polarisation,
        anomalous=anomalous,
        min_intensity=min_intensity,
    )
    assert (np.diff(lines.d_spacing) < 0).all()
    assert lines.intensity.max() == 100.0
    assert lines.intensity.min() >= min_intensity
    assert lines.d_spacing.min() >= d_min
    assert lines.scale > 0
    # Friedel's pairs: every line has an even number of reflections.
    assert (lines.multiplicity % 2 == 0).all()
    two_theta = lines.two_theta(wavelength)
    assert (np.diff(two_theta) > 0).all()
    # The indices given are those of the line.
    cell = gemmi.UnitCell(*structure(name).cell)
    spacing = [cell.calculate_d(h) for h in lines.hkl.tolist()]
    np.testing.assert_allclose(spacing, lines.d_spacing, rtol=3e-4)


@given(st.sampled_from(sorted(STRUCTURES)), st.floats(0.5, 20.0))
@settings(max_examples=20, deadline=None)
def test_a_higher_cut_only_drops_lines(name, min_intensity):
    everything = powder_lines(structure(name), min_intensity=0.1)
    strong = powder_lines(structure(name), min_intensity=min_intensity)
    kept = everything.intensity >= min_intensity
    np.testing.assert_array_equal(everything.d_spacing[kept], strong.d_spacing)
    np.testing.assert_array_equal(everything.intensity[kept], strong.intensity)
    assert everything.scale == strong.scale


def test_scale_makes_mixtures_by_volume():
    """A cell described twice as large scatters the same per volume."""
    single = structure("fe_bcc")
    cell = (2 * single.cell[0], *single.cell[1:])
    sites = (Site("Fe", 0, 0, 0), Site("Fe", 0.5, 0, 0))
    centred = tuple(Site("Fe", s.x + 0.25, 0.5, 0.5) for s in sites)
    doubled = CrystalStructure("doubled", "", "Fe", "P 1", cell, sites + centred, "")
    one, two = powder_lines(single), powder_lines(doubled)
    assert two.scale == pytest.approx(one.scale, rel=1e-9)
    np.testing.assert_allclose(two.intensity, one.intensity, rtol=1e-9)
    np.testing.assert_array_equal(two.multiplicity, one.multiplicity)


def test_scale_follows_the_density_of_electrons():
    """Iron out-scatters its oxides, and calcite scatters least of the carbonates."""
    scale = {name: powder_lines(structure(name)).scale for name in STRUCTURES}
    assert scale["fe_bcc"] > scale["fe3c"] > scale["alpha_feooh"]
    assert scale["feco3"] > scale["caco3"]


def test_polarisation_takes_only_from_lines_off_the_beam():
    full = powder_lines(structure("fe_bcc"), polarisation=1.0)
    tube = powder_lines(structure("fe_bcc"), polarisation=0.5)
    loss = tube.intensity * tube.scale / (full.intensity * full.scale)
    expected = 0.5 + 0.5 * np.cos(np.radians(full.two_theta(1.23984))) ** 2
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_anomalous_scattering_weakens_iron_at_its_edge():
    crystal = structure("fe_bcc")
    near, far = 12.39842 / 7.2, 12.39842 / 30.0
    change = [
        powder_lines(crystal, w).scale / powder_lines(crystal, w, anomalous=False).scale
        for w in (near, far)
    ]
    assert change[0] < 0.75
    assert change[1] == pytest.approx(1.0, abs=0.06)


def test_no_line_beyond_back_scattering():
    lines = powder_lines(structure("fe_bcc"), 2.5)
    assert np.isfinite(lines.two_theta(2.5)).all()
    assert np.isnan(powder_lines(structure("fe_bcc")).two_theta(2.5)[-1])


def test_lines_are_shared_and_cannot_be_changed():
    lines = powder_lines(structure("feo"))
    assert powder_lines(structure("feo")) is lines
    with pytest.raises(ValueError, match="read-only"):
        lines.intensity[0] = 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wavelength": 0.0}, "wavelength"),
        ({"wavelength": float("nan")}, "wavelength"),
        ({"d_min": 3.0, "d_max": 2.0}, "no spacing"),
        ({"wavelength": 6.0}, "no line"),
        ({"polarisation": 1.5}, "polarisation"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(BadInput, match=message):
        powder_lines(structure("fe_bcc"), **options)
