"""The registry of a module: its parameters, states, simulation parameters and submodules, read as attributes.

Their values lie in private dictionaries rather than among the instance's own attributes, so that each access
comes by here: under a trace it goes to the trace, inside a NumPy step it follows the rules of steps.
"""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Any, Self

import numpy as np

from graphpool.errors import ModuleError, ParameterError, StateError, TraceError, format_error
from graphpool.nn.stepping import in_numpy_step
from graphpool.parameters import (
    Parameter,
    RegisteredAttribute,
    SimulationParameter,
    State,
    active_trace,
    read_only,
    unwrap,
)

INTERNAL = frozenset({"_registry", "_children", "_name"})
"""Instance attributes that hold the registry itself."""

INIT_HINT = "call super().__init__(...) first in __init__"


class Registry:
    """What :class:`~graphpool.nn.modules.module.Module` knows of its attributes and its children."""

    _registry: dict[str, RegisteredAttribute]
    _children: dict[str, Self]
    _name: str

    def __init__(self) -> None:
        # Two base classes of a diamond may both come here; the second must not forget what the first did.
        if "_registry" not in self.__dict__:
            self.__dict__.update(_registry={}, _children={}, _name="")

    # --- names ----------------------------------------------------------------------------------------------
    @property
    def class_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def name(self) -> str:
        """The attribute that this module was assigned to; empty at the top."""
        return str(self.__dict__.get("_name", ""))

    @property
    def full_name(self) -> str:
        """Class and name, for example ``Linear '0_Linear'``; for messages."""
        return f"{self.class_name} {self.name!r}" if self.name else self.class_name

    def _where(self, name: str) -> str:
        return f"{self.name or self.class_name}.{name}"

    # --- what the tracer asks for ---------------------------------------------------------------------------
    def _output_name(self, number: int) -> str:
        """What an output is called, where there are several."""
        return f"output.{number}"

    def _registered(self, name: str) -> RegisteredAttribute | None:
        """The registered attribute of that name; its class is its kind."""
        return self._registry.get(name)

    def _registered_names(self, kind: type[RegisteredAttribute] | None = None) -> list[str]:
        """The names of the registered attributes of a kind, or of all, in the order of registration."""
        return [name for name, item in self._registry.items() if kind is None or isinstance(item, kind)]

    def _plain_attributes(self) -> dict[str, Any]:
        """The attributes that are neither registered nor submodules."""
        return {name: item for name, item in self.__dict__.items() if name not in INTERNAL}

    def modules(self) -> OrderedDict[str, Self]:
        """The direct children by name; a child that two attributes hold appears under both."""
        return OrderedDict(self._children)

    def _own_children(self, seen: set[int]) -> Iterator[tuple[str, Self]]:
        """The children that are not in ``seen``, which is filled: each child of a tree once."""
        for name, child in self._children.items():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def _walk(self, seen: set[int] | None = None) -> Iterator[Self]:
        """This module and everything below it, each once."""
        seen = {id(self)} if seen is None else seen
        yield self
        for _, child in self._own_children(seen):
            yield from child._walk(seen)

    def __copy__(self) -> Self:
        """A deep copy: two modules never share a state."""
        return copy.deepcopy(self)

    # --- reading --------------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        # Not self._registry: while unpickling there is none, and looking for it would come back here.
        attribute = self.__dict__.get("_registry", {}).get(name)
        if attribute is not None:
            return self._read(name, attribute)
        if name in self.__dict__.get("_children", {}):
            return self._children[name]
        return self._read_missing(name)

    def _read(self, name: str, attribute: RegisteredAttribute) -> Any:
        value = attribute.value
        if isinstance(attribute, SimulationParameter):
            return read_only(value) if isinstance(value, np.ndarray) else value
        hooks = active_trace.get()
        if hooks is not None:
            return hooks.read(self, name)
        return read_only(value) if isinstance(attribute, Parameter) and in_numpy_step() else value

    def _read_missing(self, name: str) -> Any:
        if hasattr(type(self), name):
            # A property of that name raised AttributeError: let it tell its own reason.
            return object.__getattribute__(self, name)
        hooks = active_trace.get()
        if hooks is not None:
            hooks.missing(self, name)
        if "_registry" not in self.__dict__:
            raise AttributeError(f"{self.class_name} has no attribute {name!r} yet\n    hint: {INIT_HINT}")
        known = ", ".join([*self._registry, *self._children]) or "nothing"
        raise AttributeError(f"{self.full_name} has no attribute {name!r}\n    hint: registered are {known}")

    def __dir__(self) -> list[str]:
        own = [*self.__dict__.get("_registry", {}), *self.__dict__.get("_children", {})]
        return sorted({*super().__dir__(), *own})

    # --- writing --------------------------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        hooks = active_trace.get()
        if hooks is not None:
            hooks.write(self, name, value)
        elif isinstance(value, RegisteredAttribute):
            self._register(name, value)
        elif isinstance(value, Registry):
            self._register_child(name, value)
        elif name in self.__dict__.get("_registry", {}):
            self._assign(name, value)
        elif name in self.__dict__.get("_children", {}):
            what = f"{value!r} is assigned to a submodule"
            raise self._refusal(name, what, "assign another module, or del it first")
        else:
            object.__setattr__(self, name, unwrap(value))

    def __delattr__(self, name: str) -> None:
        if active_trace.get() is not None or in_numpy_step():
            raise TraceError(format_error("an attribute is deleted inside a step", where=self._where(name)))
        if name in self.__dict__.get("_registry", {}):
            del self._registry[name]
        elif name in self.__dict__.get("_children", {}):
            self._released(name, self._children.pop(name))
        else:
            object.__delattr__(self, name)

    def _refusal(self, name: str, what: str, hint: str) -> ModuleError:
        return ModuleError(format_error(what, where=self._where(name), hint=hint))

    def _check_name(self, name: str) -> None:
        if "_registry" not in self.__dict__:
            raise self._refusal(name, "assigned before the module is initialised", INIT_HINT)
        if in_numpy_step():
            raise self._refusal(name, "registered inside a step", "register it in __init__")
        if not re.fullmatch(r"\w+", name):
            raise self._refusal(name, f"the name {name!r} cannot be used", "use letters, digits and underscores")
        if hasattr(type(self), name) or name in INTERNAL:
            raise self._refusal(name, f"{self.class_name} itself has an attribute {name!r}", "use another name")

    def _register(self, name: str, attribute: RegisteredAttribute) -> None:
        self._check_name(name)
        if name in self._registry or name in self._children:
            hint = f"assign a plain value, or del self.{name} first"
            raise self._refusal(name, f"a {attribute.kind} is assigned where one is registered already", hint)
        self.__dict__.pop(name, None)
        self._registry[name] = attribute.declared()

    def _register_child(self, name: str, child: Any) -> None:
        self._check_name(name)
        if name in self._registry:
            what = f"a module is assigned to a {self._registry[name].kind}"
            raise self._refusal(name, what, f"del self.{name} first")
        if any(module is self for module in child._walk()):
            raise self._refusal(name, f"{child.full_name} contains {self.full_name}", "modules form a tree")
        self.__dict__.pop(name, None)
        before = self._children.get(name)
        if id(child) not in map(id, self._children.values()):
            child._rename(name)
        self._children[name] = child
        if before is not None and before is not child:
            self._released(name, before)

    def _released(self, name: str, child: Self) -> None:
        """A child has lost an attribute that held it: an alias names it from now on, if there is one."""
        if child.name == name:
            child._rename(next((other for other, one in self._children.items() if one is child), ""))

    def _rename(self, name: str) -> None:
        self.__dict__["_name"] = name

    def _assign(self, name: str, value: Any) -> None:
        attribute = self._registry[name]
        if not in_numpy_step():
            attribute.value = attribute.accept(value, self._where(name))
            self._on_assigned({name})
        elif not isinstance(attribute, State):
            what, hint = (
                f"a {attribute.kind} is assigned inside a step",
                "a value that changes there is a State",
            )
            error = ParameterError if isinstance(attribute, Parameter) else ModuleError
            raise error(format_error(what, where=self._where(name), hint=hint))
        elif value is not attribute.value:
            # `self.v += x` ends in assigning the object that it has changed in place.
            attribute.value = attribute.accept_in_step(value, self._where(name))

    def _store(self, name: str, value: Any) -> None:
        """Give a registered attribute a value that it has accepted."""
        self._registry[name].value = value

    def _on_assigned(self, names: Collection[str]) -> None:
        """Called after registered attributes have been given new values outside of steps."""

    def _refuse_batched_states(self) -> None:
        for module in self._walk():
            for name, item in module._registry.items():
                if isinstance(item, State) and item.is_batched:
                    what = f"the state has the shape {item.value.shape}, one sample has {item.shape}"
                    hint = "step runs one sample: call reset_state() first"
                    raise StateError(format_error(what, where=module._where(name), hint=hint))

    # --- nested dictionaries --------------------------------------------------------------------------------
    def _nested(
        self,
        choose: Callable[[str, RegisteredAttribute], bool],
        keep_empty: bool,
        seen: set[int] | None = None,
    ) -> dict[str, Any]:
        """Copies of the chosen values: own ones first, then those of each child under its name."""
        seen = {id(self)} if seen is None else seen
        nested: dict[str, Any] = {n: item.exported() for n, item in self._registry.items() if choose(n, item)}
        for name, child in self._own_children(seen):
            below = child._nested(choose, keep_empty, seen)
            if below or keep_empty:
                nested[name] = below
        return nested
