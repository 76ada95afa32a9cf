"""XANES: where the edge is, and absorption normalised to its step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.agents.xas_edge import find_e0, point_noise
from operando.agents.xas_spectra import Spectrum
from operando.errors import BadInput
from operando.physics.xafs_edges import EDGES, edge_of, nearest_edge

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NormalisationConfig:
    """How spectra are normalised; energies in eV relative to E0.

    Parameters
    ----------
    pre : tuple of float
        Range of the straight line below the edge, cut to the data.
    post : tuple of float
        Range of the polynomial above the edge, cut to the data.
    post_order : int
        Order of the polynomial above the edge; lowered where it has less than 300 eV (to 1)
        or 30 eV (to 0), as is usual.
    smoothing : float
        Standard deviation of the Gaussian that smooths the derivative in which E0 is sought.
    max_edge_error : float
        Furthest that E0 may lie from the tabulated edge of the element asked for.
    """

    pre: tuple[float, float] = (-200.0, -50.0)
    post: tuple[float, float] = (60.0, 1200.0)
    post_order: int = 2
    smoothing: float = 1.5
    max_edge_error: float = 25.0


@dataclass(frozen=True, eq=False)
class NormalisedSpectrum:
    """A spectrum normalised to its edge step.

    Parameters
    ----------
    energy, mu : ndarray of float64, (n,)
        As measured; eV and the scale of the measurement.
    norm : ndarray of float64, (n,)
        (mu − pre-edge line) / edge step.
    flat : ndarray of float64, (n,)
        ``norm`` with the bend of the polynomial above E0 taken out, so that it runs on about 1.
    e0, noise : float
        Edge, eV, and the noise of one point of ``norm`` as a standard deviation.
    edge_step : float
    baseline : ndarray of float64, (5, n)
        Derivatives of ``norm`` with respect to the parameters of the normalisation: two of the
        line below the edge, up to three of the polynomial above it.
    baseline_covariance : ndarray of float64, (5, 5)
        Covariance of those parameters by the noise of the points they were fitted to.
    name : str
    """

    energy: Floats
    mu: Floats
    norm: Floats
    flat: Floats
    e0: float
    noise: float
    edge_step: float
    baseline: Floats
    baseline_covariance: Floats
    name: str

    @property
    def edge_step_sd(self) -> float:
        """Standard deviation of the edge step, in the units of ``mu``."""
        variance = self.baseline_covariance
        # At E0 the step is the post-edge value minus the pre-edge line's.
        gradient = np.array([-1.0, 0.0, 1.0, 0.0, 0.0])
        return float(np.sqrt(gradient @ variance @ gradient))


def isolate_edge(spectrum: Spectrum, element: str) -> Spectrum:
    """Cut a scan over several edges to the part that belongs to one of them.

    The part ends 20 eV below the next tabulated edge above, and begins 250 eV below its own.

    Parameters
    ----------
    spectrum : Spectrum
    element : str

    Returns
    -------
    Spectrum
    """
    own = edge_of(element).energy
    above = [edge.energy for edge in EDGES.values() if edge.energy > own]
    return spectrum.between(own - 250.0, min(above, default=np.inf) - 20.0)


def normalise(
    spectrum: Spectrum,
    config: NormalisationConfig | None = None,
    *,
    element: str | None = None,
    e0: float | None = None,
) -> NormalisedSpectrum:
    """Subtract the pre-edge line and divide by the edge step.

    Parameters
    ----------
    spectrum : Spectrum
    config : NormalisationConfig, optional
    element : str, optional
        The K edge expected; another is refused.
    e0 : float, optional
        Edge, eV; found if not given.

    Returns
    -------
    NormalisedSpectrum

    Raises
    ------
    BadInput
        If there is no edge, the wrong one, or too little data on one side of it.

    Notes
    -----
    The edge step is the difference at E0 of a polynomial through the post-edge region and a line
    through the pre-edge region: Bunker, Introduction to XAFS (2010), 10.1017/CBO9780511809194.
    """
    config = config or NormalisationConfig()
    if e0 is None:
        e0 = find_e0(spectrum, element, config.smoothing)
    if element is not None and abs(e0 - edge_of(element).energy) > config.max_edge_error:
        raise BadInput(
            f"{spectrum.name}: edge at {e0:.1f} eV, not the {element} K edge at "
            f"{edge_of(element).energy:.0f} eV (nearest: {nearest_edge(e0).element})"
        )
    x = spectrum.energy - e0
    below = _range(spectrum, x, config.pre, "below", (float(x[0]), -20.0))
    above = _range(spectrum, x, config.post, "above", (25.0, float(x[-1])))
    reach = float(np.ptp(x[above]))
    order = config.post_order if reach >= 300 else min(config.post_order, int(reach >= 30))
    noise = point_noise(spectrum.energy, spectrum.mu)
    line, line_map = _polynomial(x[below], spectrum.mu[below], 1)
    post, post_map = _polynomial(x[above], spectrum.mu[above], order)
    step = post[0] - line[0]
    if not step > 3.0 * noise:
        raise BadInput(f"{spectrum.name}: edge step {step:.3g} is not above the noise {noise:.2g}")
    norm = (spectrum.mu - line[0] - line[1] * x) / step
    bend = np.polynomial.polynomial.polyval(x, post) - line[0] - line[1] * x
    flat = norm + np.where(x > 0, 1.0 - bend / step, 0.0)
    derivatives = np.zeros((5, x.size))
    derivatives[0] = (norm - 1.0) / step
    derivatives[1] = -x / step
    derivatives[2] = -norm / step
    covariance = np.zeros((5, 5))
    covariance[:2, :2] = noise**2 * line_map @ line_map.T
    covariance[2 : 3 + order, 2 : 3 + order] = noise**2 * post_map @ post_map.T
    return NormalisedSpectrum(
        energy=spectrum.energy,
        mu=spectrum.mu,
        norm=norm,
        flat=flat,
        e0=float(e0),
        noise=noise / step,
        edge_step=float(step),
        baseline=derivatives,
        baseline_covariance=covariance,
        name=spectrum.name,
    )


def _range(
    spectrum: Spectrum,
    x: Floats,
    wanted: tuple[float, float],
    side: str,
    fallback: tuple[float, float],
) -> slice:
    """Points of one side: the range wanted or, if the scan is short there, what there is."""
    for low, high in (wanted, fallback):
        first, last = np.searchsorted(x, [low, high])
        if last - first >= 5 and x[last - 1] - x[first] >= 10.0:
            return slice(int(first), int(last))
    raise BadInput(
        f"{spectrum.name}: scan of {spectrum.energy[0]:.0f}-{spectrum.energy[-1]:.0f} eV has too "
        f"little {side} the edge to normalise it (5 points over 10 eV are needed)"
    )


def _polynomial(x: Floats, y: Floats, order: int) -> tuple[Floats, Floats]:
    """Coefficients of a least-squares polynomial, lowest first, and the map from y to them."""
    scale = float(np.abs(x).max())
    design = np.vander(x / scale, order + 1, increasing=True)
    inverse = np.linalg.pinv(design) / scale ** np.arange(order + 1)[:, None]
    return inverse @ y, inverse
