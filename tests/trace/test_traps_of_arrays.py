"""What a step must not do to arrays: plain ones that hold no traced values, and those of another kind.

The line at fault ends in the comment ``# here``.
"""

import numpy as np
import pytest

import graphpool
from tests.trace.stepping import module_of
from tests.trace.trapping import Traps

trap = Traps()


# --- plain arrays ----------------------------------------------------------------------------------------------------
@trap("has no numbers yet", "np.stack")
def asarray(self, x):
    return np.asarray(x) * 2  # here


@trap("np.stack or np.concatenate")
def an_array_of_values(self, x):
    return np.array([x, x])  # here


@trap("np.stack or np.concatenate")
def an_array_of_scalars(self, x):
    return np.array([x[0], 1.0])  # here


@trap("np.zeros_like")
def a_plain_buffer(self, x):
    buffer = np.zeros(3)
    buffer[0] = x[0]  # here
    return buffer


@trap("np.zeros_like")
def a_slice_of_a_plain_buffer(self, x):
    buffer = np.zeros(3)
    buffer[1:] = x[1:]  # here
    return buffer


@trap("out= is a plain ndarray", "np.zeros_like")
def out_is_a_plain_array(self, x):
    buffer = np.zeros(3)
    np.add(x, 1, out=buffer)  # here
    return buffer


@trap("out= is a plain ndarray", "np.zeros_like")
def a_plain_array_in_place(self, x):
    buffer = np.zeros(3)
    buffer += x  # here
    return buffer


@trap("out= is a plain ndarray")
def a_reduction_into_a_plain_array(self, x):
    buffer = np.zeros(())
    np.sum(x, out=buffer)  # here
    return buffer


@trap("np.copyto into a plain array", "np.zeros_like")
def copyto_a_plain_array(self, x):
    buffer = np.zeros(3)
    np.copyto(buffer, x)  # here
    return buffer


@trap("out= is a scalar")
def out_is_a_scalar(self, x):
    total = x.sum()
    np.add(x[0], x[1], out=total)  # here
    return total


# --- arrays of another kind ------------------------------------------------------------------------------------------
@trap("a matrix of shape (3, 3) cannot be part of a graph", "np.asarray(...), with @")
def the_product_with_a_matrix(self, x):
    return np.eye(3).view(np.matrix) * x  # here


@trap("a MaskedArray of shape (3,) cannot be part of a graph", "np.where(mask, a, b)")
def a_masked_array(self, x):
    return x + np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])  # here


@trap("a MaskedArray of shape (3,)")
def a_masked_array_as_condition(self, x):
    return np.where(np.ma.masked_array([True, True, False], [0, 1, 0]), x, 0)  # here


@trap("a MaskedArray of shape (3,)")
def a_masked_array_written(self, x):
    x[:] = np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])  # here
    return x


@trap("a matrix of shape (1, 2)")
def a_matrix_as_index(self, x):
    return x[np.array([[0, 1]]).view(np.matrix)]  # here


@trap("a MaskedConstant of shape ()")
def the_masked_constant(self, x):
    return x * np.ma.masked  # here


@pytest.mark.parametrize("trapped", trap.params)
def test_a_trap_is_an_error_that_shows_the_line(trapped):
    trapped.check()


def test_an_array_in_a_file_is_an_array(tmp_path):
    np.save(tmp_path / "table.npy", np.arange(3.0))
    table = np.load(tmp_path / "table.npy", mmap_mode="r")
    assert "[0.0, 1.0, 2.0]:f64[3]" in str(graphpool.trace(module_of(lambda self, x: x * table)))
