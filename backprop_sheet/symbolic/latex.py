"""Write expressions in LaTeX, in the notation of textbooks.

All commands are available in amsmath, MathJax (GitHub), KaTeX and matplotlib's mathtext.
"""

from __future__ import annotations

import re

from backprop_sheet.symbolic.expressions import Call, Expression, Name, Negative, Number, Operation
from backprop_sheet.symbolic.functions import function_named
from backprop_sheet.symbolic.rendering import ATOM, PRECEDENCE, Writer, plain_number

# A fraction with a wider numerator or denominator is written with a slash: it can be broken across
# lines.
MAX_FRACTION_WIDTH = 40.0

_FRACTION = 5  # needs parentheses in a power, but not in a product
_OPERAND = 4  # the right operand of a binary operator: a - (-b)

_GREEK = {
    "η": r"\eta", "μ": r"\mu", "ρ": r"\rho", "β": r"\beta", "ε": r"\varepsilon", "λ": r"\lambda",
}  # fmt: skip
_INDEXED = re.compile(r"([A-Za-zβ])(\d+)")  # w12, β1
_DEEP_HIDDEN = re.compile(r"h(\d+)_(\d+)")  # h2_1: neuron 1 of hidden layer 2
_OF_ANOTHER = re.compile(r"([amsv])_(\w+)")  # a_h1, v_w5
_DERIVATIVE = re.compile(r"∂(\w+)/∂(\w+)")
_WORD_INDEX = re.compile(r"([A-Za-z])_([a-z]{2,})")  # E_total
_SCIENTIFIC = re.compile(r"(-?[\d.]+)[eE]([+-]?\d+)")


def to_latex(expression: Expression) -> str:
    """Return an expression in LaTeX's math mode. The shift of a name is not written."""
    return _WRITER(expression, 0)


def name_to_latex(name: str, sample: str = "") -> str:
    """Return a quantity's name in LaTeX: ``w_{1}``, ``a_{h_1}``, ``h^{(1)}_{2}`` for ``h1_2``.

    Args:
        sample: for a derivative, the index of the sample whose error is differentiated.
    """
    if match := _DERIVATIVE.fullmatch(name):
        of, by = map(name_to_latex, match.groups())
        of = f"{of}^{{({sample})}}" if sample else of
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"
    if match := _DEEP_HIDDEN.fullmatch(name):
        return f"h^{{({match[1]})}}_{{{match[2]}}}"
    if match := _INDEXED.fullmatch(name):
        return f"{_GREEK.get(match[1], match[1])}_{{{match[2]}}}"
    if match := _WORD_INDEX.fullmatch(name):
        return rf"{match[1]}_{{\text{{{match[2]}}}}}"
    if match := _OF_ANOTHER.fullmatch(name):
        # A single digit in a nested index needs no braces.
        of = re.sub(r"_{(.)}", r"_\1", name_to_latex(match[2]))
        return f"{match[1]}_{{{of}}}"
    return _GREEK.get(name, name if len(name) == 1 else rf"\text{{{name}}}")


def parenthesize(latex: str) -> str:
    """Put parentheses around LaTeX; they grow with its height if it fits into one line."""
    if re.search(r"\\(frac|sum|sqrt)", latex) and width(latex) <= MAX_FRACTION_WIDTH:
        return rf"\left({latex}\right)"
    return f"({latex})"


def width(latex: str) -> float:
    """Estimate the printed width of LaTeX, in widths of a digit.

    It understands the output of :func:`to_latex`. The estimate is rather too wide than too narrow.
    """
    total, _ = _width(_TOKEN.findall(latex), 0, end="")
    return total


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]")
_WIDTHS = {
    r"\cdot": 1.5, r"\times": 2.6, r"\leftarrow": 3.2, r"\sum": 3.0, r"\max": 3.6, r"\min": 3.6,
    r"\tanh": 4.4, r"\ln": 2.2, r"\quad": 2.0, r"\partial": 1.2, r"\left": 0.3, r"\right": 0.3,
    r"\sqrt": 1.8, r"\text": 0.0, r"\mathrm": 0.0, r"\vert": 0.6,
    "+": 2.6, "-": 2.4, "=": 2.8, "(": 0.8, ")": 0.8, ".": 0.6, ",": 0.9, "&": 0.0, "/": 1.0,
    "w": 1.5, "m": 1.8, "E": 1.6, "S": 1.4,
}  # fmt: skip
_SCRIPT = 0.75


