"""Stations, each described in one TOML file: see `operando.stations.station_file`."""

from operando.stations.station_file import StationFile, read_station_file

__all__ = ["StationFile", "read_station_file"]
