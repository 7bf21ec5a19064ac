"""Leaky integrate-and-fire neurons."""

import numpy as np
import pytest

from graphpool import compile
from graphpool.errors import ModuleError, ParameterError, TimeSeriesError
from graphpool.nn.modules import LIF, Module
from graphpool.nn.modules.lif import LEAKS


def reference(inputs, size, synapses, tau_mem, tau_syn, bias, threshold, w_rec, limit, dt=1e-3):
    """The equations once more, one neuron and one synapse at a time."""
    spikes, vmem, isyn = np.zeros(size), np.zeros(size), np.zeros((size, synapses))
    counts = []
    for row in inputs:
        fed_back = spikes @ w_rec
        for n in range(size):
            for s in range(synapses):
                isyn[n, s] += row[n * synapses + s] + fed_back[n * synapses + s]
                isyn[n, s] *= np.exp(-dt / tau_syn[n, s])
        spikes = np.zeros(size)
        for n in range(size):
            vmem[n] = vmem[n] * np.exp(-dt / tau_mem[n]) + isyn[n].sum() + bias[n]
            if vmem[n] >= threshold[n]:
                spikes[n] = min(np.floor(vmem[n] / threshold[n]), limit)
            vmem[n] -= spikes[n] * threshold[n]
        counts.append(spikes)
    return np.array(counts), vmem, isyn


