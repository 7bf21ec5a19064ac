"""Estimators, oscillators, fixed-point arithmetic, queues and images: what else is written step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid, weights


class HiddenMarkov(Module):
    """The forward algorithm twice: in logarithms with a safe maximum, and with scaled probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.A = Parameter([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.25, 0.75]])
        self.means = Parameter([-1.0, 0.0, 1.0])
        self.log_alpha = State(np.log(np.full(3, 1 / 3)))
        self.belief = State(np.full(3, 1 / 3))

    def step(self, x: Any) -> Any:
        log_likelihood = -0.5 * (x - self.means) ** 2
        with np.errstate(divide="ignore"):
            joint = self.log_alpha[:, None] + np.log(self.A)
        top = joint.max(axis=0)
        self.log_alpha = top + np.log(np.sum(np.exp(joint - top), axis=0)) + log_likelihood
        evidence = np.logaddexp(np.logaddexp(self.log_alpha[0], self.log_alpha[1]), self.log_alpha[2])
        self.log_alpha -= evidence
        self.belief = self.belief @ self.A * np.exp(log_likelihood)
        self.belief /= self.belief.sum()
        return np.exp(self.log_alpha), self.belief, evidence


class Viterbi(Module):
    """The best path's score for each state, and where it came from over the last steps."""

    def __init__(self) -> None:
        super().__init__()
        self.log_a = Parameter(weights(4, 4, seed=1))
        self.score = State(np.zeros(4))
        self.pointers = State(np.zeros((3, 4), dtype=np.int64))

    def step(self, x: Any) -> Any:
        candidates = self.score[:, np.newaxis] + self.log_a
        best = np.argmax(candidates, axis=0)
        self.score = np.take_along_axis(candidates, best[None], axis=0)[0] + x
        self.score -= np.max(self.score)
        self.pointers = np.concatenate([self.pointers[1:], best[None]])
        state = self.score.argmax()
        for back in reversed(range(3)):
            state = self.pointers[back, state]
        return best, state


class ParticleFilter(Module):
    """Weights by likelihood, systematic resampling by the cumulative sum; the noise comes as inputs."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.particles = State(np.linspace(-1, 1, n))

    def step(self, z: Any, noise: Any, start: Any) -> Any:
        moved = 0.75 * self.particles + 0.5 * noise
        w = np.exp(-0.5 * (z - moved) ** 2) + 1e-12
        w /= w.sum()
        positions = (np.arange(self.n) + 0.25 + 0.5 * np.abs(start) / 2) / self.n
        chosen = np.minimum(np.searchsorted(np.cumsum(w), positions), self.n - 1)
        self.particles = moved[chosen]
        return np.average(moved, weights=w), 1 / np.sum(w**2)


class Orientation(Module):
    """A quaternion that a gyroscope turns and an accelerometer pulls back; kept at unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.dt, self.gain = SimulationParameter(0.05), 0.125
        self.q = State(np.array([1.0, 0.0, 0.0, 0.0]))

    def step(self, gyro: Any, acc: Any) -> Any:
        w, x, y, z = self.q
        down = np.stack([2 * (x * z - w * y), 2 * (w * x + y * z), w * w - x * x - y * y + z * z])
        acc = acc / np.maximum(np.linalg.norm(acc), 1e-6)
        rate = gyro + self.gain * np.cross(acc, down)
        p, q, r = rate
        dot = 0.5 * np.stack(
            (-x * p - y * q - z * r, w * p + y * r - z * q, w * q - x * r + z * p, w * r + x * q - y * p)
        )
        self.q = self.q + self.dt * dot
        self.q /= np.sqrt(np.sum(self.q**2))
        return self.q, np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))


class Kuramoto(Module):
    """Coupled phases, all with all; the order parameter without complex numbers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.omega = Parameter(np.linspace(0.5, 1.5, n))
        self.K = 0.75
        self.theta = State(np.linspace(0, 5, n))

    def step(self, x: Any) -> Any:
        difference = self.theta[None, :] - self.theta[:, None]
        self.theta += 0.1 * (self.omega + x + self.K * np.sin(difference).mean(axis=1))
        self.theta = np.mod(self.theta, 2 * np.pi)
        return np.hypot(np.cos(self.theta).mean(), np.sin(self.theta).mean())


class ReactionDiffusion(Module):
    """Two fields on a torus: the Laplacian by rolls, and by slices of a padded field."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.u = State(np.ones((rows, columns)))
        self.v = State(np.zeros((rows, columns)))

    def step(self, x: Any) -> Any:
        u, v = self.u, self.v
        lap_u = sum(np.roll(u, shift, axis) for axis in (0, 1) for shift in (1, -1)) - 4 * u
        p = np.pad(v, 1, mode="wrap")
        lap_v = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]
        uvv = u * v * v
        u += 0.16 * lap_u - uvv + 0.035 * (1 - u)
        v += 0.08 * lap_v + uvv - 0.1 * v
        v[1:3, 1:3] += 0.25 * x
        return v.mean(), u.min()


