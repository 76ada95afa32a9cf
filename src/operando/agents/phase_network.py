"""A small ensemble of multi-layer perceptrons, trained by scikit-learn, kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from operando.agents.patterns import FloatArray


@dataclass(frozen=True)
class Ensemble:
    """Multi-label networks whose logits are averaged.

    Parameters
    ----------
    mean, scale : ndarray of float32, (m,)
        Standardisation of the features.
    layers : tuple of tuple of (ndarray, ndarray)
        For each member, weights (inputs, outputs) and biases (outputs,) of every layer; ReLU
        between layers, logits at the end.
    """

    mean: FloatArray
    scale: FloatArray
    layers: tuple[tuple[tuple[FloatArray, FloatArray], ...], ...]

    def logits(self, features: FloatArray) -> FloatArray:
        """Mean logit of each label.

        Parameters
        ----------
        features : ndarray of float32, (n, m)

        Returns
        -------
        ndarray of float32, (n, labels)
        """
        standard = (features - self.mean) / self.scale
        # The tails of a significance are unbounded; no network extrapolates well.
        np.clip(standard, -6.0, 6.0, out=standard)
        total: FloatArray | None = None
        for member in self.layers:
            hidden = standard
            for index, (weights, biases) in enumerate(member):
                hidden = hidden @ weights + biases
                if index < len(member) - 1:
                    np.maximum(hidden, 0.0, out=hidden)
            total = hidden if total is None else total + hidden
        assert total is not None
        return total / np.float32(len(self.layers))

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Flatten into named arrays for an npz file."""
        named = {f"{prefix}.mean": self.mean, f"{prefix}.scale": self.scale}
        for i, member in enumerate(self.layers):
            for j, (weights, biases) in enumerate(member):
                named[f"{prefix}.{i}.{j}.weights"] = weights
                named[f"{prefix}.{i}.{j}.biases"] = biases
        return named

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]], prefix: str) -> Ensemble:
        """Rebuild from the arrays of :meth:`arrays`."""
        members: list[tuple[tuple[FloatArray, FloatArray], ...]] = []
        while f"{prefix}.{len(members)}.0.weights" in arrays:
            i = len(members)
            layers: list[tuple[FloatArray, FloatArray]] = []
            while f"{prefix}.{i}.{len(layers)}.weights" in arrays:
                j = len(layers)
                weights = np.asarray(arrays[f"{prefix}.{i}.{j}.weights"], dtype=np.float32)
                biases = np.asarray(arrays[f"{prefix}.{i}.{j}.biases"], dtype=np.float32)
                layers.append((weights, biases))
            members.append(tuple(layers))
        mean = np.asarray(arrays[f"{prefix}.mean"], dtype=np.float32)
        scale = np.asarray(arrays[f"{prefix}.scale"], dtype=np.float32)
        return cls(mean, scale, tuple(members))


def train_ensemble(
    features: FloatArray,
    labels: NDArray[np.bool_],
    *,
    seed: int,
    members: int,
    hidden: tuple[int, ...],
    epochs: int,
) -> Ensemble:
    """Train the members one after another on one BLAS thread, so that a seed fixes the result.

    Parameters
    ----------
    features : ndarray of float32, (n, m)
    labels : ndarray of bool, (n, k)
    seed : int
        Seed of the first member; the next members take the next seeds.
    members : int
    hidden : tuple of int
        Units of the hidden layers.
    epochs : int
        Passes over the data.

    Returns
    -------
    Ensemble
    """
    from sklearn.neural_network import MLPClassifier  # half a second that a reader need not pay

    mean = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), 1e-3).astype(np.float32)
    standard = np.clip((features - mean) / scale, -6.0, 6.0).astype(np.float32)
    trained = []
    with threadpool_limits(limits=1):
        for index in range(members):
            network = MLPClassifier(
                hidden_layer_sizes=hidden,
                alpha=1e-4,
                batch_size=min(256, len(standard)),
                learning_rate_init=2e-3,
                random_state=seed + index,
            )
            trained.append(_fit(network, standard, labels, epochs, seed + index))
    return Ensemble(mean.astype(np.float32), scale, tuple(trained))


def _fit(
    network: object,
    standard: FloatArray,
    labels: NDArray[np.bool_],
    epochs: int,
    seed: int,
) -> tuple[tuple[FloatArray, FloatArray], ...]:
    """Fit one member with a step size that falls to zero, and take its arrays out."""
    from sklearn.neural_network import MLPClassifier

    assert isinstance(network, MLPClassifier)
    rng = np.random.default_rng(seed)
    targets = labels.astype(np.int64)
    classes = np.arange(labels.shape[1])
    for epoch in range(epochs):
        order = rng.permutation(len(standard))
        network.partial_fit(standard[order], targets[order], classes=classes)
        remaining = 0.5 * (1.0 + np.cos(np.pi * (epoch + 1) / epochs))
        network._optimizer.learning_rate_init = 2e-3 * remaining  # noqa: SLF001
    return tuple(
        (np.asarray(w, dtype=np.float32), np.asarray(b, dtype=np.float32))
        for w, b in zip(network.coefs_, network.intercepts_, strict=True)
    )
