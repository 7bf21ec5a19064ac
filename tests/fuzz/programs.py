"""Random step programs for the plan fuzz: what people write in a step, in-place lines, views and aliases included.

A program is data: statements that run on a list of variables. The same interpreter runs it on plain arrays and on
tracers. While a program is drawn it also runs on sample arrays, so shapes and dtypes are NumPy's own.

Some results differ between runtimes in the last place (``tanh``, a product under a fused multiply-add, the order of a
sum). They are marked inexact, and nothing that jumps (comparisons, ``floor``) reads them, so that a difference stays one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from graphpool.functional import spike
from graphpool.nn.modules import Module
from graphpool.parameters import Parameter, State

PARAMETERS = {"p0": np.array([0.5, -1.25, 2.0]), "p1": np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]]), "p2": np.array(0.5)}
STATES = {"s0": np.zeros(3), "s1": np.array([[0.5, -0.5, 1.0], [0.0, 2.0, -1.0]]), "s2": np.array(0.25),
          "count": np.zeros(3, dtype=np.int64), "flag": np.array([True, False, False])}
MAX_ELEMENTS = 60
INDICES: tuple[Any, ...] = (0, -1, slice(1, None), slice(None, None, -1), slice(0, 2), (Ellipsis, 0), (slice(None), 1), None,
                            (None, Ellipsis), (slice(None), slice(0, 1)), (1, slice(None, None, 2)), (Ellipsis, slice(1, 2)))


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
    "add": ("ff", np.add), "subtract": ("ff", np.subtract), "maximum": ("ff", np.maximum), "minimum": ("ff", np.minimum),
    "negative": ("f", np.negative), "abs": ("f", abs), "floor": ("e", np.floor), "round": ("e", np.round),
    "sign": ("e", np.sign), "halve": ("f", lambda a: a * 0.5), "modulo": ("e", lambda a: a % 2.0),
    "clip": ("f", lambda a: np.clip(a, -2, 1.5)), "float32": ("f", lambda a: a.astype(np.float32)),
    "float64": ("f", lambda a: a.astype(np.float64)),
    "spike": ("e", lambda a: spike(np.clip(a, -8, 8), 0.5, max_spikes=3)),
    "multiply": ("~ff", np.multiply), "divide": ("~ff", lambda a, b: a / (abs(b) + 1)), "square": ("~f", lambda a: a**2),
    "power": ("~f", lambda a: np.power(abs(a) + 1, 0.75)), "tanh": ("~f", np.tanh), "exp": ("~f", lambda a: np.exp(np.tanh(a))),
    "sqrt": ("~f", lambda a: np.sqrt(abs(a))), "log": ("~f", lambda a: np.log(abs(a) + 1)), "matmul": ("~ff", np.matmul),
    "dot": ("~ff", np.dot), "sum": ("~f", np.sum), "sum0": ("~f", lambda a: a.sum(axis=0)), "mean": ("~f", lambda a: a.mean(axis=-1)),
    "sumkeep": ("~f", lambda a: np.sum(a, axis=-1, keepdims=True)),
    "max": ("f", lambda a: np.max(a, axis=-1)), "min": ("f", lambda a: a.min(axis=0, keepdims=True)),
    "less": ("ee", np.less), "less_equal": ("ee", np.less_equal), "greater": ("ee", np.greater),
    "greater_equal": ("ee", lambda a, b: a >= b), "equal": ("ee", np.equal), "not_equal": ("ee", np.not_equal),
    "and": ("bb", np.logical_and), "or": ("bb", lambda a, b: a | b), "xor": ("bb", np.logical_xor), "not": ("b", np.logical_not),
    "any": ("b", lambda a: a.any(axis=-1)), "all": ("b", np.all), "where": ("bff", np.where),
    "to_int": ("e", lambda a: np.clip(a, -50, 50).astype(np.int64)), "to_bool": ("e", lambda a: a.astype(bool)),
    "from_int": ("i", lambda a: a.astype(np.float64) * 0.125), "from_bool": ("b", lambda a: a * 1.0),
    "int_add": ("ii", np.add), "int_multiply": ("ii", lambda a, b: (a * b) % 97), "int_less": ("ii", np.less), "int_where": ("bii", np.where),
    "int_sum": ("i", lambda a: np.sum(a, axis=-1)), "int_divide": ("~ii", lambda a, b: a / (b % 5 + 7)), "int_max": ("i", np.max),
    "transpose": ("f", np.transpose), "reshape": ("f", lambda a: a.reshape(-1, 1)), "ravel": ("f", np.ravel),
    "squeeze": ("f", np.squeeze), "expand": ("f", lambda a: np.expand_dims(a, -1)), "broadcast": ("f", lambda a: np.broadcast_to(a, (2, 3))),
    "stack": ("ff", lambda a, b: np.stack([a, b], axis=-1)), "concatenate": ("ff", lambda a, b: np.concatenate([a, b])),
    "concatenate1": ("ff", lambda a, b: np.concatenate([a, b], axis=-1)), "copy": ("f", np.copy), "bool_stack": ("bb", lambda a, b: np.stack([a, b])),
    "zeros_like": ("f", np.zeros_like), "alias": ("f", lambda a: a),
}  # fmt: skip


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
    "iadd": _iadd, "isub": _isub, "set": _set, "slice_iadd": _slice_iadd, "masked_set": _masked_set,
    "masked_isub": _masked_isub, "out": _out, "copyto": _copyto,
}  # fmt: skip
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
        value = operands[0]
        setattr(module, statement.extra, value if value.dtype.kind == "b" else np.clip(value, -8, 8))
    elif kind in IN_PLACE:
        extra = (statement.extra,) if kind in INDEXED else ()
        IN_PLACE[kind](*operands, *extra)
    else:
        variables.append(PURE[kind][1](*operands))


# --- drawing ---------------------------------------------------------------------------------------------------------
class _Drawing:
    """A program in the making, with its variables as NumPy has them at the first step."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.program = Program()
        self.plain = _Plain()
        self.values = starting_variables(self.plain, np.array([0.25, -1.5, 2.0]))
        self.exact = [True] * len(self.values)
        self.owned = [True, *[False] * len(PARAMETERS), *[True] * len(STATES)]

    def fits(self, number: int, letter: str) -> bool:
        value = np.asarray(self.values[number])
        kind = value.dtype.kind
        return {"e": kind == "f" and self.exact[number], "f": kind == "f", "i": kind == "i", "b": kind == "b"}[letter]

    def pick(self, letter: str) -> int | None:
        numbers = [n for n in range(len(self.values)) if self.fits(n, letter)]
        return self.draw(st.sampled_from(numbers)) if numbers else None

    def attempt(self, statement: Statement, exact: bool, owned: bool) -> bool:
        """Run it on the sample arrays; keep it where NumPy accepts it."""
        before = len(self.values)
        try:
            with np.errstate(all="ignore"):
                execute(statement, self.values, self.plain)
        except (ValueError, TypeError, IndexError, AttributeError):
            del self.values[before:]
            return False
        if len(self.values) > before:
            if np.size(self.values[-1]) > MAX_ELEMENTS or np.size(self.values[-1]) == 0 or np.ndim(self.values[-1]) > 4:
                del self.values[before:]
                return False
            self.exact.append(exact)
            self.owned.append(owned)
        self.program.statements.append(statement)
        return True


