"""Where gpCAM would measure next: run by the table in a process of its own.

Reads JSON lines from stdin and answers each with the next point, ``[x, y]``. A line with
``{"bounds", "seed", "xy", "values"}`` begins a map, one with ``{"xy", "values"}`` tells what was
measured since. Kernel, noise, acquisition and their search are gpCAM's defaults, and it is trained
when its own loop would. gpCAM is licensed under the GPL; this file is no part of the package and
the package never imports it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings

import numpy as np
from gpcam import GPOptimizer

#: Numbers of points at which ``GPOptimizer.optimize`` trains, and at its start.
TRAIN_AT = (10, 20, 50, 100, 200)


def main() -> None:
    warnings.simplefilter("ignore")
    model, bounds = None, None
    for line in sys.stdin:
        told = json.loads(line)
        xy, values = np.array(told["xy"]), np.array(told["values"])
        with contextlib.redirect_stdout(sys.stderr):
            if "bounds" in told:
                np.random.seed(told["seed"])  # noqa: NPY002 - the generator gpCAM draws from
                bounds = np.array(told["bounds"])
                model = GPOptimizer(xy, values)
                model.train()
            else:
                model.tell(xy, values)
                if len(model.x_data) in TRAIN_AT:
                    model.train()
            point = np.asarray(model.ask(bounds)["x"]).ravel()
        print(json.dumps(point.tolist()), flush=True)


if __name__ == "__main__":
    main()
