"""Bad input is an error that names the series and the time, and changes nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import interp1d

from graphpool.errors import ChannelError, GraphpoolError, SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent


def signal() -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(20.0).reshape(10, 2), 0.1, name="x")


def spikes() -> TSEvent:
    return TSEvent([0.1, 0.2, 0.5], [0, 2, 1], t_start=0.0, t_stop=1.0, name="x")


CASES: list[tuple[Callable[[], Any], Callable[[Any], Any], type[GraphpoolError], str]] = [
    # samples and kinds
    (signal, lambda s: setattr(s, "samples", np.zeros((10, 2, 1))), TimeSeriesError, r"shape \(10, 2, 1\)"),
    (signal, lambda s: setattr(s, "samples", np.zeros((9, 2))), TimeSeriesError, "9 samples for 10 times"),
    (signal, lambda s: setattr(s, "samples", 1j * np.ones((10, 2))), TimeSeriesError, "complex128"),
    (signal, lambda s: setattr(s, "interp_kind", "wavy"), TimeSeriesError, "interp_kind='wavy'"),
    (signal, lambda s: setattr(s, "fill_value", "hold"), TimeSeriesError, "fill_value='hold'"),
    (signal, lambda s: s + np.zeros((10, 2, 1)), TimeSeriesError, r"shape \(10, 2, 1\)"),
    # ranges
    (
        signal,
        lambda s: setattr(s, "t_start", 0.05),
        TimeSeriesError,
        "t_start=0.05 s is later than the first time, 0.0",
    ),
    (
        spikes,
        lambda s: setattr(s, "t_start", 0.15),
        TimeSeriesError,
        "t_start=0.15 s is later than the first time, 0.1",
    ),
    (signal, lambda s: setattr(s, "t_stop", 0.5), TimeSeriesError, "t_stop=0.5 s is earlier than the last time, 0.9"),
    (spikes, lambda s: setattr(s, "t_stop", 0.5), TimeSeriesError, "t_stop=0.5 s is not later than the last event"),
    (signal, lambda s: setattr(s, "times", [3.0, *range(9)]), TimeSeriesError, "t=0.0 s follows t=3.0 s"),
    (spikes, lambda s: setattr(s, "times", [0.1, np.nan, 0.2]), TimeSeriesError, "time 1 is nan"),
    (signal, lambda s: s(1.25), TimeSeriesError, "no value at t=1.25 s"),
    (signal, lambda s: s.resample([0.5, 1.25], inplace=True), TimeSeriesError, "no value at t=1.25 s"),
    (signal, lambda s: s.clip(0.5, 1.25, inplace=True), TimeSeriesError, "at t=1.25 s"),
    (signal, lambda s: s.delay(np.inf, inplace=True), TimeSeriesError, "the delay is inf"),
    (spikes, lambda s: s.delay(1e400, inplace=True), TimeSeriesError, "the delay is inf"),
    # mixed types
    (signal, lambda s: s.merge([signal(), spikes()], inplace=True), SeriesTypeError, "got TSEvent 'x'"),
    (spikes, lambda s: s.merge([spikes(), signal()], inplace=True), SeriesTypeError, "got TSContinuous 'x'"),
    (
        signal,
        lambda s: s.append_t([signal(), 3], inplace=True),
        SeriesTypeError,
        "append_t takes TSContinuous, got int",
    ),
    (signal, lambda s: s.append_c(spikes(), inplace=True), SeriesTypeError, "append_c takes TSContinuous, got TSEvent"),
    (spikes, lambda s: s.append_c([spikes(), signal()], inplace=True), SeriesTypeError, "append_c takes TSEvent"),
    (signal, lambda s: s.merge(signal().clip(channels=0), inplace=True), TimeSeriesError, "has 1 channels, not 2"),
    (signal, lambda s: s.append_c(signal().clip(0.0, 0.5), inplace=True), TimeSeriesError, "does not cover its times"),
    (signal, lambda s: s.append_t(signal(), offset=-0.5, inplace=True), TimeSeriesError, "samples at t=0.5 s, before"),
    # channels and rasters
    (signal, lambda s: s.clip(channels=2, inplace=True), ChannelError, "no channel 2"),
    (spikes, lambda s: s.clip(channels=[0, 3], inplace=True), ChannelError, "no channel 3"),
    (spikes, lambda s: setattr(s, "channels", [0, -1, 0]), TimeSeriesError, "event 1 at t=0.2 s is on channel -1"),
    (spikes, lambda s: setattr(s, "num_channels", 2), TimeSeriesError, "event 1 at t=0.2 s is on channel 2"),
    (spikes, lambda s: s.remap_channels([0, 1], inplace=True), TimeSeriesError, "channel map"),
    (spikes, lambda s: s.raster(0.1, t_stop=1.0, num_timesteps=3), TimeSeriesError, "both t_stop=1.0 and"),
    (spikes, lambda s: s.raster(-0.1), TimeSeriesError, "dt=-0.1"),
    (spikes, lambda s: s.raster(0.1, num_timesteps=-1), TimeSeriesError, "num_timesteps=-1"),
]


@pytest.mark.parametrize(("make", "call", "error", "match"), CASES, ids=[match for *_, match in CASES])
def test_nothing_changes(
    make: Callable[[], Any], call: Callable[[Any], Any], error: type[GraphpoolError], match: str
) -> None:
    series = make()
    assert len(series.times)  # made when they are asked for, and kept
    before = pickle.dumps(series)
    with pytest.raises(error, match=match) as caught:
        call(series)
    assert str(caught.value).startswith(f"{type(series).__name__} 'x': ")
    assert pickle.dumps(series) == before


NOT_MADE: list[tuple[Callable[[], Any], str]] = [
    (lambda: TSContinuous([0], np.zeros((1, 1, 1)), name="x"), r"the samples have shape \(1, 1, 1\)"),
    (lambda: TSContinuous.from_clocked(np.zeros((1, 1, 1)), 0.1, name="x"), r"the samples have shape \(1, 1, 1\)"),
    (lambda: TSContinuous([1.0], [1], t_start=1.5, name="x"), "t_start=1.5 s is later than the first time, 1.0 s"),
    (lambda: TSEvent([1.0], t_start=1.5, t_stop=2, name="x"), "t_start=1.5 s is later than the first time, 1.0 s"),
    (lambda: TSEvent([1.0], t_stop=1.0, name="x"), "t_stop=1.0 s is not later than the last event, at t=1.0 s"),
    (lambda: TSContinuous([0, 1], [0, 1], interp_kind="wavy", name="x"), "interp_kind='wavy'\n.*previous, next"),
    (lambda: TSContinuous([0, 2, 1], [0, 1, 2], name="x"), "t=1.0 s follows t=2.0 s"),
    (lambda: TSContinuous([0, 1], [0], name="x"), "1 samples for 2 times"),
    (lambda: TSEvent([0.5], -1, t_stop=1, name="x"), "event 0 at t=0.5 s is on channel -1"),
    (lambda: TSEvent.from_raster(np.full((2, 1), -1), 0.5, name="x"), "entry -1 in bin 0, t=0.0 s"),
    (lambda: TSEvent.from_raster(np.zeros((1, 1, 1)), name="x"), r"a raster of shape \(1, 1, 1\)"),
]


@pytest.mark.parametrize(("make", "match"), NOT_MADE, ids=[match for _, match in NOT_MADE])
def test_no_such_series(make: Callable[[], Any], match: str) -> None:
    with pytest.raises(TimeSeriesError, match=f"^TS[A-Za-z]+ 'x': {match}"):
        make()


@pytest.mark.parametrize("kind", ["nearest-up", "slinear", "quadratic", "cubic", 0, 1, 2, 3, 5])
def test_the_rarer_kinds_are_those_of_scipy(kind: Any) -> None:
    times, samples = np.array([0.0, 0.5, 0.75, 2.0, 2.5, 4.0, 4.5]), np.random.default_rng(0).normal(size=(7, 2))
    asked = np.linspace(0.0, 4.5, 19)
    found = TSContinuous(times, samples, interp_kind=kind)(asked)
    np.testing.assert_allclose(found, interp1d(times, samples, kind=kind, axis=0)(asked), rtol=1e-12, atol=1e-12)


def test_a_spline_of_too_few_samples() -> None:
    with pytest.raises(TimeSeriesError, match="'x': interpolation 'cubic' of 3 samples"):
        TSContinuous([0, 1, 2], [0, 1, 2], interp_kind="cubic", name="x")(0.5)
    with pytest.raises(TimeSeriesError, match="'x': interpolation 10{30} of 3 samples"):
        TSContinuous([0, 1, 2], [0, 1, 2], interp_kind=10**30, name="x")(0.5)
