"""What several tests of time series start from."""

import pytest

from graphpool.timeseries import TSEvent


@pytest.fixture
def events() -> TSEvent:
    return TSEvent([0.1, 0.2, 0.2, 0.5], [0, 2, 1, 2], t_start=0.0, t_stop=1.0, name="spikes", num_channels=4)
