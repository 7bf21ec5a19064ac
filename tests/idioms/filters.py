"""Filters and estimators of statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom


class Biquad(Module):
    """Direct form II transposed, with its two delays as states."""

    def __init__(self) -> None:
        super().__init__()
        self.b = Parameter([0.2, 0.4, 0.2])
        self.a = Parameter([1.0, -0.5, 0.25])
        self.z1 = State(np.zeros(()))
        self.z2 = State(np.zeros(()))

    def step(self, x: Any) -> Any:
        b0, b1, b2 = self.b
        _, a1, a2 = self.a
        y = b0 * x + self.z1
        self.z1 = b1 * x - a1 * y + self.z2
        self.z2 = b2 * x - a2 * y
        return y


class StateSpace(Module):
    """The same filter by its state matrix, for several channels; the output reads the state before the update."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.A = Parameter([[0.5, -0.25], [1.0, 0.0]])
        self.B = Parameter([[1.0], [0.0]])
        self.C = Parameter([[0.5, 0.1]])
        self.D = 0.2
        self.s = State(np.zeros((2, channels)))

    def step(self, u: Any) -> Any:
        y = self.C @ self.s + self.D * u
        self.s = self.A @ self.s + self.B * u
        return np.squeeze(y, axis=0)


class Cascade(Module):
    """Second-order sections one after the other, in a loop over a (sections, 2) state written in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sos = Parameter(
            [[0.1, 0.2, 0.1, 1.0, -0.9, 0.3], [0.5, -0.5, 0.0, 1.0, -0.2, 0.1], [1.0, 0.0, 0.25, 1.0, 0.3, 0.0]]
        )
        self.zi = State(np.zeros((3, 2, channels)))

    def step(self, x: Any) -> Any:
        for s in range(len(self.sos)):
            b0, b1, b2, _, a1, a2 = self.sos[s]
            y = b0 * x + self.zi[s, 0]
            self.zi[s, 0] = b1 * x - a1 * y + self.zi[s, 1]
            self.zi[s, 1] = b2 * x - a2 * y
            x = y
        return x


class RingAverage(Module):
    """A moving average with a running sum: the oldest sample is replaced at a position that wraps."""

    def __init__(self, n: int, channels: int) -> None:
        super().__init__()
        self.n = n
        self.buffer = State(np.zeros((n, channels)))
        self.total = State(np.zeros(channels))
        self.pos = State(np.array(0))
        self.count = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.total += x - self.buffer[self.pos]
        self.buffer[self.pos] = x
        self.pos = (self.pos + 1) % self.n
        self.count = np.minimum(self.count + 1, self.n)
        return self.total / self.count


class RollAverage(Module):
    """A moving average of a window that is rolled, with its spread."""

    def __init__(self, n: int, channels: int) -> None:
        super().__init__()
        self.window = State(np.zeros((n, channels)))

    def step(self, x: Any) -> Any:
        self.window = np.roll(self.window, -1, axis=0)
        self.window[-1] = x
        return self.window.mean(axis=0), np.ptp(self.window, axis=0), self.window.std(axis=0, ddof=1)


class ExponentialStatistics(Module):
    """Exponential mean and variance with a correction of the start, and the z-score."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = 0.1
        self.mean = State(np.zeros(channels))
        self.var = State(np.ones(channels))
        self.t = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.t += 1
        delta = x - self.mean
        self.mean += self.alpha * delta
        self.var = (1 - self.alpha) * (self.var + self.alpha * delta**2)
        corrected = self.mean / (1 - (1 - self.alpha) ** self.t)
        return corrected, (x - corrected) / np.sqrt(self.var + 1e-8)


class Welford(Module):
    """Running mean and variance over everything so far."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.n = State(np.array(0))
        self.mean = State(np.zeros(channels))
        self.m2 = State(np.zeros(channels))

    def step(self, x: Any) -> Any:
        self.n = self.n + 1
        delta = x - self.mean
        self.mean += delta / self.n
        self.m2 += delta * (x - self.mean)
        return np.where(self.n > 1, self.m2 / np.maximum(self.n - 1, 1), 0.0)


class AlphaBeta(Module):
    """Position and velocity from positions."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.dt, self.alpha, self.beta = 0.5, 0.75, 0.25
        self.xk = State(np.zeros(n))
        self.vk = State(np.zeros(n))

    def step(self, z: Any) -> Any:
        xk = self.xk + self.vk * self.dt
        rk = z - xk
        self.xk = xk + self.alpha * rk
        self.vk += self.beta * rk / self.dt
        return self.xk, self.vk


