"""Which process variables a station has."""

from __future__ import annotations

from pathlib import Path

from operando.ioc.battery import battery_board
from operando.ioc.loading import loading_board
from operando.ioc.mapping import mapping_board
from operando.ioc.settings import IocSettings
from operando.simulations.soft_ioc import Board


def boards_of(settings: IocSettings, folder: Path) -> list[Board]:
    """Build the process variables of a station, or of all.

    Parameters
    ----------
    settings : IocSettings
    folder : Path
        For what the IOC itself keeps.

    Returns
    -------
    list of Board
    """
    makers = {"mapping": mapping_board, "kinetics": loading_board, "battery": battery_board}
    boards = []
    for station in settings.stations:
        own = folder / station
        own.mkdir()
        boards.append(makers[station](settings, own))
    return boards