class FixedPoint(Module):
    """A second-order section in integers: products shifted back with rounding, the output saturated."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.b = np.array([6554, 13107, 6554])
        self.a = np.array([-16384, 8192])
        self.x = State(np.zeros((2, channels), dtype=np.int64))
        self.y = State(np.zeros((2, channels), dtype=np.int64))

    def step(self, sample: Any) -> Any:
        x = np.round(sample * 4096).astype(np.int64)
        acc = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1]
        acc -= self.a[0] * self.y[0] + self.a[1] * self.y[1]
        y = np.clip((acc + (1 << 14)) >> 15, -0x8000, 0x7FFF)
        self.x[1], self.x[0] = self.x[0].copy(), x
        self.y[1] = self.y[0]
        self.y[0] = y
        return y


class Cordic(Module):
    """Turns a vector by a growing angle with shifts and adds only."""

    def __init__(self) -> None:
        super().__init__()
        self.angles = [round(float(np.arctan(2.0**-i)) * 65536) for i in range(10)]
        self.phase = State(np.zeros(2, dtype=np.int64))

    def step(self, x: Any) -> Any:
        self.phase = (self.phase + (x * 8192).astype(np.int64) + 102944) % 205887 - 102944
        c, s, z = np.full(2, 39797), np.zeros_like(self.phase), self.phase.copy()
        for i, angle in enumerate(self.angles):
            d = np.where(z >= 0, 1, -1)
            c, s = c - d * (s >> i), s + d * (c >> i)
            z -= d * angle
        return c, s


class GrayCounter(Module):
    """Gray codes both ways and the number of bits that are set, by loops over shifts."""

    def __init__(self) -> None:
        super().__init__()
        self.n = State(np.array(0, dtype=np.int32))

    def step(self, up: Any) -> Any:
        self.n = (self.n + np.where(up > 0, 1, -1)) & 0xFF
        gray = self.n ^ (self.n >> 1)
        binary = gray
        for shift in (1, 2, 4):
            binary = binary ^ (binary >> shift)
        bits = sum((gray >> i) & 1 for i in range(8))
        return gray, binary, ~gray | 0x0F, bits


class Queue(Module):
    """A ring with head and count: pushes where asked for and room is left, pops likewise."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.items = State(np.full(size, -1.0))
        self.head = State(np.array(0))
        self.held = State(np.array(0))
        self.dropped = State(np.array(0))

    def step(self, x: Any, push: Any, pop: Any) -> Any:
        full = self.held == self.size
        put = (push > 0) & ~full
        tail = (self.head + self.held) % self.size
        self.items[tail] = np.where(put, x, self.items[tail])
        self.held += put
        self.dropped += (push > 0) & full
        got = (pop > 0) & (self.held > 0)
        y = np.where(got, self.items[self.head], np.nan)
        self.head = (self.head + got) % self.size
        self.held -= got
        return np.nan_to_num(y), self.held, self.dropped


class TokenBucket(Module):
    """A rate limit for each channel, with a burst; bools decide, floats are refilled."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.tokens = State(np.full(n, 2.0))

    def step(self, requests: Any) -> Any:
        self.tokens = np.minimum(self.tokens + 0.375, 2.0)
        granted = np.minimum(np.floor(self.tokens), requests)
        self.tokens -= granted
        return granted, requests - granted > 0


class PluckedString(Module):
    """A delay loop with a mean of two neighbours: reads at two moving positions, writes at one."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.string = State(np.zeros(n))
        self.i = State(np.array(0))

    def step(self, x: Any) -> Any:
        following = (self.i + 1) % self.n
        y = 0.5 * (self.string[self.i] + self.string[following])
        self.string[self.i] = x + 0.5 * y
        self.i = following
        return y


