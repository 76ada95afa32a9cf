"""``operando regress``: which few variables of a table drive another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.commands.options import Json, console, plain, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from operando.agents.sparse_regression import RegressionResult

_FORMATS = (".png", ".pdf", ".svg")


def regress(
    table: Annotated[
        Path,
        typer.Argument(help="CSV with a line of names, or ncm-operando (shipped)."),
    ],
    target: Annotated[str, typer.Option(help="Column to explain.")],
    soc: Annotated[
        str | None,
        typer.Option(
            help="Column that was stepped, for the baseline and no variable; one called SOC is "
            "found by itself."
        ),
    ] = None,
    l1_ratio: Annotated[
        float, typer.Option(help="Share of the absolute-value penalty in the elastic net.")
    ] = 0.5,
    permutations: Annotated[int, typer.Option(help="Shuffled targets; 0 for none.")] = 199,
    seed: Annotated[int, typer.Option(help="Of half tables and shuffled targets.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Figure (png, pdf or svg), or the directory for it.")
    ] = Path("operando-out"),
    as_json: Json = False,
) -> None:
    """Explain a column by few others: LASSO and elastic net, judged on rows left out.

    Standardises inside each fold. Beside the leave-one-out R² stand the nested one, in which the
    penalty never saw the row either, and that of the SOC alone.
    """
    from operando.agents.regression_config import RegressionConfig
    from operando.agents.regression_table import PUBLISHED, published_path, read_table
    from operando.agents.sparse_regression import regress as run

    config = RegressionConfig(l1_ratio=l1_ratio, permutations=permutations, seed=seed)
    path = published_path() if str(table) == PUBLISHED and not table.exists() else table
    picture = _picture(out, path)
    result = run(read_table(path, target, soc), config)
    _draw(result, picture)
    terminal = console(quiet=as_json)
    terminal.print(_scores(result))
    terminal.print(_variables(result))
    for note in result.notes:
        terminal.print(f"note: {note}", highlight=False, markup=False)
    terminal.print(f"figure: {picture}", highlight=False, markup=False)
    if as_json:
        print_json({"file": str(path), **result.as_dict(), "figures": [str(picture)]})


def _picture(out: Path, table: Path) -> Path:
    """Where the figure goes; refused before the work is done."""
    from operando.errors import BadInput

    if out.suffix.lower() in _FORMATS:
        return out
    if out.is_file() or out.suffix.lower() in (".jpg", ".jpeg", ".gif", ".tif", ".tiff"):
        raise BadInput(f"--out is {out}; a directory or a file in {', '.join(_FORMATS)} is needed")
    return out / f"regress-{table.stem}.png"


def _draw(result: RegressionResult, path: Path) -> None:
    from operando.errors import BadInput
    from operando.figures.regression import draw_regression

    try:
        draw_regression(result, path)
    except OSError as error:
        raise BadInput(f"--out: {path}: {error.strerror or error}") from None


def _scores(result: RegressionResult) -> Table:
    from rich.table import Table

    table = Table(
        title=f"{plain(result.table.target_name)}: {len(result.table.target)} rows, "
        f"{len(result.table.names)} variables"
    )
    for head in ("R² on rows left out", "one out", "nested", "blocks", "alpha", "chosen"):
        table.add_column(head, justify="left" if table.columns == [] else "right")
    for name, fit in (("LASSO", result.lasso), ("elastic net", result.elastic_net)):
        scores = [f"{value:.4f}" for value in (fit.loo_r2, fit.nested_r2, fit.block_r2)]
        chosen = int((fit.coefficients != 0).sum())
        table.add_row(name, *scores, f"{fit.alpha:.4f}", str(chosen))
    if result.baseline_r2 is not None and result.baseline_block_r2 is not None:
        # Nothing of a polynomial of a given degree is chosen, so plain and nested are the same.
        one = f"{result.baseline_r2:.4f}"
        name = f"{plain(result.table.soc_name)} alone, degree {result.config.baseline_degree}"
        table.add_row(name, one, one, f"{result.baseline_block_r2:.4f}", "", "")
    if result.shuffled:
        table.caption = (
            f"{result.config.permutations} shuffled targets: p = {result.shuffled.p_value:.3f}"
        )
    return table


def _variables(result: RegressionResult) -> Table:
    import numpy as np
    from rich.table import Table

    table = Table("variable", title="coefficients, SD of the target for one SD")
    for head in ("LASSO", "elastic net", "stability"):
        table.add_column(head, justify="right")
    lasso, net = result.lasso.coefficients, result.elastic_net.coefficients
    for i in np.argsort(-np.maximum(np.abs(lasso), np.abs(net)), kind="stable"):
        if not (lasso[i] or net[i]):
            break
        cells = [f"{value:+.3f}" if value else "" for value in (lasso[i], net[i])]
        table.add_row(plain(result.table.names[i]), *cells, f"{result.stability.frequency[i]:.2f}")
    return table
