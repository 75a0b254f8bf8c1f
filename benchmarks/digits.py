"""The digits workbook: seconds to write it, its size, and LibreOffice's seconds to compute it.

python benchmarks/digits.py runs/best/model.keras --data mnist.npz
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from oracles.libreoffice import convert

from keras_model.data.mnist import load_digits
from keras_model.export.workbook import pick_samples, write_digits
from keras_model.trained.files import read_trained_network
from keras_model.trained.scaling import choose_scaling


def main() -> None:
    """Write, measure, recalculate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True, type=Path)
    arguments = parser.parse_args()
    digits = load_digits(arguments.data)
    network = read_trained_network(arguments.model)
    scaling = choose_scaling(network, None).scaling
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.xlsx"
        start = time.perf_counter()
        picked = pick_samples(digits.y_test, 20)
        formulas = write_digits(
            network, scaling, digits.x_test[picked], digits.y_test[picked], path
        )
        print(f"{formulas:,} formulas written in {time.perf_counter() - start:.1f} s")
        print(f"{path.stat().st_size / 2**20:.2f} MB")
        start = time.perf_counter()
        convert([path], Path(folder) / "computed")
        seconds = time.perf_counter() - start
        print(f"LibreOffice starts, loads, computes and saves it in {seconds:.1f} s")


if __name__ == "__main__":
    main()
