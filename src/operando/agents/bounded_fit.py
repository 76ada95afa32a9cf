"""Least squares with fractions that are not negative and may be held to a sum of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoundedSolver:
    """Least squares with fractions ≥ 0 on one design; what needs no data is worked out once.

    Parameters
    ----------
    design : ndarray of float64, (n, m)
        References on the grid of the spectrum.
    gram, root : ndarray of float64, (m, m)
        designᵀ design and its upper Cholesky factor.
    projector : ndarray of float64, (m, n) or (m + 1, n)
        From data to the fractions without bounds, and the shift if there is one.
    """

    design: Floats
    gram: Floats
    root: Floats
    projector: Floats

    @classmethod
    def of(cls, design: Floats, sum_to_one: bool, slope: Floats | None = None) -> BoundedSolver:
        """Prepare a design, with the slope that a shift has on the data, (n,), if one is fitted."""
        gram = design.T @ design
        full = design if slope is None else np.column_stack([design, slope])
        # Directions that the constraint leaves free.
        free = np.eye(full.shape[1])
        if sum_to_one:
            last = design.shape[1] - 1
            free = np.delete(free, last, axis=1)
            free[last, :last] = -1.0
        projector = free @ np.linalg.pinv(full @ free)
        return cls(
            design, gram, np.asarray(np.linalg.cholesky(gram).T, dtype=np.float64), projector
        )

    def fractions(self, data: Floats, sum_to_one: bool) -> Floats:
        """Fractions, none below 0, with their sum held at 1 if so asked."""
        right = self.design.T @ data
        # The same minimum from the m × m normal equations, which is much quicker.
        target = solve_triangular(self.root, right, trans="T", check_finite=False)
        if not sum_to_one:
            return np.asarray(nnls(self.root, target)[0])
        weight = 1e4 * float(np.sqrt(np.trace(self.gram)))
        rows = np.vstack([self.root, np.full(len(right), weight)])
        used = nnls(rows, np.append(target, weight))[0] > 0
        size = int(used.sum())
        # The weight only says which are above 0; these follow exactly, by a multiplier.
        system = np.ones((size + 1, size + 1))
        system[:size, :size], system[size, size] = self.gram[np.ix_(used, used)], 0.0
        found = np.zeros(len(right))
        found[used] = np.linalg.solve(system, np.append(right[used], 1.0))[:size]
        return found
