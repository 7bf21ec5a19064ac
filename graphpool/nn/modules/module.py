"""The base class of all modules.

A module defines ``step``, in NumPy, for one time step and one sample: no batch axis, no time axis, no loop.
Reading a state gives its current value; assigning it sets what later lines of this step and the next step
read::

    class Leaky(Module):
        def __init__(self, n, tau=20e-3, dt=1e-3):
            super().__init__(shape=n)
            self.tau = Parameter(tau, family="taus", shape=[(n,), ()])
            self.dt = SimulationParameter(dt)
            self.v = State(shape=n, init_func=np.zeros)

        def step(self, i):
            decay = np.exp(-self.dt / self.tau)
            self.v = decay * self.v + (1 - decay) * i
            return self.v

``module.step(x)`` is one time step; ``module(x)`` is a whole evolution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.nn.batching import auto_batch
from graphpool.nn.evolving import current_timeline
from graphpool.nn.modules.registry import Registry
from graphpool.nn.stepping import input_names, left_as_it_is, refuse_in_step, wrap_step
from graphpool.parameters import (
    Parameter,
    RegisteredAttribute,
    Shape,
    SimulationParameter,
    State,
    active_trace,
    read_shape,
)

READ_HINT = "read the attributes themselves: self.weight"
OUTSIDE_HINT = "do it before or after the run; inside a step, assign states: self.v = ..."


class Module(Registry):
    """Base class of modules.

    Args:
        shape: sizes, of which the first is the number of input channels and the last that of output
            channels. None where the module has no fixed shape.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.

    Raises:
        ModuleError: ``shape`` is no shape.
    """

    runtime_target: ClassVar[str] = "numpy"
    """The target that a call of the module is compiled for."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrap_step(cls)

    def __init__(
        self,
        shape: int | Sequence[int] | None = None,
        spiking_input: bool = False,
        spiking_output: bool = False,
    ) -> None:
        super().__init__()
        self._shape = None if shape is None else read_shape(shape, f"{self.class_name}: the shape")
        self._spiking_input = bool(spiking_input)
        self._spiking_output = bool(spiking_output)

    # --- what it is -----------------------------------------------------------------------------------------
    @property
    def shape(self) -> Shape:
        """The sizes of the module; ``()`` where there are none."""
        return self._shape or ()

    @property
    def size_in(self) -> int | None:
        """The number of input channels; None without a shape."""
        return self.shape[0] if self.shape else None

    @property
    def size_out(self) -> int | None:
        """The number of output channels; None without a shape."""
        return self.shape[-1] if self.shape else None

    @property
    def spiking_input(self) -> bool:
        """Whether the input is events."""
        return self._spiking_input

    @property
    def spiking_output(self) -> bool:
        """Whether the output is events."""
        return self._spiking_output

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample of each input of ``step``, by name: ``(size_in,)`` unless overridden.

        Raises:
            ModuleError: the module has no shape.
        """
        names = input_names(self.step)
        if self._shape is None and names:
            raise ModuleError(
                format_error(
                    f"the shape of the inputs {names} of step is not known",
                    where=self.full_name,
                    hint="pass a shape to super().__init__(shape=...), or override input_shapes",
                )
            )
        return {name: self.shape[:1] for name in names}

    @property
    def evolves_itself(self) -> bool:
        """Whether the module has an ``evolve`` of its own, which then counts rather than its ``step``."""
        return type(self).evolve is not Module.evolve

    def _port_names(self) -> list[str] | None:
        """The names of the inputs of a ``step(self, *inputs)``; None where those of its arguments count."""
        return None

    # --- running --------------------------------------------------------------------------------------------
    @left_as_it_is
    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Run one time step of one sample; subclasses define it.

        As NumPy, inputs may be anything that ``np.array`` reads as bools, integers or floats.

        Raises:
            NotImplementedError: the class defines no step.
            InputError: an input is not numeric.
            StateError: a state carries a batch axis.
        """
        raise self._has_no_step()

    def _has_no_step(self) -> Exception:
        return NotImplementedError(f"{self.class_name} defines no step: def step(self, x): ...")

    def evolve(self, input_data: Any, record: bool = False) -> tuple[Any, Any, Any]:
        """Run a whole evolution, from the present state, and leave the new state on the module.

        Args:
            input_data: ``(B, T, *sample)`` or ``(T, *sample)``.
            record: also return every recorded value and every state, as ``(B, T, *shape)``.

        Returns:
            The output ``(B, T, *sample)``, the new state as a nested dict, and the record as a nested dict
            (empty without ``record``).

        Raises:
            NotImplementedError: the class defines no step.
            TraceError: the step cannot become a graph, or another step runs.
            InputError: the input does not fit.
            StateError: the batch of the input is not that of the state.
        """
        timeline = current_timeline()
        if timeline is not None:
            return timeline.run_steps(self, input_data, record)
        refuse_in_step("the module", self.full_name, "inside a step, children are stepped: self.child.step(x)")
        if type(self).step is Module.step:
            self.step()
        from graphpool.compile import evolve_eagerly

        return evolve_eagerly(self, input_data, record)

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a whole evolution: :meth:`evolve`."""
        return self.evolve(x, *args, **kwargs)

    def timed(self, *, dt: float | None = None, output_num: int = 0, add_events: bool = True) -> Any:
        """This module with a clock: it takes and gives time series.

        Args:
            dt: the time step in seconds, for a module that has none; it then gets this one.
            output_num: which output becomes the series, where there are several.
            add_events: whether several events of a channel within one step count as many.

        Returns:
            A :class:`~graphpool.nn.modules.timed_module.TimedModuleWrapper`; it holds this very module.

        Raises:
            ModuleError: the module is timed already.
            ClockError: there is no dt, or several that differ.
        """
        from graphpool.nn.modules.timed_module import TimedModuleWrapper

        return TimedModuleWrapper(self, output_num, dt, add_events)

    def record(self, name: str, value: Any) -> None:
        """Mark a value of a step, which ``record=True`` then shows; does nothing when the step runs as NumPy.

        Args:
            name: letters, digits and underscores; once in a step.
            value: any value of the step.
        """
        self._record(name, value)

    def _record(self, name: str, value: Any, kind: str = "") -> None:
        """The same for a value that may be a signal, of the ``kind`` of a port."""
        hooks = active_trace.get()
        if hooks is not None:
            hooks.record(self, name, value, kind)

    def _auto_batch(
        self, data: Any, states: Sequence[Any] = (), target_shapes: Sequence[Shape] | None = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """The input of an ``evolve`` of one's own with a batch axis, and states with as many samples.

        Args:
            data: ``(T,)``, ``(T, N)`` or ``(B, T, N)``; one channel becomes ``size_in`` of them.
            states: of one sample, ``shape``, or of each, ``(B, *shape)``.
            target_shapes: of one sample of each state; by default those that the states of the module have.

        Returns:
            New float64 arrays ``(B, T, N)`` and ``(B, *shape)``.

        Raises:
            InputError: the input has other axes, or another number of channels.
            StateError: a state has another number of samples, or another shape.
        """
        timeline = current_timeline()
        if timeline is not None and not states:
            return timeline.with_batch(data, self.size_in), ()
        if target_shapes is None:
            own = {id(item.value): item.shape for item in self._registry.values() if isinstance(item, State)}
            target_shapes = [own.get(id(state)) or np.shape(state) for state in states]
        return auto_batch(data, states, target_shapes, self.size_in, self.full_name)

    def _wrap_recorded_state(self, recorded: dict[str, Any], clock: Any) -> dict[str, Any]:
        """The record of this module, run by a clock: what is best shown so becomes time series. By default nothing.

        Args:
            recorded: nested dict of arrays ``(1, T, *shape)``.
            clock: a :class:`~graphpool.timeseries.clock.Clock` whose step 0 is the first of the record.
        """
        wrapped = dict(recorded)
        for name, child in self.modules().items():
            if isinstance(wrapped.get(name), dict):
                wrapped[name] = child._wrap_recorded_state(wrapped[name], clock)
        return wrapped

    # --- reading --------------------------------------------------------------------------------------------
    def parameters(self, family: str | Collection[str] | None = None) -> dict[str, Any]:
        """Copies of all parameters as a nested dict: own ones first, then those of each child under its name.

        Args:
            family: one family or several; children without any are left out then.

        Raises:
            TraceError: a step runs.
        """
        refuse_in_step("parameters()", self.full_name, READ_HINT)
        return self._of_kind(Parameter, family)

    def state(self, family: str | Collection[str] | None = None) -> dict[str, Any]:
        """Copies of all states as a nested dict; see :meth:`parameters`."""
        timeline = current_timeline()
        if timeline is not None and family is None:
            return timeline.final_state(self)
        refuse_in_step("state()", self.full_name, READ_HINT)
        return self._of_kind(State, family)

    def simulation_parameters(self, family: str | Collection[str] | None = None) -> dict[str, Any]:
        """All simulation parameters as a nested dict; see :meth:`parameters`."""
        return self._of_kind(SimulationParameter, family)

    def attributes_named(self, names: str | Collection[str]) -> dict[str, Any]:
        """Copies of all registered attributes of a name, or of several, as a nested dict.

        Raises:
            TraceError: a step runs.
        """
        refuse_in_step("attributes_named()", self.full_name, READ_HINT)
        wanted = {names} if isinstance(names, str) else set(names)
        return self._nested(lambda name, _: name in wanted, keep_empty=False)

    def _of_kind(self, kind: type[RegisteredAttribute], family: str | Collection[str] | None) -> dict[str, Any]:
        if family is None:
            return self._nested(lambda _, item: isinstance(item, kind), keep_empty=True)
        wanted = {family} if isinstance(family, str) else set(family)
        return self._nested(lambda _, item: isinstance(item, kind) and item.family in wanted, keep_empty=False)

    # --- setting --------------------------------------------------------------------------------------------
    def set_attributes(self, attributes: Mapping[str, Any]) -> Self:
        """Set parameters, states and simulation parameters; all are checked before any is set.

        Args:
            attributes: nested dict as :meth:`parameters`, :meth:`state` and calls return them; what it does
                not name stays as it is. Values are copied.

        Returns:
            The module.

        Raises:
            ModuleError: an unknown name, or a value where a submodule is.
            ParameterError: a wrong shape or dtype.
            StateError: a wrong shape or dtype.
            TraceError: a step runs.
        """
        refuse_in_step("set_attributes()", self.full_name, OUTSIDE_HINT)
        checked = list(self._checked(attributes, ""))
        changed: dict[int, tuple[Module, set[str]]] = {}
        for module, name, value in checked:
            module._store(name, value)
            changed.setdefault(id(module), (module, set()))[1].add(name)
        for module, names in changed.values():
            module._on_assigned(names)
        return self

    def _checked(self, attributes: Any, path: str) -> Iterator[tuple[Module, str, Any]]:
        if not isinstance(attributes, Mapping):
            what = f"{type(attributes).__name__} is given for the module {self.full_name}"
            raise ModuleError(format_error(what, where=path or self.class_name, hint="give a dict by name"))
        for name, value in attributes.items():
            full = f"{path}.{name}" if path else str(name)
            if name in self._registry:
                yield self, name, self._registry[name].accept(value, full)
            elif name in self._children:
                yield from self._children[name]._checked(value, full)
            else:
                known = ", ".join([*self._registry, *self._children]) or "nothing"
                what = f"{self.full_name} has no attribute {name!r}"
                raise ModuleError(format_error(what, where=full, hint=f"it has {known}"))

    def reset_state(self) -> Self:
        """Give every state of the tree its initial value; also drops the batch axis. Returns the module.

        Raises:
            TraceError: a step runs.
        """
        refuse_in_step("reset_state()", self.full_name, OUTSIDE_HINT)
        self._reset(State)
        for _, child in self._own_children({id(self)}):
            child.reset_state()
        return self

    def reset_parameters(self) -> Self:
        """Give every parameter of the tree its initial value; random ones are drawn anew. Returns the module.

        Raises:
            TraceError: a step runs.
        """
        refuse_in_step("reset_parameters()", self.full_name, OUTSIDE_HINT)
        self._reset(Parameter)
        for _, child in self._own_children({id(self)}):
            child.reset_parameters()
        return self

    def _reset(self, kind: type[RegisteredAttribute]) -> None:
        for name in self._registered_names(kind):
            self._registry[name].reset()

    # --- text -----------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        if "_registry" not in self.__dict__:
            return f"<{self.class_name}, not initialised>"
        return "\n".join(self._tree_lines(self.name, "", {id(self)}))

    def _tree_lines(self, name: str, indent: str, seen: set[int]) -> Iterator[str]:
        shown = f"{indent}{self.class_name}{f' {name!r}' if name else ''} with shape {self.shape}"
        below = [
            line
            for child_name, child in self._own_children(seen)
            for line in child._tree_lines(child_name, indent + "    ", seen)
        ]
        yield from [f"{shown} {{", *below, f"{indent}}}"] if below else [shown]
