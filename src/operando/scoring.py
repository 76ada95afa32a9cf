"""How right, and how honest, a set of labels is. Truth meets answers here, after the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput
from operando.physics.phases import CORROSION, LABELS, SUBSTRATE


@dataclass(frozen=True)
class LabelScore:
    """Figures of merit of n points with nine labels each.

    Parameters
    ----------
    exact_match : float
        Share of points whose nine labels are all right.
    label_accuracy, corrosion_accuracy, substrate_accuracy : float
        Share of right entries over all labels, over the three corrosion products and over the
        three crystalline phases of the substrate.
    f1 : dict of str to float
        F1 of each label; NaN where a label neither occurs nor is claimed.
    brier : float
        Mean squared difference of probability and truth over all entries.
    ece : float
        Expected calibration error over all entries, 15 bins of equal width.
    """

    exact_match: float
    label_accuracy: float
    corrosion_accuracy: float
    substrate_accuracy: float
    f1: dict[str, float]
    brier: float
    ece: float


def score_labels(
    truth: NDArray[np.bool_], present: NDArray[np.bool_], probability: NDArray[np.floating]
) -> LabelScore:
    """Compare labels with truth.

    Parameters
    ----------
    truth, present : ndarray of bool, (..., 9)
    probability : ndarray of float, (..., 9)

    Returns
    -------
    LabelScore

    Raises
    ------
    BadInput
        If the shapes differ or the last axis is not nine long.
    """
    if not truth.shape == present.shape == probability.shape or truth.shape[-1] != len(LABELS):
        raise BadInput(
            f"truth {truth.shape}, labels {present.shape} and probabilities {probability.shape} "
            f"must have one shape that ends in {len(LABELS)}"
        )
    truth, present = truth.reshape(-1, len(LABELS)), present.reshape(-1, len(LABELS))
    probability = probability.reshape(-1, len(LABELS)).astype(float)
    right = truth == present
    return LabelScore(
        exact_match=float(right.all(axis=1).mean()),
        label_accuracy=float(right.mean()),
        corrosion_accuracy=float(right[:, _columns(CORROSION)].mean()),
        substrate_accuracy=float(right[:, _columns(SUBSTRATE)].mean()),
        f1={label: _f1(truth[:, k], present[:, k]) for k, label in enumerate(LABELS)},
        brier=float(np.square(probability - truth).mean()),
        ece=calibration_error(truth.ravel(), probability.ravel()),
    )


def calibration_error(
    truth: NDArray[np.bool_], probability: NDArray[np.floating], bins: int = 15
) -> float:
    """Mean distance between claimed and observed frequency, weighted by how often it is claimed.

    Parameters
    ----------
    truth : ndarray of bool, (n,)
    probability : ndarray of float, (n,)
    bins : int
        Bins of equal width in probability (Guo et al. 2017, arXiv:1706.04599, equation 3).

    Examples
    --------
    >>> import numpy as np
    >>> calibration_error(np.array([True, False]), np.array([0.5, 0.5]))
    0.0
    """
    index = np.minimum((probability * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    claimed = np.bincount(index, weights=probability, minlength=bins)
    observed = np.bincount(index, weights=truth.astype(float), minlength=bins)
    return float(np.abs(claimed - observed).sum() / max(count.sum(), 1))


def _columns(labels: tuple[str, ...]) -> list[int]:
    return [LABELS.index(label) for label in labels]


def _f1(truth: NDArray[np.bool_], present: NDArray[np.bool_]) -> float:
    hits = float((truth & present).sum())
    total = float(truth.sum() + present.sum())
    return 2.0 * hits / total if total else float("nan")
