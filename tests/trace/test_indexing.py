"""Indices with arrays and traced integers: they read, write, alias and copy as in NumPy, on every runtime."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import graphpool
from graphpool.ops import OPS, evaluate
from graphpool.parameters import Parameter, State
from tests.trace.stepping import Cases, assert_means_the_same, module_of

TARGETS = ("numpy", "onnx", "jax")
case = Cases()
V = State(np.array([0.5, -1.0, 2.0]))
M = State(np.arange(12.0).reshape(3, 4) / 4)
CUBE = State(np.arange(24.0).reshape(2, 3, 4) / 4)
RING = State(np.zeros((4, 3)))
TABLE = Parameter(np.arange(15.0).reshape(5, 3) / 4)
NUMBER = State(np.array(0))


def place(x, count):
    """A traced integer in range, made of an input."""
    return np.mod(x.astype(np.int64), count)


# --- reading ---------------------------------------------------------------------------------------------------------
@case(m=M)
def constant_arrays(self, x):
    m = self.m
    return (
        x[[0, 2, 1]], x[np.array([0, -1])], x[np.array([[0, 1], [2, 2]])], m[[0, 2]], m[:, [3, 0]], m[[0, 2], [1, -1]],
        m[[[0], [2]], [0, 1]], m[1, [0, 2]], m[[0, 2], 1:], m[None, [0, 1], ..., 0], x[[]], m[..., np.array(1)],
        m[np.array([True, False, True]), 1], m[:, np.array([True, False, True, True])], x[[True, False, True]].sum(),
        m[m.shape[0] * [False]], m[np.eye(3, 4, dtype=bool)], x[np.zeros(3, bool)].size, x[[True, False, False]] + x,
    )  # fmt: skip


@case(v=V, m=M)
def constant_masks_are_written(self, x):
    some, square = np.array([True, False, True]), np.eye(3, 4, dtype=bool)
    v, m = self.v, self.m
    v[some] += x[:2]
    v[~some] = x[~some] * 2
    v[~(some | ~some)] = 7
    m[square] = x
    m[~square] *= 0.5
    m[some] -= m[[1]]
    m[[False, True, False]] = v[:1]
    np.negative(v[some], out=v[some])
    return v, m


@case(m=M, c=State(np.ones((3, 3, 3))))
def diagonals_are_written(self, x):
    square = np.outer(x, x)
    np.fill_diagonal(square, 0)
    np.fill_diagonal(self.m, x)
    np.fill_diagonal(self.c, 2)
    square[range(2), range(1, 3)] = 9
    square[np.tril_indices_from(square, -1)] = 7
    square[np.diag_indices_from(square)] += x
    return square, self.m, self.c, square[np.triu_indices_from(square)], x[range(3)]


@case(c=CUBE)
def axes_stand_where_numpy_puts_them(self, x):
    c, two, one = self.c, [[0, 1, 1], [1, 0, 1]], [0, 1, 1]
    return (
        c[:, one], c[one, :, one], c[:, two, one], c[one, None, one], c[0, :, one], c[:, 0, one], c[..., one],
        c[:, one, ..., one], c[None, :, one], c[:, two], c[:, :, two], c[one, ..., 1:], c[:, None, one, :, None],
    )  # fmt: skip


@case(m=M, c=CUBE, table=TABLE)
def traced_integers(self, x):
    i, j = place(x[0], 3), place(x[1], 3)
    return (
        x[i], self.m[i], self.m[i, j], self.m[:, i], self.m[i, 1:], self.m[i, ..., None], self.table[i], self.c[1, i],
        self.c[:, i, 1:], self.c[1, i, j], self.table[i][j], x[i - 3], self.m[i, [0, 1]], x[..., i],
    )  # fmt: skip


@case(m=M, c=CUBE, table=TABLE)
def traced_arrays(self, x):
    i = place(x, 3)
    two = np.stack([i, i[::-1]])
    return (
        x[i], x[two], self.m[i], self.m[:, i], self.m[i, i], self.m[i, :2], self.m[i, 1], self.table[i],
        self.table[two], self.c[:, i], self.c[:, i, i], self.c[0, i, :], self.c[:, two, 1:], self.c[i % 2, :, i],
        self.table[i, [0, 1, 2]], self.m[i[:, None], [0, 3]], np.arange(5.0)[None][:, [0]] * x[i],
        x[i.astype(np.int32)],
    )  # fmt: skip


@case(m=M)
def take_and_along(self, x):
    i = place(x, 3)
    along = np.stack([i, i, i])
    return (
        np.take(x, 1), np.take(x, i), np.take(self.m, [0, 5]), np.take(self.m, i, axis=1), self.m.take([1, 1], 0),
        np.take(x, i + 2, mode="clip"), np.take(x, i - 9, mode="wrap"), np.take(x, [4, -5], mode="wrap"),
        np.take_along_axis(self.m, along, 1), np.take_along_axis(self.m, along[:1, :1], 0), np.take(x, i[0]),
        np.take_along_axis(self.m, np.argmax(self.m, 1, keepdims=True), 1), np.take_along_axis(x, i, None),
    )  # fmt: skip


# --- writing ---------------------------------------------------------------------------------------------------------
@case(v=V, m=M)
def a_traced_integer_is_written(self, x):
    i, j = place(x[0], 3), place(x[1], 4)
    self.v[i] = x[1]
    self.v[i] += 2
    self.m[i] = x[0]
    self.m[i, j] = 7
    self.m[:, j] *= 2
    self.m[i, 1:3] = x[:2]
    return self.v, self.m


@case(v=V, m=M)
def arrays_are_written(self, x):
    i = place(x, 3)
    self.v[[0, 2]] = x[:2]
    self.v[i] = x
    self.v[i] += 1
    self.m[i] = x[:, None]
    self.m[:, i] -= x
    self.m[i, [0, 1, 3]] = x
    self.m[[0, 1], 2] = 0.25
    self.m[[0, 2], 1:3] = x[:2]
    self.m[i[:, None], [0, 3]] += 1
    self.v[[]] = 9
    return self.v, self.m


@case(v=V)
def the_last_of_equal_positions_wins(self, x):
    self.v[[1, 1, 1]] = x
    self.v[[0, 0, 2]] += x
    zeros = place(x, 1)
    y = np.zeros_like(x)
    y[zeros] = x
    y[zeros] += x
    return self.v, y


@case(c=CUBE)
def separated_arrays_are_written(self, x):
    i = place(x, 2)
    self.c[i, :, [0, 2, 3]] = x
    self.c[0, :, i] = x[:, None]
    self.c[:, i, 1] += 1
    self.c[:, None, i] -= 1
    return self.c


@case(m=M)
def put_along(self, x):
    np.put_along_axis(self.m, np.argmax(self.m, 1, keepdims=True), -9.0, 1)
    np.put_along_axis(x, place(x, 3)[:2], x[:2] * 2, None)
    np.put_along_axis(self.m, np.array([[0, 1, 2, 0]]), x[:1], axis=0)
    return self.m, x


@case(n=State(np.zeros(3, np.int64)), f=State(np.zeros(3, np.float32)), flag=State(np.zeros(3, bool)))
def written_values_are_cast(self, x):
    i = place(x[0], 3)
    self.n[i] += 1
    self.n[[0, 1]] = x[:2]
    self.f[i] = x[1]
    self.flag[i] = x[2]
    return self.n, self.f, self.flag


# --- views and copies ------------------------------------------------------------------------------------------------
@case(m=M)
def a_traced_scalar_gives_a_view_and_an_array_a_copy(self, x):
    i = place(x[0], 3)
    row, column = self.m[i], self.m[:, i]
    copied, by_array, by_list = self.m[np.array(0)], self.m[place(x, 3)], self.m[[0, 1]]
    self.m += 1
    row += 10
    column[1:] *= 2
    copied += 100
    by_array += 100
    by_list += 100
    return self.m, row, column, copied, by_array, by_list


@case(m=M)
def views_of_a_picked_row(self, x):
    i = place(x[0], 3)
    tail = self.m[i][1:]
    tail[0] = 5
    i = i + 1
    tail[1] += x[0]
    np.add(tail, 1, out=tail)
    picked = self.m.T[place(x[1], 4)][place(x[2], 3)]
    picked += 3
    return self.m, tail, picked


@case(m=M)
def a_state_without_axes_as_an_index_copies(self, x):
    i = np.zeros_like(x[0, None], dtype=np.int64).reshape(())
    row = self.m[i]
    row += 50
    self.m[i] += 1
    return self.m, row


@case(m=M)
def masks_beside_indices(self, x):
    i = place(x[0], 3)
    row = self.m[i]
    row[row > 1] = -1
    self.m[self.m < 0] *= 0.5
    self.m[[0, 1]] = np.where(self.m[[0, 1]] > 0, self.m[[0, 1]], 2)
    return self.m


# --- delay lines -----------------------------------------------------------------------------------------------------
@case(buffer=RING, position=NUMBER)
def a_ring_buffer(self, x):
    late = self.buffer[self.position]
    self.buffer[self.position] = x
    self.position = (self.position + 1) % 4
    return late, self.buffer[self.position - 1]


@case(buffer=RING)
def a_rolled_state(self, x):
    self.buffer = np.roll(self.buffer, 1, axis=0)
    self.buffer[0] = x
    return self.buffer[-1], self.buffer.mean(axis=0)


@case(buffer=RING, position=NUMBER)
def taps_of_a_ring_buffer(self, x):
    self.position += 1
    self.buffer[self.position % 4] = x
    return self.buffer[(self.position - np.array([0, 1, 3])) % 4], self.buffer[(self.position - 2) % 4, 1]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("make", case.params)
def test_an_index_means_what_it_means_in_numpy(make, target):
    with np.errstate(all="ignore"):
        assert_means_the_same(make, target)


# --- out of range ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", TARGETS)
def test_a_traced_index_out_of_range_goes_to_the_nearest_end(target):
    """NumPy raises; a compiled program cannot, and all targets do the same."""

    def step(self, x):
        i = x.astype(np.int64)
        y = np.zeros_like(x)
        y[i[0]] = 1
        return self.table[i], y

    inputs = np.array([[3.0, -4.0, 2.0], [99.0, -1.0, -99.0], [-3.0, -99.0, 1.0]])
    run = graphpool.compile(module_of(step, table=Parameter(np.array([10.0, 20.0, 30.0]))), target)
    outputs = run(inputs)[0]
    np.testing.assert_array_equal(outputs["output.0"][0], [[30, 10, 30], [30, 30, 10], [10, 10, 20]])
    np.testing.assert_array_equal(outputs["output.1"][0], [[0, 0, 1], [0, 0, 1], [1, 0, 0]])


def test_equal_positions_hold_equal_rows_in_whichever_order_a_target_writes(monkeypatch):
    """Fault: a target that writes backwards, as engines may, lets the first of equal positions win."""

    def step(self, x):
        y = np.zeros_like(x)
        y[place(x, 2)] = x
        return y

    def backwards(xp, base, index, rows, *, ranks):
        turned = [array[..., ::-1].copy() for array in (index, rows)]
        return evaluate("put", xp, [base, *turned], ranks, {}, kernel)

    x = np.array([[1.0, 2, 3], [2, 4, 5], [0, 0, 0], [1, 3, 2]])
    expected = np.array([step(None, row) for row in x])
    kernel = OPS["put"].kernel
    monkeypatch.setitem(OPS, "put", dataclasses.replace(OPS["put"], kernel=backwards))
    np.testing.assert_array_equal(graphpool.compile(module_of(step), "numpy")(x)[0][0], expected)
