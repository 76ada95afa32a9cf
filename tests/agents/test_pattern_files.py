import logging
from itertools import product

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.agents.pattern_files import find_peaks, read_patterns
from operando.agents.patterns import PowderPatterns
from operando.errors import BadInput

fabio = pytest.importorskip("fabio")

SAME_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
AXIS = np.round(np.linspace(10.0, 40.0, 301), 2)
PONI = """poni_version: 2
Detector: Detector
Detector_config: {{"pixel1": 0.0002, "pixel2": 0.0002, "max_shape": [{rows}, {columns}]}}
Distance: 0.1
Poni1: {poni1}
Poni2: -0.01
Rot1: 0.0
Rot2: 0.0
Rot3: 0.0
"""


def table(rows, separator=" "):
    return "\n".join(separator.join(str(value) for value in row) for row in rows) + "\n"


def counts(seed=0, mean=80.0, axis=AXIS):
    return np.random.default_rng(seed).poisson(mean, axis.size)


def good_rows(columns=1):
    return [[x, *(c + k for k in range(columns))] for x, c in zip(AXIS, counts(), strict=True)]


def refusal(path, **options):
    """The message, which is one line that names the file."""
    with pytest.raises(BadInput) as error:
        read_patterns(path, **options)
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


# ---- tables

cells = st.floats(0, 1e9, allow_nan=False).map(lambda v: round(v, 3))
headings = st.text(st.characters(categories=["Lu", "Ll"]), min_size=1, max_size=8).filter(
    lambda s: s.lower() not in ("nan", "inf", "infinity", "q", "d", "r") and "rad" not in s.lower()
)


@st.composite
def tables(draw):
    rows, columns = draw(st.integers(20, 40)), draw(st.integers(1, 4))
    steps = draw(st.lists(st.integers(1, 300), min_size=rows, max_size=rows))
    two_theta = np.cumsum(steps) / 100
    values = np.array(
        draw(
            st.lists(
                st.lists(cells, min_size=rows, max_size=rows), min_size=columns, max_size=columns
            )
        )
    )
    values[:, 0] += 1.0  # no pattern is zero throughout
    return two_theta, values, draw(st.lists(headings, min_size=columns, max_size=columns))


@settings(SAME_FILE, max_examples=60)
@given(
    tables(),
    st.sampled_from([",", ", ", ";", "\t", " ", "   ", " ; ", ",\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    st.booleans(),
)
def test_any_sensible_table_comes_back_as_it_was_written(
    tmp_path, drawn, separator, newline, encoding, remarks
):
    two_theta, values, names = drawn
    names = [name.encode("latin-1", "ignore").decode("latin-1") or "x" for name in names]
    lines = ["# measured at 5 K, 20 mA", "! remark", "; remark"] if remarks else []
    lines.append(separator.join(["two_theta_deg", *names]))
    for row in zip(two_theta, *values, strict=True):
        lines.append(separator.join(repr(float(v)) for v in row))
        lines += ["", "# in between"] if remarks else []
    path = tmp_path / "t.csv"
    path.write_bytes(newline.join(lines).encode(encoding))
    patterns = read_patterns(path, wavelength=1.0)

    np.testing.assert_array_equal(patterns.two_theta, two_theta)
    np.testing.assert_allclose(patterns.intensity, values, rtol=1e-6)
    assert np.all(patterns.sigma > 0)
    assert np.isfinite(patterns.sigma).all()
    assert patterns.names == (("t",) if len(names) == 1 else tuple(names))


@SAME_FILE
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=400).map(lambda s: s.encode("utf-8", "replace")),
        st.text("0123456789.,;-+e \t\n#nainf_", max_size=600).map(str.encode),
        st.lists(
            st.tuples(st.floats(), st.floats(), st.sampled_from(["", "x", "1"])), max_size=60
        ).map(lambda rows: table(rows, ",").encode()),
    ),
    st.sampled_from(["xy", "xye", "csv", "dat", "tif", "edf", "cbf", "h5", "png", "txt"]),
)
def test_junk_is_refused_or_read_but_never_crashes(tmp_path, junk, suffix):
    path, poni = tmp_path / f"junk.{suffix}", tmp_path / "j.poni"
    path.write_bytes(junk)
    poni.write_text(PONI.format(rows=60, columns=300, poni1=0.0))
    try:
        patterns = read_patterns(path, wavelength=1.5406, poni=poni)
    except BadInput as error:
        message = str(error)
    else:
        message = ""
        assert patterns.two_theta.size >= 20
        assert np.isfinite(patterns.intensity).all()
        assert np.all(patterns.sigma > 0)
    assert "\n" not in message


