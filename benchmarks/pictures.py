"""How many digits `predict` reads in each situation of photographs, and what it is unsure of.

    python benchmarks/pictures.py runs/best/model.keras --data mnist.npz --seed 1

Several models read the same pictures. Test digits are drawn from MNIST; --seed draws others, and
other paper, light and surroundings. The rates of doubt are of the last 10,000 training digits in
these situations, of letters in the fonts of this machine, and of scribbles and blots: the first may
be lower, the others higher.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from fixtures.everyday_photographs import EVERYDAY
from fixtures.photographs import INK, SITUATIONS, Page, several
from PIL import Image, ImageFilter, ImageFont

from keras_model.data.mnist import Digits, load_digits
from keras_model.handwriting.digits import find_digits
from keras_model.handwriting.doubt import measure_doubt
from keras_model.prediction import predict_digits
from keras_model.trained.files import read_trained_network
from keras_model.trained.network import TrainedNetwork
from keras_model.trained.scaling import choose_scaling

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhijkmnprtuvwxyz"
FONTS = Path("/usr/share/fonts")


class Reader:
    """A network with its scaling, and the measure of its doubts."""

    def __init__(self, network: TrainedNetwork) -> None:
        self.network, self.scaling = network, choose_scaling(network).scaling
        self.measure = measure_doubt(network, self.scaling)

    def read(self, images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The digits, and whether each is sure."""
        predictions = predict_digits(self.network, self.scaling, self.measure, images)
        digits, unsure = zip(*((one.digit, one.is_unsure) for one in predictions), strict=True)
        return np.array(digits), ~np.array(unsure)


def main() -> None:
    """Photograph, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--digits", type=int, default=80, help="in each situation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="a situation, or 'several', or 'doubts'")
    arguments = parser.parse_args()
    digits = load_digits(arguments.data)
    readers = [Reader(read_trained_network(model)) for model in arguments.models]
    situations = SITUATIONS | EVERYDAY
    wanted = arguments.only or [*situations, "several", "doubts"]
    print("| situation | read right | one digit found | ms a picture |\n|---|---|---|---|")
    for number, name in enumerate(situations):
        if name in wanted:
            rng = np.random.default_rng([arguments.seed, number])
            _situation(name, digits, readers, arguments.digits, rng)
    rng = np.random.default_rng([arguments.seed, len(situations)])
    if "several" in wanted:
        _several(digits.x_test, digits.y_test, readers, rng)
    if "doubts" in wanted:
        _doubts(digits.x_train[50_000:], readers[0], rng)


def _situation(
    name: str, digits: Digits, readers: list[Reader], count: int, rng: np.random.Generator
) -> None:
    single, seconds, right = 0, 0.0, [0] * len(readers)
    for index in rng.integers(0, len(digits.x_test), count):
        picture = (SITUATIONS | EVERYDAY)[name](digits.x_test[index], rng)
        start = time.process_time()
        found = find_digits(picture)
        seconds += time.process_time() - start
        if len(found) == 1:
            single += 1
            for number, reader in enumerate(readers):
                right[number] += int(reader.read([found[0].image])[0][0] == digits.y_test[index])
    text = ", ".join(map(str, right))
    print(f"| {name} | {text} of {count} | {single} | {1000 * seconds / count:.0f} |", flush=True)


def _several(
    images: np.ndarray, labels: np.ndarray, readers: list[Reader], rng: np.random.Generator
) -> None:
    right, total = [0] * len(readers), 0
    for number in range(40):
        chosen = rng.integers(0, len(images), int(rng.integers(2, 9)))
        lines = 2 if number % 3 == 0 and len(chosen) > 3 else 1
        picture, _ = several([images[index] for index in chosen], rng, lines)
        found = find_digits(picture)
        total += len(chosen)
        if len(found) == len(chosen):
            for index, reader in enumerate(readers):
                answers = reader.read([digit.image for digit in found])[0]
                right[index] += int((answers == labels[chosen]).sum())
    text = ", ".join(map(str, right))
    print(f"\n{text} of {total} digits in 40 pictures of 2 to 8, none where their number is wrong")


def _doubts(images: np.ndarray, reader: Reader, rng: np.random.Generator) -> None:
    names = list(SITUATIONS)
    handwritten = [
        SITUATIONS[names[number % len(names)]](images[rng.integers(0, len(images))], rng)
        for number in range(10 * len(names))
    ]
    fonts = sorted(FONTS.rglob("*.[to]tf"))
    kinds = {"digits": handwritten, "scribbles and blots": [_scribble(rng) for _ in range(200)]}
    if fonts:
        kinds["letters"] = [_letter(fonts, rng) for _ in range(200)]
    print()
    for kind, pictures in kinds.items():
        found = [found for picture in pictures for found in find_digits(picture)]
        _, sure = reader.read([digit.image for digit in found])
        sure &= ~np.array([one.is_dash or one.is_tiny or one.may_touch for one in found])
        print(f"{kind}: {sure.mean():.1%} of {len(found)} sure, in {len(pictures)} pictures")
    _, sure = reader.read([_noise(rng) for _ in range(200)])
    print(f"noise: {sure.mean():.1%} of {len(sure)} sure")


def _noise(rng: np.random.Generator) -> np.ndarray:
    """A smooth random picture in MNIST's format, with about as much ink as a digit."""
    rough = Image.fromarray(np.uint8(rng.uniform(0, 255, (28, 28))))
    smooth = np.asarray(rough.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))), float)
    ink = 120 * ((smooth - smooth.mean()) / smooth.std() - rng.uniform(0.3, 1))
    return np.pad(np.uint8(np.clip(ink, 0, 255))[4:24, 4:24], 4)


def _letter(fonts: list[Path], rng: np.random.Generator):
    page, letter = Page((400, 400)), LETTERS[rng.integers(len(LETTERS))]
    font = ImageFont.truetype(fonts[rng.integers(len(fonts))], int(rng.integers(120, 380)))
    page.draw(INK, lambda draw: draw.text((200, 150), letter, fill=255, font=font))
    return page.photograph(rng)


def _scribble(rng: np.random.Generator):
    page, points = Page((400, 400)), rng.uniform(150, 650, (int(rng.integers(4, 12)), 2))
    if rng.random() < 0.5:
        line = [tuple(point) for point in points]
        page.draw(INK, lambda draw: draw.line(line, fill=255, width=20, joint="curve"))
    else:

        def blots(draw) -> None:
            for x, y in points:
                draw.ellipse([x - 60, y - 60, x + 60, y + 60], fill=255)

        page.draw(INK, blots)
    return page.photograph(rng)


if __name__ == "__main__":
    main()
