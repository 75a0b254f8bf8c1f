"""Find the targets, the errors and the loss in the formulas of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import product

import numpy as np

from backprop_sheet.audit.compare.record_values import mostly_agree
from backprop_sheet.audit.find.forward_reading import Forward
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.equations.names import TOTAL_ERROR, Kind, kind_of
from backprop_sheet.exercise.choices import LOSSES, Activation, Loss, activation_named
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    names,
    nodes_with_paths,
    plain_names,
    replace_at,
    replace_leaf,
    substitute,
    transform,
)

_GENERATOR_SEED = 7
_POINTS = 9
_CLOSE = 1e-8
MAX_PLACES = 8  # numbers of a formula, each of which may be the target
TARGET = "target"  # the name of a number that may be one


@dataclass
class Errors:
    """The targets and errors that were found, by the index of their output.

    Attributes:
        targets: the columns of the targets.
        target_numbers: the targets that are numbers in the formulas.
        errors: the columns of the errors.
        total: the column of the total error, or "".
        losses: the losses that fit, the likeliest first.
    """

    targets: dict[int, str] = field(default_factory=dict)
    target_numbers: dict[int, float] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    total: str = ""
    losses: tuple[str, ...] = ()


def read_errors(
    forward: Forward, outputs: Sequence[str], known: Collection[str], activation: str
) -> Errors:
    """Find the targets and errors of the outputs.

    Args:
        outputs: the columns of the outputs.
        known: the columns of the forward pass.
        activation: the activation of the outputs, on which the losses depend.
    """
    reader = _ErrorReader(forward, outputs, known, activation_named(activation))
    return reader.result()


class _ErrorReader:
    def __init__(
        self,
        forward: Forward,
        outputs: Sequence[str],
        known: Collection[str],
        activation: Activation,
    ) -> None:
        self.columns = forward.columns
        self.outputs, self.known, self.activation = list(outputs), known, activation
        self.losses = [
            one for one in LOSSES.values() if not one.outputs or activation.name in one.outputs
        ]
        self.formulas = {
            name: column.main
            for name, column in self.columns.columns.items()
            if name not in known and column.main is not None
            if not any(part.shift for part in names(column.main))
        }
        self.used = {
            part.name
            for name, column in self.columns.columns.items()
            for formula in column.formulas
            for part in names(formula)
            if part.name != name
        }
        self.found = Errors()

    def result(self) -> Errors:
        self._find_targets()
        votes: Counter[str] = Counter()
        by_loss: dict[str, dict[int, str]] = {}
        for name, index, loss in self._without_parts(
            [
                (name, index, loss)
                for name, formula in self.formulas.items()
                for index, loss in self._errors_of(formula)
            ]
        ):
            votes[loss.name] += 1
            by_loss.setdefault(loss.name, {}).setdefault(index, name)
        for name, index, loss in () if votes else self._errors_by_numbers():
            votes[loss.name] += 1
            by_loss.setdefault(loss.name, {}).setdefault(index, name)
        total, total_losses = self._find_total()
        for loss_name in total_losses:
            votes[loss_name] += len(self.outputs)
        order = [name for name, _ in votes.most_common()]
        others = (loss.name for loss in self.losses if loss.name not in order)
        self.found.losses = (*order, *others)
        self.found.total = total
        if order:
            own = by_loss.get(order[0], {})
            self.found.errors = {index: name for index, name in own.items() if name != total}
        self._add_mistaken_errors()
        if len(self.outputs) == 1 and not total and self.found.errors:
            self._name_single()
        return self.found

    def _outputs_among(self, used: Container[str]) -> list[int]:
        """Return which outputs are among some columns."""
        return [index for index, name in enumerate(self.outputs) if name in used]

    # --- targets ---

    def _find_targets(self) -> None:
        """Find the target of each output: what most formulas compare it with."""
        votes: dict[int, Counter[str]] = {}
        for formula in self.formulas.values():
            used = plain_names(formula)
            mine = self._outputs_among(used)
            others = [name for name in used if self._can_be_target(name)]
            if len(mine) == 1 and len(others) == 1:
                votes.setdefault(mine[0], Counter())[others[0]] += 1
        taken: set[str] = set()
        pairs = sorted(
            ((count, index, name) for index, each in votes.items() for name, count in each.items()),
            key=lambda pair: -pair[0],
        )
        for _, index, name in pairs:
            if index not in self.found.targets and name not in taken:
                self.found.targets[index] = name
                taken.add(name)
        self._find_common_targets(taken)
        if not taken:
            self._find_target_numbers()

    def _can_be_target(self, name: str) -> bool:
        return name in self.columns.given and name not in self.known

    def _find_common_targets(self, taken: set[str]) -> None:
        """Find targets in formulas that have several outputs, in the order of the columns."""
        open_outputs = [k for k in range(len(self.outputs)) if k not in self.found.targets]
        for formula in self.formulas.values():
            used = plain_names(formula)
            if not open_outputs or not all(self.outputs[k] in used for k in open_outputs):
                continue
            others = [name for name in used if self._can_be_target(name) and name not in taken]
            if len(others) == len(open_outputs):
                others.sort(key=lambda name: self.columns.columns[name].position)
                self.found.targets |= dict(zip(open_outputs, others, strict=True))
                return

    def _find_target_numbers(self) -> None:
        """Find targets that are numbers in the formulas of the errors, or of δ."""
        for formula in self.formulas.values():
            used = plain_names(formula)
            mine = self._outputs_among(used)
            if len(mine) != 1 or len(used) != 1 or mine[0] in self.found.target_numbers:
                continue
            for value, named in _with_targets(formula):
                wanted = self._with_target(Name(TARGET), Name(self.outputs[mine[0]]))
                if any(self._agrees(named, one) for one in wanted):
                    self.found.target_numbers[mine[0]] = value
                    break

    def _with_target(self, target: Name, output: Name) -> Iterator[Expression]:
        """Yield the error of an output by each loss, and its δ with either sign."""
        errors = [loss.error(target, output, len(self.outputs)) for loss in self.losses]
        yield from errors
        if self.activation.takes_layer:
            return
        place = Name("sum")
        call = self.activation.call(place, (place,))
        slope = transform(derivative(call, place), lambda node: output if node == call else node)
        for error in errors:
            delta = Operation("*", derivative(error, output), slope)
            yield from (delta, Negative(delta))

    # --- errors ---

    def _pair(self, index: int) -> tuple[Expression, Name] | None:
        """Return the target and the output with an index."""
        output = Name(self.outputs[index])
        if index in self.found.targets:
            return Name(self.found.targets[index]), output
        if index in self.found.target_numbers:
            return Number(self.found.target_numbers[index]), output
        return None

    def _error(self, loss: Loss, index: int) -> Expression | None:
        pair = self._pair(index)
        if pair is None:
            return None
        target, output = pair
        error = loss.error(Name(TARGET), output, len(self.outputs))
        return substitute(error, {TARGET: target})

    def _errors_of(self, formula: Expression) -> Iterator[tuple[int, Loss]]:
        """Yield the errors that a formula is: the output, and the loss."""
        formula = self._spelled_out(formula)
        used = plain_names(formula)
        mine = self._outputs_among(used)
        if len(mine) != 1:
            return
        for loss in self.losses:
            error = self._error(loss, mine[0])
            if error is not None and self._agrees(formula, error):
                yield mine[0], loss

    def _without_parts(
        self, found: Sequence[tuple[str, int, Loss]]
    ) -> Iterator[tuple[str, int, Loss]]:
        """Yield the errors that no smaller one is computed from: not (t - a)² of a half of it."""
        for name, index, loss in found:
            is_part = any(
                other_index == index
                and self._size(other_loss) < self._size(loss)  # not E1 + E1, twice the half
                and name in self._used_by(other)
                for other, other_index, other_loss in found
            )
            if not is_part:
                yield name, index, loss

    def _size(self, loss: Loss) -> float:
        """Return the error of an output of 0.5 whose target is 1, to compare losses."""
        error = loss.error(Name("t"), Name("a"), len(self.outputs))
        return float(evaluate(error, {"t": 1.0, "a": 0.5}))

    def _used_by(self, name: str) -> set[str]:
        return plain_names(self.formulas[name])

    def _errors_by_numbers(self) -> Iterator[tuple[str, int, Loss]]:
        """Yield the errors whose formulas cannot be read: =IF(y=1,-LN(p),-LN(1-p))."""
        values = {name: column.values for name, column in self.columns.columns.items()}
        for index, loss in product(range(len(self.outputs)), self.losses):
            error = self._error(loss, index)
            if error is None:
                continue
            with np.errstate(all="ignore"):
                expected = np.broadcast_to(evaluate(error, values), self.columns.records)
            for name, column in self.columns.columns.items():
                if column.is_unread and mostly_agree(column.values, expected):
                    yield name, index, loss

    def _find_total(self) -> tuple[str, list[str]]:
        """Return the column of the total error, and the losses for which it is right."""
        if len(self.outputs) == 1:
            return "", []
        totals = {}
        for loss in self.losses:
            errors = [self._error(loss, index) for index in range(len(self.outputs))]
            if None not in errors:
                totals[loss.name] = reduce(
                    lambda left, right: Operation("+", left, right),
                    [error for error in errors if error is not None],
                )
        for name, formula in self.formulas.items():
            whole = self._spelled_out(formula)
            fitting = [loss for loss, total in totals.items() if self._agrees(whole, total)]
            if fitting:
                return name, fitting
        return "", []

    def _spelled_out(self, formula: Expression) -> Expression:
        """Insert the columns that a formula refers to, down to the outputs and targets."""
        for _ in range(3):
            inner = {
                part.name: self.formulas[part.name]
                for part in names(formula)
                if part.name in self.formulas
            }
            if not inner:
                break
            formula = substitute(formula, inner)
        return formula

    def _add_mistaken_errors(self) -> None:
        """Take columns with the header of an error as such if their formulas are of no loss."""
        for name, formula in self.formulas.items():
            if name in (self.found.total, *self.found.errors.values()):
                continue
            meaning = meaning_of(self.columns.columns[name].header)
            is_error = meaning is not None and self._is_error(meaning.name)
            used = plain_names(formula)
            reached = plain_names(self._spelled_out(formula)) if is_error else used
            mine = self._outputs_among(reached)
            if is_error and len(self.outputs) == 1 and not reached.isdisjoint(self.known):
                mine = [0]  # of another neuron, by a mistake
            is_used_by_total = self.found.total and name in self._used_by(self.found.total)
            if self._is_used_by_updates(name):
                continue  # as a difference or a δ that textbooks call the error of a neuron
            is_last = name not in self.used and any(map(self._can_be_target, used))
            if len(mine) == 1 and (is_error or is_used_by_total or is_last):
                self.found.errors.setdefault(mine[0], name)
            elif not self.found.total and (
                len(mine) > 1 and is_last
                if meaning is None or meaning.name != TOTAL_ERROR
                else mine or used & set(self.found.errors.values())
            ):
                self.found.total = name
        if not self.found.total and len(self.outputs) > 1:
            self._find_mistaken_total()
        if not self.found.total and len(self.found.errors) == len(self.outputs) > 1:
            self._find_typed_total()

    def _is_error(self, meaning: str) -> bool:
        """Whether a header names the error of one output."""
        return kind_of(meaning) is Kind.ERROR or (len(self.outputs) == 1 and meaning == TOTAL_ERROR)

    def _is_used_by_updates(self, name: str) -> bool:
        """Whether a parameter follows from a column, directly or through others."""
        return name in self._below_updates

    @cached_property
    def _below_updates(self) -> set[str]:
        """The computed columns that the updates of parameters use."""
        found: set[str] = set()
        ahead = [part.name for update in self.columns.updated.values() for part in names(update)]
        while ahead:
            name = ahead.pop()
            if name in self.formulas and name not in found:
                found.add(name)
                ahead += [part.name for part in names(self.formulas[name])]
        return found

    def _find_typed_total(self) -> None:
        """Take the one column without formulas that is headed as the total error."""
        typed = [
            name
            for name, column in self.columns.columns.items()
            if name not in self.formulas
            and name not in self.used
            and column.address is None
            and (meaning := meaning_of(column.header)) is not None
            and meaning.name == TOTAL_ERROR
        ]
        if len(typed) == 1:
            self.found.total = typed[0]

    def _find_mistaken_total(self) -> None:
        """Take a column as the total if it has errors and else only functions of one output."""
        errors = set(self.found.errors.values())
        for name, formula in self.formulas.items():
            used = plain_names(formula)
            if name in errors or not used & errors:
                continue
            others = {other: self._output_in(other) for other in used - errors}
            if all(index is not None for index in others.values()):
                self.found.total = name
                for other, index in others.items():
                    if index is not None:
                        self.found.errors.setdefault(index, other)
                return

    def _output_in(self, name: str) -> int | None:
        """Return the only output in the formula of a column, or None."""
        formula = self.formulas.get(name)
        used = plain_names(formula) if formula is not None else set()
        mine = self._outputs_among(used)
        return mine[0] if len(mine) == 1 else None

    def _name_single(self) -> None:
        """With one output, its error is the total error."""
        [(_, name)] = self.found.errors.items()
        meaning = meaning_of(self.columns.columns[name].header)
        if meaning is not None and meaning.name == TOTAL_ERROR:
            self.found.total, self.found.errors = name, {}

    def _agrees(self, formula: Expression, expected: Expression) -> bool:
        used = {part.key for part in (*names(formula), *names(expected))}
        generator = np.random.default_rng(_GENERATOR_SEED)
        values: Mapping[str, np.ndarray] = {
            name: generator.uniform(0.05, 0.95, _POINTS) for name in sorted(used)
        }
        with np.errstate(all="ignore"):
            found, right = evaluate(formula, values), evaluate(expected, values)
        return bool(np.allclose(found, right, rtol=_CLOSE, atol=_CLOSE))


def _with_targets(formula: Expression) -> Iterator[tuple[float, Expression]]:
    """Yield a formula with the target's name in place of a number, everywhere or at one place."""
    target = Name(TARGET)
    places = [(path, node) for path, node in nodes_with_paths(formula) if isinstance(node, Number)]
    for number in dict.fromkeys(node for _, node in places):
        yield number.value, replace_leaf(formula, number, target)
    for path, node in places[:MAX_PLACES]:
        yield node.value, replace_at(formula, path, target)
