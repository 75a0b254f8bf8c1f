"""Which left columns are the missing quantities, where their numbers are wrong.

A wrong column under an unknown header follows from nothing. What its formula is computed from, and
the headers of the columns beside it, still tell what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from backprop_sheet.audit.find.column_formulas import column_of_name
from backprop_sheet.audit.find.judging import Assignment, Judge
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.header_numbers import common_end, split_at_number
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.typing_errors import is_mistyped
from backprop_sheet.audit.read.vocabulary import is_word_for, without_word_for, words_of
from backprop_sheet.equations.intermediates import NEGATIVE, is_derivative
from backprop_sheet.equations.names import (
    TOTAL_ERROR,
    Kind,
    gradient_name,
    kind_of,
)
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Operation,
    cell_references,
    names,
    plain_names,
    walk,
)

MIN_ALIKE = 2  # headers that differ in their numbers only, of known gradients


def with_left_over(judge: Judge, best: Assignment) -> Assignment:
    """Take left columns for missing gradients, errors and sums if one column alone can be each.

    What others are computed from is found by these, unless they are wrong, too.
    """
    missing = [
        name
        for name in judge.needed
        if {name, NEGATIVE + name}.isdisjoint(best.names)
        and (
            kind_of(name) in (Kind.GRADIENT, Kind.TOTAL)
            or _is_lone_sum(judge, best, name)
            or name in judge.system.errors
        )
    ]
    missing += [name for name in judge.system.trained if name not in best.names]
    certain = _without_unheaded(judge, best) if missing else best
    maybe = judge.free_columns(certain) if missing else []
    if not maybe:
        return best
    free = judge.free_columns(best)
    sources = {index: _sources(judge, best, index) for index in free}
    found: dict[str, int] = {}
    for name in missing:
        columns = (
            _by_total(judge, best, name, sources)
            or _by_activation(judge, best, name, free)
            or _by_gradient(judge, best, name, free)
            or _by_header(judge, certain, name, maybe)
            or [at for at in free if _is_computed_as(judge, name, sources[at])]
            or _by_update(judge, best, name, free)
        )
        if len(columns) == 1:
            found[name] = columns[0]
        elif name == TOTAL_ERROR:
            found.update(_total_of_left(judge, best, sources))
    if not found or len(set(found.values())) < len(found):
        return best
    others = {name: at for name, at in best.names.items() if at not in found.values()}
    judged = judge.judged({**others, **found}, best.numbering, best.constants)
    # It says what is wrong, and is no reason to prefer another exercise.
    return replace(judged, cost=best.cost, structure=best.structure)


def _without_unheaded(judge: Judge, best: Assignment) -> Assignment:
    """Leave out derivatives that no table needs, whose columns no header proposes.

    Of few digits, a wrong ``Δw2`` may have the numbers of one, beside the other ``Δw``.
    """
    certain = {
        name: index
        for name, index in best.names.items()
        if not is_derivative(name)
        or name.removeprefix(NEGATIVE) in judge.system.columns
        or judge.proposals[index].names
    }
    return replace(best, names=certain)


def _sources(judge: Judge, best: Assignment, index: int) -> frozenset[str | int]:
    """Return the quantities that a formula uses, and the columns and cells that are none."""
    expression = judge.formulas.expression(index)
    if expression is None:
        return frozenset()
    by_column = {column: name.removeprefix(NEGATIVE) for name, column in best.names.items()}
    by_cell = {cell: name for name, cells in judge.labels.items() for cell in cells}
    by_cell |= {cell: name for name, (cell, _) in best.constants.items()}
    columns = [column_of_name(name) for name in names(expression) if name.shift == 0]
    found: set[str | int] = {by_column.get(column, column) for column in columns}
    found |= {by_cell.get(Address.of(cell), -1) for cell in cell_references(expression)}
    if any(name.shift != 0 for name in names(expression)):
        found.add(-1)  # a value of the row above
    return frozenset(found)


def _by_total(
    judge: Judge, best: Assignment, name: str, sources: Mapping[int, frozenset[str | int]]
) -> list[int]:
    """Return the left column that the total error adds as one output's error.

    Of several, it is the one that is computed from this output.
    """
    lacking = [one for one in judge.system.errors if one not in best.names]
    if name not in lacking or TOTAL_ERROR not in judge.unexplained(best):
        return []
    total = judge.formulas.expression(best.names[TOTAL_ERROR])
    if total is None or not all(_is_added(part) for part in walk(total)):
        return []  # half the sum of squares
    added = judge.formulas.used(best.names[TOTAL_ERROR])
    parts = [at for at in sources if at in added]
    if len(parts) != len(lacking) or len(added) != len(judge.system.errors):
        return []
    if len(parts) == 1:
        return parts
    needed = plain_names(judge.system.definitions[name])
    return [at for at in parts if sources[at] == needed]


def _is_added(part: Expression) -> bool:
    return isinstance(part, Name) or (isinstance(part, Operation) and part.operator == "+")


def _is_computed_as(judge: Judge, name: str, sources: frozenset[str | int]) -> bool:
    """Whether a formula uses all that a quantity follows from, and nothing else."""
    system = judge.system
    if name == TOTAL_ERROR:
        return len(sources) > 1 and sources == set(system.errors)
    if name in system.errors:
        return False  # a difference of one's own is, too
    rules = [rules[name] for rules in (system.definitions, system.chain_rules) if name in rules]
    return any(sources == plain_names(rule) for rule in rules)


def _by_header(judge: Judge, best: Assignment, name: str, free: list[int]) -> list[int]:
    """Return the left columns whose headers name a quantity as those of its like do.

    ``slope of w5`` is ∂E/∂w5 beside other slopes. ``E_ges`` is the total error with E1 and E2, if
    it is computed from one of these, or typed right beside them; so is ``all errors``.
    """
    if name == TOTAL_ERROR:
        errors = [best.names[one] for one in judge.system.errors if one in best.names]
        if len(judge.system.errors) == 1:
            return []  # the error is the total
        words = {_without_number(judge, index) for index in errors} - {""}
        return [
            index
            for index in free
            if _is_of_total(visible(judge.columns[index].text), words)
            and _may_be_total(judge, index, errors)
        ]
    alike = [
        words
        for words, names in _gradients_by_words(judge, best).items()
        if len(names) >= MIN_ALIKE
    ]
    headed = [
        index
        for index in free
        if split_at_number(judge.columns[index].text)[1]
        and any(is_mistyped(_with_group(judge, index), words) for words in alike)
    ]
    named = [index for index in headed if _gradient_by_end(judge, best, index) == name]
    # The last of its like is the last gradient, whatever its number: ``waga 114``.
    is_last = _missing_gradients(judge, best) == [name]
    return named or (headed if is_last and len(headed) == 1 else [])


def _missing_gradients(judge: Judge, best: Assignment) -> list[str]:
    """Return the needed gradients without a column."""
    return [
        name
        for name in judge.needed
        if kind_of(name) is Kind.GRADIENT and {name, NEGATIVE + name}.isdisjoint(best.names)
    ]


def _by_update(judge: Judge, best: Assignment, name: str, free: list[int]) -> list[int]:
    """Return the left columns that an update uses as the others use their gradients.

    A wrong gradient may change its parameter by less than what counts as a difference.
    """
    used = {
        parameter: {at for at, _ in judge.formulas.references(best.names[parameter])}
        for parameter in judge.system.trained
        if parameter in best.names
    }
    alike = [one for one in used if best.names.get(gradient_name(one), -1) in used[one]]
    own = next((one for one in used if gradient_name(one) == name), None)
    if own is None or len(alike) < MIN_ALIKE:
        return []
    by_others = set().union(*(columns for one, columns in used.items() if one != own))
    return [at for at in free if at in used[own] and at not in by_others]


def _by_gradient(judge: Judge, best: Assignment, name: str, free: list[int]) -> list[int]:
    """Return the left columns that use the gradient of a parameter as the others use theirs.

    An update that always begins with the first weight does not tell that it is one. In a typed
    table, they are those that are headed as the gradient: ``weight 14`` by ``gradient w14``.
    """
    if name not in judge.system.trained:
        return []

    def uses_gradient(index: int, at: int) -> bool:
        return (at, -1) in judge.formulas.references(index)

    def is_headed_alike(index: int, at: int) -> bool:
        return common_end(judge.columns[index].text, judge.columns[at].text) > 0

    gradients = {one: best.names.get(gradient_name(one), -1) for one in judge.system.trained}
    for belongs in (uses_gradient, is_headed_alike):
        alike = [
            one
            for one, at in gradients.items()
            if at >= 0 and one in best.names and belongs(best.names[one], at)
        ]
        if len(alike) >= MIN_ALIKE and gradients[name] >= 0:
            return [index for index in free if belongs(index, gradients[name])]
    return []


def _is_lone_sum(judge: Judge, best: Assignment, name: str) -> bool:
    """Whether a quantity is a sum, and all other sums have columns.

    Where several have none, a column may be a step of the student's own, as exp(-x) is.
    """
    sums = [x for layer in judge.system.layers for x, _ in layer]
    return name in sums and len(sums) > 1 and all(x in best.names for x in sums if x != name)


def _by_activation(judge: Judge, best: Assignment, name: str, free: list[int]) -> list[int]:
    """Return the left column that the formula of a sum's activation uses, and no other column."""
    activation = next((a for layer in judge.system.layers for x, a in layer if x == name), "")
    used = judge.formulas.used(best.names[activation]) if activation in best.names else set()
    return [at for at in free if used == {at}]


