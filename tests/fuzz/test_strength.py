"""The fuzz is strong enough: each bug of a handful, put in by hand, fails it within a few programs."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from graphpool.compilers.numpy import buffers, derived, generate, lowerings
from graphpool.compilers.numpy.compile import NumpyProgram
from graphpool.compilers.numpy.statements import Kind
from graphpool.compilers.onnx import regions
from graphpool.ops import OPS, Trait
from graphpool.passes import cse, rewrite, simplify
from graphpool.runtimes.base import Runtime
from graphpool.trace import masks, step, storage
from tests.fuzz.programs import draw_program
from tests.fuzz.test_plan_fuzz import check

PROGRAMS, LENGTH = 300, 24
Inject = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[Inject, tuple[int, str]] = {}
"""By bug: a program that has caught it, to save time, and the target that it ran on."""


def bug(seed: int, target: str = "numpy") -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        BUGS[inject] = seed, target
        return inject

    return register


# --- the NumPy target ------------------------------------------------------------------------------------------------
@bug(0)
def ranks_are_not_aligned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lowerings, "pad", lambda arg, own, target: arg)
    patch.setattr(derived, "pad", lambda arg, own, target: arg)


def other_kernel(patch: pytest.MonkeyPatch, op: str, kernel: Callable[..., Any]) -> None:
    """The op with another kernel, in the program alone: the oracle runs NumPy's own functions."""
    patch.setitem(OPS, op, dataclasses.replace(OPS[op], kernel=kernel, ufunc=None))
    patch.delitem(lowerings.lowers._functions, op)


@bug(52)
def a_square_weight_is_transposed(patch: pytest.MonkeyPatch) -> None:
    right = OPS["matmul"].kernel

    def wrong(xp: Any, a: Any, b: Any, *, ranks: tuple[int, ...]) -> Any:
        is_square = ranks[1] == 2 and b.shape[-1] == b.shape[-2]
        return right(xp, a, np.swapaxes(b, -1, -2) if is_square else b, ranks=ranks)

    other_kernel(patch, "matmul", wrong)


@bug(171)
def the_operands_of_a_square_product_are_swapped(patch: pytest.MonkeyPatch) -> None:
    right = OPS["matmul"].kernel

    def wrong(xp: Any, a: Any, b: Any, *, ranks: tuple[int, ...]) -> Any:
        swap = ranks == (2, 2) and a.shape[-2:] == b.shape[-2:] and a.shape[-1] == a.shape[-2]
        return right(xp, b, a, ranks=ranks[::-1]) if swap else right(xp, a, b, ranks=ranks)

    other_kernel(patch, "matmul", wrong)


@bug(0)
def a_delay_does_not_delay(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, region: Any, workspace: Any, present: Any, length: int) -> None:
        state = self.plan.graph.states[region.states[0]]
        following = workspace.lifted(state.next, length)
        if region.outputs:
            workspace.arrays[state.current][:length] = following
        present[region.states[0]] = np.array(following[-1])

    patch.setattr(NumpyProgram, "_shift", wrong)


@bug(64)
def the_final_state_of_a_delay_is_the_last_but_one(patch: pytest.MonkeyPatch) -> None:
    right = NumpyProgram._shift

    def wrong(self: Any, region: Any, workspace: Any, present: Any, length: int) -> None:
        right(self, region, workspace, present, length)
        if length > 1:
            state = self.plan.graph.states[region.states[0]]
            present[region.states[0]] = np.array(workspace.lifted(state.next, length)[-2])

    patch.setattr(NumpyProgram, "_shift", wrong)


@bug(35)
def a_state_is_read_after_its_update(patch: pytest.MonkeyPatch) -> None:
    """In a scan, what comes after the next value of a state reads that instead of the present one."""
    right = generate.hold_states

    def wrong(scope: Any, carried: Any, stored: Any) -> None:
        updated: dict[int, int] = {}
        following = {state.following: state.current for state in carried}
        for number, statement in enumerate(scope.statements):
            args = tuple(updated.get(arg, arg) for arg in statement.args)
            scope.statements[number] = dataclasses.replace(statement, args=args)
            if statement.value in following:
                updated[following[statement.value]] = statement.value
        right(scope, carried, stored)

    patch.setattr(generate, "hold_states", wrong)


