"""Random step programs for the plan fuzz: what people write in a step, in-place lines, views and aliases included.

A program is data: statements that run on a list of variables. The same interpreter runs it on plain arrays and on
tracers. While a program is drawn it also runs on sample arrays, so shapes and dtypes are NumPy's own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphpool.nn.modules import Module
from graphpool.nn.modules.noise import Noise, make_key
from graphpool.ops import OPS
from graphpool.parameters import Parameter, State, active_trace
from tests.fuzz.statements import (
    IN_PLACE,
    INDEXED,
    INDICES,
    JUMPING,
    KINDS_OF,
    NOISE_SHAPES,
    OTHER,
    PURE,
    READ_ONLY,
    VIEWS,
    WRITES,
    family,
)

PARAMETERS = {
    "p0": np.array([0.5, -1.25, 2.0]),
    "p1": np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]]),
    "p2": np.array(0.5),
    "p3": np.array([[0.5, 1.0, -0.25], [0.0, -1.0, 0.5], [2.0, 0.25, 1.0]]),
    "p4": np.arange(-9, 9).reshape(2, 3, 3) / 4,
    "p5": np.array([1.5, -0.25, 0.75], np.float32),
    "k0": np.array([2, -1, 1]),
    "k1": np.array(-2),
    "k2": np.array([[0, 3, -2], [1, -4, 2]]),
    "k3": np.arange(-4, 5).reshape(1, 3, 3),
    "m0": np.array([True, False, True]),
    "m2": np.array(True),
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
MAX_LENGTH = 32
"""In statements. That such programs meet every op at every rate and rank is a test of its own."""

MAX_ELEMENTS, MAX_RANK, LARGEST = 60, 4, {"f": 32, "i": 1000}
"""Of what a statement makes. Large numbers would cancel, and then differ by more than a tolerance."""

COARSE, FINE = 1e-4, 1e-9
"""How far an inexact result may be off, relative and absolute, in single and in double precision."""

BY_FAMILY = [sorted(op for op in OPS if family(op) == name) for name in sorted({family(op) for op in OPS})]

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
        tolerances: how far each of them may be off.
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


# --- drawing ---------------------------------------------------------------------------------------------------------
class Plain:
    """Stands for the module while a program is drawn."""

    def __init__(self) -> None:
        for name, value in (PARAMETERS | STATES).items():
            object.__setattr__(self, name, value.copy())
        for name in NOISE_SHAPES:
            object.__setattr__(self, name, NumberedNoise(name, 0))

    def __setattr__(self, name: str, value: Any) -> None:
        present = getattr(self, name)
        if np.shape(value) not in ((), present.shape) or not np.can_cast(value.dtype, present.dtype, "same_kind"):
            raise ValueError(name)
        object.__setattr__(self, name, np.array(np.broadcast_to(value, present.shape), dtype=present.dtype))


EXACT_LETTERS = "xne"
MAX_TRIES, OPERAND_TRIES = 40, 5
OUTPUTS, FEATURED = 4, 3


def featured_ops(seed: int) -> list[str]:
    """The ops that the program of a seed surely tries, and often; seeds in a row go through the table."""
    names = sorted(OPS)
    return [names[(FEATURED * seed + number) % len(names)] for number in range(FEATURED)]


class Drawing:
    """A program in the making, with its variables as NumPy has them at the first step.

    Of each variable it knows how far runtimes may differ (``tolerances``), whether in-place lines may change it
    (``writable``), and whether it comes from parameters alone (``ready``). Some ops are featured: drawn more often, and
    with operands of whatever rank and rate. What is drawn first does not depend on how many statements follow, so a
    failure shrinks to a prefix.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.featured = [*featured_ops(seed), self.rng.choice(self.rng.choice(BY_FAMILY))]
        self.program = Program()
        self.plain = Plain()
        self.values = starting_variables(self.plain, np.array([0.25, -1.5, 2.0]))
        self.tolerances = [0.0] * len(self.values)
        self.writable = [True, *[False] * len(PARAMETERS), *[True] * len(STATES)]
        self.ready = [False, *[True] * len(PARAMETERS), *[False] * len(STATES)]
        self.program.makers = ["input", *["parameter"] * len(PARAMETERS), *["state"] * len(STATES)]

    def pick(self, letter: str, widely: bool = False) -> int | None:
        """A variable that an operand of that letter may be; late ones more often, or one of any rank and rate."""
        numbers = [number for number in range(len(self.values)) if self._fits(number, letter)]
        if not numbers:
            return None
        if widely:
            mine = [number for number in numbers if self.program.makers[number] in self.featured]
            if mine and self.rng.random() < 0.25:
                return self.rng.choice(mine)
            ready, rank = self.rng.random() < 0.5, self.rng.randrange(MAX_RANK)
            ranked = [number for number in numbers if np.ndim(self.values[number]) == rank]
            return self.rng.choice([number for number in ranked if self.ready[number] == ready] or ranked or numbers)
        return self.rng.choice(numbers if self.rng.random() < 0.5 else numbers[-4:])

    def _fits(self, number: int, letter: str) -> bool:
        exact = letter not in EXACT_LETTERS or self.tolerances[number] == 0
        return exact and np.asarray(self.values[number]).dtype.kind in KINDS_OF[letter]

    def attempt(self, statement: Statement, tolerance: float = 0.0, writable: bool = False) -> bool:
        """Run a statement on the sample arrays; keep it where NumPy accepts it and its result stays small."""
        before = len(self.values)
        try:
            with np.errstate(all="ignore"):
                execute(statement, self.values, self.plain)
        except (ValueError, TypeError, IndexError, AttributeError, KeyError):
            del self.values[before:]
            return False
        if len(self.values) > before:
            made = self.values[-1]
            if not _is_small(made):
                self.values.pop()
                return False
            if tolerance and np.asarray(made).dtype.kind != "f":
                tolerance = 0.0  # isfinite of an inexact number
            self.tolerances.append(max(tolerance, COARSE) if tolerance and made.dtype == np.float32 else tolerance)
            self.writable.append(writable and isinstance(made, np.ndarray))
            self.ready.append(bool(statement.args) and all(self.ready[number] for number in statement.args))
            self.program.makers.append(statement.op)
        else:
            self.ready[statement.args[0]] = all(self.ready[number] for number in statement.args)
        self.program.statements.append(statement)
        return True

    # --- kinds of statements ---------------------------------------------------------------------------------------
    def pure(self) -> bool:
        """An op; one that is picky about its operands gets several tries, lest it be rare."""
        widely = self.rng.random() < 0.6
        op = self.rng.choice(self.featured if widely else [*sorted(PURE | OTHER), *["matmul", "alias", "noise"] * 4])
        if op == "noise":
            return self.attempt(Statement("noise", (), self.rng.choice(sorted(NOISE_SHAPES))), FINE, True)
        if op in WRITES:
            return self._change(self.rng.choice(WRITES[op]), widely)
        for _ in range(OPERAND_TRIES * 2 if widely else OPERAND_TRIES):
            number = self.rng.randrange(len((PURE | OTHER)[op]))
            numbers = [self.pick(letter, widely) for letter in spelling(f"{op}.{number}")[0].lstrip("~")]
            chosen = tuple(number for number in numbers if number is not None)
            if len(chosen) == len(numbers) and self._apply(f"{op}.{number}", chosen):
                return True
        return False

    def _apply(self, kind: str, args: tuple[int, ...]) -> bool:
        tolerance = max(self.tolerances[number] for number in args)
        statement = Statement(kind, args)
        writable = statement.op not in READ_ONLY and (statement.op not in VIEWS or self.writable[args[0]])
        return self.attempt(statement, max(tolerance, FINE) if spelling(kind)[0][0] == "~" else tolerance, writable)

    def echo(self) -> bool:
        """Almost an earlier statement: another index, its operands swapped, another function, or the same again."""
        earlier = [each for each in self.program.statements if each.op in PURE or each.kind in ("view", *INDEXED)]
        if not earlier:
            return False
        model = self.rng.choice(earlier if self.rng.random() < 0.5 else earlier[-4:])
        if model.kind in INDEXED and self.rng.random() < 0.5:
            return self._write_index(self.rng.choice(INDEXED), model.args)
        if model.op not in PURE:
            return self._index(model.args[0])
        letters = spelling(model.kind)[0].lstrip("~")
        kinds = [
            f"{op}.{number}"
            for op, entries in sorted(PURE.items())
            for number, entry in enumerate(entries)
            if entry[0].lstrip("~") == letters and (self.rng.random() < 0.3 or op == model.op)
        ]
        kind = model.kind if self.rng.random() < 0.6 else self.rng.choice(kinds)
        return self._apply(kind, model.args[:: self.rng.choice([1, -1])] if len(set(letters)) == 1 else model.args)

    def in_place(self) -> bool:
        """A line that changes a variable, and so every view and alias of it."""
        return self._change(self.rng.choice(sorted(IN_PLACE)), False)

    def _change(self, kind: str, widely: bool) -> bool:
        for _ in range(OPERAND_TRIES):
            operands = [self.pick(letter, widely) for letter in IN_PLACE[kind][0]]
            chosen = [number for number in operands if number is not None]
            if len(chosen) < len(operands):
                return False
            targets = [number for number in range(len(self.values)) if self._may_change(number, kind, chosen)]
            if targets:
                args = (self._target(targets, widely), *chosen)
                if self._write_index(kind, args) if kind in INDEXED else self.attempt(Statement(kind, args)):
                    return True
        return False

    def _target(self, targets: list[int], widely: bool) -> int:
        ready = [number for number in targets if self.ready[number]]
        if widely and ready and self.rng.random() < 0.5:
            return self.rng.choice(ready)
        shared = [number for number in targets if self.program.makers[number] in VIEWS]
        return self.rng.choice(shared if shared and self.rng.random() < 0.4 else targets)

    def _may_change(self, number: int, kind: str, operands: list[int]) -> bool:
        value = self.values[number]
        if not self.writable[number] or not isinstance(value, np.ndarray):
            return False
        if kind in JUMPING and self.tolerances[number]:
            return False
        kinds = {value.dtype.kind, *(np.asarray(self.values[other]).dtype.kind for other in operands[-1:])}
        if kind != "masked_flag" and len(kinds) > 1:
            return False
        return all(self.tolerances[number] >= self.tolerances[other] for other in operands)

    def _write_index(self, kind: str, args: tuple[int, ...]) -> bool:
        return any(self.attempt(Statement(kind, args, index)) for index in self._indices())

    def _indices(self) -> list[Any]:
        """Some to try, since most do not fit the rank."""
        return self.rng.sample(INDICES, OPERAND_TRIES)

    def view(self) -> bool:
        """A basic index of a variable."""
        base = self.pick("a")
        return base is not None and self._index(base)

    def _index(self, base: int) -> bool:
        tolerance, writable = self.tolerances[base], self.writable[base]
        return any(self.attempt(Statement("view", (base,), index), tolerance, writable) for index in self._indices())

    def state(self) -> bool:
        """Reading or assigning a state."""
        name = self.rng.choice(sorted(STATES))
        if self.rng.random() < 0.4:
            return self.attempt(Statement("read", (), name), writable=True)
        number = self.pick({"i": "i", "b": "b", "f": "e"}[STATES[name].dtype.kind])
        if number is None:
            return False
        is_copy = self.values[number].dtype.kind != "b"
        return self.attempt(Statement("write", (number,), name), writable=is_copy or self.writable[number])


