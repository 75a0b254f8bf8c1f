"""PyTorch to compare with: two networks trained eagerly, and a one-epoch speed-run.

Both hold the whole normalized training set in memory, channels last, and count the seconds of the
training alone.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MEAN, DEVIATION = 0.1307, 0.3081


def digits(path: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training and test digits of an .npz in Keras' layout."""
    with np.load(path, allow_pickle=False) as file:
        images = [
            ((torch.tensor(file[f"x_{part}"])[:, None].float() / 255 - MEAN) / DEVIATION).to(
                memory_format=torch.channels_last
            )
            for part in ("train", "test")
        ]
        labels = [torch.tensor(file[f"y_{part}"].astype(np.int64)) for part in ("train", "test")]
    return images[0], labels[0], images[1], labels[1]


def original() -> nn.Sequential:
    """The network of the original's table, 19,848 parameters."""
    layers: list[nn.Module] = []
    for before, after, pool in ((1, 16, 2), (16, 32, 4), (32, 50, 3)):
        layers += [
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(after),
            nn.Dropout(0.05),
            nn.MaxPool2d(pool),
        ]
    layers += [nn.Flatten(), nn.Linear(50, 10, bias=False)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def strong() -> nn.Sequential:
    """The packaged network `strong`, 19,514 parameters."""
    layers: list[nn.Module] = []
    for before, after, is_pooled in (
        (1, 16, False), (16, 16, True), (16, 24, False), (24, 24, True), (24, 32, False),
    ):  # fmt: skip
        layers += [nn.Conv2d(before, after, 3, bias=False), nn.ReLU(), nn.BatchNorm2d(after)]
        layers += [nn.MaxPool2d(2)] * is_pooled
    layers += [nn.Flatten(), nn.Linear(128, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


NETWORKS = {"original": original, "strong": strong}


def speed_run_network() -> nn.Sequential:
    """215,194 parameters: two convolutions and two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    ).to(memory_format=torch.channels_last)


def epoch(network, optimizer, images, labels, batch_size, after_step=lambda: None) -> float:
    """Train one epoch; its seconds."""
    network.train()
    start = time.perf_counter()
    order = torch.randperm(len(images))
    for at in range(0, len(order), batch_size):
        chosen = order[at : at + batch_size]
        optimizer.zero_grad()
        functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()
        optimizer.step()
        after_step()
    return time.perf_counter() - start


def correct(network, images, labels) -> int:
    """How many digits are read right."""
    network.eval()
    with torch.no_grad():
        return sum(
            int((network(x).argmax(1) == y).sum())
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        )


def epoch_seconds(name: str, path: str, epochs: int, seed: int) -> list[float]:
    """The original's training of a network, eagerly: SGD 0.01, momentum 0.9, batches of 128."""
    torch.manual_seed(seed)
    images, labels, _, _ = digits(path)
    network = NETWORKS[name]()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    return [epoch(network, optimizer, images, labels, 128) for _ in range(epochs)]


def speed_run(path: str, seed: int) -> tuple[float, int]:
    """One epoch of Adam with a one-cycle schedule; its seconds and how many are right."""
    torch.manual_seed(seed)
    images, labels, test_images, test_labels = digits(path)
    network = speed_run_network()
    assert sum(p.numel() for p in network.parameters()) == 215_194
    optimizer = torch.optim.Adam(network.parameters(), 0.01, betas=(0.7, 0.9))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=-(-len(images) // 256), cycle_momentum=False
    )
    seconds = epoch(network, optimizer, images, labels, 256, schedule.step)
    return seconds, correct(network, test_images, test_labels)


if __name__ == "__main__":
    import json
    import sys

    kind, path, number, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if kind in NETWORKS:
        print(json.dumps({"seconds": epoch_seconds(kind, path, number, seed)}))
    else:
        seconds, right = speed_run(path, seed)
        print(json.dumps({"seconds": seconds, "correct": right}))
