"""Functions that reduce, run along, rearrange, join, cut and multiply arrays mean what they mean in NumPy.

Inputs are multiples of 1/4, so that most results are exact; what rounds is compared with a tolerance elsewhere.
"""

from __future__ import annotations

import numpy as np
import pytest

from graphpool.parameters import Parameter, State
from tests.trace.stepping import Cases, assert_means_the_same

TARGETS = ("numpy", "onnx", "jax")
case = Cases()
M = State(np.arange(12.0).reshape(3, 4) / 4)
CUBE = State(np.arange(24.0).reshape(2, 3, 4) / 4)
W = Parameter(np.array([[0.5, -1.0, 2.0], [0.25, 0.0, 1.0]]))
N = State(np.array([3, -1, 2], np.int32))
SINGLE = State(np.array([0.5, 1.5, -0.25], np.float32))


# --- reductions ------------------------------------------------------------------------------------------------------
@case(m=M, n=N, f=SINGLE)
def places_of_extremes(self, x):
    flags = x > 0
    return (
        np.argmax(x), np.argmin(self.m), np.argmax(self.m, axis=0), self.m.argmin(1), np.argmax(self.m - x[0], -1),
        np.argmax(x, keepdims=True), self.m.argmax(axis=1, keepdims=True), np.argmax(flags), self.n.argmin(),
        np.argmax(self.f), np.argmax(np.where(x > 2, np.nan, x)), np.argmin(np.where(flags, np.nan, x)),
        np.argmax(x[0]), np.argmax(np.zeros_like(x)), np.argmax(self.m, keepdims=True), np.argmax(x) + self.n,
    )  # fmt: skip


@case(m=M, n=N, f=SINGLE)
def products_and_running_sums(self, x):
    return (
        np.prod(x), self.m.prod(axis=0), np.prod(self.n), np.prod(x > 0), np.multiply.reduce(self.m),
        x.prod(keepdims=True), np.prod(self.f, dtype=np.float64), np.cumsum(x), np.cumsum(self.m),
        self.m.cumsum(axis=0), np.cumprod(self.m, 1), np.cumsum(self.n), np.cumsum(x > 0), np.cumsum(self.f),
        np.cumprod(x), self.n.cumprod(), np.cumsum(x[0]), np.prod(x[:0]), np.cumsum(x, dtype=np.float32),
        np.cumsum(self.m.T, 0).ravel(),
    )  # fmt: skip


@case(m=M, n=N, f=SINGLE)
def parts_and_beginnings(self, x):
    high, m, n = x > 0, self.m, self.n
    return (
        np.sum(x, where=high), np.sum(m, axis=1, where=high[:, None]), np.sum(m, where=[True, False, True, True]),
        np.prod(x, where=high), np.any(m > 1, axis=0, where=high[:, None]), np.all(x > 1, where=high), x.sum(initial=2),
        np.mean(m, where=m < 2.5), np.mean(m, axis=0, where=[[True], [False], [True]], keepdims=True),
        np.mean(n, where=n > 0), np.mean(self.f, where=self.f > 0), np.max(x, where=high, initial=-1),
        np.min(n, initial=1), np.max(high, initial=False), np.sum(n, initial=x.size, where=high),
        np.add.reduce(m, where=high[:, None], initial=1.0), m.max(axis=1, initial=x[0]), np.amax(m, 0), np.amin(x),
    )  # fmt: skip


@case(n=N, f=SINGLE)
def parts_of_real_numbers(self, x):
    flags = x > 0
    return (
        x.real, x.imag, x.conj(), x.conjugate(), np.real(x), np.imag(x), self.n.imag, self.n.conj(), np.imag(self.f),
        np.conj(self.f), flags.imag, np.real(x[0]), x[0].imag * x, x[0].conj() + x, np.imag(self.f[1]),
    )  # fmt: skip


