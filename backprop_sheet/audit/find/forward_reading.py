"""Read the neurons of a network from the formulas of a table.

A weighted sum is a sum of products of a parameter and a source, an activation is a function of one
weighted sum (or of all of a layer). How the formulas are written does not matter: sums are
multiplied out, and functions are compared by their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from backprop_sheet.audit.find.activation_by_numbers import kinds_of, mistaken_kind, own_of_layer
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.exercise.choices import ACTIVATIONS
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Number,
    Operation,
    names,
    plain_names,
    substitute,
    transform,
)
from backprop_sheet.symbolic.polynomial import (
    Monomial,
    Polynomial,
    is_in_names,
    is_unit,
    largest_polynomials,
    polynomial,
)

MAX_SOFTMAX = 16
MAX_HELPERS = 3  # helper columns within helper columns


@dataclass(frozen=True)
class Term:
    """A product in a weighted sum. ``source`` or ``weight`` can be a column that is none."""

    weight: str
    source: str


@dataclass
class Sum:
    """A weighted sum, as it is written.

    Attributes:
        column: the column that it is written in; for a sum within an activation's formula "".
        terms: its products.
        biases: what is added to them: names of columns.
        constant: a number that is added.
        helpers: the columns whose sum it is.
        thresholds: those of the biases that are subtracted.
    """

    column: str
    terms: list[Term]
    biases: list[str]
    constant: float = 0.0
    helpers: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()


@dataclass
class Neuron:
    """A neuron: a weighted sum and its activation.

    Attributes:
        activation: the column of the activation; "" if there is none.
        kinds: the names of the activations that it can be; empty if its formula is of none.
    """

    sum: Sum
    activation: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns."""
        return tuple(filter(None, (self.sum.column, self.activation)))

    @property
    def output(self) -> str:
        """The column with what it passes on."""
        return self.activation or self.sum.column


@dataclass
class Forward:
    """The neurons that were found so far.

    Attributes:
        neurons: by the column of their output.
        odd: columns that are a function of one weighted sum, but no activation, with that sum.
        odd_layers: the same for several weighted sums.
    """

    columns: ColumnSet
    sums: dict[str, Sum] = field(default_factory=dict)
    neurons: list[Neuron] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)
    odd_layers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def outputs(self) -> dict[str, Neuron]:
        """The neurons by what they pass on, and by their sums."""
        found = {neuron.sum.column: neuron for neuron in self.neurons if neuron.sum.column}
        return found | {neuron.output: neuron for neuron in self.neurons}


def read_neurons(columns: ColumnSet) -> Forward:
    """Find all weighted sums and activations, layer by layer."""
    forward = Forward(columns)
    seen: set[str] = set()
    while True:
        before = len(seen)
        for name in columns.computed:
            if name not in seen and _read(forward, name):
                seen.add(name)
        if len(seen) == before and not _promote(forward, seen):
            break
    _drop_parts(forward)
    _add_unactivated(forward)
    return forward


def _promote(forward: Forward, seen: set[str]) -> bool:
    """Take a wrong formula as an activation if later sums use it as one; false if there is none."""
    activated = {neuron.sum.column for neuron in forward.neurons}
    for column, used in forward.odd.items():
        if column in seen or used in activated or used not in forward.sums:
            continue
        if _is_used_as_source(forward, column):
            forward.neurons.append(_mistaken(forward, column, forward.sums[used]))
            seen.add(column)
            return True
    return False


def _mistaken(forward: Forward, column: str, neuron_sum: Sum) -> Neuron:
    """Return the neuron whose activation has a wrong formula."""
    formula = forward.columns.columns[column].main
    kind = mistaken_kind(formula, neuron_sum.column) if formula is not None else None
    return Neuron(neuron_sum, column, (kind,) if kind else ())


def _read(forward: Forward, name: str) -> bool:
    """Read a column as a weighted sum or as an activation, if it is one."""
    formula = forward.columns.columns[name].main
    if formula is None or any(used.shift for used in names(formula)):
        return False
    found = _sum_in(forward, name, polynomial(formula))
    if found is not None:
        forward.sums[name] = found
        return True
    return _read_activation(forward, name, formula)


# --- weighted sums --------------------------------------------------------------------------------


