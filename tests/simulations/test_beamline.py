from functools import cache

import numpy as np
import pytest
from scipy.optimize import curve_fit

from operando.agents.reduction import Reducer, ReductionConfig
from operando.errors import BadInput
from operando.physics.crystals import structure
from operando.physics.geometry import DetectorGeometry
from operando.physics.phases import LABELS
from operando.physics.powder import powder_lines
from operando.simulations.beamline import I0_RATE, NOMINAL_FLUX, MapBeamline
from operando.simulations.canvas import CONSTITUENTS
from operando.simulations.specimen import CorrodedSteel

SHAPE, STEP = (48, 40), 4.0


@cache
def section():
    return CorrodedSteel(3, SHAPE, STEP)


@pytest.fixture
def beamline():
    return MapBeamline(section(), seed=11)


@cache
def reducer():
    source = MapBeamline(section())
    return Reducer(
        ReductionConfig(
            shape=(195, 487),
            pixel_size=source.geometry.pixel_size,
            poni=source.geometry.poni(),
            energy_kev=10.0,
            mask=tuple(source.mask().tolist()),
        )
    )


def grid():
    y, x = (STEP * i.ravel() for i in np.mgrid[: SHAPE[0], : SHAPE[1]])
    return x, y


def pure(*names, most=200):
    """Give points where the beam meets the named constituents and nothing else."""
    x, y = grid()
    columns = [CONSTITUENTS.index(name) for name in names]
    found = np.flatnonzero(section().at(x, y).fractions[:, columns].sum(axis=1) > 0.999)
    assert found.size > 0
    return x[found[:most]], y[found[:most]]


def good(frames, source):
    """Give the counts of all pixels that are not masked, (n, pixels)."""
    return np.delete(frames.reshape(len(frames), -1), source.mask(), axis=1)


def lines_of(name, weakest=0.0):
    lines = powder_lines(structure(name), section().wavelength)
    strong = lines.intensity >= weakest
    return lines.two_theta(section().wavelength)[strong], lines.intensity[strong]


def test_the_same_seed_counts_the_same_and_another_does_not():
    x, y = pure("fe3o4", most=3)

    def measure(seed):
        source = MapBeamline(section(), seed=seed)
        return source.frames(x, y, 0.05), source.i0_counts(0.05, 3)

    (frames, i0), (again, i0_again), (other, i0_other) = measure(4), measure(4), measure(5)
    np.testing.assert_array_equal(frames, again)
    np.testing.assert_array_equal(i0, i0_again)
    assert not np.array_equal(
        good(frames, MapBeamline(section())), good(other, MapBeamline(section()))
    )
    assert not np.array_equal(i0, i0_other)


def test_frames_are_those_of_the_detector(beamline):
    x, y = pure("resin", most=2)
    frames = beamline.frames(x, y, 0.01)
    assert frames.shape == (2, 195, 487)
    assert frames.dtype == np.int32
    assert beamline.frames(x[:0], y[:0], 0.01).shape == (0, 195, 487)


def test_frames_come_out_in_the_order_of_the_positions(beamline):
    """More than a batch of them, resin and magnetite in turn."""
    resin, rust = pure("resin", most=1), pure("fe3o4", most=1)
    x, y = (np.array([a[0], b[0]] * 75) for a, b in zip(resin, rust, strict=True))
    angle = beamline.geometry.two_theta()
    (line,) = np.round(lines_of("fe3o4", 99.0)[0], 6)
    ring = (np.abs(angle - line) < 0.3).ravel()
    ring[beamline.mask()] = False
    counts = beamline.frames(x, y, 0.2).reshape(150, -1)[:, ring].sum(axis=1)
    assert counts[1::2].min() > counts[::2].max()


@pytest.mark.parametrize("name", ["resin", "fe3o4", "fe_bcc"])
def test_counts_of_one_place_vary_as_poisson_says(beamline, name):
    x, y = pure(name, most=1)
    counts = good(beamline.frames(np.repeat(x, 300), np.repeat(y, 300), 0.2), beamline)
    mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
    ratio = variance.sum() / mean.sum()
    assert ratio == pytest.approx(1.0, abs=0.02)
    bright = mean > np.quantile(mean, 0.999)
    assert np.median(variance[bright] / mean[bright]) == pytest.approx(1.0, abs=0.1)
    # Zeros are as many as Poisson's law has, not only the variance right.
    assert (counts == 0).mean() == pytest.approx(np.exp(-mean).mean(), abs=0.002)
    # Neighbours count independently of each other.
    few = counts[:, ::97].astype(float)
    few -= few.mean(axis=0)
    pairs = (few[:, 1:] * few[:, :-1]).mean() / few.var()
    assert abs(pairs) < 0.01


