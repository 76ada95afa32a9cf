"""Scalar signals: the right answer when there is one, a clear statement when there is none."""

import numpy as np
import pytest

from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_signal import fit_signal
from operando.errors import BadInput

TIME = np.arange(0.0, 17.0, 1 / 3)
FIRST = KineticsConfig(laws=("first_order", "jander"))


def rise(t0=7.4461, k=0.6192, sigma=0.03, seed=1):
    noise = np.random.default_rng(seed).normal(0.0, sigma, len(TIME))
    return 1.0 - np.exp(-k * np.maximum(TIME - t0, 0.0)) + noise


@pytest.mark.parametrize(("offset", "factor"), [(0.0, 1.0), (1e5, -40.0)])
def test_onset_and_rate_whatever_the_unit(offset, factor):
    fit = fit_signal(TIME, offset + factor * rise(), config=FIRST)
    assert fit.onset == "inside"
    t0, k = fit.summary.t0, fit.summary.k
    assert abs(t0.mean - 7.4461) < 3.0 * t0.sd < 0.4
    assert abs(k.mean - 0.6192) < 3.0 * k.sd < 0.3
    assert fit.noise == pytest.approx(0.03 * abs(factor), rel=0.4)
    assert fit.amplitude == pytest.approx(factor, rel=0.1)


def test_unit_changes_evidence_by_its_jacobian_only():
    one = fit_signal(TIME, rise(), config=FIRST).summary.models["first_order"]
    two = fit_signal(TIME, 1000.0 * rise(), config=FIRST).summary.models["first_order"]
    change = one.log_evidence - two.log_evidence
    assert change == pytest.approx(len(TIME) * np.log(1000.0), abs=1e-3)


def test_stated_noise_that_is_right_agrees_with_noise_found():
    found = fit_signal(TIME, rise(), config=FIRST).summary.t0
    told = fit_signal(TIME, rise(), np.full(len(TIME), 0.03), config=FIRST).summary.t0
    assert told.mean == pytest.approx(found.mean, abs=0.5 * found.sd)
    assert told.sd == pytest.approx(found.sd, rel=0.4)


@pytest.mark.parametrize(
    ("value", "onset", "words"),
    [
        (np.random.default_rng(1).normal(5.0, 0.1, len(TIME)), "none", "no onset inside"),
        (rise(t0=40.0), "none", "no onset inside"),
        (rise(t0=-4.0, k=0.3, sigma=0.01), "before", "before the record"),
        (
            np.linspace(0.0, 1.0, len(TIME)) + rise(t0=40.0, sigma=0.01),
            "before",
            "before the record",
        ),
    ],
    ids=["noise", "after the record", "before the record", "drift"],
)
def test_no_onset_no_number(value, onset, words):
    laws = KineticsConfig(laws=("first_order", "jander", "avrami"))
    fit = fit_signal(TIME, value, config=laws)
    assert fit.onset == onset
    assert words in fit.statements[0]
    given = fit.as_dict()
    assert given["best"] is None
    assert all(model["t0"]["mean"] is None for model in given["models"].values())


def test_laws_that_do_not_fit_are_said_not_to():
    drift = TIME / 17.0 + rise(t0=40.0, sigma=0.01)
    fit = fit_signal(TIME, drift, config=KineticsConfig(laws=("jander",)))
    assert fit.onset != "inside" or any("no law fits" in line for line in fit.statements)
    assert not any(
        "no law fits" in line for line in fit_signal(TIME, rise(), config=FIRST).statements
    )


def test_amplitude_of_the_wrong_sign_is_said():
    fit = fit_signal(TIME, -rise(), config=FIRST, direction="rise")
    assert fit.onset == "wrong sign"
    assert "falls" in fit.statements[0]
    assert fit.as_dict()["t0"]["mean"] is None
    assert fit_signal(TIME, -rise(), config=FIRST, direction="fall").onset == "inside"


BAD = {
    "3 points": (TIME[:3], rise()[:3]),
    "all values are 2": (TIME, np.full(len(TIME), 2.0)),
    "value of point 5 is nan": (TIME, np.where(np.arange(len(TIME)) == 4, np.nan, rise())),
    "earlier": (TIME[::-1], rise()),
    "repeats": (np.repeat(TIME[: len(TIME) // 3 + 1], 3)[: len(TIME)], rise()),
    "same length": (TIME[:-1], rise()),
}


@pytest.mark.parametrize("words", BAD)
def test_input_that_cannot_be_used_is_refused(words):
    with pytest.raises(BadInput, match=words):
        fit_signal(*BAD[words])


def test_sigma_must_be_positive():
    with pytest.raises(BadInput, match="sigma of point 3 is not above 0"):
        fit_signal(TIME, rise(), np.where(np.arange(len(TIME)) == 2, 0.0, 0.1))


def test_readings_that_are_averages_are_not_readings_of_an_instant():
    """Frames of 1 s: taken as averages the onset is right, taken at their middles it is not."""
    time = np.arange(0.5, 30.0, 1.0)
    edge = lambda t: np.maximum(t - 9.7, 0.0) + np.expm1(-3.0 * np.maximum(t - 9.7, 0.0)) / 3.0  # noqa: E731
    value = edge(time + 0.5) - edge(time - 0.5)
    value += np.random.default_rng(2).normal(0.0, 0.003, len(time))
    config = KineticsConfig(laws=("first_order",))
    right = fit_signal(time, value, config=config, exposure=1.0).summary.t0
    wrong = fit_signal(time, value, config=config).summary.t0
    assert abs(right.mean - 9.7) < 3.0 * right.sd
    assert abs(wrong.mean - 9.7) > 3.0 * wrong.sd
