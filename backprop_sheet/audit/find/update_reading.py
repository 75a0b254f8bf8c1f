"""Find the gradients, the optimizer's states and its numbers in the formulas of the updates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.exercise.choices import State
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Number,
    names,
    plain_names,
    rename,
    transform,
    walk,
)
from backprop_sheet.symbolic.polynomial import is_unit, polynomial

MAX_STEPS = 40  # columns between a parameter and its gradient
MAX_USES = 2  # parameters that follow from one gradient, one of them by a mistake
MAX_NUMBERS = 12  # that may be hyperparameters


@dataclass
class Updates:
    """What the formulas of the updates refer to.

    Attributes:
        gradients: the parameter (a quantity) of each column that only its update uses.
        factors: for each parameter, the columns that its update multiplies with other quantities
            (δ), each with the sign in the update; they are no gradients.
        signs: the signs of the gradients in the updates.
        states: for each parameter, the columns that its update uses and that have a memory.
        steps: for each parameter, the columns between its gradient and it: states, and what is
            computed from them.
        cells: the given columns, and cells outside the table, that updates refer to, how often.
        numbers: the numbers in the formulas of updates and states.
    """

    gradients: dict[str, str] = field(default_factory=dict)
    factors: dict[str, Counter[tuple[str, int]]] = field(default_factory=dict)
    signs: Counter[int] = field(default_factory=Counter)
    states: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, list[str]] = field(default_factory=dict)
    cells: Counter[str] = field(default_factory=Counter)
    numbers: Counter[float] = field(default_factory=Counter)


def read_updates(columns: ColumnSet, reading: NetworkReading) -> Updates:
    """Follow the references from each updated parameter to its gradient."""
    found = Updates()
    candidates: dict[str, list[str]] = {}
    signs: dict[str, int] = {}
    updates = {
        parameter: without_steps(columns, column, columns.updated[column])
        for parameter in reading.names.parameters
        if (column := reading.columns.get(parameter)) is not None and column in columns.updated
    }
    states = {
        parameter: _states_in(columns, reading, parameter, update)
        for parameter, update in updates.items()
    }
    updates |= _with_idle_states(columns, reading, updates, states)
    shared = _shared_states(columns, reading, updates)
    for parameter, update in updates.items():
        column = reading.columns[parameter]
        found.factors[parameter], own_signs = _factors(columns, reading, column, update)
        walker = _Walker(columns, reading, column, shared)
        walker.run(update)
        candidates[parameter] = walker.gradients
        signs |= own_signs
        found.states[parameter] = walker.states
        found.steps[parameter] = walker.steps
        for state in walker.states:
            found.factors[parameter] += _factors_in_state(columns, reading, state, update)
        found.cells.update(list(walker.cells))
        found.numbers.update(list(walker.numbers))
    factors = {name for each in found.factors.values() for name, _ in each}
    for parameter, column in _own_gradients(candidates, factors).items():
        found.gradients[column] = parameter
        found.signs[signs.get(column, 0)] += 1
    return found


def _states_in(
    columns: ColumnSet, reading: NetworkReading, parameter: str, update: Expression
) -> list[str]:
    """Return the columns with a memory that an update follows from."""
    walker = _Walker(columns, reading, reading.columns[parameter], frozenset())
    walker.run(update)
    return walker.states


def _shared_states(
    columns: ColumnSet, reading: NetworkReading, updates: Mapping[str, Expression]
) -> frozenset[str]:
    """Return the columns with a memory that several updates follow from: no optimizer's states.

    A weight that no sum multiplies, by a mistake, is one, if two gradients are computed from it.
    """
    uses = Counter(
        name
        for parameter, update in updates.items()
        for name in _states_in(columns, reading, parameter, update)
    )
    return frozenset(name for name, times in uses.items() if times > 1)


def _with_idle_states(
    columns: ColumnSet,
    reading: NetworkReading,
    updates: Mapping[str, Expression],
    states: Mapping[str, list[str]],
) -> dict[str, Expression]:
    """Return the update that uses another parameter's states, with those that no update uses.

    Of the two parameters, that one is wrong whose states stand in another order.
    """
    users: dict[tuple[str, ...], list[str]] = {}
    for parameter, names_of in states.items():
        users.setdefault(tuple(names_of), []).append(parameter)
    used = {name for names_of in users for name in names_of}
    idle = [name for name in columns.updated if name not in used and name not in reading.quantities]
    twice = [(names_of, both) for names_of, both in users.items() if names_of and len(both) > 1]
    if len(twice) != 1 or len(twice[0][1]) != 2 or len(twice[0][0]) != len(idle):
        return {}
    [(mine, both)] = twice
    order = list(columns.columns)
    both = sorted(both, key=lambda parameter: order.index(reading.columns[parameter]))
    wrong = both[1] if order.index(mine[0]) < order.index(idle[0]) else both[0]
    own = dict(zip(sorted(mine, key=order.index), sorted(idle, key=order.index), strict=True))
    return {
        wrong: rename(updates[wrong], lambda used: Name(own.get(used.name, used.name), used.shift))
    }


def _own_gradients(candidates: Mapping[str, list[str]], factors: set[str]) -> dict[str, str]:
    """Return the gradient of each parameter: a column that no other parameter follows from.

    By a mistake, one other parameter may follow from it, too, if that has a gradient of its own.
    """
    uses = Counter(name for names_of in candidates.values() for name in names_of)
    found: dict[str, str] = {}
    while True:
        rest = {one: names_of for one, names_of in candidates.items() if one not in found}
        times = Counter(name for names_of in rest.values() for name in names_of)
        more: dict[str, str] = {}
        for parameter, names_of in rest.items():
            own = [one for one in names_of if times[one] == 1 and one not in factors]
            if len(own) == 1 and uses[own[0]] <= MAX_USES:
                more[parameter] = own[0]
        if not more:
            return found
        found |= more


def without_steps(columns: ColumnSet, parameter: str, update: Expression) -> Expression:
    """Insert the column of the step, Δw, if an update only adds it to a parameter or subtracts it.

    A column with a memory, as Δw with momentum has, stays.
    """
    terms = polynomial(update) or {}
    rest = [term for term in terms if term != (Name(parameter, -1),)]
    if len(rest) != 1 or len(rest[0]) != 1 or abs(terms[rest[0]]) != 1:
        return update
    [step] = rest[0]
    main = columns.columns[step.name].main if isinstance(step, Name) else None
    if not isinstance(step, Name) or main is None or step.name not in columns.computed:
        return update
    inserted = columns.in_record(main, step.shift)
    inner = polynomial(inserted)
    if inner is None or any(len(term) < 2 and abs(inner[term]) == 1 for term in inner):
        return update  # a learning rate of 1
    return transform(update, lambda node: inserted if node == step else node)


def _factors(
    columns: ColumnSet, reading: NetworkReading, parameter: str, update: Expression
) -> tuple[Counter[tuple[str, int]], dict[str, int]]:
    """Return the columns that an update multiplies with other quantities, and the other ones.

    Each has the sign of its term.
    """
    factors: Counter[tuple[str, int]] = Counter()
    others: dict[str, int] = {}
    for term, value in (polynomial(update) or {}).items():
        parts = [part.name for part in term if isinstance(part, Name) and part.name != parameter]
        unknown = [
            name for name in parts if name in columns.computed and name not in reading.quantities
        ]
        if len(unknown) != 1:
            continue
        known = [name for name in parts if name in reading.quantities]
        has_rate = any(columns.columns[name].address is not None for name in parts)
        if known:  # δ times a source; a multiple of δ, or a derivative in parts, is no vote
            is_delta = len(known) == 1 and not (has_rate and not is_unit(value))
            factors[unknown[0], 1 if value > 0 else -1] += is_delta
        else:
            others[unknown[0]] = 1 if value > 0 else -1
    return factors, others


def _factors_in_state(
    columns: ColumnSet, reading: NetworkReading, state: str, update: Expression
) -> Counter[tuple[str, int]]:
    """Return the factors of a state, v = μ*v + δ*x, with their signs in the update."""
    sign = next(
        (
            1 if value > 0 else -1
            for term, value in (polynomial(update) or {}).items()
            if any(isinstance(part, Name) and part.name == state for part in term)
        ),
        1,
    )
    factors, _ = _factors(columns, reading, state, _formula_of(columns, state))
    both = {name for name, own in factors if (name, -own) in factors}  # (1 - μ)*δ*x
    return Counter(
        {
            (name, sign * own): count
            for (name, own), count in factors.items()
            if own == 1 or name not in both
        }
    )


class _Walker:
    """Follows the references from one parameter, and none from what is known."""

    def __init__(
        self, columns: ColumnSet, reading: NetworkReading, parameter: str, known: frozenset[str]
    ) -> None:
        self.columns, self.known = columns, known | reading.quantities.keys()
        self.seen = {parameter}
        self.gradients: list[str] = []
        self.states: list[str] = []
        self.steps: list[str] = []
        self.cells: dict[str, None] = {}  # in order
        self.numbers: dict[float, None] = {}

    def run(self, formula: Expression) -> None:
        """Follow the references of a formula."""
        self.numbers |= {node.value: None for node in walk(formula) if isinstance(node, Number)}
        for name in dict.fromkeys(part.name for part in names(formula)):
            if name in self.seen or len(self.seen) > MAX_STEPS:
                continue
            self.seen.add(name)
            self._follow(name)

    def _follow(self, name: str) -> None:
        column = self.columns.columns.get(name)
        if column is None or name in self.known:
            return
        if name in self.columns.given:
            self.cells[name] = None
        elif name in self.columns.updated:
            formula = self.columns.updated[name]
            if self._is_state(name):
                self.states.append(name)
                self.steps.append(name)
            self._run_state(formula)
        elif column.main is not None and self._has_memory(column.main, -1):
            self.states.append(name)  # of another state in the record above, by a mistake
            self.steps.append(name)
            self._run_state(column.main)
        elif column.main is not None and self._has_memory(column.main, 0):
            self.steps.append(name)
            self.run(column.main)
        elif column.main is not None:
            self.gradients.append(name)

    def _run_state(self, formula: Expression) -> None:
        """Follow a state's references, and none to another state: that is another parameter's."""
        others = plain_names(formula) & self.columns.updated.keys() - self.seen
        self.seen |= others
        self.run(formula)
        self.seen -= others

    def _has_memory(self, formula: Expression, shift: int) -> bool:
        """Whether a formula refers to a state of a record, as a corrected average of Adam does.

        It may refer to a counter of the record above, too.
        """
        return any(
            part.name in self.columns.updated
            and part.name not in self.known
            and min(part.shift, 0) == shift
            and (shift == 0 or self._is_state(part.name))
            for part in names(formula)
        )

    def _is_state(self, name: str) -> bool:
        """Whether a column that continues itself follows from something else: no counter does."""
        return any(part.name != name for part in names(self.columns.updated[name]))


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
        by_degree = sorted(candidates, key=lambda name: _degree(_formula_of(columns, name), name))
        rules = sorted(states, key=lambda state: _degree_of_state(state, parameter))
        found |= {
            column: state.name(parameter) for column, state in zip(by_degree, rules, strict=True)
        }
    return found


def _formula_of(columns: ColumnSet, state: str) -> Expression:
    """Return the formula of a state; without its own number of the record above, by a mistake."""
    formula = columns.updated.get(state, columns.columns[state].main)
    assert formula is not None
    return formula


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
