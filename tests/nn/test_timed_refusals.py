"""What networks of timed modules cannot compile is an error at the user's line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import TraceError
from graphpool.nn.modules import TimedModule
from tests.nn.timed_networks import (
    DT,
)

SERIES = {
    "ts_input.samples": "self._prepare_input",
    "ts_input.times": "time_base is the time of each",
    "ts_input.t_start + 1": "time_base is the time of each",
    "ts_input.plot()": "what a run returns",
    "len(ts_input)": "self._prepare_input",
    "ts_input.clip(0, 1)": "before it goes into the network",
    "ts_input[0.1:]": r"series\[:, channels\]",
    "ts_input(0.5)": "the network's own steps",
    "[x for x in ts_input]": "loop over its samples",
    "1 if ts_input else 2": "truth is not known",
    "ts_input + other": "a series that is not traced",
    "other + ts_input": "a series that is not traced",
    "ts_input * np.ones((24, 3))": "would be time steps",
    "ts_input @ np.ones((2, 2))": "does not fit 3 channels",
    "self.child(other)": "no series of this network",
    "self.child(ts_input, duration=0.1)": "children run for as long",
    "self.child(ts_input, duration, num_timesteps)": "takes 2 in each(?s:.*)hand on the duration",
    "self.child(self.child(ts_input)[0])": "runs twice",
    "self.child(ts_input.append_c(ts_input))": "has 6 channels",
    "self.child.step(np.ones(3))": "in evolve, call it on the raster",
    "self.t": "time_base is a stream",
    "num_timesteps + 1": "number of time steps is not known",
    "range(num_timesteps)": "number of time steps is not known",
    "float(duration)": "duration is not known",
    "setattr(self, 'last', ts_input)": "use a local variable",
    "self.child.x": "the state self.x is read in evolve",
    "setattr(self.child, 'x', np.zeros(3))": "the state|assigned in evolve",
    "self.reset_state()": "reset_state.. is called inside an evolve that is compiled",
    "self._gen_timeseries(np.ones((24, 3)))": "no raster of this network",
    "self._gen_timeseries(self._prepare_input(ts_input)[1], dt=1.0)": "clock is that of the network",
    "self.child(ts_input)[1]['_module']['x'] + 1": "state after the run is not known",
}


@pytest.mark.parametrize("line", SERIES)
def test_what_a_step_does_not_know_is_an_error_at_its_line(line: str, tmp_path: Path) -> None:
    check(f"        {line}\n        return ts_input, {{}}, {{}}\n", line, SERIES[line], tmp_path)


RASTERS = {
    "raster[0]": "the time axis is indexed with 0",
    "raster[::-1]": "reversed",
    "raster[1:]": "the time axis is indexed",
    "raster.mean()": "axis=-1",
    "raster.sum(axis=0)": "axis 0 is time",
    "np.cumsum(raster, axis=0)": "axis 0 is time",
    "np.mean(raster, axis=-2)": "axis -2 is time",
    "raster.shape[0]": "number of time steps is not known",
    "np.zeros(raster.shape)": "number of time steps is not known",
    "len(raster)": "number of time steps is not known",
    "[row for row in raster]": "loop over the time steps",
    "raster.T": "stay in front",
    "raster.reshape(-1)": "stay in front",
    "np.ones((2, 24)) @ raster": "adds up over time",
    "raster @ raster": "adds up over time",
    "raster + np.ones((24, 3))": "would be time steps",
    "raster + times": "time meets another axis",
    "np.concatenate([raster, raster])": "axis 0 is time",
    "np.hstack([times, times])": "axis 0 is time",
    "np.concatenate([raster, np.ones((24, 3))], axis=1)": "without the same axes in front",
    "np.multiply.outer(raster, raster)": "outer of a raster",
    "np.add(raster, 1, out=np.ones((24, 3)))": "an array that knows no time",
    "np.fft.rfft(raster)": "step\\(self, x\\) of a Module",
    "float(raster)": "no Python number",
    "1 if raster.max(axis=-1) > 0 else 2": "np.where",
    "np.asarray(raster)": "plain array",
    "self.low(raster[:, :2])": "rows of the shape",
    "self.low(self.weight)": "no raster of this network",
    "(self.low(raster), self.low(raster))": "runs twice",
    "self.child(raster)": "takes sub-steps",
}


@pytest.mark.parametrize("line", RASTERS)
def test_what_needs_all_rows_is_an_error_at_its_line(line: str, tmp_path: Path) -> None:
    code = f"        times, raster, steps = self._prepare_input(ts_input, duration, num_timesteps)\n        {line}\n"
    check(code + "        return self._gen_timeseries(raster), {}, {}\n", line, RASTERS[line], tmp_path)


HEAD = """\
import numpy as np
from graphpool import Parameter, TSContinuous
from graphpool.nn.modules import Rate, TimedModule

other = TSContinuous.from_clocked(np.ones((24, 3)), 1.0)

class Net(TimedModule):
    def __init__(self):
        super().__init__(1.0, shape=3)
        self.weight = Parameter(np.ones((3, 3)))
        self.child = Rate(3, tau=40.0, dt=0.5).timed()
        self.low = Rate(3, tau=40.0, dt=1.0)

    def evolve(self, ts_input, duration, num_timesteps, record=False):
"""


def check(code: str, line: str, hint: str, folder: Path) -> None:
    """The error of a network shows the line and the way out, and nothing has changed."""
    file = folder / "net.py"
    file.write_text(HEAD + code)
    names: dict[str, Any] = {"__name__": "net"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    network = names["Net"]()
    with pytest.raises(TraceError, match=hint) as caught:
        graphpool.compile(network)
    assert f": {line}" in str(caught.value)
    assert network.t == 0 and "last" not in vars(network)


def test_what_differs_from_trace_to_trace_is_an_error() -> None:
    class Random(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return ts_input + np.random.normal(), {}, {}

    with pytest.raises(TraceError, match="two traces"):
        graphpool.compile(Random(DT, shape=3))
