"""Curves over the state of charge: how they run between measurements, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.soc_library import state_name

Floats = NDArray[np.float64]

#: What is known at a state of charge: progress through the Ni references, 003 spacing (Å), open-
#: circuit voltage (V).
Point = tuple[float, float, float, float]
#: Measurements closer than this are of one state; the later one counts.
_SAME = 0.02
#: Curvature that any gap may hide, as a share of what the gaps have on the whole.
_UNSEEN = 0.2


def point_of(row: Mapping[str, Any], states: Sequence[float]) -> Point | None:
    """Reduce a row of the table to what a charge is stepped by.

    Parameters
    ----------
    row : mapping
        A row of `operando.agents.soc_table.SocTableAgent`.
    states : sequence of float
        States of charge of the references.

    Returns
    -------
    tuple of float or None
        State of charge, progress (a share of 1 of the k-th reference is k), 003 spacing and
        open-circuit voltage; None if one of them is not known.
    """
    shares = [float(row[f"Ni_LCF{state_name(soc)}"]) for soc in states]
    values = (
        float(row["soc"]),
        float(np.dot(shares, np.arange(len(shares)))),
        float(row["d003"]),
        float(row["ocv"]),
    )
    return values if np.isfinite(values).all() else None


def merged(earlier: Sequence[Point], own: Sequence[Point]) -> Floats:
    """Put points of an earlier cell and of this one in the order of charge.

    Parameters
    ----------
    earlier, own : sequence of tuple of float, (4,)
        The earlier cell's are left out where this cell has its own.

    Returns
    -------
    ndarray of float64, (n, 4)
    """
    kept = [one for one in earlier if all(abs(one[0] - mine[0]) > _SAME for mine in own)]
    points = {round(one[0], 4): one for one in [*kept, *own]}
    return np.array([points[soc] for soc in sorted(points)], dtype=np.float64).reshape(-1, 4)


def gap_errors(points: Floats, end: float) -> tuple[Floats, Floats]:
    """Error that straight lines between the points are expected to make, gap by gap.

    Parameters
    ----------
    points : ndarray of float64, (n, 4)
        In the order of charge.
    end : float
        Where the charge is expected to end; if no point is there, the last gap is open.

    Returns
    -------
    edges : ndarray of float64, (m + 1,)
        States of charge between which the gaps are.
    errors : ndarray of float64, (m,)
        Integral of the error over the gap, summed over the three quantities, each in units of
        its range so far.

    Notes
    -----
    A straight line over a gap h errs by h³ |y''| / 12 when integrated. y'' is the mean of the
    second differences at both ends of the gap (fast change), plus a share of its root mean square
    over all gaps: nothing is known to be straight where nothing was measured (uncertainty).
    """
    soc, values = points[:, 0], points[:, 1:]
    edges = np.append(soc, end) if end > soc[-1] + _SAME else soc
    width = np.diff(edges)
    if soc.size < 3:
        return edges, width**3
    scaled = values / np.maximum(np.ptp(values, axis=0), 1e-12)
    h = np.diff(soc)
    slope = np.diff(scaled, axis=0) / h[:, None]
    bend = np.abs(np.diff(slope, axis=0)) / (0.5 * (h[1:] + h[:-1]))[:, None]
    # The ends have no bend of their own and take that of their neighbours.
    bend = np.vstack([bend[:1], bend, np.repeat(bend[-1:], edges.size - soc.size + 1, axis=0)])
    curvature = 0.5 * (bend[:-1] + bend[1:])
    curvature = curvature + _UNSEEN * np.sqrt(np.mean(curvature**2, axis=0))
    return edges, (width[:, None] ** 3 * curvature).sum(axis=1) / 12.0


def next_state(points: Floats, now: float, end: float, left: int) -> float | None:
    """Choose where to measure next on the way up.

    Parameters
    ----------
    points : ndarray of float64, (n, 4)
        What is known, ahead as well.
    now : float
        State of charge of the cell.
    end : float
        Where the charge is expected to end.
    left : int
        Measurements still to be spent before the end.

    Returns
    -------
    float or None
        State of charge; None if there is nothing to spend or nowhere to spend it.

    Notes
    -----
    The measurements are dealt out one by one to the gap where the next one takes most off the
    expected error; m parts of a gap leave 1/m² of its error. The first place of that layout is
    the answer, and the rest is laid out anew when it has been measured.

    Examples
    --------
    >>> known = np.array([(0.0, 0, 0, 0), (0.5, 1, 1, 1), (1.0, 1, 0, 1.2), (1.5, 1, -1, 1.4)])
    >>> next_state(known, 0.0, 1.5, 1)
    0.25
    """
    if left < 1:
        return None
    edges, errors = gap_errors(points, end)
    ahead = edges[1:] > now + _SAME
    if not ahead.any():
        return None
    parts = np.ones(errors.size)
    for _ in range(left):
        gain = np.where(ahead, errors / parts**2 - errors / (parts + 1) ** 2, -1.0)
        parts[int(np.argmax(gain))] += 1
    first = int(np.argmax(parts > 1))
    start = max(float(edges[first]), now)
    return start + (float(edges[first + 1]) - start) / float(parts[first])
