"""Do the kinetic engine's intervals hold what they promise? Offline and streaming alike.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/kinetics_calibration.py [REPEATS] [--figure FILE]
[--only drawn|default] [--law NAME]``; with a law, that one alone is drawn and compared.
Two sets of records of 17 s, frames of 333 ms. *Drawn*: law, onset, rate, shape, areas and noise
level drawn anew each time from the priors that the engine is told (simulation-based calibration:
the intervals averaged over laws must hold exactly). *Default*: the demonstration's truth with the
default priors, noise drawn. A record whose process the stream does not see begin is counted apart.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

import numpy as np
from kinetics_records import Truth, record

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.physics.kinetic_laws import DEFAULT_LAWS, LAWS

DRAWN = KineticsConfig(t0_prior=(4.0, 10.0), rate_bounds=(0.2, 3.0), amplitude_sd=(0.2, 0.2))
LEVELS = (3e-5, 3e-3)


def draw(seed: int, laws: tuple[str, ...] = DEFAULT_LAWS) -> tuple[Truth, float]:
    """Draw a truth from the priors of `DRAWN`, and a noise level."""
    random = np.random.default_rng([seed, 1])
    law = LAWS[laws[random.integers(len(laws))]]
    between = lambda low, high: float(np.exp(random.uniform(np.log(low), np.log(high))))  # noqa: E731
    shape = 1.0 if law.shape is None else between(law.shape.low, law.shape.high)
    amplitudes = tuple(float(a) for a in random.normal(1.0, 0.2, 2))
    truth = Truth(law.name, float(random.uniform(4.0, 10.0)), between(0.2, 3.0), shape, amplitudes)
    return truth, between(*LEVELS)


def default(seed: int) -> tuple[Truth, float]:
    """Give the demonstration's truth, and a noise level."""
    random = np.random.default_rng([seed, 2])
    return Truth(), float(np.exp(random.uniform(*np.log(LEVELS))))


def judge(engine: KineticsEngine, truth: Truth, seed: int) -> list[float] | None:
    """Ranks of the truth among draws, and whether the intervals hold it; None when not begun."""
    answer = engine.summary()
    if answer.p_begun < 0.9:
        return None
    draws = engine.samples(999, seed)
    row = [(draws.t0 < truth.t0).mean(), (draws.rate < truth.rate).mean()]
    for estimate, value in ((answer.t0, truth.t0), (answer.k, truth.rate)):
        low2, low1, _, high1, high2 = estimate.quantiles
        row += [float(low1 <= value <= high1), float(low2 <= value <= high2)]
    return row


def run(make, config: KineticsConfig, repeats: int, streaming: bool):
    """Give rows of all repeats, the number not begun, and the probability of the true law."""
    rows, unseen, right = [], 0, []
    for seed in range(repeats):
        truth, level = make(seed)
        data = record(truth, seed, level)
        engine = KineticsEngine(config, data.noise, whole=not streaming)
        if streaming:
            for index in range(len(data.start)):
                engine.add(*data.part(index, index + 1))
        else:
            engine.add(*data.frames)
        row = judge(engine, truth, seed)
        if row is None:
            unseen += 1
        else:
            rows.append(row)
            right.append(engine.summary().models[truth.law].probability)
    return np.array(rows), unseen, np.array(right)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("repeats", type=int, nargs="?", default=200)
    parser.add_argument("--figure", help="histogram of ranks (png)")
    parser.add_argument("--only", choices=("drawn", "default"), help="one of the two sets")
    parser.add_argument("--law", choices=DEFAULT_LAWS, help="draw and compare this one alone")
    words = parser.parse_args()
    print(f"{words.repeats} repeats; coverage of 68 % and 95 % intervals")
    print(f"{'':32}{'t0 68':>8}{'t0 95':>8}{'k 68':>8}{'k 95':>8}{'unseen':>8}{'P(true)':>9}")
    ranks = {}
    sets = {
        "drawn": ("drawn from the priors", draw, DRAWN),
        "default": ("default truth", default, KineticsConfig()),
    }
    if words.law:
        alone = words.law, partial(draw, laws=(words.law,)), replace(DRAWN, laws=(words.law,))
        sets = {"drawn": (f"drawn from {alone[0]}", *alone[1:])}
    for name, make, config in [sets[words.only]] if words.only else sets.values():
        for streaming in (False, True):
            rows, unseen, right = run(make, config, words.repeats, streaming)
            how = "streaming" if streaming else "offline"
            cover = "".join(f"{value:8.3f}" for value in rows[:, 2:].mean(axis=0))
            label = f"{name}, {how}"
            print(f"{label:32}{cover}{unseen:8d}{right.mean():9.2f}", flush=True)
            ranks[label] = rows[:, :2]
    if words.figure:
        draw_ranks(ranks, words.figure)


def draw_ranks(ranks, path: str) -> None:
    """Draw histograms of ranks with the band that even ones would stay in (95 %)."""
    import matplotlib.pyplot as plt
    from scipy.stats import binom

    some = {name: values for name, values in ranks.items() if name.startswith("drawn")}
    figure, axes = plt.subplots(len(some), 2, figsize=(8, 2.6 * len(some)), sharey=True)
    for row, (name, values) in zip(axes, some.items(), strict=True):
        for axis, column, symbol in zip(row, values.T, ("t0", "k"), strict=True):
            low, high = binom.ppf([0.025, 0.975], len(column), 0.1)
            axis.axhspan(low, high, color="0.85")
            axis.hist(column, bins=np.linspace(0, 1, 11), color="#0072b2", edgecolor="white")
            axis.set(title=f"{symbol}, {name}", xlabel="rank of the truth", ylabel="records")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
