"""What reduction needs to know of a detector, as an event descriptor tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operando.errors import AgentError, BadInput
from operando.physics.constants import wavelength_from_energy


@dataclass(frozen=True)
class ReductionConfig:
    """All that reduction needs to know of a detector, as its descriptor tells it.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of a frame.
    pixel_size : float
        Edge of a square pixel, m.
    poni : tuple of float
        Geometry in pyFAI's terms: dist, poni1, poni2 (m), rot1, rot2, rot3 (rad).
    energy_kev : float
        Photon energy, keV.
    mask : tuple of int
        Flat indices of pixels not to be used.
    exposure_s : float
        Exposure of a frame, s; it takes no part in comparisons, one reducer serves all.

    Raises
    ------
    BadInput
        If a value makes no sense.
    """

    shape: tuple[int, int]
    pixel_size: float
    poni: tuple[float, float, float, float, float, float]
    energy_kev: float
    mask: tuple[int, ...] = ()
    exposure_s: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise BadInput(f"a frame has rows and columns, not the shape {self.shape}")
        if not (self.pixel_size > 0 and self.energy_kev > 0 and self.poni[0] > 0):
            raise BadInput(
                f"pixel size {self.pixel_size} m, energy {self.energy_kev} keV and distance "
                f"{self.poni[0]} m must all be above 0"
            )
        pixels = self.shape[0] * self.shape[1]
        if self.mask and not (min(self.mask) >= 0 and max(self.mask) < pixels):
            raise BadInput(f"the mask names pixel {max(self.mask)}, but there are {pixels}")

    @classmethod
    def from_descriptor(cls, doc: Mapping[str, Any]) -> ReductionConfig:
        """Read the detector's configuration from an event descriptor.

        Parameters
        ----------
        doc : mapping
            Descriptor with one external image key, ``<detector>_image`` or the like. The
            configuration keys ``<detector>_poni``, ``_pixel_size``, ``_energy`` (keV),
            ``_exposure`` (s) and, if there is one, ``_mask`` (flat indices) may stand under any
            object: a flyer lists its detector's under its own name.

        Raises
        ------
        AgentError
            If there is no image, or its detector does not say its geometry.
        """
        image = image_key(doc)
        if image is None:
            raise AgentError(f"stream {doc.get('name', '?')} has no detector images")
        prefix = image.rsplit("_", 1)[0]
        values: dict[str, Any] = {}
        for of_object in doc.get("configuration", {}).values():
            values.update(of_object.get("data", {}))
        try:
            return cls(
                shape=_rows_and_columns(doc["data_keys"][image]["shape"]),
                pixel_size=float(values[f"{prefix}_pixel_size"]),
                poni=_six(values[f"{prefix}_poni"]),
                energy_kev=float(values[f"{prefix}_energy"]),
                mask=tuple(int(i) for i in values.get(f"{prefix}_mask", ())),
                exposure_s=float(values[f"{prefix}_exposure"]),
            )
        except KeyError as error:
            raise AgentError(
                f"stream {doc.get('name', '?')} does not say {error.args[0]} in its descriptor's "
                "configuration, which reduction needs"
            ) from None
        except BadInput:
            raise
        except (TypeError, ValueError) as error:
            raise AgentError(
                f"stream {doc.get('name', '?')} describes {prefix} in a way that reduction cannot "
                f"read: {error}"
            ) from error

    @property
    def wavelength(self) -> float:
        """Wavelength, Å."""
        return wavelength_from_energy(self.energy_kev)


def image_key(doc: Mapping[str, Any]) -> str | None:
    """Name of the descriptor's image, the first external data key of two or more dimensions."""
    for key, described in doc["data_keys"].items():
        if described.get("external") and len(described["shape"]) >= 2:
            return str(key)
    return None


def _rows_and_columns(shape: Any) -> tuple[int, int]:
    rows, columns = (int(n) for n in list(shape)[-2:])
    return rows, columns


def _six(values: Any) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = (float(v) for v in values)
    return a, b, c, d, e, f
