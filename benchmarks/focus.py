"""How surely and how soon the beam is focused, against one knob after the other.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/focus.py [--seeds N --values 7 --restart]``. Mirrors,
motors, edge and counters are those of the simulated station, and the agents are those that the
plans ask; moves and scans are made here without a RunEngine, in the plans' order and times. A
measurement is one scan of an edge in one direction, for both. Minutes: the agent's mirrors move
together, as the plan has them; so do the two motors of a mirror for the coordinate scan, which
goes through one mirror after the other.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from operando.agents.beam_profile import KnifeScan
from operando.agents.coordinate_scan import CoordinateScanAgent
from operando.agents.focus_agent import FocusAgent, FocusConfig
from operando.agents.focus_scans import FocusesByScans
from operando.agents.focus_window import Window
from operando.devices.travel import Travel
from operando.simulations.kb_instrument import NOMINAL, KBInstrument
from operando.simulations.kb_optics import random_pair

#: Speed, acceleration, settling and approach of a knob; speed, acceleration, settling of the stage.
KNOBS = {"pitch": (0.02, 0.1, 1.0, 0.02), "bend": (5.0, 20.0, 2.0, 25.0)}
STAGE = (1000.0, 20000.0, 0.01)
CLEAR_UM, DWELL_S = 600.0, 0.2
LIMITS_UM = (1.25, 2.0)


class Bench:
    """The station of a seed, driven without messages."""

    def __init__(self, seed: int) -> None:
        self.instrument = KBInstrument(random_pair(seed), seed)
        self.now = 0.0
        self._knobs = dict(NOMINAL)
        self._known: set[str] = set()
        self._stage = {"v": 0.0, "h": 0.0}

    @property
    def knobs(self) -> dict[str, float]:
        """Where the knobs stand."""
        return dict(self._knobs)

    @property
    def ratio(self) -> float:
        """The larger of the two sizes over its limit."""
        sizes = self.instrument.size_um(self.now)
        return max(size / limit for size, limit in zip(sizes, LIMITS_UM, strict=True))

    def move(self, setting: dict[str, float]) -> None:
        """Move knobs as `operando.plans.focus_moves.FromBelow` does."""
        first, then = {}, {}
        for name, value in setting.items():
            stands, below = self._knobs[name], KNOBS[name[:-2]][3]
            if value == stands:
                continue
            again = value < stands or name not in self._known
            first[name] = value - below if again else value
            if again:
                then[name] = value
            self._known.add(name)
        for leg in (first, then):
            longest = 0.0
            for name, value in leg.items():
                speed, acceleration, settle, _ = KNOBS[name[:-2]]
                travel = Travel(self._knobs[name], value, speed, acceleration)
                longest = max(longest, travel.duration + settle)
                self.instrument.arrive(name, value)
                self._knobs[name] = value
            self.now += longest

    def scan(self, direction: str, window: Window) -> KnifeScan:
        """Scan an edge as `operando.plans.focus_moves.scan_edge` does."""
        positions = np.linspace(
            window.centre - window.half, window.centre + window.half, window.num
        )
        other = "h" if direction == "v" else "v"
        times = []
        for number, position in enumerate(positions.tolist()):
            moves = [Travel(self._stage[direction], position, *STAGE[:2]).duration]
            if number == 0:
                moves.append(Travel(self._stage[other], CLEAR_UM, *STAGE[:2]).duration)
                self._stage[other] = CLEAR_UM
            self._stage[direction] = position
            self.now += max(moves) + STAGE[2]
            times.append(self.now)
            self.now += DWELL_S
        clear = np.full(window.num, CLEAR_UM)
        x, y = (clear, positions) if direction == "v" else (positions, clear)
        diode, i0 = self.instrument.counts(x.tolist(), y.tolist(), times, DWELL_S)
        setting = {f"kb_{name}": value for name, value in self._knobs.items()}
        return KnifeScan(direction, positions, diode, i0, setting, self.now)


def focused(agent: FocusesByScans, bench: Bench) -> tuple[int, float, float]:
    """Let an agent focus: scans, minutes, and the larger size over its limit in the end."""
    agent.begin()
    began = bench.now
    while True:
        step = agent.step()
        bench.move({key.removeprefix("kb_"): value for key, value in step.setting.items()})
        if step.stop:
            return agent.scans, (bench.now - began) / 60.0, bench.ratio
        for direction, window in step.windows.items():
            if window.num:
                agent.add(bench.scan(direction, window))


def told(name: str, results: list[tuple[int, float, float]]) -> None:
    scans, minutes, ratios = zip(*results, strict=True)
    share = statistics.mean(ratio <= 1.1 for ratio in ratios)
    print(
        f"{name}: {100 * share:.0f} % of {len(results)} seeds reach 1.1 x the best size (median "
        f"{statistics.median(ratios):.3f}, worst {max(ratios):.3f}); scans: median "
        f"{statistics.median(scans):g}, most {max(scans)}; minutes: median "
        f"{statistics.median(minutes):.1f}",
        flush=True,
    )


def compared(results: dict[str, list[tuple[int, float, float]]], peer: str) -> None:
    """Print the ratio of scans and minutes to a peer's, seed by seed."""
    pairs = list(zip(results["agent"], results[peer], strict=True))
    scans = [one[0] / other[0] for one, other in pairs]
    minutes = [one[1] / other[1] for one, other in pairs]
    both = statistics.mean(
        one[2] <= 1.1 and ratio <= 0.5 for (one, _), ratio in zip(pairs, scans, strict=True)
    )
    few = statistics.mean(ratio <= 0.5 for ratio in scans)
    whole = sum(one[0] for one, _ in pairs) / sum(other[0] for _, other in pairs)
    print(
        f"agent / {peer}: scans {statistics.median(scans):.2f} (median of the ratios; at most 0.5 "
        f"in {100 * few:.0f} % of seeds), of all scans {whole:.2f}, minutes "
        f"{statistics.median(minutes):.2f}; 1.1 x reached with at most half the scans in "
        f"{100 * both:.0f} % of seeds; goal: 95 % reach 1.1 x, scans at most 0.5",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=40)
    options.add_argument("--first", type=int, default=0, help="First seed.")
    options.add_argument("--values", type=int, nargs="+", default=[7, 5])
    options.add_argument("--acquisition", default="EI")
    options.add_argument("--model", default="quadratic")
    options.add_argument("--hours", type=float, default=6.0, help="Then again; 0: never.")
    chosen = options.parse_args()
    results: dict[str, list[tuple[int, float, float]]] = {}
    drifted, begin = [], time.perf_counter()
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        config = FocusConfig(seed=seed, acquisition=chosen.acquisition, model=chosen.model)
        bench, agent = Bench(seed), FocusAgent(config)
        results.setdefault("agent", []).append(focused(agent, bench))
        if chosen.hours:
            stood = bench.knobs
            bench.now += 3600.0 * chosen.hours
            drifted.append(bench.ratio)
            warm, at = "agent, warm start", bench.now
            results.setdefault(warm, []).append(focused(agent, bench))
            # The same mirrors, as they stood, for one that has forgotten everything.
            bench.move(stood)
            bench.now = at
            cold = focused(FocusAgent(config), bench)
            results.setdefault("agent, cold start", []).append(cold)
        for values in chosen.values:
            by_hand = CoordinateScanAgent(config, values=values)
            name = f"coordinate scan of {values}"
            results.setdefault(name, []).append(focused(by_hand, Bench(seed)))
        last = [f"{name} {found[-1][0]} ({found[-1][2]:.2f} x)" for name, found in results.items()]
        print(f"seed {seed}, scans and size: {', '.join(last)}", flush=True)
    for name, found in results.items():
        told(name, found)
    for values in chosen.values:
        compared(results, f"coordinate scan of {values}")
    if drifted:
        print(f"after {chosen.hours:g} h: {statistics.median(drifted):.2f} x the best size before")
    print(f"{time.perf_counter() - begin:.0f} s for all", flush=True)


if __name__ == "__main__":
    main()
