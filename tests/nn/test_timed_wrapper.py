"""A clock around modules and around runtimes of every kind."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Constant, Parameter, SimulationParameter, State, TSContinuous, TSEvent
from graphpool.errors import ClockError, GraphpoolError, ModuleError, ParameterError, TimeSeriesError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, LIFJax, Linear, LinearJax, Module, Rate, RateJax, TimedModuleWrapper
from graphpool.runtimes.base import Runtime

TARGETS = ["numpy", "jax", "onnx"]
DT = 2.0**-10


class Exact(Module):
    """A spiking neuron in which every product is exact, so that all runtimes agree to the bit."""

    def __init__(self, size: int = 4, dt: float = DT) -> None:
        super().__init__(size, spiking_input=True, spiking_output=True)
        self.decay = Parameter(np.full(size, 0.5), family="decays")
        self.v = State(shape=size, init_func=np.zeros)
        self.dt = SimulationParameter(dt)

    def step(self, x: Any) -> Any:
        v = self.v * self.decay + x
        spikes = np.maximum(np.floor(v), 0)
        self.record("before", v)
        self.v = v - spikes
        return spikes


class Plain(Module):
    """Written as a raster function, as people did; changes its input in place."""

    def __init__(self) -> None:
        super().__init__(2)

    def evolve(self, input_data: Any, record: bool = False) -> Any:
        input_data += 1
        return input_data, {}, {"given": input_data} if record else {}


def exact_net() -> Any:
    weight = np.random.default_rng(0).integers(-32, 64, size=(3, 4)) / 64
    return Sequential(Linear((3, 4), weight=weight, spiking_input=True), Exact())


def spikes_in() -> TSEvent:
    raster = np.random.default_rng(1).poisson(0.8, size=(300, 3))
    return TSEvent.from_raster(raster, dt=DT, name="input")


def runs(tmp_path: Path) -> dict[str, Any]:
    """The net on all runtimes, and loaded from a file."""
    found = {target: graphpool.compile(exact_net(), target) for target in TARGETS}
    found["onnx"].save(tmp_path / "net.onnx")
    found["file"] = graphpool.load(tmp_path / "net.onnx")
    return {name: run.timed(dt=DT) for name, run in found.items()}


# --- the same events from everything ----------------------------------------------------------------------------------
def test_events_are_the_same_from_every_runtime_and_from_blocks(tmp_path: Path) -> None:
    series = spikes_in()
    expected, _, _ = exact_net().timed(dt=DT)(series)
    assert len(expected) > 100
    for name, timed in runs(tmp_path).items():
        whole, _, _ = copy.deepcopy(timed)(series)
        assert isinstance(whole, TSEvent) and whole.num_channels == 4
        blocks = [timed(series, num_timesteps=n)[0] for n in (1, 99, 0, 200)]
        assert timed.t == series.t_stop
        for found in (whole, blocks[0].append_t(blocks[1:])):
            np.testing.assert_array_equal(found.times, expected.times, err_msg=name)
            np.testing.assert_array_equal(found.channels, expected.channels, err_msg=name)


def test_blocks_of_a_clipped_series_go_on_as_well(tmp_path: Path) -> None:
    series = spikes_in()
    expected, _, _ = exact_net().timed(dt=DT)(series)
    for timed in runs(tmp_path).values():
        edges = np.array([0, 37, 150, 300]) * DT
        found = [timed(series.clip(a, b))[0] for a, b in zip(edges, edges[1:], strict=False)]
        np.testing.assert_array_equal(np.concatenate([part.times for part in found]), expected.times)


def test_several_spikes_in_a_step_count_unless_told_otherwise() -> None:
    burst = np.full((3, 4), 2.0)
    net = Exact()
    assert len(net.timed()(burst)[0]) == 3 * 2 * 4
    net.reset_state()
    assert len(net.timed(add_events=False)(burst)[0]) == 3 * 4


# --- what it wraps ----------------------------------------------------------------------------------------------------
def test_it_prints_what_it_wraps() -> None:
    timed = graphpool.compile(exact_net(), "onnx").timed(dt=DT)
    assert repr(timed) == (
        "TimedModuleWrapper with shape (3, 4) {\n    OnnxRuntime '_module' with shape (3, 4)\n"
        "} with OnnxRuntime '_module' as module"
    )
    assert isinstance(timed.module, Runtime)
    net = Rate(4)
    assert net.timed().module is net


def test_the_attributes_of_a_module_are_reachable() -> None:
    net = Sequential(Linear((2, 3)), Rate(3))
    timed = net.timed()
    assert getattr(timed, "0_Linear") is net[0]
    rate = Rate(3).timed()
    rate.tau = np.full(3, 0.05)
    np.testing.assert_array_equal(rate.module.tau, np.full(3, 0.05))
    np.testing.assert_array_equal(rate.tau, np.full(3, 0.05))
    np.testing.assert_array_equal(rate.parameters()["_module"]["tau"], np.full(3, 0.05))
    with pytest.raises(ParameterError, match="shape"):
        rate.tau = np.zeros(7)
    rate.note = "mine"
    assert "note" not in vars(rate.module)
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = rate.nothing_of_that_name
    rate.module.note = "its own"
    assert rate.note == "mine", "its own come first"


@pytest.mark.parametrize("target", TARGETS)
def test_the_attributes_of_a_runtime_are_reachable(target: str, tmp_path: Path) -> None:
    timed = graphpool.compile(Exact(), target).timed()
    assert timed.signature.name == "Exact"
    np.testing.assert_array_equal(timed.decay, np.full(4, 0.5))
    timed.decay = np.zeros(4)
    np.testing.assert_array_equal(timed.module.parameters()["decay"], np.zeros(4))
    timed.v = np.full(4, 0.25)
    np.testing.assert_array_equal(timed.state()["_module"]["v"], np.full(4, 0.25))
    with pytest.raises(GraphpoolError):
        timed.decay = np.zeros(3)
    timed.reset_parameters()
    np.testing.assert_array_equal(timed.decay, np.full(4, 0.5))
    assert "scan" in str(timed.plan)
    if target == "onnx":
        timed.save(tmp_path / "through.onnx")
        assert graphpool.load(tmp_path / "through.onnx").dt == DT


@pytest.mark.parametrize("target", [None, *TARGETS])
def test_state_and_parameters_go_round(target: str | None) -> None:
    net = exact_net()
    timed = net.timed(dt=DT) if target is None else graphpool.compile(net, target).timed(dt=DT)
    _, state, _ = timed(spikes_in(), num_timesteps=100)
    assert list(state) == ["_module"]
    rest, _, _ = timed(spikes_in())
    timed.t = 100 * DT
    timed.set_attributes(state)
    again, _, _ = timed(spikes_in())
    np.testing.assert_array_equal(again.times, rest.times)
    before = timed.state()
    with pytest.raises(GraphpoolError):
        timed.set_attributes({"_module": {"1_Exact": {"v": np.zeros(4), "decay": np.zeros(9)}}})
    with pytest.raises(GraphpoolError):
        timed.set_attributes({"_module": {"1_Exact": {"v": np.zeros(4), "other": 1.0}}})
    assert str(timed.state()) == str(before)
    timed.set_attributes({"_module": {"1_Exact": {"v": np.zeros(4), "decay": np.ones(4)}}})
    assert timed.parameters()["_module"]["1_Exact"]["decay"].all()
    assert not timed.state()["_module"]["1_Exact"]["v"].any()
    timed.reset_all()
    assert timed.t == 0 and not timed.state()["_module"]["1_Exact"]["v"].any()


@pytest.mark.parametrize("target", [None, *TARGETS])
def test_parameters_of_a_family_are_found_through_modules(target: str | None) -> None:
    net = exact_net() if target is None else graphpool.compile(exact_net(), target)
    assert list(net.timed(dt=DT).parameters("decays")["_module"]) == ["1_Exact"]
    assert list(net.timed(dt=DT).parameters("weights")["_module"]) == ["0_Linear"]
    assert net.timed(dt=DT).parameters("taus") == {}


def test_parameters_of_a_name_are_found_through_runtimes() -> None:
    attributes = graphpool.compile(exact_net(), "numpy").timed(dt=DT).attributes_named("decay")
    np.testing.assert_array_equal(attributes["_module"]["1_Exact"]["decay"], np.full(4, 0.5))


@pytest.mark.parametrize("target", [None, *TARGETS])
def test_records_are_raw_arrays(target: str | None) -> None:
    net = Exact()
    timed = net.timed() if target is None else graphpool.compile(net, target).timed()
    _, _, recorded = timed(np.ones((5, 4)), record=True)
    assert recorded["before"].shape == recorded["v"].shape == (1, 5, 4)
    assert timed(np.ones((5, 4)))[2] == {}


@pytest.mark.parametrize("target", [None, *TARGETS, "file", "graph"])
def test_the_outputs_of_a_chain_are_recorded_as_series(target: str | None, tmp_path: Path) -> None:
    inner = Sequential(Linear((3, 4), weight=np.ones((3, 4))), Rate(4, tau=16 * DT, dt=DT))
    net = Sequential(inner, Exact())
    if target is None:
        timed = net.timed(dt=DT)
    else:
        run = graphpool.compile(net, target if target in TARGETS else "onnx")
        if target == "file":
            run.save(tmp_path / "net.onnx", record=True)
            run = graphpool.load(tmp_path / "net.onnx")
        elif target == "graph":
            run.save(tmp_path / "net.gpz")
            run = graphpool.load(tmp_path / "net.gpz")
        timed = run.timed(dt=DT)
    timed(np.ones((2, 3)))
    output, _, recorded = timed(np.ones((5, 3)), record=True)
    assert list(recorded) == ["0_Sequential_output", "1_Exact_output", "0_Sequential", "1_Exact"]
    events, currents = recorded["1_Exact_output"], recorded["0_Sequential"]["0_Linear_output"]
    assert isinstance(events, TSEvent) and isinstance(currents, TSContinuous)
    np.testing.assert_array_equal(events.times, output.times)
    np.testing.assert_array_equal(currents.samples, np.full((5, 4), 3.0))
    assert (currents.t_start, currents.t_stop, currents.name) == (2 * DT, 7 * DT, "0_Linear_output")
    assert recorded["1_Exact"]["v"].shape == (1, 5, 4), "states stay arrays"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_live_apart(target: str, duplicate: Any) -> None:
    timed = graphpool.compile(exact_net(), target).timed(dt=DT)
    timed(spikes_in(), num_timesteps=50)
    other = duplicate(timed)
    expected, _, _ = timed(spikes_in())
    assert other.t == 50 * DT
    found, _, _ = other(spikes_in())
    np.testing.assert_array_equal(found.times, expected.times)


def test_a_module_that_changes_its_input_does_not_change_the_series() -> None:
    series = TSContinuous.from_clocked(np.zeros((4, 2)), dt=0.5)
    output, _, recorded = TimedModuleWrapper(Plain(), dt=0.5)(series, record=True)
    np.testing.assert_array_equal(output.samples, np.ones((4, 2)))
    np.testing.assert_array_equal(series.samples, np.zeros((4, 2)))
    assert list(recorded) == ["given"]


def test_one_of_several_outputs_is_chosen() -> None:
    class Two(Module):
        def __init__(self) -> None:
            super().__init__(2)
            self.dt = SimulationParameter(0.5)

        def step(self, x: Any) -> Any:
            return x, x.sum()

    series = TSContinuous.from_clocked([[1.0, 2.0], [3.0, 4.0]], dt=0.5)
    for make in (Two, lambda: graphpool.compile(Two(), "numpy"), lambda: graphpool.compile(Two(), "onnx")):
        assert make().timed()(series)[0].num_channels == 2
        np.testing.assert_array_equal(make().timed(output_num=1)(series)[0].samples, [[3.0], [7.0]])
        with pytest.raises(ModuleError, match="output_num=2 of 2 outputs"):
            make().timed(output_num=2)(series)
    assert graphpool.compile(Two(), "numpy").timed(output_num=1).shape == (2, 1)
    for make in (Exact, lambda: graphpool.compile(Exact(), "numpy")):
        with pytest.raises(ModuleError, match="output_num=1 of 1 outputs"):
            make().timed(output_num=1)(np.ones((2, 4)))
        assert make().timed(output_num=-1)(np.ones((2, 4)))[0].num_channels == 4


# --- which dt ---------------------------------------------------------------------------------------------------------
def test_the_dt_is_that_of_the_module() -> None:
    assert LIF(2, dt=5e-3).timed().dt == 5e-3
    assert Sequential(Linear((2, 2)), LIF(2, dt=5e-3)).timed().dt == 5e-3
    assert graphpool.compile(LIF(2, dt=5e-3), "numpy").timed().dt == 5e-3
    net = Linear((2, 2))
    timed = net.timed(dt=5e-3)
    assert timed.dt == net.dt == 5e-3, "a module without one gets it"


def test_a_dt_that_is_missing_or_another_is_refused() -> None:
    with pytest.raises(ClockError, match="has no dt"):
        Linear((2, 2)).timed()
    with pytest.raises(ClockError, match=r"time steps differ: the argument 0\.002 s, LIF 0\.001 s"):
        LIF(2).timed(dt=2e-3)
    mixed = Sequential(LIF(2, dt=2e-3), LIF(2, dt=3e-3))
    with pytest.raises(ClockError, match=r"LIF '0_LIF' 0\.002 s, LIF '1_LIF' 0\.003 s"):
        mixed.timed()
    with pytest.raises(ClockError, match="time steps differ"):
        mixed.timed(dt=1e-3)
    assert mixed.modules()["0_LIF"].name == "0_LIF" and not hasattr(mixed, "dt")
    with pytest.raises(ClockError, match="time steps differ"):
        graphpool.compile(LIF(2), "numpy").timed(dt=2e-3)
    with pytest.raises(TimeSeriesError, match="dt=0"):
        Linear((2, 2)).timed(dt=0)
    timed = LIF(2).timed()
    with pytest.raises(ClockError, match="wrap it anew"):
        timed.dt = 2e-3
    assert timed.dt == timed.module.dt == 1e-3


def test_a_dt_that_changes_inside_is_refused() -> None:
    series = TSContinuous.from_clocked(np.ones((3, 2)), dt=1e-3)
    for timed in (LIF(2).timed(), Sequential(LIF(2)).timed(), graphpool.compile(LIF(2), "numpy").timed()):
        inner = timed.module[0] if isinstance(timed.module, Sequential) else timed._module
        nested = {"0_LIF": {"dt": 2e-3}} if isinstance(timed.module, Sequential) else {"dt": 2e-3}
        with pytest.raises(ClockError, match="wrap it anew"):
            timed.set_attributes({"_module": nested})
        inner.dt = 2e-3
        with pytest.raises(ClockError, match="time steps differ|wrap it anew"):
            timed(series)
        inner.dt = Constant(1e-3)
        timed.dt = Constant(1e-3)
        timed(series)
        assert timed.t == 0.003


def test_a_module_that_makes_another_number_of_rows_is_refused() -> None:
    class Halves(Module):
        def evolve(self, input_data: Any, record: bool = False) -> Any:
            return input_data[::2], {}, {}

    timed = TimedModuleWrapper(Halves(2), dt=0.5)
    with pytest.raises(ModuleError, match=r"an output of shape \(2, 2\) for 4 steps"):
        timed(np.zeros((4, 2)))
    assert timed.t == 0


def test_only_modules_and_runtimes_are_wrapped() -> None:
    for wrong in (np.tanh, 3, Rate, "Rate"):
        with pytest.raises(ModuleError, match="is no module"):
            TimedModuleWrapper(wrong)
    with pytest.raises(ModuleError, match="timed already"):
        Rate(2).timed().timed()
    with pytest.raises(TypeError):
        Rate(2).timed(1e-3)  # type: ignore[misc]


def test_a_model_of_images_has_no_series() -> None:
    class Image(Module):
        def __init__(self) -> None:
            super().__init__(4)
            self.dt = SimulationParameter(0.5)

        @property
        def input_shapes(self) -> Any:
            return {"x": (2, 2)}

        def step(self, x: Any) -> Any:
            return x.sum(axis=0)

    with pytest.raises(ModuleError, match="one input, a vector"):
        graphpool.compile(Image(), "numpy").timed()


# --- modules that JAX runs --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("plain", "jax", "arguments"),
    [(Rate, RateJax, {"has_rec": True}), (LIF, LIFJax, {"threshold": 0.5}), (Linear, LinearJax, {"has_bias": True})],
)
def test_the_siblings_are_the_same_module_on_jax(plain: Any, jax: Any, arguments: Any) -> None:
    shape = (3, 3) if plain is Linear else 3
    one, other = plain(shape, **arguments), jax(shape, **arguments)
    other.set_attributes(one.parameters())
    assert jax.step is plain.step, "one set of equations"
    assert type(other).__name__ == f"{plain.__name__}Jax" and isinstance(other, plain)
    x = np.random.default_rng(0).normal(size=(2, 50, 3))
    np.testing.assert_allclose(other(x)[0], one(x)[0], rtol=1e-9, atol=1e-12)
    if one.state():
        for name, value in one.state().items():
            np.testing.assert_allclose(other.state()[name], value, rtol=1e-9, atol=1e-12)


def test_calls_of_the_siblings_reach_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphpool.runtimes.jax import JaxRuntime

    seen = []
    original = JaxRuntime.__call__
    monkeypatch.setattr(JaxRuntime, "__call__", lambda self, *a, **k: seen.append(1) or original(self, *a, **k))
    Rate(2)(np.zeros((3, 2)))
    assert not seen
    RateJax(2)(np.zeros((3, 2)))
    assert len(seen) == 1
    Sequential(LinearJax((2, 2)), RateJax(2))(np.zeros((3, 2)))
    assert len(seen) == 2, "a chain of them too"
    Sequential(Linear((2, 2)), RateJax(2)).timed()(np.zeros((3, 2)))
    assert len(seen) == 3
    Sequential(Linear((2, 2)), Rate(2))(np.zeros((3, 2)))
    assert len(seen) == 3


def test_timed_siblings_carry_state_over() -> None:
    weights = np.random.default_rng(2).normal(size=(3, 3))
    x = np.random.default_rng(3).normal(size=(40, 3))
    expected, _, _ = Rate(3, has_rec=True, w_rec=weights).timed()(x)
    timed = RateJax(3, has_rec=True, w_rec=weights).timed()
    found = [timed(part)[0].samples for part in (x[:15], x[15:])]
    np.testing.assert_allclose(np.concatenate(found), expected.samples, rtol=1e-9, atol=1e-12)
