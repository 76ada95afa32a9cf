"""Quick XAFS: a sweep of the monochromator with three ion chambers counting on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from ophyd import Component, Device
from ophyd.status import Status

from operando.devices.one_action import OneAction
from operando.devices.soft import SoftSignal
from operando.errors import BadInput, DeviceError
from operando.physics.xafs_edges import edge_of, photon_energy

if TYPE_CHECKING:
    from operando.devices.monochromator import Monochromator
    from operando.devices.shutter import Shutter
    from operando.simulations.clock import Clock
    from operando.simulations.xafs_beamline import XafsBeamline

Floats = NDArray[np.float64]
CHAMBERS = ("i0", "i1", "ir")


@dataclass(frozen=True)
class EdgeGrid:
    """Energies of a scan over one or more edges, from low to high energy.

    Parameters
    ----------
    elements : tuple of str
        In order of their edges. Each edge is scanned until the next one's region begins.
    before : float
        Where the first pre-edge begins, eV before the metal's edge.
    coarse : float
        Step of the pre-edge, eV.
    near : tuple of float
        Where the near-edge region begins and ends, eV from the metal's edge.
    fine : float
        Step of the near-edge region, eV.
    k_step, k_max : float
        Step and end of the extended region of the last edge, Å⁻¹.

    Examples
    --------
    >>> energy = EdgeGrid(("Co", "Ni")).energies()
    >>> float(energy[0]), round(float(energy[-1])), energy.size
    (7509.0, 9025, 676)
    """

    elements: tuple[str, ...]
    before: float = 200.0
    coarse: float = 10.0
    near: tuple[float, float] = (-20.0, 50.0)
    fine: float = 0.5
    k_step: float = 0.05
    k_max: float = 13.5

    def __post_init__(self) -> None:
        edges = [edge_of(element).energy for element in self.elements]
        if not edges or edges != sorted(set(edges)):
            raise BadInput(f"elements must be given in order of their edges, not {self.elements}")
        if min(self.coarse, self.fine, self.k_step) <= 0 or self.before <= -self.near[0]:
            raise BadInput("the steps of a grid must be positive and its parts in order")

    def energies(self) -> Floats:
        """Return the energies, eV, rising, shape (n,)."""
        edges = [edge_of(element).energy for element in self.elements]
        parts = [np.arange(edges[0] - self.before, edges[0] + self.near[0], self.coarse)]
        for e0, following in zip(edges, [*edges[1:], None], strict=True):
            parts.append(np.arange(e0 + self.near[0], e0 + self.near[1], self.fine))
            first = float(np.sqrt(0.26246842 * self.near[1]))
            k = np.arange(first, self.k_max + 1e-9, self.k_step)
            extended = photon_energy(k, e0)
            if following is not None:
                extended = extended[extended < following + self.near[0]]
            parts.append(extended)
        return np.concatenate(parts)


class QuickScan(Device):  # type: ignore[misc]
    """One sweep over one or more edges: an event with four arrays.

    Parameters
    ----------
    *args, **kwargs
        What ophyd's devices take.
    grid : EdgeGrid
        Where to measure.
    duration : float
        Counting time of the whole scan, s.
    beamline : XafsBeamline
        What the chambers count.
    mono : Monochromator
        What sweeps.
    shutter : Shutter
        Whether there is a beam.
    clock : Clock
        The station's clock.

    Notes
    -----
    Data: ``_energy`` (the encoder's, eV), ``_i0``, ``_i1`` and ``_ir`` (counts, dark current
    included), float64, (n,) each. Configuration: the energies asked for, counting time of a
    point (s), elements, and the dark currents (counts/s), measured with the shutter closed.
    """

    energies = Component(SoftSignal, value=[], units="eV", writable=False, kind="config")
    dwell = Component(SoftSignal, value=0.1, units="s", limits=(1e-3, 60.0), kind="config")
    elements = Component(SoftSignal, value="", writable=False, kind="config")
    dark = Component(SoftSignal, value=[0.0] * 3, units="counts/s", writable=False, kind="config")
    d_spacing = Component(SoftSignal, value=0.0, units="angstrom", writable=False, kind="config")

    def __init__(
        self,
        *args: Any,
        grid: EdgeGrid,
        duration: float,
        beamline: XafsBeamline,
        mono: Monochromator,
        shutter: Shutter,
        clock: Clock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._beamline, self._mono, self._shutter = beamline, mono, shutter
        self._clock, self._action = clock, OneAction(self, clock)
        self._grid = grid.energies()
        for end in self._grid[[0, -1]]:
            mono.check_value(float(end))
        self.energies.put(self._grid.tolist(), force=True)
        self.elements.put(" ".join(grid.elements), force=True)
        self.dark.put(list(beamline.settings.dark), force=True)
        self.d_spacing.put(float(mono.d_spacing.get()), force=True)
        self.dwell.put(duration / self._grid.size)
        self._data: tuple[Floats, ...] = ()
        self._time = clock.now()

    @property
    def duration(self) -> float:
        """Counting time of the scan, s."""
        return float(self.dwell.get()) * self._grid.size

    def trigger(self) -> Status:
        """Go to the beginning and sweep.

        Returns
        -------
        Status
            Finished when the counts are there.

        Raises
        ------
        DeviceError
            If a scan is going on.
        """
        first, last = float(self._grid[0]), float(self._grid[-1])
        approach = self._mono.duration(self._mono.position, first)
        opened = self._shutter.is_open
        began = self._clock.now() + approach

        def finish() -> None:
            self._mono.arrive(first)
            offset = self._mono.mechanical_offset
            flux = 1.0 if opened and self._shutter.is_open else 0.0
            dwell = float(self.dwell.get())
            self._data = self._beamline.scan(self._grid, dwell, began, offset=offset, flux=flux)
            self._mono.arrive(last)
            self._time = self._clock.now()

        return self._action.begin(approach + self.duration, finish)

    def stop(self, *, success: bool = False) -> None:
        """Give up the scan that is going on; nothing of it is kept.

        Parameters
        ----------
        success : bool
            Whether whoever waits for it should take it for done.
        """
        self._action.stop(success=success)

    def pause(self) -> None:
        """Give up the scan: it is repeated when the run is resumed."""
        self.stop(success=True)

    def unstage(self) -> list[Any]:
        """Give up whatever is going on."""
        self.stop(success=True)
        return list(super().unstage())

    def read(self) -> dict[str, dict[str, Any]]:
        """Read the last scan.

        Raises
        ------
        DeviceError
            If there was none.
        """
        if not self._data:
            raise DeviceError(f"{self.name} has not been scanned yet")
        columns = dict(zip(("energy", *CHAMBERS), (self._grid, *self._data), strict=True))
        return {
            f"{self.name}_{key}": {"value": values.tolist(), "timestamp": self._time}
            for key, values in columns.items()
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the four arrays."""
        units = {"energy": "eV", **dict.fromkeys(CHAMBERS, "counts")}
        return {
            f"{self.name}_{key}": {
                "source": f"SIM:{self.name}",
                "dtype": "array",
                "dtype_numpy": "<f8",
                "shape": [self._grid.size],
                "units": unit,
            }
            for key, unit in units.items()
        }

    @property
    def hints(self) -> dict[str, list[str]]:
        """Nothing to plot as a number."""
        return {"fields": []}
