"""The mirrors' optics against ray tracing, and motors that play and lag."""

import math

import numpy as np
import pytest

from operando.errors import BadInput
from operando.simulations.kb_instrument import LAGS, Hysteresis, KBInstrument
from operando.simulations.kb_optics import FWHM_PER_SIGMA, KBMirror, KBPair, random_pair


def traced_blur_um(mirror, pitch_mrad, bend):
    """Blur of rays off an ellipse's expansion whose a2 is scaled by `bend`, a3 fixed; FWHM, um."""
    p, q = mirror.source_m, mirror.image_m
    u = np.linspace(-0.5, 0.5, 20001) * mirror.length_m

    def coefficients(angle):
        a2 = math.sin(angle) / 4 * (1 / p + 1 / q)
        return a2, a2 * math.cos(angle) / 2 * (1 / q - 1 / p)

    wanted = coefficients(1e-3 * pitch_mrad)
    ground = coefficients(1e-3 * mirror.pitch_mrad)
    slope = 2 * (ground[0] * bend - wanted[0]) * u + 3 * (ground[1] - wanted[1]) * u**2
    return 1e6 * FWHM_PER_SIGMA * np.std(2 * q * slope)


@pytest.mark.parametrize(("pitch", "bend"), [(4.0, 1.01), (4.1, 1.0), (4.15, 1.035), (3.9, 0.98)])
def test_the_blur_is_that_of_traced_rays(pitch, bend):
    mirror = KBMirror(limit_um=1.25, image_m=0.25, pitch_mrad=4.0, bend_um=1000.0)
    expected = traced_blur_um(mirror, pitch, bend)
    assert mirror.blur_um(pitch, 1000.0 * bend) == pytest.approx(expected, rel=0.05)


def test_the_best_setting_is_the_smallest_and_lies_in_a_valley():
    pair = random_pair(4)
    mirror = pair.vertical
    assert mirror.size_um(mirror.pitch_mrad, mirror.bend_um) == mirror.limit_um
    off = mirror.size_um(mirror.pitch_mrad + 0.05, mirror.bend_um)
    along = mirror.bend_um * (mirror.pitch_mrad + 0.05) / mirror.pitch_mrad
    assert off > 2.0 * mirror.size_um(mirror.pitch_mrad + 0.05, along)


def test_each_mirror_shows_a_little_in_the_other_direction():
    mirrors = (KBMirror(1.25, 0.25, 4.0, 1000.0), KBMirror(2.0, 0.13, 4.0, 1000.0))
    square = KBPair(*mirrors).size_um((4.0, 4.0), (1050.0, 1000.0))
    rolled = KBPair(*mirrors, roll=0.02).size_um((4.0, 4.0), (1050.0, 1000.0))
    assert square[1] == 2.0
    assert 2.0 < rolled[1] < 2.2


def test_warming_moves_the_best_bend():
    pair = random_pair(1)
    best = pair.best
    settings = ((best["pitch_v"], best["pitch_h"]), (best["bend_v"], best["bend_h"]))
    early, late = pair.size_um(*settings, 60.0), pair.size_um(*settings, 6 * 3600.0)
    assert early == pytest.approx((1.25, 2.0), rel=0.01)
    assert late[0] > 1.4
    assert late[1] > 2.1


def test_a_bender_remembers_where_it_came_from_unless_it_comes_from_below():
    bender = Hysteresis(LAGS["bend"], 1000.0)
    bender.follow(1050.0)
    from_above = bender.follow(1020.0)
    bender.follow(990.0)
    assert from_above - bender.follow(1020.0) > 1.0
    assert bender.output == pytest.approx(1020.0)


def test_the_counts_are_the_seed_s_and_fall_behind_the_edge():
    def counts(seed):
        instrument = KBInstrument(random_pair(2), seed)
        diode, i0 = instrument.counts(
            [600.0, 600.0, 600.0], [-600.0, 600.0, -600.0], [0, 1, 2], 0.2
        )
        return diode.tolist(), i0.tolist()

    (hidden, whole, _), i0 = counts(3)
    assert counts(3)[1] == i0
    assert counts(4)[1] != i0
    assert hidden < 0.001 * whole
    assert whole == pytest.approx(i0[1], rel=0.02)


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="image_m"):
        KBMirror(1.25, 0.0, 4.0, 1000.0)
    with pytest.raises(BadInput, match="seed"):
        random_pair(-1)