@bug(8)
def a_view_does_not_keep_its_buffer(patch: pytest.MonkeyPatch) -> None:
    right = buffers.find_cells

    def wrong(statements: Any, carried: Any, stored: Any) -> Any:
        cells = right(statements, carried, stored)
        return cells | {one.value: buffers.NONE for one in statements if one.kind is Kind.VIEW}

    patch.setattr(buffers, "find_cells", wrong)


@bug(8)
def a_kernel_never_shows_its_operands(patch: pytest.MonkeyPatch) -> None:
    """Kernels that are called in place of a view, such as a reshape."""
    right_lower = lowerings.lower

    def as_call(scope: Any, value: Any) -> None:
        right_lower(scope, value)
        if scope.statements and scope.statements[-1].kind is Kind.VIEW:
            scope.statements[-1] = dataclasses.replace(scope.statements[-1], kind=Kind.CALL)

    patch.setattr(generate, "lower", as_call)
    right = buffers.find_cells

    def wrong(statements: Any, carried: Any, stored: Any) -> Any:
        cells = right(statements, carried, stored)
        return cells | {one.value: buffers.NONE for one in statements if one.kind is Kind.CALL}

    patch.setattr(buffers, "find_cells", wrong)


@bug(12)
def a_state_is_updated_in_place_whoever_reads_it_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(buffers.Layout, "_may_replace", lambda self, statement, arg: True)
    right = buffers.Layout._last_reads

    def wrong(self: Any) -> Any:
        last = right(self)
        return last | {state.current: -1 for state in self._owner.values()}

    patch.setattr(buffers.Layout, "_last_reads", wrong)


@bug(42)
def a_state_takes_over_what_others_show(patch: pytest.MonkeyPatch) -> None:
    def wrong(scope: Any, carried: Any, stored: Any) -> None:
        made = {one.value for one in scope.statements if one.kind is Kind.INTO}
        for state in carried:
            state.is_held = state.following in made and state.following not in stored

    patch.setattr(generate, "hold_states", wrong)


@bug(0)
def a_delay_is_a_step_too_long(patch: pytest.MonkeyPatch) -> None:
    right = NumpyProgram._shift

    def wrong(self: Any, region: Any, workspace: Any, present: Any, length: int) -> None:
        first = present[region.states[0]]
        right(self, region, workspace, present, length)
        late = workspace.arrays.get(self.plan.graph.states[region.states[0]].current)
        if late is not None:
            late[:length] = np.concatenate([first[None], late[: length - 1]])

    patch.setattr(NumpyProgram, "_shift", wrong)


@bug(0)
def a_chunk_begins_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Runtime, "_keep", lambda self, states: None)


@bug(3)
def all_samples_go_on_from_the_state_of_the_first(patch: pytest.MonkeyPatch) -> None:
    right = Runtime._keep
    patch.setattr(Runtime, "_keep", lambda self, states: right(self, [state[:1] for state in states]))


# --- the ONNX target -------------------------------------------------------------------------------------------------
@bug(0, "onnx")
def an_identity_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """What leaves a step without an Identity of its own: a state that passes through, or one value twice."""

    def wrong(self: Any, body: Any, known: Any, leaving: Any) -> Any:
        return [
            regions.tensor_info(body.lift(known[value]).name, self.graph.type(value), regions.BATCH)
            for value in leaving
        ]

    patch.setattr(regions.MainGraph, "_results", wrong)


@bug(8, "onnx")
def the_next_states_of_a_scan_change_places(patch: pytest.MonkeyPatch) -> None:
    right = regions.MainGraph._leave

    def wrong(self: Any) -> None:
        types = {place: self.graph.type(self.graph.states[place].next) for place in self._next}
        for first, second in itertools.combinations(list(self._next), 2):
            if types[first] == types[second]:
                self._next[first], self._next[second] = self._next[second], self._next[first]
        right(self)

    patch.setattr(regions.MainGraph, "_leave", wrong)


# --- the trace -------------------------------------------------------------------------------------------------------
@bug(2)
def writing_a_view_does_not_reach_its_base(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, value: Any) -> None:
        self._seen = (self._base.read(), value)

    patch.setattr(storage.IndexView, "write", wrong)


@bug(2)
def a_view_does_not_follow_its_base(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any) -> Any:
        if self._seen is None:
            self._seen = (0, self._compute(self._base.read()))
        return self._seen[1]

    patch.setattr(storage._View, "read", wrong)


