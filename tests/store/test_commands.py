"""What is stored, through the commands that users type."""

import csv
import json
import math

import fabio
import h5py
import numpy as np
import pytest
from matplotlib.image import imread

from operando.agents.phase_mapping import PhaseMappingAgent
from operando.errors import BadInput
from operando.plans.mapping import map_fly, map_two_pass
from operando.replaying import changed_spec, rebuild
from operando.session import mapping_session

SHAPE = (8, 10)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Measure a map whose agent chooses its revisits in rounds, and one that none follows."""
    folder = tmp_path_factory.mktemp("mapped") / "store"
    agent = PhaseMappingAgent()
    with mapping_session(seed=3, speed=math.inf, store=str(folder)) as session:
        station = session.station
        plan = map_two_pass(
            station,
            agent,
            shape=SHAPE,
            step=2.0,
            exposure=0.02,
            revisit_exposure=0.1,
            n_revisits=14,
            batch=6,
            origin=(60.0, 60.0),
            sample="section A",
        )
        uid = session.run(plan, agent)
        alone = session.run(map_fly(station, shape=SHAPE, step=2.0, exposure=0.02))
        agent.close()
        assert session.store.sync().waiting == ()
    return folder, uid, alone


@pytest.fixture
def operando(monkeypatch, operando, mapped):
    """Run a command; return its status, its JSON or text, and what it said on stderr."""
    monkeypatch.setenv("OPERANDO_STORE", str(mapped[0]))

    def run(*words):
        done = operando(*words)
        return done.returncode, done.json() if "--json" in words else done.stdout, done.stderr

    return run


def test_runs_are_listed_and_found(operando, mapped):
    _, uid, alone = mapped
    assert [run["uid"] for run in operando("runs", "--json")[1]["runs"]] == [uid, alone]
    found = operando("runs", "--json", "--agent", "phase_mapping", "--plan", "map_two_pass")[1]
    assert [run["uid"] for run in found["runs"]] == [uid]
    assert found["runs"][0]["events"] == {"primary": 80, "decisions": 14, "revisits": 14}
    assert operando("runs", "--json", "--until", "2020-01-01")[1]["found"] == 0
    assert uid[:8] in operando("runs")[1]


def test_a_run_is_drawn_again(operando, mapped, tmp_path):
    _, uid, _ = mapped
    path = tmp_path / "new" / "map.png"
    status, shown, _ = operando("show", uid, "--plot", "--out", path, "--json")
    assert (status, shown["figure"]) == (0, str(path))
    assert imread(path)[..., :3].std() > 0.05  # not a blank sheet
    status, _, said = operando("show", uid, "--plot", "--out", tmp_path / "map.txt")
    assert status == 2
    assert "txt" in said
    assert said.count("\n") == 1
    assert operando("show", uid, "--out", path)[0] == 2


@pytest.mark.parametrize("name", ["-1", "2", "uid", "part"])
def test_run_is_shown_by_any_name(operando, mapped, name):
    _, uid, alone = mapped
    key, expected = {"-1": ("-1", alone), "2": ("2", alone)}.get(
        name, ({"uid": uid, "part": uid[:9]}.get(name), uid)
    )
    shown = operando("show", key, "--json")[1]
    assert shown["uid"] == expected
    assert shown["streams"]["primary"]["data_keys"]["pilatus_image"]["external"]


@pytest.mark.parametrize(
    "words",
    [
        ["show", "00000-dead"],
        ["show", "%%%%%"],
        ["show", "abc"],
        ["show", "-77"],
        ["show", "4711"],
        ["export", "nonsense", "somewhere"],
        ["export", "-1", "/proc/nowhere"],
        ["export", "-1", "somewhere", "--format", "xls"],
        ["replay", "nonsense"],
        ["replay", "-1"],
        ["replay", "1", "--agent", "nonsense"],
        ["replay", "1", "--agent", "os.system"],
        ["replay", "1", "--set", "nonsense=1"],
        ["replay", "1", "--set", "nonsense"],
        ["replay", "1", "--speed", "-3"],
        ["runs", "--since", "yesterday"],
        ["runs", "--store", "/nowhere/at/all"],
        ["ingest", "/nowhere/at/all"],
        ["serve", "--host", "0.0.0.0"],
        ["serve", "--readable", "/nowhere/at/all"],
        ["serve", "--store", "http://127.0.0.1:1"],
    ],
)
def test_bad_input_is_one_line_and_status_2(operando, words):
    status, out, said = operando(*words)
    assert status == 2
    assert out == ""
    assert said.count("\n") == 1, said
    assert said.startswith("operando: ")


def test_ambiguous_uid_is_refused(operando, mapped):
    from operando.store import open_store
    from support.frames_run import documents

    with open_store(mapped[0]) as store:
        for twin in ("a", "b"):
            renamed = {}
            for name, doc in documents(store.frames_dir, 1):
                text = json.dumps(doc, default=lambda value: np.asarray(value).tolist())
                renamed.setdefault("uid", doc["uid"] if name == "start" else None)
                old = renamed["uid"]
                store.writer()(name, json.loads(text.replace(old, f"00facade-{twin}{old[10:]}")))
        assert store.sync().waiting == ()
    status, _, said = operando("show", "00facade")
    assert status == 2
    assert "multiple" in said
    assert operando("show", "00facade-b", "--json")[1]["uid"].startswith("00facade-b")
    with open_store(mapped[0]) as store:
        for uid in [uid for uid in store.catalog if uid.startswith("00facade")]:
            store.catalog.delete_contents(uid, recursive=True, external_only=False)


def test_export_is_what_was_measured(operando, mapped, tmp_path):
    _, uid, _ = mapped
    files = operando("export", uid, tmp_path / "out", "--json")[1]["files"]
    nexus = next(path for path in files if path.endswith(".nxs"))
    with h5py.File(nexus) as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert data.attrs["NX_class"] == "NXdata"
        assert data[data.attrs["signal"]].shape == (80, 195, 487)
        assert entry["decisions/decision_probability"].shape == (14, 9)
        assert entry["primary/stage_x"].attrs["units"] == "um"
        assert entry["instrument/revisits/pilatus/pilatus_exposure"][()] == pytest.approx(0.1)
        assert json.loads(entry["documents/start"][()])["uid"] == uid
        positions = entry["primary/stage_x"][:]
    table = next(path for path in files if path.endswith("primary.csv"))
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["stage_x"]) for row in rows] == positions.tolist()


def test_nothing_waits(operando):
    status, said, _ = operando("store", "status", "--json")
    assert (status, said["waiting"], said["reachable"]) == (0, [], True)
    assert operando("store", "sync", "--json")[0] == 0


@pytest.mark.parametrize("source", ["journal", "tiled"])
def test_replay_makes_every_decision_again(operando, mapped, source):
    _, uid, _ = mapped
    status, got, _ = operando("replay", uid, "--verify", "--json", "--source", source)
    assert status == 0
    assert got["uid"] == uid
    assert (got["decisions"], got["compared"], got["same_points"]) == (14, 14, 14)
    assert got["identical"]
    assert got["first_difference"] is None
    assert got["report"]["visits"] == 94


def test_replay_with_another_setting_differs_and_says_where(operando, mapped):
    words = ["replay", mapped[1], "--verify", "--set", 'labels=["resin"]']
    status, got, said = operando(*words, "--json")
    assert status == 1
    assert not got["identical"]
    assert got["first_difference"]["decision"] == 0
    assert got["agent"]["config"]["labels"] == ["resin"]
    assert got["own"]["identical"]
    assert got["own"]["agent"]["config"]["labels"] != ["resin"]
    assert "decision 0" in said


def test_run_without_an_agent_is_replayed_through_a_named_one(operando, mapped):
    status, got, _ = operando("replay", mapped[2], "--agent", "mapping", "--json")
    assert status == 0
    assert got["decisions"] == 0
    assert got["report"]["points"] == 80


def test_replay_at_a_speed_takes_its_time(operando, mapped):
    got = operando("replay", mapped[1], "--json", "--speed", "2")[1]
    assert got["seconds"] > got["run_seconds"] / 2


@pytest.mark.parametrize(
    "name", ["os.system", "operando.errors.BadInput", "operando.nowhere.Agent", "operando", ""]
)
def test_stored_run_cannot_name_any_class(name):
    with pytest.raises(BadInput):
        rebuild({"class": name, "config": {}})


def test_changed_settings_leave_the_rest():
    spec = {"class": "a.B", "config": {"spatial": {"trust": 0.8, "ridge": 5.0}}}
    changed = changed_spec(spec, None, ["spatial.trust=0.5", "model=shipped"])
    assert changed["config"] == {"spatial": {"trust": 0.5, "ridge": 5.0}, "model": "shipped"}
    assert spec["config"]["spatial"]["trust"] == 0.8


def write_frames(folder, shape=(195, 487)):
    """Write six frames that say where they belong, in three formats."""
    folder.mkdir()
    frames = [np.full(shape, 100 + n, dtype=np.int32) for n in range(6)]
    for n in range(3):
        fabio.tifimage.TifImage(data=frames[n]).write(str(folder / f"a{n}.tif"))
    fabio.cbfimage.CbfImage(data=frames[3]).write(str(folder / "b3.cbf"))
    with h5py.File(folder / "c.h5", "w") as file:
        file["entry/data/data"] = np.stack(frames[4:])
    (folder / "geometry.poni").write_text(
        "poni_version: 2.1\nDetector: Detector\n"
        'Detector_config: {"pixel1": 0.000172, "pixel2": 0.000172, "max_shape": [195, 487], '
        '"orientation": 3}\n'
        "Distance: 0.153\nPoni1: 0.0168\nPoni2: 0.0419\nRot1: -0.436\nRot2: 0\nRot3: 0\n"
        "Wavelength: 1.23984e-10\n"
    )
    rows = ["file,x,y,i0"]
    names = ["a0.tif", "a1.tif", "a2.tif", "b3.cbf", "c.h5", "c.h5"]
    rows += [f"{name},{2.0 * (n % 3)},{4.0 * (n // 3)},{1000 + n}" for n, name in enumerate(names)]
    (folder / "positions.csv").write_text("\n".join(rows))
    return frames


def test_old_frames_become_a_run_that_can_be_labelled(operando, shared_store, tmp_path):
    frames = write_frames(tmp_path / "old")
    words = [
        "--positions",
        tmp_path / "old" / "positions.csv",
        "--sample",
        "old",
        "--exposure",
        0.5,
    ]
    status, got, said = operando(
        "ingest", tmp_path / "old", *words, "--store", shared_store.name, "--json"
    )
    assert status == 0, said
    assert (got["frames"], got["shape"]) == (6, [2, 3])
    assert got["energy_kev"] == pytest.approx(10.0, abs=1e-3)
    run = shared_store[got["uid"]]
    image = run["primary"]["pilatus_image"]
    assert [int(np.asarray(image[n])[0, 0]) for n in range(6)] == [f[0, 0] for f in frames]
    table = run["primary"].read(variables=["stage_x", "stage_y", "i0"])
    assert table["stage_x"].values.tolist() == [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]
    assert table["i0"].values[5] == 1005
    assert run.validate()
    words = ["--agent", "mapping", "--store", shared_store.name, "--json"]
    _, replayed, _ = operando("replay", got["uid"], *words)
    assert replayed["report"]["points"] == 6
    assert replayed["report"]["dwell_s"] == pytest.approx(3.0)


@pytest.mark.parametrize("fault", ["positions", "shape", "text"])
def test_ingest_refuses_what_does_not_fit_and_leaves_nothing(
    operando, shared_store, tmp_path, fault
):
    write_frames(tmp_path / "old")
    positions = tmp_path / "old" / "positions.csv"
    if fault == "positions":
        positions.write_text("x,y\n0,0\n")
    elif fault == "shape":
        fabio.tifimage.TifImage(data=np.ones((9, 9), np.int32)).write(
            str(tmp_path / "old" / "a2.tif")
        )
    else:
        (tmp_path / "old" / "a1.tif").write_text("no image")
    before, kept = len(shared_store), set(shared_store.frames_dir.iterdir())
    words = ["--positions", positions, "--store", shared_store.name]
    status, _, said = operando("ingest", tmp_path / "old", *words)
    assert status == 2
    assert said.count("\n") == 1
    assert len(shared_store) == before
    assert set(shared_store.frames_dir.iterdir()) == kept


def test_measured_frame_of_ceria_is_none_of_the_phases(
    operando, shared_store, shared_data, tmp_path
):
    words = ["--pattern", "ceo2*", "--store", shared_store.name, "--json"]
    _, got, _ = operando("ingest", shared_data / "xrd", *words)
    words = ["--agent", "mapping", "--store", shared_store.name, "--json"]
    _, replayed, _ = operando("replay", got["uid"], *words)
    share = replayed["report"]["label_share"]
    assert share.pop("other") == 1.0
    assert not any(share.values())
