"""A station file that cannot be used is refused in one line that says where and why."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import BadInput
from operando.stations import StationFile, read_station_file
from operando.stations.station_file import built_in_stations, parse_station_file
from operando.stations.toml_reader import line_of

KEYS = [
    "name",
    "seed",
    "speed",
    "store",
    "mapping",
    "battery",
    "kinetics",
    "ring",
    "kind",
    "prefix",
    "x_um",
    "section",
    "rows",
    "voltage_v",
    "current_a",
    "below_ma",
    "above_ma",
    "current",
]
SCALARS = st.one_of(
    st.booleans().map(lambda flag: str(flag).lower()),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(lambda x: repr(x).replace("e+", "e")),
    st.sampled_from(['"simulated"', '"epics"', '"max"', '"BL16:"', '""', "1979-05-27"]),
    st.text(string.printable, max_size=8).map(lambda text: f"'{text}'"),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    st.tuples(st.sampled_from(KEYS), SCALARS).map(lambda pair: f"{{{pair[0]} = {pair[1]}}}"),
)
LINES = st.one_of(
    st.tuples(st.sampled_from(KEYS), VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.sampled_from(["[mapping]", "[mapping.section]", "[battery]", "[kinetics]", "[ring]"]),
    st.just('kind = "simulated"'),
)


def test_the_stations_that_come_with_the_package_can_be_read():
    for name, path in built_in_stations().items():
        assert read_station_file(name) == read_station_file(str(path))


def test_what_the_default_file_says_is_what_is_there_without_it():
    written = read_station_file("sim")
    bare = parse_station_file(
        'name = "sim"\n' + "".join(f'[{job}]\nkind = "simulated"\n' for job in PARTS), written.path
    )
    for part in PARTS:
        assert getattr(bare, part) == getattr(written, part)
    assert (bare.seed, bare.speed, bare.store) == (written.seed, written.speed, written.store)


PARTS = ("mapping", "battery", "kinetics", "focusing", "ring")

MISTAKES = {
    "seed = -3": ("line 1", "seed is -3", "0 to"),
    'speed = "fast"': ("line 1", "speed is 'fast'", '"max"'),
    "\n[mapping]\nkind = 'real'": ("line 3", "mapping.kind is 'real'", '"soft-ioc" or "epics"'),
    "[mapping]\n": ("line 1", "mapping.kind is missing", '"simulated" or'),
    "[mapping]\nkind = 'epics'": ("line 1", "mapping.prefix is missing", "PV"),
    "[mapping]\nkind = 'epics'\nprefix = 'BL 16'": ("line 3", "mapping.prefix is 'BL 16'", "PV"),
    "[mapping]\nkind='simulated'\nx_um = [5, -5]": ("line 3", "mapping.x_um is [5, -5]", "lowest"),
    "[mapping]\nkind='simulated'\n[mapping.section]\nrow = 9": ("line 4", "row is 9", "mean rows?"),
    "[battery]\nkind='simulated'\nvoltage_v = 5.1": ("line 3", "voltage_v is 5.1", "[lowest"),
    "[battery]\nkind='simulated'\ncurrent_a = nan": ("line 3", "current_a is nan", "1e-06 to 10"),
    "[battery]\nkind='simulated'\n\ncurrent_a = true": ("line 4", "current_a is true", "a number"),
    "[ring]\nkind='simulated'\nbelow_ma=90\nabove_ma=80": ("line 4", "above_ma is 80", "90 to"),
    "[tomography]\nkind='simulated'": ("line 1", "tomography is a table", "known: name"),
    "mapping = 3": ("line 1", "mapping is 3", "[mapping]"),
    "name = 'a'\nname = 'b'": ("line 2", "no TOML"),
    "name = 'a": ("line 1", "no TOML"),
    "name = 'bare'": ("no devices", "[mapping]"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named_with_its_line_key_value_and_what_is_allowed(text):
    with pytest.raises(BadInput) as told:
        parse_station_file(text, "my.toml")
    said = str(told.value)
    assert said.startswith("my.toml")
    assert "\n" not in said
    for part in MISTAKES[text]:
        assert part in said


@pytest.mark.parametrize("name", ["nowhere", "no/such.toml", "", "a\0b", "x" * 5000])
def test_a_station_that_is_not_there_is_said_with_those_that_are(name):
    with pytest.raises(BadInput, match=r"no station .*sim"):
        read_station_file(name)


def test_a_folder_or_bytes_are_no_station(tmp_path):
    with pytest.raises(BadInput, match="no station"):
        read_station_file(str(tmp_path))
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"noise\.toml: this is no text"):
        read_station_file(str(tmp_path / "noise.toml"))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(LINES, max_size=8).map("\n".join)))
def test_any_text_is_a_station_or_refused_in_one_line(text):
    refused = ""
    try:
        station = parse_station_file(text, "my.toml")
    except BadInput as error:
        station, refused = None, str(error)
    assert isinstance(station, StationFile) != bool(refused)
    assert len(refused.splitlines()) <= 1
    assert refused.startswith("my.toml") or not refused


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("seed",), 1),
        (("mapping",), 3),
        (("mapping", "x_um"), 5),
        (("mapping", "section", "rows"), 9),
        (("mapping", "y_um"), 3),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_key_is_found(path, line):
    text = (
        "seed = 7\n# x_um = 3\n[mapping]\n  kind = 'simulated'  # = 3\n  x_um = [\n"
        "    1,\n    2]\n[mapping.section]\nrows = 4\n"
    )
    assert line_of(text, path) == line
