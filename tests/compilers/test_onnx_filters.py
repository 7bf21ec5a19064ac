"""Affine states in ONNX files: filters by blocks and running sums equal the loop, whatever goes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import graphpool
from graphpool.compilers.onnx.emitter import Tensor
from graphpool.compilers.onnx.filters import LENGTHS, block_length
from graphpool.graph import TensorType, type_of
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import ExpSyn, Linear, Rate
from graphpool.parameters import Parameter, State
from tests.trace.stepping import module_of

GAINS: dict[str, Any] = {
    "one for all": 0.9,
    "one a channel": np.array([0.5, 0.99, 0.875]),
    "growing": np.array([1.01, 0.7, 1.0]),
    "tiny": 1e-3,
    "zero": np.array([0.0, 0.5, 0.9]),
    "negative": -0.5,
    "huge": 1e30,
}
BY_LOOP = {"float32": ("zero", "negative", "huge"), "float64": ("zero", "negative")}
"""What no block is made for."""


def leak(gain: Any, start: Any = 0.0) -> Any:
    def step(self: Any, x: Any) -> Any:
        self.v = self.v * self.gain + x
        return self.v

    return module_of(step, v=State(np.full(3, start)), gain=Parameter(gain))


def compiled(module: Any, **options: Any) -> tuple[Any, Any]:
    """With and without a loop."""
    return tuple(graphpool.compile(module, "onnx", **{"hoist": hoist, **options}) for hoist in ("auto", "never"))


def loops(run: Any) -> list[str]:
    model = onnx.load_from_string(run.model_bytes())
    onnx.checker.check_model(model, full_check=True)
    return [
        next(one.g.name for one in node.attribute if one.name == "body")
        for node in model.graph.node
        if node.op_type == "Scan"
    ]


def signal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.mark.parametrize("gain", GAINS.values(), ids=list(GAINS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_equal_the_loop(gain: Any, dtype: str) -> None:
    fast, slow = compiled(leak(gain, 0.5), dtype=dtype)
    with np.errstate(all="ignore"):
        for batch, steps in ((1, 1), (2, 63), (3, 64), (1, 65), (2, 200)):
            out, state, _ = fast(signal(batch, steps, 3))
            wanted, last, _ = slow(signal(batch, steps, 3))
            tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
            np.testing.assert_allclose(out, wanted, rtol=tolerance, atol=tolerance)
            np.testing.assert_array_equal(state["v"], out[:, -1] if batch > 1 else out[0, -1])
            np.testing.assert_allclose(state["v"], last["v"], rtol=tolerance, atol=tolerance)
            for run in (fast, slow):
                run.set_state({"v": signal(3)})
    kind = "scan0" if any(GAINS[name] is gain for name in BY_LOOP[dtype]) else "filter0"
    assert loops(fast) == [kind]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("gain", [0.5, 1e-3, np.array([0.5, 0.9, 1.0])])
def test_a_bad_number_spoils_no_step_before_it(bad: float, gain: Any) -> None:
    fast, slow = compiled(leak(gain))
    for place in (0, 10, 63, 64, 100):
        x = signal(2, 150, 3)
        x[1, place, 1] = bad
        x[1, 130, 2] = -bad
        for run in (fast, slow):
            run.reset_state()
        np.testing.assert_allclose(fast(x)[0], slow(x)[0], rtol=1e-5, atol=1e-5)


def test_running_sums_are_exact() -> None:
    def step(self: Any, x: Any) -> Any:
        self.total = self.total + x
        self.count = self.count + 2
        return self.total, self.count

    module = module_of(step, total=State(np.zeros(3)), count=State(np.full(3, 5, np.int64)))
    fast, slow = compiled(module)
    assert loops(fast) == []
    for steps in (1, 100):
        for (name, got), wanted in zip(
            fast(signal(2, steps, 3))[0].items(), slow(signal(2, steps, 3))[0].values(), strict=True
        ):
            np.testing.assert_array_equal(got, wanted, err_msg=name)


def test_the_state_of_the_step_before_and_the_faded_one_can_be_read() -> None:
    def step(self: Any, x: Any) -> Any:
        before, faded = self.v, self.v * self.gain
        self.v = faded + x
        return before * 2, faded * 3

    fast, slow = compiled(module_of(step, v=State(np.ones(3)), gain=Parameter(0.75)))
    assert loops(fast) == ["filter0"]
    for emit in ("each", "last"):
        fast, slow = compiled(module_of(step, v=State(np.ones(3)), gain=Parameter(0.75)), emit=emit)
        for steps in (1, 2, 70):
            x = signal(2, steps, 3)
            for got, wanted in zip(fast(x)[0].values(), slow(x)[0].values(), strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{"loop": "Loop"}, {"parameters": "inputs"}, {"states": "batched"}], ids=str)
def test_other_forms_of_the_file(options: dict[str, str]) -> None:
    module = Sequential(Linear((2, 5)), Rate(5), Linear((5, 4)), ExpSyn(4))
    fast, slow = compiled(module, **options)
    x = signal(2, 100, 2)
    np.testing.assert_allclose(fast(x)[0], slow(x)[0], rtol=1e-4, atol=1e-5)


def test_blocks_are_no_longer_than_their_powers_allow() -> None:
    def length(gain: Any, channels: int = 4, dtype: str = "float32") -> int:
        array = np.array(gain, dtype)
        return block_length(
            TensorType(array.dtype, (channels,)), Tensor("g", type_of(array), array), Tensor("d", type_of(array))
        )

    assert length(0.9) == LENGTHS[0]
    assert length(0.9, channels=65) == 0
    assert [length(gain) for gain in (0.1, 0.01, 1e-4, 1e-6)] == [32, 16, 8, 0]
    assert length(0.1, dtype="float64") == LENGTHS[0]
    assert length(np.linspace(0.5, 0.9, 64), channels=64) == 32
    assert length(np.nan) == length(np.inf) == 0
