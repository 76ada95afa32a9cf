"""What a point's neighbours say, and how much that counts beside its own pattern.

Averaging logits over a neighbourhood blurs every boundary and lets a weak pattern pull down a
strong one. Here a small network weighs the two: it sees the nine log odds of the point's own
pattern, the mean probabilities of all nine labels among its neighbours at several distances, the
point itself left out, and how many neighbours there are. So it knows that resin is rarely in the
company of anything, that grains end and layers go on, and that weak evidence follows its
neighbours while strong evidence overrules them. A point without a pattern has the neighbours'
word alone.

The network learns on sections that the package's own generator draws (`map_drawing`,
`map_network_fit`): random fields of any phases in any order, no steel and no simulated beamline.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from operando.agents.neighbourhood import neighbourhood_means
from operando.agents.patterns import FloatArray
from operando.agents.phase_classifier import expit, on_one_thread
from operando.agents.phase_network import Ensemble
from operando.physics.phases import LABELS

#: Standard deviations of the Gaussian neighbourhoods, µm.
LENGTHS_UM = (1.6, 4.0, 10.0, 25.0)
#: Largest step of a map that the network weighs, µm.
COARSEST_UM = 4.0
#: Least share of the points that must have been measured.
FULLEST = 0.9
_CLIP = np.float32(10.0)  # largest log odds of a pattern that make a difference
_MODEL = "neighbours.npz"


def knows(measured: NDArray[np.bool_], step_um: tuple[float, float]) -> bool:
    """Whether a map is close enough to what the network has learnt.

    On simulated sections it beats a prior learnt from the map itself where every point is
    measured at steps of 2 and 4 µm; it loses to it at 8 and 16 µm, and in sparse maps.
    """
    return max(step_um) <= COARSEST_UM and float(measured.mean()) >= FULLEST


def weigh(
    logit: FloatArray, measured: NDArray[np.bool_], step_um: tuple[float, float]
) -> FloatArray:
    """Weigh every point's own evidence with its neighbours'.

    Parameters
    ----------
    logit : ndarray of float32, (ny, nx, 9)
        Log odds from each point's own pattern; any finite value where nothing is measured.
    measured : ndarray of bool, (ny, nx)
    step_um : tuple of float
        Grid step (y, x) in µm.

    Returns
    -------
    ndarray of float32, (ny, nx, 9)
        Log odds; noughts where nothing at all has been measured.
    """
    if not measured.any():
        return np.zeros_like(logit)
    with on_one_thread():
        weighed = shipped_network().logits(evidence(logit, measured, step_um))
    return weighed.reshape(logit.shape)


def evidence(
    logit: FloatArray, measured: NDArray[np.bool_], step_um: tuple[float, float]
) -> FloatArray:
    """Put together what the network sees of each point.

    Parameters
    ----------
    logit, measured, step_um
        As for :func:`weigh`; something must have been measured.

    Returns
    -------
    ndarray of float32, (ny * nx, 50)
        Nine log odds of the point's own pattern (noughts without one), those of the mean
        probabilities at each of the :data:`LENGTHS_UM`, the logarithm of the neighbours' weight
        at each, and whether the point was measured.
    """
    labels, seen = logit.shape[-1], measured.reshape(-1, 1)
    own = np.where(seen, logit.reshape(-1, labels), np.float32(0.0))
    own = np.clip(own, -_CLIP, _CLIP).astype(np.float32)
    probability = np.where(seen, expit(own), np.float32(0.0))
    mean = probability.sum(axis=0) / np.float32(seen.sum())
    planes = np.ascontiguousarray(probability.T).reshape(labels, *measured.shape)
    near, weight = neighbourhood_means(planes, measured, mean, step_um, LENGTHS_UM)
    scales = len(LENGTHS_UM)
    return np.concatenate(
        [
            own,
            _logit(near.reshape(scales * labels, -1)).T,
            np.log(weight.reshape(scales, -1) + np.float32(0.05)).T,
            seen.astype(np.float32),
        ],
        axis=1,
        dtype=np.float32,
    )


@cache
def shipped_network() -> Ensemble:
    """Load the network that comes with the package; see ``tools/train_neighbours.py``."""
    file = resources.files("operando.agents") / "models" / _MODEL
    with resources.as_file(file) as path, np.load(path, allow_pickle=False) as arrays:
        network = Ensemble.from_arrays(arrays, "neighbours")
    inputs = len(LABELS) * (1 + len(LENGTHS_UM)) + len(LENGTHS_UM) + 1
    assert network.mean.shape == (inputs,), "the network belongs to other neighbourhoods"
    return network


@cache
def network_version() -> str:
    """Twelve hexadecimal digits that change with any weight of the network."""
    digest = hashlib.sha256()
    for name, array in sorted(shipped_network().arrays("neighbours").items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()[:12]


def _logit(probability: FloatArray) -> FloatArray:
    clipped = np.clip(probability, np.float32(2e-3), np.float32(1.0 - 2e-3))
    return np.asarray(np.log(clipped / (np.float32(1.0) - clipped)), dtype=np.float32)
