"""Neurons and synapses, one Euler step each, as simulations in the field write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid, weights


class AdaptiveLIF(Module):
    """A leaky membrane, an adaptive threshold and a refractory counter, with in-place lines."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.tau_m = Parameter(np.linspace(8.0, 20.0, n))
        self.tau_w = Parameter(50.0)
        self.dt = SimulationParameter(1.0)
        self.refractory = 3
        self.v = State(np.zeros(n))
        self.w = State(np.zeros(n))
        self.count = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        alpha = np.exp(-self.dt / self.tau_m)
        rho = np.exp(-self.dt / self.tau_w)
        active = self.count == 0
        self.v *= alpha
        self.v[active] += x[active]
        fired = (self.v >= 1.0 + 1.7 * self.w) & active
        self.v[fired] = 0.0
        self.w = rho * self.w + (1 - rho) * fired
        self.count[self.count > 0] -= 1
        self.count[fired] = self.refractory
        return fired


class Izhikevich(Module):
    """Two half steps of the membrane, and the reset by index with the mask."""

    def __init__(self, n: int) -> None:
        super().__init__()
        r = np.linspace(0, 1, n)
        self.a, self.b = 0.02, 0.2
        self.c = Parameter(-65 + 15 * r**2)
        self.d = Parameter(8 - 6 * r**2)
        self.v = State(np.full(n, -65.0))
        self.u = State(np.full(n, -13.0))

    def step(self, I: Any) -> Any:  # noqa: E741  (so the field calls it)
        fired = self.v >= 30
        self.v[fired] = self.c[fired]
        self.u[fired] += self.d[fired]
        self.v += 0.5 * (0.04 * self.v**2 + 5 * self.v + 140 - self.u + I)
        self.v += 0.5 * (0.04 * self.v**2 + 5 * self.v + 140 - self.u + I)
        self.u += self.a * (self.b * self.v - self.u)
        return fired


class FitzHughNagumo(Module):
    """Both variables in one state array, unpacked, with a derivative function of its own."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.y = State(np.stack([np.full(n, -1.0), np.full(n, -0.5)]))

    @staticmethod
    def derivative(y: Any, current: Any) -> Any:
        v, w = y
        return np.stack([v - v**3 / 3 - w + current, 0.08 * (v + 0.7 - 0.8 * w)])

    def step(self, x: Any) -> Any:
        k1 = self.derivative(self.y, x)
        k2 = self.derivative(self.y + 0.1 * k1, x)
        self.y += 0.2 * k2
        return self.y[0]


def vtrap(x: Any, y: float) -> Any:
    """x / (exp(x / y) - 1), and its limit where x is 0."""
    small = np.abs(x / y) < 1e-6
    safe = np.where(small, 1.0, x)
    return np.where(small, y * (1 - x / y / 2), safe / (np.exp(safe / y) - 1))


class HodgkinHuxley(Module):
    """By Euler, with guards where a rate is 0/0: by a safe divisor, and by filling an empty array under masks."""

    def __init__(self, v: Any) -> None:
        super().__init__()
        n = len(v)
        self.g_na, self.g_k, self.g_l = 120.0, 36.0, 0.3
        self.e_na, self.e_k, self.e_l = 50.0, -77.0, -54.387
        self.dt = SimulationParameter(0.02)
        self.v = State(np.array(v))
        self.m = State(np.full(n, 0.05))
        self.h = State(np.full(n, 0.6))
        self.n = State(np.full(n, 0.32))

    @staticmethod
    def alpha_n(v: Any) -> Any:
        rate = np.empty_like(v)
        denominator = 1.0 - np.exp(-(v + 55.0) / 10.0)
        singular = np.abs(denominator) < 1e-6
        rate[singular] = 0.1
        rate[~singular] = 0.01 * (v[~singular] + 55.0) / denominator[~singular]
        return rate

    def step(self, x: Any) -> Any:
        v, dt = self.v, self.dt
        alpha_m = 0.1 * vtrap(-(v + 40.0), 10.0)
        beta_m = 4.0 * np.exp(-(v + 65.0) / 18.0)
        alpha_h = 0.07 * np.exp(-(v + 65.0) / 20.0)
        beta_h = 1.0 / (1.0 + np.exp(-(v + 35.0) / 10.0))
        alpha_n = self.alpha_n(v)
        beta_n = 0.125 * np.exp(-(v + 65.0) / 80.0)
        i_na = self.g_na * self.m**3 * self.h * (v - self.e_na)
        i_k = self.g_k * self.n**4 * (v - self.e_k)
        i_l = self.g_l * (v - self.e_l)
        before = v.copy()
        self.m += dt * (alpha_m * (1 - self.m) - beta_m * self.m)
        self.h += dt * (alpha_h * (1 - self.h) - beta_h * self.h)
        self.n += dt * (alpha_n * (1 - self.n) - beta_n * self.n)
        self.v += dt * (x - i_na - i_k - i_l)
        crossed = (before < 0) & (self.v >= 0)
        return crossed, self.v


def at_rest() -> HodgkinHuxley:
    return HodgkinHuxley([-65.0, -70.0, -60.0])


def at_singularities() -> HodgkinHuxley:
    """Starts where both rates are 0/0, so that the guards decide."""
    return HodgkinHuxley([-40.0, -55.0])


class AdEx(Module):
    """The exponential is clipped, as everyone does against overflow; the reset is with np.where."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.c_m, self.g_l, self.e_l = 281.0, 30.0, -70.6
        self.v_t = Parameter(np.full(n, -50.4))
        self.delta_t = 2.0
        self.tau_w, self.a, self.b = 144.0, 4.0, 80.5
        self.v_peak, self.v_reset = 0.0, -60.0
        self.dt = SimulationParameter(0.25)
        self.v = State(np.full(n, -70.6))
        self.w = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        upstroke = self.g_l * self.delta_t * np.exp(np.minimum((self.v - self.v_t) / self.delta_t, 12.0))
        dv = (-self.g_l * (self.v - self.e_l) + upstroke - self.w + x) / self.c_m
        dw = (self.a * (self.v - self.e_l) - self.w) / self.tau_w
        v, w = self.v + self.dt * dv, self.w + self.dt * dw
        spikes = v > self.v_peak
        self.v = np.where(spikes, self.v_reset, v)
        self.w = np.where(spikes, w + self.b, w)
        return spikes.astype(float)


