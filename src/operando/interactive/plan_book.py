"""``plans``: what can be measured, bound to the station, with the agent listening."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import bluesky.preprocessors as bpp

from operando.errors import BadInput
from operando.interactive.plan_table import ENTRIES, Entry

if TYPE_CHECKING:
    from operando.interactive.agents import Agents
    from operando.interactive.catalog import Catalog
    from operando.interactive.roles import StationRoles

#: Arguments that the station fills in.
_FILLED = ("station", "cell", "detectors", "agents", "settings", "resume")
_ABOUT = {
    "mapping": "micro-diffraction maps with station.mapping; agents.mapping listens",
    "battery": "a cell charged by steps, with station.battery; agents.battery listens",
    "focusing": "mirrors and an edge, with station.focusing; agents.focusing listens",
    "kinetics": "gas loading, with station.kinetics; agents.kinetics listens",
}


class Plans:
    """What can be measured. ``plans`` alone lists it, ``plans.map_fly?`` explains one.

    ``RE(plans.map_fly(shape=(12, 10), step=16.0, exposure=0.04))`` measures: the devices are the
    station's, and the agent of the job listens. By job: ``plans.mapping.<Tab>``.

    Parameters
    ----------
    station : StationRoles
    agents : Agents
    catalog : Catalog
        For runs that a plan builds on.
    defaults : callable
        Gives what is filled in where a plan has such an argument: ``seed``, ``sample``.
    entries : sequence of Entry
        What there is.
    """

    def __init__(
        self,
        station: StationRoles,
        agents: Agents,
        catalog: Catalog,
        defaults: Callable[[], Mapping[str, Any]],
        entries: tuple[Entry, ...] = ENTRIES,
    ) -> None:
        self._station, self._agents, self._catalog = station, agents, catalog
        self._defaults = defaults
        self._entries = {entry.name: entry for entry in entries}
        self._jobs = {entry.job: None for entry in entries}
        self._made: dict[str, Any] = {}
        self._ends = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._entries:
            if name not in self._made:
                self._made[name] = self._bound(self._entries[name])
            return self._made[name]
        if name in self._jobs and len(self._jobs) > 1:
            some = tuple(entry for entry in self._entries.values() if entry.job == name)
            return Plans(self._station, self._agents, self._catalog, self._defaults, some)
        raise AttributeError(f"there is no plan {name!r}: {', '.join(self._entries)}")

    def __dir__(self) -> list[str]:
        return [*self._entries, *(self._jobs if len(self._jobs) > 1 else ())]

    def __repr__(self) -> str:
        lines = []
        for job in self._jobs:
            lines.append(f"{job}: {_ABOUT.get(job, '')}")
            for entry in self._entries.values():
                if entry.job == job:
                    about = (inspect.getdoc(entry.function()) or "").splitlines()[0]
                    lines += [f"  plans.{entry.name:<21} {about}", f"      {entry.call}"]
        return "\n".join([*lines, f"plans.{next(iter(self._entries))}? explains one"])

    def _bound(self, entry: Entry) -> Callable[..., Any]:
        """Make the function that a person calls: the plan without what the station fills in."""
        function = entry.function()
        shown = _signature(entry)

        def bound(*args: Any, **kwargs: Any) -> Any:
            return self._listened_to(entry, _given(entry.name, shown, args, kwargs))

        bound.__name__ = bound.__qualname__ = entry.name
        bound.__doc__ = _doc(entry)
        bound.__wrapped__ = function  # type: ignore[attr-defined]
        bound.__signature__ = shown  # type: ignore[attr-defined]
        return bound

    def _listened_to(self, entry: Entry, given: Mapping[str, Any]) -> Any:
        values, function = dict(given), entry.function()
        takes = inspect.signature(function).parameters
        if (settings := entry.settings_class()) is not None:
            chosen = {f.name: values.pop(f.name) for f in fields(settings) if f.name in values}
            values["settings"] = settings(**chosen)
        roles = getattr(self._station, entry.job)
        filled: dict[str, Callable[[], Any]] = {
            "station": lambda: roles,
            "detectors": lambda: roles,
            "cell": lambda: roles.cell,
            "agents": lambda: self._agents,
        }
        values |= {name: get() for name, get in filled.items() if name in takes}
        usual = {name: value for name, value in self._defaults().items() if name in takes}
        values = {**usual, **values}
        if not entry.agent:
            return function(**values)
        agent = values.pop("agent", None) or getattr(self._agents, entry.agent)
        if entry.name == "watch_kinetics":
            values["references"] = self._references(agent, values.get("references", ""))
        plan = function(**values, **({"agent": agent} if "agent" in takes else {}))
        if entry.rows:
            from operando.plans.soc_rows import with_rows

            plan = with_rows(plan, agent)
        listeners = [agent, *([self._note_ends] if entry.name == "measure_ends" else [])]
        return bpp.subs_wrapper(plan, listeners)

    def _note_ends(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "stop" and doc["exit_status"] == "success":
            self._ends = str(doc["run_start"])

    def _references(self, agent: Any, uid: str) -> str:
        """Have the agent know the end patterns of a run; those of the last one if not told."""
        if not uid:
            if not self._ends:
                raise BadInput(
                    "the empty and the loaded crystal are not measured yet: "
                    "RE(plans.measure_ends()), or references= an earlier run of it"
                )
            uid = self._ends
        if uid != self._ends or not agent.spec()["model_version"]:
            run = self._catalog.find(uid)
            uid = str(run.metadata["start"]["uid"])
            for name, doc in self._catalog.documents(uid):
                agent(name, doc)
            agent.drain()
            self._ends = uid
        return uid


def _given(
    name: str, shown: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Give a call's arguments by name; what it does not take is the first complaint."""
    known = ", ".join(shown.parameters)
    for key in kwargs:
        if key not in shown.parameters:
            near = difflib.get_close_matches(key, shown.parameters, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise BadInput(f"plans.{name} takes no {key!r}; {hint}It takes {known}")
    try:
        return shown.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise BadInput(f"plans.{name}: {error}; it takes {known}") from None


def _signature(entry: Entry) -> inspect.Signature:
    """Return the plan's signature without what is filled in, settings spread out."""
    shown = inspect.signature(entry.function())
    kept = [p for p in shown.parameters.values() if p.name not in _FILLED]
    if (settings := entry.settings_class()) is not None:
        spread = inspect.signature(settings).parameters.values()
        kept += [p.replace(kind=p.KEYWORD_ONLY) for p in spread]
    for i, parameter in enumerate(kept):
        if parameter.name == "agent":
            kept[i] = parameter.replace(kind=parameter.KEYWORD_ONLY, default=None)
    kept.sort(key=lambda parameter: parameter.kind)
    return shown.replace(parameters=kept)


def _doc(entry: Entry) -> str:
    """Return the plan's docstring with an example on top and without what is filled in."""
    text = inspect.getdoc(entry.function()) or ""
    for name in _FILLED:
        text = re.sub(rf"^{name} : .*\n(?:[ \t]+.*\n|\n(?=[ \t]))*", "", text, flags=re.MULTILINE)
        text = re.sub(rf"^((?:\w+, )*){name}, ", r"\1", text, flags=re.MULTILINE)
    first, _, rest = text.partition("\n")
    if entry.agent:
        rest = re.sub(
            r"(^agent : .*\n)((?:[ \t]+.*\n)*)",
            rf"\g<1>    `agents.{entry.agent}` unless given.\n",
            rest,
            flags=re.MULTILINE,
        )
    shown = f"{first}\n\n    {entry.call}\n{rest}"
    settings = entry.settings_class()
    if settings is None and (named := re.search(r"^ +See `(\w+)`\.$", rest, re.MULTILINE)):
        settings = getattr(sys.modules[entry.module], named[1], None)
    if settings is not None:
        shown += f"\n\n{settings.__name__}\n{'-' * len(settings.__name__)}\n"
        shown += (inspect.getdoc(settings) or "").partition("\n\nRaises\n")[0]
    return shown
