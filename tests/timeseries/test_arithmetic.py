"""The operators of continuous series."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TSContinuous

BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.pow,
]
IN_PLACE: list[Callable[[Any, Any], Any]] = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.ipow,
]
VALUES = np.array([[1.0, 2.0], [3.0, 0.5], [4.0, 7.0]])
OTHER = np.array([[2.0, 3.0], [1.5, 4.0], [0.25, 2.0]])
OPERANDS = [2, 2.5, np.float32(1.5), np.int64(3), True, [2.0, 3.0], OTHER, OTHER.tolist(), OTHER[:, :1], OTHER[:1]]


def series(samples: Any = VALUES, **switches: Any) -> TSContinuous:
    return TSContinuous.from_clocked(samples, 0.1, **switches)


def by_hand(function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    return function(np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64))


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("operand", OPERANDS, ids=repr)
def test_operands_from_both_sides(function: Callable[[Any, Any], Any], operand: Any) -> None:
    np.testing.assert_array_equal(function(series(), operand).samples, by_hand(function, VALUES, operand))
    np.testing.assert_array_equal(function(operand, series()).samples, by_hand(function, operand, VALUES))


@pytest.mark.parametrize("function", BINARY)
def test_two_series(function: Callable[[Any, Any], Any]) -> None:
    plain = TSContinuous([0.0, 0.1, 0.2], OTHER)
    expected = by_hand(function, VALUES, OTHER)
    for left, right in ((series(), series(OTHER)), (series(), plain), (TSContinuous([0, 0.1, 0.2], VALUES), plain)):
        result = function(left, right)
        np.testing.assert_array_equal(result.samples, expected)
        assert result.clock == left.clock
        assert not np.shares_memory(result.samples, left.samples)
    np.testing.assert_array_equal(left.samples, VALUES)


@pytest.mark.parametrize(("function", "plain"), list(zip(IN_PLACE, BINARY, strict=True)))
def test_in_place(function: Callable[[Any, Any], Any], plain: Callable[[Any, Any], Any]) -> None:
    for operand in (2.0, OTHER, series(OTHER)):
        changed = series(name="same", periodic=True)
        same = changed
        changed = function(changed, operand)
        assert changed is same
        assert repr(changed) == repr(series(name="same", periodic=True))
        np.testing.assert_array_equal(changed.samples, plain(series(), operand).samples)


@pytest.mark.parametrize("function", IN_PLACE)
@pytest.mark.parametrize("operand", [np.ones(5), np.ones((2, 2)), np.ones((1, 3, 2))])
def test_a_failed_operator_changes_nothing(function: Callable[[Any, Any], Any], operand: Any) -> None:
    changed = series()
    with pytest.raises(TimeSeriesError, match=r"does not fit samples of shape \(3, 2\)"):
        function(changed, operand)
    np.testing.assert_array_equal(changed.samples, VALUES)


def test_unary_operators() -> None:
    np.testing.assert_array_equal((-series()).samples, -VALUES)
    np.testing.assert_array_equal(abs(-series()).samples, VALUES)


def test_the_result_keeps_what_the_series_is() -> None:
    left = TSContinuous([0.0, 0.5], [1, 2], periodic=True, t_start=-1, t_stop=2, name="left", units="V", fill_value=7)
    left.beyond_range_exception = left.approx_limit_times = False
    for result in (left + 1, 1 - left, left * left, -left, abs(left), left @ [[2.0]], [[2.0]] @ left):
        assert (result.t_start, result.t_stop, result.periodic) == (-1, 2, True)
        assert (result.name, result.units, result.fill_value) == ("left", "V", 7)
        assert not result.beyond_range_exception and not result.approx_limit_times
        np.testing.assert_array_equal(result.times, left.times)


# --- missing values ---------------------------------------------------------------------------------------------------
MISSING = np.array([[1.0], [np.nan], [3.0], [np.nan]])
RIGHT = np.array([[10.0], [20.0], [np.nan], [np.nan]])


def test_sums_take_a_lone_nan_for_0() -> None:
    left, right = series(MISSING), series(RIGHT)
    np.testing.assert_array_equal((left + right).samples[:, 0], [11, 20, 3, np.nan])
    np.testing.assert_array_equal((left - right).samples[:, 0], [-9, -20, 3, np.nan])
    np.testing.assert_array_equal((left + 1).samples[:, 0], [2, 1, 4, 1])
    np.testing.assert_array_equal((1 - left).samples[:, 0], [0, 1, -2, 1])
    np.testing.assert_array_equal((left + np.nan).samples[:, 0], [1, np.nan, 3, np.nan])


@pytest.mark.parametrize("function", [operator.mul, operator.truediv, operator.floordiv, operator.pow])
def test_other_operators_keep_nans(function: Callable[[Any, Any], Any]) -> None:
    result = function(series(MISSING), 2.0)
    np.testing.assert_array_equal(np.isnan(result.samples), np.isnan(MISSING))


def test_infinities_are_no_missing_values() -> None:
    with np.errstate(invalid="ignore"):
        result = series([[np.inf], [np.nan]]) - np.inf
    np.testing.assert_array_equal(result.samples[:, 0], [np.nan, -np.inf])


# --- shapes -----------------------------------------------------------------------------------------------------------
def test_products_widen_one_channel() -> None:
    one, four = np.arange(3.0)[:, np.newaxis], np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal((series(one) * series(four)).samples, one * four)
    np.testing.assert_array_equal((series(four) * series(one)).samples, one * four)
    np.testing.assert_array_equal((four[0] * series(one)).samples, one * four[0])
    widened = series(one)
    widened *= four
    np.testing.assert_array_equal(widened.samples, one * four)


@pytest.mark.parametrize("function", [operator.add, operator.sub, operator.truediv, operator.floordiv, operator.pow])
def test_other_operators_do_not_widen(function: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(TimeSeriesError, match=r"shape \(3, 4\) does not fit samples of shape \(3, 1\)"):
        function(series(np.ones((3, 1))), series(np.ones((3, 4))))


def test_products_do_not_make_samples() -> None:
    single = TSContinuous([0.0], [[1.0, 2.0]])
    with pytest.raises(TimeSeriesError, match=r"shape \(5, 2\)"):
        single * np.ones((5, 2))


@pytest.mark.parametrize(
    "operand", ["1", None, {}, object(), 1j, [1, [2, 3]], [None], np.array(["a"])], ids=lambda item: type(item).__name__
)
def test_other_operands_are_refused(operand: Any) -> None:
    for function in (*BINARY, operator.matmul):
        with pytest.raises(TypeError):
            function(series(), operand)
        with pytest.raises(TypeError):
            function(operand, series())


# --- matrices ---------------------------------------------------------------------------------------------------------
def test_matrices_from_both_sides() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal((series() @ matrix).samples, VALUES @ matrix)
    np.testing.assert_array_equal((matrix.T @ series()).samples, VALUES @ matrix)
    np.testing.assert_array_equal((matrix.T.tolist() @ series()).samples, VALUES @ matrix)
    for vector in (series() @ np.array([1.0, 10.0]), np.array([1.0, 10.0]) @ series()):
        np.testing.assert_array_equal(vector.samples, VALUES @ [[1.0], [10.0]])
    changed = same = series()
    changed @= matrix
    assert changed is same
    np.testing.assert_array_equal(changed.samples, VALUES @ matrix)


@pytest.mark.parametrize("matrix", [np.ones((3, 2)), np.ones(3), np.float64(2), np.ones((1, 2, 2))], ids=np.shape)
def test_matrices_that_do_not_fit(matrix: Any) -> None:
    with pytest.raises(TimeSeriesError, match="does not fit 2 channels"):
        series() @ matrix
    with pytest.raises(TimeSeriesError, match="does not fit 2 channels"):
        np.swapaxes(matrix, 0, -1) @ series() if np.ndim(matrix) else matrix @ series()


def test_series_are_no_matrices() -> None:
    with pytest.raises(TypeError):
        series() @ series()


# --- other times ------------------------------------------------------------------------------------------------------
def test_the_right_series_is_sampled_on_the_left_one() -> None:
    fine = TSContinuous.from_clocked(np.arange(12.0), 0.05, name="fine")
    coarse = TSContinuous.from_clocked(np.arange(6.0), 0.1, name="coarse")
    np.testing.assert_array_equal((coarse + fine).samples[:, 0], [0, 3, 6, 9, 12, 15])
    np.testing.assert_array_equal((fine + coarse).samples[:, 0], np.arange(12) + np.arange(12) // 2)
    late = coarse.clip(0.2, 0.5, include_stop=False)
    np.testing.assert_array_equal((late + coarse).samples[:, 0], [4, 6, 8])


def test_a_series_that_does_not_cover_the_times() -> None:
    long = TSContinuous.from_clocked(np.ones(10), 0.1, name="long")
    short = TSContinuous.from_clocked(np.ones(5), 0.1, name="short")
    with pytest.raises(TimeSeriesError, match="(?s)'long'.*'short'.*t=0.6 s"):
        long + short
    short.beyond_range_exception = False
    with pytest.warns(UserWarning, match="'short'"):
        result = long * short
    np.testing.assert_array_equal(np.isnan(result.samples[:, 0]), [False] * 6 + [True] * 4)


def test_repeated_times_meet_one_by_one() -> None:
    steps = TSContinuous([0.0, 1.0, 1.0], [1, 2, 3], periodic=True)
    np.testing.assert_array_equal((steps + steps.copy()).samples[:, 0], [2, 4, 6])


def test_a_fill_value_that_does_not_fit_any_more_is_dropped() -> None:
    filled = TSContinuous([0.0], [[1.0, 2.0]], t_stop=1.0, fill_value=[8.0, 9.0])
    np.testing.assert_array_equal((filled + 1)(1.0), [[8, 9]])
    np.testing.assert_array_equal((filled @ np.ones((2, 3)))(1.0), [[3, 3, 3]])


@settings(deadline=None)
@given(
    arrays(np.float64, (5, 2), elements=st.floats(-1e3, 1e3) | st.just(float("nan"))),
    arrays(np.float64, (5, 2), elements=st.floats(-1e3, 1e3) | st.just(float("nan"))),
)
def test_sums_are_nan_where_both_are(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> None:
    both = np.isnan(left) & np.isnan(right)
    expected = np.where(both, np.nan, np.nan_to_num(left) + np.nan_to_num(right))
    np.testing.assert_array_equal((series(left) + series(right)).samples, expected)
    expected = np.where(both, np.nan, np.nan_to_num(left) - np.nan_to_num(right))
    np.testing.assert_array_equal((series(left) - right).samples, expected)
