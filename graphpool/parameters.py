"""What a module registers, and how a trace reaches the modules that it runs.

A module's attributes are of three kinds:

- :class:`Parameter`: an input of the graph; setting one never traces again, and it can be differentiated;
- :class:`State`: carried from one time step to the next;
- :class:`SimulationParameter`: a constant of the graph, such as dt, a function or an option.

Assign one to an attribute of a module and the module registers it; the attribute then reads as its value.
The tracer and the modules know each other only through :class:`TraceHooks` and :data:`active_trace`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from graphpool.errors import GraphpoolError, ModuleError, ParameterError, StateError, format_error

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
Initialiser = Callable[[Shape], Any]

NUMERIC_KINDS = "biuf"  # of dtypes that modules hold: bool, integers and real floats


class TraceHooks(Protocol):
    """What a trace does when the modules that it runs are used; :data:`active_trace` holds it meanwhile."""

    timeline: Any  # a graphpool.nn.evolving.Timeline while an evolve is traced, else None

    def read(self, module: Any, name: str) -> Any:
        """The traced value of a registered Parameter or State of ``module``."""

    def write(self, module: Any, name: str, value: Any) -> None:
        """Assign any attribute of ``module``; raises where that cannot be part of a step."""

    def missing(self, module: Any, name: str) -> None:
        """An attribute that is not there is read; may raise, else the usual AttributeError follows."""

    def record(self, module: Any, name: str, value: Any, kind: str = "") -> None:
        """Mark a value that ``record=True`` shows; with a ``kind``, ``continuous`` or ``event``, it is a signal."""

    def path(self, module: Any, *, in_run: bool = False) -> str:
        """The dotted path of ``module`` in the traced tree; with ``in_run`` from the module whose evolution it is."""

    def noise(self, count: Any, key: tuple[int, int], shape: Shape) -> Any:
        """Standard normal noise at a traced count of draws."""

    def call_step(self, module: Any, step: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``step``, the bound and unwrapped step of ``module``, as part of the trace."""


active_trace: ContextVar[TraceHooks | None] = ContextVar("active_trace", default=None)
"""The trace that is running in this context, if any."""


@dataclass(frozen=True, eq=False)
class Constant:
    """Wraps a value so that a Parameter or State that is given it becomes a SimulationParameter.

    ``LIF(8, threshold=Constant(1.0))`` has no parameter ``threshold``. ``Constant(None)`` is the default made constant.

    Args:
        value: any value: numbers, bools, arrays, lists, None.
    """

    value: Any


def unwrap(item: Any) -> Any:
    """The value inside a :class:`Constant`; anything else as it is."""
    while isinstance(item, Constant):
        item = item.value
    return item


# --- reading what users give ------------------------------------------------------------------------------
def is_integer(item: Any) -> bool:
    """Whether an object is a Python or NumPy integer; bools are not."""
    return isinstance(item, (int, np.integer)) and not isinstance(item, bool)


def read_shape(shape: Any, what: str) -> Shape:
    """A shape from ``3``, ``(2, 3)``, ``[2, 3]`` or ``()``.

    Raises:
        ModuleError: it is none, or has a negative size; ``what`` is how the message calls it.
    """
    sizes = (shape,) if is_integer(shape) else shape
    if not isinstance(sizes, (tuple, list)) or not all(is_integer(size) and size >= 0 for size in sizes):
        hint = "a shape is an integer or a tuple of integers, none of them negative"
        raise ModuleError(format_error(f"{what} is {shape!r}", hint=hint))
    return tuple(int(size) for size in sizes)


def read_array(item: Any, where: str, error: type[GraphpoolError]) -> Array:
    """A copy of an array-like of bools, integers or floats.

    Raises:
        GraphpoolError: of the class ``error``, where it is something else.
    """
    if item is None:
        raise error(format_error("None is no value", where=where, hint="give a number or an array"))
    try:
        array = np.array(item, order="C")
    except (ValueError, TypeError) as cause:
        raise error(format_error(f"{item!r} is no array: {cause}", where=where)) from cause
    if array.dtype.kind not in NUMERIC_KINDS:
        what = f"the dtype {array.dtype} is not numeric: {item!r}"
        raise error(format_error(what, where=where, hint="use real numbers or bools"))
    return array


def read_initial(item: Any, where: str) -> Array:
    """What a declaration is given, as a new array; integers that are no array become float64.

    Raises:
        ModuleError: it is not numeric.
    """
    array = read_array(item, where, ModuleError)
    is_array = hasattr(item, "dtype") and not isinstance(item, np.generic)
    return array.astype(np.float64) if array.dtype.kind in "iu" and not is_array else array


