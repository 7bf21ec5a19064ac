"""Time series: continuous signals and events, in seconds."""

from graphpool.timeseries.backends import get_global_ts_plotting_backend, set_global_ts_plotting_backend
from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.figures import plot
from graphpool.timeseries.files import load_ts_from_file
from graphpool.timeseries.ondisk import TSDictOnDisk

__all__ = [
    "TSContinuous",
    "TSDictOnDisk",
    "TSEvent",
    "TimeSeries",
    "get_global_ts_plotting_backend",
    "load_ts_from_file",
    "plot",
    "set_global_ts_plotting_backend",
]
