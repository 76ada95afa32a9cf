"""What a person at the beamline types into: IPython with RE, station, plans, agents, catalog."""
