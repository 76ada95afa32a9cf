"""How a sparse regression is done and judged."""

from __future__ import annotations

from dataclasses import dataclass

from operando.errors import BadInput


@dataclass(frozen=True)
class RegressionConfig:
    """How to regress; the defaults suit tens of rows and tens of variables.

    Parameters
    ----------
    l1_ratio : float
        Share of the absolute-value penalty in the elastic net, above 0 and below 1.
    seed : int
        Of everything drawn: half tables, shuffled targets, parts of long tables.
    block_count : int
        Runs of neighbouring rows to leave out, 3 or more.
    stability_pairs : int
        Times the table is split in halves.
    permutations : int
        Shuffled targets; 0 leaves the check out.
    baseline_degree : int
        Degree of the polynomial of the state of charge.

    Raises
    ------
    BadInput
        If a value is out of its range.

    Examples
    --------
    >>> RegressionConfig(l1_ratio=0.9).block_count
    5
    """

    l1_ratio: float = 0.5
    seed: int = 0
    block_count: int = 5
    stability_pairs: int = 50
    permutations: int = 199
    baseline_degree: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.l1_ratio < 1:
            raise BadInput(f"l1 ratio is {self.l1_ratio:g}; above 0 and below 1 is needed")
        for name, least in (
            ("seed", 0),
            ("block_count", 3),
            ("stability_pairs", 1),
            ("permutations", 0),
            ("baseline_degree", 1),
        ):
            if getattr(self, name) < least:
                raise BadInput(f"{name} is {getattr(self, name)}; at least {least} is needed")
