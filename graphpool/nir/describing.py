"""What a NIR file holds, what is open in it, and how much that matters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphpool.errors import GraphpoolError, InputError, NirError, format_error
from graphpool.nested import flatten as leaves
from graphpool.nir.importing import NirNetwork, assemble
from graphpool.nir.reading import read_nir
from graphpool.nir.repairs import FlatGraph, flatten
from graphpool.nir.semantics import PRESETS
from graphpool.nir.timing import Evidence, find_evidence
from graphpool.timeseries.clock import read_dt

DENSITY = 0.25
"""Spikes a step of each channel of the random input."""

MOST_VALUES = 2**26
"""That one run may record."""


@dataclass(frozen=True)
class Description:
    """What :func:`describe` finds; printing it shows all of it.

    Attributes:
        repairs: what is mended in the file, a sentence each.
        evidence: what it says about the time step.
        dt: the time step that the presets were run with; None where it is not known.
        spikes: how many spikes each preset gives.
        apart: how many spikes two presets differ by, summed over neurons and steps.
        failed: why a preset cannot run it.
    """

    repairs: tuple[str, ...]
    evidence: Evidence
    dt: float | None
    spikes: Mapping[str, int] = field(default_factory=dict)
    apart: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    _lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines)

    __repr__ = __str__


def describe(source: Any, x: Any = None, *, dt: float | None = None, steps: int = 100, seed: int = 0) -> Description:
    """What a NIR file holds, what is mended in it, and how far the presets are apart on it.

    Args:
        source: the path of a file, or a ``nir.NIRGraph``.
        x: an input ``(T, *sample)`` or ``(B, T, *sample)``, a dict of them where there are several; by default random
            spikes, a quarter of all.
        dt: the time step in seconds; by default what the file tells.
        steps: how long the random input is.
        seed: of the random input.

    Returns:
        A :class:`Description`; ``print`` it.

    Raises:
        NirError: the file is damaged or hostile, or ``steps`` is no number of them.
        InputError: the input does not fit.
        TimeSeriesError: ``dt`` is no time step.
        MissingExtraError: h5py is not installed.
    """
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise NirError(format_error(f"steps={steps!r}", where="describe", hint="a whole number from 1 on"))
    graph = read_nir(source)
    flat = flatten(graph)
    evidence = find_evidence(flat.nodes, flat.metadata)
    step = evidence.dt if dt is None else read_dt(dt, "describe")
    shown: NirNetwork | None = None
    runs, failed = {}, {}
    for name, semantics in PRESETS.items():
        try:
            net, _ = assemble(graph, semantics, step, rewire=name == "spyx")
            shown = net if shown is None else shown
            runs[name] = _spikes(net, x, int(steps), seed)
        except InputError:
            raise
        except GraphpoolError as error:
            failed[name] = str(error).splitlines()[0]
    spikes = {name: int(sum(np.abs(array).sum() for array in found.values())) for name, found in runs.items()}
    apart = {(one, other): _apart(runs[one], runs[other]) for one in runs for other in runs if one != other}
    repairs = flat.repairs if shown is None else shown.repairs
    lines = [*_graph_lines(flat, shown), *_repair_lines(repairs), *_time_lines(evidence, step)]
    lines += [*_preset_lines(spikes, apart, any(runs.values())), *_failure_lines(failed)]
    return Description(tuple(repairs), evidence, step, spikes, apart, failed, tuple(lines))


def _spikes(net: NirNetwork, x: Any, steps: int, seed: int) -> dict[str, Any]:
    """The spikes of each neuron, by the name of its module, for an input or a random one."""
    if x is not None:
        ranks = {name: len(shape) for name, shape in net.input_shapes.items()}
        given = x if isinstance(x, Mapping) else dict.fromkeys(ranks, x)
        steps = max(
            (math.prod(np.shape(item)[: -ranks.get(name, 0) or None]) for name, item in given.items()), default=0
        )
    values = steps * _values_of_a_step(net)
    if values > MOST_VALUES:
        what = f"a run of {steps} steps has {values} values: more than {MOST_VALUES} are not recorded"
        raise NirError(format_error(what, where="describe"))
    _, _, record = net(_random_input(net, steps, seed) if x is None else x, record=True)
    found = {name: net.recorded(name, record) for name in net.order if net[name].spiking_output}
    endless = [name for name, array in found.items() if not np.isfinite(array).all()]
    if endless:
        raise NirError(format_error(f"node {endless[0]!r} comes to have endless spikes", where="describe"))
    return found


def _values_of_a_step(net: NirNetwork) -> int:
    """How many values go in and are recorded in one step."""
    x = _random_input(net, 1, 0)
    _, _, record = net(x, record=True)
    net.reset_state()
    given = sum(np.size(item) for item in (x.values() if isinstance(x, dict) else [x]))
    return int(given + sum(np.size(item) for _, item in leaves(record)))


def _random_input(net: NirNetwork, steps: int, seed: int) -> Any:
    draws = np.random.default_rng(seed)
    made = {name: (draws.random((steps, *shape)) < DENSITY) * 1.0 for name, shape in net.input_shapes.items()}
    return made if len(made) > 1 else next(iter(made.values()))


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    return int(sum(np.abs(one[name] - other[name]).sum() for name in one if name in other))


# --- text -------------------------------------------------------------------------------------------------------------
def _graph_lines(flat: FlatGraph, net: NirNetwork | None) -> Iterator[str]:
    counts = {"nodes": flat.nodes, "edges": flat.edges, "inputs": flat.inputs, "outputs": flat.outputs}
    yield f"NIR graph: {', '.join(f'{name}: {len(held)}' for name, held in counts.items())}"
    if net is not None:
        yield from str(net).splitlines()[1:-1]
    else:
        yield from (f"    {name}: {node.type}" for name, node in flat.nodes.items())
        yield from (f"    {source} -> {target}" for source, target in flat.edges)


def _repair_lines(repairs: Any) -> Iterator[str]:
    yield "mended: nothing" if not repairs else "mended:"
    yield from (f"    {repair}" for repair in repairs)


def _time_lines(evidence: Evidence, dt: float | None) -> Iterator[str]:
    shown = "not known" if dt is None else f"{dt!r} s"
    against = evidence.against
    more = "" if against is None else f"; against it: {against.reason}, which means {against.dt!r} s"
    yield f"time step: {shown}; evidence: {evidence.reason}{more}"


def _preset_lines(spikes: Mapping[str, int], apart: Mapping[tuple[str, str], int], spiking: bool) -> Iterator[str]:
    if spikes and not spiking:
        yield "no node gives spikes that presets could differ by"
    elif spikes:
        yield "spikes of all neurons, and how many of them two presets differ by:"
        rows = [["", "spikes", *spikes]]
        rows += [[one, _short(spikes[one]), *(_short(apart.get((one, other))) for other in spikes)] for one in spikes]
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        for first, *others in rows:
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            yield f"    {'  '.join([first.ljust(widths[0]), *cells])}".rstrip()


def _short(count: int | None) -> str:
    if count is None:
        return "-"
    return str(count) if count < 10**7 else f"{count:.2e}"


def _failure_lines(failed: Mapping[str, str]) -> Iterator[str]:
    """The reasons, each once, with all presets that it stops."""
    for reason in dict.fromkeys(failed.values()):
        names = [name for name, why in failed.items() if why == reason]
        subject = "no preset can" if len(names) == len(PRESETS) else f"{', '.join(names)} cannot"
        yield f"{subject} run it: {reason}"
