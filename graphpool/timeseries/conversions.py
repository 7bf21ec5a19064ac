"""Series as what other libraries hold, as files, and back; the libraries are loaded by those who use them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphpool.timeseries.event_base import Events
from graphpool.timeseries.sampled import SampledSeries

if TYPE_CHECKING:
    from graphpool.timeseries.continuous import TSContinuous
    from graphpool.timeseries.event import TSEvent


class ContinuousConversions(SampledSeries):
    """What a continuous signal becomes, and what becomes one.

    Only times, values, name and units go into the objects of other libraries. The rest of a series is said again on the
    way back: ``dt`` for one with a clock, and ``**fields`` for what else the class takes: ``t_start``, ``t_stop``,
    ``periodic``, ``name``, ``units``, ``interp_kind``, ``fill_value``.
    """

    # --- files --------------------------------------------------------------------------------------------------------
    def to_dict(self, dtype_times: Any = None, dtype_samples: Any = None) -> dict[str, Any]:
        """What a file of this series holds, by its keys: arrays, and numbers and texts as arrays without dimensions.

        Args:
            dtype_times: of the times, a dtype of real numbers; by default float64.
            dtype_samples: the same for the samples.

        Raises:
            TimeSeriesError: numbers that do not fit, into integers without loss; or too many channels for a file.
            SeriesTypeError: something is no dtype of real numbers.
        """
        from graphpool.timeseries.files import contents

        return contents(self, dtype_times, dtype_samples)

    def save(self, path: str | Path, verbose: bool = False, dtype_times: Any = None, dtype_samples: Any = None) -> None:
        """Write the series to an ``.npz`` file, whole or not at all; no pickles.

        Args:
            path: where to; the suffix ``.npz`` is appended where it is missing.
            verbose: print where the file is.
            dtype_times: of the times, a dtype of real numbers; by default float64. A clock whose times do not fit
                exactly is not stored.
            dtype_samples: the same for the samples.

        Raises:
            TimeSeriesError: numbers that do not fit, into integers without loss; or too many channels for a file.
            SeriesTypeError: something is no dtype of real numbers.
            OSError: the file cannot be written.
        """
        from graphpool.timeseries.files import save

        save(path, self, verbose, dtype_times, dtype_samples)

    def to_wav(self, path: str | Path, dtype: str = "float32") -> None:
        """Write the samples to a WAV file, whole or not at all.

        Args:
            path: where to, with its suffix.
            dtype: ``"float32"`` and ``"float64"`` hold the samples as they are. ``"uint8"``, ``"int16"`` and
                ``"int32"`` hold samples from -1 to 1: 1 is ``2**7``, ``2**15`` or ``2**31``, for ``"uint8"`` around
                128, limited to the largest integer.

        Raises:
            TimeSeriesError: the series has no clock with a whole number of steps a second, samples that do not fit, or
                more channels than a file may have; or there is no such dtype.
            OSError: the file cannot be written.
        """
        from graphpool.timeseries.wav import write_wav

        write_wav(path, self, dtype)

    @staticmethod
    def from_wav(path: str | Path, name: str | None = None, t_start: float = 0.0, **fields: Any) -> TSContinuous:
        """The samples of a WAV file, as a clocked series.

        Integers become numbers from -1 to 1, as :meth:`to_wav` writes them; 24 bits likewise. Floats stay as they are.

        Args:
            path: of a file of linear samples, integers or floats.
            name: by default that of the file, without its suffix.
            t_start: when the first sample starts, in seconds.
            **fields: of the class, for example ``periodic``.

        Raises:
            TimeSeriesError: the file is none, is damaged, or declares more than it holds.
            OSError: it cannot be read.
        """
        from graphpool.timeseries.wav import read_wav

        return read_wav(path, name, t_start, fields)

    # --- other libraries ----------------------------------------------------------------------------------------------
    def to_pandas(self, epoch: Any = None) -> Any:
        """A ``pandas.DataFrame`` with one column a channel, numbered from 0 on.

        Args:
            epoch: the date of 0 s, for an index of dates with nanoseconds; by default the index is in seconds.

        Raises:
            TimeSeriesError: ``epoch`` is no date, or a time is too far away from it.
            MissingExtraError: pandas is not installed.
        """
        from graphpool.timeseries.frames import continuous_to_frame

        return continuous_to_frame(self, epoch)

    @staticmethod
    def from_pandas(frame: Any, dt: float | None = None, epoch: Any = None, **fields: Any) -> TSContinuous:
        """The columns of a ``pandas.DataFrame``, or of a ``pandas.Series``, as channels.

        Args:
            frame: of numbers; missing ones become NaN. Its index holds seconds, dates or time differences.
            dt: for a clocked series: the time step of the index in seconds.
            epoch: the date of 0 s; by default the first date of the index.
            **fields: of the class.

        Raises:
            TimeSeriesError: columns that are no numbers; times that are missing, not ascending, or not ``dt`` apart.
            SeriesTypeError: ``frame`` is neither of the two.
            MissingExtraError: pandas is not installed.
        """
        from graphpool.timeseries.frames import continuous_from_frame

        return continuous_from_frame(frame, dt, epoch, fields)

    def to_xarray(self, epoch: Any = None) -> Any:
        """An ``xarray.DataArray`` with the dimensions ``time`` and ``channel``, and the units as its attribute.

        Args:
            epoch: as for :meth:`to_pandas`.

        Raises:
            TimeSeriesError: ``epoch`` is no date, or a time is too far away from it.
            MissingExtraError: xarray is not installed.
        """
        from graphpool.timeseries.frames import continuous_to_xarray

        return continuous_to_xarray(self, epoch)

    @staticmethod
    def from_xarray(array: Any, dt: float | None = None, epoch: Any = None, **fields: Any) -> TSContinuous:
        """The values of an ``xarray.DataArray`` with a dimension ``time``, and another one for channels, if any.

        Args:
            array: of numbers; its coordinate ``time`` holds seconds, dates or time differences.
            dt: for a clocked series: the time step of the coordinate in seconds.
            epoch: the date of 0 s; by default the first date.
            **fields: of the class.

        Raises:
            TimeSeriesError: other dimensions, no coordinate ``time``, values that are no numbers; times that are
                missing, not ascending, or not ``dt`` apart.
            SeriesTypeError: ``array`` is no DataArray.
            MissingExtraError: xarray is not installed.
        """
        from graphpool.timeseries.frames import continuous_from_xarray

        return continuous_from_xarray(array, dt, epoch, fields)

    def to_nir(self) -> Any:
        """A ``nir.TimeGriddedData`` of one sample; it has no start: its step 0 is the first one of the series.

        Raises:
            TimeSeriesError: the series has no clock.
            MissingExtraError: nir is not installed.
        """
        from graphpool.timeseries.nir_data import continuous_to_nir

        return continuous_to_nir(self)

    @staticmethod
    def from_nir(data: Any, sample: int | None = None, t_start: float = 0.0, **fields: Any) -> TSContinuous:
        """One sample of a ``nir.TimeGriddedData``, as a clocked series.

        Args:
            data: of bools or real numbers.
            sample: which one; needed where there are several.
            t_start: when its step 0 starts, in seconds.
            **fields: of the class.

        Raises:
            TimeSeriesError: there is no such sample, or the values are no real numbers.
            SeriesTypeError: ``data`` is something else; events become a ``TSEvent``.
            MissingExtraError: nir is not installed.
        """
        from graphpool.timeseries.nir_data import continuous_from_nir

        return continuous_from_nir(data, sample, t_start, fields)


class EventConversions(Events):
    """What events become, and what becomes events.

    Only times, channels and name go into the objects of other libraries. The rest is said again on the way back, in
    ``**fields``: ``t_start``, ``t_stop``, ``periodic``, ``name``, ``num_channels``.
    """

    # --- files --------------------------------------------------------------------------------------------------------
    def to_dict(self, dtype_times: Any = None, dtype_channels: Any = None) -> dict[str, Any]:
        """What a file of this series holds, by its keys: arrays, and numbers and texts as arrays without dimensions.

        Args:
            dtype_times: of the times, a dtype of real numbers; by default float64.
            dtype_channels: of the channels, a dtype of integers; by default int64.

        Raises:
            TimeSeriesError: numbers that do not fit, into integers without loss; or too many channels for a file.
            SeriesTypeError: something is no such dtype.
        """
        from graphpool.timeseries.files import contents

        return contents(self, dtype_times, dtype_channels)

    def save(
        self, path: str | Path, verbose: bool = False, dtype_times: Any = None, dtype_channels: Any = None
    ) -> None:
        """Write the series to an ``.npz`` file, whole or not at all; no pickles.

        Args:
            path: where to; the suffix ``.npz`` is appended where it is missing.
            verbose: print where the file is.
            dtype_times: of the times, a dtype of real numbers; by default float64. A clock whose times do not fit
                exactly is not stored.
            dtype_channels: of the channels, a dtype of integers; by default int64.

        Raises:
            TimeSeriesError: numbers that do not fit, into integers without loss; or too many channels for a file.
            SeriesTypeError: something is no such dtype.
            OSError: the file cannot be written.
        """
        from graphpool.timeseries.files import save

        save(path, self, verbose, dtype_times, dtype_channels)

    # --- other libraries ----------------------------------------------------------------------------------------------
    def to_pandas(self, epoch: Any = None) -> Any:
        """A ``pandas.DataFrame`` with one row an event, and the column ``channel``.

        Args:
            epoch: the date of 0 s, for an index of dates with nanoseconds; by default the index is in seconds.

        Raises:
            TimeSeriesError: ``epoch`` is no date, or a time is too far away from it.
            MissingExtraError: pandas is not installed.
        """
        from graphpool.timeseries.frames import events_to_frame

        return events_to_frame(self, epoch)

    @staticmethod
    def from_pandas(frame: Any, epoch: Any = None, **fields: Any) -> TSEvent:
        """The rows of a ``pandas.DataFrame`` with the one column ``channel``, or of such a ``pandas.Series``.

        Args:
            frame: of channels; its index holds seconds, dates or time differences.
            epoch: the date of 0 s; by default the first date of the index.
            **fields: of the class; ``t_stop`` is needed.

        Raises:
            TimeSeriesError: other columns, times that are missing or not ascending, channels that are none.
            SeriesTypeError: ``frame`` is neither of the two, or there is no ``t_stop``.
            MissingExtraError: pandas is not installed.
        """
        from graphpool.timeseries.frames import events_from_frame

        return events_from_frame(frame, epoch, fields)

    def to_xarray(self, epoch: Any = None) -> Any:
        """An ``xarray.DataArray`` of the channels, with the dimension ``time``.

        Args:
            epoch: as for :meth:`to_pandas`.

        Raises:
            TimeSeriesError: ``epoch`` is no date, or a time is too far away from it.
            MissingExtraError: xarray is not installed.
        """
        from graphpool.timeseries.frames import events_to_xarray

        return events_to_xarray(self, epoch)

    @staticmethod
    def from_xarray(array: Any, epoch: Any = None, **fields: Any) -> TSEvent:
        """The events of an ``xarray.DataArray`` of channels, with the dimension ``time``.

        Args:
            array: of channels; its coordinate ``time`` holds seconds, dates or time differences.
            epoch: the date of 0 s; by default the first date.
            **fields: of the class; ``t_stop`` is needed.

        Raises:
            TimeSeriesError: other dimensions, no coordinate ``time``, times that are missing or not ascending, channels
                that are none.
            SeriesTypeError: ``array`` is no DataArray, or there is no ``t_stop``.
            MissingExtraError: xarray is not installed.
        """
        from graphpool.timeseries.frames import events_from_xarray

        return events_from_xarray(array, epoch, fields)

    def to_nir(self, dt: float | None = None) -> Any:
        """A ``nir.EventData`` of one sample, whose times count from ``t_start``.

        Args:
            dt: for a ``nir.TimeGriddedData`` of bools: the length of a time step in seconds.

        Raises:
            TimeSeriesError: ``dt`` is not positive, or the raster too large.
            MissingExtraError: nir is not installed.
        """
        from graphpool.timeseries.nir_data import events_to_nir

        return events_to_nir(self, dt)

    @staticmethod
    def from_nir(data: Any, sample: int | None = None, t_start: float = 0.0, **fields: Any) -> TSEvent:
        """One sample of a ``nir.EventData``, or of a ``nir.TimeGriddedData`` of bools or numbers of events.

        Args:
            data: the events; those of a grid lie in the middle of their time steps.
            sample: which one; needed where there are several.
            t_start: the time from which those of nir count, in seconds.
            **fields: of the class, ``name`` and ``periodic``.

        Raises:
            TimeSeriesError: there is no such sample; events that are not in order of time, not before ``t_max``, or on
                channels that are not there.
            SeriesTypeError: ``data`` is something else, or its events have values.
            MissingExtraError: nir is not installed.
        """
        from graphpool.timeseries.nir_data import events_from_nir

        return events_from_nir(data, sample, t_start, fields)
