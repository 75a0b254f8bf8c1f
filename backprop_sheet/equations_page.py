"""The page of equations: what each computes, why, and how it stands in a cell."""

from __future__ import annotations

from itertools import groupby
from math import ceil

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations import COLUMNS, EQUATIONS, LEARNING_RATE, Equation, Role, Step
from backprop_sheet.layout import FIRST_ROW, ROLE_SHADES, table_formula
from common.look import Look

_STEP_SHADES = {
    Step.FORWARD: ROLE_SHADES[Role.HIDDEN],
    Step.ERROR: ROLE_SHADES[Role.ERROR],
    Step.BACKWARD: ROLE_SHADES[Role.GRADIENT],
    Step.UPDATE: ROLE_SHADES[Role.WEIGHT],
}
_WIDTHS = {"name": 10, "equation": 42, "why": 44, "chain": 50, "cell": 40}
_SHOWN_ROW = FIRST_ROW + 2  # as Excel counts: the table's second row, the first with an update

_NOTES = (
    "σ(x) = 1/(1 + exp(−x)) is the sigmoid. In the cells it is 1/(1+EXP(MIN(−x,700))): Excel's EXP "
    "overflows to #NUM! beyond about 709. Up to 700 the MIN changes nothing, and beyond it σ is "
    "smaller than 1E-304 either way.",
    f"{LEARNING_RATE} is the learning rate. w[n−1] is the value in the row above, the iteration "
    "before this one; everything else is taken from its own row.",
    "∂E/∂w is short for ∂E_total/∂w: how E_total changes when only w is moved a little. ∂E/∂a_h1 "
    "and ∂E/∂a_h2 have no column: the formulas of ∂E/∂w1 to ∂E/∂w4 contain them in parentheses.",
)


def write_equations(sheet: Worksheet, look: Look) -> None:
    """Fill the page, top to bottom."""
    sheet.hide_gridlines(2)
    sheet.set_tab_color(ROLE_SHADES[Role.HIDDEN].strong)
    sheet.set_column(0, 0, 2)
    for column, width in enumerate(_WIDTHS.values(), 1):
        sheet.set_column(column, column, width)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&F  ·  &A&R&8page &P of &N")

    sheet.set_row(0, 28)
    sheet.write_string(0, 1, "The equations", look.title)
    prose = look.format(font_color="#46566A", text_wrap=True, valign="top")
    row = 1
    for note in _NOTES:
        sheet.set_row(row, 15 * _lines(note, sum(_WIDTHS.values())) + 2)
        sheet.merge_range(row, 1, row, len(_WIDTHS), note, prose)
        row += 1

    for step, of_step in groupby(EQUATIONS, lambda equation: equation.step):
        equations = list(of_step)
        row += 1
        shade = _STEP_SHADES[step]
        sheet.set_row(row, 19)
        sheet.write_string(row, 1, str(step), look.format(
            bold=True, font_size=12, font_color="#FFFFFF", bg_color=shade.strong, indent=0
        ))  # fmt: skip
        for column in range(2, len(_WIDTHS) + 1):
            sheet.write_blank(row, column, None, look.format(bg_color=shade.strong))
        row += 1
        for column, title in enumerate(
            ("name", "equation", "what it does, and why",
             "the chain rule's way to it" if any(e.chain for e in equations) else "",
             f"in a cell (row {_SHOWN_ROW} of every LR sheet)"),
            1,
        ):  # fmt: skip
            _write_text(sheet, row, column, title, look.header(shade, align="left"))
        row += 1
        for equation in equations:
            _write_equation(sheet, row, equation, look, shade.strong)
            row += 1
    sheet.print_area(0, 0, row, len(_WIDTHS))


def _write_equation(sheet: Worksheet, row: int, equation: Equation, look: Look, ink: str) -> None:
    line = {"text_wrap": True, "valign": "top", "bottom": 4, "bottom_color": "#C5CCD4"}
    cell = "(inside the formulas below)"
    if equation.name in COLUMNS:
        cell = f"={table_formula(equation.name, str(_SHOWN_ROW), str(_SHOWN_ROW - 1))}"
    texts = {
        "name": equation.name,
        "equation": f"= {displayed(equation.written)}",
        "why": equation.why,
        "chain": displayed(equation.chain).replace(" with ", "\nwith "),
        "cell": cell,
    }
    sheet.set_row(row, 13 * max(_lines(text, _WIDTHS[key]) for key, text in texts.items()) + 5)
    formats = {
        "name": look.format(bold=True, font_color=ink, **line),
        "equation": look.format(bold=True, **line),
        "cell": look.format(font_name="Consolas", font_size=9, font_color="#46566A", **line),
    }
    for column, (key, text) in enumerate(texts.items(), 1):
        _write_text(sheet, row, column, text, formats.get(key) or look.format(**line))


def _write_text(sheet: Worksheet, row: int, column: int, text: str, cell_format: Format) -> None:
    if text:
        sheet.write_string(row, column, text, cell_format)
    else:  # a text without letters is not an empty cell
        sheet.write_blank(row, column, None, cell_format)


def displayed(written: str) -> str:
    """An equation as it is printed: ``·`` for ``*``, a real minus sign."""
    return written.replace(" * ", " · ").replace("*", "·").replace("-", "−")


def _lines(text: str, width: float) -> int:
    """How many lines the text needs in a column: letters are a little narrower than digits."""
    return sum(max(1, ceil(len(line) * 0.9 / width)) for line in text.split("\n"))
