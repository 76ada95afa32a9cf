"""What a demonstration shows of its runs while they are measured, and leaves of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operando.live import LiveView
from operando.session import StoredRuns


@contextmanager
def followed(session: StoredRuns, out: Path, *, live: bool) -> Iterator[None]:
    """Have every run leave a report in a folder, and if wanted a live picture.

    Parameters
    ----------
    session : StoredRuns
    out : Path
        Folder; the live picture is ``live.png``.
    live : bool
        Whether there is a live picture.
    """
    session.reports = out
    if not live:
        yield
        return
    with LiveView(out / "live.png", lambda line: session.console.print(line, markup=False)) as view:
        token = session.RE.subscribe(view)
        try:
            yield
        finally:
            session.RE.unsubscribe(token)
