"""The text of a region: one Python function, straight through its statements, in a loop over time if it is a scan.

Every name in it is a letter and a number that the compiler gave: ``v`` a value, ``s`` a buffer, ``k`` a bound object.
Nothing of a model gets into the text; constants, indices and shapes are bound objects.
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import CodeType
from typing import Any

import numpy as np

from graphpool.compilers.numpy.buffers import Carried, Layout, hold_states
from graphpool.compilers.numpy.derived import Derived, Make, as_view
from graphpool.compilers.numpy.lowerings import lower
from graphpool.compilers.numpy.statements import Kind, Scope, Statement, copy_lines
from graphpool.graph import Value
from graphpool.graph.types import TensorType
from graphpool.plan import Plan, Region


@dataclass
class RegionCode:
    """The function of a region, and what it has to be given.

    Attributes:
        text: the source.
        function: of the arrays named in ``fixed`` and, in a scan, the rows and the states.
        fixed: the names of what stays where it is.
        rows: the names of the arrays whose rows a scan walks along.
        slots: the types of the buffers, by name.
        derived: what is made once of other arrays: by name, the name of the source and how.
        stored: the values of which every step is kept.
        aliases: outputs that are views of stored values.
        carried: the numbers of the states, in the order in which the function takes and returns them.
        is_map: whether time is an axis of its arrays.
    """

    text: str = ""
    function: Any = None
    fixed: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    slots: dict[str, TensorType] = field(default_factory=dict)
    derived: dict[str, tuple[str | None, Make]] = field(default_factory=dict)
    stored: dict[Value, TensorType] = field(default_factory=dict)
    aliases: dict[Value, tuple[Value, Make]] = field(default_factory=dict)
    carried: tuple[int, ...] = ()
    is_map: bool = False


class Generator:
    """Writes the function of one region.

    Args:
        plan: the plan.
        region: one of its regions, a map or a scan.
        positive: the thresholds that are known to be positive and finite.
    """

    def __init__(self, plan: Plan, region: Region, positive: frozenset[Value]) -> None:
        self.plan, self.region = plan, region
        self.is_loop, self.is_step = region.kind in ("scan", "affine"), plan.one_step or region.kind == "last"
        self.scope = Scope(plan.graph, plan.rates, positive, outer=1 if self.is_loop or self.is_step else 2)
        self.code = RegionCode()
        self._fixed: dict[str, None] = {}
        self._rows: dict[str, None] = {}
        self._moving: set[str] = set()
        self._given = set(region.inputs) | {plan.graph.states[place].current for place in region.states}

    def run(self) -> RegionCode:
        """The code of the region."""
        states = {self.plan.graph.states[place].current for place in self.region.states}
        self._finals = [self.scope.copied(one) if one in states else one for one in self.region.finals]
        for value in self.region.nodes:
            lower(self.scope, value)
        self._alias_outputs()
        made = {statement.value for statement in self.scope.statements if statement.kind is Kind.INTO}
        outputs = [value for value in self.region.outputs if value not in self.code.aliases]
        sources = {source for source, _ in self.code.aliases.values()} & made
        self._stored = {*outputs, *sources}
        self._unmade = [value for value in outputs if value not in made]
        self._carried = [self._carry(place) for place in self.region.states]
        hold_states(self.scope, self._carried, self._stored)
        self.layout = Layout(self.scope, self._carried, self._stored, self._finals)
        form = self._step_lines if self.is_step else self._loop_lines if self.is_loop else self._map_lines
        return self._finish(form())

    def _carry(self, place: int) -> Carried:
        state = self.plan.graph.states[place]
        shape = self.plan.graph.type(state.current).shape
        return Carried(place, state.current, self.scope.fitted(state.next, shape, always=True))

    def _alias_outputs(self) -> None:
        """Outputs of a map that show another array in the same order need no array of their own."""
        if self.is_loop or self.is_step:
            return
        made = {statement.value: statement for statement in self.scope.statements}
        for value in self.region.outputs:
            makes: list[Any] = []
            source = value
            while source in made and made[source].kind is Kind.VIEW and made[source].keeps_order:
                makes.append(made[source].make)
                source = made[source].args[0]
            if makes and (source in self._given or source in made and made[source].kind is Kind.INTO):
                self.code.aliases[value] = source, as_view(Chain(tuple(reversed(makes))))

    # --- names ---------------------------------------------------------------------------------------------------
    def _name(self, value: Value) -> str:
        """What a value is called where it is read or written; says what the function has to be given."""
        slot = self.layout.slot.get(value)
        held = {state.current for state in self._carried if state.is_held}
        if slot is not None and not self._is_swapped(value):
            return self._slot(slot)
        name = f"v{value}"
        if value in held or name in self._moving or name in self._rows or name in self._fixed:
            return name
        if value in self.scope.derived:
            self._derive(name, self.scope.derived[value])
        elif self.is_loop and self.scope.is_stream(value):
            self._rows[name] = None
            return name
        self._fixed[name] = None
        return name

    def _derive(self, name: str, derived: Derived) -> None:
        source = None if derived.source is None else f"v{derived.source}"
        if derived.source in self.scope.derived:
            self._derive(f"v{derived.source}", self.scope.derived[derived.source])
        self.code.derived[name] = source, derived.make

    def _is_swapped(self, value: Value) -> bool:
        return any(
            value in (state.current, state.following) and state.current in self.layout.swapped
            for state in self._carried
        )

    def _slot(self, slot: int) -> str:
        name = f"s{slot}"
        self._fixed[name] = None
        self.code.slots[name] = self.layout.slots[slot]
        return name

    # --- statements ----------------------------------------------------------------------------------------------
    def _statement_lines(self, statement: Statement) -> list[str]:
        args = [self._name(arg) for arg in statement.args]
        if statement.kind is Kind.INTO:
            assert statement.lines is not None
            scratch = [self._slot(slot) for slot in self.layout.scratch[statement.value]]
            start = []
            if self.is_step and statement.value in self._stored:
                if statement.fresh is not None:
                    self._moving.add(f"v{statement.value}")
                    return [f"v{statement.value} = {statement.fresh(args)}"]
                start = self._new_array(statement.value)
            return start + statement.lines(self._name(statement.value), args, scratch)
        if statement.kind is Kind.VIEW and self._stays(statement, args[0]):
            return []
        name = f"v{statement.value}"
        self._moving.add(name)
        if statement.shape is not None:
            return [f"{name} = {args[0]}.reshape({self._name(statement.shape)})"]
        return [f"{name} = {self.scope.bind(statement.make)}({', '.join(args)})"]

    def _stays(self, statement: Statement, source: str) -> bool:
        """Make a view once, if its operand stays where it is."""
        if source in self._moving or source not in self._fixed and source not in self._rows:
            return False
        if not statement.keeps_order and any(
            other.kind is Kind.VIEW and other.args[0] == statement.value for other in self.scope.statements
        ):
            return False  # a view of a view in another order may have to be a copy
        name = f"v{statement.value}"
        assert statement.make is not None
        self.code.derived[name] = source, as_view(statement.make)
        (self._rows if source in self._rows else self._fixed)[name] = None
        return True

    def _new_array(self, value: Value) -> list[str]:
        type_ = self.scope.type(value)
        shape = self._name(self.scope.shape(type_.shape))
        self._moving.add(f"v{value}")
        return [f"v{value} = {self.scope.bind(np.empty)}({shape}, {self.scope.bind(type_.dtype)})"]

    def _body(self) -> list[str]:
        lines = [line for value in self._unmade if value in self._given for line in self._store(value)]
        for statement in self.scope.statements:
            lines += self._statement_lines(statement)
            if statement.value in self._unmade:
                lines += self._store(statement.value)
        return lines

    def _store(self, value: Value) -> list[str]:
        """Keep a value that no buffer of the caller's was filled with."""
        source, name = self._name(value), f"o{value}"
        if self.is_step:
            return [f"{name} = {self.scope.bind(own_copy)}({source})"]
        (self._rows if self.is_loop else self._fixed)[name] = None
        return copy_lines(name, [source], [])

    # --- the three forms -----------------------------------------------------------------------------------------
    def _map_lines(self) -> list[str]:
        body = self._body()
        body.append(f"return ({self._final_names()})")
        return ["def region(fixed):", *self._indented([*self._take_fixed(body), *body])]

    def _final_names(self) -> str:
        # Behind the loop, the names of a state's two buffers have been swapped.
        swapped = {one.following: one.current for one in self._carried if one.current in self.layout.swapped}
        return "".join(f"{self._name(swapped.get(value, value))}, " for value in self._finals)

    def _step_lines(self) -> list[str]:
        """One step: of the inputs and the states to all that leaves, each in an array of its own."""
        graph = self.plan.graph
        given = [*(port.value for port in graph.inputs), *(state.current for state in graph.states)]
        roots = [*graph.roots()]
        if self.region.kind == "last":
            given, roots = [*self.region.inputs], [*self.region.outputs]
        self._moving |= {f"v{value}" for value in given}
        body = self._body()
        leaving: list[str] = []
        own = set(self.region.outputs)
        for value in roots:
            name = self._name(self.scope.fitted(value, graph.type(value).shape, always=True))
            name = f"o{value}" if value in self._unmade else name
            leaving.append(name if value in own else f"{self.scope.bind(own_copy)}({name})")
            own.discard(value)
        body += [f"return ({''.join(one + ', ' for one in leaving)})"]
        taken = "".join(f"v{value}, " for value in given)
        return ["def region(fixed, given):", *self._indented([*self._take_fixed(body), f"({taken}) = given", *body])]

    def _loop_lines(self) -> list[str]:
        for state in self._carried:
            if not state.is_held or state.current in self.layout.swapped:
                self._moving.add(f"v{state.current}")
            if state.current in self.layout.swapped:
                self._moving.add(f"v{state.following}")
        start: list[str] = []
        for number, state in enumerate(self._carried):
            if not state.is_held:
                start.append(f"v{state.current} = carried[{number}]")
                continue
            home = self._slot(self.layout.slot[state.current])
            start.append(f"{home}[...] = carried[{number}]")
            if state.current in self.layout.swapped:
                other = self._slot(self.layout.slot[state.following])
                start += [f"v{state.current} = {home}", f"v{state.following} = {other}"]
        body = self._body()
        targets: list[str] = []
        sources: list[str] = []
        for state in self._carried:
            following = self._name(state.following)
            if not state.is_held:
                targets.append(f"v{state.current}")
                sources.append(following)
            elif state.current in self.layout.swapped:
                targets += [f"v{state.current}", f"v{state.following}"]
                sources += [f"v{state.following}", f"v{state.current}"]
        if targets:
            body.append(f"{', '.join(targets)} = {', '.join(sources)}")
        finals = self._final_names()
        rows = ", ".join(self._rows) or "_"
        final = "".join(f"{self._name(state.current)}, " for state in self._carried)
        loop = [f"for {rows} in steps:", *self._indented(body or ["pass"])]
        lines = [*self._take_fixed(body), *start, *loop, f"return ({final}), ({finals})"]
        return ["def region(fixed, steps, carried):", *self._indented(lines)]

    def _take_fixed(self, body: list[str]) -> list[str]:
        return [f"({''.join(name + ', ' for name in self._fixed)}) = fixed"]

    @staticmethod
    def _indented(lines: Iterable[str]) -> list[str]:
        return [f"    {line}" for line in lines]

    def _finish(self, lines: list[str]) -> RegionCode:
        code = self.code
        code.text = "\n".join(lines) + "\n"
        code.fixed, code.rows = tuple(self._fixed), tuple(self._rows)
        if not self.is_step:
            code.stored = {value: self.scope.type(value) for value in sorted(self._stored)}
        code.carried = tuple(state.place for state in self._carried)
        code.is_map = not (self.is_loop or self.is_step)
        namespace = dict(self.scope.bound)
        exec(compiled(code.text), namespace)
        code.function = namespace["region"]
        return code


def generate(plan: Plan, region: Region, positive: frozenset[Value]) -> RegionCode:
    """The code of a region; one of a state alone needs no function."""
    if region.kind == "last":
        region = replace(region, outputs=region.finals, finals=())
    if region.kind not in ("shift", "hold"):
        return Generator(plan, region, positive).run()
    return RegionCode(stored={value: plan.graph.type(value) for value in region.outputs})


own_copy = partial(np.array, order="C")
"""An array of its own."""


@dataclass(frozen=True)
class Chain:
    """Several views, one after the other."""

    makes: tuple[Any, ...]

    def __call__(self, array: Any) -> Any:
        for make in self.makes:
            array = make(array)
        return array


@lru_cache(maxsize=512)
def compiled(text: str) -> CodeType:
    """The code of a text; tracebacks show its lines."""
    name = f"<numpy region {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return compile(text, name, "exec")
