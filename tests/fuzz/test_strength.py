"""The fuzz is strong enough: each bug of a handful, put in by hand, fails one of the programs that the fuzz runs."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from graphpool.compilers.jax import evaluate
from graphpool.compilers.numpy import buffers, derived, generate, lowerings
from graphpool.compilers.numpy.compile import NumpyProgram
from graphpool.compilers.numpy.statements import Kind
from graphpool.compilers.onnx import loops, regions
from graphpool.errors import PassError
from graphpool.ops import OPS, Trait
from graphpool.passes import cse, demote, rewrite, simplify
from graphpool.runtimes.base import Runtime
from graphpool.trace import masks, step, storage
from tests.fuzz.test_plan_fuzz import LEAST, Case, cases

Inject = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[Inject, tuple[Case, type[Exception]]] = {}
"""By bug: a case that has caught it, to save time, and how that fails."""


def bug(seed: int, target: str = "numpy", raises: type[Exception] = AssertionError) -> Callable[[Inject], Inject]:
    def register(inject: Inject) -> Inject:
        BUGS[inject] = Case(seed, target), raises
        return inject

    return register


# --- the NumPy target ------------------------------------------------------------------------------------------------
@bug(0, raises=ValueError)
def ranks_are_not_aligned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lowerings, "pad", lambda arg, own, target: arg)
    patch.setattr(derived, "pad", lambda arg, own, target: arg)


def other_kernel(patch: pytest.MonkeyPatch, op: str, kernel: Callable[..., Any]) -> None:
    """The op with another kernel, in the program alone: the oracle runs NumPy's own functions."""
    patch.setitem(OPS, op, dataclasses.replace(OPS[op], kernel=kernel, ufunc=None))
    patch.delitem(lowerings.lowers._functions, op)


@bug(4)
def a_square_weight_is_transposed(patch: pytest.MonkeyPatch) -> None:
    right = OPS["matmul"].kernel

    def wrong(xp: Any, a: Any, b: Any, *, ranks: tuple[int, ...]) -> Any:
        is_square = ranks[1] == 2 and b.shape[-1] == b.shape[-2]
        return right(xp, a, np.swapaxes(b, -1, -2) if is_square else b, ranks=ranks)

    other_kernel(patch, "matmul", wrong)


@bug(24)
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


@bug(14)
def the_final_state_of_a_delay_is_the_last_but_one(patch: pytest.MonkeyPatch) -> None:
    right = NumpyProgram._shift

    def wrong(self: Any, region: Any, workspace: Any, present: Any, length: int) -> None:
        right(self, region, workspace, present, length)
        if length > 1:
            state = self.plan.graph.states[region.states[0]]
            present[region.states[0]] = np.array(workspace.lifted(state.next, length)[-2])

    patch.setattr(NumpyProgram, "_shift", wrong)


@bug(14)
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


@bug(3)
def a_state_is_updated_in_place_whoever_reads_it_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(buffers.Layout, "_may_replace", lambda self, statement, arg: True)
    right = buffers.Layout._last_reads

    def wrong(self: Any) -> Any:
        last = right(self)
        return last | {state.current: -1 for state in self._owner.values()}

    patch.setattr(buffers.Layout, "_last_reads", wrong)


@bug(59)
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


@bug(0)
def all_samples_go_on_from_the_state_of_the_first(patch: pytest.MonkeyPatch) -> None:
    right = Runtime._keep
    patch.setattr(Runtime, "_keep", lambda self, states: right(self, [state[:1] for state in states]))


# --- the ONNX target -------------------------------------------------------------------------------------------------
@bug(3, "onnx")
def an_identity_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """What leaves a step without an Identity of its own: a state that passes through, or one value twice."""

    def wrong(self: Any, body: Any, results: Any) -> Any:
        return [loops.tensor_info(tensor.name, tensor.stored, loops.BATCH) for tensor in results.values()]

    patch.setattr(loops.LoopWriter, "_outputs", wrong)


@bug(5, "onnx")
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
@bug(0)
def writing_a_view_does_not_reach_its_base(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, value: Any) -> None:
        self._seen = (self._base.read(), value)

    patch.setattr(storage.IndexView, "write", wrong)


@bug(0)
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


@bug(3)
def a_masked_value_goes_back_everywhere(patch: pytest.MonkeyPatch) -> None:
    def wrong(array: Any, mask: Any, item: Any) -> None:
        whole = item.whole if isinstance(item, masks.MaskedTracer) else item
        array.assign(masks.operand_value(array.recorder, whole, array.dtype))

    patch.setattr(masks, "write_masked", wrong)


