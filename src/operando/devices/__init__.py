"""Ophyd devices, found by role."""
