"""How the step of a class is wrapped."""

import inspect

import numpy as np
import pytest

from graphpool.errors import ModuleError
from graphpool.nn.modules import Module
from graphpool.parameters import Parameter, State
from tests.nn.test_steps import module_of


def test_super_step_runs_the_base_class():
    class Base(Module):
        def __init__(self):
            super().__init__(shape=1)
            self.v = State(0.0)

        def step(self, x):
            self.v = self.v + x
            return self.v

    class Derived(Base):
        def step(self, x):
            y = super().step(x)
            self.v = self.v * 10
            return y + 1

    module = Derived()
    assert [float(module.step(1)), float(module.step(1))] == [2.0, 12.0]
    assert module.v == 110


def test_a_step_is_wrapped_once_and_keeps_its_signature():
    class One(Module):
        def step(self, x, y=2):
            """Doc."""
            return x

    class Two(One):
        pass

    assert Two.step is One.step
    assert list(inspect.signature(One().step).parameters) == ["x", "y"]
    assert One.step.__doc__ == "Doc."
    assert inspect.isfunction(One.step.__wrapped__)
    assert not hasattr(One.step.__wrapped__, "__wrapped__")


def test_a_step_of_a_mixin_is_wrapped():
    class Doubling:
        def step(self, x):
            x *= 2
            return x

    class Mixed(Doubling, Module):
        pass

    given = np.ones(2)
    np.testing.assert_array_equal(Mixed(shape=2).step(given), [2, 2])
    np.testing.assert_array_equal(given, [1, 1])


def test_a_step_that_is_no_method_is_refused():
    with pytest.raises(ModuleError, match="Odd: step is a staticmethod"):
        type("Odd", (Module,), {"step": staticmethod(lambda x: x)})


def test_a_module_without_a_step_says_so():
    class Nothing(Module):
        pass

    for run in (lambda: Nothing(shape=1).step(0), lambda: Nothing(shape=1)(np.zeros((1, 1)))):
        with pytest.raises(NotImplementedError, match="Nothing defines no step"):
            run()


def test_a_failing_step_ends_the_step():
    def step(self, x):
        raise RuntimeError("no")

    module = module_of(step, w=Parameter(1.0))
    with pytest.raises(RuntimeError, match="no"):
        module.step(0)
    module.w = 2.0
    assert module.w == 2.0


def test_record_does_nothing_in_numpy():
    def step(self, x):
        return self.record("x", x)

    assert module_of(step).step(0) is None
