"""Classify files of measured patterns and lay the answer out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from operando.agents.pattern_files import find_peaks, read_patterns
from operando.agents.patterns import PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier, PhaseLabels, expit
from operando.commands.options import plain
from operando.errors import BadInput
from operando.physics.phases import DISPLAY_NAMES, LABELS


def classify_files(
    files: Sequence[Path],
    *,
    energy_kev: float | None = None,
    wavelength: float | None = None,
    poni: Path | None = None,
    classifier: PhaseClassifier | None = None,
) -> dict[str, Any]:
    """Classify every pattern of every file.

    Parameters
    ----------
    files : sequence of Path
        Text files (2θ in degrees, intensity columns) or images.
    energy_kev, wavelength : float, optional
        One of them is needed unless a PONI file says it (keV; Å).
    poni : Path, optional
        pyFAI geometry, needed for images.
    classifier : PhaseClassifier, optional
        In place of the shipped one.

    Returns
    -------
    dict
        The JSON object of ``operando classify``: ``patterns``, each with ``file``, ``name``,
        ``labels`` (label to probability), ``own`` (added phase to probability),
        ``unknown_score``, ``present`` (the most probable set, then the added phases that are
        more likely than not), ``lines`` (the strongest lines found: ``two_theta`` deg,
        ``d_spacing`` Å, ``intensity`` relative to the strongest = 100).

    Raises
    ------
    BadInput
        If a file cannot be read as patterns.
    """
    classifier = classifier or PhaseClassifier.shipped()
    rows: list[dict[str, Any]] = []
    for file in files:
        known = label_file(file, classifier, wavelength, energy_kev, poni)
        rows += label_rows(known, str(file), classifier.own_names, 0, len(known[0]))
    return {"patterns": rows, "model_version": classifier.version}


Labelled = tuple[PowderPatterns, PhaseLabels]


def label_file(
    file: Path,
    classifier: PhaseClassifier,
    wavelength: float | None,
    energy_kev: float | None,
    poni: Path | None,
) -> Labelled:
    """Read a file and label its patterns, all together; the parameters as above."""
    patterns = read_patterns(file, wavelength=wavelength, energy_kev=energy_kev, poni=poni)
    try:
        return patterns, classifier.classify(patterns)
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error


def label_rows(
    known: Labelled, file: str, own_names: Sequence[str], first: int, stop: int
) -> list[dict[str, Any]]:
    """Lay out some of the patterns of a file, each with its strongest lines."""
    return [_row(file, *known, i, own_names) for i in range(first, stop)]


def _row(
    file: str, patterns: PowderPatterns, labels: PhaseLabels, index: int, names: Sequence[str]
) -> dict[str, Any]:
    probability, present = labels.probability[index], labels.present[index]
    added = () if labels.own is None else map(float, expit(labels.own[index]))
    own = dict(zip(names, added, strict=True))
    return {
        "file": file,
        "name": patterns.names[index],
        "labels": {label: float(probability[k]) for k, label in enumerate(LABELS)},
        "own": own,
        "unknown_score": float(labels.unknown_score[index]),
        "present": [
            *(label for k, label in enumerate(LABELS) if present[k]),
            *(name for name, chance in own.items() if chance > 0.5),
        ],
        "lines": [
            {
                "two_theta": round(peak.two_theta, 4),
                "d_spacing": round(peak.d_spacing, 5),
                "intensity": round(peak.intensity, 1),
            }
            for peak in find_peaks(patterns[index : index + 1])[:20]
        ],
    }


def labels_table(result: dict[str, Any]) -> Table:
    """Lay the labels out for a terminal: what is held present in bold, then what may be."""
    table = Table(title=f"phases (model {result['model_version']})")
    table.add_column("pattern")
    table.add_column("labels, with their probability")
    table.add_column("unexplained", justify="right")
    for row in result["patterns"]:
        every = {**row["labels"], **row["own"]}
        ranked = sorted(every.items(), key=lambda item: -item[1])
        cells = [
            f"[bold]{_shown(label)} {p:.2f}[/bold]"
            if label in row["present"]
            else f"[dim]{_shown(label)} {p:.2f}[/dim]"
            for label, p in ranked
            if label in row["present"] or p >= 0.05
        ]
        table.add_row(row["name"], ", ".join(cells), f"{row['unknown_score']:.2f}")
    return table


def _shown(label: str) -> str:
    """Name a label for people; an added phase is called as its file is."""
    return DISPLAY_NAMES.get(label) or plain(label)
