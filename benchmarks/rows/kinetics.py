"""A kinetic law's posterior, beside emcee and dynesty: after every frame, and at the end.

One record of 51 frames, one law, the same likelihood and priors for all three. Times are of the
processor, which a busy machine does not change. The peers have to begin anew after every frame, so
that an answer after a frame costs them about what the last one does. emcee begins at the answer
and goes on until it knows the means to 2 % of their standard deviation; dynesty gives the evidence
as well. How far all are from a quadrature over every frame is in the remarks.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator

import numpy as np
from kinetics_records import Record, Truth, record
from numpy.typing import NDArray

from benchmarks.row import Row, Settings, absent, compared, progress
from operando.agents.kinetics_check import CheckedLaw
from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_nested import Frames, NestedLaw, log_likelihoods, nested
from operando.physics.kinetic_laws import LAWS

LAW = "first_order"
LIVE_POINTS, FULL_LIVE_POINTS = 100, 400
WALKERS, BURN_IN, STEPS = 32, 300, 500
#: Independent samples that give a mean to 2 % of the standard deviation.
INDEPENDENT = 2500
Floats = NDArray[np.float64]
Pair = tuple[float, float]


def rows(settings: Settings) -> Iterator[Row]:
    """Give the time of the final answer and of one after each frame."""
    data = record(Truth(), seed=3)
    config = KineticsConfig(laws=(LAW,))
    truth, frames = checked(data, config)
    final, each = [], []
    for turn in range(settings.repeats + 1):
        spent = whole(data, config), streamed(data, config)
        progress(f"  round {turn}, operando: {spent[0]:.3f} s, {1e3 * spent[1]:.1f} ms a frame")
        if turn:
            final.append(spent[0])
            each.append(1e3 * spent[1])
    last = whole_answer(data, config)[0]
    mine = f"ours {off((last.t0.mean, last.k.mean), truth):.0e} sd off"
    for peer, how, run in (
        ("emcee", "pip install emcee, or extra [bench]", by_emcee),
        ("dynesty", "extra [nested]", by_dynesty),
    ):
        whats = "final answer, one law, 51 frames", "an answer after each frame, one law"
        if importlib.util.find_spec(peer) is None:
            for what, ours, unit in ((whats[0], final, "s"), (whats[1], each, "ms")):
                yield absent(what, peer, how, ours=float(np.median(ours)), unit=unit)
            continue
        spent, distances, said = [], [], ""
        for seed in range(settings.repeats):
            seconds, means, said = run(frames, config, truth, seed, settings.full)
            progress(f"  round {seed + 1}, {peer}: {seconds:.1f} s, {off(means, truth):.4f} sd off")
            spent.append(seconds)
            distances.append(off(means, truth))
        remark = f"{mine}, {peer} {np.median(distances):.0e}; {said}"
        if peer == "dynesty":
            remark += f"; ours ± {abs(last.log_evidence - truth.log_evidence):.0e}"
        yield compared(whats[0], peer, "s", final, spent, remark=remark)
        again = [1e3 * seconds for seconds in spent]
        yield compared(whats[1], peer, "ms", each, again, remark="the peer begins anew")


def whole_answer(data: Record, config: KineticsConfig) -> tuple[object, KineticsEngine]:
    """Answer once, from all frames."""
    engine = KineticsEngine(config, data.noise, whole=True)
    engine.add(*data.frames)
    return engine.summary().models[LAW], engine


def whole(data: Record, config: KineticsConfig) -> float:
    """Seconds of the processor for the final answer."""
    began = time.process_time()
    whole_answer(data, config)
    return time.process_time() - began


def streamed(data: Record, config: KineticsConfig) -> float:
    """Seconds of the processor a frame, with an answer after each."""
    engine = KineticsEngine(config, data.noise)
    count = len(data.start)
    began = time.process_time()
    for index in range(count):
        engine.add(*data.part(index, index + 1))
        engine.summary()
    return (time.process_time() - began) / count


def checked(data: Record, config: KineticsConfig) -> tuple[CheckedLaw, Frames]:
    """Give the quadrature that all are held against, and the frames as samplers take them."""
    _, engine = whole_answer(data, config)
    plateau = tuple(engine.state()["plateau"])
    return engine.check()[LAW], Frames(*data.frames, data.noise, plateau)


def off(means: Pair, truth: CheckedLaw) -> float:
    """Larger distance of the means of t0 and k from the quadrature's, in its sd."""
    pairs = zip(means, (truth.t0, truth.k), strict=True)
    return max(abs(mean - centre) / sd for mean, (centre, sd) in pairs)


def by_emcee(
    frames: Frames, config: KineticsConfig, truth: CheckedLaw, seed: int, full: bool
) -> tuple[float, Pair, str]:
    """Sample until there are enough independent samples; seconds, means of t0 and k, remark."""
    from emcee import EnsembleSampler

    low, high = float(frames.start[0]), float(frames.stop[-1])
    slow, fast = np.log(config.rate_bounds)
    centre, width = np.array(config.amplitude_mean), np.array(config.amplitude_sd)

    def log_posterior(theta: Floats) -> Floats:
        t0, log_rate, amplitudes = theta[:, 0], theta[:, 1], theta[:, 2:]
        inside = (low < t0) & (t0 < high) & (slow < log_rate) & (log_rate < fast)
        physical = np.column_stack([t0, np.exp(log_rate), amplitudes])
        prior = -0.5 * (((amplitudes - centre) / width) ** 2).sum(axis=1)
        value = prior + log_likelihoods(LAWS[LAW], frames, physical)
        return np.where(inside, value, -np.inf)

    start = np.array([truth.t0[0], np.log(truth.k[0]), *centre])
    spread = np.array([truth.t0[1], truth.k[1] / truth.k[0], 0.01, 0.01])
    rng = np.random.default_rng(seed)
    np.random.seed(seed)  # noqa: NPY002 - the generator emcee copies
    began = time.process_time()
    sampler = EnsembleSampler(WALKERS, 4, log_posterior, vectorize=True)
    state = sampler.run_mcmc(start + spread * rng.standard_normal((WALKERS, 4)), BURN_IN)
    sampler.reset()
    independent = 0.0
    while independent < INDEPENDENT:
        state = sampler.run_mcmc(state, STEPS)
        correlated = sampler.get_autocorr_time(quiet=True, tol=0).max()
        independent = WALKERS * sampler.iteration / correlated
    samples = sampler.get_chain(flat=True)
    seconds = time.process_time() - began
    means = float(samples[:, 0].mean()), float(np.exp(samples[:, 1]).mean())
    return seconds, means, f"{independent:.0f} independent samples, no evidence"


def by_dynesty(
    frames: Frames, config: KineticsConfig, truth: CheckedLaw, seed: int, full: bool
) -> tuple[float, Pair, str]:
    """Sample with live points; seconds, means of t0 and k, remark."""
    points = FULL_LIVE_POINTS if full else LIVE_POINTS
    began = time.process_time()
    told: NestedLaw = nested(LAWS[LAW], frames, config, seed=seed, points=points)
    seconds = time.process_time() - began
    said = f"{points} live points; log evidence ± {told.log_evidence_sd:.2f}"
    return seconds, (told.t0[0], told.k[0]), said
