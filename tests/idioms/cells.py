"""Recurrent cells, attention, reservoirs and other pieces of networks by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

import graphpool.functional as F
from graphpool import Parameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, grid, weights


def sigmoid(x: Any) -> Any:
    """As everyone writes it."""
    return 1.0 / (1.0 + np.exp(-x))


class VanillaRNN(Module):
    """Weights from the left, as in textbooks, and a read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.Wxh = Parameter(weights(4, 2, seed=1) * 0.5)
        self.Whh = Parameter(weights(4, 4, seed=2) * 0.5)
        self.Why = Parameter(weights(3, 4, seed=3))
        self.bh = Parameter(weights(4, seed=4))
        self.h = State(np.zeros(4))

    def step(self, x: Any) -> Any:
        self.h = np.tanh(np.dot(self.Wxh, x) + np.dot(self.Whh, self.h) + self.bh)
        return np.dot(self.Why, self.h)


class GRU(Module):
    """Joined input and state, gates as two slices, the sigmoid by hand."""

    def __init__(self, inputs: int, n: int) -> None:
        super().__init__()
        self.n = n
        self.W = Parameter(weights(inputs + n, 2 * n, seed=1))
        self.b = Parameter(weights(2 * n, seed=2))
        self.Wc = Parameter(weights(inputs + n, n, seed=3))
        self.h = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        gates = sigmoid(np.concatenate([x, self.h]) @ self.W + self.b)
        r, z = gates[: self.n], gates[self.n :]
        candidate = np.tanh(np.concatenate((x, r * self.h)) @ self.Wc)
        self.h = (1 - z) * candidate + z * self.h
        return self.h


class LSTM(Module):
    """Gates by np.split, SciPy's sigmoid, the forget bias in an early constant."""

    def __init__(self, inputs: int, n: int) -> None:
        super().__init__()
        self.Wx = Parameter(weights(inputs, 4 * n, seed=5))
        self.Wh = Parameter(weights(n, 4 * n, seed=6))
        self.forget_bias = 1.0
        self.h = State(np.zeros(n))
        self.c = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        i, f, o, g = np.split(x @ self.Wx + self.h @ self.Wh, 4)
        self.c = expit(f + self.forget_bias) * self.c + expit(i) * np.tanh(g)
        self.h = expit(o) * np.tanh(self.c)
        return self.h, self.c


class GatedMatrix(Module):
    """An LSTM whose gates are the rows of one matrix, peeled off by iteration."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Parameter(weights(4, 3, 5, seed=7))
        self.carry = State(np.zeros((2, 3)))

    def step(self, x: Any) -> Any:
        h, c = self.carry
        forget, write, read, new = np.einsum("gij,j->gi", self.kernel, np.hstack([x, h]))
        c = sigmoid(forget) * c + sigmoid(write) * np.tanh(new)
        h = sigmoid(read) * np.tanh(c)
        self.carry = np.stack((h, c))
        return h


class Attention(Module):
    """Softmax attention over the last few inputs; the memory is shifted in place, the scores made safe by hand."""

    def __init__(self, n: int, slots: int) -> None:
        super().__init__()
        self.Wq = Parameter(weights(n, n, seed=8))
        self.Wk = Parameter(weights(n, n, seed=9))
        self.memory = State(np.zeros((slots, n)))
        self.filled = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.memory[1:] = self.memory[:-1].copy()
        self.memory[0] = x
        self.filled = np.minimum(self.filled + 1, len(self.memory))
        q, keys = x @ self.Wq, self.memory @ self.Wk
        scores = keys @ q / np.sqrt(keys.shape[-1])
        scores = np.where(np.arange(len(keys)) < self.filled, scores, -np.inf)
        e = np.exp(scores - np.max(scores))
        return (e / e.sum()) @ self.memory


class LibraryAttention(Module):
    """The same by the library's softmax, over heads."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = State(np.zeros((5, 2, 2)))

    def step(self, x: Any) -> Any:
        heads = x.reshape(2, 2)
        self.keys = np.concatenate([self.keys[1:], heads[np.newaxis]])
        scores = np.einsum("thd,hd->ht", self.keys, heads)
        return np.einsum("ht,thd->hd", F.softmax(scores, axis=-1), self.keys).ravel()


