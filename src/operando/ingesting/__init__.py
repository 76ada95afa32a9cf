"""Frames of an old beamtime as a run, as if they were being measured."""

from __future__ import annotations

from operando.ingesting.run import Ingest, ingest

__all__ = ["Ingest", "ingest"]
