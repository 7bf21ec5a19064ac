"""Drawing random step programs: while one is drawn it also runs on sample arrays, so shapes and dtypes are NumPy's."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphpool.ops import OPS
from tests.fuzz.programs import (
    PARAMETERS,
    STATES,
    NumberedNoise,
    Program,
    Statement,
    execute,
    spelling,
    starting_variables,
)
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

LENGTH = 40
"""Statements of a program of the fuzz."""

MAX_ELEMENTS, MAX_RANK, LARGEST = 60, 4, {"f": 32, "i": 1000}
"""Of what a statement makes. Large numbers would cancel, and then differ by more than a tolerance."""

COARSE, FINE = 1e-4, 1e-9
"""How far an inexact result may be off, relative and absolute, in single and in double precision."""

BY_FAMILY = [sorted(op for op in OPS if family(op) == name) for name in sorted({family(op) for op in OPS})]
FAMILY_PAIRS = list(itertools.product(BY_FAMILY, repeat=2))
"""Seeds in a row go through these too, so that ops of the two may read each other."""

OFTEN = [*sorted(PURE | OTHER), *["matmul", "noise"] * 4, *["alias"] * 20]
"""What is drawn where no op is featured."""


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
OUTPUTS, FEATURED = 4, 4


def featured_ops(seed: int, wanted: Sequence[str]) -> dict[str, tuple[bool, int]]:
    """The ops that the program of a seed surely tries, and often; seeds in a row go through the table.

    For each: whether its operands shall be known before the first step, and their rank. Those are others in each round
    through the table.
    """
    names, found = sorted(wanted or OPS), {}
    for number in range(FEATURED * seed, FEATURED * (seed + 1)):
        rounds, place = divmod(number, len(names))
        # Each round starts one further, so that ops meet others whatever their number.
        found[names[(place + rounds) % len(names)]] = bool(rounds % 2), rounds // 2 % MAX_RANK
    return found


class Drawing:
    """A program in the making, with its variables as NumPy has them at the first step.

    Of each variable it knows how far runtimes may differ (``tolerances``), whether in-place lines may change it
    (``writable``), and whether it comes from parameters alone (``ready``). Some ops are featured: drawn more often, and
    with operands of whatever rank and rate. What is drawn first does not depend on how many statements follow, so a
    failure shrinks to a prefix.
    """

    def __init__(self, seed: int, wanted: Sequence[str]) -> None:
        self.rng = random.Random(seed)
        self.families = FAMILY_PAIRS[seed % len(FAMILY_PAIRS)]
        self.aims = featured_ops(seed, wanted)
        self.featured = [*self.aims, *(self.rng.choice(ops) for ops in self.families)]
        self.program = Program()
        self.plain = Plain()
        self.values = starting_variables(self.plain, np.array([0.25, -1.5, 2.0]))
        self.tolerances = [0.0] * len(self.values)
        self.writable = [True, *[False] * len(PARAMETERS), *[True] * len(STATES)]
        self.ready = [False, *[True] * len(PARAMETERS), *[False] * len(STATES)]
        self.program.makers = ["input", *["parameter"] * len(PARAMETERS), *["state"] * len(STATES)]

    def pick(self, letter: str, widely: bool = False, alike: tuple[bool, int] | None = None) -> int | None:
        """A variable that an operand of that letter may be; late ones more often, or one of any rank and rate.

        ``alike`` says which: whether it is ready, and its rank.
        """
        numbers = [number for number in range(len(self.values)) if self._fits(number, letter)]
        if not numbers:
            return None
        if widely:
            mine = [number for number in numbers if self.program.makers[number] in self.featured]
            if mine and not alike and self.rng.random() < 0.25:
                return self.rng.choice(mine)
            ready, rank = alike or (self.rng.random() < 0.5, self.rng.randrange(MAX_RANK))
            ranked = [number for number in numbers if np.ndim(self.values[number]) == rank]
            return self.rng.choice([number for number in ranked if self.ready[number] == ready] or ranked or numbers)
        return self.rng.choice(numbers if self.rng.random() < 0.5 else numbers[-4:])

    def _fits(self, number: int, letter: str) -> bool:
        exact = letter not in EXACT_LETTERS or self.tolerances[number] == 0
        return exact and np.asarray(self.values[number]).dtype.kind in KINDS_OF[letter]

    def attempt(self, statement: Statement, tolerance: float = 0.0, writable: bool = False) -> bool:
        """Run a statement on the sample arrays; keep it where NumPy accepts it and its result stays small."""
        before, ready = len(self.values), bool(statement.args) and all(self.ready[number] for number in statement.args)
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
            self.ready.append(ready)
            self.program.makers.append(statement.op)
        else:
            self.ready[statement.args[0]] = ready
        self.program.statements.append(statement)
        return True

    # --- kinds of statements ---------------------------------------------------------------------------------------
    def pure(self) -> bool:
        """An op; one that is picky about its operands gets several tries, lest it be rare."""
        widely = self.rng.random() < 0.7
        op = self.rng.choice(self.featured if widely else OFTEN)
        if op == "noise":
            return self.attempt(Statement("noise", (), self.rng.choice(sorted(NOISE_SHAPES))), FINE, True)
        if op in WRITES:
            return self._change(self.rng.choice(WRITES[op]), widely)
        return self._spell(op, widely)

    def chain(self) -> bool:
        """An op of the one family of the seed, on what the other has made."""
        made = [number for number, maker in enumerate(self.program.makers) if maker in self.families[0]]
        readers = [op for op in self.families[1] if op in PURE]
        if not made or not readers:
            return False
        return any(self._spell(self.rng.choice(readers), True, made) for _ in range(OPERAND_TRIES))

    def aim(self) -> bool:
        """One of the featured ops, on operands that are as it is featured with."""
        op = self.rng.choice([op for op in self.aims if op in PURE] or sorted(PURE))
        return self._spell(op, True, alike=self.aims.get(op))

    def _spell(
        self, op: str, widely: bool, given: list[int] | None = None, alike: tuple[bool, int] | None = None
    ) -> bool:
        """The op in one of its spellings, with one of the given variables among its operands."""
        for _ in range(OPERAND_TRIES * 2 if widely else OPERAND_TRIES):
            number = self.rng.randrange(len((PURE | OTHER)[op]))
            letters = spelling(f"{op}.{number}")[0].lstrip("~")
            numbers = [self.pick(letter, widely, alike) for letter in letters]
            if given:
                place = self.rng.randrange(len(letters))
                fitting = [number for number in given if self._fits(number, letters[place])]
                numbers[place] = self.rng.choice(fitting) if fitting else None
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
        makers = ("alias",) if self.rng.random() < 0.5 else VIEWS
        shared = [number for number in targets if self.program.makers[number] in makers]
        return self.rng.choice(shared if shared and self.rng.random() < 0.5 else targets)

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
    *[Drawing.chain] * 4,
    *[Drawing.aim] * 5,
)


def draw_program(seed: int, length: int, wanted: Sequence[str] = ()) -> Program:
    """The first ``length`` statements of the program of a seed; the last variables and some others leave the step."""
    drawing = Drawing(seed, wanted)
    for _ in range(length):
        for _ in range(MAX_TRIES):
            if drawing.rng.choice(CHOICES)(drawing):
                break
    chosen, count = random.Random(seed), len(drawing.values)
    share = chosen.choice([0.25, 1.0])
    numbers = [number for number in range(count) if chosen.random() < share or number >= count - OUTPUTS]
    program = drawing.program
    program.outputs = tuple(numbers)
    program.tolerances = drawing.tolerances
    program.kinds = [np.asarray(value).dtype.kind for value in drawing.values]
    return program
