"""What a live picture costs a scan: the time with it over the time without, run in turns.

``python benchmarks/live_view.py [--pairs N] [--rows N] [--no-peer]``. A map is measured point by
point in the station's real time, about 20 events a second, stored and labelled by its agent as in
``operando demo mapping``. Each round has one scan without a picture, one with the live picture (a
file, drawn by a process of its own) and one whose picture is drawn by the measuring process on its
event thread, twice a second: the peer, and the reason for that process. Their order changes from
round to round. Printed: events a second, ratios and their medians. On a machine that has other
work the times scatter; the processor time that the measuring process itself spends on an event does
so less, and is printed beside, as a share of the time between two events.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from rich.console import Console

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.figures.panels import FollowingPanel, save_panel
from operando.live import LiveView
from operando.plans.mapping import map_raster
from operando.session import mapping_session

#: With the stage's step and settling this makes some 20 events a second in the station's real time.
EXPOSURE_S = 0.02
RATE_HZ = 20.0
#: What may be lost.
ALLOWED = 0.05


class InProcess:
    """The peer: draw where the events come, twice a second at most."""

    def __init__(self, path: Path) -> None:
        self.path, self.panel, self.next = path, FollowingPanel(), 0.0

    def __call__(self, name: str, doc: Any) -> None:
        """Take a document, and draw if it is time."""
        self.panel(name, doc)
        if name == "event" and time.monotonic() >= self.next:
            save_panel(self.panel, self.path)
            self.next = time.monotonic() + 0.5

    def close(self) -> None:
        """Stop what works in the background."""
        self.panel.close()


def scan(session: Any, shape: tuple[int, int], view: Any) -> tuple[float, float]:
    """Seconds from the first to the last event of a map, and of the processor in that time."""
    agent = PhaseMappingAgent()
    times: list[tuple[float, float]] = []
    engine: RunEngine = session.RE
    tokens = [engine.subscribe(agent)]
    if view is not None:
        tokens.append(engine.subscribe(view))
    # Whoever comes last sees what the others cost.

    def note(name: str, doc: Any) -> None:
        times.append((time.perf_counter(), time.process_time()))

    tokens.append(engine.subscribe(note, "event"))
    engine(map_raster(session.station, shape=shape, step=2.0, exposure=EXPOSURE_S, agent=agent))
    for token in tokens:
        engine.unsubscribe(token)
    agent.close()
    return times[-1][0] - times[0][0], times[-1][1] - times[0][1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    shape = (options.rows, 12)
    makers = {
        "none": lambda folder: None,
        "live": lambda folder: LiveView(folder / "live.png", lambda line: None, window=False),
        "in the process": lambda folder: InProcess(folder / "peer.png"),
    }
    if not options.peer:
        del makers["in the process"]
    taken: dict[str, list[float]] = {name: [] for name in makers}
    spent: dict[str, list[float]] = {name: [] for name in makers}
    events = options.rows * 12 - 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with mapping_session(
            seed=7, speed=1.0, store=str(folder / "store"), console=Console(quiet=True)
        ) as session:
            scan(session, (2, 2), None)  # imports and the first file
            for number in range(options.pairs):
                order = list(makers)
                first = number % len(order)
                order = order[first:] + order[:first]
                for kind in order:
                    view = makers[kind](folder)
                    # The process that draws has begun, and the last scan has been uploaded.
                    time.sleep(4.0)
                    seconds, processor = scan(session, shape, view)
                    taken[kind].append(seconds)
                    spent[kind].append(processor)
                    if view is not None:
                        view.close()
                rates = (
                    f"{kind} {(shape[0] * shape[1] - 1) / taken[kind][-1]:.1f}/s" for kind in makers
                )
                print(f"round {number}: {', '.join(rates)}", flush=True)
    for kind in list(makers)[1:]:
        ratios = [one / none for one, none in zip(taken[kind], taken["none"], strict=True)]
        print(f"{kind}: median {statistics.median(ratios):.3f} of the time without", end="; ")
        print(" ".join(f"{ratio:.3f}" for ratio in sorted(ratios)))
        more = statistics.median(
            (one - none) / events for one, none in zip(spent[kind], spent["none"], strict=True)
        )
        print(f"  processor: {1e3 * more:+.2f} ms an event, {more * RATE_HZ:+.1%} at {RATE_HZ:g}/s")
    ratio = statistics.median(
        one / none for one, none in zip(taken["live"], taken["none"], strict=True)
    )
    print("PASS" if ratio <= 1 + ALLOWED else "FAIL", f"live picture costs {ratio - 1:+.1%}")


if __name__ == "__main__":
    main()
