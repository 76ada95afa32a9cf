"""Frames to patterns: the fast path against pyFAI, and what a descriptor has to say."""

import numpy as np
import pytest

from operando.agents.reduction import Reducer, ReductionConfig
from operando.agents.reduction_config import image_key
from operando.errors import AgentError, BadInput
from operando.physics.crystals import structure
from operando.physics.geometry import DetectorGeometry
from operando.physics.powder import powder_lines
from operando.simulations.beamline import MapBeamline
from operando.simulations.specimen import CorrodedSteel

STATION = DetectorGeometry()
OTHERS = {
    "tilted and near": ReductionConfig(
        (120, 200), 1e-4, (0.08, 0.004, 0.012, 0.35, -0.1, 0.05), 14.0
    ),
    "beam on the detector": ReductionConfig(
        (101, 300), 172e-6, (0.12, 0.0087, 0.001, 0.0, 0.0, 0.0), 8.0
    ),
    "far and narrow": ReductionConfig((64, 256), 75e-6, (1.5, 0.0024, 0.0096, 0.3, 0.0, 0.0), 20.0),
}


def config(geometry=STATION, mask=()):
    return ReductionConfig(geometry.shape, geometry.pixel_size, geometry.poni(), 10.0, tuple(mask))


@pytest.fixture(scope="module")
def beamline():
    return MapBeamline(CorrodedSteel(3, (8, 8), 8.0), seed=3)


@pytest.fixture(scope="module")
def reducer(beamline):
    return Reducer(config(mask=beamline.mask()))


def assert_same(fast, exact):
    """Within 1 % in every bin, and nothing measured where the other has nothing."""
    np.testing.assert_array_equal(np.isnan(fast.intensity), np.isnan(exact.intensity))
    np.testing.assert_allclose(fast.two_theta, exact.two_theta, rtol=1e-9)
    np.testing.assert_allclose(fast.intensity, exact.intensity, rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(fast.sigma, exact.sigma, rtol=0.01, atol=1e-3)


def test_the_fast_path_equals_pyfai_on_frames_of_the_station(beamline, reducer):
    x, y = np.array([0.0, 24.0, 56.0]), np.array([0.0, 32.0, 56.0])
    frames = beamline.frames(x, y, 0.2)
    fast = reducer.stream(frames)
    for i, frame in enumerate(frames):
        assert_same(fast[i : i + 1], reducer.integrate(frame))


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("masked", [0, 400])
def test_the_fast_path_equals_pyfai_in_another_geometry(other, masked):
    rng = np.random.default_rng(masked)
    pixels = other.shape[0] * other.shape[1]
    mask = tuple(int(i) for i in rng.choice(pixels, masked, replace=False))
    reducer = Reducer(
        ReductionConfig(other.shape, other.pixel_size, other.poni, other.energy_kev, mask)
    )
    frame = rng.poisson(rng.uniform(0.5, 50.0, other.shape)).astype(np.int32)
    assert_same(reducer.stream(frame[None]), reducer.integrate(frame))


def test_more_frames_than_a_batch_come_out_in_order(reducer):
    level = np.arange(150, dtype=np.int32)
    frames = np.broadcast_to(level[:, None, None], (150, *STATION.shape))
    middle = reducer.stream(frames).intensity[:, 240]
    np.testing.assert_allclose(middle, middle[1] * level, rtol=1e-5)


def test_a_large_count_does_not_overflow(reducer):
    frame = np.full(STATION.shape, 2**20 - 1, dtype=np.int32)
    one = reducer.stream(np.ones((1, *STATION.shape), dtype=np.int32)).intensity
    np.testing.assert_allclose(reducer.stream(frame[None]).intensity, one * (2**20 - 1), rtol=1e-4)


def test_masked_pixels_do_not_count_and_do_not_dim_their_ring():
    rng = np.random.default_rng(5)
    frame = rng.poisson(40.0, STATION.shape).astype(np.int32)
    hot = rng.choice(frame.size, 500, replace=False)
    spoilt = frame.copy()
    spoilt.flat[hot] = 1_000_000
    reducer = Reducer(config(mask=hot))
    masked = reducer.stream(spoilt[None])
    np.testing.assert_array_equal(masked.intensity, reducer.stream(frame[None]).intensity)
    whole = Reducer(config()).stream(frame[None])
    ratio = masked.intensity / whole.intensity
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert ratio.std() < 0.005


def test_a_bin_without_pixels_was_not_measured():
    column = [row * 487 + c for row in range(195) for c in range(200, 230)]
    masked = Reducer(config(mask=column))
    frame = np.full((1, *STATION.shape), 7, dtype=np.int32)
    for pattern in (masked.stream(frame), masked.integrate(frame[0])):
        gap = np.isnan(pattern.intensity[0])
        assert 15 < gap.sum() < 35
        assert np.isinf(pattern.sigma[0, gap]).all()
        assert np.isfinite(pattern.sigma[0, ~gap]).all()
    assert np.isnan(masked.integrate_robust(frame[0]).intensity[0, gap]).all()


def test_sigma_is_the_scatter_of_repeated_exposures(reducer):
    frames = np.random.default_rng(8).poisson(0.3, (300, *STATION.shape)).astype(np.int32)
    patterns = reducer.stream(frames)
    ratio = patterns.intensity.std(axis=0) / patterns.sigma.mean(axis=0)
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)