def _is_of_total(text: str, words: set[str]) -> bool:
    """Whether a header has the words of the errors' headers, or is one for a total, maybe mistyped.

    Args:
        words: those of the errors, without their numbers.
    """
    if any(text.startswith(word) or f" {word} " in f" {text} " for word in words):
        return True
    parts = words_of(text)
    known = {part for word in words for part in words_of(word)}
    if all(part in known or is_word_for("error", part) for part in parts):
        return bool(parts) and not split_at_number(text)[1]  # "EError" beside "E_1" and "E_2"
    return any(is_mistyped(part, word) for part in parts for word in known) or _says_total(text)


def _says_total(text: str) -> bool:
    """Whether a header is a word for a total, maybe mistyped, beside words for errors alone."""
    parts = (part for part in words_of(text) if not is_word_for("error", part))
    others = [without_word_for("error", part) for part in parts]
    return bool(others) and all(
        is_word_for("total", part) or is_word_for("total error", part) for part in others
    )


def _may_be_total(judge: Judge, index: int, errors: list[int]) -> bool:
    """Whether a column is computed from errors alone, or typed right beside them or as a total."""
    if judge.formulas.expression(index) is None:
        column = judge.columns[index]
        return _says_total(visible(column.text)) or any(
            _are_neighbors(column, judge.columns[one]) for one in errors
        )
    used = judge.formulas.used(index)
    return bool(used) and used <= set(errors)


