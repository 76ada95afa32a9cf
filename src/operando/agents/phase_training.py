"""Synthetic patterns to learn from: any mixture, exposure, texture, strain and background.

The generator works in one dimension on the canonical axis and shares only the crystals'
reference lines with whatever produced the patterns that are later classified. It draws every
nuisance from ranges much wider than one beamline's, because what a classifier has not been
shown as harmless it takes for a phase.

Unlisted phases are never taken from a table: they are random line lists, and listed or unlisted
crystals with their cell stretched by 3-14 %, so that "other" has to be learnt as "lines that no
listed phase explains" and not as a list of minerals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from operando.agents.patterns import PowderPatterns
from operando.agents.phase_drawing import Nuisance, Volumes, draw_brightness, draw_expected
from operando.agents.phase_lines import CANONICAL_TWO_THETA, CANONICAL_WAVELENGTH
from operando.physics.phases import CRYSTALLINE, LABELS
from operando.physics.powder import PowderLines

#: A phase holds when it takes at least this share of the illuminated volume; less is a trace,
#: which is drawn all the same.
MIN_FRACTION = 0.10
#: Metal without reflections holds from this share on, in a pattern that shows no reflection.
MIN_SILENT = 0.30
#: Coarse metal holds when its reflections are seen: strongest line beside pure magnetite powder's.
MIN_METAL_LINE = 0.04
_METALS = ("fe_bcc", "fe_fcc")


@dataclass(frozen=True)
class TrainingConfig:
    """What the training set is drawn from; its hash is the model's version.

    Parameters
    ----------
    n_patterns : int
        Patterns drawn.
    seed : int
        Seed of every random number in the training.
    log10_counts : tuple of float
        Range of log10 of the expected counts in the strongest bin.
    nuisance : Nuisance
        Texture, strain and zero shift.
    resin_only, no_peaks_only : float
        Shares of patterns without any crystalline phase.
    unlisted : float
        Share of the other patterns that hold an unlisted phase.
    listed_counts : tuple of float
        Chances of 0, 1, 2, … listed phases in a pattern.
    """

    n_patterns: int = 40_000
    seed: int = 16_023
    log10_counts: tuple[float, float] = (0.7, 4.5)
    nuisance: Nuisance = field(default_factory=Nuisance)
    resin_only: float = 0.07
    no_peaks_only: float = 0.09
    unlisted: float = 0.25
    listed_counts: tuple[float, ...] = (0.08, 0.40, 0.32, 0.15, 0.05)


def synthetic_patterns(
    config: TrainingConfig, rng: np.random.Generator
) -> tuple[PowderPatterns, NDArray[np.bool_]]:
    """Draw patterns with their labels.

    Parameters
    ----------
    config : TrainingConfig
    rng : numpy.random.Generator

    Returns
    -------
    patterns : PowderPatterns
        ``n_patterns`` patterns of Poisson counts on the canonical axis.
    labels : ndarray of bool, (n, 9)
        In the order of ``LABELS``.
    """
    volumes = draw_volumes(config, rng)
    return expose(volumes, config, rng), labels_of(volumes)


def expose(
    volumes: Volumes,
    config: TrainingConfig,
    rng: np.random.Generator,
    own: Sequence[PowderLines] = (),
) -> PowderPatterns:
    """Draw the patterns of some volumes, each with an exposure of its own.

    Parameters
    ----------
    volumes : Volumes
    config : TrainingConfig
    rng : numpy.random.Generator
    own : sequence of PowderLines
        Of the phases in ``volumes.own``.

    Returns
    -------
    PowderPatterns
        Poisson counts on the canonical axis.
    """
    expected = draw_expected(volumes, config.nuisance, rng, own)
    strongest = 10.0 ** rng.uniform(*config.log10_counts, size=config.n_patterns)
    expected *= (strongest / expected.max(axis=1))[:, None].astype(np.float32)
    counts = rng.poisson(expected).astype(np.float32)
    _add_spikes(counts, rng)
    return PowderPatterns.from_counts(CANONICAL_TWO_THETA, counts, CANONICAL_WAVELENGTH)


def labels_of(volumes: Volumes) -> NDArray[np.bool_]:
    """Labels that a mixture deserves.

    Parameters
    ----------
    volumes : Volumes

    Returns
    -------
    ndarray of bool, (n, 9)
        In the order of ``LABELS``.
    """
    labels = np.zeros((len(volumes.resin), len(LABELS)), dtype=bool)
    holds = volumes.crystalline >= MIN_FRACTION
    labels[:, : len(CRYSTALLINE)] = holds[:, :-1]
    labels[:, LABELS.index("other")] = holds[:, -1]
    silent = volumes.silent.copy()
    for name in _METALS:
        column = CRYSTALLINE.index(name)
        seen = volumes.strength[:, column] >= MIN_METAL_LINE
        labels[:, column] = seen
        silent += np.where(seen, 0.0, volumes.crystalline[:, column])
    labels[:, LABELS.index("fe_no_peaks")] = (silent >= MIN_SILENT) & ~labels.any(axis=1)
    labels[:, LABELS.index("resin")] = ~labels.any(axis=1)
    return labels


def draw_volumes(config: TrainingConfig, rng: np.random.Generator) -> Volumes:
    """Any mixture: up to four listed phases, an unlisted one, resin and silent metal beside."""
    n, n_listed = config.n_patterns, len(CRYSTALLINE)
    how_many = rng.choice(len(config.listed_counts), size=n, p=config.listed_counts)
    ranks = np.argsort(np.argsort(rng.random((n, n_listed)), axis=1), axis=1)
    present = np.zeros((n, n_listed + 1), dtype=bool)
    present[:, :n_listed] = ranks < how_many[:, None]
    present[:, -1] = (rng.random(n) < config.unlisted) | (how_many == 0)
    kind = rng.random(n)
    no_peaks = kind < config.no_peaks_only
    resin_only = ~no_peaks & (kind < config.no_peaks_only + config.resin_only)
    present[no_peaks | resin_only] = False
    crystalline = rng.gamma(1.3, size=present.shape) * present
    total = crystalline.sum(axis=1, keepdims=True)
    crystalline = np.divide(crystalline, total, out=np.zeros_like(crystalline), where=total > 0)
    mixed = present.any(axis=1)
    resin = np.where(rng.random(n) < 0.35, rng.uniform(0.0, 0.9, n), 0.0)
    resin[resin_only] = 1.0
    silent = np.where(rng.random(n) < 0.25, rng.uniform(0.0, 0.9, n), 0.0)
    silent[~mixed] = 1.0 - resin[~mixed]
    share = 1.0 / np.maximum(resin + silent + mixed, 1e-9)  # what is crystalline weighs one
    brightness = draw_brightness(n, rng)
    return Volumes(crystalline * share[:, None], resin * share, silent * share, brightness)


def _add_spikes(counts: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Put a single-bin spike (an unmasked hot pixel) into a few patterns: it is no phase."""
    hit = np.flatnonzero(rng.random(len(counts)) < 0.03)
    where = rng.integers(0, counts.shape[1], hit.size)
    counts[hit, where] += rng.exponential(3.0, hit.size) * np.sqrt(counts[hit].max(axis=1)) + 3.0
