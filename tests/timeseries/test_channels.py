"""Which channels a selection means: the same for signals and for events."""

from typing import Any

import numpy as np
import pytest

from graphpool.errors import ChannelError, SeriesTypeError
from graphpool.timeseries import TSContinuous, TSEvent

SELECTIONS = [
    (None, [0, 1, 2, 3]),
    (2, [2]),
    (-1, [3]),
    (np.int64(1), [1]),
    (np.uint8(3), [3]),
    ([], []),
    ([3, 0], [3, 0]),
    ((1, -4), [1, 0]),
    ([2, 2, -2], [2, 2, 2]),
    (np.array([1, 3], dtype=np.uint32), [1, 3]),
    (slice(1, 3), [1, 2]),
    (slice(None, None, -2), [3, 1]),
    (slice(9), [0, 1, 2, 3]),
    ([True, False, False, True], [0, 3]),
    (np.zeros(4, dtype=bool), []),
]


@pytest.fixture
def signal() -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(8.0).reshape(2, 4), 0.1, name="both")


@pytest.fixture
def spikes() -> TSEvent:
    return TSEvent.from_raster([[1, 0, 1, 0], [0, 1, 2, 3]], 0.1, name="both")


def ways_to_ask(signal: TSContinuous, spikes: TSEvent) -> list[Any]:
    return [
        lambda channels: signal.clip(channels=channels),
        lambda channels: signal.resample([0.1], channels),
        lambda channels: signal[0.1, channels],
        lambda channels: signal[0.0:0.1, channels],
        lambda channels: spikes(channels=channels),
        lambda channels: spikes.clip(channels=channels),
        lambda channels: spikes.raster(0.1, channels=channels),
    ]


@pytest.mark.parametrize(("channels", "meant"), SELECTIONS)
def test_a_selection_means_the_same_channels_everywhere(signal, spikes, channels, meant):
    assert np.array_equal(signal.clip(channels=channels).samples, signal.samples[:, meant])
    assert np.array_equal(signal.resample([0.1], channels).samples, signal.samples[1:, meant])
    raster = spikes.raster(0.1, add_events=True)
    assert np.array_equal(spikes.raster(0.1, channels=channels, add_events=True), raster[:, meant])
    found = [pair for pair in spikes if pair[1] in meant]
    assert list(zip(*(part.tolist() for part in spikes(channels=channels)), strict=True)) == found
    assert list(spikes.clip(channels=channels)) == found
    remapped = spikes.clip(channels=channels, remap_channels=True)
    assert np.array_equal(remapped.raster(0.1, add_events=True), raster[:, sorted(set(meant))])


@pytest.mark.parametrize("channels", [4, -5, [0, 4], [1, -5], [0, 1, 99], np.array([0, 2**64 - 1], dtype=np.uint64)])
def test_there_is_no_such_channel(signal, spikes, channels):
    wrong = next(one for one in np.ravel(channels).tolist() if not -4 <= one < 4)
    for ask in ways_to_ask(signal, spikes):
        with pytest.raises(ChannelError, match=rf"'both': no channel {wrong}, num_channels is 4\n.*0 to 3"):
            ask(channels)
    with pytest.raises(ChannelError, match="the series has no channels"):
        TSEvent()(channels=0)


@pytest.mark.parametrize("mask", [[True], [True] * 5, np.zeros(0, dtype=bool)])
def test_a_mask_has_one_bool_a_channel(signal, spikes, mask):
    for ask in ways_to_ask(signal, spikes):
        with pytest.raises(ChannelError, match=f"'both': a mask of {len(mask)} channels, num_channels is 4"):
            ask(mask)


NO_NUMBERS = [1.0, 0.5, "a", ["a", "b"], True, [1, None], [[0], [1, 2]], 1j, slice("a"), slice(0, 2, 0)]


@pytest.mark.parametrize("channels", NO_NUMBERS, ids=str)
def test_channels_are_whole_numbers(signal, spikes, channels):
    for ask in ways_to_ask(signal, spikes):
        with pytest.raises(SeriesTypeError, match="'both': (the )?channels"):
            ask(channels)
