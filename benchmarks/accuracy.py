"""Test accuracy of a recipe's final epoch over several seeds; `original` beside the original's log.

    python benchmarks/accuracy.py --data mnist.npz --recipe best --seeds 10 --out runs/accuracy
    python benchmarks/accuracy.py --data mnist.npz --recipe original --seeds 10 --out runs/accuracy
    python benchmarks/accuracy.py --data mnist.npz --network strong --seeds 10 --out runs/accuracy

Finished runs in --out are kept. --at-once 2 trains two side by side on half of the cores each.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from pathlib import Path

from machine import describe_processor
from training_runs import train_all


def main() -> None:
    """Train what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--network", default="original")
    parser.add_argument("--recipe", help="by default best, or the network's own")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"))
    arguments = parser.parse_args()
    words = arguments.recipe or ("best" if arguments.network == "original" else arguments.network)
    options = ["--network", arguments.network]
    options += ["--recipe", arguments.recipe] if arguments.recipe else []
    results = train_all(
        [
            (
                arguments.out / f"{words}-{seed}",
                arguments.data,
                [*options, "--seed", str(seed)],
            )
            for seed in range(1, arguments.seeds + 1)
        ],
        arguments.at_once,
    )
    print(f"{describe_processor()}\n")
    print(f"| `{words}`, seed | final epoch | best epoch | seconds |")
    print("|---|---|---|---|")
    for result in results:
        print(
            f"| {result['seed']} | {result['accuracy']:.2%} | {result['best_accuracy']:.2%} "
            f"({result['best_epoch']}) | {result['seconds']:.0f} |"
        )
    final = [result["accuracy"] for result in results]
    print(
        f"| **mean** | **{statistics.mean(final):.3%}**, lowest {min(final):.2%}, highest "
        f"{max(final):.2%}, standard deviation {100 * statistics.stdev(final):.3f} | | |"
    )
    if words in ("original", "seed"):
        _beside_the_original(results)


def _beside_the_original(results: list[dict]) -> None:
    with Path(__file__).with_name("original-log.csv").open(encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    print("\n| epoch | original: loss, right | ours: loss, right (mean) | lowest to highest |")
    print("|---|---|---|---|")
    for row, *ours in zip(log, *(result["history"] for result in results), strict=True):
        right = [round(10_000 * one["test_accuracy"]) for one in ours]
        loss = statistics.mean(one["test_loss"] for one in ours)
        print(
            f"| {row['epoch']} | {row['test_loss']}, {row['test_correct']} "
            f"| {loss:.4f}, {statistics.mean(right):.0f} | {min(right)} to {max(right)} |"
        )


if __name__ == "__main__":
    main()
