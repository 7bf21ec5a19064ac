"""Steps that must be a TraceError, and what is asked of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import graphpool
from graphpool.errors import TraceError
from graphpool.parameters import active_trace
from tests.trace.stepping import Step, module_of


class Traps:
    """Steps with an error that contains the messages, and the attributes of their modules, for ``parametrize``."""

    def __init__(self) -> None:
        self.params: list[Any] = []

    def __call__(
        self, *messages: str, error: type[TraceError] = TraceError, hint: bool = True, **attributes: Any
    ) -> Callable[[Step], Step]:
        def register(step: Step) -> Step:
            self.params.append(pytest.param(Trapped(step, attributes, messages, error, hint), id=step.__name__))
            return step

        return register


@dataclass(frozen=True)
class Trapped:
    """A step with an error."""

    step: Step
    attributes: dict[str, Any]
    messages: tuple[str, ...]
    error: type[TraceError]
    hint: bool

    def check(self, forget: Callable[[], None] = lambda: None) -> None:
        """The error says what it should; the module is as it was, and traces to the same error again.

        Args:
            forget: undoes what the steps did to variables of their file.
        """
        module = module_of(self.step, **self.attributes)
        before = (set(vars(module)), module.parameters(), module.state())
        with pytest.raises(TraceError) as caught:
            graphpool.trace(module)
        text = str(caught.value)
        assert type(caught.value) is self.error
        for message in self.messages:
            assert message in text
        assert ("hint: " in text) == self.hint
        self._assert_shows_the_line(text)
        assert active_trace.get() is None
        forget()
        vars(module).pop("hidden", None)
        assert str((set(vars(module)), module.parameters(), module.state())) == str(before)
        with pytest.raises(TraceError) as again:
            graphpool.trace(module)
        assert str(again.value) == text
        forget()

    def _assert_shows_the_line(self, text: str) -> None:
        lines, first = inspect.getsourcelines(self.step)
        file = Path(inspect.getfile(self.step)).name
        for number, line in enumerate(lines, first):
            if line.rstrip().endswith("# here"):
                assert f"tests/trace/{file}:{number}: {line.strip()}" in text
