"""A charge by steps while it goes on: the cell, its spectra, its reflection, its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from operando.agents.soc_config import SocTableConfig
from operando.agents.soc_library import state_name
from operando.figures.panels.base import DocumentPanel, Streams, title, waiting
from operando.figures.panels.charge import ChargeRecord, EdgeFit

Floats = NDArray[np.float64]

_CELL, _AMPERE, _SOC, _FIT, _GREY = "#0072B2", "#D55E00", "#009E73", "#D55E00", "#4D4D4D"
# Okabe and Ito's palette (jfly.uni-koeln.de/color); markers differ too, for print in grey.
_STATES = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#4D4D4D")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
#: Range of a spectrum that is shown, eV from its edge.
_NEAR_EDGE = (-25.0, 65.0)
#: Degrees that are shown on either side of the reflection.
_AROUND_003 = 0.9


class BatteryPanel(DocumentPanel):
    """Voltage, current and charge against time, the last spectrum with its fit, the 003 reflection.

    Fractions and spacings are those that the run's agent recorded (stream ``soc_table``). The fit
    of the spectrum is those fractions of the references; they come from the run that the start
    document names, if the panel was given it before, or from the file that the agent had.

    Parameters
    ----------
    start : mapping
        Start document of a charge.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        super().__init__(start)
        self._streams = Streams()
        self._charge = ChargeRecord(start)

    def _read(self, name: str, doc: Mapping[str, Any]) -> bool:
        if name == "start":
            self._charge.begin(doc)
        self._charge.measure(name, doc)
        changed = False
        for stream, data in self._streams(name, doc):
            if stream == "electrochemistry":
                self._charge.flow(data, self._streams.configuration(stream))
                changed = True
            elif stream == "soc_table":
                self._charge.enter(data)
                changed = True
        return changed

    def _draw(self, figure: Figure) -> None:
        with self._lock:
            charge = self._charge.copy()
        if not charge.hours:
            waiting(figure, self._headline(), "nothing from the potentiostat yet")
            return
        rows = [["volt", "xanes", "shares"], ["flow", "xrd", "d003"]]
        axes = figure.subplot_mosaic(rows)  # type: ignore[arg-type]
        _draw_cell(axes["volt"], axes["flow"], charge)
        _draw_spectrum(axes["xanes"], charge.fit())
        _draw_shares(axes["shares"], charge, _states(self.start))
        _draw_patterns(axes["xrd"], charge)
        _draw_spacing(axes["d003"], charge)
        figure.suptitle(self._headline(), parse_math=False)

    def claims(self) -> list[tuple[str, str]]:
        """Say where the cell is, and what the last complete step gave."""
        with self._lock:
            charge = self._charge.copy()
        if not charge.hours:
            return []
        rows = charge.rows()
        pairs = [
            ("last voltage", f"{charge.volts[-1]:.4f} V"),
            ("last state of charge", f"{100.0 * charge.soc[-1]:.2f} %"),
            ("rows of the table", str(len(rows))),
            ("complete rows", str(sum(row.get("status") == "ok" for row in rows))),
        ]
        whole = [row for row in rows if row.get("status") == "ok"]
        if whole:
            last = whole[-1]
            pairs.append(("last complete step", f"{100.0 * float(last['soc']):.1f} % SOC"))
            pairs.append(("  its open-circuit voltage", f"{float(last['ocv']):.4f} V"))
            for state in _states(self.start):
                name = f"Ni_LCF{state}"
                value, sd = float(last[name]), float(last[f"{name}_sd"])
                pairs.append((f"  its Ni like at {state} %", f"{value:.4f} ± {sd:.4f}"))
            for name, key, unit in (("Ni–O distance", "Ni_O_R", "Å"), ("d(003)", "d003", "Å")):
                value, sd = float(last[key]), float(last[f"{key}_sd"])
                pairs.append((f"  its {name}", f"{value:.4f} ± {sd:.4f} {unit}"))
        return pairs


def _states(start: Mapping[str, Any]) -> list[str]:
    """Names of the references."""
    spec = start.get("agent")
    config = dict(spec.get("config") or {}) if isinstance(spec, Mapping) else {}
    states = config.get("states") or SocTableConfig().states
    return [state_name(float(soc)) for soc in states]