@pytest.mark.parametrize("name", ["resin", "fe3o4", "fe_bcc"])
def test_sums_over_many_pixels_vary_as_poisson_says(beamline, name):
    """Photons of one source are independent: the number of all of them is Poisson as well."""
    x, y = visible(name) if name == "fe_bcc" else pure(name)
    offset = beamline.geometry.two_theta() - (15.0 if name == "resin" else lines_of(name, 99.0)[0])
    ring = np.delete(np.abs(offset).ravel() < 0.3, beamline.mask())
    totals = []
    for _ in range(15):
        counts = good(beamline.frames(np.repeat(x[:1], 100), np.repeat(y[:1], 100), 0.01), beamline)
        totals.append([counts.sum(axis=1), counts[:, ring].sum(axis=1)])
    whole, part = np.concatenate(totals, axis=1)
    for total in (whole, part):
        # The standard error of the ratio is 3.7 %.
        assert total.var(ddof=1) / total.mean() == pytest.approx(1.0, abs=0.15)


def test_dead_pixels_never_count_hot_ones_always_and_both_are_masked(beamline):
    mask = beamline.mask()
    assert mask.shape == (34,)
    assert np.all(np.diff(mask) > 0)
    assert mask[0] >= 0
    assert mask[-1] < 195 * 487
    x, y = pure("resin", "gamma_feooh", "fe3o4", most=100)
    total = beamline.frames(x, y, 2.0).reshape(len(x), -1).sum(axis=0)
    dead = np.flatnonzero(total == 0)
    assert dead.size == 24
    assert np.isin(dead, mask).all()
    hot = np.setdiff1d(mask, dead)
    assert hot.size == 10
    usual = np.median(total)
    assert np.all(total[hot] > 5 * usual)


def test_bad_pixels_belong_to_the_detector_not_to_the_seed(beamline):
    np.testing.assert_array_equal(beamline.mask(), MapBeamline(section(), seed=99).mask())


def test_behind_a_closed_shutter_only_hot_pixels_count(beamline):
    x, y = pure("fe3o4", most=20)
    frames = beamline.frames(x, y, 1.0, flux_factor=0.0)
    assert good(frames, beamline).max() == 0
    hot = frames.reshape(len(x), -1)[:, beamline.mask()].mean(axis=0)
    assert np.count_nonzero(hot) == 10
    longer = beamline.frames(x, y, 3.0, flux_factor=0.0).reshape(len(x), -1)
    glowing = longer[:, beamline.mask()].mean(axis=0)
    np.testing.assert_allclose(glowing[hot > 0] / hot[hot > 0], 3.0, rtol=0.05)


@pytest.mark.parametrize(("exposure", "factor"), [(0.05, 2.0), (0.5, 0.1), (1.0, 1.0), (8.0, 0.5)])
def test_counts_scale_with_exposure_and_flux(beamline, exposure, factor):
    x, y = pure("resin", most=8)
    one = good(beamline.frames(np.tile(x, 5), np.tile(y, 5), 0.25), beamline).sum() / 5
    frames = good(beamline.frames(x, y, exposure, flux_factor=factor), beamline)
    # The beam drifts by a per cent or two.
    assert frames.sum() / one == pytest.approx(exposure * factor / 0.25, rel=0.05)


def test_a_weaker_source_gives_less_of_both_photons_and_monitor():
    x, y = pure("resin", most=5)
    full, weak = (MapBeamline(section(), seed=1, flux=f * NOMINAL_FLUX) for f in (1.0, 0.1))
    photons = [good(s.frames(x, y, 1.0), s).sum() for s in (full, weak)]
    assert photons[1] / photons[0] == pytest.approx(0.1, rel=0.02)
    i0 = [s.i0_counts(1.0, 5).sum() for s in (full, weak)]
    assert i0[1] / i0[0] == pytest.approx(0.1, rel=0.01)


def test_a_long_exposure_is_drawn_in_portions_and_counts_all_of_it(beamline):
    """What the detector allows, and does not fit in memory at once."""
    x, y = pure("resin", most=2)
    short = good(beamline.frames(np.repeat(x, 20), np.repeat(y, 20), 1.0), beamline).sum() / 20
    long = good(beamline.frames(x, y, 450.0), beamline).sum()
    assert long / short == pytest.approx(450.0, rel=0.05)


def test_counters_stop_at_twenty_bits(beamline):
    x, y = pure("resin", most=1)
    assert beamline.frames(x, y, 60.0).max() == 2**20 - 1


