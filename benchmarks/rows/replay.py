"""A stored run given out again, beside reading the same run from Tiled without operando.

Tiled is embedded in the process for both, so that no network is in the figures.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.row import Row, Settings, by_turns, compared, timed
from benchmarks.rows.scan import STEP_UM, bench
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.plans import map_raster
from operando.replaying import replay_run
from operando.store import Store, open_store

SHAPE = (24, 20)
EVENTS = SHAPE[0] * SHAPE[1]


def rows(settings: Settings) -> Iterator[Row]:
    """Give events a second: documents, and documents with frames through an agent."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        with bench(store, math.inf, None, store.writer(), shape=SHAPE) as made:
            made.engine(map_raster(made.station, shape=SHAPE, step=STEP_UM, exposure=0.05))
            store.sync()
            uid = made.documents[0][1]["uid"]
            yield from read_again(store, uid, settings.repeats)


def read_again(store: Store, uid: str, repeats: int) -> Iterator[Row]:
    """Read one run by turns in all ways."""
    calls: dict[str, Callable[[], object]] = {
        "journal": lambda: drop(store.documents(uid)),
        "tiled": lambda: drop(store.documents(uid, "tiled")),
        "plain documents": lambda: drop(store[uid].documents()),
        "agent": lambda: through_agent(store, uid),
        "plain frames": lambda: store[uid]["primary"].read(),
    }
    found = {
        name: [EVENTS / seconds for seconds in times]
        for name, times in by_turns({k: timed(v) for k, v in calls.items()}, repeats).items()
    }
    for what, ours, peer, theirs, remark in (
        (
            "a run's documents, from its journal",
            "journal",
            "Tiled, run.documents()",
            "plain documents",
            "",
        ),
        (
            "a run's documents, from Tiled",
            "tiled",
            "Tiled, run.documents()",
            "plain documents",
            "ours are the bytes that were stored, the peer's are put together from tables",
        ),
        (
            "a run through the mapping agent",
            "agent",
            "Tiled, primary.read()",
            "plain frames",
            "ours reads the frames, reduces and labels them; the peer only reads them",
        ),
    ):
        yield compared(
            what, peer, "events/s", found[ours], found[theirs], more_is_better=True, remark=remark
        )


def drop(documents: Any) -> None:
    for _ in documents:
        pass


def through_agent(store: Store, uid: str) -> None:
    agent = PhaseMappingAgent()
    result = replay_run(store.documents(uid), agent)
    agent.drain()
    agent.close()
    assert result.report, "the agent had nothing to say"
