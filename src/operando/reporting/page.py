"""The page itself."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from operando.figures.panels import PANEL_INCHES, FollowingPanel
from operando.figures.panels.base import DPI
from operando.reporting.discreet import discreet, store_name, without_keys
from operando.reporting.facts import Facts, Grid, Pairs

Document = tuple[str, Mapping[str, Any]]


def report_html(
    runs: Sequence[Sequence[Document]], store: str = "", agents: Iterable[Any] = ()
) -> str:
    """Write the report of a run.

    Parameters
    ----------
    runs : sequence of sequence of (str, mapping)
        Documents of the run, the last, and of those that it builds on, oldest first; see
        `operando.figures.panels.with_predecessors`.
    store : str
        Name of the store; a folder is named without the folders that it is in.
    agents : iterable, optional
        Agents that have read the run; see `operando.figures.panels.panel_for`.

    Returns
    -------
    str
        A page that needs no other file: figures are in it. All text of documents is escaped,
        scripts are forbidden, keys and folders are left out.

    Notes
    -----
    Nothing of the moment of writing is in the page: the same documents give the same one.
    """
    facts = Facts(runs[-1])
    panel = FollowingPanel(agents)
    try:
        for documents in runs:
            for name, doc in documents:
                panel(name, doc)
        picture, claims = _picture(panel), panel.claims()
    finally:
        panel.close()
    about = dict(_clean(facts.about()))
    text = files("operando.reporting").joinpath("report.html.j2").read_text(encoding="utf-8")
    # Whatever a document says is text; an unknown name in the template is a mistake.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(text).render(
        title=": ".join(about[key] for key in ("plan", "sample") if key in about),
        about=list(about.items()),
        picture=picture,
        claims=_clean(claims),
        failures=discreet(facts.failures()),
        rounds=_clean_grid(facts.rounds()),
        decisions=_clean_grid(facts.decisions()),
        settings=_clean(facts.settings()),
        agent=_clean(facts.agent()),
        instrument=_clean(facts.instrument()),
        versions=_clean(facts.versions()),
        streams=_clean_grid(facts.streams()),
        files=discreet([[row[0], row[1], row[3]] for row in facts.files]),
        datasets=[row[2] for row in facts.files],
        store=store_name(store),
        uid=str(facts.start.get("uid", "")),
        builds_on=[str(run[0][1].get("uid", "")) for run in runs[:-1] if run],
    )
    return without_keys(page)


def write_report(
    runs: Sequence[Sequence[Document]], path: Path, store: str = "", agents: Iterable[Any] = ()
) -> Path:
    """Write the report of a run into a file, which is there as a whole or not at all.

    Parameters
    ----------
    runs, store, agents
        As for `report_html`.
    path : Path

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    page = report_html(runs, store, agents)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _picture(panel: FollowingPanel) -> str:
    """Draw the panel and write it as text."""
    figure, drawn = Figure(figsize=PANEL_INCHES, dpi=DPI), BytesIO()
    panel.draw(figure)
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return base64.b64encode(drawn.getvalue()).decode("ascii")


def _clean(pairs: Pairs) -> Pairs:
    """Leave out keys and folders; a key's name says that it is one."""
    return [item for key, value in pairs for item in discreet({key: value}).items()]


def _clean_grid(grid: Grid) -> Grid:
    return Grid(discreet(grid.heads), discreet(grid.rows), grid.left_out)
