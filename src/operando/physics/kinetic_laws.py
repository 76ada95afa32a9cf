"""Kinetic laws: the share converted as a function of the reduced time x = k (t - t0).

A law is a small declared thing: its extent α(x), the analytic integral of α from 0 to x, and at
most one shape parameter. The integral is what a detector sees: a frame that lasts from `start` to
`stop` shows the average of α over its exposure, not α at its middle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gamma, gammainc

Floats = NDArray[np.float64]
Curve = Callable[[Floats, Floats], Floats]
"""α or its integral: reduced times (all >= 0) and shapes, both broadcast; one value each."""


@dataclass(frozen=True)
class ShapeParameter:
    """The one parameter that some laws have besides onset and rate.

    Parameters
    ----------
    name : str
        As in the law's formula.
    low, high : float
        Its prior is log-uniform between them. Dimensionless.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class KineticLaw:
    """One law of conversion.

    Parameters
    ----------
    name : str
        Key in :data:`LAWS` and in results.
    title : str
        As a reader knows it.
    source : str
        Where the law comes from.
    shape : ShapeParameter or None
    curve, curve_integral : callable
        α(x, shape) and its integral from 0, for x >= 0 (float64 arrays that broadcast). Use
        :meth:`extent` and :meth:`integral`, which also take what lies before the onset.
    slow_integral : bool
        True when three values of α cost less than two of the integral; the engine then averages
        frames well after the onset by Gauss-Legendre quadrature.

    Examples
    --------
    >>> law = LAWS["first_order"]
    >>> law.extent([-1.0, 0.0, 1.0]).round(4).tolist()
    [0.0, 0.0, 0.6321]
    """

    name: str
    title: str
    source: str
    shape: ShapeParameter | None
    curve: Curve
    curve_integral: Curve
    slow_integral: bool = False

    def extent(self, x: ArrayLike, shape: ArrayLike = 1.0) -> Floats:
        """Share converted at reduced time `x` (any shape); 0 up to the onset."""
        positive = np.maximum(np.asarray(x, dtype=np.float64), 0.0)
        return self.curve(positive, np.asarray(shape, dtype=np.float64))

    def integral(self, x: ArrayLike, shape: ArrayLike = 1.0) -> Floats:
        """Integral of the share converted from 0 to `x` (any shape); 0 up to the onset."""
        positive = np.maximum(np.asarray(x, dtype=np.float64), 0.0)
        return self.curve_integral(positive, np.asarray(shape, dtype=np.float64))


def mean_extent(
    law: KineticLaw,
    start: ArrayLike,
    stop: ArrayLike,
    t0: ArrayLike,
    rate: ArrayLike,
    shape: ArrayLike = 1.0,
) -> Floats:
    """Average the share converted over exposures; everything broadcasts.

    Parameters
    ----------
    law : KineticLaw
    start, stop : array_like
        Begin and end of the exposure, s; `stop` > `start`.
    t0 : array_like
        Onset, s.
    rate : array_like
        k, 1/s.
    shape : array_like
        The law's shape parameter; ignored by laws that have none.

    Returns
    -------
    ndarray of float64
        Between 0 and 1, of the broadcast shape.

    Examples
    --------
    The frame in which the process begins shows less than the curve at its middle or its end:

    >>> law = LAWS["first_order"]
    >>> mean_extent(law, 0.0, 1.0, t0=0.5, rate=1.0).round(4).item()
    0.1065
    """
    k = np.asarray(rate, dtype=np.float64)
    begin, end, onset = (np.asarray(a, dtype=np.float64) for a in (start, stop, t0))
    later, earlier = (
        law.integral(k * (end - onset), shape),
        law.integral(k * (begin - onset), shape),
    )
    return np.asarray((later - earlier) / (k * (end - begin)))


def _first_order(x: Floats, _: Floats) -> Floats:
    return -np.expm1(-x)


def _first_order_integral(x: Floats, _: Floats) -> Floats:
    return x + np.expm1(-x)


def _avrami(x: Floats, n: Floats) -> Floats:
    return -np.expm1(-(x**n))


def _avrami_integral(x: Floats, n: Floats) -> Floats:
    return np.asarray(x - gamma(1.0 + 1.0 / n) * gammainc(1.0 / n, x**n))


def _avrami_2(x: Floats, _: Floats) -> Floats:
    return -np.expm1(-x * x)


