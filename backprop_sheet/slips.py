"""The ways in which people get an equation wrong, and the words for each.

A slip is one small change of the right equation: another name, a missing parenthesis, a sign. All
of them are made once an equation, and each is known by its *fingerprint*, its value at fixed
arbitrary values of all names: two expressions that agree there are the same function, however they
are spelled (the argument of Schwartz and Zippel for polynomial identity testing).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from backprop_sheet.equations import COLUMNS, LEARNING_RATE, UPDATES, WITHIN_ROW, Role
from backprop_sheet.expression import (
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    children,
    evaluate,
    names,
    parse,
    substitute,
    text,
)

RIGHT: dict[str, Expression] = {**WITHIN_ROW, **UPDATES}


@dataclass(frozen=True)
class Slip:
    """A wrong right-hand side, and what went wrong in words."""

    expression: Expression
    words: str


class _Arbitrary(dict[str, float]):
    """A fixed arbitrary value for every name that is asked for."""

    def __missing__(self, key: str) -> float:
        value = self[key] = random.Random(key).uniform(0.2, 1.7)
        return value


_ARBITRARY = _Arbitrary()


def fingerprint(expression: Expression) -> str:
    """Equal for expressions that are the same function of the same names."""
    with np.errstate(all="ignore"):
        return f"{float(evaluate(expression, _ARBITRARY)):.8e}"


def same(one: Expression, other: Expression) -> bool:
    """Whether two expressions are the same function."""
    return fingerprint(one) == fingerprint(other)


@cache
def slips(column: str) -> dict[str, Slip]:
    """Every slip of a column's equation by its fingerprint; the likelier words win."""
    right = RIGHT[column]
    found: dict[str, Slip] = {}
    correct = fingerprint(right)
    for slip in itertools.chain(
        _renamed(right),
        _exchanged(right),
        _sigmoid(right),
        _parentheses(right),
        _signs(right),
        _missing(right),
        _operators(right),
        _rows(right),
        _other_columns(column),
        _extra(right),
    ):
        mark = fingerprint(slip.expression)
        if mark != correct:
            found.setdefault(mark, slip)
    return found


# --- places in an expression ------------------------------------------------------------------

_Path = tuple[int, ...]


def _places(expression: Expression, path: _Path = ()) -> Iterator[tuple[_Path, Expression]]:
    yield path, expression
    for index, child in enumerate(children(expression)):
        yield from _places(child, (*path, index))


def _with(expression: Expression, path: _Path, new: Expression) -> Expression:
    if not path:
        return new
    parts = list(children(expression))
    parts[path[0]] = _with(parts[path[0]], path[1:], new)
    return _rebuilt(expression, parts)


def _rebuilt(expression: Expression, parts: list[Expression]) -> Expression:
    match expression:
        case Negative():
            return Negative(parts[0])
        case Operation(operator, _, _):
            return Operation(operator, parts[0], parts[1])
        case Call(function, _):
            return Call(function, tuple(parts))
    return expression


def renamed(expression: Expression, change: Callable[[Name], Expression]) -> Expression:
    """The expression with every name changed."""
    if isinstance(expression, Name):
        return change(expression)
    return _rebuilt(expression, [renamed(part, change) for part in children(expression)])


# --- the slips --------------------------------------------------------------------------------


def _renamed(right: Expression) -> Iterator[Slip]:
    """Another name in one, in some or in all of the places of a name."""
    places: dict[Name, list[_Path]] = {}
    for path, part in _places(right):
        if isinstance(part, Name):
            places.setdefault(part, []).append(path)
    for name, paths in places.items():
        for count in range(len(paths), 0, -1):
            for chosen in itertools.combinations(paths, count):
                for other in (*COLUMNS, LEARNING_RATE):
                    if other == name.name:
                        continue
                    changed = right
                    for path in chosen:
                        changed = _with(changed, path, _quantity(other, name.shift))
                    words = name_instead(other, name.name)
                    if count < len(paths):
                        words += f" ({_times(count)} of {len(paths)})"
                    yield Slip(changed, words)


def _exchanged(right: Expression) -> Iterator[Slip]:
    """Two names of a kind, each in the other's place."""
    used = sorted(dict.fromkeys(names(right)), key=lambda name: COLUMNS.get(name.name, ""))
    for one, other in itertools.combinations(used, 2):  # inputs before weights
        if COLUMNS.get(one.name) == COLUMNS.get(other.name):
            there = {one: other, other: one}
            yield Slip(
                renamed(right, lambda name, there=there: there.get(name, name)),
                f"{one.name} and {other.name} are exchanged",
            )


def _quantity(name: str, shift: int) -> Name:
    """η belongs to no row."""
    return Name(name, 0 if name == LEARNING_RATE else shift)


