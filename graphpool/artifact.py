"""What compilers make and runtimes run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphpool.graph import SAMPLE, Graph, Literal, TensorType, Value
from graphpool.plan import Emit, Plan

FORMAT_VERSION = 1
"""The version of the signature, as stored in files."""


@dataclass(frozen=True)
class PortSignature:
    """An input or an output: the type of one sample at one step, and ``continuous`` or ``event``.

    An output with a ``clock`` of k > 1 has k rows a step, ``(k, N)``: one for each sub-step.
    """

    name: str
    type: TensorType
    kind: str = "continuous"
    clock: int = 1

    def __str__(self) -> str:
        return f"{self.name}: {self.type} {self.kind}" + (f", {self.clock} rows a step" if self.clock > 1 else "")


@dataclass(frozen=True)
class StateSignature:
    """A state by its dotted path, and what a reset gives it."""

    name: str
    type: TensorType
    init: Literal
    family: str | None = None


@dataclass(frozen=True)
class ParamSignature:
    """A parameter by its dotted path."""

    name: str
    type: TensorType
    family: str | None = None


@dataclass(frozen=True)
class Signature:
    """The face of a compiled model.

    Attributes:
        name: the name of the model.
        dt: the time step in seconds, or None.
        inputs, outputs, states, params: the ports, in order. An ``.onnx`` file has no parameters to set.
        records: the values that ``record=True`` returns; the kind of those that are no signals is ``""``.
        takes_sample: whether a run has noise, which depends on the number of the sample.
        emit: ``"each"``: outputs are ``(B, T, *sample)``; ``"last"``: ``(B, *sample)``, of the last step.
        format_version: the version of this layout.
    """

    name: str
    dt: float | None
    inputs: tuple[PortSignature, ...]
    outputs: tuple[PortSignature, ...]
    states: tuple[StateSignature, ...]
    params: tuple[ParamSignature, ...] = ()
    records: tuple[PortSignature, ...] = ()
    takes_sample: bool = False
    emit: Emit = "each"
    format_version: int = FORMAT_VERSION


def signature_of(graph: Graph, emit: Emit = "each") -> Signature:
    """The signature of a graph."""
    return Signature(
        name=graph.name,
        dt=graph.dt,
        inputs=tuple(PortSignature(p.name, graph.type(p.value), p.kind) for p in graph.inputs if p.kind != SAMPLE),
        outputs=tuple(PortSignature(o.name, graph.type(o.value), o.kind, o.clock) for o in graph.outputs),
        states=tuple(StateSignature(s.name, graph.type(s.current), s.init) for s in graph.states),
        params=tuple(ParamSignature(p.name, graph.type(p.value)) for p in graph.params),
        records=tuple(PortSignature(r.name, graph.type(r.value), r.kind) for r in graph.records),
        takes_sample=any(port.kind == SAMPLE for port in graph.inputs),
        emit=emit,
    )


@dataclass(frozen=True)
class Plans:
    """The plans of one model: what a runtime may be asked to run.

    Attributes:
        run: a whole evolution, without records.
        record: a whole evolution that stores the records.
        step: one time step.
        pure: as ``record``, in 32 bit throughout, parameters included, for pure functions of the parameters.
        pure_step: one time step of that graph.
        pure_values: where the values of ``record``'s graph are in that of ``pure``.
    """

    run: Plan
    record: Plan
    step: Plan
    pure: Plan | None = None
    pure_step: Plan | None = None
    pure_values: dict[Value, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A compiled model.

    ``build`` turns a plan into the target's program; runtimes call it when a program is first needed. It is a function
    of a module, or one with the options bound to it, so that artifacts pickle. ``notes`` is what the passes have to
    say, ``options`` what was chosen of the target, ``dtype`` that of the streams. ``source`` is the graph before all
    passes; a loaded ``.onnx`` model has none.
    """

    target: str
    signature: Signature
    plans: Plans
    build: Callable[[Plan], Any]
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    source: Graph | None = None
