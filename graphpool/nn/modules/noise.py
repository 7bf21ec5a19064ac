"""Noise that is a function of where it stands.

What :meth:`Noise.step` returns depends on the seed, the dotted path of the module in its network, the number of the
sample and the number of the draw, and on nothing else: a run is reproducible, chunks equal the whole, row b of a batch
equals a single run with ``sample=b``, and all runtimes agree. In a network of timed modules, each module without a
clock counts as a network of its own, unless ``compile(seed=...)`` gives all of them one seed.
:mod:`graphpool.ops.noise` has the equations.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from contextvars import ContextVar
from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.nested import join_path
from graphpool.nn.modules.module import Module
from graphpool.nn.stepping import stepping_root
from graphpool.ops import evaluate
from graphpool.parameters import Shape, SimulationParameter, State, active_trace, is_integer

common_seed: ContextVar[int | None] = ContextVar("common_seed", default=None)
"""The seed of all noise in a network that is being compiled with ``seed=``."""


class Noise(Module):
    """Standard normal noise, ``(shape)`` at each step.

    State: ``count``, the number of draws so far, an int64 scalar; a reset starts the same noise again. Simulation
    parameter: ``seed``.

    Args:
        shape: of the noise of one step.
        seed: a whole number; without one it is drawn from NumPy's global generator, and can be read.

    Raises:
        ModuleError: ``seed`` is no whole number, or negative.
    """

    seed: Any
    count: Any

    def __init__(self, shape: int | Shape, seed: int | None = None) -> None:
        super().__init__(shape=shape)
        if seed is None:
            seed = int(np.random.randint(0, 2**63, dtype=np.int64))
        self.seed = SimulationParameter(read_seed(seed))
        self.count = State(np.zeros((), np.int64))

    def step(self) -> Any:
        """Draw once; returns float64."""
        noise = self._draw()
        self.count = self.count + 1
        return noise

    def _draw(self) -> Any:
        hooks, common = active_trace.get(), common_seed.get()
        seed = self.seed if common is None else common
        if hooks is not None:
            # Run eagerly, a network of timed modules runs its modules one by one: each draws as it does alone.
            path = hooks.path(self, in_run=common is None)
            return hooks.noise(self.count, make_key(seed, path), self.shape)
        attrs = {"key": make_key(seed, _path_below(stepping_root(), self)), "shape": self.shape, "dtype": np.float64}
        with np.errstate(over="ignore"):  # words of 32 bit wrap
            return evaluate("noise", np, [np.asarray(self.count), np.zeros((), np.int64)], (0, 0), attrs)


def read_seed(seed: Any) -> int:
    """A seed.

    Raises:
        ModuleError: it is no whole number, or negative.
    """
    if not is_integer(seed) or seed < 0:
        raise ModuleError(format_error(f"seed={seed!r}", hint="a whole number, 0 or more"))
    return int(seed)


def make_key(seed: int, path: str) -> tuple[int, int]:
    """Two words of 32 bit for a seed and a dotted path; a clock around a module does not change its noise."""
    names = [name for name in path.split(".") if name != "_module"]
    digest = hashlib.sha256(f"{seed}:{'.'.join(names)}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def _path_below(root: Any, module: Any) -> str:
    """The dotted path by which a module is first reached, as a trace has it."""
    seen: set[int] = set()

    def search(one: Any, path: str) -> str | None:
        if one is module:
            return path
        if id(one) in seen:
            return None
        seen.add(id(one))
        found = (search(child, join_path(path, name)) for name, child in one.modules().items())
        return next((path for path in found if path is not None), None)

    return search(root, "") or ""


class Noisy(Module):
    r"""Base class of modules whose equations have a noise term, :math:`\sigma \sqrt{dt}\, \zeta`.

    The strength ``noise_std`` is a simulation parameter. Where it is not 0, the child ``noise`` draws.
    """

    noise_std: Any
    noise: Any
    dt: Any

    def _declare_noise(self, noise_std: Any, shape: int | Shape, seed: int | None) -> None:
        self._noise_shape = shape
        self._seed = None if seed is None else read_seed(seed)
        self.noise_std = SimulationParameter(noise_std, shape=[(), shape])
        self._provide_noise()

    def _provide_noise(self) -> None:
        if np.any(self.noise_std) and "noise" not in self.modules():
            self.noise = Noise(self._noise_shape, self._seed)

    def _on_assigned(self, names: Collection[str]) -> None:
        super()._on_assigned(names)
        if "noise_std" in names:
            self._provide_noise()

    def _with_noise(self, value: Any) -> Any:
        """A value plus the noise of this step."""
        if not np.any(self.noise_std):
            return value
        return value + self.noise_std * math.sqrt(self.dt) * self.noise.step()
