"""What of the array functions cannot be traced: named, with the values and the way round."""

from __future__ import annotations

import numpy as np
import pytest

import graphpool
from graphpool.errors import TraceError
from graphpool.ops import OPS
from graphpool.parameters import State
from graphpool.trace import FUNCTIONS, METHODS
from graphpool.trace.hints import HINTS
from tests.trace.stepping import module_of, said

M = State(np.zeros((2, 3)))


def message_of(function):
    """What is said of it, beside a line of this file."""

    def step(self, x):
        function(x, self.m)
        return x

    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(step, m=M))
    assert "tests/trace/test_structure_refusals.py:" in str(caught.value)
    return said(caught.value)


@pytest.mark.parametrize(
    ("function", "message", "way"),
    [
        (lambda x, m: np.sort(x), "np.sort cannot be traced", "no target sorts"),
        (lambda x, m: x.argsort(), "ndarray.argsort cannot be traced", "no target sorts"),
        (lambda x, m: x.sort(), "ndarray.sort cannot be traced", "no target sorts"),
        (lambda x, m: np.unique(x), "np.unique cannot be traced", "np.where(mask, x, 0)"),
        (lambda x, m: np.nonzero(x), "np.nonzero cannot be traced", "np.where(mask, x, 0)"),
        (lambda x, m: x.nonzero(), "ndarray.nonzero cannot be traced", "np.where(mask, x, 0)"),
        (lambda x, m: np.percentile(x, 5), "np.percentile cannot be traced", "np.median"),
        (lambda x, m: np.linalg.inv(m), "np.linalg.inv cannot be traced", "as a Parameter"),
        (lambda x, m: np.linalg.svd(m), "np.linalg.svd cannot be traced", "in __init__"),
        (lambda x, m: np.fft.fft(x), "np.fft.fft cannot be traced", "matrix of the transform"),
        (lambda x, m: np.histogram(x), "np.histogram cannot be traced", "(x[:, None] == bins)"),
        (lambda x, m: np.i0(x), "i0 cannot be traced", "docs/ops.md"),
        (lambda x, m: x.tolist(), "ndarray.tolist cannot be traced", "self.record"),
        (lambda x, m: x.tobytes(), "ndarray.tobytes cannot be traced", "self.record"),
        (lambda x, m: x.ctypes, "ndarray.ctypes cannot be traced", "traced arrays have"),
        (lambda x, m: np.median(m), "np.median of 6 elements", "up to three elements"),
        (lambda x, m: np.median(x[:0]), "np.median of 0 elements", "up to three elements"),
        (lambda x, m: np.linalg.norm(m, 2), "of matrices with ord=2", "singular value"),
        (lambda x, m: np.linalg.norm(m, "nuc", axis=0), "of vectors with ord='nuc'", "a number"),
        (lambda x, m: np.linalg.norm(m[None], 1), "over 3 axes", "name one axis"),
        (lambda x, m: np.cross(x[:2], x[:2]), "vectors of 2 and 2 elements", "a[0] * b[1] - a[1] * b[0]"),
        (lambda x, m: np.einsum("ij,j", m, x[:2]), "np.einsum('ij,j'): Size of label", ""),
        (lambda x, m: np.einsum(m, [0, 1]), "np.einsum with lists of axes", "as text"),
        (lambda x, m: np.einsum("i->i", x, order="F"), "np.einsum(order=...)", "operands alone"),
        (lambda x, m: np.tensordot(m, x, ([0], [0])), "np.tensordot over axes of lengths [2] and [3]", ""),
        (lambda x, m: np.tensordot(m, x, ([5], [0])), "axes [5] of an array of 2 axes", ""),
        (lambda x, m: np.convolve(m, x), "np.convolve of shapes (2, 3) and (3,)", "two vectors"),
        (lambda x, m: np.convolve(x, x, "none"), "mode='none'", "'same'"),
        (lambda x, m: np.pad(x, 1, "mean"), "np.pad with mode='mean'", "np.concatenate"),
        (lambda x, m: np.pad(x, 1, constant_values=x[0]), "np.pad with traced values", "np.concatenate"),
        (lambda x, m: np.pad(x, 1, constant_values=((0, x[0]),)), "np.pad with traced values", "np.concatenate"),
        (lambda x, m: np.fill_diagonal(m, [1, 2, 3]), "np.fill_diagonal with values of shape (3,)", "or 2 of them"),
        (lambda x, m: np.fill_diagonal(x, 1), "np.fill_diagonal of shape (3,)", "a matrix"),
        (lambda x, m: np.linalg.trace(m), "np.linalg.trace cannot be traced", "np.trace"),
        (lambda x, m: np.nanmax(x), "np.nanmax cannot be traced", "-np.inf"),
        (lambda x, m: np.take(x, 3), "index 3 is out of bounds", ""),
        (lambda x, m: np.take(x, [0], mode="none"), "np.take with mode='none'", "'wrap'"),
        (lambda x, m: np.take_along_axis(m, np.array([0]), 1), "indices of 1 axes for an array of 2", "same axes"),
        (lambda x, m: np.repeat(x, x[0].astype(int)), "np.repeat a traced number of times", "known while tracing"),
        (lambda x, m: np.tile(x, (2, x[0])), "np.tile a traced number of times", "known while tracing"),
        (lambda x, m: np.split(x, 2), "3 elements into 2 equal parts", "np.array_split"),
        (lambda x, m: np.array_split(x, 0), "np.split into 0 parts", "1 or more"),
        (lambda x, m: np.diff(x[0]), "np.diff of order 1 of an array of 0 axes", "needs an axis"),
        (lambda x, m: np.select([x], [x]), "a condition that is not bool", "x > 0"),
        (lambda x, m: np.select([x > 0], [x, x]), "1 conditions and 2 choices", "as many"),
        (lambda x, m: np.choose(x, [1, 2]), "np.choose by <traced f64[3]>", "by integers"),
        (lambda x, m: np.interp(x, [0, 1], [0, 1], period=3), "np.interp with a period", "x % period"),
        (lambda x, m: np.interp(x, [0, 1], [0]), "points (2,) and heights (1,)", "two vectors"),
        (lambda x, m: np.searchsorted(m, x), "anything but a sorted vector", "'left'"),
        (lambda x, m: np.argmax(x[:0]), "an empty axis of (0,)", ""),
        (lambda x, m: np.argmax(m, axis=2), "axis 2 is out of bounds", ""),
        (lambda x, m: np.var(x, where=x > 0), "np.var(where=...) cannot be traced", "np.where"),
        (lambda x, m: np.average(m, axis=1, weights=[1, 2]), "weights of shape (2,)", "shape of the array"),
        (lambda x, m: np.diagonal(x), "np.diagonal: diag requires an array of at least two dimensions", ""),
        (lambda x, m: np.diagonal(m).__setitem__(0, 1), "writing through a diagonal", "a copy of the view"),
        (lambda x, m: np.rot90(x), "axis 1 is out of bounds", ""),
        (lambda x, m: np.roll(m, x.astype(int)[:2], axis=(0, 1)), "several traced shifts", "one axis after the other"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_named_with_the_way_round(function, message, way):
    text = message_of(function)
    assert message in text
    assert way in text.partition("hint: ")[2]


def test_no_hint_is_about_what_traces():
    """Fault: a hint that goes stale when its function comes."""
    traced = {function.__name__ for function in FUNCTIONS} | set(METHODS)
    assert not traced & set(HINTS)


def test_every_function_of_numpy_traces_or_is_refused_by_name():
    """Fault: a function that runs on traced values by accident, or ends in an error of Python's."""
    dispatched = {
        name: item
        for name, item in vars(np).items()
        if callable(item) and hasattr(item, "_implementation") and not isinstance(item, type)
    }
    assert len(dispatched) > 150

    for name, function in dispatched.items():
        if function in FUNCTIONS:
            continue
        with pytest.raises(TraceError, match=rf"{function.__name__} cannot be traced"):
            graphpool.trace(module_of(lambda self, x, f=function: x.__array_function__(f, (type(x),), (x,), {}) or x))
        assert name


def test_positions_are_jumps():
    assert all("DISCRETE" in {trait.name for trait in OPS[name].traits} for name in ("argmax", "argmin", "take", "put"))
