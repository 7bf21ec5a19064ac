"""Timed modules cell by cell: series go in, series come out, and rasters never show.

Run it from the shell, or cell by cell in an editor that knows ``# %%``; the pictures go to a folder:

    python examples/seed_page.py out/seed_page
"""

# ruff: noqa: B026, E402, F811  (a notebook imports, and calls, as it pleases)

# %% [1] A chain of modules with a clock
import contextlib
import sys
import warnings

warnings.filterwarnings("ignore")

import numpy as np

with contextlib.suppress(ImportError):
    from rich import print

from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Rate

Nin = 1
Nout = 5
dt = 1e-3
tmod = Sequential(Linear((Nin, Nout)), Rate(Nout)).timed(dt=dt)
print(tmod)

# %% [2] A sine wave of 10 Hz, periodic, sampled every millisecond
import matplotlib.pyplot as plt

from graphpool import TSContinuous

plt.rcParams["figure.figsize"] = [12, 4]
plt.rcParams["figure.dpi"] = 100

T = 1000
omega = 10
time_base = np.arange(T) * dt
ts_sin = TSContinuous.from_clocked(np.sin(time_base * 2 * np.pi * omega), dt=dt, periodic=True, name="Sinusoid")
ts_sin.plot()

# %% [3] One period of it through the network
output_ts, _, _ = tmod(ts_sin)
plt.figure()
print(output_ts)
output_ts.plot()

# %% [4] What the network holds, and where its clock stands
print("Parameters:", tmod.parameters())
print("State:", tmod.state())
print("Simulation parameters:", tmod.simulation_parameters())
print("Time:", tmod.t)

# %% [5] A network of one's own: all signals are series
from graphpool import TimeSeries
from graphpool.nn.modules import Rate, TimedModule
from graphpool.parameters import Parameter


class ffwd_tmod_net(TimedModule):
    def __init__(self, shape, dt=1.0, *args, **kwargs):
        super().__init__(shape=shape, dt=dt, *args, **kwargs)
        self.w_0 = Parameter(shape=self.shape[0:2], init_func=lambda s: np.zeros(s), family="weights")
        self.w_1 = Parameter(shape=self.shape[1:3], init_func=lambda s: np.zeros(s), family="weights")
        self.w_2 = Parameter(shape=self.shape[2:4], init_func=lambda s: np.zeros(s), family="weights")
        self.neurons1 = Rate(self.shape[1], dt=dt).timed()
        self.neurons2 = Rate(self.shape[2], dt=dt).timed()

    def evolve(self, ts_input: TimeSeries, duration: float, num_timesteps: int, record: bool = False, *args, **kwargs):
        x = ts_input @ self.w_0
        x, _, _ = self.neurons1(x)
        x = x @ self.w_1
        x, _, _ = self.neurons2(x)
        x = x @ self.w_2
        return x, {}, {}


# %% [6] Its structure
Nin = 3
Nout = 1
dt = 1
tmod = ffwd_tmod_net((Nin, 5, 7, Nout), dt=dt)
print(tmod)

# %% [7] Its parameters, with those of its children
print(tmod.parameters())

# %% [8] Other weights
p = tmod.parameters()
p["w_0"] = np.random.normal(size=p["w_0"].shape) + 1
p["w_1"] = np.random.normal(size=p["w_1"].shape) + 1
p["w_2"] = np.random.normal(size=p["w_2"].shape) + 1
tmod.set_attributes(p)
print("Weights:", tmod.parameters())

# %% [9] White noise through it
ts_input = TSContinuous.from_clocked(np.random.rand(1000, Nin), name="White noise", dt=dt, periodic=True)
print("Input:", ts_input)
plt.figure()  # a notebook begins a new picture in each cell
ts_input.plot()
ts_output, _, rec = tmod(ts_input)
print("Output:", ts_output)
plt.figure()
ts_output.plot()

# %% [10] The same idea on rasters: the children know no seconds
from graphpool import TimeSeries
from graphpool.nn.modules import RateJax, TimedModule
from graphpool.parameters import Parameter


class ffwd_tmod_net2(TimedModule):
    def __init__(self, shape, *args, **kwargs):
        super().__init__(shape=shape, *args, **kwargs)
        self.w0 = Parameter(shape=self.shape[0:2], init_func=lambda s: np.zeros(s), family="weights")
        self.w1 = Parameter(shape=self.shape[1:3], init_func=lambda s: np.zeros(s), family="weights")
        self.neurons0 = RateJax(self.shape[1])
        self.neurons1 = RateJax(self.shape[2])

    def evolve(self, ts_input: TimeSeries, duration: float, num_timesteps: int, record: bool = False, *args, **kwargs):
        time_base, input_raster, num_timesteps = self._prepare_input(ts_input, duration, num_timesteps)
        x0 = input_raster @ self.w0
        x1, _, _ = self.neurons0(x0)
        x2 = x1 @ self.w1
        x3, _, _ = self.neurons1(x2)
        output_ts = self._gen_timeseries(x3)
        return output_ts, {}, {}


# %% [11] Its structure
tmod = ffwd_tmod_net2((Nin, 5, 7, Nout), dt=dt)
print(tmod)

# %% [12] The same noise through it
print("Input:", ts_input)
plt.figure()  # a notebook begins a new picture in each cell
ts_input.plot()
ts_output, _, rec = tmod(ts_input)
print("Output:", ts_output)
plt.figure()
ts_output.plot()

# %% [13] Any module with a clock
from graphpool.nn.modules import RateJax
from graphpool.nn.modules.timed_module import TimedModuleWrapper

mod = RateJax(4)
tmod = TimedModuleWrapper(mod)
print(tmod)

# %% [14] The short way
from graphpool.nn.modules import RateJax

tmod = RateJax(4).timed()
print(tmod)

# %% The pictures
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/seed_page")
folder.mkdir(parents=True, exist_ok=True)
for number in plt.get_fignums():
    plt.figure(number).savefig(folder / f"figure{number}.png")
    print("wrote", folder / f"figure{number}.png")