@case(m=M, n=N, f=SINGLE)
def methods_of_ufuncs(self, x):
    return (
        np.subtract.outer(x, [1, 2]), np.multiply.outer(self.m, x), np.less.outer(x, 1), np.add.outer(self.n, self.f),
        np.add.accumulate(self.m), np.add.accumulate(x > 0), np.multiply.accumulate(self.m, axis=1),
        np.round(x / 4, 1), x.round(2), np.around(self.m * 100, -1), np.round(self.f / 4, 1), np.round(self.n, 2),
        np.dot(x > 0, x > 1), np.outer(x > 0, x > 1) @ (x > -1), np.astype(x, np.int32),
    )  # fmt: skip


@case(m=M, n=N, f=SINGLE)
def spreads(self, x):
    quarter = np.round(self.m * 0 + x[0])
    return (
        np.ptp(x), np.ptp(self.m, axis=1), np.ptp(self.n), np.count_nonzero(x), np.count_nonzero(self.m > 1, axis=0),
        np.count_nonzero(self.n, keepdims=True), np.median(x), np.median(self.m, axis=0), np.median(x[:2]),
        np.median(self.n), np.median(self.f), np.median(self.m[:2], axis=0, keepdims=True), np.median(x[0]),
        np.var(x[:2]), np.var(self.m[:, :2], axis=1), np.std(x[:1]), np.var(quarter), x[:2].var(ddof=1),
        np.std(self.m[:, ::2], axis=1, keepdims=True), np.var(self.n[:2]), np.var(self.f[:2]), np.median(x > 0),
        np.average(x[:2]), np.average(self.m[:, :2], axis=1), np.average(x[:2], weights=[1, 3]),
        np.average(self.m, axis=1, weights=np.array([1.0, 0, 1, 2])), np.average(self.n[:2], weights=[1, 1]),
        *np.average(self.m[:, :2], axis=1, returned=True),
    )  # fmt: skip


@case(m=M, n=N, f=SINGLE)
def norms(self, x):
    norm = np.linalg.norm
    return (
        norm(x, 1), norm(x, np.inf), norm(x, -np.inf), norm(x, 0), norm(self.m, 1, axis=0),
        norm(self.m, np.inf, axis=1), norm(self.m, 1), norm(self.m, np.inf), norm(self.m, -1),
        norm(self.m, -np.inf, keepdims=True), norm(x[:1]), norm(x[:1], 2), norm(self.n, 1), norm(self.f, np.inf),
        norm(self.m[:1, :1], "fro"), norm(x[:1], keepdims=True), norm(self.m, 1, axis=(1, 0)),
    )  # fmt: skip


# --- rearranging -----------------------------------------------------------------------------------------------------
@case(m=M, c=CUBE)
def turned(self, x):
    m = self.m
    up, left, corner = np.flipud(m), np.fliplr(m), np.diagonal(m, 1)
    m += x[0]
    left[0] = 9
    return (
        np.roll(x, 1), np.roll(m, -2), np.roll(m, 1, axis=1), np.roll(m, (1, 2), axis=(0, 1)), np.roll(m, 5, 0), up,
        left, np.flip(m), np.flip(self.c, (0, 2)), np.rot90(m), np.rot90(m, 2), np.rot90(m, -1),
        np.rot90(self.c, 1, (1, 2)), corner, np.trace(m), m.trace(1), np.diagonal(self.c, axis1=1, axis2=2),
        m.diagonal(-1), np.diag(x), np.diag(x, -1), np.diag(m), np.trace(m > 1), np.tril(m), np.triu(m, 1), np.triu(x),
        np.tril(self.c, -1), np.roll(x, 0), np.flip(x[0]),
    )  # fmt: skip


@case(m=M, n=N)
def repeated(self, x):
    return (
        np.tile(x, 2), np.tile(x, (2, 2)), np.tile(self.m, (1, 2)), np.repeat(x, 2),
        np.repeat(self.m, [1, 0, 2], axis=0), np.repeat(self.m, 2), x.repeat(3), np.pad(x, 1),
        np.pad(x, (2, 0), constant_values=7), np.pad(self.m, ((1, 0), (0, 2))), np.pad(x, 2, mode="edge"),
        np.pad(self.m, 1, mode="wrap"), np.pad(x, (1, 2), "reflect"), np.pad(self.n, 1, "symmetric"),
        np.pad(self.n, 1), np.tile(x[0], 3), np.pad(x > 0, 1), np.pad(x, ((1, 2),), constant_values=(1, 2)),
    )  # fmt: skip


