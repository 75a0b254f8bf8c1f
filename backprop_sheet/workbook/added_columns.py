"""Columns to the right of a learning rate's table that help to read it.

With batch updates, they have the mean (or sum) of each gradient over the samples, which the next
update uses; in a classification, the predicted class and the accuracy. No other cell depends on
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backprop_sheet.equations.descent import Rows
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named, loss_named
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Call, Name
from backprop_sheet.symbolic.functions import excel_name
from gradsheet.excel.styles import COLORS, DECIMALS, ColorPair

TARGET_CLASS, PREDICTED_CLASS = "target class", "predicted class"
CORRECT, ACCURACY = "correct", "accuracy"
_CLASSIFICATION = {TARGET_CLASS: "0_)", PREDICTED_CLASS: "0_)", CORRECT: "0_)", ACCURACY: "0.0%_)"}


class AddedColumns:
    """The added columns of a network's tables.

    Attributes:
        groups: the title, the colors and the names of each group, left to right.
        names: all names.
        formats: the number format of each column.
        whole: the columns with whole numbers.
        of_iteration: the columns with one value per iteration, in its first row.
    """

    def __init__(self, system: EquationSystem) -> None:
        self._system = system
        self._reduced: dict[str, str] = {}
        if system.is_batch:
            gradients = map(system.gradient, system.trained)
            self._reduced = {f"{system.training.reduction}({name})": name for name in gradients}
        self.formats = dict.fromkeys(self._reduced, DECIMALS)
        self.groups: list[tuple[str, ColorPair, tuple[str, ...]]] = []
        if self._reduced:
            title = f"{system.training.reduction} of the gradients"
            self.groups.append((title, COLORS["slate"], tuple(self._reduced)))
        if is_classification(system):
            self.formats |= _CLASSIFICATION
            self.groups.append(("classification", COLORS["green"], tuple(_CLASSIFICATION)))
        self.names = tuple(self.formats)
        self.whole = {TARGET_CLASS, PREDICTED_CLASS, CORRECT}
        self.of_iteration = {*self._reduced, *((ACCURACY,) if system.is_batch else ())}

    def reduced_gradients(self, rows: Rows) -> Rows:
        """Return the means or sums over an iteration's samples, in each of its rows."""
        if not self._reduced:
            return {}
        gradients = np.array([rows[name] for name in self._reduced.values()])
        reduced = evaluate(Call(self._system.training.reduction, (Name("g"),)), {"g": gradients})
        shape = gradients.shape
        return dict(zip(self._reduced, np.broadcast_to(reduced, shape), strict=True))

    def formula(self, name: str, letter: Callable[[str], str]) -> str:
        """Return a column's formula with the placeholders of the table's formulas.

        Args:
            letter: gives the letter of a column.
        """
        if name in self._reduced:
            function = excel_name(self._system.training.reduction)
            column = letter(self._reduced[name])
            return f"{function}({column}{{row}}:{column}{{last}})"
        outputs = [output for _, output in self._system.outputs]
        classes = {TARGET_CLASS: self._system.targets, PREDICTED_CLASS: outputs}
        if name in classes:
            return _class_formula([f"{letter(cell)}{{row}}" for cell in classes[name]])
        if name == CORRECT:
            return f"IF({letter(PREDICTED_CLASS)}{{row}}={letter(TARGET_CLASS)}{{row}},1,0)"
        first, last = ("row", "last") if self._system.is_batch else ("oldest", "row")
        column = letter(CORRECT)
        return f"AVERAGE({column}{{{first}}}:{column}{{{last}}})"


class AddedValues:
    """Computes the added columns of one iteration after the other."""

    def __init__(self, columns: AddedColumns, system: EquationSystem) -> None:
        self._columns, self._system = columns, system
        self._recent: list[np.ndarray] = []  # with online updates, which samples were correct

    def of(self, rows: Rows) -> Rows:
        """Return the values of the next iteration, each of shape (learning rates, rows)."""
        system = self._system
        if not self._columns.names:
            return {}
        values = self._columns.reduced_gradients(rows)
        if ACCURACY in self._columns.names:
            values[TARGET_CLASS] = _classes(rows, system.targets)
            values[PREDICTED_CLASS] = _classes(rows, [output for _, output in system.outputs])
            correct = (values[TARGET_CLASS] == values[PREDICTED_CLASS]).astype(float)
            values |= {CORRECT: correct, ACCURACY: self._accuracy(correct)}
        return values

    def _accuracy(self, correct: np.ndarray) -> np.ndarray:
        if self._system.is_batch:
            mean: np.ndarray = correct.mean(axis=1, keepdims=True)
            return np.broadcast_to(mean, correct.shape)
        self._recent.append(correct)
        del self._recent[: -self._system.sample_count]
        latest: np.ndarray = np.mean(self._recent, axis=0)
        return latest


def is_classification(system: EquationSystem) -> bool:
    """Whether the outputs stand for classes: each output for one, or a single one for 0 and 1."""
    loss = loss_named(system.training.loss)
    if len(system.outputs) == 1:
        return loss.is_of_two_classes
    return activation_named(system.network.activations[-1]).takes_layer or loss.is_of_class


def _class_formula(cells: Sequence[str]) -> str:
    """Return the formula of the number of the largest cell; of a single cell, whether it is ≥ ½."""
    if len(cells) == 1:
        return f"IF({cells[0]}>=0.5,1,0)"
    formula = str(len(cells))
    for number in range(len(cells) - 1, 0, -1):
        largest = f"MAX({','.join(cells[number - 1 :])})"
        formula = f"IF({cells[number - 1]}={largest},{number},{formula})"
    return formula


def _classes(rows: Rows, names: Sequence[str]) -> np.ndarray:
    values = np.array([rows[name] for name in names])
    classes: np.ndarray = values.argmax(axis=0) + 1.0
    if len(names) == 1:
        classes = (values[0] >= 0.5).astype(float)
    return classes
