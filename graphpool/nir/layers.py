"""The nodes of NIR that are no neurons, as modules. All parameters are float64; shapes are those of one sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.functional import conv, delay, spike
from graphpool.graph import Attributes, TensorType
from graphpool.graph.types import FLOAT64
from graphpool.nir.graph import NirNode
from graphpool.nir.memory import check_windows
from graphpool.nir.repairs import refused
from graphpool.nn.modules.linear import Linear
from graphpool.nn.modules.module import Module
from graphpool.ops import infer_type
from graphpool.ops.convolution import read_options
from graphpool.parameters import Parameter, Shape, SimulationParameter, State

Built = tuple[Module, Shape]
"""A module, and the shape of one sample of what it gives."""

LONGEST_DELAY = 2**20
"""Time steps."""


class Layer(Module):
    """Base class of the layers: knows the shapes of one sample at both ends.

    Args:
        sample_shape: of the input.
        spiking_output: whether the output is events.
    """

    def __init__(self, sample_shape: Shape, spiking_output: bool = False) -> None:
        super().__init__(sample_shape if len(sample_shape) == 1 else None, spiking_output=spiking_output)
        self.sample_shape: Shape = tuple(sample_shape)

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample."""
        return {"x": self.sample_shape}


class Scale(Layer):
    r"""Factors: :math:`y = s x`. Parameter: ``scale``, ``()`` or the sample's shape."""

    scale: Any

    def __init__(self, sample_shape: Shape, scale: Any) -> None:
        super().__init__(sample_shape)
        self.scale = Parameter(scale, "weights", shape=[sample_shape, ()])

    def step(self, x: Any) -> Any:
        """Take one sample; returns one of the same shape."""
        return x * self.scale


class Threshold(Layer):
    r"""Steps: :math:`y = [x > h]`. Parameter: ``threshold``, ``()`` or the sample's shape."""

    threshold: Any

    def __init__(self, sample_shape: Shape, threshold: Any) -> None:
        super().__init__(sample_shape, spiking_output=True)
        self.threshold = Parameter(threshold, "thresholds", shape=[sample_shape, ()])

    def step(self, x: Any) -> Any:
        """Take one sample; returns 0 and 1, of the same shape."""
        return spike(x, self.threshold, max_spikes=1, strict=True)


class Flatten(Layer):
    """Some neighbouring axes made one.

    Args:
        sample_shape: of the input.
        flat_shape: of the output.
    """

    def __init__(self, sample_shape: Shape, flat_shape: Shape) -> None:
        super().__init__(sample_shape)
        self.flat_shape: Shape = tuple(flat_shape)

    @property
    def size_out(self) -> int | None:
        """The number of output channels, where the output has one axis."""
        return self.flat_shape[0] if len(self.flat_shape) == 1 else None

    def step(self, x: Any) -> Any:
        """Take one sample; returns its elements in the flat shape."""
        return x.reshape(self.flat_shape)


class Delay(Layer):
    r"""A delay of whole steps: :math:`y_t = x_{t-k}`, 0 at first.

    State: ``buffer`` ``(longest delay, *sample)``, oldest first. Each element may have a delay of its own.

    Args:
        sample_shape: of the input.
        steps: k, an array of integers of the sample's shape.
    """

    buffer: Any
    places: Any

    def __init__(self, sample_shape: Shape, steps: Any) -> None:
        super().__init__(sample_shape)
        steps = np.broadcast_to(steps, sample_shape).ravel()
        self.longest = int(steps.max(initial=0))
        self.same = bool(np.all(steps == self.longest))
        self.places = SimulationParameter((self.longest - steps) * steps.size + np.arange(steps.size))
        if self.longest:
            self.buffer = State(shape=(self.longest, *sample_shape), init_func=np.zeros)

    def step(self, x: Any) -> Any:
        """Take one sample; returns that of k steps before."""
        if not self.longest:
            return x
        late, following = delay(self.buffer, x)
        if not self.same:
            rows = np.concatenate([self.buffer, np.expand_dims(x, 0)])
            late = np.ravel(rows)[self.places].reshape(self.sample_shape)
        self.buffer = following
        return late


class Conv(Layer):
    """A convolution, channels first, in one or two dimensions: see :func:`graphpool.functional.conv`.

    Parameters: ``weight`` ``(outputs, channels / groups, *kernel)``, ``bias`` ``(outputs,)``.

    Args:
        sample_shape: ``(channels, *sizes)``.
        weight: the weights.
        bias: the biases, or None.
        options: stride, padding, dilation and groups.
    """

    weight: Any
    bias: Any

    def __init__(self, sample_shape: Shape, weight: Any, bias: Any, options: dict[str, Any]) -> None:
        super().__init__(sample_shape)
        self.options = dict(options)
        self.weight = Parameter(weight, "weights")
        self.has_bias = bias is not None
        if self.has_bias:
            self.bias = Parameter(bias, "biases", shape=weight.shape[:1])

    @property
    def size_out(self) -> int | None:
        """None: the output has several axes."""
        return None

    def step(self, x: Any) -> Any:
        """Take one sample; returns ``(outputs, *sizes)``."""
        y = conv(x, self.weight, **self.options)
        if self.has_bias:
            y = y + self.bias.reshape(self.bias.shape + (1,) * (len(self.sample_shape) - 1))
        return y


