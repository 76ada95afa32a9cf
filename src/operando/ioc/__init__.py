"""A simulated station behind process variables: a soft IOC in a process of its own."""
