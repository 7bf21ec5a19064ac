"""The time step: given, in the metadata, or hidden in the parameters; NIR has no place for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import NirError, format_error
from graphpool.nir.graph import NirNode
from graphpool.timeseries.clock import read_dt

NAMES = ("dt", "time_step", "timestep")
"""What a time step is called in metadata."""

CLOSE = 1e-3
"""How far two time steps may be apart, relatively, to count as the same: parameters are float32, often less."""


FLOAT32 = 2e-7
"""How far a ratio of two numbers of float32 may be off, relatively."""


@dataclass(frozen=True)
class Evidence:
    """What the file says about the time step.

    Attributes:
        dt: the time step in seconds; None where there is no evidence.
        reason: where it comes from, in words.
        stated: whether metadata name it, rather than parameters hint at it.
        against: what parameters hint at, where metadata name another.
    """

    dt: float | None
    reason: str
    stated: bool = False
    against: Evidence | None = None

    def contradicts(self, dt: float) -> bool:
        """Whether it means another time step."""
        return self.dt is not None and abs(dt - self.dt) > CLOSE * self.dt


GAINS = {"file": (("r", "tau"), ("r", "tau_mem"), ("w_in", "tau_syn")), "membrane": (("r", "tau"), ("r", "tau_mem"))}
"""The gains that count, by the option of that name, with the time constants that they may be multiples of."""


def find_evidence(nodes: Mapping[str, NirNode], metadata: Mapping[str, Any], gain: str = "file") -> Evidence:
    """What the metadata and the parameters of the nodes say about the time step.

    Args:
        nodes: all nodes by name.
        metadata: of the whole graph.
        gain: the option; gains that do not count say nothing.
    """
    hinted = _hinted(nodes, gain)
    named = list(_named(nodes, metadata))
    if not named:
        return hinted
    stated = Evidence(*named[0], True)
    other = next((reason for dt, reason in named if stated.contradicts(dt)), None)
    if other is not None:
        return Evidence(None, f"{stated.reason}, {other}")
    return replace(stated, against=hinted) if hinted.contradicts(named[0][0]) else stated


def _named(nodes: Mapping[str, NirNode], metadata: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    """The time steps that metadata name, and where."""
    for where, held in [("", metadata), *((name, node.metadata) for name, node in nodes.items())]:
        for name in NAMES:
            dt = _positive(held.get(name))
            if dt is not None:
                place = f"metadata of {where!r}" if where else "metadata of the graph"
                yield dt, f"the {place} name {name}={dt!r}"


def _hinted(nodes: Mapping[str, NirNode], gain: str) -> Evidence:
    """What the gains hide."""
    pairs = GAINS.get(gain, ())
    found = [(name, reason, steps) for name, node in nodes.items() for reason, steps in _ratios(node, pairs)]
    if not found:
        return Evidence(None, "no metadata name it, and no neuron has a gain that hides it, as r = tau/dt")
    every = np.concatenate([steps for _, _, steps in found])
    dt = float(np.median(every))
    if np.ptp(every) > CLOSE * dt:
        ends = f"from {every.min():.4g} to {every.max():.4g} s"
        return Evidence(None, f"no metadata name it, and tau/r of the neurons gives several time steps, {ends}")
    names = ", ".join(dict.fromkeys(name for name, _, _ in found))
    reasons = " and ".join(dict.fromkeys(reason for _, reason, _ in found))
    return Evidence(_rounded(dt), f"{reasons} in {names}")


def choose_dt(given: Any, evidence: Evidence) -> tuple[float, str]:
    """The time step in seconds, and what has to be said of it: that it is inferred, or contradicts the evidence.

    Raises:
        NirError: it is not given, and there is no evidence.
        TimeSeriesError: it is no positive number.
    """
    if given is not None:
        dt, source = read_dt(given, "from_nir"), "is given"
    elif evidence.dt is not None:
        dt, source = evidence.dt, "is in the metadata"
    else:
        what = f"the time step is not known: {evidence.reason}"
        raise NirError(format_error(what, where="from_nir", hint="pass dt= in seconds; 1e-4 and 1e-3 are common"))
    for one in (evidence, evidence.against):
        if one is not None and one.contradicts(dt):
            return dt, f"dt={dt!r} s {source}, but {one.reason}, which means {one.dt!r} s: inputs are rescaled"
    if given is None and not evidence.stated:
        return dt, f"dt={dt!r} s is inferred from {evidence.reason}; pass dt= to say so"
    return dt, ""


def _ratios(node: NirNode, pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, npt.NDArray[np.float64]]]:
    """Where r = tau/dt, or w_in = tau_syn/dt, dt; a gain of one hides nothing."""
    for gain, tau in pairs:
        if gain in node.fields and tau in node.fields:
            gains, taus = (np.asarray(node.fields[name], np.float64) for name in (gain, tau))
            if np.all(gains > 0) and not np.all(gains == 1) and np.all(taus > 0):
                with np.errstate(over="ignore", under="ignore"):
                    steps = np.ravel(taus / gains)
                if np.all((steps > 0) & np.isfinite(steps)):
                    yield f"{gain} = {tau}/dt", steps


def _positive(item: Any) -> float | None:
    array = np.asarray(item)
    if array.dtype == bool:
        return None
    try:
        value = float(str(array[()])) if array.dtype == np.float32 else float(array.item())
    except (TypeError, ValueError):
        return None
    return value if 0 < value < np.inf else None


def _rounded(dt: float) -> float:
    """Without the digits that float32 made up: the shortest number that is as close as that."""
    return next(near for digits in range(1, 18) if abs((near := float(f"{dt:.{digits}g}")) - dt) <= FLOAT32 * dt)
