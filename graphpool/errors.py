"""Every error and warning of graphpool: one class a cause, one formatter.

A message says where in the model, what is wrong and with which values, shows the user's line and the operands
with their origins, and ends with what to do::

    net/fc2: matmul: inner sizes differ: (3,) @ (4, 1)
        model.py:35: y = h @ self.weight
        %1 : f32[3]  from net/fc1, model.py:6: y = x @ W
        %fc2.weight : f32[4,1]  parameter
        hint: the weight of a layer has shape (inputs, outputs)
"""

from __future__ import annotations

from collections.abc import Iterable

INDENT = "    "


def format_error(what: str, *, where: str = "", line: str = "", details: Iterable[str] = (), hint: str = "") -> str:
    """Lay out one error message.

    Args:
        what: what is wrong, with the values.
        where: the place in the model, for example ``net/fc2``.
        line: the user's source line, for example ``model.py:35: y = h @ self.weight``.
        details: one line each, for example the operands with their origins.
        hint: what to do about it.
    """
    lines = [f"{where}: {what}" if where else what]
    lines += [INDENT + text for text in (line, *details) if text]
    if hint:
        lines.append(f"{INDENT}hint: {hint}")
    return "\n".join(lines)


class GraphpoolError(Exception):
    """Base class of every error that graphpool raises on purpose."""


class ModuleError(GraphpoolError, ValueError):
    """A module, or an attribute of one, is declared or assigned wrongly."""


class TraceError(GraphpoolError):
    """A ``step`` does something that cannot become a graph."""


class TypeRuleError(TraceError, TypeError):
    """The operands of an op do not fit together."""


class GraphError(GraphpoolError):
    """A graph is malformed: the verifier's findings."""


class CausalityError(GraphError):
    """A value depends on itself within one time step."""


class PassError(GraphpoolError):
    """A pass broke a graph, or did not come to an end."""


class PlanError(GraphpoolError):
    """A plan is not a valid schedule of its graph."""


class LoweringError(GraphpoolError):
    """A target cannot express some ops or types of a graph; lists all of them."""


class TargetError(GraphpoolError, ValueError):
    """There is no target, or no option of a target, of that name."""


class MissingExtraError(GraphpoolError, ImportError):
    """An optional dependency is not installed; names the extra that brings it."""


class InputError(GraphpoolError, ValueError):
    """An input array does not fit its port."""


class StateError(GraphpoolError, ValueError):
    """A state of a wrong name, shape, dtype or batch size."""


class ParameterError(GraphpoolError, ValueError):
    """A parameter of a wrong name, shape or dtype."""


class ModelFileError(GraphpoolError, ValueError):
    """A file is not a model that graphpool can read."""


class NirError(GraphpoolError, ValueError):
    """A NIR file or graph is damaged, or says or leaves open what cannot be run."""


class TimeSeriesError(GraphpoolError, ValueError):
    """A time series is made of, or asked for, what it cannot hold: times, samples, channels or a file."""


class SeriesTypeError(GraphpoolError, TypeError):
    """Something else than the kind of time series, or of argument, that is needed."""


class ChannelError(GraphpoolError, IndexError):
    """A channel that a time series does not have."""


class ClockError(GraphpoolError, ValueError):
    """A time step, a duration or a series that does not fit the clock of a timed module."""


class GraphpoolWarning(UserWarning):
    """Base class of every warning that graphpool gives."""


class TimeConstantWarning(GraphpoolWarning):
    """A time constant is too short for the time step and was limited."""


class TimeSeriesWarning(GraphpoolWarning):
    """A time series is read just outside of its range, or where it has no value."""


class NirWarning(GraphpoolWarning):
    """A NIR graph was repaired, or its time step was inferred or is another than the file lets expect."""


class PrecisionWarning(GraphpoolWarning):
    """A constant or parameter loses its value in float32."""


def missing_extra(extra: str, package: str) -> MissingExtraError:
    """The error for an optional dependency that is not installed."""
    return MissingExtraError(
        format_error(
            f"the package {package!r} is not installed",
            hint=f'it comes with the extra {extra!r}: pip install "graphpool[{extra}]"',
        )
    )
