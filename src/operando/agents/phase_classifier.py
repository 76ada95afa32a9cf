"""The phase classifier: patterns in, nine honest probabilities out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import ThreadpoolController

from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.phase_features import effective_variance, features, to_canonical
from operando.agents.phase_network import Ensemble
from operando.agents.unknown import RESIDUAL_FEATURES, residual_features
from operando.errors import BadInput
from operando.physics.phases import CRYSTALLINE, LABELS

_BATCH = 4096  # patterns at a time: the working set stays in the cache
_RESIN = LABELS.index("resin")


@dataclass(frozen=True)
class PhaseLabels:
    """What the classifier says of n patterns.

    Parameters
    ----------
    logit : ndarray of float32, (n, 9)
        Calibrated log odds in the order of ``LABELS``.
    unknown_score : ndarray of float32, (n,)
        Probability, from the left-over intensity alone, that an unlisted phase is present.
    """

    logit: FloatArray
    unknown_score: FloatArray

    @property
    def probability(self) -> FloatArray:
        """Probability of each label, (n, 9)."""
        return expit(self.logit)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Most probable set of labels of each pattern, (n, 9)."""
        return decode(self.logit)


def expit(logit: FloatArray) -> FloatArray:
    """Logistic function in single precision, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logit)), dtype=np.float32)


def decode(logit: FloatArray) -> NDArray[np.bool_]:
    """Most probable label set under the rules of the labels.

    Resin excludes every other label, and no pattern goes without a label.

    Parameters
    ----------
    logit : ndarray of float, (n, 9)

    Returns
    -------
    ndarray of bool, (n, 9)

    Examples
    --------
    >>> import numpy as np
    >>> logit = np.full((1, 9), -3.0, dtype=np.float32)
    >>> logit[0, [0, 6]] = 1.0, 0.5
    >>> [LABELS[i] for i in np.flatnonzero(decode(logit)[0])]
    ['fe3o4']
    """
    present = logit > 0
    present[:, _RESIN] = False
    rows = np.flatnonzero(~present.any(axis=1))
    others = np.delete(logit[rows], _RESIN, axis=1)
    columns = np.delete(np.arange(len(LABELS)), _RESIN)
    present[rows, columns[others.argmax(axis=1)]] = True
    # Resin alone against the best set without it: compare their log likelihoods.
    without = np.where(present, logit, 0.0).sum(axis=1)
    resin = logit[:, _RESIN] > without
    present[resin] = False
    present[resin, _RESIN] = True
    return present


@dataclass(frozen=True)
class PhaseClassifier:
    """Two stages: lines and background first, then what they leave unexplained.

    Parameters
    ----------
    first : Ensemble
        From the features of a pattern to a first opinion on nine labels.
    second : Ensemble
        From that opinion and the residual's features to the final logits.
    unknown : ndarray of float32, (7,)
        Weights and offset of the logistic unknown score on the residual's features.
    calibration : ndarray of float32, (9, 2)
        Slope and offset of each label's logit.
    metadata : mapping
        Where the model comes from: training configuration, held-out figures.
    """

    first: Ensemble
    second: Ensemble
    unknown: FloatArray
    calibration: FloatArray
    metadata: Mapping[str, Any]

    @classmethod
    def shipped(cls) -> PhaseClassifier:
        """Load the model that comes with the package."""
        path = resources.files("operando.agents") / "models" / "phases.npz"
        with resources.as_file(path) as file:
            return cls.load(file)

    @classmethod
    def load(cls, path: Path | str) -> PhaseClassifier:
        """Read a model written by :meth:`save`. The file is data: nothing in it is run.

        Raises
        ------
        BadInput
            If the file is absent or no such model.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                metadata = json.loads(arrays["metadata"].tobytes().decode())
                return cls(
                    Ensemble.from_arrays(arrays, "first"),
                    Ensemble.from_arrays(arrays, "second"),
                    np.asarray(arrays["unknown"], dtype=np.float32),
                    np.asarray(arrays["calibration"], dtype=np.float32),
                    metadata,
                )
        except (OSError, KeyError, ValueError) as error:
            raise BadInput(f"{path} is not a phase model of operando: {error}") from error

    def save(self, path: Path | str) -> None:
        """Write the model as an npz file of plain arrays."""
        metadata = np.frombuffer(json.dumps(dict(self.metadata)).encode(), dtype=np.uint8)
        arrays: dict[str, NDArray[Any]] = {**self._arrays, "metadata": metadata}
        with Path(path).open("wb") as file:  # given a name, numpy would append .npz to it
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @property
    def _arrays(self) -> dict[str, NDArray[np.float32]]:
        return {
            **self.first.arrays("first"),
            **self.second.arrays("second"),
            "unknown": self.unknown,
            "calibration": self.calibration,
        }

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any weight of the model."""
        digest = hashlib.sha256()
        for name, array in sorted(self._arrays.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return digest.hexdigest()[:12]

    def classify(self, patterns: PowderPatterns) -> PhaseLabels:
        """Label patterns of any wavelength and axis.

        Parameters
        ----------
        patterns : PowderPatterns
            n patterns.

        Returns
        -------
        PhaseLabels

        Raises
        ------
        BadInput
            If the patterns cover too little of the d range that tells the phases.
        """
        logit = np.empty((len(patterns), len(LABELS)), dtype=np.float32)
        score = np.empty(len(patterns), dtype=np.float32)

        def fill(begin: int) -> None:
            part = slice(begin, begin + _BATCH)
            logit[part], score[part] = self._opinion(patterns[part])

        begins = range(0, len(patterns), _BATCH)
        # BLAS on one thread: the same numbers on any machine, and no threads within threads.
        # numpy lets go of the interpreter while it computes, so a thread a batch is enough.
        with _blas().limit(limits=1, user_api="blas"):
            if len(begins) > 1:
                with ThreadPoolExecutor(min(len(begins), os.cpu_count() or 1)) as pool:
                    list(pool.map(fill, begins))
            else:
                for begin in begins:
                    fill(begin)
        slope, offset = self.calibration.T
        return PhaseLabels(logit * slope + offset, score)

    def _opinion(self, patterns: PowderPatterns) -> tuple[FloatArray, FloatArray]:
        """Logits before calibration, and unknown scores, of one batch."""
        evidence = second_stage_features(self.first, to_canonical(patterns))
        residual = evidence[:, len(LABELS) : len(LABELS) + len(RESIDUAL_FEATURES)]
        return self.second.logits(evidence), expit(residual @ self.unknown[:-1] + self.unknown[-1])

    def recalibrate(
        self, patterns: PowderPatterns, labels: NDArray[np.bool_], *, strength: float = 5.0
    ) -> PhaseClassifier:
        """Fit each label's slope and offset on patterns that a person has labelled.

        Parameters
        ----------
        patterns : PowderPatterns
            n patterns, a few dozen are enough.
        labels : ndarray of bool, (n, 9)
        strength : float
            Weight of the prior that holds slope and offset at what they are, in patterns.

        Returns
        -------
        PhaseClassifier
            The same networks with another calibration, and so another version.

        Raises
        ------
        BadInput
            If `labels` is not one row of nine for each pattern.
        """
        labels = np.asarray(labels, dtype=bool)
        if labels.shape != (len(patterns), len(LABELS)):
            raise BadInput(
                f"labels have shape {labels.shape}; {(len(patterns), len(LABELS))} is needed"
            )
        plain = replace(self, calibration=identity_calibration()).classify(patterns).logit
        fitted = [
            _platt(plain[:, k], labels[:, k], self.calibration[k], strength)
            for k in range(len(LABELS))
        ]
        metadata = {**self.metadata, "recalibrated_on": len(patterns)}
        return replace(self, calibration=np.asarray(fitted, dtype=np.float32), metadata=metadata)


@cache
def _blas() -> ThreadpoolController:
    """Find the BLAS libraries that are loaded; numpy's is, by now."""
    return ThreadpoolController()


