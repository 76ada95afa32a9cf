"""What the documents of a run say, and whether its frames agree."""

from collections import defaultdict
from urllib.parse import urlparse

import event_model
import h5py
import hdf5plugin  # noqa: F401 - the frames are bitshuffled


def validate(documents):
    for name, doc in documents:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)


def measured(documents):
    """Pair what events say with what the frame of the same number shows, stream by stream."""
    streams, rows, files, frames = {}, defaultdict(dict), {}, defaultdict(dict)
    for name, doc in documents:
        if name == "descriptor":
            streams[doc["uid"]] = doc["name"]
        elif name == "event":
            rows[streams[doc["descriptor"]]][doc["seq_num"]] = doc["data"]
        elif name == "event_page":
            for event in event_model.unpack_event_page(doc):
                rows[streams[event["descriptor"]]][event["seq_num"]] = event["data"]
        elif name == "stream_resource":
            files[doc["uid"]] = (urlparse(doc["uri"]).path, doc["parameters"]["dataset"])
        elif name == "stream_datum":
            path, dataset = files[doc["stream_resource"]]
            with h5py.File(path, swmr=True) as file:
                block = file[dataset][doc["indices"]["start"] : doc["indices"]["stop"]]
            numbers = range(doc["seq_nums"]["start"], doc["seq_nums"]["stop"])
            frames[streams[doc["descriptor"]]].update(zip(numbers, block, strict=True))
    return {
        stream: [(rows[stream][n], frames[stream].get(n)) for n in sorted(rows[stream])]
        for stream in rows
    }


def assert_frames_belong_to_events(points, exposure):
    for row, frame in points:
        shown = frame[0, :4].tolist()
        assert shown == [
            round(row["stage_x"]),
            round(row["stage_y"]),
            round(1e3 * exposure),
            100,
        ]
