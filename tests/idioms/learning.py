"""Rules that change weights, thresholds and values while they run: states that are matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid, weights


class Oja(Module):
    """Hebbian growth with Oja's decay, by an outer product."""

    def __init__(self) -> None:
        super().__init__()
        self.eta = 0.03
        self.W = State(weights(2, 3, seed=1) * 0.5)

    def step(self, x: Any) -> Any:
        y = self.W @ x
        self.W += self.eta * (np.outer(y, x) - (y**2)[:, None] * self.W)
        return y


class Sanger(Module):
    """Several components: a lower triangle keeps them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.W = State(weights(2, 3, seed=2) * 0.5)

    def step(self, x: Any) -> Any:
        y = self.W.dot(x)
        self.W += 0.02 * (y[:, np.newaxis] * x - np.tril(np.outer(y, y)) @ self.W)
        return y


class HebbianNormalised(Module):
    """Plain Hebb, then every row is scaled to unit length, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.W = State(weights(3, 4, seed=3))

    def step(self, x: Any) -> Any:
        y = np.maximum(self.W @ x, 0)
        self.W += 0.05 * y.reshape(-1, 1) * x.reshape(1, -1)
        self.W /= np.linalg.norm(self.W, axis=1, keepdims=True) + 1e-9
        return y


class BCM(Module):
    """A threshold that slides with the squared response."""

    def __init__(self) -> None:
        super().__init__()
        self.w = State(np.array([0.5, 0.25, 0.25]))
        self.theta = State(np.array(0.5))

    def step(self, x: Any) -> Any:
        y = np.dot(self.w, x)
        self.w = np.clip(self.w + 0.02 * x * y * (y - self.theta), 0, 1)
        self.theta += 0.1 * (y * y - self.theta)
        return y


class STDP(Module):
    """Traces of both sides; outer products in place, on the connections that exist only, then clipped."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.exists = rng.random((4, 3)) < 0.7
        self.tau_pre, self.tau_post = 10.0, 20.0
        self.a_plus, self.a_minus = 0.1, 0.06
        self.dt = SimulationParameter(1.0)
        self.w = State(np.where(self.exists, 0.5, 0.0))
        self.pre_trace = State(np.zeros(4))
        self.post_trace = State(np.zeros(3))
        self.v = State(np.zeros(3))

    def step(self, pre: Any) -> Any:
        self.v = 0.5 * self.v + pre @ self.w
        post = self.v >= 1.0
        self.v[post] = 0
        self.pre_trace *= np.exp(-self.dt / self.tau_pre)
        self.post_trace *= np.exp(-self.dt / self.tau_post)
        self.pre_trace += pre
        self.post_trace[post] += 1
        dw = self.a_plus * np.outer(self.pre_trace, post) - self.a_minus * np.outer(pre, self.post_trace)
        self.w[self.exists] += dw[self.exists]
        np.clip(self.w, 0.0, 1.0, out=self.w)
        return post


class RewardSTDP(Module):
    """An eligibility matrix gated by a reward; columns of neurons that spiked are updated by np.ix_-free masks."""

    def __init__(self) -> None:
        super().__init__()
        self.w = State(np.full((3, 2), 0.5))
        self.eligibility = State(np.zeros((3, 2)))
        self.trace = State(np.zeros(3))

    def step(self, pre: Any, post: Any, reward: Any) -> Any:
        self.trace = 0.75 * self.trace + pre
        self.eligibility *= 0.875
        self.eligibility[:, 0] += self.trace * post[0]
        self.eligibility[:, 1] += self.trace * post[1]
        self.w = np.clip(self.w + 0.1 * reward * self.eligibility, 0, 1)
        return pre @ self.w


class Homeostasis(Module):
    """Each threshold follows the rate of its neuron towards a target, within bounds."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.target = 0.2
        self.rate = State(np.full(n, 0.2))
        self.theta = State(np.ones(n))

    def step(self, x: Any) -> Any:
        spikes = x > self.theta
        self.rate += 0.1 * (spikes - self.rate)
        self.theta += 0.05 * (self.rate - self.target)
        self.theta = self.theta.clip(0.25, 4.0)
        return spikes


class SynapticScaling(Module):
    """Every few steps the weights are scaled to a total; the counter decides, by np.where over the matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.W = State(np.abs(weights(3, 3, seed=4)) + 0.125)
        self.t = State(np.array(0))

    def step(self, x: Any) -> Any:
        y = x @ self.W
        self.W += 0.01 * np.abs(x[:, None] * y[None, :])
        self.t += 1
        scaled = self.W / self.W.sum(axis=0, keepdims=True) * 2.0
        self.W = np.where(self.t % 5 == 0, scaled, self.W)
        return y


class LMS(Module):
    """A normalised least mean squares filter over a delay line."""

    def __init__(self, taps: int) -> None:
        super().__init__()
        self.mu = 0.25
        self.w = State(np.zeros(taps))
        self.u = State(np.zeros(taps))

    def step(self, x: Any, desired: Any) -> Any:
        self.u = np.roll(self.u, 1)
        self.u[0] = x
        y = np.dot(self.w, self.u)
        e = desired - y
        self.w = self.w + self.mu * e * self.u / (1e-3 + np.dot(self.u, self.u))
        return y, e


class RLS(Module):
    """Recursive least squares with forgetting: a gain from the inverse correlation."""

    def __init__(self) -> None:
        super().__init__()
        self.lam = 0.95
        self.P = State(np.eye(3) * 4.0)
        self.w = State(np.zeros(3))

    def step(self, x: Any, d: Any) -> Any:
        Px = self.P @ x
        k = Px / (self.lam + x @ Px)
        error = d - self.w @ x
        self.w += k * error
        self.P -= np.outer(k, Px)
        self.P /= self.lam
        return error


class Perceptron(Module):
    """Learns from a label where it errs; two layers of weights and a softmax, the gradient by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.W = State(weights(3, 4, seed=6) * 0.25)
        self.b = State(np.zeros(3))
        self.errors = State(np.array(0))

    def step(self, x: Any, label: Any) -> Any:
        label = label.astype(np.int64)
        logits = self.W @ x + self.b
        logits -= logits.max()
        p = np.exp(logits)
        p /= p.sum()
        self.errors += p.argmax() != label
        gradient = p.copy()
        gradient[label] -= 1.0
        self.W -= 0.1 * np.outer(gradient, x)
        self.b -= 0.1 * gradient
        return -np.log(np.maximum(p[label], 1e-12))


