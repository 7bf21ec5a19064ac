"""Batches of unequal lengths: every sample as if it ran alone, for as long as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError
from graphpool.nested import nest
from graphpool.nn.modules import Rate
from tests.runtimes.models import TARGETS, flat, runtime, signal

LENGTHS = np.array([5, 0, 9, 5, 12])


def assert_each_alone(run: Any, x: Any, lengths: Any, first: int = 0) -> None:
    """The batch equals single runs, cut at their ends; behind them is nothing but zeros."""
    before = flat(run.state())
    types = {entry.name: entry.type for entry in run.signature.states}
    out, state, record = run(x, record=True, lengths=lengths, sample=first)
    record = flat(record)
    for place, steps in enumerate(lengths):
        single = run.copy()
        single.reset_state()
        own = {name: array if array.ndim == types[name].rank else array[place] for name, array in before.items()}
        single.set_state(nest(own))
        wanted, last, seen = single(x[place, :steps], record=True, sample=first + place)
        np.testing.assert_array_equal(out[place, :steps], wanted[0])
        assert not out[place, steps:].any()
        for name, array in flat(last).items():
            np.testing.assert_array_equal(flat(state)[name][place], array, err_msg=name)
        for name, array in flat(seen).items():
            np.testing.assert_array_equal(record[name][place, :steps], array[0], err_msg=name)
            assert not record[name][place, steps:].any()


@pytest.mark.parametrize("target", TARGETS)
def test_each_sample_stops_at_its_end(target: str) -> None:
    run = runtime("net", target)
    assert_each_alone(run, signal(5, 12, 2), LENGTHS)
    assert_each_alone(run, signal(5, 12, 2, seed=1), [12, 12, 1, 7, 0])  # from the states of before, one a sample


@pytest.mark.parametrize("target", TARGETS)
def test_noise_stays_that_of_the_sample(target: str) -> None:
    run = graphpool.compile(Rate(2, noise_std=0.5, seed=3), target, dtype="float64")
    run.reset_state()
    out = run(signal(4, 6, 2), lengths=[2, 6, 3, 6], sample=10)[0]
    for place, steps in enumerate([2, 6, 3, 6]):
        run.reset_state()
        single = run(signal(4, 6, 2)[place, :steps], sample=10 + place)[0]
        np.testing.assert_allclose(out[place, :steps], single[0], rtol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_no_lengths_and_equal_lengths_are_the_same(target: str) -> None:
    run, x = runtime("net", target), signal(3, 6, 2)
    whole = run.copy()(x)[0]
    np.testing.assert_array_equal(run.copy()(x, lengths=[6, 6, 6])[0], whole)
    assert not run.copy()(x, lengths=[0, 0, 0])[0].any()
    out, state, _ = run.copy()(x[:, :0], lengths=[0, 0, 0])
    assert out.shape == (3, 0, 3)
    assert state["1_LIF"]["vmem"].shape == (3,), "as without lengths: no batch axis from nothing"


def test_a_loaded_file_takes_them_too(tmp_path: Any) -> None:
    runtime("net", "onnx").save(tmp_path / "net.onnx")
    run = graphpool.load(tmp_path / "net.onnx")
    out = run(signal(5, 12, 2), lengths=LENGTHS)[0]
    np.testing.assert_array_equal(out, runtime("net", "onnx")(signal(5, 12, 2), lengths=LENGTHS)[0])


@pytest.mark.parametrize(
    "lengths",
    [[1, 2], [1, 2, 7], [1, -1, 2], [1.0, 2.0, 3.0], [[1, 2, 3]], 4, [True, True, True], [[1], [2, 3]], "abc"],
)
def test_lengths_that_do_not_fit_are_refused_and_change_nothing(lengths: Any) -> None:
    run = runtime("net", "numpy")
    run(signal(3, 4, 2))
    before = flat(run.state())
    with pytest.raises(InputError, match=r"(?s)lengths=.*a whole number from 0 to 6 for each of the 3 samples"):
        run(signal(3, 6, 2), lengths=lengths)
    for name, array in flat(run.state()).items():
        np.testing.assert_array_equal(array, before[name])
