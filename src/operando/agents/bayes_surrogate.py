"""scikit-optimize's optimiser over the unit cube, and the models of an objective for it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.bayes_config import BayesOptConfig
from operando.agents.bayes_space import Scaled
from operando.errors import BadInput

if TYPE_CHECKING:
    from skopt import Optimizer

Floats = NDArray[np.float64]

#: Share of its drift that a point has to itself, not in common with the others.
_OWN_DRIFT = 0.1


def new_surrogate(config: BayesOptConfig, scaled: Scaled) -> Any:
    """Make the surrogate for values of mean 0 and standard deviation 1."""
    unknown = bool(np.isnan(scaled.sd).any())
    if config.surrogate == "quadratic":
        from operando.agents.quadratic_gp import QuadraticGP

        if unknown:
            raise BadInput("a quadratic model needs to know its noise: give noise or each sd")
        sd = np.maximum(np.hypot(scaled.sd, _OWN_DRIFT * scaled.drift), 1e-9)
        drifted = bool(scaled.plane.max() > 1e-9)
        return QuadraticGP(tuple(sd.tolist()), tuple(scaled.plane.tolist()) if drifted else ())
    sd = np.where(unknown, np.nan_to_num(scaled.sd), scaled.sd)
    sd = np.maximum(np.hypot(sd, scaled.drift), 1e-5 if unknown else 1e-4)
    from skopt.learning import GaussianProcessRegressor
    from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

    kernel = ConstantKernel(1.0, (0.05, 100.0)) * Matern(
        np.full(len(config.knobs), 0.5), [(0.05, 10.0)] * len(config.knobs), nu=2.5
    )
    return GaussianProcessRegressor(
        kernel=kernel,
        alpha=sd**2,
        noise="gaussian" if unknown else None,
        n_restarts_optimizer=1,
        random_state=config.seed,
    )


def new_optimizer(config: BayesOptConfig, estimator: Any) -> Optimizer:
    """Make scikit-optimize's optimiser over the unit cube."""
    from skopt import Optimizer

    return Optimizer(
        [(0.0, 1.0)] * len(config.knobs),
        base_estimator=estimator,
        n_initial_points=1,  # our own design has been measured when this one is made
        acq_func=config.acquisition,
        acq_func_kwargs={"xi": config.xi, "kappa": config.kappa},
        acq_optimizer="sampling",
        acq_optimizer_kwargs={"n_points": config.candidates},
        random_state=config.seed,
    )


@lru_cache(maxsize=64)  # scikit-optimize tries a thousand designs: that takes a second
def design_points(design: str, points: int, knobs: int, seed: int) -> Floats:
    """Spread the points before the model has the say, (points, knobs), in the unit cube."""
    from skopt.sampler import Halton, Lhs, Sobol
    from skopt.space import Space

    kind = {"lhs": Lhs, "sobol": Sobol, "halton": Halton}[design]
    space = Space([(0.0, 1.0)] * knobs)
    spread = kind().generate(space.dimensions, points, random_state=seed)
    return np.asarray(spread, dtype=np.float64)
