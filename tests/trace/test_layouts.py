"""Memory layouts, which say whether a reshape is a view, and names that stand in two tables."""

from __future__ import annotations

import re

import numpy as np
import pytest

import graphpool
from graphpool.errors import TraceError
from graphpool.nn.modules import Linear, Module
from graphpool.parameters import Parameter, State
from tests.trace.stepping import said

LAYOUTS = {
    "product": lambda x: x.T * 1,
    "sum_of_both": lambda x: x.T + x.T,
    "function": lambda x: np.tanh(x.T),
    "where": lambda x: np.where(x.T > 0, x.T, 0.0),
    "zeros_like": lambda x: np.zeros_like(x.T),
    "np_copy": lambda x: np.copy(x.T),
    "copy_method": lambda x: x.T.copy(),
    "astype": lambda x: x.T.astype(np.float64),
    "clip": lambda x: x.T.clip(-1, 1),
    "concatenate": lambda x: np.concatenate([x.T, x.T], 1),
    "stack": lambda x: np.stack([x.T, x.T]),
    "reduction": lambda x: x.T.sum(axis=0, keepdims=True),
    "matmul": lambda x: x.T @ x,
    "constant": lambda x: x.T + np.asfortranarray(np.ones((3, 2))),
}


@pytest.mark.parametrize("flat", [lambda y: y.ravel(), lambda y: y.reshape(-1), lambda y: y.T.reshape(-1)])
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=list(LAYOUTS))
def test_whether_a_reshape_is_a_view_depends_on_the_layout_that_numpy_gives(make, flat):
    class Layout(Module):
        input_shapes = {"x": (2, 3)}

        def step(self, x):
            y = make(x)
            z = flat(y)
            y[0, 0] = 99
            return z + 0

    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    module = Layout()
    expected = np.array([module.step(row) for row in x])
    np.testing.assert_array_equal(graphpool.compile(module, "numpy", dtype="float64")(x)[0][0], expected)


def test_an_argument_may_have_the_name_of_a_state():
    class SameName(Module):
        def __init__(self):
            super().__init__(shape=2)
            self.v = State(np.zeros(2))

        def step(self, v):
            self.v = 0.5 * self.v + v
            return self.v

    assert str(graphpool.trace(SameName())).startswith("graph SameName(%input:v: f64[2])")
    for target in ("numpy", "onnx"):
        out = graphpool.compile(SameName(), target)(np.ones((3, 2)))[0]
        np.testing.assert_array_equal(out[0, :, 0], [1.0, 1.5, 1.75])


def test_a_record_may_not_have_the_name_of_a_child():
    class Clash(Module):
        def __init__(self):
            super().__init__(shape=2)
            self.child = Linear((2, 2))

        def step(self, x):
            y = self.child.step(x)
            self.record("child", y)
            return y

    with pytest.raises(TraceError, match="'child' is a submodule"):
        graphpool.trace(Clash())


def test_the_stacks_of_a_product_lie_as_numpy_lays_them():
    class Stacks(Module):
        input_shapes = {"x": (2,)}

        def __init__(self):
            super().__init__(shape=2)
            self.w = Parameter(np.arange(24.0) / 8)

        def step(self, x):
            a = self.w.reshape(2, 3, 2, 2).transpose(1, 0, 2, 3)
            r = np.matmul(a, a) * x[0]
            q = a @ x
            f = r.transpose(1, 0, 2, 3).ravel()
            g = q.transpose(1, 0, 2).ravel()
            r += 1
            q += 1
            return f + 0, g + 0

    x = np.random.default_rng(0).normal(size=(3, 2))
    module = Stacks()
    out = graphpool.compile(module, "numpy", dtype="float64")(x)[0]
    for number in (0, 1):
        expected = np.array([module.step(row)[number] for row in x])
        np.testing.assert_allclose(out[f"output.{number}"][0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda self, x: np.add(x[None], 1, out=self.v), r"out= has the shape \(3,\), the result \(1, 3\)"),
        (lambda self, x: x.sum(axis=0, out=np.zeros_like(x)), r"out= has the shape \(3,\), the result \(\)"),
        (lambda self, x: self.m[x > 0] - x[x > 0], "values of 1 and of 2 axes under one mask"),
        (lambda self, x: self.m.__setitem__(x > 0, x[x > 0]), "values of 1 and of 2 axes under one mask"),
        (lambda self, x: self.buffer.__setitem__(0, 1.0), "assignment destination is read-only"),
    ],
)
def test_what_numpy_refuses_or_aligns_anew_is_refused(step, message):
    class Refused(Module):
        def __init__(self):
            super().__init__(shape=3)
            self.v, self.m = State(np.zeros(3)), State(np.ones((3, 3)))
            self.buffer = np.zeros(3)

        def step(self, x):
            return step(self, x)

    module = Refused()
    for _ in range(2):
        with pytest.raises(TraceError) as caught:
            graphpool.trace(module)
        assert re.search(message, said(caught.value))
    assert module.buffer.flags.writeable and not module.buffer.any()


@pytest.mark.parametrize("view_first", [True, False])
def test_an_array_and_a_view_of_it_are_writable_again_after_a_trace(view_first):
    class Holder(Module):
        def __init__(self):
            super().__init__(shape=2)
            whole = np.arange(4.0)
            if view_first:
                self.part, self.whole = whole[:2], whole
            else:
                self.whole, self.part = whole, whole[:2]

        def step(self, x):
            return x + self.part + self.whole[2:]

    module = Holder()
    graphpool.trace(module)
    module.part[0] = 7.0
    assert module.whole[0] == 7.0
