"""One panel after another, as runs come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from matplotlib.figure import Figure

from operando.agents.one_run import OneRun
from operando.figures.panels.base import DocumentPanel, Panel
from operando.figures.panels.choice import panel_for

#: Keys of a start document that name the run which has to be read before it.
_NAMING = ("references", "resumes")
Document = tuple[str, Mapping[str, Any]]


def predecessors(start: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the runs that a run goes on with or learns from.

    Parameters
    ----------
    start : mapping
        Its start document.

    Returns
    -------
    tuple of str
        Their uids, in the order in which a panel should read them.

    Examples
    --------
    >>> predecessors({"uid": "c", "resumes": "b", "references": "a"})
    ('a', 'b')
    """
    return tuple(str(start[key]) for key in _NAMING if start.get(key))


def with_predecessors(read: Callable[[str], Iterable[Document]], uid: str) -> list[list[Document]]:
    """Read a run and all that it goes on with or learns from.

    Parameters
    ----------
    read : callable
        Gives the documents of a run by its uid; what it raises for a run that it does not have
        is passed on for the run itself, and means no documents for those before it.
    uid : str
        The run.

    Returns
    -------
    list of list of (str, mapping)
        Documents, the oldest run first; the last is the run itself.
    """
    own = list(read(uid))
    runs, seen = [own], {uid}
    wanted = list(predecessors(own[0][1])) if own else []
    while wanted:
        earlier = wanted.pop()
        if earlier in seen:
            continue
        seen.add(earlier)
        try:
            documents = list(read(earlier))
        except Exception:  # it is not there: the panel shows what can be known without
            continue
        runs.insert(0, documents)
        if documents:
            wanted = [*predecessors(documents[0][1]), *wanted]
    return runs


class FollowingPanel:
    """Show whatever run comes; one that goes on with the last stays in its panel.

    Parameters
    ----------
    agents : iterable, optional
        As for `panel_for`.

    Attributes
    ----------
    panel : Panel or None
        Of the run that came last.
    """

    def __init__(self, agents: Iterable[Any] = ()) -> None:
        self.panel: Panel | None = None
        self._agents = list(agents)
        self._runs: list[str] = []
        self._before = 0
        self._read = OneRun(self._take, "panel")

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document."""
        self._read(name, doc)

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._begin(doc)
        if self.panel is not None:
            self.panel(name, doc)

    def _begin(self, start: Mapping[str, Any]) -> None:
        goes_on = any(uid in self._runs for uid in predecessors(start))
        if self.panel is None or not goes_on:
            self.close()
            self._before = self.changes
            self.panel, self._runs = panel_for(start, self._agents), []
        self._runs.append(str(start.get("uid", "")))

    @property
    def changes(self) -> int:
        """A number that grows when there is something new worth drawing."""
        return self._before + (0 if self.panel is None else self.panel.changes)

    def draw(self, figure: Figure) -> None:
        """Draw the panel of the run that came last."""
        if self.panel is None:
            figure.clear()
            figure.text(0.5, 0.5, "no run yet", ha="center")
        else:
            self.panel.draw(figure)

    def claims(self) -> list[tuple[str, str]]:
        """Say in figures what is known of the run that came last."""
        return self.panel.claims() if isinstance(self.panel, DocumentPanel) else []

    def close(self) -> None:
        """Stop what works in the background."""
        if self.panel is not None:
            self.panel.close()
