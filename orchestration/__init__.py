"""Dagster, and only Dagster, with the settings and the command line that start it."""
