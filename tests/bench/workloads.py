"""The workloads: a network, its input, graphpool on each target, and the opponents on the same footing.

Every contestant takes the same float32 array ``(B, T, N)`` and returns the output ``(B, T, M)`` and the last states as
NumPy arrays, from the same initial state.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import graphpool
from graphpool.nested import flatten
from graphpool.plan import HOISTS
from tests.bench.networks import (
    Floats,
    RateLayer,
    SpikingLayer,
    random_input,
    rate_layer,
    rate_module,
    recurrent_layer,
    spiking_module,
    stack,
)
from tests.bench.opponents import jax_scan, numpy_loop, onnx_scan, scipy_filter
from tests.bench.opponents.numpy_loop import Result
from tests.bench.timing import Contestant

TARGETS = ("numpy", "jax", "onnx")
GRAPHPOOL = "graphpool"
EXAMPLE = Path(__file__).parents[2] / "examples" / "grasshopper"
Entries = dict[str, Callable[[], Contestant]]


@dataclass(frozen=True)
class Workload:
    """What is run, and by whom.

    Attributes:
        name: what the tables and the bounds call it.
        title: what it is.
        make: the module.
        x: the input ``(B, T, N)``.
        opponents: by target and variant, what makes a hand-written contestant.
        flops: of all matrix products.
        traffic: bytes that have to move: each layer's input, currents (written and read) and output.
        tolerance: how far outputs and states may part.
        share: the share of outputs, and of states, that may part by more.
        aside: more contestants, which no bound is about.
        hoists: the ways of graphpool to hoist that are measured; the default is among them.
    """

    name: str
    title: str
    make: Callable[[], Any]
    x: Floats
    opponents: dict[str, Entries]
    flops: float
    traffic: float
    tolerance: float
    share: float = 0.0
    aside: dict[str, Entries] = field(default_factory=dict)
    hoists: tuple[str, ...] = HOISTS

    def graphpool(self, target: str, **options: Any) -> Callable[[], Result]:
        """graphpool on a target, always from the initial state."""
        run = graphpool.compile(self.make(), target, **options)

        def evolve() -> Result:
            run.reset_state()
            output, state, _ = run(self.x)
            return output, [array for _, array in sorted(flatten(state))]

        return evolve

    def contestants(self, target: str) -> dict[str, Contestant]:
        """graphpool, hoisted in each way, and all others on a target."""
        found: dict[str, Contestant] = {hoisted(value): self.graphpool(target, hoist=value) for value in self.hoists}
        entries = self.opponents[target] | self.aside.get(target, {})
        return found | {name: make() for name, make in entries.items()}


DEFAULT: str = inspect.signature(graphpool.compile).parameters["hoist"].default
"""How graphpool hoists unless asked."""


def hoisted(value: str) -> str:
    """The name of graphpool with an option; the default is graphpool as it comes."""
    return GRAPHPOOL if value == DEFAULT else f"{GRAPHPOOL}, hoist={value}"


def spiking(name: str, title: str, layers: list[SpikingLayer], batch: int, steps: int) -> Workload:
    """Linear layers and LIF neurons; recurrent neurons stand alone."""
    x = random_input(batch, steps, len(layers[0].bias if layers[0].weight is None else layers[0].weight))
    in_loop = layers[0].weight is not None
    jax: Entries = {
        f"lax.scan, {variant}": partial(jax_scan.spiking, layers, x, time_major=time_major, hoisted=hoists)
        for variant, (time_major, hoists) in jax_scan.VARIANTS.items()
        if hoists or in_loop  # without weights both are one program
    }
    onnx: Entries = {
        f"Scan, {variant}": partial(onnx_scan.spiking, layers, x, hoisted=hoists)
        for variant, hoists in onnx_scan.VARIANTS.items()
        if hoists or in_loop
    }
    numpy: Entries = {"op by op": partial(numpy_loop.spiking, layers, x)}
    view = partial(jax_scan.spiking, layers, x, time_major=True, hoisted=True, view=True)
    aside: dict[str, Entries] = {"jax": {"lax.scan, time-major, hoisted, read-only result": view}}
    rows, flops, floats = batch * steps, 0, 0
    for layer in layers:
        inputs = layer.size if layer.weight is None else len(layer.weight)
        flops += sum(2 * matrix.size for matrix in (layer.weight, layer.w_rec) if matrix is not None)
        floats += inputs + layer.size + (2 * layer.size if layer.weight is not None else 0)
    make = partial(spiking_module, layers)
    opponents = {"numpy": numpy, "jax": jax, "onnx": onnx}
    # onnxruntime fuses a product in the loop with the sum that follows, which rounds once less, so a spike may part.
    return Workload(
        name, title, make, x, opponents, rows * flops, 4 * rows * floats, tolerance=1e-5, share=1e-5, aside=aside
    )


def rate(name: str, title: str, layer: RateLayer, steps: int, batch: int = 1) -> Workload:
    """One input and rate neurons."""
    x = np.random.default_rng(1).normal(size=(batch, steps, len(layer.weight))).astype(np.float32)
    jax: Entries = {
        f"lax.scan, {variant}": partial(jax_scan.rate, layer, x, time_major=time_major, hoisted=hoists)
        for variant, (time_major, hoists) in jax_scan.VARIANTS.items()
    }
    opponents: dict[str, Entries] = {
        "numpy": {"op by op": partial(numpy_loop.rate, layer, x)},
        "jax": jax,
        "onnx": {"Scan, time-major, hoisted": partial(onnx_scan.rate, layer, x)},
    }
    aside: dict[str, Entries] = {}
    if layer.w_rec is None:
        aside = {"numpy": {"scipy.signal.lfilter": partial(scipy_filter.rate, layer, x)}}
    size, recurrent = layer.bias.size, 0 if layer.w_rec is None else layer.w_rec.size
    flops, traffic = 2.0 * batch * steps * (layer.weight.size + recurrent), 4.0 * batch * steps * (1 + 3 * size)
    make = partial(rate_module, layer)
    return Workload(name, title, make, x, opponents, flops, traffic, tolerance=1e-5, aside=aside)


def grasshopper(name: str, steps: int) -> Workload:
    """The neuron of the example, whose input is a sound of random amplitude."""
    neuron, fitted = _example_neuron()
    dt = fitted["dt"]
    x = abs(np.random.default_rng(1).normal(size=(1, steps, 1)) / 3).astype(np.float32)
    constants = {
        "decay_v": np.float32(np.exp(-dt / fitted["tau_v"])),
        "decay_a": np.float32(np.exp(-dt / fitted["tau_a"])),
        **{key: np.float32(fitted[key]) for key in ("gain", "jump", "threshold")},
        "refractory": np.int64(fitted["refractory_steps"]),
    }
    names = ("tau_v", "tau_a", "gain", "jump", "threshold", "refractory")
    make = partial(neuron, 1, dt=dt, **{key: fitted[key] for key in names})
    opponents: dict[str, Entries] = {
        "numpy": {"op by op": partial(numpy_loop.adaptive, constants, x)},
        "jax": {"lax.scan, time-major": partial(jax_scan.adaptive, constants, x)},
        "onnx": {"Scan, time-major": partial(onnx_scan.adaptive, constants, x)},
    }
    # 1 - decay and the membrane are rounded in one order or another, so a spike may come a step later.
    title = f"the neuron of examples/grasshopper, T={steps:,}, B=1"
    rest = {"tolerance": 1e-3, "share": 1e-3, "hoists": (DEFAULT,)}
    return Workload(name, title, make, x, opponents, 0.0, 5.0 * steps, **rest)


def _example_neuron() -> tuple[Any, dict[str, Any]]:
    """The example's own class and the numbers that it was fitted to."""
    spec = importlib.util.spec_from_file_location("grasshopper_neuron", EXAMPLE / "neuron.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{EXAMPLE} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.AdaptiveNeuron, json.loads((EXAMPLE / "fitted.json").read_text())["parameters"]


def w2_layers() -> list[SpikingLayer]:
    """Three layers that end in ten classes."""
    return stack(64, 256, 256, 10, gains=(2.0, 5.5, 5.0))


def workloads() -> list[Workload]:
    """All of them but the single steps."""
    found = []
    for batch in (1, 16):
        title = f"Linear(512, 512) + LIF(512), T=500, B={batch}"
        found.append(spiking(f"W1 B={batch}", title, stack(512, 512, gains=(2.0,)), batch, 500))
    for batch in (1, 32):
        title = f"64-256-256-10, Linear + LIF three times, T=200, B={batch}"
        found.append(spiking(f"W2 B={batch}", title, w2_layers(), batch, 200))
    for batch in (1, 32):
        layers = recurrent_layer(256, gain=1.0, threshold=1.0)
        found.append(spiking(f"W3 B={batch}", f"recurrent LIF(256), T=200, B={batch}", layers, batch, 200))
    for kind in ("forward", "recurrent"):
        for steps in (1_000, 100_000):
            title = f"Linear(1, 5) + Rate(5), {kind}, T={steps:,}, B=1"
            found.append(rate(f"W4 {kind} T={steps}", title, rate_layer(kind == "recurrent"), steps))
    return [*found, grasshopper("demo", 200_000)]