def test_frames_and_ion_chamber_see_one_beam():
    source = MapBeamline(section(), seed=2, flux=0.1 * NOMINAL_FLUX)
    x, y = pure("resin", most=1)
    n = 150
    frames = source.frames(np.repeat(x, n), np.repeat(y, n), 40.0)
    photons = good(frames, source).sum(axis=1)
    i0 = source.i0_counts(40.0, n)
    assert i0.mean() == pytest.approx(0.1 * I0_RATE * 40.0, rel=0.1)
    assert i0.std() / i0.mean() > 0.005
    relative = (photons / photons.mean()) / (i0 / i0.mean())
    assert np.corrcoef(photons, i0)[0, 1] > 0.9
    # What remains is counting and the chamber's amplifier, not the drift.
    counting = np.hypot(1.0 / np.sqrt(photons.mean()), 0.001)
    assert relative.std() < 1.3 * counting


def test_a_threshold_above_iron_drops_the_fluorescence_and_keeps_the_rings():
    x, y = pure("fe3o4", most=40)
    angles, _ = lines_of("fe3o4", 99.0)

    def ring_and_floor(threshold_ev):
        source = MapBeamline(section(), seed=8)
        pattern = reducer().stream(source.frames(x, y, 1.0, threshold_ev=threshold_ev))
        mean = pattern.intensity.mean(axis=0)
        near = np.abs(pattern.two_theta - angles[0]) < 0.15
        beside = np.abs(np.abs(pattern.two_theta - angles[0]) - 0.9) < 0.15
        return mean[near].mean() - mean[beside].mean(), mean[beside].mean()

    (ring, floor), (ring_above, floor_above) = ring_and_floor(5000.0), ring_and_floor(8000.0)
    assert floor_above < 0.6 * floor
    assert ring_above == pytest.approx(ring, rel=0.03)


def _line(angle, height, centre, width, floor, slope):
    offset = angle - centre
    # Half Gaussian and half Lorentzian, of one full width at half maximum.
    shape = np.exp(-4.0 * np.log(2.0) * (offset / width) ** 2)
    shape += 1.0 / (1.0 + (2.0 * offset / width) ** 2)
    return 0.5 * height * shape + floor + slope * offset


@pytest.mark.parametrize("name", ["fe3o4", "gamma_feooh", "alpha_feooh", "fe_bcc", "fe_fcc"])
def test_peaks_of_a_pure_phase_stand_at_its_powder_lines(beamline, name):
    x, y = pure(name)
    pattern = reducer().stream(beamline.frames(x, y, 2.0, threshold_ev=8000.0))
    mean = pattern.intensity.mean(axis=0)
    weak, _ = lines_of(name, 4.0)
    strong, _ = lines_of(name, 30.0)
    checked = 0
    for angle in strong:
        if not 10.5 < angle < 39.5 or np.sum(np.abs(weak - angle) < 1.1) > 1:
            continue
        near = np.abs(pattern.two_theta - angle) < 0.8
        start = (np.ptp(mean[near]), angle, 0.25, mean[near].min(), 0.0)
        fit, _ = curve_fit(_line, pattern.two_theta[near], mean[near], start)
        assert abs(fit[1] - angle) < 0.05, (name, angle, fit)
        assert 0.05 < abs(fit[2]) < 0.8
        checked += 1
    assert checked > 0


def ring_rows(source, x, y, angle):
    """Give the photons of a ring in each detector row, (points, rows), less what lies beside it."""
    offset = np.abs(source.geometry.two_theta() - angle)
    usable = np.ones(offset.size, dtype=bool)
    usable[source.mask()] = False
    usable = usable.reshape(offset.shape)
    on, beside = usable & (offset < 0.4), usable & (offset > 0.6) & (offset < 1.0)
    frames = source.frames(x, y, 2.0, threshold_ev=8000.0)
    counts = (frames * on).sum(axis=2)
    floor = (frames * beside).sum(axis=(1, 2)) / beside.sum()
    return counts, counts - floor[:, None] * on.sum(axis=1)


def unevenness(counts, net):
    """Give the relative variance along the ring beyond that of counting, (points,)."""
    excess = counts.var(axis=1) - counts.mean(axis=1)
    return excess / np.maximum(net.mean(axis=1), 1e-9) ** 2


def visible(label):
    labels = section().truth().reshape(-1, len(LABELS))[:, LABELS.index(label)]
    x, y = grid()
    here = section().at(x, y).fractions[:, CONSTITUENTS.index(label)] > 0.999
    chosen = np.flatnonzero(labels & here)
    return x[chosen[:60]], y[chosen[:60]]


