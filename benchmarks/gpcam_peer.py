"""How long gpCAM thinks: run by ``think_time.py`` and the table in a process of its own.

Reads ``{"xy", "values", "everywhere", "length_um", "choose"}`` (JSON, a line) from stdin and writes
the milliseconds from data to the choice, line by line. Before the first, one round on a tenth of
the data is not counted.
gpCAM is licensed under the GPL; this file is no part of the package and the package never
imports it.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
from gpcam import GPOptimizer
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def think(
    xy: Floats, values: Floats, everywhere: Floats, length_um: float, choose: int
) -> NDArray[np.int64]:
    """Posterior standard deviation with the default kernel, parameters kept; the largest."""
    start = np.array([1.0, length_um, length_um])
    model = GPOptimizer(xy, values, init_hyperparameters=start)
    variance = model.posterior_covariance(everywhere, variance_only=True)["v(x)"]
    return np.argsort(-np.asarray(variance))[:choose]


def main() -> None:
    warnings.simplefilter("ignore")
    warm = False
    for line in sys.stdin:
        asked = json.loads(line)
        xy, values, everywhere = (np.array(asked[key]) for key in ("xy", "values", "everywhere"))
        rest = (asked["length_um"], asked["choose"])
        if not warm:
            few = max(len(xy) // 10, 10)
            think(xy[:few], values[:few], everywhere, *rest)
            warm = True
        begin = time.perf_counter()
        think(xy, values, everywhere, *rest)
        print(1e3 * (time.perf_counter() - begin), flush=True)


if __name__ == "__main__":
    main()
