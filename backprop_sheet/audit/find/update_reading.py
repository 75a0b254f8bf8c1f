"""Find the gradients, the optimizer's states and its numbers in the formulas of the updates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.exercise.choices import State
from backprop_sheet.symbolic.expressions import Expression, Name, Number, names, walk
from backprop_sheet.symbolic.polynomial import polynomial

MAX_STEPS = 40  # columns between a parameter and its gradient
MAX_NUMBERS = 12  # that may be hyperparameters


@dataclass
class Updates:
    """What the formulas of the updates refer to.

    Attributes:
        gradients: the parameter (a quantity) of each column that only its update uses.
        states: for each parameter, the columns that its update uses and that have a memory.
        cells: the given columns, and cells outside the table, that updates refer to, how often.
        numbers: the numbers in the formulas of updates and states.
    """

    gradients: dict[str, str] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)
    cells: Counter[str] = field(default_factory=Counter)
    numbers: Counter[float] = field(default_factory=Counter)


def read_updates(columns: ColumnSet, reading: NetworkReading) -> Updates:
    """Follow the references from each updated parameter to its gradient."""
    found = Updates()
    candidates: dict[str, list[str]] = {}
    for parameter in reading.names.parameters:
        column = reading.columns.get(parameter)
        if column is None or column not in columns.updated:
            continue
        walker = _Walker(columns, reading, column)
        walker.run(columns.updated[column])
        candidates[parameter] = walker.gradients
        found.states[parameter] = walker.states
        found.cells.update(walker.cells)
        found.numbers.update(walker.numbers)
    times = Counter(name for each in candidates.values() for name in each)
    for parameter, each in candidates.items():
        own = [name for name in each if times[name] == 1]
        if len(own) == 1:
            found.gradients[own[0]] = parameter
    return found


class _Walker:
    """Follows the references from one parameter."""

    def __init__(self, columns: ColumnSet, reading: NetworkReading, parameter: str) -> None:
        self.columns, self.reading = columns, reading
        self.seen = {parameter}
        self.gradients: list[str] = []
        self.states: list[str] = []
        self.cells: set[str] = set()
        self.numbers: set[float] = set()

    def run(self, formula: Expression) -> None:
        """Follow the references of a formula."""
        self.numbers |= {node.value for node in walk(formula) if isinstance(node, Number)}
        for name in dict.fromkeys(part.name for part in names(formula)):
            if name in self.seen or len(self.seen) > MAX_STEPS:
                continue
            self.seen.add(name)
            self._follow(name)

    def _follow(self, name: str) -> None:
        column = self.columns.columns.get(name)
        if column is None or name in self.reading.quantities:
            return
        if name in self.columns.given:
            self.cells.add(name)
        elif name in self.columns.updated:
            if any(part.name != name for part in names(self.columns.updated[name])):
                self.states.append(name)
            self.run(self.columns.updated[name])
        elif column.main is not None and self._has_memory(column.main):
            self.run(column.main)
        elif column.main is not None:
            self.gradients.append(name)

    def _has_memory(self, formula: Expression) -> bool:
        """Whether a formula refers to a state, as a corrected average of Adam does."""
        return any(
            part.name in self.columns.updated and part.name not in self.reading.quantities
            for part in names(formula)
        )


def state_columns(
    columns: ColumnSet, updates: Updates, states: tuple[State, ...]
) -> Mapping[str, str]:
    """Return the quantity of each column that is a state of an update rule.

    With two states, one averages the gradient and the other its square.
    """
    found: dict[str, str] = {}
    for parameter, candidates in updates.states.items():
        if len(candidates) != len(states):
            continue
        if len(states) == 1:
            found[candidates[0]] = states[0].name(parameter)
            continue
        by_degree = sorted(candidates, key=lambda name: _degree(columns.updated[name], name))
        rules = sorted(states, key=lambda state: _degree_of_state(state, parameter))
        found |= {
            column: state.name(parameter) for column, state in zip(by_degree, rules, strict=True)
        }
    return found


def _degree_of_state(state: State, parameter: str) -> int:
    before, gradient = Name(state.name(parameter), -1), Name("gradient")
    return _degree(state.update(before, gradient), before.name, {"gradient"})


def _degree(formula: Expression, state: str, only: set[str] | None = None) -> int:
    """Return how often the same name is a factor at most, without the state itself."""
    terms = polynomial(formula) or {}
    counts = [
        times
        for term in terms
        for part, times in Counter(term).items()
        if isinstance(part, Name) and part.name != state and (only is None or part.name in only)
    ]
    return max(counts, default=0)


def hyperparameter_values(columns: ColumnSet, updates: Updates) -> Iterator[float]:
    """Yield the numbers that can be hyperparameters: in the formulas, and in cells they use."""
    values = [*updates.numbers]
    for name in updates.cells:
        known = columns.columns[name].values
        values += [float(known[0])] if len(known) else []
    yield from list(dict.fromkeys(values))[:MAX_NUMBERS]
