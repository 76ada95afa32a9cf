"""What drives a target: LASSO and elastic net, with the figures that keep them honest.

Best used through :func:`regress`; its result carries the headline (leave-one-out), the nested
figure and what the state of charge alone would have explained, always together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from operando.agents.regression_config import RegressionConfig
from operando.agents.regression_paths import (
    Floats,
    Penalty,
    Scale,
    best,
    blocks,
    cross_predict,
    one_out,
    path,
    r2,
)
from operando.agents.regression_table import RegressionTable
from operando.agents.regression_validation import (
    Shuffled,
    Stability,
    block_predict,
    inner_folds,
    nested_predict,
    outer_folds,
    polynomial_predict,
    select_stable,
    shuffle_target,
)


@dataclass(frozen=True, eq=False)
class SparseFit:
    """One penalised fit and its figures; R² are on rows that the fit had not seen.

    Parameters
    ----------
    penalty : Penalty
    alpha : float
        Strength with the best leave-one-out R²; both sides standardised.
    coefficients : ndarray of float64, (p,)
        From all rows: standard deviations of the target for one of the variable.
    loo, nested, block : ndarray of float64, (n,)
        Predictions in the target's unit: leave-one-out at `alpha`, so that the row had a say in
        the strength; nested, where it had none; runs of neighbouring rows left out, nested too.
    loo_r2, nested_r2, block_r2 : float
    nested_alphas : ndarray of float64, (folds,)
        Strengths that the nested folds chose.
    """

    penalty: Penalty
    alpha: float
    coefficients: NDArray[np.float64]
    loo: NDArray[np.float64]
    nested: NDArray[np.float64]
    block: NDArray[np.float64]
    loo_r2: float
    nested_r2: float
    block_r2: float
    nested_alphas: NDArray[np.float64]

    def as_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Give what JSON says of one fit; `names` are the variables'."""
        return {
            "alpha": self.alpha,
            "l1_ratio": self.penalty.l1_ratio,
            "loo_r2": self.loo_r2,
            "nested_r2": self.nested_r2,
            "block_r2": self.block_r2,
            "nested_alpha_range": [
                float(self.nested_alphas.min()),
                float(self.nested_alphas.max()),
            ],
            "chosen": int(np.count_nonzero(self.coefficients)),
            "largest": largest(names, self.coefficients),
            "coefficients": _by_name(names, self.coefficients),
        }


@dataclass(frozen=True, eq=False)
class RegressionResult:
    """Everything :func:`regress` found.

    Parameters
    ----------
    table : RegressionTable
        What was regressed, without constant columns.
    config : RegressionConfig
    lasso, elastic_net : SparseFit
    baseline_r2, baseline_block_r2 : float or None
        Leave-one-out (and blocked) R² of the polynomial of the state of charge; None without one.
    stability : Stability
        Of the LASSO.
    shuffled : Shuffled or None
        Of the LASSO.
    notes : tuple of str
        What a reader should know before believing the figures.
    """

    table: RegressionTable
    config: RegressionConfig
    lasso: SparseFit
    elastic_net: SparseFit
    baseline_r2: float | None
    baseline_block_r2: float | None
    stability: Stability
    shuffled: Shuffled | None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give the object that ``operando regress --json`` prints, without the figures' paths."""
        names, config = self.table.names, self.config
        return {
            "target": self.table.target_name,
            "n": len(self.table.target),
            "variables": len(names),
            "soc": self.table.soc_name,
            "seed": config.seed,
            "lasso": self.lasso.as_dict(names),
            "elastic_net": self.elastic_net.as_dict(names),
            "baseline_r2": self.baseline_r2,
            "baseline_block_r2": self.baseline_block_r2,
            "baseline_degree": config.baseline_degree,
            "stability": _by_name(names, self.stability.frequency),
            "stability_expected_false": self.stability.expected_false(),
            "permutation_p": self.shuffled.p_value if self.shuffled else None,
            "permutations": config.permutations,
            "notes": list(self.notes),
        }