def _times(count: int) -> str:
    return f"in {count} place{'s' if count > 1 else ''}"


def name_instead(found: str, right: str) -> str:
    """In words, what it means that one name stands where another belongs."""
    instead = f"{found} where {right} belongs"
    if right == f"a_{found}":
        return f"the value before the sigmoid instead of the one after it: {instead}"
    if found == f"a_{right}":
        return f"the value after the sigmoid instead of the one before it: {instead}"
    if found.startswith("a_") and right.startswith("a_"):
        return f"another neuron's activation: {instead}"
    found_role, right_role = COLUMNS.get(found), COLUMNS.get(right)
    if found_role == right_role == Role.WEIGHT:
        return f"another weight: {instead}"
    if found_role == right_role == Role.GRADIENT:
        return f"another weight's gradient: {instead}"
    if found_role == right_role == Role.GIVEN:
        kind = {"i": "input", "t": "target"}
        if found[0] == right[0]:
            return f"the other {kind[found[0]]}: {instead}"
        return f"the {kind[found[0]]} instead of the {kind[right[0]]}: {instead}"
    if found[-1:] != right[-1:] and found[:-1] == right[:-1]:
        return f"another neuron's value: {instead}"
    return f"another quantity: {instead}"


def _sigmoid(right: Expression) -> Iterator[Slip]:
    for path, part in _places(right):
        match part:
            case Call("σ", (argument,)):
                yield Slip(
                    _with(right, path, argument), f"the sigmoid is missing around {text(argument)}"
                )
                positive = parse("1/(1 + exp(x))")
                yield Slip(
                    _with(right, path, renamed(positive, lambda _, a=argument: a)),
                    f"a wrong sign in the sigmoid: exp({text(argument)}) instead of "
                    f"exp(-{text(argument)})",
                )
                slope = parse("1/(1 + exp(-x))*(1 - 1/(1 + exp(-x)))")
                yield Slip(
                    _with(right, path, renamed(slope, lambda _, a=argument: a)),
                    "the sigmoid's slope instead of the sigmoid",
                )
                yield Slip(
                    _with(right, path, Call("tanh", (argument,))), "tanh instead of the sigmoid"
                )
            case Name(name) if name.startswith("a_"):
                yield Slip(
                    _with(right, path, Call("σ", (part,))),
                    f"the sigmoid is taken once too often, of {name}",
                )


def _spelled(right: Expression) -> str:
    """The equation with the sigmoid as people write it."""
    written = text(right)
    for name in {n.name for n in names(right)}:
        written = written.replace(f"σ({name})", f"1/(1 + exp(-{name}))")
    return written.replace("½", "0.5")


def _parentheses(right: Expression) -> Iterator[Slip]:
    """Each pair left out, and each closed too early or too late."""
    written = _spelled(right)
    pairs, stack = [], []
    for at, sign in enumerate(written):
        if sign == "(":
            stack.append(at)
        elif sign == ")":
            pairs.append((stack.pop(), at))
    for opening, closing in pairs:
        inner = written[opening + 1 : closing]
        if opening and written[opening - 1].isalpha():
            continue  # exp( ) keeps its own
        without = f"{written[:opening]} {inner} {written[closing + 1 :]}"
        yield from _slip_of(without, f"a missing parenthesis around {inner}")
    for opening, closing in pairs:
        without = written[:closing] + written[closing + 1 :]
        for at in range(opening + 1, len(without) + 1):
            if at < len(without) and (without[at].isalnum() or without[at] in "_∂/"):
                continue
            moved = f"{without[:at]}){without[at:]}"
            inner = written[opening : closing + 1]
            yield from _slip_of(moved, f"a parenthesis in the wrong place: {inner} is meant")
    for at in range(len(written)):
        # The opening one too late: (1 - a)*b becomes 1 - (a*b)
        if written[at] == "(" and not (at and written[at - 1].isalpha()):
            without = written[:at] + written[at + 1 :]
            for to in range(at + 1, min(len(without), at + 12)):
                moved = f"{without[:to]}({without[to:]}"
                yield from _slip_of(moved, "a parenthesis in the wrong place")


def _slip_of(written: str, words: str) -> Iterator[Slip]:
    try:
        yield Slip(parse(written), words)
    except ValueError:
        return


def _signs(right: Expression) -> Iterator[Slip]:
    for path, part in _places(right):
        match part:
            case Operation("-", left, subtrahend):
                yield Slip(
                    _with(right, path, Operation("-", subtrahend, left)),
                    f"a wrong sign: {text(subtrahend)} - {_tight(left)} instead of {text(part)}",
                )
                yield Slip(
                    _with(right, path, Operation("+", left, subtrahend)),
                    f"a wrong sign: + instead of - in {text(part)}",
                )
            case Operation("+", left, addend):
                yield Slip(
                    _with(right, path, Operation("-", left, addend)),
                    f"a wrong sign: - instead of + in {text(part)}",
                )
    yield Slip(Negative(right), "a wrong sign: the whole is negated")


