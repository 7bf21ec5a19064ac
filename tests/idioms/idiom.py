"""What an idiom is: a step as people write it in NumPy, what drives it, and how exactly float32 can follow it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.runtimes.models import flat

BATCH, STEPS = 3, 36

Drive = Callable[[np.random.Generator, tuple[int, ...]], Any]


def grid(low: float = -2.0, high: float = 2.0) -> Drive:
    """Multiples of 1/64, so that sums of products with such weights are exact in any order."""
    return lambda rng, shape: rng.integers(round(low * 64), round(high * 64) + 1, shape) / 64


def events(rate: float) -> Drive:
    """Zeros and ones."""
    return lambda rng, shape: (rng.random(shape) < rate).astype(float)


def weights(*shape: int, seed: int = 0, scale: int = 64) -> Any:
    """Multiples of 1/64."""
    return np.random.default_rng(seed).integers(-scale, scale + 1, shape) / 64


@dataclass(frozen=True)
class Idiom:
    """A step as people write it.

    Attributes:
        name: what people call it.
        make: the module; always the same one.
        ports: the shape of one sample by argument of step.
        drive: draws an input from a generator and a shape; one for all ports, or by name.
        float32: how close float32 comes, relative to the largest value of each array; 0 is to the bit.
        parts: whether rounding may part the events of float32 from those of float64 after a while.
        steps: how many time steps.
    """

    name: str
    make: Callable[[], Any]
    ports: Mapping[str, tuple[int, ...]]
    drive: Drive | Mapping[str, Drive] = field(default_factory=grid)
    float32: float = 1e-5
    parts: bool = False
    steps: int = STEPS

    def inputs(self) -> dict[str, Any]:
        """What drives it, ``(BATCH, steps, *shape)`` by port; the same every time."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        drives = self.drive if isinstance(self.drive, Mapping) else dict.fromkeys(self.ports, self.drive)
        return {port: drives[port](rng, (BATCH, self.steps, *shape)) for port, shape in self.ports.items()}


def step_loop(idiom: Idiom) -> tuple[list[Any], dict[str, Any]]:
    """Outputs ``(BATCH, steps, *shape)`` and final states ``(BATCH, *shape)``, from the step in plain NumPy."""
    inputs = idiom.inputs()
    rows, states = [], []
    for sample in range(BATCH):
        alone = deepcopy(idiom.make())
        rows.append([])
        for now in range(idiom.steps):
            y = alone.step(**{port: x[sample, now] for port, x in inputs.items()})
            rows[-1].append(y if isinstance(y, tuple) else (y,))
        states.append(flat(alone.state()))
    count = len(rows[0][0])
    outputs = [np.array([[now[number] for now in row] for row in rows]) for number in range(count)]
    return outputs, {name: np.array([state[name] for state in states]) for name in states[0]}
