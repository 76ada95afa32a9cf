"""Generate ``physics/data/xafs_paths.json`` with FEFF8-Lite; run once, by hand.

FEFF takes seconds to minutes, so it is never in a loop: its tables are shipped. The programs
``feff8l_*`` come with xraylarch (extra ``larch``)::

    python tools/make_xafs_paths.py src/operando/physics/data/xafs_paths.json

Structures: LiNi1/3Co1/3Mn1/3O2 (a = 2.867, c = 14.246 Å, Yabuuchi & Ohzuku 2003,
10.1016/S0378-7753(03)00173-3; oxygen at z = 0.241) with Co standing for the mean transition-metal
neighbour (Z = 27; the mean of Ni, Co and Mn is 26.7); Ni metal (a = 3.524 Å); wüstite
(a = 4.326 Å, FeO in the ideal rock-salt structure); iron (a = 2.866 Å).
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ATOMIC_NUMBER = {"Li": 3, "O": 8, "Mn": 25, "Fe": 26, "Co": 27, "Ni": 28}
PROGRAMS = ("rdinp", "pot", "xsph", "pathfinder", "genfmt", "ff2x")


@dataclass(frozen=True)
class Cluster:
    """A lattice and its basis; the first site absorbs."""

    absorber: str
    lattice: np.ndarray
    basis: tuple[tuple[str, tuple[float, float, float]], ...]
    # name of the table -> (distance of the shell in Å, scatterer, collinear multiple scattering)
    wanted: dict[str, tuple[float, str, bool]]


def layered(absorber: str) -> Cluster:
    """Build the layered oxide about one of its metals."""
    a, c, z = 2.867, 14.246, 0.241
    # Rhombohedral axes from the hexagonal cell; metal at the origin, lithium in the other layer.
    lattice = np.array(
        [[a / 2, a / (2 * np.sqrt(3)), c / 3], [-a / 2, a / (2 * np.sqrt(3)), c / 3],
         [0.0, -a / np.sqrt(3), c / 3]]
    )  # fmt: skip
    oxygen = 0.5 - z  # height from the metal at z = 1/2, per c; the same along all three axes
    basis = (("Co", (0.0, 0.0, 0.0)), ("Li", (0.5, 0.5, 0.5)),
             ("O", (oxygen, oxygen, oxygen)), ("O", (-oxygen, -oxygen, -oxygen)))  # fmt: skip
    low = absorber.lower()
    wanted = {
        f"{low}_o": (1.966, "O", False),
        f"{low}_m": (a, "Co", False),
        f"{low}_m2": (a * np.sqrt(3), "Co", False),
        f"{low}_m_m": (2 * a, "Co", True),
    }
    return Cluster(absorber, lattice, basis, wanted)


def cubic(
    absorber: str, kind: str, a: float, wanted: dict[str, tuple[float, str, bool]]
) -> Cluster:
    """Build a cubic metal (fcc, bcc) or oxide (rocksalt)."""
    fcc = a / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    bcc = a / 2 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
    basis: tuple[tuple[str, tuple[float, float, float]], ...] = ((absorber, (0.0, 0.0, 0.0)),)
    if kind == "rocksalt":
        basis += (("O", (0.5, 0.5, 0.5)),)
    return Cluster(absorber, bcc if kind == "bcc" else fcc, basis, wanted)


def atoms_of(cluster: Cluster, radius: float) -> list[tuple[str, np.ndarray]]:
    """List the atoms within a radius, nearest first."""
    cells = np.array(list(itertools.product(range(-9, 10), repeat=3)), dtype=float)
    found = []
    for element, place in cluster.basis:
        positions = (cells + np.array(place)) @ cluster.lattice
        keep = np.linalg.norm(positions, axis=1) <= radius
        found += [(element, position) for position in positions[keep]]
    return sorted(found, key=lambda atom: float(np.linalg.norm(atom[1])))


def feff_input(cluster: Cluster, radius: float, longest: float) -> str:
    """Write feff.inp."""
    atoms = atoms_of(cluster, radius)
    kinds = sorted({element for element, _ in atoms[1:]})
    lines = [
        "TITLE operando path tables", "EDGE K", "S02 1.0", "CONTROL 1 1 1 1 1 1",
        "PRINT 0 0 0 0 0 3", "SCF 3.6 0 30 0.2 1", "EXCHANGE 0 0.0 0.0", "EXAFS 20",
        f"RPATH {longest}", "NLEG 4", "CRITERIA 0 0.5", "POTENTIALS",
        f"0 {ATOMIC_NUMBER[cluster.absorber]} {cluster.absorber}",
    ]  # fmt: skip
    lines += [f"{n} {ATOMIC_NUMBER[kind]} {kind}" for n, kind in enumerate(kinds, start=1)]
    lines.append("ATOMS")
    for number, (element, (x, y, z)) in enumerate(atoms):
        kind = 0 if number == 0 else 1 + kinds.index(element)
        lines.append(f"{x:.5f} {y:.5f} {z:.5f} {kind}")
    return "\n".join([*lines, "END", ""])


def read_path(path: Path) -> tuple[int, float, float, list[str], np.ndarray]:
    """Legs, degeneracy, half length, elements on the way and the table of one feffNNNN.dat."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("-----")) + 1
    legs, degeneracy, reff = lines[start].split()[:3]
    head = next(i for i, line in enumerate(lines) if "real[2*phc]" in line)
    way = [line.split()[5] for line in lines[start + 2 : head]]
    table = np.array([[float(word) for word in line.split()] for line in lines[head + 1 :]])
    return int(legs), float(degeneracy), float(reff), way, table


