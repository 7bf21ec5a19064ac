"""From a module to a graph: run its ``step`` on tracers, and record what it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphpool.errors import TraceError, format_error
from graphpool.graph import SAMPLE, Graph, TensorType, Value
from graphpool.graph.types import FLOAT64, INT64, DType, Shape
from graphpool.nested import join_path
from graphpool.parameters import Parameter, SimulationParameter, State, active_trace, read_shape
from graphpool.trace.guards import Guards
from graphpool.trace.masks import HINT as MASK_HINT
from graphpool.trace.masks import MaskedTracer
from graphpool.trace.ports import port_dtype, step_ports, time_step, walk
from graphpool.trace.probes import ModuleOutputs, check_probes, matches, read_probes
from graphpool.trace.recorder import Recorder
from graphpool.trace.source import defining_origin, raising_origin
from graphpool.trace.storage import Cell
from graphpool.trace.tracer import Tracer, operand_value

COPY_HINT = "give every step fresh numbers through an input, or draw them before the evolution"


def trace(
    module: Any,
    input_shapes: Mapping[str, Shape] | None = None,
    *,
    probes: Sequence[str] | str = (),
    by_step: bool = False,
) -> Graph:
    """The graph of a module: of its ``step``, or of its own ``evolve`` where it has one.

    The code is traced twice and the graphs compared, constants included: what never touches a traced value, such as
    ``np.random.normal()`` or the clock, would otherwise be frozen silently.

    Args:
        module: any :class:`~graphpool.nn.modules.module.Module`.
        input_shapes: the shape of one sample of each port; by default ``module.input_shapes``.
        probes: what the graph records beside what its modules record: see :mod:`graphpool.trace.probes`.
        by_step: trace the ``step`` in any case.

    Raises:
        TraceError: the step, or the evolve, does something that cannot become a graph; shows the user's line.
        TargetError: a probe that means nothing.
    """
    names = read_probes(probes)
    kind = StepTrace if by_step else _kind_of_trace(module)
    first = kind(module, input_shapes, names).run()
    second = kind(module, input_shapes, names).run()
    if first != second:
        _fail_on_difference(first, second)
    return first


def _kind_of_trace(module: Any) -> type[StepTrace]:
    from graphpool.trace.timed import TimedTrace

    return TimedTrace if getattr(module, "evolves_itself", False) else StepTrace


class StepTrace:
    """One run of a step on tracers; what :data:`graphpool.parameters.active_trace` holds meanwhile."""

    _entry = "step"
    """The function that is traced."""

    timeline: Any = None
    """What modules ask while an ``evolve`` is traced: see :class:`graphpool.nn.evolving.Timeline`."""

    def __init__(self, module: Any, input_shapes: Mapping[str, Shape] | None, probes: Sequence[str]) -> None:
        self._root = module
        self._probes = probes
        self._outputs = ModuleOutputs()
        self._tree = list(walk(module))
        self._paths = {id(child): path for path, child in self._tree}
        self._name = module.name or module.class_name
        self._recorder = Recorder(self._name, time_step(self._tree))
        self._handles: dict[tuple[int, str], Tracer] = {}
        self._currents: dict[str, tuple[Value, tuple[int, str]]] = {}
        self._records: dict[str, Value] = {}
        self._signals: dict[str, str] = {}
        """The kinds of records that are signals."""
        self._sample: Value | None = None
        self._guards = Guards(self._tree, self._recorder)
        self._inputs = self._declare_inputs(input_shapes)
        self._declare_registered()

    # --- declaring -------------------------------------------------------------------------------------------------
    def _declare_inputs(self, input_shapes: Mapping[str, Shape] | None) -> list[Tracer]:
        ports = self._ports()
        shapes = dict(input_shapes or {})
        if any(name not in shapes for name in ports):
            shapes = self._known_shapes() | shapes
        unknown = [name for name in shapes if name not in ports]
        if unknown:
            raise TraceError(
                format_error(f"input shapes for {unknown}, but {self._entry} takes {ports}", where=self._root.full_name)
            )
        kind = "event" if self._root.spiking_input else "continuous"
        dtype = port_dtype(self._tree)
        tracers = []
        for name in ports:
            shape = read_shape(shapes[name], f"{self._root.full_name}: the shape of input {name!r}")
            value = self._recorder.builder.input(name, TensorType(dtype, shape), kind)
            tracers.append(Tracer.of(self._recorder, value, False))
        return tracers

    def _known_shapes(self) -> dict[str, Shape]:
        return dict(self._root.input_shapes)

    def _ports(self) -> list[str]:
        return step_ports(self._root)

    def _declare_registered(self) -> None:
        builder = self._recorder.builder
        for path, module in self._tree:
            for name in module._registered_names(Parameter):
                array = np.asarray(module._registered(name).value)
                full = join_path(path, name)
                value = builder.param(full, TensorType(array.dtype, tuple(array.shape)))
                cell = Cell(
                    self._recorder,
                    value,
                    f"parameter {full!r} is written to; parameters are read-only in a step",
                )
                self._handles[id(module), name] = Tracer(self._recorder, cell)
            for name in module._registered_names(State):
                attribute = module._registered(name)
                current = builder.state(join_path(path, name), np.asarray(attribute.initial))
                self._handles[id(module), name] = Tracer.of(self._recorder, current, False)
                self._currents[join_path(path, name)] = (current, (id(module), name))

    # --- running ---------------------------------------------------------------------------------------------------
    def run(self) -> Graph:
        self._guards.begin()
        token = active_trace.set(self)
        try:
            result = self._run_root()
            with self._recorder.at(defining_origin(getattr(self._root, self._entry), self._name)):
                self._finish(result)
        finally:
            active_trace.reset(token)
            self._guards.end()
            self._recorder.active = False
        self._guards.refuse_leaks(self._shown)
        return self._recorder.builder.build()

    def _run_root(self) -> Any:
        return self._root.step(*self._inputs)

    def _output_form(self, number: int) -> tuple[str, int]:
        """The kind of an output, and its rows a step."""
        return "event" if self._root.spiking_output else "continuous", 1

    def _finish(self, result: Any) -> None:
        if self._recorder.failure is not None:
            raise self._recorder.failure
        recorder, builder = self._recorder, self._recorder.builder
        several = isinstance(result, (tuple, list))
        if several and not result:
            recorder.fail(f"{self._entry} returns an empty tuple", hint="return an array, or a tuple of arrays")
        for number, item in enumerate(result if several else [result]):
            if item is None or isinstance(item, (dict, tuple, MaskedTracer)):
                inside = " inside a tuple" if several else ""
                masked = isinstance(item, MaskedTracer)
                what = "nothing" if item is None else "a masked value" if masked else f"a {type(item).__name__}"
                hint = MASK_HINT if masked else "return an array, or a tuple of arrays"
                recorder.fail(f"{self._entry} returns {what}{inside}", hint=hint)
            name = self._root._output_name(number) if several else "output"
            builder.output(name, operand_value(recorder, item), *self._output_form(number))
        for current, handle in self._currents.values():
            builder.set_next(current, self._handles[handle].value)
        self._declare_records()

    def _declare_records(self) -> None:
        """Records in the order of the tree: of each module its own values, its states, and what is probed of it."""
        names = []
        for path, module in self._tree:
            held = {name: value for name, value in self._records.items() if name.rpartition(".")[0] == path}
            for name in module._registered_names(State):
                held[join_path(path, name)] = self._handles[id(module), name].value
            for name, value in held.items():
                self._recorder.builder.record(name, value, self._signals.get(name, ""))
            taken = [*module._registered_names(), *module.modules(), *(name.rpartition(".")[2] for name in held)]
            outputs = dict(self._outputs.of(path, taken))
            for name, value in outputs.items():
                if matches(name, self._probes):
                    self._recorder.builder.record(name, value)
            names += [*held, *outputs]
        check_probes(self._probes, names, self._name)

    # --- what modules call while they are traced -------------------------------------------------------------------
    def read(self, module: Any, name: str) -> Any:
        """A parameter or a state of a module."""
        handle = self._handles.get((id(module), name))
        if handle is None:
            self._recorder.fail(
                f"{module.full_name}.{name} belongs to a module that is not part of the traced one",
                hint="make it a submodule: assign it to an attribute in __init__",
            )
        return handle

    def write(self, module: Any, name: str, value: Any) -> None:
        """An assignment to an attribute of a module."""
        attribute = module._registered(name)
        if attribute is None or isinstance(attribute, SimulationParameter):
            self._recorder.fail(
                f"self.{name} is assigned in a step, but it is no State",
                hint=f"declare it in __init__: self.{name} = State(...), or use a local variable",
            )
        if not isinstance(attribute, State):
            self._recorder.fail(
                f"parameter self.{name} is assigned in a step; parameters are read-only there",
                hint="a value that changes from step to step is a State",
            )
        handle = self.read(module, name)
        if value is handle:
            return
        if isinstance(value, MaskedTracer):
            self._recorder.fail(f"a masked value is assigned to self.{name}", hint="use np.where on whole arrays")
        fresh = Tracer.of(self._recorder, handle.value, False)
        new = operand_value(self._recorder, value, _weak_dtype(value, fresh.dtype))
        shape = self._recorder.type(new).shape
        if shape not in ((), fresh.shape):
            self._recorder.fail(
                f"state self.{name} has shape {fresh.shape}, the value assigned has {shape}",
                operands=[new],
                hint="a state keeps its shape; only a scalar is broadcast",
            )
        fresh.assign(new)
        self._handles[id(module), name] = fresh

    def missing(self, module: Any, name: str) -> None:
        """An attribute that is not there; a hidden random generator is an error of its own."""
        if self._guards.hides(module, name):
            self._recorder.fail(f"the random generator self.{name} is read in a step", hint=COPY_HINT)

    def record(self, module: Any, name: str, value: Any, kind: str = "") -> None:
        """A value that ``record=True`` shows; a vector with a ``kind`` is a signal."""
        full = join_path(self.path(module), name)
        if not isinstance(name, str) or not name.replace("_", "a").isalnum():
            self._recorder.fail(f"{name!r} cannot name a record", hint="use letters, digits and underscores")
        if full in self._records:
            self._recorder.fail(f"{full!r} is recorded twice in one step", hint="give each record its own name")
        if full in self._currents:
            self._recorder.fail(f"{full!r} is a state, which is recorded by itself", hint="rename the record")
        if name in module.modules():
            self._recorder.fail(f"{full!r} is a submodule, under which its own records go", hint="rename the record")
        self._records[full] = operand_value(self._recorder, value)
        if len(self._recorder.type(self._records[full]).shape) == 1:
            self._signals[full] = kind

    def call_step(self, module: Any, step: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a module's step: what goes in and what comes out are copies."""
        path = self.path(module)
        with self._inside(path):
            copied = [self._copy_in(item) for item in args]
            result = step(*copied, **{name: self._copy_in(item) for name, item in kwargs.items()})
            self._outputs.note(path, result)
            return self._copy_out(result)

    @contextmanager
    def _inside(self, path: str) -> Iterator[None]:
        """Run the code of a module: what it raises becomes a :class:`TraceError` with the user's line."""
        shown = self._shown(path)
        self._recorder.modules.append(shown)
        try:
            yield
        except Exception as error:
            if self._recorder.failure is error:
                raise
            if self._recorder.failure is not None:
                raise self._recorder.failure from error
            origin = raising_origin(error.__traceback__, shown)
            hint = "an array that a step changes is a State" if "read-only" in str(error) else ""
            self._recorder.fail(f"{type(error).__name__}: {error}", hint=hint, origin=origin, cause=error)
        finally:
            self._recorder.modules.pop()

    def noise(self, count: Any, key: tuple[int, int], shape: Shape) -> Tracer:
        """Noise of this sample: the graph gets an input for its number."""
        if self._sample is None:
            if any(port.name == SAMPLE for port in self._recorder.builder.inputs):
                self._recorder.fail(f"an input is called {SAMPLE!r}, as that of the noise", hint="rename the argument")
            self._sample = self._recorder.builder.input(SAMPLE, TensorType(INT64, ()), SAMPLE)
        operands = [operand_value(self._recorder, count), self._sample]
        attrs = {"key": key, "shape": shape, "dtype": FLOAT64}
        return Tracer.of(self._recorder, self._recorder.emit("noise", operands, attrs), False)

    def _shown(self, path: str) -> str:
        """A path as messages show it: ``net/fc1``."""
        return "/".join([self._name, *path.split(".")]) if path else self._name

    def path(self, module: Any, *, in_run: bool = False) -> str:
        """The dotted path of a module of the traced tree; with ``in_run`` from the module whose evolution it is."""
        path = self._paths.get(id(module))
        if path is None:
            self._recorder.fail(
                f"{module.full_name} is not part of the traced module",
                hint="make it a submodule: assign it to an attribute in __init__",
            )
        return path

    def _copy_in(self, item: Any) -> Any:
        if isinstance(item, (Tracer, np.ndarray, np.generic)):
            return Tracer.of(self._recorder, operand_value(self._recorder, item), False)
        return item

    def _copy_out(self, item: Any) -> Any:
        if isinstance(item, (tuple, list)):
            make = getattr(type(item), "_make", type(item))  # a named tuple takes its fields one by one
            return make([self._copy_out(entry) for entry in item])
        return Tracer.of(self._recorder, item.value, item.is_scalar) if isinstance(item, Tracer) else item


def _weak_dtype(value: Any, dtype: DType) -> DType | None:
    """What a Python number becomes when a state takes it: the state's dtype where that is of the same kind."""
    if type(value) is int and dtype.kind in "if":
        return dtype
    return dtype if type(value) is float and dtype.kind == "f" else None


def _fail_on_difference(first: Graph, second: Graph) -> None:
    pairs = zip(first.nodes, second.nodes, strict=False)
    common = min(len(first.nodes), len(second.nodes))
    value = next((number for number, (one, other) in enumerate(pairs) if one != other), common)
    longer = max(first, second, key=lambda graph: len(graph.nodes))
    users = [user for user, node in enumerate(longer.nodes) if value in node.args]
    origins = [origin for user in (value, *users) if user < len(longer.nodes) for origin in longer.origins[user]]
    raise TraceError(
        format_error(
            "two traces of the same step differ: it uses something that changes by itself, such as a random "
            "number or the clock",
            where=origins[0].module if origins else first.name,
            line=str(origins[0]) if origins else "",
            hint=COPY_HINT,
        )
    )