def regress(table: RegressionTable, config: RegressionConfig | None = None) -> RegressionResult:
    """Regress the target on the variables and judge the answer on rows left out.

    Parameters
    ----------
    table : RegressionTable
    config : RegressionConfig, optional

    Returns
    -------
    RegressionResult

    Notes
    -----
    Variables and target are standardised (ddof = 1) inside each fold, from training rows only.
    LASSO: Tibshirani 1996 (10.1111/j.2517-6161.1996.tb02080.x); elastic net: Zou & Hastie 2005
    (10.1111/j.1467-9868.2005.00503.x); nested: Varma & Simon 2006 (10.1186/1471-2105-7-91).
    BLAS is held to one thread: the matrices are small.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(12, 3))
    >>> table = RegressionTable(("a", "b", "c"), x, "y", 2 * x[:, 1])
    >>> result = regress(table, RegressionConfig(permutations=0))
    >>> largest(table.names, result.lasso.coefficients), result.lasso.nested_r2 > 0.95
    ('b', True)
    """
    config = config or RegressionConfig()
    with threadpool_limits(limits=1):
        lasso = _fit(table, Penalty(l1_ratio=1.0), config)
        elastic_net = _fit(table, Penalty(l1_ratio=config.l1_ratio), config)
        x, y = table.values, table.target
        stability = select_stable(
            x, y, lasso.penalty, lasso.alpha, config.stability_pairs, config.seed
        )
        shuffled = (
            shuffle_target(x, y, config.permutations, config.seed) if config.permutations else None
        )
        baseline, blocked, notes = _baseline(table, config)
    fits = {"LASSO": lasso, "elastic net": elastic_net}
    return RegressionResult(
        table=table,
        config=config,
        lasso=lasso,
        elastic_net=elastic_net,
        baseline_r2=baseline,
        baseline_block_r2=blocked,
        stability=stability,
        shuffled=shuffled,
        notes=(*table.notes, *notes, *_cautions(table, fits)),
    )


def largest(names: tuple[str, ...], coefficients: Floats) -> str | None:
    """Name of the coefficient of greatest size, None where all are 0."""
    at = int(np.argmax(np.abs(coefficients)))
    return names[at] if coefficients[at] else None


def _fit(table: RegressionTable, penalty: Penalty, config: RegressionConfig) -> SparseFit:
    x, y = table.values, table.target
    n, seed = len(y), config.seed
    left_out = cross_predict(x, y, one_out(n), penalty)
    k = best(y, left_out)
    nested, alphas = nested_predict(
        x, y, penalty, outer_folds(n, seed), lambda rows: inner_folds(rows, seed)
    )
    block = block_predict(x, y, penalty, min(config.block_count, n // 2))
    # The answer that is read off deserves more digits than the hundreds of fits that judge it.
    coefficients = path(
        Scale.of(x).apply(x),
        Scale.of(y[:, None]).apply(y[:, None])[:, 0],
        penalty,
        penalty.alphas[: k + 1],
        tolerance=1e-8,
    )[:, -1]
    return SparseFit(
        penalty=penalty,
        alpha=float(penalty.alphas[k]),
        coefficients=coefficients,
        loo=left_out[:, k],
        nested=nested,
        block=block,
        loo_r2=r2(y, left_out[:, k]),
        nested_r2=r2(y, nested),
        block_r2=r2(y, block),
        nested_alphas=alphas,
    )


def _baseline(
    table: RegressionTable, config: RegressionConfig
) -> tuple[float | None, float | None, list[str]]:
    soc, y, degree = table.soc, table.target, config.baseline_degree
    if soc is None:
        return None, None, ["no SOC column, so no baseline: give one with --soc"]
    if np.unique(soc).size < degree + 2:
        return None, None, [f"too few different {table.soc_name} for a baseline of degree {degree}"]
    outer = blocks(len(y), min(config.block_count, len(y) // 2))
    return (
        r2(y, polynomial_predict(soc, y, one_out(len(y)), degree)),
        r2(y, polynomial_predict(soc, y, outer, degree)),
        [],
    )


def _cautions(table: RegressionTable, fits: dict[str, SparseFit]) -> list[str]:
    notes = []
    x, y = Scale.of(table.values).apply(table.values), table.target
    same = np.abs(x.T @ Scale.of(y[:, None]).apply(y[:, None])[:, 0]) / (len(y) - 1)
    copies = [name for name, r in zip(table.names, same, strict=True) if r > 1 - 1e-9]
    if copies:
        notes.append(f"follows the target exactly, so it may be the target: {', '.join(copies)}")
    for name, fit in fits.items():
        if not fit.coefficients.any():
            notes.append(f"{name}: no variable explains rows left out better than the mean")
        elif fit.alpha == fit.penalty.alphas[-1]:
            notes.append(f"{name}: the weakest penalty of the grid was best")
    return notes


def _by_name(names: tuple[str, ...], values: Floats) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
