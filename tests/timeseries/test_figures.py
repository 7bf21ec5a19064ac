"""What the picture of a recorded run shows."""

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

import graphpool  # noqa: E402
from graphpool import TSContinuous, TSEvent  # noqa: E402
from graphpool.errors import ChannelError, MissingExtraError, SeriesTypeError, TimeSeriesError  # noqa: E402
from graphpool.nn.combinators import Sequential  # noqa: E402
from graphpool.nn.modules import LIF, Linear  # noqa: E402

DT = 0.01
STEPS = 50
RNG = np.random.default_rng(3)
SPIKES = (RNG.random((1, STEPS, 12)) < 0.2).astype(float)
VMEM = RNG.normal(size=(1, STEPS, 12))
OUTPUT = RNG.normal(size=(STEPS, 3))


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    plt.close("all")
    yield
    plt.close("all")


def output() -> TSContinuous:
    return TSContinuous.from_clocked(OUTPUT, dt=DT, t_start=1.0, name="out")


def record() -> dict[str, Any]:
    return {"lif": {"spikes": SPIKES, "vmem": VMEM}, "rate": {"x": VMEM[..., :4]}}


def panels(figure: Any) -> dict[str, Any]:
    """The axes by the name of their signal, without those of colour bars."""
    return {axes.get_label(): axes for axes in figure.axes if "colours" not in axes.get_label()}


def dots(axes: Any) -> set[tuple[float, float]]:
    (line,) = axes.lines
    return {(round(t, 9), c) for t, c in zip(*line.get_data(), strict=True)}


def events(raster: Any, start: float = 1.0) -> set[tuple[float, float]]:
    return {(round(start + (t + 0.5) * DT, 9), c) for t, c in zip(*np.nonzero(raster), strict=True)}


def note(figure: Any) -> str:
    return figure._supxlabel.get_text().replace("\n", " ") if figure._supxlabel else ""


# --- what is drawn ----------------------------------------------------------------------------------------------------
def test_all_signals_share_one_axis_of_time() -> None:
    ts_input = TSContinuous.from_clocked(np.arange(300.0), dt=DT, name="in")
    ts_input.units = "mV"
    figure = graphpool.plot(output(), record(), ts_input)
    shown = panels(figure)
    assert list(shown) == ["input", "lif.spikes", "lif.vmem", "rate.x", "output"]
    assert [axes.get_title(loc="left") for axes in shown.values()] == list(shown)
    assert {axes.get_xlim() for axes in shown.values()} == {(1.0, 1.5)}
    assert [axes.get_xlabel() for axes in shown.values()] == ["", "", "", "", "Time (s)"]
    assert shown["input"].get_ylabel() == "mV"
    figure.canvas.draw()
    assert len({(axes.get_position().x0, axes.get_position().x1) for axes in shown.values()}) == 1


def test_lines_dots_and_images_hold_what_was_recorded() -> None:
    shown = panels(graphpool.plot(output(), record(), TSContinuous.from_clocked(np.arange(300.0), dt=DT)))
    np.testing.assert_allclose(shown["input"].lines[0].get_ydata(), np.arange(100, 150))
    assert dots(shown["lif.spikes"]) == events(SPIKES[0])
    (image,) = shown["lif.vmem"].images
    np.testing.assert_array_equal(image.get_array(), VMEM[0].T)
    assert image.get_extent() == [1.0, 1.5, -0.5, 11.5]
    lines = shown["output"].lines
    np.testing.assert_array_equal([line.get_ydata() for line in lines], OUTPUT.T)
    np.testing.assert_allclose(lines[0].get_xdata(), 1 + DT * np.arange(STEPS))
    assert [text.get_text() for text in shown["output"].get_legend().get_texts()] == ["0", "1", "2"]


@pytest.mark.parametrize("count, images", [(10, 0), (11, 1), (100, 1)])
def test_many_channels_become_an_image(count: int, images: int) -> None:
    figure = graphpool.plot(np.zeros((1, STEPS, 3)), {"x": RNG.normal(size=(1, STEPS, count))}, dt=DT)
    axes = panels(figure)["x"]
    assert (len(axes.images), len(axes.lines)) == (images, 0 if images else count)
    figure.canvas.draw()


def test_a_series_without_a_clock_is_an_image_over_its_times() -> None:
    series = TSContinuous([1.0, 1.1, 1.5], np.outer([0.0, 1.0, 5.0], np.ones(11)), interp_kind="linear")
    (image,) = panels(graphpool.plot(output(), {"x": series}))["x"].images
    assert image.get_extent()[:2] == [1.0, 1.5]
    np.testing.assert_allclose(image.get_array()[0], np.interp(np.linspace(1, 1.5, 2000), [1, 1.1, 1.5], [0, 1, 5]))


