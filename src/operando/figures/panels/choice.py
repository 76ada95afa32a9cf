"""Which panel shows a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from operando.figures.panels.base import Panel


def panel_for(start: Mapping[str, Any], agents: Iterable[Any] = ()) -> Panel:
    """Make the panel that shows a run.

    Parameters
    ----------
    start : mapping
        Its start document; give it to the panel as well, as the first of the documents.
    agents : iterable, optional
        Agents that get the run's documents from somebody else: a panel that would need one of
        their kind uses it and makes none. They must have read whatever the panel is given.

    Returns
    -------
    Panel
        By the plan's name and the kind of the run's agent; a plain table for runs that neither
        says anything of.

    Examples
    --------
    >>> type(panel_for({"uid": "a", "plan_name": "count"})).__name__
    'TablePanel'
    """
    plan, kind = str(start.get("plan_name", "")), _kind(start)
    for belongs, make in _KNOWN:
        if belongs(plan, kind):
            return make(start, list(agents))
    from operando.figures.panels.table import TablePanel

    return TablePanel(start)


def _kind(start: Mapping[str, Any]) -> str:
    """Name the class of a run's agent."""
    spec = start.get("agent")
    return str(spec.get("class", "")).rpartition(".")[2] if isinstance(spec, Mapping) else ""


# Each imports what it needs only when there is such a run: agents are slow to import.
def _map(start: Mapping[str, Any], agents: list[Any]) -> Panel:
    from operando.agents.phase_mapping import PhaseMappingAgent
    from operando.figures.panels.mapping import MapPanel

    return MapPanel(start, next((a for a in agents if isinstance(a, PhaseMappingAgent)), None))


def _battery(start: Mapping[str, Any], agents: list[Any]) -> Panel:
    from operando.figures.panels.battery import BatteryPanel

    return BatteryPanel(start)


def _kinetics(start: Mapping[str, Any], agents: list[Any]) -> Panel:
    from operando.agents.kinetics_agent import KineticsAgent
    from operando.figures.panels.kinetics import KineticsPanel

    return KineticsPanel(start, next((a for a in agents if isinstance(a, KineticsAgent)), None))


def _focus(start: Mapping[str, Any], agents: list[Any]) -> Panel:
    from operando.figures.panels.focus import FocusPanel

    return FocusPanel(start)


_Belongs = Callable[[str, str], bool]
_Make = Callable[[Mapping[str, Any], list[Any]], Panel]

_KNOWN: tuple[tuple[_Belongs, _Make], ...] = (
    (lambda plan, kind: plan.startswith("map_") or kind == "PhaseMappingAgent", _map),
    (lambda plan, kind: plan.startswith("soc_"), _battery),
    (lambda plan, kind: plan in ("measure_ends", "watch_kinetics"), _kinetics),
    (lambda plan, kind: plan in ("focus_kb", "focus_by_coordinates", "knife_edge"), _focus),
)
