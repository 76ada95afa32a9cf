"""Pictures of what was measured and what the agents made of it."""
