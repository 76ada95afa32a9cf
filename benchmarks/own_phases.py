"""A phase of one's own on maps: where hematite is, once its structure has been given.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/own_phases.py [--seeds N]``. The shipped model
learns hematite from its crystal structure. Then simulated sections of 7,600 points are flown with
50 ms a point; in truth hematite takes a tenth of the volume or more at up to one point in fifty,
beside other unlisted phases. Printed: how many points those are, how many of them are named, how
many are named in all, and the nine labels' exact match beside that of the shipped model, which
calls hematite other. Truth is looked at to score.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from offline_map import OfflineMap

from operando.agents.mapping_config import MappingConfig
from operando.agents.own_training import add_phases
from operando.agents.phase_classifier import PhaseClassifier
from operando.physics.crystals import STRUCTURES
from operando.simulations.canvas import CONSTITUENTS

SEEDS = (7, 11, 23, 31, 47)
PHASE, DWELL, HOLDS = "alpha_fe2o3", 0.05, 0.1


def one_seed(seed: int, model: Path) -> tuple[float, ...]:
    section = OfflineMap(seed)
    every = np.arange(section.grid.size)
    patterns = section.measure(section.beamline(4), every, DWELL)
    exact = []
    for config in (MappingConfig(), MappingConfig(model=str(model))):
        agent = section.agent(patterns.two_theta, patterns.wavelength, config)
        agent.memory().add(every, patterns.intensity, patterns.sigma, DWELL)
        exact.append(section.exact_match(agent.answer().present))
        named = agent.own_phases()
        agent.close()
    x, y = section.grid.position(every).T
    fractions = section.specimen.at(x, y).fractions
    truth = fractions[:, CONSTITUENTS.index(PHASE)] >= HOLDS
    said = named[PHASE].ravel() > 0.5
    return float(truth.sum()), float((truth & said).sum()), float(said.sum()), *exact


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5)
    seeds = SEEDS[: options.parse_args().seeds]
    begin = time.process_time()
    model = add_phases(PhaseClassifier.shipped(), [STRUCTURES[PHASE]])
    print(f"learnt in {time.process_time() - begin:.0f} s of one core; held out:")
    print(model.metadata["own_held_out"])
    print("seed  points that hold it  found  named  exact match shipped, with it")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.npz"
        model.save(path)
        for seed in seeds:
            rows.append(one_seed(seed, path))
            print(f"{seed:4}", *(f"{value:.0f}" for value in rows[-1][:3]), end="  ")
            print(*(f"{value:.4f}" for value in rows[-1][3:]), flush=True)
    holds, found, named, shipped, ours = np.array(rows).T
    print(f"all: found {found.sum() / holds.sum():.3f} of {holds.sum():.0f} points; ", end="")
    print(f"right {found.sum() / named.sum():.3f} of {named.sum():.0f} named; ", end="")
    print(f"exact match {shipped.mean():.4f} shipped, {ours.mean():.4f} with it")


if __name__ == "__main__":
    main()
