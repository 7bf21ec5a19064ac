"""graphpool compiles networks of stateful neurons.

Write one time step in plain NumPy; run it with NumPy, JAX or as a self-contained ONNX model::

    import graphpool
    from graphpool.nn.combinators import Sequential
    from graphpool.nn.modules import LIF, Linear

    net = Sequential(Linear((2, 8)), LIF(8))
    run = graphpool.compile(net, "onnx")
    spikes, state, record = run(x, record=True)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphpool import errors
from graphpool.compile import compile, load
from graphpool.parameters import Constant, Parameter, SimulationParameter, State
from graphpool.reading import parse_graph
from graphpool.timeseries import (
    TimeSeries,
    TSContinuous,
    TSDictOnDisk,
    TSEvent,
    get_global_ts_plotting_backend,
    load_ts_from_file,
    plot,
    set_global_ts_plotting_backend,
)
from graphpool.trace import trace

if TYPE_CHECKING:
    from graphpool import nir
    from graphpool.nir import from_nir

__version__ = "0.1.0"

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    """Modules that few need are loaded when they are asked for."""
    if name in ("nir", "from_nir"):
        package = import_module("graphpool.nir")
        return package if name == "nir" else package.from_nir
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
