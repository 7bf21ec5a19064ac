r"""Noise: standard normal numbers that are a function of where they stand, the same on every runtime.

Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011, Parallel random numbers: as easy as 1, 2, 3) enciphers
a counter under a key:

.. math::
    (k_0, k_1)_{b,n} &= \mathrm{threefry}(key, (b, n)) \\
    (a, c)_{t,b,n} &= \mathrm{threefry}((k_0, k_1)_{b,n}, (t \bmod 2^{32}, \lfloor t / 2^{32} \rfloor)) \\
    z_{t,b,n} &= \sqrt{-2 \ln\frac{a + 1}{2^{32}}}\; \cos\frac{2 \pi c}{2^{32}}

for the step t, the sample b of the batch and the element n of the result; z is Box and Muller's (1958) transform. It
runs in double precision and is rounded, since single precision differs between engines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import INT32, INT64, Attributes, TensorType
from graphpool.ops.rules import check_arity, is_float
from graphpool.ops.samples import FLOATS
from graphpool.ops.table import Sample, op

WORD = 2**32
PARITY = 0x1BD11BDA
"""What the third word of a key is the exclusive or of the others and this."""

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""By how many bits the rounds of one group, and of the next, rotate."""

GROUPS = 5

Words = tuple[Any, Any]


def threefry(xp: Any, key: Words, counter: Words) -> Words:
    """Two uint32 words that a counter of two words becomes under a key of two; all broadcast."""
    word = xp.uint32
    keys = (*key, key[0] ^ key[1] ^ word(PARITY))
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(GROUPS):
        for bits in ROTATIONS[group % 2]:
            x = x + y
            y = ((y << word(bits)) | (y >> word(32 - bits))) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + word(group + 1)
    return x, y


def _noise(xp: Any, step: Any, sample: Any, *, key: tuple[int, int], shape: tuple[int, ...], dtype: Any) -> Any:
    word = xp.uint32
    behind = (1,) * len(shape)
    step, sample = (xp.reshape(one, (*one.shape, *behind)) for one in (step, sample))
    element = xp.reshape(xp.arange(math.prod(shape), dtype=xp.uint32), shape)
    own = threefry(xp, (word(key[0]), word(key[1])), (sample.astype(xp.uint32), element))
    wide = step.dtype.itemsize == 8
    high = (step >> 32).astype(xp.uint32) if wide else xp.zeros_like(step, dtype=xp.uint32)
    first, second = threefry(xp, own, (step.astype(xp.uint32), high))
    # Where JAX lives without 64 bit, steps are int32 and there is no double precision.
    real = xp.float64 if wide else xp.float32
    radius = xp.sqrt(-2.0 * xp.log((first.astype(real) + 1.0) / float(WORD)))
    return (radius * xp.cos(second.astype(real) * (2.0 * math.pi / WORD))).astype(dtype)


def _noise_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 2)
    for name, type_ in zip(("step", "sample"), types, strict=True):
        if type_.dtype not in (INT64, INT32) or type_.shape:
            raise TypeRuleError(f"the {name} is {type_}, not one integer")
    if types[0].dtype != types[1].dtype:
        raise TypeRuleError(f"the step is {types[0]}, the sample {types[1]}")
    if not is_float(attrs["dtype"]):
        raise TypeRuleError(f"noise of dtype {attrs['dtype']}")
    if len(attrs["key"]) != 2 or not all(0 <= word < WORD for word in attrs["key"]):
        raise TypeRuleError(f"the key {attrs['key']} is not two words of 32 bit")
    return TensorType(attrs["dtype"], attrs["shape"])


def _samples() -> Iterable[Sample]:
    for dtype in FLOATS:
        for number, shape in enumerate(((3,), (), (2, 3))):
            step, sample = np.array(WORD + number), np.array(number)
            yield Sample((step, sample), {"key": (17 + number, WORD - 1), "shape": shape, "dtype": dtype})


op(
    "noise",
    type=_noise_type,
    kernel=_noise,
    samples=_samples,
    doc="standard normal noise of a step and a sample, by a key",
    tolerance=16,
)
