"""The language of a step, continued: NumPy's types, its functions, and what a step may read."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphpool.functional import spike
from graphpool.parameters import Parameter, SimulationParameter, State
from tests.trace.stepping import Cases, assert_means_the_same

case = Cases()
V = State(np.array([0.5, -1.0, 2.0]))
W = Parameter(np.array([1.0, -0.5, 0.25]))
M = State(np.arange(6.0).reshape(2, 3) / 4)
COUNT, FLAG, SCALAR = State(np.zeros(3, np.int64)), State(np.array([True, False, True])), State(0.25)
SINGLE = State(np.array([0.5, 1.5, -0.25], np.float32))


# --- dtypes (NEP 50) -------------------------------------------------------------------------------------------------
@case(f=SINGLE)
def python_numbers_are_weak(self, x):
    f = self.f
    return f * 0.1, f + 1, np.maximum(f, 0), np.where(f > 0, f, 0.1), 2 / f, f**2, np.clip(f, 0, 1.5)


@case(f=SINGLE)
def numpy_scalars_are_strong(self, x):
    return self.f * np.float64(0.1), self.f * np.float32(0.1), x * np.float32(0.1), self.f + np.ones(3)


@case(n=COUNT)
def integers(self, x):
    self.n += 3
    n = self.n
    return (
        n / 2,
        n * 2,
        n % 2,
        n + 0.5,
        n.mean(),
        n.sum(),
        np.exp(-n),
        n**2,
        np.sign(n),
        abs(n),
        n > 2,
        round(1.5),
    )


@case(n=State(np.array([1, 2, 3], np.int32)), f=SINGLE)
def narrow_types_meet(self, x):
    return self.n + self.f, self.n + 1, self.n / 2, self.n.sum(), self.n * np.int64(2), self.n.max()


@case(flag=FLAG)
def bools(self, x):
    b = x > 0
    return (
        b & self.flag, b | self.flag, b ^ self.flag, ~b, b + b, b * self.flag, b * 1.0, b + 1, b.sum(), b.any(),
        np.all(b), b.max(), np.maximum(b, self.flag), b == self.flag, b < self.flag, b.mean(), np.logical_not(x),
    )  # fmt: skip


@case(f=SINGLE)
def in_place_lines_keep_the_dtype(self, x):
    self.f += x
    self.f *= np.float64(0.1)
    n = (x > 0).astype(np.int64)
    n += True
    return self.f, n


@case()
def where_of_two_numbers(self, x):
    return (
        np.where(x >= 1, 1.0, 0.0),
        np.where(x >= 1, 1, 0),
        np.where(x > 0, True, False),
        np.where(x, x, -1),
    )


@case(f=SINGLE)
def powers(self, x):
    a = np.abs(x) + 1
    a **= 2
    return x**2, a**0.5, a**-1, x**1, 2**x, np.power(x, 3), x**0, self.f**2, np.square(x), np.reciprocal(a)


@case()
def dtypes_by_name(self, x):
    return (
        np.sum(x, dtype=np.float32),
        np.zeros_like(x, dtype=bool),
        np.full_like(x, 2),
        np.ones_like(x, dtype=int),
    )


# --- functions -------------------------------------------------------------------------------------------------------
@case(m=M)
def shapes(self, x):
    m = self.m
    return (
        m.T, m.reshape(-1), m.reshape(3, 2), np.transpose(m)[0], m.swapaxes(0, 1), np.squeeze(x[None]), m.mT,
        np.expand_dims(x, (0, 2)), np.moveaxis(m[None], 0, -1), np.atleast_1d(x[0]), np.hstack([x, x[:1]]),
    )  # fmt: skip


@case(m=M)
def joining(self, x):
    return (
        np.stack([x, x + 1]), np.stack([x, x], axis=-1), np.concatenate([x, [1.0]]), np.concatenate([x, self.m[0]]),
        np.concatenate([self.m, self.m], axis=1), np.concatenate([self.m, x], axis=None),
        np.stack([x[0], 1.0, x[1]]),
    )  # fmt: skip


@case(m=M)
def reductions(self, x):
    m = self.m
    return (
        m.sum(), m.sum(axis=0), m.mean(axis=-1, keepdims=True), m.max(axis=(0, 1)), m.min(0), np.add.reduce(m),
        np.sum(x, axis=()), x.sum(keepdims=True), np.max(x[0]), (m > 0).any(axis=1), np.maximum.reduce(x),
    )  # fmt: skip


@case(m=M, w=Parameter(np.arange(6.0).reshape(3, 2) / 8))
def products(self, x):
    return (
        x @ self.w, self.m @ x, self.m @ self.w, x @ x, self.w.T @ x, np.dot(x, self.w), np.dot(x, 2.0),
        np.matmul(self.m[None], self.w), self.w.T.dot(x),
    )  # fmt: skip


@case()
def questions_about_shapes(self, x):
    assert (np.shape(x), np.ndim(x), np.size(x), x.size, x.nbytes, len(x)) == ((3,), 1, 3, 3, 24, 3)
    assert np.result_type(x, np.float32) == x.dtype == np.float64
    assert not np.iscomplexobj(x)
    return x.real


@case()
def rounding_and_clipping(self, x):
    return (
        np.round(x), x.round(), np.floor(x * 1.5), np.rint(x), np.clip(x, -1, 1), x.clip(0), np.clip(x, None, 0),
        np.clip(x, min=-1, max=2), x % 1.5, np.fabs(x), np.sign(x), spike(np.abs(x), 0.5, max_spikes=3),
    )  # fmt: skip


@case()
def special_values(self, x):
    return x * -0.0, x / 0, np.log(x), np.sqrt(x), np.maximum(x / 0, 1), np.minimum(0.0 * x, -0.0), -(x - x)


# --- what a step may read --------------------------------------------------------------------------------------------
@case(k=SimulationParameter(3), dt=SimulationParameter(0.5), v=V)
def simulation_parameters_are_python_numbers(self, x):
    for _ in range(self.k):
        self.v = self.v * math.exp(-self.dt) + x
    return self.v if self.k > 2 else x


@case(f=SINGLE, dt=SimulationParameter(np.float64(0.5)))
def a_simulation_parameter_does_not_widen(self, x):
    return self.f * self.dt


@case(table=np.array([1.0, 2.0, 3.0]), names=["a", "b"], big=SimulationParameter(np.arange(3)))
def plain_attributes_are_constants(self, x):
    return x * self.table, self.big, self.table, len(self.names) * x, x @ np.ones((3, 2)), self.table[1]


@case(w=W, single=Parameter(np.array([0.5, 1.5], np.float32)))
def parameters_are_values(self, x):
    own = self.w.copy()
    own += 1
    self_w = self.w[1:]
    return x * self.w, own, self_w * 2, self.single, np.exp(-self.single), self.w


@case()
def constants_as_outputs(self, x):
    return 1, 2.5, True, np.float32(0.5), np.arange(3), [1.0, 2.0], x


@case(shapes={"image": (2, 2, 2), "gain": ()})
def several_inputs(self, x, image, gain):
    gain += 1
    return x * gain, image.sum(axis=0), image @ x[:2]


@case(shapes={"gain": (1,)})
def options_have_defaults(self, x, gain, factor=2.0):
    return x * gain * factor


@pytest.mark.parametrize("make", case.params)
def test_a_step_means_what_it_means_in_numpy(make):
    with np.errstate(all="ignore"):
        assert_means_the_same(make)
