"""End patterns found in a record for which nobody measured any."""

import numpy as np
import pytest

from operando.agents.kinetics_areas import AreaWeights
from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_members import ends_from_record
from operando.errors import BadInput
from operando.physics.kinetic_laws import LAWS, mean_extent
from support.loading import MEANS, counted

START = np.arange(90) / 3.0
STOP = START + 0.33
DOSE = np.random.default_rng(0).uniform(0.9, 1.1, len(START))


@pytest.fixture(scope="module")
def record():
    alpha = mean_extent(LAWS["first_order"], START, STOP, 7.4461, 0.6192)
    return counted(np.random.default_rng(1), alpha, DOSE)


def test_ends_are_less_noisy_than_the_few_frames_that_show_them(record):
    found = ends_from_record(record, DOSE, before=10, after=10)
    for end, truth, some in zip(found, MEANS, (slice(0, 10), slice(-10, None)), strict=True):
        plain = record.intensity[some].sum(axis=0) / DOSE[some].sum()
        error = [
            np.sqrt(np.mean((one - truth) ** 2 / truth))
            for one in (end.intensity / end.dose, plain)
        ]
        assert error[0] < 0.7 * error[1]


def test_onset_and_rate_are_found_with_them(record):
    weights = AreaWeights.from_ends(*ends_from_record(record, DOSE, before=20, after=20))
    engine = KineticsEngine(
        KineticsConfig(laws=("first_order", "jander")), weights.noise, whole=True
    )
    engine.add(START, STOP, weights.areas(record, DOSE), DOSE)
    answer = engine.summary()
    assert answer.doubt == ""
    assert abs(answer.t0.mean - 7.4461) < 3.0 * answer.t0.sd < 0.3
    assert abs(answer.k.mean - 0.6192) < 3.0 * answer.k.sd < 0.2


def test_frames_that_cannot_be_both_ends_are_refused(record):
    with pytest.raises(BadInput, match="before"):
        ends_from_record(record, DOSE, before=60, after=60)
    with pytest.raises(BadInput, match="dose"):
        ends_from_record(record, 0.0 * DOSE, before=10, after=10)
