"""The NumPy target writes over buffers: never over what a record, an output, a state, a view or the caller shows."""

from __future__ import annotations

import copy
import pickle
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.compilers.numpy import compile as program
from graphpool.compilers.numpy import frames
from graphpool.functional import spike
from graphpool.nn.modules import Module
from tests.fuzz.drawing import LENGTH, draw_program
from tests.fuzz.oracle import check
from tests.runtimes.models import assert_same, flat, signal
from tests.trace.stepping import module_of

HOISTS = ("always", "never")
MODELS: dict[str, type[Module]] = {}


def model(step: Callable[..., Any]) -> Callable[..., Any]:
    """A module of the states a, b and c, ``(3,)``, and m, ``(2, 3)``, with the given step."""
    body = {"step": lambda self, x: step(self, x), "__init__": make_states}
    MODELS[step.__name__] = type("Model", (Module,), body)
    return step


def make_states(self: Any) -> None:
    Module.__init__(self, shape=3)
    self.w = Parameter(np.arange(9.0).reshape(3, 3) / 8 - 0.5)
    for number, name in enumerate("abc"):
        setattr(self, name, State(np.arange(3.0) + number))
    self.m = State(np.arange(6.0).reshape(2, 3))


@model
def a_state_is_stored_and_updated(self: Any, x: Any) -> Any:
    before = self.a
    self.a = self.a * 0.5 + x
    return before, self.a


@model
def a_record_shows_what_is_updated_twice(self: Any, x: Any) -> Any:
    self.a = self.a * 0.5 + x
    self.record("between", self.a)
    self.a = self.a - spike(self.a, 1.0)
    return self.a


@model
def two_states_have_one_next_value(self: Any, x: Any) -> Any:
    following = self.a * 0.5 + self.b + x
    self.a = following
    self.b = following
    self.c = self.c + self.a * self.b
    return self.c


@model
def two_states_swap(self: Any, x: Any) -> Any:
    a, b = self.a, self.b
    self.a, self.b = b, a + x
    return self.a - self.b


@model
def three_states_turn_round(self: Any, x: Any) -> Any:
    a, b, c = self.a, self.b, self.c
    self.a, self.b, self.c = b, c, a
    self.m = self.m * 0.5 + (a + x)
    return self.m


@model
def a_chain_of_delays_in_a_loop(self: Any, x: Any) -> Any:
    last = self.c
    self.c = self.b
    self.b = self.a
    self.a = self.a * 0.5 + x - last
    return last, self.c


@model
def a_state_takes_a_view_of_another(self: Any, x: Any) -> Any:
    late = self.a
    self.a = self.m[1]
    self.m = self.m[::-1] * 0.5 + (x + late)
    return late


@model
def a_transposed_buffer_is_read_after_it_would_be_free(self: Any, x: Any) -> Any:
    square = self.m.T @ self.m + x
    turned = square.T
    other = square * 0.125
    third = other + 1.0
    self.m = self.m * 0.5 + (turned - other)[:2] * 0.001 + third[1:] * 0.001
    return turned


@model
def a_reshaped_buffer_outlives_its_base(self: Any, x: Any) -> Any:
    base = self.m + x
    line = base.reshape(6)
    base = base * 2.0
    more = base + 1.0
    self.m = more * 0.25 + line[::-1].reshape(2, 3) * 0.125
    return line


@model
def a_broadcast_of_a_buffer_that_is_written_again(self: Any, x: Any) -> Any:
    row = self.a + x
    both = np.broadcast_to(row, (2, 3))
    row = row * 0.5
    self.a = row - 1.0
    self.m = self.m * 0.5 + both
    return both


@model
def a_condition_replaces_in_place(self: Any, x: Any) -> Any:
    v = self.a * 0.5 + x
    reset = np.where(v > 0.5, 0.0, v)
    kept = np.where(v < 0.0, v, reset)
    self.a = reset + kept * 0.25
    return v, reset, kept


@model
def a_state_is_written_in_part(self: Any, x: Any) -> Any:
    before = self.a
    self.a[0] = x[1] + self.a[2]
    self.a[1:] = self.a[:2] * 0.5
    return before, self.a


@model
def an_output_is_the_input(self: Any, x: Any) -> Any:
    self.a = x
    return x, self.a, x.reshape(3, 1)


