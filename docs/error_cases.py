"""Models and calls that go wrong, one for each class of ``graphpool.errors``: what ``docs/errors.md`` shows.

``docs/generate_errors.py`` runs each of them as a file ``model.py`` and writes what they print.
"""

from __future__ import annotations

START = """\
import numpy as np

import graphpool
from graphpool import Parameter, SimulationParameter, State, TSContinuous, TSEvent
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate, TimedModule
"""
"""What each case may use."""

CASES: dict[str, str] = {
    "ModuleError": """\
LIF((5, 2))
""",
    "TraceError": """\
class Gate(Module):
    def step(self, x):
        if x.sum() > 1:
            return x
        return 0 * x


graphpool.trace(Gate(3))
""",
    "TypeRuleError": """\
class Projection(Module):
    def __init__(self):
        super().__init__(shape=(3, 2))
        self.weight = Parameter(np.ones((4, 2)))

    def step(self, x):
        return np.tanh(x) @ self.weight


graphpool.trace(Projection())
""",
    "GraphError": """\
graph = graphpool.trace(Linear((2, 3)))
wrong = graph.replace(nodes=graph.nodes[::-1])  # a tool that shuffles nodes
graphpool.compile(wrong, parameters=Linear((2, 3)).parameters())
""",
    "CausalityError": """\
import dataclasses

from graphpool.plan import make_plan


class Loop(Module):
    def step(self, x):
        y = x * 0.5
        return y + x


graph = graphpool.trace(Loop(2))
add = graph.outputs[0].value
(mul,) = (value for value, node in enumerate(graph.nodes) if node.op == "mul")
nodes = list(graph.nodes)
nodes[mul] = dataclasses.replace(nodes[mul], args=(add, *nodes[mul].args[1:]))  # a tool that ties a knot
make_plan(graph.replace(nodes=tuple(nodes)))
""",
    "PassError": """\
from graphpool.passes import run_passes
from graphpool.passes.base import Pass


class Forgets(Pass):
    name = "forgets"

    def run(self, graph):
        return self.result(graph, graph.replace(params=()))


run_passes(graphpool.trace(Rate(2)), (Forgets(),))
""",
    "PlanError": """\
from graphpool.plan import make_plan
from graphpool.plan.checker import check_plan

plan = make_plan(graphpool.trace(Rate(2)))
check_plan(plan.__class__(plan.graph, plan.once, plan.handed, plan.regions[::-1], plan.hoist))
""",
    "LoweringError": """\
class Wide(Module):
    def step(self, x):
        return x.astype(np.float16)


graphpool.compile(Wide(2), "onnx")
""",
    "TargetError": """\
graphpool.compile(Rate(2), "torch")
""",
    "MissingExtraError": """\
import sys

sys.modules["onnxruntime"] = None  # as where it is not installed
sys.modules.pop("graphpool.runtimes.onnx", None)
graphpool.load("net.onnx")
""",
    "InputError": """\
run = graphpool.compile(Sequential(Linear((2, 3)), Rate(3)))
run(np.zeros((100, 5)))
""",
    "StateError": """\
run = graphpool.compile(Rate(3))
run(np.zeros((4, 100, 3)))
run(np.zeros((2, 100, 3)))
""",
    "ParameterError": """\
run = graphpool.compile(Rate(3))
run.set_parameters({"tau": np.full(5, 0.02)})
""",
    "ModelFileError": """\
with open("net.onnx", "wb") as file:
    file.write(b"not a model")
graphpool.load("net.onnx")
""",
    "NirError": """\
import nir

lif = nir.LIF(tau=np.full(2, 20e-3), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))
graphpool.from_nir(nir.NIRGraph.from_list(lif), like="snntorch")
""",
    "NirWarning": """\
import nir

lif = nir.LIF(tau=np.full(2, 20e-3), r=np.full(2, 200.0), v_leak=np.zeros(2), v_threshold=np.ones(2))
graphpool.from_nir(nir.NIRGraph.from_list(lif), like="snntorch")
""",
    "TimeSeriesError": """\
tone = TSContinuous.from_clocked(np.zeros(1000), dt=1e-3, name="tone")
tone([0.5, 1.5])
""",
    "SeriesTypeError": """\
spikes = TSEvent([0.1, 0.2], t_stop=1.0, name="spikes")
Rate(1).timed()(spikes)
""",
    "ChannelError": """\
spikes = TSEvent([0.1, 0.2], [0, 1], t_stop=1.0, name="spikes")
spikes.raster(dt=0.1, channels=[0, 2])
""",
    "ClockError": """\
tone = TSContinuous.from_clocked(np.zeros(1000), dt=1e-3, name="tone")
timed = Rate(1).timed()
timed(tone)
timed(tone)
""",
    "TimeConstantWarning": """\
Rate(2, tau=5e-3, dt=1e-3)
""",
    "TimeSeriesWarning": """\
tone = TSContinuous.from_clocked(np.zeros(1000), dt=1e-3, name="tone")
tone.beyond_range_exception = False
tone([0.5, 1.5])
""",
    "PrecisionWarning": """\
class Tiny(Module):
    def step(self, x):
        return x + 1e-300


graphpool.compile(Tiny(2))
""",
}
