"""Work that is shared with a Dask cluster gives the answers that it gives without one."""

import math
import subprocess
import sys
import time

import numpy as np
import pytest
from distributed import LocalCluster

from operando import spreading
from operando.agents.phase_mapping import PhaseMappingAgent
from operando.commands import labels_spread
from operando.plans.mapping import map_two_pass
from operando.session import mapping_session
from operando.spreading import cluster
from support.tiled_server import free_port


@pytest.fixture(scope="module")
def workers():
    """Start a scheduler and two workers, each a process."""
    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=2, processes=True, **options) as local:
        yield local


@pytest.fixture
def tables(tmp_path):
    """Write one pattern, and seven in one file."""
    axis = np.linspace(12.0, 60.0, 600)
    rng = np.random.default_rng(3)
    paths = []
    for name, number in (("one.csv", 1), ("seven.csv", 7)):
        lines = 900 * np.exp(-0.5 * ((axis - 44.7 + 3 * len(paths)) / 0.2) ** 2)
        counts = rng.poisson(np.tile(40 + lines, (number, 1)))
        paths.append(tmp_path / name)
        np.savetxt(paths[-1], np.column_stack([axis, counts.T]), delimiter=",")
    return paths


def test_patterns_get_the_same_labels(operando, workers, tables, monkeypatch):
    monkeypatch.setattr(labels_spread, "PART", 3)
    words = ["classify", *tables, "--wavelength", 1.5406, "--json"]
    alone = operando(*words)
    shared = operando(*words, "--dask", workers.scheduler_address)
    assert shared.returncode == 0, shared.stderr
    assert len(alone.json()["patterns"]) == 8
    assert shared.json() == alone.json()


def test_a_file_that_cannot_be_read_is_one_line(operando, workers, tables, tmp_path):
    words = ["classify", *tables, tmp_path / "absent.xy", "--energy", 10]
    done = operando(*words, "--dask", workers.scheduler_address)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "absent.xy: does not exist" in done.stderr


def test_runs_are_replayed_alike(operando, workers, make_store, tmp_path):
    store = tmp_path / "store"
    make_store(store).close()
    with mapping_session(seed=3, speed=math.inf, store=str(store)) as session:
        for _ in range(2):
            agent = PhaseMappingAgent()
            plan = map_two_pass(
                session.station,
                agent,
                shape=(4, 5),
                step=2.0,
                exposure=0.02,
                revisit_exposure=0.1,
                n_revisits=4,
                batch=2,
            )
            session.run(plan, agent)
            agent.close()
        assert session.store.sync().waiting == ()
    words = ["replay", "-1", "-2", "--verify", "--json", "--store", store]
    alone = operando(*words)
    shared = operando(*words, "--dask", workers.scheduler_address)
    assert (alone.returncode, shared.returncode) == (0, 0), shared.stderr
    reports = [done.json() for done in (alone, shared)]
    for report in reports:
        assert report["identical"]
        assert [run["decisions"] for run in report["runs"]] == [4, 4]
        for run in report["runs"]:
            del run["seconds"]
    assert reports[0] == reports[1]
    assert len({run["uid"] for run in reports[0]["runs"]}) == 2


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense", "", "gopher://here:1"])
@pytest.mark.parametrize("command", ["classify", "replay"])
def test_an_address_that_nobody_answers_at_is_one_line(
    operando, tables, tmp_path, make_store, monkeypatch, command, address
):
    monkeypatch.setattr(spreading, "PATIENCE_S", 0.5)
    words = [tables[0], "--energy", 10]
    if command == "replay":
        make_store(tmp_path / "store").close()
        words = ["1", "--store", tmp_path / "store"]
    began = time.monotonic()
    done = operando(command, *words, "--dask", address.format(port=free_port()))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "--dask" in done.stderr
    assert time.monotonic() - began < 20.0


def test_without_the_extra_it_says_which_one_is_needed(operando, tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = operando("classify", tables[0], "--energy", 10, "--dask", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert "operando[dask]" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_interrupt_takes_back_what_waits(workers, tmp_path):
    def interrupted():
        with cluster(workers.scheduler_address) as reached:
            words = [["sh", "-c", f"sleep 0.2; touch {tmp_path}/{n}"] for n in range(200)]
            chunks = [reached.submit(subprocess.check_call, word) for word in words]
            reached.result(chunks[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    deadline = time.monotonic() + 10.0
    while workers.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workers.scheduler.tasks
    assert 1 <= len(list(tmp_path.iterdir())) < 100


def test_workers_of_another_version_are_refused(workers, monkeypatch):
    monkeypatch.setattr(spreading, "__version__", "0.0.0")
    with pytest.raises(spreading.BadInput, match=r"here it is 0\.0\.0"):
        with cluster(workers.scheduler_address):
            pass
