"""How far an answer to a map can be trusted: the odds that each label of a point is right.

The classifier learns from mixtures, textures and backgrounds much wider than one specimen's, and
neighbours add evidence that its probabilities know nothing of: after both, a label said to be
right with 90 % is right more often. How often was counted once, on simulated sections whose
seeds no demonstration and no benchmark uses, and what was learnt is a straight line a label:

``logit P(right) = a |logit p| + b [p > 1/2] + c``

one for points that were measured and one for points that only their neighbours speak for. No
truth of the map in hand is used. On specimens unlike the simulated ones these odds are only as
good as the simulation; labels given by a person (``agent.label``) are the check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit
from operando.physics.phases import LABELS


@dataclass(frozen=True)
class MapConfidence:
    """Odds that labels of a map are right.

    Parameters
    ----------
    measured, unmeasured : ndarray of float32, (9, 3)
        a, b, c of each label, in the order of ``LABELS``.
    joint : tuple of float
        Exponents, for points measured and not, that turn the product of a point's nine
        probabilities into the probability that all are right: wrong labels come in pairs.
    """

    measured: FloatArray
    unmeasured: FloatArray
    joint: tuple[float, float]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> MapConfidence:
        """Rebuild from numbers by name and label, as the shipped file has them."""
        measured, unmeasured = (
            np.array([values[kind][label] for label in LABELS], dtype=np.float32)
            for kind in ("measured", "unmeasured")
        )
        one, other = values["joint"]
        return cls(measured, unmeasured, (float(one), float(other)))

    def of_labels(self, logit: FloatArray, measured: NDArray[np.bool_]) -> FloatArray:
        """Probability that each label is right.

        Parameters
        ----------
        logit : ndarray of float32, (..., 9)
            Log odds with the neighbours' word.
        measured : ndarray of bool, (...)

        Returns
        -------
        ndarray of float32, (..., 9)
        """
        if measured.all():
            return _right(logit, self.measured)
        right = _right(logit, self.unmeasured)
        right[measured] = _right(logit[measured], self.measured)
        return right

    def of_points(self, right: FloatArray, measured: NDArray[np.bool_]) -> FloatArray:
        """Probability that all nine labels of a point are right.

        Parameters
        ----------
        right : ndarray of float32, (..., 9)
            From :meth:`of_labels`.
        measured : ndarray of bool, (...)

        Returns
        -------
        ndarray of float32, (...)
        """
        exponent = np.where(measured, *self.joint).astype(np.float32)
        return np.asarray(right.prod(axis=-1) ** exponent, dtype=np.float32)


def _right(logit: FloatArray, line: FloatArray) -> FloatArray:
    slope, present, offset = line.T
    return expit(slope * np.abs(logit) + present * (logit > 0) + offset)


@cache
def shipped_confidence() -> MapConfidence:
    """Load what comes with the package; ``benchmarks/map_confidence.py`` made it."""
    file = resources.files("operando.agents") / "models" / "map_confidence.json"
    return MapConfidence.from_mapping(json.loads(file.read_text(encoding="utf-8")))
