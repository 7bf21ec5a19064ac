"""The names that users rely on, exactly: a name that comes, goes or moves has to change this file, too."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

PUBLIC = {
    "graphpool": [
        "Constant",
        "Parameter",
        "SimulationParameter",
        "State",
        "TSContinuous",
        "TSDictOnDisk",
        "TSEvent",
        "TimeSeries",
        "__version__",
        "compile",
        "errors",
        "from_nir",
        "get_global_ts_plotting_backend",
        "load",
        "load_ts_from_file",
        "nir",
        "parse_graph",
        "plot",
        "set_global_ts_plotting_backend",
        "trace",
    ],
    "graphpool.errors": [
        "CausalityError",
        "ChannelError",
        "ClockError",
        "GraphError",
        "GraphpoolError",
        "GraphpoolWarning",
        "InputError",
        "LoweringError",
        "MissingExtraError",
        "ModelFileError",
        "ModuleError",
        "NirError",
        "NirWarning",
        "ParameterError",
        "PassError",
        "PlanError",
        "PrecisionWarning",
        "SeriesTypeError",
        "StateError",
        "TargetError",
        "TimeConstantWarning",
        "TimeSeriesError",
        "TimeSeriesWarning",
        "TraceError",
        "TypeRuleError",
        "format_error",
        "missing_extra",
    ],
    "graphpool.functional": ["conv", "delay", "log_softmax", "one_hot", "sigmoid", "softmax", "spike"],
    "graphpool.nir": ["OPTIONS", "PRESETS", "Description", "NirNetwork", "Semantics", "describe", "from_nir"],
    "graphpool.nn.combinators": ["Network", "Sequential"],
    "graphpool.nn.modules": [
        "ExpSyn",
        "ExpSynJax",
        "LIF",
        "LIFJax",
        "Linear",
        "LinearJax",
        "Module",
        "Noise",
        "Rate",
        "RateJax",
        "TimedModule",
        "TimedModuleWrapper",
    ],
    "graphpool.timeseries": [
        "TSContinuous",
        "TSDictOnDisk",
        "TSEvent",
        "TimeSeries",
        "get_global_ts_plotting_backend",
        "load_ts_from_file",
        "plot",
        "set_global_ts_plotting_backend",
    ],
}

FACE = [
    "artifact",
    "copy",
    "dt",
    "notes",
    "parameters",
    "plan",
    "reset_parameters",
    "reset_state",
    "save",
    "set_attributes",
    "set_parameters",
    "set_state",
    "signature",
    "state",
    "step",
    "stream",
    "timed",
]
"""What every runtime offers beside a call."""

MORE = {
    "graphpool.runtimes.numpy:NumpyRuntime": [],
    "graphpool.runtimes.jax:JaxRuntime": ["apply", "apply_step", "once"],
    "graphpool.runtimes.onnx:OnnxRuntime": ["model_bytes"],
}


def public_names(module: ModuleType) -> list[str]:
    """What a module declares, or defines itself."""
    declared = getattr(module, "__all__", None)
    if declared is not None:
        return sorted(declared)
    return sorted(
        name
        for name, item in vars(module).items()
        if not name.startswith("_") and getattr(item, "__module__", None) == module.__name__
    )


@pytest.mark.parametrize("name", list(PUBLIC))
def test_the_public_names_are_exactly_these(name: str) -> None:
    module = importlib.import_module(name)
    assert public_names(module) == sorted(PUBLIC[name])
    assert all(hasattr(module, public) for public in PUBLIC[name])


def test_every_error_has_the_common_base() -> None:
    errors = importlib.import_module("graphpool.errors")
    for name in PUBLIC["graphpool.errors"]:
        item = getattr(errors, name)
        if inspect.isclass(item):
            base = errors.GraphpoolWarning if name.endswith("Warning") else errors.GraphpoolError
            assert issubclass(item, base), name


@pytest.mark.parametrize("place", list(MORE))
def test_the_face_of_a_runtime_is_exactly_this(place: str) -> None:
    module, _, name = place.partition(":")
    runtime = getattr(importlib.import_module(module), name)
    names = {entry for entry in dir(runtime) if not entry.startswith("_")} | {"artifact"}
    assert sorted(names) == sorted([*FACE, *MORE[place]])
