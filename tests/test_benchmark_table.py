"""The table of the benchmarks: a family that fails, a peer that is absent, JSON, bad words.

What the families measure is not tested: figures of speed have no place in tests.
"""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOUND = """
from benchmarks.row import absent, compared

def rows(settings):
    yield compared("sorting", "their sort", "s", [1.0, 2.0, 4.0], [3.0, 2.0, 8.0], remark="of 9")
    yield absent("adding", "their adder", "pip install adder", ours=2.5, unit="ms")
"""
BROKEN = """
from benchmarks.row import Row

def rows(settings):
    yield Row("before it breaks", "nobody", "s", 1.0, 2.0, 2.0)
    raise ValueError("no such\\nthing")
"""
DYING = """
import os, signal

def rows(settings):
    os.kill(os.getpid(), signal.SIGKILL)
    yield
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The table over three families: broken, dying and sound."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.syspath_prepend(tmp_path)
    from benchmarks import __main__ as table
    from benchmarks import running

    package = tmp_path / "families_on_trial"
    package.mkdir()
    names = {"broken": BROKEN, "dying": DYING, "sound": SOUND}
    for name, source in names.items():
        (package / f"{name}.py").write_text(source)
    monkeypatch.setattr(running, "PACKAGE", "families_on_trial")
    monkeypatch.setattr(table, "FAMILIES", dict.fromkeys(names, "on trial"))
    return table


def test_a_family_that_fails_is_reported_and_the_others_are_measured(table, capfd):
    assert table.main(["--json"]) == 1
    written = capfd.readouterr()
    rows = json.loads(written.out)["rows"]
    assert [(row["family"], row["status"]) for row in rows] == [
        ("broken", "measured"),
        ("broken", "failed"),
        ("dying", "failed"),
        ("sound", "measured"),
        ("sound", "not installed"),
    ]
    assert rows[1]["remark"] == "ValueError: no such thing"
    assert "status -9" in rows[2]["remark"]
    assert "broken" in written.err  # progress, and the traceback, are not in the table's way
    assert "Traceback" in written.err


def test_ratios_are_of_rounds_and_a_peer_not_installed_is_said(table, capfd):
    assert table.main(["--only", "sound"]) == 0
    lines = capfd.readouterr().out.splitlines()
    measured = next(line for line in lines if line.startswith("sorting")).split()
    # Medians are 2 and 3 s; of the rounds theirs took 3, 1 and 2 times ours.
    assert measured == "sorting 2.00 s their sort 3.00 s 2.00 × 1.00 to 3.00 3".split()
    missing = next(n for n, line in enumerate(lines) if line.startswith("adding"))
    assert "2.50 ms" in lines[missing]
    assert "not installed" in lines[missing]
    assert lines[missing + 1].strip() == "pip install adder"


def test_the_same_as_markdown_has_as_many_cells_in_every_line(table, capfd):
    assert table.main(["--only", "sound", "--markdown"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "sound", "speed"], "no rows are called speed; there are broken, dying, sound"),
        (["--repeats", "0"], "--repeats must be at least 1, not 0"),
    ],
)
def test_bad_words_end_with_one_clear_line(table, capfd, words, said):
    with pytest.raises(SystemExit) as refused:
        table.main(words)
    assert refused.value.code == 2
    assert capfd.readouterr().err == f"{said}\n"


def test_every_family_that_is_offered_is_there(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.rows import FAMILIES

    listed = {path.stem for path in (ROOT / "benchmarks" / "rows").glob("*.py")} - {"__init__"}
    assert set(FAMILIES) <= listed
