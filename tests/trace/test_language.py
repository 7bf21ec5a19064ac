"""The language of a step: what people write in NumPy means the same after tracing, in values, dtypes and shapes.

Each case runs as plain NumPy (the oracle) and compiled, hoisted and not.
"""

from __future__ import annotations

import numpy as np
import pytest

from graphpool.parameters import Parameter, State
from tests.trace.stepping import Cases, assert_means_the_same

case = Cases()
V = State(np.array([0.5, -1.0, 2.0]))
W = Parameter(np.array([1.0, -0.5, 0.25]))
M = State(np.arange(6.0).reshape(2, 3) / 4)
COUNT, FLAG, SCALAR = State(np.zeros(3, np.int64)), State(np.array([True, False, True])), State(0.25)
SINGLE = State(np.array([0.5, 1.5, -0.25], np.float32))


# --- states ----------------------------------------------------------------------------------------------------------
@case(v=V)
def reading_and_assigning(self, x):
    self.v = 0.5 * self.v + x
    return 2 * self.v


@case(v=V)
def the_earlier_value_stays(self, x):
    prev = self.v
    self.v = self.v * 0.5 + x
    return self.v - prev


@case(v=V)
def assigned_twice(self, x):
    self.v = x + 1
    self.v = self.v * self.v
    return self.v


@case(v=V, w=State(np.zeros(3)))
def one_state_feeds_another(self, x):
    self.v = x
    self.w = self.v
    self.v += 1
    return self.w, self.v


@case(v=V)
def the_input_is_a_copy(self, x):
    self.v = x
    x += 100
    return self.v, x


@case(v=V)
def what_leaves_is_a_copy(self, x):
    return self.v, self.v, x


@case(v=V, w=State(np.ones(3)))
def swapped(self, x):
    self.v, self.w = self.w + x, self.v
    return self.v - self.w


@case(v=V, f=SINGLE, n=COUNT)
def a_scalar_is_broadcast(self, x):
    self.v = 3
    self.f = 0.1
    self.n = 2
    return self.v + self.f + self.n


@case(f=SINGLE, v=V)
def dtypes_are_cast_within_their_kind(self, x):
    self.f = x * 0.1
    self.v = self.f
    return self.f, self.v


@case(n=COUNT, flag=FLAG)
def integer_and_bool_states(self, x):
    self.n += x > 0
    self.flag = self.flag ^ (x > 1)
    return self.n, self.flag, self.n * 2, ~self.flag


@case(v=SCALAR)
def a_state_without_axes(self, x):
    alias = self.v
    self.v += x.sum()
    self.v = self.v * 0.5
    return alias, self.v, x * self.v


@case(v=V, unused=State(np.ones(2)))
def an_unused_state_stays(self, x):
    self.v = x
    return x


# --- in place, aliases and views -------------------------------------------------------------------------------------
@case(v=V)
def aliases_are_one_array(self, x):
    alias = self.v
    self.v += x
    alias -= 1
    alias *= 0.5
    return self.v, alias


@case(v=V)
def slices_are_written_through(self, x):
    self.v[1:] += x[:-1]
    self.v[0] = x[2]
    self.v[-1] *= 2
    return self.v


@case()
def a_view_follows_its_base(self, x):
    tail = x[1:]
    before = tail.copy()
    x *= 2
    return tail, before, tail - before


@case()
def the_base_follows_a_view(self, x):
    tail = x[1:]
    tail += 1
    tail[0] = 5
    return x, tail


@case(m=M)
def views_of_views(self, x):
    row = self.m[1]
    middle = row[::-1][1:]
    middle += x[0]
    self.m[0] -= 1
    return self.m, middle, row


@case()
def backwards_and_onto_itself(self, x):
    x[::-1] = x
    back = x[::-1]
    back[:2] += x[1:]
    return x, back


