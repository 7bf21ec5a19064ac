"""One network on all runtimes: bit for bit where every product is exact, else up to the first spike.

A product with a power of two is exact, so a fused multiply-add gives what a multiply and an add give; weights
and inputs are multiples of 1/64, so the sums inside a matrix product are exact in any order.
"""

from __future__ import annotations

import functools
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.functional import spike
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate
from tests.runtimes.models import assert_same, flat

FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "numpy": ("numpy", {}),
    "jax": ("jax", {}),
    "onnx": ("onnx", {}),
    "onnx Loop": ("onnx", {"loop": "Loop"}),
    "onnx inputs": ("onnx", {"parameters": "inputs", "states": "batched"}),
}
"""Targets with their options."""

TARGETS = tuple(FORMS)
HOISTS = ("always", "never")
STEPS, BATCH = 40, 3


def weights(*shape: int, seed: int, dtype: Any = np.float32) -> Any:
    return (np.random.default_rng(seed).integers(-48, 64, shape) / 64).astype(dtype)


def compile_for(form: str, module: Any, **options: Any) -> Any:
    target, more = FORMS[form]
    return graphpool.compile(module, target, **options, **more)


class ShiftLIF(Module):
    """A spiking neuron whose membrane loses 2**-k of itself in a step, with recurrence on request."""

    def __init__(self, n: int, k: int = 3, w_rec: Any = None, dtype: Any = np.float32) -> None:
        super().__init__(shape=n)
        self.k = k
        if w_rec is not None:
            self.w_rec = Parameter(w_rec)
        self.has_rec = w_rec is not None
        self.threshold = Parameter(np.ones(n, dtype))
        self.v = State(np.zeros(n, dtype))
        self.s = State(np.zeros(n, dtype))

    def step(self, x: Any) -> Any:
        if self.has_rec:
            fed_back = self.s @ self.w_rec
            self.record("fed_back", fed_back)
            x = x + fed_back
        v = self.v - self.v * 2.0**-self.k + x
        self.s = spike(v, self.threshold, max_spikes=2)
        self.v = v - self.s
        return self.s


class Adaptive(Module):
    """A threshold that jumps at a spike and decays by a half; a trace that is read one step late."""

    def __init__(self, n: int, dtype: Any = np.float32) -> None:
        super().__init__(shape=n)
        self.v = State(np.zeros(n, dtype))
        self.a = State(np.zeros(n, dtype))
        self.late = State(np.zeros(n, dtype))

    def step(self, x: Any) -> Any:
        v = self.v * 0.5 + x
        above = v >= 1 + self.a
        self.record("above", above)
        spikes = above.astype(v.dtype)
        self.a = self.a * 0.5 + spikes * 0.25
        self.v = np.where(above, 0.0, v)
        out = self.late
        self.late = self.a
        return spikes + out


def make(kind: str, dtype: Any = np.float32) -> Any:
    w = functools.partial(weights, dtype=dtype)
    if kind == "feed-forward":
        return Sequential(
            Linear((2, 5), weight=w(2, 5, seed=0)),
            ShiftLIF(5, dtype=dtype),
            Linear((5, 3), weight=w(5, 3, seed=1), bias=w(3, seed=2)),
            ShiftLIF(3, k=2, dtype=dtype),
        )
    if kind == "recurrent":
        return Sequential(
            Linear((2, 4), weight=w(2, 4, seed=3)),
            ShiftLIF(4, k=4, w_rec=w(4, 4, seed=4), dtype=dtype),
            ShiftLIF(4, k=1, w_rec=w(4, 4, seed=5), dtype=dtype),
        )
    return Sequential(Linear((2, 4), weight=np.abs(w(2, 4, seed=6))), Adaptive(4, dtype), Linear((4, 2)))[0:2]


KINDS = ("feed-forward", "recurrent", "adaptive")


def drive(*shape: int) -> Any:
    return (np.random.default_rng(9).integers(-32, 96, shape) / 64).astype(np.float32)


def step_loop(module: Any, x: Any) -> tuple[Any, dict[str, Any]]:
    """Outputs and states after each step, from the module's own step in NumPy."""
    rows, states = [], []
    for sample in x:
        alone = deepcopy(module)
        row, after = [], []
        for now in sample:
            row.append(alone.step(now))
            after.append(flat(alone.state()))
        rows.append(row)
        states.append({name: np.array([one[name] for one in after]) for name in after[0]})
    return np.array(rows), {name: np.stack([one[name] for one in states]) for name in states[0]}


