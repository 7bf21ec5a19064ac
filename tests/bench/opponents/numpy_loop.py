"""What a person writes in NumPy: plain operators, step by step over arrays ``(B, N)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.networks import Floats, RateLayer, SpikingLayer

Result = tuple[Any, list[Any]]


def spiking_states(layers: list[SpikingLayer], batch: int) -> list[list[Floats]]:
    """The initial states: synaptic currents, spikes and membranes of each layer."""
    return [[np.zeros((batch, layer.size), np.float32) for _ in range(3)] for layer in layers]


def spiking_step(layers: list[SpikingLayer], x: Floats, states: list[list[Floats]]) -> Floats:
    """One step ``(B, N)`` through all layers; replaces the states."""
    for layer, state in zip(layers, states, strict=True):
        isyn, spikes, vmem = state
        if layer.weight is not None:
            x = x @ layer.weight
        if layer.w_rec is not None:
            x = x + spikes @ layer.w_rec
        isyn = (isyn + x) * layer.decay
        vmem = vmem * layer.decay + (isyn + layer.bias)
        spikes = (vmem >= layer.threshold).astype(np.float32)
        vmem = vmem - spikes * layer.threshold
        state[:] = isyn, spikes, vmem
        x = spikes
    return x


def spiking(layers: list[SpikingLayer], x: Floats) -> Callable[[], Result]:
    """All steps of a spiking network: ``(B, T, N)`` in and out."""

    def run() -> Result:
        batch, steps, _ = x.shape
        states = spiking_states(layers, batch)
        output = np.empty((batch, steps, layers[-1].size), np.float32)
        for t in range(steps):
            output[:, t] = spiking_step(layers, x[:, t], states)
        return output, [value for state in states for value in state]

    return run


def spiking_stepper(layers: list[SpikingLayer]) -> Callable[[Floats], Floats]:
    """One step after the other, for one sample: ``(N,)`` in and out."""
    states = spiking_states(layers, 1)
    return lambda x: spiking_step(layers, x[None], states)[0]


def rate(layer: RateLayer, x: Floats) -> Callable[[], Result]:
    """All steps of a rate network: ``(B, T, 1)`` in, ``(B, T, N)`` out."""

    def run() -> Result:
        batch, steps, _ = x.shape
        state = np.zeros((batch, layer.bias.size), np.float32)
        output = np.empty((batch, steps, layer.bias.size), np.float32)
        for t in range(steps):
            drive = (-state + x[:, t] @ layer.weight) + layer.bias
            if layer.w_rec is not None:
                drive = drive + np.maximum(state - layer.threshold, 0) @ layer.w_rec
            state = state + layer.alpha * drive
            output[:, t] = np.maximum(state - layer.threshold, 0)
        return output, [state]

    return run


def adaptive(constants: dict[str, Any], x: Floats) -> Callable[[], Result]:
    """All steps of the demo's neuron: ``(B, T, 1)`` in, bools out.

    Args:
        constants: ``decay_v``, ``decay_a``, ``gain``, ``jump`` and ``threshold``, float32; ``refractory``, int64.
        x: the stimulus.
    """
    decay_v, decay_a, refractory = constants["decay_v"], constants["decay_a"], constants["refractory"]
    gain, jump, threshold = constants["gain"], constants["jump"], constants["threshold"]

    def run() -> Result:
        batch, steps, size = x.shape
        a = np.zeros((batch, size), np.float32)
        v = np.zeros((batch, size), np.float32)
        wait = np.zeros((batch, size), np.int64)
        output = np.empty((batch, steps, size), np.bool_)
        for t in range(steps):
            v = decay_v * v + (1 - decay_v) * (gain * x[:, t] - a)
            v = np.where(wait > 0, np.float32(0), v)
            spikes = v >= threshold
            v = np.where(spikes, np.float32(0), v)
            a = decay_a * a + jump * spikes
            wait = np.where(spikes, refractory, np.maximum(wait - 1, 0))
            output[:, t] = spikes
        return output, [a, v, wait]

    return run
