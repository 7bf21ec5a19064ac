"""From a graph of graphs, as files hold it, to one flat graph; what has only one reading is mended and reported.

A graph inside a graph is entered by its Input and left by its Output; both vanish here, and what it holds gets its name
in front: ``lif`` in ``rlif`` is ``rlif.lif``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from graphpool.errors import NirError, format_error
from graphpool.nir.graph import FIELDS, MOST_EDGES, NEURON_FIELDS, SPIKING, Edge, NirGraph, NirNode

Nodes = dict[str, NirNode]


@dataclass
class FlatGraph:
    """One graph without graphs inside.

    Attributes:
        nodes: all nodes but inputs and outputs, by full name.
        edges: pairs of full names; a pair that stands twice counts twice.
        inputs: the Input nodes of the whole graph.
        outputs: its Output nodes.
        passed: Input and Output nodes of inner graphs, which are gone, with a node before each, if there is one.
        metadata: those of the whole graph.
        repairs: what was mended, a sentence each.
    """

    nodes: Nodes = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    inputs: Nodes = field(default_factory=dict)
    outputs: Nodes = field(default_factory=dict)
    passed: dict[str, tuple[NirNode, str | None]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)


def refused(where: str, what: str, hint: str = "") -> NirError:
    """The error about a node, or about the whole graph."""
    return NirError(format_error(what, where=f"node {where!r}" if where else "the NIR graph", hint=hint))


def flatten(graph: NirGraph, rewire: bool = False) -> FlatGraph:
    """The flat graph, repaired and checked.

    Args:
        graph: what was read.
        rewire: whether an input that leads to recurrent weights leads to their neuron: Spyx 1.0.0 writes it so.

    Raises:
        NirError: a node is of a type that NIR does not have (all such are named), lacks a field, or has one that is
            NaN or infinite; an edge leads to nowhere; an inner graph has several inputs or outputs.
    """
    _check_types(graph)
    flat = FlatGraph(metadata=dict(graph.metadata))
    _enter(flat, _prepared(flat, graph, "", rewire), "")
    _pass_through(flat)
    _complete_ends(flat)
    for name, node in flat.nodes.items():
        _check_fields(name, node)
    return flat


# --- types and fields -------------------------------------------------------------------------------------------------
def _each(graph: NirGraph, path: str = "") -> Iterable[tuple[str, NirNode]]:
    for name, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            yield from _each(node, f"{path}{name}.")
        else:
            yield path + name, node


def _check_types(graph: NirGraph) -> None:
    unknown = [f"{name!r} is a {node.type[:80]!r}" for name, node in _each(graph) if node.type not in FIELDS]
    if unknown:
        more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
        what = f"{len(unknown)} nodes are of unknown types: {', '.join(unknown[:20])}{more}"
        raise refused("", what, f"NIR has {', '.join(FIELDS)}")


def _check_fields(name: str, node: NirNode) -> None:
    missing = [key for key in FIELDS[node.type] if node.fields.get(key) is None]
    if missing:
        what = f"this {node.type} is without {', '.join(missing)}"
        raise refused(name, what, f"it has {', '.join(FIELDS[node.type])}")
    for key, value in node.fields.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            _check_finite(name, key, value)
        if key != "padding" and not isinstance(value, np.ndarray) and value is not None:
            raise refused(name, f"{key!r} is {str(value)[:80]!r}", "a number or an array")
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biuf":
            raise refused(name, f"{key!r} is of {value.dtype}", "numbers")
    if node.type in NEURON_FIELDS:
        _check_taus(name, node)


def _check_finite(name: str, key: str, value: Any) -> None:
    """A threshold may be infinite: what has one never spikes."""
    wrong = np.isnan(value) if key in ("threshold", "v_threshold") else ~np.isfinite(value)
    if wrong.any():
        kinds = {"NaN": np.isnan(value).any(), "infinite": (np.isinf(value) & wrong).any()}
        what = " or ".join(kind for kind, there in kinds.items() if there)
        count = f"{np.count_nonzero(wrong)} of {value.size} values of {key!r}"
        raise refused(name, f"{count} are {what}", "train or write it again")


def _check_taus(name: str, node: NirNode) -> None:
    for key in ("tau", "tau_mem", "tau_syn"):
        value = node.fields.get(key)
        if value is not None and not np.all(np.asarray(value) > 0):
            raise refused(name, f"{key!r} is {np.min(value)}", "time constants are positive seconds")


# --- inner graphs -----------------------------------------------------------------------------------------------------
def _prepared(flat: FlatGraph, graph: NirGraph, path: str, rewire: bool) -> NirGraph:
    """The graph, and all in it, mended."""
    graph = _with_short_names(NirGraph(dict(graph.nodes), graph.edges, graph.metadata), path)
    graph.edges = _mended(flat, graph, path)
    if rewire and path:
        graph.edges = _rewired(flat, graph, path)
    for name, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            graph.nodes[name] = _prepared(flat, node, f"{path}{name}.", rewire)
    return graph


def _enter(flat: FlatGraph, graph: NirGraph, path: str) -> None:
    """Add what a graph holds under its full names."""
    for name, node in graph.nodes.items():
        full = path + name
        if any(full in held for held in (flat.nodes, flat.passed, flat.inputs, flat.outputs)):
            raise refused(full, "two nodes have this name", "one in a graph inside, one beside it")
        if isinstance(node, NirGraph):
            _enter(flat, node, f"{full}.")
        elif node.type not in ("Input", "Output"):
            flat.nodes[full] = node
        elif path:
            flat.passed[full] = (node, None)
        else:
            (flat.inputs if node.type == "Input" else flat.outputs)[full] = node
    out = {name: _end(graph, path, name, "Output") for name in dict.fromkeys(source for source, _ in graph.edges)}
    into = {name: _end(graph, path, name, "Input") for name in dict.fromkeys(target for _, target in graph.edges)}
    flat.edges += [(out[source], into[target]) for source, target in graph.edges]


def _with_short_names(graph: NirGraph, path: str) -> NirGraph:
    """The graph, in which nodes that are called after it, ``rlif.lif`` in ``rlif``, are called ``lif``."""
    own = f"{path[:-1].rpartition('.')[2]}." if path else ""
    short = {name: name.removeprefix(own) for name in graph.nodes if own and name != own}
    if len(set(short.values())) < len(graph.nodes):
        return graph
    edges = [(short.get(source, source), short.get(target, target)) for source, target in graph.edges]
    return NirGraph({short[name]: node for name, node in graph.nodes.items()}, edges, graph.metadata)


def _rewired(flat: FlatGraph, graph: NirGraph, path: str) -> list[Edge]:
    """Inputs lead to the neuron behind recurrent weights rather than to the weights."""

    def kind(name: str) -> str:
        node = graph.nodes[name]
        return node.type if isinstance(node, NirNode) else ""

    edges, known = list(graph.edges), set(graph.edges)
    behind: dict[str, list[str]] = {}
    for weights, neuron in edges:
        if kind(weights) in ("Linear", "Affine") and kind(neuron) in SPIKING and (neuron, weights) in known:
            behind.setdefault(weights, []).append(neuron)
    for place, (source, weights) in enumerate(edges):
        neurons = behind.get(weights, [])
        if kind(source) == "Input" and len(neurons) == 1 and (source, neurons[0]) not in known:
            edges[place] = (source, neurons[0])
            known.add(edges[place])
            what = f"leads to the recurrent weights of {neurons[0]!r}: read as {source} -> {neurons[0]}"
            flat.repairs.append(f"{_edge(path, (source, weights))} {what}")
    return edges


def _end(graph: NirGraph, path: str, name: str, kind: str) -> str:
    """The full name of an end of an edge; of an inner graph, its Input or Output."""
    node = graph.nodes[name]
    while isinstance(node, NirGraph):
        ports = [port for port, inner in node.nodes.items() if isinstance(inner, NirNode) and inner.type == kind]
        if len(ports) != 1:
            what = f"an edge leads {'into' if kind == 'Input' else 'out of'} it, and it has the {kind}s {ports}"
            raise refused(path + name, what, f"an inner graph has one {kind}: an edge cannot say which")
        name, node = f"{name}.{ports[0]}", node.nodes[ports[0]]
    return path + name


def _mended(flat: FlatGraph, graph: NirGraph, path: str) -> list[Edge]:
    """The edges of a graph, each once, whose ends are there."""
    kept: dict[Edge, None] = {}
    mending = _Mending(flat, graph, path)
    for edge in graph.edges:
        ends = tuple(mending.known_end(edge, place) for place in (0, 1))
        if None in ends:
            continue
        mended = (str(ends[0]), str(ends[1]))
        if mended in kept:
            flat.repairs.append(f"{_edge(path, edge)} is there twice and counts once")
        kept[mended] = None
    return list(kept)


class _Mending:
    """The ends of the edges of one graph; adds an Input and an Output that are edges only."""

    def __init__(self, flat: FlatGraph, graph: NirGraph, path: str) -> None:
        self.flat, self.graph, self.path = flat, graph, path
        self.edges = set(graph.edges)
        self.ports: dict[str, list[str]] = {"Input": [], "Output": []}
        for name, node in graph.nodes.items():
            if isinstance(node, NirNode) and node.type in self.ports:
                self.ports[node.type].append(name)

    def known_end(self, edge: Edge, place: int) -> str | None:
        """The name of an end of an edge; None where the edge repeats one of the graph around."""
        name, nodes, said = edge[place], self.graph.nodes, _edge(self.path, edge)
        if name in nodes:
            return name
        own = self.path.rstrip(".").rpartition(".")[2]
        short = name.removeprefix(f"{own}.")
        if own and short != name and short in nodes:
            self.flat.repairs.append(f"{said} leads to {name!r}: read as {short!r}")
            return short
        kind = ("Input", "Output")[place]
        if name == kind.lower() and not self.ports[kind]:
            nodes[name] = NirNode(kind)
            self.ports[kind].append(name)
            self.flat.repairs.append(f"{said} leads to a node that is not there: {self.path + name!r} is the {kind}")
            return name
        if not self.repeats(edge, place):
            names = ", ".join(map(repr, list(nodes)[:20]))
            what = f"{said} leads to {name!r}, which is not there"
            raise refused(self.path.rstrip("."), what, f"there are {names}")
        return None

    def repeats(self, edge: Edge, place: int) -> bool:
        """Whether an inner edge that leads to a node around its graph says again what an Input or Output says."""
        other, kind = edge[1 - place], ("Input", "Output")[place]
        wanted = [(port, other) if place == 0 else (other, port) for port in self.ports[kind]]
        if not self.path or other not in self.graph.nodes or self.edges.isdisjoint(wanted):
            return False
        what = f"leads to {edge[place]!r}, which is not in it: left out, as the {kind} is joined to {other!r}"
        self.flat.repairs.append(f"{_edge(self.path, edge)} {what}")
        return True


def _edge(path: str, edge: Edge) -> str:
    inside = f" of {path[:-1]!r}" if path else ""
    return f"edge {edge[0]} -> {edge[1]}{inside}"


# --- ends -------------------------------------------------------------------------------------------------------------
def _pass_through(flat: FlatGraph) -> None:
    """Join what leads into an Input or Output of an inner graph to what it leads to."""
    into: dict[str, list[str]] = {name: [] for name in flat.passed}
    for source, target in flat.edges:
        if target in into:
            into[target].append(source)
    reads = {name: [source for source in sources if source in into] for name, sources in into.items()}
    try:
        order = list(TopologicalSorter(reads).static_order())
    except CycleError as error:
        what = f"the Inputs and Outputs of inner graphs form a cycle: {' -> '.join(error.args[1])}"
        raise refused(error.args[1][0], what, "put a neuron into it") from error
    found: dict[str, list[str]] = {}
    count = 0
    for name in order:
        count += sum(len(found.get(source, (source,))) for source in into[name])
        _check_joined(name, count)
        found[name] = [end for source in into[name] for end in found.get(source, (source,))]
        flat.passed[name] = (flat.passed[name][0], found[name][0] if found[name] else None)
    kept = [(source, target) for source, target in flat.edges if target not in into]
    for source, _ in kept:
        count += len(found.get(source, ()))
        _check_joined(source, count)
    flat.edges = [(end, target) for source, target in kept for end in found.get(source, (source,))]


def _check_joined(name: str, count: int) -> None:
    if count > MOST_EDGES:
        what = f"the edges through the Inputs and Outputs of inner graphs, up to here, stand for {count} edges"
        raise refused(name, what, f"at most {MOST_EDGES} are read")


def _complete_ends(flat: FlatGraph) -> None:
    """Inputs for nodes that nothing feeds, as the nir package gives them; outputs where there are none."""
    for source, target in flat.edges:
        if target in flat.inputs or source in flat.outputs:
            name, way = (target, "into an Input") if target in flat.inputs else (source, "out of an Output")
            raise refused(name, f"the edge {source} -> {target} leads {way}", "leave it out")
    fed = {target for _, target in flat.edges}
    names = {*flat.nodes, *flat.inputs, *flat.outputs}
    for name in [name for name in flat.nodes if name not in fed]:
        made = _free(f"input_{name}" if flat.inputs else "input", names)
        names.add(made)
        flat.inputs[made] = NirNode("Input")
        flat.edges.append((made, name))
        flat.repairs.append(f"nothing leads into {name!r}: it gets the input {made!r}")
    for name in [name for name in flat.outputs if name not in fed]:
        raise refused(name, "nothing leads into this output", "give it an edge")
    if not flat.outputs:
        left = {source for source, _ in flat.edges}
        for name in [name for name in flat.nodes if name not in left]:
            made = _free(f"output_{name}" if flat.outputs else "output", names)
            names.add(made)
            flat.outputs[made] = NirNode("Output")
            flat.edges.append((name, made))
            flat.repairs.append(f"there is no output: {name!r} leads to the output {made!r}")
    if not flat.inputs or not flat.outputs:
        raise refused("", "it has no input or no output", "add an Input and an Output")


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
