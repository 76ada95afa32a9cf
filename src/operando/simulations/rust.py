"""What corrosion makes of the steel: layers, intergrowths, tongues, cracks, foreign patches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.simulations.canvas import CONSTITUENTS, UNLISTED, BoolArray, Canvas, FloatArray


@dataclass(frozen=True)
class Fronts:
    """Interfaces of the layers, each as the distance below it in µm, (ny, nx).

    Parameters
    ----------
    surface, alpha, magnetite, metal : ndarray of float64, (ny, nx)
        Where γ-FeOOH, α-FeOOH, Fe3O4 and the metal begin. No interface lies above the one
        before it, but a layer may thin out to nothing.
    """

    surface: FloatArray
    alpha: FloatArray
    magnetite: FloatArray
    metal: FloatArray


def draw_fronts(canvas: Canvas) -> Fronts:
    """Draw the ragged interfaces.

    Parameters
    ----------
    canvas : Canvas

    Returns
    -------
    Fronts
    """
    rng = canvas.rng
    thickness = canvas.reach * np.array([0.13, 0.16, 0.16, 0.11]) * rng.uniform(0.8, 1.25, 4)
    depth = canvas.depth + 4.0 * canvas.field(90.0)
    fronts: list[FloatArray] = []
    for below, rough in zip(np.cumsum(thickness), (2.2, 2.6, 2.6, 3.0), strict=True):
        ragged = rough * canvas.field(45.0) + 0.35 * canvas.field(4.0, 1.0, 1.0)
        front = depth + ragged - below
        fronts.append(np.minimum(front, fronts[-1]) if fronts else front)
    for _ in range(rng.integers(1, 4)):
        fronts[3] = fronts[3] - _tongue(canvas)
    return Fronts(*fronts)


def _tongue(canvas: Canvas) -> FloatArray:
    """Draw a tongue of corrosion into the metal, as extra depth in µm."""
    centre = canvas.rng.uniform(-0.45, 0.45) * canvas.reach
    wriggle = 3.0 * canvas.field(40.0)
    width = canvas.rng.uniform(5.0, 11.0)
    bump = np.exp(-0.5 * ((canvas.across + wriggle - centre) / width) ** 2)
    return np.asarray(canvas.rng.uniform(8.0, 20.0) * bump)


def grow_rust(canvas: Canvas, fronts: Fronts) -> None:
    """Paint resin and the three layers over the metal, and let neighbours intergrow.

    Parameters
    ----------
    canvas : Canvas
    fronts : Fronts
    """
    rust = (fronts.surface > 0) & (fronts.metal <= 0)
    canvas.fill(fronts.surface <= 0, resin=1.0)
    canvas.fill(rust & (fronts.alpha <= 0), gamma_feooh=1.0)
    canvas.fill(rust & (fronts.alpha > 0) & (fronts.magnetite <= 0), alpha_feooh=1.0)
    canvas.fill(rust & (fronts.magnetite > 0), fe3o4=1.0)
    islands = canvas.field(26.0, 9.0) > 0.6
    near = 5.0 + 1.5 * canvas.field(30.0, 9.0)
    share = 0.38 + 0.10 * np.tanh(canvas.field(12.0))
    for front, upper, lower in (
        (fronts.alpha, "gamma_feooh", "alpha_feooh"),
        (fronts.magnetite, "alpha_feooh", "fe3o4"),
    ):
        zone = (np.abs(front) < near) & islands
        hosts = [zone & _pure(canvas, name) for name in (upper, lower)]
        canvas.replace(hosts[0], lower, share)
        canvas.replace(hosts[1], upper, share)
    veins = canvas.field(28.0, 9.0)
    canvas.replace((veins > 1.6) & _pure(canvas, "alpha_feooh"), "gamma_feooh", share)
    canvas.replace((veins < -1.7) & _pure(canvas, "alpha_feooh"), "fe3o4", share)
    canvas.replace((canvas.field(26.0, 9.0) > 1.8) & _pure(canvas, "fe3o4"), "alpha_feooh", share)


def _pure(canvas: Canvas, name: str) -> BoolArray:
    return np.asarray(canvas.fractions[..., CONSTITUENTS.index(name)] == 1.0)


def run_into_metal(canvas: Canvas, fronts: Fronts, to_boundary: FloatArray) -> None:
    """Corrode grain boundaries near the metal's surface, and cracks deep into it.

    Parameters
    ----------
    canvas : Canvas
    fronts : Fronts
    to_boundary : ndarray of float64, (ny, nx)
        Distance to the nearest grain boundary, µm.
    """
    rng = canvas.rng
    reached = (fronts.metal > 0) & (fronts.metal < 14.0) & (canvas.field(20.0) > 0.5)
    canvas.fill(reached & (to_boundary < 0.55), fe3o4=1.0)
    for _ in range(rng.integers(2, 4)):
        crack = canvas.crack(fronts.metal, rng.uniform(35.0, 80.0), rng.uniform(1.0, 2.2))
        mixture = rng.uniform(0.25, 0.6)
        inside = crack & (fronts.metal > 0)
        canvas.fill(inside, alpha_feooh=mixture, fe3o4=1.0 - mixture)


def crack_rust(canvas: Canvas, fronts: Fronts) -> None:
    """Let resin into cracks from the surface, and into gaps where layers came apart.

    Parameters
    ----------
    canvas : Canvas
    fronts : Fronts
    """
    rng = canvas.rng
    for _ in range(rng.integers(2, 4)):
        crack = canvas.crack(fronts.surface, rng.uniform(20.0, 55.0), rng.uniform(1.5, 3.5))
        canvas.fill(crack & (fronts.metal <= 0), resin=1.0)
    inside = (fronts.surface > 2.0) & (fronts.metal <= -2.0)
    for front in (fronts.alpha, fronts.magnetite):
        level = rng.uniform(-6.0, 6.0) + 0.8 * canvas.field(10.0)
        gap = np.abs(front - level) < rng.uniform(0.6, 1.4)
        canvas.fill(gap & inside & (canvas.field(40.0) > rng.uniform(0.3, 0.9)), resin=1.0)


def scatter_patches(canvas: Canvas, fronts: Fronts) -> None:
    """Paint patches of three to five phases without a label, each where it is at home.

    Parameters
    ----------
    canvas : Canvas
    fronts : Fronts
    """
    home = {
        "sio2": np.abs(fronts.surface) < 8.0,
        "caco3": (fronts.surface > -4.0) & (fronts.alpha < 6.0),
        "alpha_fe2o3": (fronts.surface > 2.0) & (fronts.magnetite < 0.0),
        "feco3": (fronts.alpha > 0.0) & (fronts.metal < -2.0),
        "feo": (fronts.magnetite > 2.0) & (fronts.metal < 2.0),
    }
    names = canvas.rng.permutation(UNLISTED)[: canvas.rng.integers(3, 6)]
    for name in names:
        for _ in range(canvas.rng.integers(1, 4)):
            patch = _patch(canvas, home[str(name)]) & (fronts.metal <= 0)
            canvas.replace(patch, str(name), float(canvas.rng.uniform(0.55, 1.0)))


def _patch(canvas: Canvas, home: BoolArray) -> BoolArray:
    """Draw a ragged ellipse around a voxel of `home`."""
    centre = canvas.pick(home)
    if centre is None:
        return np.zeros(canvas.shape, dtype=bool)
    dx, dy = canvas.x - centre[0], canvas.y - centre[1]
    angle, ratio = canvas.rng.uniform(0.0, np.pi), canvas.rng.uniform(1.0, 2.2)
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = ratio * (dy * np.cos(angle) - dx * np.sin(angle))
    radius = canvas.rng.uniform(4.5, 9.0) * np.exp(0.25 * canvas.field(12.0))
    return np.asarray(np.hypot(along, across) < radius)
