"""What a point's neighbours say: a local prior in place of the global one.

Averaging logits over a neighbourhood blurs every boundary and lets a weak pattern pull down a
strong one. Here each point keeps the evidence of its own pattern whole, and its neighbours'
probabilities only replace the prior odds under it:

``logit_i' = logit_i + β [logit(π_i) - logit(g)]``,  ``π_i = (κ g + Σ_j K_ij p_j) / (κ + Σ_j K_ij)``

with g the label's share over the whole map, K a Gaussian of the distance that leaves out the
point itself, κ the strength of g, β the trust in neighbours. Strong evidence overrules any
neighbourhood; weak evidence follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from operando.agents.phase_classifier import expit
from operando.agents.phase_features import FloatArray


@dataclass(frozen=True)
class SpatialPrior:
    """How far and how much neighbours count.

    Parameters
    ----------
    length_um : float
        Standard deviation of the Gaussian kernel, µm.
    trust : float
        β above: 0 leaves the logits as they are.
    strength : float
        κ above, in neighbours.
    rounds : int
        Times the probabilities are fed back.
    """

    length_um: float = 2.4
    trust: float = 0.8
    strength: float = 0.3
    rounds: int = 2

    def kernel(self, step_um: tuple[float, float]) -> NDArray[np.float32]:
        """Weights of the neighbours on a grid of step (y, x) µm; nought at the centre."""
        reach = [max(1, int(np.ceil(2.5 * self.length_um / s))) for s in step_um]
        y = np.arange(-reach[0], reach[0] + 1)[:, None] * step_um[0]
        x = np.arange(-reach[1], reach[1] + 1)[None, :] * step_um[1]
        weights = np.exp(-0.5 * (y * y + x * x) / self.length_um**2)
        weights[reach[0], reach[1]] = 0.0
        return np.asarray(weights, dtype=np.float32)

    def apply(
        self,
        logit: FloatArray,
        measured: NDArray[np.bool_],
        step_um: tuple[float, float],
    ) -> FloatArray:
        """Give every point its neighbourhood's prior.

        Parameters
        ----------
        logit : ndarray of float32, (ny, nx, k)
            Log odds from each point's own pattern; any finite value where nothing is measured.
        measured : ndarray of bool, (ny, nx)
        step_um : tuple of float
            Grid step (y, x) in µm.

        Returns
        -------
        ndarray of float32, (ny, nx, k)
            Log odds; points that were not measured carry their neighbourhood's prior alone.
        """
        if not measured.any():
            return np.zeros_like(logit)
        kernel = self.kernel(step_um)
        weight = correlate(measured.astype(np.float32), kernel, mode="constant")[..., None]
        own = np.where(measured[..., None], logit, 0.0).astype(np.float32)
        share = np.clip(expit(logit[measured]).mean(axis=0), 1e-3, 1.0 - 1e-3)
        current = own
        for _ in range(self.rounds):
            probability = expit(current) * measured[..., None]
            near = np.stack(
                [
                    correlate(probability[..., k], kernel, mode="constant")
                    for k in range(logit.shape[-1])
                ],
                axis=-1,
            )
            local = (self.strength * share + near) / (self.strength + weight)
            local = np.clip(local, 1e-3, 1.0 - 1e-3)
            shift = _logit(local) - _logit(share)
            unmeasured = _logit(local)
            current = np.where(measured[..., None], own + self.trust * shift, unmeasured)
        return np.asarray(current, dtype=np.float32)


def _logit(probability: FloatArray) -> FloatArray:
    return np.asarray(np.log(probability / (1.0 - probability)), dtype=np.float32)
