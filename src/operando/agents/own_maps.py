"""Where on a map the phases are that a user added to the classifier."""

from __future__ import annotations

from threading import RLock

import numpy as np

from operando.agents.map_labels import PointLabels
from operando.agents.map_state import MapMemory
from operando.agents.mapping_config import MappingConfig
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import PhaseClassifier, expit
from operando.physics.phases import LABELS

_OTHER = LABELS.index("other")


class NamesOwnPhases:
    """The part of the mapping agent that names phases beyond the nine labels."""

    config: MappingConfig
    classifier: PhaseClassifier
    _labels: PointLabels
    _lock: RLock

    def memory(self) -> MapMemory:
        """Give what has been measured."""
        raise NotImplementedError

    def own_phases(self) -> dict[str, FloatArray]:
        """Say where the phases are that were added to the model.

        Returns
        -------
        dict of str to ndarray of float32, (ny, nx)
            Probability of each added phase, with the neighbours' word; empty when the model has
            none. A point without a pattern has its neighbours' word alone. Where a phase is,
            ``other`` of the nine labels holds as well. People's labels do not move these odds.

        Raises
        ------
        AgentError
            If the agent has failed or nothing has been measured.
        """
        memory = self.memory()
        with self._lock:
            logit = self._own_logits(memory)
        return dict(zip(self.classifier.own_names, np.moveaxis(expit(logit), -1, 0), strict=True))

    def _own_logits(self, memory: MapMemory) -> FloatArray:
        """Log odds of each added phase, (ny, nx, k)."""
        own, alone = self.classifier.own, self._labels.of(memory).own
        if own is None or alone is None:
            return np.zeros((*memory.grid.shape, 0), dtype=np.float32)
        seen = memory.measured.ravel()
        among = np.zeros_like(alone)
        among[seen] = own.among(alone[seen])
        planes = among.reshape(*memory.grid.shape, -1)
        return self.config.spatial.apply(planes, memory.measured, memory.grid.step_um)

    def _named(self, logit: FloatArray, memory: MapMemory) -> FloatArray:
        """Have ``other`` hold where an added phase does, in log odds (ny, nx, 9)."""
        if self.classifier.own is not None:
            found = self._own_logits(memory).max(axis=-1)
            logit[..., _OTHER] = np.maximum(logit[..., _OTHER], found)
        return logit

    def own_shares(self) -> dict[str, float]:
        """Share of the map's points where each added phase is more likely than not."""
        return {name: float((p > 0.5).mean()) for name, p in self.own_phases().items()}
