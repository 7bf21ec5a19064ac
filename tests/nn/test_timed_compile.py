"""Networks of timed modules compile: what runs is what running them eagerly gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import TSContinuous, TSEvent
from graphpool.errors import TraceError
from graphpool.functional import softmax, spike
from graphpool.nn.modules import Rate, TimedModule
from tests.nn.timed_networks import (
    DT,
    NETWORKS,
    Finer,
    Inner,
    MixedSteps,
    Nested,
    OnSeries,
    Scaled,
    Spiking,
    events,
    rows,
    signal,
)

TARGETS = ["numpy", "jax", "onnx"]
WHICH = ["on series", "on rasters", "mixed", "finer", "spiking, finer", "nested", "relayed"]
"""The networks that run on all targets; the others on one."""


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def assert_same(found: Any, expected: Any, exactly: bool = True) -> None:
    assert type(found) is type(expected)
    assert len(found) == len(expected) > 0
    assert (found.t_start, found.num_channels) == (expected.t_start, expected.num_channels)
    assert found.t_stop == pytest.approx(expected.t_stop, rel=1e-12)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-12)
    if isinstance(expected, TSEvent):
        np.testing.assert_array_equal(found.channels, expected.channels)
    elif exactly:
        np.testing.assert_array_equal(found.samples, expected.samples)
    else:
        np.testing.assert_allclose(found.samples, expected.samples, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "target"),
    [(name, target) for name in NETWORKS for target in (TARGETS if name in WHICH else TARGETS[:1])],
)
def test_compiled_is_eager(name: str, target: str) -> None:
    make, series = NETWORKS[name]
    run = graphpool.compile(make(), target, dtype="float64")
    expected, _, _ = make()(series())
    for number, one in enumerate(outputs(expected)):
        timed = run.copy().timed(output_num=number)
        found, _, _ = timed(series())
        assert timed.t == 24 * DT
        filters = any(region.affine for region in run.plan.regions)  # rounded in another order
        assert_same(found, one, exactly=target == "numpy" and "raster" not in name and not filters)


@pytest.mark.parametrize("name", ["on series", "on rasters", "mixed", "spiking", "spiking, all finer"])
def test_a_file_runs_without_graphpool(name: str, tmp_path: Path) -> None:
    import onnxruntime

    make, series = NETWORKS[name]
    graphpool.compile(make(), "onnx").save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    stored = json.loads(session.get_modelmeta().custom_metadata_map["graphpool.signature"])
    network = make()
    raster = network._raster(series(), 24)
    feed = {"input": raster[None].astype(np.float32)}
    feed |= {one["input"]: np.zeros((1, *one["shape"]), one["dtype"]) for one in stored["states"]}
    (output,) = session.run(["output"], feed)
    (port,) = stored["outputs"]
    expected, _, _ = make()(series())
    found = output[0].reshape(-1, output.shape[-1])
    clock = port.get("clock", 1)
    if isinstance(expected, TSEvent):
        assert port["kind"] == "event"
        np.testing.assert_array_equal(found, expected.raster(DT / clock, add_events=True))
    else:
        np.testing.assert_allclose(found, expected.samples, rtol=1e-4, atol=1e-5)
    loaded, _, _ = graphpool.load(tmp_path / "net.onnx").timed()(series())
    assert len(loaded) == len(expected) and loaded.num_channels == expected.num_channels


def test_blocks_equal_the_whole() -> None:
    for name in ("nested", "mixed", "noise"):
        make, series = NETWORKS[name]
        whole, _, _ = graphpool.compile(make(), dtype="float64").timed()(series())
        timed = graphpool.compile(make(), dtype="float64").timed()
        parts = [timed(series(), num_timesteps=n)[0].samples for n in (1, 16, 7)]
        np.testing.assert_array_equal(np.concatenate(parts), whole.samples)
        timed.reset_all()
        np.testing.assert_array_equal(timed(series())[0].samples, whole.samples)


def test_names_are_those_of_the_tree() -> None:
    network = Nested()
    run = graphpool.compile(network)
    assert str(run.parameters()) == str({"mixed": {"gain": network.mixed.gain}})
    assert list(run.state()) == ["first", "mixed", "_timestep"]
    assert run.state()["mixed"]["halves"]["_module"].keys() == {"total"}
    assert list(graphpool.compile(MixedSteps()).state()) == ["halves", "whole", "quarters"], "no clock without need"
    assert run.dt == DT


def test_states_and_parameters_are_taken_along() -> None:
    network = MixedSteps()
    network(signal())
    before = network.state()
    run = graphpool.compile(network, dtype="float64")
    assert str(run.state()) == str(before)
    network.reset_time()
    expected, _, _ = network(signal())
    found, _, _ = run.timed()(signal())
    np.testing.assert_array_equal(found.samples, expected.samples)
    assert str(run.state()) == str(network.state())


def test_records_are_of_the_last_sub_step() -> None:
    run = graphpool.compile(MixedSteps(), dtype="float64", probes="*.output*")
    _, _, record = run(rows(), record=True)
    total = record["halves"]["_module"]["total"]
    expected, _, _ = MixedSteps().halves(signal() * np.array([0.5, 1.0, 2.0]))
    np.testing.assert_array_equal(total[0], expected.samples[1::2])
    np.testing.assert_array_equal(record["quarters"]["_module"]["output"], record["quarters"]["_module"]["total"])


def test_an_output_of_a_finer_clock_has_several_rows_a_step(tmp_path: Path) -> None:
    run = graphpool.compile(Finer(), dtype="float64")
    output, _, _ = run(rows())
    assert output.shape == (1, 24, 4, 3)
    assert "4 rows a step" in str(run)
    assert "clock=4" in str(run.artifact.source)
    assert graphpool.parse_graph(str(run.artifact.source)) == run.artifact.source
    run.save(tmp_path / "net.gpz")
    assert len(graphpool.load(tmp_path / "net.gpz").timed()(signal())[0]) == 96
    assert run.step(rows()[0]).shape == (4, 3)


def test_a_module_of_rasters_compiles_in_batches() -> None:
    run = graphpool.compile(Scaled(), "onnx", dtype="float64")
    batch = np.stack([rows(), -rows()])
    found, _, _ = run(batch)
    for one, expected in zip(found, (Scaled()(x)[0][0] for x in batch), strict=True):
        np.testing.assert_array_equal(one, expected)


def test_a_nan_counts_as_nothing_in_a_sum_of_series() -> None:
    class Sum(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return (ts_input + ts_input[:, ::-1]) - 1.0, {}, {}

    values = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 3.0]])
    expected, _, _ = Sum(DT, shape=2)(values)
    found, _, _ = graphpool.compile(Sum(DT, shape=2), dtype="float64").timed()(values)
    np.testing.assert_array_equal(found.samples, expected.samples)


W = np.arange(6.0).reshape(3, 2) - 2.5
SERIES_CODE: dict[str, Any] = {
    "sums": lambda ts: 2.0 + ts + np.array([1.0, 2.0, 3.0]) - ts[:, 1] * np.ones(3) - [[0.5, 0.5, 1.0]],
    "products": lambda ts: np.float64(2) * ts * (ts / 4) / np.array([1.0, 2.0, 4.0]),
    "quotients": lambda ts: 1 / (ts**2 + 1) + 7 // (abs(ts) + 0.75) - (ts // 0.25) + 2**ts,
    "matrices": lambda ts: (ts @ W) @ np.array([1.0, -1.0]) + W.T[:1] @ ts,
    "channels": lambda ts: -ts[:, [2, 0]].append_c([ts[:, 1:], ts[:, np.array([True, False, False])]]),
    "a scalar from the left": lambda ts: 3 - ts,
    "a series of one channel": lambda ts: ts[:, 0] * ts,
    "a column": lambda ts: ts[:, 0] * np.array([1.0, 2.0, 3.0]),
}


def doubled_in_place(ts: Any) -> Any:
    ts = ts.copy()
    other = ts
    ts += 1
    ts *= 2
    ts /= 4
    ts -= 0.5
    return other


SERIES_CODE["in place"] = doubled_in_place


def module_that_evolves(code: Any, **kwargs: Any) -> Any:
    class Evolves(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return code(ts_input), {}, {}

    return Evolves(DT, shape=3, **kwargs)


@pytest.mark.parametrize("code", SERIES_CODE.values(), ids=list(SERIES_CODE))
def test_operators_of_series_mean_what_they_mean(code: Any) -> None:
    expected, _, _ = module_that_evolves(code)(signal())
    found, _, _ = graphpool.compile(module_that_evolves(code), dtype="float64").timed()(signal())
    assert_same(found, expected, exactly=False)


def test_events_side_by_side() -> None:
    def code(ts: Any) -> Any:
        return ts.append_c([ts, ts]).merge(ts.append_c([ts.merge(ts), ts]))

    kinds = {"spiking_input": True, "spiking_output": True}
    expected, _, _ = module_that_evolves(code, **kinds)(events())
    found, _, _ = graphpool.compile(module_that_evolves(code, **kinds), dtype="float64").timed()(events())
    assert found.num_channels == 9
    np.testing.assert_array_equal(found.raster(DT, add_events=True), expected.raster(DT, add_events=True))


class Merged(Spiking):
    """Events of two children, and of the input, as one series each."""

    def __init__(self, first: int, last: int, with_input: bool) -> None:
        super().__init__(first, last)
        self.with_input = with_input

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        merged = self.cells(ts_input)[0].merge(self.readout(ts_input)[0])
        return merged.merge(ts_input) if self.with_input else merged, {}, {}


def test_merged_events_keep_their_sub_steps() -> None:
    expected, _, _ = Merged(2, 2, False)(events())
    found, _, _ = graphpool.compile(Merged(2, 2, False), dtype="float64").timed()(events())
    assert set(np.round(found.times / DT % 1, 9)) == {0.25, 0.75}
    np.testing.assert_array_equal(found.times, expected.times)
    np.testing.assert_array_equal(found.raster(DT / 2, add_events=True), expected.raster(DT / 2, add_events=True))


@pytest.mark.parametrize("network", [Merged(2, 3, False), Merged(2, 2, True)], ids=["children", "input"])
def test_events_of_several_time_steps_leave_the_network_one_by_one(network: Any) -> None:
    with pytest.raises(TraceError, match="events of several time steps(?s:.*)each as an output of its own"):
        graphpool.compile(network)


RASTER_CODE: dict[str, Any] = {
    "axes": lambda x: x.sum(axis=-1, keepdims=True) + x.max(axis=1)[:, None] - np.mean(x, axis=-1, keepdims=True),
    "choice": lambda x: np.where(x > 0, x, -x / 2) + np.clip(x, -0.5, None),
    "joined": lambda x: np.concatenate([x[:, :2], x[..., 1:]], axis=-1),
    "side by side": lambda x: np.hstack([x[:, :1], np.diff(x)]) + np.median(x, axis=1, keepdims=True),
    "stacked": lambda x: np.stack([x, x * 2], axis=1).sum(axis=1),
    "stacked at the end": lambda x: np.stack([x[:, 0], x[:, 1]], axis=-1),
    "order": lambda x: x[:, [2, 0, 1]][:, ::-1] + np.roll(x, 1, axis=1) + np.flip(x, -1),
    "batch axis": lambda x: (x[None] + x)[0] + np.squeeze(x[None, :], 0) + np.ones((1, 1, 3)) * x[None][0],
    "matrix": lambda x: np.dot(x, W) @ W.T,
    "a row a matrix": lambda x: (np.ones((2, 3)) @ (x[:, :, None] * x[:, None, :]))[:, 0],
    "a vector": lambda x: x @ np.array([1.0, 2.0, 3.0]),
    "reduced": lambda x: np.add.reduce(x, axis=1) * np.argmax(x, axis=1),
    "flags": lambda x: (x > 0.25) & ~(x > 1),
    "kinds": lambda x: np.zeros_like(x) + x.astype(np.float32).astype(np.float64) + np.ndim(x) + x.shape[-1],
    "ufuncs with several results": lambda x: np.modf(x)[0] + np.divmod(x, 0.5)[1],
    "functional": lambda x: spike(x, 0.25) + softmax(x),
}


def write_in_place(x: Any) -> Any:
    x[:, 0] += 1
    x[x > 1] -= 1
    x[:, 1:][x[:, 1:] < 0] = 0
    first = x[:, 0]
    first *= 2
    x[...] += np.maximum(x, 0.5, out=np.zeros_like(x))
    total = x.sum(axis=-1)
    same = total
    total += 1
    x[:, 2] = same
    return x


RASTER_CODE["in place"] = write_in_place


@pytest.mark.parametrize("code", RASTER_CODE.values(), ids=list(RASTER_CODE))
def test_what_is_done_to_rasters_is_done_to_rows(code: Any) -> None:
    class Evolves(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            _, raster, _ = self._prepare_input(ts_input, duration, num_timesteps)
            return self._gen_timeseries(code(raster)), {}, {}

    expected, _, _ = Evolves(DT, shape=3)(signal())
    found, _, _ = graphpool.compile(Evolves(DT, shape=3), dtype="float64").timed()(signal())
    assert_same(found, expected, exactly=False)


def test_a_silent_input_and_an_unknown_shape() -> None:
    class Silent(OnSeries):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False, **kwargs: Any) -> Any:
            return self.neurons1() if record is None else self.neurons1(None)

    expected, _, _ = Silent((3, 5, 7, 1), DT)(signal())
    found, _, _ = graphpool.compile(Silent((3, 5, 7, 1), DT)).timed()(signal())
    np.testing.assert_array_equal(found.samples, expected.samples)

    class Any_(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return 2 * ts_input, {}, {}

    with pytest.raises(TraceError, match="the shape of a row of the input is not known(?s:.*)ts_input"):
        graphpool.compile(Any_(DT))
    run = graphpool.compile(Any_(DT), input_shapes={"ts_input": (3,)})
    np.testing.assert_array_equal(run(rows())[0][0], 2 * rows())


def test_a_compiled_runtime_does_not_compile_again() -> None:
    timed = graphpool.compile(Rate(3, tau=0.1)).timed()
    with pytest.raises(TraceError, match="with the module itself in it"):
        graphpool.compile(timed)
    assert timed.t == 0
    with pytest.raises(TraceError, match="evolve returned|no raster"):
        graphpool.compile(TimedArrays(DT, shape=3))


class TimedArrays(TimedModule):
    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        return self._gen_timeseries(3.0), {}, {}


def test_the_time_base_is_a_stream() -> None:
    run = graphpool.compile(Inner(0.1), dtype="float64")
    silence = TSContinuous.from_clocked(np.zeros((30, 3)), 0.1)
    found, _, _ = run.timed()(silence)
    expected, _, _ = Inner(0.1)(silence)
    np.testing.assert_array_equal(found.samples, expected.samples)
