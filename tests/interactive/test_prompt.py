"""The session at the prompt, typed into an IPython inside this process."""

import math
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from operando.errors import BadInput
from operando.interactive import beamtime as beamtimes
from operando.interactive.beamtime import Beamtime
from operando.interactive.greeting import greeting
from operando.interactive.metadata import StoredMetadata
from operando.interactive.plan_table import ENTRIES
from operando.interactive.shell import install
from operando.stations import read_station_file


@pytest.fixture(scope="module")
def beamtime(tmp_path_factory):
    file = read_station_file("sim").with_(store=str(tmp_path_factory.mktemp("prompt") / "store"))
    opened = Beamtime(replace(file, ring=replace(file.ring, settle_s=0.1)))
    opened.RE(opened.plans.map_fly(shape=(2, 3), step=16.0, exposure=0.02))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shell(beamtime):
    opened = InteractiveShell()
    install(opened, beamtime)
    return opened


@pytest.fixture
def typed(shell):
    """Type a line; what it printed, and what it raised, come back."""

    def type_in(text):
        with capture_output() as printed:
            result = shell.run_cell(text)
        return printed.stdout + printed.stderr, result

    return type_in


def test_a_plan_is_listened_to_by_its_agent_and_stored(beamtime, typed):
    said, result = typed("RE(plans.map_fly(shape=(4, 5), step=16.0, exposure=0.02))")
    assert result.success, said
    (uid,) = result.result
    assert beamtime.agents.mapping.report()["points"] == 20
    run = beamtime.catalog[-1]
    assert run.start["uid"] == uid
    assert run.stop["exit_status"] == "success"
    assert run.start["seed"] == 7
    # Where everything was, before and after.
    assert run["baseline"]["ring_current"].read().shape == (2,)
    assert uid[:8] in said
    assert "20 points" in said
    assert uid[:8] in repr(beamtime.catalog)


def test_mistakes_are_one_line(typed):
    for text, words in {
        "plans.map_fly(shap=(3, 3))": ("did you mean shape?",),
        "plans.map_fly(shape=(3, 3))": ("missing", "step"),
        "RE(plans.map_fly(shape=(4, 5), step=2000.0, exposure=0.1))": ("stage_y = 6000 um",),
        "RE(plans.watch_kinetics(longest=10.0))": ("RE(plans.measure_ends())",),
        "plans.map_flyy": ("there is no plan 'map_flyy'",),
        "catalog['nothing']": ("no run 'nothing'",),
        "%ct soon": ("an exposure in s is needed",),
    }.items():
        said, result = typed(text)
        assert not result.success
        if "flyy" not in text:  # a name that there is not is Python's to say
            assert len(said.strip().splitlines()) == 1, said
        assert all(word in said for word in words), said


def test_where_it_went_wrong_can_be_asked_for(typed):
    typed("plans.map_fly(shap=(3, 3))")
    said, _ = typed("%tb")
    assert "Traceback" in said
    assert "plan_book.py" in said


def tab(shell, text):
    with provisionalcompleter():
        return {found.text.split(".")[-1] for found in shell.Completer.completions(text, len(text))}


def test_tab_shows_plans_by_name_and_job(shell):
    assert {"map_fly", "mapping"} <= tab(shell, "plans.ma")
    found = tab(shell, "plans.mapping.")
    assert {"map_fly", "map_raster"} <= found
    assert not [name for name in found if name.startswith(("soc_", "_"))]
    assert "position" in tab(shell, "station.mapping.stage.x.pos")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_question_mark_shows_an_example_and_only_what_a_person_gives(entry, shell, beamtime):
    seen = shell.object_inspect_text(f"plans.{entry.name}")
    assert entry.call in seen
    for filled in ("station :", "detectors :", "cell :", "station: "):
        assert filled not in seen
    assert entry.call in repr(beamtime.plans)


def test_magics_say_where_things_are_move_and_count(typed, beamtime):
    typed("%mov station.mapping.stage.x 40 station.mapping.stage.y 16")
    assert beamtime.station.mapping.stage.x.position == 40.0
    said, _ = typed("%wa mapping")
    assert "station.mapping.stage.x" in said
    assert "-2500 to 2500 um" in said
    said, _ = typed("%ct 0.05")
    counts = float(said.split()[1])
    assert counts > 1e4
    assert not beamtime.station.mapping.shutter.is_open


def test_runs_and_show_are_those_of_the_command_line(typed, beamtime):
    said, _ = typed("%runs --limit 3")
    assert beamtime.catalog[-1].start["uid"][:8] in said
    said, _ = typed("%show -1")
    assert "map_fly" in said
    said, _ = typed("%show nothing")
    assert "no run 'nothing'" in said
    said, _ = typed("%runs --wrong")
    assert "--wrong" in said


def test_a_run_is_drawn_live_and_reported(beamtime, typed, tmp_path):
    typed("%live on")
    try:
        said, result = typed("RE(plans.map_fly(shape=(3, 4), step=16.0, exposure=0.02))")
        assert result.success, said
    finally:
        beamtime.live.close()  # draws the last picture
        off, _ = typed("%live off")
    assert "off" in off
    assert beamtime.live.path.read_bytes().startswith(b"\x89PNG")
    page = tmp_path / "report.html"
    typed(f"%report -1 --out {page}")
    assert beamtime.catalog[-1].start["uid"] in page.read_text("utf-8")