@bug(1)
def a_mask_chooses_the_others(patch: pytest.MonkeyPatch) -> None:
    right = masks.write_masked

    def wrong(array: Any, mask: Any, item: Any) -> None:
        before, recorder = array.value, array.recorder
        right(array, mask, item)
        array.assign(recorder.emit("where", [recorder.emit("equal", [array.value, before]), array.value, before]))

    patch.setattr(masks, "write_masked", wrong)


@bug(0)
def a_masked_value_goes_back_everywhere(patch: pytest.MonkeyPatch) -> None:
    def wrong(array: Any, mask: Any, item: Any) -> None:
        whole = item.whole if isinstance(item, masks.MaskedTracer) else item
        array.assign(masks.operand_value(array.recorder, whole, array.dtype))

    patch.setattr(masks, "write_masked", wrong)


@bug(0)
def an_alias_copies(patch: pytest.MonkeyPatch) -> None:
    right = step._StepTrace.read
    patch.setattr(step._StepTrace, "read", lambda self, module, name: copy.copy(right(self, module, name)))


@bug(23)
def assigning_a_state_makes_an_alias(patch: pytest.MonkeyPatch) -> None:
    right = step._StepTrace.write

    def wrong(self: Any, module: Any, name: str, value: Any) -> None:
        right(self, module, name, value)
        handle = self._handles[id(module), name]
        if isinstance(value, step.Tracer) and (value.dtype, value.shape) == (handle.dtype, handle.shape):
            self._handles[id(module), name] = value

    patch.setattr(step._StepTrace, "write", wrong)


# --- the passes ------------------------------------------------------------------------------------------------------
@bug(6)
def a_slice_does_not_see_an_update_that_overlaps(patch: pytest.MonkeyPatch) -> None:
    def wrong(rewriting: Any, node: Any, args: Any) -> Any:
        inner = rewriting.node(args[0])
        same = inner.op == "update" and inner.attrs["index"] == node.attrs["index"]
        return rewriting.add("slice", [inner.args[0]], node.attrs) if inner.op == "update" and not same else None

    patch.setitem(simplify.RULES, "slice", [wrong])


@bug(29)
def an_update_forgets_the_one_before(patch: pytest.MonkeyPatch) -> None:
    def wrong(rewriting: Any, node: Any, args: Any) -> Any:
        inner = rewriting.node(args[0])
        return rewriting.add("update", [inner.args[0], args[1]], node.attrs) if inner.op == "update" else None

    patch.setitem(simplify.RULES, "update", [wrong])


@bug(27)
def equal_operands_are_enough_to_merge(patch: pytest.MonkeyPatch) -> None:
    """Common subexpressions without the attributes in the key."""

    def wrong(rewriting: Any, value: Any, node: Any, args: Any) -> Any:
        found = rewriting.seen.get((node.op, args, node.type))
        if found is None:
            found = rewriting.seen[node.op, args, node.type] = rewriting.add(node.op, args, node.attrs)
        return found

    patch.setattr(cse, "_merge", wrong)


@bug(2)
def constants_are_merged_whatever_their_dtype(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, value: Any, node: Any) -> Any:
        if node.op != "const":
            return rewrite.Rewrite.leaf(self, value, node)
        key = str(node.attrs["place"].array.astype(float).tolist())
        if key not in self.seen:
            self.seen[key] = rewrite.Rewrite.leaf(self, value, node)
        return self.seen[key]

    patch.setattr(cse._Merge, "leaf", wrong)


@bug(0)
def every_op_is_commutative(patch: pytest.MonkeyPatch) -> None:
    for name in [*OPS]:
        patch.setitem(OPS, name, dataclasses.replace(OPS[name], traits=OPS[name].traits | {Trait.COMMUTATIVE}))


def run(seed: int, target: str) -> None:
    check(draw_program(seed, LENGTH), target, ("always", "never"), seed)


def first_failure(seeds: Iterable[int], target: str) -> int | None:
    for seed in seeds:
        try:
            run(seed, target)
        except Exception:
            return seed
    return None


@pytest.mark.parametrize("inject", BUGS, ids=lambda inject: inject.__name__)
def test_the_fuzz_catches(inject: Inject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program fails with the bug; the same one passes without it."""
    seed, target = BUGS[inject]
    with monkeypatch.context() as patch:
        inject(patch)
        found = first_failure([seed, *range(PROGRAMS)], target)
    assert found is not None
    run(found, target)
