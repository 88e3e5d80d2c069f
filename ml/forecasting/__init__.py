"""Demand forecasts: from the daily history of SKUs to quantiles of what they will sell. Orders are made
elsewhere."""

from ml.forecasting.demand import DemandForecast, forecast_demand
from ml.forecasting.params import ForecastParams
from ml.forecasting.protection import protection_periods

__all__ = ["DemandForecast", "ForecastParams", "forecast_demand", "protection_periods"]