@SAME_FILE
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda s: s.encode())))
def test_a_junk_poni_file_is_refused(tmp_path, junk):
    image, poni = tmp_path / "i.edf", tmp_path / "j.poni"
    if not image.exists():
        fabio.edfimage.EdfImage(np.ones((60, 300), np.int32)).write(str(image))
    poni.write_bytes(junk)
    assert "PONI" in refusal(image, poni=poni, wavelength=1.0)


def test_decimal_commas_and_quoted_headings_are_understood(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{x:.2f};{c}".replace(".", ",") + ";1,5" for x, c in good_rows()]
    path.write_text('"2θ";"Fe; heated";"Fe"\n' + "\n".join(rows))
    patterns = read_patterns(path, wavelength=1.0)
    assert patterns.names == ("Fe; heated", "Fe")
    assert patterns.two_theta[1] == pytest.approx(10.1)
    assert patterns.intensity[1, 0] == pytest.approx(1.5)


def test_two_patterns_without_headings_are_numbered(tmp_path):
    path = tmp_path / "scan.xy"
    path.write_text("# five words in this remark\n" + table(good_rows(2)))
    assert read_patterns(path, wavelength=1.0).names == ("scan 1", "scan 2")


def test_the_third_column_is_sigma_in_xye_and_a_pattern_elsewhere(tmp_path):
    rows = [[x, c, 2.5] for x, c in good_rows()]
    for suffix, count in (("xye", 1), ("xy", 2), ("dat", 2)):
        path = tmp_path / f"p.{suffix}"
        path.write_text(table(rows))
        patterns = read_patterns(path, wavelength=1.0)
        assert len(patterns) == count
    assert np.all(read_patterns(tmp_path / "p.xye", wavelength=1.0).sigma == 2.5)


def test_counts_have_their_square_root_as_sigma(tmp_path):
    path = tmp_path / "p.xy"
    path.write_text(table(good_rows()))
    patterns = read_patterns(path, wavelength=1.0)
    np.testing.assert_allclose(patterns.sigma, np.sqrt(np.maximum(patterns.intensity, 1)))


@pytest.mark.parametrize("scale", [0.013, 0.4, 7.3, 31.0])
def test_scaled_counts_get_the_sigma_that_the_scatter_shows(tmp_path, scale):
    axis = np.linspace(10, 40, 2001)
    lines = sum(900 * np.exp(-0.5 * ((axis - c) / 0.1) ** 2) for c in np.arange(12, 40, 3.0))
    expected = 60 + lines
    path = tmp_path / "p.xy"
    path.write_text(table(zip(axis, counts(1, expected, axis) * scale, strict=True)))
    sigma = read_patterns(path, wavelength=1.0).sigma[0]
    ratio = np.median(sigma / (np.sqrt(expected) * scale))
    assert ratio == pytest.approx(1.0, abs=0.15)


def test_smoothing_does_not_pass_for_precision(tmp_path):
    axis = np.linspace(10, 40, 3001)
    smooth = np.convolve(counts(2, 400.0, axis), np.ones(3) / 3, mode="same")
    path = tmp_path / "p.xy"
    path.write_text(table(zip(axis, 10 * smooth, strict=True)))
    # A mean of three keeps a third of the variance, all of which must be seen.
    sigma = read_patterns(path, wavelength=1.0).sigma[0]
    assert np.median(sigma) > 0.85 * 10 * np.sqrt(400 / 3)


def test_a_calculated_pattern_is_not_taken_for_exact(tmp_path):
    path = tmp_path / "p.xy"
    smooth = 100.25 * np.exp(-0.5 * ((AXIS - 25) / 3) ** 2)
    path.write_text(table(zip(AXIS, smooth, strict=True)))
    patterns = read_patterns(path, wavelength=1.0)
    assert patterns.sigma.min() > 0
    assert (patterns.intensity / patterns.sigma).max() <= 1001


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no row of two or more numbers"),
        ("just words\nand more\n", "no row of two or more numbers"),
        ("\n".join(f"{x}" for x in AXIS), "no row of two or more numbers"),
        (table(good_rows()[:19]), "19 points"),
        (table([*good_rows()[:40], [13.9, 3], [14.1, 3]]), r"line 41: 2θ = 13.9° is repeated"),
        (table([*good_rows()[:40], [11, 3]]), r"line 41: 2θ = 11° is out of order, after 13.9°"),
        (table(good_rows()[::-1]), "line 2: .* out of order"),
        (table([*good_rows(), [50, -3]]), r"line 302, column 2: the intensity -3 is negative"),
        (table([*good_rows(), [50, "nan"]]), "line 302, column 2: nan"),
        (table([*good_rows(), [50, "inf"]]), "line 302, column 2: inf"),
        (table([*good_rows(), [50, "1e40"]]), "line 302, column 2: .* too big"),
        (table([*good_rows(), [50, "abc"]]), "line 302, column 2: 'abc' is not a number"),
        (table([*good_rows(), [50, 1, 2]]), "line 302 has 3 columns where the first row has 2"),
        (table([[x, 5, 0] for x in AXIS]), "column 3 is zero throughout"),
        (table([[x - 20, 5] for x in AXIS]), "0° to 180°"),
        ("# q_A^-1 I\n" + table(good_rows()), "'q_A\\^-1'; 2θ in degrees"),
        ("2th_rad,I\n" + table(good_rows(), ","), "'2th_rad'; 2θ in degrees"),
        ("PK\0\1\2" * 50, "binary"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_and_where(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_patterns(path, wavelength=1.0)
    refusal(path, wavelength=1.0)


def test_an_xye_file_needs_a_sigma_above_nought(tmp_path):
    path = tmp_path / "bad.xye"
    path.write_text(table([[x, 5, 1] for x in AXIS[:30]] + [[50, 5, 0]]))
    assert "line 31: sigma is 0" in refusal(path, wavelength=1.0)
    path.write_text(table(good_rows()))
    assert "three columns" in refusal(path, wavelength=1.0)


def test_the_wavelength_is_needed_once_and_must_make_sense(tmp_path):
    path = tmp_path / "p.xy"
    path.write_text(table(good_rows()))
    assert read_patterns(path, energy_kev=8.0478).wavelength == pytest.approx(1.5406, abs=1e-4)
    both = read_patterns(path, energy_kev=8.0478, wavelength=1.5406)
    assert both.wavelength == 1.5406
    message = refusal(path)
    assert "--wavelength" in message
    assert "--energy" in message
    assert "contradict" in refusal(path, wavelength=1.5406, energy_kev=10.0)
    for options in (
        {"wavelength": 0.0},
        {"wavelength": -1.0},
        {"wavelength": np.nan},
        {"energy_kev": 0.0},
        {"energy_kev": np.inf},
    ):
        assert "above 0" in refusal(path, **options)
    assert "keV" in refusal(path, energy_kev=8047.8)  # eV
    assert "Å" in refusal(path, wavelength=1.5406e-10)  # m


def test_files_that_are_not_there_or_not_files_are_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "absent.xy", wavelength=1.0)
    assert "directory" in refusal(tmp_path, wavelength=1.0)
    endless = tmp_path / "endless.xy"
    endless.symlink_to("/dev/zero")
    assert "device" in refusal(endless, wavelength=1.0)


def test_six_measured_minerals_are_read_under_their_names(shared_data):
    path = shared_data / "xrd" / "measured_minerals_cu_kalpha.csv"
    patterns = read_patterns(path, wavelength=1.5406)
    assert patterns.names == (
        "goethite",
        "lepidocrocite",
        "magnetite",
        "iron",
        "hematite",
        "quartz",
    )
    assert patterns.intensity.shape == (6, 3001)
    strongest = {
        name: find_peaks(patterns[i : i + 1])[0].d_spacing for i, name in enumerate(patterns.names)
    }
    # Strongest lines in the range from the phases' cells (Fe 110, quartz 101, Fe3O4 311).
    assert strongest["iron"] == pytest.approx(2.8665 / np.sqrt(2), rel=3e-3)
    assert strongest["magnetite"] == pytest.approx(8.396 / np.sqrt(11), rel=3e-3)
    assert strongest["quartz"] == pytest.approx(3.343, rel=3e-3)


# ---- images


def rings(rows=120, columns=320, poni1=0.0, spacing=3.0):
    """A frame of counts with lines every three degrees, in the geometry of PONI."""
    y = 2e-4 * (np.arange(rows) + 0.5)[:, None] - poni1
    x = 2e-4 * (np.arange(columns) + 0.5)[None, :] + 0.01
    two_theta = np.degrees(np.arctan(np.hypot(x, y) / 0.1))
    profile = np.exp(-0.5 * (((two_theta + spacing / 2) % spacing - spacing / 2) / 0.12) ** 2)
    return np.random.default_rng(3).poisson(20 + 400 * profile).astype(np.int32)


@pytest.fixture
def detector(tmp_path):
    """A PONI file and a writer of images for it."""
    poni = tmp_path / "d.poni"
    poni.write_text(PONI.format(rows=120, columns=320, poni1=0.0))

    def write(frame, name="frame.edf"):
        path = tmp_path / name
        kinds = {
            "edf": fabio.edfimage.EdfImage,
            "tif": fabio.tifimage.TifImage,
            "cbf": fabio.cbfimage.CbfImage,
        }
        kinds[path.suffix[1:]](frame).write(str(path))
        return path

    return poni, write


@pytest.mark.parametrize("suffix", ["edf", "tif", "cbf"])
def test_rings_of_an_image_are_lines_at_their_angles(detector, suffix):
    poni, write = detector
    patterns = read_patterns(write(rings(), f"f.{suffix}"), poni=poni, energy_kev=10.0)
    assert patterns.names == ("f",)
    step = np.diff(patterns.two_theta)
    assert 0.5 < step.mean() / np.degrees(2e-4 / 0.1) < 1.2
    found = sorted(peak.two_theta for peak in find_peaks(patterns) if peak.intensity > 30)
    assert len(found) >= 8
    np.testing.assert_allclose(found, 3 * np.round(np.array(found) / 3), atol=0.02)


def test_sigma_of_an_image_is_that_of_its_counts(detector):
    poni, write = detector
    flat = np.random.default_rng(5).poisson(30.0, (120, 320)).astype(np.int32)
    patterns = read_patterns(write(flat), poni=poni, energy_kev=10.0)
    middle = slice(40, 240)
    scatter = np.diff(patterns.intensity[0, middle]) / np.sqrt(2)
    ratio = scatter.std() / np.sqrt(np.mean(np.square(patterns.sigma[0, middle])))
    assert ratio == pytest.approx(1.0, abs=0.25)


def test_dead_full_and_hot_pixels_and_gaps_leave_no_trace(detector):
    poni, write = detector
    clean = rings()
    dirty = clean.copy()
    dirty[50:55] = -1
    dirty[:, 100:107] = 0
    dirty[20, 30], dirty[90, 200] = 2**20 - 1, 2**20 - 1
    want = read_patterns(write(clean, "a.edf"), poni=poni, energy_kev=10.0)
    got = read_patterns(write(dirty, "b.edf"), poni=poni, energy_kev=10.0)
    one_hot = clean.copy()
    one_hot[60, 150] = 80_000
    hot = read_patterns(write(one_hot, "c.edf"), poni=poni, energy_kev=10.0)
    for other in (got, hot):
        # Fewer pixels a bin make all intensities fewer alike.
        scale = np.nanmedian(want.intensity / other.intensity)
        offset = (scale * other.intensity - want.intensity) / want.sigma
        assert np.nanmax(np.abs(offset)) < 6


def test_rows_in_the_reverse_order_are_put_right_where_the_poni_does_not_say(tmp_path):
    text = "PixelSize1: 0.0002\nPixelSize2: 0.0002\nDistance: 0.1\nPoni1: 0.018\nPoni2: -0.01\n"
    poni, image = tmp_path / "old.poni", tmp_path / "f.edf"
    poni.write_text(text + "Rot1: 0\nRot2: 0\nRot3: 0\nWavelength: 1.2e-10\n")
    frame = rings(poni1=0.018)
    patterns = []
    for ordered in (frame, frame[::-1].copy()):
        fabio.edfimage.EdfImage(ordered).write(str(image))
        patterns.append(read_patterns(image, poni=poni))
    np.testing.assert_array_equal(patterns[0].intensity, patterns[1].intensity)
    assert patterns[0].wavelength == pytest.approx(1.2)


def test_frames_of_an_hdf5_file_are_as_many_patterns(detector, tmp_path):
    poni, _ = detector
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.stack([rings(), 2 * rings()])
        file["entry/other"] = np.zeros((4, 5))
    patterns = read_patterns(path, poni=poni, energy_kev=10.0)
    assert patterns.names == ("run 0", "run 1")
    np.testing.assert_allclose(patterns.intensity[1], 2 * patterns.intensity[0], rtol=1e-5)


def test_images_that_cannot_be_used_say_why(detector, tmp_path):
    poni, write = detector
    frame = rings()
    good = write(frame)
    assert "--poni" in refusal(good, wavelength=1.0)
    assert "--wavelength" in refusal(good, poni=poni)
    assert "does not exist" in refusal(tmp_path / "no.tif", poni=poni, wavelength=1.0)
    wide = write(frame[:, :200].copy(), "narrow.edf")
    assert "(120, 200)" in refusal(wide, poni=poni, wavelength=1.0)
    for value in (0, -1):
        dark = write(np.full_like(frame, value), "dark.edf")
        assert "no pattern" in refusal(dark, poni=poni, wavelength=1.0)
    text = tmp_path / "text.tif"
    text.write_text(table(good_rows()))
    assert "cannot be read as an image" in refusal(text, poni=poni, wavelength=1.0)
    empty = tmp_path / "e.h5"
    h5py.File(empty, "w").close()
    assert "no image dataset" in refusal(empty, poni=poni, wavelength=1.0)
    second = tmp_path / "s.h5"
    with h5py.File(second, "w") as file:
        file["data"] = np.stack([frame, 0 * frame])
    assert "frame 1 is zero" in refusal(second, poni=poni, wavelength=1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Distance: 0.1", "", "no Distance"),
        ("Distance: 0.1", "Distance: -0.1", "above 0"),
        ("Distance: 0.1", "Distance: far", "'far'"),
        ("Distance: 0.1", "Distance: nan", "'nan'"),
        ("Rot3: 0.0", "Rot3: 0.0\nWavelength: 0", "above 0"),
        ("Detector: Detector", "Detector: Nonesuch", "pyFAI"),
        ('{"pixel1": 0.0002, "pixel2": 0.0002, "max_shape": [120, 320]}', "{oops", "pyFAI"),
    ],
)
def test_a_poni_file_that_cannot_be_used_says_why(detector, capfd, old, new, message):
    poni, write = detector
    image = write(rings())
    text = poni.read_text()
    assert old in text
    poni.write_text(text.replace(old, new))
    assert message in refusal(image, poni=poni, wavelength=1.0)
    assert capfd.readouterr().err == ""
    assert logging.getLogger("pyFAI").level <= logging.CRITICAL


def test_the_wavelength_of_the_poni_serves_and_must_not_be_contradicted(detector, tmp_path):
    poni, write = detector
    image, text = write(rings()), tmp_path / "p.xy"
    text.write_text(table(good_rows()))
    poni.write_text(poni.read_text() + "Wavelength: 1.1e-10\n")
    assert read_patterns(image, poni=poni).wavelength == pytest.approx(1.1)
    assert read_patterns(text, poni=poni).wavelength == pytest.approx(1.1)
    assert "PONI file says 1.1 Å" in refusal(image, poni=poni, wavelength=1.5)
    poni.write_text(poni.read_text().replace("1.1e-10", "1.1"))
    assert "a PONI file's in m" in refusal(image, poni=poni)
    # A table's own wavelength has nothing to do with the images beside it.
    assert read_patterns(text, poni=poni, wavelength=1.5).wavelength == 1.5


# ---- lines


def test_lines_of_ceria_stand_where_its_cell_puts_them(shared_data):
    folder = shared_data / "xrd"
    patterns = read_patterns(folder / "ceo2_pilatus1m.tif", poni=folder / "ceo2_pilatus1m.poni")
    assert patterns.wavelength == pytest.approx(0.4066)
    # Fm-3m: h, k, l all odd or all even; a = 5.4113 Å (NIST SRM 674b).
    squares = {
        h * h + k * k + l * l
        for h, k, l in product(range(8), repeat=3)  # noqa: E741
        if h % 2 == k % 2 == l % 2 and h + k + l > 0
    }
    sines = 0.4066 / (2 * 5.4113) * np.sqrt(sorted(squares))
    expected = np.degrees(2 * np.arcsin(sines[sines < np.sin(np.radians(14.5))]))
    peaks = find_peaks(patterns)
    found = np.array([p.two_theta for p in peaks])
    assert expected.size == 16
    for line in expected:
        assert np.abs(found - line).min() < 0.02
    # Nothing else but the halo at the beam stop.
    for peak in peaks:
        assert (
            np.abs(expected - peak.two_theta).min() < 0.02
            or peak.two_theta < 5
            or (peak.two_theta > 29.0)
        )
    assert peaks[0].intensity == 100.0
    assert peaks[0].two_theta == pytest.approx(expected[0], abs=0.02)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(14.0, 36.0),
    st.floats(0.08, 0.35),
    st.floats(200.0, 1e5),
    st.floats(0.0, 200.0),
    st.integers(0, 100),
)
def test_a_line_is_found_to_a_fraction_of_a_bin(centre, width, height, background, seed):
    profile = background + height * np.exp(-0.5 * ((AXIS - centre) / width) ** 2)
    noisy = np.random.default_rng(seed).poisson(profile)
    strongest = find_peaks(PowderPatterns.from_counts(AXIS, noisy[None], 1.2))[0]
    # Counting puts the centre to about width / sqrt(counts in the line).
    statistical = width / np.sqrt(height * width / 0.1)
    assert strongest.two_theta == pytest.approx(centre, abs=0.005 + 8 * statistical)
    spacing = 1.2 / (2 * np.sin(np.radians(strongest.two_theta / 2)))
    assert strongest.d_spacing == pytest.approx(spacing)


