"""Two recordings of a grasshopper's auditory receptor neuron, and how well a model's spikes match them.

The recordings travel in the wheel of `nitime`: ten seconds each of the amplitude of a sound and of the
spikes that it drew from the cell. The files are read where they are installed; `nitime` is not imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from graphpool import TSContinuous, TSEvent

WINDOW = 2e-3
"""Spikes at most this many seconds apart coincide."""

_MICROSECONDS = 1e6
_ROUNDING = 1e-9
"""Slack in seconds: times lie on grids of 50 and 100 us, so a difference can fall on the window's edge."""


class Recording(NamedTuple):
    """One recording: what went into the cell and what came out.

    Attributes:
        sound: amplitude of the sound as a share of its largest, one value every 50 us.
        spikes: the cell's spikes, in seconds after the start of the sound.
    """

    sound: TSContinuous
    spikes: TSEvent

    @property
    def dt(self) -> float:
        """Seconds between two values of the sound."""
        return self.sound.clock.dt


def _data_folder() -> Path:
    """Folder of the recordings in the installed `nitime`, found without importing it."""
    spec = find_spec("nitime")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            'the recordings come with the package nitime, which is missing: pip install "graphpool[demo]"'
        )
    return Path(spec.origin).parent / "data"


def load_recording(number: int, seconds: float | None = None) -> Recording:
    """Load recording 1 (sound with fluctuations up to 200 Hz) or 2 (up to 800 Hz).

    Args:
        number: 1 or 2.
        seconds: only so much of its beginning.

    Raises:
        ValueError: if `number` is neither 1 nor 2.
        ModuleNotFoundError: if `nitime`, which carries the files, is not installed.
    """
    if number not in (1, 2):
        raise ValueError(f"there are recordings 1 and 2, not {number!r}")
    folder = _data_folder()
    samples = np.loadtxt(folder / f"grasshopper_stimulus{number}.txt")
    times = np.loadtxt(folder / f"grasshopper_spike_times{number}.txt")
    start, dt = samples[0, 0], samples[1, 0] - samples[0, 0]
    sound = TSContinuous.from_clocked(samples[:, 1], dt=float(dt) / _MICROSECONDS, name="sound")
    sound.units = "share of largest"
    spikes = TSEvent((times - start) / _MICROSECONDS, t_start=0.0, t_stop=sound.t_stop, name="cell")
    if seconds is None:
        return Recording(sound, spikes)
    stop = float(sound.times[round(seconds * _MICROSECONDS / dt)])
    return Recording(sound.clip(t_stop=stop, include_stop=False), spikes.clip(t_stop=stop))


def match_spikes(model_times: ArrayLike, cell_times: ArrayLike, window: float = WINDOW) -> list[tuple[int, int]]:
    """Match spikes of two trains one to one, at most `window` apart, as many as can be.

    Goes through both trains in order of time and pairs the two earliest unmatched spikes if they are within
    the window, else drops the earlier. On a line and with one window for all spikes this greedy choice
    is optimal: no other one-to-one matching has more pairs.

    Args:
        model_times: spike times of the model in seconds, ascending.
        cell_times: spike times of the cell in seconds, ascending.
        window: largest distance of a matched pair in seconds, itself included.

    Returns:
        The pairs (index into `model_times`, index into `cell_times`), in order of time.
    """
    model = np.asarray(model_times, dtype=np.float64).tolist()
    cell = np.asarray(cell_times, dtype=np.float64).tolist()
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(model) and j < len(cell):
        if abs(model[i] - cell[j]) <= window + _ROUNDING:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif model[i] < cell[j]:
            i += 1
        else:
            j += 1
    return pairs


def coincidence_factor(model_times: ArrayLike, cell_times: ArrayLike, duration: float, window: float = WINDOW) -> float:
    """Coincidence factor Gamma of a model's spikes with a cell's: 1 is perfect, 0 is chance.

    Gamma = (N_coinc - <N_coinc>) / (0.5 (N_data + N_model)) / (1 - 2 nu window), where N_coinc counts the
    spikes matched one to one within `window`, nu = N_model / duration is the model's rate and
    <N_coinc> = 2 nu window N_data is the count of pairs expected of a Poisson train of that rate. (Some of
    those pairs share a spike, so a Poisson train itself, matched one to one, ends a little below 0.)

    Reference:
        W. M. Kistler, W. Gerstner and J. L. van Hemmen (1997). Reduction of the Hodgkin-Huxley equations to
        a single-variable threshold model. Neural Computation 9(5), 1015-1045.

    Args:
        model_times: spike times of the model in seconds, ascending.
        cell_times: spike times of the cell in seconds, ascending.
        duration: length of the recording in seconds.
        window: largest distance of coincident spikes in seconds.

    Returns:
        Gamma, without unit. Zero if neither train has a spike.

    Raises:
        ValueError: if the model's rate is 1 / (2 window) or more, where Gamma has no meaning.
    """
    n_model, n_cell = np.size(model_times), np.size(cell_times)
    if n_model + n_cell == 0:
        return 0.0
    by_chance = 2 * window * n_model / duration
    if by_chance >= 1:
        raise ValueError(f"the model's {n_model / duration:.0f} spikes per second fill every window of {window} s")
    coincident = len(match_spikes(model_times, cell_times, window))
    return (coincident - by_chance * n_cell) / (0.5 * (n_cell + n_model)) / (1 - by_chance)


def coincidence(model: TSEvent, cell: TSEvent) -> float:
    """The coincidence factor of two series of events, over the cell's duration."""
    return coincidence_factor(model.times, cell.times, cell.duration, WINDOW)
