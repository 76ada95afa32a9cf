"""HDF5 files that cannot be closed."""

from __future__ import annotations

from typing import Any


def abandon(*objects: Any) -> None:
    """Leave alone what h5py has of a file that HDF5 cannot close.

    A file that may not grow any more, on a full disk or at a limit of the process, is still to be
    made as long as HDF5 has planned it; closing it fails, for whoever has it open in the process.
    h5py would try again, and print a traceback, when each of its objects dies.

    Parameters
    ----------
    *objects : h5py.File or h5py.Dataset
    """
    for one in objects:
        one.id.locked = 1
