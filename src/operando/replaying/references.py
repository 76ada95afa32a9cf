"""References of a charge, from the stored run that they were measured in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import SocLibrary, library_from
from operando.agents.soc_table import SocTableAgent
from operando.replaying.questions import Document
from operando.replaying.rebuild import rebuild


def rebuild_with_references(
    spec: Mapping[str, Any],
    start: Mapping[str, Any],
    read: Callable[[str], Iterable[Document]],
) -> Any:
    """Make an agent as a start document describes it, its file of references being there or not.

    Parameters
    ----------
    spec : mapping
        See `operando.replaying.rebuild`.
    start : mapping
        Start document of the run; ``references`` is the run that they were measured in.
    read : callable
        Gives the documents of a run by its uid, as a store does.

    Returns
    -------
    object

    Raises
    ------
    BadInput
        See `operando.replaying.rebuild`; and if the references are other ones than the run had.
    """
    config = dict(spec.get("config") or {})
    file, uid = str(config.get("library") or ""), str(start.get("references") or "")
    if not file or not uid or Path(file).exists():
        return rebuild(spec)
    states = tuple(float(soc) for soc in config.get("states", SocTableConfig.states))
    with TemporaryDirectory() as folder:
        config["library"] = str(Path(folder) / "library.npz")
        measured_references(read(uid), states).save(Path(config["library"]))
        return rebuild({**spec, "config": config})


def measured_references(documents: Iterable[Document], states: tuple[float, ...]) -> SocLibrary:
    """Make a library of the documents of a run through the reference states."""
    agent = SocTableAgent(SocTableConfig(states=states, learn=False))
    try:
        for name, doc in documents:
            agent(name, doc)
        return library_from(agent.measurements(), states)
    finally:
        agent.close()
