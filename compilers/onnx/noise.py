"""How noise becomes ONNX nodes: the cipher on words of 32 bit, which needs the bitwise operators of opset 18."""

from __future__ import annotations

import math

import numpy as np

from graphpool.compilers.onnx.emitter import Call, Emitter, Operand, Tensor, lowers
from graphpool.graph import TensorType
from graphpool.graph.types import FLOAT64, INT64
from graphpool.ops.noise import GROUPS, PARITY, ROTATIONS, WORD

UINT32 = np.dtype(np.uint32)

Words = tuple[Operand, Operand]


@lowers("noise")
def _noise(e: Emitter, call: Call) -> str:
    shape, rank = call.type.shape, call.type.rank
    step, sample = (e.pad(arg, rank) for arg in call.args)
    elements = np.arange(math.prod(shape), dtype=UINT32).reshape(shape)
    keys = tuple(e.scalar(word, UINT32) for word in call.attrs["key"])
    own = _threefry(e, (keys[0], keys[1]), (_word(e, sample), e.constant(elements)))
    high = e.emit("Div", step, e.scalar(WORD, INT64))
    first, second = _threefry(e, own, (_word(e, step), _word(e, Tensor(high, TensorType(INT64, step.type.shape)))))
    share = e.emit("Div", e.emit("Add", e.cast(first, FLOAT64), e.scalar(1.0, FLOAT64)), e.scalar(WORD, FLOAT64))
    radius = e.emit("Sqrt", e.emit("Mul", e.emit("Log", share), e.scalar(-2.0, FLOAT64)))
    # Many engines have no cosine in double precision: it is the sine a quarter of a turn later.
    later = e.emit("Add", second, e.scalar(WORD // 4, UINT32))
    angle = e.emit("Mul", e.cast(later, FLOAT64), e.scalar(2.0 * math.pi / WORD, FLOAT64))
    return e.cast(e.emit("Mul", radius, e.emit("Sin", angle)), call.type.dtype)


def _word(e: Emitter, x: Tensor) -> str:
    """The lowest 32 bits of integers that are not negative."""
    return e.cast(e.emit("Mod", x, e.scalar(WORD, INT64), fmod=0), UINT32)


def _threefry(e: Emitter, key: Words, counter: Words) -> tuple[str, str]:
    """What :func:`graphpool.ops.noise.threefry` does."""
    third = e.emit("BitwiseXor", e.emit("BitwiseXor", *key), e.scalar(PARITY, UINT32))
    keys = (*key, third)
    x, y = (e.emit("Add", word, own) for word, own in zip(counter, key, strict=True))
    for group in range(GROUPS):
        for bits in ROTATIONS[group % 2]:
            x = e.emit("Add", x, y)
            y = e.emit("BitwiseXor", _rotated(e, y, bits), x)
        x = e.emit("Add", x, keys[(group + 1) % 3])
        y = e.emit("Add", e.emit("Add", y, keys[(group + 2) % 3]), e.scalar(group + 1, UINT32))
    return x, y


def _rotated(e: Emitter, x: str, bits: int) -> str:
    left = e.emit("BitShift", x, e.scalar(bits, UINT32), direction="LEFT")
    right = e.emit("BitShift", x, e.scalar(32 - bits, UINT32), direction="RIGHT")
    return e.emit("BitwiseOr", left, right)
