"""What NumPy lacks: on plain arrays, in a compiled step, and at the values where simple formulas fail."""

from __future__ import annotations

import numpy as np
import pytest

import graphpool
from graphpool.functional import delay, log_softmax, one_hot, sigmoid, softmax
from graphpool.parameters import State
from tests.trace.stepping import assert_means_the_same, module_of

TARGETS = ("numpy", "onnx", "jax")


def exact(self, x):
    index = np.mod(x.astype(np.int64), 4)
    late, self.buffer = delay(self.buffer, x)
    last, self.number = delay(self.number, x[0])
    return (
        late,
        last,
        one_hot(index, 4),
        one_hot(index[0], 3, np.int32),
        one_hot(x, 3),
        np.argmax(one_hot(index, 4), -1),
    )


def rounded(self, x):
    return (
        sigmoid(x),
        softmax(x),
        log_softmax(x),
        softmax(self.m, axis=0),
        softmax(x > 0),
        sigmoid(self.f),
        softmax(self.f),
    )


def states():
    return {"m": State(np.arange(6.0).reshape(2, 3)), "f": State(np.array([0.5, -2, 1], np.float32))}


@pytest.mark.parametrize("target", TARGETS)
def test_one_hot_and_delay_mean_the_same_compiled(target):
    make = lambda: module_of(exact, buffer=State(np.arange(6.0).reshape(2, 3)), number=State(np.zeros(3)))  # noqa: E731
    assert_means_the_same(make, target)


@pytest.mark.parametrize("target", TARGETS)
def test_what_rounds_is_close_compiled(target):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)) * 100
    x[0, 0] = [800.0, -800.0, 0.0]
    module = module_of(rounded, **states())
    out = graphpool.compile(module, target, dtype="float64")(x)[0]
    for number, actual in enumerate(out.values()):
        expected = np.array([[module.step(row)[number] for row in sample] for sample in x])
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-6 if actual.dtype == np.float32 else 1e-12, atol=1e-15)


def test_nothing_overflows():
    big = np.array([1000.0, 0.0, -1000.0])
    np.testing.assert_array_equal(softmax(big), [1, 0, 0])
    np.testing.assert_array_equal(log_softmax(big), [0, -1000, -2000])
    np.testing.assert_array_equal(sigmoid(big), [1, 0.5, 0])
    assert np.isnan(sigmoid(np.nan)) and np.isnan(softmax([np.nan, 1.0])).all()


def test_a_distribution_sums_to_one_and_keeps_its_dtype():
    x = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    assert softmax(x).dtype == log_softmax(x).dtype == sigmoid(x).dtype == np.float32
    np.testing.assert_allclose(softmax(x, axis=0).sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_softmax(x)), softmax(x), rtol=1e-5)


@pytest.mark.parametrize("length", [1, 4])
def test_an_impulse_leaves_a_delay_line_after_so_many_steps(length):
    def step(self, x):
        late, self.buffer = delay(self.buffer, x)
        return late

    x = np.zeros((8, 3))
    x[1] = [1, 2, 3]
    for target in TARGETS:
        out = graphpool.compile(module_of(step, buffer=State(np.zeros((length, 3)))), target)(x)[0][0]
        np.testing.assert_array_equal(out, np.concatenate([np.zeros((length, 3)), x[:-length]]))


def test_a_gradient_flows_through_a_sigmoid_at_zero():
    import jax

    run = graphpool.compile(module_of(lambda self, x: sigmoid(x)), "jax")

    def total(x):
        return run.apply(run.parameters(), run.state(), x)[0].sum()

    np.testing.assert_array_equal(jax.grad(total)(np.zeros((1, 2, 3), np.float32)), np.full((1, 2, 3), 0.25))
