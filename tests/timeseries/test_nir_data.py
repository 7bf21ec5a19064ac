"""Series as the data of nir, and back."""

from __future__ import annotations

import sys
from typing import Any

import nir
import numpy as np
import pytest

from graphpool.errors import MissingExtraError, SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock


def signal() -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(20.0).reshape(10, 2), 0.1, 5.0, name="ramp")


def spikes() -> TSEvent:
    return TSEvent([1.125, 1.25, 1.25, 1.5], [0, 2, 1, 2], t_start=1.0, t_stop=2.0, name="spikes", num_channels=4)


def test_signals_are_grids() -> None:
    data = signal().to_nir()
    assert isinstance(data, nir.TimeGriddedData)
    assert (data.shape, data.dt, data.t_max) == ((1, 10, 2), 0.1, 1.0)
    back = TSContinuous.from_nir(data, t_start=5.0, name="ramp", units="V")
    np.testing.assert_array_equal(back.samples, signal().samples)
    assert (back.clock, back.t_stop, back.name, back.units) == (Clock(0.1, 5.0), 6.0, "ramp", "V")
    data.data[:] = 0
    assert back.samples[-1, 1] == signal().samples[-1, 1] == 19
    bools = nir.TimeGriddedData(np.ones((1, 3, 2), bool), 0.5)
    assert TSContinuous.from_nir(bools).samples.tolist() == [[1, 1]] * 3


def test_events_there_and_back() -> None:
    data = spikes().to_nir()
    assert isinstance(data, nir.EventData)
    assert (data.time.tolist(), data.idx.tolist()) == ([[0.125, 0.25, 0.25, 0.5]], [[0, 2, 1, 2]])
    assert (data.n_neurons, data.t_max) == (4, 1.0)
    back = TSEvent.from_nir(data, t_start=1.0, name="spikes")
    assert list(back) == list(spikes())
    assert (back.t_start, back.t_stop, back.num_channels, back.name) == (1.0, 2.0, 4, "spikes")


def test_events_on_grids() -> None:
    grid = spikes().to_nir(dt=0.25)
    assert isinstance(grid, nir.TimeGriddedData) and grid.data.dtype == np.bool_
    np.testing.assert_array_equal(grid.data[0], spikes().raster(0.25))
    np.testing.assert_array_equal(grid.data, spikes().to_nir().to_time_gridded(0.25).data)
    back = TSEvent.from_nir(grid, t_start=1.0)
    np.testing.assert_array_equal(back.raster(0.25), grid.data[0])
    assert (back.t_start, back.t_stop) == (1.0, 2.0)
    counts = nir.TimeGriddedData(np.array([[[2, 0], [0, 1]]]), 0.5)
    assert list(TSEvent.from_nir(counts, periodic=True)) == [(0.25, 0), (0.25, 0), (0.75, 1)]


def test_one_of_several_samples_filled_up() -> None:
    grid = nir.TimeGriddedData(np.array([[[1, 0], [0, 1]], [[0, 0], [1, 0]]], bool), 0.5)
    data = grid.to_event(n_events=3)
    assert list(TSEvent.from_nir(data, sample=0)) == [(0.0, 0), (0.5, 1)]
    assert list(TSEvent.from_nir(data, sample=1)) == [(0.5, 0)]
    assert TSContinuous.from_nir(grid, sample=np.int64(1)).samples.tolist() == [[0, 0], [1, 0]]
    for cls, held in ((TSEvent, data), (TSEvent, grid), (TSContinuous, grid)):
        for sample in (None, 2, -1, True, 0.0):
            with pytest.raises(TimeSeriesError, match=f"{cls.__name__} 'x': sample={sample} of 2 samples"):
                cls.from_nir(held, sample, name="x")


def test_series_as_the_observables_of_a_graph() -> None:
    graph = nir.NIRGraph.from_list(nir.Affine(np.ones((4, 4)), np.zeros(4)))
    node = nir.NIRNodeData({"spikes": spikes().to_nir(), "grid": spikes().to_nir(dt=0.25)})
    record = nir.NIRGraphData({"affine": node})
    record.check_nodes(graph)
    assert list(TSEvent.from_nir(record.nodes["affine"].observables["spikes"], t_start=1.0)) == list(spikes())


def events(channels: Any, times: Any, t_max: float = 1.0) -> Any:
    return nir.EventData(np.array([channels]), np.array([times], dtype=float), 3, t_max)


WRONG_EVENTS = [
    (events([0, 1], [0.5, 0.25]), "t=0.25 s follows t=0.5 s"),
    (events([0, -1], [0.5, 0.75]), "event 1 is on channel -1 at t=0.75 s"),
    (events([0, 1], [0.5, np.inf]), "event 1 is on channel 1 at t=inf s"),
    (events([0, 1], [0.5, np.nan]), "time 1 is nan"),
    (events([0, 3], [0.5, 0.75]), "channel 3, num_channels is 3"),
    (events([0, -2], [0.5, 0.75]), "channel -2"),
    (events([0, 1], [0.5, 1.0]), "not later than the last event"),
    (events([0, 1], [-0.5, 0.5]), "t_start=0.0 s is later than the first time"),
    (events([0], [0.5], np.nan), "t_max is nan"),
]


@pytest.mark.parametrize(("data", "match"), WRONG_EVENTS, ids=[match for _, match in WRONG_EVENTS])
def test_wrong_events(data: Any, match: str) -> None:
    with pytest.raises(TimeSeriesError, match=f"^TSEvent 'x': .*{match}"):
        TSEvent.from_nir(data, name="x")


def test_other_wrong_data() -> None:
    with pytest.raises(TimeSeriesError, match="'x': data on a grid need a clock"):
        TSContinuous([0, 1], [1, 2], name="x").to_nir()
    for held in (events([0], [0.5]), np.zeros((1, 2, 3))):
        with pytest.raises(SeriesTypeError, match="TSContinuous 'x': got a .*\n.*nir.TimeGriddedData"):
            TSContinuous.from_nir(held, name="x")
    valued = nir.ValuedEventData(np.array([[0]]), np.array([[0.5]]), 1, 1.0, np.array([[2.0]]))
    for held in (valued, None):
        with pytest.raises(SeriesTypeError, match="events have no values"):
            TSEvent.from_nir(held)
    with pytest.raises(TimeSeriesError, match="entry -1.0 in bin 0"):
        TSEvent.from_nir(nir.TimeGriddedData(np.full((1, 1, 1), -1.0), 0.1))
    with pytest.raises(TimeSeriesError, match="dt=0"):
        TSContinuous.from_nir(nir.TimeGriddedData(np.zeros((1, 1, 1)), 0))
    with pytest.raises(TimeSeriesError, match="the samples are complex128"):
        TSContinuous.from_nir(nir.TimeGriddedData(np.zeros((1, 1, 1), complex), 0.1))


def test_without_nir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    for call in (signal().to_nir, spikes().to_nir, lambda: TSEvent.from_nir(0), lambda: TSContinuous.from_nir(0)):
        with pytest.raises(MissingExtraError, match=r"graphpool\[nir\]"):
            call()
