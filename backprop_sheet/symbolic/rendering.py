"""Write expressions as text and as Excel formulas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)
from backprop_sheet.symbolic.functions import excel_name, function_named, spell_out

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
NEGATIVE = 3  # -x*y is (-x)*y, and -x^2 is -(x^2) as in mathematics
ATOM = 9  # of names, numbers and calls, which never need parentheses

_DERIVATIVE_BEFORE_OPERATOR = re.compile(r"(∂\w+/∂\w+(?:\[n[+-]\d+\])?)(?=[*/²^])")


def to_excel(
    expression: Expression,
    cell: Callable[[Name], str],
    samples: Callable[[Name], str] | None = None,
) -> str:
    """Return an Excel formula without the leading ``=``.

    Args:
        cell: gives the reference ("K7") of a name.
        samples: gives the range ("K7:K10") of a name over the samples of an iteration; needed if
            the expression has a mean or a sum over the samples.
    """

    def call(node: Call, write: Writer) -> tuple[str, int]:
        function, arguments = node.function, node.arguments
        if template := function_named(function).excel_call:
            return template.format(*(write(argument, 0) for argument in arguments)), ATOM
        name = excel_name(function)
        if function in ("mean", "sum") and samples and isinstance(arguments[0], Name):
            return f"{name}({samples(arguments[0])})", ATOM
        if (definition := spell_out(node)) is not None:
            return write.with_precedence(definition)
        return f"{name}({','.join(write(argument, 0) for argument in arguments)})", ATOM

    def operation(node: Operation, write: Writer) -> tuple[str, int]:
        return infix(node, write, space="")

    # Excel reads -x^2 as (-x)^2, so a power after a minus needs parentheses.
    writer = Writer(
        number=lambda node: plain_number(node.value),
        name=cell,
        operation=operation,
        call=call,
        after_minus=PRECEDENCE["^"] + 1,
        negated_by_first="*/",
    )
    return writer(expression, 0)


def to_text(
    expression: Expression,
    name: Callable[[Name], str] = lambda n: n.key,
    *,
    cell: Callable[[CellReference], str] = lambda reference: reference.key,
    spaced_products: bool = False,
) -> str:
    """Return an expression in the project's notation, which :func:`parse` can read.

    A derivative that another operator follows is in parentheses: ``(∂E/∂w1)*x``.

    Args:
        name: gives the text of a name.
        cell: gives the text of a reference to a cell.
        spaced_products: write spaces around ``*`` instead of these parentheses, as in a chain
            rule: ``∂E/∂h1 * ∂h1/∂w1``.
    """

    def call(node: Call, write: Writer) -> tuple[str, int]:
        if (written := function_named(node.function).written) is not None:
            return write.with_precedence(written(node))
        arguments = ", ".join(write(argument, 0) for argument in node.arguments)
        return f"{node.function}({arguments})", ATOM

    def operation(node: Operation, write: Writer) -> tuple[str, int]:
        match node:
            case Operation("^", left, Number(2.0)):
                return write(left, PRECEDENCE["^"] + 1) + "²", PRECEDENCE["^"]
        return infix(node, write, space=" ")

    writer = Writer(
        number=lambda node: node.written or plain_number(node.value),
        name=name,
        cell=cell,
        operation=operation,
        call=call,
        after_minus=NEGATIVE,
        negated_by_first="*/",
    )
    text = writer(expression, 0)
    if spaced_products:
        return text.replace("*", " * ")
    return _DERIVATIVE_BEFORE_OPERATOR.sub(r"(\1)", text)


def plain_number(value: float) -> str:
    """Return a number as a person would type it into a cell: 1, 0.5, 700, 1E+20."""
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return repr(float(value)).upper()


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Writes a tree in infix notation without unnecessary parentheses.

    For the operators in ``negated_by_first``, the minus of a negated operation is written before
    its first operand: ``-x*y`` instead of ``-(x*y)``.
    """

    number: Callable[[Number], str]
    name: Callable[[Name], str]
    operation: Callable[[Operation, Writer], tuple[str, int]]
    call: Callable[[Call, Writer], tuple[str, int]]
    after_minus: int
    negated_by_first: str = "*"
    cell: Callable[[CellReference], str] = lambda reference: reference.key

    def __call__(self, expression: Expression, minimum: int) -> str:
        """Write an expression, in parentheses if it binds less tightly than ``minimum``."""
        written, precedence = self.with_precedence(expression)
        return f"({written})" if precedence < minimum else written

    def with_precedence(self, expression: Expression) -> tuple[str, int]:
        """Write an expression, and return its precedence."""
        match expression:
            case Number(value):
                return self.number(expression), 1 if value < 0 else ATOM
            case Name():
                return self.name(expression), ATOM
            case CellReference():
                return self.cell(expression), ATOM
            case Negative(Operation(sign, left, right) as product) if (
                sign in self.negated_by_first
                and not self.operation(product, self)[0].startswith("-")
            ):
                return self.with_precedence(Operation(sign, Negative(left), right))
            case Negative(operand):
                return "-" + self(operand, self.after_minus), NEGATIVE
            case Operation():
                return self.operation(expression, self)
            case Call():
                return self.call(expression, self)
        raise TypeError(f"not an expression: {expression!r}")


def infix(node: Operation, write: Writer, space: str) -> tuple[str, int]:
    """Write an operation with its operator between the operands, and return its precedence."""
    precedence = PRECEDENCE[node.operator]
    around = space if precedence == 1 else ""
    left = write(node.left, precedence + (node.operator == "^"))
    return f"{left}{around}{node.operator}{around}{write(node.right, precedence + 1)}", precedence
