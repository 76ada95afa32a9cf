import math

import numpy as np
import pytest

from operando.errors import BadInput
from operando.physics.crystals import STRUCTURES, CrystalStructure, Site, from_cif, structure
from operando.physics.phases import CRYSTALLINE
from operando.physics.powder import powder_lines


def test_every_crystalline_label_has_a_structure():
    assert set(CRYSTALLINE) <= set(STRUCTURES)
    assert all(name == crystal.name for name, crystal in STRUCTURES.items())


def test_unknown_name_lists_the_allowed_ones():
    with pytest.raises(BadInput) as error:
        structure("rust")
    assert "'rust'" in str(error.value)
    assert all(name in str(error.value) for name in STRUCTURES)


def test_unknown_space_group_is_refused():
    strange = CrystalStructure(
        "x", "", "Fe", "Q 7", (3, 3, 3, 90, 90, 90), (Site("Fe", 0, 0, 0),), ""
    )
    with pytest.raises(BadInput, match="Q 7"):
        powder_lines(strange)


@pytest.mark.parametrize("name", STRUCTURES)
def test_cif_round_trip(name, cif_text, tmp_path):
    path = tmp_path / f"{name}.cif"
    path.write_text(cif_text(structure(name)))
    read = from_cif(path)
    assert read.name == name
    assert read.cell == structure(name).cell
    assert len(read.sites) == len(structure(name).sites)
    ours, theirs = powder_lines(structure(name)), powder_lines(read)
    np.testing.assert_allclose(theirs.d_spacing, ours.d_spacing, rtol=1e-9)
    np.testing.assert_allclose(theirs.intensity, ours.intensity, atol=1e-6)
    np.testing.assert_array_equal(theirs.hkl, ours.hkl)


def iron(sites, extra=()):
    lines = [
        "data_iron",
        "_space_group_name_H-M_alt 'I m -3 m'",
        *(f"_cell_length_{x} 2.8665" for x in "abc"),
        *(f"_cell_angle_{x} 90" for x in ("alpha", "beta", "gamma")),
        "loop_",
        "_atom_site_label",
        "_atom_site_type_symbol",
        "_atom_site_fract_x",
        "_atom_site_fract_y",
        "_atom_site_fract_z",
        *extra,
        *sites,
    ]
    return "\n".join(lines) + "\n"


def test_displacements_of_a_cif_become_b(tmp_path):
    path = tmp_path / "iron.cif"
    path.write_text(iron(["Fe1 Fe 0 0 0 0.01"], ["_atom_site_U_iso_or_equiv"]))
    assert from_cif(path).sites[0].b_iso == pytest.approx(8 * math.pi**2 * 0.01)


def test_a_cif_without_displacements_has_the_default(tmp_path):
    path = tmp_path / "iron.cif"
    path.write_text(iron(["Fe1 Fe 0 0 0"]))
    assert from_cif(path).sites[0].b_iso == Site("Fe", 0, 0, 0).b_iso


def test_anisotropic_displacements_are_averaged(tmp_path):
    path = tmp_path / "iron.cif"
    aniso = ["loop_", "_atom_site_aniso_label"]
    aniso += [f"_atom_site_aniso_U_{i}" for i in ("11", "22", "33", "12", "13", "23")]
    path.write_text(iron(["Fe1 Fe 0 0 0", *aniso, "Fe1 0.01 0.02 0.03 0 0 0"]))
    assert from_cif(path).sites[0].b_iso == pytest.approx(8 * math.pi**2 * 0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("this is prose", "is not a CIF file"),
        ("data_a\n_cell_length_a 3\ndata_b\n", "is not a CIF file with one structure"),
        ("data_a\n_cell_length_a 3\n", "lacks a cell"),
        (iron([]).replace("I m -3 m", "nonsense"), "lacks a cell"),
        (iron(["Qq1 Qq 0 0 0"]), "no element is known for Qq1"),
    ],
)
def test_bad_cif_files_are_refused(text, message, tmp_path):
    path = tmp_path / "bad.cif"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        from_cif(path)


def test_missing_cif_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none\.cif"):
        from_cif(tmp_path / "none.cif")
