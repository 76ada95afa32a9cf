"""The phase classifier: patterns in, nine honest probabilities out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from operando.agents.npz_file import read_arrays, refusing
from operando.agents.own_phases import OwnPhases
from operando.agents.patterns import FloatArray, PowderPatterns
from operando.agents.phase_calibration import identity_calibration, platt
from operando.agents.phase_evidence import second_stage_features
from operando.agents.phase_features import effective_variance, to_canonical
from operando.agents.phase_network import Ensemble
from operando.agents.unknown import RESIDUAL_FEATURES
from operando.errors import BadInput
from operando.physics.phases import LABELS

_LARGEST_MODEL = 500_000_000  # bytes of its arrays
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
        Probability, from the left-over intensity alone, that an unlisted phase is present; with
        phases that were added, one beside those.
    own : ndarray of float32, (n, k), optional
        Log odds of the k phases that were added, each in a third of all patterns beforehand.
    """

    logit: FloatArray
    unknown_score: FloatArray
    own: FloatArray | None = None

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
    own : OwnPhases, optional
        Phases that a user added; see :func:`operando.agents.own_training.add_phases`.
    """

    first: Ensemble
    second: Ensemble
    unknown: FloatArray
    calibration: FloatArray
    metadata: Mapping[str, Any]
    own: OwnPhases | None = None

    @classmethod
    def shipped(cls) -> PhaseClassifier:
        """Load the model that comes with the package."""
        path = resources.files("operando.agents") / "models" / "phases.npz"
        with resources.as_file(path) as file:
            return cls.load(file)

    @classmethod
    def named(cls, model: str) -> PhaseClassifier:
        """Give the ``"shipped"`` model, or read a model file."""
        return cls.shipped() if model == "shipped" else cls.load(model)

    @classmethod
    def load(cls, path: Path | str) -> PhaseClassifier:
        """Read a model written by :meth:`save`. The file is data: nothing in it is run.

        Raises
        ------
        BadInput
            If the file is absent or no such model.
        """
        with refusing(path, "phase model of operando"):
            arrays = read_arrays(path, _LARGEST_MODEL)
            metadata = json.loads(arrays["metadata"].tobytes().decode())
            return cls(
                Ensemble.from_arrays(arrays, "first"),
                Ensemble.from_arrays(arrays, "second"),
                np.asarray(arrays["unknown"], dtype=np.float32),
                np.asarray(arrays["calibration"], dtype=np.float32),
                metadata,
                OwnPhases.from_arrays(arrays, added) if (added := metadata.get("own")) else None,
            )

    def save(self, path: Path | str) -> None:
        """Write the model as an npz file of plain arrays."""
        added = {} if self.own is None else {"own": self.own.as_metadata()}
        text = json.dumps({**self.metadata, **added})
        metadata = np.frombuffer(text.encode(), dtype=np.uint8)
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
            **({} if self.own is None else self.own.arrays()),
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
        own = np.empty((len(patterns), len(self.own_names)), dtype=np.float32)

        def fill(begin: int) -> None:
            part = slice(begin, begin + _BATCH)
            logit[part], score[part], own[part] = self._opinion(patterns[part])

        begins = range(0, len(patterns), _BATCH)
        # BLAS on one thread: the same numbers on any machine, and no threads within threads.
        # numpy lets go of the interpreter while it computes, so a thread a batch is enough.
        with on_one_thread():
            if len(begins) > 1:
                with ThreadPoolExecutor(min(len(begins), os.cpu_count() or 1)) as pool:
                    list(pool.map(fill, begins))
            else:
                for begin in begins:
                    fill(begin)
        slope, offset = self.calibration.T
        return PhaseLabels(logit * slope + offset, score, own)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of the phases that were added."""
        return () if self.own is None else self.own.names

    def _opinion(self, patterns: PowderPatterns) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Logits before calibration, unknown scores and added phases' logits, of one batch."""
        intensity, variance = effective_variance(to_canonical(patterns))
        evidence = second_stage_features(self.first, intensity, variance)
        logit = self.second.logits(evidence)
        if self.own is not None:
            own, beside = self.own.logits(intensity, variance, evidence)
            return logit, expit(beside), own
        residual = evidence[:, len(LABELS) : len(LABELS) + len(RESIDUAL_FEATURES)]
        score = expit(residual @ self.unknown[:-1] + self.unknown[-1])
        return logit, score, np.empty((len(logit), 0), dtype=np.float32)

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
            platt(plain[:, k], labels[:, k], self.calibration[k], strength)
            for k in range(len(LABELS))
        ]
        metadata = {**self.metadata, "recalibrated_on": len(patterns)}
        return replace(self, calibration=np.asarray(fitted, dtype=np.float32), metadata=metadata)


def on_one_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread for a while."""
    limited: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limited


@cache
def _blas() -> ThreadpoolController:
    """Find the BLAS libraries that are loaded; numpy's is, by now."""
    return ThreadpoolController()
