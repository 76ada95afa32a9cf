"""The phase-mapping agent: labels a map while it is measured and says where to look again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.base import DocumentWorker, ReadsDocuments
from operando.agents.label_dialogue import AsksPeople
from operando.agents.label_lessons import Lessons
from operando.agents.map_answer import MapAnswer
from operando.agents.map_checkpoint import AgentState, read_checkpoint, write_checkpoint
from operando.agents.map_documents import MapDocuments
from operando.agents.map_gaps import MapGaps
from operando.agents.map_labels import PointLabels
from operando.agents.map_neighbours import with_neighbours
from operando.agents.map_network import network_version
from operando.agents.map_state import MapMemory
from operando.agents.map_suggestions import Suggestions
from operando.agents.mapping_config import MappingConfig
from operando.agents.npz_file import refusing
from operando.agents.one_run import OneRun
from operando.agents.own_maps import NamesOwnPhases
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.unknown import prepare_filters
from operando.errors import AgentError
from operando.physics.phases import LABELS

__all__ = ["MappingConfig", "PhaseMappingAgent"]


class PhaseMappingAgent(ReadsDocuments, AsksPeople, NamesOwnPhases):
    """Documents of a map in; labels, confidence and the next points out.

    It satisfies the agent protocol: call it with documents, ask it with :meth:`suggest`,
    :meth:`report` and :meth:`should_stop`. It knows nothing but what documents say, so it
    serves a live run, a remote one and a replay. People: :meth:`query_labels`, :meth:`label`.

    Parameters
    ----------
    config : MappingConfig, optional
    classifier : PhaseClassifier, optional
        In place of the one that `config` names.
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.
    label_path : Path, optional
        File of people's labels; beside the checkpoint (``.labels.jsonl``) if not given, and
        nowhere without one.
    """

    def __init__(
        self,
        config: MappingConfig | None = None,
        *,
        classifier: PhaseClassifier | None = None,
        name: str = "phase_mapping",
        checkpoint_path: Path | None = None,
        label_path: Path | None = None,
    ) -> None:
        self.name = name
        self.config = config or MappingConfig()
        self.classifier = classifier or PhaseClassifier.named(self.config.model)
        self.checkpoint_path = checkpoint_path
        self._lessons = Lessons(label_path, beside=checkpoint_path)
        self._worker = DocumentWorker(OneRun(self._read, name), name)
        self._documents = MapDocuments()
        self._labels = PointLabels(self.classifier)
        self._gaps = MapGaps()
        # Documents are read on the worker's thread, questions come from others.
        self._lock = threading.RLock()
        self._suggestions = Suggestions()
        #: The answer that the first suggestions were made from: the map after its first pass.
        self.answer_when_first_asked: MapAnswer | None = None

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": self.name,
            "config": asdict(self.config),
            "seed": self.config.seed,
            "model_version": self.version,
            **({"person_labels": taught} if (taught := self._taught()) else {}),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> PhaseMappingAgent:
        """Rebuild an agent as :meth:`spec` described it; new labels go nowhere."""
        config = MappingConfig.from_mapping(spec.get("config") or {})
        agent = cls(config, name=str(spec.get("name") or cls.__name__))
        agent._lessons.recall(spec.get("person_labels") or ())
        return agent

    @property
    def version(self) -> str:
        """Digits that change with the classifier, and with the network that weighs neighbours."""
        return f"{self.classifier.version}-{network_version()}"

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        with self._lock:
            before = self._documents.grid
            self._documents(name, doc)
            if name == "start" and self._documents.grid is not before:
                self._suggestions.clear()
                self.answer_when_first_asked = None
                prepare_filters()  # before there are patterns, so that no answer waits for it
            # While the map is measured, so that a question finds its patterns labelled.
            if (memory := self._documents.memory) is not None:
                self._labels.prepare(memory)

    def request(self, num_points: int | None = None) -> Future[Sequence[Mapping[str, Any]]]:
        """Ask for what :meth:`suggest` gives, after the documents so far and before any later."""
        return self.in_turn(lambda: self.suggest(num_points))

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Take measured points without documents.

        Parameters
        ----------
        points : sequence of mapping
            Each with ``stage_x``, ``stage_y`` (µm) or the ``_id`` of a suggestion,
            ``intensity`` (b,), ``sigma`` (b,) on the axis of the patterns already seen, and
            ``exposure`` (s). One without ``intensity`` is passed over: documents bring it.

        Raises
        ------
        AgentError
            If no run has started, a point lies off the map or nobody knows its ``_id``.
        """
        memory = self.memory()
        with self._lock:
            brought = [point for point in points if "intensity" in point]
            if brought:
                memory.add(
                    self._suggestions.indices(brought, memory.grid),
                    np.stack([np.asarray(p["intensity"], dtype=np.float32) for p in brought]),
                    np.stack([np.asarray(p["sigma"], dtype=np.float32) for p in brought]),
                    np.array([float(point.get("exposure", 0.0)) for point in brought]),
                )

    def answer(self) -> MapAnswer:
        """Label every measured point from all the dose it has had.

        Raises
        ------
        AgentError
            If the agent has failed or nothing has been measured.
        """
        self.drain()
        with self._lock:
            memory = self._memory()
            measured, shape = memory.measured, memory.grid.shape
            labels = self._labels.of(memory)
            alone = labels.logit.reshape(*shape, len(LABELS))
            score = labels.unknown_score.reshape(shape)
            honest, calibration = with_neighbours(
                self.config, alone, measured, memory.grid.step_um, self._gaps
            )
            honest = self._named(honest, memory)
            taught = self._lessons.apply(honest, measured, self._documents.runs)
            return MapAnswer(alone.copy(), taught, measured, score.copy(), calibration)

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give the points to look at next: the least confident that were not suggested yet.

        In a sparse map, the unmeasured points whose measurement tells most of the map.

        Parameters
        ----------
        num_points : int, optional
            How many; one by default. Fewer come back when the map runs out of points.

        Returns
        -------
        sequence of mapping
            Keys ``_id``, ``point`` (``iy * nx + ix``), ``stage_x``, ``stage_y`` (µm),
            ``acquisition`` (chance that its least certain label is wrong), ``probability`` (nine
            floats), ``model_version``, ``think_time`` (s, shared by the batch).
        """
        begin = time.perf_counter()
        answer = self.answer()
        if self.answer_when_first_asked is None:
            self.answer_when_first_asked = answer
        made = self._suggestions.choose(
            answer,
            self.config.labels,
            self._memory().grid,
            num_points or 1,
            chosen_before=self._documents.chosen,
        )
        about = {"model_version": self.version}
        return [{**one, **about, "think_time": time.perf_counter() - begin} for one in made]

    def report(self) -> Mapping[str, Any]:
        """Summarise the current answer, with the accuracy it expects of itself."""
        answer, memory = self.answer(), self._memory()
        return {
            "points": int(answer.measured.sum()),
            "visits": int(memory.visits.sum()),
            "dwell_s": float(memory.exposure_s.sum()),
            "passed_over": dict(self._documents.doubts.passed_over),
            "expected_exact_match": float(answer.confidence[answer.measured].mean()),
            "expected_label_accuracy": answer.expected_accuracy(self.config.labels),
            "label_share": {
                label: float(answer.present[..., k].mean()) for k, label in enumerate(LABELS)
            },
            "own_share": self.own_shares(),
            "model_version": self.version,
        }

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the whole map is expected to be as right as the configuration asks for."""
        target = self.config.target
        if target is None or self._documents.memory is None:
            return False, None
        expected = float(self.answer().confidence.mean())
        return expected >= target, f"expected exact match {expected:.4f} >= {target:g}"

    def get_best_points(self) -> Sequence[tuple[Any, Mapping[str, Any], Mapping[str, Any]]]:
        """Give the point where another look would teach most; a map has no optimum.

        Its index, position (µm), and ``uncertainty`` (chance that its least certain label is
        wrong) with the probability of each label.
        """
        answer, grid = self.answer(), self._memory().grid
        uncertainty = answer.uncertainty(self.config.labels).ravel()
        point = int(uncertainty.argmax())
        ((x, y),) = grid.position([point])
        labels = zip(LABELS, answer.probability.reshape(-1, len(LABELS))[point], strict=True)
        outcome = {"uncertainty": float(uncertainty[point])} | {k: float(p) for k, p in labels}
        return [(point, {"stage_x": float(x), "stage_y": float(y)}, outcome)]

    def register_failures(self, suggestions: Sequence[Mapping[str, Any]]) -> None:
        """Take note of points that could not be measured: they are not suggested again."""
        if self._documents.memory is None:
            return
        with self._lock:
            for suggestion in suggestions:
                with suppress(AgentError):  # off the map: never suggested
                    point = self._suggestions.point(suggestion, self._documents.memory.grid)
                    self._suggestions.points.add(point)

    def checkpoint(self) -> None:
        """Write what has been measured and suggested as plain arrays to `checkpoint_path`."""
        if self.checkpoint_path is None:
            raise AgentError(f"agent {self.name} has no checkpoint_path")
        self.drain()
        with self._lock:
            points = self._suggestions.points | self._documents.chosen
            state = AgentState(
                self._memory(), points, self._suggestions.next_id, self._documents.runs
            )
            write_checkpoint(self.checkpoint_path, self.spec(), state)

    @classmethod
    def from_checkpoint(cls, path: Path, *, label_path: Path | None = None) -> PhaseMappingAgent:
        """Rebuild an agent from the file of :meth:`checkpoint`; labels as for a new one."""
        spec, state = read_checkpoint(path)
        with refusing(path, "checkpoint of a mapping agent"):
            config = MappingConfig.from_mapping(spec["config"])
            agent = cls(config, name=spec["name"], checkpoint_path=path, label_path=label_path)
        agent._documents.restore(state.memory)
        agent._documents.runs = state.runs
        agent._suggestions.points = state.suggested
        agent._suggestions.next_id = state.next_id
        return agent

    def memory(self) -> MapMemory:
        """Give counts, dose and visits of every point; see :class:`MapMemory`."""
        self.drain()
        return self._memory()

    def _asked(self) -> tuple[Sequence[str], Sequence[str]]:
        return self._documents.runs, self.config.labels

    def _memory(self) -> MapMemory:
        if self._documents.memory is None:
            raise AgentError(f"agent {self.name} has seen no pattern of a map yet")
        return self._documents.memory
