"""What the second stage of the classifier looks at, and the added phases' network after it."""

from __future__ import annotations

import numpy as np

from operando.agents.patterns import FloatArray
from operando.agents.phase_features import features
from operando.agents.phase_network import Ensemble
from operando.agents.unknown import residual_features
from operando.physics.phases import CRYSTALLINE


def second_stage_features(
    first: Ensemble, intensity: FloatArray, variance: FloatArray
) -> FloatArray:
    """Compute what the second stage looks at, (n, 9 + 6 + 1), from the effective variance.

    First opinion, left-over peaks once the phases of that opinion are explained away, and the
    pattern's signal to noise.
    """
    measured = features(intensity, variance)
    opinion = first.logits(measured)
    present = opinion[:, : len(CRYSTALLINE)] > -1.0
    residual = residual_features(intensity, variance, present)
    opinion = np.clip(opinion, -12.0, 12.0)
    return np.concatenate([opinion, residual, measured[:, -1:]], axis=1)