@case(m=M, n=N)
def joined(self, x):
    m = self.m
    return (
        np.vstack([x, x + 1]), np.vstack([m, m[:1]]), np.dstack([x, x]), np.dstack([m, m]), np.column_stack([x, x, m]),
        np.append(x, 1), np.append(x, [1, 2]), np.append(m, m[:, :1], axis=1), np.append(m, x), np.atleast_2d(x),
        np.atleast_3d(x), np.atleast_3d(m), *np.atleast_2d(x[0], m), *np.broadcast_arrays(x[:, None], m),
        np.append(self.n, 1),
    )  # fmt: skip


@case(m=M)
def cut(self, x):
    first, second = np.split(self.m, 2, axis=1)
    first[0] = 5
    self.m += 1
    return (
        first, second, *np.split(x, [1]), *np.array_split(self.m, 3, axis=1), *np.hsplit(self.m, [1, 3]),
        *np.vsplit(self.m, 3), *np.array_split(x, 2), *np.unstack(self.m), *np.unstack(x), *np.hsplit(x, 3),
        *np.split(x, [2, 1, 5]),
    )  # fmt: skip


@case(m=M, n=N)
def differences(self, x):
    return (
        np.diff(x), np.diff(self.m), np.diff(self.m, axis=0), np.diff(x, n=2), np.diff(x, prepend=0), np.diff(x > 0),
        np.diff(x, append=x[:1]), np.diff(self.n), np.diff(self.m, prepend=x[:, None]), np.diff(x, n=0),
        np.diff(x, n=3), np.diff(x, prepend=1.0, append=2.0), np.diff(self.n, prepend=0.5),
    )  # fmt: skip


# --- products --------------------------------------------------------------------------------------------------------
@case(m=M, c=CUBE, w=W, n=N)
def einsums(self, x):
    m, c, w, e = self.m, self.c, self.w, np.einsum
    return (
        e("i,i", x, x), e("ij,j->i", w, x), e("ij,jk", w, m), e("ji,j", m, x), e("i,j->ij", abs(x), abs(x)),
        e("ij->ji", m), e("ij->", m), e("ij->j", m), e("ii->i", w[:, :2]), e("ii", w[:, :2]), e("...j,j->...", w, x),
        e("ijk,jk->i", c, m), e("ijk,j->ik", c, x), e("bij,bkj->bik", c, c), e("ij,jk,kl->il", w, m, m.T),
        e("i,i->i", x, x), e("i,i,i->", x, x, x), e("...ij,jk->...ik", c.swapaxes(1, 2), m),
        e("ij,kj->ik", m, m, optimize=True), e("i,ij->j", x, m), e("i->", x), e("ij,ij->i", m, m),
        e("i,i", self.n, self.n), e("i,i->", x > 0, x < 1), e("a,b,c->abc", abs(x), abs(x[:2]), abs(x)),
        e("ij,k->", m, x), e("i...->...", c), e("ij,j", m, np.ones(4)), e("i,i", x[:1], x),
        e("b i j , b j -> b i", c[:, :, :3], c[:, 0, :3]),
    )  # fmt: skip


@case(m=M, c=CUBE, w=W, n=N, f=SINGLE)
def products(self, x):
    m, c, w = self.m, self.c, self.w
    return (
        np.tensordot(w, m, 1), np.tensordot(c, m, ([1, 2], [0, 1])), np.tensordot(abs(x), abs(x), 0),
        np.tensordot(m, c, (0, 1)), np.tensordot(x, x, 1), np.outer(x, x[:2]), np.outer(m, x), np.inner(x, x),
        np.inner(m, m), np.inner(w, x), np.inner(x, 2), np.vdot(m, m), np.kron(x, w), np.kron(w, x),
        np.kron(w, m[:, :2]), np.cross(x, [1.0, 2, 3]), np.cross(m[:, :3], x), np.cross(m, m[::-1], axis=0),
        np.outer(self.n, self.n), np.tensordot(self.n, self.f, 0), np.dot(m.T, x), np.inner(self.n, self.n),
        np.kron(self.n, 2),
    )  # fmt: skip


