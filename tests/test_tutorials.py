"""The README and every tutorial run as printed: blocks in order, typed into a fresh session.

So do the how-tos that are all code. The session is what `operando ipython` gives, in an empty
folder; shell commands are run beside it.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from operando.interactive.beamtime import Beamtime
from operando.interactive.shell import install
from operando.stations import read_station_file

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
HOW_TO = FOLDER.parent / "how-to"
CODE = ("focus.md", "kinetic-law.md", "optimise-a-scalar.md", "own-cell.md", "when-to-stop.md")
PAGES = [*sorted(FOLDER.glob("*.md")), *(HOW_TO / name for name in CODE)]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """Language, code and line number of each fenced block."""
    for found in _FENCE.finditer(text):
        yield found[1], found[2], text.count("\n", 0, found.start(2))


def run_python(code, shell, where):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = shell.run_cell(code)
    problem = result.error_before_exec or result.error_in_exec
    assert problem is None, f"{where}: {problem!r}"
    return printed.getvalue()


def run_bash(code):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Give an IPython with a session as new as that of ``operando ipython``."""
    monkeypatch.chdir(tmp_path)
    shell, beamtime = InteractiveShell(), Beamtime(read_station_file("sim"))
    install(shell, beamtime)
    yield shell
    beamtime.close()


def test_there_is_a_tutorial():
    assert PAGES


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_as_printed(page, session):
    printed = ""
    for language, code, line in blocks(page.read_text(encoding="utf-8")):
        where = f"{page.name}, line {line}"
        if language == "python":
            printed = run_python(code, session, where)
        elif language == "bash":
            printed = run_bash(code)
        elif language == "text":  # what the block before it prints
            assert printed.strip() == code.strip(), where
        else:
            pytest.fail(f"{where}: a block of {language or 'no language'} is not run")
        print(printed, end="")


@pytest.mark.parametrize(
    "page", sorted(FOLDER.parent.rglob("*.md")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
