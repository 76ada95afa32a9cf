"""Virtual specimens and instruments with known truth."""