def test_a_timed_network_with_its_series() -> None:
    net = Sequential(Linear((1, 4), weight=np.full((1, 4), 2.0)), LIF(4)).timed(dt=1e-3)
    tone = TSContinuous.from_clocked(np.ones(30), dt=1e-3, periodic=True)
    net(tone)
    out, _, recorded = net(tone, duration=0.06, record=True)
    assert len(out) > 0
    figure = graphpool.plot(out, recorded, tone)
    shown = panels(figure)
    assert list(shown) == ["input", "0_Linear_output", "1_LIF.isyn", "1_LIF.vmem", "output"]
    assert note(figure) == "not shown: 1_LIF_output (equals output), 1_LIF.spikes (equals output)"
    assert shown["output"].get_xlim() == pytest.approx((0.03, 0.09))
    np.testing.assert_allclose(shown["1_LIF.vmem"].lines[1].get_ydata(), recorded["1_LIF"]["vmem"][0, :, 1])
    assert {t for t, _ in dots(shown["output"])} == {round(t, 9) for t in out.times}


def test_rows_of_sub_steps_share_the_time() -> None:
    fine = TSContinuous.from_clocked(np.zeros((100, 1)), dt=DT / 2)
    (line,) = panels(graphpool.plot(fine, {"x": VMEM[..., :1]}))["x"].lines
    np.testing.assert_allclose(line.get_xdata(), DT * np.arange(STEPS))


def test_arrays_and_several_outputs() -> None:
    batch = RNG.normal(size=(3, STEPS, 2))
    shown = panels(graphpool.plot({"a": batch, "b": batch > 0}, dt=DT, t_start=2.0, sample=1))
    np.testing.assert_array_equal(shown["output.a"].lines[0].get_ydata(), batch[1, :, 0])
    assert dots(shown["output.b"]) == events(batch[1] > 0, 2.0)


def test_which_arrays_are_events() -> None:
    counts, dense = np.zeros((1, STEPS, 2)), np.full((1, STEPS, 2), 2.0)
    counts[0, 3] = 1
    steady = {"spikes": dense * 0, "zero": dense * 0, "dense": dense, "counts": counts, "bools": counts > 0}
    shown = panels(graphpool.plot(output(), {**steady, "number": counts.astype(int)}, signals="*"))
    by_kind = {name: axes.get_ylabel() == "channel" for name, axes in shown.items()}
    assert by_kind == {
        "spikes": True,
        "zero": False,
        "dense": False,
        "counts": True,
        "bools": True,
        "number": False,
        "output": False,
    }
    shown = panels(graphpool.plot(output(), steady, signals="*", spikes=["dense"]))
    assert [name for name, axes in shown.items() if axes.get_ylabel() == "channel"] == ["dense"]


# --- what is chosen ---------------------------------------------------------------------------------------------------
def test_what_is_left_out_is_said() -> None:
    more = {"weight": np.zeros((1, STEPS, 3, 4)), "_clock": VMEM, "again": VMEM, "column": VMEM[..., :3, None]}
    figure = graphpool.plot(output(), record() | more, most=3)
    assert list(panels(figure)) == ["lif.spikes", "lif.vmem", "rate.x", "output"]
    assert note(figure) == "not shown: weight, _clock, again (equals lif.vmem), column"
    assert note(graphpool.plot(output(), record())) == ""


def test_signals_by_name_show_all_that_was_asked_for() -> None:
    names = {"weight": np.zeros((1, STEPS, 3, 4)), "again": VMEM}
    figure = graphpool.plot(output(), record() | names, signals=["*.vmem", "weight", "again"], most=1)
    assert list(panels(figure)) == ["lif.vmem", "weight", "again", "output"]
    assert panels(figure)["weight"].images[0].get_array().shape == (12, STEPS)
    assert list(panels(graphpool.plot(output(), record(), signals=[]))) == ["output"]


