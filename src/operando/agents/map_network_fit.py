"""Teach the network that weighs a point's own pattern with its neighbours'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from operando.agents.map_drawing import draw_maps, draw_section
from operando.agents.map_network import evidence
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_network import Ensemble, train_ensemble
from operando.physics.phases import LABELS

_STEPS_UM = (1.0, 2.0, 2.0, 2.0, 4.0, 8.0)  # distances of the points, drawn evenly
_SHARES = (0.01, 0.6)  # of the points measured, in maps that are not complete


@dataclass(frozen=True)
class NeighbourTraining:
    """What the network learns from.

    Parameters
    ----------
    sections : int
        Sections drawn.
    exposures : int
        Maps of each.
    shape : tuple of int
        Rows and columns.
    rows : int
        Points taken of each map, complete or not.
    seed : int
        Of every random number.
    members, hidden, epochs
        As for `train_ensemble`.
    """

    sections: int = 56
    exposures: int = 3
    shape: tuple[int, int] = (60, 50)
    rows: int = 1800
    seed: int = 20_261
    members: int = 2
    hidden: tuple[int, ...] = (64,)
    epochs: int = 6


def train_neighbours(
    classifier: PhaseClassifier,
    config: NeighbourTraining | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> Ensemble:
    """Draw sections, label their patterns and learn the true labels from the neighbourhoods.

    Parameters
    ----------
    classifier : PhaseClassifier
        Whose opinions are weighed.
    config : NeighbourTraining, optional
    progress : callable, optional
        Called with a line of text now and then.

    Returns
    -------
    Ensemble
        The same seed gives the same one.
    """
    config = config or NeighbourTraining()
    say = progress or (lambda _: None)
    rng = np.random.default_rng(config.seed)
    seen: list[FloatArray] = []
    true: list[NDArray[np.bool_]] = []
    with threadpool_limits(limits=1):
        for number in range(config.sections):
            say(f"section {number + 1} of {config.sections}")
            patterns, labels = draw_maps(draw_section(config.shape, rng), config.exposures, rng)
            for some in patterns:
                logit = classifier.classify(some).logit.reshape(*config.shape, len(LABELS))
                for measured in (np.ones(config.shape, dtype=bool), _some(config.shape, rng)):
                    step = float(rng.choice(_STEPS_UM))
                    rows = rng.permutation(len(labels))[: config.rows]
                    seen.append(evidence(logit, measured, (step, step))[rows])
                    true.append(labels[rows])
    say("training")
    return train_ensemble(
        np.concatenate(seen),
        np.concatenate(true),
        seed=config.seed,
        members=config.members,
        hidden=config.hidden,
        epochs=config.epochs,
    )


def _some(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Strew measured points over a map."""
    low, high = np.log(_SHARES)
    share = np.exp(rng.uniform(float(low), float(high)))
    measured = rng.random(shape) < share
    measured.flat[rng.integers(measured.size)] = True
    return np.asarray(measured)
