"""The sheet of equations: what each computes, why, and how it stands in a cell."""

from __future__ import annotations

import re
from itertools import groupby
from math import ceil

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.network.equations import Equation, Role, Step
from backprop_sheet.network.explanations import ChainRule, chain_rules, explain, notes
from backprop_sheet.symbolic.rendering import to_text
from backprop_sheet.workbook.layout import ROLE_SHADES
from backprop_sheet.workbook.page import set_up_page
from backprop_sheet.workbook.table_formulas import TableFormulas
from common.look import EDGE, Look

_STEP_SHADES = {
    Step.FORWARD: ROLE_SHADES[Role.HIDDEN],
    Step.ERROR: ROLE_SHADES[Role.ERROR],
    Step.BACKWARD: ROLE_SHADES[Role.GRADIENT],
    Step.UPDATE: ROLE_SHADES[Role.WEIGHT],
}
_WIDTHS = {"name": 11, "equation": 42, "why": 44, "chain": 50, "cell": 40}
_LINE_HEIGHT = 13
_MAX_LINES = 30  # Excel's rows are at most 409 points high
_SHOWN_ITERATION = 1  # the first one with an update
_MINUS = re.compile(r"(?<!\dE)-(?!(?<=[a-z]-)[a-z])")  # not of 1E-300, not of one-hot


def write_equations(sheet: Worksheet, look: Look, formulas: TableFormulas) -> None:
    """Fill the sheet, top to bottom."""
    system = formulas.system
    set_up_page(sheet, ROLE_SHADES[Role.HIDDEN].strong)
    sheet.set_column(0, 0, 2)
    for column, width in enumerate(_WIDTHS.values(), 1):
        sheet.set_column(column, column, width)
    sheet.fit_to_pages(1, 0)

    sheet.set_row(0, 28)
    sheet.write_string(0, 1, "The equations", look.title)
    prose = look.format(font_color="#46566A", text_wrap=True, valign="top")
    row = 1
    for note in _notes(formulas):
        sheet.set_row(row, 15 * _lines(note, sum(_WIDTHS.values())) + 2)
        sheet.merge_range(row, 1, row, len(_WIDTHS), note, prose)
        row += 1

    rules = chain_rules(system)
    shown_row = formulas.first_row_of(_SHOWN_ITERATION)
    for step, of_step in groupby(system.equations, lambda equation: equation.step):
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
            ("name", "equation", "what it does and why",
             "chain rule" if any(equation.paths for equation in equations) else "",
             f"in a cell (row {shown_row} of every LR sheet)"),
            1,
        ):  # fmt: skip
            _write_text(sheet, row, column, title, look.header(shade, align="left"))
        row += 1
        for equation in equations:
            _write_equation(
                sheet, row, equation, rules.get(equation.name), formulas, look, shade.strong
            )
            row += 1
    sheet.print_area(0, 0, row, len(_WIDTHS))


def _notes(formulas: TableFormulas) -> list[str]:
    found = [displayed(note) for note in notes(formulas.system)]
    if formulas.system.rows_per_iteration > 1:
        found.append(
            f"An iteration has {formulas.system.rows_per_iteration} rows, one per sample. Its "
            "first row computes the parameters, and its other rows copy them from the row above."
        )
    return found


def _write_equation(
    sheet: Worksheet,
    row: int,
    equation: Equation,
    rule: ChainRule | None,
    formulas: TableFormulas,
    look: Look,
    ink: str,
) -> None:
    line = {"text_wrap": True, "valign": "top", "bottom": 4, "bottom_color": EDGE}
    cell = "(inside the formulas below)"
    if equation.name in formulas.system.columns:
        cell = formulas.shown(equation.name, _SHOWN_ITERATION)
    chain = displayed(rule.text(equation.name)).replace(" with ", "\nwith ") if rule else ""
    texts = {
        "name": equation.name,
        "equation": f"= {displayed(to_text(equation.rhs))}",
        "why": displayed(explain(formulas.system, equation)),
        "chain": chain,
        "cell": cell,
    }
    texts = {key: _shortened(text, _WIDTHS[key]) for key, text in texts.items()}
    height = max(_lines(text, _WIDTHS[key]) for key, text in texts.items())
    sheet.set_row(row, _LINE_HEIGHT * height + 5)
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
    return _MINUS.sub("−", written.replace("*", "·"))


def _lines(text: str, width: float) -> int:
    """How many lines the text needs in a column: letters are a little narrower than digits."""
    return sum(max(1, ceil(len(line) * 0.9 / width)) for line in text.split("\n"))


def _shortened(text: str, width: float) -> str:
    """The text, cut at a space to the lines that a row can show."""
    if _lines(text, width) <= _MAX_LINES:
        return text
    kept = text[: int(_MAX_LINES * width)]
    while _lines(kept, width) > _MAX_LINES - 1:
        kept = kept[: -int(width) // 2]
    return f"{kept.rpartition(' ')[0] or kept} …"
