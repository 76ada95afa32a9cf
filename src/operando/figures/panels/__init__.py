"""Live pictures of runs from their documents: the same in a window, a report, a web page."""

from __future__ import annotations

from operando.figures.panels.base import PANEL_INCHES, DocumentPanel, Panel, save_panel
from operando.figures.panels.choice import panel_for
from operando.figures.panels.following import FollowingPanel, predecessors, with_predecessors

__all__ = [
    "PANEL_INCHES",
    "DocumentPanel",
    "FollowingPanel",
    "Panel",
    "panel_for",
    "predecessors",
    "save_panel",
    "with_predecessors",
]
