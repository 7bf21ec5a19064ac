"""A network that is fed live, block by block, on the ONNX runtime; its clock and its state go on from block to block.

A generator stands for a sensor: the lengths of its blocks vary, one block is lost, and one begins with samples that
were sent before. A block that does not start where the clock stands is an error, or is resampled:

    python examples/live.py --late error
    python examples/live.py --late resample

Resampling draws a line over the gap that a lost block left, and hears nothing twice. The picture goes to out/live.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np

import graphpool
from graphpool import TimeSeries, TSContinuous, TSEvent
from graphpool.errors import ClockError, GraphpoolError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear

DT = 1e-3
CHANNELS = 16
SHORTEST, LONGEST = 40, 160
"""Samples a block."""
REPEATED = 25
"""How many samples the overlapping block repeats."""


def sensor(seconds: float, seed: int, speed: float) -> Iterator[TSContinuous]:
    """The blocks of a sensor, each when it is complete; time runs ``speed`` times as fast as on a clock."""
    random = np.random.default_rng(seed)
    total = round(seconds / DT)
    signal = np.cumsum(random.normal(size=total)) * np.sqrt(DT) + np.sin(2 * np.pi * 3 * DT * np.arange(total))
    edges = [0]
    while edges[-1] < total:
        edges.append(min(edges[-1] + int(random.integers(SHORTEST, LONGEST + 1)), total))
    inner = np.arange(2, len(edges) - 2)
    overlapping = random.choice(inner)
    # Not the block before that one, whose samples it would bring.
    lost = random.choice(inner[(inner != overlapping) & (inner != overlapping - 1)])
    for number, (start, stop) in enumerate(zip(edges, edges[1:], strict=False)):
        time.sleep((stop - start) * DT / speed)
        if number == overlapping:
            start -= REPEATED
        if number != lost:
            yield TSContinuous.from_clocked(signal[start:stop], DT, t_start=start * DT, name=f"block {number}")


def steps_late(block: TSContinuous, live: Any) -> int:
    """How many steps after the module's clock a block starts; less than 0 where it overlaps."""
    return round((block.t_start - live.t) / live.dt)


def refuse_overlap(block: TSContinuous, live: Any) -> TSContinuous:
    """The block as it is. The module itself refuses blocks that leave a gap, and reads others from its clock on."""
    if steps_late(block, live) < 0:
        raise ClockError(f"{block.name} starts at t={block.t_start:.3f} s, the module stands at t={live.t:.3f} s")
    return block


def resample(block: TSContinuous, live: Any, heard: list[TSContinuous]) -> TSContinuous:
    """What the module's next steps read: from its clock to the end of the block, straight over a gap."""
    steps = max(round((block.t_stop - live.t) / live.dt), 0)
    times = live.t + live.dt * np.arange(steps)
    before = heard[-1:]
    known = np.concatenate([*(one.times[-1:] for one in before), block.times])
    values = np.concatenate([*(one.samples[-1:, 0] for one in before), block.samples[:, 0]])
    order = np.argsort(known, kind="stable")
    return TSContinuous.from_clocked(np.interp(times, known[order], values[order]), live.dt, t_start=live.t)


def join(records: list[Any]) -> Any:
    """The records of several blocks as one."""
    if isinstance(records[0], dict):
        return {name: join([record[name] for record in records]) for name in records[0]}
    if isinstance(records[0], TimeSeries):
        return TimeSeries.concatenate_t(records)
    return np.concatenate(records, axis=1)


def listen(blocks: Iterator[TSContinuous], live: Any, late: str) -> tuple[list[Any], list[Any], list[Any], bool]:
    """Feed a module until the sensor stops, or a block is refused: what it heard, its spikes, records, and whether
    all blocks went in."""
    heard: list[TSContinuous] = []
    spikes: list[TSEvent] = []
    records: list[Any] = []
    for block in blocks:
        offset = steps_late(block, live)
        what = f"{abs(offset) * live.dt * 1e3:.0f} ms {'late' if offset > 0 else 'overlap'}" if offset else "on time"
        began = time.perf_counter()
        try:
            block_in = resample(block, live, heard) if late == "resample" else refuse_overlap(block, live)
            if not len(block_in):
                print(f"{block.name}: {what}, nothing new")
                continue
            out, _, record = live(block_in, record=True)
        except GraphpoolError as error:
            print(f"{block.name}: {what}: refused, clock and state stay at t={live.t:.3f} s\n{error}", file=sys.stderr)
            return heard, spikes, records, False
        took = time.perf_counter() - began
        heard.append(block_in)
        spikes.append(out)
        records.append(record)
        print(
            f"{block.name}: {what}, {len(block_in)} steps in {took * 1e3:.1f} ms, {len(out)} spikes, t={live.t:.3f} s"
        )
    return heard, spikes, records, True


def main() -> int:
    parser = argparse.ArgumentParser(description="A network that is fed live, block by block.")
    parser.add_argument("out", nargs="?", type=Path, default=Path("out/live"), help="the folder for the picture")
    parser.add_argument("--late", choices=("error", "resample"), default="resample", help="a block off the clock is")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long the sensor runs; 1 or more")
    parser.add_argument("--speed", type=float, default=1.0, help="of time; inf does not wait")
    parser.add_argument("--seed", type=int, default=1, help="of the sensor and of the weights")
    options = parser.parse_args()
    if not 1 <= options.seconds <= 3600 or not options.speed > 0:
        parser.error("--seconds is from 1 to 3600, --speed above 0")

    weight = np.random.default_rng(options.seed).normal(size=(1, CHANNELS)) * 0.03
    net = Sequential(Linear((1, CHANNELS), weight=weight), LIF(CHANNELS, dt=DT, bias=0.01))
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.out / "live.onnx"
    graphpool.compile(net, "onnx").save(model, record=True)

    live = graphpool.load(model).timed()
    blocks = sensor(options.seconds, options.seed, options.speed)
    heard, spikes, records, complete = listen(blocks, live, options.late)

    whole, events = TSContinuous.concatenate_t(heard), TSEvent.concatenate_t(spikes)
    once, _, _ = graphpool.load(model).timed()(whole)
    same = np.array_equal(once.raster(DT), events.raster(DT))
    print(f"one long run over the same input: {len(once)} spikes, {'the same' if same else 'others'}")
    figure = graphpool.plot(events, join(records), whole, signals="*.vmem")
    picture = options.out / f"{options.late}.png"
    figure.savefig(picture, dpi=110)
    print("wrote", picture)
    return 0 if complete and same else 1


if __name__ == "__main__":
    sys.exit(main())
