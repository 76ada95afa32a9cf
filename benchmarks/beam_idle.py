"""How long the beam waits for the agent, from the documents' timestamps of a run in real time.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/beam_idle.py [--rows N --columns N --dwell S]``.
A map in two passes, as the demonstration measures it. In a round of questions every decision
but the first follows the event before it at once; what the first one takes longer is time in
which the beam waited for the agent. The simulated detector needs the processor too, so run it
on a quiet machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from bluesky import RunEngine

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.demos.mapping_runs import LOOKAHEAD
from operando.devices.station import simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.plans import map_two_pass
from operando.plans.budget import ROUNDS, usual_choice
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel

Documents = list[tuple[str, Mapping[str, Any]]]


def measured(shape: tuple[int, int], dwell: float, lookahead: int) -> Documents:
    """Give the documents of a run in real time."""
    geometry = DetectorGeometry()
    choice = usual_choice("two-pass", shape[0] * shape[1], dwell)
    documents: Documents = []
    agent = PhaseMappingAgent()
    with tempfile.TemporaryDirectory() as folder:
        source = MapBeamline(CorrodedSteel(7, shape, 2.0), geometry, 7)
        station = simulated_mapping_station(source, Clock(1.0), Path(folder), geometry)
        engine = RunEngine({}, call_returns_result=False)
        engine.subscribe(agent)
        engine.subscribe(lambda name, doc: documents.append((name, doc)))
        engine(
            map_two_pass(
                station,
                agent,
                shape=shape,
                step=2.0,
                exposure=choice.exposure,
                revisit_exposure=choice.revisit_exposure,
                n_revisits=choice.n_revisits,
                batch=-(-choice.n_revisits // ROUNDS),
                lookahead=lookahead,
                seed=7,
            )
        )
        agent.drain()
    agent.close()
    return documents


def waits(documents: Documents) -> tuple[list[float], float]:
    """Time that the first decision of each round came late, and of the whole run, s."""
    streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    before, last_round = 0.0, -1
    firsts, others = [], []
    for name, doc in documents:
        if name not in ("event", "event_page"):
            continue
        if streams[doc["descriptor"]] == "decisions":
            gap, round_ = doc["time"] - before, int(doc["data"]["decision_round"])
            (others if round_ == last_round else firsts).append(gap)
            last_round = round_
        else:
            before = float(np.max(doc["time"]))
    run = documents[-1][1]["time"] - documents[0][1]["time"]
    usual = float(np.median(others))
    return [max(gap - usual, 0.0) for gap in firsts], run


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=95)
    options.add_argument("--columns", type=int, default=80)
    options.add_argument("--dwell", type=float, default=0.05)
    options.add_argument("--lookahead", type=int, nargs="+", default=[LOOKAHEAD, 0])
    chosen = options.parse_args()
    shape = (chosen.rows, chosen.columns)
    for lookahead in chosen.lookahead:
        begin = time.perf_counter()
        late, run = waits(measured(shape, chosen.dwell, lookahead))
        print(
            f"{shape[0]} x {shape[1]} points, {1e3 * chosen.dwell:g} ms a point, asked "
            f"{lookahead} points ahead: run {run:.0f} s, the beam waited "
            + " + ".join(f"{value:.3f}" for value in late)
            + f" s for the agent: {100 * sum(late) / run:.3f} % of the run; goal 1 % "
            f"({time.perf_counter() - begin:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
