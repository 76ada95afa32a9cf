"""From neighbours' word to honest odds: the last step of an answer to a map.

The classifier learns from mixtures, textures and backgrounds much wider than one specimen's, with
every phase as frequent as the next, and neighbours add evidence that its probabilities know
nothing of: after both, a label said to hold with 90 % holds more often, and a rare phase less
often. How often was counted once, on simulated sections whose seeds no demonstration and no
benchmark uses, and what was learnt is a straight line a label (J. Platt, Adv. Large Margin
Classif. 61 (1999)):

``logit p' = a logit p + b``

one for points that were measured and one for points that only their neighbours speak for. No
truth of the map in hand is used. On specimens unlike the simulated ones these odds are only as
good as the simulation; labels given by a person (``agent.label``) correct them.
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
from operando.physics.phases import LABELS


@dataclass(frozen=True)
class MapCalibration:
    """Lines that make log odds honest.

    Parameters
    ----------
    measured, unmeasured : ndarray of float32, (9, 2)
        a, b of each label, in the order of ``LABELS``.
    joint : tuple of float
        Exponents, for points measured and not, that turn the product of a point's nine
        probabilities of being right into the probability that all are: wrong labels come in pairs.
    """

    measured: FloatArray
    unmeasured: FloatArray
    joint: tuple[float, float]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> MapCalibration:
        """Rebuild from numbers by name and label, as the shipped file has them."""
        measured, unmeasured = (
            np.array([values[kind][label] for label in LABELS], dtype=np.float32)
            for kind in ("measured", "unmeasured")
        )
        one, other = values["joint"]
        return cls(measured, unmeasured, (float(one), float(other)))

    def apply(self, logit: FloatArray, measured: NDArray[np.bool_]) -> FloatArray:
        """Make log odds honest.

        Parameters
        ----------
        logit : ndarray of float32, (..., 9)
            Log odds with the neighbours' word.
        measured : ndarray of bool, (...)

        Returns
        -------
        ndarray of float32, (..., 9)
        """
        slope, offset = self.measured.T
        honest = logit * slope + offset
        if not measured.all():
            slope, offset = self.unmeasured.T
            honest = np.where(measured[..., None], honest, logit * slope + offset)
        return np.asarray(honest, dtype=np.float32)

    def all_right(self, right: FloatArray, measured: NDArray[np.bool_]) -> FloatArray:
        """Probability that all nine labels of a point are right.

        Parameters
        ----------
        right : ndarray of float32, (..., 9)
            Probability of each label being right.
        measured : ndarray of bool, (...)

        Returns
        -------
        ndarray of float32, (...)
        """
        exponent = np.where(measured, *self.joint).astype(np.float32)
        return np.asarray(right.prod(axis=-1) ** exponent, dtype=np.float32)


@cache
def shipped_calibration(name: str = "map_calibration") -> MapCalibration:
    """Load what comes with the package; ``benchmarks/map_calibration.py`` made it.

    Parameters
    ----------
    name : str
        ``"map_calibration"`` for neighbours weighed by the prior of `spatial`,
        ``"network_calibration"`` for those weighed by `map_network`, ``"gaps_calibration"`` for
        those of a sparse map, weighed by `map_gaps`.
    """
    file = resources.files("operando.agents") / "models" / f"{name}.json"
    return MapCalibration.from_mapping(json.loads(file.read_text(encoding="utf-8")))