def _width(tokens: list[str], at: int, end: str) -> tuple[float, int]:
    """Return the width of the tokens up to ``end``, and the index of ``end``."""
    total = 0.0
    while at < len(tokens) and tokens[at] != end:
        token = tokens[at]
        if token == r"\frac":
            above, at = _argument(tokens, at + 1)
            below, at = _argument(tokens, at)
            total += max(above, below) + 0.6
        elif token in "_^":
            script, at = _argument(tokens, at + 1)
            total += _SCRIPT * script
        elif token == "{":
            inner, at = _argument(tokens, at)
            total += inner
        else:
            total += _WIDTHS.get(token, 1.2 if token.startswith("\\") or token.isalpha() else 1.0)
            at += 1
    return total, at


def _argument(tokens: list[str], at: int) -> tuple[float, int]:
    """Return the width of a command's argument (a token or a group in braces), and its end."""
    if at < len(tokens) and tokens[at] == "{":
        inner, at = _width(tokens, at + 1, end="}")
        return inner, at + 1
    return 1.0, at + 1


def _number(node: Number) -> str:
    if node.written == "½":
        return r"\frac{1}{2}"
    written = node.written or plain_number(node.value)
    if match := _SCIENTIFIC.fullmatch(written):
        return rf"{match[1]} \times 10^{{{int(match[2])}}}"
    return written


def _call(node: Call, write: Writer) -> tuple[str, int]:
    function, arguments = function_named(node.function), node.arguments
    if function.written is not None:
        return write.with_precedence(function.written(node))
    match node:
        case Call("exp", (argument,)):
            return _power_of_e(argument, write), PRECEDENCE["^"]
        case Call("sqrt", (argument,)):
            return rf"\sqrt{{{write(argument, 0)}}}", ATOM
        case Call("mean" | "sum", (Name() as name,)):
            share = r"\frac{1}{S}" if function.name == "mean" else ""
            summed = rf"{share}\sum_{{s=1}}^{{S}} {name_to_latex(name.name, 's')}"
            return summed, _FRACTION
    listed = function.latex_arguments.format(
        ", ".join(write(argument, 0) for argument in arguments)
    )
    written = function.latex or rf"\mathrm{{{function.name}}}"
    return written + parenthesize(listed), ATOM


class _LatexWriter(Writer):
    def __call__(self, expression: Expression, minimum: int) -> str:
        written, precedence = self.with_precedence(expression)
        return parenthesize(written) if precedence < minimum else written


def _power_of_e(exponent: Expression, write: Writer) -> str:
    return f"e^{{{write(exponent, 0)}}}"


def _operation(node: Operation, write: Writer) -> tuple[str, int]:
    precedence = PRECEDENCE[node.operator]
    match node:
        case Operation("/", left, right):
            return _fraction(*write.with_precedence(left), *write.with_precedence(right))
        case Operation("^", left, right):
            base, binding = write.with_precedence(left)
            # x^{(1)}^{2} is not LaTeX, and 3 \times 10^{-7} is a product.
            if binding <= _FRACTION or re.search(r"\^|\\frac|\\times", _top(base)):
                base = parenthesize(base)
            return f"{base}^{{{write(right, 0)}}}", precedence
        case Operation("*", left, right):
            # Without parentheses, the sum over the samples would include what follows it.
            first = write(left, precedence)
            if isinstance(left, Call) and left.function in ("mean", "sum"):
                first = parenthesize(first)
            return rf"{first} \cdot {write(right, max(precedence + 1, _OPERAND))}", precedence
    first, second = write(node.left, precedence), write(node.right, precedence + 1)
    if isinstance(node.right, Negative):
        second = parenthesize(second)
    return f"{first} {node.operator} {second}", precedence


def _top(latex: str) -> str:
    """Return LaTeX without its groups in braces."""
    while (shorter := re.sub(r"{[^{}]*}", "", latex)) != latex:
        latex = shorter
    return latex


def _fraction(above: str, above_binds: int, below: str, below_binds: int) -> tuple[str, int]:
    if max(width(above), width(below)) <= MAX_FRACTION_WIDTH:
        return rf"\frac{{{above}}}{{{below}}}", _FRACTION
    if above_binds < PRECEDENCE["/"]:
        above = parenthesize(above)
    if below_binds <= PRECEDENCE["/"]:
        below = parenthesize(below)
    return f"{above} / {below}", PRECEDENCE["/"]


_WRITER = _LatexWriter(
    number=_number,
    name=lambda node: name_to_latex(node.name),
    operation=_operation,
    call=_call,
    after_minus=PRECEDENCE["*"],
)