def _are_neighbors(one: Column, other: Column) -> bool:
    """Whether the headers of two columns stand side by side, or one below the other."""
    if one.header is None or other.header is None or one.header.sheet != other.header.sheet:
        return False
    down, across = (abs(a - b) for a, b in zip(one.header[1:], other.header[1:], strict=True))
    return bool(down + across == 1)


def _gradients_by_words(judge: Judge, best: Assignment) -> Mapping[str, list[str]]:
    """Return the gradients by the words of their headers, which name them all by their ends."""
    alike: dict[str, list[str]] = {}
    wrong: set[str] = set()
    for one, index in best.names.items():
        words = _with_group(judge, index)
        if _gradient_by_end(judge, best, index) == one.removeprefix(NEGATIVE):
            alike.setdefault(words, []).append(one)
        else:
            wrong.add(words)
    return {words: names for words, names in alike.items() if words not in wrong}


def _gradient_by_end(judge: Judge, best: Assignment, index: int) -> str:
    """Return the derivative by the parameter whose header ends most as a column's; else ""."""
    text = judge.columns[index].text
    ends = {
        one: common_end(text, judge.columns[at].text)
        for one, at in best.names.items()
        if one in judge.system.trained
    }
    longest = max(ends.values(), default=0)
    found = [one for one, length in ends.items() if length == longest > 0]
    return gradient_name(found[0]) if len(found) == 1 else ""


def _with_group(judge: Judge, index: int) -> str:
    """Return the words of a header, after those of its group: of ``w1`` below "Gradients".

    ``slope of w1 (i1→h1)`` and ``slope of w4 (i2→h2)`` have the same words.
    """
    column = judge.columns[index]
    words = "".join(sign for sign in visible(column.text) if not sign.isdigit())
    return f"{column.group} {words}".strip()


def _without_number(judge: Judge, index: int) -> str:
    """Return the words of a header before and after its last number; "" if it has none."""
    before, number, after = split_at_number(judge.columns[index].text)
    return f"{before}{after}".strip() if number else ""


def _total_of_left(
    judge: Judge, best: Assignment, sources: Mapping[int, frozenset[str | int]]
) -> Mapping[str, int]:
    """Return the total error, and the one error without a column that it adds to the others."""
    errors = set(judge.system.errors)
    lacking = [one for one in judge.system.errors if one not in best.names]
    pairs = list(_sums_of_left(errors, sources))
    if len(lacking) != 1 or len(pairs) != 1:
        return {}
    [(total, part)] = pairs
    return {TOTAL_ERROR: total, lacking[0]: part}


def _sums_of_left(
    errors: set[str], sources: Mapping[int, frozenset[str | int]]
) -> Iterator[tuple[int, int]]:
    """Yield the left columns that are computed from all errors but one, and from a left column."""
    for index, used in sources.items():
        parts = [part for part in used if part in sources]
        if len(parts) == 1 and len(used) == len(errors) and used - {*parts} <= errors:
            yield index, int(parts[0])
