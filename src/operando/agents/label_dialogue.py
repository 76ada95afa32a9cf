"""Asking a person: which patterns to show, what to learn from the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from operando.agents.label_lessons import Lessons
from operando.agents.label_store import PersonLabel, complete, now
from operando.agents.map_answer import MapAnswer
from operando.agents.map_state import MapMemory
from operando.agents.patterns import FloatArray
from operando.errors import AgentError, BadInput
from operando.physics.phases import LABELS

_CANDIDATES, _COMPARED = 2500, 1500  # points weighed, and those that stand for the whole map
_SHARPNESS = 8  # how much being uncertain counts beside being representative
_ALIKE = 0.25  # width, in typical distances of two patterns, within which one speaks for another


@dataclass(frozen=True)
class LabelQuestion:
    """One pattern for a person to look at.

    Parameters
    ----------
    point : int
        ``iy * nx + ix``; what to give to ``label``.
    stage_x, stage_y : float
        Position, µm.
    probability : mapping of str to float
        What the agent thinks now.
    uncertainty : float
        Chance that the least certain label is wrong.
    represents : float
        Share of the map's patterns that are much like this one, 0 to 1.
    png : bytes
        The figure: pattern, reference lines, probabilities.
    figure : Path or None
        The file that holds it, where a folder was given.
    """

    point: int
    stage_x: float
    stage_y: float
    probability: Mapping[str, float]
    uncertainty: float
    represents: float
    png: bytes = field(repr=False)
    figure: Path | None = None

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return self.png


class AsksPeople:
    """The part of the mapping agent that asks people and learns from their answers."""

    _lock: RLock
    _lessons: Lessons

    def answer(self) -> MapAnswer:
        """Label every point."""
        raise NotImplementedError

    def memory(self) -> MapMemory:
        """Give what has been measured."""
        raise NotImplementedError

    def _asked(self) -> tuple[Sequence[str], Sequence[str]]:
        """Give the runs of the map, and the labels whose uncertainty counts."""
        raise NotImplementedError

    def query_labels(self, n: int = 5, folder: Path | str | None = None) -> list[LabelQuestion]:
        """Choose the patterns whose label would teach most, and draw them.

        Parameters
        ----------
        n : int
            How many; fewer come back when there are not as many unlabelled patterns.
        folder : Path or str, optional
            Where the figures are written as well, one PNG a question.

        Returns
        -------
        list of LabelQuestion
            The most telling first.

        Raises
        ------
        BadInput
            If `n` is not positive.
        AgentError
            If nothing has been measured.

        Notes
        -----
        A pattern teaches when the agent is uncertain of it, when many others are like it, and
        when none like it has been labelled or chosen before: the product of the three.
        """
        if n < 1:
            raise BadInput(f"{n} questions make no dialogue; 1 or more are needed")
        with self._lock:
            answer, memory = self.answer(), self.memory()
            runs, asked = self._asked()
            labelled = [label.point for label in self._lessons.of_map(runs)]
            chosen = most_telling(answer, labelled, n, asked)
            uncertainty = answer.uncertainty(asked).ravel()
            probability = answer.probability.reshape(-1, len(LABELS))
            return [
                _question(
                    memory, point, probability[point], float(uncertainty[point]), represents, folder
                )
                for point, represents in chosen
            ]

    def label(
        self, point: int | LabelQuestion, labels: Mapping[str, bool], *, who: str
    ) -> PersonLabel:
        """Take a person's word for a point, keep it and learn from it.

        Parameters
        ----------
        point : int or LabelQuestion
        labels : mapping of str to bool
            Labels that hold and that do not; those not named stay open. Resin excludes all
            others.
        who : str
            Whose word it is.

        Returns
        -------
        PersonLabel
            As it was stored. A later label of the same point replaces it.

        Raises
        ------
        BadInput
            If a name is no label, labels exclude each other, or nobody said it.
        AgentError
            If the point is not on the map or has no pattern.
        """
        index = int(point.point if isinstance(point, LabelQuestion) else point)
        if not who.strip():
            raise BadInput("a label needs the name of who gave it")
        said = complete(labels)
        with self._lock:
            answer, memory = self.answer(), self.memory()
            if not 0 <= index < memory.grid.size or not answer.measured.flat[index]:
                raise AgentError(f"point {index} has no pattern that could be labelled")
            ((x, y),) = memory.grid.position([index])
            runs, _ = self._asked()
            given = PersonLabel(
                run=runs[0] if runs else "",
                point=index,
                x_um=float(x),
                y_um=float(y),
                labels=said,
                who=who,
                when=now(),
                logit=tuple(round(float(v), 4) for v in self._lessons.untaught[index]),
            )
            self._lessons.store.add(given)
        return given


def _question(
    memory: MapMemory,
    point: int,
    probability: FloatArray,
    uncertainty: float,
    represents: float,
    folder: Path | str | None,
) -> LabelQuestion:
    from operando.figures.labelling import PatternPicture, draw_question  # half a second

    ((x, y),) = memory.grid.position([point])
    picture = PatternPicture(
        two_theta=memory.two_theta,
        wavelength=memory.wavelength,
        intensity=memory.intensity[point],
        sigma=np.sqrt(memory.variance[point]),
        probability=probability,
        title=f"point {point}: x = {x:g} µm, y = {y:g} µm, {memory.exposure_s[point]:.3g} s dose",
    )
    path = None if folder is None else Path(folder) / f"point-{point:05d}.png"
    return LabelQuestion(
        point=point,
        stage_x=float(x),
        stage_y=float(y),
        probability=dict(zip(LABELS, map(float, probability), strict=True)),
        uncertainty=uncertainty,
        represents=represents,
        png=draw_question(picture, path),
        figure=path,
    )


def most_telling(
    answer: MapAnswer, labelled: Sequence[int], n: int, labels: Sequence[str] = LABELS
) -> list[tuple[int, float]]:
    """Choose points to ask about, with the share of the map that each stands for.

    Parameters
    ----------
    answer : MapAnswer
    labelled : sequence of int
        Points that need no label any more.
    n : int
    labels : sequence of str
        Those whose uncertainty counts.

    Returns
    -------
    list of (int, float)
    """
    uncertainty = answer.uncertainty(labels).ravel().astype(np.float64)
    open_ = answer.measured.ravel().copy()
    measured = np.flatnonzero(open_)
    known = np.array([p for p in labelled if open_[p]], dtype=np.int64)
    open_[known] = False
    order = np.argsort(-uncertainty, kind="stable")
    candidates = order[open_[order]][:_CANDIDATES]
    probability = answer.probability.reshape(-1, len(LABELS)).astype(np.float64)
    every = measured[:: max(1, measured.size // _COMPARED)]
    typical = float(np.median(_squares(probability[every[::7]], probability[every[::7]])))
    width = max(typical * _ALIKE**2, 1e-6)

    def alike(some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(-_squares(probability[some], probability[others]) / width))

    represents = alike(candidates, every).mean(axis=1)
    spoken_for = alike(candidates, known).max(axis=1, initial=0.0)
    telling = uncertainty[candidates] ** _SHARPNESS * represents
    chosen: list[tuple[int, float]] = []
    taken = np.zeros(candidates.size, dtype=bool)
    for _ in range(min(n, candidates.size)):
        best = int(np.where(taken, -1.0, telling * (1.0 - spoken_for)).argmax())
        chosen.append((int(candidates[best]), float(represents[best])))
        spoken_for = np.maximum(spoken_for, alike(candidates, candidates[best : best + 1])[:, 0])
        taken[best] = True
    return chosen


def _squares(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances, (n, m)."""
    cross = some @ others.T
    square = np.square(some).sum(axis=1)[:, None] + np.square(others).sum(axis=1) - 2.0 * cross
    return np.asarray(np.maximum(square, 0.0))