def _is_small(made: Any) -> bool:
    array = np.asarray(made)
    if not 0 < array.size <= MAX_ELEMENTS or array.ndim > MAX_RANK or array.dtype not in STATES_AND_MORE:
        return False
    return array.dtype.kind == "b" or bool((abs(array) <= LARGEST[array.dtype.kind]).all())


STATES_AND_MORE = frozenset(np.dtype(name) for name in ("f4", "f8", "i4", "i8", "?"))
CHOICES = (
    *[Drawing.pure] * 10,
    *[Drawing.in_place] * 4,
    *[Drawing.view] * 2,
    *[Drawing.state] * 3,
    *[Drawing.echo] * 4,
)


def draw_program(seed: int, length: int) -> Program:
    """The first ``length`` statements of the program of a seed; the last variables and some others leave the step."""
    drawing = Drawing(seed)
    for _ in range(length):
        for _ in range(MAX_TRIES):
            if drawing.rng.choice(CHOICES)(drawing):
                break
    chosen, count = random.Random(seed), len(drawing.values)
    share = chosen.choice([0.25, 1.0])
    numbers = [number for number in range(count) if chosen.random() < share or number >= count - OUTPUTS]
    program = drawing.program
    program.outputs = tuple(numbers)
    program.tolerances = [drawing.tolerances[number] for number in numbers]
    program.kinds = [np.asarray(value).dtype.kind for value in drawing.values]
    return program
