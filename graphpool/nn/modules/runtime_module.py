"""A compiled runtime as a module, so that it can stand in a tree of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from graphpool.errors import ModuleError, format_error
from graphpool.nested import flatten, nest
from graphpool.nn.evolving import recorded_series
from graphpool.nn.modules.module import Module
from graphpool.nn.stepping import refuse_in_step
from graphpool.parameters import Parameter, RegisteredAttribute, Shape, SimulationParameter, State


class RuntimeModule(Module):
    """A runtime with one input as a module: its parameters and states are those of the runtime.

    It is called what the runtime's class is called. Attributes of the runtime, and its parameters and states that are
    in no submodule, are reachable through it.

    Args:
        runtime: a :class:`~graphpool.runtimes.base.Runtime`.
        output_num: the output that counts, where there are several.

    Raises:
        ModuleError: the runtime has several inputs, or one whose sample is no vector.
    """

    dt: Any

    def __init__(self, runtime: Any, output_num: int = 0) -> None:
        signature = runtime.signature
        shapes = {port.name: port.type.shape for port in signature.inputs}
        if [len(shape) for shape in shapes.values()] != [1]:
            what = f"{signature.name} has the inputs {shapes}"
            raise ModuleError(format_error(what, hint="a timed model has one input, a vector at each step"))
        outputs = signature.outputs
        if not -len(outputs) <= output_num < len(outputs):
            raise ModuleError(f"output_num={output_num} of {len(outputs)} outputs")
        port, output = signature.inputs[0], outputs[output_num]
        size_out = output.type.shape[-1] if output.type.shape else 1
        super().__init__((*port.type.shape, size_out), port.kind == "event", output.kind == "event")
        self._runtime = runtime
        self._clock_out = output.clock
        if runtime.dt is not None:
            self.dt = SimulationParameter(runtime.dt)

    @property
    def runtime(self) -> Any:
        """The runtime."""
        return self._runtime

    @property
    def rows_a_step(self) -> int:
        """How many rows the output that counts has in each step."""
        return int(self._clock_out)

    @property
    def class_name(self) -> str:
        """The name of the runtime's class."""
        return type(self._runtime).__name__ if "_runtime" in self.__dict__ else super().class_name

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample of the input."""
        return {port.name: port.type.shape for port in self._runtime.signature.inputs}

    def evolve(self, input_data: Any, record: bool = False) -> tuple[Any, Any, Any]:
        """Run a whole evolution; see :meth:`graphpool.runtimes.base.Runtime.__call__`."""
        refuse_in_step("a compiled runtime", self.full_name, "compile the network with the module itself in it")
        result: tuple[Any, Any, Any] = self._runtime(input_data, record=record)
        return result

    def _wrap_recorded_state(self, recorded: dict[str, Any], clock: Any) -> dict[str, Any]:
        """The record, in which signals are time series."""
        wrapped = dict(flatten(recorded))
        for port in self._runtime.signature.records:
            if port.kind:
                wrapped[port.name] = recorded_series(wrapped[port.name], port.kind, clock, port.name.rpartition(".")[2])
        return nest(wrapped)

    def reset_state(self) -> Self:
        """Give every state its initial value."""
        self._runtime.reset_state()
        return self

    def reset_parameters(self) -> Self:
        """Give every parameter the value that it was compiled with."""
        self._runtime.reset_parameters()
        return self

    # --- the parameters and states of the runtime ---------------------------------------------------------------------
    def _nested(
        self,
        choose: Callable[[str, RegisteredAttribute], bool],
        keep_empty: bool,
        seen: set[int] | None = None,
    ) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        signature = self._runtime.signature
        sides = ((Parameter, signature.params, "parameters"), (State, signature.states, "state"))
        for kind, entries, values in sides:
            names = [one.name for one in entries if choose(one.name.rpartition(".")[2], _declared(kind, one.family))]
            if names:  # copying all parameters takes longer than a step
                found = dict(flatten(getattr(self._runtime, values)()))
                chosen |= {name: found[name] for name in names}
        return super()._nested(choose, keep_empty, seen) | nest(chosen)

    def _checked(self, attributes: Any, path: str) -> Iterator[tuple[Module, str, Any]]:
        own: dict[str, Any] = {}
        if isinstance(attributes, Mapping):
            own = {name: value for name, value in attributes.items() if name in self._registry}
            attributes = {name: value for name, value in attributes.items() if name not in own}
        self._runtime.copy().set_attributes(attributes)
        yield from super()._checked(own, path)
        yield self, "", attributes

    def _store(self, name: str, value: Any) -> None:
        if name:
            super()._store(name, value)
        else:
            self._runtime.set_attributes(value)

    def _holds(self, name: str) -> bool:
        """Whether a parameter or state of that name is in no submodule."""
        signature = self._runtime.signature
        return any(entry.name == name for entry in (*signature.params, *signature.states))

    def _read_missing(self, name: str) -> Any:
        if "_runtime" in self.__dict__ and not name.startswith("_"):
            if self._holds(name):
                return {**self._runtime.parameters(), **self._runtime.state()}[name]
            if hasattr(self._runtime, name):
                return getattr(self._runtime, name)
        return super()._read_missing(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_runtime" in self.__dict__ and self._holds(name):
            self._runtime.set_attributes({name: value})
        else:
            super().__setattr__(name, value)


def _declared(kind: type[RegisteredAttribute], family: str | None) -> RegisteredAttribute:
    """What a query asks for kind and family of."""
    declared = kind.__new__(kind)
    declared.family = family
    return declared
