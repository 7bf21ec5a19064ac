"""The nodes that are no neurons against loops over their definition, on all runtimes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError, NirWarning
from graphpool.functional import conv
from graphpool.nir import from_nir
from graphpool.nir.graph import NirNode
from tests.nir.files import DT, affine, chain, node
from tests.runtimes.models import TARGETS

DRAWS = np.random.default_rng(0)


def quarters(*shape: int) -> Any:
    return DRAWS.integers(-8, 9, shape) / 4


def correlate(x: Any, weight: Any, stride: Any, pads: Any, dilation: Any, groups: int) -> Any:
    """By its definition: one output after the other."""
    padded = np.pad(x, [(0, 0), *pads])
    sizes = [
        (size - gap * (k - 1) - 1) // step + 1
        for size, gap, k, step in zip(padded.shape[1:], dilation, weight.shape[2:], stride, strict=True)
    ]
    out = np.zeros((weight.shape[0], *sizes))
    per_group, channels = weight.shape[0] // groups, weight.shape[1]
    for o, *place in product(range(weight.shape[0]), *map(range, sizes)):
        for c, *offset in product(*map(range, weight.shape[1:])):
            at = tuple(p * s + k * d for p, s, k, d in zip(place, stride, offset, dilation, strict=True))
            out[(o, *place)] += weight[(o, c, *offset)] * padded[(o // per_group * channels + c, *at)]
    return out


CONVS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any], list[tuple[int, int]]]] = {
    "plain": ((2, 5, 6), (3, 2, 3, 2), {}, [(0, 0), (0, 0)]),
    "stride, padding": ((2, 5, 6), (3, 2, 3, 2), {"stride": (2, 1), "padding": (1, 2)}, [(1, 1), (2, 2)]),
    "groups, dilation": ((4, 7, 7), (6, 2, 2, 3), {"groups": 2, "dilation": (2, 3)}, [(0, 0), (0, 0)]),
    "same": ((2, 4, 5), (3, 2, 3, 3), {"padding": "same"}, [(1, 1), (1, 1)]),
    "same, even": ((2, 4, 5), (3, 2, 2, 4), {"padding": "same"}, [(0, 1), (1, 2)]),
    "valid": ((2, 4, 5), (3, 2, 2, 2), {"padding": "valid"}, [(0, 0), (0, 0)]),
    "scalars": ((2, 5, 5), (3, 2, 3, 3), {"stride": 2, "padding": 1}, [(1, 1), (1, 1)]),
    "1d": ((2, 9), (3, 2, 3), {"stride": 2, "padding": 1, "dilation": 2}, [(1, 1)]),
    "1d same": ((2, 9), (3, 2, 4), {"padding": "same"}, [(1, 2)]),
    "1d in arrays": ((2, 9), (4, 1, 3), {"stride": [2], "padding": [1], "dilation": [1], "groups": 2}, [(1, 1)]),
}  # fmt: skip


def conv_node(weight: Any, bias: Any, **options: Any) -> NirNode:
    kind = "Conv2d" if weight.ndim == 4 else "Conv1d"
    return node(kind, weight=weight, bias=bias, **{"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", list(CONVS))
def test_convolutions(case: str, dtype: str, target: str) -> None:
    shape, kernel, options, pads = CONVS[case]
    weight, bias, x = quarters(*kernel), quarters(kernel[0]), quarters(2, 3, *shape)
    net = from_nir(chain(conv_node(weight, bias, **options), shape=shape), like="exact", dt=DT)
    count = len(shape) - 1
    stride, dilation = (np.broadcast_to(options.get(name, 1), count) for name in ("stride", "dilation"))
    groups = options.get("groups", 1)
    expected = np.array([[correlate(row, weight, stride, pads, dilation, groups) for row in sample] for sample in x])
    expected = expected + bias.reshape(-1, *[1] * count)
    run = graphpool.compile(net, target, dtype=dtype)
    np.testing.assert_array_equal(run(x)[0], expected)
    np.testing.assert_array_equal(run.step(x[:, 0]), expected[:, 0])


def test_a_convolution_without_bias_and_one_that_is_stepped() -> None:
    weight, x = quarters(3, 2, 2, 2), quarters(1, 2, 2, 4, 4)
    item = conv_node(weight, 0.0)
    item.fields["bias"] = None
    net = from_nir(chain(item, shape=(2, 4, 4)), like="exact", dt=DT)
    np.testing.assert_array_equal(net.step(x[0, 0]), conv(x[0, 0], weight))


@pytest.mark.parametrize("target", TARGETS)
def test_large_inputs_are_convolved_part_by_part(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphpool.ops.convolution.MOST_PATCHES", 100)
    weight, x = quarters(3, 2, 2, 2), quarters(3, 5, 2, 4, 4)
    net = from_nir(chain(conv_node(weight, np.zeros(3)), shape=(2, 4, 4)), like="exact", dt=DT)
    expected = [[conv(row, weight) for row in sample] for sample in x]
    np.testing.assert_array_equal(graphpool.compile(net, target, dtype="float64")(x)[0], expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), ((2, 3), (1, 2), (1, 1)), (3, 1, 1)])
def test_pools(kind: str, kernel: Any, stride: Any, padding: Any, target: str) -> None:
    x = quarters(2, 3, 2, 6, 7)
    pool = node(kind, kernel_size=kernel, stride=stride, padding=padding)
    net = from_nir(chain(pool, shape=(2, 6, 7)), like="exact", dt=DT)
    (kh, kw), (sh, sw), (ph, pw) = (np.broadcast_to(entry, 2) for entry in (kernel, stride, padding))
    padded = np.pad(x, [(0, 0)] * 3 + [(ph, ph), (pw, pw)])
    rows, columns = (padded.shape[-2] - kh) // sh + 1, (padded.shape[-1] - kw) // sw + 1
    expected = np.array(
        [
            [padded[..., i * sh : i * sh + kh, j * sw : j * sw + kw].sum((-1, -2)) for j in range(columns)]
            for i in range(rows)
        ]
    )
    expected = np.moveaxis(expected, (0, 1), (-2, -1)) / (kh * kw if kind == "AvgPool2d" else 1)
    np.testing.assert_allclose(graphpool.compile(net, target)(x)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("start", "end", "flat"), [(0, -1, (24,)), (1, 2, (2, 12)), (-2, -1, (2, 12)), (0, 1, (6, 4)), (1, 1, (2, 3, 4))]
)
def test_flatten(start: int, end: int, flat: tuple[int, ...], target: str) -> None:
    x = quarters(2, 3, 2, 3, 4)
    net = from_nir(chain(node("Flatten", start_dim=start, end_dim=end), shape=(2, 3, 4)), like="exact", dt=DT)
    np.testing.assert_array_equal(graphpool.compile(net, target)(x)[0], x.reshape(2, 3, *flat))


@pytest.mark.parametrize("target", TARGETS)
def test_affine_linear_scale_and_threshold(target: str) -> None:
    x, first, second = quarters(2, 4, 3), affine(2, 3), affine(4, 2, seed=1, bias=False)
    scale, threshold = np.array([1.0, 2.0, -1.0, 0.5]), np.array([0.25, 0.0, -1.0, 0.5])
    nodes = first, second, node("Scale", scale=scale), node("Threshold", threshold=threshold)
    net = from_nir(chain(*nodes, shape=(3,)), like="exact", dt=DT)
    y = (x @ first.fields["weight"].T + first.fields["bias"]) @ second.fields["weight"].T * scale
    run = graphpool.compile(net, target, dtype="float64")
    np.testing.assert_array_equal(run(x)[0], (y > threshold) * 1.0)
    np.testing.assert_array_equal(run(x, record=True)[2]["n2_output"], y)


def test_a_threshold_is_strict_and_may_be_anything() -> None:
    net = from_nir(chain(node("Threshold", threshold=[-1.0, 0.0, 2.0]), shape=(3,)), like="exact", dt=DT)
    x = np.array([[[-1.0, 0.0, 2.0], [-0.5, 0.5, 2.5], [-2.0, -1.0, 1.0]]])
    for target in TARGETS:
        np.testing.assert_array_equal(graphpool.compile(net, target)(x)[0][0], [[0, 0, 0], [1, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("steps", [0, 1, 3, [0, 1, 3], [2, 2, 1]])
def test_delays(steps: Any, target: str) -> None:
    x = quarters(2, 7, 3)
    net = from_nir(chain(node("Delay", delay=np.multiply(steps, DT)), shape=(3,)), like="exact", dt=DT)
    late = [
        np.concatenate([np.zeros((2, k)), x[:, : 7 - k, n]], axis=1) for n, k in enumerate(np.broadcast_to(steps, 3))
    ]
    run = graphpool.compile(net, target)
    out = np.concatenate([run(x[:, :2])[0], run(x[:, 2:])[0]], axis=1)
    np.testing.assert_array_equal(out, np.stack(late, axis=-1))


def test_a_delay_that_is_no_multiple_is_rounded_and_said() -> None:
    with pytest.warns(NirWarning, match="delays of 'n0' are no multiples of dt=0.001 s: rounded to 2 to 4 steps"):
        net = from_nir(chain(node("Delay", delay=[0.0021, 0.0038])), like="exact", dt=1e-3)
    assert net["n0"].buffer.shape == (4, 2)


REFUSED: dict[str, tuple[NirNode, tuple[int, ...], str]] = {
    "rows": (affine(2, 3), (2,), "takes 3 inputs, and gets a sample of the shape"),
    "flat": (affine(2, 3), (3, 2), "is a Flatten missing"),
    "weight": (node("Linear", weight=np.ones(3)), (3,), "the weight has the shape"),
    "bias": (node("Affine", weight=np.ones((2, 3)), bias=np.ones(3)), (3,), "the bias has the shape"),
    "scale": (node("Scale", scale=np.ones(3)), (2,), r"'scale' has the shape \(3,\), one sample has \(2,\)"),
    "channels": (conv_node(np.ones((2, 3, 2, 2)), 0.0), (2, 4, 4), "2 channels"),
    "kernel": (conv_node(np.ones((2, 2, 5, 2)), 0.0), (2, 4, 4), "kernel .5, 2. is larger than the input"),
    "rank": (conv_node(np.ones((2, 2, 2)), 0.0), (2, 4, 4), "a Conv1d with weights of the shape"),
    "stride": (conv_node(np.ones((2, 2, 2)), 0.0, stride=0), (2, 4), "'stride' is array.0."),
    "strides": (conv_node(np.ones((2, 2, 2)), 0.0, stride=[1, 1]), (2, 4), "'stride' is array"),
    "padding": (conv_node(np.ones((2, 2, 2)), 0.0, padding=-1), (2, 4), "'padding' is array"),
    "padding in text": (conv_node(np.ones((2, 2, 2)), 0.0, padding="full"), (2, 4), "padding is 'full'"),
    "same with a stride": (conv_node(np.ones((2, 2, 2)), 0.0, padding="same", stride=2), (2, 4), "stride of 1"),
    "groups": (conv_node(np.ones((2, 2, 2)), 0.0, groups=1.5), (2, 4), "'groups' is array"),
    "pool": (node("SumPool2d", kernel_size=2, stride=2, padding=0), (4, 4), "a SumPool2d gets a sample of the shape"),
    "large pool": (node("SumPool2d", kernel_size=5, stride=2, padding=0), (1, 4, 4), "larger than the input"),
    "flatten": (node("Flatten", start_dim=0, end_dim=3), (2, 3), "end_dim is 3, a sample has the shape"),
    "flatten backwards": (node("Flatten", start_dim=1, end_dim=0), (2, 3), "start_dim 1 lies behind end_dim 0"),
    "delay": (node("Delay", delay=-1.0), (2,), "delays from -1.0 to -1.0 s"),
    "long delay": (node("Delay", delay=1e12), (2,), "from 0 to 1048576 time steps"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_does_not_fit_is_an_error_with_the_name_of_the_node(case: str) -> None:
    item, shape, message = REFUSED[case]
    with pytest.raises(NirError, match=f"(?s)node 'n0'.*{message}"):
        from_nir(chain(item, shape=shape), like="exact", dt=DT)