@case(m=M, n=N, w=W)
def convolutions(self, x):
    line, kernel = np.concatenate([x, self.m[0]]), self.w[0]
    modes = ("full", "same", "valid")
    return (
        *(np.convolve(line, kernel, mode) for mode in modes), *(np.convolve(kernel, line, mode) for mode in modes),
        *(np.correlate(line, kernel, mode) for mode in modes), *(np.correlate(kernel, line, mode) for mode in modes),
        *(np.convolve(line, kernel[:2], mode) for mode in modes),
        *(np.correlate(kernel[:2], line, mode) for mode in modes), np.convolve(line, [1, 0, -1]), np.convolve(x, 2),
        np.convolve(self.n, self.n), np.convolve(x > 0, x > 1), np.convolve(np.where(x > 1, np.inf, x), x[:2]),
        np.correlate(x, kernel), np.convolve(x[:2], x[1:], "same"),
    )  # fmt: skip


# --- choosing --------------------------------------------------------------------------------------------------------
@case(m=M, n=N, f=SINGLE)
def choices(self, x):
    which = np.mod(x.astype(np.int64), 3)
    return (
        np.select([x > 1, x > 0], [x, -x]), np.select([x > 1, x > 0], [1, self.n], default=-1),
        np.select([x > 0], [self.f], 0), np.select([x > 0], [self.m.T], x[0]), np.choose(which, [x, -x, 0.0]),
        np.choose(which[0], [self.m, self.m + 1, x[:, None]]), np.choose(x > 0, [1, 2]), which.choose([self.n, 1, 2]),
        np.choose(which - 4, [x, 1], mode="clip"), np.choose(which + 4, [x, 1], mode="wrap"),
        np.piecewise(x, [x < 0, x > 1], [lambda v: -v, 2.0, lambda v: v * 3]), np.piecewise(x, x > 0, [1, 0]),
        np.select([x > 0], [x]),
    )  # fmt: skip


@case(m=M, n=N)
def tables(self, x):
    table, points, heights = np.array([-2.0, 0, 0, 1.5]), [-1.0, 0.0, 2.0], [3.0, 1.0, 2.0]
    odd = np.where(x > 2, np.nan, x)
    return (
        np.searchsorted(table, x), np.searchsorted(table, x, side="right"), np.searchsorted(table, odd),
        np.searchsorted(table, x[0]), np.searchsorted(table, odd, "right"), np.searchsorted([0, 1, 2], self.n),
        np.interp(x, points, heights), np.interp(x[0], points, heights),
        np.interp(x, points, heights, left=-5, right=9), np.interp(odd, points, heights), np.interp(x, [0.5], [2.0]),
        np.interp(self.m, points, heights), np.interp(x, points, np.array([np.inf, 0, 1])),
        np.searchsorted(self.m[0], x), np.digitize(x, [-1, 0, 0, 1]), np.digitize(x[0], [1, 0, -1]),
        np.digitize(self.m, [1, 0], right=True), np.digitize(odd, [-1, 1], right=True),
    )  # fmt: skip


@case(m=M)
def traced_shifts(self, x):
    shift = np.mod(x[0].astype(np.int64), 7)
    return np.roll(x, shift), np.roll(self.m, shift, axis=1), np.roll(self.m, -shift, axis=0), np.roll(self.m, shift)


@case(m=M)
def results_into_buffers(self, x):
    flat, place, number = np.zeros_like(x), np.zeros_like(x, dtype=np.int64)[0, ...], np.zeros_like(x[:1])[0, ...]
    np.cumsum(x, out=flat)
    np.argmax(x, out=place)
    np.ptp(x, out=number)
    np.einsum("ij,i->j", self.m[:, :3], x, out=self.m[0, :3])
    return flat, place, number, self.m


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("make", case.params)
def test_a_function_means_what_it_means_in_numpy(make, target):
    with np.errstate(all="ignore"):
        assert_means_the_same(make, target)
