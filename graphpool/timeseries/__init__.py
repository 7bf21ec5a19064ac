"""Time series: continuous signals and events, in seconds."""

from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.files import load_ts_from_file

__all__ = ["TSContinuous", "TSEvent", "TimeSeries", "load_ts_from_file"]
