import json
from functools import partial

import numpy as np
import pytest

AXIS = np.linspace(12.0, 60.0, 600)


@pytest.fixture
def run(operando):
    """Give ``operando classify`` arguments; get status, stdout and stderr."""
    return partial(operando, "classify")


@pytest.fixture
def table(tmp_path):
    """Write a table of three hundred counts or more under a name."""

    def write(name, two_theta=AXIS, seed=0):
        line = 900 * np.exp(-0.5 * ((two_theta - 44.7) / 0.2) ** 2)
        values = np.random.default_rng(seed).poisson(40 + line)
        path = tmp_path / name
        path.write_text("".join(f"{x:.4f} {y}\n" for x, y in zip(two_theta, values, strict=True)))
        return path

    return write


def test_every_pattern_of_every_file_is_answered(run, table):
    status, out, err = run(table("a.xy"), table("b.dat", seed=1), "--wavelength", 1.5406, "--json")
    assert status == 0
    assert err == ""
    patterns = json.loads(out)["patterns"]
    assert [p["name"] for p in patterns] == ["a", "b"]
    for pattern in patterns:
        assert pattern["lines"][0]["two_theta"] == pytest.approx(44.7, abs=0.03)
        assert all(0 <= p <= 1 for p in pattern["labels"].values())


def test_the_measured_minerals_and_the_calibrant_are_read(run, shared_data):
    folder = shared_data / "xrd"
    status, out, _ = run(
        folder / "measured_minerals_cu_kalpha.csv", "--wavelength", 1.5406, "--json"
    )
    assert status == 0
    names = [p["name"] for p in json.loads(out)["patterns"]]
    assert names == ["goethite", "lepidocrocite", "magnetite", "iron", "hematite", "quartz"]
    status, out, err = run(
        folder / "ceo2_pilatus1m.tif", "--poni", folder / "ceo2_pilatus1m.poni", "--json"
    )
    assert (status, err) == (0, "")
    [ceria] = json.loads(out)["patterns"]
    # d of 111 from a = 5.4113 Å, NIST SRM 674b.
    assert ceria["lines"][0]["d_spacing"] == pytest.approx(5.4113 / np.sqrt(3), rel=2e-3)


def test_bad_input_is_one_line_on_stderr_and_status_2(run, table, tmp_path):
    good = table("good.xy")
    negative = tmp_path / "negative.xy"
    negative.write_text(good.read_text() + "70 -5\n")
    junk = tmp_path / "junk.tif"
    junk.write_bytes(bytes(range(256)) * 4)
    poni = tmp_path / "junk.poni"
    poni.write_text("no geometry\n")
    short = table("short.xy", np.linspace(44.0, 46.0, 200))
    for arguments, message in (
        ([tmp_path / "absent.xy", "--energy", 10], "absent.xy: does not exist"),
        ([tmp_path, "--energy", 10], "is a directory"),
        ([good], "--wavelength"),
        ([good, "--wavelength", 1.5, "--energy", 10], "contradict"),
        ([good, "--energy", 0], "above 0"),
        ([good, "--energy", "ten"], "--energy"),
        ([good, negative, "--energy", 10], "negative.xy: line 601"),
        ([junk, "--energy", 10], "--poni"),
        ([junk, "--energy", 10, "--poni", poni], "not a PONI file"),
        ([junk, "--energy", 10, "--poni", tmp_path / "absent.poni"], "absent.poni"),
        ([short, "--wavelength", 1.5406], "quarter of"),
        ([], "files"),
    ):
        status, out, err = run(*arguments)
        assert status == 2, arguments
        assert out == ""
        assert err.count("\n") == 1, err
        assert err.startswith("operando: ")
        assert message in err
