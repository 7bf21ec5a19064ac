"""What plots of series show."""

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

from graphpool.errors import ChannelError, MissingExtraError, SeriesTypeError, TimeSeriesError  # noqa: E402
from graphpool.timeseries import TSContinuous, TSEvent  # noqa: E402
from graphpool.timeseries.plotting import plot_continuous, plot_events  # noqa: E402

SAMPLES = np.arange(20.0).reshape(4, 5)


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Axes:
    return plt.figure().add_subplot()


def signal(**options: Any) -> TSContinuous:
    return TSContinuous([1.0, 2.0, 2.5, 4.0], SAMPLES, **{"name": "signal", "units": "mV", "t_stop": 5.0} | options)


def spikes(**options: Any) -> TSEvent:
    fields: dict[str, Any] = {"t_start": 0, "t_stop": 3, "name": "spikes", "num_channels": 6}
    return TSEvent([0.5, 1.0, 1.0, 2.0], [4, 0, 2, 4], **fields | options)


def heights(lines: Any) -> list[list[float]]:
    return [line.get_ydata().tolist() for line in lines]


def points(dots: Any) -> list[tuple[float, float]]:
    return [tuple(point) for point in np.asarray(dots.get_offsets()).tolist()]


# --- continuous series ------------------------------------------------------------------------------------------------
def test_one_line_a_channel(axes: Axes) -> None:
    lines = plot_continuous(signal())
    assert isinstance(lines, list) and lines == list(axes.lines)
    assert heights(lines) == SAMPLES.T.tolist()
    assert all(line.get_xdata().tolist() == [1, 2, 2.5, 4] for line in lines)
    assert {line.get_label() for line in lines} == {"signal"}
    assert (axes.get_ylabel(), axes.get_xlabel(), axes.get_title()) == ("mV", "Time (s)", "signal")
    assert axes.get_xlim() == (1, 4)


def test_the_method_plots() -> None:
    assert heights(signal().plot(None, None, [3, 1])) == [SAMPLES[:, 3].tolist(), SAMPLES[:, 1].tolist()]
    assert points(spikes().plot((0, 1))) == [(0.5, 4)]


def test_own_axes(axes: Axes) -> None:
    other = plt.figure().add_subplot()
    assert plot_continuous(signal(), target=axes) is axes
    assert plot_events(spikes(), target=axes) is axes
    assert len(axes.lines) == 5 and len(axes.collections) == 1
    assert not other.has_data() and not other.get_xlabel()


@pytest.mark.parametrize("target", [1, "axes", plt, object()])
def test_no_axes(target: Any) -> None:
    for plot, series in ((plot_continuous, signal()), (plot_events, spikes())):
        with pytest.raises(SeriesTypeError, match="target is a .*\n.*matplotlib axes"):
            plot(series, target=target)


def test_titles(axes: Axes) -> None:
    plot_continuous(signal(name=None, units=None), target=axes)
    assert (axes.get_title(), axes.get_ylabel()) == ("", "")
    plot_continuous(signal(), target=axes)
    plot_continuous(signal(name="second"), target=axes)
    assert axes.get_title() == "signal"


def test_arguments_for_matplotlib(axes: Axes) -> None:
    (line,) = plot_continuous(signal(), None, None, 2, None, None, None, "r--", label="mine", drawstyle="steps-post")
    assert (line.get_color(), line.get_linestyle(), line.get_label()) == ("r", "--", "mine")
    assert line.get_drawstyle() == "steps-post"


def test_times(axes: Axes) -> None:
    lines = plot_continuous(signal(interp_kind="linear"), times=[1.5, 3.25], channels=[0])
    assert heights(lines) == [[2.5, 12.5]]
    assert axes.get_xlim() == (1.5, 3.25)


def test_dt(axes: Axes) -> None:
    (line,) = plot_continuous(signal(), channels=0, dt=0.5)
    assert line.get_xdata().tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert line.get_ydata().tolist() == [0, 0, 5, 10, 10, 10, 15, 15, 15]
    (line,) = plot_continuous(signal(), times=[4, 2], channels=0, dt=1)
    assert line.get_xdata().tolist() == [2, 3, 4]
    # A linear series has no value after its last sample.
    (line,) = plot_continuous(signal(interp_kind="linear"), channels=0, dt=1)
    assert line.get_xdata().tolist() == [1, 2, 3, 4]


def test_a_clocked_series_ends_at_its_last_sample(axes: Axes) -> None:
    (line,) = plot_continuous(TSContinuous.from_clocked(np.arange(10.0), 0.1), channels=0)
    assert line.get_xdata().tolist() == [k / 10 for k in range(10)]
    assert axes.get_xlim() == (0, 0.9)
    (line,) = plot_continuous(TSContinuous.from_clocked(np.arange(10.0), 0.1), channels=0, dt=0.3)
    assert line.get_ydata().tolist() == [0, 3, 6, 9]


def test_stagger_and_skip() -> None:
    lines = plot_continuous(signal(), stagger=100, skip=2)
    assert heights(lines) == [(SAMPLES[:, 2 * k] + 100 * k).tolist() for k in range(3)]
    lines = plot_continuous(signal(), channels=[4, 3, 2, 1], stagger=-1, skip=np.int64(3))
    assert heights(lines) == [SAMPLES[:, 4].tolist(), (SAMPLES[:, 1] - 1).tolist()]
    assert np.array_equal(signal().samples, SAMPLES)


