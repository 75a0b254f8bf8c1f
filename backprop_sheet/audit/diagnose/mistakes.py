"""The catalogue of mistakes: typical wrong versions of an equation, each described in words.

A mistake is one small change of a right-hand side, such as another name, a missing parenthesis or a
wrong sign. The number of mistakes of a column grows with the length of its formula times the number
of names.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.error_mistakes import error_mistakes, rate_mistakes
from backprop_sheet.equations.names import (
    ERROR_KINDS,
    ITERATION,
    LEARNING_RATE,
    MEAN_ERROR,
    Kind,
    Quantity,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem, equation_system
from backprop_sheet.exercise.choices import (
    ACTIVATIONS,
    LOSSES,
    Activation,
    activation_named,
    loss_named,
    optimizer_named,
    update_rule,
)
from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    Call,
    Expression,
    Name,
    Negative,
    NodePath,
    Number,
    Operation,
    names,
    nodes_with_paths,
    rename,
    replace_at,
    transform,
)
from backprop_sheet.symbolic.parsing import parse
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.words import count, join

MAX_TEXT = 400  # characters; in longer formulas, parentheses are not moved
MAX_CANDIDATES = 48  # columns; with more, only similar quantities are exchanged


@dataclass(frozen=True)
class Mistake:
    """A wrong right-hand side, and its description in words."""

    expression: Expression
    cause: str


def mistakes(system: EquationSystem, column: str, position: int = 0) -> Iterator[Mistake]:
    """Yield every mistake of a column's equation, the likeliest first.

    Args:
        position: the row's position within its iteration, if an iteration has several rows.
    """
    rhs = row_rhs(system, column, position)
    yield from wrong_names(system, rhs, candidates(system, column))
    yield from structural_mistakes(system, column, position)


def simple_mistakes(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield the commonest mistakes of any formula, of which a student may make two."""

    def is_likely(other: str, name: str) -> bool:
        one, right = system.quantities.get(other), system.quantities.get(name)
        if one is None or right is None:
            return False
        is_same_neuron = (one.layer, one.index) == (right.layer, right.index)
        kinds = {one.kind, right.kind}
        return one.kind is right.kind or (is_same_neuron and kinds == {Kind.SUM, Kind.ACTIVATION})

    yield from _signs(rhs)
    yield from wrong_names(system, rhs, system.columns, is_likely)
    yield from _missing(system, rhs)
    yield from _activations(rhs)
    yield from _rows(system, rhs)
    yield from _exchanged(system, rhs)
    for factor, words in ((2.0, "an extra factor: 2"), (0.5, "an extra factor: ½")):
        yield Mistake(Operation("*", rhs, Number(factor)), words)


def structural_mistakes(
    system: EquationSystem, column: str, position: int = 0
) -> Iterator[Mistake]:
    """Yield the mistakes of a column other than :func:`wrong_names`."""
    rhs = row_rhs(system, column, position)
    for source in (
        _exchanged(system, rhs),
        _activations(rhs),
        _bias_corrections(rhs),
        _update_mistakes(system, column, position),
        _parentheses(rhs),
        _signs(rhs),
        _missing(system, rhs),
        _other_functions(system, column),
        _operators(rhs),
        _rows(system, rhs),
        _other_columns(system, column, position),
        itertools.starmap(Mistake, error_mistakes(system, column, rhs)),
        _extra(system, column, rhs),
    ):
        yield from source


def candidates(system: EquationSystem, column: str) -> list[str]:
    """Return the names that may stand in a column's formula by mistake."""
    everything = [*(name for name in system.columns if name != MEAN_ERROR), *system.constants]
    if len(everything) <= MAX_CANDIDATES:
        return everything
    used = {name.name for name in names(row_rhs(system, column))}
    kinds = {
        (quantity.kind, quantity.layer)
        for quantity in system.quantities.values()
        if quantity.name in used
    }
    similar = [
        name
        for name, quantity in system.quantities.items()
        if name in system.columns and (quantity.kind, quantity.layer) in kinds
    ]
    partners = [
        other
        for layer in system.layers
        for pair in layer
        for name, other in (pair, pair[::-1])
        if name in used
    ]
    return list(dict.fromkeys((*partners, *similar, *system.constants)))


# --- names --------------------------------------------------------------------------------------


