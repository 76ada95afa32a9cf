"""The kinetics agent: when did it start, how fast, which law, how sure; while it goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.base import DocumentWorker, ReadsDocuments
from operando.agents.kinetics_areas import AreaWeights, ends_from_arrays, ends_to_arrays
from operando.agents.kinetics_choice import choose
from operando.agents.kinetics_documents import ENDS, KineticsDocuments
from operando.agents.kinetics_record import KineticsRecord, Update
from operando.agents.kinetics_settings import KineticsAgentConfig
from operando.agents.kinetics_summary import Estimate
from operando.agents.kinetics_words import odds, verdict
from operando.agents.npz_file import read_arrays, refusing, write_arrays
from operando.agents.one_run import OneRun
from operando.errors import AgentError

__all__ = ["KineticsAgent", "KineticsAgentConfig"]


class KineticsAgent(ReadsDocuments):
    """Documents of a gas-loading run in; onset, rate and law, with their uncertainty, out.

    What the crystal looks like empty and loaded it learns from documents: the streams ``empty``
    and ``loaded`` of the same run or of one it has read before. It satisfies the agent protocol
    and knows nothing of the beamline but what documents say.

    Parameters
    ----------
    config : KineticsAgentConfig, optional
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.
    """

    def __init__(
        self,
        config: KineticsAgentConfig | None = None,
        *,
        name: str = "kinetics",
        checkpoint_path: Path | None = None,
    ) -> None:
        self.name = name
        self.config = config or KineticsAgentConfig()
        self.checkpoint_path = checkpoint_path
        self._documents = KineticsDocuments()
        self._record: KineticsRecord | None = None
        self._worker = DocumentWorker(OneRun(self._read, name), name)
        # Documents are read on the worker's thread, questions come from others.
        self._lock = threading.RLock()

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        with self._lock:
            ends = self._documents.ends
            version = self._weights().version if set(ENDS) <= set(ends) else ""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": self.name,
            "config": self.config.to_mapping(),
            "seed": self.config.seed,
            "model_version": version,
        }

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        with self._lock:
            self._documents(name, doc)
            if name == "start":
                self._record = None
            for frames in self._documents.fresh:
                if self._record is None:
                    self._record = KineticsRecord(self._weights(), self.config)
                self._record.put(frames)
            self._documents.fresh.clear()
            if self._record is not None and self._documents.opened_at is not None:
                self._record.open_valve(self._documents.opened_at)

    def _weights(self) -> AreaWeights:
        ends = self._documents.ends
        missing = [end for end in ENDS if end not in ends]
        if missing:
            raise AgentError(
                f"agent {self.name} has not seen the {' and the '.join(missing)} crystal: feed it "
                "a run with such a stream first"
            )
        return AreaWeights.from_ends(ends["empty"], ends["loaded"])

    def record(self) -> KineticsRecord:
        """Give the frames and what was known after each.

        Raises
        ------
        AgentError
            If the agent has failed or no frame of a record has come.
        """
        self.drain()
        with self._lock:
            if self._record is None:
                raise AgentError(f"agent {self.name} has seen no frame of a record yet")
            self._record.settle()
            return self._record

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Nothing comes but by documents: points of bluesky-adaptive bring what those bring."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Say whether to go on, and what is known.

        Returns
        -------
        sequence of mapping
            One, with ``action`` ("go on" or "stop"), ``why``, the answer so far (``frames``,
            ``t0``, ``t0_sd`` in s on the record's clock, ``k``, ``k_sd`` in 1/s, ``best``,
            ``probability``, ``p_begun``, ``p_t0_at_ts``, ``locking_on``), ``model_version``,
            ``think_time`` (s) and ``_id``. With a design also ``exposure`` (s) and ``num`` of the
            next frames, and ``pause``: so many seconds with the shutter closed after them.
        """
        begin = time.perf_counter()
        record = self.record()
        with self._lock:
            choice = choose(record)
            summary = record.updates[-1].summary
            at = summary.p_t0_at_ts
            return [
                {
                    "_id": str(len(record.updates)),
                    "action": "stop" if choice.stop else "go on",
                    "why": choice.why,
                    **choice.frames,
                    "frames": summary.frames,
                    "t0": summary.t0.mean,
                    "t0_sd": summary.t0.sd,
                    "k": summary.k.mean,
                    "k_sd": summary.k.sd,
                    "best": summary.best,
                    "probability": summary.models[summary.best].probability,
                    "p_begun": summary.p_begun,
                    "p_t0_at_ts": -1.0 if at is None else at,
                    "locking_on": int(summary.locking_on),
                    "model_version": record.weights.version,
                    "think_time": time.perf_counter() - begin,
                }
            ]

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the configuration's rule says so; see `kinetics_stopping`."""
        self.drain()
        with self._lock:
            if self._record is None:
                return False, None
            choice = choose(self._record)
            return choice.stop, choice.why if choice.stop else None

    def report(self) -> Mapping[str, Any]:
        """Summarise the current answer."""
        record = self.record()
        with self._lock:
            return describe(record)

    def checkpoint(self) -> None:
        """Write end patterns and frames as plain arrays (npz, nothing that could run).

        Raises
        ------
        AgentError
            If the agent was given no place to write to.
        """
        if self.checkpoint_path is None:
            raise AgentError(f"agent {self.name} has no checkpoint_path")
        self.drain()
        with self._lock:
            arrays = ends_to_arrays(self._documents.ends)
            if self._record is not None:
                arrays |= self._record.arrays()
            about = json.dumps({"spec": self.spec(), "run": self._documents.run})
            write_arrays(self.checkpoint_path, about=np.array(about), **arrays)

    @classmethod
    def from_checkpoint(cls, path: Path) -> KineticsAgent:
        """Rebuild an agent from the file of :meth:`checkpoint`.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        with refusing(path, "checkpoint of a kinetics agent"):
            arrays = read_arrays(path)
            about = json.loads(str(arrays["about"]))
            spec = about["spec"]
            config = KineticsAgentConfig.from_mapping(spec["config"])
            agent = cls(config, name=spec["name"], checkpoint_path=path)
            agent._documents.ends = ends_from_arrays(arrays)
            agent._documents.run = about["run"]
            if "record:times" in arrays:
                agent._record = KineticsRecord(agent._weights(), config)
                agent._record.restore(arrays)
            return agent


def describe(record: KineticsRecord, update: Update | None = None) -> dict[str, Any]:
    """Tell what was known after an update, the last one unless told, for JSON."""
    last = update or record.settle()
    summary = last.summary
    passed = record.updates[: record.updates.index(last) + 1]
    t0, k = (_believed(one, summary.doubt) for one in (summary.t0, summary.k))
    return {
        "frames": summary.frames,
        "record_s": last.time,
        "ts": record.valve_time,
        "t0": t0,
        "k": k,
        "model": summary.best,
        "probability": summary.models[summary.best].probability,
        "verdict": verdict(summary),
        "models": {
            name: {
                "t0": _believed(model.t0, summary.doubt),
                "k": _believed(model.k, summary.doubt),
                "shape": None if model.shape is None else model.shape.as_dict(),
                "log_evidence": model.log_evidence,
                "probability": model.probability,
            }
            for name, model in summary.models.items()
        },
        "bayes_factors": odds(summary),
        "p_begun": summary.p_begun,
        "p_t0_before_ts": summary.p_t0_before,
        "p_t0_at_ts": summary.p_t0_at_ts,
        "locking_on": summary.locking_on,
        "doubt": summary.doubt,
        "passed_over_s": list(record.passed_over),
        "ms_per_frame": 1e3 * sum(one.seconds for one in passed) / summary.frames,
        "cpu_ms_per_frame": 1e3 * sum(one.cpu_seconds for one in passed) / summary.frames,
        "ms_slowest": 1e3 * max(one.seconds for one in passed),
    }


def _believed(estimate: Estimate, doubt: str) -> dict[str, Any]:
    """Give an estimate for JSON, without its numbers when there is a reason against them."""
    told = estimate.as_dict()
    return dict.fromkeys(told) if doubt else told
