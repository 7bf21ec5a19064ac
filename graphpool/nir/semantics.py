"""What NIR leaves open, as named options, and the presets that fill them as the frameworks do.

NIR describes neurons in continuous time. Which steps a framework makes of that is not in the file, so that the same
file gives other spikes in each. Every difference is an option here; a preset is a row of :data:`PRESETS`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from graphpool.errors import NirError, format_error

OPTIONS: dict[str, dict[Any, str]] = {
    "solver": {
        "euler": "forward Euler: `v + dt/tau ((v_leak - v) + r I)`",
        "exponential": "the leak exactly, an input as a jump: `v_leak + exp(-dt/tau) (v - v_leak) + r I`",
        "exact": "exact for an input that is constant meanwhile: `v_leak + exp(-dt/tau) (v - v_leak) + "
        "(1 - exp(-dt/tau)) r I`",
    },
    "current": {
        "new": "the membrane takes the synaptic current of this step",
        "old": "the membrane takes the synaptic current of the step before",
    },
    "synapse": {
        "decay first": "a synapse decays, then takes what arrives",
        "input first": "what arrives at a synapse, or at an LI, decays already in its own step",
    },
    "gain": {
        "file": "r and w_in count, as the solver has them",
        "membrane": "r counts where there is a leak; at a synapse, and without a leak, an input enters whole",
        "one": "r and w_in do not count: an input enters whole, whatever the solver",
    },
    "initial": {
        "zero": "membranes start at 0",
        "leak": "membranes start at v_leak",
    },
    "compare": {
        ">": "a membrane has to exceed the threshold",
        ">=": "a membrane that reaches the threshold spikes",
    },
    "spikes": {
        "one": "at most one spike in a step",
        "many": "as many spikes in a step as whole thresholds fit into the membrane",
    },
    "reset": {
        "value": "to v_reset, in the step of the spike",
        "value-late": "to v_reset in the step after the spike, whose input is lost to the membrane",
        "subtract": "the threshold is subtracted for each spike, in the step of the spike",
        "subtract-late": "the threshold is subtracted for each spike in the step after it, after the leak",
        "spyx-subtract": "`subtract` with a synapse, `subtract-late` without",
        "snntorch-subtract": "snnTorch with `reset_delay=False`: `subtract-late` before the comparison; after it, the "
        "threshold is subtracted for a spike, and given back for the one of the step before",
    },
    "delay": {
        "spikes": "a recurrent edge is late where spikes leave the neuron: a recurrent bias acts from the first step",
        "weights": "a recurrent edge is late where currents enter the neuron: a recurrent bias acts from the second",
    },
    "output_lag": {
        0: "spikes leave a neuron in the step in which they occur",
        1: "spikes leave a neuron one step later; on a recurrent edge, that is its one step",
    },
}
"""Every option, its values and what they mean; the docs print this."""


@dataclass(frozen=True)
class Semantics:
    """One value for each of :data:`OPTIONS`."""

    solver: str = "exact"
    current: str = "new"
    synapse: str = "decay first"
    gain: str = "file"
    initial: str = "zero"
    compare: str = ">"
    spikes: str = "one"
    reset: str = "value"
    delay: str = "spikes"
    output_lag: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items())

    def as_dict(self) -> dict[str, Any]:
        """The options by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


EULER = Semantics(solver="euler")
JUMPS = Semantics(solver="exponential", gain="one", reset="subtract", compare=">=", spikes="many")

PRESETS: dict[str, Semantics] = {
    "snntorch": EULER,
    "snntorch-subtract": replace(EULER, reset="subtract-late"),
    "norse": replace(EULER, gain="membrane", initial="leak", delay="weights"),
    "spyx": replace(EULER, gain="one", reset="spyx-subtract", output_lag=1),
    "rockpool": replace(JUMPS, synapse="input first"),
    "sinabs": JUMPS,
    "exact": Semantics(),
}
"""The semantics of each framework."""


def read_semantics(like: Any, switches: dict[str, Any]) -> Semantics:
    """The semantics of a preset, with options that are given beside it.

    Args:
        like: the name of a preset, a :class:`Semantics`, or None where every option is given.
        switches: options by name; those that are None are not given.

    Raises:
        NirError: there is no such preset, option or value, or neither a preset nor all options are given.
    """
    given = {name: value for name, value in switches.items() if value is not None}
    unknown = [name for name in given if name not in OPTIONS]
    if unknown:
        raise _refused(f"there is no option {', '.join(map(repr, unknown))}", f"there are {', '.join(OPTIONS)}")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value not in OPTIONS[name]:
            raise _refused(f"{name}={value!r}", f"{name} is {' or '.join(map(repr, OPTIONS[name]))}")
    if isinstance(like, Semantics):
        return read_semantics(None, {**like.as_dict(), **given})
    if like is None:
        missing = [name for name in OPTIONS if name not in given]
        if missing:
            what = f"a NIR file does not say how its neurons take a step: {', '.join(missing)} are not given"
            raise _refused(what, f"like= one of {_presets()} says it, any option beside it wins")
        return Semantics(**given)
    if not isinstance(like, str) or like not in PRESETS:
        raise _refused(f"like={like!r}", f"there are {_presets()}")
    return replace(PRESETS[like], **given)


def _presets() -> str:
    return ", ".join(map(repr, PRESETS))


def _refused(what: str, hint: str) -> NirError:
    return NirError(format_error(what, where="from_nir", hint=hint))
