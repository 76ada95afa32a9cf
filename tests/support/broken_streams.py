"""Streams of documents as nobody should make them: good runs, and what may go wrong with them.

Whatever is chosen is chosen by a function ``below(n)``, an integer from 0 to n - 1: Hypothesis
draws it where a failure is to be made small, a seeded generator where streams come by the 100,000.
"""

import copy
import math
from contextlib import suppress

import numpy as np

from support.good_runs import good_run

NUMBERS = (math.nan, math.inf, -math.inf, 0, -1, 1e308, 5e-324, 2**63, 10**30, 0.5)
ODD = (
    None,
    "",
    "abc",
    "1.5",
    "試料 №7 – Ω/µm²",
    "\ud800",
    "a\x00b",
    "‮desrever",
    [],
    {},
    [[]],
    [None],
    True,
    b"bytes",
    (1, 2),
    {"start": 1},
    np.float32(1.5),
    np.nan,
    np.zeros((0, 3)),
    np.arange(3),
    object,
)
KEYS = ("unknown", "試料", "", "a.b", "__class__", "$where", "stage_x ", 7, (1, 2), None)
NAMES = ("bulk_events", "datum", "resource", "reduce", "take", "__init__", "", "EVENT", "試料")


class Chooser:
    """Draw from sequences with whatever draws integers."""

    def __init__(self, below):
        self.below = below

    def one(self, options):
        return options[self.below(len(options))]


def _at(pick, documents, *names):
    """Index of a document, of some kinds if told; None without any."""
    places = [i for i, (name, _) in enumerate(documents) if not names or name in names]
    return pick.one(places) if places else None


def lost(pick, documents, path):
    """A document never comes: a descriptor, a start, a stop, or any."""
    names = pick.one((("descriptor",), ("start",), ("stop",), ("event",), ()))
    if (at := _at(pick, documents, *names)) is not None:
        del documents[at]


def late(pick, documents, path):
    """A document comes before or after its turn."""
    moved = documents.pop(pick.below(len(documents)))
    documents.insert(pick.below(len(documents) + 1), moved)


def twice(pick, documents, path):
    """A document comes again: the same uid, or two stops."""
    one = pick.one(documents)
    documents.insert(pick.below(len(documents) + 1), one)


def same_number(pick, documents, path):
    """Two events, or two ranges of frames, bear the same number."""
    first, second = (_at(pick, documents, "event", "stream_datum") for _ in range(2))
    if first is not None:
        key = "seq_num" if documents[first][0] == "event" else "seq_nums"
        if key in documents[second][1]:
            documents[first][1][key] = documents[second][1][key]


def mixed(pick, documents, path):
    """Another run comes in between, of the same kind or another."""
    other = good_run(pick.one(("mapping", "kinetics", "battery", "focus", "bayes")), path)
    merged, left = [], [documents[:], other]
    while all(left):
        merged.append(left[pick.below(2)].pop(0))
    documents[:] = [*merged, *left[0], *left[1]]


def no_key(pick, documents, path):
    """A key is missing, of a document or of what is in it."""
    mapping = _mapping(pick, pick.one(documents)[1])
    if mapping:
        del mapping[pick.one(list(mapping))]


def new_key(pick, documents, path):
    """A key that nobody knows, or that is no text."""
    _mapping(pick, pick.one(documents)[1])[pick.one(KEYS)] = pick.one(ODD)


def odd_value(pick, documents, path):
    """A value of another type stands where a value stood."""
    mapping = _mapping(pick, pick.one(documents)[1])
    if mapping:
        mapping[pick.one(list(mapping))] = pick.one(ODD)


def odd_number(pick, documents, path):
    """A number is none, huge, tiny or negative."""
    mapping = _mapping(pick, pick.one(documents)[1])
    keys = [k for k, v in mapping.items() if isinstance(v, float | int | list)]
    if not keys:
        return
    key, number = pick.one(keys), pick.one(NUMBERS)
    if isinstance(mapping[key], list) and mapping[key]:
        mapping[key][pick.below(len(mapping[key]))] = number
    else:
        mapping[key] = number


