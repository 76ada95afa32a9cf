"""``operando demo``: whole loops on the simulated station."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.commands.demonstrating import Live, Out, run_and_tell, wants_live
from operando.commands.options import (
    Json,
    Speed,
    StationName,
    Store,
    console,
    parse_duration,
    parse_shape,
    parse_speed,
    print_json,
)

if TYPE_CHECKING:
    from operando.interrupts import Aborted

app = typer.Typer(
    help="Run a whole loop on the simulated station: measure, decide, store, draw.",
    no_args_is_help=True,
)


@app.callback()
def _demo() -> None:
    """Run a whole loop on the simulated station: measure, decide, store, draw."""


@app.command()
def mapping(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the specimen and of the noise.")] = 7,
    speed: Speed = "max",
    shape: Annotated[str, typer.Option(help="Rows x columns of the map.")] = "95x80",
    step: Annotated[float, typer.Option(help="Distance between points, µm.")] = 2.0,
    dwell: Annotated[float, typer.Option(help="Mean exposure a point, s.")] = 0.0375,
    plan: Annotated[
        str, typer.Option(help="two-pass, sparse, fly (flown once) or raster (stop at each).")
    ] = "two-pass",
    budget: Annotated[
        str | None,
        typer.Option(help="Time the map may take (20min, 90s): chooses plan and dwell, says why."),
    ] = None,
    can_fly: Annotated[
        bool, typer.Option("--can-fly/--no-fly", help="Whether --budget may sweep the stage.")
    ] = True,
    target: Annotated[
        float | None,
        typer.Option(help="Stop when this share of points is expected to be all right."),
    ] = None,
    dose_limit: Annotated[
        float, typer.Option(help="Most exposure a point may have in all, s.")
    ] = math.inf,
    resume: Annotated[
        str | None, typer.Option(help="Complete the map of this run, with its settings.")
    ] = None,
    station: StationName = "sim",
    live: Live = None,
    out: Out = Path("operando-out"),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Map a corroded steel section by micro-XRD, label it while it is measured, look again.

    A fast map first, then longer exposures where the agent is least certain. The same dose
    spent on one even raster is measured beside it, so that the gain can be seen.

    Ctrl-C pauses (Enter goes on); Ctrl-C twice aborts, and --resume completes the map later.
    """
    from operando.demos.mapping import MappingDemo, run_mapping_demo, summary_table

    settings = MappingDemo(
        seed=seed,
        speed=parse_speed(speed),
        live=wants_live(live, speed, as_json),
        out=out,
        store=store,
        shape=parse_shape(shape),
        step_um=step,
        dwell_s=dwell,
        plan=plan,
        budget_s=None if budget is None else parse_duration(budget),
        can_fly=can_fly,
        target=target,
        dose_limit_s=dose_limit,
        resume=resume,
        station=station,
    )

    def aborted(stop: Aborted) -> str:
        where = f"--out {out}" if store is None else f"--store {store}"
        return f"{stop}\n  operando demo mapping {where} --resume {stop.uid}"

    run_and_tell(lambda: run_mapping_demo(settings, console()), summary_table, as_json, aborted)


