"""An agent that makes any number small, or large: Bayesian optimisation by scikit-optimize."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.base import DocumentWorker, ReadsDocuments
from operando.agents.bayes_config import BayesOptConfig, Knob
from operando.agents.bayes_documents import EventRows
from operando.agents.bayes_proposal import Hedge, Suggestion
from operando.agents.bayes_search import Model, propose
from operando.agents.bayes_space import Points
from operando.agents.document_values import number
from operando.agents.npz_file import read_arrays, refusing, write_arrays
from operando.agents.one_run import OneRun
from operando.errors import AgentError

__all__ = ["BayesOptAgent", "BayesOptConfig", "Knob"]

#: From the data of an event to the number that is looked at, alone or with its standard deviation.
Objective = Callable[[Mapping[str, Any]], float | tuple[float, float]]


class BayesOptAgent(ReadsDocuments):
    """Find the setting of some knobs at which a number is smallest, or largest.

    It learns from the events of one stream, of the run at hand and of those before it, which are
    worth less by the drift since (``drift_per_hour``). It satisfies the agent protocol and those
    of bluesky-adaptive.

    Parameters
    ----------
    config : BayesOptConfig
        The knobs' names are their keys in events.
    objective : callable, optional
        From an event's data to the number, or to the number and its standard deviation; the value
        of ``config.objective`` (and of that with ``_sd``, where there is one) if not given. Only
        an agent without it can be rebuilt by a replay.
    stream : str
        Whose events it learns from.
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.

    Examples
    --------
    >>> config = BayesOptConfig((Knob("x", -1.0, 1.0),), objective="y", noise=0.01, seed=1)
    >>> agent = BayesOptAgent(config)
    >>> for _ in range(8):
    ...     (point,) = agent.suggest()
    ...     agent.ingest([{"_id": point["_id"], "y": (point["x"] - 0.4) ** 2}])
    >>> ((_, setting, _),) = agent.get_best_points()
    >>> abs(setting["x"] - 0.4) < 0.1
    True
    """

    def __init__(
        self,
        config: BayesOptConfig,
        *,
        objective: Objective | None = None,
        stream: str = "primary",
        name: str = "bayes_opt",
        checkpoint_path: Path | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.checkpoint_path = checkpoint_path
        self._objective = objective
        self._stream = stream
        self._rows = EventRows((stream,))
        self._points: list[tuple[tuple[float, ...], float, float, float]] = []
        self._open: dict[str, tuple[float, ...]] = {}
        self._failed: list[tuple[float, ...]] = []
        self._hedge = Hedge()
        self._asked = 0
        self._worker = DocumentWorker(OneRun(self._read, name), name)
        self._lock = threading.RLock()  # read on the worker's thread, asked on others

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": self.name,
            "config": self.config.to_mapping(),
            "stream": self._stream,
            "seed": self.config.seed,
            "model_version": f"{self.config.surrogate}/{self.config.acquisition}",
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> BayesOptAgent:
        """Make an agent as a start document describes it."""
        config = BayesOptConfig.from_mapping(spec["config"])
        return cls(config, stream=str(spec["stream"]), name=str(spec["name"]))

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        for row in self._rows(name, doc):
            setting = tuple(number(row.data, knob) for knob in self.config.names)
            self._learn(setting, self._number(row.data), row.time)

    def _number(self, data: Mapping[str, Any]) -> tuple[float, float]:
        if self._objective is None:
            key = self.config.objective
            return number(data, key), float(data.get(f"{key}_sd", math.nan))
        found = self._objective(data)
        return found if isinstance(found, tuple) else (float(found), math.nan)

    def _learn(self, setting: tuple[float, ...], found: tuple[float, float], time: float) -> None:
        value, sd = found
        if not math.isfinite(value):
            raise AgentError(f"{self.config.objective} = {value} at {setting}: not a number")
        with self._lock:
            self._points.append((setting, value, sd, time))

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Take measured points without documents.

        Parameters
        ----------
        points : sequence of mapping
            Each with the objective, with the knobs or the ``_id`` of a suggestion, and with the
            objective's ``_sd`` and ``time`` (s) where they are known.

        Raises
        ------
        AgentError
            If a point has neither knobs nor a known ``_id``, or its number is none.
        """
        for point in points:
            known = self._open.pop(str(point.get("_id", "")), None)
            if all(name in point for name in self.config.names):
                known = tuple(number(point, name) for name in self.config.names)
            if known is None:
                raise AgentError(f"agent {self.name}: a point without knobs and without an _id")
            self._learn(known, self._number(point), float(point.get("time", 0.0)))

    def points(self) -> Points:
        """Give what has been measured so far."""
        with self._lock:
            return Points.of(self._points, len(self.config.knobs))

    def suggest(self, num_points: int | None = None) -> Sequence[Suggestion]:
        """Say where to measure next.

        Parameters
        ----------
        num_points : int, optional
            How many; 1 by default. Of several, each is chosen as if those before it had come out
            as the model expects.

        Returns
        -------
        sequence of Suggestion

        Raises
        ------
        AgentError
            If the agent has failed.
        """
        self.drain()
        with self._lock:
            points = self.points()
            made = []
            for _ in range(num_points or 1):
                here = tuple(points.settings[-1].tolist()) if len(points) else None
                proposal = propose(self.config, points, here, self._hedge, avoid=self._failed)
                self._hedge, points = proposal.hedge, proposal.pretended(points)
                self._asked += 1
                self._open[str(self._asked)] = proposal.setting
                made.append(Suggestion(str(self._asked), self.config.names, proposal))
            return made

    def register_failures(self, suggestions: Sequence[Mapping[str, Any]]) -> None:
        """Take note of points that could not be measured: none is suggested near them again."""
        with self._lock:
            for one in suggestions:
                setting = self._open.pop(str(one.get("_id", "")), None)
                if setting is None and all(name in one for name in self.config.names):
                    setting = tuple(float(one[name]) for name in self.config.names)
                if setting is not None:
                    self._failed.append(setting)

    def get_best_points(self) -> Sequence[tuple[Any, Mapping[str, Any], Mapping[str, Any]]]:
        """Give the measured setting of which the model, or before there is one the number, is best.

        Returns
        -------
        sequence of (str, mapping, mapping)
            One: the number of the point, its setting, and the objective with its ``_sd``.

        Raises
        ------
        AgentError
            If nothing has been measured.
        """
        self.drain()
        index, value, sd = self._best()
        names, key = self.config.names, self.config.objective
        setting = dict(zip(names, self.points().settings[index].tolist(), strict=True))
        return [(str(index), setting, {key: value, f"{key}_sd": sd})]

    def _best(self) -> tuple[int, float, float]:
        points = self.points()
        if not len(points):
            raise AgentError(f"agent {self.name} has not seen a point yet")
        sign = -1.0 if self.config.goal == "maximize" else 1.0
        value, sd = points.values, points.sd
        if len(points) >= self.config.first:
            value, sd = Model(self.config, points).predict(points.settings)
        index = int(np.argmin(sign * value))
        return index, float(value[index]), float(sd[index])

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the target is reached with the wanted probability, or after ``most`` points."""
        self.drain()
        config, measured = self.config, len(self.points())
        if measured >= config.most:
            return True, f"{measured} points have been measured"
        if config.target is None or measured < config.first:
            return False, None
        _, value, sd = self._best()
        better = (value - config.target) if config.goal == "maximize" else (config.target - value)
        probability = 0.5 * math.erfc(-better / max(sd, 1e-300) / math.sqrt(2.0))
        if probability < config.confidence:
            return False, None
        return True, (
            f"{config.objective} = {value:.4g} ± {sd:.2g} reaches {config.target:g} "
            f"(probability {probability:.2f})"
        )

    def report(self) -> Mapping[str, Any]:
        """Summarise the current answer."""
        ((_, setting, outcome),) = self.get_best_points()
        return {
            "points": len(self.points()),
            "best": dict(setting),
            **outcome,
            "goal": self.config.goal,
            "acquisition": self.config.acquisition,
        }

    def checkpoint(self) -> None:
        """Write settings and points as plain arrays (npz, nothing that could run).

        Raises
        ------
        AgentError
            If the agent was given no place to write to.
        """
        if self.checkpoint_path is None:
            raise AgentError(f"agent {self.name} has no checkpoint_path")
        self.drain()
        with self._lock:
            points = self.points()
            about = {
                "spec": self.spec(),
                "gains": self._hedge.gains,
                "proposed": self._hedge.proposed,
                "asked": self._asked,
                "failed": self._failed,
            }
            write_arrays(self.checkpoint_path, about=np.array(json.dumps(about)), **vars(points))

    @classmethod
    def from_checkpoint(cls, path: Path, *, objective: Objective | None = None) -> BayesOptAgent:
        """Rebuild an agent from the file of :meth:`checkpoint`.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        with refusing(path, "checkpoint of an optimiser"):
            arrays = read_arrays(path)
            about = json.loads(str(arrays["about"]))
            spec = about["spec"]
            agent = cls(
                BayesOptConfig.from_mapping(spec["config"]),
                objective=objective,
                stream=spec["stream"],
                name=spec["name"],
                checkpoint_path=path,
            )
            columns = (arrays[key].tolist() for key in ("settings", "values", "sd", "times"))
            agent._points = [(tuple(s), v, d, t) for s, v, d, t in zip(*columns, strict=True)]
            agent._hedge = Hedge(tuple(about["gains"]), tuple(map(tuple, about["proposed"])))
            agent._asked = int(about["asked"])
            agent._failed = [tuple(one) for one in about["failed"]]
            return agent
