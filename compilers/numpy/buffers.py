"""Which buffer each value of a region is written to, and what may be written over.

A *cell* is memory that is written again in a later step: the buffer of a value, or that of a carried state. Each value
shows some cells: one that fills a buffer shows its own, a view shows those of its operand, what a kernel made may show
those of all operands. A cell is free once nothing that shows it is read any more. What is stored for every step, comes
in from outside or never changes is no cell: nothing is written over it before the tile ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graphpool.compilers.numpy.statements import Kind, Scope, Statement
from graphpool.graph import Value
from graphpool.graph.types import TensorType

Cells = frozenset[Value]
NONE: Cells = frozenset()


@dataclass
class Carried:
    """A state that a loop carries.

    Attributes:
        place: its number in the graph.
        current: its value at the start of a step.
        following: the value that becomes the current one.
        is_held: it has a buffer of its own; otherwise it is a name for an array that nothing writes over.
    """

    place: int
    current: Value
    following: Value
    is_held: bool = False


def hold_states(scope: Scope, carried: list[Carried], stored: Iterable[Value]) -> None:
    """Decide which states have buffers of their own; adds a copy where the next value is not theirs alone.

    Two states with one next value, states that swap, or a view of what is written over: each gets a copy, made at the
    end of the step, in the buffer that it does not show at that time.
    """
    kept = set(stored)
    made = {statement.value: statement for statement in scope.statements}

    def owns(state: Carried) -> bool:
        shared = sum(other.following == state.following for other in carried) > 1
        statement = made.get(state.following)
        return statement is not None and statement.kind is Kind.INTO and state.following not in kept and not shared

    for state in carried:
        state.is_held = owns(state)
    changed = True
    while changed:
        cells = find_cells(scope.statements, carried, kept)
        changed = False
        for state in carried:
            if not state.is_held and cells.get(state.following, NONE):
                state.following = scope.copied(state.following)
                state.is_held = changed = True


def find_cells(statements: list[Statement], carried: list[Carried], stored: set[Value]) -> dict[Value, Cells]:
    """The cells that each value shows; values that are not in the table show none."""
    cells: dict[Value, Cells] = {state.current: frozenset({state.current}) for state in carried if state.is_held}
    for statement in statements:
        if statement.kind is Kind.INTO:
            cells[statement.value] = NONE if statement.value in stored else frozenset({statement.value})
        else:
            cells[statement.value] = NONE.union(*(cells.get(arg, NONE) for arg in statement.args))
    return cells


class Layout:
    """The buffers of a region.

    Attributes:
        slots: the type of each buffer, by its number.
        slot: the buffer of each value that has one; of a held state, that of its current value at first.
        scratch: the further buffers of each statement, by its value.
        swapped: the held states whose next value goes to a second buffer, since the first is read until later.
    """

    def __init__(
        self, scope: Scope, carried: list[Carried], stored: Iterable[Value], finals: Iterable[Value] = ()
    ) -> None:
        self.slots: list[TensorType] = []
        self.slot: dict[Value, int] = {}
        self.scratch: dict[Value, list[int]] = {}
        self.swapped: set[Value] = set()
        self._scope, self._stored = scope, set(stored)
        self._cells = find_cells(scope.statements, carried, self._stored)
        self._owner = {state.following: state for state in carried if state.is_held}
        self._last = self._last_reads()
        for value in finals:
            self._last |= dict.fromkeys(self._cells.get(value, NONE), len(scope.statements))
        self._free: dict[TensorType, list[int]] = {}
        for state in self._owner.values():
            self.slot[state.current] = self._new(scope.type(state.current))
        for number, statement in enumerate(scope.statements):
            self._place(number, statement)

    def _last_reads(self) -> dict[Value, int]:
        """The number of the last statement that reads each cell."""
        last: dict[Value, int] = {}
        for number, statement in enumerate(self._scope.statements):
            for arg in statement.args:
                last |= dict.fromkeys(self._cells.get(arg, NONE), number)
        return last | dict.fromkeys(self._owner, len(self._scope.statements))

    def _place(self, number: int, statement: Statement) -> None:
        taken = None
        if statement.kind is Kind.INTO:
            if statement.value in self._owner:
                self._place_next(number, statement)
            elif statement.value not in self._stored:
                taken = self._take_over(number, statement)
                type_ = self._scope.type(statement.value)
                self.slot[statement.value] = self._take(type_) if taken is None else self.slot[taken]
            self.scratch[statement.value] = [self._take(type_) for type_ in statement.scratch]
            for slot in self.scratch[statement.value]:
                self._free[self.slots[slot]].append(slot)
        for cell in self._dying(number, statement):
            if cell != taken and cell in self.slot and not self._is_of_state(cell):
                self._free[self._scope.type(cell)].append(self.slot[cell])

    def _place_next(self, number: int, statement: Statement) -> None:
        """The next value of a state: in the place of the current one, unless that is still read."""
        state = self._owner[statement.value]
        last = self._last.get(state.current, -1)
        if last < number or last == number and self._may_replace(statement, state.current):
            self.slot[statement.value] = self.slot[state.current]
        else:
            self.slot[statement.value] = self._new(self._scope.type(state.current))
            self.swapped.add(state.current)

    def _take_over(self, number: int, statement: Statement) -> Value | None:
        """An operand that nothing reads later and whose buffer fits the result."""
        type_ = self._scope.type(statement.value)
        for arg in statement.args:
            fits = arg in self.slot and not self._is_of_state(arg) and self._scope.type(arg) == type_
            if fits and self._last.get(arg) == number and self._may_replace(statement, arg):
                return arg
        return None

    def _may_replace(self, statement: Statement, arg: Value) -> bool:
        """Whether the result may be written over an operand: no operand that has to stay shows it."""
        return all(
            arg not in self._cells.get(other, NONE) or other == arg and place in statement.replaces
            for place, other in enumerate(statement.args)
        )

    def _dying(self, number: int, statement: Statement) -> Iterable[Value]:
        shown = self._cells.get(statement.value, NONE).union(*(self._cells.get(a, NONE) for a in statement.args))
        return sorted(cell for cell in shown if self._last.get(cell, number) <= number)

    def _is_of_state(self, value: Value) -> bool:
        return value in self._owner or any(state.current == value for state in self._owner.values())

    def _take(self, type_: TensorType) -> int:
        free = self._free.setdefault(type_, [])
        return free.pop() if free else self._new(type_)

    def _new(self, type_: TensorType) -> int:
        self._free.setdefault(type_, [])
        self.slots.append(type_)
        return len(self.slots) - 1
