"""Crystal structures with their source in the literature."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gemmi

from operando.errors import BadInput


@dataclass(frozen=True)
class Site:
    """An atom of the asymmetric unit.

    Parameters
    ----------
    element : str
        Chemical symbol.
    x, y, z : float
        Fractional coordinates.
    occupancy : float
        Share of the site that is taken.
    b_iso : float
        Isotropic displacement B = 8π²⟨u²⟩, Å². The structures of the package all have the
        default: few of their sources give a displacement, and none at the specimen's state.
    """

    element: str
    x: float
    y: float
    z: float
    occupancy: float = 1.0
    b_iso: float = 0.5


@dataclass(frozen=True)
class CrystalStructure:
    """A crystal structure.

    Parameters
    ----------
    name : str
        Key, for example ``alpha_feooh``.
    mineral, formula : str
    space_group : str
        Hermann-Mauguin symbol with its setting.
    cell : tuple of float
        a, b, c in Å; α, β, γ in degrees.
    sites : tuple of Site
    source : str
        Where the numbers come from.
    """

    name: str
    mineral: str
    formula: str
    space_group: str
    cell: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    source: str

    @property
    def volume(self) -> float:
        """Volume of the cell, Å³."""
        return float(gemmi.UnitCell(*self.cell).volume)

    def operations(self) -> gemmi.GroupOps:
        """Symmetry operations of the space group.

        Raises
        ------
        BadInput
            If the symbol is no space group.
        """
        group = gemmi.find_spacegroup_by_name(self.space_group)
        if group is None:
            raise BadInput(f"{self.name}: {self.space_group!r} is not a space group's symbol")
        return group.operations()


def _load() -> Mapping[str, CrystalStructure]:
    file = resources.files("operando.physics") / "data" / "structures.json"
    entries: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType({entry["name"]: structure_from_mapping(entry) for entry in entries})


def structure_from_mapping(entry: Mapping[str, Any]) -> CrystalStructure:
    """Rebuild a structure from what :func:`dataclasses.asdict` gave."""
    sites = tuple(Site(**site) for site in entry["sites"])
    cell = tuple(float(v) for v in entry["cell"])
    rest = {k: v for k, v in entry.items() if k not in ("sites", "cell")}
    return CrystalStructure(cell=cell, sites=sites, **rest)  # type: ignore[arg-type]


#: All structures that come with the package, by name.
STRUCTURES: Mapping[str, CrystalStructure] = _load()


def structure(name: str) -> CrystalStructure:
    """Look a structure up.

    Raises
    ------
    BadInput
        If there is none of that name.

    Examples
    --------
    >>> structure("fe_bcc").mineral
    'ferrite'
    """
    try:
        return STRUCTURES[name]
    except KeyError:
        allowed = ", ".join(STRUCTURES)
        raise BadInput(f"no structure is called {name!r}; there are {allowed}") from None


def from_cif(path: Path | str) -> CrystalStructure:
    """Read a structure from a CIF file.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    CrystalStructure
        Named after the file. Sites without a displacement have the default of `Site`;
        anisotropic ones have the mean of their diagonal.

    Raises
    ------
    BadInput
        If the file cannot be read, lacks cell, space group or atoms, or has an unknown element.
    """
    path = Path(path)
    try:
        return _read_cif(path)
    except BadInput:
        raise
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise BadInput(f"{path} is not a CIF file with one structure: {error}") from error


def _read_cif(path: Path) -> CrystalStructure:
    small = gemmi.make_small_structure_from_block(gemmi.cif.read(str(path)).sole_block())
    group = small.spacegroup or gemmi.find_spacegroup_by_name(small.spacegroup_hm)
    if group is None or not small.sites or small.cell.volume <= 1.0:
        raise BadInput(f"{path} lacks a cell, a known space group or atoms")
    unknown = sorted({site.label for site in small.sites if site.element.atomic_number == 0})
    if unknown:
        raise BadInput(f"{path}: no element is known for {', '.join(unknown)}")
    sites = tuple(_site(site) for site in small.sites)
    formula = " ".join(sorted({site.element for site in sites}))
    return CrystalStructure(
        name=path.stem,
        mineral=path.stem,
        formula=formula,
        space_group=group.xhm(),
        cell=small.cell.parameters,
        sites=sites,
        source=str(path.name),
    )


def _site(site: gemmi.SmallStructure.Site) -> Site:
    u_iso = site.u_iso if site.u_iso > 0 else site.aniso.trace() / 3.0
    b_iso = 8.0 * math.pi**2 * u_iso if u_iso > 0 else Site.b_iso
    x, y, z = site.fract.tolist()
    return Site(site.element.name, x, y, z, site.occ, b_iso)
