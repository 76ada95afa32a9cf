"""What the kinetic engine is told before the first frame: laws, priors, noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.known_settings import known_settings
from operando.errors import BadInput
from operando.physics.kinetic_laws import DEFAULT_LAWS, LAWS, KineticLaw


@dataclass(frozen=True)
class KineticsConfig:
    """Laws to compare and the priors of their parameters.

    Parameters
    ----------
    laws : tuple of str
        Names of laws, each with the same prior probability.
    t0_prior : tuple of float, optional
        Onset, uniform between these two, s on the record's clock. None: from the begin of the
        first frame to the end of the last one.
    valve_time : float, optional
        When the valve opened, ts, s on the same clock.
    valve_prior : bool
        True: the onset cannot lie before `valve_time`. False: it is free of it.
    rate_bounds : tuple of float
        k, log-uniform between these two, 1/s.
    amplitude_mean, amplitude_sd : tuple of float
        Normal priors of the two linear parameters. Of areas: the empty phase's before the onset
        and the loaded phase's at the end, in units of the expected plateau.
    never_prior : float
        Prior probability that the process does not begin within the record.

    Raises
    ------
    BadInput
        When a name is unknown or a bound makes no sense; the message names it.
    """

    laws: tuple[str, ...] = DEFAULT_LAWS
    t0_prior: tuple[float, float] | None = None
    valve_time: float | None = None
    valve_prior: bool = False
    rate_bounds: tuple[float, float] = (0.02, 20.0)
    amplitude_mean: tuple[float, float] = (1.0, 1.0)
    amplitude_sd: tuple[float, float] = (1.0, 1.0)
    never_prior: float = 0.5

    def __post_init__(self) -> None:
        if not self.laws or len(set(self.laws)) < len(self.laws):
            raise BadInput("laws: at least one is needed, none of them twice")
        _ordered("rate_bounds", self.rate_bounds, 0.0)
        if self.t0_prior is not None:
            _ordered("t0_prior", self.t0_prior, -np.inf)
        if self.valve_prior and self.valve_time is None:
            raise BadInput("valve_prior needs valve_time")
        if self.valve_time is not None and not np.isfinite(self.valve_time):
            raise BadInput(f"valve_time is {self.valve_time}; a time in s is needed")
        if not (np.isfinite(self.amplitude_mean).all() and min(self.amplitude_sd) > 0.0):
            raise BadInput("amplitude_mean must be finite and amplitude_sd above 0")
        if not 0.0 < self.never_prior < 1.0:
            raise BadInput(f"never_prior is {self.never_prior}; above 0 and below 1 is needed")

    def resolve(self, own: Sequence[KineticLaw] = ()) -> tuple[KineticLaw, ...]:
        """Give the laws by their names, from those shipped and from `own`."""
        known = {**LAWS, **{law.name: law for law in own}}
        missing = [name for name in self.laws if name not in known]
        if missing:
            raise BadInput(f"no law {missing[0]!r}; there are {', '.join(known)}")
        return tuple(known[name] for name in self.laws)

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> KineticsConfig:
        """Make a configuration from names and values; unknown names are refused.

        Examples
        --------
        >>> KineticsConfig.from_mapping({"laws": ["jander"], "valve_time": 5.0}).laws
        ('jander',)
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known_settings(cls, settings).items()
        }
        return cls(**values)


@dataclass(frozen=True, eq=False)
class AreaNoise:
    """Covariance of a frame's two areas as the model predicts it.

    With areas (a0, a1) per unit of dose, a frame of dose ``w`` (flux times exposure) has the
    covariance ``(background + a0 per_area[0] + a1 per_area[1]) / w``. It never contains a frame's
    own counts, because weights from the same counts pull every fit low.

    Parameters
    ----------
    background : ndarray of float64, (2, 2)
        From everything in the pattern but the two phases.
    per_area : ndarray of float64, (2, 2, 2)
        From each phase, for one unit of its area.

    Raises
    ------
    BadInput
        When shapes are wrong, or a covariance is not positive for both phases' unit areas.
    """

    background: NDArray[np.float64]
    per_area: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "background", np.asarray(self.background, dtype=np.float64))
        object.__setattr__(self, "per_area", np.asarray(self.per_area, dtype=np.float64))
        if self.background.shape != (2, 2) or self.per_area.shape != (2, 2, 2):
            raise BadInput("noise of areas: background (2, 2) and per_area (2, 2, 2) are needed")
        for area in self.per_area:
            if not np.linalg.eigvalsh(self.background + area).min() > 0.0:
                raise BadInput("noise of areas: a covariance is not positive definite")

    def of(self, areas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance for a unit dose; `areas` (..., 2), result (..., 2, 2)."""
        return np.asarray(self.background + np.tensordot(areas, self.per_area, axes=1))


def _ordered(name: str, pair: tuple[float, float], floor: float) -> None:
    if not (len(pair) == 2 and np.isfinite(pair).all() and floor < pair[0] < pair[1]):
        raise BadInput(f"{name} is {pair}; two values are needed, the first below the second")
