"""How wide a beam is, and how sure that is, from the counts behind an edge that crosses it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc

from operando.errors import BadInput

Floats = NDArray[np.float64]

_FWHM_PER_SIGMA: Final = 2.0 * math.sqrt(2.0 * math.log(2.0))
_FEWEST: Final = 7
#: The lattice takes memory with the square of the points.
_MOST: Final = 2000
#: Points of the lattice in centre and in width.
_CENTRES, _WIDTHS = 19, 19
#: Vibrations of the beam that are thought possible, um, rms; log-uniform.
_VIBRATIONS: Final = (0.005, 0.01, 0.02, 0.035, 0.06, 0.1, 0.2, 0.4)
#: Scatter that the first look allows for, share of the step, so that it misses no edge.
_ROUGH: Final = 0.08
#: A width is a finding when it is known to this share of itself.
_RESOLVED: Final = 0.25


@dataclass(frozen=True)
class EdgeFit:
    """What a scan of an edge tells of the beam.

    Parameters
    ----------
    fwhm, fwhm_sd : float
        Full width at half maximum, um: mean and standard deviation of its posterior.
    centre, centre_sd : float
        Where half of the beam passes, um.
    height : float
        Signal of the whole beam.
    found : bool
        Whether there is an edge within the scan at all.
    resolved : bool
        Whether the width is known: to better than a quarter, and wider than a third of a step.
    """

    fwhm: float
    fwhm_sd: float
    centre: float
    centre_sd: float
    height: float
    found: bool
    resolved: bool

    def as_dict(self) -> dict[str, float | bool]:
        """Give it for JSON."""
        return asdict(self)


#: What a scan tells that cannot be fitted.
NO_EDGE = EdgeFit(math.inf, math.inf, math.nan, math.inf, 0.0, False, False)


def fit_edge(position_um: ArrayLike, signal: ArrayLike, variance: ArrayLike) -> EdgeFit:
    """Fit the beam behind an edge by an error function.

    Parameters
    ----------
    position_um : array_like, (n,)
        Of the edge, ascending, um; the signal grows with it. At least 7.
    signal : array_like, (n,)
        Counts behind the edge over those of the monitor.
    variance : array_like, (n,)
        Of the signal, by counting alone.

    Returns
    -------
    EdgeFit

    Raises
    ------
    BadInput
        If there are too few points or too many, the numbers do not match, or one is not finite.

    Notes
    -----
    signal = a + b Phi((position - centre)/sigma), a and b with flat priors and integrated out in
    closed form; centre uniform, sigma and the vibration of the beam (it adds to the variance
    where the signal is steep, and to nothing else) log-uniform. The posterior is summed on a
    lattice that closes in on its bulk; what is returned is its mean and width, not a best fit.

    Examples
    --------
    >>> y = np.linspace(-5.0, 5.0, 21)
    >>> beam = 0.5 * erfc(-(y - 0.3) / 0.8 / np.sqrt(2.0))
    >>> fit = fit_edge(y, beam, np.full(21, 1e-4))
    >>> abs(fit.centre - 0.3) < 0.1, abs(fit.fwhm - 0.8 * 2.355) < 0.2
    (True, True)
    """
    x, y, v = (np.asarray(a, dtype=np.float64) for a in (position_um, signal, variance))
    if x.ndim != 1 or x.shape != y.shape or x.shape != v.shape or x.size < _FEWEST:
        raise BadInput(f"an edge needs {_FEWEST} points or more, each with signal and variance")
    if x.size > _MOST:
        raise BadInput(f"an edge scan of {x.size} points; at most {_MOST} are allowed")
    if not all(np.isfinite(a).all() for a in (x, y, v)) or not (np.diff(x) > 0).all():
        raise BadInput("positions of an edge scan must ascend, and every number be finite")
    if not (v > 0).all():
        raise BadInput("the variance of a signal must be positive")
    step = float(np.median(np.diff(x)))
    height = float(y[-2:].mean() - y[:2].mean())
    centres = np.linspace(x[0] - step, x[-1] + step, 4 * x.size)
    widths = np.linspace(math.log(0.1 * step), math.log(x[-1] - x[0]), _WIDTHS)
    rough = v + (_ROUGH * height) ** 2
    density = _posterior(x, y, rough, centres, widths, (0.0,), height)
    if not height > 5.0 * math.sqrt(v[:2].mean() + v[-2:].mean()):
        return EdgeFit(math.inf, math.inf, float(x.mean()), math.inf, height, False, False)
    for _ in range(3):
        centres, widths = (
            _closer(centres, density.sum(axis=1)),
            _closer(widths, density.sum(axis=0)),
        )
        density = _posterior(x, y, v, centres, widths, _VIBRATIONS, height)
    centre, centre_sd = _moments(centres, density.sum(axis=1))
    fwhm, fwhm_sd = _moments(_FWHM_PER_SIGMA * np.exp(widths), density.sum(axis=0))
    resolved = fwhm_sd < _RESOLVED * fwhm and fwhm > step / 3.0
    return EdgeFit(fwhm, fwhm_sd, centre, centre_sd, height, True, resolved)


def edge_curve(fit: EdgeFit, position_um: ArrayLike) -> Floats:
    """Share of the beam that passes the edge at positions, (n,), by a fit."""
    away = np.asarray(position_um, dtype=np.float64) - fit.centre
    return np.asarray(0.5 * erfc(-away * _FWHM_PER_SIGMA / fit.fwhm / math.sqrt(2.0)))


def _posterior(
    x: Floats,
    y: Floats,
    variance: Floats,
    centres: Floats,
    widths: Floats,
    vibrations: tuple[float, ...],
    height: float,
) -> Floats:
    """Sum the density over the vibrations: (centres, widths), its sum 1."""
    sigma = np.exp(widths)
    z = (x - centres[:, None, None]) / sigma[:, None]
    passed = 0.5 * erfc(-z / math.sqrt(2.0))
    steep = height * np.exp(-0.5 * z**2) / (math.sqrt(2.0 * math.pi) * sigma[:, None])
    logs = np.stack([_log_density(passed, y, variance + (t * steep) ** 2) for t in vibrations])
    density = np.exp(logs - logs.max()).sum(axis=0)
    return np.asarray(density / density.sum())


def _log_density(passed: Floats, y: Floats, variance: Floats) -> Floats:
    """Log density with offset and height integrated out, (centres, widths)."""
    weight = 1.0 / variance
    total = weight.sum(axis=-1)
    mean_p = (weight * passed).sum(axis=-1) / total
    mean_y = (weight * y).sum(axis=-1) / total
    dp, dy = passed - mean_p[..., None], y - mean_y[..., None]
    pp = np.maximum((weight * dp**2).sum(axis=-1), 1e-300)
    py = (weight * dp * dy).sum(axis=-1)
    rss = (weight * dy**2).sum(axis=-1) - py**2 / pp
    steps = np.where(py > 0, 0.0, -np.inf)  # the signal grows with the position
    return np.asarray(-0.5 * (np.log(variance).sum(axis=-1) + rss + np.log(pp * total)) + steps)


def _closer(lattice: Floats, density: Floats) -> Floats:
    mean, sd = _moments(lattice, density)
    spread = max(5.0 * sd, 1.5 * float(lattice[1] - lattice[0]))
    return np.linspace(mean - spread, mean + spread, _CENTRES)


def _moments(values: Floats, density: Floats) -> tuple[float, float]:
    mean = float(density @ values)
    return mean, math.sqrt(max(float(density @ (values - mean) ** 2), 0.0))
