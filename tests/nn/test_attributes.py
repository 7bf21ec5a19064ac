"""Declaring, reading and assigning parameters, states and simulation parameters."""

import copy
import pickle

import numpy as np
import pytest

from graphpool.errors import ModuleError, ParameterError, StateError
from graphpool.nn.modules import Module
from graphpool.parameters import Constant, Parameter, SimulationParameter, State


def twos(shape):
    return np.full(shape, 2.0)


class Holder(Module):
    """Registers what it is given."""

    def __init__(self, **attributes):
        super().__init__(shape=3)
        for name, attribute in attributes.items():
            setattr(self, name, attribute)


def held(attribute):
    return Holder(a=attribute)._registered("a")


# --- declaring ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (3, np.float64, ()),
        (0.5, np.float64, ()),
        ([1, 2, 3], np.float64, (3,)),
        ([[1.0, 2.0]], np.float64, (1, 2)),
        (np.int64(3), np.float64, ()),
        (True, np.bool_, ()),
        ([True, False], np.bool_, (2,)),
        (np.float32(0.5), np.float32, ()),
        (np.arange(3, dtype=np.int32), np.int32, (3,)),
        (np.zeros(2, np.float32), np.float32, (2,)),
    ],
)
@pytest.mark.parametrize("kind", [Parameter, State])
def test_what_is_given_becomes_an_array(kind, data, dtype, shape):
    attribute = held(kind(data))
    assert isinstance(attribute.value, np.ndarray)
    assert (attribute.value.dtype, attribute.value.shape, attribute.shape) == (np.dtype(dtype), shape, shape)
    np.testing.assert_array_equal(attribute.value, data)


def test_an_init_func_makes_the_default_from_the_first_alternative():
    attribute = held(Parameter(None, "taus", twos, [(3,), ()]))
    np.testing.assert_array_equal(attribute.value, [2, 2, 2])
    assert attribute.family == "taus"
    assert type(attribute) is Parameter


@pytest.mark.parametrize("shape", [3, np.int64(3), (3,), [3], [(3,)], [(), 3]])
def test_shapes_are_integers_tuples_or_lists_of_alternatives(shape):
    np.testing.assert_array_equal(held(State(np.ones(3), shape=shape)).value, np.ones(3))


def test_data_takes_any_alternative_and_is_reshaped_to_the_first_that_fits():
    assert held(Parameter(0.1, shape=[(3,), ()])).shape == ()
    assert held(Parameter(np.ones(6), shape=[(3,), (2, 3), (3, 2)])).shape == (2, 3)
    with pytest.raises(ModuleError, match=r"data has the shape \(6,\), the declared shape is \(2, 3\)"):
        Parameter(np.ones(6), shape=(2, 3), permit_reshape=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither data nor shape"),
        ({"init_func": twos}, "neither data nor shape"),
        ({"shape": 3}, "neither data nor init_func"),
        ({"shape": 3, "init_func": 2.0}, "cannot be called"),
        ({"shape": 3, "init_func": lambda shape: 2.0}, r"init_func returned the shape \(\)"),
        ({"shape": "3", "data": 1}, "shape"),
        ({"shape": (-1,), "init_func": twos}, "none of them negative"),
        ({"shape": (2.0,), "init_func": twos}, "a shape is an integer"),
        ({"shape": True, "init_func": twos}, "a shape is an integer"),
        ({"shape": [], "init_func": twos}, "the list of shapes is empty"),
        ({"shape": 3, "data": [1, 2]}, r"\(2,\), the declared shape is \(3,\)"),
        ({"data": "text"}, "not numeric"),
        ({"data": 1j}, "not numeric"),
        ({"data": [1, [2, 3]]}, "no array"),
        ({"data": object()}, "not numeric"),
    ],
)
@pytest.mark.parametrize("kind", [Parameter, State])
def test_a_bad_declaration_is_refused(kind, arguments, message):
    with pytest.raises(ModuleError, match=message):
        kind(**arguments)


def test_values_are_copied_in():
    data = np.ones(3)
    template = Parameter(data)
    one, other = Holder(a=template), Holder(a=template)
    data[:] = 5
    one.a[0] = 7
    np.testing.assert_array_equal(other.a, np.ones(3))
    one.reset_parameters()
    np.testing.assert_array_equal(one.a, np.ones(3))


# --- simulation parameters and constants --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "expected", "kind"),
    [
        (np.float64(1e-3), 1e-3, float),
        (np.array(2), 2, int),
        (np.bool_(True), True, bool),
        (1e-3, 1e-3, float),
        (4, 4, int),
        ("taus", "taus", str),
    ],
)
def test_simulation_parameters_read_as_plain_values(data, expected, kind):
    module = Holder(a=SimulationParameter(data))
    assert module.a == expected
    assert type(module.a) is kind
    assert module.simulation_parameters() == {"a": expected}


