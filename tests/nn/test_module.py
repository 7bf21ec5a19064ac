"""The tree of modules: names, shapes, queries, setting, resetting, printing, copying."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from graphpool.errors import ModuleError, ParameterError, StateError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate
from graphpool.parameters import Parameter, SimulationParameter, State


class Net(Module):
    """Own attributes, and two children."""

    def __init__(self):
        super().__init__(shape=(2, 3))
        self.fc = Linear((2, 3), weight=np.ones((2, 3)), bias=np.zeros(3))
        self.gain = Parameter(2.0, family="weights")
        self.count = State(np.zeros(1, np.int64))
        self.lif = LIF(3)
        self.dt = SimulationParameter(1e-3)

    def step(self, x):
        return self.lif.step(self.gain * self.fc.step(x))


class Empty(Module):
    def step(self, x):
        return x


# --- shapes and names ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "expected", "size_in", "size_out"),
    [
        (3, (3,), 3, 3),
        (np.int32(3), (3,), 3, 3),
        ((2, 5), (2, 5), 2, 5),
        ([2, 4, np.int64(5)], (2, 4, 5), 2, 5),
        ((), (), None, None),
        (None, (), None, None),
    ],
)
def test_shape_and_sizes(shape, expected, size_in, size_out):
    module = Empty(shape)
    assert (module.shape, module.size_in, module.size_out) == (expected, size_in, size_out)
    assert all(type(size) is int for size in module.shape)


@pytest.mark.parametrize("shape", ["3", 2.5, (2, -1), (2, None), True, ((2,),)])
def test_a_bad_shape_is_refused(shape):
    with pytest.raises(ModuleError, match="Empty: the shape is"):
        Empty(shape)


def test_input_shapes():
    assert Empty(3).input_shapes == {"x": (3,)}
    assert Empty((2, 5)).input_shapes == {"x": (2,)}
    assert Empty(()).input_shapes == {"x": ()}
    with pytest.raises(ModuleError, match=r"inputs \['x'\] of step is not known"):
        _ = Empty().input_shapes


def test_spiking_flags():
    module = Empty(1, True, True)
    assert (module.spiking_input, module.spiking_output) == (True, True)
    assert (Empty(1).spiking_input, Empty(1).spiking_output) == (False, False)
    assert Empty.runtime_target == "numpy"


def test_names():
    net = Net()
    assert (net.name, net.full_name, net.class_name) == ("", "Net", "Net")
    assert (net.fc.name, net.fc.full_name, net.fc.class_name) == ("fc", "Linear 'fc'", "Linear")
    assert net.modules() == OrderedDict(fc=net.fc, lif=net.lif)
    assert type(net.modules()) is OrderedDict
    assert net._registered_names(Parameter) == ["gain"]
    assert net._registered_names() == ["gain", "count", "dt"]
    assert net._registered("fc") is None
    assert {"fc", "gain", "parameters"} <= set(dir(net))


def test_an_unknown_attribute_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"Net has no attribute 'gian'\n.*gain, count, dt, fc, lif"):
        _ = Net().gian


def test_a_property_that_fails_tells_its_own_reason():
    class Failing(Empty):
        @property
        def ratio(self):
            return self.missing_thing

    with pytest.raises(AttributeError, match="missing_thing"):
        _ = Failing(1).ratio


# --- children -----------------------------------------------------------------------------------------------
def test_a_child_is_replaced_in_its_place():
    net = Net()
    old, net.fc = net.fc, Linear((2, 3))
    assert list(net.modules()) == ["fc", "lif"]
    assert (net.fc.name, old.name) == ("fc", "")


def test_a_child_is_deleted():
    net = Net()
    fc = net.fc
    del net.fc
    assert fc.name == "" and list(net.modules()) == ["lif"] and "fc" not in net.parameters()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc", None, "assigned to a submodule"),
        ("fc", 3, "assigned to a submodule"),
        ("fc", Parameter(1.0), "registered already"),
        ("gain", Empty(1), "a module is assigned to a Parameter"),
    ],
)
def test_a_child_and_a_value_do_not_replace_each_other(name, value, message):
    with pytest.raises(ModuleError, match=message):
        setattr(Net(), name, value)


def test_a_child_under_two_attributes_is_one_child():
    parent, child = Empty(1), Rate(2)
    parent.first, parent.second = child, child
    assert list(parent.modules()) == ["first", "second"]
    assert child.name == "first"
    assert list(parent.parameters()) == ["first"] and list(parent.state()) == ["first"]
    assert repr(parent) == "Empty with shape (1,) {\n    Rate 'first' with shape (2,)\n}"
    parent.set_attributes({"second": {"tau": [0.1, 0.2]}})
    np.testing.assert_array_equal(parent.first.tau, [0.1, 0.2])
    del parent.first
    assert child.name == "second" and list(parent.parameters()) == ["second"]


def test_a_child_of_two_parents_appears_once_in_the_tree():
    parent, shared = Empty(1), Rate(2)
    parent.a, parent.b = Empty(1), Empty(1)
    parent.a.rate = parent.b.rate = shared
    assert list(parent.state()["a"]) == ["rate"] and parent.state()["b"] == {}
    assert repr(parent).count("Rate") == 1


def test_cycles_are_refused():
    outer, inner = Empty(1), Empty(1)
    outer.inner = inner
    with pytest.raises(ModuleError, match=r"inner\.back: Empty contains Empty 'inner'\n.*tree"):
        inner.back = outer
    with pytest.raises(ModuleError, match="tree"):
        outer.self_ = outer
    assert inner.modules() == {}


def test_initialising_twice_forgets_nothing():
    class Left(Empty):
        def __init__(self):
            super().__init__(1)
            self.a = Parameter(1.0)

    class Both(Left):
        def __init__(self):
            Left.__init__(self)
            Module.__init__(self, 2)

    assert Both().parameters() == {"a": 1.0}


# --- queries ------------------------------------------------------------------------------------------------
def test_queries_are_nested_own_values_first():
    net = Net()
    assert list(net.parameters()) == ["gain", "fc", "lif"]
    assert list(net.parameters()["lif"]) == ["tau_mem", "tau_syn", "bias", "threshold"]
    assert list(net.state()) == ["count", "fc", "lif"]
    assert net.state()["fc"] == {}
    assert list(net.state()["lif"]) == ["spikes", "isyn", "vmem"]
    assert net.simulation_parameters() == {
        "dt": 1e-3,
        "fc": {},
        "lif": {"max_spikes_per_dt": 2**16, "dt": 1e-3, "noise_std": 0.0},
    }


def test_families_are_compared_by_value_and_leave_empty_children_out():
    net = Net()
    assert list(net.parameters("".join(["wei", "ghts"]))) == ["gain", "fc"]
    assert list(net.parameters("weights")["fc"]) == ["weight"]
    assert list(net.parameters("taus")) == ["lif"]
    assert list(net.parameters(["biases", "thresholds"])) == ["fc", "lif"]
    assert list(net.parameters(("biases", "thresholds"))["lif"]) == ["bias", "threshold"]
    assert net.parameters("nothing") == {} == net.state("weights") == net.simulation_parameters("weights")


def test_attributes_named():
    net = Net()
    assert net.attributes_named("dt") == {"dt": 1e-3, "lif": {"dt": 1e-3}}
    assert list(net.attributes_named(["bias", "vmem"])["lif"]) == ["bias", "vmem"]
    assert net.attributes_named("nothing") == {}


def test_queries_give_copies():
    net = Net()
    for nested in (net.parameters(), net.attributes_named("weight")):
        nested["fc"]["weight"][:] = 7
    net.state()["lif"]["vmem"][:] = 7
    np.testing.assert_array_equal(net.fc.weight, np.ones((2, 3)))
    np.testing.assert_array_equal(net.lif.vmem, np.zeros(3))


# --- setting ------------------------------------------------------------------------------------------------
def test_set_attributes_takes_what_the_queries_return():
    net, other = Net(), Net()
    net.step([1, 2])
    net.fc.weight = np.full((2, 3), 5.0)
    net.lif.dt = 2e-3
    for values in (net.parameters(), net.state(), net.simulation_parameters()):
        assert other.set_attributes(values) is other
    for query in ("parameters", "state", "simulation_parameters"):
        np.testing.assert_equal(getattr(other, query)(), getattr(net, query)())


def test_set_attributes_takes_batched_states_and_copies():
    net, vmem = Net(), np.ones((4, 3))
    net.set_attributes({"lif": {"vmem": vmem}})
    vmem[:] = 0
    np.testing.assert_array_equal(net.lif.vmem, np.ones((4, 3)))
    net.set_attributes({"lif": {"vmem": np.zeros(3, np.float32)}})
    assert net.lif.vmem.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"fc": {"weight": np.ones(3)}}, ParameterError, r"fc\.weight: the shape \(3,\)"),
        ({"lif": {"vmem": np.ones(2)}}, StateError, r"lif\.vmem"),
        ({"lif": {"dt": "fast"}}, ModuleError, r"lif\.dt"),
        ({"count": [0.5]}, StateError, "count: float64"),
        ({"gain": None}, ParameterError, "gain: None"),
        ({"fc": {"wieght": 0}}, ModuleError, r"fc\.wieght: .*\n.*it has weight, bias"),
        ({"nothing": {}}, ModuleError, "it has gain, count, dt, fc, lif"),
        ({"fc": np.ones(3)}, ModuleError, "fc: ndarray is given for the module Linear 'fc'"),
        (3, ModuleError, "Net: int is given"),
    ],
)
def test_set_attributes_checks_everything_before_it_sets_anything(values, error, message):
    net = Net()
    if isinstance(values, dict):
        values = {"gain": 9.0, **values} if "gain" not in values else {"fc": {"bias": np.ones(3)}, **values}
    with pytest.raises(error, match=message):
        net.set_attributes(values)
    assert net.gain == 2.0
    np.testing.assert_array_equal(net.fc.bias, np.zeros(3))


def test_the_path_names_children_of_children():
    net = Sequential(Sequential(Linear((1, 2))))
    with pytest.raises(ParameterError, match=r"^0_Sequential\.0_Linear\.weight: "):
        net.set_attributes({"0_Sequential": {"0_Linear": {"weight": np.ones(2)}}})


def test_resets_reach_every_child_and_return_the_module():
    net = Net()
    net.step([3, 4])
    net.lif.vmem = np.ones((2, 3))
    net.gain, net.fc.bias = 5.0, np.ones(3)
    assert net.reset_state() is net
    np.testing.assert_array_equal(net.lif.vmem, np.zeros(3))
    assert net.gain == 5.0
    assert net.reset_parameters() is net
    assert net.gain == 2.0
    np.testing.assert_array_equal(net.fc.bias, np.zeros(3))


def test_a_reset_that_a_child_overrides_is_called():
    class Loud(Empty):
        resets = 0

        def reset_state(self):
            self.resets += 1
            return super().reset_state()

    parent = Empty(1)
    parent.child = Loud(1)
    parent.reset_state()
    assert parent.child.resets == 1


# --- text and copies ----------------------------------------------------------------------------------------
def test_repr_is_the_tree():
    outer = Empty()
    outer.net = Sequential(Linear((1, 5)), Rate(5))
    assert repr(outer.net[1]) == "Rate '1_Rate' with shape (5,)"
    assert repr(outer) == (
        "Empty with shape () {\n"
        "    Sequential 'net' with shape (1, 5) {\n"
        "        Linear '0_Linear' with shape (1, 5)\n"
        "        Rate '1_Rate' with shape (5,)\n"
        "    }\n"
        "}"
    )
    assert repr(Sequential(Linear((1, 5)))).startswith("Sequential with shape (1, 5) {\n    Linear '0_Linear'")


def test_repr_before_initialisation():
    assert repr(Empty.__new__(Empty)) == "<Empty, not initialised>"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_run_on_their_own(duplicate):
    net = Net()
    net.alias = net.fc
    net.step([3, 4])
    other = duplicate(net)
    assert other.alias is other.fc is not net.fc
    assert repr(other) == repr(net)
    np.testing.assert_equal(other.state(), net.state())
    np.testing.assert_array_equal(other.step([1, 1]), net.step([1, 1]))
    before = net.state()
    other.step([5, 5])
    np.testing.assert_equal(net.state(), before)
    other.reset_state()
    assert other.lif.vmem.shape == (3,)
