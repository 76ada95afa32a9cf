"""Reading absorption spectra, and refusing those that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

MIN_POINTS = 50
_ENERGY = ("energy", "e", "ev", "energyev", "energykev", "photonenergy", "monoenergy")
_MU = ("mu", "xmu", "mutrans", "mufluor", "mue", "norm", "absorption", "muref")
_I0 = ("i0", "itrans0", "monitor")
_I1 = ("i1", "itrans", "it")
_FLUORESCENCE = ("if", "ifluor", "fluorescence", "iff")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Absorption against photon energy, checked when it is made.

    Parameters
    ----------
    energy : ndarray of float64, (n,)
        Photon energy, eV; sorted if it is not.
    mu : ndarray of float64, (n,)
        Absorption, any scale.
    name : str
        What messages call it.

    Raises
    ------
    BadInput
        If there are fewer than 50 points, a value that is no number, or a repeated energy.

    Examples
    --------
    >>> Spectrum(np.linspace(7000, 7500, 60), np.ones(60), "flat").energy.size
    60
    """

    energy: NDArray[np.float64]
    mu: NDArray[np.float64]
    name: str = field(default="spectrum")

    def __post_init__(self) -> None:
        energy = np.array(self.energy, dtype=np.float64)
        mu = np.array(self.mu, dtype=np.float64)
        if energy.ndim != 1 or energy.shape != mu.shape:
            raise BadInput(f"{self.name}: energy {energy.shape} and mu {mu.shape} do not match")
        if energy.size < MIN_POINTS:
            raise BadInput(f"{self.name}: {energy.size} points; at least {MIN_POINTS} are needed")
        for label, values in (("energy", energy), ("mu", mu)):
            wrong = np.flatnonzero(~np.isfinite(values))
            if wrong.size:
                raise BadInput(
                    f"{self.name}: {label} is {values[wrong[0]]} at point {wrong[0] + 1}"
                )
        step = np.diff(energy)
        if not (step > 0).all():
            order = np.argsort(energy, kind="stable")
            energy, mu = energy[order], mu[order]
            step = np.diff(energy)
        if not (step > 0).all():
            again = energy[int(np.argmin(step))]
            raise BadInput(f"{self.name}: energy {again:.4f} eV is given more than once")
        if energy[0] < 1000.0:
            raise BadInput(
                f"{self.name}: energies start at {energy[0]:g}; eV above 1000 are needed"
            )
        for array in (energy, mu):
            array.flags.writeable = False
        object.__setattr__(self, "energy", energy)
        object.__setattr__(self, "mu", mu)

    def between(self, low: float, high: float) -> Spectrum:
        """Return the part from ``low`` to ``high``, eV, both included."""
        keep = slice(*np.searchsorted(self.energy, [low, np.nextafter(high, np.inf)]))
        return Spectrum(self.energy[keep], self.mu[keep], self.name)


def read_spectrum(path: str | Path) -> Spectrum:
    """Read a measured spectrum: XDI, xmu and other columns of text, or CSV.

    The energy column is in eV (or keV, if its header says so). Absorption is the column ``mu``
    (``xmu``, ``mutrans``, ...), or ln(i0/i1) from ``i0`` and ``i1``, or if/i0 from ``i0`` and
    ``if``. Columns without names are taken as energy and mu.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Spectrum
        Named by the file.

    Raises
    ------
    BadInput
        If the file cannot be read as a spectrum; the message names the value.

    Notes
    -----
    XDI: Ravel & Newville (2016), J. Phys.: Conf. Ser. 712, 012148,
    10.1088/1742-6596/712/1/012148.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    headers, rows = _split(lines, path.name)
    if not rows:
        raise BadInput(f"{path.name}: no numbers in it")
    labels, kev = _labels(headers, len(rows[0][1]))
    table = _table(rows, path.name)
    energy, mu = _columns(table, labels, path.name)
    return Spectrum(energy * (1000.0 if kev else 1.0), mu, path.name)


def _split(lines: Sequence[str], name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header lines, and rows of words with their line numbers."""
    headers: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().lstrip("\ufeff")
        if not text:
            continue
        words = [word.strip() for word in text.split(",")] if "," in text else text.split()
        if text[0] in "#%;!" or (not rows and not _is_number(words[0])):
            if not rows:
                headers.append(text)
            continue
        if rows and len(words) != len(rows[0][1]):
            raise BadInput(
                f"{name}: line {number} has {len(words)} columns, the first {len(rows[0][1])}"
            )
        rows.append((number, words))
    return headers, rows


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _table(rows: Sequence[tuple[int, list[str]]], name: str) -> NDArray[np.float64]:
    try:
        return np.array([words for _, words in rows], dtype=np.float64)
    except ValueError:
        number, word = next(
            (number, word) for number, words in rows for word in words if not _is_number(word)
        )
        raise BadInput(f"{name}: {word!r} in line {number} is no number") from None


def _labels(headers: Sequence[str], columns: int) -> tuple[list[str], bool]:
    """Column names in lower case without punctuation, and whether the energy is in keV."""
    named = {}
    for line in headers:
        found = re.match(r"#\s*Column\.(\d+):\s*(.+)", line, flags=re.IGNORECASE)
        if found:
            named[int(found[1])] = found[2]
    words: list[str] = []
    if named:
        # XDI writes the unit after the name.
        words = [named.get(number, "") for number in range(1, columns + 1)]
    elif headers:
        last = headers[-1].lstrip("#%;! ")
        words = [word.strip() for word in last.split(",")] if "," in last else last.split()
        if len(words) != columns:
            words = []
    labels = [
        _plain(word.split()[0] if named and word else re.sub(r"\(.*\)", "", word)) for word in words
    ]
    is_kev = bool(words) and re.search(r"\bkev\b|_kev", words[0].lower()) is not None
    return labels, is_kev


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _columns(
    table: NDArray[np.float64], labels: Sequence[str], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    def find(names: Sequence[str]) -> int | None:
        return next((labels.index(word) for word in names if word in labels), None)

    energy, mu, i0, i1, fluorescence = (
        find(names) for names in (_ENERGY, _MU, _I0, _I1, _FLUORESCENCE)
    )
    if not labels or (energy is None and mu is None and i0 is None):
        if table.shape[1] < 2:
            raise BadInput(f"{name}: one column; energy and mu are needed")
        return table[:, 0], table[:, 1]
    x = table[:, energy or 0]
    if mu is not None:
        return x, table[:, mu]
    if i0 is None or (i1 is None and fluorescence is None):
        raise BadInput(
            f"{name}: columns {', '.join(labels)}; energy and mu, or i0 and i1, are needed"
        )
    for column in (i0, i1):
        if column is not None and not (table[:, column] > 0).all():
            row = int(np.argmin(table[:, column]))
            raise BadInput(
                f"{name}: {labels[column]} is {table[row, column]:g} at point {row + 1}; "
                "intensities must be above 0"
            )
    if i1 is not None:
        return x, np.log(table[:, i0] / table[:, i1])
    return x, table[:, fluorescence] / table[:, i0]
