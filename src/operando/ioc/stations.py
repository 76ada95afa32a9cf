"""Which process variables a station has."""

from __future__ import annotations

from pathlib import Path

from operando.ioc.mapping import mapping_board
from operando.ioc.settings import IocSettings
from operando.simulations.soft_ioc import Board


def board_of(settings: IocSettings, folder: Path) -> Board:
    """Build the process variables of a station.

    Parameters
    ----------
    settings : IocSettings
    folder : Path
        For what the IOC itself keeps.

    Returns
    -------
    Board
    """
    boards = {"mapping": mapping_board}
    return boards[settings.station](settings, folder)
