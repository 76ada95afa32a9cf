"""Teach a classifier phases of the user's own: crystal structures in, a classifier out.

The networks of the nine labels are kept. New mixtures are drawn, with the added phases in some of
them and, as a warning, their look-alikes (the same cell a few per cent larger or smaller) in
others, and only the small network of the added phases is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from operando.agents.own_features import OwnLines, own_features
from operando.agents.own_phases import OwnPhases, check_structures
from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.phase_classifier import PhaseClassifier
from operando.agents.phase_drawing import Volumes
from operando.agents.phase_evidence import second_stage_features
from operando.agents.phase_features import effective_variance
from operando.agents.phase_lines import CANONICAL_WAVELENGTH
from operando.agents.phase_network import train_ensemble
from operando.agents.phase_training import MIN_FRACTION, TrainingConfig, draw_volumes, expose
from operando.physics.crystals import CrystalStructure, structure
from operando.physics.powder import PowderLines, powder_lines

#: Cells of the look-alikes, relative to the phase's own.
LOOK_ALIKES = (0.955, 0.975, 0.988, 1.012, 1.025, 1.045)


@dataclass(frozen=True)
class OwnTraining:
    """What added phases are learnt from.

    Parameters
    ----------
    drawing : TrainingConfig
        Number of patterns, seed, exposures and everything else of the listed phases.
    present : float
        Share of the patterns that hold each added phase.
    alone : float
        Share of these in which no other crystal is.
    look_alike : float
        Share of the patterns with a phase that looks like an added one and is none.
    """

    drawing: TrainingConfig = field(default_factory=lambda: TrainingConfig(n_patterns=16_000))
    present: float = 0.35
    alone: float = 0.3
    look_alike: float = 0.12


def add_phases(
    base: PhaseClassifier,
    structures: Sequence[CrystalStructure],
    config: OwnTraining | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> PhaseClassifier:
    """Teach a classifier phases that are not listed.

    Parameters
    ----------
    base : PhaseClassifier
        What it knows of the nine labels is kept; phases added before are replaced.
    structures : sequence of CrystalStructure
        For example from `operando.physics.crystals.from_cif`. Phases are called by their names.
    config : OwnTraining, optional
    progress : callable, optional
        Called with a line of text at each step.

    Returns
    -------
    PhaseClassifier
        ``metadata["own_held_out"]`` says how well the phases are told on synthetic patterns that
        were held back.

    Raises
    ------
    BadInput
        If a phase cannot be told from a listed one or has no line in range, or names collide.
    """
    config, say = config or OwnTraining(), progress or (lambda _: None)
    own = check_structures(structures)
    drawing = config.drawing
    with threadpool_limits(limits=1):
        say(f"drawing {drawing.n_patterns} synthetic patterns")
        patterns, labels = draw_patterns(own, config)
        say(f"learning {', '.join(one.name for one in own)}")
        intensity, variance = effective_variance(patterns)
        evidence = second_stage_features(base.first, intensity, variance)
        columns = own_features(own, intensity, variance, evidence)
        held = int(0.8 * len(columns))
        network = train_ensemble(
            columns[:held],
            labels[:held],
            seed=drawing.seed,
            members=3,
            hidden=(48,),
            epochs=15,
        )
        figures = _figures(own, network.logits(columns[held:]), labels[held:])
    metadata = {**base.metadata, "own_training": asdict(config), "own_held_out": figures}
    share = labels[:, :-1].mean(axis=0, dtype=np.float32)
    return replace(base, own=OwnPhases(tuple(structures), network, share), metadata=metadata)


def draw_patterns(
    own: Sequence[OwnLines], config: OwnTraining
) -> tuple[PowderPatterns, NDArray[np.bool_]]:
    """Draw patterns with and without the added phases.

    Parameters
    ----------
    own : sequence of OwnLines
        k phases.
    config : OwnTraining

    Returns
    -------
    patterns : PowderPatterns
        On the canonical axis.
    labels : ndarray of bool, (n, k + 1)
        Whether each added phase holds, and whether an unlisted one does beside them.
    """
    rng = np.random.default_rng(config.drawing.seed)
    volumes, shares = _with_own(draw_volumes(config.drawing, rng), len(own), config, rng)
    tables = [one.table for one in own]
    tables += [_stretched(one.table, factor) for one in own for factor in LOOK_ALIKES]
    unit = powder_lines(structure("fe3o4"), CANONICAL_WAVELENGTH).scale
    bright = np.exp(0.2 * rng.standard_normal(shares.shape))
    strength = shares * bright * (np.array([table.scale for table in tables]) / unit)
    patterns = expose(replace(volumes, own=strength), config.drawing, rng, tables)
    holds = shares >= MIN_FRACTION
    beside = (volumes.crystalline[:, -1] >= MIN_FRACTION) | holds[:, len(own) :].any(axis=1)
    return patterns, np.column_stack([holds[:, : len(own)], beside])


def _stretched(table: PowderLines, factor: float) -> PowderLines:
    return replace(table, d_spacing=table.d_spacing * factor)


def _with_own(
    volumes: Volumes, count: int, config: OwnTraining, rng: np.random.Generator
) -> tuple[Volumes, NDArray[np.float64]]:
    """Make room for added phases and their look-alikes: their shares, (n, k + look-alikes)."""
    n = len(volumes.resin)
    holds = rng.random((n, count)) < config.present
    copies = count * len(LOOK_ALIKES)
    which = rng.integers(0, copies, n)
    alike = (rng.random(n) < config.look_alike)[:, None] & (which[:, None] == np.arange(copies))
    weight = rng.gamma(1.3, size=(n, count + copies)) * np.column_stack([holds, alike])
    alone = holds.any(axis=1) & (rng.random(n) < config.alone)
    crystalline = np.where(alone[:, None], 0.0, volumes.crystalline)
    # What was crystalline weighs 1.3 for each phase, as the added ones do on average.
    phases = (crystalline > 0).sum(axis=1)
    there = np.where(phases > 0, 1.3 * phases, volumes.resin + volumes.silent)
    total = there + weight.sum(axis=1)
    kept = np.divide(there, total, out=np.ones(n), where=total > 0)
    shares = np.divide(weight, total[:, None], out=np.zeros_like(weight), where=total[:, None] > 0)
    scaled = {
        "crystalline": crystalline * kept[:, None],
        "resin": volumes.resin * kept,
        "silent": volumes.silent * kept,
    }
    return replace(volumes, **scaled), shares


def _figures(
    own: Sequence[OwnLines], logit: FloatArray, labels: NDArray[np.bool_]
) -> dict[str, Any]:
    """How often each added phase is found where it is, and seen where it is not."""
    names = [*(one.name for one in own), "unlisted"]
    return {
        name: {
            "found": round(float((logit[holds, k] > 0).mean()), 3),
            "false": round(float((logit[~holds, k] > 0).mean()), 3),
        }
        for k, (name, holds) in enumerate(zip(names, labels.T, strict=True))
    }