@app.command()
def battery(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cell and of the noise.")] = 7,
    speed: Speed = "max",
    plan: Annotated[
        str, typer.Option(help="stepped (equal steps) or adaptive (an agent chooses them).")
    ] = "stepped",
    step: Annotated[float, typer.Option(help="Charge between measurements, share of 100 %.")] = 0.1,
    rest: Annotated[float, typer.Option(help="Longest rest before each measurement, s.")] = 600.0,
    rest_slope: Annotated[
        float | None, typer.Option(help="End a rest once |dV/dt| is below this, V/s (2e-5).")
    ] = None,
    rest_target: Annotated[
        float | None,
        typer.Option(help="End a rest once its plateau is known to this, V (0.001)."),
    ] = None,
    until: Annotated[float, typer.Option(help="Voltage that ends the charge, V.")] = 5.0,
    repeats: Annotated[int, typer.Option(min=1, help="XAFS scans of each kind a step.")] = 1,
    budget: Annotated[
        int | None, typer.Option(help="Measurements for --plan adaptive to spend.")
    ] = None,
    target_sd: Annotated[
        float | None,
        typer.Option(
            help="Error wanted of the Ni fractions (0.004): --plan adaptive repeats scans for it."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(help="Go on with the charge of this run where it stood, with its settings."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the timetable and do nothing.")
    ] = False,
    live: Live = None,
    station: StationName = "sim",
    out: Out = Path("operando-out"),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Charge a cell to 5 V by steps, with XRD and XAFS at every rest, and explain its voltage.

    References are measured on another cell first. Every step is reduced while the next one is
    charged: XANES fractions, EXAFS distances, the 003 reflection, one row a step in the run.

    Ctrl-C pauses (Enter goes on); Ctrl-C twice aborts. After that, or a crash, --resume goes on
    with the charge at the step where it stood.
    """
    from operando.demos.battery import print_timetable, run_battery_demo, summary_table
    from operando.demos.battery_runs import ReferencesAborted
    from operando.demos.battery_settings import BatteryDemo

    settings = BatteryDemo(
        seed=seed,
        speed=parse_speed(speed),
        live=wants_live(live, speed, as_json),
        out=out,
        store=store,
        plan=plan,
        step=step,
        rest=rest,
        rest_slope=rest_slope,
        rest_target=rest_target,
        until=until,
        repeats=repeats,
        budget=budget,
        target_sd=target_sd,
        resume=resume,
        station=station,
    )
    if dry_run:
        planned = print_timetable(settings)
        if as_json:
            print_json(planned)
        else:
            print("\n".join(planned["timetable"]))
        return

    def aborted(stop: Aborted) -> str:
        if isinstance(stop, ReferencesAborted):
            return str(stop)
        where = f"--out {out}" if store is None else f"--out {out} --store {store}"
        return f"{stop}\n  operando demo battery {where} --resume {stop.uid}"

    run_and_tell(lambda: run_battery_demo(settings, console()), summary_table, as_json, aborted)


@app.command()
def kinetics(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the instrument's noise.")] = 7,
    speed: Speed = "max",
    period: Annotated[float, typer.Option(help="From one frame to the next, s.")] = 0.333,
    longest: Annotated[float, typer.Option(help="Length of the record, s.")] = 17.0,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop when t0 is known to 40 ms and k to 0.03 1/s.")
    ] = False,
    law: Annotated[
        str, typer.Option(help="Law that the simulated crystal follows.")
    ] = "first_order",
    shape: Annotated[
        float | None, typer.Option(help="Its shape parameter, where it has one.")
    ] = None,
    station: StationName = "sim",
    live: Live = None,
    out: Out = Path("operando-out"),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Let gas into a porous crystal; find its onset, its rate and its law while it goes in.

    The crystal is measured empty and loaded first. Then frames from before the valve opens; after
    each one the agent says when it began, how fast it goes, by which law, and how sure that is.
    """
    from operando.demos.kinetics import KineticsDemo, run_kinetics_demo, summary_table

    settings = KineticsDemo(
        seed=seed,
        speed=parse_speed(speed),
        live=wants_live(live, speed, as_json),
        out=out,
        store=store,
        period=period,
        longest=longest,
        stop=stop,
        law=law,
        shape=shape,
        station=station,
    )
    run_and_tell(
        lambda: run_kinetics_demo(settings, console()),
        summary_table,
        as_json,
        lambda stop: f"{stop}; valve and shutter are closed",
    )


@app.command()
def focus(
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the misalignment and of the noise.")
    ] = 7,
    speed: Speed = "max",
    acquisition: Annotated[
        str, typer.Option(help="How the agent chooses: EI, LCB, PI or gp_hedge.")
    ] = "EI",
    hours: Annotated[
        float | None,
        typer.Option(help="Focus again after so many hours of drift; 0: never (6 at full speed)."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Focus by hand beside, to compare.")
    ] = True,
    out: Out = Path("operando-out"),
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Focus two mirrors to 1.25 x 2 um by scans of an edge, and again when they have drifted.

    An agent moves pitch and bender of both mirrors at once and stops when the size of the beam is
    known to be within 5 % of the limit. The same mirrors are focused one knob after the other
    beside it, so that the gain can be seen.
    """
    from operando.demos.focus import FocusDemo, run_focus_demo, summary_table

    settings = FocusDemo(
        seed=seed,
        speed=parse_speed(speed),
        out=out,
        store=store,
        acquisition=acquisition,
        hours=hours,
        baseline=baseline,
    )
    run_and_tell(
        lambda: run_focus_demo(settings, console()),
        summary_table,
        as_json,
        lambda stop: f"{stop}; the mirrors stand, the shutter is closed",
    )
