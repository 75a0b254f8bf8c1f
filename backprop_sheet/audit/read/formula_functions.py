"""The functions of a spreadsheet as arithmetic, and arithmetic that defines a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    ZERO,
    Call,
    Expression,
    Negative,
    Number,
    Operation,
    transform,
    walk,
)
from backprop_sheet.symbolic.functions import CLIP, SMALLEST_ARGUMENT

Grid = tuple[tuple[Expression, ...], ...]  # rows of cells; one row of one cell is a single value

MAX_CELLS = 1_000  # of an array

# Parts of a formula that are no arithmetic; they must not remain in the result.
TEXT = Call("text", ())
CONDITION = Call("condition", ())

E = 2.718281828459045
ROUNDED = "rounded"  # Call(ROUNDED, (x, unit)): x rounded to a unit of the last digit
_ONE_ARGUMENT = {
    "EXP": "exp",
    "SQRT": "sqrt",
    "ABS": "abs",
    "TANH": "tanh",
    "LN": "ln",
    "SIGN": "sign",
}
_WRAPPERS = ("IFERROR", "IFNA", "SINGLE", "N", "VALUE", "NUMBERVALUE", "T")
# Functions whose arguments are arrays; elsewhere a range stands for its cell in the formula's row.
ARRAY_FUNCTIONS = frozenset(
    ("SUM", "PRODUCT", "AVERAGE", "SUMPRODUCT", "SUMSQ", "SUMXMY2", "MMULT", "TRANSPOSE", "MIN",
     "MAX", "INDEX")
)  # fmt: skip
_CONDITIONS = ("ISBLANK", "ISNUMBER", "ISERROR", "ISERR", "ISNA", "ISTEXT", "AND", "OR", "NOT")


class UnreadableFormulaError(ValueError):
    """The formula is damaged, or has more than arithmetic."""


def single(expression: Expression) -> Grid:
    """Return a grid of one cell."""
    return ((expression,),)


def flat(grids: Sequence[Grid]) -> list[Expression]:
    """Return all cells of some grids."""
    return [cell for grid in grids for row in grid for cell in row]


def elementwise(operate: Callable[..., Expression], *grids: Grid) -> Grid:
    """Apply an operation to the cells of grids of the same size; single cells are repeated."""
    if all(len(grid) == 1 and len(grid[0]) == 1 for grid in grids):  # the usual case, for speed
        return ((operate(*(grid[0][0] for grid in grids)),),)
    height = max(len(grid) for grid in grids)
    width = max(len(grid[0]) for grid in grids)
    if height * width > MAX_CELLS:
        raise UnreadableFormulaError("a large array")
    for grid in grids:
        if len(grid) not in (1, height) or len(grid[0]) not in (1, width):
            raise UnreadableFormulaError("arrays of different sizes")

    def cell(grid: Grid, row: int, column: int) -> Expression:
        return grid[row if len(grid) > 1 else 0][column if len(grid[0]) > 1 else 0]

    return tuple(
        tuple(operate(*(cell(grid, row, column) for grid in grids)) for column in range(width))
        for row in range(height)
    )


def operation(operator: str, left: Expression, right: Expression) -> Expression:
    """Build an operation. A comparison becomes 1 or 0: ``x > y`` is ``step(x - y)``."""
    if operator == "&":
        return TEXT
    if operator in ("=", "<>") or TEXT in (left, right):
        return CONDITION
    if operator in (">", ">="):
        return Call("step", (left if right == ZERO else Operation("-", left, right),))
    if operator in ("<", "<="):
        return Call("step", (right if left == ZERO else Operation("-", right, left),))
    return Operation(operator, left, right)


def apply_function(function: str, arguments: Sequence[Grid]) -> Grid:
    """Write a function such as SUM as arithmetic.

    Raises:
        UnreadableFormulaError: the function is not arithmetic.
    """
    match function:
        case "MMULT" if len(arguments) == 2:
            return _matrix_product(*arguments)
        case "TRANSPOSE" if len(arguments) == 1:
            return tuple(zip(*arguments[0], strict=True))
        case "SUMPRODUCT" | "SUMXMY2" | "SUM" | "SUMSQ" | "PRODUCT" | "AVERAGE" | "MIN" | "MAX":
            return single(_aggregate(function, arguments))
        case "IF":
            return single(_choice([grid[0][0] for grid in arguments]))
    if function in _WRAPPERS and arguments:
        return arguments[0]
    if function in _CONDITIONS:
        return single(CONDITION)
    if function in _ONE_ARGUMENT and len(arguments) == 1:
        return elementwise(lambda x: Call(_ONE_ARGUMENT[function], (x,)), arguments[0])
    if function == "POWER" and len(arguments) == 2:
        return elementwise(lambda x, y: Operation("^", x, y), *arguments)
    if (rounded := _rounded(function, flat(arguments))) is not None:
        return single(rounded)
    raise UnreadableFormulaError(f"the function {function}")


def _aggregate(function: str, arguments: Sequence[Grid]) -> Expression:
    cells = flat(arguments)
    match function:
        case "SUM":
            return chain("+", cells)
        case "PRODUCT":
            return chain("*", cells)
        case "AVERAGE":
            return Operation("/", chain("+", cells), Number(float(len(cells))))
        case "SUMSQ":
            return chain("+", [Operation("^", cell, TWO) for cell in cells])
        case "MIN" | "MAX":
            return Call(function.lower(), tuple(cells))
    columns = [flat([argument]) for argument in arguments]
    if len({len(column) for column in columns}) != 1:
        raise UnreadableFormulaError("arrays of different sizes")
    rows = zip(*columns, strict=True)
    if function == "SUMXMY2":
        differences = [chain("-", list(row)) for row in rows]
        return chain("+", [Operation("^", difference, TWO) for difference in differences])
    return chain("+", [chain("*", list(row)) for row in rows])


def _matrix_product(left: Grid, right: Grid) -> Grid:
    if len(left[0]) != len(right) or len(left) * len(right) * len(right[0]) > MAX_CELLS:
        raise UnreadableFormulaError("matrices of other sizes")
    return tuple(
        tuple(
            chain("+", [Operation("*", a, b) for a, b in zip(row, column, strict=True)])
            for column in zip(*right, strict=True)
        )
        for row in left
    )


def _rounded(function: str, arguments: Sequence[Expression]) -> Expression | None:
    """Return ``Call(ROUNDED, (x, unit))``: x may be off by half a unit, or by a unit if it is cut.

    The unit is doubled for functions that cut digits off.
    """
    if not arguments:
        return None
    value, digits = arguments[0], constant(arguments[1]) if len(arguments) > 1 else 0.0
    if digits is None or not -20 <= digits <= 20:
        return None
    match function:
        case "MROUND":
            return Call(ROUNDED, (value, Number(abs(digits))))
        case "ROUND" | "FIXED":
            return Call(ROUNDED, (value, Number(10.0 ** -int(digits))))
        case "ROUNDUP" | "ROUNDDOWN" | "TRUNC":
            return Call(ROUNDED, (value, Number(2 * 10.0 ** -int(digits))))
    return None


def _choice(parts: Sequence[Expression]) -> Expression:
    """Write ``IF(c, a, b)`` as ``c*a + (1 - c)*b``, or shorter if a or b is 0 or 1.

    If one branch shows a text, such as an empty one, the other branch is meant.
    """
    if not 2 <= len(parts) <= 3:
        raise UnreadableFormulaError("the function IF")
    condition, then, *rest = parts
    otherwise = rest[0] if rest else TEXT
    if otherwise == TEXT or then == TEXT:
        return then if otherwise == TEXT else otherwise
    if not (isinstance(condition, Call) and condition.function == "step"):
        if isinstance(otherwise, Number) or then == otherwise:
            return then
        if isinstance(then, Number):
            return otherwise
        raise UnreadableFormulaError("the function IF")
    chosen = condition if then == ONE else Operation("*", condition, then)
    if otherwise == ZERO:
        return chosen
    return Operation("+", chosen, Operation("*", Operation("-", ONE, condition), otherwise))


def chain(operator: str, parts: Sequence[Expression]) -> Expression:
    """Join expressions with an operator."""
    if not parts:
        raise UnreadableFormulaError("a function without arguments")
    return reduce(lambda left, right: Operation(operator, left, right), parts)


def constant(expression: Expression) -> float | None:
    """Return the value of an expression of numbers only; else None."""
    match expression:
        case Number(value):
            return value
        case Negative(operand):
            inner = constant(operand)
            return None if inner is None else -inner
        case Operation("+" | "-" | "*" | "/" as sign, left, right):
            a, b = constant(left), constant(right)
            if a is None or b is None or (sign == "/" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}.get(sign, a / (b or 1.0))
    return None


def without_rounding(expression: Expression) -> Expression:
    """Return a formula without ROUND and the like."""
    if not any(isinstance(node, Call) and node.function == ROUNDED for node in walk(expression)):
        return expression

    def bare(node: Expression) -> Expression:
        match node:
            case Call("rounded", (value, _)):
                return value
        return node

    return transform(expression, bare)


def is_arithmetic(expression: Expression) -> bool:
    """Whether nothing is left of texts and conditions."""
    return not any(
        isinstance(node, Call) and node.function in ("text", "condition")
        for node in walk(expression)
    )


def recognize(node: Expression) -> Expression:
    """Turn definitions of functions into calls: ``1/(1 + exp(-x))`` into ``σ(x)``.

    The bounds of :mod:`backprop_sheet.symbolic.functions` are recognized too.
    """
    match node:
        case Operation("^", Call("exp", (Number(1.0),)) | Number(2.718281828459045), x):
            return Call("exp", (x,))
        case Operation("/", Number(1.0), Operation("+", Number(1.0), Call("exp", (exponent,)))):
            return _sigmoid(exponent) or node
        case Operation("/", Number(1.0), Operation("+", Call("exp", (exponent,)), Number(1.0))):
            return _sigmoid(exponent) or node
        case Call("max", (Number(0.0), x)) | Call("max", (x, Number(0.0))):
            return Call("relu", (x,))
        case Call("min", (Call("relu", _) as inner, Number(value))) if value == CLIP:
            return inner
        case Call("max", (Call("min", (x, Number(high))), Negative(Number(low)))) if (
            high == low == CLIP
        ):
            return x
        case Call("ln", (Call("max", (x, Number(value))),)) if value == SMALLEST_ARGUMENT:
            return Call("ln", (x,))
    return node


def _sigmoid(exponent: Expression) -> Expression | None:
    match exponent:
        case Negative(x) | Call("min", (Negative(x), Number())):
            return Call("σ", (x,))
        case Operation("*", Negative(Number(1.0)), x) | Operation("*", x, Negative(Number(1.0))):
            return Call("σ", (x,))
    return None
