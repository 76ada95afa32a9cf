from functools import cache

import numpy as np
import pytest

from operando.errors import BadInput
from operando.physics.geometry import DetectorGeometry
from operando.physics.phases import LABELS
from operando.simulations.canvas import CONSTITUENTS, UNLISTED
from operando.simulations.specimen import FOCUS_UM, CorrodedSteel

SHAPE, STEP = (48, 40), 4.0
SEEDS = range(4)


@cache
def section(seed):
    """Give a whole section at every other point of a map: growing one takes a second."""
    return CorrodedSteel(seed, SHAPE, STEP)


def grid():
    y, x = (STEP * i.ravel() for i in np.mgrid[: SHAPE[0], : SHAPE[1]])
    return x, y


@cache
def composition(seed):
    return section(seed).at(*grid())


@cache
def truth(seed):
    """Give the labels by name, each (n,) in the order of `grid`."""
    labels = section(seed).truth().reshape(-1, len(LABELS))
    return dict(zip(LABELS, labels.T, strict=True))


def share(composition, *names):
    return composition.fractions[:, [CONSTITUENTS.index(name) for name in names]].sum(axis=1)


def test_the_same_seed_is_the_same_specimen_and_another_is_another():
    small = {"shape": (12, 10), "step_um": 4.0}
    first, again, other = (CorrodedSteel(seed, **small) for seed in (5, 5, 6))
    x, y = np.linspace(0.0, 36.0, 60), np.linspace(0.0, 44.0, 60)
    a, b, c = (steel.at(x, y) for steel in (first, again, other))
    for name in ("fractions", "texture", "strain", "broadening", "point", "grain", "share"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for name in ("grain", "two_theta", "row", "strength"):
        np.testing.assert_array_equal(getattr(first.spots, name), getattr(again.spots, name))
    np.testing.assert_array_equal(first.truth(), again.truth())
    assert not np.array_equal(a.fractions, c.fractions)
    assert not np.array_equal(first.truth(), other.truth())


def test_looking_at_a_specimen_does_not_change_it():
    steel = section(0)
    before = steel.truth()
    steel.at(np.array([3.0]), np.array([4.0]), (5.0, 5.0))
    np.testing.assert_array_equal(steel.truth(), before)


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_lie_in_the_order_of_corrosion_from_the_resin_inward(seed):
    x, y = grid()
    here = composition(seed)
    metal, resin = share(here, "fe_bcc", "fe_fcc", "fe3c"), share(here, "resin")
    inward = np.array([np.average(v, weights=metal) - np.average(v, weights=resin) for v in (x, y)])
    depth = (x * inward[0] + y * inward[1]) / np.hypot(*inward)
    layers = [resin, share(here, "gamma_feooh"), share(here, "alpha_feooh"), share(here, "fe3o4")]
    means = [np.average(depth, weights=layer) for layer in (*layers, metal)]
    # Each layer's middle lies well below that of the one before it, not by chance.
    assert np.all(np.diff(means) > 5.0), means


def test_neighbouring_corrosion_products_intergrow():
    here = composition(0)
    for one, other in (("gamma_feooh", "alpha_feooh"), ("alpha_feooh", "fe3o4")):
        both = (share(here, one) > 0.2) & (share(here, other) > 0.2)
        assert both.mean() > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_volume_fractions_are_fractions(seed):
    fractions = composition(seed).fractions
    assert fractions.min() >= 0.0
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_grains_in_the_beam_add_up_to_the_metal_there(seed):
    here = composition(seed)
    assert np.all(np.diff(here.point) >= 0)
    total = np.bincount(here.point, here.share, len(here.fractions))
    np.testing.assert_allclose(total, share(here, "fe_bcc", "fe_fcc"), atol=1e-6)


def test_every_label_occurs_within_a_few_seeds():
    found = {name: np.mean([truth(seed)[name].mean() for seed in SEEDS]) for name in LABELS}
    assert {name for name, part in found.items() if part < 0.005} == set()
    assert max(found.values()) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_resin_excludes_all_other_labels_and_every_point_has_one(seed):
    labels = truth(seed)
    others = np.any([labels[name] for name in LABELS if name != "resin"], axis=0)
    np.testing.assert_array_equal(labels["resin"], ~others)
    # Whatever it is called, nothing of a crystal's volume is hidden under the name.
    inside = share(composition(seed), "resin")[labels["resin"]]
    assert inside.min() > 0.3
    assert np.median(inside) > 0.99


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["fe3o4", "gamma_feooh", "alpha_feooh", "fe3c"])
def test_a_phase_is_there_if_it_takes_a_tenth_of_the_beam(seed, name):
    np.testing.assert_array_equal(truth(seed)[name], share(composition(seed), name) >= 0.10)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_is_a_single_unlisted_phase_of_a_tenth(seed):
    most = np.max([share(composition(seed), name) for name in UNLISTED], axis=0)
    np.testing.assert_array_equal(truth(seed)["other"], most >= 0.10)


