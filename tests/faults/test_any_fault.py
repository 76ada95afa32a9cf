"""Any fault of any device at any moment of any map: safe, told, and nothing lost."""

import math
from collections import Counter
from contextlib import suppress

import pytest
from event_model import DocumentNames, schema_validators
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.plans import Care, Progress, map_adaptive, map_fly, map_raster, map_two_pass
from operando.simulations.clock import Clock
from support.countdown_agent import GRID, CountdownAgent
from support.echo_source import EchoSource
from support.faulty_devices import SPOILT, Fault, faulty_station

MAP = {"shape": GRID.shape, "step": GRID.step, "exposure": 0.02, "care": Care(pause=0.0)}
PLANS = {
    "raster": lambda station: map_raster(station, **MAP),
    "fly": lambda station: map_fly(station, **MAP),
    "two passes": lambda station: map_two_pass(
        station, CountdownAgent(), **MAP, revisit_exposure=0.04, n_revisits=6, batch=3
    ),
    "sparse": lambda station: map_adaptive(
        station, CountdownAgent(), **MAP, n_points=48, first=6, batch=12
    ),
}
KINDS = [
    *(("x", kind) for kind in ("overshoot", "not a number")),
    *(("y", kind) for kind in ("overshoot", "not a number")),
    *(("detector", kind) for kind in SPOILT),
    *(("monitor", kind) for kind in ("nothing", "not a number")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("frames")


def rows(documents):
    """Events with frames: where, and counts of the beam."""
    frames = {doc["uid"] for name, doc in documents if name == "descriptor" and _has_frames(doc)}
    for name, doc in documents:
        if name in ("event", "event_page") and doc["descriptor"] in frames:
            columns = [doc["data"][key] for key in ("stage_x", "stage_y", "i0")]
            yield from [columns] if name == "event" else zip(*columns, strict=True)


def _has_frames(descriptor):
    return "pilatus_image" in descriptor["data_keys"]


@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    plan=st.sampled_from(sorted(PLANS)),
    what=st.sampled_from(KINDS),
    moments=st.sets(st.integers(1, 60), min_size=1, max_size=5),
    by=st.sampled_from([-40.0, -2.0, 0.3, 5.0]),
)
def test_a_map_ends_well_or_says_why_and_can_be_completed(plan, what, moments, by, folder, engine):
    engine.documents.clear()
    device, kind = what
    station = faulty_station(
        EchoSource(), Clock(math.inf), folder, **{device: Fault(kind, at=moments, by=by)}
    )
    with suppress(Exception):  # what the run says of it counts
        engine(PLANS[plan](station))
    documents, stop = engine.documents, engine.documents[-1][1]

    assert documents[-1][0] == "stop"
    assert station.shutter.read()["shutter"]["value"] == "closed"
    assert not station.stage.x.moving
    for name, doc in documents:
        schema_validators[DocumentNames[name]].validate(doc)
    spans = [doc["indices"] for name, doc in documents if name == "stream_datum"]
    found = list(rows(documents))
    assert sum(span["stop"] - span["start"] for span in spans) == len(found)

    lit = Counter(GRID.nearest(x, y) for x, y, i0 in found if i0 > 0)
    assert -1 not in lit or device in ("x", "y")
    if stop["exit_status"] == "success":
        wanted = {"raster": 48, "fly": 48, "two passes": 54, "sparse": 48}[plan]
        assert sum(lit.values()) == wanted
        if plan in ("raster", "fly"):
            assert set(lit.values()) == {1}
    else:
        name = {"detector": "pilatus", "monitor": "i0", "x": "stage_x", "y": "stage_y"}[device]
        assert name in stop["reason"]
        assert "Traceback" not in stop["reason"]
    assert Progress.of(documents).measured == set(lit) - {-1}
