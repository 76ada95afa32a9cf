"""Make the network that weighs neighbours, as the package ships it.

Run ``OPENBLAS_NUM_THREADS=1 python tools/train_neighbours.py [FILE]``: five minutes, one thread.
A new phase model (``operando train``) needs a new one of these.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from operando.agents.map_network_fit import train_neighbours
from operando.agents.phase_classifier import PhaseClassifier

TARGET = Path(__file__).parent.parent / "src/operando/agents/models/neighbours.npz"


def main() -> None:
    """Train and write."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    network = train_neighbours(PhaseClassifier.shipped(), progress=print)
    np.savez_compressed(target, **network.arrays("neighbours"))  # type: ignore[arg-type]
    print(f"written to {target}")


if __name__ == "__main__":
    main()