class EchoState(Module):
    """A reservoir with a sparse recurrent matrix, leaky units, and a read-out of bias, input and squares."""

    def __init__(self, n: int) -> None:
        super().__init__()
        rng = np.random.default_rng(11)
        self.mask = rng.random((n, n)) < 0.3
        self.W = Parameter(rng.normal(size=(n, n)) * 0.4)
        self.W_in = Parameter(rng.uniform(-1, 1, (n, 3)))
        self.W_out = Parameter(rng.normal(size=(2, 2 * n + 1)))
        self.leak = 0.3
        self.r = State(np.zeros(n))

    def step(self, u: Any) -> Any:
        pre = np.dot(self.W * self.mask, self.r) + np.dot(self.W_in, np.hstack((1.0, u)))
        self.r = (1 - self.leak) * self.r + self.leak * np.tanh(pre)
        features = np.concatenate(([1.0], self.r, self.r**2))
        return self.W_out @ features


class WinnerTakeAll(Module):
    """Only the strongest unit keeps its activity; wins are counted by index."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.a = State(np.zeros(n))
        self.wins = State(np.zeros(n, dtype=np.int64))
        self.last = State(np.array(-1))

    def step(self, x: Any) -> Any:
        self.a = 0.5 * self.a + x
        winner = np.argmax(self.a)
        one_hot = np.zeros_like(self.a)
        one_hot[winner] = 1
        self.a *= one_hot
        self.wins[winner] += 1
        changed = winner != self.last
        self.last = winner
        return one_hot, changed


class EyeWinner(Module):
    """One-hot by a row of np.eye, and by comparison with np.arange."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.eye = Parameter(np.eye(n))
        self.score = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.score += self.eye[x.argmax()] - (np.arange(x.size) == x.argmin())
        return self.score


class DivisiveNormalisation(Module):
    """Each response over the pooled activity of all, which follows slowly; negative drive is rectified."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.sigma = 0.5
        self.exponent = 2.0
        self.pool = State(np.zeros(()))
        self.weights = Parameter(np.full((n, n), 1 / n))

    def step(self, x: Any) -> Any:
        drive = np.maximum(x, 0) ** self.exponent
        self.pool += 0.25 * (drive.mean() - self.pool)
        local = drive / (self.sigma**self.exponent + self.weights @ drive + self.pool)
        return local / max(1, len(local))


class PopulationVector(Module):
    """The direction that a ring of tuned rates points to, and its length; smoothed over time."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.preferred = np.linspace(0, 2 * np.pi, n, endpoint=False)
        self.rates = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.rates = 0.75 * self.rates + 0.25 * np.abs(x)
        xs = np.sum(self.rates * np.cos(self.preferred))
        ys = np.sum(self.rates * np.sin(self.preferred))
        angle = np.arctan2(ys, xs)
        return np.cos(angle), np.sin(angle), np.hypot(xs, ys) / (self.rates.sum() + 1e-12)


class ContinuousAttractor(Module):
    """A ring of rates with local excitation, by rolling the bump."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.u = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        r = np.maximum(self.u, 0) ** 2
        r = r / (1 + 0.5 * r.sum())
        lateral = 0.5 * r + 0.375 * (np.roll(r, 1) + np.roll(r, -1)) - 0.125 * (np.roll(r, 2) + np.roll(r, -2))
        self.u += 0.25 * (-self.u + lateral + x)
        return r


class LayerNormRecurrent(Module):
    """Normalises by mean and variance before a gelu-like activation; residual."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.gamma = Parameter(np.linspace(0.5, 1.5, n))
        self.beta = Parameter(np.zeros(n))
        self.W = Parameter(weights(n, n, seed=12) * 0.25)
        self.h = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        z = x + self.h @ self.W
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-3)
        z = self.gamma * z + self.beta
        self.h = 0.5 * self.h + 0.5 * z * sigmoid(1.702 * z)
        return self.h


IDIOMS = [
    Idiom("vanilla RNN", VanillaRNN, {"x": (2,)}),
    Idiom("GRU", lambda: GRU(3, 4), {"x": (3,)}),
    Idiom("LSTM", lambda: LSTM(3, 4), {"x": (3,)}),
    Idiom("LSTM with its gates in a matrix", GatedMatrix, {"x": (2,)}),
    Idiom("attention over a short memory", lambda: Attention(3, 6), {"x": (3,)}),
    Idiom("attention over heads", LibraryAttention, {"x": (4,)}),
    Idiom("echo state network", lambda: EchoState(8), {"u": (2,)}),
    Idiom("winner-take-all", lambda: WinnerTakeAll(5), {"x": (5,)}, grid(), 0),
    Idiom("winner by np.eye", lambda: EyeWinner(4), {"x": (4,)}, grid(), 0),
    Idiom("divisive normalisation", lambda: DivisiveNormalisation(4), {"x": (4,)}),
    Idiom("population vector", lambda: PopulationVector(8), {"x": (8,)}),
    Idiom("continuous attractor", lambda: ContinuousAttractor(9), {"x": (9,)}),
    Idiom("layer norm in a recurrent cell", lambda: LayerNormRecurrent(5), {"x": (5,)}),
]
