"""Forecasts, replenishment, priorities and recommendations, importable without Dagster or Spark."""
