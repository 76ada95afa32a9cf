"""Whoever runs a plan is told in one line which device failed, not that a status did."""

import io
import math

import pytest
from rich.console import Console

from operando.cli import main
from operando.errors import DeviceError
from operando.interactive.engine import PromptEngine
from operando.interrupts import run_to_end
from operando.plans import map_fly
from operando.simulations.clock import Clock
from support.echo_source import EchoSource
from support.faulty_devices import Fault, faulty_station

MAP = {"shape": (3, 4), "step": 2.0, "exposure": 0.02}


@pytest.fixture
def station(tmp_path):
    fault = Fault("one less", at=2)
    return faulty_station(EchoSource(), Clock(math.inf), tmp_path, detector=fault)


def test_a_command_says_what_the_device_said(station, engine):
    with pytest.raises(DeviceError, match="pilatus gave frames of shape"):
        run_to_end(engine, map_fly(station, **MAP), Console(file=io.StringIO()))


def test_the_prompt_says_what_the_device_said(station):
    engine = PromptEngine({}, console=Console(file=io.StringIO()))
    with pytest.raises(DeviceError, match="pilatus gave frames of shape"):
        engine(map_fly(station, **MAP))


def test_a_device_without_memory_ends_the_command_with_a_line(station, engine, monkeypatch, capsys):
    def nothing_left(*args, **kwargs):
        raise MemoryError("Unable to allocate 13.7 MiB")

    monkeypatch.setattr(EchoSource, "frames", nothing_left)
    monkeypatch.setattr(
        "operando.cli.app",
        lambda **kwargs: run_to_end(engine, map_fly(station, **MAP), Console(file=io.StringIO())),
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1:] == [
        "operando: there is not enough memory: Unable to allocate 13.7 MiB"
    ]
    assert not station.shutter.is_open