def _avrami_2_integral(x: Floats, _: Floats) -> Floats:
    return np.asarray(x - 0.5 * np.sqrt(np.pi) * erf(x))


def _avrami_3(x: Floats, _: Floats) -> Floats:
    return -np.expm1(-x * x * x)


def _avrami_3_integral(x: Floats, _: Floats) -> Floats:
    return np.asarray(x - gamma(4.0 / 3.0) * gammainc(1.0 / 3.0, x * x * x))


def _jander(x: Floats, _: Floats) -> Floats:
    root = np.sqrt(np.minimum(x, 1.0))
    return root * (3.0 - root * (3.0 - root))


def _jander_integral(x: Floats, _: Floats) -> Floats:
    inside = np.minimum(x, 1.0)
    root = np.sqrt(inside)
    return inside * (2.0 * root - 1.5 * inside + 0.4 * inside * root) + (x - inside)


def _power(x: Floats, n: Floats) -> Floats:
    return np.minimum(x, 1.0) ** n


def _power_integral(x: Floats, n: Floats) -> Floats:
    inside = np.minimum(x, 1.0)
    return inside ** (n + 1.0) / (n + 1.0) + (x - inside)


def _autocatalytic(x: Floats, seed: Floats) -> Floats:
    left = np.exp(-x)
    return seed * (1.0 - left) / (seed + left)


def _autocatalytic_integral(x: Floats, seed: Floats) -> Floats:
    return x + (1.0 + seed) * np.log1p(np.expm1(-x) / (1.0 + seed))


def _second_order(x: Floats, _: Floats) -> Floats:
    return x / (1.0 + x)


def _second_order_integral(x: Floats, _: Floats) -> Floats:
    return x - np.log1p(x)


_EXPONENT = ShapeParameter("n", 0.3, 4.0)
_ALL = (
    KineticLaw(
        "first_order",
        "first order, 1 - exp(-x)",
        "dα/dt = k (1 - α)",
        None,
        _first_order,
        _first_order_integral,
    ),
    KineticLaw(
        "avrami",
        "Avrami-Erofeev, 1 - exp(-x^n)",
        "Avrami, J. Chem. Phys. 7, 1103 (1939), 10.1063/1.1750380",
        _EXPONENT,
        _avrami,
        _avrami_integral,
        slow_integral=True,
    ),
    KineticLaw(
        "avrami_2",
        "Avrami-Erofeev, n = 2",
        "Avrami, J. Chem. Phys. 7, 1103 (1939), 10.1063/1.1750380",
        None,
        _avrami_2,
        _avrami_2_integral,
    ),
    KineticLaw(
        "avrami_3",
        "Avrami-Erofeev, n = 3",
        "Avrami, J. Chem. Phys. 7, 1103 (1939), 10.1063/1.1750380",
        None,
        _avrami_3,
        _avrami_3_integral,
        slow_integral=True,
    ),
    KineticLaw(
        "jander",
        "Jander, diffusion into a sphere, 1 - (1 - x^1/2)^3",
        "Jander, Z. anorg. allg. Chem. 163, 1 (1927), 10.1002/zaac.19271630102",
        None,
        _jander,
        _jander_integral,
    ),
    KineticLaw(
        "power_law",
        "power law, x^n up to 1 (n = 1/2: parabolic)",
        "α = (k t)^n",
        ShapeParameter("n", 0.3, 4.0),
        _power,
        _power_integral,
    ),
    KineticLaw(
        "autocatalytic",
        "autocatalytic (Prout-Tompkins with a seed ε)",
        "Prout and Tompkins, Trans. Faraday Soc. 40, 488 (1944), 10.1039/TF9444000488",
        ShapeParameter("ε", 1e-3, 1e2),
        _autocatalytic,
        _autocatalytic_integral,
    ),
    KineticLaw(
        "pseudo_second_order",
        "pseudo-second order, x / (1 + x)",
        "Ho and McKay, Process Biochem. 34, 451 (1999), 10.1016/S0032-9592(98)00112-5",
        None,
        _second_order,
        _second_order_integral,
    ),
)

LAWS: Mapping[str, KineticLaw] = MappingProxyType({law.name: law for law in _ALL})
"""Every law shipped, by name. A law of one's own is passed to the engine beside them."""

DEFAULT_LAWS = ("first_order", "avrami", "jander", "autocatalytic", "pseudo_second_order")
"""Names of the laws that are compared unless others are asked for."""