def sized(pick, documents, path):
    """An array is empty, or huge."""
    mapping = _mapping(pick, pick.one(documents)[1])
    if mapping:
        sizes = ([], [0.0] * 20_000, np.zeros((0, 0)), [1] * 3, [[1.0, 2.0]] * 1000, [1e9, 1e9])
        mapping[pick.one(list(mapping))] = copy.copy(pick.one(sizes))


def renamed(pick, documents, path):
    """A document of a kind that there is not, or of another kind than it says."""
    at = pick.below(len(documents))
    names = (*NAMES, "start", "stop", "event", "event_page", "descriptor", "stream_datum")
    documents[at] = (pick.one(names), documents[at][1])


def page(pick, documents, path):
    """Events come as a page, sometimes with columns of different lengths."""
    at = _at(pick, documents, "event")
    if at is None:
        return
    doc = documents[at][1]
    stream = str(doc.get("descriptor"))
    same = [d for n, d in documents if n == "event" and str(d.get("descriptor")) == stream]
    made = {
        **doc,
        **{key: [one[key] for one in same] for key in ("uid", "time", "seq_num")},
        **{
            part: {key: [one[part][key] for one in same] for key in doc[part]}
            for part in ("data", "timestamps")
        },
    }
    if pick.below(3) == 0:
        column = made[pick.one(("data", "timestamps"))]
        column[pick.one(list(column))].append(1.0)
    if pick.below(2):
        documents[:] = [(n, d) for n, d in documents if not any(d is one for one in same)]
        at = min(at, len(documents))
    documents.insert(at, ("event_page", made))


def no_file(pick, documents, path):
    """Frames are not where they are said to be."""
    at = _at(pick, documents, "stream_resource")
    if at is None:
        return
    doc = documents[at][1]
    where = ("file:///nowhere/at/all.h5", "https://a.b/c.h5", "", None, "file:///etc/passwd", "::")
    if pick.below(2):
        doc["uri"] = pick.one(where)
    else:
        doc["parameters"] = pick.one(({}, {"dataset": "/none"}, {"dataset": 3}, {"dataset": "/"}))


def no_frames(pick, documents, path):
    """Frames are announced that there are not."""
    at = _at(pick, documents, "stream_datum")
    if at is None:
        return
    ranges = ((0, 10**12), (-3, 1), (5, 2), (3, 3), (99, 100), (0.5, 1.5), ("a", "b"), (0, 3))
    start, stop = pick.one(ranges)
    documents[at][1][pick.one(("indices", "seq_nums"))] = {"start": start, "stop": stop}


def deep(pick, documents, path):
    """A document holds itself, or so many levels that nobody can go down."""
    doc = pick.one(documents)[1]
    value = doc if pick.below(2) else []
    if isinstance(value, list):
        for _ in range(3000):
            value = [value]
    doc["deep"] = value


FAULTS = (
    lost, late, twice, same_number, mixed, no_key, new_key, odd_value, odd_number, sized, renamed,
    page, no_file, no_frames, deep,
)  # fmt: skip


def _mapping(pick, doc):
    """A mapping in a document: the document, or one that it holds, or one in that."""
    found = doc
    for _ in range(pick.below(5)):
        below = [one for one in found.values() if isinstance(one, dict) and one]
        if not below:
            break
        found = pick.one(below)
    return found


def broken_stream(pick, kind, path, faults=None):
    """Make the documents of a run with one to three faults.

    Returns
    -------
    documents : list of (str, dict)
    names : list of str
        Of the faults.
    """
    documents = good_run(kind, path)
    chosen = faults or [pick.one(FAULTS) for _ in range(1 + pick.below(3))]
    for fault in chosen:
        # What another fault has left may have nothing to be spoilt in this way.
        with suppress(ValueError, KeyError, TypeError, IndexError, AttributeError):
            fault(pick, documents, path)
    return documents, [fault.__name__ for fault in chosen]
