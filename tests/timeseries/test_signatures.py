"""Names, order and defaults of what series take: code that is written for them runs."""

from __future__ import annotations

import inspect

import pytest

from graphpool import TimeSeries, TSContinuous, TSDictOnDisk, TSEvent
from graphpool.timeseries import load_ts_from_file, set_global_ts_plotting_backend

BOTH = {
    "copy": "",
    "isempty": "",
    "contains": "times",
    "delay": "offset, inplace=False",
    "start_at": "t_start, inplace=False",
    "start_at_zero": "inplace=False",
    "print": "full=False, num_first=4, num_last=4, limit_shorten=10",
    "set_plotting_backend": "backend, verbose=True",
    "concatenate_t": "series, offset=None",
    "load": "path, expected_type=None",
}
SIGNATURES = {
    TimeSeries: BOTH
    | {"__init__": "times=None, periodic=False, t_start=None, t_stop=None, plotting_backend=None, name='unnamed'"},
    TSContinuous: BOTH
    | {
        "__init__": "times=None, samples=None, num_channels=None, periodic=False, t_start=None, t_stop=None, "
        "name='unnamed', units=None, interp_kind='previous', fill_value='extrapolate'",
        "from_clocked": "samples, dt, t_start=0.0, periodic=False, name=None, interp_kind='previous'",
        "__call__": "times",
        "clip": "t_start=None, t_stop=None, channels=None, include_stop=True, sample_limits=True, inplace=False",
        "resample": "times, channels=None, inplace=False",
        "to_clocked": "dt",
        "merge": "other, remove_duplicates=True, inplace=False",
        "append_c": "other, inplace=False",
        "append_t": "other, offset=None, inplace=False",
        "to_dict": "dtype_times=None, dtype_samples=None",
        "save": "path, verbose=False, dtype_times=None, dtype_samples=None",
        "plot": "times=None, target=None, channels=None, stagger=None, skip=None, dt=None, *args, **kwargs",
    },
    TSEvent: BOTH
    | {
        "__init__": "times=None, channels=None, periodic=False, t_start=None, t_stop=None, name=None, "
        "num_channels=None",
        "__call__": "t_start=None, t_stop=None, channels=None",
        "clip": "t_start=None, t_stop=None, channels=None, remap_channels=False, inplace=False",
        "remap_channels": "channel_map, inplace=False",
        "raster": "dt, t_start=None, t_stop=None, num_timesteps=None, channels=None, add_events=False",
        "xraster": "dt, t_start=None, t_stop=None, num_timesteps=None, channels=None, add_events=False",
        "from_raster": "raster, dt=1.0, t_start=0.0, t_stop=None, name=None, periodic=False, num_channels=None, "
        "spikes_at_bin_start=False",
        "merge": "other, delay=0.0, remove_duplicates=False, inplace=False",
        "append_c": "other, inplace=False",
        "append_t": "other, offset=None, remove_duplicates=False, inplace=False",
        "to_dict": "dtype_times=None, dtype_channels=None",
        "save": "path, verbose=False, dtype_times=None, dtype_channels=None",
        "plot": "time_limits=None, target=None, channels=None, *args, **kwargs",
    },
    TSDictOnDisk: {"__init__": "data=()", "insert": "data"},
}
PROPERTIES = {
    TimeSeries: ["times", "t_start", "t_stop", "duration", "plotting_backend"],
    TSContinuous: ["samples", "num_channels", "num_traces", "max", "min", "interp_kind", "fill_value"],
    TSEvent: ["channels", "num_channels"],
}


def parameters(function: object) -> str:
    """The parameters without ``self`` and types."""
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return ", ".join(
        str(one.replace(annotation=inspect.Parameter.empty)) for one in found if one.name not in ("self", "cls")
    )


@pytest.mark.parametrize("cls", list(SIGNATURES))
def test_methods(cls: type) -> None:
    assert {name: parameters(getattr(cls, name)) for name in SIGNATURES[cls]} == SIGNATURES[cls]


@pytest.mark.parametrize("cls", list(PROPERTIES))
def test_properties(cls: type) -> None:
    assert all(isinstance(inspect.getattr_static(cls, name), property) for name in PROPERTIES[cls])


def test_functions() -> None:
    assert parameters(load_ts_from_file) == "path, expected_type=None"
    assert parameters(set_global_ts_plotting_backend) == "backend, verbose=True"


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "truediv", "floordiv", "pow", "matmul"])
def test_operators(operator: str) -> None:
    names = [f"__{way}{operator}__" for way in ("", "r", "i")]
    assert all(hasattr(TSContinuous, name) for name in [*names, "__neg__", "__abs__", "__iter__", "__getitem__"])