def _sum_in(forward: Forward, column: str, terms: Polynomial | None) -> Sum | None:
    """Return the weighted sum that a polynomial is, or None."""
    if terms is None or not is_in_names(terms):
        return None
    found = Sum(column, [], [])
    strange, has_minus = 0, False
    for term, factor in terms.items():
        if not term:
            found.constant = factor
            continue
        has_minus |= factor < 0
        if factor < 0 and len(term) == 1 and _is_updated(forward, term):
            found.thresholds += tuple(part.name for part in term if isinstance(part, Name))
        if factor < 0 and not _is_updated(forward, term):
            strange += 1  # as a target that is subtracted from an output
        if not _add_term(forward, found, term, abs(factor)):
            if len(term) > 2 or len({*term}) < len(term):
                return None
            strange += 1
            if len(term) == 2:
                found.terms.append(_oriented(forward, term))
    if found.helpers and strange:
        return None
    if len(found.terms) > 1 and len({term.weight for term in found.terms}) == 1 and has_minus:
        return None  # a parameter times a difference
    is_sum = bool(found.terms) and 2 * strange < len([term for term in terms if term])
    return found if is_sum else None


def _add_term(forward: Forward, found: Sum, term: Monomial, factor: float) -> bool:
    """Add a term to a sum; false if it is neither a product nor a bias."""
    if not is_unit(factor):
        return False
    parts = [factor.name for factor in term if isinstance(factor, Name)]
    if len(parts) == 1:
        [name] = parts
        if name in forward.sums:
            part = forward.sums[name]
            found.terms += part.terms
            found.biases += part.biases
            found.constant += part.constant
            found.helpers += (name,)
            return True
        found.biases.append(name)
        return name in forward.columns.updated or name in forward.columns.given
    if len(parts) != 2 or parts[0] == parts[1]:
        return False
    oriented = _oriented(forward, term)
    if not _is_parameter(forward, oriented.weight) or not _is_source(forward, oriented.source):
        return False
    found.terms.append(oriented)
    return True


def _is_updated(forward: Forward, term: Monomial) -> bool:
    """Whether a term has a parameter that is updated."""
    return any(
        isinstance(factor, Name) and factor.name in forward.columns.updated for factor in term
    )


def _oriented(forward: Forward, term: Monomial) -> Term:
    """Decide which factor of a product is the weight."""
    first, second = (factor.name for factor in term if isinstance(factor, Name))

    def likeness(weight: str, source: str) -> tuple[bool, bool, bool]:
        columns = forward.columns
        return (
            weight in columns.updated and source not in columns.updated,
            source in forward.sums or _is_activation(forward, source),
            source not in columns.updated,
        )

    if likeness(first, second) >= likeness(second, first):
        return Term(first, second)
    return Term(second, first)


def _is_parameter(forward: Forward, name: str) -> bool:
    columns = forward.columns
    return name in (columns.updated if columns.updated else columns.given)


def _is_source(forward: Forward, name: str) -> bool:
    columns = forward.columns
    return name in columns.given or name in forward.sums or _is_activation(forward, name)


def _is_activation(forward: Forward, name: str) -> bool:
    return any(neuron.activation == name for neuron in forward.neurons)


# --- activations ----------------------------------------------------------------------------------


def _read_activation(forward: Forward, name: str, formula: Expression) -> bool:
    formula, inner = _without_sums(forward, _without_helpers(forward, formula))
    used = list(dict.fromkeys(part.name for part in names(formula)))
    if not used or any(part not in forward.sums and part not in inner for part in used):
        return False
    if len(used) == 1:
        kinds = kinds_of(formula, Name(used[0]))
        if not kinds:
            forward.odd.setdefault(name, used[0])
            return False
        neuron_sum = inner.get(used[0]) or forward.sums[used[0]]
        forward.neurons.append(Neuron(neuron_sum, name, kinds))
        return True
    if len(used) > MAX_SOFTMAX:
        return False
    own = own_of_layer(formula, used)
    if own is None:
        if not inner:
            forward.odd_layers[name] = tuple(used)
        return False
    kind, index = own
    neuron_sum = inner.get(used[index]) or forward.sums[used[index]]
    forward.neurons.append(Neuron(neuron_sum, name, (kind,)))
    return True


def _without_helpers(forward: Forward, formula: Expression) -> Expression:
    """Insert the helper columns that are functions of sums, as the sum of all exponentials."""
    columns = forward.columns
    for _ in range(MAX_HELPERS):
        inner = {
            part.name: main
            for part in names(formula)
            if part.name in columns.computed
            and part.name not in forward.sums
            and not _is_activation(forward, part.name)
            and (main := columns.columns[part.name].main) is not None
            and all(used.name in columns.computed and not used.shift for used in names(main))
        }
        if not inner:
            break
        formula = substitute(formula, inner)
    return formula