def wrong_names(
    system: EquationSystem,
    rhs: Expression,
    others: Iterable[str],
    is_likely: Callable[[str, str], bool] = lambda other, name: True,
) -> Iterator[Mistake]:
    """Yield formulas in which a name is replaced by another: everywhere, once, or all but once.

    Args:
        is_likely: whether a name is used by mistake instead of another one.
    """
    others = list(others)
    places: dict[Name, list[NodePath]] = {}
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Name):
            places.setdefault(part, []).append(path)
    for name, paths in places.items():
        for other in others:
            if other == name.name or not is_likely(other, name.name):
                continue
            words = name_instead(system, other, name.name)
            new = _quantity(system, other, name.shift)
            for chosen in _subsets(paths):
                changed = rhs
                for path in chosen:
                    changed = replace_at(changed, path, new)
                where = (
                    "" if len(chosen) == len(paths) else f" (in {count(len(chosen), 'place')} of "
                )
                yield Mistake(changed, words + (where and f"{where}{len(paths)})"))


def _subsets(paths: list[NodePath]) -> Iterator[list[NodePath]]:
    yield paths
    if len(paths) > 1:
        for path in paths:
            yield [path]
    if len(paths) > 2:
        for path in paths:
            yield [other for other in paths if other != path]


def _quantity(system: EquationSystem, name: str, shift: int) -> Name:
    """Return a name with a shift; constants have no shift."""
    return Name(name, 0 if name in system.constants else shift)


def name_instead(system: EquationSystem, found: str, right: str) -> str:
    """Describe the mistake of using one name instead of another."""
    instead = f"{found} where {right} belongs"
    one, other = system.quantities.get(found), system.quantities.get(right)
    if one is None or other is None:
        return f"another quantity: {instead}"
    kinds = (one.kind, other.kind)
    same_neuron = (one.layer, one.index) == (other.layer, other.index)
    if kinds == (Kind.SUM, Kind.ACTIVATION) and same_neuron:
        function = _activation_of(system, other)
        return f"the value before {function} instead of the one after it: {instead}"
    if kinds == (Kind.ACTIVATION, Kind.SUM) and same_neuron:
        function = _activation_of(system, one)
        return f"the value after {function} instead of the one before it: {instead}"
    if one.kind is other.kind:
        match one.kind:
            case Kind.ACTIVATION:
                return f"another neuron's activation: {instead}"
            case Kind.WEIGHT:
                return f"another weight: {instead}"
            case Kind.BIAS:
                return f"another bias: {instead}"
            case Kind.GRADIENT:
                return f"another parameter's gradient: {instead}"
            case Kind.STATE if one.of != other.of:
                return f"another parameter's optimizer state: {instead}"
            case Kind.INPUT | Kind.TARGET:
                which = "the other" if _number_of(system, one.kind) == 2 else "another"
                return f"{which} {one.kind}: {instead}"
            case Kind.SUM | Kind.ERROR:
                return f"another neuron's value: {instead}"
    if {*kinds} == {Kind.INPUT, Kind.TARGET}:
        return f"the {one.kind} instead of the {other.kind}: {instead}"
    return f"another quantity: {instead}"


def _activation_of(system: EquationSystem, quantity: Quantity) -> str:
    return activation_named(system.network.activations[quantity.layer - 1]).words


def _number_of(system: EquationSystem, kind: Kind) -> int:
    return len(system.inputs if kind is Kind.INPUT else system.targets)


