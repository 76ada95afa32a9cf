"""A picture in a notebook that is replaced when there is a newer one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Screen = Callable[[Path], None]


def notebook_screen() -> Screen | None:
    """Return what shows a file in the notebook that this code runs in; None elsewhere."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if getattr(shell, "kernel", None) is None else screen()


def screen() -> Screen:
    """Return what displays a picture at first, and later ones in its place."""
    from IPython.display import Image, display

    shown: list[Any] = []

    def show(path: Path) -> None:
        try:
            picture = Image(data=path.read_bytes())
        except OSError:  # gone: the next one comes
            return
        if shown:
            shown[0].update(picture)
        else:
            shown.append(display(picture, display_id=True))

    return show
