"""A crystal structure as the text of a CIF file."""

_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_ATOM = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy", "B_iso_or_equiv")


def cif_text(structure):
    """Write cell, symmetry and atoms, as databases do."""
    lines = [f"data_{structure.name}", f"_space_group_name_H-M_alt '{structure.space_group}'"]
    lines += [f"_cell_{name} {v!r}" for name, v in zip(_CELL, structure.cell, strict=True)]
    lines += ["loop_", "_space_group_symop_operation_xyz"]
    lines += [f"'{operation.triplet()}'" for operation in structure.operations()]
    lines += ["loop_", *(f"_atom_site_{name}" for name in _ATOM)]
    for i, s in enumerate(structure.sites):
        lines.append(f"{s.element}{i} {s.element} {s.x} {s.y} {s.z} {s.occupancy} {s.b_iso}")
    return "\n".join(lines) + "\n"
