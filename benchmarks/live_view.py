"""What a live picture costs a scan: the time with it over the time without, run in turns.

``python benchmarks/live_view.py [--pairs N] [--rows N]``. A map is measured point by point in the
station's real time, about 20 events a second, stored and labelled by its agent as in ``operando
demo mapping``. Each round has one scan without a picture, one with the live picture (a file, drawn
by a process of its own) and one whose picture is drawn by the measuring process on its event
thread, twice a second: the peer, and the reason for that process. Their order changes from round
to round. Printed: events a second, ratios and their medians.
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


def scan(session: Any, shape: tuple[int, int], view: Any) -> float:
    """Seconds from the first to the last event of a map."""
    agent = PhaseMappingAgent()
    times: list[float] = []
    engine: RunEngine = session.RE
    tokens = [engine.subscribe(agent)]
    if view is not None:
        tokens.append(engine.subscribe(view))
    # Whoever comes last sees what the others cost.
    tokens.append(engine.subscribe(lambda name, doc: times.append(time.perf_counter()), "event"))
    engine(map_raster(session.station, shape=shape, step=2.0, exposure=EXPOSURE_S, agent=agent))
    for token in tokens:
        engine.unsubscribe(token)
    agent.close()
    return times[-1] - times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10)
    options = parser.parse_args()
    shape = (options.rows, 12)
    makers = {
        "none": lambda folder: None,
        "live": lambda folder: LiveView(folder / "live.png", lambda line: None, window=False),
        "in the process": lambda folder: InProcess(folder / "peer.png"),
    }
    taken: dict[str, list[float]] = {name: [] for name in makers}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with mapping_session(
            seed=7, speed=1.0, store=str(folder / "store"), console=Console(quiet=True)
        ) as session:
            scan(session, (2, 2), None)  # imports and the first file
            for number in range(options.pairs):
                order = list(makers)
                order = order[number % 3 :] + order[: number % 3]
                for kind in order:
                    view = makers[kind](folder)
                    if view is not None:
                        time.sleep(4.0)  # the process that draws has been started before a scan
                    taken[kind].append(scan(session, shape, view))
                    if view is not None:
                        view.close()
                rates = (
                    f"{kind} {(shape[0] * shape[1] - 1) / taken[kind][-1]:.1f}/s" for kind in makers
                )
                print(f"round {number}: {', '.join(rates)}", flush=True)
    for kind in ("live", "in the process"):
        ratios = [one / none for one, none in zip(taken[kind], taken["none"], strict=True)]
        print(f"{kind}: median {statistics.median(ratios):.3f} of the time without", end="; ")
        print(" ".join(f"{ratio:.3f}" for ratio in sorted(ratios)))
    ratio = statistics.median(
        one / none for one, none in zip(taken["live"], taken["none"], strict=True)
    )
    print("PASS" if ratio <= 1 + ALLOWED else "FAIL", f"live picture costs {ratio - 1:+.1%}")


if __name__ == "__main__":
    main()
