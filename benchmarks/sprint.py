"""The recipe `sprint` beside a one-epoch PyTorch speed-run with eleven times its parameters.

    pip install -r requirements-bench.txt
    python benchmarks/sprint.py --data mnist.npz

The two take turns. Seconds are of the training alone; those of `sprint` include XLA's compilation.
Stolen time is what the hypervisor gave to other machines during a turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from machine import StolenTime, describe_processor
from training_runs import pytorch_baseline, train


def main() -> None:
    """Take turns over the seeds, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{describe_processor()}\n")
    print("| seed | `sprint`, 19,848 parameters | speed-run, 215,194 parameters | ratio | stolen |")
    print("|---|---|---|---|---|")
    stolen = StolenTime()
    rows: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, arguments.seeds + 1):
            theirs = pytorch_baseline("speed-run", arguments.data, 1, seed)
            ours = train(
                Path(folder) / str(seed),
                arguments.data,
                *("--recipe", "sprint", "--seed", str(seed), "--device", "cpu"),
            )
            row = (
                ours["accuracy"], ours["seconds"], theirs["correct"] / 10_000, theirs["seconds"],
            )  # fmt: skip
            rows.append(row)
            print(
                f"| {seed} | {row[0]:.2%}, {row[1]:.1f} s | {row[2]:.2%}, {row[3]:.1f} s "
                f"| {row[1] / row[3]:.2f} | {stolen.share()} |",
                flush=True,
            )
    ours, our_seconds, theirs, their_seconds = zip(*rows, strict=True)
    ratio = statistics.median(a / b for a, b in zip(our_seconds, their_seconds, strict=True))
    print(
        f"| | mean {statistics.mean(ours):.3%}, median {statistics.median(our_seconds):.1f} s "
        f"| mean {statistics.mean(theirs):.3%}, median {statistics.median(their_seconds):.1f} s "
        f"| median {ratio:.2f} | |"
    )


if __name__ == "__main__":
    main()
