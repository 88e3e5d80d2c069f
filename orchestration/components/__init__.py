"""Kinds of assets that repeat: a class here, an instance in YAML under ``defs``."""
