"""A run as one page that can be sent to a colleague, from its documents alone."""