def test_simulation_parameters_may_be_functions_or_arrays():
    module = Holder(f=SimulationParameter(np.tanh), kernel=SimulationParameter(np.ones(3)))
    assert module.f is np.tanh
    with pytest.raises(ValueError, match="read-only"):
        module.kernel[0] = 2
    module.f = "another"
    module.kernel = [1, 2, 3]
    np.testing.assert_array_equal(module.kernel, [1.0, 2.0, 3.0])
    assert module.kernel.dtype == np.float64


def test_simulation_parameters_keep_their_kind():
    module = Holder(dt=SimulationParameter(1e-3), kernel=SimulationParameter(np.ones(3)))
    module.dt = np.float64(2e-3)
    assert type(module.dt) is float
    for wrong in ("text", None, np.ones(2), [1]):
        with pytest.raises(ModuleError, match=r"Holder\.dt.*a number is needed"):
            module.dt = wrong
    with pytest.raises(ModuleError, match=r"Holder\.kernel.*shape \(2,\)"):
        module.kernel = np.ones(2)
    assert module.dt == 2e-3


@pytest.mark.parametrize("kind", [Parameter, State, SimulationParameter])
@pytest.mark.parametrize("value", [True, 3, 0.5, [1, 2], np.ones(2), np.float32(1)])
def test_a_constant_registers_as_a_simulation_parameter(kind, value):
    module = Holder(a=kind(Constant(value), family="taus"))
    assert module.parameters() == {} and module.state() == {}
    np.testing.assert_array_equal(module.simulation_parameters("taus")["a"], value)


def test_a_constant_none_is_the_default_made_constant():
    module = Holder(a=Parameter(Constant(None), init_func=twos, shape=2))
    assert type(module._registered("a")) is SimulationParameter
    np.testing.assert_array_equal(module.a, [2, 2])


def test_a_constant_is_frozen_and_unwraps():
    constant = Constant(Constant(3))
    with pytest.raises(AttributeError):
        constant.value = 4
    module = Holder(a=Parameter(1.0))
    module.a = constant
    module.plain = constant
    assert module.a == 3.0 and module.plain == 3
    assert pickle.loads(pickle.dumps(constant)).value.value == 3


# --- assigning outside of steps -----------------------------------------------------------------------------
def test_a_parameter_takes_its_shape_in_a_dtype_of_the_same_kind():
    module = Holder(w=Parameter(np.ones(3, np.float32)))
    value = np.arange(3.0)
    module.w = value
    value[:] = 9
    np.testing.assert_array_equal(module.w, [0, 1, 2])
    assert module.w.dtype == np.float32
    module.w = [4, 5, 6]
    np.testing.assert_array_equal(module.w, [4, 5, 6])


@pytest.mark.parametrize("value", [1.0, np.ones((1, 3)), np.ones(4), np.ones((2, 3))])
def test_a_parameter_refuses_another_shape(value):
    module = Holder(w=Parameter(np.ones(3)))
    with pytest.raises(ParameterError, match=r"Holder\.w: the shape .* a Parameter of shape \(3,\)"):
        module.w = value
    np.testing.assert_array_equal(module.w, np.ones(3))


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (np.ones(1, np.int32), [1.5]),
        (np.ones(1, bool), [1]),
        (np.ones(1), [1j]),
        (np.ones(1), ["a"]),
        (np.ones(1), [None]),
        (np.ones(1), None),
    ],
)
@pytest.mark.parametrize(("kind", "error"), [(Parameter, ParameterError), (State, StateError)])
def test_a_dtype_of_another_kind_is_refused(kind, error, declared, value):
    module = Holder(a=kind(declared))
    with pytest.raises(error, match=r"Holder\.a"):
        module.a = value
    np.testing.assert_array_equal(module.a, declared)


def test_integers_stay_integers():
    module = Holder(n=State(np.zeros(2, np.int64)))
    module.n = [3, 4]
    assert module.n.dtype == np.int64


def test_a_state_takes_the_sample_shape_or_one_batch_axis():
    module = Holder(v=State(np.zeros(3)))
    module.v = np.ones(3)
    module.v = np.ones((4, 3))
    assert module.v.shape == (4, 3)
    for wrong in (1.0, np.ones(4), np.ones((0, 3)), np.ones((2, 4, 3))):
        with pytest.raises(StateError, match="one sample, or"):
            module.v = wrong
    module.reset_state()
    np.testing.assert_array_equal(module.v, np.zeros(3))
    scalar = Holder(v=State(0.0))
    scalar.v = np.ones(5)
    assert scalar.v.shape == (5,)


