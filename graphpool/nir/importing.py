"""From a NIR graph to a network."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphpool.errors import GraphpoolError, NirWarning, format_error
from graphpool.nir import layers
from graphpool.nir.graph import NEURON_FIELDS, NirGraph, NirNode
from graphpool.nir.memory import Memory
from graphpool.nir.neurons import NEURONS
from graphpool.nir.reading import read_nir
from graphpool.nir.recurrence import cyclic_delays, late_edges
from graphpool.nir.repairs import FlatGraph, flatten, refused
from graphpool.nir.semantics import Semantics, read_semantics
from graphpool.nir.timing import choose_dt, find_evidence
from graphpool.nn.combinators.network import Group, Network
from graphpool.parameters import Shape

STATE = 2
"""Arrays that a state is: what it starts as, and what it is."""

NEVER = float(np.finfo(np.float32).max)
"""A threshold that no membrane exceeds."""


class NirNetwork(Network):
    """A network that was read from NIR; see :func:`from_nir`."""

    def __init__(self, semantics: Semantics, dt: float, repairs: Iterable[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._semantics, self._dt, self._repairs = semantics, dt, tuple(repairs)

    _semantics: Semantics | None = None
    _dt: float = 0.0
    _repairs: tuple[str, ...] = ()

    @property
    def semantics(self) -> Semantics | None:
        """How its neurons make their steps."""
        return self._semantics

    @property
    def dt(self) -> float:
        """The time step in seconds that it was read with."""
        return self._dt

    @property
    def repairs(self) -> tuple[str, ...]:
        """What was mended in the file, a sentence each."""
        return self._repairs


def from_nir(
    source: Any,
    *,
    like: Any = None,
    dt: float | None = None,
    solver: str | None = None,
    current: str | None = None,
    synapse: str | None = None,
    gain: str | None = None,
    initial: str | None = None,
    compare: str | None = None,
    spikes: str | None = None,
    reset: str | None = None,
    delay: str | None = None,
    output_lag: int | None = None,
) -> NirNetwork:
    """A network from a NIR file, which steps as a framework would.

    Args:
        source: the path of a file, or a ``nir.NIRGraph``.
        like: the name of a preset: see :data:`graphpool.nir.PRESETS`; or a :class:`~graphpool.nir.Semantics`. A switch
            given beside it wins. ``"spyx"`` by name also reads recurrence as Spyx writes it.
        dt: the time step in seconds; by default what the file's metadata or parameters tell, if they do.
        solver: ``"euler"``, ``"exponential"`` or ``"exact"``.
        current: ``"new"`` or ``"old"``: which synaptic current enters the membrane.
        synapse: ``"input first"`` or ``"decay first"``.
        gain: ``"file"``, ``"membrane"`` or ``"one"``: whether r and w_in count.
        initial: ``"zero"`` or ``"leak"``: where membranes start.
        compare: ``">"`` or ``">="``.
        spikes: ``"one"`` or ``"many"`` in a step.
        reset: ``"value"``, ``"value-late"``, ``"subtract"``, ``"subtract-late"``, ``"spyx-subtract"`` or
            ``"snntorch-subtract"``.
        delay: ``"spikes"`` or ``"weights"``: where the one step of a recurrent edge sits.
        output_lag: 0 or 1: how late spikes leave a neuron. :data:`graphpool.nir.OPTIONS` explains each.

    Returns:
        A :class:`~graphpool.nn.combinators.Network`; names of nodes are names of its modules. ``net.repairs``,
        ``net.semantics`` and ``net.dt`` say how it was read. Parameters are float64.

    Raises:
        NirError: the file is damaged or hostile, or says or leaves open what cannot be run; names the node.
        TimeSeriesError: ``dt`` is no time step.
        MissingExtraError: h5py is not installed.
        OSError: the file cannot be read.

    Warns:
        NirWarning: the file was repaired, dt is inferred, or dt contradicts the file.
    """
    switches = {
        "solver": solver, "current": current, "synapse": synapse, "gain": gain, "initial": initial,
        "compare": compare, "spikes": spikes, "reset": reset, "delay": delay, "output_lag": output_lag,
    }  # fmt: skip
    semantics = read_semantics(like, switches)
    net, note = assemble(read_nir(source), semantics, dt, rewire=like == "spyx")
    if note:
        warnings.warn(NirWarning(format_error(note, where="from_nir")), stacklevel=2)
    if net.repairs:
        listed = [*net.repairs[:10], *([f"... {len(net.repairs) - 10} more"] if len(net.repairs) > 10 else [])]
        text = format_error("the graph was mended", where="from_nir", details=listed, hint="net.repairs has it all")
        warnings.warn(NirWarning(text), stacklevel=2)
    return net


def assemble(graph: NirGraph, semantics: Semantics, dt: Any, rewire: bool) -> tuple[NirNetwork, str]:
    """The network of a graph, and what has to be said of its time step."""
    flat = flatten(graph, rewire)
    step, note = choose_dt(dt, find_evidence(flat.nodes, flat.metadata, semantics.gain))
    repairs = list(flat.repairs)
    delayed = {name for name in cyclic_delays(flat) if _steps_of(flat, name, step) > 0}
    late = late_edges(flat, semantics, delayed)
    made = _Builder(flat, semantics, step, repairs, delayed).build()
    names = module_names(flat, repairs)
    net = NirNetwork(
        semantics,
        step,
        repairs,
        {names[name]: module for name, (module, _) in made.built.items()},
        [(names[source], names[target]) for source, target in flat.edges],
        inputs={names[name]: made.shapes[name] for name in flat.inputs},
        outputs=[names[name] for name in flat.outputs],
        late=[(names[source], names[target]) for source, target in late],
        shapes={names[name]: shape for name, shape in made.shapes.items()},
    )
    return net, note


def _steps_of(flat: FlatGraph, name: str, dt: float) -> int:
    return int(layers.delay_steps(name, flat.nodes[name].fields["delay"], dt).min(initial=layers.LONGEST_DELAY))


# --- shapes and modules -----------------------------------------------------------------------------------------------
class _Builder:
    """Makes the modules, in the order in which the shapes of their inputs become known."""

    def __init__(self, flat: FlatGraph, semantics: Semantics, dt: float, repairs: list[str], delayed: set[str]) -> None:
        self.flat, self.semantics, self.dt, self.repairs, self.delayed = flat, semantics, dt, repairs, delayed
        self.memory = Memory()
        self.built: dict[str, layers.Built] = {}
        self.shapes: dict[str, Shape] = {}
        self.following: dict[str, list[str]] = {}
        for source, target in flat.edges:
            self.following.setdefault(source, []).append(target)

    def build(self) -> _Builder:
        for name, node in self.flat.inputs.items():
            self.shapes[name] = self._input_shape(name, node)
            self.memory.take(name, self.shapes[name])
        open_ = list(reversed(self.flat.inputs))
        while open_:
            source = open_.pop()
            for target in reversed(self.following.get(source, [])):
                if target in self.flat.nodes and target not in self.built:
                    self._make(target, self.shapes[source])
                    open_.append(target)
        self._check()
        return self

    def _make(self, name: str, shape: Shape) -> None:
        node = self.flat.nodes[name]
        self.memory.take(name, shape, self._copies(name, node))
        try:
            self.built[name] = self._module(name, node, shape)
        except GraphpoolError:
            raise
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            raise refused(name, f"it cannot be made: {error}") from error
        self.shapes[name] = self.built[name][1]
        self.memory.take(name, self.shapes[name])

    def _copies(self, name: str, node: NirNode) -> int:
        """How many arrays of the shape of its sample a node holds at most: states, and parameters that fill it."""
        if node.type in NEURONS:
            return len(NEURONS[node.type].needs) + STATE * len(NEURONS[node.type].states)
        if node.type == "Delay":
            return int(layers.delay_steps(name, node.fields["delay"], self.dt).max(initial=0)) * STATE + 1
        return 1

    def _module(self, name: str, node: NirNode, shape: Shape) -> layers.Built:
        if node.type in NEURONS:
            return self._neuron(name, node, shape)
        if node.type == "Delay":
            return layers.build_delay(name, node, shape, self.dt, self.repairs, name in self.delayed)
        return layers.BUILDERS[node.type](name, node, shape)

    def _neuron(self, name: str, node: NirNode, shape: Shape) -> layers.Built:
        kind = NEURONS[node.type]
        values = {key: node.fields[key] for key in NEURON_FIELDS[node.type]}
        for key, default in (("v_reset", 0.0), ("w_in", 1.0)):
            if key in kind.needs:
                given = node.fields.get(key)
                values[key] = default if given is None else given
        fitted = {key: layers.fit(name, key, value, shape) for key, value in values.items()}
        if "v_threshold" in fitted:
            self._check_threshold(name, fitted)
        return kind(shape, fitted, self.dt, self.semantics), shape

    def _check_threshold(self, name: str, fitted: dict[str, Any]) -> None:
        threshold = fitted["v_threshold"]
        if self.semantics.spikes == "many" and not np.all(threshold > 0):
            what = f"'v_threshold' is {threshold.min()}, and as many spikes are wanted as fit into the membrane"
            raise refused(name, what, "thresholds are positive there; spikes='one' takes any")
        if np.any(threshold < -NEVER):
            raise refused(
                name, f"'v_threshold' is {threshold.min()}", "every membrane exceeds it: train or write it again"
            )
        if np.any(threshold > NEVER):
            # Subtracting no spike times infinity would give NaN.
            fitted["v_threshold"] = np.minimum(threshold, NEVER)
            shown = f"{threshold.max():.3g}"
            self.repairs.append(f"'v_threshold' of {name!r} is {shown}: {NEVER:.3g}, which no membrane exceeds either")

    # --- shapes -------------------------------------------------------------------------------------------------------
    def _input_shape(self, name: str, node: NirNode) -> Shape:
        given = node.fields.get("shape")
        declared = None if given is None else as_shape(name, given)
        for target in self.following.get(name, []):
            wanted = _wanted(target, self.flat.nodes[target], declared) if target in self.flat.nodes else None
            if wanted is not None and declared != wanted and (declared is None or _differs_in_ones(declared, wanted)):
                shown = "no shape" if declared is None else f"the shape {declared}"
                self.repairs.append(f"input {name!r} has {shown}: {wanted} as {target!r} takes it")
                return wanted
        if declared is None:
            raise refused(name, "the input has no shape, and nothing that it leads to tells one", "write its shape")
        return declared

    def _check(self) -> None:
        lost = [name for name in self.flat.nodes if name not in self.built]
        if lost:
            raise refused("", f"no input leads to {', '.join(map(repr, lost[:20]))}", "give them an edge")
        takes = {target: self.shapes[source] for source, target in reversed(self.flat.edges)}
        for source, target in self.flat.edges:
            if self.shapes[source] != takes[target]:
                what = f"{source!r} brings {self.shapes[source]}, another edge brings {takes[target]}"
                raise refused(target, what, "what adds up has one shape")
        for name, node in self.flat.outputs.items():
            self._compare_shape(name, node, takes[name], strict=True)
        for name, (node, before) in self.flat.passed.items():
            if before is not None:
                self._compare_shape(name, node, self.shapes[before], strict=False)

    def _compare_shape(self, name: str, node: NirNode, shape: Shape, strict: bool) -> None:
        given = node.fields.get("shape")
        declared = shape if given is None else as_shape(name, given)
        if declared == shape:
            return
        if strict and layers.bare(declared) != layers.bare(shape):
            raise refused(name, f"the output is said to be {declared}, and is {shape}", "write its shape anew")
        self.repairs.append(f"{node.type} {name!r} is said to be {declared}: it is {shape}")


def _differs_in_ones(one: Shape, other: Shape) -> bool:
    return layers.bare(one) == layers.bare(other)


def _wanted(name: str, node: NirNode, declared: Shape | None) -> Shape | None:
    """The shape of a sample as the parameters of a node have it; None where they leave it open."""
    axes = {"Conv1d": 2, "Conv2d": 3, "SumPool2d": 3, "AvgPool2d": 3}.get(node.type, 0)
    if axes and declared is not None and len(declared) > axes and set(declared[:-axes]) == {1}:
        return declared[-axes:]
    if node.type in ("Affine", "Linear"):
        weight = np.shape(node.fields["weight"])
        return weight[-1:] if len(weight) > 1 else None
    if node.type in NEURON_FIELDS:
        shapes = {key: np.shape(node.fields[key]) for key in NEURON_FIELDS[node.type]}
        try:
            shape = np.broadcast_shapes(*shapes.values())
        except ValueError:
            if declared is not None:
                return None  # what does not fit that is said where the neuron is made
            listed = ", ".join(f"{key} {found}" for key, found in shapes.items())
            raise refused(name, f"its parameters are of several shapes: {listed}", "one shape, or one value") from None
        return shape if np.prod(shape, dtype=int) != 1 else None
    return None


def as_shape(name: str, given: Any) -> Shape:
    """The shape that a file gives."""
    sizes = np.ravel(np.asarray(given))
    numbers = sizes.dtype.kind in "iuf" and sizes.size <= 8
    if not numbers or not np.all((sizes >= 1) & (sizes < 2**63) & (sizes == np.floor(sizes))):
        raise refused(name, f"the shape is {given!r}", "positive whole numbers, at most 8")
    return tuple(int(size) for size in sizes)


# --- names ------------------------------------------------------------------------------------------------------------
def module_names(flat: FlatGraph, repairs: list[str]) -> dict[str, str]:
    """What each node is called as a module: its own name wherever that can name an attribute."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    groups: set[str] = set()
    counts = Counter[str]()
    for name in [*flat.nodes, *flat.inputs, *flat.outputs]:
        parts = [_clean(part) for part in name.split(".")] if name in flat.nodes else [_clean(name)]
        above = {".".join(parts[:count]) for count in range(1, len(parts))}
        if above & taken:
            parts, above = ["_".join(parts)], set()
        wanted, leaf = ".".join(parts), parts[-1]
        while ".".join(parts) in taken or ".".join(parts) in groups:
            counts[wanted] += 1
            parts[-1] = f"{leaf}_{counts[wanted] + 1}"
        names[name] = ".".join(parts)
        taken.add(names[name])
        groups |= above
        if names[name] != name:
            repairs.append(f"node {name!r} is called {names[name]!r}")
    return names


def _clean(part: str) -> str:
    """A part of a name with letters, digits and underscores alone, and none that modules need themselves."""
    clean = re.sub(r"\W", "_", part) or "node"
    if clean.startswith("_"):
        clean = f"node{clean}"
    return f"{clean}_" if hasattr(NirNetwork, clean) or hasattr(Group, clean) else clean
