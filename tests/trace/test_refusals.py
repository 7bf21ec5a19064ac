"""What NumPy can do and a trace cannot, or neither can: refused by name, with the user's line and the operands."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.special

import graphpool
from graphpool.errors import TraceError, TypeRuleError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Module
from graphpool.parameters import Parameter, State, active_trace
from tests.trace.stepping import module_of, said

M = State(np.zeros((2, 3)))
N = State(np.array([1, 2, 3], np.int32))
FLAG = State(np.array([True, False, True]))


def line_of(function, end):
    """``file:line: text`` of the line of a function that ends so."""
    lines, first = inspect.getsourcelines(function)
    number = next(number for number, line in enumerate(lines) if line.rstrip().endswith(end))
    return f"tests/trace/test_refusals.py:{first + number}: {lines[number].strip()}"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, m: np.fft.fft(x), "np.fft.fft cannot be traced"),
        (lambda x, m: np.spacing(x), "np.spacing cannot be traced"),
        (lambda x, m: scipy.special.gamma(x), "scipy.special.gamma cannot be traced"),
        (lambda x, m: np.maximum.accumulate(x), "keep it in a State"),
        (lambda x, m: np.add.at(m, [0], x), "one_hot(indices, len(x)).T @ values"),
        (lambda x, m: np.add.reduceat(x, [0, 1]), "np.stack"),
        (lambda x, m: np.logaddexp.reduce(x), "np.logaddexp.reduce cannot be traced"),
        (lambda x, m: np.add(x, 1, where=x > 0), "np.add(where=...) without out="),
        (lambda x, m: np.add(x, 1, subok=False), "np.add(subok=...) cannot be traced"),
        (lambda x, m: np.add(x, 1, dtype=int), "np.add(dtype=int64) of float64: not a cast of the same kind"),
        (lambda x, m: np.sum(x, where=x), "np.sum with a where that is not bool"),
        (lambda x, m: np.max(x, where=x > 0), "np.max(where=...) without initial="),
        (lambda x, m: np.sum(x, initial=x), "np.sum with initial=<traced f64[3]>"),
        (lambda x, m: np.sum(x, nothing=1), "got an unexpected keyword argument 'nothing'"),
        (lambda x, m: np.stack([x, x], dtype=np.float32), "np.stack(dtype=...) cannot be traced"),
        (lambda x, m: np.concatenate([x, x], dtype=np.float32), "np.concatenate(dtype=...) cannot be traced"),
        (lambda x, m: np.round(x.astype(int), -1), "np.round of integers with decimals=-1"),
        (lambda x, m: round(x[0]), "use np.round(x)"),
        (lambda x, m: int(x[0]), "an index may be traced as it is"),
        (lambda x, m: scipy.special.softmax(x), "graphpool.functional"),
        (lambda x, m: np.digitize(x, [0, 2, 1]), "np.digitize with edges that neither rise nor fall"),
        (lambda x, m: np.digitize(x, x), "np.searchsorted"),
        (lambda x, m: np.linalg.outer(x, x), "hint: np.outer"),
        (lambda x, m: np.where(x > 0), "np.where(condition) alone"),
        (lambda x, m: x.reshape(3, 1, order="F"), "reshape with order='F'"),
        (lambda x, m: m.T.reshape(6, order="A"), "reshape with order='A'"),
        (lambda x, m: m.T.reshape(6, copy=False), "a reshape: Unable to avoid creating a copy"),
        (lambda x, m: m.flatten("F"), "reshape with order='F'"),
        (lambda x, m: np.dot(m, m[None].swapaxes(1, 2)), "np.dot of shapes (2, 3) and (1, 3, 2)"),
        (lambda x, m: x.tolist(), "ndarray.tolist cannot be traced"),
        (lambda x, m: x.item(0), "ndarray.item cannot be traced"),
        (lambda x, m: x.sort(), "ndarray.sort cannot be traced"),
        (lambda x, m: x.no_such_thing, "AttributeError: a traced array has no attribute 'no_such_thing'"),
        (lambda x, m: x * 1j, "a complex number cannot be part of a graph: 1j"),
        (lambda x, m: x * np.array([1j, 1, 1]), "a complex array cannot be part of a graph"),
        (lambda x, m: x == "text", "equal is not defined for float64, <U4"),
        (lambda x, m: x == None, "an object array cannot be part of a graph"),  # noqa: E711
        (lambda x, m: np.where(x > 0, x, "a"), "array cannot be part of a graph"),
        (lambda x, m: x + np.array([object()]), "an object array cannot be part of a graph"),
        (lambda x, m: x + np.array(["2020-01-01"], "M8[D]"), "np.add is not defined for float64, datetime64[D]"),
        (lambda x, m: x[3], "index 3 is out of bounds for shape (3,)"),
        (lambda x, m: x[-4], "index -4 is out of bounds"),
        (lambda x, m: m[0, 3], "index 3 is out of bounds for shape (2, 3)"),
        (lambda x, m: x[0, 0], "2 indices for an array of shape (3,)"),
        (lambda x, m: m[..., ..., 0], "an index can hold one ellipsis"),
        (lambda x, m: x[[0, 3]], "index 3 is out of bounds for axis 0 of shape (3,)"),
        (lambda x, m: m[:, [-4]], "index -4 is out of bounds for axis 1 of shape (2, 3)"),
        (lambda x, m: x[[0.5]], "an index must be of integers, and this one is an array of float64"),
        (lambda x, m: x[x], "an index must be of integers, and this one is <traced f64[3]>"),
        (lambda x, m: x[[[0]], [1]], "2 indices for an array of shape (3,)"),
        (lambda x, m: m[[0, 1], [0, 1, 2]], "index arrays: shape mismatch"),
        (lambda x, m: m[..., [0], ...], "an index can hold one ellipsis"),
        (lambda x, m: x.__setitem__([0, 1], x), "broadcast: shapes do not broadcast: (3,) and (2,)"),
        (lambda x, m: x[:0][[0]], "an index into the empty axis 0 of shape (0,)"),
        (lambda x, m: x["a"], "an index of type str cannot be traced"),
        (lambda x, m: x[1.0], "an index of type float cannot be traced"),
        (lambda x, m: x[::0], "slice step cannot be zero"),
        (lambda x, m: m[:, m[0] > 0], "a mask among other indices, whose number of elements is not known"),
        (lambda x, m: len(x[0]), "len() of an array without axes"),
        (lambda x, m: list(x[0]), "iterating over an array without axes"),
        (lambda x, m: x.sum(axis=1), "axis 1 is out of bounds for an array of 1 axes"),
        (lambda x, m: m.mean(axis=(0, 0)), "duplicate value in 'axis'"),
        (lambda x, m: m.reshape(4), "a reshape: cannot reshape array of size 6 into shape (4,)"),
        (lambda x, m: np.squeeze(m, 0), "a squeeze: cannot select an axis to squeeze out"),
        (lambda x, m: np.transpose(m, (0, 0)), "a transpose: repeated axis"),
        (lambda x, m: np.broadcast_to(x, (2, 2)), "a broadcast array: operands could not be broadcast"),
        (lambda x, m: np.concatenate([x, m]), "concatenate: cannot join (3,), (2, 3)"),
        (lambda x, m: np.stack([x, m]), "stack: cannot stack (3,), (2, 3): shapes differ"),
        (lambda x, m: x + m[:, :2], "add: shapes do not broadcast: (3,) and (2, 2)"),
        (lambda x, m: x @ m, "matmul: inner sizes differ: (3,) @ (2, 3)"),
        (lambda x, m: x[0] @ x, "matmul: a scalar has no matrix product"),
        (lambda x, m: np.max(x[:0]), "max: an empty axis of (0,) has no such value"),
        (lambda x, m: x[x > 0] + x[x < 0], "two values under different masks"),
        (lambda x, m: np.add(x[x > 0], 1, out=x[x < 0]), "two values under different masks"),
        (lambda x, m: np.add(x[x > 0], 1, out=x), "a masked value cannot be written into a whole array"),
        (lambda x, m: x.__setitem__(x > 0, x[x < 0]), "a masked value is written under another mask"),
        (lambda x, m: x.__setitem__(x > 0, x), "a number of elements not known"),
        (lambda x, m: x[x > 0].sum(), "np.sum(x, where=mask)"),
        (lambda x, m: np.sum(x[x > 0]), "np.sum(x, where=mask)"),
        (lambda x, m: x[x > 0].mean(), "np.mean(x, where=mask)"),
        (lambda x, m: x[x > 0].max(initial=0), "np.max(x, where=mask, initial=...)"),
        (lambda x, m: x[x > 0].tolist(), "'tolist' of a masked value"),
        (lambda x, m: np.sort(x[x > 0]), "np.sort of a masked value"),
        (lambda x, m: len(x[x > 0]), "mask.sum()"),
        (lambda x, m: np.cov(m), "c @ c.T / (x.shape[1] - 1)"),
        (lambda x, m: x[x > 0][0], "indexing a masked value"),
        (lambda x, m: x[x > 0].__setitem__(0, 1), "writing into a masked value"),
        (lambda x, m: list(x[x > 0]), "iterating over a masked value"),
        (lambda x, m: bool(x[x > 0]), "the truth of a masked value"),
        (lambda x, m: np.asarray(x[x > 0]), "a masked value has no numbers yet"),
        (lambda x, m: np.add.reduce(x[x > 0]), "add.reduce of a masked value"),
        (lambda x, m: x[x[:2] > 0], "a mask of shape (2,) for an array of shape (3,)"),
        (lambda x, m: np.copyto(m, x, "same_kind", True, 1), "copyto() takes"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_named(function, message):
    def step(self, x):
        function(x, self.m)
        return x

    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(step, m=M))
    assert message in said(caught.value)
    assert "tests/trace/test_refusals.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda n, b: n**-1, "integers to negative integer powers are not allowed"),
        (lambda n, b: np.reciprocal(n), "np.reciprocal of integers"),
        (lambda n, b: n + 2**40, "the number 1099511627776 does not fit into int32"),
        (lambda n, b: b - b, "np.subtract is not defined for bool, bool"),
        (lambda n, b: -b, "np.negative is not defined for bool"),
        (lambda n, b: n.__itruediv__(2), "cannot write f64[3] into i32[3]"),
        (lambda n, b: n.__setitem__(0, 2**40), "OverflowError"),
        (lambda n, b: b.__iadd__(n), "cannot write i32[3] into bool[3]"),
    ],
)
def test_what_is_not_defined_for_integers_and_bools_is_named(function, message):
    def step(self, x):
        return function(self.n, self.b)

    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(step, n=N, b=FLAG))
    assert message in said(caught.value)


# --- where in the model ----------------------------------------------------------------------------------------------
class Outer(Module):
    def __init__(self):
        super().__init__(shape=(2, 3))
        self.fc1, self.fc2 = Linear((2, 3)), Inner()

    def step(self, x):
        return self.fc2.step(self.fc1.step(x))


class Inner(Module):
    def __init__(self):
        super().__init__(shape=(4, 1))
        self.weight = Parameter(np.ones((4, 1)))

    def step(self, h):
        y = h @ self.weight
        return y


def test_wrong_sizes_show_the_module_the_line_and_where_the_operands_come_from():
    with pytest.raises(TypeRuleError) as caught:
        graphpool.trace(Outer())
    first, line, left, right = str(caught.value).splitlines()
    assert first == "Outer/fc2: matmul: inner sizes differ: (3,) @ (4, 1)"
    assert line == "    " + line_of(Inner.step.__wrapped__, "y = h @ self.weight")
    assert left.startswith("    %0 : f64[3]  from Outer/fc1, graphpool/nn/modules/linear.py:")
    assert right == "    %fc2.weight : f64[4,1]  parameter"


def test_the_path_of_a_module_in_a_combinator_is_shown():
    net = Sequential(Linear((3, 3)), module_of(failing))
    with pytest.raises(TraceError, match=r"Sequential/1_Made: np\.fft\.fft cannot be traced"):
        graphpool.trace(net)


def failing(self, x):
    return np.fft.fft(x)


# --- what a step takes and returns -----------------------------------------------------------------------------------
def nothing(self, x):
    x + 1


def a_dict(self, x):
    return {"y": x}


def a_tuple_with_none(self, x):
    return x, None


def a_nested_tuple(self, x):
    return x, (x, x)


def a_masked_value(self, x):
    return x[x > 0]


def a_string(self, x):
    return "text"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (nothing, "step returns nothing"),
        (a_dict, "step returns a dict"),
        (a_tuple_with_none, "step returns nothing"),
        (a_masked_value, "step returns a masked value"),
        (a_nested_tuple, "step returns a tuple inside a tuple"),
        (a_string, "a string array cannot be part of a graph"),
    ],
)
def test_what_a_step_may_not_return(step, message):
    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(step))
    assert message in str(caught.value)
    assert line_of(step, "(self, x):") in str(caught.value)


def variadic(self, *args):
    return args[0]


def keywords(self, x, **options):
    return x


@pytest.mark.parametrize("step", [variadic, keywords])
def test_a_step_names_its_inputs(step):
    with pytest.raises(TraceError, match="name each input of step") as caught:
        graphpool.trace(module_of(step))
    assert line_of(step, "):") in str(caught.value)


def test_a_module_without_a_step_cannot_be_traced():
    with pytest.raises(TraceError, match="only a step can be compiled"):
        graphpool.trace(Module(shape=3))


def test_input_shapes_name_the_arguments_of_step():
    module = module_of(lambda self, x: x)
    with pytest.raises(TraceError, match=r"input shapes for \['y'\], but step takes \['x'\]"):
        graphpool.trace(module, {"y": (3,)})
    graph = graphpool.trace(module, {"x": (2, 2)})
    assert graph.type(graph.inputs[0].value).shape == (2, 2)


# --- records ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], "'a' is recorded twice in one step"),
        (["v"], "'v' is a state, which is recorded by itself"),
        (["a b"], "'a b' cannot name a record"),
        ([""], "'' cannot name a record"),
        (["a.b"], "'a.b' cannot name a record"),
        ([3], "3 cannot name a record"),
    ],
)
def test_records_have_names_of_their_own(names, message):
    def step(self, x):
        for name in names:
            self.record(name, x)
        return x

    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(step, v=State(np.zeros(3))))
    assert message in str(caught.value)
    assert line_of(step, "self.record(name, x)") in str(caught.value)


# --- after a trace ---------------------------------------------------------------------------------------------------
def test_a_value_is_of_no_use_after_its_trace():
    kept = []

    def keeping(self, x):
        kept.append(x)
        return x

    def using(self, x):
        return x + kept[0]

    graphpool.trace(module_of(keeping))
    with pytest.raises(TraceError, match="used after its trace has ended"):
        kept[0] + 1
    with pytest.raises(TraceError, match="a value of another trace is used") as caught:
        graphpool.trace(module_of(using))
    assert line_of(using, "return x + kept[0]") in str(caught.value)


def test_a_failed_trace_leaves_the_module_as_it_was():
    """Fault: generators stay hidden, or the trace stays active, after an exception of any kind."""
    rng = np.random.default_rng(3)
    errors = [KeyboardInterrupt(), ValueError("no"), None]

    def step(self, x):
        self.v = x
        self.v += 1
        if errors[0] is not None:
            raise errors[0]
        return x

    module = module_of(step, rng=rng, v=State(np.zeros(3)))
    for expected in (KeyboardInterrupt, TraceError):
        with pytest.raises(expected):
            graphpool.trace(module)
        assert module.rng is rng
        assert active_trace.get() is None
        np.testing.assert_array_equal(module.v, np.zeros(3))
        errors.pop(0)
    assert len(graphpool.trace(module).states) == 1
    np.testing.assert_array_equal(module.step([1, 2, 3]), [1, 2, 3])


def test_a_cause_is_kept():
    error = KeyError("why")

    def step(self, x):
        raise error

    with pytest.raises(TraceError, match="KeyError: 'why'") as caught:
        graphpool.trace(module_of(step))
    assert caught.value.__cause__ is error
