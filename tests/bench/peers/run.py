"""``make bench-peers``: graphpool against other libraries, each with that library's own neuron.

Every peer runs in its own way; graphpool runs the same equations, and the outputs are compared before anything is
timed. A peer that is not installed, or fails, is named with the reason. Writes its tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

import graphpool
from tests.bench import machine, page
from tests.bench.networks import Floats, random_input, rate_layer, rate_module, recurrent_layer, stack
from tests.bench.tables import Table, short
from tests.bench.timing import Contestant, best, measure, ratio, timed
from tests.bench.workloads import TARGETS, w2_layers

PEERS = ("spyx", "norse", "snntorch", "rockpool")
SHARE = 1e-3
"""The share of outputs that may part: sums are rounded in another order."""
SIZES = {"W1": (1, 16), "W2": (1, 32), "W3": (1, 32)}
PACKAGES = ("numpy", "jax", "onnxruntime", "torch", "spyx", "norse", "snntorch", "rockpool")


def jobs(peer: Any) -> dict[str, Callable[[], tuple[Any, Floats, dict[str, Contestant]]]]:
    """By workload: what makes graphpool's module, the input, and the peer's contestants."""
    networks: dict[str, tuple[Any, int, int]] = {
        "W1": (stack(512, 512, gains=(2.0,)), 500, 512),
        "W2": (w2_layers(), 200, 64),
        "W3": (recurrent_layer(256, gain=1.0, threshold=1.0), 200, 256),
    }
    found: dict[str, Any] = {}
    for name, (layers, steps, channels) in networks.items():
        for batch in SIZES[name]:
            x = random_input(batch, steps, channels)
            found[f"{name} B={batch}"] = lambda n=layers, x=x: (peer.module(n), x, peer.contestants(n, x))
    if hasattr(peer, "rate_contestants"):
        x = random_input(1, 100_000, 1)
        for kind in ("forward", "recurrent"):
            layer = rate_layer(kind == "recurrent")
            found[f"W4 {kind}"] = lambda n=layer, x=x: (rate_module(n), x, peer.rate_contestants(n, x))
    return found


def on_target(module: Any, target: str, x: Floats) -> Contestant:
    """graphpool on a target, from the initial state."""
    run = graphpool.compile(module, target)

    def evolve() -> Any:
        run.reset_state()
        return run(x)[0]

    return evolve


def compete(name: str, module: Any, x: Floats, others: dict[str, Contestant]) -> list[list[str]]:
    """The rows of a workload: the peer against each target of graphpool."""
    own: dict[str, Contestant] = {f"graphpool, {target}": on_target(module, target, x) for target in TARGETS}
    found = own | others
    outputs = {who: contestant() for who, contestant in found.items()}
    reference = outputs["graphpool, numpy"]
    rows = []
    for who, output in outputs.items():
        if output.shape != reference.shape or output.dtype != reference.dtype:
            raise ValueError(f"{who} gives {output.dtype}{output.shape}, graphpool {reference.dtype}{reference.shape}")
        apart = float(np.mean(abs(output - reference) > 1e-4))
        if apart > SHARE or not reference.any():
            raise ValueError(f"{who} parts in {apart:.2%} of the outputs")
        rows.append([name, who, f"{apart:.1g}" if apart else "none"])
    seconds = measure(found, {who: timed(contestant, warm=True) for who, contestant in found.items()})
    fastest = best(seconds, list(own))
    for row in rows:
        row.insert(2, short(1e3 * float(np.median(seconds[row[1]]))))
        row.insert(3, str(ratio(seconds[row[1]], seconds[fastest])))
    return rows


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"beginnings of names: {', '.join(PEERS)}; all by default")
    asked = parser.parse_args().parts
    console, others, tables, missing = Console(), machine.OtherProcesses(), [], []
    for name in PEERS:
        if not name.startswith(tuple(asked) or ("",)):
            continue
        try:
            peer = importlib.import_module(f"tests.bench.peers.{name}_peer")
        except ImportError as error:
            missing.append(f"{name} is not there: {error}")
            continue
        rows: list[list[str]] = []
        for workload, make in jobs(peer).items():
            try:
                rows += compete(workload, *make())
            except Exception as error:  # a peer may fail in any way; the page says how
                first = (str(error).splitlines() or [""])[0]
                missing.append(f"{name}, {workload}: {type(error).__name__}: {first}")
        headings = ("workload", "contestant", "ms", "to graphpool's fastest (of rounds)", "outputs that part")
        tables.append(Table(f"The neuron of {name}", headings, rows))
        tables[-1].show(console)
    for line in (*missing, str(others)):
        console.print(line, markup=False)
    if not asked:
        texts = [f"Measured on: {machine.describe(PACKAGES)}. {others}.", *(table.markdown() for table in tables)]
        page.write_section("peers", "\n\n".join([*texts, *(f"* {line}" for line in missing)]))


if __name__ == "__main__":
    main()
