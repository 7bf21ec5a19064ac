"""Linear."""

import numpy as np
import pytest

from graphpool.errors import ModuleError
from graphpool.nn import initialisers
from graphpool.nn.modules import Linear
from graphpool.parameters import Constant


def test_it_weighs_its_input():
    linear = Linear((2, 3), weight=[[1, 2, 3], [10, 20, 30]])
    np.testing.assert_array_equal(linear.step([1, 2]), [21, 42, 63])
    assert list(linear.parameters()) == ["weight"]
    assert linear.state() == {}
    assert not hasattr(linear, "bias")


def test_a_bias_is_added():
    linear = Linear((2, 3), weight=np.ones((2, 3)), bias=[1, 2, 3])
    np.testing.assert_array_equal(linear.step([1, 1]), [3, 4, 5])
    assert linear.has_bias
    assert list(linear.parameters("biases")) == ["bias"]
    assert list(linear.parameters("weights")) == ["weight"]


def test_initial_values():
    np.random.seed(1)
    linear = Linear((24, 100), has_bias=True)
    assert linear.weight.shape == (24, 100) and linear.bias.shape == (100,)
    assert 0.4 < np.abs(linear.weight).max() <= 0.5
    assert 0.08 < np.abs(linear.bias).max() <= 0.1
    made = Linear((2, 3), weight_init_func=np.ones, bias_init_func=np.zeros, has_bias=True)
    np.testing.assert_array_equal(made.step([1, 2]), [3, 3, 3])


def test_a_constant_weight_is_no_parameter():
    linear = Linear((2, 1), weight=Constant([[1], [2]]))
    assert linear.parameters() == {}
    np.testing.assert_array_equal(linear.step([3, 4]), [11])


@pytest.mark.parametrize("shape", [3, (3,), (1, 2, 3), ()])
def test_it_needs_two_sizes(shape):
    with pytest.raises(ModuleError, match=r"Linear: the shape is .*\n.*\(inputs, outputs\)"):
        Linear(shape)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ModuleError, match=r"\(2, 2\), the declared shape is \(2, 3\)"):
        Linear((2, 3), weight=np.ones((2, 2)))
    with pytest.raises(ModuleError, match=r"\(2,\), the declared shape is \(3,\)"):
        Linear((2, 3), bias=np.ones(2))


@pytest.mark.parametrize(
    ("initialiser", "shape", "limit"),
    [
        (initialisers.kaiming, (24, 50), 0.5),
        (initialisers.xavier, (24, 126), 0.2),
        (initialisers.uniform_sqrt, (100,), 0.1),
    ],
)
def test_uniform_initialisers_keep_within_their_limit(initialiser, shape, limit):
    np.random.seed(2)
    drawn = initialiser(shape)
    assert drawn.shape == shape
    assert 0.9 * limit < np.abs(drawn).max() <= limit


def test_unit_eigs_has_unit_spectral_radius():
    np.random.seed(3)
    drawn = initialisers.unit_eigs((400, 400))
    assert abs(np.abs(np.linalg.eigvals(drawn)).max() - 1) < 0.1
