"""Leaky integrate-and-fire neurons."""

import numpy as np
import pytest

from graphpool.errors import ModuleError
from graphpool.nn.modules import LIF


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
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ModuleError, match=message):
        LIF(**arguments)
