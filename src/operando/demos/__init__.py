"""Whole loops on the simulated station."""