class _Plain:
    """Stands for the module while a program is drawn."""

    def __init__(self) -> None:
        for name, value in (PARAMETERS | STATES).items():
            object.__setattr__(self, name, value.copy())

    def __setattr__(self, name: str, value: Any) -> None:
        present = getattr(self, name)
        if np.shape(value) not in ((), present.shape) or not np.can_cast(value.dtype, present.dtype, "same_kind"):
            raise ValueError(name)
        object.__setattr__(self, name, np.array(np.broadcast_to(value, present.shape), dtype=present.dtype))


def _draw_pure(drawing: _Drawing) -> None:
    kind = drawing.draw(st.sampled_from(sorted(PURE)))
    letters = PURE[kind][0]
    numbers = [drawing.pick(letter) for letter in letters.lstrip("~")]
    if all(number is not None for number in numbers):
        exact = not letters.startswith("~") and all(drawing.exact[n] for n in numbers if n is not None)
        is_view = kind == "alias" and drawing.owned[numbers[0] or 0]
        drawing.attempt(Statement(kind, tuple(n for n in numbers if n is not None)), exact, is_view)
        if kind in ("copy", "zeros_like", "add", "where", "multiply", "negative") and drawing.values:
            drawing.owned[-1] = drawing.owned[-1] or isinstance(drawing.values[-1], np.ndarray)


def _draw_in_place(drawing: _Drawing) -> None:
    kind = drawing.draw(st.sampled_from(sorted(IN_PLACE)))
    targets = [
        n for n, value in enumerate(drawing.values)
        if drawing.owned[n] and isinstance(value, np.ndarray) and value.dtype == np.float64
        and (kind not in JUMPING or drawing.exact[n])
    ]  # fmt: skip
    operand = drawing.pick("e" if kind in JUMPING else "f")
    if not targets or operand is None:
        return
    target = drawing.draw(st.sampled_from(targets))
    if drawing.exact[target] and not drawing.exact[operand]:
        return
    index = drawing.draw(st.sampled_from(INDICES)) if kind in INDEXED else None
    drawing.attempt(Statement(kind, (target, operand), index), True, True)


def _draw_view(drawing: _Drawing) -> None:
    base = drawing.pick("f")
    if base is not None:
        index = drawing.draw(st.sampled_from(INDICES))
        drawing.attempt(Statement("view", (base,), index), drawing.exact[base], drawing.owned[base])


def _draw_state(drawing: _Drawing) -> None:
    name = drawing.draw(st.sampled_from(sorted(STATES)))
    if drawing.draw(st.booleans()):
        drawing.attempt(Statement("read", (), name), True, True)
        return
    letter = {"i": "i", "b": "b", "f": "e"}[STATES[name].dtype.kind]
    number = drawing.pick(letter)
    if number is not None:
        drawing.attempt(Statement("write", (number,), name), True, True)


@st.composite
def programs(draw: Any, max_statements: int = 14) -> Program:
    """A random program with at least one output that the statements made."""
    drawing = _Drawing(draw)
    kinds = (_draw_pure, _draw_pure, _draw_pure, _draw_pure, _draw_in_place, _draw_view, _draw_state)
    for _ in range(draw(st.integers(2, max_statements))):
        draw(st.sampled_from(kinds))(drawing)
    assume(drawing.program.statements)
    count = len(drawing.values)
    outputs = draw(st.lists(st.integers(max(0, count - 6), count - 1), min_size=1, max_size=3, unique=True))
    drawing.program.outputs = tuple(outputs)
    drawing.program.exact = [drawing.exact[number] for number in outputs]
    return drawing.program