def _tight(part: Expression) -> str:
    written = text(part)
    return f"({written})" if isinstance(part, Operation) and part.operator in "+-" else written


def _factors(expression: Expression) -> list[tuple[_Path, Expression]]:
    match expression:
        case Operation("*", left, right):
            return [((0, *p), f) for p, f in _factors(left)] + [
                ((1, *p), f) for p, f in _factors(right)
            ]
    return [((), expression)]


def _missing(right: Expression) -> Iterator[Slip]:
    """A factor, two factors, a term or the square left out."""
    one = Number(1.0)
    for path, part in _places(right):
        match part:
            case Operation("*", _, _):
                factors = _factors(part)
                for count in (1, 2):
                    for gone in itertools.combinations(factors, count):
                        if count == len(factors):
                            continue
                        changed = part
                        for factor_path, _ in gone:
                            changed = _with(changed, factor_path, one)
                        missing = "*".join(_tight(factor) for _, factor in gone)
                        yield Slip(
                            _with(right, path, changed), f"a missing factor: {missing} is left out"
                        )
            case Operation("+", left, addend) | Operation("-", left, addend):
                if not isinstance(left, Number):
                    yield Slip(
                        _with(right, path, left), f"a missing term: {text(addend)} is left out"
                    )
                yield Slip(_with(right, path, addend), f"a missing term: {text(left)} is left out")
            case Operation("^", base, Number(2.0)):
                yield Slip(_with(right, path, base), f"the square of {text(base)} is missing")
                yield Slip(
                    _with(right, path, Operation("*", base, Number(2.0))),
                    f"{text(base)} is doubled instead of squared",
                )


def _operators(right: Expression) -> Iterator[Slip]:
    for path, part in _places(right):
        if isinstance(part, Operation):
            for operator in "+-*/^":
                if operator != part.operator:
                    yield Slip(
                        _with(right, path, Operation(operator, part.left, part.right)),
                        f"a wrong operator: {operator} instead of {part.operator} in {text(part)}",
                    )
    yield Slip(_turned_round(right), "a wrong operator: + and * are exchanged")
    # A wrong sign among the factors also takes the product apart: a*b + (1 - a)*c.
    for at, sign in enumerate(written := _spelled(right)):
        if sign in "*/" and written[at - 1 : at + 2] != "E/∂":
            for operator in "+-*/":
                if operator != sign:
                    yield from _slip_of(
                        written[:at] + operator + written[at + 1 :],
                        f"a wrong operator: {operator} instead of {sign} before "
                        f"{_next_factor(written[at + 1 :])}",
                    )


def _turned_round(expression: Expression) -> Expression:
    parts = [_turned_round(part) for part in children(expression)]
    if isinstance(expression, Operation) and expression.operator in "+*":
        return Operation("+*".replace(expression.operator, ""), parts[0], parts[1])
    return _rebuilt(expression, parts)


def _next_factor(rest: str) -> str:
    depth = 0
    for at, sign in enumerate(rest):
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or (depth == 0 and at and sign in "*/ "):
            return rest[:at]
        if depth == 0 and sign == ")":
            return rest[: at + 1]
    return rest


def _rows(right: Expression) -> Iterator[Slip]:
    for path, part in _places(right):
        if isinstance(part, Name) and part.name != LEARNING_RATE:
            for shift in (part.shift - 1, part.shift + 1):
                yield Slip(
                    _with(right, path, Name(part.name, shift)),
                    f"a reference to the wrong row: {part.name} from {row_words(shift)} instead "
                    f"of from {row_words(part.shift)}",
                )


def row_words(shift: int) -> str:
    """-1 as ``the row above``."""
    match shift:
        case 0:
            return "the same row"
        case -1:
            return "the row above"
        case 1:
            return "the row below"
    return f"{abs(shift)} rows {'above' if shift < 0 else 'below'}"


def _other_columns(column: str) -> Iterator[Slip]:
    for other, expression in RIGHT.items():
        if other != column:
            yield Slip(expression, f"this is the formula of {other}")


def _extra(right: Expression) -> Iterator[Slip]:
    shift = min((name.shift for name in names(right)), default=0)
    for other in (*COLUMNS, LEARNING_RATE):
        quantity = _quantity(other, shift)
        extra = Operation("*", right, quantity)
        yield Slip(extra, f"a factor too many: {other}")
        slope = Operation("*", right, Operation("-", Number(1.0), quantity))
        yield Slip(slope, f"a factor too many: 1 - {other}")
    for factor, words in ((2.0, "a factor 2 too many"), (0.5, "a factor ½ too many")):
        yield Slip(Operation("*", right, Number(factor)), words)


