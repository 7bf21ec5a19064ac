"""Sequential."""

from collections import OrderedDict

import numpy as np
import pytest

from graphpool.errors import ModuleError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate


class Free(Module):
    """Has no shape."""

    def step(self, x):
        return x + 1


def names(sequence):
    return list(sequence.modules())


def test_it_pipes_its_children():
    w = np.arange(6.0).reshape(2, 3)
    net = Sequential(Linear((2, 3), weight=w), Rate(3, tau=0.1, dt=0.01), Linear((3, 1), weight=np.ones((3, 1))))
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(net.step(x), [np.sum(0.1 * (x @ w))])
    np.testing.assert_allclose(net["1_Rate"].x, 0.1 * (x @ w))


def test_what_it_is_follows_from_its_ends():
    net = Sequential(Linear((2, 3)), LIF(3))
    assert (net.shape, net.size_in, net.size_out) == ((2, 3), 2, 3)
    assert (net.spiking_input, net.spiking_output) == (False, True)
    assert net.input_shapes == {"x": (2,)}
    assert net.class_name == "Sequential"


def test_names():
    assert names(Sequential(Linear((1, 5)), Rate(5))) == ["0_Linear", "1_Rate"]
    named = OrderedDict(first=Linear((1, 5)), second=Rate(5))
    assert names(Sequential(named, Linear((5, 2)))) == ["first", "second", "1_Linear"]
    assert names(Sequential({"fc": Linear((1, 5))})) == ["fc"]
    assert names(Sequential(Sequential(Rate(5)))) == ["0_Sequential"]


def test_append():
    net = Sequential(Linear((1, 5)))
    assert net.append(Rate(5)) is None
    net.append(Linear((5, 2)), "readout")
    net.append(Linear((2, 2)), name="more")
    assert names(net) == ["0_Linear", "1_Rate", "readout", "more"]
    assert net.shape == (1, 2)
    with pytest.raises(ModuleError, match="there is a module 'readout' already"):
        net.append(Linear((2, 2)), "readout")
    with pytest.raises(ModuleError, match="cannot be used"):
        net.append(Linear((2, 2)), "a.b")
    with pytest.raises(ModuleError, match="itself has an attribute 'step'"):
        net.append(Linear((2, 2)), "step")
    assert len(net) == 4


def test_access():
    modules = Linear((1, 5)), Rate(5), Linear((5, 2))
    net = Sequential(*modules)
    assert net[0] is modules[0] is net["0_Linear"] is getattr(net, "0_Linear")
    assert net[-1] is modules[2] and net[np.int64(1)] is modules[1]
    assert list(net) == list(modules)
    assert len(net) == 3
    assert modules[1] in net


def test_a_slice_is_a_chain_of_the_same_children():
    net = Sequential(Linear((1, 5)), Rate(5), Linear((5, 2)))
    part = net[1:]
    assert type(part) is Sequential
    assert names(part) == ["1_Rate", "2_Linear"]
    assert part[0] is net[1] and part.shape == (5, 2)
    assert names(net) == ["0_Linear", "1_Rate", "2_Linear"]
    assert len(net[5:]) == 0


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (2, IndexError, "has 2 modules, there is none at 2"),
        (-3, IndexError, "there is none at -3"),
        ("2_Rate", KeyError, "it has 0_Linear, 1_Rate"),
        (0.5, TypeError, "by position, name or slice"),
        (True, TypeError, "by position, name or slice"),
    ],
)
def test_what_is_not_there(key, error, message):
    with pytest.raises(error, match=message):
        Sequential(Linear((1, 5)), Rate(5))[key]


def test_neighbours_must_fit():
    with pytest.raises(ModuleError, match="'0_Linear' has 5 outputs, '1_Rate' has 4 inputs"):
        Sequential(Linear((1, 5)), Rate(4))
    net = Sequential(Linear((1, 5)), Rate(5))
    with pytest.raises(ModuleError, match="'1_Rate' has 5 outputs, '2_Rate' has 4 inputs"):
        net.append(Rate(4))
    with pytest.raises(ModuleError, match="'0_Linear' has 3 outputs"):
        setattr(net, "0_Linear", Linear((1, 3)))
    assert len(net) == 2 and net.size_in == 1
    setattr(net, "0_Linear", Linear((2, 5)))
    assert net.shape == (2, 5) and names(net) == ["0_Linear", "1_Rate"]


def test_a_module_without_a_shape_fits_anywhere():
    net = Sequential(Linear((2, 3), weight=np.ones((2, 3))), Free(), Linear((3, 1), weight=np.ones((3, 1))))
    assert net.shape == (2, 1)
    np.testing.assert_array_equal(net.step([1, 1]), [9])
    assert Sequential(Free(), Rate(2)).shape == ()
    with pytest.raises(ModuleError, match="not known"):
        _ = Sequential(Free(), Rate(2)).input_shapes


@pytest.mark.parametrize("keyword", ["shape", "spiking_input", "spiking_output", "dt"])
def test_keywords_are_refused(keyword):
    with pytest.raises(ModuleError, match=f"takes no argument '{keyword}'"):
        Sequential(Rate(1), **{keyword: 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "3 is no module"),
        ((Rate(1), {"a": Rate(1)}), "comes first"),
        (({"a": 3},), "3 is no module"),
        ((Rate,), "is no module"),
    ],
)
def test_what_is_no_module_is_refused(arguments, message):
    with pytest.raises(ModuleError, match=message):
        Sequential(*arguments)


def test_an_empty_chain_is_the_identity():
    net = Sequential()
    assert (net.shape, len(net), net.spiking_input, net.spiking_output) == ((0, 0), 0, False, False)
    np.testing.assert_array_equal(net.step([1, 2]), [1, 2])
    with pytest.raises(ModuleError, match="an empty Sequential"):
        _ = net.input_shapes


def test_a_module_used_twice_is_one_module():
    shared = Linear((2, 2), weight=np.full((2, 2), 2.0))
    net = Sequential(shared, shared)
    assert names(net) == ["0_Linear", "1_Linear"]
    assert list(net.parameters()) == ["0_Linear"]
    assert net[0] is net[1]
    np.testing.assert_array_equal(net.step([1, 0]), [8, 8])


def test_a_chain_takes_one_input():
    class Two(Module):
        def step(self, a, b):
            return a + b

    with pytest.raises(ModuleError, match=r"Two '0_Two' has the inputs \['a', 'b'\]"):
        _ = Sequential(Two(3)).input_shapes


def test_a_subclass_of_it_may_add_attributes_before_nothing():
    class Early(Sequential):
        def __init__(self):
            self.child = Rate(1)
            super().__init__()

    with pytest.raises(ModuleError, match="call super"):
        Early()
