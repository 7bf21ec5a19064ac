"""Windows, delay lines and resamplers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, grid


class FIR(Module):
    """A finite response: the delay line is shifted by np.r_-free joining, then multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.taps = Parameter(np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16)
        self.line = State(np.zeros(5))

    def step(self, x: Any) -> Any:
        self.line = np.append(x, self.line[:-1])
        return self.taps @ self.line


class ConvolvedWindow(Module):
    """Each frame is convolved with a kernel that adapts slowly; the largest lag of its correlation is found."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Parameter([0.25, 0.5, 0.25])
        self.previous = State(np.zeros(6))

    def step(self, frame: Any) -> Any:
        smooth = np.convolve(frame, self.kernel, mode="same")
        lags = np.correlate(smooth, self.previous, "full")
        self.previous = smooth
        return smooth, lags.argmax() - (len(frame) - 1)


class Median3(Module):
    """The median of three, by np.median and by minima and maxima, over the last samples."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.last = State(np.zeros((2, channels)))

    def step(self, x: Any) -> Any:
        a, b = self.last
        by_hand = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), x))
        by_numpy = np.median(np.vstack([self.last, x]), axis=0)
        self.last = np.vstack((self.last[1:], x))
        return by_hand, by_numpy


class DelayLine(Module):
    """A shift register: everything moves one on, the oldest leaves."""

    def __init__(self, delay: int, channels: int) -> None:
        super().__init__()
        self.line = State(np.zeros((delay, channels)))

    def step(self, x: Any) -> Any:
        out = self.line[-1].copy()
        self.line[1:] = self.line[:-1]
        self.line[0] = x
        return out


class HeterogeneousDelays(Module):
    """Each channel has a delay of its own: one fancy index into a ring buffer reads them all."""

    def __init__(self, delays: Any) -> None:
        super().__init__()
        self.delays = Parameter(np.array(delays))
        self.length = int(np.max(delays)) + 1
        self.channels = np.arange(len(delays))
        self.ring = State(np.zeros((self.length, len(delays))))
        self.ptr = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.ring[self.ptr, :] = x
        delayed = self.ring[(self.ptr - self.delays) % self.length, self.channels]
        self.ptr = (self.ptr + 1) % self.length
        return delayed


class SynapticDelays(Module):
    """Spikes are put ahead of time into the slots at which they arrive; time is the last axis of the buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.delay = np.array([1, 3, 2, 5])
        self.weight = np.array([1.0, 0.5, 2.0, 0.25])
        self.slots = State(np.zeros((4, 6)))
        self.now = State(np.array(0))

    def step(self, spikes: Any) -> Any:
        at = (self.now + self.delay) % 6
        self.slots[np.arange(4), at] += self.weight * spikes
        arriving = self.slots[..., self.now].copy()
        self.slots[:, self.now] = 0.0
        self.now += 1
        self.now %= 6
        return arriving


class FractionalDelay(Module):
    """Reads a ring buffer between two samples, as a chorus does; the delay is an input."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.buf = State(np.zeros(n))
        self.write = State(np.array(0))

    def step(self, x: Any, delay: Any) -> Any:
        self.buf[self.write] = x
        d = np.clip(delay, 0.0, self.n - 2.0)
        whole = np.floor(d).astype(int)
        frac = d - whole
        i = (self.write - whole) % self.n
        y = (1 - frac) * self.buf[i] + frac * self.buf[i - 1]
        self.write = (self.write + 1) % self.n
        return y


class Decimator(Module):
    """Averages a few samples and holds the result until the next are complete."""

    def __init__(self, factor: int, channels: int) -> None:
        super().__init__()
        self.factor = factor
        self.acc = State(np.zeros(channels))
        self.held = State(np.zeros(channels))
        self.tick = State(np.array(0))

    def step(self, x: Any) -> Any:
        self.acc += x
        self.tick = (self.tick + 1) % self.factor
        ready = self.tick == 0
        self.held = np.where(ready, self.acc / self.factor, self.held)
        self.acc *= 1 - ready
        return self.held, ready


IDIOMS = [
    Idiom("FIR filter", FIR, {"x": ()}, grid(), 0),
    Idiom("convolution and correlation of frames", ConvolvedWindow, {"frame": (6,)}, grid(), 0),
    Idiom("median of three", lambda: Median3(3), {"x": (3,)}, grid(), 0),
    Idiom("shift register", lambda: DelayLine(4, 2), {"x": (2,)}, grid(), 0),
    Idiom("heterogeneous delays", lambda: HeterogeneousDelays([0, 3, 1, 6]), {"x": (4,)}, grid(), 0),
    Idiom("synaptic delays ahead of time", SynapticDelays, {"spikes": (4,)}, grid(), 0),
    Idiom(
        "fractional delay",
        lambda: FractionalDelay(8),
        {"x": (), "delay": ()},
        {"x": grid(), "delay": grid(-1, 8)},
        0,
    ),
    Idiom("decimator", lambda: Decimator(4, 2), {"x": (2,)}, grid(), 0),
]
