"""Expression trees: the right-hand sides of a network's equations.

A tree is built from numbers, names, a unary minus, binary operations and function calls. A name
with a shift refers to another iteration: ``Name("w1", -1)`` is ``w1[n-1]``, w1 of the previous
iteration. Formulas of a spreadsheet can also refer to cells that hold no known quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import is_not


@dataclass(frozen=True, slots=True)
class Number:
    """A constant; ``written`` is its spelling in text if that is not the number itself ("½")."""

    value: float
    written: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A quantity. ``shift`` counts iterations: 0 is the same iteration, -1 the previous one."""

    name: str
    shift: int = 0

    @property
    def key(self) -> str:
        """The name as text and as a key of values: ``w1``, ``w1[n-1]``."""
        return self.name if self.shift == 0 else f"{self.name}[n{self.shift:+d}]"


@dataclass(frozen=True, slots=True)
class CellReference:
    """A cell of a spreadsheet that holds no known quantity.

    Attributes:
        sheet: the title of its sheet; "" for the sheet of the formula.
        row, column: count from 1.
    """

    sheet: str
    row: int
    column: int

    @property
    def key(self) -> str:
        """A key of values, different from the keys of all names: ``Sheet1!R5C2``."""
        return f"{self.sheet}!R{self.row}C{self.column}"


@dataclass(frozen=True, slots=True)
class Negative:
    """A unary minus."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and one of the operators ``+ - * / ^``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function of :mod:`backprop_sheet.symbolic.functions` and its arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | CellReference | Negative | Operation | Call

ZERO, ONE, TWO = Number(0.0), Number(1.0), Number(2.0)


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the direct subexpressions of an expression, in reading order."""
    # Trees are walked all the time; class patterns of a match statement take three times as long.
    if isinstance(expression, Operation):
        return (expression.left, expression.right)
    if isinstance(expression, Call):
        return expression.arguments
    if isinstance(expression, Negative):
        return (expression.operand,)
    return ()


def with_children(expression: Expression, parts: tuple[Expression, ...]) -> Expression:
    """Return the same node with other subexpressions, as many as :func:`children` gives."""
    if isinstance(expression, Operation):
        return Operation(expression.operator, *parts)
    if isinstance(expression, Call):
        return Call(expression.function, parts)
    if isinstance(expression, Negative):
        return Negative(*parts)
    return expression


def transform(
    expression: Expression,
    change: Callable[[Expression], Expression],
    *,
    is_leaf: Callable[[Expression], bool] | None = None,
) -> Expression:
    """Rebuild a tree from its leaves up, applying ``change`` to each node.

    A node is passed to ``change`` after its subexpressions have been changed.

    Args:
        is_leaf: for which nodes the subexpressions stay as they are.
    """
    parts = () if is_leaf is not None and is_leaf(expression) else children(expression)
    if parts:
        changed = tuple([transform(part, change, is_leaf=is_leaf) for part in parts])
        if any(map(is_not, changed, parts)):
            expression = with_children(expression, changed)
    return change(expression)


def rename(expression: Expression, change: Callable[[Name], Expression]) -> Expression:
    """Replace every name by what ``change`` returns for it."""
    return transform(expression, lambda node: change(node) if isinstance(node, Name) else node)


def substitute(expression: Expression, definitions: Mapping[str, Expression]) -> Expression:
    """Replace names by their ``definitions``; names with a shift stay."""

    def definition(name: Name) -> Expression:
        return definitions.get(name.name, name) if name.shift == 0 else name

    return rename(expression, definition)


NodePath = tuple[int, ...]  # from the root to a node: the index of the child at each level


def nodes_with_paths(
    expression: Expression, path: NodePath = ()
) -> Iterator[tuple[NodePath, Expression]]:
    """Yield every node with its path, parents before their subexpressions, in reading order."""
    yield path, expression
    for index, child in enumerate(children(expression)):
        yield from nodes_with_paths(child, (*path, index))


def replace_at(expression: Expression, path: NodePath, new: Expression) -> Expression:
    """Replace the node at a path."""
    if not path:
        return new
    index, *rest = path
    parts = list(children(expression))
    parts[index] = replace_at(parts[index], tuple(rest), new)
    return with_children(expression, tuple(parts))


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield every node, parents before their subexpressions, in reading order."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def names(expression: Expression) -> list[Name]:
    """Return the names in reading order, each as often as it occurs."""
    found: list[Name] = []
    waiting = [expression]
    while waiting:  # as walk does, and faster
        node = waiting.pop()
        if isinstance(node, Name):
            found.append(node)
        elif isinstance(node, Operation):
            waiting += (node.right, node.left)
        else:
            waiting += reversed(children(node))
    return found


def plain_names(expression: Expression) -> set[str]:
    """Return the names that occur, whatever their iterations."""
    return {name.name for name in names(expression)}


def references(expression: Expression) -> Iterator[Name | CellReference]:
    """Yield the names and the references to cells in reading order, each as often as it occurs."""
    return (node for node in walk(expression) if isinstance(node, (Name, CellReference)))


def cell_references(expression: Expression) -> Iterator[CellReference]:
    """Yield the references to cells in reading order, each as often as it occurs."""
    return (node for node in walk(expression) if isinstance(node, CellReference))


def replace_leaf(expression: Expression, leaf: Expression, new: Expression) -> Expression:
    """Replace a leaf wherever it occurs."""
    return transform(expression, lambda node: new if node == leaf else node)


def add_up(terms: Iterable[Expression]) -> Expression:
    """Return the sum of one or more terms, from left to right."""
    return reduce(lambda left, right: Operation("+", left, right), terms)


def size(expression: Expression) -> int:
    """Count the leaves (names and numbers) of a tree."""
    return sum(not children(node) for node in walk(expression))