def cast_same_kind(array: Array, dtype: np.dtype[Any], where: str, error: type[GraphpoolError]) -> Array:
    """The array in another dtype of the same or a wider kind.

    Raises:
        GraphpoolError: of the class ``error``, where the cast could lose more than precision.
    """
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        what = f"{array.dtype} is assigned where the dtype is {dtype}"
        raise error(format_error(what, where=where, hint=f"cast it: x.astype({str(dtype)!r})"))
    return array.astype(dtype, copy=False)


def read_only(array: Array) -> Array:
    """A view that cannot be written."""
    view = array.view()
    view.flags.writeable = False
    return view


# --- the three kinds ----------------------------------------------------------------------------------------
def _cast_initial(cast_fn: Callable[[Any], Any], init_func: Initialiser, shape: Shape) -> Any:
    return cast_fn(init_func(shape))


class RegisteredAttribute:
    """An attribute that a module registers: the common part of its three kinds.

    Python numbers and lists become float64 arrays, bools stay bools, arrays keep their dtype.

    Args:
        data: the initial value; a :class:`Constant` makes it a :class:`SimulationParameter`.
        family: what a query finds it by: ``"weights"``, ``"biases"``, ``"taus"``, ``"thresholds"``, ...
        init_func: makes the initial value from a shape, where there is no ``data``.
        shape: an integer, a tuple, or a list of alternatives, of which the first is the default.
        permit_reshape: reshape ``data`` to the first alternative with as many elements, where none fits.
        cast_fn: applied to an initial value, for example ``np.float32``; not to later assignments.

    Attributes:
        value: the present raw value.
        initial: the value that a reset restores.
        shape: the shape of one sample; None where the value is neither a number nor an array.

    Raises:
        ModuleError: no value is given or can be made, or it does not fit the shape, or is not numeric.
    """

    error: ClassVar[type[GraphpoolError]] = ModuleError
    shape_hint: ClassVar[str] = ""

    def __init__(
        self,
        data: Any = None,
        family: str | None = None,
        init_func: Initialiser | None = None,
        shape: int | Shape | list[int | Shape] | None = None,
        permit_reshape: bool = True,
        cast_fn: Callable[[Any], Any] | None = None,
    ) -> None:
        if init_func is not None and not callable(init_func):
            raise self._declared_wrongly(f"init_func={init_func!r} cannot be called", "for example np.zeros")
        self.family = family
        self.is_constant = isinstance(data, Constant)
        alternatives = None if shape is None else self._read_alternatives(shape)
        data = unwrap(data)
        if cast_fn is not None:
            data = None if data is None else cast_fn(data)
            init_func = partial(_cast_initial, cast_fn, init_func) if init_func else None
        # A reset restores data that was given, so a function beside it is never asked.
        self.init_func = init_func if data is None else None
        if data is None:
            initial = self._draw(self._default_shape(alternatives))
        elif alternatives is None:
            initial = self._read(data)
        else:
            initial = self._fit(read_initial(data, self.kind), alternatives, permit_reshape)
        self._start(initial)

    @property
    def kind(self) -> str:
        """The name of the class, for messages."""
        return type(self).__name__

    def _declared_wrongly(self, what: str, hint: str = "") -> ModuleError:
        return ModuleError(format_error(what, where=self.kind, hint=hint))

    def _read_alternatives(self, shape: Any) -> list[Shape]:
        listed = shape if isinstance(shape, list) else [shape]
        if not listed:
            raise self._declared_wrongly("the list of shapes is empty")
        return [read_shape(item, f"{self.kind}: the shape") for item in listed]

    def _default_shape(self, alternatives: list[Shape] | None) -> Shape:
        if alternatives is None:
            raise self._declared_wrongly("neither data nor shape is given", "give one of them")
        return alternatives[0]

    def _draw(self, shape: Shape) -> Array:
        if self.init_func is None:
            what = f"neither data nor init_func is given for the shape {shape}"
            raise self._declared_wrongly(what, "for example init_func=np.zeros")
        array = read_initial(self.init_func(shape), self.kind)
        if array.shape != shape:
            what = f"init_func returned the shape {array.shape} for the shape {shape}"
            raise self._declared_wrongly(what, "it takes a shape and returns an array of it, as np.zeros does")
        return array

    def _read(self, data: Any) -> Any:
        return read_initial(data, self.kind)

    def _fit(self, data: Array, alternatives: list[Shape], permit_reshape: bool) -> Array:
        if data.shape in alternatives:
            return data
        for shape in alternatives if permit_reshape else ():
            if int(np.prod(shape)) == data.size:
                return data.reshape(shape)
        what = f"data has the shape {data.shape}, the declared shape is {' or '.join(map(str, alternatives))}"
        raise self._declared_wrongly(what)

    def _start(self, initial: Any) -> None:
        self.initial: Any = initial
        self.value: Any = initial.copy()
        self.shape: Shape | None = initial.shape

    def declared(self) -> RegisteredAttribute:
        """What a module registers: a copy; a :class:`SimulationParameter` where the data is a Constant."""
        kind = SimulationParameter if self.is_constant else type(self)
        other = kind.__new__(kind)
        other.__dict__.update(self.__dict__)
        other._start(self.initial)
        return other

    def accept(self, value: Any, where: str) -> Any:
        """The value that an assignment stores: a copy in the registered dtype. Changes nothing by itself.

        Args:
            value: the value assigned.
            where: how messages call the attribute.

        Raises:
            GraphpoolError: of the class ``error``: a wrong shape or dtype, or None.
        """
        array = read_array(unwrap(value), where, self.error)
        if not self._takes(array.shape):
            what = f"the shape {array.shape} is assigned to a {self.kind} of shape {self.shape}"
            raise self.error(format_error(what, where=where, hint=self.shape_hint))
        return cast_same_kind(array, self.initial.dtype, where, self.error)

    def _takes(self, shape: Shape) -> bool:
        return shape == self.shape

    def reset(self) -> None:
        """Restore the initial value."""
        self.value = _copy(self.initial)

    def exported(self) -> Any:
        """The value for the user to keep; a copy where it is an array."""
        return _copy(self.value)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "init_func": self.init_func if _can_pickle(self.init_func) else None}

    def __repr__(self) -> str:
        shown = {"data": self.value, "family": self.family, "init_func": self.init_func, "shape": self.shape}
        return f"{self.kind}({', '.join(f'{name}={item!r}' for name, item in shown.items())})"


