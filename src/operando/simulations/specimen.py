"""A corroded-steel section: what a beam meets at each place, and the true labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.constants import wavelength_from_energy
from operando.physics.crystals import structure
from operando.physics.geometry import DetectorGeometry
from operando.physics.phases import CRYSTALLINE, LABELS
from operando.physics.powder import powder_lines
from operando.simulations.canvas import CONSTITUENTS, UNLISTED, VOXEL_UM
from operando.simulations.diffraction import RING_RATE
from operando.simulations.grains import draw_spots
from operando.simulations.materials import transmission
from operando.simulations.microstructure import grow
from operando.simulations.rings import RingMap
from operando.simulations.steel import metal_fraction

#: Beam at the focus of the KB mirrors, vertical and horizontal FWHM, µm.
FOCUS_UM: Final = (1.25, 2.0)
#: A phase is there if it takes this share of the illuminated volume.
MIN_FRACTION: Final = 0.10
#: Metal without reflections is labelled if it takes this share of a pattern without any.
MIN_SILENT_METAL: Final = 0.30
#: Grains are visible if their spots bring this many photons a second at the nominal flux.
VISIBLE_RATE: Final = 200.0

#: Largest section, µm²: a gigabyte of voxels and fields.
LARGEST_UM2: Final = 1_000_000

_METALS = ("fe_bcc", "fe_fcc")


@dataclass(frozen=True)
class Composition:
    """What the beam meets at n positions.

    Parameters
    ----------
    fractions : ndarray of float64, (n, 12)
        Volume fractions in the order of ``canvas.CONSTITUENTS``.
    texture : ndarray of int64, (n,)
        Which texture the powder-like phases have.
    strain : ndarray of float64, (n,)
        Relative change of d.
    broadening : ndarray of float64, (n,)
        Factor on the size broadening.
    point, grain : ndarray of int64, (k,)
        Pairs of a position and a coarse metal grain in its beam, positions ascending.
    share : ndarray of float64, (k,)
        Volume fraction of that grain.
    """

    fractions: NDArray[np.float64]
    texture: NDArray[np.int64]
    strain: NDArray[np.float64]
    broadening: NDArray[np.float64]
    point: NDArray[np.int64]
    grain: NDArray[np.int64]
    share: NDArray[np.float64]


class CorrodedSteel:
    """A seeded section of corroded steel in resin.

    From the resin inward: γ-FeOOH, α-FeOOH, Fe3O4, then ferrite with pearlite colonies and
    austenite; ragged interfaces, intergrowths, cracks filled with resin or rust, corrosion
    along grain boundaries, and patches of up to five phases without a label.

    Parameters
    ----------
    seed : int
        Another seed is another specimen; the same seed is the same one.
    shape : tuple of int
        Rows (y) and columns (x) of the map.
    step_um : float
        Distance between map points, µm; the map spans x = 0 … (columns - 1) · step.
    geometry : DetectorGeometry, optional
        Decides which grains put a spot on the detector.
    energy_kev : float
        Photon energy, likewise.

    Raises
    ------
    BadInput
        If the map has no area, or the seed is negative.

    Examples
    --------
    >>> steel = CorrodedSteel(seed=7, shape=(20, 16), step_um=8.0)
    >>> steel.extents_um
    ((0.0, 120.0), (0.0, 152.0))
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, int] = (95, 80),
        step_um: float = 2.0,
        *,
        geometry: DetectorGeometry | None = None,
        energy_kev: float = 10.0,
    ) -> None:
        if seed < 0:
            raise BadInput(f"a seed is 0 or more, got {seed}")
        if min(shape) < 2 or not 0 < step_um < np.inf:
            raise BadInput(f"a section needs 2 x 2 points and a step, got {shape} and {step_um}")
        height, width = (round((n - 1) * step_um) for n in shape)
        if height * width > LARGEST_UM2:
            raise BadInput(
                f"a section of {height} x {width} µm is too large to draw; up to "
                f"{LARGEST_UM2:,} µm² is possible"
            )
        self.seed, self.shape, self.step_um = seed, shape, step_um
        self.geometry = DetectorGeometry() if geometry is None else geometry
        self.energy_kev = energy_kev
        self.wavelength = wavelength_from_energy(energy_kev)
        self.rings = RingMap(self.geometry)
        #: Scattering power that counts as 1 in the simulation: magnetite's.
        self.unit_scale = powder_lines(structure("fe3o4"), self.wavelength).scale
        growth, orientations = np.random.SeedSequence([seed, 1]).spawn(2)
        (_, x_max), (_, y_max) = self.extents_um
        self._section = grow(np.random.default_rng(growth), (x_max, y_max))
        self.spots = draw_spots(
            np.random.default_rng(orientations),
            self._section.austenitic,
            self.rings,
            self.wavelength,
            self.unit_scale,
        )

    @property
    def extents_um(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Range of the map points, ((x_min, x_max), (y_min, y_max)), µm."""
        rows, columns = self.shape
        return (0.0, (columns - 1) * self.step_um), (0.0, (rows - 1) * self.step_um)

    def at(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        beam_size: tuple[float, float] = FOCUS_UM,
    ) -> Composition:
        """Find what the beam meets.

        Parameters
        ----------
        x_um, y_um : ndarray of float64, (n,)
            Centre of the beam, µm. Beyond its edge the section goes on as at the edge.
        beam_size : tuple of float
            Vertical and horizontal FWHM of the Gaussian beam, µm.

        Returns
        -------
        Composition
        """
        section = self._section
        dx, dy, weight = _footprint(beam_size)
        column = (np.asarray(x_um)[:, None] + dx - section.origin_um[0]) / VOXEL_UM
        row = (np.asarray(y_um)[:, None] + dy - section.origin_um[1]) / VOXEL_UM
        rows, columns = section.grain.shape
        row = np.clip(np.floor(row + 0.5), 0, rows - 1).astype(np.int64)
        column = np.clip(np.floor(column + 0.5), 0, columns - 1).astype(np.int64)
        here = section.fractions[row, column]
        fractions = np.einsum("nqp,q->np", here, weight).astype(np.float64)
        centre = weight.size // 2
        middle = (row[:, centre], column[:, centre])
        metal = weight * metal_fraction(here)
        point, grain, share = _collect(section.grain[row, column], metal, section.austenitic.size)
        return Composition(
            fractions=fractions,
            texture=section.texture[middle].astype(np.int64),
            strain=section.strain[middle].astype(np.float64),
            broadening=section.broadening[middle].astype(np.float64),
            point=point,
            grain=grain,
            share=share,
        )

    def spots_of(
        self, composition: Composition
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """List the spots of the grains in the beam.

        Parameters
        ----------
        composition : Composition

        Returns
        -------
        point : ndarray of int64, (s,)
            Position in `composition`, ascending.
        spot : ndarray of int64, (s,)
            Index into `spots`.
        rate : ndarray of float64, (s,)
            Photons a second at the nominal flux behind the section, on and beside the detector.
        """
        first = self.spots.first
        number = first[composition.grain + 1] - first[composition.grain]
        point = np.repeat(composition.point, number)
        before = np.repeat(np.cumsum(number) - number, number)
        spot = np.repeat(first[composition.grain], number) + np.arange(point.size) - before
        through = transmission(composition.fractions, self.energy_kev)
        share = np.repeat(composition.share, number)
        return point, spot, RING_RATE * self.spots.strength[spot] * share * through[point]

    def truth(self) -> NDArray[np.bool_]:
        """Tell the true labels of every map point, for scoring and for nothing else.

        Returns
        -------
        ndarray of bool, (rows, columns, 9)
            In the order of ``LABELS``.

        Notes
        -----
        With the focused beam at rest on each point: a corrosion product or cementite is there
        if it takes at least 10 % of the illuminated volume; `fe_bcc` and `fe_fcc` if the grains
        in the beam put at least 200 photons a second (at the nominal flux, within the 2θ range
        of the detector's middle row) into their spots; `other` if an unlisted phase takes at least
        10 %; `fe_no_peaks` if none of these shows although metal takes at least 30 %;
        `resin` if nothing else is there.
        """
        rows, columns = self.shape
        y, x = (self.step_um * i.ravel() for i in np.mgrid[:rows, :columns])
        composition = self.at(x.astype(np.float64), y.astype(np.float64))
        fractions = composition.fractions
        labels = np.zeros((x.size, len(LABELS)), dtype=bool)
        labels[:, : len(CRYSTALLINE)] = fractions[:, : len(CRYSTALLINE)] >= MIN_FRACTION
        visible = self._visible(composition)
        for metal in _METALS:
            labels[:, LABELS.index(metal)] = visible[metal]
        unlisted = fractions[:, [CONSTITUENTS.index(name) for name in UNLISTED]]
        labels[:, LABELS.index("other")] = (unlisted >= MIN_FRACTION).any(axis=1)
        metals = fractions[:, [CONSTITUENTS.index(name) for name in _METALS]].sum(axis=1)
        silent = ~labels.any(axis=1) & (metals >= MIN_SILENT_METAL)
        labels[:, LABELS.index("fe_no_peaks")] = silent
        labels[:, LABELS.index("resin")] = ~labels.any(axis=1)
        return labels.reshape(rows, columns, len(LABELS))

    def _visible(self, composition: Composition) -> dict[str, NDArray[np.bool_]]:
        point, spot, rate = self.spots_of(composition)
        # A ring that only the detector's corners see shows no line in the integrated pattern.
        middle = self.geometry.two_theta()[self.geometry.shape[0] // 2]
        angle = self.spots.two_theta[spot]
        seen = (angle > middle[0]) & (angle < middle[-1])
        caught = rate * self.spots.on_detector[spot] * seen
        austenite = self._section.austenitic[self.spots.grain[spot]]
        n = len(composition.fractions)
        return {
            name: np.bincount(point[mine], caught[mine], n) >= VISIBLE_RATE
            for name, mine in zip(_METALS, (~austenite, austenite), strict=True)
        }


def _footprint(
    beam_size: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Quadrature of a Gaussian beam: offsets dx, dy in µm and weights; the centre in the middle."""
    nodes = np.linspace(-1.0, 1.0, 7)
    dy, dx = (n.ravel() for n in np.meshgrid(nodes, nodes, indexing="ij"))
    weight = np.exp(-4.0 * np.log(2.0) * (dx**2 + dy**2))
    return dx * beam_size[1], dy * beam_size[0], weight / weight.sum()


def _collect(
    grain: NDArray[np.int32], weight: NDArray[np.float64], n_grains: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sum the weights of each grain at each point."""
    point = np.arange(len(grain))[:, None]
    metal = (grain >= 0) & (weight > 0)
    key = (point * n_grains + grain)[metal]
    pairs, inverse = np.unique(key, return_inverse=True)
    share = np.bincount(inverse, weight[metal], pairs.size)
    return pairs // n_grains, pairs % n_grains, np.asarray(share, dtype=np.float64)
