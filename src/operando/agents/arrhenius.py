"""How rates depend on temperature and pressure: a straight line of logarithms, with its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

Floats = NDArray[np.float64]

GAS_CONSTANT = 8.314462618
"""J/(mol K)."""


@dataclass(frozen=True)
class Condition:
    """What a run is made at.

    Parameters
    ----------
    temperature : float
        K.
    pressure : float
        In any one unit; only ratios count.
    """

    temperature: float
    pressure: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0.0):
            raise BadInput(f"a temperature of {self.temperature} K; it must be above 0")
        if not (np.isfinite(self.pressure) and self.pressure > 0.0):
            raise BadInput(f"a pressure of {self.pressure}; it must be above 0")


@dataclass(frozen=True)
class RunRate:
    """The rate that one run gave.

    Parameters
    ----------
    condition : Condition
    rate, sd : float
        k and its standard deviation, 1/s.
    """

    condition: Condition
    rate: float
    sd: float

    def __post_init__(self) -> None:
        if not (self.rate > 0.0 and self.sd > 0.0):
            raise BadInput(f"a rate of {self.rate} ± {self.sd} /s; both must be above 0")


@dataclass(frozen=True)
class ArrheniusPrior:
    """Normal priors before the first run.

    Parameters
    ----------
    energy, energy_sd : float
        Activation energy, J/mol.
    order, order_sd : float
        Power of the pressure.
    log_rate_sd : float
        Of ln k at the first run's condition, about the first rate.
    scatter : float
        Standard deviation of ln k from run to run beside what each run says of itself.
    """

    energy: float = 4e4
    energy_sd: float = 4e4
    order: float = 0.5
    order_sd: float = 1.0
    log_rate_sd: float = 3.0
    scatter: float = 0.0


@dataclass(frozen=True, eq=False)
class ArrheniusFit:
    """Line through the logarithms of rates.

    Parameters
    ----------
    reference : Condition
        ln k there is the first coefficient.
    mean : ndarray of float64, (3,)
        ln k at the reference, activation energy in J/mol, power of the pressure.
    covariance : ndarray of float64, (3, 3)
    chi_square : float
        Of the runs about the line; compare with the number of runs. Far above it, runs scatter
        more than they say of themselves, or the line is none.
    runs : int

    Notes
    -----
    ln k = ln k_ref - E/R (1/T - 1/T_ref) + m ln(p/p_ref)
    """

    reference: Condition
    mean: Floats
    covariance: Floats
    chi_square: float
    runs: int

    @property
    def energy(self) -> tuple[float, float]:
        """Activation energy and its standard deviation, J/mol."""
        return float(self.mean[1]), float(np.sqrt(self.covariance[1, 1]))

    @property
    def order(self) -> tuple[float, float]:
        """Power of the pressure and its standard deviation."""
        return float(self.mean[2]), float(np.sqrt(self.covariance[2, 2]))

    def row(self, condition: Condition) -> Floats:
        """Give what multiplies the coefficients at a condition, (3,)."""
        return _row(condition, self.reference)

    def log_rate(self, condition: Condition) -> tuple[float, float]:
        """Predict ln k at a condition: mean and standard deviation."""
        row = self.row(condition)
        return float(row @ self.mean), float(np.sqrt(row @ self.covariance @ row))

    def energy_sd_after(self, condition: Condition, log_rate_sd: float) -> float:
        """Foretell the energy's standard deviation after a run whose ln k is known so well."""
        row = self.row(condition)
        shared = self.covariance @ row
        variance = self.covariance[1, 1] - shared[1] ** 2 / (row @ shared + log_rate_sd**2)
        return float(np.sqrt(max(variance, 0.0)))


def fit_arrhenius(runs: Sequence[RunRate], prior: ArrheniusPrior | None = None) -> ArrheniusFit:
    """Fit activation energy and pressure order to the rates of runs.

    Parameters
    ----------
    runs : sequence of RunRate
        One at least; what few runs leave open is filled by the prior.
    prior : ArrheniusPrior, optional

    Raises
    ------
    BadInput
        Without a run.

    Examples
    --------
    >>> runs = [
    ...     RunRate(Condition(t), 0.6 * np.exp(-3.5e4 / GAS_CONSTANT * (1 / t - 1 / 273)), 0.006)
    ...     for t in (253.0, 273.0, 293.0)
    ... ]
    >>> energy, sd = fit_arrhenius(runs).energy
    >>> abs(energy - 3.5e4) < 2 * sd < 2000
    True
    """
    if not runs:
        raise BadInput("an Arrhenius line needs one run at least")
    prior = prior or ArrheniusPrior()
    reference = runs[0].condition
    design = np.array([_row(run.condition, reference) for run in runs])
    value = np.log([run.rate for run in runs])
    weight = 1.0 / (np.array([run.sd / run.rate for run in runs]) ** 2 + prior.scatter**2)
    centre = np.array([value[0], prior.energy, prior.order])
    # In units of the priors' widths: energies in J/mol beside orders of 1 condition badly.
    unit = np.array([prior.log_rate_sd, prior.energy_sd, prior.order_sd])
    scaled = design * unit
    precision = scaled.T @ (weight[:, None] * scaled) + np.eye(3)
    covariance = np.linalg.inv(precision) * np.outer(unit, unit)
    mean = centre + covariance @ (design.T @ (weight * (value - design @ centre)))
    apart = value - design @ mean
    return ArrheniusFit(reference, mean, covariance, float(weight @ apart**2), len(runs))


def _row(condition: Condition, reference: Condition) -> Floats:
    inverse = 1.0 / condition.temperature - 1.0 / reference.temperature
    return np.array([1.0, -inverse / GAS_CONSTANT, np.log(condition.pressure / reference.pressure)])
