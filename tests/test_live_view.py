"""The live picture follows a run, and a run never waits for it."""

import base64
import os
import time

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.image import imread

from operando.commands.demonstrating import wants_live
from operando.live import LiveView
from operando.live.showing import screen

START = {"uid": "a" * 36, "time": 0.0, "plan_name": "count"}
PRIMARY = {"uid": "d", "name": "primary", "data_keys": {}}


def event(number):
    return {"descriptor": "d", "seq_num": number, "data": {"det": float(number)}}


def wait(found, seconds=60.0):
    end = time.monotonic() + seconds
    while not (got := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return got


def test_the_picture_is_there_while_documents_come_and_whole_at_the_end(tmp_path):
    path, told = tmp_path / "out" / "live.png", []
    with LiveView(path, told.append, window=False, per_second=20.0) as view:
        assert told == [f"live picture: {path}"]  # before anything is measured
        began = time.perf_counter()
        view("start", START)
        view("descriptor", PRIMARY)
        for number in range(500):
            view("event", event(number))
        assert time.perf_counter() - began < 0.5  # whoever measures does not wait
        first = wait(lambda: path.exists() and path.stat().st_mtime_ns)
        before = imread(path)
        view("event", event(123456))
        wait(lambda: path.stat().st_mtime_ns > first)
    assert imread(path).shape == before.shape
    assert told == [f"live picture: {path}"]
    assert [one.name for one in path.parent.iterdir()] == ["live.png"]


def test_a_display_that_is_gone_is_one_line_and_the_picture_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":7654")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    path, told = tmp_path / "live.png", []
    with LiveView(path, told.append) as view:
        view("start", START)
        wait(lambda: len(told) == 2)
        view("descriptor", PRIMARY)
        view("event", event(1))
    assert "goes on in" in told[1]
    assert "\n" not in told[1]
    assert imread(path).std() > 0.0


def test_a_window_whose_process_dies_leaves_a_picture_of_the_whole_run(tmp_path):
    path, told = tmp_path / "live.png", []
    view = LiveView(path, told.append, window=True)
    view("start", START)
    view("descriptor", PRIMARY)
    view._process.kill()  # as a toolkit does whose display is lost
    view._process.wait()
    for number in range(3):
        view("event", event(number))
        time.sleep(0.1)
    view.close()
    assert any("goes on in" in line for line in told[1:])
    assert path.exists()


def test_without_the_process_that_draws_the_measurement_goes_on(tmp_path):
    told = []
    view = LiveView(tmp_path / "live.png", told.append, window=False)
    view._process.kill()
    view._process.wait()
    view("start", START)
    wait(lambda: len(told) == 2)
    for number in range(1000):
        view("event", event(number))
    view.close()
    assert told[1:] == ["the live picture has ended: the process that draws it is gone"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    told = []
    with LiveView(tmp_path / "live.png", told.append, window=False) as view:
        view("start", START)
    assert len(told) == 2
    assert "no live picture" in told[1]


def test_a_notebook_shows_each_picture_in_the_place_of_the_last(tmp_path, monkeypatch):
    shell = InteractiveShell.instance()
    published = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", published)
    path = tmp_path / "live.png"
    show = screen()
    show(path)  # nothing drawn yet
    for text in (b"one", b"two"):
        path.write_bytes(text)
        show(path)
    data = [out["data"]["image/png"] for out in published.outputs]
    assert [base64.b64decode(one) for one in data] == [b"one", b"two"]
    ids = [out["transient"]["display_id"] for out in published.outputs]
    assert ids[0] == ids[1]
    assert [bool(out.get("update")) for out in published.outputs] == [False, True]
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("told", "speed", "as_json", "somebody", "wanted"),
    [
        (None, "max", False, True, False),  # over before it could be looked at
        (None, "20", False, True, True),
        (None, "20", True, True, False),  # a program is at the other end
        (None, "20", False, False, False),
        (True, "max", True, False, True),
        (False, "20", False, True, False),
    ],
)
def test_a_live_picture_is_as_told_or_where_somebody_could_follow(
    monkeypatch, told, speed, as_json, somebody, wanted
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: somebody, raising=False)
    assert wants_live(told, speed, as_json) is wanted
