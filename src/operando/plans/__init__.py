"""Bluesky plans: messages only."""