def test_a_dark_frame_has_the_sigma_of_one_count(reducer):
    dark = reducer.stream(np.zeros((1, *STATION.shape), dtype=np.int32))
    assert not dark.intensity.any()
    assert (dark.sigma > 0).all()


def test_a_pattern_reads_like_the_counts_of_a_bin(reducer):
    frame = np.random.default_rng(4).poisson(2.0, (1, *STATION.shape)).astype(np.int32)
    total = reducer.stream(frame).intensity.sum()
    assert total == pytest.approx(frame.sum(), rel=0.1)


def test_rings_of_magnetite_come_out_at_their_angles(reducer):
    table = powder_lines(structure("fe3o4"), 1.23984)
    angle = STATION.two_theta()
    expected = np.full(STATION.shape, 2.0)
    lines = [
        (x, i)
        for x, i in zip(table.two_theta(1.23984), table.intensity, strict=True)
        if 10 < x < 40 and i > 15
    ]
    for position, strength in lines:
        expected += strength * np.exp(-0.5 * ((angle - position) / 0.06) ** 2)
    pattern = reducer.stream(
        np.random.default_rng(0).poisson(expected)[None].astype(np.int32)
    ).intensity[0]
    for position, _ in lines:
        near = np.abs(reducer.two_theta - position) < 0.25
        weights = pattern[near] - pattern[near].min()
        centre = np.average(reducer.two_theta[near], weights=weights)
        assert centre == pytest.approx(position, abs=0.01)


def test_robust_integration_takes_spots_out_and_leaves_rings(reducer):
    angle = STATION.two_theta()
    ring = 30.0 + 200.0 * np.exp(-0.5 * ((angle - 28.35) / 0.08) ** 2)
    frame = np.random.default_rng(1).poisson(ring).astype(np.int32)
    clean = reducer.integrate(frame)
    spotty = frame.copy()
    for row, column in ((20, 60), (90, 250), (150, 400), (60, 296)):
        spotty[row - 1 : row + 2, column - 1 : column + 2] += 20_000
    plain, robust = reducer.integrate(spotty), reducer.integrate_robust(spotty)
    assert np.abs((plain.intensity - clean.intensity) / clean.sigma).max() > 50
    assert np.abs((robust.intensity - clean.intensity) / clean.sigma).max() < 2
    assert (robust.sigma >= 0.95 * clean.sigma).all()


def test_robust_integration_leaves_a_frame_without_spots_as_it_is(reducer):
    frame = np.random.default_rng(2).poisson(0.2, STATION.shape).astype(np.int32)
    plain, robust = reducer.integrate(frame), reducer.integrate_robust(frame)
    assert np.abs((robust.intensity - plain.intensity) / plain.sigma).max() < 1.0
    np.testing.assert_allclose(robust.intensity.sum(), plain.intensity.sum(), rtol=0.01)