class Parameter(RegisteredAttribute):
    """A value that a step reads and never writes: an input of the graph.

    Assigning one later needs the identical shape, and a dtype of the same kind as the declared one.
    ``reset_parameters()`` restores the data, or draws anew from ``init_func``.
    """

    error = ParameterError
    shape_hint = "a parameter keeps its shape: use np.full(shape, value), or np.broadcast_to"

    def reset(self) -> None:
        """Restore the data, or draw anew from ``init_func``."""
        if self.init_func is not None:
            self.initial = self._draw(self.initial.shape)
        super().reset()


class State(RegisteredAttribute):
    """A value that a step reads and writes, carried from one time step to the next.

    Outside of a step it may have one leading batch axis, ``(B, *shape)``, as a batched call leaves it.
    ``reset_state()`` restores the first initial value, which is the one that a graph holds: ``init_func`` is
    called only once.
    """

    error = StateError
    shape_hint = "a state has the shape of one sample, or (batch, *shape)"

    def _takes(self, shape: Shape) -> bool:
        return shape == self.shape or (len(shape) > 0 and shape[0] > 0 and shape[1:] == self.shape)

    @property
    def is_batched(self) -> bool:
        """Whether the present value carries a batch axis."""
        return bool(self.value.shape != self.shape)

    def accept_in_step(self, value: Any, where: str) -> Array:
        """The new array that an assignment inside a step stores.

        Raises:
            StateError: neither the state's shape nor a scalar's, or a dtype of another kind.
        """
        array = read_array(value, where, self.error)
        shape = self.initial.shape
        if array.shape not in ((), shape):
            what = f"the shape {array.shape} is assigned to a State of shape {shape}"
            hint = "a state keeps its shape; only a scalar is broadcast"
            raise self.error(format_error(what, where=where, hint=hint))
        array = cast_same_kind(array, self.initial.dtype, where, self.error)
        return array if array.shape == shape else np.full(shape, array)


class SimulationParameter(RegisteredAttribute):
    """A constant of the graph: a number, an array, a function, a string, ...

    Scalars are read as plain Python numbers, arrays as read-only views.
    """

    def _read(self, data: Any) -> Any:
        return super()._read(data) if isinstance(data, np.ndarray) else data

    def _start(self, initial: Any) -> None:
        self.initial = _plain(initial)
        self.value = _copy(self.initial)
        self.shape = np.shape(self.value) if _is_numeric(self.value) else None

    def accept(self, value: Any, where: str) -> Any:
        """The value that an assignment stores: a number stays a number, an array keeps its shape.

        Raises:
            ModuleError: a number or an array is replaced by something else.
        """
        value = _plain(unwrap(value))
        if self.shape is None:
            return value
        if self.shape:
            return super().accept(value, where)
        if not _is_numeric(value) or np.shape(value) != ():
            raise ModuleError(format_error(f"{value!r} is assigned where a number is needed", where=where))
        return value


def _plain(item: Any) -> Any:
    if isinstance(item, np.generic) or (isinstance(item, np.ndarray) and item.ndim == 0):
        return item.item()
    return item


def _copy(item: Any) -> Any:
    return np.array(item, order="C") if isinstance(item, np.ndarray) else item


def _is_numeric(item: Any) -> bool:
    return isinstance(item, (bool, int, float, np.ndarray))


def _can_pickle(item: Any) -> bool:
    try:
        pickle.dumps(item)
    except Exception:  # it raises whatever the object's own methods raise
        return False
    return True
