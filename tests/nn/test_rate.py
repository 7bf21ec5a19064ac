"""Rate neurons."""

import warnings

import numpy as np
import pytest

from graphpool.errors import ModuleError, TimeConstantWarning, TimeSeriesError
from graphpool.nn.modules import Rate
from graphpool.parameters import Constant


def steps(module, inputs):
    return np.array([module.step(x) for x in inputs])


def test_it_integrates_and_rectifies():
    rate = Rate(1, tau=0.1, bias=0.5, threshold=0.2, dt=0.01)
    expected, x = [], 0.0
    for i in (1.0, 2.0, -9.0):
        x = x + 0.1 * (-x + i + 0.5)
        expected.append([max(x - 0.2, 0)])
    np.testing.assert_allclose(steps(rate, [[1.0], [2.0], [-9.0]]), expected, rtol=1e-15)
    assert expected[-1] == [0]
    np.testing.assert_allclose(rate.x, [x])


def test_a_recurrent_network_feeds_back_the_last_activity():
    w_rec = np.array([[0.0, 1.0], [0.5, 0.0]])
    rate = Rate(2, tau=0.04, threshold=0.1, w_rec=w_rec, has_rec=True, dt=1e-3)
    x = np.zeros(2)
    for i in ([1.0, 0.0], [0.0, 2.0], [1.0, 1.0]):
        x = x + 0.025 * (-x + i + np.maximum(x - 0.1, 0) @ w_rec)
        np.testing.assert_allclose(rate.step(i), np.maximum(x - 0.1, 0), rtol=1e-14)
    np.testing.assert_allclose(rate.x, x)


def test_time_constants_are_limited_to_ten_steps_with_one_warning():
    with pytest.warns(TimeConstantWarning, match=r"Rate: tau of 0\.02 s is limited to 10 s") as warned:
        rate = Rate(1, dt=1)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    np.testing.assert_allclose(steps(rate, [[1.0]] * 3), [[0.1], [0.19], [0.271]])


def test_assigning_a_short_time_constant_warns():
    rate = Rate(2)
    for assign in (lambda: setattr(rate, "tau", [0.02, 1e-3]), lambda: setattr(rate, "dt", 0.1)):
        with pytest.warns(TimeConstantWarning):
            assign()
    with pytest.warns(TimeConstantWarning) as warned:
        rate.tau = [1e-3, 1e-3]
    assert warned[0].filename == __file__
    with pytest.warns(TimeConstantWarning) as warned:
        rate.set_attributes({"tau": [1e-3, 1e-3], "dt": 1e-3})
    assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rate.set_attributes({"tau": [0.01, 0.02]})
        rate.bias = np.ones(2)
        Rate(2, tau=0.01, dt=1e-3)


def test_parameters_states_and_simulation_parameters():
    rate = Rate(5)
    assert list(rate.parameters()) == ["tau", "bias", "threshold"]
    np.testing.assert_array_equal(rate.tau, np.full(5, 0.02))
    assert list(rate.state()) == ["x"]
    assert list(rate.simulation_parameters()) == ["dt", "noise_std", "act_fn"]
    recurrent = Rate((3, 3), has_rec=True)
    assert list(recurrent.parameters()) == ["w_rec", "tau", "bias", "threshold"]
    assert recurrent.w_rec.shape == (3, 3)
    families = {f: list(recurrent.parameters(f)) for f in ("weights", "taus", "biases", "thresholds")}
    assert families == {
        "weights": ["w_rec"],
        "taus": ["tau"],
        "biases": ["bias"],
        "thresholds": ["threshold"],
    }
    assert repr(rate) == "Rate with shape (5,)"
    assert not hasattr(rate, "w_rec")


def test_parameters_may_be_scalar_or_constant():
    rate = Rate(3, tau=0.1, threshold=Constant(0.5), dt=np.float32(0.5) / 64)
    assert rate.tau.shape == ()
    assert type(rate.threshold) is float and type(rate.dt) is float
    assert list(rate.parameters()) == ["tau", "bias"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (2, 3)}, "as many inputs as outputs"),
        ({"shape": (3, 3, 3)}, "as many inputs as outputs"),
        ({"shape": ()}, "as many inputs as outputs"),
        ({"shape": 2, "w_rec": np.eye(2)}, "w_rec is given without has_rec"),
        ({"shape": 2, "w_rec": np.eye(3), "has_rec": True}, r"declared shape is \(2, 2\)"),
        ({"shape": 2, "activation_func": "step"}, "one of 'ReLU', 'tanh', 'sigmoid', or a function"),
        ({"shape": 2, "activation_func": np.tanh}, "a function of x and the threshold"),
        ({"shape": 2, "noise_std": 1.0, "seed": -1}, "seed=-1"),
        ({"shape": 2, "tau": np.ones(3)}, r"declared shape is \(2,\) or \(\)"),
        ({"shape": 2, "dt": np.ones(2)}, r"Rate: dt=array\(\[1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises((ModuleError, TimeSeriesError), match=message):
        Rate(**arguments)


def test_the_name_of_the_activation_ignores_case():
    assert Rate(1, activation_func="relu").act_fn is Rate(1).act_fn