class TsodyksMarkram(Module):
    """Depression and facilitation of each synapse; where a spike comes, by a mask over the synapses."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.tau_rec = Parameter(np.linspace(20.0, 80.0, n))
        self.tau_facil = Parameter(np.full(n, 50.0))
        self.tau_s = 5.0
        self.U = 0.25
        self.x = State(np.ones(n))
        self.u = State(np.full(n, 0.25))
        self.g = State(np.zeros(n))

    def step(self, spikes: Any) -> Any:
        spiked = spikes > 0
        self.x += (1 - self.x) / self.tau_rec
        self.u += (self.U - self.u) / self.tau_facil
        self.g -= self.g / self.tau_s
        self.u[spiked] += self.U * (1 - self.u[spiked])
        release = self.u[spiked] * self.x[spiked]
        self.x[spiked] -= release
        self.g[spiked] += release
        return self.g


class DendriticTree(Module):
    """Compartments joined by a coupling matrix, branches of several inputs each, with einsum."""

    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(weights(4, 3, seed=1))
        coupling = np.diag([0.25, 0.25, 0.125], k=1)
        self.coupling = Parameter(coupling + coupling.T)
        self.leak = 0.125
        self.v = State(np.zeros(4))

    def step(self, x: Any) -> Any:
        synaptic = np.einsum("bi,bi->b", self.w, x)
        nmda = np.einsum("ij,j->i", self.coupling, self.v) - self.coupling.sum(axis=1) * self.v
        self.v = self.v + nmda - self.leak * self.v + synaptic / (1 + np.abs(synaptic))
        soma = self.v[-1]
        return soma, np.maximum(self.v[:-1], 0.0).sum()


class CoincidenceDetector(Module):
    """Fires where both inputs have been active within a window; the time since each is counted."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.window = 4
        self.since_a = State(np.full(n, 100, dtype=np.int64))
        self.since_b = State(np.full(n, 100, dtype=np.int64))

    def step(self, a: Any, b: Any) -> Any:
        self.since_a = np.where(a > 0, 0, np.minimum(self.since_a + 1, 100))
        self.since_b = np.where(b > 0, 0, np.minimum(self.since_b + 1, 100))
        both = np.logical_and(self.since_a <= self.window, self.since_b <= self.window)
        self.since_a[both] = 100
        self.since_b[both] = 100
        return both


class BitshiftLIF(Module):
    """An integer neuron, as on digital hardware: the leak is a shift, the membrane saturates."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = np.array([[3, -2, 5], [-1, 7, 4]])
        self.vmem = State(np.zeros(3, dtype=np.int32))
        self.isyn = State(np.zeros(3, dtype=np.int32))

    def step(self, x: Any) -> Any:
        self.isyn -= self.isyn >> 2
        self.isyn += (x.astype(np.int32) @ self.weight).astype(np.int32)
        self.vmem += self.isyn - (self.vmem >> 3)
        np.clip(self.vmem, -128, 127, out=self.vmem)
        spikes = self.vmem // 16
        spikes[spikes < 0] = 0
        self.vmem -= 16 * spikes
        return spikes


IDIOMS = [
    Idiom("adaptive LIF with a refractory counter", lambda: AdaptiveLIF(4), {"x": (4,)}, grid(0, 1), parts=True),
    Idiom("Izhikevich", lambda: Izhikevich(5), {"I": (5,)}, grid(4, 16), 1e-3, parts=True, steps=60),
    Idiom("FitzHugh-Nagumo", lambda: FitzHughNagumo(3), {"x": (3,)}, grid(0, 1)),
    Idiom(
        "Hodgkin-Huxley",
        lambda: HodgkinHuxley([-65.0, -70.0, -60.0]),
        {"x": (3,)},
        grid(0, 40),
        1e-4,
        parts=True,
        steps=120,
    ),
    Idiom(
        "Hodgkin-Huxley from 0/0",
        lambda: HodgkinHuxley([-40.0, -55.0]),
        {"x": (2,)},
        grid(-1, 1),
        1e-4,
        parts=True,
        steps=9,
    ),
    Idiom("AdEx", lambda: AdEx(3), {"x": (3,)}, grid(1500, 3500), parts=True, steps=60),
    Idiom("short-term plasticity", lambda: TsodyksMarkram(4), {"spikes": (4,)}, events(0.3)),
    Idiom("dendritic tree", DendriticTree, {"x": (4, 3)}),
    Idiom("coincidence detector", lambda: CoincidenceDetector(3), {"a": (3,), "b": (3,)}, events(0.15), 0),
    Idiom("integer LIF by bitshifts", BitshiftLIF, {"x": (2,)}, lambda rng, shape: rng.integers(0, 4, shape), 0),
]
