"""How the process that draws begins its lines."""

SAID, DRAWN = "say ", "drawn "
