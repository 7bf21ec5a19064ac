"""Reads the tokens of a text form, and says where it stops making sense."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphpool.errors import GraphError, format_error
from graphpool.graph.types import DTYPES, DType, TensorType

LARGEST_TEXT = 2**26
"""In characters."""

LARGEST_VALUE = 2**28
"""In elements: what a text may declare for one value."""

LARGEST_FILL = 2**24
"""In elements: what a text without a file beside it may fill, all initial states together."""

LONGEST_NUMBER, LONGEST_LINE, LONGEST_MESSAGE = 400, 160, 2000
DEEPEST = 64
"""Brackets in brackets; NumPy's arrays have no more axes."""

# None of these patterns can match one text in two ways, so they take no longer than the text is.
BLANK = re.compile(r"[ \t\r]*(?:#[^\n]*)?")
NAME = re.compile(r"[\w.]+")
STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
NUMBER = re.compile(r"-?(?:inf|nan|[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?)(?![\w.])")
SIZE = re.compile(r"[0-9]+")
SHOWN = re.compile(r'[\w.]+|"[^"\n]*"?|[^\s]')


@dataclass(frozen=True)
class Number:
    """A number, ``true`` or ``false`` as it stands in the text, and where; NaN may come with its bits."""

    text: str
    at: int
    bits: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether it is written as a floating point number."""
        return self.text not in ("true", "false") and not self.text.lstrip("-").isdecimal()


class Scanner:
    """The text and how far it has been read.

    Every method that reads raises :class:`~graphpool.errors.GraphError` with line and column where something else
    stands.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LARGEST_TEXT:
            raise GraphError(f"a text of {len(text)} characters is too long; at most {LARGEST_TEXT} are read")
        self.text = text
        self.at = 0

    def error(self, what: str, at: int | None = None, hint: str = "") -> GraphError:
        """The error that names the present place, or another one."""
        at = self.at if at is None else at
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        line = _short(self.text[start : end if end >= 0 else None].strip(), LONGEST_LINE)
        shown = "".join(letter if letter.isprintable() else "?" for letter in line)
        where = f"line {self.text.count(chr(10), 0, at) + 1}, column {at - start + 1}"
        return GraphError(format_error(_short(what, LONGEST_MESSAGE), where=where, line=shown, hint=hint))

    def expected(self, what: str) -> GraphError:
        """The error that says what should stand here, and what does."""
        self._skip()
        found = SHOWN.match(self.text, self.at)
        is_end = self.at >= len(self.text)
        there = f"{_short(found[0])!r}" if found else f"the end of the {'text' if is_end else 'line'}"
        return self.error(f"expected {what}, found {there}")

    def _skip(self) -> None:
        found = BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def here(self) -> int:
        """Where the next token starts."""
        self._skip()
        return self.at

    # --- tokens -------------------------------------------------------------------------------------------------------
    def sees(self, literal: str) -> bool:
        """Whether ``literal`` comes next."""
        self._skip()
        return self.text.startswith(literal, self.at)

    def take(self, literal: str) -> bool:
        """Read ``literal`` if it comes next."""
        found = self.sees(literal)
        self.at += len(literal) * found
        return found

    def expect(self, literal: str) -> None:
        """Read ``literal``."""
        if not self.take(literal):
            raise self.expected(repr(literal))

    def word(self) -> str | None:
        """Read a word, if one comes next."""
        self._skip()
        found = NAME.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else None

    def name(self, what: str) -> str:
        """Read a name, plain or between quotes."""
        if self.sees('"'):
            return self.string()
        word = self.word()
        if word is None:
            raise self.expected(what)
        return word

    def string(self) -> str:
        """Read a text between quotes."""
        start, found = self.at, STRING.match(self.text, self.at)
        if found is None:
            raise self.error("a text without its closing quote")
        self.at = found.end()
        try:
            return str(json.loads(found[0]))
        except ValueError as error:
            raise self.error(f"no text: {error}", start) from error

    def end_of_line(self) -> None:
        """Read the rest of the line, which is blank or a comment, and all such lines after it."""
        self._skip()
        if self.at < len(self.text) and self.text[self.at] != "\n":
            raise self.expected("the end of the line")
        self.blank_lines()

    def blank_lines(self) -> None:
        """Read what is blank or a comment."""
        self._skip()
        while self.at < len(self.text) and self.text[self.at] == "\n":
            self.at += 1
            self._skip()

    def number(self, what: str = "a number") -> Number:
        """Read a number, ``true`` or ``false``."""
        start = self.here()
        found = NUMBER.match(self.text, start)
        if found is None:
            word = self.word()
            if word in ("true", "false"):
                return Number(word, start)
            self.at = start
            raise self.expected(what)
        if len(found[0]) > LONGEST_NUMBER:
            raise self.error(f"a number of {len(found[0])} characters; at most {LONGEST_NUMBER} are read")
        self.at = found.end()
        is_bits = found[0] == "nan" and self.text.startswith("(", self.at)
        return Number(found[0], start, self._bits() if is_bits else None)

    def _bits(self) -> int:
        self.expect("(")
        start, word = self.at, self.word() or ""
        digits = word.removeprefix("0x")
        if word == digits or not 0 < len(digits) <= 16 or set(digits) - set("0123456789abcdef"):
            self.at = start
            raise self.expected("the bits of a NaN, such as 0x7ff8000000000001")
        self.expect(")")
        return int(digits, 16)

    def items(self, opening: str, closing: str, item: Callable[[], Any]) -> list[Any]:
        """Read a list between brackets, with commas between its items."""
        self.expect(opening)
        found: list[Any] = []
        while not self.take(closing):
            if found:
                self.expect(",")
            found.append(item())
        return found

    # --- types --------------------------------------------------------------------------------------------------------
    def dtype(self) -> DType:
        """Read a dtype by its name."""
        start, word = self.here(), self.word()
        if word not in DTYPES:
            self.at = start
            raise self.expected("a dtype, such as f64")
        return DTYPES[word]

    def type(self) -> TensorType:
        """Read a type such as ``f64[2,3]``."""
        start, dtype, shape = self.here(), self.dtype(), []
        if self.take("["):
            shape.append(self.count())
            while self.take(",") and len(shape) <= DEEPEST:
                shape.append(self.count())
            self.expect("]")
        if math.prod(max(side, 1) for side in shape) > LARGEST_VALUE or len(shape) > DEEPEST:
            sides = _short(str(tuple(shape)))
            raise self.error(f"a value of shape {sides}; at most {LARGEST_VALUE} elements are read", start)
        return TensorType(dtype, tuple(shape))

    def count(self) -> int:
        """Read a whole number, such as the length of an axis."""
        self._skip()
        found = SIZE.match(self.text, self.at)
        if found is None:
            raise self.expected("the length of an axis")
        if len(found[0]) > len(str(LARGEST_VALUE)):
            raise self.error(f"an axis of {_short(found[0])}; at most {LARGEST_VALUE} elements are read")
        self.at = found.end()
        return int(found[0])


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
