"""What operando costs a scan, and how long the beam waits for an answer.

A scan without waiting shows what every event costs on top of a bare RunEngine. Then the same map
is looked at again where the agent is unsure, in real time: by operando's plan, which asks ahead,
with its store; and by bluesky-adaptive's ``optimize``, which asks in line, with ``TiledWriter``.
The agent is the same, so that what differs is how it is wired.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bluesky import RunEngine
from bluesky_tiled_plugins import TiledWriter

import store as storing
from benchmarks.row import Row, Settings, absent, by_turns, compared, progress
from operando.agents.interop import Positions
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.demos.mapping_runs import LOOKAHEAD
from operando.devices.station import Station, simulated_mapping_station
from operando.physics.geometry import DetectorGeometry
from operando.plans import map_fly, map_raster, map_two_pass, with_beam
from operando.plans.stage_time import StageTime
from operando.simulations.beamline import MapBeamline
from operando.simulations.clock import Clock
from operando.simulations.specimen import CorrodedSteel
from operando.store import Store, open_store

SEED, SHAPE, STEP_UM = 7, (10, 8), 4.0
POINTS = SHAPE[0] * SHAPE[1]
FIRST_S, AGAIN_S, REVISITS, BATCH = 0.02, 0.05, 36, 12
EVENTS, FEW_EVENTS = 200, 30
Subscribe = Callable[[RunEngine], Any]


def rows(settings: Settings) -> Iterator[Row]:
    """Give cost an event, then time an event and idle beam of an adaptive map."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        yield from writers(store, settings.repeats)
        yield from subscribed(store, settings.repeats)
        yield from adaptive(store, settings.repeats)


def writers(store: Store, repeats: int) -> Iterator[Row]:
    """Store a scan with a frame an event, nothing else subscribed."""
    ways = storing.ways(store)

    def per_event(name: str, events: int) -> Callable[[], float]:
        def milliseconds() -> float:
            seconds = storing.seconds(store.frames_dir, events, 0.0, ways[name])
            store.sync()  # what is uploaded later is not charged to the next way
            return 1e3 * seconds / events

        return milliseconds

    slow = "TiledWriter(batch_size=1)"
    calls = {name: per_event(name, FEW_EVENTS if name == slow else EVENTS) for name in ways}
    found = by_turns(calls, repeats)
    what = "an event stored, no waiting"
    remark = "the limit: nothing is stored"
    yield compared(what, "bare RunEngine", "ms", found["operando"], found["bare"], remark=remark)
    for name, remark in (
        ("TiledWriter()", "which writes all at the end"),
        (slow, "which can be read at once, as ours can"),
    ):
        yield compared(what, name, "ms", found["operando"], found[name], remark=remark)


@dataclass
class Bench:
    """A station with a section in its beam, its engine, and what was emitted."""

    station: Station
    engine: RunEngine
    documents: list[tuple[str, Mapping[str, Any]]]


@contextlib.contextmanager
def bench(
    store: Store,
    speed: float,
    agent: PhaseMappingAgent | None,
    *callbacks: Any,
    shape: tuple[int, int] = SHAPE,
) -> Iterator[Bench]:
    """Give a fresh one, its frames in the store's folder; the agent is closed afterwards."""
    geometry = DetectorGeometry()
    source = MapBeamline(CorrodedSteel(SEED, shape, STEP_UM), geometry, SEED)
    station = simulated_mapping_station(source, Clock(speed), store.frames_dir, geometry)
    made = Bench(station, RunEngine({}, context_managers=[], call_returns_result=False), [])
    made.engine.subscribe(lambda name, doc: made.documents.append((name, doc)))
    for callback in (agent, *callbacks):
        if callback is not None:
            made.engine.subscribe(callback)
    yield made
    if agent is not None:
        agent.drain()
        agent.close()


def subscribed(store: Store, repeats: int) -> Iterator[Row]:
    """Measure a raster with agent and store beside nobody listening, without and with waiting."""

    def per_event(speed: float, listening: bool) -> Callable[[], float]:
        def milliseconds() -> float:
            agent = PhaseMappingAgent() if listening else None
            with bench(store, speed, agent, *([store.writer()] if listening else [])) as made:
                plan = map_raster(made.station, shape=SHAPE, step=STEP_UM, exposure=FIRST_S)
                began = time.perf_counter()
                made.engine(plan)
                seconds = time.perf_counter() - began
            store.sync()
            return 1e3 * seconds / POINTS

        return milliseconds

    for speed, words in ((math.inf, "no waiting"), (1.0, f"{1e3 * FIRST_S:g} ms exposures")):
        calls = {"ours": per_event(speed, True), "bare": per_event(speed, False)}
        found = by_turns(calls, repeats)
        yield compared(
            f"a map's event, agent and store subscribed, {words}",
            "bare RunEngine",
            "ms",
            found["ours"],
            found["bare"],
            remark="the limit: nobody listens; moves and simulated frames are in both",
        )


