"""Experiment control and feedback agents for synchrotron beamlines, on Bluesky."""

__version__ = "0.1.0"
