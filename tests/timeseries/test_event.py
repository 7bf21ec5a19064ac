"""Series of events: how they are made, what they hold, how they are shown, moved and copied."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphpool.errors import SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSEvent


def pairs(series: TSEvent) -> list[tuple[float, int]]:
    return list(series)


# --- making them ------------------------------------------------------------------------------------------------------
def test_times_channels_and_range(events):
    assert (len(events), events.num_channels, events.t_start, events.t_stop) == (4, 4, 0.0, 1.0)
    assert events.channels.dtype == np.int64
    assert pairs(events) == [(0.1, 0), (0.2, 2), (0.2, 1), (0.5, 2)]
    assert all(type(time) is float and type(channel) is int for time, channel in events)


def test_defaults():
    series = TSEvent([1.0, 2.0], t_stop=3)
    assert (series.t_start, series.num_channels, series.channels.tolist()) == (1.0, 1, [0, 0])
    assert TSEvent([1.0, 2.0], 3, t_stop=3).channels.tolist() == [3, 3]
    empty = TSEvent()
    assert (len(empty), empty.num_channels, empty.t_start, empty.t_stop, empty.name) == (0, 0, 0.0, 0.0, "unnamed")
    assert TSEvent([1.0], [2.0], t_stop=2).channels.tolist() == [2]


def test_texts(events):
    assert repr(events) == "non-periodic `TSEvent` object `spikes` from t=0.0 to 1.0. Channels: 4. Events: 4"
    events.periodic = True
    assert repr(events) == "periodic `TSEvent` object `spikes` from t=0.0 to 1.0. Channels: 4. Events: 4"
    assert repr(TSEvent(t_stop=2.0)) == "Empty `TSEvent` object `unnamed` from t=0.0 to t=2.0."


def test_print_shortens(events, capsys):
    events.print()
    assert capsys.readouterr().out.splitlines()[1:] == ["0.1: \t 0", "0.2: \t 2", "0.2: \t 1", "0.5: \t 2"]
    events.print(num_first=1, num_last=1, limit_shorten=3)
    assert capsys.readouterr().out.splitlines()[1:] == ["0.1: \t 0", "\t...", "0.5: \t 2"]


def test_the_end_is_needed_and_later_than_the_last_event():
    with pytest.raises(SeriesTypeError, match=r"(?s)TSEvent 'a'.*no t_stop.*last at t=2.0 s.*hint"):
        TSEvent([1.0, 2.0], name="a")
    for late in (2.0, 2.0 - 1e-12, 1.5):
        with pytest.raises(TimeSeriesError, match="last"):
            TSEvent([1.0, 2.0], t_stop=late)
    with pytest.raises(TimeSeriesError, match="later than the first"):
        TSEvent([1.0, 2.0], t_start=1.5, t_stop=3)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([0, -1], r"event 1 at t=2.0 s is on channel -1"),
        ([0, 0.5], r"event 1 at t=2.0 s is on channel 0.5"),
        ([np.nan, 0], r"event 0 at t=1.0 s is on channel nan"),
        ([0, 1e19], r"event 1 at t=2.0 s is on channel 1e\+19"),
        (np.array([0, 2**63], dtype=np.uint64), r"event 1 at t=2.0 s is on channel 9223372036854775808"),
        (-3, r"event 0 at t=1.0 s is on channel -3"),
        ([0, 1, 2], r"3 channels for 2 times"),
        ([], r"0 channels for 2 times"),
    ],
)
def test_channels_are_whole_numbers_one_for_each_time(channels, message):
    with pytest.raises(TimeSeriesError, match=message):
        TSEvent([1.0, 2.0], channels, t_stop=3.0)
    series = TSEvent([1.0, 2.0], [0, 1], t_stop=3.0)
    with pytest.raises(TimeSeriesError, match=message):
        series.channels = channels
    assert series.channels.tolist() == [0, 1]


@pytest.mark.parametrize("channels", [["a", "b"], [True, False], [[0], [1, 2]], [None, None]])
def test_channels_are_numbers(channels):
    with pytest.raises(SeriesTypeError, match="channels"):
        TSEvent([1.0, 2.0], channels, t_stop=3.0)


def test_the_number_of_channels_holds_all_events(events):
    with pytest.raises(TimeSeriesError, match=r"(?s)event 1 at t=0.2 s is on channel 2.*num_channels=3 or more"):
        events.num_channels = 2
    for number in (3, 10, np.int64(4)):
        events.num_channels = number
        assert events.num_channels == number
        assert type(events.num_channels) is int
    with pytest.raises(TimeSeriesError, match="event 1"):
        TSEvent([1.0, 2.0], [0, 1], t_stop=3.0, num_channels=1)
    for number in (-1, 2.5, True, "3"):
        with pytest.raises(TimeSeriesError, match="num_channels="):
            events.num_channels = number
    with pytest.raises(TimeSeriesError, match="event 0 at t=0.1 s is on channel 10, num_channels is 4"):
        events.num_channels = 4
        events.channels = 10


def test_channels_and_times_are_assigned_whole_and_read_only(events):
    with pytest.raises(ValueError, match="read-only"):
        events.channels[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        events.times[0] = 1
    events.channels = [3, 3, 3, 3.0]
    assert events.channels.tolist() == [3] * 4
    given = np.array([0, 1, 2, 3])
    events.channels = given
    given[:] = 0
    assert events.channels.tolist() == [0, 1, 2, 3]
    events.times = [-1.0, 0.0, 0.0, 2.0]
    assert (events.t_start, len(events)) == (-1.0, 4)
    assert 2.0 < events.t_stop < 2.0 + 1e-9


# --- moving and copying -----------------------------------------------------------------------------------------------
def test_moved_series_stay_series():
    late = TSEvent([0.0, 1.0], t_stop=np.nextafter(1.0, 2.0)).delay(1e6)
    assert late.times.tolist() == [1e6, 1e6 + 1]
    assert late.t_stop > late.times[-1]
    assert TSEvent(late.times, t_start=late.t_start, t_stop=late.t_stop).t_stop == late.t_stop


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.booleans())
def test_a_series_starts_exactly_where_it_is_told_to(first, t_start, inplace):
    series = TSEvent([first, first + 0.5], t_stop=np.nextafter(first + 0.5, np.inf))
    moved = series.start_at(t_start, inplace=inplace)
    assert moved.t_start == t_start <= moved.times[0] <= moved.times[-1] < moved.t_stop
    assert (moved is series) == inplace


def test_copies_and_pickles_are_independent(events):
    for made in (events.copy(), pickle.loads(pickle.dumps(events))):
        assert repr(made) == repr(events)
        assert pairs(made) == pairs(events)
        made.remap_channels([3, 3, 3, 3], inplace=True).delay(1.0, inplace=True)
        assert pairs(events) == [(0.1, 0), (0.2, 2), (0.2, 1), (0.5, 2)]
