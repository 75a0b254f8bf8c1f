"""How many test digits `predict` reads right, scaled ×2 to ×8 and pasted anywhere on a page.

    python benchmarks/pictures.py runs/best/model.keras --data mnist.npz

Half of the pages are dark on light; the digits come to the network through files, as a user's do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from fixtures.pages import on_a_page
from keras_model.saved_model import load_network

from keras_model.backend import prepare_backend
from keras_model.data.mnist import load_digits, normalized
from keras_model.data.pictures import read_picture


def main() -> None:
    """Paste, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--digits", type=int, default=10_000)
    arguments = parser.parse_args()
    prepare_backend("cpu")
    digits = load_digits(arguments.data)
    images, labels = digits.x_test[: arguments.digits], digits.y_test[: arguments.digits]
    network = load_network(arguments.model)
    chance = np.random.default_rng(1)
    seen, seconds = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for image in images:
            path = Path(folder) / "page.png"
            on_a_page(image, chance).save(path, compress_level=1)
            start = time.perf_counter()
            seen.append(read_picture(path))
            seconds += time.perf_counter() - start
    for name, given in (("as they are", images), ("from pictures", np.stack(seen))):
        read = network.predict(normalized(given), verbose=0).argmax(axis=1)
        print(f"{name}: {np.mean(read == labels):.2%} of {len(labels):,} right")
    print(f"{1000 * seconds / len(seen):.1f} ms a picture")


if __name__ == "__main__":
    main()
