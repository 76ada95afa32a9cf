"""What is stored and how it is read back: a Tiled catalog, embedded or on a server.

`open_store` is the way in. Importing this package is cheap: the Tiled server's parts are
imported when a store is opened.
"""

from __future__ import annotations

from operando.store.facade import Store
from operando.store.opening import open_store

__all__ = ["Store", "open_store"]