@case(m=M)
def ellipsis_and_new_axes(self, x):
    column = x[:, None]
    column += 1
    self.m[..., 0] = 7
    deep = x[None, ..., None]
    deep *= 2
    return x, deep, self.m[..., 1], self.m[:, None, 1:], x[0, ...] + 1


@case(m=M)
def steps_and_negative_indices(self, x):
    self.m[-1, ::2] = x[:2]
    self.m[:, 1] -= x[-1]
    self.m[::-1, ::-1][0, 0] = 9
    return self.m, self.m[1::-1, -2:0:-1]


@case()
def a_slice_past_the_end(self, x):
    return x[1:99], x[-99:2], x[:-99:-1], x[2:1].sum()


@case()
def rearranged_views_are_read_after_a_change(self, x):
    column, flat = x.reshape(3, 1), x[:, None].T.ravel()
    x += 1
    return column, flat, np.broadcast_to(x, (2, 3)), x.flatten()


@case(m=M)
def a_ravel_of_a_column_is_a_copy_and_a_reshape_a_view(self, x):
    column = self.m[:, 0]
    copied, viewed, forced = column.ravel(), column.reshape(-1), x.reshape(3, 1, copy=True)
    self.m += 1
    x += 1
    return copied, viewed, forced


@case(m=M)
def a_copying_ravel_may_be_written(self, x):
    flat = self.m.T.ravel()
    flat += 1
    return flat, self.m


@case()
def an_index_of_all_axes_is_a_scalar(self, x):
    first = x[0]
    same = first
    first += 1
    return x, first, same


@case()
def a_scalar_is_bound_anew(self, x):
    total = x.sum()
    before = total
    total += 1
    total *= 2
    return before, total


@case(v=V)
def out_and_copyto(self, x):
    np.add(x, 1, out=self.v)
    np.minimum(self.v[1:], 1, out=self.v[1:], where=x[1:] > 0)
    np.copyto(x, self.v, where=self.v > 0)
    np.multiply(x, 2, out=x, where=x < 1)
    buffer = np.zeros_like(x)
    np.sum(np.stack([x, x]), axis=0, out=buffer)
    np.copyto(self.v, 4)
    return x, buffer, self.v


@case()
def astype_and_copy(self, x):
    same, other, single = x.astype(np.float64, copy=False), x.astype(np.float64), x.astype(np.float32)
    x += 1
    other += 10
    return same, other, single, x.astype(int), x.astype(bool), np.copy(x)


@case(m=M)
def iteration_goes_over_the_first_axis(self, x):
    for row, number in zip(self.m, x, strict=False):
        row += number
    total = 0
    for item in x:
        total = total + item
    first, *_ = reversed(x)
    return self.m, total, sum(x), first, len(x)


# --- masks -----------------------------------------------------------------------------------------------------------
@case(v=V)
def masked_lines(self, x):
    self.v += x
    self.v[self.v > 1] = 0
    self.v[self.v < -1] -= 1
    self.v[x > 0] *= 2
    return self.v


@case(v=V)
def values_go_back_under_their_mask(self, x):
    mask = x > 0
    self.v[mask] = x[mask]
    self.v[~mask] = np.abs(x[~mask]) + 2 * self.v[~mask]
    return self.v


@case(m=M)
def a_mask_of_fewer_axes(self, x):
    rows = x[:2] > 0
    self.m[rows] = x
    self.m[~rows] += 1
    return self.m


@case(v=V)
def a_masked_value_is_a_copy(self, x):
    chosen = x[x > 0]
    mask = x > 0
    x += 10
    x[mask] = chosen
    x[np.array([True, False, False])] = 3
    x[[False, False, True]] += 1
    return x


@case()
def a_mask_on_a_view(self, x):
    tail = x[1:]
    tail[tail > 0] = -1
    tail[x.sum() > 0] = 8
    return x


@pytest.mark.parametrize("make", case.params)
def test_a_step_means_what_it_means_in_numpy(make):
    with np.errstate(all="ignore"):
        assert_means_the_same(make)
