"""``operando train``: make the phase classifier from nothing, or teach it phases of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.commands.options import Json, console, print_json
from operando.errors import BadInput


def train(
    out: Annotated[Path, typer.Argument(help="File to write the model to (npz).")],
    cif: Annotated[
        list[Path] | None,
        typer.Option(help="Crystal structure of a phase to add to the shipped model; repeatable."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the drawing and the networks.")
    ] = 16_023,
    patterns: Annotated[
        int | None,
        typer.Option(
            min=1000, help="Synthetic patterns to learn from: 40,000, or 16,000 with --cif."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train the phase classifier on synthetic mixtures of crystals.

    Without --cif all of it is trained anew, from the crystals in operando.physics. With --cif the
    shipped model keeps what it knows of the nine labels and learns to name the phases in the
    files, each called as its file is; `operando classify --model` and the mapping agent
    (`MappingConfig(model=...)`) take the result.

    The same seed gives the same model. The figures printed are those on synthetic patterns that
    were held back; they are drawn much harder than a map is.
    """
    from operando.agents.phase_fit import train_classifier
    from operando.agents.phase_training import TrainingConfig
    from operando.commands.own_phases import taught

    if not out.parent.is_dir() or out.is_dir():
        raise BadInput(f"{out} cannot be written: it needs a directory that exists, and a name")
    terminal = console()
    if cif:
        model = taught(cif, None, terminal, patterns=patterns, seed=seed)
        held_out = model.metadata["own_held_out"]
    else:
        count = TrainingConfig.n_patterns if patterns is None else patterns
        with terminal.status("training") as status:
            config = TrainingConfig(n_patterns=count, seed=seed)
            model = train_classifier(config, progress=status.update)
        held_out = model.metadata["held_out"]
    model.save(out)
    terminal.print(f"model {model.version} written to {out}; held out: {held_out}")
    if as_json:
        result = {"file": str(out), "model_version": model.version, "held_out": held_out}
        print_json({**result, "own": list(model.own_names)})