def test_several_series_stay_in_view(axes: Axes) -> None:
    plot_continuous(signal(), target=axes)
    plot_continuous(signal().delay(10), target=axes)
    assert axes.get_xlim() == (1, 14)
    plot_events(spikes(), target=axes)
    assert axes.get_xlim() == (0, 14)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"channels": 5}, ChannelError),
        ({"channels": [0, 7]}, ChannelError),
        ({"skip": 0}, TimeSeriesError),
        ({"skip": 1.5}, TimeSeriesError),
        ({"skip": True}, TimeSeriesError),
        ({"stagger": np.nan}, TimeSeriesError),
        ({"stagger": "x"}, TimeSeriesError),
        ({"dt": 0}, TimeSeriesError),
        ({"dt": "1"}, TimeSeriesError),
        ({"times": [0.0]}, TimeSeriesError),
        ({"times": [np.nan]}, TimeSeriesError),
        ({"times": "now"}, TimeSeriesError),
    ],
)
def test_wrong_arguments_open_no_figure(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="TSContinuous 'signal'"):
        plot_continuous(signal(), **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize("options", [{}, {"dt": 0.1}, {"channels": 1}, {"stagger": 2.0}])
def test_an_empty_series_labels_the_axes(options: dict[str, Any], axes: Axes) -> None:
    series = TSContinuous(num_channels=3, name="signal", units="mV")
    assert plot_continuous(series, **options) == []
    assert not axes.has_data()
    assert (axes.get_ylabel(), axes.get_xlabel(), axes.get_title()) == ("mV", "Time (s)", "signal")


def test_little_to_show(axes: Axes) -> None:
    """One sample, no channels, no times; matplotlib warns about an axis without an extent."""
    (line,) = plot_continuous(TSContinuous([3.0], [1.0]))
    assert line.get_xdata().tolist() == [3]
    assert plot_continuous(TSContinuous([3.0, 4.0], np.zeros((2, 0)))) == []
    assert plot_continuous(signal(), times=[]) == []
    assert plot_continuous(signal(), channels=[]) == []


# --- events -----------------------------------------------------------------------------------------------------------
def test_one_dot_an_event(axes: Axes) -> None:
    dots = plot_events(spikes())
    assert dots in axes.collections
    assert points(dots) == [(0.5, 4), (1, 0), (1, 2), (2, 4)]
    assert dots.get_label() == "spikes"
    assert (axes.get_ylabel(), axes.get_xlabel(), axes.get_title()) == ("Channels", "Time (s)", "spikes")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 3), (-1, 6))


def test_time_limits(axes: Axes) -> None:
    assert points(plot_events(spikes(), (0.5, 1.0))) == [(0.5, 4)]
    assert axes.get_xlim() == (0.5, 1)
    axes.clear()
    assert points(plot_events(spikes(periodic=True), [5.5, 3.0])) == [(3.5, 4), (4, 0), (4, 2), (5, 4)]
    assert axes.get_xlim() == (3, 5.5)


def test_channels_of_events() -> None:
    assert points(plot_events(spikes(), channels=[4, 5])) == [(0.5, 4), (2, 4)]
    with pytest.raises(ChannelError):
        plot_events(spikes(), channels=6)


@pytest.mark.parametrize("limits", [(1,), (1, 2, 3), (0, np.nan), (0, None), "01x", ("a", "b"), np.zeros((0,))])
def test_no_pair_of_times(limits: Any) -> None:
    with pytest.raises(TimeSeriesError, match="TSEvent 'spikes'"):
        plot_events(spikes(), limits)
    assert not plt.get_fignums()


@pytest.mark.parametrize("limits", [1.0, object(), np.float64(2)])
def test_no_limits_at_all(limits: Any) -> None:
    with pytest.raises(SeriesTypeError, match="TSEvent 'spikes': time_limits is a"):
        plot_events(spikes(), limits)


def test_arguments_for_scatter() -> None:
    dots = plot_events(spikes(), None, None, None, 50, "red", marker="|", label="mine")
    assert dots.get_sizes().tolist() == [50]
    assert dots.get_facecolor()[0].tolist() == [1, 0, 0, 1]
    assert dots.get_label() == "mine"
    assert plot_events(spikes(), s=7).get_sizes().tolist() == [7]


def test_an_empty_series_of_events_labels_the_axes(axes: Axes) -> None:
    assert points(plot_events(TSEvent(name="none", num_channels=3))) == []
    assert (axes.get_ylabel(), axes.get_xlabel(), axes.get_title()) == ("Channels", "Time (s)", "none")
    assert axes.get_ylim() == (-1, 3)


def test_only_whole_channels_have_ticks(axes: Axes) -> None:
    plot_events(TSEvent([0.5], [0], t_start=0, t_stop=1))
    assert axes.get_yticks().tolist() == [-1, 0, 1]
    axes.set_yticks([0.25])
    plot_events(spikes())
    assert axes.get_yticks().tolist() == [0.25]


# --- matplotlib -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("module", ["matplotlib", "matplotlib.axes"])
def test_without_matplotlib(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for plot, series in ((plot_continuous, signal()), (plot_events, spikes())):
        with pytest.raises(MissingExtraError, match=r"graphpool\[plot\]"):
            plot(series)


def test_plots_can_be_drawn(axes: Axes) -> None:
    plot_continuous(signal(), stagger=3.0)
    plot_events(spikes())
    axes.legend()
    axes.figure.canvas.draw()
