"""What the classifier learns from, and that learning is repeatable and shipped as data."""

import json
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_drawing import Volumes
from operando.agents.phase_fit import config_hash, train_classifier
from operando.agents.phase_training import TrainingConfig, labels_of, synthetic_patterns
from operando.physics.phases import CRYSTALLINE, LABELS

SMALL = TrainingConfig(n_patterns=2000)


@pytest.fixture(scope="module")
def drawn():
    return synthetic_patterns(SMALL, np.random.default_rng(1))


def test_the_shipped_model_was_trained_as_the_code_says_now():
    metadata = PhaseClassifier.shipped().metadata
    assert metadata["training_hash"] == config_hash(TrainingConfig()), "run `operando train`"
    assert metadata["labels"] == list(LABELS)


def test_the_shipped_model_is_data():
    path = resources.files("operando.agents") / "models" / "phases.npz"
    with resources.as_file(path) as file, np.load(file, allow_pickle=False) as arrays:
        kinds = {name: arrays[name].dtype for name in arrays.files}
        json.loads(arrays["metadata"].tobytes())
    assert kinds.pop("metadata") == np.uint8
    assert set(kinds.values()) == {np.dtype(np.float32)}
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"n_patterns": 39_999}, {"log10_counts": (0.7, 4.4)}]
)
def test_any_change_of_the_training_changes_the_hash(change):
    assert config_hash(replace(TrainingConfig(), **change)) != config_hash(TrainingConfig())


def test_training_again_gives_the_same_model_and_another_seed_another():
    said = []
    first = train_classifier(SMALL, progress=said.append)
    assert train_classifier(SMALL).version == first.version
    assert len(said) == 3
    other = train_classifier(replace(SMALL, seed=5))
    assert other.version != first.version
    held_out = first.metadata["held_out"]
    assert 0.5 < held_out["label_accuracy"] <= 1.0
    assert first.metadata["training"]["n_patterns"] == 2000


def test_a_small_training_has_learnt_something_about_every_label():
    """A model of 8,000 patterns on 400 new ones, many of a few counts."""
    model = train_classifier(replace(SMALL, n_patterns=8000))
    patterns, labels = synthetic_patterns(replace(SMALL, n_patterns=400), np.random.default_rng(99))
    scores = roc_auc_score(labels, model.classify(patterns).probability, average=None)
    assert min(scores) > 0.7
    assert np.mean(scores) > 0.85


def test_drawing_is_repeatable_and_counts_are_counts(drawn):
    patterns, labels = drawn
    again, labels_again = synthetic_patterns(SMALL, np.random.default_rng(1))
    np.testing.assert_array_equal(patterns.intensity, again.intensity)
    np.testing.assert_array_equal(labels, labels_again)
    assert (patterns.intensity >= 0).all()
    assert np.isfinite(patterns.intensity).all()


def test_labels_drawn_follow_the_rules_and_all_occur(drawn):
    _, labels = drawn
    share = labels.mean(axis=0)
    assert labels.any(axis=1).all()
    for alone in ("resin", "fe_no_peaks"):
        column = LABELS.index(alone)
        assert (labels[labels[:, column]].sum(axis=1) == 1).all()
    assert share.min() > 0.03
    assert share.max() < 0.6


def volumes(resin=0.0, silent=0.0, brightness=1.0, **shares):
    crystalline = np.zeros((1, 7))
    for name, share in shares.items():
        column = 6 if name == "other" else CRYSTALLINE.index(name)
        crystalline[0, column] = share
    return Volumes(
        crystalline, np.array([resin]), np.array([silent]), np.full((1, 6), float(brightness))
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (volumes(fe3o4=0.6, alpha_feooh=0.4), {"fe3o4", "alpha_feooh"}),
        (volumes(fe3o4=0.95, alpha_feooh=0.05), {"fe3o4"}),
        (volumes(fe3o4=0.5, other=0.5), {"fe3o4", "other"}),
        (volumes(resin=1.0), {"resin"}),
        (volumes(resin=0.8, gamma_feooh=0.2), {"gamma_feooh"}),
        (volumes(resin=0.6, silent=0.4), {"fe_no_peaks"}),
        (volumes(resin=0.8, silent=0.2), {"resin"}),
        (volumes(fe_bcc=0.7, fe3c=0.3), {"fe_bcc", "fe3c"}),
        # Ferrite whose grains show nothing is iron without peaks, whatever its share.
        (volumes(fe_bcc=0.9, resin=0.1, brightness=1e-4), {"fe_no_peaks"}),
        (volumes(fe_bcc=0.5, fe3o4=0.5, brightness=0.01), {"fe3o4"}),
    ],
)
def test_a_mixture_gets_the_labels_it_deserves(content, expected):
    present = labels_of(content)[0]
    assert {label for label, holds in zip(LABELS, present, strict=True) if holds} == expected