@model
def a_state_never_changes(self: Any, x: Any) -> Any:
    self.b = self.b * 0.5 + self.a
    return self.a, self.b + x


@model
def a_product_with_a_state_that_is_reset(self: Any, x: Any) -> Any:
    self.a = self.a @ self.w + x
    self.b = spike(self.a, 0.5, max_spikes=3)
    self.a = self.a - self.b * 0.5
    return self.b


def numbered(arrays: Any) -> dict[str, Any]:
    """Arrays, or the outputs of a runtime, by their numbers."""
    if isinstance(arrays, dict):
        arrays = arrays.values()
    return {str(number): array for number, array in enumerate([arrays] if isinstance(arrays, np.ndarray) else arrays)}


def step_loop(make: type[Module], x: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs over batch and time, and the last states, of the module's own step."""
    rows, states = [], []
    for sample in x:
        module: Any = make()
        rows.append([module.step(row) for row in sample])
        states.append(flat(module.state()))
    first = rows[0][0]
    outputs: Any = np.array(rows) if not isinstance(first, tuple) else None
    if outputs is None:
        outputs = [np.array([[row[n] for row in sample] for sample in rows]) for n in range(len(first))]
    return numbered(outputs), {name: np.array([state[name] for state in states]) for name in states[0]}


def compiled(name: str, hoist: Any = "always") -> Any:
    return graphpool.compile(MODELS[name](), dtype="float64", hoist=hoist)


# --- what a program writes over -----------------------------------------------------------------------------
@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("name", list(MODELS))
def test_outputs_and_states_are_those_of_the_step_loop(name: str, hoist: str, monkeypatch: Any) -> None:
    x = signal(2, 7, 3)
    expected, states = step_loop(MODELS[name], x)
    run = compiled(name, hoist)
    for longest in (frames.LONGEST_TILE, 3, 1):
        monkeypatch.setattr(frames, "LONGEST_TILE", longest)
        for record in (False, True):
            run.reset_state()
            outputs, last, _ = run(x, record=record)
            assert_same(numbered(outputs), expected)
            assert_same(flat(last), states)
    run.reset_state()
    steps = [numbered(run.step(x[:, t])) for t in range(7)]
    assert_same({n: np.stack([row[n] for row in steps], axis=1) for n in expected}, expected)
    assert_same(flat(run.state()), states)


@pytest.mark.parametrize("tile", [1, 2])
def test_the_fuzz_in_short_tiles(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LONGEST_TILE", tile)
    for seed in range(15 * tile, 15 * tile + 15):
        check(draw_program(seed, LENGTH), "numpy", HOISTS, seed)


# --- what belongs to the caller -----------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["run", "record", "step"])
@pytest.mark.parametrize("name", list(MODELS))
def test_arguments_are_not_written_and_results_are_the_callers(name: str, mode: str) -> None:
    run = compiled(name)
    built = program.build(getattr(run.artifact.plans, mode))
    handed = run._handed_to(mode)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3) if mode == "step" else (2, 5, 3))
    states = [rng.normal(size=(2, *entry.type.shape)) for entry in run.signature.states]
    given = [x, *states, *handed.values()]
    before = copy.deepcopy(given)
    first = [array for group in built(handed, states, [x]) for array in group]
    again = [array for group in built(handed, states, [x]) for array in group]
    assert_same(numbered(given), numbered(before))
    assert_same(numbered(first), numbered(again))
    for number, array in enumerate(first):
        others = [*first[:number], *first[number + 1 :], *again, *given]
        assert array.flags.writeable and not any(np.shares_memory(array, other) for other in others)


def test_other_batches_and_lengths_between_do_not_matter() -> None:
    run, x = compiled("a_chain_of_delays_in_a_loop"), signal(4, 600, 3)
    expected = numbered(run(x)[0])
    for batch, steps in ((1, 600), (4, 1), (3, 599), (4, 600), (2, 300), (4, 600)):
        run.reset_state()
        assert_same(numbered(run(x[:batch, :steps])[0]), {n: one[:batch, :steps] for n, one in expected.items()})


