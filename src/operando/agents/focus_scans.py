"""What agents that focus have in common: documents to sizes, scans, spec, checkpoint."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.base import DocumentWorker, ReadsDocuments
from operando.agents.beam_profile import BeamProfiles, KnifeScan, Profile
from operando.agents.focus_checkpoint import read_scans, write_scans
from operando.agents.focus_config import DIRECTIONS, FocusConfig
from operando.agents.focus_window import Window, closer
from operando.agents.npz_file import refusing
from operando.agents.one_run import OneRun
from operando.errors import AgentError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """What to do next.

    Parameters
    ----------
    setting : mapping
        Where the knobs go; those that are not in it stay.
    windows : mapping
        The scan of each direction; a direction without one is not scanned.
    why : str
    stop : bool
        Whether this is the end.
    facts : mapping
        More for the record: numbers and words.
    """

    setting: Mapping[str, float]
    windows: Mapping[str, Window]
    why: str
    stop: bool = False
    facts: Mapping[str, float | str] | None = None


class FocusesByScans(ReadsDocuments):
    """An agent that reads knife-edge scans and says which comes next.

    Parameters
    ----------
    config : FocusConfig, optional
    name : str
    checkpoint_path : Path, optional
        Where :meth:`checkpoint` writes.
    """

    def __init__(
        self,
        config: FocusConfig | None = None,
        *,
        name: str = "focus",
        checkpoint_path: Path | None = None,
    ) -> None:
        self.name = name
        self.config = config or FocusConfig()
        self.checkpoint_path = checkpoint_path
        knobs = [name for direction in DIRECTIONS for name in self.config.knobs(direction)]
        self._profiles = BeamProfiles(needed=knobs)
        self._run_began = 0
        self._asked = 0
        self._worker = DocumentWorker(OneRun(self._read, name), name)
        # Documents are read on the worker's thread, questions come from others.
        self._lock = threading.RLock()

    def spec(self) -> dict[str, Any]:
        """Say what a start document must carry for this agent to be rebuilt."""
        return {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "name": self.name,
            "config": self.config.to_mapping(),
            "seed": self.config.seed,
            "model_version": f"{self.config.model}/{self.config.acquisition}",
        }

    def _read(self, name: str, doc: Mapping[str, Any]) -> None:
        with self._lock:
            if name == "start":
                try:
                    self._profiles.finish()
                except AgentError as error:  # of the run before
                    logger.warning("agent %s: a scan does not count: %s", self.name, error)
                self.begin()
            self._profiles(name, doc)

    def begin(self) -> None:
        """Begin a run: what was measured before may have drifted away."""
        self._run_began = len(self._profiles.scans)

    def add(self, scan: KnifeScan) -> None:
        """Take a scan without documents."""
        with self._lock:
            self._profiles.scans.append(scan)

    def profiles(self) -> list[Profile]:
        """Give all scans with their fits, in the order of the measurement."""
        self.drain()
        with self._lock:
            self._profiles.finish()
            return list(self._profiles.profiles)

    @property
    def scans(self) -> int:
        """Scans of the present run."""
        return len(self._profiles.scans) - self._run_began

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Nothing comes but by documents, or by `add`."""

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Say where the knobs go and what to scan there.

        Returns
        -------
        sequence of mapping
            One, with ``action`` ("measure" or "stop"), ``why``, the knobs that are to move
            (``pitch_v``, ...), ``v_centre``, ``v_half`` (um), ``v_num`` and the same of h, what
            is known (``size_v``, ``size_v_sd``, ... um, of this setting), and ``_id``.
        """
        self.profiles()
        with self._lock:
            step = self.step()
            self._asked += 1
            prefix = f"{self.config.mirrors}_"
            answer: dict[str, Any] = {
                "_id": str(self._asked),
                "action": "stop" if step.stop else "measure",
                "why": step.why,
                **{key.removeprefix(prefix): value for key, value in step.setting.items()},
                **self._sizes(),
                **(step.facts or {}),
                "model_version": self.spec()["model_version"],
            }
            for direction in DIRECTIONS:
                window = step.windows.get(direction, Window())
                answer[f"{direction}_centre"] = window.centre
                answer[f"{direction}_half"] = window.half
                answer[f"{direction}_num"] = window.num
            return [answer]

    def step(self) -> Step:
        """Say what to do next."""
        raise NotImplementedError

    def _sizes(self) -> dict[str, float]:
        """Sizes of the beam by the last scan of each direction; 0 before there is one."""
        found: dict[str, float] = {}
        for direction in DIRECTIONS:
            last = self._profiles.last(direction)
            known = last is not None and last.fit.resolved
            found[f"size_{direction}"] = last.fit.fwhm if known and last else 0.0
            found[f"size_{direction}_sd"] = last.fit.fwhm_sd if known and last else 0.0
        return found

    def present(self) -> list[Profile]:
        """Give the scans of this run."""
        return self._profiles.profiles[self._run_began :]

    def last_present(self, direction: str) -> Profile | None:
        """Give the last scan of a direction in this run."""
        return next((p for p in self.present()[::-1] if p.scan.direction == direction), None)

    def setting(self) -> dict[str, float]:
        """Where all knobs were when last scanned, by their keys; empty before."""
        scans = self.present()
        names = [name for direction in DIRECTIONS for name in self.config.knobs(direction)]
        return {name: scans[-1].scan.setting[name] for name in names} if scans else {}

    def again(self) -> Step | None:
        """Have scans repeated that told nothing of the size."""
        if self.scans >= self.config.most:
            return None
        windows = {}
        for direction in DIRECTIONS:
            last = self.last_present(direction)
            if last is None or last.fit.resolved or not self._here(last):
                continue
            if not last.fit.found and last.scan.position[-1] >= self.config.search_um:
                raise AgentError("no edge and no beam was found: is the shutter open?")
            windows[direction] = closer(self.config, last)
        return Step({}, windows, "too coarse to tell, or off the edge: again") if windows else None

    def _here(self, profile: Profile) -> bool:
        """Whether the mirrors have not moved since a scan."""
        return all(profile.scan.setting[k] == v for k, v in self.setting().items())

    def claim(self, direction: str) -> tuple[float, float, int]:
        """Give the size at the present setting by scans made after it was chosen.

        Returns
        -------
        size, sd : float
            Weighted mean and its standard deviation, um; NaN without a scan.
        scans : int
            How many were averaged.
        """
        setting = self.setting()
        own = {name: setting[name] for name in self.config.knobs(direction)} if setting else {}
        since = []
        for profile in [p for p in self.present() if p.scan.direction == direction][::-1]:
            if any(profile.scan.setting[name] != value for name, value in own.items()):
                break
            since.append(profile)
        # The first of them is what the setting was chosen by.
        here = [p.fit for p in since[:-1] if p.fit.resolved and self._here(p)]
        if not here:
            return math.nan, math.nan, 0
        weight = np.array([1.0 / fit.fwhm_sd**2 for fit in here])
        sizes = np.array([fit.fwhm for fit in here])
        return float(weight @ sizes / weight.sum()), float(weight.sum() ** -0.5), len(here)

    def probability(self, direction: str, size: float, sd: float) -> float:
        """Probability that a size is small enough."""
        return 0.5 * math.erfc((size - self.config.goal_um(direction)) / sd / math.sqrt(2.0))

    def should_stop(self) -> tuple[bool, str | None]:
        """Stop when the size is known to be small enough, or the scans are used up."""
        self.profiles()
        with self._lock:
            if not self.scans:
                return False, None
            step = self.step()
            return step.stop, step.why if step.stop else None

    def report(self) -> Mapping[str, Any]:
        """Summarise what is known: sizes at the present setting, and the scans it took."""
        self.profiles()
        with self._lock:
            claims = {direction: self.claim(direction) for direction in DIRECTIONS}
            return {
                "scans": self.scans,
                "setting": self.setting(),
                **self._sizes(),
                "claim": {
                    direction: {"size_um": size, "sd_um": sd, "scans": scans}
                    for direction, (size, sd, scans) in claims.items()
                    if scans
                },
            }

    def checkpoint(self) -> None:
        """Write settings and scans as plain arrays (npz, nothing that could run).

        Raises
        ------
        AgentError
            If the agent was given no place to write to.
        """
        if self.checkpoint_path is None:
            raise AgentError(f"agent {self.name} has no checkpoint_path")
        scans = [profile.scan for profile in self.profiles()]
        write_scans(self.checkpoint_path, self.spec(), scans, self._run_began)

    @classmethod
    def from_checkpoint(cls, path: Path) -> FocusesByScans:
        """Rebuild an agent from the file of :meth:`checkpoint`; it goes on with the same run.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        spec, scans, began = read_scans(path)
        with refusing(path, "checkpoint of scans"):
            config = FocusConfig.from_mapping(spec["config"])
            agent = cls(config, name=spec["name"], checkpoint_path=path)
            for scan in scans:
                agent.add(scan)
        agent._run_began = began
        return agent
