"""Series as the data that the Neuromorphic Intermediate Representation describes, and back.

Its data are batches without a start: ``nir.TimeGriddedData`` ``(samples, steps, channels)`` with a time step, and
``nir.EventData`` ``(samples, events)`` of channels and times, filled up with channel -1 at infinity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error, missing_extra
from graphpool.timeseries.base import UNNAMED
from graphpool.timeseries.clock import Clock, read_dt, read_time
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.sampled import SampledSeries
from graphpool.timeseries.sampling import read_samples

NO_CHANNEL = -1


# --- to nir -----------------------------------------------------------------------------------------------------------
def continuous_to_nir(series: SampledSeries) -> Any:
    """See ``TSContinuous.to_nir``."""
    if series._clock is None:
        hint = "TSContinuous.from_clocked(series.to_clocked(dt), dt) has one"
        raise TimeSeriesError(format_error("data on a grid need a clock", where=series._label, hint=hint))
    return _nir().TimeGriddedData(series._samples[np.newaxis].copy(), series._clock.dt)


def events_to_nir(series: Any, dt: Any) -> Any:
    """See ``TSEvent.to_nir``."""
    nir = _nir()
    if dt is not None:
        return nir.TimeGriddedData(series.raster(dt)[np.newaxis], read_dt(dt, series._label))
    times = series.times - series.t_start
    return nir.EventData(
        idx=series.channels[np.newaxis].copy(),
        time=times[np.newaxis],
        n_neurons=series.num_channels,
        t_max=series.duration,
    )


# --- from nir ---------------------------------------------------------------------------------------------------------
def continuous_from_nir(data: Any, sample: Any, t_start: Any, fields: dict[str, Any]) -> TSContinuous:
    """See ``TSContinuous.from_nir``."""
    where = _where("TSContinuous", fields)
    if not isinstance(data, _nir().TimeGriddedData):
        what = f"got a {type(data).__name__}"
        raise SeriesTypeError(format_error(what, where=where, hint="a nir.TimeGriddedData; TSEvent takes events"))
    samples = read_samples(data.data[_read_sample(data, sample, where)], where)
    clock = Clock(read_dt(data.dt, where), read_time(t_start, "t_start", where))
    return TSContinuous._on_clock(samples, clock, where, fields)


def events_from_nir(data: Any, sample: Any, t_start: Any, fields: dict[str, Any]) -> TSEvent:
    """See ``TSEvent.from_nir``."""
    nir = _nir()
    where = _where("TSEvent", fields)
    if isinstance(data, nir.TimeGriddedData):
        rows = data.data[_read_sample(data, sample, where)]
        return TSEvent.from_raster(rows, read_dt(data.dt, where), t_start, **fields)
    if isinstance(data, nir.ValuedEventData) or not isinstance(data, nir.EventData):
        what = f"got a {type(data).__name__}"
        hint = "a nir.EventData, or a nir.TimeGriddedData; events have no values"
        raise SeriesTypeError(format_error(what, where=where, hint=hint))
    start = read_time(t_start, "t_start", where)
    number = _read_sample(data, sample, where)
    channels, times = np.asarray(data.idx[number]), np.asarray(data.time[number], dtype=np.float64)
    filled_up = channels == NO_CHANNEL
    wrong = filled_up != np.isinf(times)
    if wrong.any():
        index = int(np.argmax(wrong))
        what = f"event {index} is on channel {channels[index]} at t={times[index]} s"
        raise TimeSeriesError(format_error(what, where=where, hint="channel -1 and infinity go together: no event"))
    stop = start + read_time(data.t_max, "t_max", where)
    kept = ~filled_up
    return TSEvent(
        start + times[kept], channels[kept], t_start=start, t_stop=stop, num_channels=data.n_neurons, **fields
    )


def _read_sample(data: Any, sample: Any, where: str) -> int:
    count = data.n_samples
    if sample is None and count == 1:
        return 0
    is_number = isinstance(sample, (int, np.integer)) and not isinstance(sample, bool)
    if not is_number or not 0 <= sample < count:
        what = f"sample={sample!r} of {count} samples"
        raise TimeSeriesError(format_error(what, where=where, hint="a series is one sample: say which, from 0 on"))
    return int(sample)


def _where(kind: str, fields: dict[str, Any]) -> str:
    return f"{kind} {fields.get('name') or UNNAMED!r}"


def _nir() -> Any:
    try:
        import nir
    except ImportError as error:
        raise missing_extra("nir", "nir") from error
    return nir
