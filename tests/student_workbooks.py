"""Workbooks of exercises as people make them, with nothing of this project's own code in them.

A :class:`Table` is one student's table: its place, order, headers, spellings and mistakes; a
:class:`Transposed` or a :class:`Form` is the same table in another layout. A :class:`Book` holds
the cells of some sheets, computes them by an evaluator of its own, and writes them with the values
stored. :func:`mistakes_in` is the oracle for the default exercise: what the table should have said,
cell by cell, by formulas that are written here a second time. Tables of other networks are at the
end.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import xlsxwriter
from xlsxwriter.utility import xl_cell_to_rowcol, xl_rowcol_to_cell

Content = float | int | str | None  # a text that starts with "=" is a formula

# ---------------------------------------------------------------------------------------------
# The evaluator


class CellError(Exception):
    """An error value: ``#NUM!``, ``#DIV/0!`` …"""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:E[+-]?\d+)?|\.\d+)"
    r"|(?P<error>#REF!|#DIV/0!|#NUM!|#VALUE!|#N/A|#NAME\?)"
    r"|(?P<range>(?:(?:'[^']+'|\w+)!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?(?![\w(]))"
    r"|(?P<word>[^\W\d][\w.]*)"
    r"|(?P<sign>[-+*/^%(),]))"
)


def _number(value: Content) -> float:
    """A cell's value in arithmetic: a blank is 0, a text that reads as a number is that number."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise CellError("#VALUE!") from None
    return float(value)


def _power(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        raise CellError("#DIV/0!")
    try:
        result = base**exponent
    except OverflowError:
        raise CellError("#NUM!") from None
    if isinstance(result, complex):
        raise CellError("#NUM!")
    return result


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        raise CellError("#NUM!") from None


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise CellError("#DIV/0!")
    return left / right


_OPERATORS: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "+": (1, lambda a, b: a + b),
    "-": (1, lambda a, b: a - b),
    "*": (2, lambda a, b: a * b),
    "/": (2, _divide),
    "^": (3, _power),
}
_SIGN = 4  # in a spreadsheet -2^2 is 4


class _Evaluation:
    """One formula's value, by precedence climbing straight over its tokens."""

    def __init__(self, book: Book, sheet: str, formula: str) -> None:
        self.book, self.sheet, self.at = book, sheet, 0
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(formula):
            match = _TOKEN.match(formula, position)
            if match is None:
                raise ValueError(f"cannot read {formula[position:]!r} in {formula!r}")
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        self.formula = formula

    def result(self) -> float:
        value = self.expression(0)
        if self.at != len(self.tokens):
            raise ValueError(f"{self.formula!r} does not end where it should")
        return value

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def expression(self, minimum: int) -> float:
        left = self.operand()
        while (sign := self.peek()) == "%" or _OPERATORS.get(sign, (-1,))[0] > minimum:
            self.at += 1
            if sign == "%":
                left /= 100
            else:
                strength, function = _OPERATORS[sign]
                left = function(left, self.expression(strength))
        return left

    def operand(self) -> float:
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(text)
        if kind == "error":
            raise CellError(text)
        if kind == "range":
            return _number(self.values(text)[0])
        if kind == "word" and self.peek() == "(":
            return self.call(text)
        if kind == "word":
            sheet, cell = self.book.names[text]
            return _number(self.book.value(sheet, *xl_cell_to_rowcol(cell)))
        if text in "+-":
            value = self.expression(_SIGN)
            return -value if text == "-" else value
        if text == "(":
            value = self.expression(0)
            assert self.peek() == ")", self.formula
            self.at += 1
            return value
        raise ValueError(f"{text!r} in {self.formula!r}")

    def values(self, text: str) -> list[Content]:
        sheet, _, cells = text.rpartition("!")
        sheet = sheet.strip("'") or self.sheet
        first, _, last = cells.replace("$", "").partition(":")
        top, left = xl_cell_to_rowcol(first)
        bottom, right = xl_cell_to_rowcol(last or first)
        return [
            self.book.value(sheet, row, column)
            for row in range(top, bottom + 1)
            for column in range(left, right + 1)
        ]

    def call(self, function: str) -> float:
        self.at += 1  # the bracket
        arguments: list[list[float]] = []
        while True:
            kind, text = self.tokens[self.at]
            alone = self.tokens[self.at + 1][1] in ",)"
            if kind == "range" and alone:
                self.at += 1
                found = self.values(text)
                if function in ("SUM", "PRODUCT", "AVERAGE"):  # these pass over text and blanks
                    arguments.append([v for v in found if isinstance(v, int | float)])
                else:
                    arguments.append([_number(value) for value in found])
            else:
                arguments.append([self.expression(0)])
            self.at += 1
            if self.tokens[self.at - 1][1] == ")":
                break
        flat = [value for argument in arguments for value in argument]
        if function == "SUMPRODUCT":
            return sum(math.prod(together) for together in zip(*arguments, strict=True))
        if function == "AVERAGE":
            return _divide(sum(flat), len(flat))
        return {
            "EXP": lambda: _exp(*flat),
            "POWER": lambda: _power(*flat),
            "SUM": lambda: sum(flat),
            "PRODUCT": lambda: math.prod(flat),
            "ABS": lambda: abs(*flat),
            "MAX": lambda: max(flat),
            "MIN": lambda: min(flat),
        }[function]()