@pytest.mark.parametrize("shape", [(2, 195, 486), (2, 487, 195), (195, 487), (1, 2, 195, 487)])
def test_frames_of_another_detector_are_refused(reducer, shape):
    with pytest.raises(BadInput, match="195, 487"):
        reducer.stream(np.zeros(shape, dtype=np.int32))


def test_one_frame_of_another_detector_is_refused(reducer):
    for integrate in (reducer.integrate, reducer.integrate_robust):
        with pytest.raises(BadInput, match="195, 487"):
            integrate(np.zeros((195, 486), dtype=np.int32))


def test_how_frames_come_in_portions_does_not_change_a_bit(reducer):
    rng = np.random.default_rng(8)
    frames = rng.poisson(rng.uniform(0.1, 50.0, (37, 1, 1)), (37, *STATION.shape)).astype(np.int32)
    parts = np.split(frames, [5, 21, 21, 36])
    one_by_one = np.concatenate([reducer.stream(frame[None]).intensity for frame in frames])
    for patterns in (reducer.stream(frames), reducer.stream_portions(parts)):
        np.testing.assert_array_equal(patterns.intensity, one_by_one)


def test_no_frames_give_no_patterns(reducer):
    assert len(reducer.stream(np.zeros((0, 195, 487), dtype=np.int32))) == 0


def descriptor(owner="pilatus", **changes):
    data = {
        "pilatus_exposure": 0.05,
        "pilatus_poni": list(STATION.poni()),
        "pilatus_pixel_size": 172e-6,
        "pilatus_energy": 10.0,
        "pilatus_mask": [3, 500, 70_000],
        "pilatus_two_theta": 25.0,
    } | changes
    data = {key: value for key, value in data.items() if value is not None}
    return {
        "name": "primary",
        "data_keys": {
            "stage_x": {"dtype": "number", "shape": [], "source": "s"},
            "pilatus_image": {
                "dtype": "array",
                "shape": [1, 195, 487],
                "external": "STREAM:",
                "source": "s",
            },
        },
        "configuration": {owner: {"data": data}, "i0": {"data": {"i0_gain": 1.0}}},
    }


@pytest.mark.parametrize("owner", ["pilatus", "fly"])
def test_a_descriptor_says_all_that_reduction_needs(owner):
    read = ReductionConfig.from_descriptor(descriptor(owner))
    assert read == config(mask=(3, 500, 70_000))
    assert read.exposure_s == 0.05
    assert read.wavelength == pytest.approx(1.23984, abs=1e-5)


def test_exposures_share_a_reducer_and_geometries_do_not():
    base = ReductionConfig.from_descriptor(descriptor())
    assert base == ReductionConfig.from_descriptor(descriptor(pilatus_exposure=3.0))
    assert base != ReductionConfig.from_descriptor(descriptor(pilatus_energy=12.0))
    assert hash(base) == hash(ReductionConfig.from_descriptor(descriptor()))


def test_a_detector_without_bad_pixels_needs_no_mask():
    assert ReductionConfig.from_descriptor(descriptor(pilatus_mask=None)).mask == ()


@pytest.mark.parametrize("key", ["exposure", "poni", "pixel_size", "energy"])
def test_a_missing_setting_is_named(key):
    with pytest.raises(AgentError, match=f"primary does not say pilatus_{key}"):
        ReductionConfig.from_descriptor(descriptor(**{f"pilatus_{key}": None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"pilatus_poni": [0.153, 0.0, 0.0]},
        {"pilatus_poni": None, "pilatus_distance": 0.153},
        {"pilatus_energy": "ten"},
        {"pilatus_mask": [0, 195 * 487]},
        {"pilatus_mask": [-1]},
        {"pilatus_energy": 0.0},
        {"pilatus_pixel_size": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_an_error_of_the_project(changes):
    with pytest.raises((AgentError, BadInput)):
        ReductionConfig.from_descriptor(descriptor(**changes))


def test_a_stream_without_images_has_no_reduction():
    doc = descriptor()
    del doc["data_keys"]["pilatus_image"]
    assert image_key(doc) is None
    with pytest.raises(AgentError, match="no detector images"):
        ReductionConfig.from_descriptor(doc)
