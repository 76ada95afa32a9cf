"""Classify files of measured patterns on a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from operando.agents.phase_classifier import PhaseClassifier
from operando.commands.labels import Labelled, label_file, label_rows
from operando.spreading import Cluster

#: Patterns of a file whose lines are sought together: about half a second.
PART = 64

#: Called with the number of things that are done and the number known of so far.
Shown = Callable[[int, int], None]


def classify_on(
    cluster: Cluster,
    files: Sequence[Path],
    *,
    classifier: PhaseClassifier,
    energy_kev: float | None = None,
    wavelength: float | None = None,
    poni: Path | None = None,
    shown: Shown = lambda done, known: None,
) -> dict[str, Any]:
    """Classify every pattern of every file, as `classify_files` does, on a cluster.

    A file is read and labelled as a whole, for the last bit of a label depends on what else is
    in the matrix. Its patterns' lines are then sought in portions. What has been read is
    finished first, so that workers do not fill with patterns.

    Parameters
    ----------
    cluster : Cluster
        Its workers must see the files under the same names.
    files, classifier, energy_kev, wavelength, poni
        As for `classify_files`.
    shown : callable
        For progress, in patterns.

    Returns
    -------
    dict
        The same.

    Raises
    ------
    BadInput
        If a file cannot be read as patterns; the first of them.
    """
    model = cluster.everywhere(classifier)
    geometry = None if poni is None else poni.resolve()
    read = deque(
        cluster.submit(label_file, file.resolve(), model, wavelength, energy_kev, geometry)
        for file in files
    )
    parts: list[Any] = []
    known, names = 0, classifier.own_names
    for file in files:
        labelled = read.popleft()
        number = cluster.result(cluster.submit(_number, labelled, first=True))
        known += number
        for first in range(0, number, PART):
            span = (first, min(first + PART, number))
            parts.append(cluster.submit(label_rows, labelled, str(file), names, *span, first=True))
        shown(0, known)
    rows: list[dict[str, Any]] = []
    for part in cluster.results(parts):
        rows += part
        shown(len(rows), known)
    return {"patterns": rows, "model_version": classifier.version}


def _number(labelled: Labelled) -> int:
    return len(labelled[0])
