"""Options and presets: what is given wins, and nothing is guessed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError, NirWarning, TimeSeriesError
from graphpool.nir import OPTIONS, PRESETS, Semantics, from_nir
from graphpool.nir.graph import NirGraph
from tests.nir.files import DT, affine, chain, neuron, node


def test_every_preset_is_a_row_of_known_options() -> None:
    assert list(PRESETS) == ["snntorch", "snntorch-subtract", "norse", "spyx", "rockpool", "sinabs", "exact"]
    for semantics in PRESETS.values():
        assert list(semantics.as_dict()) == list(OPTIONS)
        assert all(value in OPTIONS[name] for name, value in semantics.as_dict().items())
    assert len(set(PRESETS.values())) == len(PRESETS)


def test_a_switch_beside_a_preset_wins() -> None:
    graph = chain(neuron("LIF"))
    net = from_nir(graph, like="snntorch", dt=DT, reset="subtract", compare=">=")
    assert net.semantics == Semantics(solver="euler", reset="subtract", compare=">=")
    assert net["n0"].reset == "subtract" and net["n0"].compare == ">="
    assert from_nir(graph, like=net.semantics, dt=DT, compare=">").semantics.reset == "subtract"


def test_every_switch_is_an_argument() -> None:
    for name, values in OPTIONS.items():
        for value in values:
            net = from_nir(chain(neuron("LIF")), like="exact", dt=DT, **{name: value})
            assert net.semantics.as_dict()[name] == value


def test_all_switches_need_no_preset() -> None:
    chosen = {name: list(values)[-1] for name, values in OPTIONS.items()}
    assert from_nir(chain(neuron("LIF")), dt=DT, **chosen).semantics.as_dict() == chosen


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, r"solver, current, synapse, .* are not given(.|\n)*like= one of 'snntorch', 'snntorch-subtract'"),
    "a part": ({"solver": "euler"}, "from_nir: .*: current, synapse"),
    "preset": ({"like": "brian"}, "like='brian'(.|\n)*there are 'snntorch'"),
    "value": ({"like": "exact", "reset": "never"}, "reset='never'(.|\n)*reset is 'value' or 'value-late' or"),
    "number": ({"like": "exact", "output_lag": 2}, "output_lag=2(.|\n)*output_lag is 0 or 1"),
    "bool": ({"like": "exact", "output_lag": True}, "output_lag=True"),
    "list": ({"like": "exact", "reset": ["value"]}, "reset="),
    "array": ({"like": "exact", "reset": np.array(["value", "subtract"])}, "reset="),
    "float": ({"like": "exact", "output_lag": 1.0}, "output_lag=1.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_not_said_or_not_known_is_an_error(case: str) -> None:
    options, message = REFUSED[case]
    with pytest.raises(NirError, match=message):
        from_nir(chain(neuron("LIF")), dt=DT, **options)


# --- the time step ----------------------------------------------------------------------------------------------------
def said_of(graph: NirGraph, **options: Any) -> tuple[float, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = from_nir(graph, **{"like": "snntorch", **options})
    assert all(one.category is NirWarning for one in caught)
    return net.dt, [str(one.message) for one in caught]


def test_dt_is_what_is_given() -> None:
    assert said_of(chain(neuron("LIF", r=1.0)), dt=1e-3) == (1e-3, [])
    assert said_of(chain(neuron("LIF", r=4.0)), dt=DT) == (DT, [])


def test_dt_is_in_the_metadata_of_the_graph_or_of_a_node() -> None:
    graph = chain(neuron("LIF", r=1.0))
    graph.metadata = {"dt": 2e-3}
    assert said_of(graph) == (2e-3, [])
    graph.metadata = {"dt": np.float32(1e-3)}
    assert said_of(graph) == (1e-3, [])
    graph.metadata = {"who": "someone", "dt": "soon", "time_step": True}
    graph.nodes["n0"].metadata = {"timestep": 3e-3}
    assert said_of(graph) == (3e-3, [])


def test_dt_is_inferred_from_gains_and_said() -> None:
    dt, (said,) = said_of(chain(affine(2, 2), neuron("LIF"), neuron("CubaLIF")))
    assert dt == DT
    assert said == (
        f"from_nir: dt={DT} s is inferred from r = tau/dt and r = tau_mem/dt and w_in = tau_syn/dt in n1, n2; "
        "pass dt= to say so"
    )


def test_float32_makes_no_digits_up() -> None:
    tau = np.array([3e-3, 7e-3, 11e-3], np.float32)
    lif = node("LIF", tau=tau, r=(tau / np.float32(1e-4)).astype(np.float32), v_leak=0.0, v_threshold=1.0)
    assert said_of(chain(lif, shape=(3,)))[0] == 1e-4


def test_a_dt_that_contradicts_the_gains_is_said() -> None:
    dt, (said,) = said_of(chain(neuron("LIF")), dt=1e-4)
    assert dt == 1e-4
    assert said == f"from_nir: dt=0.0001 s is given, but r = tau/dt in n0, which means {DT} s: inputs are rescaled"


def test_a_dt_that_contradicts_the_metadata_is_said() -> None:
    graph = chain(neuron("LIF"))
    graph.metadata = {"dt": 2e-3}
    assert "metadata of the graph name dt=0.002" in said_of(graph, dt=1e-3)[1][0]


@pytest.mark.parametrize("given", [None, 2e-3])
def test_metadata_that_contradict_the_gains_are_said(given: float | None) -> None:
    graph = chain(neuron("LIF"))
    graph.metadata = {"dt": 2e-3}
    dt, (said,) = said_of(graph, dt=given)
    source = "is in the metadata" if given is None else "is given"
    assert dt == 2e-3
    assert said == f"from_nir: dt=0.002 s {source}, but r = tau/dt in n0, which means {DT} s: inputs are rescaled"
    assert said_of(graph, like="spyx", dt=given) == (2e-3, [])


def test_metadata_that_contradict_one_another_are_no_evidence() -> None:
    graph = chain(neuron("LIF"), neuron("LIF"))
    graph.nodes["n0"].metadata = {"dt": 1e-3}
    graph.nodes["n1"].metadata = {"dt": 2e-3}
    with pytest.raises(NirError, match="the metadata of 'n0' name dt=0.001, the metadata of 'n1' name dt=0.002"):
        from_nir(graph, like="snntorch")
    assert said_of(graph, dt=1e-3) == (1e-3, [])


@pytest.mark.parametrize(("tau", "r"), [(1e300, 1e-300), (1e-300, 1e300)])
def test_gains_out_of_all_proportion_hide_nothing(tau: float, r: float) -> None:
    with pytest.raises(NirError, match="no neuron has a gain that hides it"):
        from_nir(chain(neuron("LIF", tau=tau, r=r)), like="snntorch")


@pytest.mark.parametrize(
    ("graph", "like", "reason"),
    [
        (chain(neuron("LIF", r=1.0)), "snntorch", "no neuron has a gain that hides it"),
        (
            chain(neuron("LIF", r=4.0), neuron("LIF", r=3.0)),
            "snntorch",
            "several time steps, from 0.0009766 to 0.001302",
        ),
        (chain(neuron("LIF")), "spyx", "no neuron has a gain that hides it"),
        (chain(affine(2, 2)), "exact", "no neuron has a gain that hides it"),
    ],
)
def test_without_evidence_dt_has_to_be_passed(graph: NirGraph, like: str, reason: str) -> None:
    with pytest.raises(NirError, match=f"the time step is not known: .*{reason}(.|\n)*pass dt="):
        from_nir(graph, like=like)


@pytest.mark.parametrize("dt", [0, -1e-3, float("nan"), "soon", True])
def test_a_dt_that_is_no_time_step(dt: Any) -> None:
    with pytest.raises(TimeSeriesError, match="dt="):
        from_nir(chain(neuron("LIF")), like="exact", dt=dt)


def test_the_time_step_reaches_the_graph_and_the_file() -> None:
    net = from_nir(chain(neuron("LIF")), like="exact", dt=DT)
    assert graphpool.trace(net).dt == DT == net.dt
