"""An agent that focuses two crossed mirrors by Bayesian optimisation of what an edge scan shows."""

from __future__ import annotations

import math

import numpy as np

from operando.agents.bayes_proposal import Proposal
from operando.agents.bayes_search import Model, propose
from operando.agents.bayes_space import Points
from operando.agents.focus_config import DIRECTIONS, FocusConfig
from operando.agents.focus_scans import FocusesByScans, Step
from operando.agents.focus_window import Window, window_for

__all__ = ["FocusAgent", "FocusConfig"]

#: Scans at one setting, the first one passed over, that a claim may take.
_TRIES = 3
#: A size this many standard deviations above the goal is worth a second look.
_CLOSE = 1.0


class FocusAgent(FocusesByScans):
    """Focus both mirrors at once, each by a search of its own.

    Crossed mirrors do not know of each other but for a small roll: the vertical size depends on
    pitch and bend of the vertical mirror. So there are two searches of two knobs and not one of
    four, which move at the same time and share each visit of the edge. The square of a size is
    the sum of the squares of what makes it, each nearly linear in the knobs: a polynomial of
    second degree, which six settings determine; ``model="matern"`` goes without knowing that.

    A direction that looks small enough stands still, unscanned, until the other one does. Then
    both are scanned again, and only by these scans is anything claimed: the scan by which a
    setting was chosen tends to have been a lucky one.

    Parameters
    ----------
    config : FocusConfig, optional
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.
    """

    def step(self) -> Step:
        """Say what to do next; scans of earlier runs count as long as the drift lets them."""
        if not self.present():
            return self._look()
        if (again := self.again()) is not None:
            return again
        missing = [d for d in DIRECTIONS if self.last_present(d) is None]
        if missing:
            return self._look(missing)
        states = {direction: self._state(direction) for direction in DIRECTIONS}
        if all(state == "claimed" for state in states.values()):
            return Step(self.setting(), {}, self._words(), stop=True)
        if self.scans >= self.config.most:
            return self._give_up()
        searching = [d for d in DIRECTIONS if states[d] == "search"]
        if searching:
            return self._move(searching)
        return self._confirm([d for d in DIRECTIONS if states[d] == "confirm"])

    def _look(self, directions: list[str] | None = None) -> Step:
        """Scan where the mirrors are."""
        windows = {
            d: window_for(self.config, d, self._profiles.last(d), None, None)
            for d in directions or DIRECTIONS
        }
        return Step({}, windows, "where it stands")

    def _state(self, direction: str) -> str:
        """Tell whether a direction is to "search", to "confirm" or is "claimed"."""
        last = self.last_present(direction)
        if last is None:
            return "confirm"
        fit = last.fit
        own = all(last.scan.setting[k] == self.setting()[k] for k in self.config.knobs(direction))
        size, sd, scans = self.claim(direction)
        if scans:
            if self.probability(direction, size, sd) >= self.config.confidence:
                return "claimed"
            hopeful = size < self.config.goal_um(direction) and scans < _TRIES
            return "confirm" if hopeful else "search"
        close = fit.fwhm < self.config.goal_um(direction) + _CLOSE * fit.fwhm_sd
        return "confirm" if own and close else "search"

    def _move(self, directions: list[str]) -> Step:
        setting: dict[str, float] = {}
        windows: dict[str, Window] = {}
        facts: dict[str, float | str] = {}
        for direction in directions:
            proposal = self._propose(direction)
            setting.update(zip(self.config.knobs(direction), proposal.setting, strict=True))
            windows[direction] = self._window(direction, proposal)
            facts[f"decision_{direction}"] = proposal.reason
            facts[f"acquisition_{direction}"] = proposal.acquisition
            known = not math.isnan(proposal.expected)
            facts[f"expected_{direction}"] = proposal.expected if known else 0.0
            facts[f"expected_{direction}_sd"] = proposal.expected_sd if known else 0.0
        why = "; ".join(f"{d}: {facts[f'decision_{d}']}" for d in directions)
        return Step(setting, windows, why, facts=facts)

    def _propose(self, direction: str) -> Proposal:
        config, points = self.config.search(direction), self.points(direction)
        stands = tuple(self.setting()[name] for name in self.config.knobs(direction))
        return propose(config, points, stands)

    def _window(self, direction: str, proposal: Proposal) -> Window:
        size = None
        if not math.isnan(proposal.expected):
            size = (proposal.expected, proposal.expected_sd)
        last = self.last_present(direction)
        return window_for(self.config, direction, last, proposal.setting[0], size)

    def _confirm(self, directions: list[str]) -> Step:
        windows = {}
        for direction in directions:
            last = self.last_present(direction)
            known = None if last is None else (last.fit.fwhm, last.fit.fwhm_sd)
            windows[direction] = window_for(self.config, direction, last, None, known)
        return Step({}, windows, f"looks small enough: {' and '.join(directions)} once more")

    def _give_up(self) -> Step:
        setting: dict[str, float] = {}
        for direction in DIRECTIONS:
            config, points = self.config.search(direction), self.points(direction)
            best = points.settings[int(np.argmin(points.values))]
            if len(points) >= config.first:
                best = np.array(Model(config, points).best())
            setting.update(zip(self.config.knobs(direction), best.tolist(), strict=True))
        return Step(setting, {}, f"{self.scans} scans are used up; best setting so far", stop=True)

    def points(self, direction: str) -> Points:
        """Give sizes by settings in one direction, those of earlier runs first."""
        known = [
            profile
            for profile in self._profiles.profiles
            if profile.scan.direction == direction and profile.fit.resolved
        ]
        names = self.config.knobs(direction)
        settings = [[profile.scan.setting[name] for name in names] for profile in known]
        return Points(
            np.array(settings, dtype=np.float64).reshape(-1, len(names)),
            np.array([profile.fit.fwhm for profile in known]),
            np.array([profile.fit.fwhm_sd for profile in known]),
            np.array([profile.scan.time for profile in known]),
        )

    def _words(self) -> str:
        told = []
        for direction, name in zip(DIRECTIONS, ("vertical", "horizontal"), strict=True):
            size, sd, _ = self.claim(direction)
            told.append(f"{name} {size:.3f} ± {sd:.3f} um")
        return f"small enough: {', '.join(told)}"
