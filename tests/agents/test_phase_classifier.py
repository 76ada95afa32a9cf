"""The shipped classifier on measured minerals and on whatever else a user may bring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score

from operando.agents.pattern_files import read_patterns
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, decode, expit
from operando.agents.phase_features import to_canonical
from operando.agents.phase_lines import (
    CANONICAL_EDGES,
    CANONICAL_TWO_THETA,
    CANONICAL_WAVELENGTH,
)
from operando.agents.unknown import explain
from operando.errors import BadInput
from operando.physics.crystals import CrystalStructure, Site, structure
from operando.physics.phases import CRYSTALLINE, LABELS
from operando.physics.powder import powder_lines

N = len(CRYSTALLINE)
OTHER, RESIN = LABELS.index("other"), LABELS.index("resin")
LISTED = {
    "goethite": "alpha_feooh",
    "lepidocrocite": "gamma_feooh",
    "magnetite": "fe3o4",
    "iron": "fe_bcc",
}
COPPER = 1.5406


@pytest.fixture(scope="module")
def classifier():
    return PhaseClassifier.shipped()


@pytest.fixture(scope="module")
def minerals(shared_data):
    return read_patterns(shared_data / "xrd/measured_minerals_cu_kalpha.csv", wavelength=COPPER)


def profile(crystal, *, stretch=1.0, fwhm=0.15, texture=0.0, rng=None):
    """Gaussian lines of a crystal on the canonical axis, strongest bin 1."""
    crystal = structure(crystal) if isinstance(crystal, str) else crystal
    table = powder_lines(crystal, CANONICAL_WAVELENGTH)
    sine = np.minimum(CANONICAL_WAVELENGTH / (2 * table.d_spacing * stretch), 1.0)
    centre = np.degrees(2 * np.arcsin(sine))
    height = table.intensity
    if texture:
        height = height * np.exp(texture * rng.standard_normal(height.size))
    shape = np.exp(-4 * np.log(2) * ((CANONICAL_TWO_THETA[:, None] - centre) / fwhm) ** 2)
    drawn = shape @ height
    return drawn / drawn.max()


def counted(expected, strongest, rng):
    """Poisson counts of patterns on the canonical axis, `strongest` in the strongest bin."""
    expected = np.atleast_2d(expected)
    counts = rng.poisson(strongest * expected / expected.max(axis=1, keepdims=True))
    return PowderPatterns.from_counts(CANONICAL_TWO_THETA, counts, CANONICAL_WAVELENGTH)


# --- the model file -------------------------------------------------------------------------


def test_the_shipped_model_has_a_version_that_changes_with_a_weight(classifier, tmp_path):
    assert PhaseClassifier.shipped().version == classifier.version
    path = tmp_path / "model.npz"
    classifier.save(path)
    again = PhaseClassifier.load(path)
    assert again.version == classifier.version
    assert again.metadata == classifier.metadata
    again.first.layers[0][0][0][3, 4] += 1e-3
    fresh = PhaseClassifier(
        again.first, again.second, again.unknown, again.calibration, again.metadata
    )
    assert fresh.version != classifier.version


def test_a_file_that_is_no_model_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("code of a stranger ran",))

    junk, empty, pickled = (tmp_path / name for name in ("junk.npz", "empty.npz", "evil.npz"))
    junk.write_bytes(b"PK nothing of the kind")
    np.savez(empty, first=np.zeros(3))
    np.savez(pickled, metadata=np.array([Evil()], dtype=object))
    for path in (junk, empty, pickled, tmp_path / "absent.npz", tmp_path):
        with pytest.raises(BadInput, match="not a phase model"):
            PhaseClassifier.load(path)


def test_patterns_keep_their_order_through_batches_and_threads(classifier):
    rng = np.random.default_rng(3)
    few = counted(np.array([profile(name) + 0.05 for name in CRYSTALLINE]), 200, rng)
    index = rng.integers(0, len(few), 9000)
    many, one = classifier.classify(few[index]), classifier.classify(few)
    np.testing.assert_allclose(many.probability, one.probability[index], atol=1e-5)
    np.testing.assert_allclose(many.unknown_score, one.unknown_score[index], atol=1e-5)


# --- measured patterns ----------------------------------------------------------------------


@pytest.mark.parametrize(("mineral", "label"), LISTED.items())
def test_a_measured_mineral_is_named(classifier, minerals, mineral, label):
    index = minerals.names.index(mineral)
    probability = classifier.classify(minerals[index : index + 1]).probability[0]
    assert probability[LABELS.index(label)] >= 0.9
    assert np.delete(probability[:N], CRYSTALLINE.index(label)).max() < 0.5
    assert probability[RESIN] < 0.5


@pytest.mark.parametrize("mineral", ["hematite", "quartz"])
def test_a_measured_mineral_without_a_label_is_other(classifier, minerals, mineral):
    index = minerals.names.index(mineral)
    labels = classifier.classify(minerals[index : index + 1])
    assert labels.probability[0, OTHER] >= 0.5
    assert labels.probability[0, :N].max() < 0.5
    assert labels.unknown_score[0] > 0.5
    assert labels.present[0].nonzero()[0].tolist() == [OTHER]


def mixtures(minerals, strongest, n=300):
    """Two of the four measured minerals, each 20-80 % of the scaled intensity, counted."""
    rng = np.random.default_rng(20_48)
    names = list(LISTED)
    scaled = np.array([minerals.intensity[minerals.names.index(name)] for name in names])
    scaled = scaled / scaled.max(axis=1, keepdims=True)
    truth, counts = np.zeros((n, N), dtype=bool), []
    for row in range(n):
        pair = rng.choice(4, 2, replace=False)
        share = rng.uniform(0.2, 0.8)
        mixed = share * scaled[pair[0]] + (1 - share) * scaled[pair[1]]
        counts.append(rng.poisson(strongest * mixed / mixed.max()))
        truth[row, [CRYSTALLINE.index(LISTED[names[k]]) for k in pair]] = True
    return PowderPatterns.from_counts(minerals.two_theta, counts, COPPER), truth


@pytest.mark.parametrize(("strongest", "least"), [(1000, 0.95), (300, 0.90), (100, 0.85)])
def test_mixtures_of_measured_minerals_are_taken_apart(classifier, minerals, strongest, least):
    patterns, truth = mixtures(minerals, strongest)
    exact = (classifier.classify(patterns).present[:, :N] == truth).all(axis=1).mean()
    print(f"\nmeasured mixtures, {strongest} counts in the strongest bin: {exact:.3f} exact")
    assert exact >= least


# --- what must not matter -------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    """Patterns of one or two listed phases or an unlisted one, well counted."""
    rng = np.random.default_rng(11)
    shapes = [profile(name) for name in CRYSTALLINE]
    shapes += [0.6 * profile("fe3o4") + 0.4 * profile("gamma_feooh"), profile("sio2")]
    background = 0.05 + 0.1 * np.exp(-(CANONICAL_TWO_THETA - 9.7) / 5)
    return counted(np.array(shapes) + background, 3000, rng)


@pytest.mark.parametrize("wavelength", [0.7093, 1.0, 1.5406, 1.7902])
def test_the_wavelength_does_not_matter(classifier, drawn, wavelength):
    sine = np.sin(np.radians(CANONICAL_EDGES) / 2) * wavelength / CANONICAL_WAVELENGTH
    edges = np.degrees(2 * np.arcsin(sine))
    elsewhere = drawn.rebin(np.linspace(edges[0], edges[-1], 901), wavelength)
    before, after = (classifier.classify(p).probability for p in (drawn, elsewhere))
    assert np.abs(after - before).max() < 0.15
    assert np.abs(after - before).mean() < 0.01


@pytest.mark.parametrize("factor", [1e-4, 0.1, 1e5])
def test_the_unit_of_intensity_does_not_matter(classifier, drawn, factor):
    scaled = PowderPatterns(
        drawn.two_theta, drawn.wavelength, drawn.intensity * factor, drawn.sigma * factor
    )
    before, after = (classifier.classify(p).probability for p in (drawn, scaled))
    np.testing.assert_allclose(after, before, atol=0.01)


def test_more_counts_make_surer(classifier):
    rng = np.random.default_rng(2)
    shape = 0.7 * profile("fe3o4") + 0.3 * profile("alpha_feooh") + 0.05
    sure = []
    for strongest in (10, 100, 1000):
        p = classifier.classify(counted(np.tile(shape, (50, 1)), strongest, rng)).probability
        sure.append(np.maximum(p, 1 - p).prod(axis=1).mean())
    assert sure[0] < sure[1] < sure[2]
    assert sure[2] > 0.8


def test_one_pattern_or_many_does_not_matter(classifier, drawn):
    together = classifier.classify(drawn)
    one_by_one = [classifier.classify(drawn[i : i + 1]).logit[0] for i in range(len(drawn))]
    np.testing.assert_allclose(together.logit, one_by_one, atol=1e-3)
    many = classifier.classify(drawn[np.arange(9000) % len(drawn)])
    np.testing.assert_allclose(
        many.logit[-3:], together.logit[(8997 + np.arange(3)) % 8], atol=1e-3
    )


def test_bins_that_were_not_measured_do_no_harm(classifier, drawn):
    intensity, sigma = drawn.intensity.copy(), drawn.sigma.copy()
    gap = slice(120, 140)  # 17.3-18.5 degrees, a module's gap
    intensity[:, gap], sigma[:, gap] = np.nan, np.inf
    holed = PowderPatterns(drawn.two_theta, drawn.wavelength, intensity, sigma)
    whole, labels = classifier.classify(drawn), classifier.classify(holed)
    assert np.isfinite(labels.logit).all()
    assert (labels.present == whole.present).all(axis=1).mean() >= 7 / 8


def test_a_dark_pattern_gets_an_answer_and_no_confident_crystal(classifier):
    dark = PowderPatterns.from_counts(
        CANONICAL_TWO_THETA, np.zeros((2, CANONICAL_TWO_THETA.size)), CANONICAL_WAVELENGTH
    )
    labels = classifier.classify(dark)
    assert np.isfinite(labels.logit).all()
    assert np.isfinite(labels.unknown_score).all()
    assert labels.probability[:, :N].max() < 0.5
    np.testing.assert_array_equal(labels.logit[0], labels.logit[1])


def test_no_patterns_get_no_labels(classifier, drawn):
    labels = classifier.classify(drawn[:0])
    assert labels.probability.shape == (0, 9)
    assert labels.present.shape == (0, 9)


def test_too_little_of_the_axis_is_refused(classifier):
    axis = np.linspace(30.0, 34.0, 200)
    with pytest.raises(BadInput, match="quarter of"):
        classifier.classify(PowderPatterns.from_counts(axis, np.ones((1, 200)), 1.24))


def test_the_callers_patterns_are_left_alone(classifier, drawn):
    before = drawn.intensity.copy(), drawn.sigma.copy()
    classifier.classify(drawn)
    np.testing.assert_array_equal(before[0], drawn.intensity)
    np.testing.assert_array_equal(before[1], drawn.sigma)


# --- the unknown ----------------------------------------------------------------------------


def crystal(formula, space_group, cell, *sites):
    """A crystal that the package, and so the training, has never heard of."""
    sites = tuple(Site(element, *xyz) for element, *xyz in sites)
    return CrystalStructure(formula, formula, formula, space_group, cell, sites, "textbook")


#: Cells to 0.01 Å: halite, fluorite, rutile, ceria, silicon, periclase.
STRANGERS = (
    crystal("NaCl", "F m -3 m", (5.64,) * 3 + (90.0,) * 3, ("Na", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5)),
    crystal(
        "CaF2", "F m -3 m", (5.46,) * 3 + (90.0,) * 3, ("Ca", 0, 0, 0), ("F", 0.25, 0.25, 0.25)
    ),
    crystal(
        "CeO2", "F m -3 m", (5.41,) * 3 + (90.0,) * 3, ("Ce", 0, 0, 0), ("O", 0.25, 0.25, 0.25)
    ),
    crystal("MgO", "F m -3 m", (4.21,) * 3 + (90.0,) * 3, ("Mg", 0, 0, 0), ("O", 0.5, 0.5, 0.5)),
    crystal("Si", "F d -3 m :1", (5.43,) * 3 + (90.0,) * 3, ("Si", 0, 0, 0)),
    crystal(
        "TiO2",
        "P 42/m n m",
        (4.59, 4.59, 2.96) + (90.0,) * 3,
        ("Ti", 0, 0, 0),
        ("O", 0.305, 0.305, 0),
    ),
)


def test_crystals_that_no_label_covers_stand_out(classifier):
    """A stranger in a listed phase against mixtures of listed phases alone, all with texture."""
    rng = np.random.default_rng(77)
    n = 150

    def listed():
        name = CRYSTALLINE[rng.integers(N)]
        return profile(name, fwhm=rng.uniform(0.1, 0.4), texture=0.5, rng=rng)

    def stranger():
        table = STRANGERS[rng.integers(len(STRANGERS))]
        stretch = np.exp(rng.normal(0.0, 0.01))
        return profile(table, stretch=stretch, fwhm=rng.uniform(0.1, 0.4), texture=0.5, rng=rng)

    background = 0.03 + 0.05 * np.exp(-(CANONICAL_TWO_THETA - 9.7) / 6)
    share = rng.uniform(0.1, 0.6, 2 * n)
    shapes = [
        share[i] * (listed() if i < n else stranger()) + (1 - share[i]) * listed() + background
        for i in range(2 * n)
    ]
    truth = np.arange(2 * n) >= n
    for strongest, least in ((1000, 0.9), (100, 0.8)):
        labels = classifier.classify(counted(np.array(shapes), strongest, rng))
        p = np.clip(labels.probability.astype(float), 1e-9, 1 - 1e-9)
        entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum(axis=1)
        score, other, unsure = (
            roc_auc_score(truth, x)
            for x in (labels.unknown_score, labels.probability[:, OTHER], entropy)
        )
        print(
            f"\nunlisted crystals at 10-60 %, {strongest} counts: AUROC {score:.3f} "
            f"(unknown score), {other:.3f} (other), {unsure:.3f} (entropy)"
        )
        assert min(score, other) > max(least, unsure)


def test_what_is_left_over_shows_the_unlisted_lines():
    rng = np.random.default_rng(5)
    shape = 0.7 * profile("fe3o4") + 0.3 * profile("sio2") + 0.05
    pattern = counted(shape, 2000, rng)
    present = np.array([name == "fe3o4" for name in CRYSTALLINE])
    left = explain(pattern, present)
    peak = CANONICAL_TWO_THETA[left.argmax()]
    # Quartz 101, d = 3.34 Å.
    assert peak == pytest.approx(np.degrees(2 * np.arcsin(CANONICAL_WAVELENGTH / 6.686)), abs=0.1)
    assert left.max() > 5
    alone = explain(counted(profile("fe3o4") + 0.05, 2000, rng), present)
    assert alone.max() < 5


# --- probabilities --------------------------------------------------------------------------


def brier(classifier, patterns, truth):
    return float(np.square(classifier.classify(patterns).probability - truth).mean())


@pytest.fixture(scope="module")
def distorted():
    """Weak goethite in magnetite that a person calls absent, and the rest as it is."""
    rng = np.random.default_rng(9)
    share = rng.uniform(0.0, 0.5, 160)[:, None]
    shapes = share * profile("alpha_feooh") + (1 - share) * profile("fe3o4") + 0.05
    truth = np.zeros((160, 9), dtype=bool)
    truth[:, LABELS.index("fe3o4")] = True
    truth[:, LABELS.index("alpha_feooh")] = share[:, 0] > 0.35
    return counted(shapes, 300, rng), truth


def test_a_few_dozen_labels_of_a_person_make_probabilities_better(classifier, distorted):
    patterns, truth = distorted
    shown, held_out = slice(0, 60), slice(60, 160)
    better = classifier.recalibrate(patterns[shown], truth[shown])
    before = brier(classifier, patterns[held_out], truth[held_out])
    after = brier(better, patterns[held_out], truth[held_out])
    print(f"\nBrier score before recalibration {before:.4f}, after {after:.4f}")
    assert after < 0.8 * before
    assert better.version != classifier.version
    assert better.metadata["recalibrated_on"] == 60
    assert "recalibrated_on" not in classifier.metadata


def test_recalibration_keeps_the_order_of_patterns(classifier, distorted):
    patterns, truth = distorted
    better = classifier.recalibrate(patterns[:60], truth[:60])
    assert (better.calibration[:, 0] > 0).all()
    before, after = (c.classify(patterns).logit for c in (classifier, better))
    for k in range(9):
        np.testing.assert_array_equal(np.argsort(before[:, k]), np.argsort(after[:, k]))


def test_recalibration_on_nothing_changes_nothing(classifier, distorted):
    patterns, truth = distorted
    same = classifier.recalibrate(patterns[:0], truth[:0])
    np.testing.assert_allclose(same.calibration, classifier.calibration, atol=1e-4)


def test_recalibrating_again_on_the_same_labels_starts_from_where_it_is(classifier, distorted):
    patterns, truth = distorted
    once = classifier.recalibrate(patterns[:60], truth[:60])
    nothing = once.recalibrate(patterns[:0], truth[:0])
    np.testing.assert_allclose(nothing.calibration, once.calibration, atol=1e-4)


def test_labels_of_another_shape_are_refused(classifier, drawn):
    with pytest.raises(BadInput, match=r"\(8, 9\) is needed"):
        classifier.recalibrate(drawn, np.zeros((8, 6), dtype=bool))


logits = arrays.arrays(np.float32, (3, 9), elements=st.floats(-20, 20, width=32))


@given(logits)
def test_a_label_set_keeps_the_rules_of_the_labels(logit):
    before = logit.copy()
    present = decode(logit)
    np.testing.assert_array_equal(logit, before)
    assert present.any(axis=1).all()
    assert not (present[:, RESIN] & (present.sum(axis=1) > 1)).any()


@given(logits)
def test_a_label_set_is_the_most_probable_of_all_that_are_allowed(logit):
    allowed = np.array([[i >> k & 1 for k in range(9)] for i in range(1, 512)], dtype=bool)
    allowed = allowed[~allowed[:, RESIN] | (allowed.sum(axis=1) == 1)]
    best = (allowed @ logit.T.astype(float)).max(axis=0)
    chosen = (decode(logit) * logit.astype(float)).sum(axis=1)
    np.testing.assert_allclose(chosen, best, atol=1e-4)


@given(logits)
def test_probabilities_are_the_logistic_function(logit):
    expected = 1 / (1 + np.exp(-logit.astype(float)))
    np.testing.assert_allclose(expit(logit), expected, atol=1e-6)
    assert np.isfinite(expit(logit * 1e6)).all()


def test_patterns_on_the_canonical_axis_are_taken_as_they_are(drawn):
    assert to_canonical(drawn) is drawn
