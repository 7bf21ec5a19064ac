"""Random step programs for the plan fuzz: what people write in a step, in-place lines, views and aliases included.

A program is data: statements that run on a list of variables. The same interpreter runs it on plain arrays and on
tracers. While a program is drawn it also runs on sample arrays, so shapes and dtypes are NumPy's own.

Some results differ between runtimes in the last place (``tanh``, a product under a fused multiply-add, the order of a
sum). They are marked inexact, and nothing that jumps (comparisons, ``floor``) reads them, so that it stays one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphpool.functional import spike
from graphpool.nn.modules import Module
from graphpool.parameters import Parameter, State

PARAMETERS = {
    "p0": np.array([0.5, -1.25, 2.0]),
    "p1": np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]]),
    "p2": np.array(0.5),
    "p3": np.array([[0.5, 1.0, -0.25], [0.0, -1.0, 0.5], [2.0, 0.25, 1.0]]),
}
STATES = {
    "s0": np.zeros(3),
    "s1": np.array([[0.5, -0.5, 1.0], [0.0, 2.0, -1.0], [1.5, 0.25, -2.0]]),
    "s2": np.array(0.25),
    "count": np.zeros(3, dtype=np.int64),
    "flag": np.array([True, False, False]),
}
MAX_ELEMENTS = 60
INDICES: tuple[Any, ...] = (
    0,
    -1,
    slice(1, None),
    slice(None, None, -1),
    slice(0, 2),
    (Ellipsis, 0),
    (slice(None), 1),
    None,
    (None, Ellipsis),
    (slice(None), slice(0, 1)),
    (1, slice(None, None, 2)),
    (Ellipsis, slice(1, 2)),
)


@dataclass(frozen=True)
class Statement:
    """``kind`` names a function of the table below; ``args`` are numbers of variables, ``extra`` a constant."""

    kind: str
    args: tuple[int, ...]
    extra: Any = None


@dataclass
class Program:
    """Statements, and the variables that leave the step."""

    statements: list[Statement] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    exact: list[bool] = field(default_factory=list)

    def run(self, module: Any, x: Any) -> tuple[Any, ...]:
        """One step, on arrays or tracers."""
        variables = starting_variables(module, x)
        for statement in self.statements:
            execute(statement, variables, module)
        return tuple(variables[number] for number in self.outputs)


def starting_variables(module: Any, x: Any) -> list[Any]:
    return [x, *(getattr(module, name) for name in PARAMETERS), *(getattr(module, name) for name in STATES)]


class FuzzModule(Module):
    """Runs a program as its step."""

    def __init__(self, program: Program) -> None:
        super().__init__(shape=(3, 3))
        self.program = program
        for name, value in PARAMETERS.items():
            setattr(self, name, Parameter(value))
        for name, value in STATES.items():
            setattr(self, name, State(value))

    def step(self, x: Any) -> Any:
        return self.program.run(self, x)


# --- the statements --------------------------------------------------------------------------------------------------
Rule = tuple[str, Callable[..., Any]]
"""What operands must be (one letter each: e exact float, f float, i int, b bool, a anything), and the function.
A capital letter: the result is exact only if the operands are; "~" before: the result is inexact."""

PURE: dict[str, Rule] = {
    "add": ("ff", np.add),
    "subtract": ("ff", np.subtract),
    "maximum": ("ff", np.maximum),
    "minimum": ("ff", np.minimum),
    "negative": ("f", np.negative),
    "abs": ("f", abs),
    "floor": ("e", np.floor),
    "round": ("e", np.round),
    "sign": ("e", np.sign),
    "halve": ("f", lambda a: a * 0.5),
    "modulo": ("e", lambda a: a % 2.0),
    "clip": ("f", lambda a: np.clip(a, -2, 1.5)),
    "float32": ("f", lambda a: a.astype(np.float32)),
    "float64": ("f", lambda a: a.astype(np.float64)),
    "spike": ("e", lambda a: spike(np.clip(a, -8, 8), 0.5, max_spikes=3)),
    "multiply": ("~ff", np.multiply),
    "divide": ("~ff", lambda a, b: a / (abs(b) + 1)),
    "square": ("~f", lambda a: a**2),
    "power": ("~f", lambda a: np.power(abs(a) + 1, 0.75)),
    "tanh": ("~f", np.tanh),
    "exp": ("~f", lambda a: np.exp(np.tanh(a))),
    "sqrt": ("~f", lambda a: np.sqrt(abs(a))),
    "log": ("~f", lambda a: np.log(abs(a) + 1)),
    "matmul": ("~ff", np.matmul),
    "dot": ("~ff", lambda a, b: np.dot(a, b) if a.ndim < 2 or b.ndim < 3 else a @ b),
    "sum": ("~f", np.sum),
    "sum0": ("~f", lambda a: a.sum(axis=0)),
    "mean": ("~f", lambda a: a.mean(axis=-1)),
    "sumkeep": ("~f", lambda a: np.sum(a, axis=-1, keepdims=True)),
    "max": ("f", lambda a: np.max(a, axis=-1)),
    "min": ("f", lambda a: a.min(axis=0, keepdims=True)),
    "less": ("ee", np.less),
    "less_equal": ("ee", np.less_equal),
    "greater": ("ee", np.greater),
    "greater_equal": ("ee", lambda a, b: a >= b),
    "equal": ("ee", np.equal),
    "not_equal": ("ee", np.not_equal),
    "and": ("bb", np.logical_and),
    "or": ("bb", lambda a, b: a | b),
    "xor": ("bb", np.logical_xor),
    "not": ("b", np.logical_not),
    "any": ("b", lambda a: a.any(axis=-1)),
    "all": ("b", np.all),
    "where": ("bff", np.where),
    "to_int": ("e", lambda a: np.clip(a, -50, 50).astype(np.int64)),
    "to_bool": ("e", lambda a: a.astype(bool)),
    "from_int": ("i", lambda a: a.astype(np.float64) * 0.125),
    "from_bool": ("b", lambda a: a * 1.0),
    "int_add": ("ii", np.add),
    "int_multiply": ("ii", lambda a, b: (a * b) % 97),
    "int_less": ("ii", np.less),
    "int_where": ("bii", np.where),
    "int_sum": ("i", lambda a: np.sum(a, axis=-1)),
    "int_divide": ("~ii", lambda a, b: a / (b % 5 + 7)),
    "int_max": ("i", np.max),
    "transpose": ("f", np.transpose),
    "reshape": ("f", lambda a: a.reshape(-1, 1)),
    "ravel": ("f", np.ravel),
    "squeeze": ("f", np.squeeze),
    "expand": ("f", lambda a: np.expand_dims(a, -1)),
    "broadcast": ("f", lambda a: np.broadcast_to(a, (2, 3))),
    "stack": ("ff", lambda a, b: np.stack([a, b], axis=-1)),
    "concatenate": ("ff", lambda a, b: np.concatenate([a, b])),
    "concatenate1": ("ff", lambda a, b: np.concatenate([a, b], axis=-1)),
    "copy": ("f", np.copy),
    "bool_stack": ("bb", lambda a, b: np.stack([a, b])),
    "zeros_like": ("f", np.zeros_like),
    "alias": ("f", lambda a: a),
}


def _iadd(a: Any, b: Any) -> None:
    a += b


def _isub(a: Any, b: Any) -> None:
    a -= b


def _set(a: Any, b: Any, index: Any) -> None:
    a[index] = b


def _slice_iadd(a: Any, b: Any, index: Any) -> None:
    a[index] += b


def _masked_set(a: Any, b: Any) -> None:
    a[a > b] = 0.25


def _masked_isub(a: Any, b: Any) -> None:
    a[a > b] -= 1


def _out(a: Any, b: Any) -> None:
    np.minimum(a, b, out=a)


def _copyto(a: Any, b: Any) -> None:
    np.copyto(a, b)


IN_PLACE: dict[str, Callable[..., None]] = {
    "iadd": _iadd,
    "isub": _isub,
    "set": _set,
    "slice_iadd": _slice_iadd,
    "masked_set": _masked_set,
    "masked_isub": _masked_isub,
    "out": _out,
    "copyto": _copyto,
}
REARRANGEMENTS = ("transpose", "reshape", "ravel", "squeeze", "broadcast")
"""Views that a step may not write through, or copies, depending on the layout."""
INDEXED = ("set", "slice_iadd")
JUMPING = ("masked_set", "masked_isub")


def execute(statement: Statement, variables: list[Any], module: Any) -> None:
    """Run one statement: append a variable, change one in place, or write a state."""
    operands = [variables[number] for number in statement.args]
    kind = statement.kind
    if kind == "view":
        variables.append(operands[0][statement.extra])
    elif kind == "read":
        variables.append(getattr(module, statement.extra))
    elif kind == "write":
        value = operands[0] if operands[0].dtype.kind == "b" else np.clip(operands[0], -8, 8)
        setattr(module, statement.extra, value)
        variables.append(value)  # changing it later must not change the state
    elif kind in IN_PLACE:
        extra = (statement.extra,) if kind in INDEXED else ()
        IN_PLACE[kind](*operands, *extra)
    else:
        variables.append(PURE[kind][1](*operands))


# --- drawing ---------------------------------------------------------------------------------------------------------
class Plain:
    """Stands for the module while a program is drawn."""

    def __init__(self) -> None:
        for name, value in (PARAMETERS | STATES).items():
            object.__setattr__(self, name, value.copy())

    def __setattr__(self, name: str, value: Any) -> None:
        present = getattr(self, name)
        if np.shape(value) not in ((), present.shape) or not np.can_cast(value.dtype, present.dtype, "same_kind"):
            raise ValueError(name)
        object.__setattr__(self, name, np.array(np.broadcast_to(value, present.shape), dtype=present.dtype))


class Drawing:
    """A program in the making, with its variables as NumPy has them at the first step.

    ``exact`` and ``writable`` tell of each variable whether all runtimes give it to the bit, and whether in-place lines
    may change it. What is drawn first does not depend on how many statements follow, so a failure shrinks to a prefix.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.program = Program()
        self.plain = Plain()
        self.values = starting_variables(self.plain, np.array([0.25, -1.5, 2.0]))
        self.exact = [True] * len(self.values)
        self.writable = [True, *[False] * len(PARAMETERS), *[True] * len(STATES)]

    def pick(self, letter: str) -> int | None:
        """A variable that an operand of that letter may be; late ones more often."""
        numbers = [number for number in range(len(self.values)) if self._fits(number, letter)]
        if not numbers:
            return None
        return self.rng.choice(numbers if self.rng.random() < 0.5 else numbers[-4:])

    def _fits(self, number: int, letter: str) -> bool:
        kind = np.asarray(self.values[number]).dtype.kind
        return kind == {"e": "f"}.get(letter, letter) and (letter != "e" or self.exact[number])

    def attempt(self, statement: Statement, exact: bool = True, writable: bool = False) -> bool:
        """Run a statement on the sample arrays; keep it where NumPy accepts it and its result stays small."""
        before = len(self.values)
        try:
            with np.errstate(all="ignore"):
                execute(statement, self.values, self.plain)
        except (ValueError, TypeError, IndexError, AttributeError):
            del self.values[before:]
            return False
        if len(self.values) > before:
            made = self.values[-1]
            if not 0 < np.size(made) <= MAX_ELEMENTS or np.ndim(made) > 4:
                self.values.pop()
                return False
            self.exact.append(exact)
            self.writable.append(writable and isinstance(made, np.ndarray))
        self.program.statements.append(statement)
        return True

    # --- kinds of statements ---------------------------------------------------------------------------------------
    def pure(self) -> bool:
        """A function of variables; one that is picky about their shapes gets several tries, lest it be rare."""
        kind = self.rng.choice([*sorted(PURE), *["matmul"] * 6])
        for _ in range(OPERAND_TRIES):
            numbers = [self.pick(letter) for letter in PURE[kind][0].lstrip("~")]
            chosen = tuple(number for number in numbers if number is not None)
            if len(chosen) == len(numbers) and self._apply(kind, chosen):
                return True
        return False

    def _apply(self, kind: str, args: tuple[int, ...]) -> bool:
        exact = not PURE[kind][0].startswith("~") and all(self.exact[number] for number in args)
        return self.attempt(Statement(kind, args), exact, self._gives_writable(kind, args[0]))

    def echo(self) -> bool:
        """Almost an earlier statement: another index, its operands swapped, another function, or the same again."""
        earlier = [each for each in self.program.statements if each.kind in PURE or each.kind in ("view", *INDEXED)]
        if not earlier:
            return False
        model = self.rng.choice(earlier if self.rng.random() < 0.5 else earlier[-4:])
        if model.kind in INDEXED and self.rng.random() < 0.5:
            return self._write_index(self.rng.choice(INDEXED), model.args)
        if model.kind not in PURE:
            return self._index(model.args[0])
        letters = PURE[model.kind][0].lstrip("~")
        kinds = [kind for kind in sorted(PURE) if PURE[kind][0].lstrip("~") == letters]
        kind = model.kind if self.rng.random() < 0.6 else self.rng.choice(kinds)
        return self._apply(kind, model.args[:: self.rng.choice([1, -1])] if len(set(letters)) == 1 else model.args)

    def _gives_writable(self, kind: str, first: int) -> bool:
        if kind in ("alias", "expand"):
            return self.writable[first]
        return kind not in REARRANGEMENTS

    def in_place(self) -> bool:
        """A line that changes a variable, and so every view and alias of it."""
        kind = self.rng.choice(sorted(IN_PLACE))
        operand = self.pick("e" if kind in JUMPING else "f")
        targets = [
            number
            for number, value in enumerate(self.values)
            if self.writable[number] and isinstance(value, np.ndarray) and value.dtype == np.float64
            and (self.exact[number] or kind not in JUMPING)
            and (not self.exact[number] or (operand is not None and self.exact[operand]))
        ]  # fmt: skip
        if operand is None or not targets:
            return False
        args = (self.rng.choice(targets), operand)
        return self._write_index(kind, args) if kind in INDEXED else self.attempt(Statement(kind, args))

    def _write_index(self, kind: str, args: tuple[int, ...]) -> bool:
        return any(self.attempt(Statement(kind, args, index)) for index in self._indices())

    def _indices(self) -> list[Any]:
        """Some to try, since most do not fit the rank."""
        return self.rng.sample(INDICES, OPERAND_TRIES)

    def view(self) -> bool:
        """A basic index of a variable."""
        base = self.pick("f")
        return base is not None and self._index(base)

    def _index(self, base: int) -> bool:
        exact, writable = self.exact[base], self.writable[base]
        return any(self.attempt(Statement("view", (base,), index), exact, writable) for index in self._indices())

    def state(self) -> bool:
        """Reading or assigning a state."""
        name = self.rng.choice(sorted(STATES))
        if self.rng.random() < 0.4:
            return self.attempt(Statement("read", (), name), writable=True)
        number = self.pick({"i": "i", "b": "b", "f": "e"}[STATES[name].dtype.kind])
        return number is not None and self.attempt(Statement("write", (number,), name), writable=True)


KINDS = (*[Drawing.pure] * 8, *[Drawing.in_place] * 4, *[Drawing.view] * 2, *[Drawing.state] * 3, *[Drawing.echo] * 4)
MAX_TRIES, OPERAND_TRIES = 40, 5
OUTPUTS = 4


def draw_program(seed: int, length: int) -> Program:
    """The first ``length`` statements of the program of a seed; the last variables and some others leave the step."""
    drawing = Drawing(seed)
    for _ in range(length):
        for _ in range(MAX_TRIES):
            if drawing.rng.choice(KINDS)(drawing):
                break
    chosen, count = random.Random(seed), len(drawing.values)
    share = chosen.choice([0.25, 1.0])
    numbers = [number for number in range(count) if chosen.random() < share or number >= count - OUTPUTS]
    drawing.program.outputs = tuple(numbers)
    drawing.program.exact = [drawing.exact[number] for number in numbers]
    return drawing.program
