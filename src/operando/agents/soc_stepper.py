"""Agents that say where a charge goes next."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operando.agents.soc_config import SocStepperConfig
from operando.agents.soc_curves import merged, next_state, point_of
from operando.agents.soc_library import SocLibrary, state_name
from operando.agents.soc_rows import Row
from operando.agents.soc_table import SocTableAgent
from operando.errors import BadInput


class ScheduledSteps:
    """Go through given states of charge, one after the other.

    Parameters
    ----------
    states : sequence of float
        States of charge after the one at which the cell stands, rising.
    repeats : int
        XAFS scans of each kind at every state.

    Raises
    ------
    BadInput
        If the states do not rise.

    Examples
    --------
    >>> steps = ScheduledSteps([0.2, 1.3], repeats=4)
    >>> steps.suggest()[0]["soc"], steps.suggest()[0]["soc"], steps.should_stop()
    (0.2, 1.3, (True, 'all states measured'))
    """

    def __init__(self, states: Sequence[float], repeats: int = 1) -> None:
        if list(states) != sorted(set(states)):
            raise BadInput(f"states of charge must rise, not {list(states)}")
        self._states, self._repeats = tuple(states), repeats
        self._next = 0

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": "scheduled_steps",
            "config": {"states": list(self._states), "repeats": self._repeats},
            "seed": None,
            "model_version": "",
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> ScheduledSteps:
        """Rebuild from what a start document carries."""
        return cls(**spec["config"])

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Nothing that is measured changes the schedule."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give the next states; fewer when the schedule ends."""
        first, self._next = self._next, min(self._next + (num_points or 1), len(self._states))
        return [
            {"soc": self._states[i], "repeats": self._repeats, "_id": i}
            for i in range(first, self._next)
        ]

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when all states have been asked for."""
        over = self._next >= len(self._states)
        return over, "all states measured" if over else None

    def report(self) -> Mapping[str, Any]:
        """Tell how far it is."""
        return {"asked": self._next, "states": list(self._states)}


class SocStepper(SocTableAgent):
    """Reduce a charge live, and measure next where the curves are least certain.

    Straight lines between measurements err most where XANES fractions, 003 position or dV/dQ
    change fastest and gaps are wide. The measurements of a budget are dealt out to the gaps
    accordingly (`operando.agents.soc_curves`), anew after every step. An earlier cell, such as the
    one that the references come from, tells where curves bend before this one has been there.

    Parameters
    ----------
    config : SocStepperConfig, optional
    library : SocLibrary, optional
        In place of the one that `config` names.
    name : str
    checkpoint_path : Path, optional
    """

    config_type = SocStepperConfig

    def __init__(
        self,
        config: SocStepperConfig | None = None,
        *,
        library: SocLibrary | None = None,
        name: str = "soc_stepper",
        checkpoint_path: Path | None = None,
    ) -> None:
        self.settings = config or SocStepperConfig()
        self._max_soc = math.inf
        super().__init__(self.settings, library=library, name=name, checkpoint_path=checkpoint_path)

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._max_soc = float(doc.get("max_soc") or math.inf)
        super()._read(name, doc)

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Give the next state of charge, how long to rest there, and how many scans to make.

        Returns
        -------
        sequence of mapping
            One, with ``soc``, ``rest`` (s), ``rest_slope`` (V/s), ``repeats``, ``acquisition``
            (the step), ``model_version``, ``think_time`` (s) and ``_id``. The last one of the
            budget goes to the end of the charge, wherever the voltage puts that.
        """
        begin = time.perf_counter()
        rows = self.rows()
        now = rows[-1]["soc"] if rows else 0.0
        target = self._next(rows, now)
        if target is None:
            target = max(self._max_soc if math.isfinite(self._max_soc) else self.settings.end, now)
        return [
            {
                "soc": target,
                "rest": self.settings.rest,
                "rest_slope": self.settings.rest_slope,
                "repeats": self._repeats(rows),
                "acquisition": target - now,
                "model_version": self.library.version if self.library else "",
                "think_time": time.perf_counter() - begin,
                "_id": len(rows),
            }
        ]

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the budget is spent; the plan stops at the voltage by itself."""
        over = len(self.rows()) >= self.settings.budget
        return over, "budget spent" if over else None

    def _next(self, rows: Sequence[Row], now: float) -> float | None:
        own = [point_of(row, self.config.states) for row in rows]
        points = merged(self.settings.earlier, [one for one in own if one is not None])
        # The plan measures where the cell stands before it asks.
        left = self.settings.budget - max(len(rows), 1) - 1
        if len(points) < 2:  # nothing to go by: evenly
            return now + (self.settings.end - now) / (left + 1) if left > 0 else None
        return next_state(points, now, self.settings.end, left)

    def _repeats(self, rows: Sequence[Row]) -> int:
        """Count the scans that bring the Ni fractions to the target, by the last step's errors."""
        known = [
            (row[f"Ni_LCF{state_name(soc)}_sd"], row[f"Ni_LCF{state_name(soc)}"])
            for row in rows[-1:]
            for soc in self.config.states
        ]
        sds = [sd for sd, share in known if math.isfinite(sd) and share > 0]
        if not sds:
            return 1
        scans = max(1, len(self.measurements()[-1].covering("Ni")))
        wanted = math.ceil(scans * (max(sds) / self.settings.target_sd) ** 2)
        return int(min(max(wanted, 1), self.settings.most_repeats))
