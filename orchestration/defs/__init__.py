"""The graph, by business subject. Definitions list nothing: what lies here is loaded."""
