"""What people's labels teach the mapping agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.label_store import LabelStore, PersonLabel
from operando.agents.patterns import FloatArray
from operando.agents.phase_adapt import fit_head
from operando.errors import BadInput
from operando.physics.phases import LABELS

_CERTAIN = np.float32(6.0)  # log odds of what a person has said


class Lessons:
    """What people have said, and the correction of the answer that it teaches.

    Parameters
    ----------
    path : Path, optional
        File of the labels; see `LabelStore`.
    beside : Path, optional
        File beside which they are kept (``.labels.jsonl``) where no path is given.
    """

    def __init__(self, path: Path | None = None, *, beside: Path | None = None) -> None:
        if path is None and beside is not None:
            path = beside.with_suffix(".labels.jsonl")
        self.store = LabelStore(path)
        self._made: tuple[object, ...] | None = None
        nothing = np.zeros((0, len(LABELS)), dtype=np.float32)
        self._head = fit_head(nothing, nothing > 0)
        #: The answer before any lesson, as last seen, (points, 9).
        self.untaught: FloatArray = nothing

    def apply(
        self, logit: FloatArray, measured: NDArray[np.bool_], runs: Sequence[str]
    ) -> FloatArray:
        """Correct an answer and put in what people said of its points.

        Parameters
        ----------
        logit : ndarray of float32, (ny, nx, 9)
        measured : ndarray of bool, (ny, nx)
            Points without a pattern keep what their neighbours say.
        runs : sequence of str
            Uids of the runs that make up the map.

        Returns
        -------
        ndarray of float32, (ny, nx, 9)

        Notes
        -----
        The correction is fitted again when there are other labels or other labelled points of
        this map have a pattern, not with every pattern: it costs a few milliseconds.
        """
        self.untaught = logit.reshape(-1, len(LABELS))
        if not len(self.store):
            return logit
        given, seen = self.store.all(), measured.ravel()
        here = self.of_map(runs)
        made = (len(self.store), tuple(label.point for label in here if seen[label.point]))
        if made != self._made:
            rows = [
                self.untaught[label.point]
                if label in here and seen[label.point]
                else np.array(label.logit, dtype=np.float32)
                for label in given
            ]
            said = np.array([_row(label) for label in given])
            self._head = fit_head(np.array(rows), said[:, 0], said[:, 1])
            self._made = made
        taught = np.where(measured[..., None], self._head(logit), logit).reshape(-1, len(LABELS))
        for label in here:
            holds, known = _row(label)
            taught[label.point] = np.where(
                known, np.where(holds, _CERTAIN, -_CERTAIN), taught[label.point]
            )
        return taught.reshape(logit.shape)

    def recall(self, values: Iterable[Mapping[str, Any]]) -> None:
        """Take over labels as a start document has them, without writing them to a file.

        Raises
        ------
        BadInput
            If they are no labels.
        """
        self.store = LabelStore()
        try:
            for one in values:
                self.store.add(PersonLabel.from_mapping(one))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"the run's description has labels that are none: {error}") from error

    def of_map(self, runs: Sequence[str]) -> list[PersonLabel]:
        """Labels of points of this map."""
        return [label for label in self.store.all() if label.run in (runs or [""])]


def _row(label: PersonLabel) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which labels hold, and of which anything was said, (9,) each."""
    holds = np.array([label.labels.get(name, False) for name in LABELS])
    return holds, np.array([name in label.labels for name in LABELS])
