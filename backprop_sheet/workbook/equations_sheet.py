"""The sheet Equations: every equation with its explanation, chain rule and Excel formula."""

from __future__ import annotations

import re
from itertools import groupby
from math import ceil

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.explanation.sentences import ChainRule, chain_rules, explain, notes
from backprop_sheet.symbolic.rendering import to_text
from backprop_sheet.workbook.added_columns import ACCURACY
from backprop_sheet.workbook.layout import ROLE_COLORS
from backprop_sheet.workbook.table_formulas import TableFormulas
from gradsheet.excel.styles import EDGE, Styles, set_page

_STEP_COLORS = {
    Step.FORWARD: ROLE_COLORS[Role.HIDDEN],
    Step.ERROR: ROLE_COLORS[Role.ERROR],
    Step.BACKWARD: ROLE_COLORS[Role.GRADIENT],
    Step.UPDATE: ROLE_COLORS[Role.WEIGHT],
}
_WIDTHS = {"name": 11, "equation": 42, "explanation": 44, "chain": 50, "cell": 40}
_LINE_HEIGHT = 13
_MAX_LINES = 30  # a row in Excel is at most 409 points high
_ITERATION = 1  # whose formulas are shown: the first with an update
_MINUS = re.compile(r"(?<!\dE)-(?!(?<=[a-z]-)[a-z])")  # not in 1E-300, not in one-hot


def write_equations(sheet: Worksheet, styles: Styles, formulas: TableFormulas) -> None:
    """Write the sheet, top to bottom."""
    system = formulas.system
    set_page(sheet, tab_color=ROLE_COLORS[Role.HIDDEN].strong)
    sheet.set_column(0, 0, 2)
    for column, width in enumerate(_WIDTHS.values(), 1):
        sheet.set_column(column, column, width)

    sheet.set_row(0, 28)
    sheet.write_string(0, 1, "The equations", styles.title)
    prose = styles.format(font_color="#46566A", text_wrap=True, valign="top")
    row = 1
    for note in _notes(formulas):
        sheet.set_row(row, 15 * _lines(note, sum(_WIDTHS.values())) + 2)
        sheet.merge_range(row, 1, row, len(_WIDTHS), note, prose)
        row += 1

    rules = chain_rules(system)
    formula_row = formulas.first_row_of(_ITERATION)
    for step, of_step in groupby(system.equations, lambda equation: equation.step):
        equations = list(of_step)
        row += 1
        colors = _STEP_COLORS[step]
        sheet.set_row(row, 19)
        sheet.write_string(row, 1, str(step), styles.format(
            bold=True, font_size=12, font_color="#FFFFFF", bg_color=colors.strong, indent=0
        ))  # fmt: skip
        for column in range(2, len(_WIDTHS) + 1):
            sheet.write_blank(row, column, None, styles.format(bg_color=colors.strong))
        row += 1
        for column, title in enumerate(
            ("name", "equation", "explanation",
             "chain rule" if any(equation.paths for equation in equations) else "",
             f"Excel formula (row {formula_row} of every LR sheet)"),
            1,
        ):  # fmt: skip
            _write_text(sheet, row, column, title, styles.header(colors, align="left"))
        row += 1
        for equation in equations:
            texts = _texts(formulas, equation, rules.get(equation.name))
            _write_equation(sheet, styles, row, texts, colors.strong)
            row += 1
    sheet.print_area(0, 0, row, len(_WIDTHS))


def _notes(formulas: TableFormulas) -> list[str]:
    found = [displayed(note) for note in notes(formulas.system)]
    if formulas.system.rows_per_iteration > 1:
        found.append(
            f"An iteration has {formulas.system.rows_per_iteration} rows, one per sample. Its "
            "first row computes the parameters, and its other rows copy them from the row above."
        )
    added = formulas.layout.added
    if formulas.system.is_batch:
        reduction = formulas.system.training.reduction
        found.append(
            f"To the right of each table, {added.names[0]} and the like are the {reduction} of "
            "each gradient over the samples, which the next update uses."
        )
    if ACCURACY in added.names:
        which = "the number of the largest output (or target)"
        if len(formulas.system.outputs) == 1:
            which = "1 if the output (or target) is at least 0.5, else 0"
        found.append(
            f"To the right of each table, the predicted class (and the target class) is {which}. "
            "The accuracy is the share of the samples whose predicted class is correct."
        )
    return found


def _texts(formulas: TableFormulas, equation: Equation, rule: ChainRule | None) -> dict[str, str]:
    """Return the texts of an equation's row, by column."""
    cell = "(inside the formulas below)"
    if equation.name in formulas.system.columns:
        cell = formulas.first_formula(equation.name, _ITERATION)
    chain = displayed(rule.text(equation.name)).replace(" with ", "\nwith ") if rule else ""
    texts = {
        "name": equation.name,
        "equation": f"= {displayed(to_text(equation.rhs))}",
        "explanation": displayed(explain(formulas.system, equation)),
        "chain": chain,
        "cell": cell,
    }
    return {key: _shortened(text, _WIDTHS[key]) for key, text in texts.items()}


def _write_equation(
    sheet: Worksheet, styles: Styles, row: int, texts: dict[str, str], ink: str
) -> None:
    line = {"text_wrap": True, "valign": "top", "bottom": 4, "bottom_color": EDGE}
    height = max(_lines(text, _WIDTHS[key]) for key, text in texts.items())
    sheet.set_row(row, _LINE_HEIGHT * height + 5)
    formats = {
        "name": styles.format(bold=True, font_color=ink, **line),
        "equation": styles.format(bold=True, **line),
        "cell": styles.format(font_name="Consolas", font_size=9, font_color="#46566A", **line),
    }
    for column, (key, text) in enumerate(texts.items(), 1):
        _write_text(sheet, row, column, text, formats.get(key) or styles.format(**line))


def _write_text(sheet: Worksheet, row: int, column: int, text: str, cell_format: Format) -> None:
    if text:
        sheet.write_string(row, column, text, cell_format)
    else:  # a cell with an empty string would not count as empty
        sheet.write_blank(row, column, None, cell_format)


def displayed(written: str) -> str:
    """Write an equation as in print: with minus signs instead of hyphens."""
    return _MINUS.sub("−", written)


def _lines(text: str, width: float) -> int:
    """Estimate how many lines a text needs; letters are a little narrower than digits."""
    return sum(max(1, ceil(len(line) * 0.9 / width)) for line in text.split("\n"))


def _shortened(text: str, width: float) -> str:
    """Cut a text at a space so that it fits into the highest row that Excel allows."""
    if _lines(text, width) <= _MAX_LINES:
        return text
    kept = text[: int(_MAX_LINES * width)]
    while _lines(kept, width) > _MAX_LINES - 1:
        kept = kept[: -int(width) // 2]
    return f"{kept.rpartition(' ')[0] or kept} …"
