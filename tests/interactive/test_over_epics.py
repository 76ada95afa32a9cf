"""The station at the prompt over Channel Access: a soft IOC, and process variables that are not."""

from dataclasses import replace

import bluesky.plan_stubs as bps
import pytest
from epics import ca

from operando.errors import BadInput
from operando.interactive.beamtime import Beamtime
from operando.stations import read_station_file


@pytest.mark.slow
def test_all_jobs_of_the_soft_ioc_are_there_and_move(tmp_path):
    beamtime = Beamtime(read_station_file("epics-sim").with_(store=str(tmp_path / "store")))
    try:
        station = beamtime.station
        beamtime.RE(bps.mv(station.mapping.stage.x, 12.0))
        assert station.mapping.stage.x.position == pytest.approx(12.0, abs=0.01)
        assert station.battery.cell.voltage.get() == pytest.approx(3.6, abs=0.2)
        beamtime.RE(bps.mv(station.kinetics.gas, "open"))
        beamtime.RE(bps.mv(station.kinetics.gas, "closed"))
        with pytest.raises(BadInput, match="no simulated cell to exchange"):
            station.mount_cell()
    finally:
        beamtime.close()
    # What is still sought is found minutes after the next IOC has started, and not by its client.
    sought = ca.show_cache(print_out=False)
    assert "sim:" not in sought, sought


def test_a_missing_pv_is_named_in_one_line(tmp_path):
    file = read_station_file("sim").with_(store=str(tmp_path / "store"))
    lost = replace(file, ring=replace(file.ring, kind="epics", current="NO:SUCH:RING"))
    beamtime = Beamtime(lost)
    try:
        with pytest.raises(BadInput, match=r"NO:SUCH:RING \(is the IOC running") as told:
            beamtime.station.mapping  # noqa: B018 - plans would wait for its beam
    finally:
        beamtime.close()
    assert len(str(told.value).splitlines()) == 1
