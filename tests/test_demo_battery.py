"""``operando demo battery`` by large steps: real stations, agents and store, end to end."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from rich.console import Console

from operando.agents.soc_config import SocStepperConfig
from operando.agents.soc_library import SocLibrary
from operando.agents.soc_stepper import SocStepper
from operando.battery_session import battery_session
from operando.demos.battery import run_battery_demo, summary_table
from operando.demos.battery_runs import charging_agent, measure_charge
from operando.demos.battery_score import Errors, score
from operando.demos.battery_settings import BatteryDemo
from operando.devices.xafs_station import simulated_battery_station
from operando.errors import BadInput
from operando.plans.soc_adaptive import soc_adaptive
from operando.plans.soc_rows import with_rows
from operando.plans.soc_timetable import SocSettings
from operando.replaying import rebuild, replay_run
from operando.simulations.clock import Clock
from operando.store import open_store

PROMISED = {
    "uid",
    "soc_steps",
    "final_voltage",
    "lcf_rms",
    "r_mo_error_angstrom",
    "d003_error_angstrom",
    "loo_r2_lasso",
    "nested_r2_lasso",
    "soc_only_r2",
    "within_2_sigma",
    "figures",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(out):
    settings = BatteryDemo(seed=5, out=out, step=0.2, rest=120.0, reference_repeats=2)
    return run_battery_demo(settings, Console(quiet=True))


def test_the_result_holds_what_is_promised_and_is_json(result):
    assert set(result) >= PROMISED
    json.dumps(result)
    assert result["soc_steps"] == 9
    assert "complete rows" in Path(result["report"]).read_text(encoding="utf-8")
    assert result["final_voltage"] == pytest.approx(5.0, abs=0.01)
    assert result["failed_steps"] == []


def test_the_agents_values_are_near_the_simulated_truth(result):
    assert result["lcf_rms"] <= 0.02
    assert result["r_mo_error_angstrom"] <= 0.005
    assert result["d003_error_angstrom"] <= 0.002
    assert result["within_2_sigma"] >= 0.9
    assert result["loo_r2_lasso"] > 0.8


def test_figures_are_written(result):
    names = {Path(path).name for path in result["figures"]}
    assert names == {
        "voltage.png",
        "fractions.png",
        "reflection.png",
        "distances.png",
        "regression.png",
    }
    for path in result["figures"]:
        assert Path(path).stat().st_size > 10_000


def test_charge_table_and_references_are_in_the_store(result, out):
    with open_store(str(out / "store")) as store:
        run = store.catalog[result["uid"]]
        table = run["soc_table"].read()
        stored = np.asarray(table["soc_table_Ni_LCF130"])
        events = np.asarray(run["electrochemistry"].read()["cell_stream_voltage"]).size
        start = run.metadata["start"]
        repeats = store.catalog[result["reference_uid"]].metadata["start"]["repeats"]
    assert stored.shape == (9,)
    assert stored[-1] == pytest.approx(1.0, abs=0.02)
    assert events > 500
    assert repeats == 2
    agent = start["agent"]
    assert agent["model_version"] == result["library"]
    assert Path(agent["config"]["library"]).exists()


def test_a_replay_writes_every_row_again_and_sees_one_that_was_changed(operando, result, out):
    words = ("replay", result["uid"], "--verify", "--json", "--store", result["store"])
    aside = library_file(result, out).rename(out / "aside.npz")  # so that only the store is left
    status, said, _ = operando(*words, "--source", "tiled")
    aside.rename(library_file(result, out))
    got = json.loads(said.splitlines()[-1])
    assert (status, got["identical"], got["rows"], got["rounded"]) == (0, True, 9, 0)
    assert 2.0 * 3600.0 < got["run_seconds"] < 5.0 * 3600.0  # the charge, not the references before
    with open_store(result["store"]) as store:
        documents = list(store.documents(result["uid"]))
    table = next(d["uid"] for n, d in documents if n == "descriptor" and d["name"] == "soc_table")
    changed = [(name, dict(doc)) for name, doc in documents]
    row = next(d for n, d in changed if n.startswith("event") and d.get("descriptor") == table)
    value = row["data"]["soc_table_Ni_O_R"]
    if isinstance(value, list):  # a page of rows
        row["data"] = {**row["data"], "soc_table_Ni_O_R": [value[0] + 0.01, *value[1:]]}
    else:
        row["data"] = {**row["data"], "soc_table_Ni_O_R": value + 0.01}
    agent = rebuild(documents[0][1]["agent"])
    replayed = replay_run(changed, agent)
    agent.close()
    first = replayed.first_difference
    assert (first["stream"], first["decision"], first["key"]) == ("soc_table", 0, "Ni_O_R")
    assert len(replayed.differences) == 1


def test_the_summary_names_what_is_wanted(result):
    sink = io.StringIO()
    Console(file=sink, width=100).print(summary_table(result))
    assert "≤ 0.005" in sink.getvalue()


@pytest.fixture(scope="module")
def session(result):
    with battery_session(speed=math.inf, store=result["store"], console=Console(quiet=True)) as one:
        yield one


def charge(session, result, out, callback, **settings):
    """Charge with the references that are there already."""
    wanted = BatteryDemo(**{"seed": 6, "out": out, "rest": 120.0, **settings})
    agent = charging_agent(wanted, SocLibrary.load(library_file(result, out)), EARLIER)
    try:
        return measure_charge(session, wanted, agent, callback, result["reference_uid"])
    finally:
        agent.close()


def library_file(result, out):
    return out / f"references-{result['library']}" / "library.npz"


#: What the references' cell would say of the curves, see `operando.agents.soc_curves.point_of`.
EARLIER = (
    (0.0, 0.0, 4.743, 3.62),
    (0.4, 2.0, 4.782, 3.81),
    (0.8, 3.0, 4.816, 4.08),
    (1.3, 4.0, 4.757, 4.62),
)


def test_a_charge_that_broke_off_goes_on_at_its_step(operando, session, result, out):
    begun = []

    def crash(name, doc):
        if name == "start":
            begun.append(doc["uid"])
        if name == "event" and "xrd_counts" in doc["data"] and doc["data"]["soc_step_index"] == 2:
            raise RuntimeError("the power is gone")

    # Past the session, which lets no callback end a run.
    token = session.RE.subscribe(crash)
    with pytest.raises(RuntimeError, match="power"):
        charge(session, result, out, lambda name, doc: None, step=0.4)
    session.RE.unsubscribe(token)
    words = ("--out", str(out), "--resume", begun[0], "--json")
    status, said, _ = operando("demo", "battery", *words)
    got = json.loads(said.splitlines()[-1])
    assert (status, got["soc_steps"], got["failed_steps"], got["seed"]) == (0, 5, [], 6)
    assert got["library"] == result["library"]
    assert got["lcf_rms"] <= 0.02
    documents = list(session.store.documents(got["uid"]))
    start = documents[0][1]
    assert (start["resumes"], start["completed"]) == (begun[0], [0, 1])
    words = ("replay", got["uid"], "--verify", "--json", "--store", result["store"])
    status, said, _ = operando(*words)
    assert (status, json.loads(said.splitlines()[-1])["identical"]) == (0, True)


def test_only_a_charge_that_broke_off_is_resumed(operando, session, result, out):
    for uid, why in ((result["uid"], "nothing to resume"), (result["reference_uid"], "nothing to")):
        status, _, err = operando("demo", "battery", "--out", str(out), "--resume", uid)
        assert (status, len(err.strip().splitlines())) == (2, 1)
        assert why in err


def test_an_agent_chooses_steps_rests_and_repeats(operando, session, result, out):
    wanted = {"plan": "adaptive", "budget": 5, "rest": 600.0, "rest_slope": 2e-5}
    wanted["target_sd"] = 0.003
    uid = charge(session, result, out, lambda name, doc: None, **wanted)
    streams, found = {}, {}
    for name, doc in session.store.documents(uid):
        if name == "descriptor":
            streams[doc["uid"]] = doc["name"]
        elif name == "event":
            found.setdefault(streams[doc["descriptor"]], []).append(doc["data"])
        elif name == "event_page":
            for i in range(len(doc["seq_num"])):
                data = {key: values[i] for key, values in doc["data"].items()}
                found.setdefault(streams[doc["descriptor"]], []).append(data)
    assert [one["decision_reason"] for one in found["decisions"]] == ["agent"] * 4
    assert len(found["primary"]) == 5
    assert max(one["soc_step_rested"] for one in found["primary"][1:]) < 600.0
    assert max(one["decision_repeats"] for one in found["decisions"]) > 1
    assert len(found["xafs_mn"]) == 1 + sum(one["decision_repeats"] for one in found["decisions"])
    words = ("replay", uid, "--verify", "--json", "--store", result["store"])
    status, said, _ = operando(*words)
    got = json.loads(said.splitlines()[-1])
    assert (status, got["identical"], got["compared"], got["rows"]) == (0, True, 4, 5)


def numbers(epoch):
    """Charge a cell a little where an agent says; all that was measured and decided."""
    battery = simulated_battery_station(Clock(math.inf, epoch=epoch), 4)
    agent = SocStepper(SocStepperConfig(states=(0.0, 0.2), budget=3, end=0.3))
    engine = RunEngine({}, context_managers=[], call_returns_result=False)
    streams, found = {}, {}

    def keep(name, doc):
        if name == "descriptor":
            streams[doc["uid"]] = doc["name"]
        elif name == "event":
            for key, value in doc["data"].items():
                if not key.endswith(("_time", "_reduction_s")):
                    found.setdefault((streams[doc["descriptor"]], key), []).append(repr(value))

    engine.subscribe(agent)
    engine.subscribe(keep)
    station = battery.station
    settings = SocSettings(rest=60.0, max_soc=0.3)
    plan = soc_adaptive(station.cell, station, agent, settings=settings, report=lambda _: None)
    engine(with_rows(plan, agent))
    battery.driver.close()
    agent.close()
    return found


def test_a_seed_gives_the_same_numbers_to_the_last_bit_at_any_time():
    first, second = numbers(1.7e9), numbers(1.8e9 + 12_345.0)
    assert {"decisions", "electrochemistry", "xrd", "xafs_mn", "soc_table"} <= {k[0] for k in first}
    assert first == second


def test_the_demonstrations_clock_begins_at_a_whole_second(result):
    with battery_session(speed=math.inf, store=result["store"], console=Console(quiet=True)) as one:
        assert one.clock.now() % 1.0 == 0.0


def test_a_dry_run_prints_the_timetable_and_stores_nothing(monkeypatch, operando, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, out, _ = operando("demo", "battery", "--dry-run", "--step", "0.2", "--json")
    timetable = json.loads(out.splitlines()[-1])["timetable"]
    assert status == 0
    assert len(timetable) == 12  # a header, ten steps, the sum
    assert "ends earlier when the cell reaches 5 V" in timetable[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--step", "0"),
        ("--rest", "-1"),
        ("--until", "nan"),
        ("--rest-slope", "0"),
        ("--plan", "wild"),
        ("--budget", "5"),
        ("--budget", "1", "--plan", "adaptive"),
        ("--target-sd", "0.01"),
        ("--resume", "abcdef12", "--plan", "adaptive"),
    ],
)
def test_nonsense_is_refused_in_one_line(operando, arguments):
    status, _, err = operando("demo", "battery", *arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert arguments[0].strip("-").replace("-", "_") in err.replace("-", "_")


def test_settings_are_checked_before_anything_is_measured():
    with pytest.raises(BadInput, match="seed"):
        BatteryDemo(seed=-1)


def test_the_score_counts_what_is_within_two_sigmas():
    errors = Errors([0.1, -0.3, 0.0], [0.1, 0.1, 0.1])
    assert errors.within == [True, False, True]
    assert errors.largest == 0.3
    assert np.isnan(score([])["within_2_sigma"])
