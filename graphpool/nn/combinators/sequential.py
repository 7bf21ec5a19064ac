r"""Modules one after the other.

.. math:: y = f_n(\ldots f_2(f_1(x)))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.nn.evolving import recorded_series
from graphpool.nn.modules.module import Module
from graphpool.nn.modules.timekeeper import Timekeeper
from graphpool.parameters import Shape, is_integer


class Sequential(Module):
    """A chain of modules: each takes the output of the one before it.

    The children are the chain. They are named ``0_Linear``, ``1_Rate``, ...; records: ``<name>_output`` of each, which
    is a time series where the chain is timed. Children are reached by attribute, by position or by name: ``seq[0]``,
    ``seq[-1]``, ``seq["0_Linear"]``; a slice is a chain of the same children.

    Args:
        *modules: the modules; the first may be a dict of named ones instead. The others are named by their
            position among the arguments and their class.

    Raises:
        ModuleError: something is no module, a name is taken, neighbours differ in size, or an argument is
            given by keyword: the shape and the kinds of ports are those of the first and the last module.
    """

    def __init__(self, *modules: Module | Mapping[str, Module], **kwargs: Any) -> None:
        super().__init__(shape=(0, 0))
        if kwargs:
            hint = "shape, spiking_input and spiking_output follow from the modules"
            raise self._refused(f"Sequential takes no argument {', '.join(map(repr, kwargs))}", hint)
        for position, item in enumerate(modules):
            if position == 0 and isinstance(item, Mapping):
                for name, module in item.items():
                    self.append(module, name)
            else:
                self.append(item, f"{position}_{type(item).__name__}")

    # --- what it is: its ends -------------------------------------------------------------------------------
    @property
    def shape(self) -> Shape:
        """Inputs of the first and outputs of the last module; ``(0, 0)`` when empty, ``()`` if unknown."""
        if not self._children:
            return (0, 0)
        size_in, size_out = self[0].size_in, self[-1].size_out
        return () if size_in is None or size_out is None else (size_in, size_out)

    @property
    def runtime_target(self) -> str:  # type: ignore[override]  # of each chain, not of the class
        """The target of a call: that of the modules; JAX where some are for JAX."""
        return next((one.runtime_target for one in self if one.runtime_target != "numpy"), "numpy")

    @property
    def spiking_input(self) -> bool:
        """Whether the first module takes events."""
        return bool(self._children) and bool(self[0].spiking_input)

    @property
    def spiking_output(self) -> bool:
        """Whether the last module gives events."""
        return bool(self._children) and bool(self[-1].spiking_output)

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample: that of the first module's input.

        Raises:
            ModuleError: the chain is empty, or its first module does not have exactly one input of a known
                shape.
        """
        if not self._children:
            raise self._refused("an empty Sequential passes any shape on", "append a module")
        shapes = self[0].input_shapes
        if len(shapes) != 1:
            raise self._refused(f"{self[0].full_name} has the inputs {list(shapes)}", "a chain has one input")
        return {"x": next(iter(shapes.values()))}

    # --- running --------------------------------------------------------------------------------------------
    def step(self, x: Any) -> Any:
        """Pass one sample through all modules."""
        for name, module in self.modules().items():
            x = module.step(x)
            self._record(f"{name}_output", x, _kind(module))
        return x

    def _wrap_recorded_state(self, recorded: dict[str, Any], clock: Any) -> dict[str, Any]:
        """The record, in which what each module of the chain returned is a time series."""
        wrapped = super()._wrap_recorded_state(recorded, clock)
        for child, module in self.modules().items():
            name = f"{child}_output"
            array = wrapped.get(name)
            if array is not None and np.ndim(array) == 3:
                wrapped[name] = recorded_series(array, _kind(module), clock, name)
        return wrapped

    # --- the chain ------------------------------------------------------------------------------------------
    def append(self, mod: Any, name: str | None = None) -> None:
        """Add a module at the end.

        Args:
            mod: the module.
            name: its name; by default its position and class, ``2_Linear``.

        Raises:
            ModuleError: it is no module, the name is taken, or its size does not fit.
        """
        name = f"{len(self)}_{type(mod).__name__}" if name is None else name
        if not isinstance(mod, Module):
            hint = "a dict of named modules comes first" if isinstance(mod, Mapping) else "give modules"
            raise self._refused(f"{mod!r} is no module", hint)
        if name in self._children:
            raise self._refused(f"there is a module {name!r} already", "give another name: append(mod, name=...)")
        setattr(self, name, mod)

    def _register_child(self, name: str, child: Any) -> None:
        if isinstance(child, Timekeeper):
            what, hint = f"{child.full_name} is timed", "chain modules and time the chain, or write a TimedModule"
            raise self._refused(what, hint)
        chain = {**self._children, name: child} if "_children" in self.__dict__ else {}
        names = list(chain)
        for first, second in zip(names, names[1:], strict=False):
            size_out, size_in = chain[first].size_out, chain[second].size_in
            if name in (first, second) and None not in (size_out, size_in) and size_out != size_in:
                raise self._refused(
                    f"{first!r} has {size_out} outputs, {second!r} has {size_in} inputs",
                    "neighbours have the same size",
                )
        super()._register_child(name, child)

    def _refused(self, what: str, hint: str) -> ModuleError:
        return ModuleError(format_error(what, where=self.full_name, hint=hint))

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._children.values()))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Sequential(dict(list(self._children.items())[key]))
        if isinstance(key, str):
            if key not in self._children:
                raise KeyError(f"{self.full_name} has no module {key!r}; it has {', '.join(self._children)}")
            return self._children[key]
        if not is_integer(key):
            raise TypeError(f"{self.full_name} is indexed by position, name or slice, not by {key!r}")
        if not -len(self) <= key < len(self):
            raise IndexError(f"{self.full_name} has {len(self)} modules, there is none at {key}")
        return list(self._children.values())[key]


def _kind(module: Module) -> str:
    """The kind of what a module returns, as ports have it."""
    return "event" if module.spiking_output else "continuous"