@bug(0)
def an_alias_copies(patch: pytest.MonkeyPatch) -> None:
    right = step.StepTrace.read
    patch.setattr(step.StepTrace, "read", lambda self, module, name: copy.copy(right(self, module, name)))


@bug(17)
def assigning_a_state_makes_an_alias(patch: pytest.MonkeyPatch) -> None:
    right = step.StepTrace.write

    def wrong(self: Any, module: Any, name: str, value: Any) -> None:
        right(self, module, name, value)
        handle = self._handles[id(module), name]
        if isinstance(value, step.Tracer) and (value.dtype, value.shape) == (handle.dtype, handle.shape):
            self._handles[id(module), name] = value

    patch.setattr(step.StepTrace, "write", wrong)


# --- the passes ------------------------------------------------------------------------------------------------------
@bug(0)
def a_slice_does_not_see_an_update_that_overlaps(patch: pytest.MonkeyPatch) -> None:
    def wrong(rewriting: Any, node: Any, args: Any) -> Any:
        inner = rewriting.node(args[0])
        same = inner.op == "update" and inner.attrs["index"] == node.attrs["index"]
        return rewriting.add("slice", [inner.args[0]], node.attrs) if inner.op == "update" and not same else None

    patch.setitem(simplify.RULES, "slice", [wrong])


@bug(40)
def an_update_forgets_the_one_before(patch: pytest.MonkeyPatch) -> None:
    def wrong(rewriting: Any, node: Any, args: Any) -> Any:
        inner = rewriting.node(args[0])
        return rewriting.add("update", [inner.args[0], args[1]], node.attrs) if inner.op == "update" else None

    patch.setitem(simplify.RULES, "update", [wrong])


@bug(3)
def equal_operands_are_enough_to_merge(patch: pytest.MonkeyPatch) -> None:
    """Common subexpressions without the attributes in the key."""

    def wrong(rewriting: Any, value: Any, node: Any, args: Any) -> Any:
        found = rewriting.seen.get((node.op, args, node.type))
        if found is None:
            found = rewriting.seen[node.op, args, node.type] = rewriting.add(node.op, args, node.attrs)
        return found

    patch.setattr(cse, "_merge", wrong)


@bug(1, raises=PassError)
def constants_are_merged_whatever_their_dtype(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, value: Any, node: Any) -> Any:
        if node.op != "const":
            return rewrite.Rewrite.leaf(self, value, node)
        key = str(node.attrs["place"].array.astype(float).tolist())
        if key not in self.seen:
            self.seen[key] = rewrite.Rewrite.leaf(self, value, node)
        return self.seen[key]

    patch.setattr(cse._Merge, "leaf", wrong)


@bug(4)
def every_op_is_commutative(patch: pytest.MonkeyPatch) -> None:
    for name in [*OPS]:
        patch.setitem(OPS, name, dataclasses.replace(OPS[name], traits=OPS[name].traits | {Trait.COMMUTATIVE}))


@bug(6)
def demotion_rounds_one_parameter_for_all_of_its_shape(patch: pytest.MonkeyPatch) -> None:
    right = demote._Demotion.meet_stream

    def wrong(self: Any, value: Any) -> Any:
        type_ = self.node(self.new[value]).type
        known = self.__dict__.setdefault("known", {})
        return known.setdefault(type_, right(self, value))

    patch.setattr(demote._Demotion, "meet_stream", wrong)


@bug(6)
def demotion_begins_all_states_at_zero(patch: pytest.MonkeyPatch) -> None:
    right = demote._Demotion.rounded
    patch.setattr(demote._Demotion, "rounded", lambda self, *args: np.zeros_like(right(self, *args)))


# --- the JAX target --------------------------------------------------------------------------------------------------
@bug(50, "jax")
def a_scan_keeps_the_states_from_before_it(patch: pytest.MonkeyPatch) -> None:
    right = evaluate._Run._scan

    def wrong(self: Any, region: Any) -> None:
        present = dict(self.present)
        right(self, region)
        self.present = present

    patch.setattr(evaluate._Run, "_scan", wrong)


def first_failure(cases: Iterable[Case], raises: type[Exception]) -> Case | None:
    for case in cases:
        try:
            case.run()
        except raises:
            return case
    return None


@pytest.mark.parametrize("inject", BUGS, ids=lambda inject: inject.__name__)
def test_the_fuzz_catches(inject: Inject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case of the fuzz fails with the bug; that it passes without is what the fuzz asserts."""
    likely, raises = BUGS[inject]
    surely_run = [case for case in cases(likely.target) if case.seed < LEAST]
    every = sorted(surely_run, key=lambda case: case.seed != likely.seed)
    inject(monkeypatch)
    assert first_failure(every, raises)