def test_a_plan_waits_for_the_beam_and_goes_on_by_itself(beamtime, typed, monkeypatch):
    ring, shutter = beamtime.station.ring, beamtime.station.mapping.shutter
    seen = []

    def lose_the_beam(name, doc):
        if name == "event" and doc["seq_num"] == 3 and not seen:
            seen.append("dumped")
            ring.dump()
            threading.Thread(target=have_it_back).start()

    def have_it_back():
        late = time.monotonic() + 60.0
        # Without beam nothing is open to it: what the run was told to the shutter counts.
        while shutter.read()["shutter"]["value"] == "open" and time.monotonic() < late:
            time.sleep(0.05)
        seen.append(shutter.read()["shutter"]["value"])
        ring.refill()

    token = beamtime.RE.subscribe(lose_the_beam)
    try:
        said, result = typed("RE(plans.map_raster(shape=(3, 4), step=16.0, exposure=0.02))")
    finally:
        beamtime.RE.unsubscribe(token)
    assert result.success, said
    assert seen == ["dumped", "closed"]
    assert beamtime.catalog[-1].stop["num_events"]["primary"] == 12
    assert not shutter.is_open


def test_without_front_end_no_run_begins_until_it_opens(beamtime, typed):
    ring = beamtime.station.ring
    ring.front_end.put(0)
    opened = []

    def open_it():
        opened.append(time.time())
        ring.front_end.put(1)

    threading.Timer(0.5, open_it).start()
    said, result = typed("RE(plans.map_fly(shape=(2, 3), step=16.0, exposure=0.02))")
    assert result.success, said
    assert beamtime.catalog[-1].start["time"] > opened[0]


@pytest.mark.parametrize("wish", ["resume", "abort"])
def test_somebody_elsewhere_pauses_and_the_prompt_waits_for_them(beamtime, typed, wish):
    engine, store = beamtime.RE, beamtime.catalog.store
    seen, uids = [], []

    def until(condition):
        late = time.monotonic() + 60.0
        while not condition() and time.monotonic() < late:
            time.sleep(0.05)

    def ask(name, doc):
        if name == "start":
            uids.append(doc["uid"])
        if name == "event" and doc["seq_num"] == 3 and not seen:
            seen.append("asked")
            store.ask(uids[0], "pause")
            until(lambda: engine._hearing.paused)
            threading.Thread(target=answer).start()

    def answer():
        until(lambda: engine.state == "paused")
        seen.append(
            f"{engine.state}, {beamtime.station.mapping.shutter.read()['shutter']['value']}"
        )
        store.ask(uids[0], wish)

    token = engine.subscribe(ask)
    try:
        said, result = typed("RE(plans.map_raster(shape=(3, 4), step=16.0, exposure=0.02))")
    finally:
        engine.unsubscribe(token)
    assert seen == ["asked", "paused, closed"]
    assert engine.state == "idle"
    stop = beamtime.catalog[-1].stop
    if wish == "resume":
        assert result.success, said
        assert stop["num_events"]["primary"] == 12
    else:
        assert "aborted" in said
        assert (stop["exit_status"], stop["reason"]) == ("abort", "asked from elsewhere")


def test_no_beam_is_no_counts(beamtime):
    station = beamtime.station
    station.mapping.shutter.set("open").wait(5.0)
    try:
        assert station.mapping.shutter.is_open
        station.ring.dump()
        assert not station.mapping.shutter.is_open
    finally:
        station.ring.refill()
        station.mapping.shutter.set("closed")


def test_kinetics_by_pasting_the_examples(beamtime, typed):
    for name in ("measure_ends", "watch_kinetics"):
        entry = next(entry for entry in ENTRIES if entry.name == name)
        said, result = typed(entry.call)
        assert result.success, said
    report = beamtime.agents.kinetics.report()
    assert report["frames"] > 20
    assert abs(report["t0"]["mean"] - 7.4) < 0.5
    run = beamtime.catalog[-1]
    assert run.start["resumes"] == beamtime.catalog[-2].start["uid"]


def test_mirrors_are_focused_by_pasting_the_example(beamtime, typed):
    said, result = typed("RE(plans.focus_kb())")
    assert result.success, said
    assert "small enough" in said
    claim = beamtime.agents.focusing.report()["claim"]
    assert claim["v"]["size_um"] < 1.4
    assert claim["h"]["size_um"] < 2.2


def test_names_for_a_profile_are_those_of_this_process(beamtime, monkeypatch):
    monkeypatch.setattr(beamtimes, "_current", [beamtime])
    space = {}
    exec("from operando.session import *", space)
    assert space["RE"] is beamtime.RE
    assert space["plans"] is beamtime.plans
    assert "Session" not in space  # what the commands use is not a person's
    from operando.session import Session

    assert Session.__name__ == "Session"


def test_metadata_goes_from_session_to_session(tmp_path):
    path = tmp_path / "store" / "metadata.json"
    first = StoredMetadata(path)
    first["proposal"] = "2026B1234"
    assert [first.next_scan_id(), first.next_scan_id()] == [1, 2]
    second = StoredMetadata(path)
    assert second["proposal"] == "2026B1234"
    assert [second.next_scan_id(), first.next_scan_id()] == [3, 4]
    with pytest.raises(BadInput, match="cannot be kept"):
        second["device"] = object()
    with pytest.raises(BadInput, match="cannot be kept"):
        second["angle"] = math.nan
    path.write_text("{ torn")
    assert dict(StoredMetadata(path)) == {}
    assert path.with_suffix(".damaged").read_text() == "{ torn"


def test_the_greeting_fits_a_screen():
    lines = greeting(read_station_file("sim"), ENTRIES[1].call).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 110


def test_the_prompt_is_light():
    """What is imported before the prompt leaves the slow packages out."""
    code = (
        "import sys, operando.interactive.beamtime as b\n"
        "from operando.stations import read_station_file\n"
        "b.Beamtime(read_station_file('sim')).names()\n"
    )
    code += (
        "print([m for m in ('sklearn', 'scipy', 'pyFAI', 'tiled', 'ophyd') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
