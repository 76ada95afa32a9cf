"""What the writer to Tiled lets through without asking the JSON schema."""

import jsonschema
import numpy as np
import pytest
from event_model import DocumentNames, schema_validators

from operando.store.live_writer import LiveRunWriter, is_plain_event

PLAIN = {
    "uid": "e",
    "descriptor": "d",
    "seq_num": 1,
    "time": 2.5,
    "data": {"x": [1, 2]},
    "timestamps": {"x": 2.4},
}
ODD = [
    {"time": True},
    {"time": "noon"},
    {"seq_num": 1.5},
    {"seq_num": False},
    {"seq_num": None},
    {"uid": 7},
    {"descriptor": None},
    {"data": [1]},
    {"timestamps": None},
    {"filled": {"x": True}},
    {"filled": {"x": 1.5}},
    {"surprise": 1},
    {"time": np.float64(2.5)},
]


def is_valid(doc):
    return schema_validators[DocumentNames.event].is_valid(doc)


def test_an_ordinary_event_is_known_without_the_schema():
    assert is_valid(PLAIN)
    assert is_plain_event(PLAIN)
    assert is_plain_event({**PLAIN, "time": 2})


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_nothing_is_plain_that_the_schema_refuses(odd):
    doc = {**PLAIN, **odd}
    assert is_valid(doc) or not is_plain_event(doc)


@pytest.mark.parametrize("key", PLAIN)
def test_an_event_without_one_of_its_keys_is_not_plain(key):
    doc = {k: v for k, v in PLAIN.items() if k != key}
    assert not is_valid(doc)
    assert not is_plain_event(doc)


class Catalog:
    """As much of a catalog as a writer asks for before there is anything to write."""

    def include_data_sources(self):
        return self


@pytest.mark.parametrize("name", ["event", "event_page"])
def test_an_event_that_the_schema_refuses_is_refused_still(name):
    writer = LiveRunWriter(Catalog())
    wrong = {**PLAIN, "seq_num": "first"}
    if name == "event_page":
        wrong = {k: [v] for k, v in wrong.items()} | {
            "descriptor": "d",
            "data": {"x": [1]},
            "timestamps": {"x": [2.4]},
        }
    with pytest.raises(jsonschema.ValidationError, match="first"):
        writer.take(name, wrong, b"")
