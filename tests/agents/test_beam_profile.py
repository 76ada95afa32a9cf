"""Sizes from scans of an edge: right, and as uncertain as they say."""

import numpy as np
import pytest
from scipy.special import erfc

from operando.agents.beam_edge import edge_curve, fit_edge
from operando.agents.beam_profile import BeamProfiles
from operando.errors import BadInput


def scan(rng, fwhm, half, num=21, vibration=0.03):
    """Signal and its variance by counting, of a beam that vibrates."""
    centre = rng.uniform(-0.3, 0.3) * half
    position = np.linspace(-half, half, num)
    seen = position + vibration * rng.standard_normal(num) - centre
    share = 0.5 * erfc(-seen * 2.354820045 / fwhm / np.sqrt(2.0))
    diode, i0 = rng.poisson(4e5 * share + 40), rng.poisson(4e5, num)
    signal = diode / i0
    return position, signal, (diode + 1) / i0**2 + signal**2 / i0, centre


@pytest.mark.parametrize(("fwhm", "half"), [(1.25, 3.0), (2.0, 4.0), (10.0, 25.0)])
def test_the_error_bars_hold(fwhm, half):
    rng = np.random.default_rng(5)
    widths, centres = [], []
    for _ in range(30):
        *data, centre = scan(rng, fwhm, half)
        fit = fit_edge(*data)
        assert fit.found
        assert fit.resolved
        widths.append((fit.fwhm - fwhm) / fit.fwhm_sd)
        centres.append((fit.centre - centre) / fit.centre_sd)
    # 30 draws: a standard deviation of 1 comes out between 0.7 and 1.4 nearly always.
    assert 0.7 < np.sqrt(np.mean(np.square(widths))) < 1.4
    assert 0.7 < np.sqrt(np.mean(np.square(centres))) < 1.4


def test_vibration_widens_the_error_bars():
    rng = np.random.default_rng(6)
    calm = [fit_edge(*scan(rng, 1.25, 3.0, vibration=0.0)[:3]).fwhm_sd for _ in range(8)]
    shaken = [fit_edge(*scan(rng, 1.25, 3.0, vibration=0.1)[:3]).fwhm_sd for _ in range(8)]
    assert np.median(shaken) > 3.0 * np.median(calm)


def test_a_scan_that_is_too_coarse_claims_no_width_but_knows_where_the_beam_is():
    *data, centre = scan(np.random.default_rng(7), 1.25, 150.0, num=31)
    fit = fit_edge(*data)
    assert fit.found
    assert not fit.resolved
    assert abs(fit.centre - centre) < 10.0


def test_no_edge_is_no_beam():
    rng = np.random.default_rng(8)
    position = np.linspace(-10.0, 10.0, 21)
    dark = rng.poisson(40, 21) / 4e5
    assert not fit_edge(position, dark, np.full(21, 40 / 4e5**2)).found


def test_the_curve_of_a_fit_follows_the_data():
    position, signal, variance, _ = scan(np.random.default_rng(9), 2.0, 4.0)
    fit = fit_edge(position, signal, variance)
    assert np.abs(edge_curve(fit, position) - signal).max() < 0.06


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="7 points"):
        fit_edge([0.0, 1.0], [0.0, 1.0], [1.0, 1.0])
    with pytest.raises(BadInput, match="ascend"):
        fit_edge(np.arange(9.0)[::-1], np.arange(9.0), np.ones(9))
    with pytest.raises(BadInput, match="positive"):
        fit_edge(np.arange(9.0), np.arange(9.0), np.zeros(9))


def test_scans_come_out_of_documents_whatever_their_form():
    position, signal, _, _ = scan(np.random.default_rng(10), 2.0, 4.0)
    rows = [
        {
            "stage_x": 600.0,
            "stage_y": y,
            "scaler_diode": 4e5 * s,
            "scaler_i0": 4e5,
            "kb_pitch_v": 4.0,
        }
        for y, s in zip(position.tolist(), signal.tolist(), strict=True)
    ]
    start, stop = ("start", {"uid": "r"}), ("stop", {"run_start": "r"})
    descriptor = ("descriptor", {"uid": "d", "name": "knife_v"})

    def stamps(i, row):
        return dict.fromkeys(row, float(i))

    events = [
        ("event", {"descriptor": "d", "data": row, "timestamps": stamps(i, row), "time": 0.0})
        for i, row in enumerate(rows)
    ]
    page = {
        "descriptor": "d",
        "time": [0.0] * len(rows),
        "data": {key: [row[key] for row in rows] for key in rows[0]},
        "timestamps": {key: [float(i) for i in range(len(rows))] for key in rows[0]},
    }
    by_events, by_page, short = BeamProfiles(), BeamProfiles(), BeamProfiles()
    for read, middle in (
        (by_events, events),
        (by_page, [("event_page", page)]),
        (short, events[:5]),
    ):
        for name, doc in (start, descriptor, *middle, stop):
            read(name, doc)
    (profile,) = by_events.profiles
    assert profile.fit == by_page.profiles[0].fit
    assert profile.fit.fwhm == pytest.approx(2.0, abs=5 * profile.fit.fwhm_sd)
    assert profile.scan.setting == {"kb_pitch_v": 4.0}
    assert profile.scan.time == len(rows) - 1
    assert short.scans == []
    assert by_events.last("v") is profile
    assert by_events.last("h") is None
