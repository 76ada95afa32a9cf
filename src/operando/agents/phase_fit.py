"""Train the phase classifier from nothing: deterministic, on one thread, in under half a minute."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from operando.agents.patterns import FloatArray
from operando.agents.phase_calibration import identity_calibration
from operando.agents.phase_classifier import (
    PhaseClassifier,
    decode,
)
from operando.agents.phase_evidence import second_stage_features
from operando.agents.phase_features import effective_variance, features, to_canonical
from operando.agents.phase_network import train_ensemble
from operando.agents.phase_training import TrainingConfig, synthetic_patterns
from operando.agents.unknown import RESIDUAL_FEATURES
from operando.physics.crystals import STRUCTURES
from operando.physics.phases import LABELS


def train_classifier(
    config: TrainingConfig | None = None, *, progress: Callable[[str], None] | None = None
) -> PhaseClassifier:
    """Draw synthetic patterns and train both stages.

    Parameters
    ----------
    config : TrainingConfig, optional
    progress : callable, optional
        Called with a line of text at each step.

    Returns
    -------
    PhaseClassifier
        The second stage is trained on patterns that the first has not seen, so that it learns
        how far the first can be trusted.
    """
    config = config or TrainingConfig()
    say = progress or (lambda _: None)
    with threadpool_limits(limits=1):
        say(f"drawing {config.n_patterns} synthetic patterns")
        patterns, labels = synthetic_patterns(config, np.random.default_rng(config.seed))
        patterns = to_canonical(patterns)
        cut = int(0.7 * config.n_patterns)
        say("training the first stage")
        first = train_ensemble(
            features(*effective_variance(patterns[:cut])),
            labels[:cut],
            seed=config.seed,
            members=4,
            hidden=(96, 48),
            epochs=10,
        )
        say("training the second stage")
        evidence = second_stage_features(first, *effective_variance(patterns[cut:]))
        held = int(0.8 * len(evidence))
        second = train_ensemble(
            evidence[:held],
            labels[cut:][:held],
            seed=config.seed,
            members=3,
            hidden=(32,),
            epochs=20,
        )
        other = labels[cut:, LABELS.index("other")]
        unknown = _unknown_weights(evidence[:held], other[:held])
        figures = _figures(second.logits(evidence[held:]), labels[cut:][held:])
    metadata = {
        "training": asdict(config),
        "training_hash": config_hash(config),
        "held_out": figures,
        "labels": list(LABELS),
    }
    return PhaseClassifier(first, second, unknown, identity_calibration(), metadata)


def config_hash(config: TrainingConfig) -> str:
    """Short hash of a training configuration and of the crystals that it draws.

    A shipped model whose hash is another has to be trained again: ``operando train``.
    """
    crystals = {name: asdict(crystal) for name, crystal in STRUCTURES.items()}
    text = json.dumps([asdict(config), crystals], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _unknown_weights(evidence: FloatArray, other: NDArray[np.bool_]) -> FloatArray:
    """Logistic regression of "unlisted phase present" on the residual's features alone, (7,)."""
    from sklearn.linear_model import LogisticRegression

    residual = evidence[:, len(LABELS) : len(LABELS) + len(RESIDUAL_FEATURES)]
    model = LogisticRegression(C=10.0, max_iter=500).fit(residual, other)
    return np.concatenate([model.coef_[0], model.intercept_]).astype(np.float32)


def _figures(logit: FloatArray, labels: NDArray[np.bool_]) -> dict[str, Any]:
    """Figures on synthetic patterns that neither stage has seen."""
    present = decode(logit)
    probability = 1.0 / (1.0 + np.exp(-logit.astype(float)))
    return {
        "patterns": len(labels),
        "exact_match": round(float((present == labels).all(axis=1).mean()), 4),
        "label_accuracy": round(float((present == labels).mean()), 4),
        "brier": round(float(np.square(probability - labels).mean()), 5),
    }