class EventFrames(Module):
    """An event camera's time surface, convolved by slices and pooled by a reshape; inhibition around spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Parameter(weights(2, 3, 3, seed=2))
        self.surface = State(np.zeros((6, 8)))
        self.v = State(np.zeros((2, 4, 6)))

    def step(self, frame: Any) -> Any:
        self.surface = np.where(frame > 0, 1.0, 0.5 * self.surface)
        patches = np.stack([self.surface[i : i + 4, j : j + 6] for i in range(3) for j in range(3)])
        self.v = 0.5 * self.v + np.tensordot(self.kernel.reshape(2, 9), patches, axes=1)
        spikes = self.v > 1.5
        self.v[spikes] = 0
        self.v[:, :, 1:] -= 0.0625 * spikes[:, :, :-1]
        pooled = spikes.reshape(2, 2, 2, 3, 2).max(axis=(2, 4))
        return pooled, np.count_nonzero(spikes, axis=(1, 2))


class ClockedNeuron(Module):
    """Keeps the time of the last spike, minus infinity at first, and compares times instead of counting."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.dt = SimulationParameter(0.125)
        self.refractory = 0.5
        self.t = State(np.array(0.0))
        self.last = State(np.full(n, -np.inf))
        self.v = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.t += self.dt
        can = (self.t - self.last) > self.refractory
        self.v = np.where(can, self.v + self.dt * (4 * x - self.v), self.v)
        spikes = np.logical_and(self.v > 0.5, can)
        self.last[spikes] = self.t
        self.v[spikes] = 0
        interval = self.t - self.last
        return spikes, np.where(np.isinf(interval), -1.0, interval)


class ConductanceSynapses(Module):
    """Fast and slow conductances with a block by voltage; sums over inputs by a matrix for each receptor."""

    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(np.abs(weights(3, 4, 2, seed=3)))
        self.tau = Parameter([[2.0], [5.0], [40.0]])
        self.reversal = Parameter([[0.0], [-70.0], [0.0]])
        self.g = State(np.zeros((3, 2)))
        self.v = State(np.full(2, -65.0))

    def step(self, spikes: Any) -> Any:
        self.g *= np.exp(-1.0 / self.tau)
        self.g += 0.05 * (spikes @ self.w)
        block = np.ones_like(self.g)
        block[2] = 1 / (1 + np.exp(-0.062 * self.v) / 3.57)
        current = (self.g * block * (self.reversal - self.v)).sum(axis=0)
        self.v += 0.2 * (-(self.v + 65.0) + current)
        np.minimum(self.v, -20.0, out=self.v)
        return self.v, block[-1]


IDIOMS = [
    Idiom("hidden Markov filter", HiddenMarkov, {"x": ()}),
    Idiom("Viterbi with back pointers", Viterbi, {"x": (4,)}, grid(), 0),
    Idiom("particle filter", lambda: ParticleFilter(8), {"z": (), "noise": (8,), "start": ()}),
    Idiom("orientation by a quaternion", Orientation, {"gyro": (3,), "acc": (3,)}),
    Idiom("Kuramoto oscillators", lambda: Kuramoto(6), {"x": (6,)}),
    Idiom("reaction and diffusion", lambda: ReactionDiffusion(5, 6), {"x": (2, 2)}, grid(0, 1)),
    Idiom("fixed-point section", lambda: FixedPoint(2), {"sample": (2,)}, grid(), 0),
    Idiom("CORDIC", Cordic, {"x": (2,)}, grid(), 0),
    Idiom("Gray code", GrayCounter, {"up": ()}, events(0.6), 0),
    Idiom(
        "queue in a ring",
        lambda: Queue(3),
        {"x": (), "push": (), "pop": ()},
        {"x": grid(), "push": events(0.6), "pop": events(0.4)},
        0,
    ),
    Idiom("token bucket", lambda: TokenBucket(3), {"requests": (3,)}, lambda rng, shape: rng.integers(0, 3, shape), 0),
    Idiom("plucked string", lambda: PluckedString(7), {"x": ()}, grid(), 0),
    Idiom("event frames", EventFrames, {"frame": (6, 8)}, events(0.2)),
    Idiom("neuron with a clock", lambda: ClockedNeuron(3), {"x": (3,)}, grid(0, 1), parts=True),
    Idiom("conductances with a block", ConductanceSynapses, {"spikes": (4,)}, events(0.4)),
]
