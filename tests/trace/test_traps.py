"""What a step must not do: each trap is a TraceError that shows the user's line and says what to do.

The line at fault ends in the comment ``# here``. What must not be done to arrays is in ``test_traps_of_arrays.py``.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from graphpool.errors import TypeRuleError
from graphpool.nn.modules import Linear
from graphpool.parameters import Parameter, SimulationParameter, State
from tests.trace.trapping import Traps

trap = Traps()
V, W = State(np.zeros(3)), Parameter(np.ones(3))
SEEN, ELSEWHERE = [], Linear((3, 3))


# --- Python asks a traced value --------------------------------------------------------------------------------------
@trap("the truth of a traced value", "np.where")
def if_on_a_value(self, x):
    if x[0] > 0:  # here
        return x
    return -x


@trap("the truth", "%tau : f64  parameter", tau=Parameter(2.0))
def while_on_a_scalar_parameter(self, x):
    while self.tau:  # here
        x = x + 1
    return x


@trap("the truth", "np.maximum")
def the_python_maximum(self, x):
    return max(x[0], 0) * x  # here


@trap("the truth", "& | ~")
def a_chain_of_comparisons(self, x):
    return np.where(-1 < x < 1, x, 0)  # here


@trap("not a Python float", "np functions rather than math", tau=Parameter(2.0))
def math_on_a_parameter(self, x):
    return x * math.exp(-self.tau)  # here


@trap("not a Python float")
def float_of_a_value(self, x):
    return x * float(x[0])  # here


@trap("not a Python int")
def int_of_a_value(self, x):
    return x * int(x[0])  # here


@trap("not a Python complex")
def complex_of_a_value(self, x):
    return x * complex(x[0])  # here


@trap("cannot be an index or a count", "select with np.where", n=State(np.array(1)))
def range_over_a_value(self, x):
    for _ in range(self.n):  # here
        x = x + 1
    return x


@trap("cannot be an index", n=State(np.array(1)))
def an_index_of_a_list(self, x):
    return [1.0, 2.0][self.n] * x  # here


@trap("an index must be of integers, and this one is <traced f64[3]>", "i.astype(np.int64)")
def an_index_of_floats(self, x):
    return x[x]  # here


@trap("`in` needs values", ".any()")
def membership(self, x):
    return x * (0.0 in x)  # here


@trap("TypeError: unhashable type", hint=False)
def a_key_of_a_dict(self, x):
    return {x: x}[x]  # here


# --- attributes ------------------------------------------------------------------------------------------------------
@trap("self.u is assigned in a step, but it is no State", "State(...)")
def a_new_attribute(self, x):
    self.u = x  # here
    return x


@trap("self.dt is assigned in a step, but it is no State", dt=SimulationParameter(1.0))
def a_simulation_parameter_is_assigned(self, x):
    self.dt = 2.0  # here
    return x


@trap("parameter self.w is assigned in a step", "is a State", w=W)
def a_parameter_is_assigned(self, x):
    self.w = x  # here
    return x


@trap("parameter 'w' is written to", "x = x.copy()", w=W)
def a_parameter_in_place(self, x):
    self.w += x  # here
    return x


@trap("parameter 'w' is written to", w=W)
def a_parameter_through_a_view(self, x):
    tail = self.w[1:]
    tail[0] = 1  # here
    return x


@trap("no attribute 'nothing'")
def an_attribute_that_is_not_there(self, x):
    return x * self.nothing  # here


@trap("left in self.seen", "self.record(name, value)", seen=SEEN)
def a_value_left_in_a_list(self, x):
    self.seen.append(x)
    return x


@trap("left in self.hidden", "keep them in a State")
def a_value_left_in_an_attribute(self, x):
    vars(self)["hidden"] = {"deep": (x,)}
    return x


@trap("is not part of the traced module", "make it a submodule")
def a_module_from_elsewhere(self, x):
    return ELSEWHERE.step(x)  # here


@trap("belongs to a module that is not part of the traced one")
def a_weight_from_elsewhere(self, x):
    return x @ ELSEWHERE.weight  # here


# --- what changes by itself ------------------------------------------------------------------------------------------
@trap("two traces", "random", "through an input")
def global_random_numbers(self, x):
    return x + np.random.normal()  # here


@trap("two traces", "clock")
def the_clock(self, x):
    return x * time.perf_counter_ns()  # here


@trap("two traces")
def another_number_of_lines(self, x):
    SEEN.append(1)
    for _ in range(len(SEEN)):
        x = x + 1  # here
    return x


@trap("random generator self.rng is read", "through an input", rng=np.random.default_rng(1))
def a_generator(self, x):
    return x + self.rng.normal(size=3)  # here


@trap("random generator self.rng is read", rng=np.random.RandomState(1))
def an_old_generator(self, x):
    return x + self.rng.normal(size=3)  # here


# --- exceptions ------------------------------------------------------------------------------------------------------
@trap("not a Python float")
def swallowed(self, x):
    try:
        return x * float(x[0])  # here
    except Exception:
        return x


@trap("not a Python float")
def swallowed_and_another_raised(self, x):
    try:
        return x * float(x[0])  # here
    except Exception:
        raise ValueError("something else") from None


@trap("ZeroDivisionError: division by zero", hint=False)
def any_other_exception(self, x):
    return x * (1 / 0)  # here


@trap("reset_state() is called inside a step")
def resetting_in_a_step(self, x):
    self.reset_state()  # here
    return x


# --- states and views ------------------------------------------------------------------------------------------------
@trap("state self.v has shape (3,), the value assigned has (2,)", "from Made", "x[:2] * 2", v=V)
def another_shape(self, x):
    part = x[:2] * 2
    self.v = part  # here
    return x


@trap("cannot write f64[3] into i64[3]", "x.astype(np.int64)", n=State(np.zeros(3, np.int64)))
def another_kind(self, x):
    self.n = x  # here
    return x


@trap("cannot write f64[3] into i64[3]", n=State(np.zeros(3, np.int64)))
def another_kind_in_place(self, x):
    self.n += x  # here
    return x


@trap("writing through a transpose", "to a copy of the view")
def through_a_transpose(self, x):
    column = x[None].T
    column += 1  # here
    return x


@trap("writing through a reshape")
def through_a_reshape(self, x):
    x.reshape(3, 1)[0] = 1  # here
    return x


@trap("writing through a broadcast array")
def through_a_broadcast(self, x):
    rows = np.broadcast_to(x, (2, 3))
    rows[0] = 1  # here
    return x


@trap("shapes do not broadcast: (2,) and (3,)", "%0 : f64[2]  from Made", error=TypeRuleError, hint=False)
def a_value_that_does_not_fit(self, x):
    x[:] = x[:2]  # here
    return x


@trap("a masked value is assigned to self.v", v=V)
def a_masked_value_as_state(self, x):
    self.v = x[x > 0]  # here
    return x


@trap("whose elements the mask does not select")
def a_masked_value_and_a_whole_array(self, x):
    x[x > 0] += x  # here
    return x


@pytest.mark.parametrize("trapped", trap.params)
def test_a_trap_is_an_error_that_shows_the_line(trapped):
    trapped.check(forget=SEEN.clear)
