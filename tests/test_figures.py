"""Figures are written, whole and readable, also for maps of odd shapes."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from operando.figures.mapping import MapPicture, compose, draw_beam, draw_composition, draw_map
from operando.figures.style import LABEL_COLOURS, _round_length, scale_bar
from operando.physics.phases import LABELS


def picture(shape=(12, 10), step=2.0, seed=0, visits=None):
    rng = np.random.default_rng(seed)
    ny, nx = shape
    probability = rng.random((*shape, 9))
    visits = rng.integers(1, 3, shape) if visits is None else visits
    return MapPicture(
        probability=probability,
        present=probability > 0.5,
        confidence_before=rng.random(shape),
        confidence=rng.random(shape),
        exposure_s=0.05 * visits,
        visits=visits,
        extent_um=(-step / 2, nx * step - step / 2, ny * step - step / 2, -step / 2),
    )


def assert_drawn(path):
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 400
    assert pixels[..., :3].std() > 0.05  # not a blank sheet


@pytest.mark.parametrize(("shape", "step"), [((2, 30), 1.0), ((40, 3), 20.0)])
def test_four_figures_are_written(tmp_path, shape, step):
    drawn = picture(shape, step)
    paths = draw_map(drawn, tmp_path / "new" / "folder", truth=drawn.present)
    assert [path.name for path in paths] == [
        "probabilities.png",
        "phase_map.png",
        "beam.png",
        "confidence.png",
    ]
    for path in paths:
        assert_drawn(path)


def test_a_measured_map_needs_no_truth(tmp_path):
    one, three = picture(), tmp_path / "three.png"
    draw_composition(one, three, truth=~one.present)
    alone = draw_composition(one, tmp_path / "one.png")
    assert_drawn(alone)
    assert imread(alone).shape[1] < imread(three).shape[1]


@pytest.mark.parametrize("visits", [0, 40])
def test_a_map_without_a_spread_of_visits_is_drawn(tmp_path, visits):
    everywhere = np.full((12, 10), visits)
    assert_drawn(draw_beam(picture(visits=everywhere), tmp_path / "even.png"))
    everywhere[3, 4] = 90
    assert_drawn(draw_beam(picture(visits=everywhere), tmp_path / "uneven.png"))


def test_figures_leave_no_window_and_no_settings_behind(tmp_path):
    before = dict(matplotlib.rcParams)
    draw_map(picture(), tmp_path)
    assert dict(matplotlib.rcParams) == before
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_a_point_has_the_mean_colour_of_its_labels():
    present = np.zeros((1, 3, 9), dtype=bool)
    present[0, 0, LABELS.index("fe3o4")] = True
    present[0, 1, [LABELS.index("fe3o4"), LABELS.index("fe_bcc")]] = True
    colours = compose(present)
    blue, grey = (np.array(to_rgb(LABEL_COLOURS[k])) for k in ("fe3o4", "fe_bcc"))
    np.testing.assert_allclose(colours[0], [blue, 0.5 * (blue + grey), [1, 1, 1]])


def test_every_label_has_a_colour_that_a_colour_blind_eye_can_tell():
    """Pairs differ enough, also for an eye without one kind of cone (Viénot et al. 1999)."""
    assert set(LABEL_COLOURS) == set(LABELS)
    rgb = np.array([to_rgb(LABEL_COLOURS[label]) for label in LABELS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    for seen in (linear, linear @ protan.T, linear @ deutan.T):
        lightness = np.clip(seen, 0, 1) ** (1 / 2.4)
        apart = np.linalg.norm(lightness[:, None] - lightness[None], axis=-1)
        assert apart[~np.eye(9, dtype=bool)].min() > 0.1


@pytest.mark.parametrize(
    ("width", "bar"), [(160.0, "20 µm"), (8.0, "2 µm"), (3.0, "0.5 µm"), (4000.0, "1000 µm")]
)
def test_the_scale_bar_has_a_round_length_and_is_that_long(width, bar):
    axes = Figure().subplots()
    axes.imshow(np.zeros((4, 4)), extent=(0.0, width, width, 0.0))
    scale_bar(axes, (0.0, width, width, 0.0))
    assert [text.get_text() for text in axes.texts] == [bar]
    assert axes.patches[-1].get_width() == pytest.approx(float(bar.split()[0]))
    assert 0.1 * width <= _round_length(0.25 * width) <= 0.25 * width
