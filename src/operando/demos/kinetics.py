"""``operando demo kinetics``: let gas into a crystal, and know when, how fast and by which law."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from operando.agents.fixed_onset import fit_fixed_onset
from operando.agents.kinetics_agent import KineticsAgent, KineticsAgentConfig, describe
from operando.agents.kinetics_audit import audit
from operando.agents.kinetics_config import KineticsConfig
from operando.agents.kinetics_engine import KineticsEngine
from operando.agents.kinetics_record import KineticsRecord, Update
from operando.agents.kinetics_words import BEGUN
from operando.confined import short_name
from operando.demos.following import followed
from operando.devices.exposure import READOUT_S
from operando.errors import AgentError, BadInput
from operando.figures.kinetics import Truth, draw_kinetics, draw_patterns
from operando.kinetics_session import kinetics_session
from operando.physics.kinetic_laws import LAWS
from operando.plans.kinetics import measure_ends, watch_kinetics
from operando.plans.kinetics_settings import WatchSettings
from operando.session import check_station, default_store
from operando.simulations.gas_cell import LoadingTruth

#: What the published fit of argon in CPL-1 states (Sci. Rep. 2023, 10.1038/s41598-023-40573-z).
PUBLISHED_SD = {"t0": 0.0287, "k": 0.0235}
#: End patterns need no fast frames, s.
_REFERENCE_EXPOSURE_S = 0.33205
#: Where the agent may stop, over all laws; theirs is for a given one.
STOP_SD = {"t0": 0.04, "k": 0.03}


@dataclass(frozen=True)
class KineticsDemo:
    """Settings of the demonstration.

    Parameters
    ----------
    seed : int
        Seed of the instrument's noise.
    speed : float
        Simulated seconds in a real one.
    out : Path
        Directory for figures, and for the store unless `store` names another.
    store : str, optional
        Directory or address of the store.
    period : float
        From one frame to the next, s.
    before : float
        Time of frames before the valve opens, s.
    longest : float
        Length of the record, s.
    short : float
        Length of the shorter record that is reported beside, s.
    stop : bool
        Whether the agent may stop when onset and rate are known to `STOP_SD`.
    reference_s : float
        Exposure of the empty and of the loaded crystal, each, before the record, s.
    law : str
        The law that the simulated crystal follows.
    shape : float, optional
        Its parameter, where it has one.
    station : str
        "sim", or "epics-sim" for the same one behind EPICS process variables.
    live : bool
        Whether there is a live picture, ``live.png``.
    """

    seed: int = 7
    speed: float = float("inf")
    out: Path = field(default_factory=lambda: Path("operando-out"))
    store: str | None = None
    period: float = 0.333
    before: float = 6.993
    longest: float = 17.0
    short: float = 9.7
    stop: bool = False
    reference_s: float = 60.0
    law: str = "first_order"
    shape: float | None = None
    station: str = "sim"
    live: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"--seed is {self.seed}; 0 or more is needed")
        if not self.period > READOUT_S:
            raise BadInput(f"--period is {self.period} s; more than {READOUT_S:g} s is needed")
        if not self.reference_s > 0:
            raise BadInput(f"a reference of {self.reference_s} s makes no sense")
        check_station(self.station)
        self.watch()
        self.truth()

    @property
    def exposure(self) -> float:
        """Exposure of a frame, s."""
        return self.period - READOUT_S

    def watch(self) -> WatchSettings:
        """Return the plan's settings."""
        before = max(1, round(self.before / self.period))
        # Nothing is lost by waiting: the detector goes on.
        return WatchSettings(self.exposure, before, self.longest, timeout=120.0)

    def agent(self) -> KineticsAgentConfig:
        """Return the agent's settings."""
        if not self.stop:
            return KineticsAgentConfig(seed=self.seed)
        return KineticsAgentConfig(
            target_sd_t0=STOP_SD["t0"], target_sd_k=STOP_SD["k"], seed=self.seed
        )

    def truth(self) -> LoadingTruth:
        """Return how the simulated crystal loads."""
        return LoadingTruth(law=self.law, shape=self.shape)


def run_kinetics_demo(settings: KineticsDemo, console: Console) -> dict[str, Any]:
    """Measure the end states, watch a loading, audit it, draw.

    Parameters
    ----------
    settings : KineticsDemo
    console : Console
        For progress.

    Returns
    -------
    dict
        The JSON object of ``operando demo kinetics``.
    """
    begin = time.perf_counter()
    store = settings.store or default_store(settings.out)
    agent = KineticsAgent(settings.agent())
    about: dict[str, Any] = {"sample": "simulated CPL-1 in argon", "seed": settings.seed}
    try:
        with (
            kinetics_session(
                seed=settings.seed,
                speed=settings.speed,
                store=store,
                truth=settings.truth(),
                station=settings.station,
                console=console,
            ) as session,
            followed(session, settings.out, live=settings.live),
        ):
            slow = max(settings.exposure, _REFERENCE_EXPOSURE_S)
            frames = max(1, round(settings.reference_s / slow))
            ends = measure_ends(session.station, exposure=slow, frames=frames, **about)
            references = session.run(ends, agent, title="empty and loaded crystal")
            plan = watch_kinetics(
                session.station, agent, settings=settings.watch(), references=references, **about
            )
            uid = session.run(plan, agent, title="gas goes in")
            record = agent.record()
            onset = session.gas.onset
    finally:
        agent.close()
    if onset is None or record.origin is None:
        raise AgentError("the valve never opened")
    # Only now, with everything measured and inferred, is truth looked at.
    truth = Truth(onset - record.origin, settings.truth().rate, settings.law)
    answer = describe(record)
    figures = settings.out / f"kinetics-{short_name(uid)}"
    console.print("[dim]drawing[/dim]")
    paths = [
        draw_kinetics(record, truth, PUBLISHED_SD, figures / "kinetics.png"),
        draw_patterns(record, truth, figures / "patterns.png"),
    ]
    return {
        "uid": uid,
        "seed": settings.seed,
        **answer,
        "if_first_order": _if_first_order(record, record.updates[-1].time),
        "short": _short(record, settings.short, truth),
        "audit": _audit(record),
        "least_squares": _least_squares(record, truth),
        **_errors(record.updates[-1], truth),
        "truth": {"t0": truth.t0, "k": truth.k, "law": truth.law},
        "reference_uid": references,
        "store": store,
        "report": session.report_of(uid),
        "seconds": round(time.perf_counter() - begin, 1),
        "figures": [str(path) for path in paths],
    }


