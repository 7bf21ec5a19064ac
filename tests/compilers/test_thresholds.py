"""One spike at most needs no division where the threshold is positive; programs that know so follow the parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.functional import spike
from graphpool.nn.modules import Module
from graphpool.parameters import Parameter

TARGETS = ("numpy", "jax", "onnx")
MEMBRANES = [-3.0, -2.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 2.5, 7.0]


class Spikes(Module):
    """Spikes of a membrane that comes from outside, at most so many."""

    def __init__(self, threshold: Any, most: float) -> None:
        super().__init__(shape=3)
        self.threshold = Parameter(threshold)
        self.most = most

    def step(self, v: Any) -> Any:
        return spike(v, self.threshold, max_spikes=self.most)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("most", [1, 3])
def test_thresholds_that_change_sign_change_the_program(target: str, most: int) -> None:
    """Fault: a program for positive thresholds that goes on when they are negative."""
    options = {"parameters": "inputs"} if target == "onnx" else {}
    run = graphpool.compile(Spikes(np.ones(3), most), target, **options)
    v = np.repeat(np.array(MEMBRANES, np.float32)[:, None], 3, axis=1)
    for threshold in ([1, 1, 1], [-1, -0.5, 2], [0.25, 0.25, 0.25]):
        h = np.array(threshold, np.float32)
        run.set_parameters({"threshold": h})
        kernel = graphpool.ops.row("spike").kernel(np, v, h, window=0.5, max_spikes=float(most))
        np.testing.assert_array_equal(run(v)[0][0], kernel)
        np.testing.assert_array_equal(np.stack([run.step(row) for row in v]), kernel)


THRESHOLDS = ([1.0, 0.25, 3.0], [1.0, 0.0, 3.0], [-1.0, 1.0, 2.0], [np.inf, 1.0, 1e-310], [np.nan, 1.0, 1.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("most", [1, 2, 2**16, 0.5, np.inf, 0, -1])
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_spikes_are_those_of_the_kernel(threshold: list[float], most: float, dtype: Any) -> None:
    near = [np.nextafter(np.array(one, dtype), np.array(side, dtype)) for one in (0.25, 1.0, 3.0) for side in (0, 9)]
    values = [0.0, -0.0, 0.25, 1.0, 3.0, 7.0, -2.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-40, -1e-40, *near]
    v = np.repeat(np.array(values, dtype)[:, None], 3, axis=1)
    run = graphpool.compile(Spikes(np.array(threshold), most), dtype=dtype)
    h = np.array(threshold).astype(dtype)
    with np.errstate(all="ignore"):
        kernel = graphpool.ops.row("spike").kernel(np, v, h, window=0.5, max_spikes=float(most))
    for found in (run(v)[0][0], np.stack([run.step(row) for row in v])):
        np.testing.assert_array_equal(found, kernel)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(kernel))