def test_the_check_value():
    lif, vmem, spikes = LIF(1), [], []
    for _ in range(8):
        spikes.append(float(lif.step([0.3])[0]))
        vmem.append(float(lif.vmem[0]))
    assert spikes == [0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_allclose(vmem[:3], [0.28536884, 0.82827131, 0.60290852], atol=5e-9)


@pytest.mark.parametrize("has_rec", [False, True])
@pytest.mark.parametrize("synapses", [1, 3])
def test_it_follows_its_equations(has_rec, synapses):
    rng = np.random.default_rng(synapses + 10 * has_rec)
    size, limit = 4, 2
    tau_mem, tau_syn = rng.uniform(5e-3, 5e-2, size), rng.uniform(5e-3, 5e-2, (size, synapses))
    bias, threshold = rng.uniform(0, 0.1, size), rng.uniform(0.5, 2, size)
    w_rec = rng.normal(size=(size, size * synapses)) * 0.2
    lif = LIF(
        (size * synapses, size),
        tau_mem,
        tau_syn,
        bias,
        w_rec if has_rec else None,
        has_rec,
        threshold=threshold,
        max_spikes_per_dt=limit,
    )
    inputs = rng.uniform(0, 0.4, (40, size * synapses))
    expected, vmem, isyn = reference(inputs, size, synapses, tau_mem, tau_syn, bias, threshold, w_rec * has_rec, limit)
    np.testing.assert_array_equal([lif.step(row) for row in inputs], expected)
    np.testing.assert_allclose(lif.vmem, vmem, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(lif.isyn, isyn, rtol=1e-12)
    np.testing.assert_array_equal(lif.spikes, expected[-1])
    assert expected.max() == limit


def test_parameters_states_and_simulation_parameters():
    lif = LIF((6, 2), has_rec=True)
    assert list(lif.parameters()) == ["w_rec", "tau_mem", "tau_syn", "bias", "threshold"]
    assert lif.w_rec.shape == (2, 6)
    assert {name: array.shape for name, array in lif.state().items()} == {
        "spikes": (2,),
        "isyn": (2, 3),
        "vmem": (2,),
    }
    assert lif.simulation_parameters() == {"max_spikes_per_dt": 2**16, "dt": 1e-3, "noise_std": 0.0}
    assert list(lif.parameters("taus")) == ["tau_mem", "tau_syn"]
    assert list(lif.parameters(["weights", "biases", "thresholds"])) == ["w_rec", "bias", "threshold"]
    assert (lif.spiking_input, lif.spiking_output) == (False, True)
    assert (lif.size_in, lif.size_out, lif.input_shapes) == (6, 2, {"i": (6,)})
    assert not hasattr(LIF(2), "w_rec")


def test_shapes_of_time_constants():
    assert LIF((6, 2), tau_syn=[0.01, 0.02, 0.03]).tau_syn.shape == (1, 3)
    assert LIF((6, 2), tau_syn=np.full((2, 3), 0.01)).tau_syn.shape == (2, 3)
    assert LIF((6, 2), tau_mem=[0.01, 0.02]).tau_mem.shape == (2,)
    assert LIF(6).tau_mem.shape == () == LIF(6).threshold.shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (2, 2, 2)}, r"N or \(Nin, Nout\)"),
        ({"shape": ()}, r"N or \(Nin, Nout\)"),
        ({"shape": (5, 2)}, "5 inputs cannot be shared among 2 neurons"),
        ({"shape": (2, 4)}, "2 inputs cannot be shared among 4 neurons"),
        ({"shape": (2, 0)}, "2 inputs cannot be shared among 0 neurons"),
        ({"shape": 2, "w_rec": np.eye(2)}, "w_rec is given without has_rec"),
        ({"shape": 2, "threshold": np.ones(3)}, r"declared shape is \(2,\) or \(\)"),
        ({"shape": (4, 2), "tau_syn": np.ones(3)}, r"\(2, 2\) or \(1, 2\) or \(\)"),
        ({"shape": 2, "max_spikes_per_dt": -1}, "LIF: max_spikes_per_dt=-1"),
        ({"shape": 2, "max_spikes_per_dt": np.nan}, "LIF: max_spikes_per_dt=nan"),
        ({"shape": 2, "max_spikes_per_dt": [1, 2]}, "LIF: max_spikes_per_dt="),
        ({"shape": 2, "max_spikes_per_dt": "a"}, "LIF: max_spikes_per_dt='a'"),
        ({"shape": 2, "noise_std": np.ones(3)}, r"declared shape is \(\) or \(2,\)"),
        ({"shape": 2, "noise_std": "a"}, "not numeric"),
        *(({"shape": 2, "dt": dt}, f"LIF: dt={dt!r}") for dt in (0, -1e-3, np.nan, None)),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises((ModuleError, TimeSeriesError), match=message):
        LIF(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [("alpha", 1.5), ("alpha", -0.5), ("beta", np.nan), ("alpha", "x"), ("dash_mem", -1), ("dash_syn", -2000.0)],
)
def test_a_converted_leak_leaves_0_to_1(name, value):
    lif = LIF(2)
    with pytest.raises(ParameterError, match=rf"LIF\.{name}: .*(of a value after a step\n.*0 and 1|not numeric)"):
        setattr(lif, name, value)
    assert (lif.tau_mem, lif.tau_syn) == (0.02, 0.02)
    with pytest.raises(ParameterError, match=r"LIF\.tau_mem: .*after a step"):
        LIF(2, leak_mode="decays").tau_mem = -0.01


def test_the_limits_of_converted_leaks():
    lif = LIF(1)
    lif.alpha, lif.beta = 1.0, 0.0
    assert (lif.tau_mem, lif.dash_mem, lif.alpha, lif.beta, lif.dash_syn) == (np.inf, np.inf, 1, 0, 0)
    lif.step([0.5])
    assert (lif.isyn, lif.vmem) == (0, 0)
    lif = LIF(1, leak_mode="decays")
    lif.tau_mem, lif.dash_syn = 0.0, 0.0
    assert (lif.alpha, lif.beta) == (0, 0)


@pytest.mark.parametrize("mode", LEAKS)
def test_a_parent_reads_leaks_of_every_mode_in_its_step(mode):
    class Parent(Module):
        def __init__(self):
            super().__init__(2)
            self.l = LIF(2, leak_mode=mode)

        def step(self, x):
            return x * self.l.tau_mem + self.l.alpha * self.l.dash_syn

    parent, x = Parent(), np.array([[0.5, 2.0]])
    np.testing.assert_allclose(compile(parent, dtype="float64")(x)[0][0], [parent.step(x[0])], rtol=1e-14)
