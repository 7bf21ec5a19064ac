"""Series of events: what they hold, which of them, and how they are joined."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphpool.errors import ChannelError, SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent


@pytest.fixture
def events() -> TSEvent:
    return TSEvent([0.1, 0.2, 0.2, 0.5], [0, 2, 1, 2], t_start=0.0, t_stop=1.0, name="spikes", num_channels=4)


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


# --- choosing ---------------------------------------------------------------------------------------------------------
def test_a_call_gives_events_from_start_to_before_stop(events):
    times, channels = events(0.2, 0.5)
    assert (times.tolist(), channels.tolist()) == ([0.2, 0.2], [2, 1])
    assert events(0.5, 0.2)[0].tolist() == [0.2, 0.2]
    assert events(t_stop=0.2)[0].tolist() == [0.1]
    assert events(t_start=0.2)[0].tolist() == [0.2, 0.2, 0.5]
    assert events(-9, 9)[0].tolist() == [0.1, 0.2, 0.2, 0.5]
    assert events(5.0)[0].tolist() == []
    assert events(channels=[2, 0])[0].tolist() == [0.1, 0.2, 0.5]
    assert events(channels=np.int64(1))[1].tolist() == [1]
    assert events(channels=[])[1].tolist() == []
    times[:] = 0
    assert events.times.tolist() == [0.1, 0.2, 0.2, 0.5]


@pytest.mark.parametrize("channel", [4, -1, [0, 4], [1, 2, 99]])
def test_unknown_channels_are_refused(events, channel):
    for method in (events, events.clip, lambda channels: events.raster(0.1, channels=channels)):
        with pytest.raises(ChannelError, match=r"(?s)'spikes': no channel (4|-1|99), num_channels is 4.*0 to 3"):
            method(channels=channel)
    with pytest.raises(SeriesTypeError, match="channel 0.5"):
        events(channels=0.5)
    with pytest.raises(SeriesTypeError, match="dtype bool"):
        events(channels=[True, False, True, False])


def test_a_periodic_series_is_unrolled_both_ways():
    series = TSEvent([0.25, 0.75], [0, 1], t_start=0.0, t_stop=1.0, periodic=True)
    times, channels = series(-1.25, 1.75)
    assert times.tolist() == [-1.25, -0.75, -0.25, 0.25, 0.75, 1.25]
    assert channels.tolist() == [1, 0, 1, 0, 1, 0]
    assert series(10.0, 10.75)[0].tolist() == [10.25]
    shifted = TSEvent([5.5], t_start=5.0, t_stop=6.0, periodic=True)
    assert shifted(0.0, 3.0)[0].tolist() == [0.5, 1.5, 2.5]


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 99), min_size=1, max_size=9).map(sorted))
def test_adjacent_ranges_of_a_periodic_series_share_no_event(period, hundredths):
    series = TSEvent([k / 100 for k in hundredths], t_start=0.0, t_stop=1.0, periodic=True)
    edges = [period + part / 10 for part in range(11)]
    parts = [series(a, b)[0] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    assert np.array_equal(np.concatenate(parts), series(edges[0], edges[-1])[0])
    assert np.all(np.diff(np.concatenate(parts)) >= 0)
    assert abs(sum(map(len, parts)) - len(series)) <= 2 * hundredths.count(0) + 2 * hundredths.count(99)


def test_an_event_that_starts_a_period_is_found_by_its_time():
    series = TSEvent([0.1, 0.2], t_start=0.1, t_stop=0.4, periodic=True)
    for period in range(-2000, 2000):
        for stored in (0.1, 0.2):
            time = stored + period * series.duration
            assert series(time, np.nextafter(time, np.inf))[0].tolist() == [time]


def test_repetitions_are_in_order_although_their_times_are_rounded():
    series = TSEvent([0.1, np.nextafter(0.8, 0)], t_stop=0.8, periodic=True)
    times, _ = series(0.0, 5000.0)
    assert np.all(np.diff(times) >= 0)
    assert len(series.clip(0.0, 5000.0)) == len(times) > 14000


@pytest.mark.parametrize("series", [TSEvent(periodic=True), TSEvent(periodic=True, t_stop=1.0, num_channels=2)])
def test_a_periodic_series_without_events_has_none_anywhere(series):
    assert [part.tolist() for part in series(-10.0, 10.0)] == [[], []]
    assert series.raster(0.5, t_start=-1.0, t_stop=1.0).shape == (4, series.num_channels)
    assert not series.raster(0.5, num_timesteps=3).any()


def test_absurd_ranges_are_refused_at_once():
    periodic = TSEvent([0.0], t_stop=1e-3, periodic=True)
    for ask in (lambda: periodic(0, 1e15), lambda: periodic(0, 1e300), lambda: periodic.clip(1e300, 1.1e300)):
        with pytest.raises(TimeSeriesError, match="too many events"):
            ask()
    long = TSEvent([0.0], t_stop=1e15)
    with pytest.raises(TimeSeriesError, match=r"1e\+15 s in steps of dt=0.001 s"):
        long.raster(1e-3)
    with pytest.raises(TimeSeriesError, match="dt=5e-324 s"):
        long.raster(5e-324)
    with pytest.raises(TimeSeriesError, match="1e\\+12 s in steps of dt=1.0 s"):
        long.raster(1, num_timesteps=10**12)


def test_clip(events):
    part = events.clip(0.15, 0.5)
    assert pairs(part) == [(0.2, 2), (0.2, 1)]
    assert (part.t_start, part.t_stop, part.num_channels, part.name) == (0.15, 0.5, 4, "spikes")
    assert (events.clip(t_start=0.2).t_stop, events.clip(t_stop=0.2).t_start) == (1.0, 0.0)
    assert (events.clip(-1.0, 3.0).t_start, events.clip(-1.0, 3.0).t_stop) == (-1.0, 3.0)
    assert pairs(events.clip(channels=[2, 0])) == [(0.1, 0), (0.2, 2), (0.5, 2)]
    remapped = events.clip(channels=[2, 1, 3, 2], remap_channels=True)
    assert pairs(remapped) == [(0.2, 1), (0.2, 0), (0.5, 1)]
    assert remapped.num_channels == 3
    assert events.clip(remap_channels=True).num_channels == 4
    assert events.clip(0.15, 0.5, inplace=True) is events
    assert pairs(events) == pairs(part)


def test_clip_of_a_range_outside_changes_nothing(events):
    with pytest.raises(TimeSeriesError, match="earlier than t_start=2"):
        events.clip(t_start=2.0, inplace=True)
    with pytest.raises(TimeSeriesError, match="finite"):
        events.clip(t_start=np.nan, inplace=True)
    assert len(events) == 4


def test_a_clipped_periodic_series_is_unrolled():
    series = TSEvent([0.25], t_start=0.0, t_stop=1.0, periodic=True).clip(-1.0, 2.0)
    assert pairs(series) == [(-0.75, 0), (0.25, 0), (1.25, 0)]
    assert (series.t_start, series.t_stop, series.periodic) == (-1.0, 2.0, True)


def test_remap_channels(events):
    mapped = events.remap_channels([5, 0, 1, 0])
    assert (mapped.channels.tolist(), mapped.num_channels) == ([5, 1, 0, 1], 6)
    assert events.remap_channels(np.zeros(4)).num_channels == 4
    assert events.remap_channels([1, 0, 3, 2], inplace=True) is events
    assert events.channels.tolist() == [1, 3, 0, 3]
    with pytest.raises(TimeSeriesError, match=r"shape \(3,\) for 4 channels"):
        events.remap_channels([0, 1, 2])
    for wrong in (-1, 0.5):
        with pytest.raises(TimeSeriesError, match=f"channel 2 becomes {wrong}"):
            events.remap_channels([0, 1, wrong, 2])
    assert TSEvent().remap_channels([]).num_channels == 0


def test_indexing_keeps_range_and_channels(events):
    assert pairs(events[1]) == [(0.2, 2)]
    assert pairs(events[-1]) == [(0.5, 2)]
    assert pairs(events[1:3]) == [(0.2, 2), (0.2, 1)]
    assert pairs(events[[3, 0]]) == [(0.1, 0), (0.5, 2)]
    assert pairs(events[::-1]) == pairs(events)
    assert pairs(events[events.channels == 2]) == [(0.2, 2), (0.5, 2)]
    part = events[0]
    assert (part.t_start, part.t_stop, part.num_channels, part.name) == (0.0, 1.0, 4, "spikes")
    for wrong in (4, [0, 9], (0, 0)):
        with pytest.raises(IndexError):
            events[wrong]
    with pytest.raises(TimeSeriesError, match="2 dimensions"):
        events[np.zeros((2, 2), dtype=int)]


# --- joining ----------------------------------------------------------------------------------------------------------
def test_merge(events):
    other = TSEvent([0.15, 0.2, 1.5], [5, 2, 0], t_start=-1.0, t_stop=2.0)
    merged = events.merge(other)
    assert pairs(merged) == [(0.1, 0), (0.15, 5), (0.2, 2), (0.2, 1), (0.2, 2), (0.5, 2), (1.5, 0)]
    assert (merged.t_start, merged.t_stop, merged.num_channels, merged.name) == (-1.0, 2.0, 6, "spikes")
    once = events.merge([other, events], remove_duplicates=True)
    assert pairs(once) == [(0.1, 0), (0.15, 5), (0.2, 1), (0.2, 2), (0.5, 2), (1.5, 0)]
    late = events.merge(other, delay=1.0)
    assert pairs(late)[-3:] == [(1.15, 5), (1.2, 2), (2.5, 0)]
    assert (late.t_start, late.t_stop) == (0.0, 3.0)
    assert pairs(events.merge([])) == pairs(events)
    assert len(events) == 4
    assert events.merge(other, inplace=True) is events
    assert pairs(events) == pairs(merged)


def test_append_c(events):
    other = TSEvent([0.3], [1], t_stop=3.0)
    side = events.append_c([other, other])
    assert pairs(side) == [(0.1, 0), (0.2, 2), (0.2, 1), (0.3, 5), (0.3, 7), (0.5, 2)]
    assert (side.num_channels, side.t_start, side.t_stop) == (8, 0.0, 3.0)
    assert (len(other), other.num_channels) == (1, 2)
    assert events.append_c(other, inplace=True).num_channels == events.num_channels == 6


def test_append_t(events):
    other = TSEvent([5.0, 5.5], [7, 0], t_start=4.75, t_stop=6.0)
    longer = events.append_t(other)
    assert pairs(longer)[4:] == [(1.25, 7), (1.75, 0)]
    assert (longer.t_start, longer.t_stop, longer.num_channels) == (0.0, 2.25, 8)
    assert pairs(events.append_t([other, other], offset=[0.5, 0.25]))[4:] == [
        (1.75, 7),
        (2.25, 0),
        (3.25, 7),
        (3.75, 0),
    ]
    assert np.all(np.diff(events.append_t(other, offset=-1.0).times) >= 0)
    twice = events.append_t(events, offset=-1.0, remove_duplicates=True)
    assert sorted(pairs(twice)) == sorted(pairs(events))
    with pytest.raises(TimeSeriesError, match="1 offsets for 2 series"):
        events.append_t([other, other], offset=[1.0])
    with pytest.raises(TimeSeriesError, match="offset is nan"):
        events.append_t(other, offset=np.nan, inplace=True)
    assert len(events) == 4
    assert events.append_t(other, inplace=True) is events
    assert len(events) == 6


def test_chunks_of_a_clock_append_to_the_whole():
    raster = np.random.default_rng(3).integers(0, 2, (1000, 3))
    whole = TSEvent.from_raster(raster[:100], 1e-3, 0.7)
    for first in range(100, 1000, 100):
        whole.append_t(TSEvent.from_raster(raster[first : first + 100], 1e-3), inplace=True)
    assert np.array_equal(whole.raster(1e-3, add_events=True), raster)


def test_a_periodic_series_is_joined_with_its_repetitions(events):
    beat = TSEvent([0.0], t_start=0.0, t_stop=0.4, periodic=True)
    assert pairs(events.merge(beat)) == [
        (0.0, 0),
        (0.1, 0),
        (0.2, 2),
        (0.2, 1),
        (0.4, 0),
        (0.5, 2),
        (0.8, 0),
    ]
    assert events.append_c(beat).channels.tolist() == [4, 0, 2, 1, 4, 2, 4]
    assert events.append_c(beat).t_stop == 1.0


@pytest.mark.parametrize("method", ["merge", "append_c", "append_t"])
@pytest.mark.parametrize("other", [3, None, "ab", TSContinuous([0.0], [1.0], t_stop=1.0), [TSEvent(), 3]])
def test_only_events_are_joined(events, method, other):
    with pytest.raises(SeriesTypeError, match=f"{method} takes TSEvent"):
        getattr(events, method)(other, inplace=True)
    assert len(events) == 4


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


# --- rasters ----------------------------------------------------------------------------------------------------------
def test_raster_counts_or_says_whether(events):
    double = events.merge(events)
    counts = double.raster(0.25, add_events=True)
    assert counts.dtype == np.int64
    assert counts.tolist() == [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    said = double.raster(0.25)
    assert said.dtype == np.bool_
    assert np.array_equal(said, counts > 0)


def test_columns_are_the_channels_asked_for(events):
    whole = events.raster(0.1, add_events=True)
    for asked in ([2], [2, 0], [0, 1, 2, 3], [3, 1, 1, 2], np.array([1, 2]), (3, 0), []):
        columns = np.array(asked, dtype=int)
        for add_events in (True, False):
            raster = events.raster(0.1, channels=asked, add_events=add_events)
            assert np.array_equal(raster, whole[:, columns] if add_events else whole[:, columns] > 0)
    assert np.array_equal(events.raster(0.1, channels=2)[:, 0], whole[:, 2] > 0)


def test_a_few_of_very_many_channels_are_rastered():
    series = TSEvent([0.0, 1.0], [0, 10**15], t_stop=2.0)
    assert series.raster(1.0, channels=[10**15, 5]).tolist() == [[False, False], [True, False]]
    with pytest.raises(TimeSeriesError, match="1000000000000001 channels"):
        series.raster(1.0)


def test_what_is_outside_of_the_range_does_not_count():
    series = TSEvent(np.arange(10) + 0.5, t_start=0.0, t_stop=10.0)
    assert series.raster(1.0, t_start=2.0, t_stop=4.6, add_events=True).ravel().tolist() == [1, 1, 1]
    assert series.raster(1.0, t_start=2.0, t_stop=4.5, add_events=True).ravel().tolist() == [1, 1, 0]
    assert series.raster(1.0, t_start=-1.0, t_stop=2.0, add_events=True).ravel().tolist() == [0, 1, 1]
    assert series.raster(1.0, t_start=8.0, num_timesteps=4, add_events=True).ravel().tolist() == [1, 1, 0, 0]
    assert series.raster(1.0, t_start=3.0, t_stop=3.0).shape == (0, 1)
    assert series.raster(1.0, num_timesteps=0).shape == (0, 1)


def test_bad_rasters_are_not_asked_for(events):
    with pytest.raises(TimeSeriesError, match="both t_stop=1.0 and num_timesteps=3"):
        events.raster(0.1, t_stop=1.0, num_timesteps=3)
    for count in (-1, 2.5, True, "3"):
        with pytest.raises(TimeSeriesError, match=re.escape(f"num_timesteps={count!r}")):
            events.raster(0.1, num_timesteps=count)
    for dt in (0, -1, np.nan, None, "a"):
        with pytest.raises(TimeSeriesError, match="dt="):
            events.raster(dt)
    with pytest.raises(TimeSeriesError, match="t_stop=0.5 s is earlier than t_start=0.7 s"):
        events.raster(0.1, t_start=0.7, t_stop=0.5)
    with pytest.raises(TimeSeriesError, match="t_stop=1.0 s is earlier than t_start=3.0 s"):
        events.raster(0.1, t_start=3.0)


def test_from_raster_range_and_channels():
    series = TSEvent.from_raster([[1, 0], [0, 1]], 0.1, 0.2, name="a", periodic=True, num_channels=5)
    assert (series.t_start, series.t_stop, series.name, series.periodic) == (0.2, 0.4, "a", True)
    assert series.num_channels == 5
    assert TSEvent.from_raster([1, 0, 2]).times.tolist() == [0.5, 2.5, 2.5]
    assert TSEvent.from_raster([1, 0, 2], t_stop=9.0).t_stop == 9.0
    empty = TSEvent.from_raster(np.zeros((0, 7)))
    assert (len(empty), empty.num_channels, empty.duration) == (0, 7, 0.0)
    assert TSEvent.from_raster(np.zeros((5, 0))).duration == 5.0
    assert TSEvent.from_raster([0.9, 1.9, 2.0]).times.tolist() == [1.5, 2.5, 2.5]
    assert TSEvent.from_raster(np.array([True, False])).channels.dtype == np.int64
    with pytest.raises(TimeSeriesError, match="last event, at t=2.5 s"):
        TSEvent.from_raster([1, 0, 2], t_stop=2.5)
    with pytest.raises(TimeSeriesError, match="num_channels"):
        TSEvent.from_raster([[0, 1]], num_channels=1)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, -0.5])
def test_a_raster_holds_numbers_of_events(value):
    raster = np.zeros((4, 3))
    raster[2, 1] = value
    with pytest.raises(TimeSeriesError, match=rf"'a': entry {value} in bin 2, t=1.2 s, channel 1"):
        TSEvent.from_raster(raster, 0.1, 1.0, name="a")


def test_what_is_no_raster_is_refused():
    for wrong in (None, "ab", [["a"]], [[1], [1, 2]], 3, np.zeros(3, dtype=complex)):
        with pytest.raises(SeriesTypeError):
            TSEvent.from_raster(wrong)
    with pytest.raises(TimeSeriesError, match=r"shape \(1, 2, 3\)"):
        TSEvent.from_raster(np.zeros((1, 2, 3)))
    with pytest.raises(TimeSeriesError, match="1e\\+18 events"):
        TSEvent.from_raster([10**18])
    with pytest.raises(TimeSeriesError, match="told apart"):
        TSEvent.from_raster([1, 1], dt=1e-3, t_start=1e14)
