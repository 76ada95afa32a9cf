"""What every start document says, kept in a file from one session to the next."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operando.errors import BadInput, StoreError

logger = logging.getLogger(__name__)


class StoredMetadata(MutableMapping[str, Any]):
    """A mapping whose every change is in a JSON file before the call returns.

    Sessions that use one file at a time see each other's scan numbers; of other keys the last
    one written holds.

    Parameters
    ----------
    path : Path
        The file; made when something is set.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "metadata.json"
    >>> StoredMetadata(path)["proposal"] = "2026B1234"
    >>> StoredMetadata(path)["proposal"]
    '2026B1234'
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = self._read()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        try:
            json.dumps({key: value}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadInput(f"RE.md[{key!r}] cannot be kept: {error}") from None
        if key not in self._values or self._values[key] != value:
            with self._changing() as values:
                values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        with self._changing() as values:
            values.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def next_scan_id(self) -> int:
        """Take the next scan number, which no other session on the same file gets."""
        with self._changing() as values:
            last = values.get("scan_id", 0)
            # A file that somebody edited must not keep a run from being measured.
            values["scan_id"] = last + 1 if isinstance(last, int) else 1
        return int(self._values["scan_id"])

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Change what is in the file, with other sessions kept out."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                values = self._read()
                yield values
                new = self._path.with_suffix(".new")
                new.write_text(json.dumps(values, indent=1), encoding="utf-8")
                os.replace(new, self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror or error}") from error
        self._values = values

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ValueError("it is no JSON object")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            aside = self._path.with_suffix(".damaged")
            os.replace(self._path, aside)
            logger.warning("%s could not be read (%s): it is now %s", self._path, error, aside)
            return {}
        return values
