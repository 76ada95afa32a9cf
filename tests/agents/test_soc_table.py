"""The table of a charge, from documents only."""

import math

import numpy as np
import pytest

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import SocLibrary
from operando.agents.soc_table import SocTableAgent
from operando.errors import AgentError, BadInput
from operando.simulations.ncm_specimen import METALS, structure
from support.charge import charge

STATES = (0.0, 0.4, 0.8)


@pytest.fixture(scope="module")
def references():
    """A charge through the reference states of another cell, and the library of it."""
    agent = SocTableAgent(SocTableConfig(states=STATES), name="references")
    documents = charge(101, agent, step=0.4, max_soc=0.8, repeats=2)
    yield documents, agent
    agent.close()


@pytest.fixture(scope="module")
def live(references):
    """A charge of 20 % steps against those references."""
    agent = SocTableAgent(SocTableConfig(states=STATES), library=references[1].library)
    documents = charge(7, agent, step=0.2, max_soc=0.8)
    yield documents, agent
    agent.close()


def feed(agent, documents):
    for name, doc in documents:
        agent(name, doc)
    return agent.rows()


def events(documents, stream):
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    return [
        doc["data"]
        for name, doc in documents
        if name == "event" and names[doc["descriptor"]] == stream
    ]


def spoil(documents, stream, index, **changes):
    """Copy documents with some data of one event replaced."""
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    spoiled = []
    for name, doc in documents:
        if name == "event" and names[doc["descriptor"]] == stream:
            if doc["data"]["soc_step_index"] == index:
                doc = {**doc, "data": {**doc["data"], **changes}}
        spoiled.append((name, doc))
    return spoiled


def test_every_step_has_a_row_near_the_truth(live):
    _, agent = live
    rows = agent.rows()
    assert [row["soc"] for row in rows] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8], abs=1e-4)
    assert {row["status"] for row in rows} == {"ok"}
    for row in rows:
        truth = structure(row["soc"], row["dose"])
        assert abs(row["d003"] - truth.d003) < min(0.002, 4 * row["d003_sd"])
        for metal in METALS:
            for shell, end in (("O", "o"), ("M", "m")):
                error = row[f"{metal}_{shell}_R"] - truth.distance[metal, end]
                assert abs(error) < min(0.006, 3 * row[f"{metal}_{shell}_R_sd"])
        if row["soc"] != pytest.approx(0.2, abs=0.01):  # a state that is not among these references
            share = truth.fractions["Ni"][[0, 2, 3]]
            found = [row[f"Ni_LCF{state}"] for state in (0, 40, 80)]
            assert found == pytest.approx(share, abs=0.02)


def test_the_rows_are_a_stream_of_the_same_run(live):
    documents, agent = live
    recorded = events(documents, "soc_table")
    rows = agent.rows()
    assert [row["soc_table_index"] for row in recorded] == [row["index"] for row in rows]
    for there, here in zip(recorded, rows, strict=True):
        assert there["soc_table_Ni_O_R"] == here["Ni_O_R"]
        assert there["soc_table_library"] == agent.library.version
    order = [
        doc["descriptor"] if name == "event" else name
        for name, doc in documents
        if name in ("event", "stop")
    ]
    uid = {doc["name"]: doc["uid"] for name, doc in documents if name == "descriptor"}
    # Live: the first row is there before the last step is measured.
    last_step = len(order) - 1 - order[::-1].index(uid["primary"])
    assert order.index(uid["soc_table"]) < last_step


def test_a_replay_gives_the_same_rows(live):
    documents, agent = live
    again = SocTableAgent(agent.config, library=agent.library)
    for here, there in zip(agent.rows(), feed(again, documents), strict=True):
        here.pop("reduction_s"), there.pop("reduction_s")
        assert there == pytest.approx(here, nan_ok=True)
    again.close()


def test_a_first_charge_makes_its_own_references_and_is_fitted_anew_when_others_arrive(
    live, references
):
    documents, followed = live
    agent = SocTableAgent(SocTableConfig(states=STATES))
    rows = feed(agent, documents)
    # At 0 there was one reference; with that of 40 % and of 80 % all rows were written again.
    assert [row["revision"] for row in rows] == [2] * 5
    assert len(agent.request_rows().result()) > len(rows)
    own = agent.library.version
    assert rows[3]["Ni_LCF80"] == pytest.approx(followed.rows()[3]["Ni_LCF80"], abs=0.02)
    agent.use(references[1].library)
    assert {row["library"] for row in agent.rows()} == {followed.library.version} != {own}
    assert agent.rows()[3]["Ni_LCF80"] == pytest.approx(followed.rows()[3]["Ni_LCF80"])
    agent.close()


