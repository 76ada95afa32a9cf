"""The page: a list of runs, the picture of one, and what can be asked of it."""

from __future__ import annotations

import base64
import time
from html import escape

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, ColumnDataSource, DataTable, Div, TableColumn, Toggle

from operando.dashboard.pictures import LivePicture, Pictures
from operando.dashboard.runs import COLUMNS, RunList
from operando.errors import OperandoError
from operando.store import Store

#: How often the page looks for news, ms.
_EVERY_MS = 500
_WIDTHS = {"began": 150, "plan": 110, "sample": 190, "status": 80, "uid": 80}
#: Button, what it asks for, what it does.
_ASKS = (
    ("Pause", "pause", "warning"),
    ("Resume", "resume", "success"),
    ("Stop agent", "stop-agent", "warning"),
    ("Abort", "abort", "danger"),
)


class Page:
    """What one browser sees.

    Parameters
    ----------
    doc : Document
        Of the browser's session.
    store : Store
    runs : RunList
    pictures : Pictures
    may_ask : bool
        Whether its key lets it ask something of a run.
    """

    def __init__(
        self, doc: Document, store: Store, runs: RunList, pictures: Pictures, *, may_ask: bool
    ) -> None:
        self._store, self._runs, self._pictures = store, runs, pictures
        self._may_ask = may_ask
        self._uid = ""
        self._shown: tuple[str, int] = ("", -1)
        self._asked = ""
        self._source = ColumnDataSource(runs.columns())
        self._source.selected.on_change("indices", self._choose)
        self._newest = Toggle(label="follow the newest run", active=True, name="newest")
        self._head = Div(name="head", width=940)
        self._picture = Div(name="picture", width=940, min_height=650)
        self._said = Div(name="said", width=940)
        self._buttons = [self._button(*ask) for ask in _ASKS]
        table = DataTable(
            source=self._source,
            columns=[TableColumn(field=name, title=name, width=_WIDTHS[name]) for name in COLUMNS],
            width=630,
            height=700,
            index_position=None,
            name="runs",
        )
        doc.title = "operando"
        doc.add_root(
            row(
                column(Div(text=f"<b>{escape(store.name)}</b>"), self._newest, table),
                column(self._head, row(*self._buttons), self._said, self._picture),
            )
        )
        doc.add_periodic_callback(self.refresh, _EVERY_MS)
        self.refresh()

    def _button(self, label: str, action: str, kind: str) -> Button:
        button = Button(label=label, button_type=kind, name=action, disabled=True, width=110)
        button.on_click(lambda: self._ask(action))
        return button

    def _choose(self, attr: str, old: list[int], new: list[int]) -> None:
        if new:
            self._newest.active = False
            self._uid = self._source.data["uid"][new[0]]
            self.refresh()

    def _ask(self, action: str) -> None:
        if not self._may_ask or not self._uid:
            return
        try:
            self._store.ask(self._uid, action)
        except OperandoError as error:
            self._asked = str(error)
        else:
            what = action.replace("-", " its ")
            self._asked = f"{time.strftime('%H:%M:%S')} asked run {self._uid[:8]} to {what}"
        self.refresh()

    def refresh(self) -> None:
        """Show what is new."""
        columns = self._runs.columns()
        if columns != self._source.data:
            self._source.data = columns
        if self._newest.active and columns["uid"]:
            self._uid = columns["uid"][0]
        said = "  ".join(text for text in (self._asked, self._runs.trouble) if text)
        if not self._uid:
            _set(self._head, "no run yet")
            _set(self._said, escape(said))
            return
        live = self._pictures.of(self._uid)
        _set(self._head, _headline(self._uid, live))
        _set(self._said, escape("  ".join(text for text in (said, live.trouble) if text)))
        for button in self._buttons:
            disabled = not self._may_ask or live.progress.status != "running"
            if button.disabled != disabled:
                button.disabled = disabled
        png = live.png()
        if png and self._shown != (self._uid, live.drawn):
            self._shown = (self._uid, live.drawn)
            data = base64.b64encode(png).decode("ascii")
            self._picture.text = (
                f'<img alt="run {escape(self._uid[:8])}" width="936" '
                f'src="data:image/png;base64,{data}">'
            )


def _set(div: Div, text: str) -> None:
    if div.text != text:
        div.text = text


def _headline(uid: str, live: LivePicture) -> str:
    progress = live.progress
    planned = f" of {progress.planned}" if progress.planned else ""
    words = [
        f"run <b>{escape(uid[:8])}</b>",
        escape(progress.status),
        f"{progress.points}{escape(planned)} points",
        f"{progress.decisions} decisions",
    ]
    if progress.last_reason:
        words.append(f"last: {escape(progress.last_reason)}")
    return " · ".join(words)
