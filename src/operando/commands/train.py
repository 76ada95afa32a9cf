"""``operando train``: make the phase classifier from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, console, print_json
from operando.errors import BadInput


def train(
    out: Annotated[Path, typer.Argument(help="File to write the model to (npz).")],
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the drawing and the networks.")
    ] = 16_023,
    patterns: Annotated[
        int, typer.Option(min=1000, help="Synthetic patterns to learn from.")
    ] = 40_000,
    as_json: Json = False,
) -> None:
    """Train the phase classifier on synthetic mixtures of the crystals in operando.physics.

    The same seed gives the same model. The figures printed are those on synthetic patterns that
    were held back; they are drawn much harder than a map is.
    """
    from operando.agents.phase_fit import train_classifier
    from operando.agents.phase_training import TrainingConfig

    if not out.parent.is_dir() or out.is_dir():
        raise BadInput(f"{out} cannot be written: it needs a directory that exists, and a name")
    terminal = console()
    with terminal.status("training") as status:
        config = TrainingConfig(n_patterns=patterns, seed=seed)
        model = train_classifier(config, progress=status.update)
    model.save(out)
    held_out = model.metadata["held_out"]
    terminal.print(f"model {model.version} written to {out}; held out: {held_out}")
    if as_json:
        print_json({"file": str(out), "model_version": model.version, "held_out": held_out})