@pytest.mark.parametrize("seed", SEEDS)
def test_metal_is_named_only_where_it_is_and_silent_metal_only_where_nothing_shows(seed):
    labels, here = truth(seed), composition(seed)
    for name in ("fe_bcc", "fe_fcc"):
        assert np.all(share(here, name)[labels[name]] > 0.0)
    silent = labels["fe_no_peaks"]
    shown = np.any(
        [labels[name] for name in LABELS if name not in ("fe_no_peaks", "resin")], axis=0
    )
    metal = share(here, "fe_bcc", "fe_fcc")
    np.testing.assert_array_equal(silent, ~shown & (metal >= 0.30))


def test_ferrite_shows_itself_at_some_of_its_points_and_not_at_others():
    visible = np.concatenate(
        [truth(seed)["fe_bcc"][share(composition(seed), "fe_bcc") > 0.9] for seed in SEEDS]
    )
    assert 0.1 < visible.mean() < 0.9


def test_the_truth_has_the_shape_of_the_map():
    labels = section(0).truth()
    assert labels.shape == (*SHAPE, 9)
    assert labels.dtype == bool
    assert section(0).extents_um == ((0.0, 156.0), (0.0, 188.0))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_larger_beam_mixes_more(seed):
    x, y = grid()

    def constituents(beam_size):
        fractions = section(seed).at(x, y, beam_size).fractions
        return 1.0 / np.mean((fractions**2).sum(axis=1))

    numbers = [constituents(size) for size in ((0.2, 0.2), FOCUS_UM, (4.0, 6.0), (15.0, 20.0))]
    assert np.all(np.diff(numbers) > 0), numbers
    assert numbers[-1] > 1.2 * numbers[0]


def test_a_beam_meets_what_lies_under_its_profile_and_its_first_size_is_the_vertical_one():
    x, y = grid()
    offset = np.linspace(-4.0, 4.0, 25)
    weight = np.exp(-4.0 * np.log(2.0) * (offset / 4.0) ** 2)
    weight /= weight.sum()

    def pencils(dx, dy):
        point = (0.0, 0.0)
        parts = [section(0).at(x + d * dx, y + d * dy, point).fractions for d in offset]
        return np.tensordot(weight, parts, 1)

    def mismatch(beam_size, dx, dy):
        return np.abs(section(0).at(x, y, beam_size).fractions - pencils(dx, dy)).mean()

    for right, wrong in (((0.0, 4.0), (4.0, 0.0)), ((4.0, 0.0), (0.0, 4.0))):
        along = (1.0, 0.0) if right[1] else (0.0, 1.0)
        assert mismatch(right, *along) < 0.5 * mismatch(wrong, *along)


def test_beyond_its_edge_the_section_goes_on_as_at_the_edge():
    steel = section(0)
    far = steel.at(np.array([1e4, -1e4]), np.array([94.0, 94.0]))
    edge = steel.at(np.array([170.0, -20.0]), np.array([94.0, 94.0]))
    np.testing.assert_array_equal(far.fractions, edge.fractions)


def test_spots_belong_to_the_grains_in_the_beam():
    steel, here = section(0), composition(0)
    point, spot, rate = steel.spots_of(here)
    assert np.all(np.diff(point) >= 0)
    assert np.all(rate > 0)
    pairs = set(zip(here.point.tolist(), here.grain.tolist(), strict=True))
    assert set(zip(point.tolist(), steel.spots.grain[spot].tolist(), strict=True)) <= pairs
    alone = share(here, "fe_bcc", "fe_fcc") == 0.0
    assert not np.isin(point, np.flatnonzero(alone)).any()


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": -1},
        {"seed": 1, "shape": (1, 40)},
        {"seed": 1, "shape": (40, 0)},
        {"seed": 1, "step_um": 0.0},
        {"seed": 1, "step_um": -2.0},
        {"seed": 1, "step_um": float("nan")},
        {"seed": 1, "step_um": float("inf")},
        {"seed": 1, "energy_kev": 0.0},
        {"seed": 1, "shape": (4000, 4000), "step_um": 10.0},
    ],
)
def test_sections_that_make_no_sense_are_refused(arguments):
    with pytest.raises(BadInput):
        CorrodedSteel(**arguments)


def test_which_metal_can_be_seen_depends_on_the_detector():
    """A detector at low angle does not reach iron's first ring: metal without reflections."""
    low = CorrodedSteel(0, SHAPE, STEP, geometry=DetectorGeometry(two_theta_arm=17.0))
    labels = dict(zip(LABELS, low.truth().reshape(-1, len(LABELS)).T, strict=True))
    assert not labels["fe_bcc"].any()
    assert not labels["fe_fcc"].any()
    assert labels["fe_no_peaks"].sum() > truth(0)["fe_no_peaks"].sum()
    np.testing.assert_array_equal(labels["fe3o4"], truth(0)["fe3o4"])