def test_two_lines_are_two_and_have_their_relative_heights():
    profile = 30 + sum(
        h * np.exp(-0.5 * ((AXIS - c) / 0.15) ** 2) for c, h in ((20.0, 2000), (20.8, 900))
    )
    peaks = find_peaks(PowderPatterns.from_counts(AXIS, profile[None], 1.2))
    assert [p.two_theta for p in peaks] == pytest.approx([20.0, 20.8], abs=0.02)
    assert peaks[1].intensity == pytest.approx(45.0, abs=2.0)


def test_noise_has_no_lines():
    patterns = PowderPatterns.from_counts(AXIS, np.stack([counts(s, 40.0) for s in range(40)]), 1.2)
    false = sum(len(find_peaks(patterns[i : i + 1])) for i in range(40))
    assert false <= 1


def test_unmeasured_bins_are_no_lines_and_one_pattern_is_asked_for():
    intensity = 50 + 2000 * np.exp(-0.5 * ((AXIS - 30) / 0.2) ** 2)[None].repeat(2, 0)
    patterns = PowderPatterns.from_counts(AXIS, intensity, 1.2)
    patterns.intensity[:, 50:90], patterns.sigma[:, 50:90] = np.nan, np.inf
    assert [round(p.two_theta, 2) for p in find_peaks(patterns[:1])] == [30.0]
    with pytest.raises(BadInput, match="one pattern at a time"):
        find_peaks(patterns)
