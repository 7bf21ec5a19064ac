"""Controllers, modulators and small state machines."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module
from tests.idioms.idiom import Idiom, events, grid


class PID(Module):
    """Anti-windup by clamping the integral, a filtered derivative on the measurement, a clipped output."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.kp, self.ki, self.kd = 2.0, 0.5, 0.25
        self.limit = Parameter(np.full(n, 3.0))
        self.dt = SimulationParameter(0.125)
        self.integral = State(np.zeros(n))
        self.previous = State(np.zeros(n))
        self.derivative = State(np.zeros(n))

    def step(self, setpoint: Any, measured: Any) -> Any:
        error = setpoint - measured
        self.integral += error * self.dt
        np.clip(self.integral, -self.limit, self.limit, out=self.integral)
        slope = (measured - self.previous) / self.dt
        self.derivative += 0.5 * (slope - self.derivative)
        self.previous[:] = measured
        u = self.kp * error + self.ki * self.integral - self.kd * self.derivative
        return np.clip(u, -self.limit, self.limit)


class ConditionalPI(Module):
    """Integrates only where the output is not saturated, or the error leads out of it."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.i = State(np.zeros(n))

    def step(self, error: Any) -> Any:
        u = 1.5 * error + self.i
        saturated = np.abs(u) > 2
        outward = np.sign(u) == np.sign(error)
        hold = saturated & outward
        self.i[~hold] += 0.25 * error[~hold]
        return np.minimum(np.maximum(u, -2), 2)


class LQR(Module):
    """A linear plant with state feedback, an observer, and friction that a sign makes."""

    def __init__(self) -> None:
        super().__init__()
        self.A = Parameter([[1.0, 0.1], [-0.1, 0.95]])
        self.B = Parameter([[0.0], [0.1]])
        self.K = Parameter([[1.0, 1.5]])
        self.L = Parameter([[0.4], [0.3]])
        self.x = State(np.array([1.0, 0.0]))
        self.x_hat = State(np.zeros(2))

    def step(self, disturbance: Any) -> Any:
        u = -self.K @ self.x_hat
        y = self.x[:1]
        self.x_hat = self.A @ self.x_hat + self.B @ u + self.L @ (y - self.x_hat[:1])
        self.x = self.A @ self.x + self.B @ (u + disturbance) - 0.01 * np.sign(self.x)
        return u, np.sqrt(self.x.T @ self.x)


class Pendulum(Module):
    """Runge-Kutta of fourth order in a loop, with the derivative as a method; the angle is wrapped."""

    def __init__(self) -> None:
        super().__init__()
        self.dt = SimulationParameter(0.05)
        self.g, self.l, self.damping = 9.81, 1.0, 0.1
        self.theta = State(np.array([0.5, -1.0]))
        self.omega = State(np.zeros(2))

    def slope(self, theta: Any, omega: Any, torque: Any) -> Any:
        return omega, torque - self.g / self.l * np.sin(theta) - self.damping * omega

    def step(self, torque: Any) -> Any:
        h = self.dt
        d_theta, d_omega, total = 0.0, 0.0, [0.0, 0.0]
        for ahead, share in ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)):
            d_theta, d_omega = self.slope(self.theta + ahead * h * d_theta, self.omega + ahead * h * d_omega, torque)
            total[0] += share * d_theta
            total[1] += share * d_omega
        self.theta = self.theta + h * total[0]
        self.omega = self.omega + h * total[1]
        return np.cos(self.theta), self.omega


class SigmaDelta(Module):
    """Second order: two integrators and a one-bit quantiser that is fed back."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.i1 = State(np.zeros(n))
        self.i2 = State(np.zeros(n))

    def step(self, x: Any) -> Any:
        bit = self.i2 >= 0
        feedback = np.where(bit, 1.0, -1.0)
        self.i1 += x - feedback
        self.i2 += self.i1 - 2 * feedback
        return bit


class DeltaModulator(Module):
    """Events up and down where the input has left the last level by a threshold; float32 as it stands."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.delta = np.float32(0.25)
        self.level = State(np.zeros(n, dtype=np.float32))

    def step(self, x: Any) -> Any:
        up = x > self.level + self.delta
        down = x < self.level - self.delta
        self.level[up] += self.delta
        self.level[down] -= self.delta
        return np.stack([up, down]), up.astype(np.int32) - down.astype(np.int32)


class MultiLevelDelta(Module):
    """Several events in a step: the difference counted in thresholds, with a refractory step."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.step_size = 0.25
        self.level = State(np.zeros(n))
        self.blocked = State(np.zeros(n, dtype=bool))

    def step(self, x: Any) -> Any:
        count = np.trunc((x - self.level) / self.step_size).astype(np.int64)
        count[self.blocked] = 0
        self.level += count * self.step_size
        self.blocked = count != 0
        return np.maximum(count, 0), np.maximum(-count, 0)


