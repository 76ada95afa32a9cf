"""What an agent of a charge knows, as a file of plain arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operando.agents.npz_file import read_arrays, refusing, write_arrays
from operando.agents.soc_documents import Pattern, SocMeasurement, XafsScan
from operando.agents.soc_library import SocLibrary

_LIBRARY = "library:"


def write_checkpoint(
    path: Path,
    spec: Mapping[str, Any],
    library: SocLibrary | None,
    measurements: Sequence[SocMeasurement],
) -> None:
    """Write an agent's settings, references and measurements (npz, nothing that could run).

    Parameters
    ----------
    path : Path
    spec : mapping
        The agent's, as in a start document.
    library : SocLibrary, optional
        References that it was given.
    measurements : sequence of SocMeasurement
        Rows are made of them again when the file is read.
    """
    arrays: dict[str, Any] = {}
    steps = []
    for at, one in enumerate(measurements):
        for j, scan in enumerate(one.scans):
            arrays[f"{at}/scan{j}"] = np.vstack([scan.energy, scan.mu, scan.foil])
        for j, pattern in enumerate(one.patterns):
            arrays[f"{at}/pattern{j}"] = np.vstack([pattern.two_theta, pattern.counts])
        steps.append(
            {
                "index": one.index,
                "cell": one.cell,
                "dose_mgy": one.dose_mgy,
                "faults": one.faults,
                "elements": [scan.elements for scan in one.scans],
                "energy_ev": [pattern.energy_ev for pattern in one.patterns],
            }
        )
    if library is not None:
        arrays |= {_LIBRARY + key: array for key, array in library.arrays().items()}
    about = json.dumps({"spec": dict(spec), "steps": steps})
    write_arrays(path, about=np.array(about), **arrays)


def read_checkpoint(
    path: Path,
) -> tuple[dict[str, Any], SocLibrary | None, list[SocMeasurement]]:
    """Read the file of `write_checkpoint`.

    Returns
    -------
    spec : dict
    library : SocLibrary or None
    measurements : list of SocMeasurement

    Raises
    ------
    BadInput
        If it is no such file.
    """
    with refusing(path, "checkpoint of a charge"):
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        of_library = {
            key.removeprefix(_LIBRARY): array
            for key, array in arrays.items()
            if key.startswith(_LIBRARY)
        }
        library = SocLibrary.from_arrays(of_library) if of_library else None
        steps = [_step(at, step, arrays) for at, step in enumerate(about["steps"])]
        return dict(about["spec"]), library, steps


def _step(at: int, step: Mapping[str, Any], arrays: Mapping[str, Any]) -> SocMeasurement:
    scans = [
        XafsScan(tuple(elements), *arrays[f"{at}/scan{j}"])
        for j, elements in enumerate(step["elements"])
    ]
    patterns = [
        Pattern(arrays[f"{at}/pattern{j}"][0], arrays[f"{at}/pattern{j}"][1], energy)
        for j, energy in enumerate(step["energy_ev"])
    ]
    return SocMeasurement(
        int(step["index"]),
        dict(step["cell"]),
        float(step["dose_mgy"]),
        scans,
        patterns,
        list(step["faults"]),
    )
