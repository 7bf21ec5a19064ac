"""The convolution as ONNX nodes.

On the CPU, onnxruntime's Conv has no double precision, and its weights are the same for all samples. Otherwise the
patches are laid out and multiplied, as the row's kernel does it.
"""

from __future__ import annotations

import math

from graphpool.compilers.onnx.emitter import Call, Emitter, Operand, Tensor, lowers
from graphpool.graph.types import FLOAT32, Shape
from graphpool.ops.convolution import Window, output_sizes


@lowers("conv")
def _conv(e: Emitter, call: Call) -> str:
    x, weight = call.args
    if call.type.dtype == FLOAT32 and not weight.stream:
        return _engine(e, x, weight, call)
    return _product(e, x, weight, call)


def _engine(e: Emitter, x: Tensor, weight: Tensor, call: Call) -> str:
    """The engine's own node, with all leading axes folded into one."""
    attrs, dimensions = call.attrs, call.type.rank - 1
    pads = [pair[side] for side in (0, 1) for pair in attrs["padding"]]
    folded: Operand = x if e.leading == 1 else e.emit("Reshape", x, e.ints([-1, *x.type.shape]))
    made = e.emit(
        "Conv",
        folded,
        weight,
        kernel_shape=list(weight.type.shape[-dimensions:]),
        strides=list(attrs["stride"]),
        dilations=list(attrs["dilation"]),
        group=attrs["groups"],
        pads=pads,
    )
    return made if e.leading == 1 else e.emit("Reshape", made, e.full_shape(call.type.shape))


def _product(e: Emitter, x: Tensor, weight: Tensor, call: Call) -> str:
    """One matrix product over all patches."""
    attrs, dimensions = call.attrs, call.type.rank - 1
    kernel, groups = weight.type.shape[-dimensions:], attrs["groups"]
    sizes = output_sizes(x.type.shape[1:], kernel, attrs)
    padded = _padded(e, x, call)
    axes = e.ints(range(-dimensions, 0))
    met = []
    for place in Window(kernel, sizes, attrs["stride"], attrs["dilation"]).places():
        starts, stops, steps = ([getattr(part, side) for part in place] for side in ("start", "stop", "step"))
        part = e.emit("Slice", padded, e.ints(starts), e.ints(stops), axes, e.ints(steps))
        met.append(e.emit("Unsqueeze", part, e.ints([-dimensions - 1])))
    patches = e.emit("Concat", *met, axis=-dimensions - 1)
    channels = x.type.shape[0] // groups * math.prod(kernel)
    patches = _reshaped(e, patches, (groups, channels, math.prod(sizes)), x.stream)
    matrix = _reshaped(e, weight, (groups, weight.type.shape[0] // groups, channels), weight.stream)
    made = e.emit("MatMul", matrix, patches)
    return _reshaped(e, made, call.type.shape, x.stream or weight.stream)


def _padded(e: Emitter, x: Tensor, call: Call) -> Operand:
    """Zeros around the input: ONNX names the padding of every axis, the leading ones included."""
    if not any(map(any, call.attrs["padding"])):
        return x
    inner = (e.leading if x.stream else 0) + 1
    pads = [[0] * inner + [pair[side] for pair in call.attrs["padding"]] for side in (0, 1)]
    return e.emit("Pad", x, e.ints([*pads[0], *pads[1]]), e.scalar(0, call.type.dtype))


def _reshaped(e: Emitter, x: Operand, shape: Shape, stream: bool) -> str:
    """Another shape of one sample; a 0 copies the length of a leading axis."""
    if isinstance(x, Tensor) and x.array is not None:
        return e.constant(x.array.reshape(shape)).name
    return e.emit("Reshape", x, e.ints([0] * (e.leading if stream else 0) + list(shape)))
