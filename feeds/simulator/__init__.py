"""A simulated shop: writes feed files as a real shop would, byte-identical for a seed, and its truth."""

from feeds.simulator.faults import FAULTS
from feeds.simulator.params import SimulationParams, SimulationSummary
from feeds.simulator.shop import simulate

__all__ = ["FAULTS", "SimulationParams", "SimulationSummary", "simulate"]
