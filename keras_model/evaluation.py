"""How well a network classifies labelled digits. Only :func:`evaluate` needs Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_model.data.mnist import CLASSES
from keras_model.data.scaling import SCALINGS, Scaling

if TYPE_CHECKING:
    import keras

EVALUATION_BATCH_SIZE = 1000


@dataclass(frozen=True)
class Evaluation:
    """Logits (n, 10), their mean loss, and the number of correct predictions.

    The loss is that which the network is trained with: see :func:`evaluation_of`.
    """

    logits: np.ndarray
    loss: float
    correct: int

    @property
    def total(self) -> int:
        """The number of digits."""
        return len(self.logits)

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return self.correct / self.total

    def line(self) -> str:
        """The result in one line, in the form of the original's log."""
        return (
            f"Test set: Average loss: {self.loss:.4f}, Accuracy: {self.correct}/{self.total} "
            f"({self.accuracy:.2%})"
        )


def evaluate(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    scaling: Scaling = SCALINGS["mnist"],
    activation: str = "linear",
) -> Evaluation:
    """Classify images (n, 28, 28) uint8 with a network of logits, and compare with labels (n,)."""
    pixels = scaling(images)[..., None]
    outputs = network.predict(pixels, batch_size=EVALUATION_BATCH_SIZE, verbose=0)
    return evaluation_of(np.asarray(outputs, np.float64), labels, activation)


def evaluation_of(logits: np.ndarray, labels: np.ndarray, activation: str = "linear") -> Evaluation:
    """Compare logits (n, 10) with the labels (n,).

    The loss is the cross-entropy of the softmax, log Σ exp(logits) − the label's logit. Where the
    network's ``activation`` is the sigmoid, it is the mean of the ten binary cross-entropies.
    """
    of_label = logits[np.arange(len(labels)), labels]
    if activation == "sigmoid":
        losses = (np.logaddexp(0, logits).sum(axis=1) - of_label) / CLASSES
    else:
        losses = np.logaddexp.reduce(logits, axis=1) - of_label
    return Evaluation(logits, float(losses.mean()), int((logits.argmax(axis=1) == labels).sum()))


def confusion_matrix(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the digits of each true class (rows) by predicted class (columns): (10, 10)."""
    matrix = np.zeros((CLASSES, CLASSES), int)
    np.add.at(matrix, (labels, logits.argmax(axis=1)), 1)
    return matrix


def class_table(logits: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, float, float]]:
    """Return each digit's class, support, precision and recall (nan where undefined)."""
    matrix = confusion_matrix(logits, labels)
    rows = []
    for digit in range(CLASSES):
        correct, predicted = matrix[digit, digit], matrix[:, digit].sum()
        support = matrix[digit].sum()
        rows.append(
            (
                digit,
                int(support),
                float(correct / predicted) if predicted else float("nan"),
                float(correct / support) if support else float("nan"),
            )
        )
    return rows
