"""Figure of a sparse regression: predicted against actual, coefficients, stability."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from operando.agents.sparse_regression import RegressionResult
from operando.figures.style import FONT_POINTS, figure

# Okabe and Ito's palette (jfly.uni-koeln.de/color); markers differ too, for print in grey.
_LASSO, _NET, _STABLE, _GREY = "#0072B2", "#E69F00", "#009E73", "#4D4D4D"
_SHOWN = 14


def draw_regression(result: RegressionResult, path: Path, unit: str = "") -> Path:
    """Draw the regression as three panels.

    Parameters
    ----------
    result : RegressionResult
    path : Path
        File to write; its suffix is the format.
    unit : str
        Of the target; a table of numbers says none.

    Returns
    -------
    Path
        `path`.
    """
    with warnings.catch_warnings(), figure(path, (11.5, 4.6)) as fig:
        # Names of columns may be in letters that the font lacks; boxes are drawn for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        left, middle, right = fig.subplots(1, 3, width_ratios=[1.25, 1.0, 0.7])
        _predicted(left, result, unit)
        shown = _shown(result)
        _coefficients(middle, result, shown)
        _stability(right, result, shown)
        fig.suptitle(_headline(result), fontsize=FONT_POINTS - 1)
    return path


def _headline(result: RegressionResult) -> str:
    table = result.table
    words = [f"{_plain(table.target_name)}: {len(table.target)} rows, {len(table.names)} variables"]
    if result.baseline_r2 is not None:
        words.append(
            f"{_plain(str(table.soc_name))} alone (degree {result.config.baseline_degree}), "
            f"leave-one-out R² = {result.baseline_r2:.3f}"
        )
    if result.shuffled:
        words.append(f"shuffled targets: p = {result.shuffled.p_value:.3f}")
    return "     ".join(words)


def _predicted(axes: Axes, result: RegressionResult, unit: str) -> None:
    y = result.table.target
    for name, fit, colour, marker, inside in (
        ("LASSO", result.lasso, _LASSO, "o", _LASSO),
        ("elastic net", result.elastic_net, _NET, "s", "none"),
    ):
        axes.plot(
            y,
            fit.nested,
            marker,
            color=colour,
            markerfacecolor=inside,
            markersize=5 if inside != "none" else 7,
            markeredgewidth=1.3,
            label=f"{name}: R² = {fit.nested_r2:.3f} nested\n"
            f"({fit.loo_r2:.3f} plain, {fit.block_r2:.3f} blocks)",
        )
    target = _plain(result.table.target_name)
    margin = 0.05 * np.ptp(y)
    ends = [y.min() - margin, y.max() + margin]
    axes.plot(ends, ends, color=_GREY, linewidth=0.8, zorder=0)
    axes.set_title("left out and predicted (nested)")
    ending = f", {unit}" if unit else ""
    axes.set_xlabel(f"{target}, measured{ending}")
    axes.set_ylabel(f"{target}, predicted{ending}")
    axes.legend(loc="upper left", frameon=False)


def _shown(result: RegressionResult) -> list[int]:
    """Variables worth a line, the largest coefficient first."""
    size = np.maximum(np.abs(result.lasso.coefficients), np.abs(result.elastic_net.coefficients))
    # Among those in neither fit, the ones that halves of the table choose most come first.
    order = np.lexsort((-result.stability.frequency, -size))
    return [int(i) for i in order[:_SHOWN]]


def _coefficients(axes: Axes, result: RegressionResult, shown: list[int]) -> None:
    rows = np.arange(len(shown))
    axes.barh(rows - 0.2, result.lasso.coefficients[shown], 0.4, color=_LASSO, label="LASSO")
    axes.barh(
        rows + 0.2, result.elastic_net.coefficients[shown], 0.4, color=_NET, label="elastic net"
    )
    axes.axvline(0.0, color=_GREY, linewidth=0.8)
    _name_rows(axes, [result.table.names[i] for i in shown])
    axes.set_title("coefficients")
    axes.set_xlabel("SD of target for one SD of variable")
    axes.legend(loc="lower right", frameon=False)


def _stability(axes: Axes, result: RegressionResult, shown: list[int]) -> None:
    axes.barh(np.arange(len(shown)), result.stability.frequency[shown], 0.6, color=_STABLE)
    _name_rows(axes, [""] * len(shown))
    axes.set_xlim(0.0, 1.0)
    axes.set_title("chosen by LASSO")
    axes.set_xlabel("frequency in\nhalves of the rows")


def _name_rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [_plain(name[:28]) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def _plain(name: str) -> str:
    """Keep a dollar sign in a name from starting a formula."""
    return name.replace("$", r"\$")
