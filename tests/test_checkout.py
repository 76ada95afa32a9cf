"""What a clone must look like on any machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINKS = ("agents", "devices", "plans", "simulations")
# Written in parts, or this file would be the first to name them.
HOSTS = ("py" + "pi.org", "python" + "hosted.org", "ana" + "conda.org", "reg" + "istry.npm")
HOME = re.compile(rb"/(?:home|Users)/[A-Za-z0-9_.-]+/|/ro" + rb"ot/")


def tracked() -> list[Path]:
    """Return the files under version control, links left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    if not listed:
        pytest.skip("not a clone")
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@pytest.mark.parametrize("name", LINKS)
def test_root_links_are_relative(name):
    link = ROOT / name
    assert link.is_symlink()
    assert link.readlink() == Path("src/operando") / name
    assert link.is_dir()


def test_no_file_names_a_registry():
    found = [
        (path.name, host)
        for path in tracked()
        for host in HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_file_names_somebodys_home():
    assert [path.name for path in tracked() if HOME.search(path.read_bytes())] == []


def test_every_requirement_is_pinned_once():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    names = [re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "command", ['install -c constraints.txt -e ".[test]"', "pytest -q -n 2 --dist loadfile\n"]
)
def test_readme_and_ci_install_and_test_alike(command):
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text().replace(" --quiet", "")
