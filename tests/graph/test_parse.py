"""Texts by hand: what they mean, and the clear errors of those that mean nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import GraphError


def test_a_text_by_hand_is_a_graph_that_runs() -> None:
    text = """
    # an accumulator
    graph total(%x: f64[2] event)->(%7,) dt=0.5 {   # no sources
      state %sum : f64[2] = fill 0
    \t%7: f64[2] = add %sum,%x
      %3: f64[2] = mul %7, [1, 2.5]:f64[2]

      next %sum = %7
      record twice = %3
    }
    """.replace("(%7,)", "(%7)").replace("\n", "\r\n")
    graph = graphpool.parse_graph(text)
    assert str(graph).splitlines()[0] == "graph total(%x: f64[2] event) -> (%0) dt=0.5 {"
    out, _, record = graphpool.compile(graph)(np.ones((3, 2)), record=True)
    np.testing.assert_array_equal(out[0], [[1, 1], [2, 2], [3, 3]])
    np.testing.assert_array_equal(record["twice"][0], [[1, 2.5], [2, 5], [3, 7.5]])


GOOD = """graph g(%x: f64[3]) -> (a = %1, b = %v) dt=0.001 {
  param %w: f64[3]
  state %v: f64[3] = fill 0.0
  %0: f64[3] = mul %v, %w
  %1: f64[3] = add %0, [1.0, -0.0, nan]:f64[3]
  %2: f64 = sum %1 {axes=(-1,), keepdims=false}
  record r = %2
  next %v = %1
}"""
MALFORMED: list[tuple[str, str, str]] = [
    ("graph g(", "grph g(", r"line 1, column 1: expected 'graph', found 'grph'"),
    ("graph g(", "graph (", r"line 1, column 7: expected the name of the graph, found '\('"),
    ("(%x:", "%x:", r"line 1, column 8: expected '\(', found '%'"),
    ("(%x: f64[3])", "(%x: f64[3]", r"line 1, column 21: expected ',', found '->'|expected ',', found '-'"),
    ("%x: f64", "%x f64", r"line 1, column 12: expected ':', found 'f64'"),
    ("%x: f64[3]", "%x: f63[3]", r"line 1, column 13: expected a dtype, such as f64, found 'f63'"),
    ("%x: f64[3]", "%x: f64[3,]", r"line 1, column 19: expected the length of an axis, found '\]'"),
    ("%x: f64[3]", "%x: f64[-3]", r"expected the length of an axis, found '-'"),
    ("%x: f64[3]", "%x: f64[9999999999999]", r"an axis of 9999999999999; at most 268435456 elements"),
    ("%x: f64[3]", "%x: f64[99999,99999]", r"a value of shape \(99999, 99999\); at most"),
    ("%x: f64[3]", "%x: f64[" + "1," * 99 + "1]", r"a value of shape|expected '\]'"),
    ("%x: f64[3]", "%x: f64[3] rare", "kind 'rare' is none of"),
    ("%x: f64[3]", "%5: f64[3]", 'a number stands for what an op makes; as a name, it is %"5"'),
    ("%x: f64[3]", "%x: f64[3], %x: f64", r"line 1, column 21: a second value %x"),
    ("%x: f64[3]", "%: f64[3]", r"line 1, column 10: expected a name or a number after '%', found ':'"),
    ("a = %1", "a = %8", r"line 1, column 29: there is no value %8 before"),
    ("a = %1, b =", "%1, b =", r"line 1, column 25: several outputs, one without a name"),
    ("a = %1", '"a = %1', r"line 1, column \d+: a text without its closing quote"),
    ("a = %1", r'"\q" = %1', r"line 1, column 25: no text: "),
    ("a =", "b =", "names used twice: b"),
    ("dt=0.001", "dt=zero", r"line 1, column 44: expected a number, found 'zero'"),
    ("dt=0.001", "dt=true", r"line 1, column 44: expected a number of dtype float64"),
    ("dt=0.001", "dt=1e999", r"line 1, column 44: the number does not fit into float64"),
    ("dt=0.001", "dt=0.0", r"dt=0.0 s is no time step"),
    ("dt=0.001", "dt=nan", r"dt=nan s is no time step"),
    (" {\n", "\n", r"line 1, column 49: expected '\{', found the end of the line"),
    ("param %w", "parm %w", r"line 2, column 3: expected 'param', 'state', .* found 'parm'"),
    ("param %w: f64[3]", "param %w: f64[3] %x", r"line 2, column 20: expected the end of the line, found '%'"),
    ("param %w", "param %v", r"line 3, column 9: a second value %v"),
    ("= fill 0.0", "= fill", r"line 3, column 26: expected a number, found the end of the line"),
    ("= fill 0.0", "= full 0.0", r"line 3, column 22: expected a value, such as %0, or a constant, found 'full'"),
    ("= fill 0.0", "= 0.0", r"line 3, column 22: the initial value of a state of type f64\[3\] is f64"),
    ("= fill 0.0", "= fill true", r"line 3, column 27: expected a number of dtype float64"),
    ("fill 0.0", "fill nan(7)", r"expected the bits of a NaN"),
    ("fill 0.0", "fill nan(0x7)", r"the number does not fit into float64"),
    ("fill 0.0", "fill nan(0xfffffffffffffffff)", r"expected the bits of a NaN"),
    ("fill 0.0", "[1.0]:f64[3]", r"line 3, column 22: these are not the elements of f64\[3\]"),
    ("fill 0.0", "[[1.0, 2.0, 3.0]]:f64[3]", r"these are not the elements of f64\[3\]"),
    ("fill 0.0", "[1.0, 2.0, [3.0]]:f64[3]", r"these are not the elements of f64\[3\]"),
    ("fill 0.0", "[1.0 2.0]:f64[2]", r"expected ',', found '2.0'"),
    ("fill 0.0", "[" * 100 + "]" * 100 + ":f64[3]", "more than 64 brackets in each other"),
    ("fill 0.0", "[1, 2.0, 3]:i64[3]", r"line 3, column 26: expected a number of dtype int64"),
    ("fill 0.0", "[1, 2, 300]:int8[3]", r"line 3, column 29: the number does not fit into int8"),
    ("fill 0.0", "[1, 2, 3]:float128[3]", r"expected a number of dtype float128"),
    ("mul %v", "mol %v", r"line 4, column 3: mol: no op 'mol' in the table"),
    ("mul %v, %w", "mul %v, %u", r"line 4, column 24: there is no value %u before this place"),
    ("mul %v, %w", "mul %v", r"line 4, column 3: mul: takes 2 operands, got 1"),
    ("mul %v, %w", "mul %v, true", r"line 4, column 3: mul: operands of different dtypes: f64, bool"),
    ("mul %v, %w", "mul %v, ", r"line 4, column 24: expected a value, such as %0, or a constant, found the end"),
    ("mul %v, %w", "mul %v %w", r"line 4, column 23: expected ',', found '%'"),
    ("mul %v, %w", "mul %v, 99999999999999999999", r"the number does not fit into int64"),
    ("mul %v, %w", "mul %v, 1e-", r"line 4, column 24: expected a value"),
    ("mul %v, %w", "mul %v, 12abc", r"line 4, column 24: expected a value"),
    ("mul %v, %w", "mul %v, 1" + "0" * 400, r"a number of 401 characters; at most 400"),
    ("mul %v, %w", "mul %v, <f64[20] sha256:77>", r"expected 32 hexadecimal digits"),
    ("mul %v, %w", f"mul %v, <f64[20] sha256:{'7' * 32}>", r"(?s)column 24: a large constant without its.*hint"),
    ("%0: f64[3] =", "%0: f64[4] =", r"line 4, column 7: declared f64\[4\], but mul gives f64\[3\]"),
    ("%0: f64[3] =", "%w: f64[3] =", r"line 4, column 3: a value that an op makes has a number"),
    ("%1: f64[3] =", "%0: f64[3] =", r"line 5, column 3: a second value %0"),
    ("axes=(-1,)", "axes=(-1)", r"line 6, column 29: expected ',', found '\)'"),
    ("axes=(-1,)", "axes=(-1,) axes", r"expected ',', found 'axes'"),
    ("axes=(-1,)", "axes=(-1,), axes=(-1,)", r"line 6, column 33: a second attribute 'axes'"),
    ("axes=(-1,)", "axes=(-9,)", r"line 6, column 3: sum: axes \(-9,\) of an array of rank 1"),
    ("axes=(-1,)", "axes=never", r"expected a number, a text, a dtype, true, false, none or a tuple, found 'never'"),
    ("axes=(-1,)", "axes=none", r"line 6, column 3: sum: axes is not of the kind of \(-1,\); got None"),
    ("axes=(-1,)", 'axes="x"', r"line 6, column 3: sum: axes is not of the kind of \(-1,\); got 'x'"),
    ("axes=(-1,)", "axes=" + "(" * 100, "more than 64 brackets in each other"),
    ("axes=(-1,), ", "", r"line 6, column 3: sum: no attribute 'axes'"),
    ("keepdims=false", "keepdims=false, more=1", r"sum: its attributes are axes, keepdims; got axes, keepdims, more"),
    ("keepdims=false}", "keepdims=false", r"line 6, column 47: expected ',', found the end of the line"),
    ("next %v = %1", "next %w = %1", r"line 8, column 8: this is no state"),
    ("next %v = %1", "next %u = %1", r"line 8, column 8: there is no value %u before"),
    ("next %v = %1", "next %v = %1\n  next %v = %1", r"line 9, column 8: a second next value of one state"),
    ("next %v = %1", "next %v = %2", r"state v: current f64\[3\], next f64, init f64\[3\]"),
    ("  next %v = %1\n", "", r"states without a next value: v"),
    ("record r = %2", "record = %2", r"line 7, column 10: expected the name of a record, found '='"),
    ("record r = %2", "record r = %2 event", r"r: kind 'event' of f64; vectors are continuous or event"),
    ("record r = %2", "record r = %1 sample", r"line 7, column 17: expected the end of the line, found 'sample'"),
    ("record r = %2", "record r = %2\n  record r = %1", "names used twice: r"),
    ("record r = %2", "record r = %2\n  record r.s = %1", "'r' is a value and a module at once"),
    ("\n}", "", r"line 8, column 15: expected 'param', .* or '}', found the end of the text"),
    ("\n}", "\n}}", r"line 9, column 2: expected the end of the line, found '}'"),
    ("\n}", "\n}\nmore", r"line 10, column 1: expected the end of the text, found 'more'"),
    (GOOD, "", r"line 1, column 1: expected 'graph', found the end of the text"),
    (GOOD, "\n\n # nothing", r"line 3, column \d+: expected 'graph', found the end of the text"),
]  # fmt: skip

KINDS = [
    ("f64[2] = reshape %x {shape=(2.0,)}", "shape is not of the kind"),
    ("f64[1,2] = reshape %x {shape=(true, 2)}", "shape is not of the kind"),
    ("f64[2] = reshape %x {shape=((2,),)}", "shape is not of the kind"),
    ("f64 = sum %x {axes=(-1.0,), keepdims=false}", "axes is not of the kind"),
    ("f64 = sum %x {axes=(-1,), keepdims=0}", "keepdims is not of the kind of False; got 0"),
    ("f64[2] = cumsum %x {axis=-1.0}", "axis is not of the kind of -1; got -1.0"),
    ('f64[2] = spike %x, 1.0 {max_spikes="a", window=0.5}', "max_spikes is not of the kind of 3.0; got 'a'"),
    ("f64[2] = spike %x, 1.0 {max_spikes=none, window=0.5}", "max_spikes is not of the kind of 3.0; got None"),
    ("f64[2] = spike %x, 1.0 {max_spikes=(1.0,), window=0.5}", "max_spikes is not of the kind"),
    ("f64[2] = noise 0, %sample {dtype=f64, key=(1.0, 2.0), shape=(2,)}", "key is not of the kind"),
    ('f32[2] = cast %x {dtype="f32"}', "dtype is not of the kind"),
    ("i64 = position 1 {size=nan}", "size is not of the kind of 4; got nan"),
    ("i64 = position 1 {size=2.5}", "size is not of the kind of 4; got 2.5"),
    ("i64 = position 1 {size=9223372036854775808}", "size is not of the kind of 4"),
    ("f64[1] = slice %x {index=((none, none, 1.0),)}", "index is not of the kind"),
]


@pytest.mark.parametrize(("node", "message"), KINDS, ids=[node for node, _ in KINDS])
def test_attributes_of_another_kind_are_refused(node: str, message: str) -> None:
    text = f"graph g(%x: f64[2], %sample: i64 sample) -> (%0) {{\n  %0: {node}\n}}"
    with pytest.raises(GraphError, match=rf"line 2, column 3: \w+: {re.escape(message)}"):
        graphpool.parse_graph(text)


def test_whole_numbers_may_stand_for_others() -> None:
    text = "graph g(%x: f64[2]) -> (%0) {\n  %0: f64[2] = spike %x, 1.0 {max_spikes=3, window=1}\n}"
    assert str(graphpool.parse_graph(text)) == text


@pytest.mark.parametrize(
    "node",
    [
        "f64 = take %x, 2",
        "f64 = take %x, -1",
        "f64[2] = take %x, [0, 9]:i64[2]",
        "f64[2] = put %x, [2]:i64[1], [1.0]:f64[1]",
    ],
)
def test_constant_positions_out_of_bounds_are_refused(node: str) -> None:
    with pytest.raises(GraphError, match=r"position -?\d is out of bounds for an axis of length 2\n    %0: "):
        graphpool.parse_graph(f"graph g(%x: f64[2]) -> (%0) {{\n  %0: {node}\n}}")


def test_the_good_text_is_fine() -> None:
    """So that each of the texts below fails for its one change."""
    assert str(graphpool.parse_graph(GOOD)) == GOOD


@pytest.mark.parametrize(("old", "new", "message"), MALFORMED, ids=[f"{n}" for n in range(len(MALFORMED))])
def test_a_malformed_text_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(GraphError, match=message):
        graphpool.parse_graph(GOOD.replace(old, new, 1))


def test_the_message_shows_the_line() -> None:
    with pytest.raises(GraphError) as caught:
        graphpool.parse_graph(GOOD.replace("mul %v, %w", "mul %v, %\x1b[31mw"))
    assert str(caught.value) == (
        "line 4, column 25: expected a name or a number after '%', found '\\x1b'\n    %0: f64[3] = mul %v, %?[31mw"
    )


@pytest.mark.parametrize("text", [None, 7, b"graph", ["graph"]])
def test_only_a_string_is_a_text(text: Any) -> None:
    with pytest.raises(GraphError, match="is a string, got"):
        graphpool.parse_graph(text)
