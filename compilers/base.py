"""What all compilers share: the description of a target, the registry of lowerings, and the check before lowering.

A target is an entry point in the group ``graphpool.targets`` that names a :class:`Target`; the three built-in ones
come through the same door as those of other packages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphpool.errors import LoweringError, TargetError, format_error
from graphpool.graph import LEAF_OPS, Graph
from graphpool.graph.text import describe
from graphpool.graph.types import SHORT_NAMES, dtype_name
from graphpool.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """Something that ``compile(module, target, name=value)`` may choose of a target.

    Attributes:
        name: the keyword.
        values: what may be chosen; the first is the default.
        most: a whole number from 1 up to this may be chosen, too; 0 for none.
        when_loaded: whether it says how a model runs, and not what is in its file: so loading a file takes it, too.
    """

    name: str
    values: tuple[Any, ...]
    most: int = 0
    when_loaded: bool = False

    def allows(self, value: Any) -> bool:
        """Whether a value may be chosen."""
        if any(type(value) is type(other) and value == other for other in self.values):
            return True
        return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= self.most

    def __str__(self) -> str:
        return f"{', '.join(map(repr, self.values))}" + (f", or a number from 1 to {self.most}" if self.most else "")


@dataclass(frozen=True)
class Target:
    """A place to run.

    Attributes:
        name: what ``compile(module, name)`` says.
        build: turns a plan into the target's program, with the options as keywords; a function of a module, so that
            artifacts pickle.
        runtime: the runtime's class, as ``package.module:Class``; loaded when needed.
        pure: whether its runtime also wants the plans in 32 bit for pure functions of the parameters.
        options: what ``compile`` may choose of it.
        affine: whether it may run affine regions without a loop; else they reach it as scans, with steps as written.
        arrange: gives a plan the regions that suit the target, under ``hoist="auto"``; None where it takes them as they
            are.
        rule: by what ``arrange`` keeps in the loop what lies on no cycle; words for ``plan.explain``.
    """

    name: str
    build: Callable[..., Any]
    runtime: str
    pure: bool = False
    options: tuple[Option, ...] = ()
    affine: bool = False
    arrange: Callable[[Plan], Plan] | None = None
    rule: str = ""

    def read_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All options of the target: those given, the others at their defaults.

        Raises:
            TargetError: the target has no such option, or the option no such value; lists those that there are.
        """
        known = {option.name: option for option in self.options}
        for name, value in given.items():
            if name not in known:
                there = ", ".join(map(_briefly, self.options)) or "none"
                what = f"target {self.name!r} has no option {name!r}"
                raise TargetError(format_error(what, hint=f"its options are: {there}"))
            if not known[name].allows(value):
                what = f"{name}={value!r} for target {self.name!r}"
                raise TargetError(format_error(what, hint=f"one of {known[name]}"))
        return {option.name: given.get(option.name, option.values[0]) for option in self.options}


def _briefly(option: Option) -> str:
    numbers = [f"1...{option.most}"] if option.most else []
    return f"{option.name}={'|'.join([*map(repr, option.values), *numbers])}"


class Lowerings(Generic[F]):
    """The lowerings of one target by op, filled with a decorator: ``@lowers("tanh")``."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._functions: dict[str, F] = {}

    def __call__(self, *ops: str) -> Callable[[F], F]:
        """Register a function for the given ops."""

        def register(function: F) -> F:
            for name in ops:
                if name in self._functions:
                    raise LoweringError(f"target {self.target!r} lowers {name!r} already")
                self._functions[name] = function
            return function

        return register

    def get(self, op: str) -> F | None:
        """The function for an op, or None."""
        return self._functions.get(op)

    def names(self) -> list[str]:
        """The ops that have one."""
        return sorted(self._functions)


def check_lowerable(graph: Graph, target: str, has_lowering: Callable[[str], bool]) -> None:
    """Check that a target can express every node, before any work is done.

    Raises:
        LoweringError: lists every node with an op or a dtype that the target does not have.
    """
    problems = []
    for value, node in enumerate(graph.nodes):
        reasons = []
        if node.op not in LEAF_OPS and not has_lowering(node.op):
            reasons.append(f"no lowering for {node.op!r}")
        if node.type.dtype not in SHORT_NAMES:
            reasons.append(f"dtype {dtype_name(node.type.dtype)}")
        if reasons:
            origin = f"    {graph.origins[value][0]}" if graph.origins[value] else ""
            problems.append(f"{', '.join(reasons)}: {describe(graph, value)}{origin}")
    if problems:
        raise LoweringError(
            format_error(
                f"target {target!r} cannot run {len(problems)} of {len(graph.nodes)} nodes",
                where=graph.name,
                details=problems,
                hint=f"every target runs {', '.join(SHORT_NAMES.values())}: declare parameters and states so "
                "(cast_fn=np.float32), and cast values with .astype in the step",
            )
        )
