"""The plots of a run: curves, confusion matrix, worst mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from common.files import atomic_write
from keras_model.evaluation import confusion_matrix
from keras_model.mnist import CLASSES, SIDE
from keras_model.numerics import softmax

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keras_model.epoch import Epoch

MAX_MISTAKES = 32
_BLUE, _ORANGE, _GREY = "#0b5fa5", "#d55e00", "#6b7280"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure; width and height are in inches."""
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def dress(axes: Axes, title: str, x_axis: str, size: float = 12) -> None:
    """Set a plot's title, its x axis and the style that all plots share."""
    axes.set_title(title, loc="left", fontweight="bold", fontsize=size)
    axes.set_xlabel(x_axis)
    axes.grid(color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, atomically."""
    with atomic_write(path) as unfinished:
        figure.savefig(unfinished, format="png")


def draw_curves(history: list[Epoch], path: Path) -> None:
    """Draw loss and accuracy, training and test, and the learning rate, by epoch."""
    epochs = [row.epoch for row in history]
    figure = new_figure(11, 3.6)
    loss, accuracy, rate = figure.subplots(1, 3)
    for axes, title in ((loss, "Loss"), (accuracy, "Accuracy"), (rate, "Learning rate")):
        dress(axes, title, "epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    marker = "o" if len(epochs) < 3 else None
    loss.plot(epochs, [row.loss for row in history], _GREY, label="training", marker=marker)
    loss.plot(epochs, [row.test_loss for row in history], _BLUE, label="test", marker=marker)
    loss.legend(frameon=False)
    accuracy.plot(epochs, [100 * row.accuracy for row in history], _GREY, marker=marker)
    tested = [100 * row.test_accuracy for row in history]
    accuracy.plot(epochs, tested, _BLUE, marker=marker)
    accuracy.set_ylabel("%")
    accuracy.annotate(
        f"{tested[-1]:.2f} %",
        (epochs[-1], tested[-1]),
        (0, 5),
        textcoords="offset points",
        ha="right",
        color=_BLUE,
    )
    low = min(tested[len(tested) // 4 :])
    accuracy.set_ylim(bottom=max(0, low - 2.5 * (100 - low)), top=100 + 0.15 * (100 - low))
    rate.plot(epochs, [row.learning_rate for row in history], _ORANGE, marker=marker)
    save(figure, path)


def draw_confusion(logits: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw the confusion matrix. Only the mistakes are shaded, as they are few."""
    matrix = confusion_matrix(logits, labels)
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    figure = new_figure(6.2, 5.6)
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1, wrong.max() * 1.3))
    for row in range(CLASSES):
        for column in range(CLASSES):
            if matrix[row, column]:
                right = row == column
                axes.text(
                    column,
                    row,
                    f"{matrix[row, column]:,}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=_BLUE if right else "black",
                    fontweight="bold" if right else "normal",
                )
    axes.set_xticks(range(CLASSES), range(CLASSES))
    axes.set_yticks(range(CLASSES), range(CLASSES))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(
        f"{int(np.trace(matrix)):,} of {len(labels):,} correct", loc="left", fontweight="bold"
    )
    save(figure, path)


def draw_mistakes(images: np.ndarray, logits: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw the wrong predictions with the highest probabilities."""
    predicted = logits.argmax(axis=1)
    likely = softmax(logits)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-likely[wrong, predicted[wrong]], kind="stable")][:MAX_MISTAKES]
    across = 8
    down = max(1, -(-len(worst) // across))
    figure = new_figure(across * 1.15, down * 1.5 + 0.5)
    figure.suptitle(
        f"The {len(worst)} worst of {len(wrong)} mistakes" if len(wrong) else "No mistakes",
        fontweight="bold",
    )
    # One picture with all digits: axes for each of them would take a second.
    width, height = SIDE + 8, SIDE + 18  # of a digit with its margins and its two lines of text
    picture = np.zeros((down * height, across * width), np.uint8)
    axes = figure.subplots()
    axes.set_axis_off()
    for number, index in enumerate(worst):
        top, left = height * (number // across) + 14, width * (number % across) + 4
        picture[top : top + SIDE, left : left + SIDE] = images[index]
        axes.text(
            left + SIDE / 2,
            top - 1,
            f"{predicted[index]} ({likely[index, predicted[index]]:.0%})\ntrue {labels[index]}",
            fontsize=8,
            ha="center",
            va="bottom",
        )
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
    save(figure, path)