def tables_of(cluster: Cluster, programs: Path) -> dict[str, dict[str, object]]:
    """Run FEFF on a cluster and collect the tables wanted."""
    longest = 0.03 + max(distance for distance, _, _ in cluster.wanted.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "feff.inp").write_text(feff_input(cluster, 6.5, longest))
        for program in PROGRAMS:
            subprocess.run(
                [programs / f"feff8l_{program}"], cwd=folder, check=True, capture_output=True
            )
        paths = [read_path(path) for path in sorted(folder.glob("feff[0-9]*.dat"))]
    return {
        name: combined(cluster, paths, distance, element, multiple)
        for name, (distance, element, multiple) in cluster.wanted.items()
    }


def combined(cluster, paths, distance, element, multiple):
    """One table from the single scattering of a shell and, along a row, the multiple."""
    chosen = [
        p for p in paths
        if abs(p[2] - distance) < 0.02 and (p[0] == 2 or multiple) and p[3][-1] != "Li"
        and element in p[3] and set(p[3]) <= {element, cluster.absorber}
    ]  # fmt: skip
    single = [p for p in chosen if p[0] == 2]
    number = single[0][1]
    k = single[0][4][:, 0]
    total = sum(
        p[1] * p[4][:, 2] * p[4][:, 4] * np.exp(1j * (p[4][:, 1] + p[4][:, 3])) for p in chosen
    )
    print(cluster.absorber, element, distance, [(p[0], p[1], p[2]) for p in chosen])

    def rounded(values: np.ndarray) -> list[float]:
        return [float(f"{value:.6g}") for value in values]

    return {
        "absorber": cluster.absorber,
        "scatterer": element,
        "degeneracy": number,
        "reff": round(single[0][2], 4),
        "k": rounded(k),
        "amplitude": rounded(np.abs(total) / number),
        "phase": rounded(np.unwrap(np.angle(total))),
        "mean_free_path": rounded(single[0][4][:, 5]),
        "wavenumber": rounded(single[0][4][:, 6]),
    }


def main() -> None:
    """Generate all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--programs", type=Path, help="folder of feff8l_*; default: xraylarch's")
    arguments = parser.parse_args()
    programs = arguments.programs
    if programs is None:
        from larch.utils import bindir

        programs = Path(bindir)
    clusters = [layered(element) for element in ("Mn", "Co", "Ni")] + [
        cubic("Ni", "fcc", 3.524, {"ni_ni": (2.4918, "Ni", False), "ni_ni2": (3.524, "Ni", False)}),
        cubic("Fe", "rocksalt", 4.326,
              {"fe_o": (2.163, "O", False), "fe_fe_oxide": (3.059, "Fe", False)}),
        cubic("Fe", "bcc", 2.866, {"fe_fe": (2.482, "Fe", False), "fe_fe2": (2.866, "Fe", False)}),
    ]  # fmt: skip
    tables: dict[str, object] = {}
    for cluster in clusters:
        tables.update(tables_of(cluster, programs))
    text = {"source": "FEFF8-Lite (feff85L), self-consistent, Hedin-Lundqvist; see tools/",
            "paths": tables}  # fmt: skip
    arguments.output.write_text(json.dumps(text, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
