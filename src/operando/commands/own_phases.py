"""Phases of the user's own, from CIF files to a classifier that names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from operando.agents.own_training import OwnTraining, add_phases
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_training import TrainingConfig
from operando.errors import BadInput
from operando.physics.crystals import from_cif


def taught(
    cif: Sequence[Path],
    model: Path | None,
    terminal: Console,
    *,
    patterns: int | None = None,
    seed: int | None = None,
) -> PhaseClassifier:
    """Give the classifier that a command asks for.

    Parameters
    ----------
    cif : sequence of Path
        Phases to add, one a file; none are needed.
    model : Path or None
        What they are added to; the shipped model if not given.
    terminal : Console
        For progress.
    patterns, seed : int, optional
        Of the training, where the defaults will not do.

    Raises
    ------
    BadInput
        If a file is no crystal structure, or cannot be told from what is there.
    """
    base = PhaseClassifier.shipped() if model is None else PhaseClassifier.load(model)
    if not cif:
        return base
    if base.own is not None:
        named = ", ".join(base.own_names)
        raise BadInput(f"{model} names {named} already; train all phases together, without it")
    structures = [from_cif(path) for path in cif]
    default = OwnTraining().drawing
    drawing = TrainingConfig(
        n_patterns=default.n_patterns if patterns is None else patterns,
        seed=default.seed if seed is None else seed,
    )
    with terminal.status("training") as status:
        return add_phases(base, structures, OwnTraining(drawing), progress=status.update)
