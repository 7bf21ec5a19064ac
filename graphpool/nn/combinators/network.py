r"""Modules wired in any way.

.. math:: x_b(t) = \sum_{(a, b)} y_a(t) + \sum_{(a, b)\ late} y_a(t - 1)

What enters a module is the sum of what its edges bring; a late edge brings what its source gave one step before, 0 at
first. A late edge is a state, so that it shows in the graph, and cycles have to pass through one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.nn.modules.module import Module
from graphpool.parameters import Shape, State, read_shape

Edge = tuple[str, str]

LATE = "late"
"""The end of the name of the state of a late edge."""


class Group(Module):
    """Holds modules under a name of their own, for the network that runs them."""

    def step(self, *inputs: Any) -> Any:
        """A group has no step of its own: the network steps what it holds."""
        raise self._has_no_step()


class Network(Module):
    """Named modules and the edges between them.

    ``Network({"fc": Linear((2, 8)), "lif": LIF(8)}, [("input", "fc"), ("fc", "lif"), ("lif", "output")])`` is a chain;
    several edges into a module add up, and one module may feed many. Modules with several outputs or inputs are none of
    its: they are called with one value and give one.

    A name may have dots: ``"a.lif"`` is the child ``lif`` of a :class:`Group` called ``a``. States: one for each source
    of late edges, ``<source>_late``, of the shape of what the source gives, initially 0. Records:
    ``<name>_output``, what each module gave in this step.

    Args:
        modules: the modules by name: letters, digits and underscores, with dots between the names of groups.
        edges: pairs of names (source, target). A pair that is given twice counts twice.
        inputs: the names of the inputs, or a dict of the shape of one sample of each; a shape that is not given is
            that of the input of a module that the input leads to.
        outputs: the names of the outputs, in the order in which ``step`` returns them. Of several, a run calls them
            ``output.<name>``.
        late: those of the edges that bring what their source gave one step before.
        shapes: the shapes of what modules give, by name, for late edges out of modules that do not tell it by
            their ``size_out``.

    Raises:
        ModuleError: a name is taken or cannot be used, an edge leads to nowhere, something has no edge into it, the
            shape of an input or of a late edge is not known, or modules form a cycle without a late edge; the
            message names the cycle. In ``step``: edges into one module bring different shapes.
    """

    _edges: tuple[Edge, ...] = ()
    _late: tuple[Edge, ...] = ()
    _outputs: tuple[str, ...] = ()
    _order: tuple[str, ...] = ()
    _inputs: Mapping[str, Any] = MappingProxyType({})
    _records: Mapping[str, str] = MappingProxyType({})
    _held: Mapping[str, str] = MappingProxyType({})
    _into: Mapping[str, Sequence[tuple[str, bool]]] = MappingProxyType({})

    def __init__(
        self,
        modules: Mapping[str, Module],
        edges: Iterable[Edge],
        inputs: str | Sequence[str] | Mapping[str, Any] = "input",
        outputs: str | Sequence[str] = "output",
        late: Iterable[Edge] = (),
        shapes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(modules, Mapping):
            raise self._refused(f"the modules are a {type(modules).__name__}", "give a dict of them by name")
        self._edges = self._read_edges(edges)
        self._late = self._read_edges(late)
        self._outputs = tuple(_listed(outputs))
        self._check_wiring(_listed(inputs), list(modules), shapes or {})
        self._inputs = dict(inputs) if isinstance(inputs, Mapping) else dict.fromkeys(_listed(inputs))
        self._into = self._read_into()
        for name, module in modules.items():
            self._add(name, module)
        self._order = self._sorted()
        self._records = {name: self._free(name, f"{_split(name)[1]}_output") for name in self._order}
        self._inputs = {name: self._input_shape(name, shape) for name, shape in self._inputs.items()}
        self._held = self._declare_late(dict(shapes or {}))

    # --- what it is -----------------------------------------------------------------------------------------
    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges, (source, target), late ones included."""
        return self._edges

    @property
    def late(self) -> tuple[Edge, ...]:
        """The edges that bring what their source gave one step before."""
        return self._late

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the order of the arguments of ``step``."""
        return tuple(self._inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in the order in which ``step`` returns them."""
        return self._outputs

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample of each input, by name."""
        return dict(self._inputs)

    @property
    def shape(self) -> Shape:
        """Channels of the one input and of the one output, where samples have one axis; else ``()``."""
        shapes = list(self._inputs.values())
        if len(shapes) != 1 or len(self._outputs) != 1 or shapes[0] is None or len(shapes[0]) != 1:
            return ()
        sources = self._sources(self._outputs[0])
        sizes = {shapes[0][-1] if name in self._inputs else self[name].size_out for name in sources}
        return (shapes[0][0], sizes.pop()) if len(sizes) == 1 and None not in sizes else ()

    @property
    def spiking_input(self) -> bool:
        """Whether all modules that an input leads to take events."""
        fed = [target for source, target in self._edges if source in self._inputs and target not in self._outputs]
        return bool(fed) and all(self[name].spiking_input for name in fed)

    @property
    def spiking_output(self) -> bool:
        """Whether all outputs are events."""
        sources = [name for output in self._outputs for name in self._sources(output)]
        return all(name not in self._inputs and self[name].spiking_output for name in sources)

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the modules, in the order in which they step."""
        return self._order

    def recorded(self, name: str, record: Mapping[str, Any]) -> Any:
        """What a module gave, of a record that a run of the network returned.

        Args:
            name: of the module.
            record: the nested dict.
        """
        group, _ = _split(name)
        for part in group.split(".") if group else ():
            record = record[part]
        return record[self._records[name]]

    def _port_names(self) -> list[str]:
        return list(self._inputs)

    def _output_name(self, number: int) -> str:
        return f"output.{self._outputs[number]}"

    def __getitem__(self, name: str) -> Any:
        found: Any = self
        for part in name.split("."):
            found = found._children.get(part)
            if found is None:
                raise KeyError(f"{self.full_name} has no module {name!r}; it has {', '.join(self._order)}")
        return found

    # --- running --------------------------------------------------------------------------------------------
    def step(self, *inputs: Any) -> Any:
        """Take one sample of each input; returns one of each output, as a tuple where there are several."""
        if len(inputs) != len(self._inputs):
            what, hint = f"step is given {len(inputs)} inputs", f"in this order: {', '.join(self._inputs)}"
            raise self._refused(what, hint)
        given = dict(zip(self._inputs, inputs, strict=True))
        for name in self._order:
            given[name] = self[name].step(self._arriving(name, given))
            self._owner(name).record(self._records[name], given[name])
        results = tuple(self._arriving(name, given) for name in self._outputs)
        for source, state in self._held.items():
            setattr(self, state, given[source])
        return results if len(results) > 1 else results[0]

    def _arriving(self, target: str, given: Mapping[str, Any]) -> Any:
        """The sum of what the edges into a module, or into an output, bring."""
        brought = [getattr(self, self._held[source]) if late else given[source] for source, late in self._into[target]]
        total = brought[0]
        for item, (source, _) in zip(brought[1:], self._into[target][1:], strict=True):
            if np.shape(item) != np.shape(total):
                first = self._into[target][0][0]
                what = f"{first} -> {target} brings {np.shape(total)}, {source} -> {target} brings {np.shape(item)}"
                raise self._refused(what, "what adds up has one shape")
            total = total + item
        return total

    # --- building -------------------------------------------------------------------------------------------
    def _read_edges(self, edges: Iterable[Any]) -> tuple[Edge, ...]:
        if not isinstance(edges, Iterable):
            raise self._refused(f"the edges are {edges!r}", "give pairs of names: (source, target)")
        listed = list(edges)
        for edge in listed:
            pair = isinstance(edge, (tuple, list)) and len(edge) == 2
            if not pair or not all(isinstance(end, str) for end in edge):
                raise self._refused(f"{edge!r} is no edge", "give pairs of names: (source, target)")
        return tuple((str(source), str(target)) for source, target in listed)

    def _check_wiring(self, inputs: list[str], modules: list[str], shapes: Iterable[str]) -> None:
        ends = [*inputs, *modules, *self._outputs]
        unnamed = [name for name in ends if not isinstance(name, str)]
        if unnamed:
            raise self._refused(f"{unnamed[0]!r} is no name", "names are text")
        twice = [name for name, count in Counter(ends).items() if count > 1]
        if twice:
            hint = "inputs, modules and outputs have names of their own"
            raise self._refused(f"{_names(twice)} names two things", hint)
        sources, targets = {*inputs, *modules}, {*modules, *self._outputs}
        for source, target in self._edges:
            for name, allowed, role in ((source, sources, "out of"), (target, targets, "into")):
                if name not in allowed:
                    what = f"the edge {source} -> {target} leads {role} {name!r}"
                    raise self._refused(what, f"there are {_names(sorted(allowed))}")
        known = set(self._edges)
        unknown = [f"{source} -> {target}" for source, target in self._late if (source, target) not in known]
        if unknown:
            raise self._refused(f"late edges that are none of the edges: {', '.join(unknown)}", "list them in both")
        odd = [name for name in shapes if name not in sources]
        if odd:
            raise self._refused(f"a shape is given for {_names(odd)}", f"there are {_names(sorted(sources))}")
        fed = {target for _, target in self._edges}
        idle = [name for name in [*modules, *self._outputs] if name not in fed]
        if idle:
            raise self._refused(f"no edge leads into {_names(idle)}", "give it one, or leave it out")
        if not inputs or not self._outputs:
            raise self._refused("there is no input or no output", "name at least one of each")

    def _read_into(self) -> dict[str, list[tuple[str, bool]]]:
        """The sources of the edges into each module and output, and whether the edge is late."""
        late, into = set(self._late), dict[str, list[tuple[str, bool]]]()
        for source, target in self._edges:
            into.setdefault(target, []).append((source, (source, target) in late))
        return into

    def _add(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise self._refused(f"{module!r} is no module", f"give a module for {name!r}")
        owner: Any = self
        *groups, leaf = name.split(".")
        for group in groups:
            if group not in owner._children:
                setattr(owner, group, Group())
            owner = owner._children[group]
            if not isinstance(owner, Group):
                raise self._refused(f"{name!r} lies in a module that is no group", "give one of them another name")
        if leaf in owner._children:
            raise self._refused(f"{name!r} is a group already", "give it another name")
        setattr(owner, leaf, module)

    def _sorted(self) -> tuple[str, ...]:
        """The modules in an order in which each comes after those that it reads in the same step."""
        reads = {
            target: [source for source, late in sources if not late and source not in self._inputs]
            for target, sources in self._into.items()
        }
        try:
            order = tuple(TopologicalSorter(reads).static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
            hint = "a cycle needs an edge that brings what its source gave one step before: late=[(source, target)]"
            raise self._refused(f"the modules form a cycle within one step: {cycle}", hint) from error
        return tuple(name for name in order if name not in self._outputs)

    def _declare_late(self, shapes: dict[str, Any]) -> dict[str, str]:
        """A state for each source of late edges; their names by the source."""
        held: dict[str, str] = {}
        recorded = set(self._records.values())
        for source, _ in self._late:
            if source in held:
                continue
            shape = shapes.get(source, self._given_shape(source))
            if shape is None:
                what = f"the shape of what {source!r} gives is not known, and a late edge leads out of it"
                raise self._refused(what, f"shapes={{{source!r}: ...}}")
            name = self._free("", f"{source.replace('.', '_')}_{LATE}", recorded)
            setattr(self, name, State(shape=read_shape(shape, f"shapes[{source!r}]"), init_func=np.zeros))
            held[source] = name
        return held

    def _given_shape(self, name: str) -> Shape | None:
        if name in self._inputs:
            shape: Shape | None = self._inputs[name]
            return shape
        size = self[name].size_out
        return None if size is None else (size,)

    def _input_shape(self, name: str, shape: Any) -> Shape:
        if shape is not None:
            return read_shape(shape, f"{self.full_name}: the shape of input {name!r}")
        for source, target in self._edges:
            if source == name and target not in self._outputs:
                found = self[target].input_shapes
                return next(iter(found.values()))
        raise self._refused(f"the shape of input {name!r} is not known", f"inputs={{{name!r}: ...}}")

    def _free(self, module: str, name: str, taken: Collection[str] = ()) -> str:
        """A name for a record or a state beside a module that nothing has yet."""
        owner = self._owner(module) if module else self
        while any(name in held for held in (owner._registry, owner._children, taken)) or hasattr(type(owner), name):
            name += "_"
        return name

    def _owner(self, name: str) -> Any:
        """What holds a module: the network, or a group."""
        group, _ = _split(name)
        return self[group] if group else self

    def _sources(self, target: str) -> list[str]:
        return [source for source, _ in self._into[target]]

    def _refused(self, what: str, hint: str) -> ModuleError:
        return ModuleError(format_error(what, where=self.full_name, hint=hint))

    # --- text -----------------------------------------------------------------------------------------------
    def _tree_lines(self, name: str, indent: str, seen: set[int]) -> Iterator[str]:
        *lines, end = list(super()._tree_lines(name, indent, seen))
        yield from lines
        order = [*self._inputs, *self._order]
        places = {source: place for place, source in enumerate(order)}
        for source, target in sorted(self._edges, key=lambda edge: places.get(edge[0], 0)):
            late = (source, True) in self._into[target]
            note = f", one step late: state {self._held.get(source)}" if late else ""
            yield f"{indent}    {source} -> {target}{note}"
        yield end


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _split(name: str) -> tuple[str, str]:
    group, _, leaf = name.rpartition(".")
    return group, leaf


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
