"""The equations of every neuron against plain NumPy loops, for every preset and every option, on all runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import ModuleError
from graphpool.nir import OPTIONS, PRESETS, Semantics
from graphpool.nir.neurons import NEURONS
from graphpool.nn.combinators import Network
from tests.runtimes.models import TARGETS

SIZE, STEPS, DT = 3, 80, 1e-3

VARIANTS: dict[str, Semantics] = dict(PRESETS) | {
    f"{base}, {name}={value!r}": replace(PRESETS[base], **{name: value})
    for base in ("snntorch", "rockpool")
    for name, values in OPTIONS.items()
    for value in values
    if name not in ("delay", "output_lag") and getattr(PRESETS[base], name) != value
}
"""Delays and lags are edges: tests/nir/test_recurrence.py has them."""


def parameters(kind: str) -> dict[str, Any]:
    draws = np.random.default_rng(len(kind))
    taus = {name: draws.uniform(3e-3, 20e-3, SIZE) for name in ("tau", "tau_mem", "tau_syn")}
    gains = {"r": draws.uniform(2, 4, SIZE), "w_in": draws.uniform(1, 2, SIZE)}
    if kind in ("I", "IF"):
        gains["r"] = draws.uniform(200, 400, SIZE)
    levels = {"v_leak": draws.uniform(-0.2, 0.2, SIZE), "v_reset": draws.uniform(-0.3, 0, SIZE)}
    return {name: value for name, value in (taus | gains | levels | {"v_threshold": 0.4}).items()}


class Loop:
    """One neuron, step by step, in the words of the options."""

    def __init__(self, kind: str, semantics: Semantics) -> None:
        self.kind, self.s, self.p = kind, semantics, parameters(kind)
        starts_at_leak = semantics.initial == "leak" and kind not in ("I", "IF")
        self.v = self.p["v_leak"] * np.ones(SIZE) if starts_at_leak else np.zeros(SIZE)
        self.isyn = np.zeros(SIZE)

    def step(self, x: Any) -> Any:
        s, p = self.s, self.p
        i = x
        if self.kind.startswith("Cuba"):
            old = self.isyn
            self.isyn = self.synapse(old, x)
            i = old if s.current == "old" else self.isyn
        elif self.kind == "LI" and s.synapse == "input first":
            i = x * (1 - DT / p["tau"] if s.solver == "euler" else np.exp(-DT / p["tau"]))
        if not self.kind.endswith("IF"):
            self.v = self.membrane(i)
            return self.v
        return self.spike(i)

    def synapse(self, old: Any, x: Any) -> Any:
        s, tau = self.s, self.p["tau_syn"]
        decay = 1 - DT / tau if s.solver == "euler" else np.exp(-DT / tau)
        arrives = x
        if s.gain == "file":
            arrives = self.p["w_in"] * x * {"euler": DT / tau, "exponential": 1, "exact": 1 - decay}[s.solver]
        return decay * (old + arrives) if s.synapse == "input first" else decay * old + arrives

    def membrane(self, i: Any) -> Any:
        s, p, v = self.s, self.p, self.v
        if self.kind in ("I", "IF"):
            whole = s.gain != "file"
            return v + i * (1 if whole else p["r"] if s.solver == "exponential" else DT * p["r"])
        tau = p["tau_mem"] if self.kind.startswith("Cuba") else p["tau"]
        if s.gain == "one":
            kept = 1 - DT / tau if s.solver == "euler" else np.exp(-DT / tau)
            return p["v_leak"] + kept * (v - p["v_leak"]) + i
        if s.solver == "euler":
            return v + DT / tau * ((p["v_leak"] - v) + p["r"] * i)
        goal = p["v_leak"] + p["r"] * i
        if s.solver == "exact":
            return goal + (v - goal) * np.exp(-DT / tau)
        return p["v_leak"] + (v - p["v_leak"]) * np.exp(-DT / tau) + p["r"] * i

    def count(self, v: Any) -> Any:
        h = self.p["v_threshold"]
        above = v > h if self.s.compare == ">" else v >= h
        whole = np.floor(v / h) if self.s.spikes == "many" else np.ones(SIZE)
        return np.where(above, whole, 0)

    def spike(self, i: Any) -> Any:
        h, reset, before = self.p["v_threshold"], self.s.reset, self.count(self.v)
        if reset == "spyx-subtract":
            reset = "subtract" if self.kind == "CubaLIF" else "subtract-late"
        v = self.membrane(i)
        if reset in ("subtract-late", "snntorch-subtract"):
            v = v - before * h
        if reset == "value-late":
            v = np.where(before > 0, self.p["v_reset"], v)
        z = self.count(v)
        if reset == "value":
            v = np.where(z > 0, self.p["v_reset"], v)
        if reset == "subtract":
            v = v - z * h
        if reset == "snntorch-subtract":
            v = v - (z - before) * h
        self.v = v
        return z


def network(semantics: Semantics) -> Network:
    """All neurons side by side."""
    modules = {kind: make(SIZE, parameters(kind), DT, semantics) for kind, make in NEURONS.items()}
    edges = [("input", kind) for kind in modules] + [(kind, f"out_{kind}") for kind in modules]
    return Network(modules, edges, outputs=[f"out_{kind}" for kind in modules])


def drive() -> Any:
    """Spikes and pauses."""
    draws = np.random.default_rng(5)
    return draws.integers(0, 2, (STEPS, SIZE)) * draws.uniform(0, 4, (STEPS, SIZE))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_every_neuron_follows_its_equations(variant: str, target: str) -> None:
    semantics, x = VARIANTS[variant], drive()
    run = graphpool.compile(network(semantics), target, dtype="float64")
    out, state, _ = run(x)
    for kind in NEURONS:
        loop = Loop(kind, semantics)
        rows = np.array([loop.step(row) for row in x])
        if kind.endswith("IF"):
            assert 5 < np.count_nonzero(rows) < rows.size, f"{kind} spikes at some steps and not at others"
            np.testing.assert_array_equal(out[f"output.out_{kind}"][0], rows, err_msg=kind)
        np.testing.assert_allclose(out[f"output.out_{kind}"][0], rows, rtol=1e-11, atol=1e-12, err_msg=kind)
        np.testing.assert_allclose(state[kind]["v"], loop.v, rtol=1e-11, atol=1e-12, err_msg=kind)


ALIKE = {
    "snntorch, compare='>='": "no membrane is at its threshold; there is a test of its own",
    "rockpool, compare='>'": "no membrane is at its threshold; there is a test of its own",
    "rockpool, reset='snntorch-subtract'": "where many spikes fit, no membrane is above its threshold before a step",
    "rockpool, solver='exact'": "solvers differ in what they take up, and with a gain of one it is all",
}
"""Options that make no difference here."""


def test_the_options_of_a_step_are_told_apart() -> None:
    """Another value of an option gives another membrane or other spikes somewhere, so the test above can fail."""
    x = drive()
    for base in ("snntorch", "rockpool"):
        outs = {}
        for name, semantics in VARIANTS.items():
            if name == base or name.startswith(f"{base},"):
                out, _, _ = network(semantics)(x)
                outs[name] = np.concatenate([*out.values()], axis=-1)
        for name, out in outs.items():
            if name != base and name not in ALIKE:
                assert abs(out - outs[base]).max() > 1e-3, name


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("compare", [">", ">="])
def test_at_the_threshold_the_comparison_decides(compare: str, target: str) -> None:
    semantics = Semantics(gain="one", compare=compare, reset="subtract")
    parts = {"r": 1.0, "v_threshold": 1.0, "v_reset": 0.0}
    net = Network({"n": NEURONS["IF"](1, parts, DT, semantics)}, [("input", "n"), ("n", "output")])
    out = graphpool.compile(net, target)(np.array([[0.5], [0.5], [0.5]]))[0]
    np.testing.assert_array_equal(out[0, :, 0], [0, 0, 1] if compare == ">" else [0, 1, 0])


@pytest.mark.parametrize("target", TARGETS)
def test_spikes_have_a_surrogate_gradient(target: str) -> None:
    """The same spikes on every runtime; where JAX differentiates, weights in front of the neuron have a gradient."""
    if target != "jax":
        return
    import jax

    run = graphpool.compile(network(PRESETS["snntorch"]), "jax")

    def loss(tau: Any) -> Any:
        params = run.parameters()
        params["LIF"]["tau"] = tau
        out, _, _ = run.apply(params, run.state(), drive()[None].astype(np.float32))
        return out["output.out_LIF"].sum()

    assert abs(jax.grad(loss)(np.asarray(parameters("LIF")["tau"], np.float32))).max() > 0


def test_parameters_of_one_number_stay_one_number() -> None:
    parts = {"tau": 0.01, "r": np.ones((2, 3)), "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    lif = NEURONS["LIF"]((2, 3), parts, DT, Semantics())
    assert lif.tau.shape == () and lif.r.shape == (2, 3) and lif.v.shape == (2, 3)
    assert lif.shape == () and lif.input_shapes == {"x": (2, 3)} and lif.spiking_output
    assert set(lif.parameters("taus")) == {"tau"} and set(lif.parameters("thresholds")) == {"v_threshold"}


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ModuleError, match="v_leak, v_threshold, v_reset are missing"):
        NEURONS["LIF"](2, {"tau": 1.0, "r": 1.0}, DT, Semantics())
    with pytest.raises(ModuleError, match=r"shape \(3,\)"):
        NEURONS["I"](2, {"r": np.ones(3)}, DT, Semantics())
