"""Benchmarks: each a script of its own, and all that matters beside peers by ``-m benchmarks``.

The scripts find what they share by plain names, as Python does for a script; so do the rows of
the table. Libraries of linear algebra get one thread before anything loads them: with more, what
else the machine does decides the figures.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
