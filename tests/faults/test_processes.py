"""Commands that are killed, starved, stopped and lied to; ``benchmarks/faults.py`` has hundreds."""

import re

import pytest

from support.fault_trials import Laboratory

SEED = 8
#: Number, which decides the moment; demonstration; what goes wrong.
TRIALS = [
    (1, "mapping", "SIGKILL"),
    (2, "mapping", "SIGTERM"),
    (3, "mapping", "SIGINT once"),
    (14, "mapping", "out of memory"),
    (5, "mapping", "full disk"),
    (6, "mapping", "read-only disk"),
    (7, "mapping", "clock jump"),
    (8, "kinetics", "SIGTERM"),
]


#: Begin and end of what SQLAlchemy says at the end of a process that had no memory to close it.
_LEFT_TO_THE_COLLECTOR = re.compile(
    r"SAWarning: The garbage collector is trying|context managers to manage their lifecycle\.$"
)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, empty_catalog):
    with Laboratory(tmp_path_factory.mktemp("faults") / "laboratory", empty_catalog) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(("number", "demo", "kind"), TRIALS)
def test_what_was_measured_is_kept_and_the_hardware_is_safe(laboratory, number, demo, kind):
    if kind not in laboratory.possible():
        pytest.skip("mounting a disk is not permitted here")
    outcome = laboratory.attempt(laboratory.trial(number, SEED, demo, kind))
    assert outcome.happened
    problems = outcome.problems
    if kind == "out of memory":  # what SQLAlchemy says then, after our own last line, is by chance
        problems = [problem for problem in problems if not _LEFT_TO_THE_COLLECTOR.search(problem)]
    assert problems == []


@pytest.mark.slow
def test_tiled_has_what_the_journals_have(laboratory):
    runs, problems = laboratory.in_tiled()
    assert runs > len(TRIALS)
    assert problems == []
