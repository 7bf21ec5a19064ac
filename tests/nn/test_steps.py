"""What a step means when it runs as NumPy, and what it hands to a trace."""

from collections import namedtuple

import numpy as np
import pytest

from graphpool.errors import InputError, ModuleError, ParameterError, StateError, TraceError
from graphpool.nn.modules import Linear, Module
from graphpool.parameters import Parameter, SimulationParameter, State, active_trace


def module_of(step, **attributes):
    """A module that runs ``step(self, x)`` with the given attributes."""

    def __init__(self):
        Module.__init__(self, shape=3)
        for name, attribute in attributes.items():
            setattr(self, name, attribute)

    return type("Made", (Module,), {"__init__": __init__, "step": step})()


def vector():
    return State(np.zeros(3))


# --- states -------------------------------------------------------------------------------------------------
def test_an_assigned_state_is_read_by_later_lines_and_the_next_step():
    def step(self, x):
        self.v = 0.5 * self.v + x
        return 2 * self.v

    module = module_of(step, v=vector())
    np.testing.assert_array_equal(module.step([1, 1, 1]), [2, 2, 2])
    np.testing.assert_array_equal(module.step([1, 1, 1]), [3, 3, 3])
    np.testing.assert_array_equal(module.v, [1.5, 1.5, 1.5])


