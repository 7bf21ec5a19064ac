"""A network that a framework has run, and how graphpool is compared with it.

Values of an exact run are so coarse that single precision holds every sum: there all spikes have to be the same. Other
runs are compared up to the first step at which rounding decides: from where thresholds that are a hundred-thousandth
larger or smaller give graphpool other spikes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphpool
from graphpool.nested import flatten, nest

TARGETS = ("numpy", "jax", "onnx")
NUDGE = 1e-5
"""How far rounding may move a membrane, relative to its threshold."""
TOLERANCE = 1e-5
"""Of outputs that are no spikes, relative and absolute."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Run:
    """One network and what its framework made of an input.

    Attributes:
        framework: who ran it.
        kind: what it is made of, for the table.
        like: the preset that stands for the framework.
        graph: the nir.NIRGraph that the framework exported.
        dt: seconds of a step.
        inputs: ``(T, *sample)``.
        outputs: ``(T, *sample)``.
        exact: single precision holds every value.
        mended: what the export gets wrong and has been put right here; it is said in the table.
        switches: options beside the preset.
    """

    framework: str
    kind: str
    like: str
    graph: Any
    dt: float
    inputs: Array
    outputs: Array
    exact: bool
    mended: str = ""
    switches: Mapping[str, Any] = field(default_factory=dict)

    def network(self) -> Any:
        """What graphpool reads; what it mends without being asked is no news here."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return graphpool.from_nir(self.graph, like=self.like, dt=self.dt, **self.switches)

    def compare(self) -> dict[str, int]:
        """By target, the number of steps in which all outputs are the framework's.

        Raises:
            AssertionError: they part without a rounding that explains it.
        """
        network = self.network()
        steps = len(self.inputs) if self.exact else steps_without_rounding(network, self.inputs)
        return {target: self._agree(network, target, steps) for target in TARGETS}

    def _agree(self, network: Any, target: str, steps: int) -> int:
        output = run_on(network, target, self.inputs)
        what = f"{self.framework}, {self.kind}, on {target}"
        assert output.shape == self.outputs.shape, f"{what}: shape {output.shape}, not {self.outputs.shape}"
        for step in range(steps):
            got, wanted = output[step], self.outputs[step]
            same = np.array_equal(got, wanted) if self.exact else np.allclose(got, wanted, TOLERANCE, TOLERANCE)
            assert same, f"{what}: step {step} of {len(output)} gives {got.ravel()[:8]}, not {wanted.ravel()[:8]}"
        return steps


def run_on(network: Any, target: str, inputs: Array, nudge: float = 0.0) -> Array:
    """The output ``(T, *sample)`` of a network, with thresholds a little larger."""
    run = graphpool.compile(network, target)
    if nudge:
        flat = dict(flatten(run.parameters()))
        thresholds = {name: array * (1 + nudge) for name, array in flat.items() if name.endswith("threshold")}
        run.set_parameters(nest(thresholds))
    output: Array = run(inputs)[0][0]
    return output


def steps_without_rounding(network: Any, inputs: Array) -> int:
    """How many steps there are before rounding may decide about a spike."""
    output = run_on(network, "numpy", inputs)
    others = [run_on(network, "numpy", inputs, nudge) for nudge in (NUDGE, -NUDGE)]
    moved = [~np.isclose(output, other, TOLERANCE, TOLERANCE).reshape(len(output), -1).all(axis=1) for other in others]
    parted = np.flatnonzero(np.logical_or(*moved))
    return int(parted[0]) if len(parted) else len(output)
