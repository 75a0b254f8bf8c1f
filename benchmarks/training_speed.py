"""Seconds per epoch with the recipe `original`, beside PyTorch eager on the same machine.

    pip install -r requirements-bench.txt
    python benchmarks/training_speed.py --data mnist.npz
    python benchmarks/training_speed.py --data mnist.npz --network strong

The same network and batches; the two take turns, each in a process of its own. The first epoch of
each is not counted (it traces and compiles, or warms up).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from machine import StolenTime, describe_processor
from training_runs import pytorch_baseline, train


def main() -> None:
    """Take turns, then print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--network", default="original", choices=("original", "strong"))
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    stolen = StolenTime()
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.turns):
            baseline = pytorch_baseline(arguments.network, arguments.data, arguments.epochs, turn)
            theirs += baseline["seconds"][1:]
            result = train(
                Path(folder) / str(turn),
                arguments.data,
                *("--network", arguments.network, "--recipe", "original"),
                *("--epochs", str(arguments.epochs), "--device", "cpu"),
            )
            ours += [row["seconds"] for row in result["history"]][1:]
    print(f"{describe_processor()}; stolen time {stolen.share()}\n")
    print(f"| an epoch of `{arguments.network}` | median seconds | all |")
    print("|---|---|---|")
    for name, seconds in (("PyTorch eager", theirs), ("gradsheet", ours)):
        each = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"| {name} | {statistics.median(seconds):.1f} | {each} |")
    print(f"| ratio of the medians | {statistics.median(ours) / statistics.median(theirs):.2f} | |")


if __name__ == "__main__":
    main()
