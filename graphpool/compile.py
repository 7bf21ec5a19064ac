"""From a module to a running model: trace, passes, plan, compiler and runtime behind one function.

This is the only place that reaches compilers and runtimes; it finds them by name, through the entry points of the group
``graphpool.targets``, so that importing graphpool imports no target.
"""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.artifact import Artifact, Plans, signature_of
from graphpool.errors import (
    GraphpoolError,
    InputError,
    LoweringError,
    MissingExtraError,
    ModelFileError,
    ModuleError,
    ParameterError,
    TargetError,
    format_error,
    missing_extra,
)
from graphpool.fingerprint import fingerprint
from graphpool.graph import Graph, verify
from graphpool.graph.files import SUFFIX, read_model
from graphpool.graph.types import Array, Shape
from graphpool.nested import flatten, join_path, nest
from graphpool.ops import infer_type
from graphpool.parameters import Parameter, State
from graphpool.passes import AFFINE, PIPELINES, DeadCode, Observer, demote_everything, run_passes
from graphpool.plan import EMITS, HOISTS, Emit, Hoist, Plan, make_plan
from graphpool.reading import check_positions, infer_checked
from graphpool.trace import trace, walk
from graphpool.trace.probes import probe_graph, read_probes

ENTRY_POINT_GROUP = "graphpool.targets"
DTYPES = ("float32", "float64")
EXTRAS = ("jax", "onnx")
"""The targets that bring an extra of their name; those of other packages say what they need themselves."""

_eager: dict[int, tuple[weakref.ref[Any], Any, Any]] = {}
"""By the id of each module that was called: the module, its fingerprint then, and the runtime compiled for it."""


def compile(
    net: Any,
    target: str = "numpy",
    *,
    dtype: npt.DTypeLike = "float32",
    hoist: Hoist = "auto",
    emit: Emit = "each",
    input_shapes: Mapping[str, Shape] | None = None,
    parameters: Mapping[str, Any] | str | None = None,
    state: Mapping[str, Any] | None = None,
    seed: int | None = None,
    probes: Sequence[str] | str = (),
    observers: Sequence[Observer] = (),
    **options: Any,
) -> Any:
    """Compile a module, or a graph, for a target.

    Parameters and states are copied: module and runtime live apart from then on.

    Args:
        net: a :class:`~graphpool.nn.modules.Module` with a ``step``, or with an ``evolve`` of its own whose code can be
            traced, as that of a :class:`~graphpool.nn.modules.TimedModule`; or a :class:`~graphpool.graph.Graph`.
        target: ``"numpy"``, ``"jax"``, ``"onnx"``, or one that another package brings.
        dtype: of the streams. ``"float32"`` computes what depends on parameters alone in float64 and rounds it;
            ``"float64"`` keeps the dtypes of the trace.
        hoist: ``"always"`` runs outside of the time loop whatever lies on no cycle through a state; ``"never"`` runs
            everything inside; ``"auto"`` keeps in the loop what costs the target less there: ``plan.explain`` tells.
        emit: ``"each"`` gives the outputs of all steps, ``(B, T, *sample)``; ``"last"`` those of the last step alone,
            ``(B, *sample)``, and stores no others. Records are whole either way.
        input_shapes: the shape of one sample by name of the argument of step or evolve, where it is not
            ``(size_in,)``.
        parameters: nested values that replace those of the module; a graph with parameters needs all of them. Text is
            an option of the target: ``parameters="inputs"`` of ONNX.
        state: nested values that replace those of the module (for a graph, the initial ones).
        seed: of all noise in the module, in place of the seeds that its modules have.
        probes: what ``record=True`` also returns, by name or glob: ``"1_LIF.output"`` is what the step of that module
            returns, ``"*.output"`` that of all; recorded values and states have names, too.
        observers: called after each pass with the pass, the graph before it and its result.
        options: of the target. ONNX has ``loop="Scan" | "Loop"``, ``parameters="constants" | "inputs"`` and
            ``states="broadcast" | "batched"`` for the file; ``threads``, ``optimisation`` and ``spinning`` for
            running it.

    Returns:
        A :class:`~graphpool.runtimes.base.Runtime`.

    Raises:
        TargetError: an unknown target or option, or a probe that means nothing.
        MissingExtraError: the target's packages are not installed; names the extra.
        ModuleError: ``net`` is neither a module nor a graph.
        GraphError: the graph is malformed.
        TraceError: the step, or the evolve, cannot become a graph.
        LoweringError: the target cannot run the graph.
        ParameterError: a bare graph without values for its parameters, or a value that does not fit.
        StateError: a state that does not fit.
    """
    description = load_target(target)
    if isinstance(parameters, str):
        options, parameters = {**options, "parameters": parameters}, None
    options = description.read_options(options)
    dtype = _read_dtype(dtype)
    given = _flat_parameters(parameters)
    values: dict[str, Array] = {}
    states: dict[str, Array] = {}
    if isinstance(net, Graph):
        verify(net, infer_type)
        if options.get("parameters") != "inputs":
            _check_all_given(net, given)
        graph = probe_graph(net, read_probes(probes))
    else:
        _check_module(net)
        graph, (values, states) = _trace_with_seed(net, input_shapes, seed, probes), module_values(net)
    artifact = make_artifact(graph, description, dtype, hoist, emit, observers, options)
    if not isinstance(net, Graph):
        artifact = _with_families(artifact, module_families(net))
    runtime = _load_attribute(description.runtime, target)(artifact, values | given, states)
    if state:
        runtime.set_state(state)
    return runtime