class Quantiser(Module):
    """Rounds with the error of the step before carried on, into integers that saturate."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.scale = 0.25
        self.error = State(np.zeros(n))
        self.code = State(np.zeros(n, dtype=np.int32))

    def step(self, x: Any) -> Any:
        wanted = x + self.error
        self.code = np.clip(np.round(wanted / self.scale), -4, 3).astype(np.int32)
        self.error = np.clip(wanted - self.code * self.scale, -0.5, 0.5)
        return self.code


class Pwm(Module):
    """A counter that wraps is compared with a duty that is latched when it does."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        self.counter = State(np.array(0))
        self.duty = State(np.array(0))

    def step(self, command: Any) -> Any:
        wanted = np.rint(np.clip(command, 0, 1) * self.period).astype(np.int64)
        self.duty = np.where(self.counter == 0, wanted, self.duty)
        out = self.counter < self.duty
        self.counter = np.remainder(self.counter + 1, self.period)
        return out


class Quadrature(Module):
    """A decoder of two bits: a table by the old and the new code gives the move."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Parameter(np.array([[0, 1, -1, 0], [-1, 0, 0, 1], [1, 0, 0, -1], [0, -1, 1, 0]]))
        self.code = State(np.array(0))
        self.position = State(np.array(0))

    def step(self, a: Any, b: Any) -> Any:
        code = (a > 0).astype(int) << 1 | (b > 0).astype(int)
        self.position += self.table[self.code, code]
        self.code = code
        return self.position


class TrafficLight(Module):
    """A state machine with a timer: np.select over conditions in order, durations by np.take."""

    RED, GREEN, AMBER = 0, 1, 2

    def __init__(self) -> None:
        super().__init__()
        self.durations = Parameter(np.array([3, 4, 2]))
        self.mode = State(np.array(self.RED))
        self.timer = State(np.array(0))

    def step(self, request: Any) -> Any:
        expired = self.timer >= np.take(self.durations, self.mode)
        following = np.select(
            [
                (self.mode == self.RED) & expired & (request > 0),
                (self.mode == self.GREEN) & expired,
                (self.mode == self.AMBER) & expired,
            ],
            [self.GREEN, self.AMBER, self.RED],
            default=self.mode,
        )
        self.timer = np.where(following != self.mode, 0, self.timer + 1)
        self.mode = following
        return np.choose(self.mode, [0.0, 1.0, 0.5]), self.mode


class Turnstiles(Module):
    """Many machines at once: each picks its next state from a table, by state and by symbol."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.next = Parameter(np.array([[0, 1], [2, 1], [0, 1]]))
        self.emits = Parameter(np.array([0.0, 0.5, 2.0]))
        self.s = State(np.zeros(n, dtype=np.int64))

    def step(self, x: Any) -> Any:
        symbol = (x > 0.5).astype(np.int64)
        self.s = self.next[self.s, symbol]
        return self.emits[self.s]


class Lfsr(Module):
    """Pseudo-random bits by shifts and xors of an integer; a stochastic rounding with them."""

    def __init__(self) -> None:
        super().__init__()
        self.register = State(np.array(0xACE1))

    def step(self, x: Any) -> Any:
        lfsr = self.register
        bit = (lfsr ^ (lfsr >> 2) ^ (lfsr >> 3) ^ (lfsr >> 5)) & 1
        self.register = (lfsr >> 1) | (bit << 15)
        u = self.register / 65536
        return np.floor(x + u), bit


class XorShift(Module):
    """A generator for each channel in 32 bits, masked as one does in signed integers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.seed = State(np.arange(1, n + 1, dtype=np.int64) * 2654435761 & 0xFFFFFFFF)

    def step(self, x: Any) -> Any:
        s = self.seed
        s = s ^ s << 13 & 0xFFFFFFFF
        s ^= s >> 17
        s = s ^ (s << 5) & 0xFFFFFFFF
        self.seed = s
        return (s & 1023) / 1024 < x


IDIOMS = [
    Idiom("PID with anti-windup", lambda: PID(3), {"setpoint": (3,), "measured": (3,)}),
    Idiom("PI that integrates on condition", lambda: ConditionalPI(3), {"error": (3,)}, grid(), 0),
    Idiom("LQR step with observer", LQR, {"disturbance": (1,)}),
    Idiom("pendulum by Runge-Kutta", Pendulum, {"torque": (2,)}, float32=1e-4),
    Idiom("sigma-delta", lambda: SigmaDelta(3), {"x": (3,)}, grid(-1, 1), 0),
    Idiom("delta modulator", lambda: DeltaModulator(3), {"x": (3,)}, grid(), 0),
    Idiom("delta modulator of many levels", lambda: MultiLevelDelta(3), {"x": (3,)}, grid(), 0),
    Idiom("quantiser with error feedback", lambda: Quantiser(4), {"x": (4,)}, grid(), 0),
    Idiom("pulse width modulation", lambda: Pwm(8), {"command": ()}, grid(-0.5, 1.5), 0),
    Idiom("quadrature decoder", Quadrature, {"a": (), "b": ()}, events(0.5), 0),
    Idiom("state machine with a timer", TrafficLight, {"request": ()}, events(0.3), 0),
    Idiom("state machines by a table", lambda: Turnstiles(4), {"x": (4,)}, events(0.5), 0),
    Idiom("LFSR bits", Lfsr, {"x": (2,)}, grid(), 0),
    Idiom("xorshift for each channel", lambda: XorShift(3), {"x": (3,)}, grid(0, 1), 0),
]