def _exchanged(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas in which two names of the same kind are exchanged."""
    used = sorted(
        (name for name in dict.fromkeys(names(rhs)) if name.name in system.quantities),
        key=lambda name: system.quantities[name.name].kind,
    )
    for _, group in itertools.groupby(used, lambda name: system.quantities[name.name].kind):
        for one, other in itertools.combinations(list(group)[:8], 2):
            yield Mistake(
                _with_exchanged(rhs, one, other), f"{one.name} and {other.name} are exchanged"
            )


def _with_exchanged(rhs: Expression, one: Name, other: Name) -> Expression:
    exchange = {one: other, other: one}
    return rename(rhs, lambda name: exchange.get(name, name))


# --- functions ----------------------------------------------------------------------------------


def _activations(rhs: Expression) -> Iterator[Mistake]:
    known = {activation.function: activation for activation in ACTIVATIONS.values()}
    for path, part in nodes_with_paths(rhs):
        match part:
            case Call(function, arguments) if function in known:
                activation = known[function]
                if not activation.takes_layer and function != "linear":
                    yield from _other_activation(rhs, path, activation, arguments)
                for wrong, cause in activation.mistakes(part):
                    yield Mistake(replace_at(rhs, path, wrong), cause)
                if function == "σ":
                    yield from _rounded_e(rhs, path, arguments[0])
            case Name(name) if name.startswith("a_"):
                yield Mistake(
                    replace_at(rhs, path, Call("σ", (part,))),
                    f"the sigmoid is applied once too often, to {name}",
                )
            case Call("sqrt", (argument,)):
                yield Mistake(
                    replace_at(rhs, path, argument),
                    f"the square root of {to_text(argument)} is missing",
                )


def _rounded_e(rhs: Expression, path: NodePath, argument: Expression) -> Iterator[Mistake]:
    """Yield the sigmoid with a typed number for e."""
    for base in (2.718, 2.72, 2.71, 2.7, 2.7183, 2.71828, 3.0):
        power = Operation("^", Number(base), Negative(argument))
        sigmoid = Operation("/", ONE, Operation("+", ONE, power))
        yield Mistake(replace_at(rhs, path, sigmoid), typed_e(base))


def typed_e(base: float) -> str:
    """Describe a number that is typed instead of e."""
    return f"{base:g} instead of e: use EXP"


def _other_activation(
    rhs: Expression, path: NodePath, activation: Activation, arguments: tuple[Expression, ...]
) -> Iterator[Mistake]:
    """Yield the formula without its activation, and with another one."""
    yield Mistake(
        replace_at(rhs, path, arguments[0]),
        f"{activation.words} is missing around {to_text(arguments[0])}",
    )
    for other in ACTIVATIONS.values():
        if other != activation and not other.takes_layer and other.name != "linear":
            yield Mistake(
                replace_at(rhs, path, Call(other.function, arguments)),
                f"{other.words} instead of {activation.words}",
            )


def _bias_corrections(rhs: Expression) -> Iterator[Mistake]:
    """Yield Adam without one or both bias corrections, and with ε under the square root."""

    def corrected(node: Expression) -> tuple[Expression, Expression] | None:
        """Return what a bias correction divides, and by what."""
        match node:
            case Operation("/", Name() as left, right) if Name(ITERATION) in names(right):
                return left, right
        return None

    corrections = 0
    for path, part in nodes_with_paths(rhs):
        if (parts := corrected(part)) is not None:
            corrections += 1
            yield Mistake(
                replace_at(rhs, path, parts[0]),
                f"the bias correction of {to_text(parts[0])} is left out: it must be divided by "
                f"{to_text(parts[1])}",
            )
    if corrections > 1:
        yield Mistake(
            transform(rhs, lambda node: (corrected(node) or (node,))[0]),
            "the bias correction is left out: both averages must be divided by their 1 - βⁿ",
        )
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("+", Call("sqrt", (argument,)), Name("ε") as epsilon):
                inside = Call("sqrt", (Operation("+", argument, epsilon),))
                yield Mistake(
                    replace_at(rhs, path, inside), "ε is added under the square root, not after it"
                )


@lru_cache(maxsize=32)
def variant_systems(system: EquationSystem) -> tuple[tuple[EquationSystem, str, str], ...]:
    """Return systems with another activation in one layer, or another loss.

    Each has the name of its activation or loss, and the name of the right one.
    """
    network, training = system.network, system.training
    found = []
    for layer, kind in enumerate(network.activations):
        for other in ACTIVATIONS.values():
            if other.name != kind and not other.takes_layer:
                changed = (
                    *network.activations[:layer],
                    other.name,
                    *network.activations[layer + 1 :],
                )
                variant = equation_system(
                    replace(network, activations=changed), training, system.sample_count
                )
                found.append((variant, other.words, activation_named(kind).words))
    right = loss_named(training.loss)
    for loss in LOSSES.values():
        if loss != right:
            variant = equation_system(
                network, replace(training, loss=loss.name), system.sample_count
            )
            found.append((variant, loss.words, right.words))
    return tuple(found)


@lru_cache(maxsize=32)
def _update_variants(system: EquationSystem) -> tuple[tuple[EquationSystem, str, bool], ...]:
    """Return systems with other updates, the mistake in words, and whether it affects states."""
    training = system.training
    found: list[tuple[Training, str, bool]] = []
    if system.is_batch:
        if training.update == "batch_mean":
            changed = replace(training, update="batch_sum")
            found.append((changed, "the sum over the samples instead of the mean", True))
        else:
            changed = replace(training, update="batch_mean")
            found.append((changed, "the mean over the samples instead of the sum", True))
    optimizer = optimizer_named(training.optimizer)
    if system.hyperparameters:
        plain = replace(training, optimizer="sgd", nesterov=False, hyperparameters={})
        words = f"{optimizer.left_out} is left out: this is plain gradient descent"
        found.append((plain, words, False))
    states = update_rule(training).states
    found += [
        (changed, words, update_rule(changed).states != states)
        for changed, words in optimizer.variants(training)
    ]
    return tuple(
        (equation_system(system.network, changed, system.sample_count), words, of_state)
        for changed, words, of_state in found
    )


def _other_functions(system: EquationSystem, column: str) -> Iterator[Mistake]:
    """Yield the formula for another activation or another loss."""
    kind = kind_of(column)
    if kind not in (Kind.ACTIVATION, Kind.ERROR, Kind.GRADIENT, Kind.ADJOINT):
        return
    for variant, found, right in variant_systems(system):
        if column in variant.definitions:
            words = f"{found} instead of {right}"
            if kind not in (Kind.ACTIVATION, Kind.ERROR):
                words = f"the derivative of {found} instead of that of {right}"
            yield Mistake(variant.definitions[column], words)


def _update_mistakes(system: EquationSystem, column: str, position: int) -> Iterator[Mistake]:
    """Yield the update of another optimizer, or with other samples."""
    if column not in system.updates:
        return
    is_state = system.quantities[column].kind is Kind.STATE
    if position:
        if not is_state:
            gradient = Name(system.gradient(column), -1)
            step = Operation("*", Name(LEARNING_RATE), gradient)
            yield Mistake(
                Operation("-", Name(column, -1), step),
                "updated after every sample instead of after all samples of an iteration",
            )
        return
    if not is_state:
        yield from itertools.starmap(Mistake, rate_mistakes(column, row_rhs(system, column)))
    for variant, words, of_state in _update_variants(system):
        if column in variant.updates and (of_state or not is_state):
            yield Mistake(row_rhs(variant, column), words)
    if system.is_batch:
        yield from _of_one_sample(system, column)


def _of_one_sample(system: EquationSystem, column: str) -> Iterator[Mistake]:
    """Yield updates with the gradient of one sample instead of those of all samples."""
    rows = system.rows_per_iteration
    for row in range(rows):

        def of_row(node: Expression, row: int = row) -> Expression:
            match node:
                case Call("mean" | "sum", (Name(name),)):
                    return Name(name, row - rows)
            return node

        yield Mistake(
            transform(system.updates[column], of_row),
            f"the gradient of sample {row + 1} alone instead of that of all samples",
        )


# --- parentheses, signs, parts --------------------------------------------------------------------


def _spelled(rhs: Expression) -> str:
    """Return the equation with σ(x) written as 1/(1 + exp(-x)), as in a spreadsheet."""

    def spell_out(node: Expression) -> Expression:
        match node:
            case Call("σ", (argument,)):
                power = Call("exp", (Negative(argument),))
                return Operation("/", ONE, Operation("+", ONE, power))
            case Number(0.5):
                return Number(0.5)
        return node

    return to_text(transform(rhs, spell_out))


def _parentheses(rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with one pair of parentheses left out, or one parenthesis moved."""
    written = _spelled(rhs)
    pairs, stack = [], []
    for at, sign in enumerate(written):
        if sign == "(":
            stack.append(at)
        elif sign == ")":
            pairs.append((stack.pop(), at))
    for opening, closing in pairs:
        inner = written[opening + 1 : closing]
        if opening and written[opening - 1].isalpha():
            continue  # a function keeps its parentheses
        without = f"{written[:opening]} {inner} {written[closing + 1 :]}"
        yield from _parsed(without, f"a missing parenthesis around {inner}")
    if len(written) > MAX_TEXT:
        return
    for opening, closing in pairs:
        without = written[:closing] + written[closing + 1 :]
        for at in range(opening + 1, len(without) + 1):
            if at < len(without) and (without[at].isalnum() or without[at] in "_∂/[]"):
                continue
            moved = f"{without[:at]}){without[at:]}"
            inner = written[opening : closing + 1]
            yield from _parsed(moved, f"a parenthesis in the wrong place: it should be {inner}")
    for at in range(len(written)):
        # An opening parenthesis too far right: (1 - a)*b becomes 1 - (a*b).
        if written[at] == "(" and not (at and written[at - 1].isalpha()):
            without = written[:at] + written[at + 1 :]
            for to in range(at + 1, min(len(without), at + 12)):
                moved = f"{without[:to]}({without[to:]}"
                yield from _parsed(moved, "a parenthesis in the wrong place")


def _parsed(written: str, cause: str) -> Iterator[Mistake]:
    try:
        yield Mistake(parse(written), cause)
    except ValueError:
        return


def _signs(rhs: Expression) -> Iterator[Mistake]:
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("-", left, subtrahend):
                yield Mistake(
                    replace_at(rhs, path, Operation("-", subtrahend, left)),
                    "a wrong sign: the difference is the wrong way round"
                    if part is rhs
                    else f"a wrong sign: {to_text(Operation('-', subtrahend, left))} instead of "
                    f"{to_text(part)}",
                )
                yield Mistake(
                    replace_at(rhs, path, Operation("+", left, subtrahend)),
                    f"a wrong sign: + instead of - {_where(part, rhs)}",
                )
            case Operation("+", left, addend):
                yield Mistake(
                    replace_at(rhs, path, Operation("-", left, addend)),
                    f"a wrong sign: - instead of + {_where(part, rhs)}",
                )
            case Negative(operand):
                yield Mistake(
                    replace_at(rhs, path, operand),
                    f"a wrong sign: {to_text(operand)} instead of {to_text(part)}",
                )
    yield Mistake(Negative(rhs), "a wrong sign: the whole formula is negated")


def _where(part: Operation, rhs: Expression) -> str:
    """Say where an operator is, without the whole formula, which would be the solution."""
    return f"before {_tight(part.right)}" if part is rhs else f"in {to_text(part)}"


def _factors(expression: Expression) -> list[tuple[NodePath, Expression]]:
    match expression:
        case Operation("*", left, right):
            return [((0, *p), f) for p, f in _factors(left)] + [
                ((1, *p), f) for p, f in _factors(right)
            ]
    return [((), expression)]


def _missing(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with a factor, two factors, a term, a divisor or a square left out."""
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("*", _, _):
                factors = _factors(part)
                for left_out in (1, 2):
                    for gone in itertools.combinations(factors[:12], left_out):
                        if left_out == len(factors):
                            continue
                        changed: Expression = part
                        for factor_path, _ in gone:
                            changed = replace_at(changed, factor_path, ONE)
                        missing = "*".join(_tight(factor) for _, factor in gone)
                        yield Mistake(
                            replace_at(rhs, path, changed),
                            f"a missing factor: {missing} is left out",
                        )
            case Operation("+" | "-", left, addend):
                if not isinstance(left, Number):
                    yield Mistake(replace_at(rhs, path, left), _left_out(system, addend))
                yield Mistake(replace_at(rhs, path, addend), _left_out(system, left))
            case Operation("/", left, divisor):
                yield Mistake(
                    replace_at(rhs, path, left), f"the division by {_tight(divisor)} is left out"
                )
            case Operation("^", base, Number(2.0)):
                yield Mistake(
                    replace_at(rhs, path, base), f"the square of {to_text(base)} is missing"
                )
                yield Mistake(
                    replace_at(rhs, path, Operation("*", base, TWO)),
                    f"{to_text(base)} is doubled instead of squared",
                )


def _left_out(system: EquationSystem, term: Expression) -> str:
    if isinstance(term, Name) and term.name in system.biases:
        return f"the bias {term.name} is left out"
    return f"a missing term: {to_text(term)} is left out"


def _tight(part: Expression) -> str:
    written = to_text(part)
    return f"({written})" if isinstance(part, Operation) and part.operator in "+-" else written


def _operators(rhs: Expression) -> Iterator[Mistake]:
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Operation):
            for operator in "+-*/^":
                if operator != part.operator:
                    yield Mistake(
                        replace_at(rhs, path, Operation(operator, part.left, part.right)),
                        f"a wrong operator: {operator} instead of {part.operator} "
                        f"{_where(part, rhs)}",
                    )
    yield Mistake(transform(rhs, _exchange_operators), "a wrong operator: + and * are exchanged")
    # In the written formula, a wrong operator can also split a product: a*b + (1 - a)*c.
    written = _spelled(rhs)
    if len(written) > MAX_TEXT:
        return
    for at, sign in enumerate(written):
        if sign in "*/" and written[at - 1 : at + 2] != "E/∂":
            for operator in "+-*/":
                if operator != sign:
                    yield from _parsed(
                        written[:at] + operator + written[at + 1 :],
                        f"a wrong operator: {operator} instead of {sign} before "
                        f"{_next_factor(written[at + 1 :])}",
                    )


def _exchange_operators(node: Expression) -> Expression:
    if isinstance(node, Operation) and node.operator in "+*":
        return Operation("+*".replace(node.operator, ""), node.left, node.right)
    return node


def _next_factor(rest: str) -> str:
    depth = 0
    for at, sign in enumerate(rest):
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or (depth == 0 and at and sign in "*/ "):
            return rest[:at]
        if depth == 0 and sign == ")":
            return rest[: at + 1]
    return rest


# --- rows and columns -----------------------------------------------------------------------------


def _rows(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    without_row = {*system.constants, ITERATION}
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Name) and part.name not in without_row:
            for shift in (part.shift - 1, part.shift + 1):
                yield Mistake(
                    replace_at(rhs, path, Name(part.name, shift)),
                    f"{wrong_row_words(system)}: {part.name} from {row_words(shift)} instead of "
                    f"from {row_words(part.shift)}",
                )


def wrong_row_words(system: EquationSystem) -> str:
    """Describe a reference to another row; with one row per sample, it is another sample's."""
    if system.is_batch:
        return "a reference to the wrong row, another sample's value"
    return "a reference to the wrong row"


def row_words(shift: int) -> str:
    """Describe a row relative to the formula's own: -1 is ``the row above``."""
    match shift:
        case 0:
            return "the same row"
        case -1:
            return "the row above"
        case 1:
            return "the row below"
    return f"{abs(shift)} rows {'above' if shift < 0 else 'below'}"


def fixed_row_words(where: str, used: Iterable[Name]) -> str:
    """Describe references to the same row everywhere.

    Args:
        where: the row, in words, or its cells.
        used: the names that belong there, with their rows.
    """
    parts = [f"{name.name} of {row_words(name.shift)}" for name in used]
    return f"a fixed row: {where} is used in every row, where {join(parts)} belongs"


def copied_words(column: str) -> str:
    """Describe the formula of another column that was copied with relative references."""
    copied = f"the formula of {column} was copied to this column"
    return f"{copied}: without $, all its references moved too"


def _other_columns(system: EquationSystem, column: str, position: int) -> Iterator[Mistake]:
    kind = kind_of(column)
    for other in system.correct:
        if other != column and (
            len(system.correct) <= MAX_CANDIDATES or system.quantities[other].kind is kind
        ):
            yield Mistake(row_rhs(system, other, position), f"this is the formula of {other}")


def _extra(system: EquationSystem, column: str, rhs: Expression) -> Iterator[Mistake]:
    shift = min((name.shift for name in names(rhs)), default=0)
    halves = [
        Mistake(Operation("*", rhs, Number(factor)), words)
        for factor, words in ((2.0, "an extra factor: 2"), (0.5, "an extra factor: ½"))
    ]
    if kind_of(column) in ERROR_KINDS:  # half of an error is half of it, also where η is 0.5
        yield from halves
    for other in candidates(system, column):
        quantity = _quantity(system, other, shift)
        yield Mistake(Operation("*", rhs, quantity), f"an extra factor: {other}")
        slope = Operation("*", rhs, Operation("-", ONE, quantity))
        yield Mistake(slope, f"an extra factor: 1 - {other}")
    yield from halves
