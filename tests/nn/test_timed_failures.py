"""What happens to clocks and states of timed modules when something fails."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from graphpool import TSContinuous, TSEvent, compile
from graphpool.errors import ClockError, ModuleError, SeriesTypeError, TimeSeriesError, TraceError
from graphpool.nn.modules import Module, TimedModule
from tests.nn.timed_models import RAMP, Accumulate, Network, Raster, frozen, ramp


def wrong_inputs() -> dict[str, Any]:
    return {
        "ramp' ended at t=1.0 s": (ramp(), {}),
        "neither an input nor a duration is given at t=1.0 s": (None, {}),
        "takes TSContinuous": (TSEvent([0.1], t_stop=2.0, name="spikes"), {}),
        "'wide' has 2 channels at t=1.0 s, the module takes 3": (
            TSContinuous.from_clocked(np.zeros((20, 2)), 0.1, name="wide"), {}),
        "'ramp'": (ramp(), {"duration": 0.5}),
        "an input array of shape (2, 10, 3) and dtype float64 at t=1.0 s": (np.zeros((2, 10, 3)), {}),
        "one input": ({"x": RAMP}, {}),
        "dtype <U1": (["a", "b"], {}),
    }  # fmt: skip


@pytest.mark.parametrize("message", list(wrong_inputs()))
@pytest.mark.parametrize(
    "make",
    [Network, lambda: Accumulate().timed(), Raster]
    + [partial(lambda target: compile(Accumulate(), target).timed(), target) for target in ("numpy", "jax", "onnx")],
    ids=["network", "wrapper", "raster", "numpy", "jax", "onnx"],
)
def test_bad_input_changes_neither_clock_nor_state(message: str, make: Any) -> None:
    module = make()
    module(ramp())
    before = frozen(module)
    series, span = wrong_inputs()[message]
    with pytest.raises((ClockError, SeriesTypeError, TimeSeriesError)) as failure:
        module(series, **span)
    assert message in str(failure.value)
    assert frozen(module) == before


def test_events_of_another_number_of_channels_are_refused() -> None:
    module = Raster(spiking_input=True)
    with pytest.raises(TimeSeriesError, match="'spikes' has 2 channels at t=0.0 s, the module takes 3"):
        module(TSEvent([0.1], [1], t_stop=1.0, name="spikes"))
    with pytest.raises(SeriesTypeError, match="takes TSEvent"):
        module(ramp())
    assert module.t == 0


def test_a_failure_inside_undoes_what_has_run() -> None:
    class Fails(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            self.first(ts_input)
            raise KeyboardInterrupt

    module = Fails()
    before = frozen(module)
    with pytest.raises(KeyboardInterrupt):
        module(ramp())
    assert frozen(module) == before
    assert module.first(ramp())[0].t_start == 0.0, "and it is free to run again"


def test_an_evolve_returns_three_things() -> None:
    class Two(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any) -> Any:
            return ts_input, {}

    module = Two(0.1, shape=3)
    with pytest.raises(ModuleError, match="return three things"):
        module(ramp())
    assert module.t == 0


def test_a_class_without_evolve_says_what_to_write() -> None:
    with pytest.raises(NotImplementedError, match="def evolve"):
        TimedModule(0.1, shape=3)(ramp())


def test_a_timed_module_does_not_run_inside_a_step() -> None:
    class Wrong(Module):
        def __init__(self) -> None:
            super().__init__(3)
            self.inner = Accumulate().timed()

        def step(self, x: Any) -> Any:
            return self.inner(x)

    with pytest.raises(TraceError, match="inside a step"):
        Wrong().step(np.zeros(3))
    with pytest.raises(TraceError):
        Wrong()(np.zeros((2, 3)))


def test_the_clock_is_not_set_from_inside() -> None:
    class Meddles(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            self.first.t = 7.0
            return ts_input, {}, {}

    with pytest.raises(ClockError, match="t is assigned while the module evolves"):
        Meddles()(ramp())
