"""An agent again, from what the start document says of it."""

from __future__ import annotations

import copy
import importlib
import json
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from operando.errors import BadInput

#: What a stored run may name. A document is data: it must not choose any class to be called.
ALLOWED = ("operando.",)

#: Short names for ``--agent``.
KNOWN = {
    "mapping": "operando.agents.phase_mapping.PhaseMappingAgent",
    "phase_mapping": "operando.agents.phase_mapping.PhaseMappingAgent",
}


def rebuild(spec: Mapping[str, Any], allowed: Sequence[str] = ALLOWED) -> Any:
    """Make an agent as a start document describes it.

    Parameters
    ----------
    spec : mapping
        ``class`` (dotted name), ``name``, ``config``, ``seed`` and ``model_version``: what an
        agent's ``spec()`` gives and a start document carries as ``agent``.
    allowed : sequence of str
        What the class's dotted name may begin with.

    Returns
    -------
    object
        By the class's own ``from_spec(spec)`` when it has one, otherwise
        ``cls(config, name=…)`` with the configuration read by its ``from_mapping``.

    Raises
    ------
    BadInput
        The class is not one of operando's, is not there, or refuses the configuration.
    """
    kind = _class(str(spec.get("class", "")), allowed)
    if hasattr(kind, "from_spec"):
        return kind.from_spec(dict(spec))
    config_type = _config_type(kind)
    config = dict(spec.get("config") or {})
    if config_type is None:
        if config:
            raise BadInput(f"agent {kind.__qualname__} has no settings, but the run says {config}")
        return kind()
    return kind(config_type.from_mapping(config), name=str(spec.get("name") or kind.__name__))


def changed_spec(
    spec: Mapping[str, Any] | None, agent: str | None, settings: Iterable[str]
) -> dict[str, Any]:
    """Describe another agent, or the same with other settings.

    Parameters
    ----------
    spec : mapping or None
        What the run says of its own agent.
    agent : str or None
        A short name (``mapping``), a dotted class name, or None for the run's own.
    settings : iterable of str
        ``key=value``; a dotted key reaches into a setting (``spatial.trust=0.5``), values are
        read as JSON where they are that and as text otherwise.

    Returns
    -------
    dict

    Raises
    ------
    BadInput
        There is no agent to change, or a setting is not written as one.

    Examples
    --------
    >>> changed_spec(None, "mapping", ["spatial.trust=0.5"])["config"]
    {'spatial': {'trust': 0.5}}
    """
    if agent is not None:
        dotted = KNOWN.get(agent, agent)
        if "." not in dotted:
            raise BadInput(f"no agent {agent!r}; there are {', '.join(KNOWN)}, or a class's name")
        same = spec is not None and spec.get("class") == dotted
        changed: dict[str, Any] = {"class": dotted, "config": {}}
        if same and spec:
            changed = copy.deepcopy(dict(spec))
        changed.setdefault("name", agent)
    elif spec:
        changed = copy.deepcopy(dict(spec))
    else:
        raise BadInput("the run was measured without an agent; name one with --agent")
    for text in settings:
        _set(changed["config"], text)
    return changed


def _set(config: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadInput(f"--set is {text!r}; key=value is needed")
    *path, last = key.strip().split(".")
    for name in path:
        config = config.setdefault(name, {})
        if not isinstance(config, dict):
            raise BadInput(f"--set {text}: {name} holds no settings")
    try:
        config[last] = json.loads(value)
    except ValueError:
        config[last] = value


def _class(dotted: str, allowed: Sequence[str]) -> Any:
    if not dotted.startswith(tuple(allowed)):
        wanted = " or ".join(f"{prefix}*" for prefix in allowed)
        raise BadInput(f"the run's agent is of class {dotted!r}; only {wanted} is replayed")
    module, _, name = dotted.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise BadInput(f"there is no agent {dotted} in this version of operando") from None
    if not (isinstance(kind, type) and callable(getattr(kind, "suggest", None))):
        raise BadInput(f"{dotted} is not an agent")
    return kind


def _config_type(kind: Any) -> Any:
    """Return the class of an agent's ``config``, which reads itself from a mapping."""
    hint = typing.get_type_hints(kind.__init__).get("config")
    candidates = (hint, *typing.get_args(hint))
    return next((one for one in candidates if hasattr(one, "from_mapping")), None)