def _draw_cell(volt: Axes, flow: Axes, charge: ChargeRecord) -> None:
    hours = np.array(charge.hours)
    volt.plot(hours, charge.volts, color=_CELL, linewidth=1.2)
    title(volt, f"now {charge.volts[-1]:.3f} V")
    volt.set_ylabel("voltage, V")
    flow.plot(hours, 100.0 * np.array(charge.soc), color=_SOC, linewidth=1.4)
    flow.set_ylabel("SOC, %", color=_SOC)
    other = flow.twinx()
    other.plot(hours, 1e3 * np.array(charge.amperes), "--", color=_AMPERE, linewidth=1.0)
    other.set_ylabel("current, mA", color=_AMPERE)
    title(flow, f"now {100.0 * charge.soc[-1]:.1f} %, {1e3 * charge.amperes[-1]:.2f} mA")
    for axes in (volt, flow):
        axes.set_xlabel("time, h")
        axes.locator_params(axis="x", nbins=5)


def _draw_spectrum(axes: Axes, fit: EdgeFit | None) -> None:
    if fit is None:
        _nothing(axes, "no spectrum yet")
        return
    near = (fit.energy > fit.e0 + _NEAR_EDGE[0]) & (fit.energy < fit.e0 + _NEAR_EDGE[1])
    energy = fit.energy[near]
    axes.plot(energy, fit.norm[near], ".", color=_CELL, markersize=3, label="measured")
    if fit.combination is not None:
        axes.plot(energy, fit.combination[near], color=_FIT, linewidth=1.2, label="fit")
        axes.plot(energy, (fit.norm - fit.combination)[near], color=_GREY, linewidth=0.8)
        axes.axhline(0.0, color=_GREY, linewidth=0.5, linestyle=":")
    axes.set_xlabel("energy, eV")
    axes.set_ylabel("normalised μ")
    axes.locator_params(axis="x", nbins=4)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12), frameon=False)
    title(axes, f"{fit.element} K at {100.0 * fit.soc:.0f} % SOC")


def _draw_shares(axes: Axes, charge: ChargeRecord, states: list[str]) -> None:
    rows = charge.rows()
    names = [(k, s) for k, s in enumerate(states) if rows and f"Ni_LCF{s}" in rows[0]]
    if not names:
        _nothing(axes, "no row of the table yet")
        return
    soc = [100.0 * float(row["soc"]) for row in rows]
    for k, state in names:
        axes.errorbar(
            soc,
            [float(row[f"Ni_LCF{state}"]) for row in rows],
            [float(row[f"Ni_LCF{state}_sd"]) for row in rows],
            fmt=_MARKS[k % 7],
            color=_STATES[k % 7],
            markersize=4,
            linewidth=0.9,
            label=f"{state} %",
        )
    axes.set_xlabel("SOC, %")
    axes.set_ylabel("share of the reference")
    axes.set_ylim(-0.08, 1.45)
    axes.legend(loc="upper center", ncols=3, frameon=False, columnspacing=0.8, handletextpad=0.1)
    title(axes, f"Ni K: {len(rows)} steps")


def _draw_patterns(axes: Axes, charge: ChargeRecord) -> None:
    if not charge.patterns:
        _nothing(axes, "no pattern yet")
        return
    shades = colormaps["cividis"]
    top = max(1.0, 0.01 + max(one.soc for one in charge.patterns))
    for one in charge.patterns:
        axes.plot(one.two_theta, one.counts / 1e3, color=shades(one.soc / top), linewidth=0.9)
    last = charge.patterns[-1]
    axes.plot(last.two_theta, last.counts / 1e3, color=_FIT, linewidth=1.2)
    # Around the reflection, wherever it goes.
    peaks = [float(one.two_theta[one.counts.argmax()]) for one in charge.patterns]
    axes.set_xlim(min(peaks) - _AROUND_003, max(peaks) + _AROUND_003)
    axes.set_xlabel("2θ, degrees")
    axes.set_ylabel("counts, thousands")
    axes.locator_params(axis="x", nbins=5)
    first = charge.patterns[0]
    title(axes, f"003: {100.0 * first.soc:.0f} (dark) to {100.0 * last.soc:.0f} % SOC (red)")


def _draw_spacing(axes: Axes, charge: ChargeRecord) -> None:
    rows = [row for row in charge.rows() if np.isfinite(float(row.get("d003", np.nan)))]
    if not rows:
        _nothing(axes, "no spacing yet")
        return
    axes.errorbar(
        [100.0 * float(row["soc"]) for row in rows],
        [float(row["d003"]) for row in rows],
        [float(row["d003_sd"]) for row in rows],
        fmt="o",
        color=_CELL,
        markersize=4,
        linewidth=0.9,
    )
    axes.set_xlabel("SOC, %")
    axes.set_ylabel("d(003), Å")
    title(axes, f"now {float(rows[-1]['d003']):.4f} Å")


def _nothing(axes: Axes, why: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, why, ha="center", color=_GREY, transform=axes.transAxes)