# --- naming the cause -------------------------------------------------------------------------


def name_the_slip(column: str, found: Expression) -> str:
    """In words, what is wrong with a formula that stands in a column; "" if it is right."""
    right = RIGHT[column]
    if same(found, right):
        return ""
    for named in (
        lambda: _rows_of(found, right),
        lambda: _known(column, found),
        lambda: _several_names(found, right),
        lambda: _constants(found, right),
        lambda: _outside_names(found, right),
    ):
        if words := named():
            return words
    return _difference(found, right)


def follows_from_others(column: str, found: Expression) -> bool:
    """Whether a formula is right but leans on other computed cells than the exercise's does."""
    needed = {name.name for name in names(RIGHT[column])}
    others = {
        name.name: RIGHT[name.name]
        for name in names(found)
        if name.name in WITHIN_ROW and name.name not in needed and name.name != column
    }
    choices = [{name: right} for name, right in others.items()] + [others]
    return any(same(substitute(found, chosen), RIGHT[column]) for chosen in choices if chosen)


def _known(column: str, found: Expression) -> str:
    slip = slips(column).get(fingerprint(found))
    return slip.words if slip else ""


def _rows_of(found: Expression, right: Expression) -> str:
    """Right but for the rows that its references point at."""
    shifts = {name.name: name.shift for name in names(right)}
    moved: dict[str, int] = {}

    def home(name: Name) -> Name:
        if name.name in shifts and name.shift != shifts[name.name]:
            moved[name.name] = name.shift
        return Name(name.name, shifts.get(name.name, name.shift))

    if not same(renamed(found, home), right) or not moved:
        return ""
    parts = [
        f"{name} from {row_words(shift)} instead of from {row_words(shifts[name])}"
        for name, shift in moved.items()
    ]
    return f"a reference to the wrong row: {_and(parts)}"


def _several_names(found: Expression, right: Expression) -> str:
    """Two or three names each replaced by another one, everywhere."""
    there = dict.fromkeys(names(found))
    needed = dict.fromkeys(names(right))
    extra = [name for name in there if name not in needed]
    missing = [name for name in needed if name not in there]
    if not 1 <= len(extra) <= 3 or not 1 <= len(missing) <= 3 or len(extra) > len(missing):
        return ""
    for chosen in itertools.permutations(missing, len(extra)):
        back = dict(zip(extra, chosen, strict=True))
        if same(renamed(found, lambda name, b=back: b.get(name, name)), right):
            return _and([name_instead(a.name, b.name) for a, b in back.items()])
    return ""


def _constants(found: Expression, right: Expression) -> str:
    """The same tree with another constant in it."""
    changed = list(_differing_leaves(found, right))
    pairs = [pair for pair in changed if pair is not None]
    if len(pairs) != len(changed) or not pairs or len(pairs) > 2:
        return ""
    return _and([f"a constant: {text(a)} where {text(b)} belongs" for a, b in pairs])


def _differing_leaves(
    found: Expression, right: Expression
) -> Iterator[tuple[Expression, Expression] | None]:
    """Pairs of differing leaves with a number in them; None where the trees differ otherwise."""
    if found == right:
        return
    ours, theirs = children(right), children(found)
    if isinstance(found, Number) and not ours:
        if not (isinstance(right, Number) and right.value == found.value):
            yield found, right
    elif type(found) is type(right) and ours and len(ours) == len(theirs):
        same_kind = getattr(found, "operator", "") == getattr(right, "operator", "") and getattr(
            found, "function", ""
        ) == getattr(right, "function", "")
        if not same_kind:
            yield None
            return
        for a, b in zip(theirs, ours, strict=True):
            yield from _differing_leaves(a, b)
    else:
        yield None


def _outside_names(found: Expression, right: Expression) -> str:
    """A cell outside the table where a quantity of it belongs."""
    outside = list(dict.fromkeys(name for name in names(found) if "$" in name.name))
    needed = list(dict.fromkeys(names(right)))
    for cell in outside:
        for name in needed:
            if same(renamed(found, lambda n, c=cell, to=name: to if n == c else n), right):
                return (
                    f"a reference that points at the wrong cell: {cell.name.replace('$', '')} "
                    f"where {name.key} belongs"
                )
    return ""


def _difference(found: Expression, right: Expression) -> str:
    there = dict.fromkeys(name.key for name in names(found))
    needed = dict.fromkeys(name.key for name in names(right))
    extra = [key for key in there if key not in needed]
    missing = [key for key in needed if key not in there]
    parts = []
    if extra:
        parts.append(f"uses {_and(extra)}, which the right formula does not")
    if missing:
        parts.append(f"never uses {_and(missing)}")
    return _and(parts) or "the same quantities, put together in another way"


def _and(parts: Iterable[str]) -> str:
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