@functools.cache
def oracle(kind: str) -> tuple[Any, dict[str, Any]]:
    return step_loop(make(kind), drive(BATCH, STEPS, 2))


@functools.cache
def _compiled(kind: str, target: str, hoist: Any, traced: str) -> Any:
    return compile_for(target, make(kind, np.dtype(traced)), hoist=hoist)


def compiled(kind: str, target: str, hoist: str = "always", traced: str = "float32") -> Any:
    return _compiled(kind, target, hoist, traced).copy()


# --- bit for bit --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_records_are_those_of_the_step_loop(kind: str, target: str, hoist: str) -> None:
    x, (expected, states) = drive(BATCH, STEPS, 2), oracle(kind)
    assert expected.dtype == np.float32
    assert 0.05 < np.mean(expected >= 1) < 0.95, "a net that never fires, or always, tests nothing"
    out, last, record = compiled(kind, target, hoist)(x, record=True)
    assert_same(out, expected)
    record = flat(record)
    for name, wanted in states.items():
        assert_same(record[name], wanted)
        assert_same(flat(last)[name], wanted[:, -1])
    reference = flat(compiled(kind, "numpy")(x, record=True)[2])
    assert_same(record, reference)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_float64_that_is_demoted_gives_the_same(kind: str, target: str) -> None:
    x = drive(BATCH, STEPS, 2)
    assert_same(compiled(kind, target, traced="float64")(x)[0], oracle(kind)[0])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_chunks_and_steps_are_the_whole(kind: str, target: str) -> None:
    x, expected = drive(BATCH, STEPS, 2), oracle(kind)[0]
    for hoist in HOISTS:
        run = compiled(kind, target, hoist)
        cuts = (0, 1, 14, 14, STEPS)
        chunks = list(run.stream(x[:, a:b] for a, b in zip(cuts, cuts[1:], strict=False)))
        assert_same(np.concatenate(chunks, axis=1), expected)
    state = run.state()
    run.reset_state()
    assert_same(np.stack([run.step(x[:, t]) for t in range(STEPS)], axis=1), expected)
    assert_same(run.state(), state)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_samples_one_by_one(kind: str, target: str) -> None:
    x, run = drive(BATCH, STEPS, 2), compiled(kind, target)
    together, state, _ = run(x)
    for sample in range(BATCH):
        run.reset_state()
        alone, own, _ = run(x[sample])
        assert_same(alone[0], together[sample])
        assert_same(flat(own), {name: array[sample] for name, array in flat(state).items()})


# --- delays -------------------------------------------------------------------------------------------------
class Delay(Module):
    """Two steps late; the second state is read before it is assigned, the first after."""

    def __init__(self) -> None:
        super().__init__(shape=1)
        self.one = State(np.zeros(1))
        self.two = State(np.zeros(1))
        self.now = State(np.zeros(1))

    def step(self, x: Any) -> Any:
        two = self.two
        self.two = self.one
        self.one = x
        self.now = x
        self.record("one_late", self.two)
        return two, self.two, self.now


class Ring(Module):
    """Neuron 0 hears the input; each neuron hears the spike that the one before it gave a step earlier."""

    def __init__(self, n: int) -> None:
        super().__init__(shape=1)
        self.w_in = Parameter(np.eye(1, n))
        self.w_rec = Parameter(np.eye(n, k=1))
        self.s = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.s = spike(x @ self.w_in + self.s @ self.w_rec, 1.0)
        return self.s


def impulse(steps: int, at: int) -> Any:
    return np.eye(steps)[:, at : at + 1]


def times(out: Any) -> list[int]:
    return [int(t) for t in np.flatnonzero(np.any(np.atleast_2d(out.T).T.reshape(out.shape[0], -1), axis=1))]


def both_ways(module: Any, target: str, hoist: Any, x: Any) -> Any:
    """The outputs of a whole evolution, after it is seen that steps give the same."""
    run = compile_for(target, module, hoist=hoist)
    out = run(x)[0]
    run.reset_state()
    steps = [run.step(row) for row in x]
    if isinstance(out, dict):
        for name in out:
            np.testing.assert_array_equal(np.stack([step[name] for step in steps]), out[name][0])
        return {name: array[0] for name, array in out.items()}
    np.testing.assert_array_equal(np.stack(steps), out[0])
    return out[0]


