"""Pictures of a run while it is measured, drawn by a process of their own."""

from operando.live.view import LiveView

__all__ = ["LiveView"]
