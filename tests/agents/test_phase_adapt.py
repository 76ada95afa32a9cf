"""Learning from a few labels: nothing without them, the right thing with them, never wild."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.agents.phase_adapt import fit_head
from operando.agents.phase_classifier import decode
from operando.errors import BadInput
from operando.physics.phases import LABELS

BCC, FE3C = LABELS.index("fe_bcc"), LABELS.index("fe3c")


def specimen(n, seed):
    """Draw an answer that sees Fe3C wherever there is ferrite, and a truth with none."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 9)) < 0.3
    truth[:, FE3C] = False
    logit = np.where(truth, 3.0, -3.0) + rng.normal(0, 1.0, (n, 9))
    logit[:, FE3C] = np.where(truth[:, BCC], 1.0, -3.0) + rng.normal(0, 0.5, n)
    return logit.astype(np.float32), truth


def test_without_labels_the_answer_stays_as_it_is():
    logit, _ = specimen(50, 1)
    none = np.zeros((0, 9))
    np.testing.assert_array_equal(fit_head(none, none)(logit), logit)


def test_a_systematic_mistake_is_unlearnt_from_thirty_labels_and_the_rest_left_alone():
    logit, truth = specimen(30, 1)
    new, new_truth = specimen(2000, 2)
    taught = fit_head(logit, truth)(new)
    wrong = ((new > 0) != new_truth).mean(axis=0), ((taught > 0) != new_truth).mean(axis=0)
    print(f"\nFe3C wrong: {wrong[0][FE3C]:.3f} before, {wrong[1][FE3C]:.3f} after 30 labels")
    assert wrong[0][FE3C] > 0.2
    assert wrong[1][FE3C] < 0.05
    others = np.delete(wrong[1] - wrong[0], FE3C)
    assert others.max() < 0.03


def test_a_contradiction_leads_nowhere_wild():
    logit = np.full((40, 9), 2.0, dtype=np.float32)
    labels = np.zeros((40, 9), dtype=bool)
    labels[::2] = True
    taught = fit_head(logit, labels)(logit)
    assert np.abs(taught).max() < 0.5  # half and half: even odds


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), scale=st.floats(0.01, 1000.0))
def test_any_labels_give_finite_odds_and_fit_what_they_were_fitted_on(seed, n, scale):
    rng = np.random.default_rng(seed)
    logit = (scale * rng.normal(size=(n, 9))).astype(np.float32)
    labels = rng.random((n, 9)) < 0.5
    taught = fit_head(logit, labels)(logit)
    assert np.isfinite(taught).all()
    sign = np.where(labels, 1.0, -1.0)
    loss = [np.logaddexp(0, -sign * z.astype(float)).sum() for z in (logit, taught)]
    assert loss[1] <= loss[0] * (1 + 1e-5) + 1e-3
    assert decode(taught).any(axis=1).all()


def test_what_was_left_open_teaches_nothing():
    logit, labels = specimen(30, 1)
    known = np.ones_like(labels)
    known[:, 2] = False
    known[::2, 4] = False
    lied = np.where(known, labels, ~labels)
    np.testing.assert_array_equal(
        fit_head(logit, labels, known).weights, fit_head(logit, lied, known).weights
    )
    assert not fit_head(logit, labels, known).weights[:, 2].any()


def test_a_stronger_pull_changes_less():
    logit, labels = specimen(30, 1)
    sizes = [np.abs(fit_head(logit, labels, ridge=r).weights).sum() for r in (0.3, 3.0, 300.0)]
    assert sizes[0] > sizes[1] > sizes[2] > 0


@pytest.mark.parametrize("shape", [(3, 8), (2, 9), (27,)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(BadInput, match="one row of nine"):
        fit_head(np.zeros((3, 9)), np.zeros(shape))


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan")])
def test_a_pull_that_is_none_is_refused(ridge):
    with pytest.raises(BadInput, match="above 0"):
        fit_head(np.zeros((3, 9)), np.zeros((3, 9)), ridge=ridge)