@pytest.mark.parametrize("name", ["fe_bcc", "fe_fcc"])
def test_coarse_grains_put_spots_on_their_ring(beamline, name):
    x, y = visible(name)
    (angle,) = lines_of(name, 99.0)[0]
    counts, net = ring_rows(beamline, x, y, angle)
    assert np.median(counts.var(axis=1) / counts.mean(axis=1)) > 10.0
    assert np.median(unevenness(counts, net)) > 1.0


@pytest.mark.parametrize("name", ["fe3o4", "gamma_feooh", "alpha_feooh"])
def test_powders_put_whole_rings(beamline, name):
    x, y = pure(name, most=60)
    angle = lines_of(name, 99.0)[0][0]
    counts, net = ring_rows(beamline, x, y, angle)
    assert np.median(unevenness(counts, net)) < 0.2
    # Every eighth of the ring has its part.
    eighths = net[:, :192].reshape(len(x), 8, 24).sum(axis=2)
    assert np.median(eighths.min(axis=1) / eighths.mean(axis=1)) > 0.4


def test_ferrite_is_labelled_where_its_spots_bring_photons(beamline):
    """The truth's 200 photons a second, counted on the detector."""
    labels = section().truth().reshape(-1, len(LABELS))[:, LABELS.index("fe_bcc")]
    x, y = grid()
    here = section().at(x, y).fractions[:, CONSTITUENTS.index("fe_bcc")] > 0.999
    chosen = np.flatnonzero(here)
    (angle,) = lines_of("fe_bcc", 99.0)[0]
    rate = ring_rows(beamline, x[chosen], y[chosen], angle)[1].sum(axis=1) / 2.0
    clear = np.abs(rate - 200.0) > 50.0
    # Not only the brightest and the darkest are put to the test.
    assert np.any(clear & (rate > 200.0) & (rate < 400.0))
    assert np.any(clear & (rate > 100.0) & (rate < 200.0))
    np.testing.assert_array_equal(labels[chosen][clear], rate[clear] > 200.0)


def test_a_larger_beam_mixes_more(beamline):
    """Points beside one another look more alike to a wide beam."""
    x, y = pure("fe3o4", "alpha_feooh", "gamma_feooh", "fe_bcc", most=1000)

    def spread(size):
        frames = beamline.frames(x[::5], y[::5], 0.3, beam_size=size, threshold_ev=8000.0)
        intensity = reducer().stream(frames).intensity
        return (intensity.var(axis=0) - intensity.mean(axis=0)).sum()

    assert spread((16.0, 16.0)) < 0.9 * spread((1.25, 2.0))


@pytest.mark.parametrize("exposure", [0.0, -0.1, float("nan"), float("inf")])
def test_exposures_that_make_no_sense_are_refused(beamline, exposure):
    with pytest.raises(BadInput, match="exposure"):
        beamline.frames(np.zeros(1), np.zeros(1), exposure)
    with pytest.raises(BadInput, match="exposure"):
        beamline.i0_counts(exposure, 1)


@pytest.mark.parametrize(
    ("x", "y", "settings"),
    [
        (np.zeros(2), np.zeros(3), {}),
        (np.zeros((2, 2)), np.zeros((2, 2)), {}),
        (np.array([0.0, np.nan]), np.zeros(2), {}),
        (np.zeros(1), np.array([np.inf]), {}),
        (np.zeros(1), np.zeros(1), {"flux_factor": -1.0}),
        (np.zeros(1), np.zeros(1), {"flux_factor": float("nan")}),
        (np.zeros(1), np.zeros(1), {"threshold_ev": float("nan")}),
        (np.zeros(1), np.zeros(1), {"threshold_ev": -5.0}),
        (np.zeros(1), np.zeros(1), {"beam_size": (1.0, -1.0)}),
    ],
)
def test_frames_that_make_no_sense_are_refused(beamline, x, y, settings):
    with pytest.raises(BadInput):
        beamline.frames(x, y, 0.1, **settings)


def test_what_is_refused_takes_no_beam_time(beamline):
    x, y = pure("fe3o4", most=2)
    with pytest.raises(BadInput):
        beamline.frames(x, y[:1], 100.0)
    with pytest.raises(BadInput):
        beamline.i0_counts(1.0, -1)
    fresh = MapBeamline(section(), seed=11)
    np.testing.assert_array_equal(beamline.frames(x, y, 0.1), fresh.frames(x, y, 0.1))


@pytest.mark.parametrize(
    "arguments",
    [
        {"flux": 0.0},
        {"flux": -1.0},
        {"flux": float("inf")},
        {"seed": -1},
        {"energy_kev": 12.0},
        {"geometry": DetectorGeometry(distance=0.2)},
    ],
)
def test_beamlines_that_make_no_sense_are_refused(arguments):
    with pytest.raises(BadInput):
        MapBeamline(section(), **arguments)
