"""Time series: continuous signals and events, in seconds."""

from graphpool.timeseries.base import TimeSeries

__all__ = ["TimeSeries"]