class Pool(Layer):
    """The sum, or the mean, over windows of each channel; zeros around count, as in the frameworks.

    Args:
        sample_shape: ``(channels, height, width)``.
        kernel: the sizes of a window.
        options: stride and padding.
        mean: whether the sum is divided by the number of elements of a window.
    """

    def __init__(self, sample_shape: Shape, kernel: Shape, options: dict[str, Any], mean: bool) -> None:
        super().__init__(sample_shape)
        self.kernel: Shape = tuple(kernel)
        self.options = dict(options)
        self.mean = bool(mean)

    @property
    def size_out(self) -> int | None:
        """None: the output has several axes."""
        return None

    def step(self, x: Any) -> Any:
        """Take one sample; returns ``(channels, *sizes)``."""
        ones = np.ones((self.sample_shape[0], 1, *self.kernel), x.dtype)
        y = conv(x, ones, groups=self.sample_shape[0], **self.options)
        return y / math.prod(self.kernel) if self.mean else y


# --- from nodes -------------------------------------------------------------------------------------------------------
def as_float(array: Any) -> Any:
    """A copy in float64, the dtype of all parameters: compiling makes float32 of them."""
    return np.array(array, dtype=np.float64)


def bare(shape: Shape) -> Shape:
    """A shape without its ones."""
    return tuple(size for size in shape if size != 1)


def fit(name: str, key: str, array: Any, shape: Shape) -> Any:
    """A parameter in the shape of a sample, or ``()`` where it is one number."""
    array = as_float(array)
    if array.size == 1:
        return array.reshape(())
    if array.shape != shape and bare(array.shape) == bare(shape):
        return array.reshape(shape)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        what = f"{key!r} has the shape {array.shape}, one sample has {shape}"
        raise refused(name, what, "parameters have the sample's shape, or one that broadcasts to it") from None


def whole(name: str, node: NirNode, key: str, least: int, count: int | None = None) -> tuple[int, ...]:
    """Whole numbers of a node: one, or one for each of ``count`` dimensions."""
    array = np.ravel(node.fields[key])
    right = array.dtype.kind in "iuf" and np.all(np.isfinite(array)) and np.all(array == np.floor(array))
    if not right or array.size not in {1, count or 1} or np.any(array < least) or np.any(array > 2**31):
        wanted = f"whole numbers from {least} on, one{f' or {count}' if count else ''}"
        raise refused(name, f"{key!r} is {node.fields[key]!r}", wanted)
    entries = tuple(int(entry) for entry in array)
    return entries * (count or 1) if len(entries) == 1 else entries


def build_linear(name: str, node: NirNode, shape: Shape) -> Built:
    """An Affine or Linear: weights (out, in) in the file, (in, out) here."""
    weight = as_float(node.fields["weight"])
    while weight.ndim > 2 and weight.shape[0] == 1:
        weight = weight[0]
    if weight.ndim != 2:
        raise refused(name, f"the weight has the shape {weight.shape}", "(outputs, inputs)")
    outputs, inputs = weight.shape
    if not shape or shape[-1] != inputs:
        what = f"it takes {inputs} inputs, and gets a sample of the shape {shape}"
        raise refused(name, what, "is a Flatten missing?")
    return Linear((inputs, outputs), weight=weight.T, bias=_bias(name, node, outputs)), (*shape[:-1], outputs)


def _bias(name: str, node: NirNode, outputs: int) -> Any:
    given = node.fields.get("bias") if node.type != "Linear" else None
    if given is None:
        return None
    bias = as_float(given).reshape(-1)
    if bias.size not in (1, outputs):
        raise refused(name, f"the bias has the shape {np.shape(given)}", f"({outputs},)")
    return np.broadcast_to(bias, (outputs,))


def build_scale(name: str, node: NirNode, shape: Shape) -> Built:
    """A Scale."""
    return Scale(shape, fit(name, "scale", node.fields["scale"], shape)), shape


def build_threshold(name: str, node: NirNode, shape: Shape) -> Built:
    """A Threshold."""
    return Threshold(shape, fit(name, "threshold", node.fields["threshold"], shape)), shape


