"""Optimisers of other packages, made to answer to the same two questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

Floats = NDArray[np.float64]


class Chooses(Protocol):
    """What every adapter makes of an optimiser."""

    def ask(self, num: int) -> Floats:
        """Give points to measure, (n, 2) of (x, y), um."""
        ...

    def tell(self, xy: Floats, values: Floats) -> None:
        """Take measured points (n, 2), um, and one number for each."""
        ...


class SuggestIngest:
    """An optimiser with bluesky-adaptive's ``suggest`` and ``ingest``.

    Parameters
    ----------
    optimizer : object
        Its degrees of freedom are called as in `names`.
    names : tuple of str
        What it calls x, y and the number that it is told.
    """

    def __init__(
        self, optimizer: Any, names: tuple[str, str, str] = ("stage_x", "stage_y", "outcome")
    ) -> None:
        self._optimizer, self._names = optimizer, names
        self._open: dict[tuple[float, float], Any] = {}

    def ask(self, num: int) -> Floats:
        """Ask for points; see `Chooses`."""
        x, y, _ = self._names
        points = [(float(s[x]), float(s[y]), s.get("_id")) for s in self._optimizer.suggest(num)]
        self._open.update({(px, py): number for px, py, number in points})
        return np.array([(px, py) for px, py, _ in points]).reshape(-1, 2)

    def tell(self, xy: Floats, values: Floats) -> None:
        """Tell outcomes, those of its own suggestions under their ``_id``; see `Chooses`."""
        points = []
        for (x, y), value in zip(xy.tolist(), values.tolist(), strict=True):
            point = dict(zip(self._names, (x, y, value), strict=True))
            if (number := self._open.pop((x, y), None)) is not None:
                point["_id"] = number
            points.append(point)
        self._optimizer.ingest(points)


class AskTell:
    """An optimiser with ``ask(n)`` and ``tell(points, values)``, as scikit-optimize has.

    Parameters
    ----------
    optimizer : object
        Over (x, y) in um.
    sign : float
        -1 for one that minimises, when large numbers are what is looked for.
    """

    def __init__(self, optimizer: Any, sign: float = -1.0) -> None:
        self._optimizer, self._sign = optimizer, sign

    def ask(self, num: int) -> Floats:
        """Ask for points; see `Chooses`."""
        return np.asarray(self._optimizer.ask(num), dtype=float).reshape(-1, 2)

    def tell(self, xy: Floats, values: Floats) -> None:
        """Tell outcomes; see `Chooses`."""
        self._optimizer.tell(xy.tolist(), (self._sign * values).tolist())


class GpCam:
    """gpCAM's ``GPOptimizer``, asked for the points of a grid.

    Parameters
    ----------
    optimizer : object
        Made with the first points, or without any.
    candidates : ndarray of float64, shape (n, 2)
        Points that may be measured (x, y), um.
    acquisition : str
        gpCAM's name of the acquisition function.
    train_at : sequence of int
        Numbers of measured points at which the hyperparameters are trained.
    """

    def __init__(
        self,
        optimizer: Any,
        candidates: Floats,
        acquisition: str = "variance",
        train_at: Sequence[int] = (50, 200, 800),
    ) -> None:
        self._optimizer, self._candidates, self._acquisition = optimizer, candidates, acquisition
        self._train_at = sorted(train_at)
        self._told: set[tuple[float, float]] = set()
        self._asked: set[tuple[float, float]] = set()

    def ask(self, num: int) -> Floats:
        """Ask for points; see `Chooses`."""
        taken = self._told | self._asked
        left = [row for row in self._candidates if (row[0], row[1]) not in taken]
        if not left:
            return np.empty((0, 2))
        many = min(num, len(left))
        answer = self._optimizer.ask(left, n=many, acquisition_function=self._acquisition)
        points = np.asarray(answer["x"], dtype=float).reshape(-1, 2)
        self._asked.update((x, y) for x, y in points.tolist())
        return points

    def tell(self, xy: Floats, values: Floats) -> None:
        """Tell outcomes; see `Chooses`."""
        self._optimizer.tell(xy, values, append=bool(self._told))
        self._told.update((x, y) for x, y in xy.tolist())
        if self._train_at and len(self._told) >= self._train_at[0]:
            while self._train_at and len(self._told) >= self._train_at[0]:
                self._train_at.pop(0)
            self._optimizer.train()


def adapted(optimizer: Any) -> Chooses:
    """Wrap an optimiser by the methods that it has.

    Raises
    ------
    BadInput
        If they are none that is known.

    Examples
    --------
    >>> class Corner:
    ...     def suggest(self, num_points=None):
    ...         return [{"_id": 1, "stage_x": 2.0, "stage_y": 4.0}]
    ...     def ingest(self, points):
    ...         pass
    >>> adapted(Corner()).ask(1)
    array([[2., 4.]])
    """
    if isinstance(optimizer, SuggestIngest | AskTell | GpCam):
        return optimizer
    if hasattr(optimizer, "suggest") and hasattr(optimizer, "ingest"):
        return SuggestIngest(optimizer)
    if hasattr(optimizer, "ask") and hasattr(optimizer, "tell"):
        return AskTell(optimizer)
    raise BadInput(
        f"{type(optimizer).__name__} can neither suggest and ingest nor ask and tell: no optimiser"
    )