class QLearning(Module):
    """A table of values, read and written at a state and an action."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha, self.gamma = 0.25, 0.5
        self.Q = State(np.zeros((4, 2)))
        self.s = State(np.array(0))

    def step(self, x: Any) -> Any:
        action = np.argmax(self.Q[self.s] + x[:2])
        new = (self.s + 2 * action - 1) % 4
        reward = np.where(new == 3, 1.0, 0.0)
        target = reward + self.gamma * np.max(self.Q[new])
        self.Q[self.s, action] += self.alpha * (target - self.Q[self.s, action])
        self.s = new
        return action, self.Q[new]


class SelfOrganisingMap(Module):
    """The nearest unit and its neighbours move towards the input."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.grid = np.arange(n)
        self.codebook = State(np.linspace(-1, 1, 2 * n).reshape(n, 2))
        self.sigma = State(np.array(2.0))

    def step(self, x: Any) -> Any:
        bmu = np.argmin(((self.codebook - x) ** 2).sum(axis=1))
        h = np.exp(-((self.grid - bmu) ** 2) / (2 * self.sigma**2))
        self.codebook += 0.25 * h[:, None] * (x - self.codebook)
        self.sigma = np.maximum(self.sigma * 0.95, 0.5)
        return bmu


class KMeans(Module):
    """Online means with a count each."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = State(np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]))
        self.counts = State(np.ones(3, dtype=int))

    def step(self, x: Any) -> Any:
        d = np.linalg.norm(self.centres - x, axis=-1)
        k = d.argmin()
        self.counts[k] += 1
        self.centres[k] += (x - self.centres[k]) / self.counts[k]
        return k, d.min()


class Hopfield(Module):
    """Stored patterns, one unit updated a step: the one whose turn it is."""

    def __init__(self) -> None:
        super().__init__()
        patterns = np.where(weights(2, 6, seed=7) > 0, 1.0, -1.0)
        self.W = Parameter(patterns.T @ patterns - 2 * np.eye(6))
        self.s = State(np.ones(6))
        self.turn = State(np.array(0))

    def step(self, x: Any) -> Any:
        field = self.W[self.turn] @ self.s + x
        self.s[self.turn] = np.where(field >= 0, 1.0, -1.0)
        self.turn = (self.turn + 1) % len(self.s)
        return -0.5 * self.s @ self.W @ self.s


class Adam(Module):
    """The moments of gradients that come as inputs, with the corrections by the number of the step."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.lr, self.beta1, self.beta2, self.eps = 0.1, 0.9, 0.999, 1e-8
        self.theta = State(np.zeros(n))
        self.m = State(np.zeros(n))
        self.v = State(np.zeros(n))
        self.t = State(np.array(0))

    def step(self, g: Any) -> Any:
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        m_hat = self.m / (1 - self.beta1**self.t)
        v_hat = self.v / (1 - self.beta2**self.t)
        self.theta -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
        return self.theta


IDIOMS = [
    Idiom("Oja's rule", Oja, {"x": (3,)}),
    Idiom("Sanger's rule", Sanger, {"x": (3,)}),
    Idiom("Hebb with normalised rows", HebbianNormalised, {"x": (4,)}),
    Idiom("BCM", BCM, {"x": (3,)}, grid(0, 2)),
    Idiom("STDP on a masked matrix", STDP, {"pre": (4,)}, events(0.4), 1e-4, parts=True),
    Idiom("reward and eligibility", RewardSTDP, {"pre": (3,), "post": (2,), "reward": ()}, events(0.4)),
    Idiom("homeostasis", lambda: Homeostasis(4), {"x": (4,)}, grid(), parts=True),
    Idiom("synaptic scaling", SynapticScaling, {"x": (3,)}),
    Idiom("normalised LMS", lambda: LMS(4), {"x": (), "desired": ()}),
    Idiom("recursive least squares", RLS, {"x": (3,), "d": ()}, float32=2e-3),
    Idiom(
        "perceptron with softmax",
        Perceptron,
        {"x": (4,), "label": ()},
        {"x": grid(), "label": lambda rng, shape: rng.integers(0, 3, shape)},
    ),
    Idiom("Q-learning", QLearning, {"x": (2,)}),
    Idiom("self-organising map", lambda: SelfOrganisingMap(5), {"x": (2,)}),
    Idiom("k-means", KMeans, {"x": (2,)}),
    Idiom("Hopfield network", Hopfield, {"x": ()}, grid(-12, 12), 0),
    Idiom("Adam", lambda: Adam(3), {"g": (3,)}, float32=5e-5),
]
