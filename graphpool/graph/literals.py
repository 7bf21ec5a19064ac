"""Reads constants, initial states and attributes of a text form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph.scanner import DEEPEST, Number, Scanner
from graphpool.graph.text import DIGEST_LENGTH, digest, has_digits
from graphpool.graph.types import BOOL, DTYPES, FLOAT64, INT64, Array, DType, Literal, TensorType, type_of

Find = Callable[[str, TensorType], Any]
"""The array of a constant that the text names by its hash and type, or None."""

WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


class LiteralReader:
    """What stands in a text for an array, or for an attribute.

    Every method raises :class:`~graphpool.errors.GraphError` with line and column where something else stands.
    """

    def __init__(self, scan: Scanner, find: Find) -> None:
        self.scan = scan
        self.find = find
        self._elements = 0

    def array(self) -> Array:
        """A constant: ``0.5``, ``0.5:f32``, ``[1.0, 2.0]:f64[2]``, or one by its hash."""
        if self.scan.sees("<"):
            return self.found(*self.reference())
        if self.scan.sees("["):
            return self._nested()
        number = self.scan.number("a value, such as %0, or a constant")
        if self.scan.take(":"):
            dtype = self.scan.dtype()
        else:
            dtype = BOOL if number.text in ("true", "false") else FLOAT64 if number.is_float else INT64
        return self._scalar(number, dtype)

    def reference(self) -> tuple[str, TensorType, int]:
        """The hash of a large constant, its type, and where they stand: ``<f64[20] sha256:...>``."""
        at = self.scan.here()
        self.scan.expect("<")
        type_ = self.scan.type()
        self.scan.expect("sha256:")
        start, word = self.scan.here(), self.scan.word() or ""
        if len(word) != DIGEST_LENGTH or set(word) - set("0123456789abcdef"):
            raise self.scan.error(f"expected {DIGEST_LENGTH} hexadecimal digits", start)
        self.scan.expect(">")
        return word, type_, at

    def found(self, name: str, type_: TensorType, at: int) -> Array:
        """The array of a large constant."""
        given = self.find(name, type_)
        if given is None:
            hint = "its values travel beside the text: constants=graph.constants()"
            raise self.scan.error("a large constant without its values", at, hint=hint)
        array = Literal(np.asarray(given)).array
        if type_of(array) != type_:
            raise self.scan.error(f"a constant of type {type_}, but its values are {type_of(array)}", at)
        if digest(array) != name:
            raise self.scan.error("a constant whose values have another hash", at)
        return array

    def _nested(self) -> Array:
        at, items = self.scan.here(), self._items(DEEPEST)
        self.scan.expect(":")
        type_ = self.scan.type()
        numbers: list[Number] = []
        fits = items == [] if type_.size == 0 else _collect(items, type_.shape, numbers)
        if not fits:
            raise self.scan.error(f"these are not the elements of {type_}", at)
        elements = [self._scalar(number, type_.dtype) for number in numbers]
        return np.stack(elements).reshape(type_.shape) if elements else np.empty(type_.shape, type_.dtype)

    def _items(self, depth: int) -> Any:
        if not self.scan.sees("["):
            return self.scan.number()
        if depth == 0:
            raise self.scan.error(f"more than {DEEPEST} brackets in each other")
        return self.scan.items("[", "]", lambda: self._items(depth - 1))

    def filled(self, type_: TensorType, largest: int) -> Array:
        """An array of one number; all together have no more elements than the largest may have."""
        number = self.scan.number()
        self._elements += type_.size
        if self._elements > largest:
            raise self.scan.error(f"initial states of more than {largest} elements", number.at)
        return np.broadcast_to(self._scalar(number, type_.dtype), type_.shape)

    def _scalar(self, number: Number, dtype: DType) -> Array:
        """An array without axes."""
        is_bool = number.text in ("true", "false")
        if is_bool != (dtype == BOOL) or not has_digits(dtype) or (number.is_float and dtype.kind != "f"):
            raise self.scan.error(f"expected a number of dtype {dtype}", number.at)
        if is_bool:
            return np.array(number.text == "true")
        if dtype.kind != "f":
            return self._whole(number, dtype)
        if number.bits is not None:
            array = self._whole(Number(str(number.bits), number.at), np.dtype(f"u{dtype.itemsize}")).view(dtype)
            fits = bool(np.isnan(array))
        else:
            with np.errstate(over="ignore"):
                array = np.array(dtype.type(number.text))
            fits = bool(np.isfinite(array)) or number.text.lstrip("-") in ("inf", "nan")
        if not fits:
            raise self.scan.error(f"the number does not fit into {dtype}", number.at)
        return array

    def _whole(self, number: Number, dtype: DType) -> Array:
        item, limits = int(number.text), np.iinfo(dtype)
        if not limits.min <= item <= limits.max:
            raise self.scan.error(f"the number does not fit into {dtype}", number.at)
        return np.array(item, dtype)

    def time_step(self) -> float:
        """A float64."""
        return float(self._scalar(self.scan.number(), FLOAT64))

    # --- attributes ---------------------------------------------------------------------------------------------------
    def attributes(self) -> dict[str, Any]:
        """``{name=value, ...}``."""
        attrs: dict[str, Any] = {}

        def entry() -> None:
            at, name = self.scan.here(), self.scan.name("the name of an attribute")
            if name in attrs:
                raise self.scan.error(f"a second attribute {name!r}", at)
            self.scan.expect("=")
            attrs[name] = self._attribute(DEEPEST)

        self.scan.items("{", "}", entry)
        return attrs

    def _attribute(self, depth: int) -> Any:
        if self.scan.sees('"'):
            return self.scan.string()
        if self.scan.sees("("):
            if depth == 0:
                raise self.scan.error(f"more than {DEEPEST} brackets in each other")
            return self._tuple(depth)
        start, word = self.scan.here(), self.scan.word()
        if word in WORDS:
            return WORDS[word]
        if word in DTYPES:
            return DTYPES[word]
        self.scan.at = start
        number = self.scan.number("a number, a text, a dtype, true, false, none or a tuple")
        return float(number.text) if number.is_float else int(number.text)

    def _tuple(self, depth: int) -> tuple[Any, ...]:
        """As in Python: one of a single item ends with a comma."""
        self.scan.expect("(")
        items: list[Any] = []
        while not self.scan.take(")"):
            items.append(self._attribute(depth - 1))
            if len(items) == 1 or not self.scan.sees(")"):
                self.scan.expect(",")
        return tuple(items)


def _collect(item: Any, shape: tuple[int, ...], numbers: list[Number]) -> bool:
    """Gather the numbers of nested lists; whether they have the shape."""
    if not shape:
        numbers.append(item)
        return isinstance(item, Number)
    return isinstance(item, list) and len(item) == shape[0] and all(_collect(one, shape[1:], numbers) for one in item)