# --- who runs it ----------------------------------------------------------------------------------------------
def test_copies_of_a_runtime_take_turns() -> None:
    first = compiled("a_product_with_a_state_that_is_reset")
    x, y = signal(2, 30, 3, seed=1), signal(2, 30, 3, seed=2)
    alone = []
    for signal_ in (x, y):
        first.reset_state()
        alone.append(first(signal_)[0])
    first.reset_state()
    second = first.copy()
    third = pickle.loads(pickle.dumps(first))
    parts: list[list[Any]] = [[], [], []]
    for start in range(0, 30, 10):
        for run, signal_, part in zip((first, second, third), (x, y, x), parts, strict=True):
            part.append(run(signal_[:, start : start + 10])[0])
    for part, wanted in zip(parts, (*alone, alone[0]), strict=True):
        assert_same(np.concatenate(part, axis=1), wanted)


def test_other_parameters_of_a_copy_do_not_reach_the_original() -> None:
    first = compiled("a_product_with_a_state_that_is_reset")
    second, x = first.copy(), signal(2, 10, 3)
    second.set_parameters({"w": np.eye(3)})
    wanted = [run.copy()(x)[0] for run in (first, second)]
    assert not np.array_equal(*wanted)
    for _ in range(2):
        for run, expected in zip((first, second), wanted, strict=True):
            run.reset_state()
            assert_same(run(x)[0], expected)


def test_threads_share_a_program() -> None:
    run = compiled("a_chain_of_delays_in_a_loop")
    signals = [signal(2, 400, 3, seed=seed) for seed in range(4)]
    wanted = []
    for x in signals:
        run.reset_state()
        wanted.append(numbered(run(x)[0]))
    run.reset_state()
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        own = run.copy()
        for _ in range(5):
            own.reset_state()
            found[number] = numbered(own(signals[number])[0])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(wanted):
        assert_same(found[number], expected)


class Powers(Module):
    """NumPy refuses a negative power of an integer: an error from the middle of a loop."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.a = State(np.ones(2, np.int64))

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"x": (2,)}

    def step(self, x: Any) -> Any:
        self.a = (self.a % 3 + 2) ** np.floor(x).astype(np.int64)
        return self.a


def test_an_error_in_the_middle_changes_nothing_and_shows_the_line() -> None:
    run = graphpool.compile(Powers(), dtype="float64")
    good = np.full((1, 6, 2), 2.0)
    expected = run(good)[0]
    state = run.state()
    bad = good.copy()
    bad[0, 4] = -1.0
    with pytest.raises(ValueError, match="negative integer powers") as caught:
        run(bad)
    shown = "".join(traceback.format_tb(caught.value.__traceback__))
    assert "in region" in shown and "k" in shown.splitlines()[-1], shown
    assert_same(run.state(), state)
    run.reset_state()
    assert_same(run(good)[0], expected)


# --- the same bits as the kernel -------------------------------------------------------------------------------
def test_a_sum_of_one_element_is_what_numpy_gives() -> None:
    class Sum(Module):
        def step(self, x: Any) -> Any:
            return x.sum(axis=-1), x.sum(axis=-1, keepdims=True)

    x = np.array([0.0, -0.0, np.nan, -np.inf, 2.5])[:, None]
    for found in graphpool.compile(Sum(shape=1))(x)[0].values():
        expected = x.sum(axis=-1).astype(np.float32)
        np.testing.assert_array_equal(found.reshape(-1), expected)
        np.testing.assert_array_equal(np.signbit(found.reshape(-1)), np.signbit(expected))


# --- memory ----------------------------------------------------------------------------------------------------
def test_the_arrays_of_a_program_do_not_grow_with_time() -> None:
    run = compiled("a_record_shows_what_is_updated_twice")
    sizes = []
    for steps in (2_000, 20_000):
        run(np.zeros((1, steps, 3)))
        (workspace,) = run._programs["run"]._idle
        arrays = [*workspace.arrays.values(), *workspace._slots.values()]
        sizes.append(sum(array.nbytes for array in arrays))
    assert sizes[1] < 1.1 * sizes[0] < 2 * frames.TILE_BYTES


def test_the_last_of_a_state_that_has_two_buffers_is_the_new_one() -> None:
    """Fault: a name that was swapped at the end of the last step."""

    def step(self: Any, x: Any) -> Any:
        self.v = self.v[::-1] + x
        return self.v

    module = module_of(step, v=State(np.array([1.0, 2.0, 3.0])))
    x = np.arange(12.0).reshape(1, 4, 3)
    each, last = (graphpool.compile(module, dtype="float64", emit=emit) for emit in ("each", "last"))
    np.testing.assert_array_equal(last(x)[0], each(x)[0][:, -1])
