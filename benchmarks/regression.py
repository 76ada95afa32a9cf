"""Sparse regression of the published NCM table: published, ours, and a plain scikit-learn way.

Run ``OPENBLAS_NUM_THREADS=1 python benchmarks/regression.py``. The plain way standardises the
whole table before leaving rows out, so that each fold has seen the row it is judged on; it is
shown plain, as LassoCV reports it, and with a row left out around LassoCV.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV, LassoCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.preprocessing import StandardScaler

from operando.agents.regression_config import RegressionConfig
from operando.agents.regression_paths import r2
from operando.agents.regression_table import published_table
from operando.agents.sparse_regression import largest, regress

PUBLISHED = {"LASSO": 0.993, "elastic net": 0.970}


def plain(model, x, y):
    """R² as the model's own cross-validation has it, R² around it, seconds, warnings."""
    scaled = StandardScaler().fit_transform(x)
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(scaled, y)
        inside = 1.0 - model.mse_path_.mean(axis=-1).min() / y.var()
        around = r2(y, cross_val_predict(model, scaled, y, cv=LeaveOneOut()))
    return inside, around, time.perf_counter() - began, len(caught)


def main() -> None:
    table = published_table()
    x, y = table.values, table.target
    regress(table, RegressionConfig(permutations=0))  # imports and caches
    began = time.perf_counter()
    result = regress(table)
    seconds = time.perf_counter() - began
    print(f"{'R² on rows left out':40}{'one out':>9}{'nested':>9}{'blocks':>9}   largest")
    fits = {"LASSO": result.lasso, "elastic net": result.elastic_net}
    for name, fit in fits.items():
        print(f"{name + ', published':40}{PUBLISHED[name]:9.3f}{'-':>9}{'-':>9}   Ni K XANES")
        scores = "".join(f"{v:9.4f}" for v in (fit.loo_r2, fit.nested_r2, fit.block_r2))
        print(f"{name + ', operando':40}{scores}   {largest(table.names, fit.coefficients)}")
    models = {
        "LASSO": LassoCV(cv=LeaveOneOut()),
        "elastic net": ElasticNetCV(cv=LeaveOneOut(), l1_ratio=0.5),
    }
    notes = []
    for name, model in models.items():
        inside, around, spent, warned = plain(model, x, y)
        best = table.names[int(np.argmax(np.abs(model.coef_)))]
        print(
            f"{name + ', scaled before leaving out':40}{inside:9.4f}{around:9.4f}{'-':>9}   {best}"
        )
        notes.append(f"scikit-learn {name}: {spent:.2f} s, {warned} convergence warnings")
    print(
        f"{'SOC alone, cubic':40}{result.baseline_r2:9.4f}{result.baseline_r2:9.4f}"
        f"{result.baseline_block_r2:9.4f}"
    )
    print(f"permutation p = {result.shuffled.p_value:.3f} ({result.config.permutations} shuffled)")
    print(f"operando, everything above and stability: {seconds:.2f} s, no warnings")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
