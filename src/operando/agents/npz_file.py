"""Files of plain arrays, replaced as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write a compressed npz file.

    Parameters
    ----------
    path : pathlib.Path
        Replaced at the end, so that a process that dies here leaves the old file.
    **arrays
        What ``numpy.asarray`` makes plain arrays of, of any shape; their keys in the file.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)
