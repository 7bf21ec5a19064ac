"""Hand-written JAX: `lax.scan`, jitted, in float32, in four variants.

Time-major: the input is transposed to ``(T, B, N)`` and the scan runs over batches. Batch-major: the scan is written
for one sample and `vmap` lifts it over the batch. Hoisted: the product with a layer's weights stands before its scan,
for all steps at once. In the loop: one scan runs a step of all layers. Parameters and initial states are arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.bench.networks import Floats, RateLayer, SpikingLayer
from tests.bench.opponents.numpy_loop import Result, spiking_states

Carry = Any
VARIANTS = {
    f"{'time' if time_major else 'batch'}-major, {'hoisted' if hoisted else 'in the loop'}": (time_major, hoisted)
    for time_major in (True, False)
    for hoisted in (True, False)
}


def _lif(layer: dict[str, Any], state: Carry, current: Any) -> tuple[Carry, Any]:
    """One step of LIF neurons; recurrent ones carry their spikes, too."""
    isyn, spikes, vmem = state
    if "w_rec" in layer:
        current = current + spikes @ layer["w_rec"]
    isyn = (isyn + current) * layer["decay"]
    vmem = vmem * layer["decay"] + (isyn + layer["bias"])
    fired = (vmem >= layer["threshold"]).astype(jnp.float32)
    vmem = vmem - fired * layer["threshold"]
    return (isyn, fired if "w_rec" in layer else None, vmem), fired


def _weigh(layer: dict[str, Any], x: Any) -> Any:
    return x @ layer["weight"] if "weight" in layer else x


def _carried(layer: dict[str, Any], state: Carry) -> Carry:
    """Only a recurrent layer reads its spikes."""
    isyn, spikes, vmem = state
    return isyn, spikes if "w_rec" in layer else None, vmem


def _spiking_hoisted(layers: Any, states: Any, x: Any) -> Any:
    """Layer after layer: a product for all steps, then a scan."""
    following = []
    for layer, state in zip(layers, states, strict=True):
        (isyn, _, vmem), x = lax.scan(partial(_lif, layer), _carried(layer, state), _weigh(layer, x))
        following.append((isyn, x[-1], vmem))
    return x, following


def _spiking_in_loop(layers: Any, states: Any, x: Any) -> Any:
    """One scan over steps of all layers."""

    def step(states: Any, x: Any) -> Any:
        following = []
        for layer, (isyn, spikes, vmem) in zip(layers, states, strict=True):
            (isyn, _, vmem), x = _lif(layer, (isyn, spikes, vmem), _weigh(layer, x))
            following.append((isyn, x, vmem))
        return following, x

    following, x = lax.scan(step, states, x)
    return x, following


def _lifted(run: Callable[..., Any], time_major: bool) -> Callable[..., Any]:
    """From a scan over the first axis to a jitted function of ``(B, T, N)``."""
    if not time_major:
        return jax.jit(jax.vmap(run, in_axes=(None, 0, 0)))

    def transposed(params: Any, states: Any, x: Any) -> Any:
        output, following = run(params, states, jnp.swapaxes(x, 0, 1))
        return jnp.swapaxes(output, 0, 1), following

    return jax.jit(transposed)


def _bound(
    program: Callable[..., Any], params: Any, states: Any, x: Floats, view: bool = False
) -> Callable[[], Result]:
    """A run from NumPy's array to NumPy's arrays, which belong to the caller; ``view`` leaves them JAX's, read-only."""
    params, states = jax.device_put((params, states))
    deliver = np.asarray if view else np.array

    def run() -> Result:
        output, following = program(params, states, x)
        return deliver(output), [deliver(state) for state in jax.tree.leaves(following)]

    return run


def _spiking_params(layers: list[SpikingLayer]) -> list[dict[str, Any]]:
    found = []
    for layer in layers:
        arrays = {"weight": layer.weight, "w_rec": layer.w_rec, "bias": layer.bias, "decay": layer.decay}
        arrays["threshold"] = np.float32(layer.threshold)
        found.append({name: array for name, array in arrays.items() if array is not None})
    return found


def spiking(
    layers: list[SpikingLayer], x: Floats, *, time_major: bool, hoisted: bool, view: bool = False
) -> Callable[[], Result]:
    """All steps of a spiking network: ``(B, T, N)`` in and out."""
    program = _lifted(_spiking_hoisted if hoisted else _spiking_in_loop, time_major)
    states = [tuple(state) for state in spiking_states(layers, len(x))]
    return _bound(program, _spiking_params(layers), states, x, view)


def spiking_stepper(layers: list[SpikingLayer]) -> Callable[[Floats], Floats]:
    """One step after the other, for one sample: ``(N,)`` in and out; the states are donated."""

    def one_step(params: Any, states: Any, x: Any) -> Any:
        output, following = _spiking_in_loop(params, states, x[None, None])
        return output[0, 0], following

    step = jax.jit(one_step, donate_argnums=1)
    params, states = jax.device_put((_spiking_params(layers), [tuple(s) for s in spiking_states(layers, 1)]))

    def run(x: Floats) -> Floats:
        nonlocal states
        output, states = step(params, states, x)
        return np.array(output)

    return run


def rate(layer: RateLayer, x: Floats, *, time_major: bool, hoisted: bool) -> Callable[[], Result]:
    """All steps of a rate network: ``(B, T, 1)`` in, ``(B, T, N)`` out."""

    def run(params: Any, state: Any, x: Any) -> Any:
        def step(state: Any, current: Any) -> Any:
            current = current if hoisted else current @ params["weight"]
            drive = (-state + current) + params["bias"]
            if "w_rec" in params:
                drive = drive + jnp.maximum(state - params["threshold"], 0) @ params["w_rec"]
            state = state + params["alpha"] * drive
            return state, state if hoisted else jnp.maximum(state - params["threshold"], 0)

        following, states = lax.scan(step, state, x @ params["weight"] if hoisted else x)
        return jnp.maximum(states - params["threshold"], 0) if hoisted else states, following

    params = {"weight": layer.weight, "bias": layer.bias, "threshold": layer.threshold, "alpha": layer.alpha}
    if layer.w_rec is not None:
        params["w_rec"] = layer.w_rec
    start = np.zeros((len(x), layer.bias.size), np.float32)
    return _bound(_lifted(run, time_major), params, start, x)


def adaptive(constants: dict[str, Any], x: Floats) -> Callable[[], Result]:
    """All steps of the demo's neuron, time-major: ``(B, T, 1)`` in, bools out."""

    def run(params: Any, states: Any, x: Any) -> Any:
        def step(states: Any, x: Any) -> Any:
            a, v, wait = states
            v = params["decay_v"] * v + (1 - params["decay_v"]) * (params["gain"] * x - a)
            v = jnp.where(wait > 0, 0, v)
            spikes = v >= params["threshold"]
            v = jnp.where(spikes, 0, v)
            a = params["decay_a"] * a + params["jump"] * spikes
            wait = jnp.where(spikes, params["refractory"], jnp.maximum(wait - 1, 0))
            return (a, v, wait), spikes

        following, spikes = lax.scan(step, states, x)
        return spikes, following

    params = {**constants, "refractory": np.int32(constants["refractory"])}
    start = np.zeros((len(x), x.shape[-1]), np.float32)
    return _bound(_lifted(run, time_major=True), params, (start, start, start.astype(np.int32)), x)
