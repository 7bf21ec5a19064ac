"""The lowerings of ONNX on what the rows' own samples leave out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from graphpool.compilers.onnx.nodes import has_lowering
from graphpool.graph import Graph, type_of
from graphpool.graph.types import Array
from graphpool.ops import OPS, Sample
from tests.compilers.onnx_models import KINDS, Session, assert_same, model_of, new_builder, run_steps, step_loop


def _values(*shape: int) -> Array:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


EDGES: dict[str, list[Sample]] = {
    "sum": [
        Sample((_values(3),), {"axes": (), "keepdims": False}),
        Sample((_values(2, 0),), {"axes": (-1,), "keepdims": True}),
    ],
    "mean": [
        Sample((_values(3),), {"axes": (), "keepdims": False}),
    ],
    "max": [Sample((_values(3),), {"axes": (), "keepdims": True})],
    "any": [
        Sample((np.array([True, False]),), {"axes": (), "keepdims": False}),
        Sample((np.zeros((2, 0), bool),), {"axes": (-1,), "keepdims": False}),
    ],
    "all": [Sample((np.zeros((2, 0), bool),), {"axes": (-1,), "keepdims": False})],
    "reshape": [Sample((_values(0, 3),), {"shape": (3, 0)}), Sample((_values(2, 3),), {"shape": (2, 3)})],
    "broadcast": [Sample((_values(1),), {"shape": (0,)}), Sample((_values(3),), {"shape": (3,)})],
    "squeeze": [Sample((_values(3),), {"axes": ()})],
    "concatenate": [Sample((_values(0, 2), _values(3, 2)), {"axis": -2})],
    "slice": [
        Sample((_values(3, 4),), {"index": ((2, None, -1), (-1, None, -2))}),
        Sample((_values(3, 4),), {"index": (-3, -1)}),
        Sample((_values(4),), {"index": ((3, 1, 1),)}),
        Sample((_values(),), {"index": ()}),
    ],
    "update": [
        Sample((_values(4), 10 + _values(4)), {"index": ((3, None, -1),)}),
        Sample((_values(4), _values()), {"index": ((0, None, 1),)}),
        Sample((_values(4), _values()), {"index": ((3, 1, 1),)}),
        Sample((_values(), 1 + _values()), {"index": ()}),
        Sample((_values(2, 3, 4), 30 + _values(3, 1)), {"index": (1, (0, None, 1), (0, None, 2))}),
        Sample((_values(2, 3, 4), 30 + _values(2)), {"index": ((0, None, 1), -1, (0, None, 3))}),
    ],
    "matmul": [Sample((_values(0), _values(0, 3))), Sample((_values(3, 0), _values(0)))],
    "spike": [
        Sample((_values(3) / 2, np.float32([1.0, 0.5, 0.25])), {"window": 0.5, "max_spikes": 1.0}),
        Sample((_values(3) - 1, np.float32([-1.0, 0.5, 0.0])), {"window": 0.5, "max_spikes": 1.0}),
        Sample((_values(3), np.float32(0.25)), {"window": 0.5, "max_spikes": np.inf}),
    ],
    "pow": [
        Sample((np.array([3, -3, 1, -1, 2]), np.array([39, 5, 63, 0, 12]))),
        Sample((np.array([1, -1, 0]), np.array([100, 101, 64]))),
        Sample((np.array([7, 0, 2], np.int32), np.array(0, np.int32))),
        Sample((np.array([7, -5, 2]), np.array(3))),
    ],
}
"""What the rows' own samples leave out: empty axes, no axes, negative steps, whole slots, large powers."""


def test_there_is_a_lowering_for_each_row() -> None:
    assert [name for name in OPS if not has_lowering(name)] == []
    assert not has_lowering("no such op")


def _graphs_of(name: str, sample: Sample) -> Iterator[tuple[Graph, list[int], dict[str, Array]]]:
    """The sample with each choice of operands as streams; the others are parameters and constants in turn."""
    for number, mask in enumerate(itertools.product((True, False), repeat=len(sample.args))):
        streams = [place for place, stream in enumerate(mask) if stream]
        if not streams:
            continue
        b, args, parameters = new_builder(), [], {}
        for place, array in enumerate(sample.args):
            if mask[place]:
                args.append(b.input(f"x{place}", type_of(array)))
            elif (number + place) % 2:
                args.append(b.constant(array))
            else:
                parameters[f"p{place}"] = array
                args.append(b.param(f"p{place}", type_of(array)))
        b.output("output", b.add(name, args, sample.attrs))
        yield b.build(), streams, parameters


def _stream_of(array: Array, batch: int, steps: int) -> Array:
    """Another arrangement of the same elements for each sample and step."""
    flat = [np.roll(array.reshape(-1), number) for number in range(batch * steps)]
    return np.stack(flat).reshape(batch, steps, *array.shape)


@pytest.mark.parametrize("name", EDGES)
def test_edges_agree_with_numpy(name: str) -> None:
    """The rows' own samples are in tests/test_op_matrix.py."""
    entry = OPS[name]
    for sample in EDGES[name]:
        for graph, streams, parameters in _graphs_of(name, sample):
            sessions = {kind: Session(model_of(graph, kind, parameters)) for kind in KINDS}
            for batch, steps in ((1, 1), (3, 5), (3, 1), (1, 5)):
                feed = {
                    "input" if len(streams) == 1 else f"input.x{place}": _stream_of(
                        np.asarray(sample.args[place]), batch, steps
                    )
                    for place in streams
                }
                wanted = step_loop(graph, feed, parameters)
                note = f"{sample} streams {streams} batch {batch} steps {steps}"
                for kind in KINDS if steps > 1 else KINDS[:1]:
                    session = sessions[kind]
                    got = run_steps(session, graph, feed) if kind == "step" else session(feed)
                    assert_same(got, wanted, entry.tolerance, f"{kind} {note}")


def test_integers_modulo_anything_never_crash() -> None:
    for dtype in (np.int32, np.int64):
        least = np.iinfo(dtype).min
        x = np.array([least, least, 5, -5, 0, -7], dtype)
        y = np.array([-1, 0, 0, -1, 0, 3], dtype)
        sample = Sample((x, y))
        for graph, streams, parameters in _graphs_of("mod", sample):
            feed = {
                "input" if len(streams) == 1 else f"input.x{place}": sample.args[place][None, None] for place in streams
            }
            out = Session(model_of(graph, "always", parameters))(feed)["output"]
            np.testing.assert_array_equal(out[0, 0], [0, 0, 0, 0, 0, 2])
