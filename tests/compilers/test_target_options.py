"""Options of targets: another package's target has its own, and gets them when a plan is built."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.compilers.base import Option, Target
from graphpool.compilers.numpy.compile import NumpyProgram
from graphpool.errors import TargetError
from graphpool.nn.modules import Module
from graphpool.plan import Plan
from graphpool.runtimes.numpy import NumpyRuntime


class Double(Module):
    def __init__(self) -> None:
        super().__init__(shape=2)

    def step(self, x: Any) -> Any:
        return 2 * x


class LoudProgram(NumpyProgram):
    """Multiplies all outputs."""

    def __init__(self, plan: Plan, volume: int) -> None:
        super().__init__(plan)
        self.volume = volume

    def __call__(self, *args: Any) -> Any:
        outputs, states, records = super().__call__(*args)
        return [output * self.volume for output in outputs], states, records


class LoudRuntime(NumpyRuntime):
    pass


def build_loudly(plan: Plan, *, volume: int, quiet: bool) -> LoudProgram:
    return LoudProgram(plan, 0 if quiet else volume)


LOUD = Target(
    "loud",
    build_loudly,
    f"{__name__}:LoudRuntime",
    options=(Option("volume", (1, 3, 11)), Option("quiet", (False, True))),
)


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    find, entry = importlib.metadata.entry_points, SimpleNamespace(name="loud", load=lambda: LOUD)

    def entry_points(**wanted: Any) -> Any:
        return [*find(**wanted), entry] if wanted == {"group": "graphpool.targets"} else find(**wanted)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.parametrize(
    ("options", "factor"), [({}, 1), ({"volume": 11}, 11), ({"volume": 3, "quiet": True}, 0), ({"quiet": False}, 1)]
)
def test_a_target_of_another_package_has_options_of_its_own(options: dict[str, Any], factor: int) -> None:
    run = graphpool.compile(Double(), "loud", **options)
    assert run.artifact.options == {"volume": 1, "quiet": False} | options
    x = np.ones((1, 3, 2))
    np.testing.assert_array_equal(run(x)[0], 2 * factor * x)
    np.testing.assert_array_equal(run.step(x[0, 0]), 2 * factor * x[0, 0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(run))(x)[0], 2 * factor * x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"volum": 3}, r"target 'loud' has no option 'volum'.*its options are: volume=1\|3\|11, quiet=False\|True"),
        ({"loop": "Scan"}, "target 'loud' has no option 'loop'"),
        ({"volume": 4}, "volume=4 for target 'loud'.*one of 1, 3, 11"),
        ({"volume": True}, "volume=True for target 'loud'"),
        ({"quiet": 0}, "quiet=0 for target 'loud'.*one of False, True"),
        ({"volume": np.ones(2)}, r"volume=array\(\[1., 1.\]\) for target 'loud'"),
        ({"parameters": "inputs"}, "target 'loud' has no option 'parameters'"),
    ],
)
def test_what_is_not_among_them_is_refused_before_any_work(options: Any, message: str) -> None:
    with pytest.raises(TargetError, match=f"(?s){message}"):
        graphpool.compile(None, "loud", **options)
