"""Where to scan the edge: where the beam should be, as wide as it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from operando.agents.beam_profile import Profile
from operando.agents.focus_config import FocusConfig

#: Largest half width of a scan about a beam whose place is known, um.
_WIDEST_UM = 60.0
#: Half width of a scan over the size that is expected at most.
_SIZES = 1.5
#: Points of a scan that looks for the edge, and most of any other.
_SEARCH_POINTS, _MOST_POINTS = 61, 41


@dataclass(frozen=True)
class Window:
    """A scan of an edge that is to be made.

    Parameters
    ----------
    centre, half : float
        It goes from ``centre - half`` to ``centre + half``, um.
    num : int
        Points; 0 for no scan.
    """

    centre: float = 0.0
    half: float = 0.0
    num: int = 0


def window_for(
    config: FocusConfig,
    direction: str,
    last: Profile | None,
    pitch: float | None,
    size_um: tuple[float, float] | None,
) -> Window:
    """Choose a scan.

    Parameters
    ----------
    config : FocusConfig
    direction : str
    last : Profile, optional
        The last scan in this direction.
    pitch : float, optional
        Where the mirror's pitch will be, mrad; where it was if not given.
    size_um : tuple of float, optional
        Expected size and its standard deviation, um; None if nobody knows.

    Returns
    -------
    Window
    """
    if last is None or not last.fit.found:
        return Window(0.0, config.search_um, _SEARCH_POINTS)
    then = last.scan.setting[config.knobs(direction)[0]]
    move = 0.0 if pitch is None else pitch - then
    lever = config.lever(direction)
    centre = last.fit.centre + lever * move
    unsure = 3.0 * last.fit.centre_sd + 0.03 * lever * abs(move) + 1.0
    if size_um is None:
        return Window(centre, _WIDEST_UM, _MOST_POINTS)
    expected, sd = size_um
    largest = max(expected + 2.0 * sd, config.target_um[0])
    half = min(_SIZES * largest + unsure, _WIDEST_UM)
    # Two steps to the width that is expected at least, as far as points go.
    least = max(expected - 2.0 * sd, 0.8 * config.goal_um(direction))
    num = math.ceil(2.0 * half / (0.5 * least)) + 1
    return Window(centre, half, min(max(num, config.points), _MOST_POINTS))


def closer(config: FocusConfig, last: Profile) -> Window:
    """Choose the scan after one that was too coarse, or did not hold the edge."""
    step = float(last.scan.position[1] - last.scan.position[0])
    if not last.fit.found:
        return Window(0.0, config.search_um, _SEARCH_POINTS)
    if last.fit.fwhm > step:  # too little of the beam was in it
        return Window(last.fit.centre, min(2.0 * last.fit.fwhm, _WIDEST_UM), _MOST_POINTS)
    half = min(3.0 * step, _WIDEST_UM)
    return Window(last.fit.centre, half, config.points)
