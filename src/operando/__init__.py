"""Experiment control and feedback agents for synchrotron beamlines, on Bluesky."""

__version__ = "0.1.0"


def load_ipython_extension(shell: object) -> None:
    """Bring RE, station, plans, agents and catalog into IPython: ``%load_ext operando``."""
    from operando.interactive.shell import load

    load(shell)
