"""The plots of a run: curves, confusion matrix, worst mistakes."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradsheet.words import join
from keras_model.data.mnist import CLASSES, SIDE
from keras_model.evaluation import confusion_matrix
from keras_model.layers.reshaping import Dropout
from keras_model.networks.architecture import Architecture
from keras_model.recipe import Recipe
from keras_model.softmax import softmax
from keras_model.training.epoch import Epoch, epoch_step
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_MISTAKES = 32
_BLUE, _ORANGE, _GREY = "#0b5fa5", "#d55e00", "#6b7280"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in Matplotlib's default style; width and height are in inches.

    Neither a notebook's MPLBACKEND, for which importing Matplotlib fails elsewhere, nor the user's
    ``matplotlibrc`` has any effect.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # not about the user's matplotlibrc
    chosen = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib.style
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matplotlib.style.use("default")
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, title: str, x_axis: str, size: float = 12) -> None:
    """Set a plot's title, its x axis and the style that all plots share."""
    axes.set_title(title, loc="left", fontweight="bold", fontsize=size)
    axes.set_xlabel(x_axis)
    axes.grid(color="#e5e7eb")
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, atomically."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_bytes(path, picture.getvalue())


def number_epochs(axes: Axes, epochs: int) -> None:
    """Put ticks at whole epochs only, on an x axis that has epochs 1 to ``epochs``."""
    step = epoch_step(epochs)
    ticks = range(1, epochs + 1, step) if step < 5 else [1, *range(step, epochs + 1, step)]
    axes.set_xticks(ticks)
    margin = 0.5 if epochs < 3 else 0.04 * epochs
    axes.set_xlim(1 - margin, epochs + margin)


def draw_curves(history: list[Epoch], config: RunConfig, path: Path) -> None:
    """Draw loss and accuracy, training and test, and the learning rate, by epoch."""
    epochs = [row.epoch for row in history]
    figure = new_figure(11, 3.8)
    loss, accuracy, rate = figure.subplots(1, 3)
    for axes, title in ((loss, "Loss"), (accuracy, "Accuracy"), (rate, "Learning rate")):
        dress(axes, title, "epoch")
        number_epochs(axes, len(epochs))
    marker = "o" if len(epochs) < 3 else None
    loss.plot(epochs, [row.loss for row in history], _GREY, label="training", marker=marker)
    loss.plot(epochs, [row.test_loss for row in history], _BLUE, label="test", marker=marker)
    loss.legend(frameon=False)
    if note := training_loss_note(config.recipe, config.network):
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8.5, color=_GREY)
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


def training_loss_note(recipe: Recipe, network: Architecture) -> str:
    """Say what a training does that testing does not, which makes the training loss higher."""
    causes = []
    if recipe.label_smoothing:
        causes.append(f"label smoothing ({recipe.label_smoothing:g})")
    if recipe.augmented_epochs:
        ends = recipe.augmented_epochs < recipe.epochs
        causes.append("augmentation" + (f" (to epoch {recipe.augmented_epochs})" if ends else ""))
    rates = {layer.rate for layer in network.layers if isinstance(layer, Dropout)}
    if recipe.dropout is not None and rates:
        rates = {recipe.dropout}
    if highest := max(rates, default=0):
        causes.append(f"dropout ({'up to ' * (len(rates) > 1)}{100 * highest:g} %)")
    if not causes:
        return ""
    listed = join(causes)
    verb = "raise" if len(causes) > 1 else "raises"
    return f"{listed[0].upper()}{listed[1:]} {verb} the loss in training, not in testing."


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
    axes.set_xticks(range(CLASSES))
    axes.set_yticks(range(CLASSES))
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
