"""A crystal that fills with gas: what valves, exposures and beam make of the frames."""

import numpy as np
import pytest

from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS
from operando.simulations.gas_cell import PUBLISHED_T0, GasLoading, LoadingTruth
from operando.simulations.loading_beamline import LoadingBeamline

PERIOD, EXPOSURE = 0.333, 0.33205


def opened(truth=None, at=100.0):
    gas = GasLoading(truth)
    gas.open(at)
    return gas


def test_nothing_happens_before_the_onset_which_comes_after_the_valve():
    gas = opened()
    assert gas.onset > 100.0
    assert gas.extent([100.0], [gas.onset]) == 0.0
    assert gas.extent([gas.onset], [gas.onset + 0.1]) > 0.0
    assert GasLoading().extent([0.0], [1e6]) == 0.0


def test_the_default_onset_is_the_published_one_for_the_default_plan():
    gas = opened(at=21 * PERIOD + 0.05)
    assert gas.onset == pytest.approx(PUBLISHED_T0, abs=1e-12)


@pytest.mark.parametrize("law", ["first_order", "jander", "pseudo_second_order"])
def test_a_frame_across_the_onset_shows_the_average_of_its_exposure(law):
    gas = opened(LoadingTruth(law=law, rate=0.9))
    start, stop = gas.onset - 0.2, gas.onset + 0.5
    times = np.linspace(start, stop, 70_001)
    mean = LAWS[law].extent(0.9 * (times - gas.onset)).mean()
    assert gas.extent([start], [stop])[0] == pytest.approx(mean, rel=1e-3)


def test_pressure_rises_with_the_valve_stays_when_it_closes_and_falls_with_the_pump():
    gas = opened(at=10.0)
    assert gas.pressure(9.0) == 0.0
    assert 60.0 < gas.pressure(10.15) < 66.0
    gas.close(10.15)
    held = gas.pressure(10.15)
    assert gas.pressure(50.0) == held
    gas.pump(50.0)
    assert gas.pressure(60.0) < 0.01 * held
    assert gas.onset is None


def test_frames_turn_from_one_end_pattern_to_the_other():
    gas = opened(LoadingTruth(rate=0.7))
    beamline = LoadingBeamline(gas, seed=3, flux=50.0)
    starts = gas.onset + np.array([-30.0, 1.0, 60.0])
    frames = beamline.frames(starts, EXPOSURE).reshape(3, -1).astype(float)
    frames /= beamline.i0_counts(starts, EXPOSURE)[:, None]
    change = frames[2] - frames[0]
    strong = np.argsort(-np.abs(change))[:2000]  # of photons only, not of noise
    extent = (frames[1] - frames[0])[strong] @ change[strong] / (change[strong] @ change[strong])
    assert extent == pytest.approx(gas.extent(starts[1:2], starts[1:2] + EXPOSURE)[0], abs=0.02)


def test_the_monitor_follows_the_drift_of_the_beam():
    beamline = LoadingBeamline(GasLoading(), seed=5, flux=30.0)
    starts = np.linspace(0.0, 1500.0, 30)
    photons = beamline.frames(starts, EXPOSURE).sum(axis=(1, 2)).astype(float)
    monitor = beamline.i0_counts(starts, EXPOSURE)
    ratio = photons / monitor
    assert photons.std() / photons.mean() > 0.004
    assert ratio.std() / ratio.mean() < 0.003


@pytest.mark.parametrize("exposure", [EXPOSURE, 1.0 / 300.0 - 0.00095])
def test_counts_are_poisson_for_many_photons_and_for_few(exposure):
    beamline = LoadingBeamline(GasLoading(), seed=2)
    starts = np.arange(120) * PERIOD
    frames = beamline.frames(starts, exposure).reshape(120, -1)[:, ::7]
    mean, variance = frames.mean(axis=0), frames.var(axis=0, ddof=1)
    assert variance.sum() / mean.sum() == pytest.approx(1.0, abs=0.02)
    per_second = mean.sum() / exposure
    whole = beamline.frames(starts[:40], EXPOSURE).reshape(40, -1)[:, ::7].mean(axis=0).sum()
    assert per_second == pytest.approx(whole / EXPOSURE, rel=0.02)


def test_dead_pixels_stay_dark_and_a_closed_shutter_makes_dark_frames():
    beamline = LoadingBeamline(GasLoading(), seed=2, flux=50.0)
    frames = beamline.frames(np.array([0.0, 1.0]), EXPOSURE)
    assert not frames.reshape(2, -1)[:, beamline.mask()].any()
    assert not beamline.frames(np.array([2.0]), EXPOSURE, 0.0).any()


def test_the_same_seed_gives_the_same_counts():
    one, two = (LoadingBeamline(GasLoading(), seed=9) for _ in range(2))
    assert np.array_equal(one.frames(np.zeros(1), 0.1), two.frames(np.zeros(1), 0.1))


@pytest.mark.parametrize(
    "settings",
    [{"law": "none"}, {"rate": 0.0}, {"delay": -1.0}, {"law": "avrami"}, {"shape": 2.0}],
)
def test_nonsense_about_the_crystal_is_refused(settings):
    with pytest.raises(BadInput):
        LoadingTruth(**settings)