def identity_calibration() -> FloatArray:
    """Slope one and offset nought for each label, (9, 2)."""
    return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(LABELS), 1))


def second_stage_features(first: Ensemble, canonical: PowderPatterns) -> FloatArray:
    """Compute what the second stage looks at, (n, 9 + 6 + 1).

    First opinion, left-over peaks once the phases of that opinion are explained away, and the
    pattern's signal to noise.
    """
    intensity, variance = effective_variance(canonical)
    measured = features(intensity, variance)
    opinion = first.logits(measured)
    present = opinion[:, : len(CRYSTALLINE)] > -1.0
    residual = residual_features(intensity, variance, present)
    opinion = np.clip(opinion, -12.0, 12.0)
    return np.concatenate([opinion, residual, measured[:, -1:]], axis=1)


def _platt(
    logit: FloatArray, label: NDArray[np.bool_], start: FloatArray, strength: float
) -> NDArray[np.float64]:
    """Slope and offset of one label's logit, held near `start` by a Gaussian prior."""
    sign = np.where(label, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> float:
        margin = sign * (np.exp(parameters[0]) * logit + parameters[1])
        prior = strength * np.square(parameters - begin).sum()
        return float(np.logaddexp(0.0, -margin).sum() + 0.5 * prior)

    begin = np.array([np.log(start[0]), start[1]], dtype=float)
    slope, offset = minimize(loss, begin, method="BFGS").x
    return np.array([np.exp(slope), offset])
