"""Noise: a function of seed, path, sample and step, the same on every runtime."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, ModuleError, TraceError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, ExpSyn, Linear, Module, Noise, Rate
from graphpool.ops.noise import threefry

TARGETS = ["numpy", "jax", "onnx"]
X = np.zeros((4, 50, 3))


class Draws(Module):
    """Gives its noise alone, twice in a step."""

    def __init__(self, seed: int | None = 7) -> None:
        super().__init__(3)
        self.noise = Noise(3, seed)

    def step(self, x: Any) -> Any:
        first = self.noise.step()
        return x + first, self.noise.step()


class Single(Module):
    def __init__(self, seed: int | None = 7, size: int = 3) -> None:
        super().__init__(size)
        self.noise = Noise(size, seed)

    def step(self, x: Any) -> Any:
        return x + self.noise.step()


def stepped(net: Any, x: Any) -> Any:
    """The living definition: step by step in NumPy, sample 0."""
    net.reset_state()
    result = np.array([net.step(row) for row in x])
    net.reset_state()
    return result


# --- the numbers ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "counter", "answer"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_cipher_gives_the_known_answers(key: Any, counter: Any, answer: Any) -> None:
    words = [np.array(word, np.uint32) for word in (*key, *counter)]
    with np.errstate(over="ignore"):
        found = threefry(np, (words[0], words[1]), (words[2], words[3]))
    assert tuple(int(word) for word in found) == answer


def test_the_numbers_are_normal_and_independent() -> None:
    run = graphpool.compile(Single(), "numpy", dtype="float64")
    z = run(np.zeros((2, 40_000, 3)))[0].reshape(2, -1, 3)
    flat = z.reshape(-1)
    assert abs(flat.mean()) < 0.01 and abs(flat.std() - 1) < 0.01
    assert abs((flat**3).mean()) < 0.03 and abs((flat**4).mean() - 3) < 0.06
    assert np.mean(flat < -1.96) == pytest.approx(0.025, abs=0.002)
    streams = [z[0, :, 0], z[0, :, 1], z[1, :, 0], np.roll(z[0, :, 0], 1)]
    together = np.corrcoef(streams) - np.eye(4)
    assert abs(together).max() < 0.02


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_runtime_draws_what_the_steps_draw(target: str, dtype: str) -> None:
    expected = stepped(Single(), X[0])
    found = graphpool.compile(Single(), target, dtype=dtype)(X[:1])[0][0]
    if dtype == "float32":
        np.testing.assert_array_equal(found, expected.astype(np.float32))
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("target", TARGETS)
def test_sample_b_of_a_batch_is_a_run_of_its_own(target: str) -> None:
    run = graphpool.compile(Single(), target)
    whole = run(X)[0]
    for b in range(len(X)):
        run.reset_state()
        np.testing.assert_array_equal(run(X[:1], sample=b)[0][0], whole[b])
    run.reset_state()
    np.testing.assert_array_equal(run(X[:2], sample=2)[0], whole[2:])
    assert not np.array_equal(whole[0], whole[1])


@pytest.mark.parametrize("target", TARGETS)
def test_chunks_and_steps_equal_the_whole(target: str) -> None:
    run = graphpool.compile(Single(), target)
    whole = run(X)[0]
    again = run(X)[0]
    assert not np.array_equal(again, whole), "the noise goes on"
    run.reset_state()
    np.testing.assert_array_equal(run(X)[0], whole)
    run.reset_state()
    parts = list(run.stream([X[:, :1], X[:, 1:20], X[:, 20:]]))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    run.reset_state()
    steps = [run.step(X[0, k], sample=1) for k in range(5)]
    np.testing.assert_array_equal(steps, whole[1, :5])


@pytest.mark.parametrize("target", TARGETS)
def test_two_draws_of_a_step_differ_and_are_counted(target: str) -> None:
    run = graphpool.compile(Draws(), target)
    out, state, _ = run(X[:1])
    assert state["noise"]["count"] == 100
    first, second = out["output.0"][0], out["output.1"][0]
    expected = stepped(Single(), np.zeros((100, 3))).astype(np.float32)
    np.testing.assert_array_equal(first, expected[0::2])
    np.testing.assert_array_equal(second, expected[1::2])


def test_the_count_goes_beyond_32_bit() -> None:
    late = {"noise": {"count": np.array(2**32 + 5)}}
    runs = [graphpool.compile(Single(), target, state=late)(X[:1])[0] for target in TARGETS]
    early = graphpool.compile(Single(), "numpy", state={"noise": {"count": np.array(5)}})(X[:1])[0]
    for found in runs:
        np.testing.assert_array_equal(found, runs[0])
        assert not np.array_equal(found, early)


# --- seeds and paths --------------------------------------------------------------------------------------------------
def test_the_path_tells_modules_of_one_seed_apart() -> None:
    net = Sequential(Single(1), Single(1))
    _, _, recorded = graphpool.compile(net, "numpy")(X[:1], record=True)
    first, both = recorded["0_Single_output"], recorded["1_Single_output"]
    assert not np.array_equal(first, both - first)
    assert not np.array_equal(stepped(Single(1), X[0]), stepped(Single(2), X[0]))


def test_a_clock_around_a_module_does_not_change_its_noise() -> None:
    rate = Rate(3, noise_std=1.0, seed=3)
    plain, _, _ = rate(X[0])
    rate.reset_state()
    timed, _, _ = rate.timed()(X[0])
    np.testing.assert_array_equal(timed.samples, plain[0])
    run = graphpool.compile(Rate(3, noise_std=1.0, seed=3), "numpy", dtype="float64").timed()
    np.testing.assert_array_equal(run(X[0])[0].samples, plain[0])


def test_a_seed_is_drawn_and_can_be_read() -> None:
    np.random.seed(0)
    first, second = Noise(3), Noise(3)
    assert first.seed != second.seed
    np.random.seed(0)
    assert Noise(3).seed == first.seed, "the global generator decides"
    again = Single(Single(None).noise.seed)
    assert isinstance(again.noise.seed, int)


def test_compiling_sets_all_seeds() -> None:
    def run(seed: int | None, own: int) -> Any:
        return graphpool.compile(Sequential(Single(own), Single(own)), "numpy", seed=seed)(X[:1])[0]

    np.testing.assert_array_equal(run(5, 1), run(5, 2))
    assert not np.array_equal(run(5, 1), run(6, 1))
    np.testing.assert_array_equal(run(None, 5), run(5, 1))
    with pytest.raises(ModuleError, match="seed=-1"):
        run(-1, 1)


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(ModuleError, match="seed="):
        Noise(3, seed)


@pytest.mark.parametrize("sample", [-1, 0.5, True, 2**31])
def test_a_sample_is_a_whole_number(sample: Any) -> None:
    run = graphpool.compile(Single(), "numpy")
    with pytest.raises(InputError, match="sample="):
        run(X, sample=sample)
    assert run.state()["noise"]["count"] == 0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_draw_the_same(duplicate: Any) -> None:
    net = Single(None)
    net(X[0])
    other = duplicate(net)
    np.testing.assert_array_equal(net(X[0])[0], other(X[0])[0])


def test_an_input_that_is_called_as_that_of_the_noise() -> None:
    class Clash(Single):
        def step(self, sample: Any) -> Any:
            return sample + self.noise.step()

    with pytest.raises(TraceError, match="rename the argument"):
        Clash()(X[0])


def test_models_without_noise_take_any_sample() -> None:
    run = graphpool.compile(Rate(3), "numpy")
    assert not run.signature.takes_sample
    run(X, sample=3)


# --- files and pure functions -----------------------------------------------------------------------------------------
def test_a_file_has_the_noise_in_it(tmp_path: Any) -> None:
    import onnxruntime

    run = graphpool.compile(Single(), "onnx")
    whole = run(X)[0]
    run.save(tmp_path / "noise.onnx")
    loaded = graphpool.load(tmp_path / "noise.onnx")
    np.testing.assert_array_equal(loaded(X)[0], whole)
    loaded.reset_state()
    np.testing.assert_array_equal(loaded(X[:1], sample=2)[0][0], whole[2])
    session = onnxruntime.InferenceSession(tmp_path / "noise.onnx")
    shapes = {entry.name: (entry.type, entry.shape) for entry in session.get_inputs()}
    assert shapes["sample"] == ("tensor(int64)", [1])
    feeds = {"input": X[:2].astype(np.float32), "sample": np.array([1]), "state.noise.count": np.array([0])}
    np.testing.assert_array_equal(session.run(["output"], feeds)[0], whole[1:3])


def test_the_pure_functions_take_the_sample() -> None:
    import jax

    run = graphpool.compile(Single(), "jax")
    expected = run(X)[0]
    run.reset_state()
    apply = jax.jit(run.apply)
    found, state, _ = apply(run.parameters(), run.state(), X.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    other, _, _ = run.apply(run.parameters(), run.state(), X[:1].astype(np.float32), sample=2)
    np.testing.assert_allclose(other[0], expected[2], rtol=1e-4, atol=1e-5)
    assert int(state["noise"]["count"][0]) == 50
    y, _ = run.apply_step(run.parameters(), run.state(), X[0, 0].astype(np.float32), sample=2)
    np.testing.assert_allclose(y, expected[2, 0], rtol=1e-4, atol=1e-5)


# --- in the modules ---------------------------------------------------------------------------------------------------
def test_noise_enters_the_equations_where_it_should() -> None:
    dt = 1e-3
    rate = Rate(3, noise_std=0.5, seed=9)
    z = noise_of(rate)
    alpha = dt / 0.02
    rate.step(np.zeros(3))
    np.testing.assert_allclose(rate.x, alpha * 0.5 * math.sqrt(dt) * z, rtol=1e-12)
    lif = LIF(3, noise_std=0.5, seed=9, threshold=10.0)
    z = noise_of(lif)
    lif.step(np.zeros(3))
    np.testing.assert_allclose(lif.vmem, 0.5 * math.sqrt(dt) * z, rtol=1e-12)
    synapse = ExpSyn(3, noise_std=[0.5, 0.0, 1.0], seed=9)
    z = noise_of(synapse)
    y = synapse.step(np.zeros(3))
    np.testing.assert_allclose(y, np.array([0.5, 0, 1.0]) * math.sqrt(dt) * z, rtol=1e-12)
    assert not synapse.isyn.any()


def noise_of(module: Any) -> Any:
    """The first draw of a module with a noise child."""

    class Root(Module):
        def __init__(self) -> None:
            super().__init__(3)
            self.noise = Noise(3, module.noise.seed)

        def step(self, x: Any) -> Any:
            return self.noise.step()

    return Root().step(np.zeros(3))


def test_no_noise_costs_nothing() -> None:
    assert list(Rate(3).modules()) == []
    graph = graphpool.trace(LIF(3))
    assert len(graph.inputs) == 1 and "noise" not in {node.op for node in graph.nodes}
    assert list(Rate(3).state()) == ["x"]


def test_noise_can_be_switched_on_and_off() -> None:
    rate = Rate(3)
    silent, _, _ = rate(X[0])
    assert not silent.any()
    rate.noise_std = 1.0
    assert rate(X[0])[0].any()
    rate.set_attributes({"noise_std": 0.0})
    rate.reset_state()
    assert not rate(X[0])[0].any()


@pytest.mark.parametrize("target", TARGETS)
def test_noisy_networks_agree(target: str) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3))
    net = Sequential(Linear((3, 3), weight=weight), Rate(3, noise_std=0.3, seed=1), ExpSyn(3, noise_std=0.1, seed=1))
    expected, _, _ = copy.deepcopy(net)(X)
    found, _, _ = graphpool.compile(net, target, dtype="float64")(X)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hoist", ["always", "never"])
def test_a_file_with_noise_is_of_the_opset_that_has_bitwise_operators(hoist: Any, tmp_path: Any) -> None:
    import onnx

    class Largest(Single):
        def step(self, x: Any) -> Any:
            noisy = x + self.noise.step()
            return np.concatenate([noisy.max(keepdims=True), noisy.min(keepdims=True), noisy])

    run = graphpool.compile(Largest(), "onnx", hoist=hoist)
    run.save(tmp_path / "largest.onnx")
    model = onnx.load(tmp_path / "largest.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.opset_import[0].version, model.ir_version) == (18, 8)
    found, expected = run(X)[0], graphpool.compile(Single(), "numpy")(X)[0]
    np.testing.assert_array_equal(found[..., 2:], expected)
    np.testing.assert_array_equal(found[..., 0], expected.max(axis=-1))
    np.testing.assert_array_equal(found[..., 1], expected.min(axis=-1))
    graphpool.compile(Rate(3), "onnx").save(tmp_path / "plain.onnx")
    assert onnx.load(tmp_path / "plain.onnx").opset_import[0].version == 17