def adaptive(store: Store, repeats: int) -> Iterator[Row]:
    """Look again where the agent is unsure, asked ahead and asked in line."""
    whats = ("adaptive map, an event", "adaptive map, idle beam an event")
    peer = "bluesky-adaptive optimize, TiledWriter"
    if importlib.util.find_spec("bluesky_adaptive") is None:
        yield from (absent(what, peer, "extra [adaptive]") for what in whats)
        return
    found: dict[str, list[Looked]] = {"ours": [], "theirs": []}
    for turn in range(repeats + 1):
        for name, look in (("ours", ours), ("theirs", inline)):
            looked = look(store)
            progress(f"  round {turn}, {name}: {looked}")
            store.sync()
            if turn:
                found[name].append(looked)
    mine, theirs = found["ours"], found["theirs"]
    event = ([one.event_ms for one in each] for each in (mine, theirs))
    idle = ([one.idle_ms for one in each] for each in (mine, theirs))
    share = [
        100 * np.median([one.idle_ms / one.event_ms for one in each]) for each in found.values()
    ]
    remark = f"{REVISITS} points of {1e3 * AGAIN_S:g} ms, {BATCH} a question; same agent"
    yield compared(whats[0], peer, "ms", *event, remark=remark)
    remark = f"beyond exposures and moves: {share[0]:.0f} % and {share[1]:.0f} % of the time"
    yield compared(whats[1], peer, "ms", *idle, remark=remark)


@dataclass(frozen=True)
class Looked:
    """How long an event of the second look took, and how much of it was no exposure or move."""

    event_ms: float
    idle_ms: float


def ours(store: Store) -> Looked:
    """By operando's plan, agent and store subscribed."""
    agent = PhaseMappingAgent()
    with bench(store, 1.0, agent, store.writer()) as made:
        made.engine(
            map_two_pass(
                made.station,
                agent,
                shape=SHAPE,
                step=STEP_UM,
                exposure=FIRST_S,
                revisit_exposure=AGAIN_S,
                n_revisits=REVISITS,
                batch=BATCH,
                lookahead=LOOKAHEAD,
                seed=SEED,
            )
        )
        pages = events(made.documents, "primary")
        return looked(events(made.documents, "revisits"), began=pages[-1][0])


def inline(store: Store) -> Looked:
    """By bluesky-adaptive's plan around the same agent, with Tiled's writer."""
    from bluesky_adaptive.plans import optimize
    from bluesky_adaptive.protocols import OptimizationProblem

    agent = PhaseMappingAgent()
    with bench(store, 1.0, agent, TiledWriter(store.catalog)) as made:
        station, engine = made.station, made.engine
        engine(map_fly(station, shape=SHAPE, step=STEP_UM, exposure=FIRST_S, agent=agent))
        station.detector.exposure.put(AGAIN_S)
        problem = OptimizationProblem(
            optimizer=Positions(agent),
            actuators=[station.stage.x, station.stage.y],
            sensors=[station.detector, station.monitor],
            # The agent hears of the frames by documents.
            evaluation_function=lambda uid, suggestions: [
                {"_id": one["_id"], "done": 1.0} for one in suggestions
            ],
        )
        made.documents.clear()
        plan = optimize(problem, iterations=REVISITS // BATCH, n_points=BATCH)
        engine(with_beam(station.shutter, plan))
        return looked(events(made.documents, "primary"), began=made.documents[0][1]["time"])


def events(
    documents: list[tuple[str, Mapping[str, Any]]], stream: str
) -> list[tuple[float, float, float]]:
    """Time and place (x, y) of every exposure of a stream.

    bluesky-adaptive records what was suggested in a stream of the same name.
    """
    named = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    found = []
    for name, doc in documents:
        if name not in ("event", "event_page") or named[doc["descriptor"]] != stream:
            continue
        if "i0" not in doc["data"]:
            continue
        columns = (doc["time"], doc["data"]["stage_x"], doc["data"]["stage_y"])
        found += zip(*(np.atleast_1d(column).tolist() for column in columns), strict=True)
    return found


def looked(measured: list[tuple[float, float, float]], began: float) -> Looked:
    """Take exposures and moves off the time from the first question to the last event."""
    times = StageTime()
    assert len(measured) == REVISITS, f"{len(measured)} points were measured"
    places = np.array(measured)[:, 1:]
    ways = np.abs(np.diff(places, axis=0)).max(axis=1)  # the way to the first is left in both
    needed = REVISITS * (AGAIN_S + times.readout) + sum(times.move(way) for way in ways)
    spent = measured[-1][0] - began
    return Looked(1e3 * spent / REVISITS, 1e3 * float(spent - needed) / REVISITS)
