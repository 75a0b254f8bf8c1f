"""Peak memory of `train`, and the seconds from the command to its first batch.

python benchmarks/footprint.py --data mnist.npz
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

from runs import ROOT

FIRST_BATCH = """
import sys, time
sys.path.insert(0, sys.argv.pop(1))
import cli
from keras_model.progress import EpochProgress
seen = []
def batch(self, epoch, number, figures):
    if not seen:
        seen.append(True)
        print("first batch", time.time(), flush=True)
EpochProgress.batch = batch
cli.main()
"""


def main() -> None:
    """One epoch of `best`, watched from outside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FIRST_BATCH, str(ROOT), "train", "--epochs", "3"]
        start = time.time()
        done = subprocess.run(
            [*command, "--data", arguments.data, "--out", folder],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    first = next(line for line in done.stdout.splitlines() if line.startswith("first batch"))
    print(f"From the command to the first batch: {float(first.split()[-1]) - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"Peak memory of three epochs: {peak:.0f} MB")


if __name__ == "__main__":
    main()
