"""Phases that a user added: named beside the nine labels, from their crystal structures alone.

The nine labels and what tells them stay as they are. For each added phase a small network looks
at its lines, at what of them is left once the listed phases are explained away, and at what the
listed and the added phases together leave. It says whether the phase holds, and whether something
still unlisted does. An added phase is a crystal that is not listed, so where it holds, ``other``
holds as well: the added phases say which other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.agents.own_features import OwnLines, own_features
from operando.agents.patterns import FloatArray
from operando.agents.phase_lines import Line, lines_of, reference_lines
from operando.agents.phase_network import Ensemble
from operando.errors import BadInput
from operando.physics.crystals import CrystalStructure, structure_from_mapping
from operando.physics.phases import CRYSTALLINE, LABELS

_STRONG, _WEAK = 20.0, 3.0  # lines that a double must have, and lines it may have them at
_SAME = 0.15  # degrees: strain moves lines as far
_EM_STEPS, _PSEUDO = 60, 5.0  # patterns


@dataclass(frozen=True)
class OwnPhases:
    """The phases that were added to a classifier, and what tells them.

    Parameters
    ----------
    structures : tuple of CrystalStructure
        k of them; their names are what the phases are called.
    network : Ensemble
        From the features of a pattern to k + 1 log odds: each phase, and something unlisted
        beside them.
    share : ndarray of float32, (k,)
        Share of the patterns that held each phase when it was learnt.
    """

    structures: tuple[CrystalStructure, ...]
    network: Ensemble
    share: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """What the phases are called."""
        return tuple(structure.name for structure in self.structures)

    @cached_property
    def lines(self) -> tuple[OwnLines, ...]:
        """Where each phase has its lines."""
        return tuple(map(OwnLines.of, self.structures))

    def logits(
        self, intensity: FloatArray, variance: FloatArray, evidence: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Log odds of each phase (n, k), and that something unlisted is there as well (n,).

        Parameters
        ----------
        intensity, variance : ndarray of float32, (n, 487)
            On the canonical axis, as `effective_variance` gives them.
        evidence : ndarray of float32, (n, 16)
            What the second stage of the classifier looks at.
        """
        both = self.network.logits(own_features(self.lines, intensity, variance, evidence))
        return both[:, :-1], both[:, -1]

    def among(self, logit: FloatArray) -> FloatArray:
        """Correct log odds for how frequent each phase is among some patterns.

        Parameters
        ----------
        logit : ndarray of float32, (n, k)
            Of all patterns of one specimen.

        Returns
        -------
        ndarray of float32, (n, k)

        Notes
        -----
        A phase is learnt from patterns of which a third hold it; in a specimen it may be in one
        of a hundred, and most of what looks a little like it is then something else. The share
        is the one that explains the odds best, by the EM algorithm of M. Saerens, P. Latinne and
        C. Decaestecker, Neural Comput. 14, 21 (2002), begun with a few patterns of the old one.
        """
        before = np.log(self.share / (1.0 - self.share)).astype(np.float64)
        share = self.share.astype(np.float64)
        for _ in range(_EM_STEPS):
            shift = np.log(share / (1.0 - share)) - before
            holds = 0.5 * (1.0 + np.tanh(0.5 * (logit + shift)))
            share = (holds.sum(axis=0) + _PSEUDO * self.share) / (len(logit) + _PSEUDO)
        return np.asarray(logit + shift, dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Flatten the network and the shares into named arrays for an npz file."""
        return {**self.network.arrays("own"), "own.share": self.share}

    def as_metadata(self) -> list[dict[str, Any]]:
        """Give the structures as JSON holds them."""
        return [asdict(structure) for structure in self.structures]

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.float32]], metadata: Sequence[Mapping[str, Any]]
    ) -> OwnPhases:
        """Rebuild from what :meth:`arrays` and :meth:`as_metadata` gave."""
        structures = tuple(map(structure_from_mapping, metadata))
        share = np.asarray(arrays["own.share"], dtype=np.float32)
        return cls(structures, Ensemble.from_arrays(arrays, "own"), share)


def check_structures(structures: Sequence[CrystalStructure]) -> tuple[OwnLines, ...]:
    """See that phases can be added, and told from the listed ones.

    Parameters
    ----------
    structures : sequence of CrystalStructure

    Returns
    -------
    tuple of OwnLines

    Raises
    ------
    BadInput
        If there is none, two have one name or a label's, or one has no line in the range of the
        classifier, or the strong lines of a listed phase or another added one and no others.
    """
    if not structures:
        raise BadInput("no phase is given to add")
    names = [structure.name for structure in structures]
    for name in names:
        if name in LABELS or names.count(name) > 1:
            raise BadInput(f"a phase called {name} is there already; rename the CIF file")
    own = tuple(map(OwnLines.of, structures))
    for number, one in enumerate(own):
        lines = lines_of(one.table, _WEAK)
        known = {label: _listed(label) for label in CRYSTALLINE}
        known |= {other.name: lines_of(other.table, _WEAK) for other in own[:number]}
        for name, others in known.items():
            if _covers(lines, others) and _covers(others, lines):
                raise BadInput(
                    f"{one.name} has the lines of {name}, which is there already: powder patterns "
                    "cannot tell them apart"
                )
    return own


def _listed(label: str) -> list[Line]:
    return [line for line in reference_lines(_WEAK) if line.phase == label]


def _covers(lines: Sequence[Line], others: Sequence[Line]) -> bool:
    """Whether each strong one of `others` is among `lines`."""
    at = np.array([line.two_theta for line in lines])
    strong = [line.two_theta for line in others if line.intensity >= _STRONG]
    return all(float(np.abs(at - two_theta).min()) <= _SAME for two_theta in strong)