@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("target", TARGETS)
def test_an_impulse_leaves_a_state_when_it_should(target: str, hoist: str) -> None:
    out = both_ways(Delay(), target, hoist, impulse(8, 3))
    assert [times(array) for array in out.values()] == [[5], [4], [3]]


@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("target", TARGETS)
def test_an_impulse_takes_one_step_for_each_recurrent_connection(target: str, hoist: str) -> None:
    out = both_ways(Ring(3), target, hoist, impulse(9, 2))
    assert [times(out[:, n]) for n in range(3)] == [[2], [3], [4]]


@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("target", TARGETS)
def test_an_impulse_crosses_layers_within_its_step(target: str, hoist: str) -> None:
    """The input of a LIF is added before its decay, so it may spike in the step in which the input comes."""
    fast = {"tau_mem": 1e-3, "tau_syn": 1e-3}
    net: Any = Sequential(
        Linear((1, 2), weight=[[4.0, 4.0]]),
        LIF(2, has_rec=True, w_rec=[[0.0, 0.0], [0.0, 4.0]], max_spikes_per_dt=1, **fast),
        Linear((2, 1), weight=[[4.0], [0.0]]),
        LIF(1, max_spikes_per_dt=1, **fast),
    )
    x = impulse(8, 3)
    run = compile_for(target, net, hoist=hoist)
    record = run(x, record=True)[2]
    first = record["1_LIF"]["spikes"][0]
    assert times(first[:, 0]) == [3]
    assert times(first[:, 1]) == [3, 4, 5, 6, 7], "the second neuron excites itself"
    assert times(record["1_LIF"]["irec"][0, :, 1]) == [4, 5, 6, 7]
    assert times(both_ways(net, target, hoist, x)) == [3]


# --- real values --------------------------------------------------------------------------------------------
def built_in(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return Sequential(
        Linear((2, 6), weight=rng.normal(size=(2, 6)), bias=rng.normal(size=6) / 4),
        Rate(6, tau=rng.uniform(0.01, 0.1, 6), has_rec=True, w_rec=rng.normal(size=(6, 6)) / 3),
        Linear((6, 4), weight=rng.normal(size=(6, 4))),
        LIF(4, tau_mem=7e-3, tau_syn=11e-3, bias=0.05, has_rec=True, w_rec=rng.normal(size=(4, 4)) / 4),
        LIF((4, 2), tau_syn=[[3e-3, 9e-3]] * 2, threshold=[0.5, 0.7]),
    )


@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("target", TARGETS)
def test_built_in_modules_are_their_step_loops_in_float64(target: str, hoist: str) -> None:
    x = np.random.default_rng(1).normal(size=(2, 60, 2))
    expected, states = step_loop(built_in(0), x)
    run = compile_for(target, built_in(0), dtype="float64", hoist=hoist)
    out, _, record = run(x, record=True)
    assert expected.sum() > 10
    np.testing.assert_array_equal(out, expected)
    held = flat(record)
    for name, wanted in states.items():
        np.testing.assert_allclose(held[name], wanted, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("target", TARGETS[1:])
def test_real_membranes_in_float32_agree_up_to_the_first_spike_that_differs(target: str) -> None:
    """Spiking networks are chaotic: behind such a spike there is nothing to compare."""
    x = np.random.default_rng(2).normal(size=(2, 300, 2))
    ours = flat(compile_for(target, built_in(3))(x, record=True)[2])
    theirs = flat(graphpool.compile(built_in(3), "numpy")(x, record=True)[2])
    spikes = [name for name in ours if name.endswith(".spikes")]
    for sample in range(2):
        differs = np.any([np.any(ours[n][sample] != theirs[n][sample], axis=-1) for n in spikes], axis=0)
        until = int(np.argmax(differs)) if differs.any() else len(differs)
        assert until > 50, "they part too early to say anything"
        assert sum(theirs[n][sample, :until].sum() for n in spikes) > 10
        for name, array in ours.items():
            if name.endswith(("vmem", ".x")):
                wanted = theirs[name][sample, :until]
                np.testing.assert_allclose(array[sample, :until], wanted, rtol=1e-4, atol=1e-5, err_msg=name)
