"""Detectors, counters, extremes and tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid


class PeakHold(Module):
    """Holds a peak for some steps, then lets it decay; a bool says where a new one came."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.hold = 5
        self.peak = State(np.zeros(n))
        self.timer = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        level = np.abs(x)
        is_new = level >= self.peak
        self.timer = np.where(is_new, self.hold, self.timer - 1)
        self.peak = np.where(is_new, level, np.where(self.timer > 0, self.peak, self.peak * 0.5))
        self.timer = np.maximum(self.timer, 0)
        return self.peak, is_new


class LocalMaximum(Module):
    """The sample before was a peak if it stands above both neighbours and the last peak lies far enough back."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.distance = 3
        self.x1 = State(np.full(n, -np.inf))
        self.x2 = State(np.full(n, np.inf))
        self.since = State(np.full(n, 99, dtype=np.int64))

    def step(self, x: Any) -> Any:
        is_peak = (self.x1 > self.x2) & (self.x1 > x) & (self.since >= self.distance)
        height = np.where(is_peak, self.x1, np.nan)
        self.since += 1
        self.since[is_peak] = 1
        self.x2 = self.x1
        self.x1 = x
        return is_peak, np.nan_to_num(height, nan=-1.0)


class SchmittTrigger(Module):
    """Two thresholds and a bool state, by two masks."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.low = Parameter(np.full(n, -0.5))
        self.high = Parameter(np.full(n, 0.5))
        self.on = State(np.zeros(n, dtype=bool))
        self.rises = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        was = self.on.copy()
        self.on[x > self.high] = True
        self.on[x < self.low] = False
        self.rises += self.on & ~was
        return self.on


class SchmittLogic(Module):
    """The same in one line of logic, and its edges."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.on = State(np.zeros(n, dtype=bool))

    def step(self, x: Any) -> Any:
        new = (x > 0.5) | (self.on & (x >= -0.5))
        rising, falling = new & ~self.on, np.logical_not(new) & self.on
        self.on = new
        return new ^ (x > 0), rising, falling


class Debouncer(Module):
    """A button counts as pressed when it has read the same for some steps."""

    def __init__(self, n: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.stable = State(np.zeros(n, dtype=bool))
        self.count = State(np.zeros(n, dtype=np.int64))
        self.presses = State(np.zeros(n, dtype=np.int64))

    def step(self, raw: Any) -> Any:
        raw = raw.astype(bool)
        differs = raw != self.stable
        self.count = (self.count + 1) * differs
        flip = self.count >= self.steps
        self.presses += flip & raw
        self.stable ^= flip
        self.count[flip] = 0
        return self.stable, self.presses


class ShiftDebouncer(Module):
    """The classic of firmware: the last eight readings in the bits of a byte."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.history = State(np.zeros(n, dtype=np.int32))

    def step(self, raw: Any) -> Any:
        self.history = ((self.history << 1) | (raw > 0)) & 0xFF
        return self.history & 0b111 == 0b011, self.history == 0


class EventCounter(Module):
    """Counts of events, the longest gap, whether any has come, and the first one's time."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.t = State(np.array(0))
        self.count = State(np.zeros(n, dtype=np.int64))
        self.gap = State(np.zeros(n, dtype=np.int64))
        self.longest = State(np.zeros(n, dtype=np.int64))
        self.seen = State(np.zeros(n, dtype=bool))
        self.first = State(np.full(n, -1))

    def step(self, x: Any) -> Any:
        event = x != 0
        self.first[event & ~self.seen] = self.t
        self.seen |= event
        self.count += event
        self.gap = np.where(event, 0, self.gap + 1)
        np.maximum(self.longest, self.gap, out=self.longest)
        self.t += 1
        return self.count, self.seen.all(), np.count_nonzero(event), self.count / self.t


class RunningExtremes(Module):
    """Minimum and maximum since the last reset, and where in time they were."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.lo = State(np.full(n, np.inf))
        self.hi = State(np.full(n, -np.inf))
        self.age = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any, reset: Any) -> Any:
        reset = reset > 0
        self.lo = np.where(reset, x, np.minimum(self.lo, x))
        self.age = np.where(reset | (x > self.hi), 0, self.age + 1)
        self.hi = np.where(reset, x, np.maximum(self.hi, x))
        span = self.hi - self.lo
        return np.divide(x - self.lo, span, out=np.zeros_like(x), where=span > 0), self.age


