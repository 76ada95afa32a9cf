"""What an optimiser is told before the first point: knobs, goal, model, limits of moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from operando.agents.known_settings import known_settings
from operando.errors import BadInput

ACQUISITIONS = ("EI", "LCB", "PI", "gp_hedge")
DESIGNS = ("lhs", "sobol", "halton")
SURROGATES = ("matern", "quadratic")
SCALES = ("plain", "log", "square")


@dataclass(frozen=True)
class Knob:
    """Something that can be set, and how.

    Parameters
    ----------
    name : str
        Its key in documents, and in suggestions.
    low, high : float
        Between which it is looked for, in its own units.
    reach : float
        Longest move at a time.
    smallest : float
        Moves shorter than this are not made: they would be lost in backlash.
    speed : float
        Units a second; what a move costs. Infinity: moves cost nothing.

    Raises
    ------
    BadInput
        If a number makes no sense.
    """

    name: str
    low: float
    high: float
    reach: float = math.inf
    smallest: float = 0.0
    speed: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise BadInput(f"knob {self.name}: {self.low!r} to {self.high!r} is no range")
        if not (self.reach > 0 and self.speed > 0 and 0 <= self.smallest < self.high - self.low):
            raise BadInput(
                f"knob {self.name}: reach and speed must be positive, the smallest move 0 or more "
                "and within the range"
            )


@dataclass(frozen=True)
class BayesOptConfig:
    """Settings of a Bayesian optimiser.

    Parameters
    ----------
    knobs : tuple of Knob
    objective : str
        Key of the number that is looked at, in documents and in points.
    goal : str
        "minimize" or "maximize".
    acquisition : str
        "EI" (expected improvement), "LCB" (confidence bound), "PI" (probability of improvement)
        or "gp_hedge" (each of them by its success).
    initial : int, optional
        Points before the model has the say; twice the knobs and one more if not given.
    design : str
        How they are spread: "lhs", "sobol" or "halton".
    spread : float
        Share of the range that they fill, about the first point measured; 1: all of it.
    surrogate : str
        "matern", a Gaussian process with Matérn's covariance of nu = 5/2, or "quadratic", one
        whose functions are the polynomials of second degree.
    scale : str
        The model is made of the objective itself ("plain"), of its logarithm or of its square.
    noise : float, optional
        Standard deviation of a measurement that does not bring its own, in the objective's units;
        fitted if not given.
    misfit : float
        What model and reality may differ by, as a share of the (scaled) objective: a measurement
        is never taken for better than that.
    drift_per_hour : float
        What older points are worth: this much, for each hour, is added to their standard
        deviation (in quadrature), in the objective's units.
    tolerance : float
        Of all points within this share of the best value of the acquisition, the nearest is taken.
    kappa, xi : float
        Of LCB, and of EI and PI.
    candidates : int
        Points at which the acquisition is compared.
    target : float, optional
        The agent stops when the objective is known to be as good as this...
    confidence : float
        ... with this probability, by the measurements at one setting.
    most : int
        It stops after so many points.
    seed : int
        Of everything random.

    Raises
    ------
    BadInput
        If a name is unknown or a number makes no sense.

    Examples
    --------
    >>> config = BayesOptConfig((Knob("pitch", 3.7, 4.3),), objective="size", acquisition="LCB")
    >>> config.first
    3
    >>> BayesOptConfig.from_mapping(config.to_mapping()) == config
    True
    """

    knobs: tuple[Knob, ...]
    objective: str = "objective"
    goal: str = "minimize"
    acquisition: str = "EI"
    initial: int | None = None
    design: str = "lhs"
    spread: float = 1.0
    surrogate: str = "matern"
    scale: str = "plain"
    noise: float | None = None
    misfit: float = 0.0
    drift_per_hour: float = 0.0
    tolerance: float = 0.1
    kappa: float = 1.96
    xi: float = 0.0
    candidates: int = 1000
    target: float | None = None
    confidence: float = 0.9
    most: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.knobs or len({knob.name for knob in self.knobs}) < len(self.knobs):
            raise BadInput("an optimiser needs a knob or more, each with a name of its own")
        for name, known in (
            ("goal", ("minimize", "maximize")),
            ("acquisition", ACQUISITIONS),
            ("design", DESIGNS),
            ("surrogate", SURROGATES),
            ("scale", SCALES),
        ):
            if (value := getattr(self, name)) not in known:
                raise BadInput(f"{name} is {value!r}; there are {', '.join(known)}")
        if self.goal == "maximize" and self.scale == "square":
            raise BadInput("a square is no scale for what is to be large; use plain or log")
        if self.initial is not None and self.initial < 1:
            raise BadInput(f"initial is {self.initial}; at least 1 point is needed")
        if not 0 < self.spread <= 1:
            raise BadInput(f"spread is {self.spread!r}; above 0 and up to 1 is needed")
        if self.noise is not None and not self.noise > 0:
            raise BadInput(f"noise is {self.noise!r}; a positive number is needed, or None")
        if not (self.misfit >= 0 and self.drift_per_hour >= 0 and 0 <= self.tolerance < 1):
            raise BadInput("misfit and drift are 0 or more, the tolerance from 0 to below 1")
        if self.candidates < 10 or self.most < 1 or not 0.5 <= self.confidence < 1:
            raise BadInput("candidates: 10 or more; most: 1 or more; confidence: 0.5 to below 1")
        if self.seed < 0:
            raise BadInput(f"a seed is 0 or more, got {self.seed}")

    @property
    def first(self) -> int:
        """Points before the model has the say."""
        return 2 * len(self.knobs) + 1 if self.initial is None else self.initial

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the knobs."""
        return tuple(knob.name for knob in self.knobs)

    def to_mapping(self) -> dict[str, Any]:
        """Give the settings as JSON takes them."""
        knobs = [
            {key: value for key, value in asdict(knob).items() if value != math.inf}
            for knob in self.knobs
        ]
        return {**asdict(self), "knobs": knobs}

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> BayesOptConfig:
        """Make a configuration from names and values; unknown names are refused."""
        known = known_settings(cls, settings)
        try:
            knobs = tuple(Knob(**knob) for knob in known["knobs"])
        except (KeyError, TypeError) as error:
            raise BadInput(f"an optimiser's knobs cannot be read: {error}") from None
        return cls(**{**known, "knobs": knobs})
