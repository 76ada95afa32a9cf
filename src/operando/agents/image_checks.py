"""Images that fabio would read for ever, told before it tries."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import BinaryIO, Final

from operando.errors import BadInput

_CBF_SECTION: Final = b"--CIF-BINARY-FORMAT-SECTION--"
_CBF_DATA: Final = b"\x0c\x1a\x04\xd5"
#: Bytes in which fabio looks for the beginning of the binary section.
_CBF_HEADER: Final = 16 * 512
#: The tenth dimension of an image, and those beyond.
_EDF_DIMENSION: Final = re.compile(rb"(?i)\bdim_[0-9]{2,20}")
_EDF_SIDE: Final = [re.compile(rb"(?i)\bdim_%d\s*=\s*([0-9]{1,15})" % n) for n in (1, 2)]
_MOST_DIRECTORIES: Final = 100_000


def refuse_endless(path: Path) -> None:
    """Refuse files whose parts refer to each other in a circle, or have a beginning and no end.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        For a CBF file without its data, an EDF file of ten dimensions or of fewer pixels than
        it says, and a TIFF file whose directories go round in a circle.
    OSError
        If the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".cbf":
        _check_cbf(path.read_bytes())
    elif suffix == ".edf":
        _check_edf(path.read_bytes())
    elif suffix in (".tif", ".tiff"):
        with path.open("rb") as file:
            _check_tiff(file)


def _check_cbf(data: bytes) -> None:
    # fabio looks for the mark of the data behind the section's beginning, also past the end.
    section = data[:_CBF_HEADER].find(_CBF_SECTION)
    if section < 0 or data.find(_CBF_DATA, section) < 0:
        raise BadInput("cannot be read as an image: a CBF file without its binary section")


def _check_edf(data: bytes) -> None:
    # fabio makes a list of as many dimensions as the largest one's number.
    if found := _EDF_DIMENSION.search(data):
        raise BadInput(f"cannot be read as an image: its header says {found[0].decode()}")
    # What is missing of the pixels fabio puts zeros for, and a pixel has a byte at least.
    sides = [_EDF_SIDE[n].search(data) for n in (0, 1)]
    pixels = math.prod(int(side[1]) for side in sides if side)
    if pixels > len(data) and b"compression" not in data[:_CBF_HEADER].lower():
        raise BadInput(f"cannot be read as an image: it says {pixels} pixels, which it lacks")


def _check_tiff(file: BinaryIO) -> None:
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        return  # what fabio does not take for TIFF either
    file.seek(4)
    seen: set[int] = set()
    while offset := _number(file, f"{order}I"):
        if offset in seen or len(seen) >= _MOST_DIRECTORIES:
            raise BadInput("cannot be read as an image: its directories go round in a circle")
        seen.add(offset)
        file.seek(offset)
        file.seek(offset + 2 + 12 * _number(file, f"{order}H"))


def _number(file: BinaryIO, form: str) -> int:
    """Read an unsigned number; nought at the end of the file."""
    raw = file.read(struct.calcsize(form))
    return int(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else 0
