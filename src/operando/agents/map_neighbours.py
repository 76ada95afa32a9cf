"""The neighbours' word in a map, weighed by what knows most about maps of its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from operando.agents import map_network
from operando.agents.map_calibration import MapCalibration, shipped_calibration
from operando.agents.map_gaps import MapGaps
from operando.agents.mapping_config import MappingConfig
from operando.agents.patterns import FloatArray
from operando.agents.spatial import SpatialPrior


def with_neighbours(
    config: MappingConfig,
    logit: FloatArray,
    measured: NDArray[np.bool_],
    step_um: tuple[float, float],
    gaps: MapGaps,
) -> tuple[FloatArray, MapCalibration]:
    """Add the neighbours' word to each point's own and make the sum honest.

    Parameters
    ----------
    config : MappingConfig
        Its `spatial` is used for complete maps of coarse steps, and for all when it is not the
        usual one.
    logit : ndarray of float32, (ny, nx, 9)
        Log odds from each point's own pattern.
    measured : ndarray of bool, (ny, nx)
    step_um : tuple of float
        Grid step (y, x), µm.
    gaps : MapGaps
        For maps that are not complete.

    Returns
    -------
    logit : ndarray of float32, (ny, nx, 9)
    calibration : MapCalibration
        What made it honest.
    """
    usual = config.spatial == SpatialPrior()
    if usual and map_network.knows(measured, step_um):
        calibration = shipped_calibration("network_calibration")
        weighed = map_network.weigh(logit, measured, step_um)
    elif usual and measured.mean() < map_network.FULLEST:
        calibration = shipped_calibration("gaps_calibration")
        weighed = gaps.weigh(logit, measured, step_um)
    else:
        calibration = shipped_calibration()
        weighed = config.spatial.apply(logit, measured, step_um)
    return calibration.apply(weighed, measured), calibration
