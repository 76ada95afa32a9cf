"""What 60 labels of the agent's choosing teach, beside 60 random ones.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/label_dialogue.py [--seeds N]``. Each seed is a
simulated section of 7,600 points, flown once with 50 ms a point. A person, played here from the
section's truth, has labelled 81 of its points at random (the published number of training
patterns), and then labels 60 more: those that ``query_labels`` shows, ten at a time with the
answers learnt in between or all at once, or random ones. The agent gets labels through ``label``
and nothing else of the truth. Exact match is the share of points with all nine labels right; "of
the rest" leaves out every point that anybody labelled, so that only what was learnt counts.

The second table starts from 81 labels of nine other sections, nine each: what an agent knows that
keeps one file of labels for all its maps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from offline_map import OfflineMap

from operando.agents.label_store import LabelStore, PersonLabel
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.physics.phases import LABELS

SEEDS = (7, 11, 23, 31, 47, *range(200, 1000))  # the calibration's are others, see there
OTHERS, EACH = range(2001, 2010), 9
DWELL, START, MORE = 0.05, 81, 60
WAYS = {"random": 1, "agent, at once": 1, "agent, 10 by 10": 6}  # with the number of rounds


def flown(section: OfflineMap) -> PowderPatterns:
    return section.measure(section.beamline(3), np.arange(section.grid.size), DWELL)


def agent_of(section: OfflineMap, patterns: PowderPatterns, labels: Path) -> PhaseMappingAgent:
    """Give an agent that has measured the section and keeps labels in `labels`."""
    agent = section.agent(patterns.two_theta, patterns.wavelength, label_path=labels)
    every = np.arange(section.grid.size)
    agent.memory().add(every, patterns.intensity, patterns.sigma, DWELL)
    return agent


def say(agent: PhaseMappingAgent, section: OfflineMap, points: NDArray[np.int64]) -> None:
    """Play the person: they see what is there."""
    for point in points:
        holds = dict(zip(LABELS, map(bool, section.truth[point]), strict=True))
        agent.label(int(point), holds, who="benchmark")


def labels_of_others() -> Iterator[PersonLabel]:
    """Labels of nine sections, nine random points each."""
    for seed in OTHERS:
        section = OfflineMap(seed)
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "labels.jsonl"
            agent = agent_of(section, flown(section), path)
            say(agent, section, rng.permutation(section.grid.size)[:EACH])
            agent.close()
            yield from (replace(one, run=f"section {seed}") for one in LabelStore(path).all())


def more(
    agent: PhaseMappingAgent, section: OfflineMap, way: str, free: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Label 60 more points, the way said; give them."""
    if way == "random":
        say(agent, section, free[:MORE])
        return free[:MORE]
    given: list[int] = []
    for _ in range(WAYS[way]):
        asked = [question.point for question in agent.query_labels(MORE // WAYS[way])]
        say(agent, section, np.array(asked))
        given += asked
    return np.array(given)


def one_seed(section: OfflineMap, known: list[PersonLabel] | None) -> dict[str, tuple[float, ...]]:
    """Exact match of all points, and of those nobody labelled, by way."""
    patterns = flown(section)
    order = np.random.default_rng(section.seed).permutation(section.grid.size)
    presents, labelled = {}, [order[: 0 if known else START]]
    with tempfile.TemporaryDirectory() as folder:
        for number, way in enumerate(("no labels", "start", *WAYS)):
            path = Path(folder) / f"{number}.jsonl"
            if way != "no labels":
                for label in known or ():
                    LabelStore(path).add(label)
            agent = agent_of(section, patterns, path)
            if way != "no labels":
                say(agent, section, labelled[0])
            if way in WAYS:
                labelled.append(more(agent, section, way, order[START:]))
            presents[way] = agent.answer().present.reshape(section.truth.shape)
            agent.close()
    rest = np.ones(section.grid.size, dtype=bool)
    rest[np.concatenate(labelled).astype(np.int64)] = False
    right = {way: (p == section.truth).all(axis=1) for way, p in presents.items()}
    return {way: (float(r.mean()), float(r[rest].mean())) for way, r in right.items()}


def table(title: str, found: list[dict[str, tuple[float, ...]]]) -> None:
    print(f"\n{title}\n{'exact match, mean of ' + str(len(found)):28}  all points   of the rest")
    mean = {way: np.mean([one[way] for one in found], axis=0) for way in found[0]}
    for way, (every, rest) in mean.items():
        spread = np.std([one[way][0] for one in found])
        print(f"{way:28}  {every:.4f} ± {spread:.4f}  {rest:.4f}")
    for way in list(WAYS)[1:]:
        gain, random = (mean[w] - mean["start"] for w in (way, "random"))
        better = sum(one[way][0] > one["random"][0] for one in found)
        print(
            f"{way}: + {gain[0]:.4f} beside + {random[0]:.4f} of random labels "
            f"(rest: + {gain[1]:.4f}, + {random[1]:.4f}); better in {better} of {len(found)}"
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5)
    seeds = SEEDS[: options.parse_args().seeds]
    begin = time.perf_counter()
    table("81 labels of the same section", [one_seed(OfflineMap(s), None) for s in seeds])
    known = list(labels_of_others())
    table("81 labels of nine other sections", [one_seed(OfflineMap(s), known) for s in seeds])
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
