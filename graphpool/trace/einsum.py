"""``np.einsum`` by diagonals, sums and products of two operands at a time, left to right."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, INT32, Array
from graphpool.trace.advanced import rearrange, reshaped
from graphpool.trace.functions import as_tracer, lowers
from graphpool.trace.recorder import Recorder
from graphpool.trace.shapes import diagonal_of
from graphpool.trace.storage import derive
from graphpool.trace.tracer import Tracer
from graphpool.trace.ufuncs import deliver


@lowers(np.einsum)
def _einsum(recorder: Recorder, subscripts: Any, *operands: Any, out: Any = None, **options: Any) -> Any:
    if not isinstance(subscripts, str):
        recorder.fail("np.einsum with lists of axes", hint="write the subscripts as text: np.einsum('ij,j->i', a, b)")
    unknown = set(options) - {"dtype", "order", "casting", "optimize"}
    if unknown or options.get("order", "K") != "K":
        recorder.fail(
            f"np.einsum({', '.join(options)}=...) cannot be traced", hint="give subscripts and operands alone"
        )
    tracers = [as_tracer(recorder, item) for item in operands]
    try:
        np.einsum_path(subscripts, *[tracer.storage.shadow for tracer in tracers])
    except ValueError as error:
        values = [tracer.value for tracer in tracers]
        recorder.fail(f"np.einsum({subscripts!r}): {error}", operands=values, cause=error)
    labels, output = _read(subscripts, [tracer.ndim for tracer in tracers])
    dtype = np.dtype(options.get("dtype") or np.result_type(*[tracer.dtype for tracer in tracers]))
    shadow = _layout(labels, output, [tracer.storage.shadow for tracer in tracers])
    if len(tracers) == 1 and dtype == tracers[0].dtype and set(output) == set(labels[0]) and out is None:
        text = f"{labels[0]}->{output}"
        storage = derive(
            recorder,
            tracers[0].storage,
            "np.einsum of one array",
            lambda plain: np.einsum(text, plain),
            lambda value: _computed(recorder, [value], labels, output),
        )
        return Tracer(recorder, storage)
    working = INT32 if dtype == BOOL else dtype
    value = _computed(recorder, [recorder.cast(tracer.value, working) for tracer in tracers], labels, output)
    value = recorder.cast(value, dtype)
    return Tracer.of(recorder, value, shadow=shadow) if out is None else deliver(recorder, value, out, exactly=True)


def _read(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """One letter for each axis of each operand and of the result; the axes of an ellipsis get letters of their own."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    spare = [letter for letter in string.ascii_letters if letter not in text]
    counts = [rank - len(part.replace("...", "")) for part, rank in zip(inputs, ranks, strict=True)]
    broad = "".join(spare[: max((n for n, part in zip(counts, inputs, strict=True) if "..." in part), default=0)])
    labels = [part.replace("...", broad[len(broad) - count :]) for part, count in zip(inputs, counts, strict=True)]
    if arrow:
        return labels, right.replace("...", broad)
    once = sorted(letter for letter in set(left) if left.count(letter) == 1 and letter.isalpha())
    return labels, broad + "".join(once)


def _layout(labels: Sequence[str], output: str, shadows: Sequence[Array]) -> Array:
    """NumPy's own result on shadows; of what is summed over, two elements show the layout as well as all."""
    cut = [
        shadow[tuple(slice(None) if letter in output else slice(0, 2) for letter in part)]
        for part, shadow in zip(labels, shadows, strict=True)
    ]
    return np.asarray(np.einsum(f"{','.join(labels)}->{output}", *cut))


def _computed(recorder: Recorder, values: Sequence[Value], labels: Sequence[str], output: str) -> Value:
    sizes: dict[str, int] = {}
    for value, part in zip(values, labels, strict=True):
        for letter, size in zip(part, recorder.type(value).shape, strict=True):
            sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
    ready = [_single(recorder, value, part, sizes) for value, part in zip(values, labels, strict=True)]
    result, names = _summed(recorder, *ready[0], _needed(output, ready[1:]))
    for number, (value, part) in enumerate(ready[1:], start=2):
        needed = _needed(output, ready[number:])
        value, part = _summed(recorder, value, part, needed | set(names))
        result, names = _summed(recorder, result, names, needed | set(part))
        result, names = _product(recorder, (result, names), (value, part), needed, sizes)
    return rearrange(recorder, result, [names.index(letter) for letter in output])


def _needed(output: str, later: Sequence[tuple[Value, str]]) -> set[str]:
    return set(output).union(*[set(part) for _, part in later])


def _single(recorder: Recorder, value: Value, part: str, sizes: dict[str, int]) -> tuple[Value, str]:
    """An operand with each letter once and each axis as long as its letter says."""
    for letter in part:
        while part.count(letter) > 1:
            first = part.index(letter)
            second = part.index(letter, first + 1)
            value = diagonal_of(recorder, value, 0, first, second)
            part = part[:first] + part[first + 1 : second] + part[second + 1 :] + letter
    return recorder.broadcast(value, tuple(sizes[letter] for letter in part)), part


def _summed(recorder: Recorder, value: Value, part: str, needed: set[str]) -> tuple[Value, str]:
    axes = tuple(place - len(part) for place, letter in enumerate(part) if letter not in needed)
    if axes:
        value = recorder.emit("sum", [value], {"axes": axes, "keepdims": False})
    return value, "".join(letter for letter in part if letter in needed)


def _product(
    recorder: Recorder, first: tuple[Value, str], second: tuple[Value, str], needed: set[str], sizes: dict[str, int]
) -> tuple[Value, str]:
    """Two operands multiplied, and summed over the letters that nothing needs afterwards."""
    (a, left), (b, right) = first, second
    shared = "".join(letter for letter in left if letter in right and letter in needed)
    inner = "".join(letter for letter in left if letter in right and letter not in needed)
    rows = "".join(letter for letter in left if letter not in right)
    columns = "".join(letter for letter in right if letter not in left)

    def arranged(value: Value, part: str, groups: Sequence[str]) -> Value:
        """The axes in groups; each group is one axis, but for the first, which stays as it is."""
        value = rearrange(recorder, value, [part.index(letter) for letter in "".join(groups)])
        lengths = [math.prod(sizes[letter] for letter in group) for group in groups[1:]]
        return reshaped(recorder, value, tuple(sizes[letter] for letter in groups[0]) + tuple(lengths))

    names = shared + rows + columns
    shape = tuple(sizes[letter] for letter in names)
    if not inner:
        x, y = arranged(a, left, [shared, rows]), arranged(b, right, [shared, columns])
        x = recorder.emit("expand", [x], {"axes": (-1,)})
        y = recorder.emit("expand", [y], {"axes": (-2,)})
        return reshaped(recorder, recorder.emit("mul", [x, y]), shape), names
    # Without letters of its own, an operand is a vector: one product of matrices over all steps.
    x = arranged(a, left, [shared, rows, inner] if rows or shared else [shared, inner])
    y = arranged(b, right, [shared, inner, columns] if columns or shared else [shared, inner])
    return reshaped(recorder, recorder.emit("matmul", [x, y]), shape), names
