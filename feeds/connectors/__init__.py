"""Connectors: one module a kind of origin; each hands byte streams to landing and knows nothing of their
meaning.
"""
