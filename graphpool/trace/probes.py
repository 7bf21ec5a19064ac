"""Probes: values that ``compile(..., probes=[...])`` marks from outside, by name or glob.

What can be probed has a dotted name: ``<path>.output`` for what each module's step returns (``output.<i>`` where it
returns several), every recorded value, and every state. The root's path is empty.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from graphpool.errors import TargetError, format_error
from graphpool.graph import Graph, Record, Value
from graphpool.nested import join_path
from graphpool.trace.tracer import Tracer

SHOWN = 12
"""How many names an error lists."""


class ModuleOutputs:
    """What the steps of the modules of one trace have returned, by the names that probes know."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Value]] = {}
        self._calls: dict[str, int] = {}

    def note(self, path: str, result: Any) -> None:
        """Remember what a step has returned; a module that is stepped again has ``output_2`` and so on."""
        self._calls[path] = self._calls.get(path, 0) + 1
        stem = "output" if self._calls[path] == 1 else f"output_{self._calls[path]}"
        own = self._values.setdefault(path, {})
        if isinstance(result, Tracer):
            own[stem] = result.value
        elif isinstance(result, (tuple, list)):
            own |= {f"{stem}.{n}": item.value for n, item in enumerate(result) if isinstance(item, Tracer)}

    def forget(self, path: str) -> None:
        """Forget what the modules below a path have returned."""
        for held in (self._values, self._calls):
            for name in [name for name in held if name == path or name.startswith(f"{path}.")]:
                del held[name]

    def of(self, path: str, taken: Iterable[str]) -> Iterator[tuple[str, Value]]:
        """The names and values of a module; what it has registered or recorded itself under a name goes first."""
        held = set(taken)
        for name, value in self._values.get(path, {}).items():
            if name.partition(".")[0] not in held:
                yield join_path(path, name), value


def read_probes(probes: Sequence[str] | str) -> tuple[str, ...]:
    """Names and globs; a single one may stand alone.

    Raises:
        TargetError: something else than text.
    """
    given = (probes,) if isinstance(probes, str) else tuple(probes)
    for one in given:
        if not isinstance(one, str):
            raise TargetError(format_error(f"the probe {one!r} is no text", hint='probes=["1_LIF.output", "*vmem"]'))
    return given


def matches(name: str, probes: Sequence[str]) -> bool:
    """Whether one of the probes means a name."""
    return any(name == probe or fnmatchcase(name, probe) for probe in probes)


def check_probes(probes: Sequence[str], names: Sequence[str], where: str) -> None:
    """Check that every probe means something.

    Raises:
        TargetError: one does not; lists what comes closest.
    """
    for probe in probes:
        if not any(matches(name, [probe]) for name in names):
            close = difflib.get_close_matches(probe, names, SHOWN, cutoff=0.3) or list(names)[:SHOWN]
            more = f" and {len(names) - len(close)} more" if len(names) > len(close) else ""
            hint = f"there are {', '.join(close) or 'none'}{more}"
            raise TargetError(format_error(f"nothing is called {probe!r}, which is probed", where=where, hint=hint))


def probe_graph(graph: Graph, probes: Sequence[str]) -> Graph:
    """A graph that records the states that probes mean; its records it shows anyhow.

    Raises:
        TargetError: a probe means neither a record nor a state.
    """
    recorded = [record.name for record in graph.records]
    states = [state for state in graph.states if state.name not in recorded]
    check_probes(probes, [*recorded, *(state.name for state in states)], graph.name)
    more = tuple(Record(state.name, state.next) for state in states if matches(state.name, probes))
    return graph.replace(records=graph.records + more)