def is_formula(content: Content) -> TypeGuard[str]:
    """Whether a cell computes something; the text "=" alone does not."""
    return isinstance(content, str) and content.startswith("=") and len(content) > 1


class Book:
    """Sheets of cells; the order of both is the order in which they were filled."""

    def __init__(self) -> None:
        self.sheets: dict[str, dict[tuple[int, int], Content]] = {}
        self.names: dict[str, tuple[str, str]] = {}
        self.charts: list[tuple[str, int, int, tuple[int, int, int]]] = []
        self._values: dict[tuple[str, int, int], Content | CellError] = {}

    def put(self, sheet: str, row: int, column: int, content: Content) -> None:
        self.sheets.setdefault(sheet, {})[row, column] = content

    def value(self, sheet: str, row: int, column: int) -> Content:
        """What the cell shows.

        Raises:
            CellError: it shows an error.
        """
        key = (sheet, row, column)
        if key not in self._values:
            content = self.sheets[sheet].get((row, column))
            if is_formula(content):
                try:
                    content = _Evaluation(self, sheet, content[1:]).result()
                    if not math.isfinite(content):
                        raise CellError("#NUM!")
                except CellError as error:
                    self._values[key] = error
                    raise
            self._values[key] = content
        known = self._values[key]
        if isinstance(known, CellError):
            raise known
        return known

    def shown(self, sheet: str, row: int, column: int) -> Content:
        """The same, an error as its text."""
        try:
            return self.value(sheet, row, column)
        except CellError as error:
            return error.code

    def write_cells(
        self, sheet: xlsxwriter.worksheet.Worksheet, head: Any, plain: Any = None
    ) -> None:
        """Write a sheet's cells: texts in the format ``head``, the others in ``plain``."""
        name = sheet.get_name()
        cells = self.sheets[name]
        for row, column in sorted(cells):
            content = cells[row, column]
            if is_formula(content):
                sheet.write_formula(row, column, content, plain, self.shown(name, row, column))
            elif isinstance(content, str):
                sheet.write_string(row, column, content, head)
            elif content is not None:
                sheet.write_number(row, column, content, plain)

    def write(self, path: Path, *, shared: bool = False) -> Path:
        """Write it. ``shared`` keeps a dragged formula once, as Excel does on saving."""
        book = xlsxwriter.Workbook(path)
        head = book.add_format({"bold": True, "bg_color": "#FFE699"})
        for name in self.sheets:
            self.write_cells(book.add_worksheet(name), head)
        for name, row, column, (first, last, values) in self.charts:
            chart = book.add_chart({"type": "line"})
            chart.add_series({"values": [name, first, values, last, values]})
            book.get_worksheet_by_name(name).insert_chart(row, column, chart)
        for name, (sheet, cell) in self.names.items():
            book.define_name(name, f"='{sheet}'!{cell}")
        book.close()
        if shared:
            rewrite(path, lambda name, data: _share(data) if "worksheets/sheet" in name else data)
        return path


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Pass each part of a workbook through ``change``; a part that becomes None is left out."""
    with zipfile.ZipFile(path) as archive:
        parts = [(name, change(name, archive.read(name))) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            if data is not None:
                archive.writestr(name, data)
    return path


_CELL = re.compile(r'<c r="([A-Z]+)(\d+)"([^>]*)><f>([^<]*)</f><v>([^<]*)</v></c>')
_REFERENCE = re.compile(r"(?<![\w!'])(\$?)([A-Z]{1,3})(\$?)(\d+)(?![\w(])")


def moved(formula: str, rows: int, columns: int) -> str:
    """The formula as it reads after dragging it by so many rows and columns."""

    def move(match: re.Match[str]) -> str:
        row, column = xl_cell_to_rowcol(match[2] + match[4])
        row += 0 if match[3] else rows
        column += 0 if match[1] else columns
        if row < 0 or column < 0:
            return "#REF!"
        return xl_rowcol_to_cell(row, column, bool(match[3]), bool(match[1]))

    return _REFERENCE.sub(move, formula)


def _share(data: bytes) -> bytes:
    text = data.decode()
    runs: dict[str, list[tuple[int, str]]] = {}
    number, plan = 0, {}
    for match in _CELL.finditer(text):
        runs.setdefault(match[1], []).append((int(match[2]), match[4]))
    for column, cells in runs.items():
        start = 0
        for at in range(1, len(cells) + 1):
            first, formula = cells[start]
            distance = at - start
            if at < len(cells) and cells[at] == (first + distance, moved(formula, distance, 0)):
                continue
            if distance > 1:
                where = f"{column}{first}:{column}{first + distance - 1}"
                plan[f"{column}{first}"] = (
                    f'<f t="shared" ref="{where}" si="{number}">{formula}</f>'
                )
                for row in range(first + 1, first + distance):
                    plan[f"{column}{row}"] = f'<f t="shared" si="{number}"/>'
                number += 1
            start = at

    def replace(match: re.Match[str]) -> str:
        formula = plan.get(match[1] + match[2], f"<f>{match[4]}</f>")
        return f'<c r="{match[1]}{match[2]}"{match[3]}>{formula}<v>{match[5]}</v></c>'

    return _CELL.sub(replace, text).encode()


# ---------------------------------------------------------------------------------------------
# What people call things, and how they spell the formulas

GIVEN = {"t1": 0.01, "t2": 0.99, "i1": 0.05, "i2": 0.1}
WEIGHTS = {f"w{number}": round(0.1 + 0.05 * number, 2) for number in range(1, 5)} | {
    f"w{number}": round(0.15 + 0.05 * number, 2) for number in range(5, 9)
}
GRADIENTS = tuple(f"∂E/∂w{number}" for number in range(1, 9))
COURSE_ORDER = (
    *("t1", "t2", "i1", "i2", "w1", "w2", "w3", "w4", "h1", "a_h1", "h2", "a_h2"),
    *("w5", "w6", "w7", "w8", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total"),
    *GRADIENTS,
)
HELPERS = ("∂E/∂a_h1", "∂E/∂a_h2")
_SUBSCRIPTS = str.maketrans("12345678", "₁₂₃₄₅₆₇₈")


def _dialect(
    *,
    total: str = "E_total",
    activation: str = "a_{}",
    gradient: str = "∂E/∂{}",
    sums: str = "{}",
    finish: Callable[[str], str] = str,
) -> Callable[[str], str]:
    def header(name: str) -> str:
        if name == "E_total":
            text = total
        elif name.startswith("∂E/∂"):
            text = gradient.format(name.removeprefix("∂E/∂"))
        elif name.startswith("a_"):
            text = activation.format(name.removeprefix("a_"))
        elif name[0] in "ho":
            text = sums.format(name)
        else:
            text = name
        return finish(text)

    return header


DIALECTS: dict[str, Callable[[str], str]] = {
    "course": _dialect(),
    "E_tot": _dialect(total="E_tot", gradient="∂E_tot/∂{}"),
    "out_": _dialect(activation="out_{}", gradient="∂E_total/∂{}"),
    "capitals": _dialect(total="E_TOTAL", gradient="∂E_TOTAL/∂{}", finish=str.upper),
    "capital W": _dialect(gradient="∂E_total/∂{}", finish=lambda text: text.replace("w", "W")),
    "delta": _dialect(total="Etotal", gradient="δE_tot/δ{}", activation="a{}"),
    "bare": _dialect(total="E_Total", gradient="E∂{}", activation="a{}"),
    "dw": _dialect(gradient="d{}"),
    "dE/dw": _dialect(total="E_Tot", gradient="dE/d{}", activation="out_{}", sums="net_{}"),
    "subscripts": _dialect(finish=lambda text: text.translate(_SUBSCRIPTS)),
    "a with a small h": _dialect(
        finish=lambda text: text.replace("a_h", "aₕ").replace("a_o", "aₒ").translate(_SUBSCRIPTS)
    ),
    "difference": _dialect(gradient="ΔE/Δ{}", activation="out_{}"),
    "spaces": _dialect(
        total="E total", gradient="∂E / ∂{}", activation="a {}", finish=lambda text: f" {text}  "
    ),
    "colons": _dialect(total="E_tot", finish=lambda text: f"{text}:"),
    "net and out": _dialect(
        total="E_tot", gradient="∂E_tot/∂{}", activation="out_{}", sums="net_{}"
    ),
}


def delta(output: int, start: str = "([a_o{}]-[t{}])") -> str:
    """``(a_o1-t1)*a_o1*(1-a_o1)``, the part that all gradients share, as a template."""
    return f"{start}*[a_o{{}}]*(1-[a_o{{}}])".replace("{}", str(output))


def style(
    *,
    sigma: str = "1/(1+EXP(-{}))",
    error: str = "0.5*({}-{})^2",
    total: str = "[E1]+[E2]",
    minus: bool = False,
    spread: bool = False,
    helpers: bool = False,
    update: str = "{w}-[η]*{g}",
) -> dict[str, str]:
    """A student's formulas, as templates: ``[w1]`` is that column's cell in the same row.

    ``[w1@-1]`` is the cell in the row above, ``[w1@$]`` the first row's, with both dollar signs.
    """
    start = "-([t{}]-[a_o{}])" if minus else "([a_o{}]-[t{}])"
    one, two = delta(1, start), delta(2, start)
    result = {"E_total": total}
    for neuron, (first, second) in {
        "h1": ("[w1]*[i1]", "[w2]*[i2]"),
        "h2": ("[w3]*[i1]", "[w4]*[i2]"),
        "o1": ("[w5]*[a_h1]", "[w6]*[a_h2]"),
        "o2": ("[w7]*[a_h1]", "[w8]*[a_h2]"),
    }.items():
        result[neuron] = f"{first}+{second}"
        result[f"a_{neuron}"] = sigma.replace("{}", f"[{neuron}]")
    for number in "12":
        result[f"E{number}"] = error.format(f"[t{number}]", f"[a_o{number}]")
    for hidden, (to_one, to_two) in {"1": ("w5", "w7"), "2": ("w6", "w8")}.items():
        tail = f"[a_h{hidden}]*(1-[a_h{hidden}])"
        blame = f"{one}*[{to_one}]+{two}*[{to_two}]"
        result[f"∂E/∂a_h{hidden}"] = blame
        for number in "12":
            weight = f"w{number if hidden == '1' else int(number) + 2}"
            end = f"{tail}*[i{number}]"
            if helpers:
                result[f"∂E/∂{weight}"] = f"[∂E/∂a_h{hidden}]*{end}"
            elif spread:
                result[f"∂E/∂{weight}"] = f"{one}*[{to_one}]*{end}+{two}*[{to_two}]*{end}"
            else:
                result[f"∂E/∂{weight}"] = f"({blame})*{end}"
        result[f"∂E/∂{to_one}"] = f"{one}*[a_h{hidden}]"
        result[f"∂E/∂{to_two}"] = f"{two}*[a_h{hidden}]"
    for weight in WEIGHTS:
        result[weight] = update.format(w=f"[{weight}@-1]", g=f"[∂E/∂{weight}@-1]")
    return result


PLAIN = style()
STYLES: dict[str, dict[str, str]] = {
    "plain": PLAIN,
    "minus": style(
        sigma="1/(1+EXP(-1*{}))", error="(({}-{})^2)/2", total="SUM([E1]:[E2])", minus=True
    ),
    "exp over": style(
        sigma="EXP({})/(1+EXP({}))",
        error="0.5*POWER({}-{},2)",
        total="SUM([E1],[E2])",
        spread=True,
        update="{w}-({g}*[η])",
    ),
    "power": {
        **style(sigma="(1+EXP(-{}))^-1", error="1/2*({}-{})^2", update="-[η]*{g}+{w}"),
        "h1": "SUMPRODUCT([w1]:[w2],[i1]:[i2])",
        "o1": "SUM([w5]*[a_h1],[w6]*[a_h2])",
        "∂E/∂w7": "PRODUCT([a_o2]-[t2],[a_o2],1-[a_o2],[a_h1])",
        "∂E/∂w8": "-1*([t2]-[a_o2])*([a_o2]-[a_o2]^2)*[a_h2]",
    },
    "helpers": style(helpers=True, update="{w}+(-[η]*{g})"),
    "half in per cent": style(error="50%*({}-{})^2", sigma="POWER(1+EXP(-{}),-1)"),
    "one from another": {
        **PLAIN,
        "∂E/∂w2": "[∂E/∂w1]/[i1]*[i2]",
        "∂E/∂w6": "[∂E/∂w5]*[a_h2]/[a_h1]",
    },
}

# ---------------------------------------------------------------------------------------------
# A table


@dataclass
class Table:
    """One table on a sheet. ``changes`` are the formulas or numbers that differ from the style's.

    A change is a template, or a function of the row's number (0 is the start) that gives a
    template, a number, or None for an empty cell. It counts from row ``since`` on, or in the rows
    ``only``.
    """

    top: int = 3
    left: int = 1
    rows: int = 10
    order: Sequence[str] = COURSE_ORDER  # "" leaves a column free
    header: Callable[[str], str] = DIALECTS["course"]
    counter: str = "iteration"  # "" for none
    formulas: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    given: Mapping[str, float] = field(default_factory=lambda: GIVEN)
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    repeat: str = "above"  # how i and t come into later rows: "above", "typed", "first"
    eta: float = 0.5
    rate: str = "right"  # where the learning rate stands, see _rate
    label: str = "Learning Rate"
    said: float | None = None  # the learning rate that the label says, where it differs
    changes: Mapping[str, str | Callable[[int], Content]] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)
    only: tuple[int, ...] = ()
    extra: Mapping[tuple[str, int], Content] = field(default_factory=dict)  # unfinished rows
    digits: int | None = None  # typed with so many decimals; 99 for all that there are
    text: tuple[str, ...] = ()  # columns whose typed numbers are stored as text
    sheet: str = "Sheet1"
    beside: Mapping[str, float] = field(default_factory=dict)  # labels with a value above

    def columns(self) -> list[str]:
        """All columns from the left, the counter and a column of learning rates included."""
        columns = [self.counter and "iteration", *self.order]
        if self.rate == "column":
            columns.append("η")
        return columns if self.counter else columns[1:]

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        """The sheet, row and column (from 0) of a quantity in a row; row -1 is the header."""
        return self.sheet, self.top + 1 + row, self.left + self.columns().index(name)

    def cell(self, name: str, row: int, *, fixed: bool = False) -> str:
        """The address of a quantity in a row; row -1 is the header."""
        return xl_rowcol_to_cell(*self.position(name, row)[1:], fixed, fixed)

    def reference(self, name: str, row: int, home: str, *, fixed: bool = False) -> str:
        """The same, as a formula on the sheet ``home`` refers to it."""
        sheet = self.position(name, row)[0]
        return ("" if sheet == home else f"'{sheet}'!") + self.cell(name, row, fixed=fixed)

    def has(self, name: str, row: int) -> bool:
        """Whether the row has a cell of its own for a quantity."""
        return True

    def right_edge(self) -> int:
        return self.left + len(self.columns())

    def label_cell(self, name: str) -> tuple[int, int]:
        """The cell of a value that stands beside the table, right of its label."""
        return max(self.top - 3, 0), self.left + 12 + 3 * list(self.beside).index(name)

    def _rate(self, book: Book) -> Callable[[int], str]:
        """Put the learning rate where it stands; how a formula in a row reads it."""
        said = self.eta if self.said is None else self.said
        literal = f"{self.eta:g}"
        above, edge = self.top - 2, self.right_edge() + 1
        where = {"right": (above, self.left + 1), "below": (above + 1, self.left + 4)}
        if self.rate in where:
            row, column = where[self.rate]
            label = (row, column - 1) if self.rate == "right" else (row - 1, column)
            book.put(self.sheet, *label, self.label)
            book.put(self.sheet, row, column, said)
            reference = xl_rowcol_to_cell(row, column, True, True)
            return lambda _: reference if self.said is None else literal
        if self.rate in ("beside", "sliding"):
            book.put(self.sheet, self.top, edge, self.label)
            book.put(self.sheet, self.top + 1, edge, said)
            if self.rate == "sliding":
                return lambda row: xl_rowcol_to_cell(self.top + row, edge)
            reference = xl_rowcol_to_cell(self.top + 1, edge, True, True)
            return lambda _: reference
        if self.rate == "column":
            return lambda row: self.cell("η", row - 1)
        if self.rate == "sheet":
            book.put("Settings", 0, 0, "Settings")
            book.put("Settings", 2, 0, self.label)
            book.put("Settings", 2, 1, said)
            return lambda _: "Settings!$B$3"
        if self.rate == "name":
            book.put(self.sheet, above, self.left + 6, "alpha")
            book.put(self.sheet, above, self.left + 7, said)
            book.names["learning_rate"] = (
                self.sheet,
                xl_rowcol_to_cell(above, self.left + 7, True, True),
            )
            return lambda _: "learning_rate"
        if self.rate == "text":
            book.put(self.sheet, above, self.left, f"{self.label} = {said:g}")
        return lambda _: literal  # "text", "literal" and "none"

    def _expand(self, template: str, row: int, rate: Callable[[int], str], home: str) -> str:
        elsewhere = "" if home == self.sheet else f"'{self.sheet}'!"

        def cell(match: re.Match[str]) -> str:
            if match[1] == "η":
                text = rate(row)
                return elsewhere + text if text[0] == "$" else text
            if match[1] in self.beside:
                return elsewhere + xl_rowcol_to_cell(*self.label_cell(match[1]), True, True)
            if match[2] == "$":
                return self.reference(match[1], 0, home, fixed=True)
            return self.reference(match[1], row + int(match[2] or 0), home)

        return "=" + re.sub(r"\[([^\]@]+)(?:@([-+$]\d*))?\]", cell, template)

    def _content(self, name: str, row: int, rate: Callable[[int], str]) -> Content:
        content: Content
        change = self.changes.get(name)
        if change is not None and (row in self.only if self.only else row >= self._since(name)):
            content = change if isinstance(change, str) else change(row)
        elif name == "iteration":
            content = row if row == 0 else "[iteration@-1]+1"
        elif name == "η":
            content = self.eta
        elif name in self.given and (row == 0 or self.repeat == "typed"):
            content = self.given[name]
        elif name in self.given:
            content = f"[{name}@-1]" if self.repeat == "above" else f"[{name}@$]"
        elif name in self.weights and row == 0:
            content = self.weights[name]
        else:
            content = self.formulas[name]
        if not isinstance(content, str):
            return content
        return self._expand(content, row, rate, self.position(name, row)[0])

    def _since(self, name: str) -> int:
        return self.since.get(name, 1 if name in self.weights or name in self.given else 0)

    def place(self, book: Book) -> Table:
        """Put the table into the book."""
        if self.digits is not None:
            return self._typed(book)
        rate = self._rate(book)
        for name, value in self.beside.items():
            row, column = self.label_cell(name)
            book.put(self.sheet, row, column - 1, name)
            book.put(self.sheet, row, column, value)
        for name in filter(None, self.columns()):
            text = {"iteration": self.counter, "η": "η"}.get(name) or self.header(name)
            self._put_header(book, name, text)
            for row in range(self.rows):
                if not self.has(name, row):
                    continue
                content = self._content(name, row, rate)
                if name in self.text and isinstance(content, float):
                    content = repr(content)
                book.put(*self.position(name, row), content)
        for (name, row), content in self.extra.items():
            place = self.position(name, row)
            if isinstance(content, str):
                content = self._expand(content, row, rate, place[0])
            book.put(*place, content)
        return self

    def _put_header(self, book: Book, name: str, text: str) -> None:
        book.put(*self.position(name, -1), text)

    def _typed(self, book: Book) -> Table:
        digits, self.digits = self.digits, None
        formulas = Book()
        self.place(formulas)
        self.digits = digits
        for sheet, cells in formulas.sheets.items():
            for row, column in cells:
                value = formulas.shown(sheet, row, column)
                if isinstance(value, float) and digits is not None and digits < 99:
                    value = round(value, digits)
                book.put(sheet, row, column, value)
        return self

    def values(self, book: Book, row: int) -> dict[str, Content]:
        """What the row shows."""
        return {
            name: book.shown(*self.position(name, row))
            for name in self.columns()
            if name and name in self.order
        }


@dataclass
class Transposed(Table):
    """The names down a column, one column per row of the table. ``gap`` columns stay free."""

    gap: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)  # texts in the first free column

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        column = self.left if row < 0 else self.left + 1 + self.gap + row
        return self.sheet, self.top + self.columns().index(name), column

    def right_edge(self) -> int:
        return self.left + 1 + self.gap + self.rows

    def _put_header(self, book: Book, name: str, text: str) -> None:
        super()._put_header(book, name, text)
        if name in self.notes:
            sheet, row, column = self.position(name, -1)
            book.put(sheet, row, column + 1, self.notes[name])


@dataclass
class Form(Table):
    """Labels with their values, one block per row of the table.

    ``labels`` are ``beside`` their values or ``above`` them (``wrap`` to a line), the blocks are
    ``stacked``, ``side by side`` or on ``sheets`` of their own. ``new`` is how the updated weights
    at the end of a block are labeled, "" for none; the next block repeats them, if the blocks have
    weights of their ``own``. With ``once``, inputs and targets stand in the first block only.
    """

    labels: str = "beside"
    blocks: str = "stacked"
    wrap: int = 8
    heading: str = ""  # above each block, with the number of the iteration
    new: str = ""
    own: bool = True
    once: bool = False
    sign: str = ""  # between label and value, as "="
    sheet_names: str = "Iter {}"

    def __post_init__(self) -> None:
        if self.blocks == "sheets":
            self.sheet = self.sheet_names.format(1)

    def columns(self) -> list[str]:
        names = super().columns()
        return names + [f"new {name}" for name in self.weights] if self.new else names

    def block(self, row: int) -> tuple[str, int, int]:
        """The sheet, row and column of a block's first label."""
        count = len(self.columns())
        if self.labels == "beside":
            height, width = count + 2, 4 if self.sign else 3
        else:
            height, width = 3 * -(-count // self.wrap) + 2, self.wrap + 1
        if self.blocks == "sheets":
            return self.sheet_names.format(row + 1), self.top, self.left
        if self.blocks == "stacked":
            return self.sheet, self.top + row * height, self.left
        return self.sheet, self.top, self.left + row * width

    def label_position(self, name: str, row: int) -> tuple[str, int, int]:
        """Where the label of a quantity stands in a block."""
        sheet, top, left = self.block(row)
        at = self.columns().index(name)
        if self.labels == "beside":
            return sheet, top + at, left
        return sheet, top + 3 * (at // self.wrap), left + at % self.wrap

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        if row > 0 and not self.has(name, row):
            if name in self.given:
                row = 0
            else:
                name, row = f"new {name}", row - 1
        sheet, at, column = self.label_position(name, max(row, 0))
        if row < 0:
            return sheet, at, column
        if self.labels == "above":
            return sheet, at + 1, column
        return sheet, at, column + (2 if self.sign else 1)

    def has(self, name: str, row: int) -> bool:
        if row == 0:
            return True
        return not ((self.once and name in self.given) or (not self.own and name in self.weights))

    def _put_header(self, book: Book, name: str, text: str) -> None:
        if name.startswith("new "):
            text = self.new.format(self.header(name.removeprefix("new ")))
        for row in range(self.rows):
            if self.has(name, row):
                sheet, at, column = self.label_position(name, row)
                book.put(sheet, at, column, text)
                if self.sign:
                    book.put(sheet, at, column + 1, self.sign)
        if self.heading and name == self.columns()[0]:
            for row in range(self.rows):
                sheet, top, left = self.block(row)
                book.put(sheet, top - 1, left, self.heading.format(row + 1))

    def _content(self, name: str, row: int, rate: Callable[[int], str]) -> Content:
        home = self.position(name, row)[0]
        if name.startswith("new "):
            update = self.formulas[name.removeprefix("new ")].replace("@-1", "")
            return self._expand(update, row, rate, home)
        if self.new and row and name in self.weights and name not in self.changes:
            return self._expand(f"[new {name}@-1]", row, rate, home)
        return super()._content(name, row, rate)


# ---------------------------------------------------------------------------------------------
# The oracle


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _blame(v: Mapping[str, float], first: str, second: str) -> float:
    return _gradient(v, 1) * v[first] + _gradient(v, 2) * v[second]


def _gradient(v: Mapping[str, float], output: int) -> float:
    a = v[f"a_o{output}"]
    return (a - v[f"t{output}"]) * a * (1 - a)


_RIGHT: dict[str, Callable[[Mapping[str, float]], float]] = {
    "h1": lambda v: v["w1"] * v["i1"] + v["w2"] * v["i2"],
    "h2": lambda v: v["w3"] * v["i1"] + v["w4"] * v["i2"],
    "a_h1": lambda v: _sigmoid(v["h1"]),
    "a_h2": lambda v: _sigmoid(v["h2"]),
    "o1": lambda v: v["w5"] * v["a_h1"] + v["w6"] * v["a_h2"],
    "o2": lambda v: v["w7"] * v["a_h1"] + v["w8"] * v["a_h2"],
    "a_o1": lambda v: _sigmoid(v["o1"]),
    "a_o2": lambda v: _sigmoid(v["o2"]),
    "E1": lambda v: (v["t1"] - v["a_o1"]) ** 2 / 2,
    "E2": lambda v: (v["t2"] - v["a_o2"]) ** 2 / 2,
    "E_total": lambda v: v["E1"] + v["E2"],
    "∂E/∂w1": lambda v: _blame(v, "w5", "w7") * v["a_h1"] * (1 - v["a_h1"]) * v["i1"],
    "∂E/∂w2": lambda v: _blame(v, "w5", "w7") * v["a_h1"] * (1 - v["a_h1"]) * v["i2"],
    "∂E/∂w3": lambda v: _blame(v, "w6", "w8") * v["a_h2"] * (1 - v["a_h2"]) * v["i1"],
    "∂E/∂w4": lambda v: _blame(v, "w6", "w8") * v["a_h2"] * (1 - v["a_h2"]) * v["i2"],
    "∂E/∂w5": lambda v: _gradient(v, 1) * v["a_h1"],
    "∂E/∂w6": lambda v: _gradient(v, 1) * v["a_h2"],
    "∂E/∂w7": lambda v: _gradient(v, 2) * v["a_h1"],
    "∂E/∂w8": lambda v: _gradient(v, 2) * v["a_h2"],
}


@dataclass(frozen=True)
class Wrong:
    """A cell that does not follow from the others of its row (a weight: of the row above)."""

    cell: str
    found: Content
    expected: float

    @property
    def distance(self) -> float:
        """How far it is off, relative to what it should be."""
        if isinstance(self.found, str) or self.found is None:
            return math.inf
        return abs(self.found - self.expected) / max(abs(self.expected), 1e-300)


def mistakes_in(book: Book, table: Table, tolerance: float = 1e-6) -> dict[str, list[Wrong]]:
    """The wrong cells of each wrong column, each judged from the sheet's own other cells."""
    wrong: dict[str, list[Wrong]] = {}
    first = table.values(book, 0)
    above: dict[str, Content] = {}
    for row in range(table.rows):
        here = table.values(book, row)
        for name in here:
            try:
                if name in table.given:
                    expected = float(first[name])
                elif name in table.weights and row:
                    eta = table.eta if table.said is None else table.said
                    expected = above[name] - eta * above[f"∂E/∂{name}"]
                elif name in _RIGHT:
                    expected = _RIGHT[name](here)
                else:
                    continue
            except (TypeError, KeyError, ValueError):  # an error or nothing among what it needs
                continue
            if isinstance(expected, str):  # two errors, added up
                continue
            found = here[name]
            if name in table.text:
                found = float(found)
            cell = Wrong(table.cell(name, row), found, expected)
            if cell.distance > tolerance:
                wrong.setdefault(name, []).append(cell)
        above = here
    return wrong


def book_of(*tables: Table) -> Book:
    """A book with these tables and nothing else."""
    book = Book()
    for table in tables:
        table.place(book)
    return book


def decorate(book: Book, table: Table) -> None:
    """What stands around a table in a submission: titles, equations, notes, weights, charts."""
    sheet, edge, bottom = table.sheet, table.right_edge(), table.top + table.rows
    notes = {
        (0, 2): "Backpropagation by hand, session 6",
        (1, 9): "h1 = w1*i1 + w2*i2",
        (1, 13): "a_h1 = σ(h1) = 1/(1 + exp(-h1))",
        (0, 13): "∂E_total/∂w5 = (a_o1 - t1) * a_o1 * (1 - a_o1) * a_h1",
        (0, 18): "E_total = E1 + E2",
        (bottom + 3, table.left): "Note: the loss falls faster with a larger learning rate.",
        (bottom + 4, table.left): "LR = 0.1 takes longest",
        (bottom + 5, table.left): "a_h1 and a_h2 stay near 0.6",
        (table.top + 2, edge + 3): "t1 is the first target",
    }
    for (row, column), text in notes.items():
        book.put(sheet, row, column, text)
    for number, (weight, value) in enumerate(WEIGHTS.items()):
        book.put(sheet, bottom + 8 + number, table.left + 2, weight)
        book.put(sheet, bottom + 8 + number, table.left + 3, value)
        book.put(sheet, bottom + 18, table.left + number, weight)
        book.put(sheet, bottom + 19, table.left + number, value)
    total = table.left + table.columns().index("E_total")
    book.charts.append((sheet, bottom + 8, table.left + 6, (table.top + 1, bottom, total)))


# ---------------------------------------------------------------------------------------------
# Other networks

# Mazur's: a bias per layer that is not trained.
MAZUR_ORDER = (
    *("t1", "t2", "i1", "i2", "w1", "w2", "w3", "w4", "b1", "h1", "a_h1", "h2", "a_h2"),
    *("w5", "w6", "w7", "w8", "b2", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total"),
    *GRADIENTS,
)
MAZUR_BIASES = {"b1": 0.35, "b2": 0.6}
MAZUR = {
    **PLAIN,
    **{name: f"{PLAIN[name]}+[b{1 if name[0] == 'h' else 2}]" for name in ("h1", "h2", "o1", "o2")},
}


def mazur_columns() -> dict[str, Any]:
    """Options of a table with a column per bias."""
    return {"order": MAZUR_ORDER, "formulas": MAZUR, "given": {**GIVEN, **MAZUR_BIASES}}


def mazur_labels() -> dict[str, Any]:
    """Options of a table whose biases are labels above it."""
    order = tuple(name for name in MAZUR_ORDER if name not in MAZUR_BIASES)
    return {"order": order, "formulas": MAZUR, "beside": MAZUR_BIASES}


# XOR: 2-2-1 with a bias per neuron, four samples, the mean of their gradients. A row per sample.
XOR_SAMPLES = ((0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))
XOR_PARAMETERS = {
    **{f"w{n}": value for n, value in enumerate((0.5, 0.9, -0.6, 0.4, 0.7, -0.8), 1)},
    **{f"b{n}": value for n, value in enumerate((0.1, -0.2, 0.3), 1)},
}
XOR_ORDER = (
    *("t1", "i1", "i2", "w1", "w2", "w3", "w4", "b1", "b2", "h1", "a_h1", "h2", "a_h2"),
    *("w5", "w6", "b3", "o1", "a_o1", "E_total"),
    *(f"∂E/∂{name}" for name in XOR_PARAMETERS),
)
_XOR_DELTA = "([a_o1]-[t1])*[a_o1]*(1-[a_o1])"
_XOR_H1 = f"{_XOR_DELTA}*[w5]*[a_h1]*(1-[a_h1])"
_XOR_H2 = f"{_XOR_DELTA}*[w6]*[a_h2]*(1-[a_h2])"
XOR = {
    "h1": "[w1]*[i1]+[w2]*[i2]+[b1]",
    "h2": "[w3]*[i1]+[w4]*[i2]+[b2]",
    "o1": "[w5]*[a_h1]+[w6]*[a_h2]+[b3]",
    **{f"a_{name}": f"1/(1+EXP(-[{name}]))" for name in ("h1", "h2", "o1")},
    "E_total": "0.5*([t1]-[a_o1])^2",
    "∂E/∂w1": f"{_XOR_H1}*[i1]",
    "∂E/∂w2": f"{_XOR_H1}*[i2]",
    "∂E/∂w3": f"{_XOR_H2}*[i1]",
    "∂E/∂w4": f"{_XOR_H2}*[i2]",
    "∂E/∂w5": f"{_XOR_DELTA}*[a_h1]",
    "∂E/∂w6": f"{_XOR_DELTA}*[a_h2]",
    "∂E/∂b1": _XOR_H1,
    "∂E/∂b2": _XOR_H2,
    "∂E/∂b3": _XOR_DELTA,
}


def xor(rows: int = 12, *, has_sample: bool = True) -> dict[str, Any]:
    """Options of a table with a row per sample and, if asked for, a column of sample numbers."""

    def parameter(name: str) -> Callable[[int], Content]:
        gradients = "+".join(f"[∂E/∂{name}@-{back}]" for back in (4, 3, 2, 1))
        update = f"[{name}@-1]-[η]*({gradients})/4"
        return lambda row: update if row % 4 == 0 else f"[{name}@-1]"

    def given(at: int) -> Callable[[int], Content]:
        return lambda row: XOR_SAMPLES[row % 4][at]

    changes: dict[str, Any] = {name: parameter(name) for name in XOR_PARAMETERS}
    changes |= {name: given(at) for at, name in enumerate(("i1", "i2", "t1"))}
    changes |= {"sample": lambda row: row % 4 + 1, "iteration": lambda row: row // 4}
    first = dict.fromkeys(("i1", "i2", "t1", "sample", "iteration"), 0)
    return {
        "order": (*(("sample",) if has_sample else ()), *XOR_ORDER),
        "formulas": XOR,
        "given": {},
        "weights": XOR_PARAMETERS,
        "changes": changes,
        "since": first | dict.fromkeys(XOR_PARAMETERS, 1),
        "rows": rows,
        "eta": 2.0,
    }


# Headers that carry their equations, as their column computes them.
EQUATIONS = {
    "h1": "h1 = w1*i1 + w2*i2",
    "a_h1": "a_h1 = 1/(1+exp(-h1))",
    "h2": "h2 = w3*i1 + w4*i2",
    "a_h2": "a_h2 = σ(h2)",
    "o1": "o1 = w5*a_h1 + w6*a_h2",
    "a_o1": "a_o1 = 1/(1+exp(-o1))",
    "o2": "o2 = w7*a_h1 + w8*a_h2",
    "a_o2": "a_o2 = σ(o2)",
    "E1": "E1 = ½(t1-a_o1)²",
    "E2": "E2 = ½ * (t2 - a_o2)^2",
    "E_total": "E_total = E1 + E2",
    **{f"∂E/∂w{n}": f"∂E/∂w{n} = (a_o1 - t1) * a_o1 * (1 - a_o1) * …" for n in range(1, 9)},
    **{f"w{n}": f"w{n} = w{n} - η * ∂E/∂w{n}" for n in range(1, 9)},
}
DELTAS = ("δ_h1", "δ_h2", "δ_o1", "δ_o2")
WITH_DELTAS = {
    **PLAIN,
    "δ_o1": delta(1),
    "δ_o2": delta(2),
    "δ_h1": "([δ_o1]*[w5]+[δ_o2]*[w7])*[a_h1]*(1-[a_h1])",
    "δ_h2": "([δ_o1]*[w6]+[δ_o2]*[w8])*[a_h2]*(1-[a_h2])",
    **{
        f"∂E/∂w{weight}": f"[δ_{neuron}]*[{source}]"
        for weight, (neuron, source) in enumerate(
            [
                *(("h1", "i1"), ("h1", "i2"), ("h2", "i1"), ("h2", "i2")),
                *(("o1", "a_h1"), ("o1", "a_h2"), ("o2", "a_h1"), ("o2", "a_h2")),
            ],
            1,
        )
    },
}
DELTA_ORDER = (*COURSE_ORDER[:23], *DELTAS, *GRADIENTS)
