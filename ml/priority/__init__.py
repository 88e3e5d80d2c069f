"""Order priority: which open order to dispatch first, by the expected gain of sending it now.

The queue simulator judges the same scoring code that serves. Reading and writing tables is done by the
caller.
"""

from ml.priority.orders import prioritise_orders
from ml.priority.scoring import PriorityParams
from ml.priority.simulation import World, simulate_policies
from ml.priority.transits import TransitTable

__all__ = ["PriorityParams", "TransitTable", "World", "prioritise_orders", "simulate_policies"]
