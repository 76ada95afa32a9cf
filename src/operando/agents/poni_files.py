"""Detector geometries in PONI files, as pyFAI writes them."""

from __future__ import annotations

import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from operando.confined import within
from operando.errors import BadInput

_NUMBERS = (
    *("distance", "poni1", "poni2", "rot1", "rot2", "rot3"),
    *("wavelength", "pixelsize1", "pixelsize2"),
)


@dataclass(frozen=True)
class Geometry:
    """Where a detector stands, as a PONI file says.

    Parameters
    ----------
    path : Path
        The PONI file.
    wavelength : float or None
        Å, or None if the file does not say it.
    oriented : bool
        Whether the file says which corner of the image its origin is.
    """

    path: Path
    wavelength: float | None
    oriented: bool

    @classmethod
    def from_poni(cls, path: Path) -> Geometry:
        """Read a PONI file.

        Raises
        ------
        BadInput
            If it is absent or no PONI file.
        """
        said = _poni_entries(path)
        for key in ("distance", "poni1", "poni2"):
            if key not in said:
                raise BadInput(f"{path} is not a PONI file: it has no {key.capitalize()}")
        for file in _files_named(said):
            if not within(Path(file), [path.parent]):
                raise BadInput(f"{path} names the file {file}, which is not in its folder")
        present = [key for key in _NUMBERS if said.get(key, "none").lower() != "none"]
        numbers = {key: _poni_number(path, key, said[key]) for key in present}
        for key in ("distance", "wavelength", "pixelsize1", "pixelsize2"):
            if key in numbers and not numbers[key] > 0:
                raise BadInput(f"{path}: {key} is {numbers[key]:g} m; it must be above 0")
        wavelength = numbers.get("wavelength")
        geometry = cls(
            path,
            None if wavelength is None else wavelength * 1e10,
            "orientation" in said.get("detector_config", ""),
        )
        pixels = (geometry.integrator.detector.pixel1, geometry.integrator.detector.pixel2)
        if not all(pixel and pixel > 0 for pixel in pixels):
            raise BadInput(f"{path} says neither a detector that pyFAI knows nor its pixel size")
        return geometry

    @cached_property
    def integrator(self) -> Any:
        """PyFAI's integrator."""
        import pyFAI

        with quiet():
            try:
                return pyFAI.load(str(self.path))
            except Exception as error:  # pyFAI raises what its parsers and detectors do
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise BadInput(f"{self.path} cannot be used by pyFAI: {reason[:120]}") from error


def _poni_entries(path: Path) -> dict[str, str]:
    """Keys (small letters) and values; of repeated ones the last, as pyFAI takes them."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a PONI file, for it is not text") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    pairs = [line.split(":", 1) for line in lines if ":" in line and not line.startswith("#")]
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _files_named(said: Mapping[str, str]) -> Iterator[str]:
    """Give the files that pyFAI would open because of what a PONI file says."""
    config: Any = None
    with suppress(ValueError, RecursionError):
        config = json.loads(said.get("detector_config", ""))
    values = {**(config if isinstance(config, dict) else {}), **said}
    for key, value in values.items():
        file = key.lower() in ("filename", "splinefile", "maskfile")
        if file and isinstance(value, str) and value.lower() != "none":
            yield value
    if os.path.isfile(said.get("detector", "")):
        yield said["detector"]


def _poni_number(path: Path, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{path}: {key} is {text[:30]!r}; a number is needed")
    return value


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pyFAI and fabio from printing; what they raise says enough."""
    loggers = [logging.getLogger(name) for name in ("pyFAI", "fabio", "silx")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