def test_assigning_makes_a_new_array_and_earlier_names_keep_the_earlier_value():
    def step(self, x):
        before = self.v
        self.v = x
        assert self.v is not x
        x += 100
        assert self.v is self.v
        return before, self.v

    before, after = module_of(step, v=vector()).step([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(before, [0, 0, 0])
    np.testing.assert_array_equal(after, [1, 2, 3])


def test_in_place_lines_act_on_the_state():
    def step(self, x):
        alias = self.v
        self.v += x
        assert self.v is alias
        self.v[1:] = 0
        alias -= 1
        self.v[self.v > 1] *= 10
        return self.v

    module = module_of(step, v=vector())
    np.testing.assert_array_equal(module.step([5.0, 6.0, 7.0]), [40, -1, -1])
    np.testing.assert_array_equal(module.v, [40, -1, -1])


def test_two_states_are_never_one_array():
    def step(self, x):
        self.v = x
        self.w = self.v
        self.v += 1
        return self.w

    np.testing.assert_array_equal(module_of(step, v=vector(), w=vector()).step([1.0, 2.0, 3.0]), [1, 2, 3])


def test_a_state_without_axes_is_an_array():
    def step(self, x):
        alias = self.v
        assert isinstance(alias, np.ndarray)
        self.v += x.sum()
        assert alias is self.v
        self.v = self.v * 2
        assert isinstance(self.v, np.ndarray)
        return self.v

    module = module_of(step, v=State(0.0))
    assert module.step(np.ones(3)) == 6
    assert module.v.shape == ()


def test_a_scalar_is_broadcast_and_dtypes_are_cast_within_their_kind():
    def step(self, x):
        self.v = 3
        self.n = np.int64(4)
        return self.v, self.n

    v, n = module_of(step, v=State(np.zeros(3, np.float32)), n=State(np.zeros(2, np.int32))).step(0)
    assert (v.dtype, v.tolist(), n.dtype, n.tolist()) == (np.float32, [3, 3, 3], np.int32, [4, 4])


@pytest.mark.parametrize(
    ("state", "value", "message"),
    [
        (np.zeros(3), np.ones(2), r"shape \(2,\) is assigned to a State of shape \(3,\)"),
        (np.zeros(3), np.ones(1), "only a scalar is broadcast"),
        (np.zeros(3), np.ones((2, 3)), "only a scalar is broadcast"),
        (np.zeros(3, np.int64), np.ones(3), "float64 is assigned where the dtype is int64"),
        (np.zeros(3, bool), 1, "int64 is assigned where the dtype is bool"),
        (np.zeros(3), 1j, "not numeric"),
        (np.zeros(3), None, "None is no value"),
    ],
)
def test_a_state_refuses_what_does_not_fit(state, value, message):
    def step(self, x):
        self.v = value
        return x

    module = module_of(step, v=State(state))
    with pytest.raises(StateError, match=message) as raised:
        module.step(0)
    assert "Made.v" in str(raised.value)
    np.testing.assert_array_equal(module.v, state)


def test_a_batched_state_asks_for_a_reset_before_anything_runs():
    parent = module_of(lambda self, x: self.child.step(x))
    parent.child = module_of(lambda self, x: self.v + x, v=vector())
    parent.child.v = np.ones((2, 3))
    with pytest.raises(StateError, match=r"child\.v: .*\(2, 3\).*\n.*reset_state\(\)"):
        parent.step(np.ones(3))
    parent.reset_state()
    np.testing.assert_array_equal(parent.step(np.ones(3)), np.ones(3))


# --- parameters and other attributes ------------------------------------------------------------------------
def test_parameters_are_read_only_inside_a_step_alone():
    def step(self, x):
        self.w[0] = 1
        return x

    module = module_of(step, w=Parameter(np.zeros(3)))
    with pytest.raises(ValueError, match="read-only"):
        module.step(0)
    module.w[0] = 1
    assert module.w[0] == 1


@pytest.mark.parametrize(
    ("attribute", "error"), [(Parameter(1.0), ParameterError), (SimulationParameter(1.0), ModuleError)]
)
def test_only_states_are_assigned_inside_a_step(attribute, error):
    def step(self, x):
        self.a = 2.0
        return x

    module = module_of(step, a=attribute)
    with pytest.raises(error, match=r"Made\.a: a \w+ is assigned inside a step"):
        module.step(0)
    assert module.a == 1.0
    module.a = 3.0
    assert module.a == 3.0


@pytest.mark.parametrize(
    "act",
    [
        lambda self: self.parameters(),
        lambda self: self.state(),
        lambda self: self.attributes_named("v"),
        lambda self: self.set_attributes({}),
        lambda self: self.reset_state(),
        lambda self: self.reset_parameters(),
        lambda self: self(np.zeros((1, 3))),
        lambda self: delattr(self, "v"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_numpy_too(act):
    module = module_of(lambda self, x: act(self), v=vector())
    with pytest.raises(TraceError, match="inside a step"):
        module.step(0)
    token = active_trace.set(Hooks())
    try:
        with pytest.raises(TraceError, match="inside a step"):
            act(module)
    finally:
        active_trace.reset(token)


def test_nothing_is_registered_inside_a_step():
    def step(self, x):
        self.new = State(0.0)
        return x

    with pytest.raises(ModuleError, match="registered inside a step"):
        module_of(step).step(0)


# --- inputs and outputs -------------------------------------------------------------------------------------
def test_inputs_are_copied_in_and_outputs_copied_out():
    Pair = namedtuple("Pair", ["first", "second"])
    seen = []

    def step(self, x):
        seen.append(x)
        x += 1
        self.v = x
        return Pair(self.v, [self.v, x])

    module = module_of(step, v=vector())
    given = np.ones(3)
    out = module.step(given)
    np.testing.assert_array_equal(given, np.ones(3))
    assert type(out) is Pair
    for array in (out.first, *out.second):
        array[:] = 9
    np.testing.assert_array_equal(module.v, [2, 2, 2])
    np.testing.assert_array_equal(seen[0], [2, 2, 2])


@pytest.mark.parametrize("x", [[1, 2], 3, True, np.float32(1), np.zeros(2, bool)])
def test_inputs_become_arrays_and_keep_their_dtype(x):
    module = module_of(lambda self, x: x)
    out = module.step(x)
    assert isinstance(out, np.ndarray)
    assert out.dtype == np.asarray(x).dtype
    np.testing.assert_array_equal(module.step(x=x), x)


@pytest.mark.parametrize("x", ["text", None, [1, [2, 3]], 1j, np.array([object()])])
def test_an_input_that_is_not_numeric_is_refused(x):
    with pytest.raises(InputError, match="Made: input 'x' of step"):
        module_of(lambda self, x: x).step(x)


def test_an_argument_with_a_default_is_an_option():
    module = module_of(lambda self, x, mode="plain": x * (2 if mode == "double" else 1))
    assert module.step(3, mode="double") == 6
    assert module.step(3, "double") == 6
    assert list(module.input_shapes) == ["x"]


def test_several_inputs():
    def step(self, a, b):
        return a + b

    module = module_of(step)
    assert module.step(1, 2) == 3
    assert module.input_shapes == {"a": (3,), "b": (3,)}


def test_a_python_number_handed_to_a_child_stays_weak():
    """As under a trace: a Python number would otherwise make a float32 child compute in float64."""
    parent = module_of(lambda self, x: self.child.step(1.0))
    parent.child = module_of(lambda self, x: self.v + x, v=State(np.zeros(3, np.float32)))
    assert parent.step(0).dtype == np.float32


# --- under a trace ------------------------------------------------------------------------------------------
class Hooks:
    """Writes down what it is asked."""

    timeline = None

    def __init__(self):
        self.said = []

    def read(self, module, name):
        self.said.append(("read", module.name, name))
        return np.ones(3)

    def write(self, module, name, value):
        self.said.append(("write", module.name, name))

    def missing(self, module, name):
        self.said.append(("missing", module.name, name))

    def record(self, module, name, value, kind):
        self.said.append(("record", module.name, name))

    def call_step(self, module, step, args, kwargs):
        self.said.append(("call", module.name, len(args), list(kwargs)))
        return step(*args, **kwargs)


def traced(run):
    hooks = Hooks()
    token = active_trace.set(hooks)
    try:
        return run(), hooks.said
    finally:
        active_trace.reset(token)


def test_a_trace_sees_each_access():
    def step(self, x):
        self.v = self.v * self.w * self.dt
        self.plain = 1
        self.record("seen", x)
        return self.child.step(x=x)

    module = module_of(
        step,
        v=vector(),
        w=Parameter(1.0),
        dt=SimulationParameter(2.0),
        child=Linear((3, 3), weight=np.zeros((3, 3))),
    )
    out, said = traced(lambda: module.step(np.ones(3)))
    assert said == [
        ("call", "", 1, []),
        ("read", "", "v"),
        ("read", "", "w"),
        ("write", "", "v"),
        ("write", "", "plain"),
        ("record", "", "seen"),
        ("call", "child", 0, ["x"]),
        ("read", "child", "weight"),
    ]
    np.testing.assert_array_equal(out, [3, 3, 3])
    np.testing.assert_array_equal(module.v, np.zeros(3))
    assert not hasattr(module, "plain")


def test_a_trace_hears_of_a_missing_attribute():
    module = module_of(lambda self, x: self.gone)
    with pytest.raises(AttributeError, match=r"Made has no attribute 'gone'"):
        traced(lambda: module.step(0))
    hooks = Hooks()
    token = active_trace.set(hooks)
    assert not hasattr(module, "gone")
    active_trace.reset(token)
    assert hooks.said == [("missing", "", "gone")]