def _short(record: KineticsRecord, seconds: float, truth: Truth) -> dict[str, Any] | None:
    """Describe what was known when a shorter record would have ended."""
    early = [update for update in record.updates if update.time <= seconds]
    if not early:
        return None
    last = early[-1]
    return {
        **describe(record, last),
        "if_first_order": _if_first_order(record, last.time),
        **_errors(last, truth),
    }


def _if_first_order(record: KineticsRecord, seconds: float) -> dict[str, Any]:
    """Answer from the frames up to a time as if no other law were possible, as is published."""
    start, stop, dose, areas = record.frames()
    early = stop <= seconds
    alone = KineticsConfig(laws=("first_order",))
    engine = KineticsEngine(alone, record.weights.noise)
    engine.add(start[early], stop[early], areas[early], dose[early])
    summary = engine.summary(record.valve_time)
    return {
        "t0": summary.t0.as_dict(),
        "k": summary.k.as_dict(),
        "p_begun": summary.p_begun,
        "p_t0_at_ts": summary.p_t0_at_ts,
        "p_t0_before_ts": summary.p_t0_before,
    }


def _errors(update: Update, truth: Truth) -> dict[str, float]:
    summary = update.summary
    return {
        "t0_error_sd": (summary.t0.mean - truth.t0) / summary.t0.sd,
        "k_error_sd": (summary.k.mean - truth.k) / summary.k.sd,
    }


def _audit(record: KineticsRecord) -> dict[str, Any] | None:
    if record.updates[-1].summary.p_begun < BEGUN:
        return None
    try:
        return audit(record, LAWS[record.updates[-1].summary.best]).as_dict()
    except AgentError:  # too little after the onset
        return None


def _least_squares(record: KineticsRecord, truth: Truth) -> dict[str, Any] | None:
    """Fit as is usual, with the onset at the valve; what it gets wrong is in `bias_sd`."""
    if record.valve_time is None or record.updates[-1].summary.p_begun < BEGUN:
        return None
    start, stop, _, areas = record.frames()
    try:
        fit = fit_fixed_onset(start, stop, areas[:, 1], record.valve_time)
    except BadInput:
        return None
    return {
        "t0": record.valve_time,
        "k": {"mean": fit.k, "sd": fit.k_sd},
        "bias_sd": (fit.k - truth.k) / fit.k_sd,
    }


def summary_table(result: dict[str, Any]) -> Table:
    """Lay the figures out for a terminal."""
    title = f"seed {result['seed']}: {result['frames']} frames, {result['record_s']:.1f} s"
    table = Table(title=title, caption=f"run {result['uid'][:8]} in {result['store']}")
    short = result["short"] or {}
    heads = ["", f"record of {result['record_s']:.1f} s"]
    heads += [f"first {short['record_s']:.1f} s"] if short else []
    for head in (*heads, "truth"):
        table.add_column(head, justify="right" if head else "left")
    columns = [result, short] if short else [result]

    def small(of: dict[str, Any]) -> str:
        probability = of["p_t0_at_ts"]
        if of["p_begun"] < BEGUN:
            return "–"
        return "< 1e-6" if probability < 1e-6 else f"{probability:.2g}"

    def number(of: dict[str, Any], key: str) -> str:
        begun = of.get("p_begun", 1.0) >= BEGUN and of[key]["mean"] is not None
        return f"{of[key]['mean']:.4f} ± {of[key]['sd']:.4f}" if begun else "–"

    truth, blanks = result["truth"], [""] * len(columns)
    for label, key in (("onset t0, s", "t0"), ("rate k, 1/s", "k")):
        table.add_row(label, *(number(one, key) for one in columns), f"{truth[key]:.4f}")
        given = [one["if_first_order"] for one in columns]
        table.add_row("  if it is first order", *(number(one, key) for one in given), "")
    table.add_row("valve opened ts, s", f"{result['ts']:.4f}", *blanks)
    table.add_row("P(t0 = ts)", *(small(one) for one in columns), "0")
    given = [one["if_first_order"] for one in columns]
    table.add_row("  if it is first order", *(small(one) for one in given), "")
    table.add_row("law", *(one["verdict"] for one in columns), truth["law"])
    speed = f"{result['ms_per_frame']:.1f} ({result['cpu_ms_per_frame']:.1f})"
    table.add_row("inference, ms a frame (processor)", speed, *blanks)
    if result["audit"]:
        audited = result["audit"]
        table.add_row(f"all pixels, {audited['law']}: t0, s", number(audited, "t0"), *blanks)
        table.add_row("all pixels: k, 1/s", number(audited, "k"), *blanks)
    if result["least_squares"]:
        usual = result["least_squares"]
        label = f"least squares with t0 = ts: k ({usual['bias_sd']:+.0f} sd)"
        table.add_row(label, number(usual, "k"), *blanks)
    return table
