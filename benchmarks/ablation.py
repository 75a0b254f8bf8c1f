"""Variations of the recipe `best`, judged on 10,000 training digits that are held out.

    python benchmarks/ablation.py --data mnist.npz --seeds 2

Trains each on the other 50,000; the test digits are not looked at. Some 5 minutes a training.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_model.backend import device_name, prepare_backend
from keras_model.data.mnist import load_digits
from keras_model.recipe import RECIPES
from keras_model.training.run import train_run
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import METRICS

HELD_OUT = 10_000
STRONGER = {"rotation": 12, "shift": 2, "scale": 0.12, "shear": 0.2}
WEAKER = {"rotation": 5, "shift": 1, "scale": 0.05, "shear": 0.05}
VARIATIONS = {
    "as it is": {},
    "Dropout 5 %": {"dropout": 0.05},
    "batches of 64, peak 0.2": {"batch_size": 64, "learning_rate": 0.2},
    "peak 0.15": {"learning_rate": 0.15},
    "peak 0.6": {"learning_rate": 0.6},
    "smoothing 0": {"label_smoothing": 0.0},
    "smoothing 0.05": {"label_smoothing": 0.05},
    "augmented to the end": {"epochs_without_augmentation": 0},
    "stronger augmentation": STRONGER,
    "weaker augmentation": WEAKER,
    "no weight decay": {"weight_decay": 0.0},
    "weight decay 0.002": {"weight_decay": 0.002},
    "weight decay 0.01": {"weight_decay": 0.01},
    "weight decay 0.02": {"weight_decay": 0.02},
    "weight decay 0.01, smoothing 0.05": {"weight_decay": 0.01, "label_smoothing": 0.05},
}


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    arguments = parser.parse_args()
    prepare_backend("auto")
    whole = load_digits(arguments.data)
    x, y = whole.x_train, whole.y_train
    digits = replace(
        whole,
        x_train=x[:-HELD_OUT], y_train=y[:-HELD_OUT],
        x_test=x[-HELD_OUT:], y_test=y[-HELD_OUT:],
        name=f"{whole.name}, its last {HELD_OUT:,} training digits held out",
    )  # fmt: skip
    right: dict[str, list[float]] = {name: [] for name in VARIATIONS}
    for seed in range(1, arguments.seeds + 1):
        for name, values in VARIATIONS.items():
            config = RunConfig(RECIPES["best"].replace(**values), seed, digits.name)
            folder = arguments.out / f"{name.replace(' ', '-')}-{seed}"
            run = train_run(config, digits, folder, device=device_name("auto"))
            assert (folder / METRICS).is_file()
            right[name].append(run.history[-1].test_accuracy)
            print(f"{name}, seed {seed}: {right[name][-1]:.2%}", file=sys.stderr)
    print("| `best` | held out | runs |\n|---|---|---|")
    for name, of_name in sorted(right.items(), key=lambda item: -np.mean(item[1])):
        print(f"| {name} | {statistics.mean(of_name):.3%} | {len(of_name)} |")


if __name__ == "__main__":
    main()
