"""Where a store keeps its things."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from operando.errors import BadInput, StoreError

_SCHEMES = ("http://", "https://")


def is_server(target: str | os.PathLike[str]) -> bool:
    """Tell whether a store is named by a Tiled server's address.

    Examples
    --------
    >>> is_server("http://127.0.0.1:8000"), is_server("beamtime/2026-11")
    (True, False)
    """
    return str(target).startswith(_SCHEMES)


@dataclass(frozen=True)
class Places:
    """The folders and files of one store.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds everything this machine keeps for the store.
    """

    root: Path

    @classmethod
    def of(cls, target: str | os.PathLike[str]) -> Places:
        """Return the places of a store.

        Parameters
        ----------
        target : str or path
            A folder, or a Tiled server's address. What must stay on this machine for a
            server (its journal, frames without a folder of their own) goes to
            ``$XDG_STATE_HOME/operando``.

        Raises
        ------
        operando.errors.BadInput
            The name is empty, or is an address of a kind that Tiled does not speak.
        """
        name = str(target)
        if not name.strip():
            raise BadInput("the store has no name; give a folder or a Tiled server's address")
        if is_server(name):
            digest = hashlib.sha256(name.split("?")[0].encode()).hexdigest()[:16]
            state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
            return cls(Path(state) / "operando" / digest)
        if "://" in name:
            raise BadInput(f"store {name}: neither a folder nor an http(s) address")
        return cls(Path(name).expanduser().resolve())

    @property
    def catalog(self) -> Path:
        """The SQLite file of the embedded catalog."""
        return self.root / "catalog.db"

    @property
    def tables(self) -> Path:
        """The SQLite file of the events' tables."""
        return self.root / "tables.db"

    @property
    def data(self) -> Path:
        """The folder of the events' arrays (zarr)."""
        return self.root / "data"

    @property
    def frames(self) -> Path:
        """The folder in which detectors write their frames."""
        return self.root / "frames"

    @property
    def journal(self) -> Path:
        """The folder of the write-ahead journal: runs that Tiled does not have yet."""
        return self.root / "journal"

    @property
    def sent(self) -> Path:
        """The folder of the journals of runs that Tiled has."""
        return self.journal / "sent"

    @property
    def damaged(self) -> Path:
        """The folder of what could not be read of a journal."""
        return self.journal / "damaged"

    @property
    def spill(self) -> Path:
        """The folder that takes a journal when its own disk is full."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"operando-{digest}"

    def make(self) -> None:
        """Make the folders that are missing.

        Raises
        ------
        operando.errors.StoreError
            The folder cannot be written.
        """
        try:
            for folder in (self.data, self.frames, self.journal):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {self.root}: {error.strerror or error}") from error
        if not os.access(self.root, os.W_OK):
            raise StoreError(f"store {self.root}: it is read-only")