def build_flatten(name: str, node: NirNode, shape: Shape) -> Built:
    """A Flatten; its dimensions count no batch axis."""
    places = []
    for key in ("start_dim", "end_dim"):
        place = whole(name, node, key, -(2**31))[0]
        if not -len(shape) <= place < len(shape):
            raise refused(name, f"{key} is {place}, a sample has the shape {shape}", "dimensions count no batch axis")
        places.append(place % len(shape))
    start, end = places
    if start > end:
        raise refused(name, f"start_dim {start} lies behind end_dim {end}", f"a sample has the shape {shape}")
    flat = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    return Flatten(shape, flat), flat


def build_conv(name: str, node: NirNode, shape: Shape) -> Built:
    """A Conv1d or Conv2d."""
    count = 2 if node.type == "Conv2d" else 1
    weight = as_float(node.fields["weight"])
    if weight.ndim != count + 2 or len(shape) != count + 1:
        what = f"a {node.type} with weights of the shape {weight.shape} gets a sample of the shape {shape}"
        raise refused(name, what, "(outputs, channels, *kernel) and (channels, *sizes)")
    options = {
        "stride": whole(name, node, "stride", 1, count),
        "dilation": whole(name, node, "dilation", 1, count),
        "groups": whole(name, node, "groups", 1)[0],
        "padding": _padding(name, node, count),
    }
    given = _given(name, node, shape, weight.shape, options)
    return Conv(shape, weight, _bias(name, node, weight.shape[0]), options), given


def _padding(name: str, node: NirNode, count: int) -> Any:
    given = node.fields["padding"]
    if not isinstance(given, str):
        return whole(name, node, "padding", 0, count)
    if given not in ("same", "valid"):
        raise refused(name, f"padding is {given[:80]!r}", "'same', 'valid', or whole numbers")
    return given


def build_pool(name: str, node: NirNode, shape: Shape) -> Built:
    """A SumPool2d or AvgPool2d."""
    if len(shape) != 3:
        raise refused(name, f"a {node.type} gets a sample of the shape {shape}", "(channels, height, width)")
    options = {"stride": whole(name, node, "stride", 1, 2), "padding": whole(name, node, "padding", 0, 2)}
    kernel = whole(name, node, "kernel_size", 1, 2)
    given = _given(name, node, shape, (shape[0], 1, *kernel), {**options, "groups": shape[0]})
    return Pool(shape, kernel, options, node.type == "AvgPool2d"), given


def _given(name: str, node: NirNode, shape: Shape, weight: Shape, options: dict[str, Any]) -> Shape:
    """The shape of what a convolution gives, by the rule of its op."""
    try:
        attrs = Attributes(read_options(weight[2:], **{"dilation": 1, **options}))
        types = TensorType(FLOAT64, shape), TensorType(FLOAT64, weight)
        given = infer_type("conv", types, attrs).shape
    except (TypeRuleError, ValueError) as error:
        raise refused(name, f"a {node.type} of samples of the shape {shape}: {error}") from error
    check_windows(name, shape, weight[2:], attrs["padding"], given)
    return given


def build_delay(name: str, node: NirNode, shape: Shape, dt: float, repairs: list[str], early: bool) -> Built:
    """A Delay, in whole time steps.

    Args:
        name: of the node.
        node: the node.
        shape: of one sample.
        dt: the time step in seconds.
        repairs: gets a sentence where the delay is no multiple of the time step.
        early: one step of it is given by a late edge.
    """
    delays = fit(name, "delay", node.fields["delay"], shape)
    steps = delay_steps(name, delays, dt)
    if np.any(abs(delays / dt - steps) > ROUNDED):
        repairs.append(f"the delays of {name!r} are no multiples of dt={dt!r} s: rounded to {_span(steps)} steps")
    return Delay(shape, steps - 1 if early else steps), shape


ROUNDED = 1e-3
"""Part of a step by which a delay may differ from a whole number without a word: files hold float32."""


def delay_steps(name: str, delays: Any, dt: float) -> Any:
    """Delays in seconds as the nearest numbers of time steps."""
    delays = as_float(delays)
    if not np.all((delays >= 0) & (delays <= LONGEST_DELAY * dt)):
        what = f"delays from {delays.min()} to {delays.max()} s"
        raise refused(name, what, f"from 0 to {LONGEST_DELAY} time steps of {dt!r} s")
    return np.rint(delays / dt).astype(np.int64)


def _span(steps: Any) -> str:
    low, high = steps.min(), steps.max()
    return str(low) if low == high else f"{low} to {high}"


BUILDERS: dict[str, Callable[[str, NirNode, Shape], Built]] = {
    "Affine": build_linear,
    "Linear": build_linear,
    "Scale": build_scale,
    "Threshold": build_threshold,
    "Flatten": build_flatten,
    "Conv1d": build_conv,
    "Conv2d": build_conv,
    "SumPool2d": build_pool,
    "AvgPool2d": build_pool,
}
"""How nodes that are neither neurons nor delays become modules."""
