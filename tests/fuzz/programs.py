"""Step programs for the plan fuzz: what people write in a step, in-place lines, views and aliases included.

A program is data: statements that run on a list of variables. The same interpreter runs it on plain arrays and on
tracers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphpool.nn.modules import Module
from graphpool.nn.modules.noise import Noise, make_key
from graphpool.ops import OPS
from graphpool.parameters import Parameter, State, active_trace
from tests.fuzz.statements import IN_PLACE, INDEXED, NOISE_SHAPES, OTHER, PURE

PARAMETERS = {
    "p0": np.array([0.5, -1.25, 2.0]),
    "p1": np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]]),
    "p2": np.array(0.5),
    "p3": np.array([[0.5, 1.0, -0.25], [0.0, -1.0, 0.5], [2.0, 0.25, 1.0]]),
    "p4": np.arange(-9, 9).reshape(2, 3, 3) / 4,
    "p5": np.array([1.5, -0.25, 0.75], np.float32),
    "p6": np.array(-0.75),
    "k0": np.array([2, -1, 1]),
    "k1": np.array(-2),
    "k2": np.array([[0, 3, -2], [1, -4, 2]]),
    "k3": np.arange(-4, 5).reshape(1, 3, 3),
    "k4": np.array(3),
    "m0": np.array([True, False, True]),
    "m2": np.array(True),
    "m4": np.array(False),
    "m5": np.array([False, False, True]),
    "m3": np.array([[False, True, True], [True, False, True]]),
    "m1": np.array([[[True], [False], [False]], [[False], [True], [True]]]),
}
STATES = {
    "s0": np.zeros(3),
    "s1": np.array([[0.5, -0.5, 1.0], [0.0, 2.0, -1.0], [1.5, 0.25, -2.0]]),
    "s2": np.array(0.25),
    "s3": np.array([[[0.5, 0.25, -1.0]], [[0.0, 1.0, 2.0]]]),
    "single": np.array([[0.25, -1.0, 0.5], [1.0, 0.0, 0.75]], np.float32),
    "count": np.zeros(3, dtype=np.int64),
    "tick": np.array(1),
    "flag": np.array([True, False, False]),
    "armed": np.array(True),
    "gate": np.array([[True], [False]]),
}
draw_noise = OPS["noise"].kernel
"""As the row has it, whatever is put into the table later."""


@dataclass(frozen=True)
class Statement:
    """``kind`` names an op and a spelling of it, or a line; ``args`` are numbers of variables, ``extra`` a constant."""

    kind: str
    args: tuple[int, ...]
    extra: Any = None

    @property
    def op(self) -> str:
        return self.kind.partition(".")[0]


@dataclass
class Program:
    """Statements, and the variables that leave the step.

    Attributes:
        statements: what runs.
        outputs: the numbers of the variables that leave.
        tolerances: how far each variable may be off.
        makers: what made each variable: an op, a line, or the name of what it is at the start.
        kinds: the kind of dtype of each variable.
    """

    statements: list[Statement] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    tolerances: list[float] = field(default_factory=list)
    makers: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def run(self, module: Any, x: Any) -> tuple[Any, ...]:
        """One step, on arrays or tracers."""
        variables = starting_variables(module, x)
        for statement in self.statements:
            execute(statement, variables, module)
        return tuple(variables[number] for number in self.outputs)

    def noises(self) -> list[str]:
        """The children that draw."""
        return sorted({statement.extra for statement in self.statements if statement.kind == "noise"})


def starting_variables(module: Any, x: Any) -> list[Any]:
    return [x, *(getattr(module, name) for name in PARAMETERS), *(getattr(module, name) for name in STATES)]


class NumberedNoise(Noise):
    """Noise that a plain step draws for a sample other than the first, too."""

    def __init__(self, name: str, sample: int) -> None:
        super().__init__(NOISE_SHAPES[name], seed=7)
        self.child_name, self.sample = name, sample

    def _draw(self) -> Any:
        if active_trace.get() is not None:
            return super()._draw()
        step, sample = np.asarray(self.count), np.asarray(self.sample)
        key = make_key(self.seed, self.child_name)
        with np.errstate(over="ignore"):
            return draw_noise(np, step, sample, key=key, shape=NOISE_SHAPES[self.child_name], dtype=np.dtype(float))


class FuzzModule(Module):
    """Runs a program as its step."""

    def __init__(self, program: Program, sample: int = 0) -> None:
        super().__init__(shape=(3, 3))
        self.program = program
        for name, value in PARAMETERS.items():
            setattr(self, name, Parameter(value))
        for name, value in STATES.items():
            setattr(self, name, State(value))
        for name in program.noises():
            setattr(self, name, NumberedNoise(name, sample))

    def step(self, x: Any) -> Any:
        return self.program.run(self, x)


def execute(statement: Statement, variables: list[Any], module: Any) -> None:
    """Run one statement: append a variable, change one in place, or write a state."""
    operands = [variables[number] for number in statement.args]
    kind = statement.kind
    if kind == "view":
        variables.append(operands[0][statement.extra])
    elif kind == "read":
        variables.append(getattr(module, statement.extra))
    elif kind == "noise":
        variables.append(getattr(module, statement.extra).step())
    elif kind == "write":
        value = operands[0] if operands[0].dtype.kind == "b" else np.clip(operands[0], -8, 8)
        setattr(module, statement.extra, value)
        variables.append(value)  # changing it later must not change the state
    elif kind in IN_PLACE:
        extra = (statement.extra,) if kind in INDEXED else ()
        IN_PLACE[kind][1](*extra, *operands)
    else:
        variables.append(spelling(kind)[1](*operands))


def spelling(kind: str) -> Any:
    """What operands a pure statement takes, and its function."""
    op, _, number = kind.partition(".")
    return (PURE | OTHER)[op][int(number)]