class LookupTable(Module):
    """A nonlinearity from a table: by a computed index and np.take, with linear interpolation by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Parameter(np.tanh(np.linspace(-2, 2, 33)))
        self.y = State(np.zeros(3))

    def step(self, x: Any) -> Any:
        position = np.clip((x + 2) * 8, 0, 31.999)
        i = position.astype(np.int64)
        fraction = position - i
        self.y = 0.5 * self.y + (1 - fraction) * self.table[i] + fraction * np.take(self.table, i + 1)
        return self.y


class InterpolatedCurve(Module):
    """A calibration curve by np.interp, and the bin of each value by np.searchsorted."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.points = np.array([-1.5, -0.5, 0.25, 1.0])
        self.heights = np.array([0.0, 0.5, 2.0, 1.0])
        self.hist = State(np.zeros((5, n), dtype=np.int64))

    def step(self, x: Any) -> Any:
        y = np.interp(x, self.points, self.heights)
        place = np.searchsorted(self.points, x, side="right")
        self.hist[place, np.arange(len(x))] += 1
        return y, self.hist.argmax(axis=0)


class ZeroCrossings(Module):
    """Sign changes in a window of bits, with a dead band; the rate in floats."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.sign = State(np.array(1.0))
        self.flags = State(np.zeros(window, dtype=bool))

    def step(self, x: Any) -> Any:
        sign = np.where(np.abs(x) < 0.125, self.sign, np.sign(x))
        crossed = sign * self.sign < 0
        self.flags = np.roll(self.flags, 1)
        self.flags[0] = crossed
        self.sign = sign
        return self.flags.sum() / self.flags.size, np.any(self.flags)


class ChangeDetector(Module):
    """CUSUM on both sides; an alarm resets both sums."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.drift, self.threshold = 0.25, 4.0
        self.up = State(np.zeros(n))
        self.down = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        self.up = np.maximum(0, self.up + x - self.drift)
        self.down = np.maximum(0, self.down - x - self.drift)
        alarm = (self.up > self.threshold) | (self.down > self.threshold)
        self.up[alarm], self.down[alarm] = 0, 0
        return alarm


class RobustGate(Module):
    """Missing samples are replaced by the last good one; jumps beyond a limit do not pass."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.good = State(np.zeros(n))
        self.bad = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        x = np.where(x > 1.75, np.nan, x)
        ok = np.isfinite(x) & ~(np.abs(x - self.good) > 2)
        self.good[ok] = x[ok]
        self.bad[~ok] += 1
        self.bad *= ~ok
        lost = self.bad >= 4
        self.good[lost] = 0
        return self.good, ok


class Template(Module):
    """A window against templates by sum of absolute differences; the best one's number while it is good."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(3)
        self.templates = Parameter(rng.integers(-64, 65, (3, 4)) / 64)
        self.window = State(np.zeros(4))

    def step(self, x: Any) -> Any:
        self.window[:-1] = self.window[1:].copy()
        self.window[-1] = x
        distance = np.abs(self.templates - self.window[None, :]).sum(axis=1)
        best = np.argmin(distance)
        return np.where(distance[best] < 3, best, -1), distance.min()


class GameOfLife(Module):
    """A cellular automaton on bools: neighbours by rolling both axes; input switches cells on."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = State(np.zeros((5, 6), dtype=bool))

    def step(self, x: Any) -> Any:
        self.cells |= x > 0
        n = sum(np.roll(self.cells, (i, j), (0, 1)).astype(int) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
        self.cells = (n == 3) | (self.cells & (n == 2))
        return self.cells


IDIOMS = [
    Idiom("peak with hold", lambda: PeakHold(3), {"x": (3,)}, grid(), 0),
    Idiom("local maxima", lambda: LocalMaximum(3), {"x": (3,)}, grid(), 0),
    Idiom("Schmitt trigger by masks", lambda: SchmittTrigger(4), {"x": (4,)}, grid(), 0),
    Idiom("Schmitt trigger by logic", lambda: SchmittLogic(4), {"x": (4,)}, grid(), 0),
    Idiom("debouncer", lambda: Debouncer(4, 2), {"raw": (4,)}, events(0.5), 0),
    Idiom("debouncer in bits", lambda: ShiftDebouncer(4), {"raw": (4,)}, events(0.5), 0),
    Idiom("event counter", lambda: EventCounter(4), {"x": (4,)}, events(0.15), 1e-6),
    Idiom(
        "running extremes with reset",
        lambda: RunningExtremes(3),
        {"x": (3,), "reset": ()},
        {"x": grid(), "reset": events(0.1)},
    ),
    Idiom("lookup table", LookupTable, {"x": (3,)}),
    Idiom("calibration by np.interp", lambda: InterpolatedCurve(4), {"x": (4,)}),
    Idiom("zero crossings", lambda: ZeroCrossings(8), {"x": ()}, grid(), 0),
    Idiom("change detector", lambda: ChangeDetector(3), {"x": (3,)}, grid(), 0),
    Idiom("gate for missing samples", lambda: RobustGate(4), {"x": (4,)}, grid(), 0),
    Idiom("template matching", Template, {"x": ()}, grid(), 0),
    Idiom("cellular automaton", GameOfLife, {"x": (5, 6)}, events(0.15), 0),
]
