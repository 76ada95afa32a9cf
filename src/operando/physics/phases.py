"""The nine labels of a corrosion map, in their one order and spelling."""

from __future__ import annotations

from types import MappingProxyType

#: Labels of a pattern. Any subset may hold, but ``resin`` excludes all others.
LABELS: tuple[str, ...] = (
    "fe3o4",
    "gamma_feooh",
    "alpha_feooh",
    "fe_bcc",
    "fe3c",
    "fe_fcc",
    "resin",
    "fe_no_peaks",
    "other",
)
#: Labels that are crystals with reference lines.
CRYSTALLINE: tuple[str, ...] = LABELS[:6]
#: Corrosion products.
CORROSION: tuple[str, ...] = LABELS[:3]
#: Crystalline phases of the steel.
SUBSTRATE: tuple[str, ...] = LABELS[3:6]

#: Names for people.
DISPLAY_NAMES = MappingProxyType(
    {
        "fe3o4": "Fe₃O₄",
        "gamma_feooh": "γ-FeOOH",
        "alpha_feooh": "α-FeOOH",
        "fe_bcc": "Fe (bcc)",
        "fe3c": "Fe₃C",
        "fe_fcc": "Fe (fcc)",
        "resin": "resin",
        "fe_no_peaks": "Fe, no peaks",
        "other": "other",
    }
)
