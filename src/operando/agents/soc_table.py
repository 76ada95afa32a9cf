"""The agent that reduces a charge by steps while it is measured, one row a step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController

from operando.agents.base import DocumentWorker, ReadsDocuments
from operando.agents.npz_file import refusing
from operando.agents.one_run import OneRun
from operando.agents.regression_config import RegressionConfig
from operando.agents.soc_checkpoint import read_checkpoint, write_checkpoint
from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_documents import SocDocuments, SocMeasurement
from operando.agents.soc_library import SocLibrary, library_from
from operando.agents.soc_reduction import StepReducer
from operando.agents.soc_rows import (
    FAILED,
    OK,
    PARTIAL,
    Column,
    Row,
    begin_row,
    columns,
    fill_row,
    regression_table,
)
from operando.agents.sparse_regression import RegressionResult, regress
from operando.errors import AgentError, BadInput

logger = logging.getLogger(__name__)
#: Matrices of a spectrum are small: more threads make them slower, tenfold on two cores.
_BLAS = ThreadpoolController()


class SocTableAgent(ReadsDocuments):
    """Documents of a charge in; a growing table with uncertainties out.

    It satisfies the agent protocol and suggests nothing: what it has to say are its rows, which
    a plan can record (`operando.plans.soc_rows.with_rows`).

    Parameters
    ----------
    config : SocTableConfig, optional
    library : SocLibrary, optional
        In place of the one that `config` names.
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.
    """

    config_type = SocTableConfig

    def __init__(
        self,
        config: SocTableConfig | None = None,
        *,
        library: SocLibrary | None = None,
        name: str = "soc_table",
        checkpoint_path: Path | None = None,
    ) -> None:
        self.checkpoint_path = checkpoint_path
        self.name, self.config = name, config or self.config_type()
        if library is None and self.config.library:
            library = SocLibrary.load(Path(self.config.library))
        self._worker = DocumentWorker(OneRun(self._read, name), name)
        self._documents = SocDocuments(self._take)
        self._given = library
        self._run = ""
        # Documents are read on the worker's thread, questions come from others.
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._reducer = StepReducer(self._given) if self._given else None
        self._measurements: list[SocMeasurement] = []
        self._log: list[Row] = []
        self._revision = 0
        self._regression: RegressionResult | None = None

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": self.name,
            "config": {**asdict(self.config), "states": list(self.config.states)},
            "seed": self.config.seed,
            "model_version": self._given.version if self._given else "own references",
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> SocTableAgent:
        """Rebuild an agent from what a start document carries.

        Raises
        ------
        BadInput
            If a setting is none of this agent's, or the library is not the one it had.
        """
        config = cls.config_type.from_mapping(spec.get("config", {}))
        agent = cls(config, name=str(spec.get("name", "soc_table")))
        had, has = spec.get("model_version"), agent.spec()["model_version"]
        if had and had != has:
            raise BadInput(f"the run had references {had}, {config.library!r} has {has}")
        return agent

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        with self._lock:
            if name == "start":
                if not self._run or doc.get("resumes") != self._run:
                    self._forget()  # a run that goes on with the last one adds to its table
                self._run = str(doc.get("uid", ""))
            self._documents(name, doc)

    def ingest(self, points: Sequence[SocMeasurement]) -> None:
        """Take measured steps without documents."""
        self.drain()
        with self._lock:
            for point in points:
                self._take(point)

    def use(self, library: SocLibrary) -> None:
        """Take other references and fit every step anew.

        Parameters
        ----------
        library : SocLibrary
        """
        self.drain()
        with self._lock:
            self._fit_all(library)
            self._given = library

    def columns(self) -> dict[str, Column]:
        """List the columns of a row."""
        return columns(self.config.states)

    def request_rows(self, after: int = 0) -> Future[list[Row]]:
        """Ask for the rows written since; a row that was fitted anew is written again.

        Parameters
        ----------
        after : int
            How many rows are known.

        Returns
        -------
        concurrent.futures.Future of list of dict
        """
        return self.in_turn(lambda: [dict(row) for row in self._log[after:]])

    def rows(self) -> list[Row]:
        """Return the last revision of every row, in the order of the steps."""
        self.drain()
        with self._lock:
            last = {row["index"]: row for row in self._log}
            return [dict(last[index]) for index in sorted(last)]

    @property
    def library(self) -> SocLibrary | None:
        """References in use."""
        return self._reducer.library if self._reducer else None

    def measurements(self) -> list[SocMeasurement]:
        """Return what was measured, in the order of time."""
        self.drain()
        return list(self._measurements)

    def checkpoint(self) -> None:
        """Write settings, references and measurements as plain arrays.

        Raises
        ------
        AgentError
            If the agent was given no place to write to.
        """
        if self.checkpoint_path is None:
            raise AgentError(f"agent {self.name} has no checkpoint_path")
        measured = self.measurements()
        write_checkpoint(self.checkpoint_path, self.spec(), self._given, measured)

    @classmethod
    def from_checkpoint(cls, path: Path) -> SocTableAgent:
        """Rebuild an agent from the file of :meth:`checkpoint`; the rows are made again.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        spec, library, measured = read_checkpoint(path)
        with refusing(path, "checkpoint of a charge"):
            config = cls.config_type.from_mapping(spec["config"])
            agent = cls(config, library=library, name=spec["name"], checkpoint_path=path)
            agent.ingest(measured)
        return agent

    def _take(self, measurement: SocMeasurement) -> None:
        """Add a step; a reference that arrives changes all rows."""
        self._measurements.append(measurement)
        self._regression = None
        if self.config.learn and self._is_wanted(measurement):
            try:
                known = self.library
                own = library_from(
                    self._measurements, self.config.states, previous=known, source="own charge"
                )
                self._fit_all(own)
                return
            except BadInput as error:
                logger.warning("step %d is no reference: %s", measurement.index, error)
        self._log.append(self._row(measurement))

    def _is_wanted(self, measurement: SocMeasurement) -> bool:
        """Tell whether a step is at a reference state that the library lacks."""
        known = self.library.states if self.library else ()
        missing = set(self.config.states) - set(known)
        return any(abs(measurement.soc - soc) <= 0.01 for soc in missing)

    def _fit_all(self, library: SocLibrary) -> None:
        if not set(library.states) <= set(self.config.states):
            raise BadInput(f"references at {library.states}, the table is for {self.config.states}")
        self._reducer = StepReducer(library)
        self._revision += bool(self._log)
        self._regression = None
        self._log.extend([self._row(measurement) for measurement in self._measurements])

    def _row(self, measurement: SocMeasurement) -> Row:
        began = time.perf_counter()
        row = begin_row(measurement, self.config.states, self._revision)
        try:
            with _BLAS.limit(limits=1):
                notes, parts = fill_row(row, self._reducer, measurement)
            row["status"] = OK if not notes else PARTIAL if parts else FAILED
        except Exception as error:  # whatever it is, the other steps are none the worse
            logger.exception("step %d could not be reduced", measurement.index)
            notes, row["status"] = [f"{type(error).__name__}: {error}"], FAILED
        row["notes"] = "; ".join(notes)[:200]
        row["library"] = self.library.version if self.library else ""
        row["reduction_s"] = time.perf_counter() - began
        return row

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Nothing: it watches."""
        return []

    def should_stop(self) -> tuple[bool, str | None]:
        """Never: the plan ends the charge."""
        return False, None

    def regression(self) -> RegressionResult:
        """Explain the open-circuit voltage by everything else in the table.

        Raises
        ------
        AgentError
            If fewer than eight rows are complete.
        """
        rows = self.rows()
        with self._lock:
            if self._regression is None:
                table = regression_table(rows, self.config.states)
                self._regression = regress(table, RegressionConfig(seed=self.config.seed))
            return self._regression

    def report(self) -> Mapping[str, Any]:
        """Return the table, and what explains the voltage once there are rows enough."""
        rows = self.rows()
        try:
            explained: dict[str, Any] | None = self.regression().as_dict()
        except AgentError:
            explained = None
        return {
            "rows": rows,
            "steps": len(rows),
            "failed": [row["index"] for row in rows if row["status"] == FAILED],
            "library": self.library.version if self.library else None,
            "regression": explained,
        }