def _without_sums(forward: Forward, formula: Expression) -> tuple[Expression, dict[str, Sum]]:
    """Replace the weighted sums within a formula by names, and return these sums."""
    found: dict[str, Sum] = {}
    replaced: dict[Expression, Expression] = {}
    for part, terms in largest_polynomials(formula):
        if len(terms) < 2 and all(len(term) < 2 for term in terms):
            continue
        factors = [value for term, value in terms.items() if term]
        scale = factors[0] if len(set(map(abs, factors))) == 1 else 1.0
        scale = (
            abs(scale) if sum(value > 0 for value in factors) * 2 >= len(factors) else -abs(scale)
        )
        inner = _sum_in(forward, "", {term: value / scale for term, value in terms.items()})
        if inner is None:
            continue
        same = next((name for name, one in found.items() if one == inner), f"sum {len(found) + 1}")
        found[same] = inner
        replaced[part] = _times(scale, Name(same))
    if not found:
        return formula, {}
    return transform(formula, lambda node: replaced.get(node, node)), found


def _times(scale: float, name: Name) -> Expression:
    """Return a multiple of a name."""
    return name if scale == 1 else Operation("*", Number(scale), name)


# --- what is left ---------------------------------------------------------------------------------


def _drop_parts(forward: Forward) -> None:
    """Drop the products that are columns of their own and parts of a weighted sum."""
    parts = {
        helper
        for one in (*forward.sums.values(), *(neuron.sum for neuron in forward.neurons))
        for helper in one.helpers
    }
    for name in parts:
        del forward.sums[name]
    forward.neurons = [one for one in forward.neurons if one.sum.column not in parts]


def _add_unactivated(forward: Forward) -> None:
    """Add the neurons of weighted sums without an activation.

    If a sum has several activations, the one that other formulas use most is its own.
    """
    uses = _uses(forward)
    by_sum: dict[str, list[Neuron]] = {}
    for neuron in forward.neurons:
        by_sum.setdefault(neuron.sum.column or neuron.activation, []).append(neuron)
    kept: list[Neuron] = []
    spare: list[Neuron] = []
    for group in by_sum.values():
        best, *others = sorted(group, key=lambda one: -uses.get(one.activation, 0))
        kept.append(best)
        spare += others
    for name, neuron_sum in forward.sums.items():
        if name not in by_sum:
            kept.append(_activated(forward, neuron_sum, spare))
    forward.neurons = kept


def _activated(forward: Forward, neuron_sum: Sum, spare: list[Neuron]) -> Neuron:
    """Return the neuron of a sum that no activation refers to.

    An activation with a wrong formula, of the sum or of another one, is taken as its activation;
    else the sum is what the neuron passes on.
    """
    if spare:
        other = min(spare, key=lambda one: _distance(forward, one.activation, neuron_sum.column))
        spare.remove(other)
        return replace(other, sum=neuron_sum)
    for column, used in forward.odd.items():
        if used == neuron_sum.column and (mistaken := _mistaken(forward, column, neuron_sum)).kinds:
            return mistaken
    mistaken_softmax = _mistaken_softmax(forward, neuron_sum)
    if mistaken_softmax:
        return Neuron(neuron_sum, mistaken_softmax)
    return Neuron(neuron_sum, "", ("linear",))


def _mistaken_softmax(forward: Forward, neuron_sum: Sum) -> str:
    """Return the column nearest to a sum that is a function of several; "" if there is none.

    The activations of most other sums are functions of all sums of the layer, and the column is
    none that they use.
    """
    layered = [one for one in forward.neurons if any(ACTIVATIONS[k].takes_layer for k in one.kinds)]
    of_layer = {
        part.name
        for one in layered
        if (main := forward.columns.columns[one.activation].main) is not None
        for part in names(main)
    }
    candidates = [
        column
        for column, used in forward.odd_layers.items()
        if neuron_sum.column in used and column not in of_layer
    ]
    if not layered or not candidates:
        return ""
    return min(candidates, key=lambda column: _distance(forward, column, neuron_sum.column))


def _distance(forward: Forward, first: str, second: str) -> tuple[int, ...]:
    columns = forward.columns.columns
    return tuple(
        abs(a - b) for a, b in zip(columns[first].position, columns[second].position, strict=False)
    )[::-1]


def _is_used_as_source(forward: Forward, column: str) -> bool:
    """Whether some product has a parameter and this column."""
    for name in forward.columns.computed:
        formula = forward.columns.columns[name].main
        terms = polynomial(formula) if formula is not None else None
        for term in terms or ():
            parts = {factor.name for factor in term if isinstance(factor, Name)}
            if column in parts and len(parts) == 2:
                [other] = parts - {column}
                if _is_parameter(forward, other):
                    return True
    return False


def _uses(forward: Forward) -> dict[str, int]:
    """Count the columns that use a column."""
    counts: dict[str, int] = {}
    for _, formula in _main_formulas(forward.columns):
        for used in plain_names(formula):
            counts[used] = counts.get(used, 0) + 1
    return counts


def _main_formulas(columns: ColumnSet) -> Iterator[tuple[str, Expression]]:
    for name, column in columns.columns.items():
        if column.main is not None:
            yield name, column.main
