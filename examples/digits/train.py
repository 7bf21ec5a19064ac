"""Trains the network in snnTorch and writes digits.nir and snntorch.csv; the demo needs only those.

    pip install torch snntorch nir nirtorch scikit-learn
    python examples/digits/train.py

The weights are rounded to multiples of 1/256 at the end, as for hardware of few bits. Sums of them are exact in single
precision, in whatever order a runtime adds.
"""

from __future__ import annotations

from pathlib import Path

import digits
import nir
import numpy as np
import snntorch
import torch
from snntorch import surrogate, utils
from snntorch.export_nir import export_to_nir
from torch import nn

FOLDER = Path(__file__).parent
HIDDEN, DECAYS = 48, (0.75, 0.875)
EPOCHS, BATCH, RATE, SEED = 40, 64, 2e-3, 1
GRAIN = 256


def make_network() -> nn.Sequential:
    """64 inputs, a hidden layer, and a neuron for each digit."""
    slope = surrogate.fast_sigmoid(slope=10)
    layers: list[nn.Module] = []
    for inputs, size, decay in ((64, HIDDEN, DECAYS[0]), (HIDDEN, 10, DECAYS[1])):
        # A value for each neuron: from a single one, snnTorch makes no file whose shapes fit.
        of_each = {"beta": torch.full((size,), decay), "threshold": torch.ones(size)}
        neurons = snntorch.Leaky(**of_each, init_hidden=True, spike_grad=slope)
        layers += [nn.Linear(inputs, size), neurons]
    return nn.Sequential(*layers)


def run(network: nn.Sequential, spikes: torch.Tensor) -> torch.Tensor:
    """The output spikes ``(n, steps, 10)``; all membranes start at 0."""
    utils.reset(network)
    return torch.stack([network(spikes[:, step]) for step in range(spikes.shape[1])], dim=1)


def train(network: nn.Sequential, shown: digits.Digits) -> None:
    """Adam on the cross-entropy of spike counts."""
    spikes, labels = torch.from_numpy(shown.spikes), torch.from_numpy(shown.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    for epoch in range(EPOCHS):
        losses = []
        for chosen in torch.randperm(len(labels)).split(BATCH):
            loss = nn.functional.cross_entropy(run(network, spikes[chosen]).sum(dim=1), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")


def main() -> None:
    """Train, round, test, and write the files."""
    torch.manual_seed(SEED)
    shown, held_out = digits.load()
    network = make_network()
    train(network, shown)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.round(parameter * GRAIN) / GRAIN)
        decided = digits.decide(run(network, torch.from_numpy(held_out.spikes)).numpy())
    print(f"{np.mean(decided == held_out.labels):.1%} of {len(decided)} held-out images")
    nir.write(FOLDER / "digits.nir", export_to_nir(network, torch.zeros(1, 64), ignore_dims=[0]))
    np.savetxt(FOLDER / "snntorch.csv", decided, fmt="%d", header="what snnTorch decides, an image a line")


if __name__ == "__main__":
    main()