def _trace_with_seed(
    net: Any, input_shapes: Mapping[str, Shape] | None, seed: int | None, probes: Sequence[str] | str
) -> Graph:
    from graphpool.nn.modules.noise import common_seed, read_seed

    token = common_seed.set(None if seed is None else read_seed(seed))
    try:
        return trace(net, input_shapes, probes=probes)
    finally:
        common_seed.reset(token)


def make_artifact(
    graph: Graph,
    target: Any,
    dtype: str,
    hoist: Hoist,
    emit: Emit = "each",
    observers: Sequence[Observer] = (),
    options: Mapping[str, Any] | None = None,
) -> Artifact:
    """Run the passes, make the plans, and compile the main one to see that the target can run it."""
    build = partial(target.build, **options) if options else target.build
    affine = target.affine and hoist != "never"
    recorded, notes = run_passes(graph, (*(AFFINE if affine else ()), *PIPELINES[dtype]), observers)
    silent, _ = run_passes(recorded.replace(records=()), (DeadCode(),))
    pure, pure_values, pure_notes = demote_everything(recorded) if target.pure else (None, {}, ())
    one_step = partial(make_plan, hoist=hoist, one_step=True, emit=emit, affine=affine)

    def plan(graph: Graph) -> Plan:
        made = make_plan(graph, hoist, emit=emit, affine=affine, rule=target.rule)
        return target.arrange(made) if target.arrange and hoist == "auto" else made

    plans = Plans(
        run=plan(silent),
        record=plan(recorded),
        step=one_step(silent),
        pure=plan(pure) if pure else None,
        pure_step=one_step(pure) if pure else None,
        pure_values=pure_values,
    )
    build(plans.record)
    said = (*map(str, notes), *(f"pure functions: {note}" for note in pure_notes))
    signature = signature_of(recorded, emit)
    return Artifact(target.name, signature, plans, build, said, dict(options or {}), dtype, graph)


def _read_dtype(dtype: npt.DTypeLike) -> str:
    """The name of the dtype of the streams, from a name, a NumPy dtype or its class."""
    try:
        name = "" if dtype is None else np.dtype(dtype).name  # NumPy takes None for float64
    except TypeError:
        name = ""
    if name not in DTYPES:
        raise TargetError(format_error(f"dtype={dtype!r}", hint=f"one of {', '.join(map(repr, DTYPES))}"))
    return name


