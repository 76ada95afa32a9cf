"""Patterns to two areas: unbiased, with the covariance that is predicted."""

import numpy as np
import pytest

from operando.agents.fixed_onset import fit_fixed_onset
from operando.agents.kinetics_areas import (
    AreaWeights,
    PatternSum,
    ends_from_arrays,
    ends_to_arrays,
    photon_scale,
)
from operando.agents.patterns import PowderPatterns
from operando.errors import AgentError, BadInput
from support.loading import ANGLE, counted, weights


@pytest.mark.parametrize("extent", [0.0, 0.35, 1.0])
def test_areas_scatter_as_predicted_about_the_truth(extent):
    rng = np.random.default_rng(1)
    w = weights(rng, dose=2000.0)
    dose = rng.uniform(0.02, 0.06, 1500)
    areas = w.areas(counted(rng, np.full(1500, extent), dose), dose)
    truth = np.array([1.0 - extent, extent])
    covariance = w.noise.of(truth) / dose[:, None, None]
    residual = areas - truth
    chi2 = np.einsum("ni,nij,nj->n", residual, np.linalg.inv(covariance), residual)
    assert chi2.mean() == pytest.approx(2.0, abs=0.2)
    error = np.sqrt(np.diagonal(covariance.mean(axis=0)) / 1500)
    assert np.all(np.abs(residual.mean(axis=0)) < 4.0 * error)
    assert np.corrcoef(residual.T)[0, 1] < -0.1  # lines overlap: what one gains the other loses


def test_weights_from_a_frames_own_counts_would_pull_its_areas_low():
    """The same frames by weighted least squares with each frame's own counts as variances.

    Bins that happen to hold few counts then weigh more. Intervals of 68 % for the mean of 24
    dark frames (two counts a bin) hold the truth with fixed weights, and never with a frame's own.
    """
    rng = np.random.default_rng(11)
    w, dose = weights(rng, dose=4000.0), np.full(480, 0.005)
    frames = counted(rng, np.full(480, 0.35), dose)
    basis = np.concatenate([w.ends, w.background]) * dose[0]
    own = []
    for counts in frames.intensity.astype(np.float64):
        inverse = 1.0 / np.maximum(counts, 1.0)
        own.append(np.linalg.solve((basis * inverse) @ basis.T, (basis * inverse) @ counts)[:2])
    truth = np.array([0.65, 0.35])
    sd = np.sqrt(np.diagonal(w.noise.of(truth)) / dose[0] / 24.0)
    held = [
        (np.abs(areas.reshape(20, 24, 2).mean(axis=1) - truth) < sd).mean()
        for areas in (w.areas(frames, dose), np.array(own))
    ]
    assert 0.45 < held[0] < 0.9
    assert held[1] < 0.1


def test_a_smooth_background_that_comes_and_goes_changes_no_area():
    rng = np.random.default_rng(2)
    w = weights(rng, dose=2000.0)
    clean = counted(rng, [0.3], [1e4])
    more = clean.intensity + 1e4 * 400.0 * (1.0 + 0.5 * (ANGLE - 11.0) / 8.0)
    lifted = PowderPatterns(ANGLE, 0.8, more.astype(np.float32), clean.sigma)
    dose = np.array([1e4])
    assert w.areas(lifted, dose) == pytest.approx(w.areas(clean, dose), abs=1e-3)


def test_noise_of_the_end_patterns_does_not_make_areas_small():
    short = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        w = weights(rng, dose=0.05)  # no more than a frame's own dose
        short.append(w.areas(counted(rng, [0.0], [100.0]), np.array([100.0]))[0, 0])
    assert np.mean(short) == pytest.approx(1.0, abs=4.0 * np.std(short) / np.sqrt(60))
    assert np.std(short) < 0.1


def test_what_a_photon_adds_is_read_from_intensity_and_sigma():
    counts = np.array([[0, 4, 900], [2, 0, 1000]])
    scale = np.array([0.5, 2.0, 1.25])
    sigma = np.sqrt(np.maximum(counts, 1)) * scale
    patterns = PowderPatterns(
        np.array([1.0, 2.0, 3.0]),
        0.8,
        (counts * scale).astype(np.float32),
        sigma.astype(np.float32),
    )
    assert photon_scale(patterns) == pytest.approx(scale, rel=1e-6)


def test_end_patterns_that_are_alike_are_refused():
    rng = np.random.default_rng(3)
    one, two = (PatternSum.of(counted(rng, [0.0], [1.0]), np.array([1.0])) for _ in range(2))
    for other in (one, two):
        with pytest.raises(AgentError, match="told from each other"):
            AreaWeights.from_ends(one, other)


def test_frames_without_beam_and_other_axes_are_refused():
    rng = np.random.default_rng(4)
    w, frame = weights(rng), counted(rng, [0.0], [1.0])
    with pytest.raises(BadInput, match="without beam"):
        w.areas(frame, np.array([0.0]))
    with pytest.raises(AgentError, match="beam on the sample"):
        PatternSum.of(frame, np.array([0.0]))
    shifted = PowderPatterns(ANGLE + 0.01, 0.8, frame.intensity, frame.sigma)
    with pytest.raises(BadInput, match="axis"):
        w.areas(shifted, np.array([1.0]))


def test_end_patterns_survive_as_arrays():
    rng = np.random.default_rng(5)
    ends = {
        name: PatternSum.of(counted(rng, [extent], [3.0]), np.array([3.0]))
        for name, extent in (("empty", 0.0), ("loaded", 1.0))
    }
    again = ends_from_arrays(ends_to_arrays(ends))
    first, second = (AreaWeights.from_ends(one["empty"], one["loaded"]) for one in (ends, again))
    assert first.version == second.version


def test_the_usual_fit_is_right_where_its_assumption_holds_and_wrong_elsewhere():
    rng = np.random.default_rng(6)
    start = np.arange(60) * 0.1
    curve = 1.0 - np.exp(-0.6 * np.clip(start + 0.05 - 2.0, 0.0, None))
    data = curve + 0.01 * rng.standard_normal(60)
    right, wrong = (fit_fixed_onset(start, start + 0.1, data, onset) for onset in (2.0, 1.6))
    assert abs(right.k - 0.6) < 3.0 * right.k_sd
    assert abs(wrong.k - 0.6) > 5.0 * wrong.k_sd
    with pytest.raises(BadInput, match="frames lie after"):
        fit_fixed_onset(start, start + 0.1, data, 5.8)
    # A short record that only steepens: the amplitude would be endless.
    with pytest.raises(BadInput, match="no rate fits"):
        fit_fixed_onset(start, start + 0.1, np.exp(start), 0.0)
