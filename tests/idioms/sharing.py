"""Views, aliases, swaps and copies: lines whose meaning hangs on which arrays share memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid, weights


class Swapped(Module):
    """A wave on a string: the two newest profiles change places, and the oldest is written over."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.now = State(np.zeros(n))
        self.before = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.before[1:-1] = 2 * self.now[1:-1] - self.before[1:-1] + 0.25 * np.diff(self.now, 2)
        self.before[1] += x
        self.before *= 0.5
        self.now, self.before = self.before, self.now
        return self.now


class Unpacked(Module):
    """Rows of one state array under names of their own; lines on the names change the state."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.y = State(np.zeros((3, n)))

    def step(self, x: Any) -> Any:
        v, w, trace = self.y
        v += x - w
        fired = v > 1
        v[fired] -= 1
        w *= 0.5
        w += 0.25 * fired
        trace[:] = np.where(fired, 1, trace * 0.5)
        return self.y[-1], fired


class FlatView(Module):
    """A matrix by the number of its elements: written at row and column, read as a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.W = State(weights(3, 4, seed=1))
        self.k = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.W[self.k // 4, self.k % 4] = x[0]
        self.W[:, 1] += x[:3]
        self.W[:, ::2] *= 0.5
        self.W[::-1][0, -2:] = x[-2:]
        flat = self.W.ravel()
        total = flat[self.k] + flat[::5].sum()
        self.k = (self.k + 5) % flat.size
        return flat, total, self.W.reshape(2, 6).max(axis=1)


class OldAndNew(Module):
    """Keeps the value from before by a copy; the alias beside it goes along with the state."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.v = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        old, alias = self.v.copy(), self.v
        self.v += x
        change = self.v - old
        self.v = self.v * 0.5
        alias[0] = 100
        return change, alias, old


class Overlapping(Module):
    """A register shifted onto itself in both directions, without a copy."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.line = State(np.zeros(n))
        self.left = State(np.zeros((2, n)))

    def step(self, x: Any) -> Any:
        self.line[1:] = self.line[:-1]
        self.line[0] = x[0]
        self.left[:, :-1] = self.left[:, 1:]
        self.left[:, -1] = x[:2]
        self.line[:2] += self.line[-2:]
        self.line *= 0.5
        return self.line - self.left.sum(0)


class PickedRow(Module):
    """A row at a position that moves: in place by the index, and as a copy that stays one."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = State(np.zeros((3, 4)))
        self.page = State(np.array(0))

    def step(self, x: Any) -> Any:
        before = self.pages[self.page].copy()
        self.pages[self.page] *= 0.5
        self.pages[self.page, 1:] += x[1:]
        self.pages[self.page - 1][0] = 7
        self.pages[self.page, [0, 2]] -= x[0]
        self.page = np.where(x[0] > 0, (self.page + 1) % 3, self.page)
        return before, self.pages[[2, 0]]


class ChosenRows(Module):
    """Constant fancy indices on both sides, a boolean constant, np.ix_, and the last write to an element twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = np.array([3, 0, 2])
        self.even = np.arange(5) % 2 == 0
        self.v = State(np.zeros(5))
        self.W = State(np.zeros((5, 5)))

    def step(self, x: Any) -> Any:
        self.v[self.pairs] += x
        self.v[[1, 4, 1]] = x
        self.v[self.even] *= 0.5
        self.W[np.ix_(self.pairs, [0, 4])] += np.outer(x, self.v[[0, 4]])
        self.W[self.pairs, self.pairs] = 0
        self.W[self.even] *= 0.25
        return self.v[self.pairs][::-1], self.W


class BackAndForth(Module):
    """Integers and floats in turns: divisions that floor, remainders of negatives, truth as a number."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = State(np.zeros(n, dtype=np.int64))
        self.parity = State(np.zeros(n, dtype=bool))

    def step(self, x: Any) -> Any:
        ticks = np.floor(x * 4).astype(int)
        self.n += ticks
        quotient, rest = np.divmod(self.n, 7)
        self.parity ^= rest % 2 == 1
        signed = np.where(self.parity, -1, 1) * rest
        self.n = np.where(np.abs(self.n) > 50, self.n // -3, self.n)
        return quotient, signed / 8, self.n - 5 * (self.n // 5), True + self.parity * 1.5


class Layered(Module):
    """Modules within a module: layers in a list, a loop over them, a shared one used twice, a skip."""

    class Layer(Module):
        def __init__(self, n: int, seed: int) -> None:
            super().__init__()
            self.w = Parameter(weights(n, n, seed=seed) * 0.5)
            self.v = State(np.zeros(n))

        def step(self, x: Any, gain: float = 1.0) -> Any:
            self.v = 0.5 * self.v + gain * (x @ self.w)
            out = self.v > 0.5
            self.v[out] = 0
            return out.astype(float)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.dt = SimulationParameter(1e-3)
        self.first = self.Layer(n, 2)
        self.second = self.Layer(n, 3)
        self.total = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        h = x
        for layer in (self.first, self.second, self.first):
            h = h + layer.step(h, gain=0.5)
        self.total += self.dt * 1000 * h
        self.total %= 8
        return h, self.total


class Scanner(Module):
    """Cumulative sums and products, a running maximum by slices, and a comparison of all with all."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.best = State(np.full(n, -4.0))
        self.order = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        self.best = np.maximum(self.best - 0.125, x)
        rank = (self.best[:, None] > self.best[None, :]).sum(axis=1)
        self.order += rank
        spread = np.cumsum(np.clip(x, -1, 1))[::-1]
        survival = np.cumprod(np.where(x > 0, 0.5, 1.0))
        return rank, spread, survival, self.order.cumsum()


IDIOMS = [
    Idiom("profiles that change places", lambda: Swapped(7), {"x": ()}),
    Idiom("rows under their own names", lambda: Unpacked(3), {"x": (3,)}, grid(0, 1)),
    Idiom("a matrix as a vector", FlatView, {"x": (4,)}),
    Idiom("old and new", lambda: OldAndNew(3), {"x": (3,)}),
    Idiom("registers shifted onto themselves", lambda: Overlapping(5), {"x": (5,)}),
    Idiom("a row at a moving position", PickedRow, {"x": (4,)}),
    Idiom("chosen rows and columns", ChosenRows, {"x": (3,)}),
    Idiom("integers back and forth", lambda: BackAndForth(4), {"x": (4,)}, grid(), 0),
    Idiom("layers in a loop", lambda: Layered(4), {"x": (4,)}, events(0.4)),
    Idiom("sums and products along the way", lambda: Scanner(5), {"x": (5,)}, grid(), 0),
]