class Kalman(Module):
    """Two states, one measurement: gain and covariance as matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.F = Parameter([[1.0, 0.5], [0.0, 1.0]])
        self.H = Parameter([[1.0, 0.0]])
        self.Q = Parameter([[0.05, 0.01], [0.01, 0.02]])
        self.R = Parameter([[0.5]])
        self.x = State(np.zeros((2, 1)))
        self.P = State(np.eye(2))

    def step(self, z: Any) -> Any:
        x = self.F @ self.x
        P = self.F @ self.P @ self.F.T + self.Q
        innovation = z.reshape(-1, 1) - self.H @ x
        S = self.H @ P @ self.H.T + self.R
        K = P @ self.H.T / S
        self.x = x + K @ innovation
        self.P = (np.eye(2) - K @ self.H) @ P
        return self.x[:, 0], np.trace(self.P)


class KalmanTwo(Module):
    """Two measurements: the 2x2 inverse by hand, the covariance kept symmetric, the Joseph form."""

    def __init__(self) -> None:
        super().__init__()
        self.A = Parameter([[0.9, 0.1], [-0.1, 0.8]])
        self.R = Parameter(np.diag([0.5, 0.25]))
        self.q = 0.05
        self.mu = State(np.zeros(2))
        self.sigma = State(np.eye(2))

    @staticmethod
    def inverse(m: Any) -> Any:
        (a, b), (c, d) = m
        return np.stack([np.stack([d, -b]), np.stack([-c, a])]) / (a * d - b * c)

    def step(self, z: Any) -> Any:
        mu = self.A.dot(self.mu)
        sigma = self.A @ self.sigma @ self.A.T + self.q * np.eye(2)
        gain = sigma @ self.inverse(sigma + self.R)
        rest = np.identity(2) - gain
        self.mu = mu + gain @ (z - mu)
        sigma = rest @ sigma @ rest.T + gain @ self.R @ gain.T
        self.sigma = 0.5 * (sigma + sigma.T)
        return self.mu


class Goertzel(Module):
    """The power at one frequency, block by block: emitted and cleared at the end of each block."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block
        self.coefficient = Parameter(2 * np.cos(2 * np.pi * np.array([1, 2, 3]) / block))
        self.s1 = State(np.zeros(3))
        self.s2 = State(np.zeros(3))
        self.k = State(np.array(0))
        self.power = State(np.zeros(3))

    def step(self, x: Any) -> Any:
        s0 = x + self.coefficient * self.s1 - self.s2
        self.s2, self.s1 = self.s1, s0
        self.k += 1
        done = self.k >= self.block
        power = self.s1**2 + self.s2**2 - self.coefficient * self.s1 * self.s2
        self.power = np.where(done, power, self.power)
        self.s1 = np.where(done, 0, self.s1)
        self.s2 = np.where(done, 0, self.s2)
        self.k = np.where(done, 0, self.k)
        return self.power


class Resonator(Module):
    """A damped rotation of pairs, by a matrix from sine and cosine; the phase is wrapped."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.omega = Parameter(np.linspace(0.1, 0.9, n))
        self.damping = Parameter(np.full(n, 0.05))
        self.z = State(np.zeros((n, 2)))
        self.phase = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        r = np.exp(-self.damping)
        c, s = r * np.cos(self.omega), r * np.sin(self.omega)
        rotation = np.stack([np.stack([c, -s]), np.stack([s, c])]).transpose(2, 0, 1)
        self.z = np.squeeze(rotation @ self.z[..., None], -1)
        self.z[:, 0] += x
        self.phase = (self.phase + self.omega + np.pi) % (2 * np.pi) - np.pi
        return np.linalg.norm(self.z, axis=1), np.cos(self.phase)


class SlewAndSmooth(Module):
    """An envelope follower: other time constants for rising and falling, a limit on the slope, in decibels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.env = State(np.full(channels, 1e-3))
        self.out = State(np.zeros(channels))

    def step(self, x: Any) -> Any:
        level = np.abs(x)
        coefficient = np.where(level > self.env, 0.5, 0.9)
        self.env = coefficient * self.env + (1 - coefficient) * level
        db = 20 * np.log10(np.maximum(self.env, 1e-6))
        self.out += np.clip(db - self.out, -3.0, 6.0)
        return self.out


IDIOMS = [
    Idiom("second-order section, form II transposed", Biquad, {"x": ()}),
    Idiom("second-order section by its state matrix", lambda: StateSpace(3), {"u": (3,)}),
    Idiom("cascade of sections", lambda: Cascade(2), {"x": (2,)}),
    Idiom("moving average with a ring buffer", lambda: RingAverage(5, 2), {"x": (2,)}),
    Idiom("moving average with np.roll", lambda: RollAverage(4, 2), {"x": (2,)}),
    Idiom("exponential mean and variance", lambda: ExponentialStatistics(3), {"x": (3,)}),
    Idiom("Welford's variance", lambda: Welford(2), {"x": (2,)}),
    Idiom("alpha-beta filter", lambda: AlphaBeta(2), {"z": (2,)}),
    Idiom("Kalman filter", Kalman, {"z": (1,)}),
    Idiom("Kalman filter with an inverse by hand", KalmanTwo, {"z": (2,)}),
    Idiom("Goertzel in blocks", lambda: Goertzel(8), {"x": ()}),
    Idiom("resonators", lambda: Resonator(3), {"x": (3,)}, float32=5e-5),
    Idiom("envelope follower in decibels", lambda: SlewAndSmooth(2), {"x": (2,)}),
]
