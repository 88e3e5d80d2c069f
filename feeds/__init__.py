"""Where data comes in: connectors, dialects, landing, the ledger, the lake, and the simulator of a shop."""