def test_a_registered_attribute_is_not_declared_twice():
    module = Holder(a=Parameter(1.0))
    with pytest.raises(ModuleError, match="registered already"):
        module.a = State(1.0)
    del module.a
    assert module._registered("a") is None
    module.a = State(1.0)
    assert module.state() == {"a": 1.0}


def test_a_plain_attribute_becomes_a_registered_one():
    module = Holder()
    module.a = 5
    assert module._plain_attributes()["a"] == 5
    module.a = Parameter(1.0)
    assert "a" not in module._plain_attributes()
    assert module.a == 1.0


# --- names --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a.b", "a b", "", "a-b", "a/b"])
@pytest.mark.parametrize("value", [Parameter(1.0), Holder()])
def test_a_name_is_letters_digits_and_underscores(name, value):
    module = Holder()
    with pytest.raises(ModuleError, match="cannot be used"):
        setattr(module, name, value)


@pytest.mark.parametrize("name", ["state", "step", "shape", "record", "name", "_registry", "__class__"])
@pytest.mark.parametrize("value", [State(1.0), Holder()])
def test_a_name_of_the_class_itself_is_refused(name, value):
    with pytest.raises(ModuleError, match=f"Holder itself has an attribute '{name}'"):
        setattr(Holder(), name, value)


def test_registering_before_the_base_class_is_initialised_says_so():
    class Early(Module):
        def __init__(self, value):
            self.a = value
            super().__init__()

    for value in (Parameter(1.0), Holder()):
        with pytest.raises(ModuleError, match="call super"):
            Early(value)

    class Reader(Module):
        def __init__(self):
            self.a = self.weight

    with pytest.raises(AttributeError, match="call super"):
        Reader()


# --- the rest -----------------------------------------------------------------------------------------------
def test_reset_draws_parameters_anew_and_restores_states():
    np.random.seed(0)
    module = Holder(
        w=Parameter(shape=3, init_func=np.random.standard_normal),
        given=Parameter(np.ones(3), shape=3, init_func=np.random.standard_normal),
        v=State(shape=3, init_func=np.random.standard_normal),
    )
    w, v = module.w.copy(), module.v.copy()
    module.given = np.zeros(3)
    module.v = np.zeros(3)
    module.reset_parameters()
    assert not np.array_equal(module.w, w)
    np.testing.assert_array_equal(module._registered("w").initial, module.w)
    np.testing.assert_array_equal(module.given, np.ones(3))
    np.testing.assert_array_equal(module.v, np.zeros(3))
    module.reset_state()
    np.testing.assert_array_equal(module.v, v)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_hold_their_own_values(duplicate):
    module = Holder(w=Parameter(shape=2, init_func=lambda shape: np.ones(shape)), v=State(np.zeros(2)))
    module.w = [3, 4]
    module.dt = SimulationParameter(1e-3)
    other = duplicate(module)
    other.w[0] = 7
    other.v = np.ones(2)
    np.testing.assert_array_equal(module.w, [3, 4])
    np.testing.assert_array_equal(module.v, [0, 0])
    np.testing.assert_array_equal(other.w, [7, 4])
    assert other.dt == 1e-3
    other.reset_parameters()
    np.testing.assert_array_equal(other.w, [1, 1])


def test_an_init_func_that_pickles_is_kept():
    attribute = pickle.loads(pickle.dumps(held(Parameter(shape=2, init_func=twos))))
    assert attribute.init_func is not None
    assert pickle.loads(pickle.dumps(held(Parameter(shape=2, init_func=lambda s: twos(s))))).init_func is None


def test_repr_shows_what_was_declared():
    text = repr(Parameter(1.0, family="taus"))
    assert text == "Parameter(data=array(1.), family='taus', init_func=None, shape=())"


def test_cast_fn_applies_to_initial_values_only() -> None:
    class Casting(Module):
        def __init__(self) -> None:
            super().__init__(shape=2)
            self.given = Parameter([1.5, 2.5], cast_fn=np.float32)
            self.drawn = Parameter(shape=2, init_func=np.ones, cast_fn=np.float32)

    module = Casting()
    assert module.given.dtype == module.drawn.dtype == np.float32
    module.given = np.array([3.0, 4.0], dtype=np.float64)
    assert module.given.dtype == np.float32
    module.reset_parameters()
    np.testing.assert_array_equal(module.given, np.array([1.5, 2.5], dtype=np.float32))
    assert module.drawn.dtype == np.float32