def test_channels() -> None:
    shown = panels(graphpool.plot(output(), record(), channels={"lif.*": [7, 2], "output": 1}))
    rows = SPIKES[0][:, [7, 2]]
    assert dots(shown["lif.spikes"]) == events(rows)
    assert shown["lif.spikes"].get_title(loc="left") == "lif.spikes (2 of 12 channels)"
    labels = shown["lif.spikes"].yaxis.get_major_formatter()
    assert [labels(row) for row in (-0.5, -1, 0, 0.5, 1, 2)] == ["", "", "7", "", "2", ""]
    np.testing.assert_array_equal(shown["lif.vmem"].lines[1].get_ydata(), VMEM[0, :, 2])
    assert [text.get_text() for text in shown["lif.vmem"].get_legend().get_texts()] == ["7", "2"]
    assert (len(shown["rate.x"].lines), len(shown["output"].lines)) == (4, 1)
    shown = panels(graphpool.plot(output(), record(), channels=slice(0, 2)))
    assert [len(axes.lines) for axes in shown.values()] == [1, 2, 2, 2]


def test_values_that_are_not_finite() -> None:
    broken = VMEM.copy()
    broken[0, :, 3], broken[0, 5, 4] = np.nan, np.inf
    figure = graphpool.plot(output(), {"x": broken, "none": np.full_like(VMEM, np.nan)})
    figure.canvas.draw()
    assert np.isfinite(panels(figure)["x"].images[0].get_clim()).all()


# --- errors -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"signals": "*.nothing"}, TimeSeriesError, r"no signal '\*.nothing'\n.*lif.spikes, lif.vmem, rate.x"),
        ({"signals": 3}, SeriesTypeError, "signals=3"),
        ({"spikes": ["none"]}, TimeSeriesError, "spikes: no signal 'none'"),
        ({"channels": {"lif": 0}}, TimeSeriesError, "channels: no signal 'lif'\n.*lif.spikes"),
        ({"channels": 3}, ChannelError, "output: no channel 3, num_channels is 3"),
        ({"channels": {"lif.vmem": [0, 12]}}, ChannelError, "lif.vmem: no channel 12"),
        ({"channels": []}, TimeSeriesError, "nothing to show"),
        ({"record": {"x": VMEM[:, :-1]}}, TimeSeriesError, "x has 49 rows, the output 50 steps from t=1.0 s"),
        ({"record": {"x": VMEM[:, :0]}}, TimeSeriesError, "x has 0 rows"),
        ({"record": {"x": np.zeros((4, STEPS, 1))}}, TimeSeriesError, "x has 4 samples\n.*sample=0"),
        ({"record": {"x": np.zeros((4, STEPS, 1))}, "sample": 4}, TimeSeriesError, "4 samples, sample=4"),
        ({"sample": -1}, TimeSeriesError, "sample=-1"),
        ({"record": {"x": [1.0]}}, SeriesTypeError, r"x is a list of shape \(1,\)"),
        ({"record": [1.0]}, SeriesTypeError, "the record is a list"),
        ({"output": np.zeros((1, STEPS, 1))}, SeriesTypeError, "output is a ndarray\n.*dt="),
        ({"output": TSEvent()}, TimeSeriesError, "nothing to show"),
        ({"output": ()}, TimeSeriesError, "nothing to show"),
        ({"ts_input": TSContinuous([0.0, 0.5], [1, 2], name="early")}, TimeSeriesError, "'early' is from t=0.0 s to"),
        ({"most": -1}, TimeSeriesError, "most=-1"),
    ],
)
def test_errors_say_what_is_there_and_open_no_figure(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=f"^graphpool.plot: .*{said}"):
        graphpool.plot(**{"output": output(), "record": record()} | options)
    assert not plt.get_fignums()


def test_nothing_recorded() -> None:
    assert list(panels(graphpool.plot(output(), {}))) == ["output"]
    with pytest.raises(TimeSeriesError, match="nothing was recorded: record=True"):
        graphpool.plot(output(), {}, signals="*")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"graphpool\[plot\]"):
        graphpool.plot(output())


@pytest.mark.parametrize("count", [4000, 4001, 100_003])
def test_the_image_of_a_long_run_shows_means(count: int) -> None:
    """So that a million steps are drawn in seconds, each of them at its time."""
    samples = np.random.default_rng(0).normal(size=(count, 12))
    samples[:2, 3] = np.inf, -np.inf
    axes = panels(graphpool.plot(TSContinuous.from_clocked(samples, 1e-3)))["output"]
    (image,) = axes.images
    shown = image.get_array().T
    step = {4000: 1, 4001: 2, 100_003: 26}[count]
    assert len(shown) == -(-count // step) <= 4000
    np.testing.assert_allclose(shown[-1], samples[(len(shown) - 1) * step :].mean(axis=0))
    np.testing.assert_allclose(shown[5], samples[5 * step : 6 * step].mean(axis=0))
    assert image.get_extent()[1] == pytest.approx(len(shown) * step * 1e-3)
    assert axes.get_xlim() == pytest.approx((0, count * 1e-3))