def test_repeated_scans_are_averaged(references):
    documents, agent = references
    assert [len(step.scans) for step in agent.measurements()] == [4, 4, 4]
    single = SocTableAgent(agent.config, library=agent.library)
    double = SocTableAgent(agent.config, library=agent.library)
    one = [dict(doc, repeats=1) if name == "start" else doc for name, doc in documents]
    few = feed(single, list(zip([name for name, _ in documents], one, strict=True)))
    many = feed(double, documents)
    ratio = np.mean([b["Mn_LCF40_sd"] / a["Mn_LCF40_sd"] for a, b in zip(few, many, strict=True)])
    assert 0.5 < ratio < 0.9
    single.close(), double.close()


@pytest.mark.parametrize(
    ("stream", "changes", "lost", "kept", "why"),
    [
        ("xafs_mn", {"xafs_mn_i1": [10.0] * 356}, "Mn_O_R", "Ni_O_R", "dark current"),
        ("xafs_mn", {"xafs_mn_i1": [math.nan] * 356}, "Mn_LCF40", "d003", "I1"),
        ("xafs_ni_co", {"xafs_ni_co_ir": [9000.0] * 676}, "Ni_O_R", "Mn_O_R", "edge"),
        ("xrd", {"xrd_counts": [3.0] * 487}, "d003", "Ni_O_R", "no peak"),
        ("xrd", {"xrd_counts": [3.0] * 20}, "d003", "Ni_O_R", "20 counts for 487 angles"),
    ],
)
def test_what_cannot_be_read_costs_its_own_columns_only(live, stream, changes, lost, kept, why):
    documents, followed = live
    agent = SocTableAgent(followed.config, library=followed.library)
    rows = feed(agent, spoil(documents, stream, 2, **changes))
    assert [row["status"] for row in rows] == ["ok", "ok", "partial", "ok", "ok"]
    assert math.isnan(rows[2][lost])
    assert math.isfinite(rows[2][kept])
    assert why in rows[2]["notes"]
    assert agent.error is None
    agent.close()


def test_a_step_that_is_lost_is_recorded_as_failed_and_the_others_go_on(live):
    documents, followed = live
    agent = SocTableAgent(followed.config, library=followed.library)
    streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    without = [
        (name, doc)
        for name, doc in documents
        if not (
            name == "event"
            and streams[doc["descriptor"]] in ("xrd", "xafs_mn", "xafs_ni_co")
            and doc["data"]["soc_step_index"] == 1
        )
    ]
    rows = feed(agent, without)
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "ok", "ok"]
    assert rows[1]["ocv"] == followed.rows()[1]["ocv"]
    assert agent.report()["failed"] == [1]
    agent.close()


def test_an_agent_that_breaks_down_does_not_stop_the_charge(references):
    class Broken(SocTableAgent):
        def _read(self, name, doc):
            if name == "event":
                raise RuntimeError("out of order")

    agent = Broken(SocTableConfig(states=STATES), library=references[1].library)
    documents = charge(3, agent, step=0.1, max_soc=0.1)
    assert documents[-1][1]["exit_status"] == "success"
    assert len(events(documents, "xrd")) == 2
    assert events(documents, "soc_table") == []


def test_a_checkpoint_is_plain_data_and_brings_everything_back(live, tmp_path):
    documents, followed = live
    path = tmp_path / "charge.npz"
    agent = SocTableAgent(followed.config, library=followed.library, checkpoint_path=path)
    rows = feed(agent, documents)
    agent.checkpoint()
    again = SocTableAgent.from_checkpoint(path)
    for here, there in zip(rows, again.rows(), strict=True):
        here.pop("reduction_s"), there.pop("reduction_s")
        assert there == pytest.approx(here, nan_ok=True)
    agent.close()
    with pytest.raises(AgentError, match="checkpoint_path"):
        SocTableAgent().checkpoint()
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="not a checkpoint"):
        SocTableAgent.from_checkpoint(path)


def test_a_library_is_kept_as_plain_arrays(references, tmp_path):
    library = references[1].library
    library.save(tmp_path / "cell.npz")
    again = SocLibrary.load(tmp_path / "cell.npz")
    assert (again.version, again.states) == (library.version, STATES)
    agent = SocTableAgent(SocTableConfig(states=STATES, library=str(tmp_path / "cell.npz")))
    assert SocTableAgent.from_spec(agent.spec()).library.version == library.version
    (tmp_path / "other.npz").write_bytes(b"no library")
    with pytest.raises(BadInput, match="not a library"):
        SocLibrary.load(tmp_path / "other.npz")


def test_an_agent_is_not_rebuilt_with_other_references(references, tmp_path):
    references[1].library.save(tmp_path / "cell.npz")
    config = SocTableConfig(states=STATES, library=str(tmp_path / "cell.npz"))
    spec = {**SocTableAgent(config).spec(), "model_version": "another"}
    with pytest.raises(BadInput, match="another"):
        SocTableAgent.from_spec(spec)
    with pytest.raises(BadInput, match="no such setting"):
        SocTableAgent.from_spec({"config": {"colour": 1}})