def load_target(name: str) -> Any:
    """The description of a target.

    Raises:
        TargetError: there is no such target; lists those that there are.
        MissingExtraError: its packages are not installed.
    """
    from importlib.metadata import distributions, entry_points

    # Reading what every other package brings takes longer than compiling a small module.
    own = [entry for package in distributions(name="graphpool") for entry in package.entry_points]
    found = {entry.name: entry for entry in own if entry.group == ENTRY_POINT_GROUP}
    if name not in found:
        found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        raise TargetError(format_error(f"no target {name!r}", hint=f"there are {', '.join(sorted(found)) or 'none'}"))
    return _load_entry(found[name])


def _load_entry(entry: Any) -> Any:
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        raise _not_installed(entry.name, error) from error


def _load_attribute(reference: str, target: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise _not_installed(target, error) from error


def _not_installed(target: str, error: ModuleNotFoundError) -> MissingExtraError:
    package = (error.name or target).partition(".")[0]
    if target in EXTRAS:
        return missing_extra(target, package)
    return MissingExtraError(f"target {target!r} needs the package {package!r}, which is not installed")


def load(path: Any, target: str | None = None, **options: Any) -> Any:
    """Load a model from a ``.gpz`` file, for any target, or an ``.onnx`` model that graphpool has written.

    Files are read with suspicion: nothing of them is executed, and nothing is allocated that they do not hold.

    Args:
        path: the file; one that does not end in ``.gpz`` is read as an ONNX model.
        target: what a ``.gpz`` file is compiled for, ``"numpy"`` by default. An ONNX model runs on ``"onnx"`` alone.
        options: of :func:`compile`, for a ``.gpz`` file; dtype, hoist and emit are by default those of the saved
            runtime. An ONNX model takes ``threads``, ``optimisation`` and ``spinning``.

    Returns:
        A runtime. That of a ``.gpz`` file has the parameters and the state that were saved; that of an ONNX model
        stands at its initial state, and has no parameters to set.

    Raises:
        ModelFileError: the file cannot be read, is damaged, or is none of graphpool's.
        TargetError: an unknown target or option.
        LoweringError: the target cannot run the model.
        MissingExtraError: the target's packages are not installed.
    """
    if Path(path).suffix == SUFFIX:
        return _load_model(path, "numpy" if target is None else target, options)
    description = load_target("onnx")
    loading = {option.name for option in description.options if option.when_loaded}
    if target not in (None, "onnx") or not loading.issuperset(options):
        what = f"{str(path)!r} is an ONNX model: it runs on 'onnx', as it was compiled"
        hint = f'save("net.gpz") writes a model that compiles again; an ONNX model takes {", ".join(sorted(loading))}'
        raise TargetError(format_error(what, hint=hint))
    chosen = {name: value for name, value in description.read_options(options).items() if name in loading}
    return _load_attribute("graphpool.runtimes.onnx_file:load", "onnx")(path, **chosen)


def _load_model(path: Any, target: str, options: Mapping[str, Any]) -> Any:
    model = read_model(path, infer_checked)
    chosen = {"dtype": "float32", "hoist": "auto", "emit": "each"} | model.settings
    if chosen["dtype"] not in DTYPES or chosen["hoist"] not in HOISTS or chosen["emit"] not in EMITS:
        raise ModelFileError(f"{str(path)!r} was compiled with {chosen}, which this graphpool does not know")
    try:
        check_positions(model.graph)
        values = {"parameters": model.parameters, "state": model.state}
        runtime = compile(model.graph, target, **{**chosen, **values, **options})
    except (TargetError, LoweringError, MissingExtraError):
        raise
    except (GraphpoolError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The file's graph fits the type rules; what else an op may meet when constants are folded, nobody says.
        raise ModelFileError(f"{str(path)!r} does not compile: {type(error).__name__}: {error}") from error
    runtime.artifact = _with_families(runtime.artifact, model.families)
    return runtime


def _with_families(artifact: Artifact, families: Mapping[str, str | None]) -> Artifact:
    """A graph knows no families of parameters and states."""
    signature = artifact.signature
    params = tuple(replace(entry, family=families.get(entry.name)) for entry in signature.params)
    states = tuple(replace(entry, family=families.get(entry.name)) for entry in signature.states)
    return replace(artifact, signature=replace(signature, params=params, states=states))


def module_families(module: Any) -> dict[str, str | None]:
    """The families of all parameters and all states of a module by dotted path."""
    return {
        join_path(path, name): child._registered(name).family
        for path, child in walk(module)
        for name in child._registered_names()
    }


def module_values(module: Any) -> tuple[dict[str, Array], dict[str, Array]]:
    """Copies of all parameters and all states of a module by dotted path."""
    values: dict[type, dict[str, Array]] = {Parameter: {}, State: {}}
    for path, child in walk(module):
        for kind, found in values.items():
            for name in child._registered_names(kind):
                full = f"{path}.{name}" if path else name
                found[full] = np.array(child._registered(name).value)
    return values[Parameter], values[State]


def _check_module(net: Any) -> None:
    if isinstance(net, type) or not hasattr(net, "_registered_names"):
        what = f"the class {net.__name__}" if isinstance(net, type) else repr(net)
        hint = f"make one: {net.__name__}(...)" if hasattr(net, "_registered_names") else "give a Module or a Graph"
        raise ModuleError(format_error(f"{what} is neither a module nor a graph", hint=hint))


def _flat_parameters(parameters: Any) -> dict[str, Any]:
    if parameters is not None and not isinstance(parameters, Mapping):
        raise ParameterError(f"parameters come as a nested dict by name, got {type(parameters).__name__}")
    return dict(flatten(parameters or {}))


def _check_all_given(graph: Graph, given: Mapping[str, Any]) -> None:
    missing = [param.name for param in graph.params if param.name not in given]
    if missing:
        raise ParameterError(
            format_error(
                f"no value for parameter {', '.join(map(repr, missing))}",
                where=graph.name,
                hint="a bare graph has no parameter values: compile(graph, parameters={...})",
            )
        )


def evolve_eagerly(module: Any, input_data: Any, record: bool = False) -> tuple[Any, Any, Any]:
    """What calling a module does: compile it once for its runtime, run, and leave the state on the module.

    The runtime is compiled again when the structure of the module has changed: its tree, shapes, dtypes, simulation
    parameters or plain attributes. It runs in the dtypes of the trace.
    """
    runtime = _eager_runtime(module)
    x = _broadcast_channel(runtime, input_data)
    values, states = module_values(module)
    changed = _changed(runtime, values)
    if changed:
        runtime.set_parameters(changed)
    runtime.set_state(nest(states))
    output, new_state, recorded = runtime(x, record=record)
    module.set_attributes(new_state)
    return output, new_state, recorded


def _eager_runtime(module: Any) -> Any:
    """The runtime of a module that is called. The table is by id: a class may define equality, and no hash."""
    key, structure = id(module), (module.runtime_target, fingerprint(module))
    cached = _eager.get(key)
    if cached is not None and cached[0]() is module and cached[1] == structure:
        return cached[2]
    make = _compile_step if module.evolves_itself else compile
    runtime = make(module, module.runtime_target, dtype="float64")
    _eager[key] = (weakref.ref(module, lambda _: _eager.pop(key, None)), structure, runtime)
    return runtime


def _compile_step(module: Any, target: str, dtype: str) -> Any:
    """The step of a module that evolves itself: what the ``evolve`` of its base class runs."""
    description = load_target(target)
    artifact = make_artifact(trace(module, by_step=True), description, dtype, "auto")
    artifact = _with_families(artifact, module_families(module))
    return _load_attribute(description.runtime, target)(artifact, *module_values(module))


def _changed(runtime: Any, values: Mapping[str, Array]) -> dict[str, Any]:
    present = dict(flatten(runtime.parameters()))
    return nest({n: array for n, array in values.items() if array.tobytes() != present[n].tobytes()})


def _broadcast_channel(runtime: Any, input_data: Any) -> Any:
    """One channel drives all of a module's inputs; a vector is one channel over time."""
    ports = runtime.signature.inputs
    if len(ports) != 1 or isinstance(input_data, Mapping) or ports[0].type.rank != 1:
        return input_data
    try:
        array = np.asarray(input_data)
    except ValueError as error:
        raise InputError(f"the input is no array: {error}") from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim in (2, 3) and array.shape[-1] == 1:
        array = np.broadcast_to(array, (*array.shape[:-1], *ports[0].type.shape))
    return array
