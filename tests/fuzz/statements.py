"""What a random step may say: a table from each op to how NumPy spells it, and the lines that change arrays in place.

Some results differ between runtimes in the last place (``tanh``, a product under a fused multiply-add, the order of a
sum). They are marked inexact, and nothing that jumps (comparisons, ``floor``) reads them, so that it stays one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import special

from graphpool.functional import conv, spike
from graphpool.ops import FAMILIES, OPS

NAMES = frozenset(module.__name__ for module in FAMILIES)


def family(op: str) -> str:
    """The module that holds a row, by its bare name."""
    places = (OPS[op].kernel.__module__, OPS[op].samples.__module__)
    return next(place for place in places if place in NAMES).rpartition(".")[2]


Spelling = tuple[str, Callable[..., Any]]
"""What operands must be, and the function. A letter each: a anything, x anything exact, v a number, n an exact one,
f a float, e an exact float, i an int, b a bool; "~" before: the result is inexact even where they are exact."""


KINDS_OF = {"a": "fib", "x": "fib", "v": "fi", "n": "fi", "f": "f", "e": "f", "i": "i", "b": "b"}
"""The kinds of dtype that each letter allows."""


def each_way(letters: str, function: Callable[..., Any], ways: Iterable[Callable[[Any], Any]]) -> list[Spelling]:
    """The function of its operands after each way to bring them into its domain."""

    def spell(way: Callable[[Any], Any]) -> Spelling:
        return letters, lambda *operands: function(*[way(item) for item in operands])

    return [spell(way) for way in ways]


def along(letters: str, function: Callable[..., Any]) -> list[Spelling]:
    """A reduction over all axes and over one, with and without its axis."""
    return [
        (letters, function),
        (letters, lambda a: function(a, axis=-1)),
        (letters, lambda a: function(a, axis=0, keepdims=True)),
        (letters, lambda a: function(a, axis=(0, -1))),
    ]


def one_axis(letters: str, function: Callable[..., Any]) -> list[Spelling]:
    return [(letters, lambda a: function(a, axis=-1)), (letters, lambda a: function(a, axis=0))]


def index_for(i: Any, size: int) -> Any:
    """A compiled program goes to the nearest end of the axis where NumPy would raise; so plain arrays must do that.

    Where positions are equal, the last one wins in the order of memory, which a transpose changes in NumPy alone.
    """
    if not isinstance(i, (np.ndarray, np.generic)):
        return i
    position = np.array(np.clip(np.where(i < 0, i + size, i), 0, size - 1), order="C")
    return position[()] if isinstance(i, np.generic) else position


def convolved(a: Any, b: Any, **options: Any) -> Any:
    """Every channel of a, as it is where it has channels, with a kernel of one element."""
    x = a if a.ndim in (2, 3) else np.reshape(a, (1, -1))
    kernel = np.reshape(np.ravel(b)[:1], (1,) * (x.ndim + 1))
    return conv(x, np.ones((x.shape[0], 1, *kernel.shape[2:])) * kernel, groups=x.shape[0], **options)


BOUNDED = (lambda a: np.clip(a, -2, 1.5), np.tanh, np.sin, np.arctan, special.erf, special.expit)
POSITIVE = (
    lambda a: abs(a) + 0.5,
    lambda a: np.maximum(a, 0.25),
    lambda a: np.hypot(a, 1.0),
    lambda a: np.exp(np.tanh(a)),
    lambda a: np.logaddexp(a, 0.0) + 0.25,
)
SMALL = (
    lambda a: np.clip(a, -0.75, 0.75),
    lambda a: np.tanh(a) * 0.5,
    lambda a: np.sin(a) / 2,
    lambda a: np.minimum(special.expit(a), 0.75),
    lambda a: np.fmin(np.cos(a) ** 2, 0.5),
)
ABOVE_ONE = (
    lambda a: abs(a) + 1.5,
    lambda a: np.maximum(a, 1.25),
    lambda a: np.fmax(a, 1.25),
    lambda a: np.hypot(a, 1.25),
    lambda a: np.exp(np.exp(np.tanh(a))),
)
REAL: tuple[Callable[[Any], Any], ...] = (lambda a: a,)

UNARY: dict[str, tuple[Any, tuple[Callable[[Any], Any], ...]]] = {
    "exp": (np.exp, BOUNDED), "expm1": (np.expm1, BOUNDED), "exp2": (np.exp2, BOUNDED),
    "log": (np.log, POSITIVE), "log1p": (np.log1p, POSITIVE), "log2": (np.log2, POSITIVE),
    "log10": (np.log10, POSITIVE),
    "sqrt": (np.sqrt, POSITIVE), "cbrt": (np.cbrt, POSITIVE), "sin": (np.sin, REAL), "cos": (np.cos, REAL),
    "tan": (np.tan, SMALL), "arcsin": (np.arcsin, SMALL), "arccos": (np.arccos, SMALL), "arctan": (np.arctan, REAL),
    "sinh": (np.sinh, BOUNDED), "cosh": (np.cosh, BOUNDED), "tanh": (np.tanh, REAL), "arcsinh": (np.arcsinh, REAL),
    "arccosh": (np.arccosh, ABOVE_ONE), "arctanh": (np.arctanh, SMALL), "expit": (special.expit, REAL),
    "erf": (special.erf, REAL),
}  # fmt: skip
NOT_ZERO = 2.0**-12
"""Added where the sign counts: engines disagree on that of a zero."""

PURE: dict[str, list[Spelling]] = {
    **{op: each_way("~f", *entry) for op, entry in UNARY.items()},
    # arithmetic
    "add": [("vv", np.add)],
    "sub": [("vv", np.subtract)],
    "mul": [("~vv", np.multiply), ("f", lambda a: a * 0.5), ("ii", lambda a, b: (a * b) % 97)],
    "div": [("~vv", lambda a, b: a / (abs(b) + 1)), ("~vf", lambda a, b: a / np.exp(np.tanh(b)))],
    "mod": [("e", lambda a: a % 2.0), ("nn", lambda a, b: a % (abs(b) + 1)), ("ni", lambda a, b: a % (b % 3 - 4))],
    "floor_divide": [
        ("nn", lambda a, b: a // (abs(b) + 1)), ("ni", lambda a, b: a // (b % 3 - 4)), ("ii", np.floor_divide),
    ],
    "fmod": [("nn", lambda a, b: np.fmod(a, abs(b) + 1)), ("ni", lambda a, b: np.fmod(a, b % 3 - 4))],
    "pow": [
        ("~f", lambda a: np.power(abs(a) + 1, 0.75)), ("~ff", lambda a, b: (abs(a) + 0.5) ** np.tanh(b)),
        ("ii", lambda a, b: (a % 5) ** (b % 4)), ("~fe", lambda a, b: np.power(np.exp(np.sin(a)), np.clip(b, -2, 2))),
    ],
    "neg": [("v", np.negative)],
    "abs": [("v", abs)],
    "sign": [("n", np.sign)],
    "floor": [("e", np.floor)],
    "ceil": [("e", np.ceil)],
    "trunc": [("e", np.trunc)],
    "round": [("e", np.round)],
    "maximum": [("vv", np.maximum)],
    "minimum": [("vv", np.minimum)],
    "clip": [
        ("v", lambda a: np.clip(a, -2, 1)), ("vvv", np.clip), ("fff", lambda a, b, c: a.clip(b, c)),
        ("ff", lambda a, b: np.clip(-1.5, a, b)),
    ],
    "fmax": [("ff", np.fmax), ("ee", lambda a, b: np.fmax(np.where(a > 1, np.nan, a), b))],
    "fmin": [("ff", np.fmin), ("ee", lambda a, b: np.fmin(a, np.where(b > 1, np.nan, b)))],
    "limit": [("f", np.nan_to_num), ("e", lambda a: np.isfinite(np.nan_to_num(np.where(a > 1, np.inf, a))))],
    "copysign": [("ee", lambda a, b: np.copysign(a, b + NOT_ZERO)), ("ef", lambda a, b: np.copysign(a, np.cosh(b)))],
    "heaviside": [("ee", np.heaviside)],
    "isnan": [("f", np.isnan), ("e", lambda a: np.isnan(np.where(a > 1, np.nan, a)))],
    "isfinite": [("f", np.isfinite), ("e", lambda a: np.isfinite(np.where(a < 0, -np.inf, a)))],
    "isinf": [("f", np.isinf), ("e", lambda a: np.isinf(np.where(a < 0, -np.inf, a)))],
    "signbit": [
        ("e", lambda a: np.signbit(a + NOT_ZERO)), ("e", lambda a: np.signbit(a - NOT_ZERO)),
        ("e", lambda a: np.signbit(np.where(a >= 0, 1.0, a))), ("e", lambda a: np.signbit(np.minimum(a, -0.5))),
    ],
    "hypot": [("~ff", np.hypot)],
    "logaddexp": [("~ff", np.logaddexp)],
    "logaddexp2": [("~ff", np.logaddexp2)],
    "arctan2": [("~ee", lambda a, b: np.arctan2(a + NOT_ZERO, b)), ("~fe", lambda a, b: np.arctan2(np.cosh(a), b))],
    # comparison, logic, selection, casts
    "equal": [("nn", np.equal), ("bb", np.equal)],
    "not_equal": [("nn", np.not_equal), ("bb", np.not_equal)],
    "less": [("nn", np.less)],
    "less_equal": [("nn", np.less_equal)],
    "greater": [("nn", np.greater)],
    "greater_equal": [("nn", lambda a, b: a >= b)],
    "and": [("bb", np.logical_and), ("nb", np.logical_and)],
    "or": [("bb", lambda a, b: a | b)],
    "xor": [("bb", np.logical_xor)],
    "not": [("b", np.logical_not), ("b", lambda a: ~a)],
    "where": [("baa", np.where), ("bff", np.where)],
    "cast": [
        ("e", lambda a: np.clip(a, -50, 50).astype(np.int64)), ("x", lambda a: a.astype(bool)),
        ("i", lambda a: a.astype(np.float64) * 0.125), ("b", lambda a: a * 1.0), ("f", lambda a: a.astype(np.float32)),
        ("f", lambda a: a.astype(np.float64)), ("b", lambda a: a.astype(np.int64)),
        ("i", lambda a: (a % 97).astype(np.int32)),
    ],
    # bits
    "bit_and": [("ii", np.bitwise_and)],
    "bit_or": [("ii", lambda a, b: a | b)],
    "bit_xor": [("ii", np.bitwise_xor)],
    "bit_not": [("i", np.invert)],
    "shift_left": [("ii", lambda a, b: np.left_shift(a, b % 3)), ("ii", lambda a, b: (a % 16) << (b & 3))],
    "shift_right": [("ii", np.right_shift), ("ii", lambda a, b: a >> (b % 70 - 3))],
    # along axes
    "sum": [*along("~f", np.sum), *along("i", np.sum)],
    "prod": [*one_axis("~f", np.prod), *one_axis("i", lambda a, axis: np.prod(a % 5, axis=axis)), ("~f", np.prod)],
    "mean": along("~f", np.mean),
    "max": along("v", np.max),
    "min": along("v", np.min),
    "any": along("b", np.any),
    "all": along("b", np.all),
    "argmax": [*one_axis("n", np.argmax), ("n", np.argmax)],
    "argmin": [*one_axis("n", np.argmin), ("n", np.argmin)],
    "cumsum": [*one_axis("~f", np.cumsum), *one_axis("i", np.cumsum)],
    "cumprod": [*one_axis("~f", np.cumprod), *one_axis("i", lambda a, axis: np.cumprod(a % 5, axis=axis))],
    "matmul": [
        ("~ff", np.matmul), ("~ff", lambda a, b: np.dot(a, b) if a.ndim < 2 or b.ndim < 3 else a @ b),
        ("ii", lambda a, b: (a % 7) @ (b % 5)), ("ii", np.matmul), ("~f", lambda a: a @ np.swapaxes(a, 0, -1)),
    ],
    "conv": [
        ("~ff", convolved), ("~ff", lambda a, b: convolved(b, a, stride=2)),
        ("~f", lambda a: convolved(a, [0.5], padding=1)),
        ("~ff", lambda a, b: conv(np.reshape(a, (1, -1)), np.reshape(b, (1, 1, -1)), padding="same")),
    ],
    # shapes
    "reshape": [("a", lambda a: a.reshape(-1, 1)), ("a", lambda a: np.reshape(a, (1, 1, -1))), ("a", np.ravel)],
    "transpose": [("a", np.transpose), ("a", lambda a: np.swapaxes(a, 0, -1)), ("a", lambda a: np.moveaxis(a, -1, 0))],
    "squeeze": [("a", np.squeeze), ("a", lambda a: np.squeeze(a, axis=-1)), ("a", lambda a: a.squeeze(0))],
    "expand": [("a", lambda a: np.expand_dims(a, -1)), ("a", lambda a: np.expand_dims(a, (0, 2)))],
    "broadcast": [("a", lambda a: np.broadcast_to(a, (2, 3))), ("a", lambda a: np.broadcast_to(a, (2, 3, 3)))],
    "stack": [("aa", lambda a, b: np.stack([a, b], axis=-1)), ("aa", lambda a, b: np.stack([a, b]))],
    "concatenate": [("aa", lambda a, b: np.concatenate([a, b])), ("aa", lambda a, b: np.concatenate([a, b], axis=-1))],
    "slice": [("a", lambda a: a[..., 0]), ("a", lambda a: a[1:]), ("a", lambda a: a[..., ::-1]), ("v", np.diff)],
    # indices
    "position": [("ai", lambda a, i: a[..., index_for(i, a.shape[-1])]), ("xi", lambda a, i: a[index_for(i, len(a))])],
    "take": [
        ("ai", lambda a, i: a[index_for(i, len(a))]), ("ai", lambda a, i: a[:, index_for(i, a.shape[1])]),
        ("a", lambda a: a[[-1, 0, 0]]), ("ai", lambda a, i: np.take(a, i, axis=-1, mode="clip")),
        ("aii", lambda a, i, j: a[index_for(i, a.shape[0]), index_for(j, a.shape[1])]), ("a", lambda a: np.roll(a, 1)),
        ("ai", lambda a, i: np.take_along_axis(a, i % a.shape[-1], -1)),
    ],
    "spike": [
        ("ee", lambda a, b: spike(a, abs(b) + 0.5)), ("ee", lambda a, b: spike(a, np.maximum(b, 0.25))),
        ("e", lambda a: spike(a, 0.5, max_spikes=3)), ("ee", lambda a, b: spike(a, abs(b) + 0.5, strict=True)),
        ("e", lambda a: spike(a, 0.5, max_spikes=1, strict=True)),
    ],
}  # fmt: skip
OTHER: dict[str, list[Spelling]] = {
    "alias": [("a", lambda a: a)],
    "copy": [("a", np.copy)],
    "zeros_like": [("a", np.zeros_like)],
}
"""Lines that are no op."""

NOISE_SHAPES: dict[str, tuple[int, ...]] = {"noise0": (), "noise1": (3,), "noise2": (2, 3)}
"""The children of a module that draw."""


# --- lines that change an array --------------------------------------------------------------------------------------
def _iadd(a: Any, b: Any) -> None:
    a += b


def _isub(a: Any, b: Any) -> None:
    a -= b


def _ior(a: Any, b: Any) -> None:
    a |= b


def _masked_set(a: Any, b: Any) -> None:
    a[a > b] = 0.25


def _masked_isub(a: Any, b: Any) -> None:
    a[a > b] -= 1


def _masked_flag(a: Any, b: Any) -> None:
    a[b] = a.dtype.type(1)


def _out(a: Any, b: Any) -> None:
    np.minimum(a, b, out=a)


def _copyto(a: Any, b: Any) -> None:
    np.copyto(a, b)


def _set(index: Any, a: Any, b: Any) -> None:
    a[index] = b


def _slice_iadd(index: Any, a: Any, b: Any) -> None:
    a[index] += b


def _put(a: Any, i: Any, b: Any) -> None:
    a[index_for(i, len(a))] = b


def _put_iadd(a: Any, i: Any, b: Any) -> None:
    a[index_for(i, len(a))] += b


def _put_last(a: Any, i: Any, b: Any) -> None:
    a[..., index_for(i, a.shape[-1])] = b


def _put_rows(a: Any, b: Any) -> None:
    a[[-1, 0, -1]] = b


IN_PLACE: dict[str, Spelling] = {
    "iadd": ("v", _iadd),
    "isub": ("v", _isub),
    "ior": ("b", _ior),
    "masked_set": ("n", _masked_set),
    "masked_isub": ("n", _masked_isub),
    "masked_flag": ("b", _masked_flag),
    "out": ("v", _out),
    "copyto": ("a", _copyto),
    "set": ("a", _set),
    "slice_iadd": ("v", _slice_iadd),
    "put": ("ia", _put),
    "put_iadd": ("iv", _put_iadd),
    "put_last": ("ia", _put_last),
    "put_rows": ("a", _put_rows),
}
"""What the operands beside the array must be, and the line."""

INDEXED = ("set", "slice_iadd")
JUMPING = ("masked_set", "masked_isub")
WRITES: dict[str, tuple[str, ...]] = {"update": INDEXED, "put": ("put", "put_iadd", "put_last", "put_rows")}
"""The ops that only such lines give."""

READ_ONLY = frozenset({"transpose", "reshape", "squeeze", "broadcast"})
"""Views that a step may not write through, or copies, depending on the layout."""

VIEWS = frozenset({"alias", "expand", "slice", "position", "take", "view"})
"""Views of their first operand, or copies; either may be written where that may."""

INDICES: tuple[Any, ...] = (
    0,
    -1,
    slice(1, None),
    slice(None, None, -1),
    slice(0, 2),
    (Ellipsis, 0),
    (slice(None), 1),
    None,
    (None, Ellipsis),
    (slice(None), slice(0, 1)),
    (1, slice(None, None, 2)),
    (Ellipsis, slice(1, 2)),
    (0, -1),
    (Ellipsis, 0, 1),
    (-1, 0, 1),
)
