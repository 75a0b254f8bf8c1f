"""Seconds a training epoch of the recipe `seed`, beside PyTorch eager on the same machine.

    pip install -r requirements-bench.txt
    python benchmarks/training_speed.py --data mnist.npz

The same network and batches; the two take turns, each in a process of its own. The first epoch of
each is not counted (it traces and compiles, or warms up).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from runs import peer, train


def main() -> None:
    """Take turns, then print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.turns):
            theirs += peer("original", arguments.data, arguments.epochs, turn)["seconds"][1:]
            result = train(
                Path(folder) / str(turn),
                arguments.data,
                *("--recipe", "seed", "--epochs", str(arguments.epochs), "--device", "cpu"),
            )
            ours += [row["seconds"] for row in result["history"]][1:]
    print("| an epoch of `seed` | seconds | all |")
    print("|---|---|---|")
    for name, seconds in (("PyTorch eager", theirs), ("gradsheet", ours)):
        told = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"| {name} | {statistics.median(seconds):.1f} | {told} |")
    print(f"| ratio | {statistics.median(ours) / statistics.median(theirs):.2f} | |")


if __name__ == "__main__":
    main()
