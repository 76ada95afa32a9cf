"""The file of people's labels: whole after a crash, and never mistaken for something else."""

import json

import pytest

from operando.agents.label_store import LabelStore, PersonLabel
from operando.errors import StoreError
from operando.physics.phases import LABELS


def label(point=3, **changes):
    values = {
        "run": "b5a1",
        "point": point,
        "x_um": 6.0,
        "y_um": 0.5,
        "labels": {"fe3o4": True, "resin": False},
        "who": "Łucja",
        "when": "2026-11-21T09:30:00+00:00",
        "logit": (0.5,) * 9,
    }
    return PersonLabel(**{**values, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl"


@pytest.fixture
def kept(path):
    store = LabelStore(path)
    for point in (3, 4):
        store.add(label(point))
    return path


def test_what_was_added_is_read_again_as_it_was(kept):
    assert LabelStore(kept).all() == [label(3), label(4)]
    assert [json.loads(line)["who"] for line in kept.read_text("utf-8").splitlines()] == [
        "Łucja",
        "Łucja",
    ]


def test_the_last_label_of_a_point_counts_and_all_are_kept(kept):
    store = LabelStore(kept)
    store.add(label(3, labels={"resin": True}))
    store.add(label(3, run="another"))
    assert [(one.run, one.point) for one in LabelStore(kept).all()] == [
        ("b5a1", 3),
        ("b5a1", 4),
        ("another", 3),
    ]
    assert LabelStore(kept).all()[0].labels == {"resin": True}
    assert len(LabelStore(kept)) == 4


def test_a_last_line_cut_anywhere_costs_that_label_alone_and_nothing_later(kept):
    whole = kept.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (first + 1, first + 5, first + 40, len(whole) - 3):
        kept.write_bytes(whole[:cut])
        store = LabelStore(kept)
        assert store.all() == [label(3)]
        store.add(label(5))
        assert LabelStore(kept).all() == [label(3), label(5)]


def test_a_last_line_that_only_lacks_its_end_is_kept(kept):
    kept.write_bytes(kept.read_bytes()[:-1])
    store = LabelStore(kept)
    store.add(label(5))
    assert LabelStore(kept).all() == [label(3), label(4), label(5)]


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00\xff\xfe",
        b"{}",
        b"[1, 2]",
        b'{"run": "b5a1", "point',
        json.dumps({**vars(label()), "logit": [0.5] * 8}).encode(),
        json.dumps({**vars(label()), "logit": None}).encode(),
        json.dumps({**vars(label()), "labels": {"goethite": True}}).encode(),
        json.dumps({**vars(label()), "labels": ["fe3o4"]}).encode(),
        json.dumps({**vars(label()), "point": "here"}).encode(),
        json.dumps({**vars(label()), "why": "?"}).encode(),
    ],
)
def test_a_damaged_line_is_named_with_its_file(kept, damage):
    first, second = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(first + damage + b"\n" + second)
    with pytest.raises(StoreError, match=r"labels\.jsonl, line 2, is no label") as caught:
        LabelStore(kept)
    assert "\n" not in str(caught.value)


def test_another_file_is_refused_and_left_as_it_is(path):
    path.write_text("minutes of the meeting")
    with pytest.raises(StoreError, match="line 1, is no label"):
        LabelStore(path)
    assert path.read_text() == "minutes of the meeting"


def test_a_folder_is_no_file_of_labels(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        LabelStore(tmp_path)


def test_without_a_file_labels_last_as_long_as_the_process():
    store = LabelStore()
    store.add(label())
    assert store.all() == [label()]
    assert set(store.all()[0].labels) <= set(LABELS)
