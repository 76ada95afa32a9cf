"""Asking a person: which patterns to show, what to learn from the answers."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.label_choice import most_telling
from operando.agents.label_lessons import Lessons
from operando.agents.label_store import PersonLabel, complete, now
from operando.agents.map_answer import MapAnswer
from operando.agents.map_state import MapMemory
from operando.agents.patterns import FloatArray
from operando.errors import AgentError, BadInput
from operando.physics.phases import LABELS


@dataclass(frozen=True, eq=False)
class LabelQuestion:
    """One pattern for a person to look at; ``png`` is its figure, drawn when first wanted.

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
    two_theta : ndarray of float64, (b,)
        Degrees.
    wavelength : float
        Å.
    intensity, sigma : ndarray of float32, (b,)
        All the counts the point has had, as they were when it was asked about.
    exposure_s : float
        The dose behind them, s.
    figure : Path or None
        The file that holds the drawing, where a folder was given.
    """

    point: int
    stage_x: float
    stage_y: float
    probability: Mapping[str, float]
    uncertainty: float
    represents: float
    two_theta: NDArray[np.float64] = field(repr=False)
    wavelength: float = field(repr=False)
    intensity: FloatArray = field(repr=False)
    sigma: FloatArray = field(repr=False)
    exposure_s: float = field(repr=False)
    figure: Path | None = None

    @cached_property
    def png(self) -> bytes:
        """The figure: pattern, reference lines, probabilities."""
        from operando.figures.labelling import PatternPicture, draw_question  # half a second

        return draw_question(
            PatternPicture(
                two_theta=self.two_theta,
                wavelength=self.wavelength,
                intensity=self.intensity,
                sigma=self.sigma,
                probability=np.array([self.probability[label] for label in LABELS]),
                title=f"point {self.point}: x = {self.stage_x:g} µm, y = {self.stage_y:g} µm, "
                f"{self.exposure_s:.3g} s of exposure",
            )
        )

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

    def _taught(self) -> list[dict[str, Any]]:
        """Labels in force, as a start document carries them."""
        return [asdict(label) for label in self._lessons.store.all()]

    def _asked(self) -> tuple[Sequence[str], Sequence[str]]:
        """Give the runs of the map, and the labels whose uncertainty counts."""
        raise NotImplementedError

    def query_labels(self, n: int = 5, folder: Path | str | None = None) -> list[LabelQuestion]:
        """Choose the patterns whose label would teach most, as figures.

        Parameters
        ----------
        n : int
            How many; fewer come back when there are not as many unlabelled patterns.
        folder : Path or str, optional
            Where the figures are written, one PNG a question.

        Returns
        -------
        list of LabelQuestion
            The most telling first.

        Raises
        ------
        BadInput
            If `n` is not positive, or the figures cannot be written.
        AgentError
            If nothing has been measured.

        Notes
        -----
        A pattern teaches when the agent is uncertain of it, when many others are like it, and
        when none like it has been labelled or chosen before: the product of the three.
        """
        if n < 1:
            raise BadInput(f"{n} questions make no dialogue; 1 or more are needed")
        # These wait for the documents that have come, whose reading needs the lock.
        answer, memory = self.answer(), self.memory()
        with self._lock:
            runs, asked = self._asked()
            labelled = [label.point for label in self._lessons.of_map(runs)]
            chosen = most_telling(answer, labelled, n, asked)
            uncertainty = answer.uncertainty(asked).ravel()
            probability = answer.probability.reshape(-1, len(LABELS))
            questions = [
                _question(memory, point, probability[point], float(uncertainty[point]), represents)
                for point, represents in chosen
            ]
        return questions if folder is None else [_drawn(q, Path(folder)) for q in questions]

    def label(
        self, point: int | LabelQuestion, labels: Mapping[str, bool], *, who: str | None = None
    ) -> PersonLabel:
        """Take a person's word for a point, keep it and learn from it.

        Parameters
        ----------
        point : int or LabelQuestion
        labels : mapping of str to bool
            Labels that hold and that do not; those not named stay open. Resin excludes all
            others.
        who : str, optional
            Whose word it is; the name of who is logged in if not given.

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
        who = _whoever_is_logged_in() if who is None else who.strip()
        if not who:
            raise BadInput("a label needs the name of who gave it")
        said = complete(labels)
        answer, memory = self.answer(), self.memory()
        if not 0 <= index < memory.grid.size or not answer.measured.flat[index]:
            raise AgentError(f"point {index} has no pattern that could be labelled")
        ((x, y),) = memory.grid.position([index])
        with self._lock:
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


def _whoever_is_logged_in() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return ""


def _question(
    memory: MapMemory, point: int, probability: FloatArray, uncertainty: float, represents: float
) -> LabelQuestion:
    ((x, y),) = memory.grid.position([point])
    return LabelQuestion(
        point=point,
        stage_x=float(x),
        stage_y=float(y),
        probability=dict(zip(LABELS, map(float, probability), strict=True)),
        uncertainty=uncertainty,
        represents=represents,
        two_theta=memory.two_theta,
        wavelength=memory.wavelength,
        intensity=memory.intensity[point].copy(),  # the memory goes on counting
        sigma=np.sqrt(memory.variance[point]),
        exposure_s=float(memory.exposure_s[point]),
    )


def _drawn(question: LabelQuestion, folder: Path) -> LabelQuestion:
    """Write a question's figure."""
    path = folder / f"point-{question.point:05d}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(question.png)
    except OSError as error:
        raise BadInput(f"the figure cannot be written to {path}: {error}") from error
    return replace(question, figure=path)
