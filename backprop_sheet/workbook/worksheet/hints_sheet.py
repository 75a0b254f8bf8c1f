"""The sheet Hints: three hints per column, folded, each closer to the formula."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.equation import Equation, Factor, Path
from backprop_sheet.equations.names import ITERATION, MEAN_ERROR, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.sheet_names import OVERVIEW
from backprop_sheet.explanation.sentences import explain, mean_error_sentence
from backprop_sheet.symbolic.expressions import Call, Expression, Name, Number, names
from backprop_sheet.symbolic.rendering import to_text
from backprop_sheet.workbook.equations_sheet import displayed
from backprop_sheet.workbook.layout import ROLE_COLORS
from backprop_sheet.workbook.worksheet.blanks import Blanks
from gradsheet.excel.styles import EDGE, FAINT, Styles, set_page
from gradsheet.excel.text_height import row_height
from gradsheet.words import join

_WIDTHS = (14, 15, 92)
_FIRST_ROW = 6
_MAX_PATHS = 6  # that a hint lists
_STEP = re.compile(r"step\(([^()]*)\)")
_MEAN_FORMULA = f"{MEAN_ERROR} = mean({TOTAL_ERROR})"
_TITLES = {
    True: ("the paths", "the factors", "the derivatives"),
    False: ("needs", "what it is", "the formula"),
}


@lru_cache(maxsize=512)
def hints_of(system: EquationSystem, column: str) -> tuple[str, str, str]:
    """Return three hints for a column: its paths, its factors, and their derivatives.

    For columns that are no derivatives: what they depend on, what they are, and their formula.
    No hint is the formula of a gradient.
    """
    if column == MEAN_ERROR:
        words = str(mean_error_sentence(system))
        return f"It is computed from {TOTAL_ERROR} of each sample.", words, _MEAN_FORMULA
    equation = next(one for one in system.equations if one.name == column)
    if equation.paths:
        return _hints_of_derivative(system, equation)
    formula = f"{column} = {_formula(equation.rhs)}"
    return _needs(equation), displayed(explain(system, equation)), formula


def _needs(equation: Equation) -> str:
    """Say from what a quantity is computed."""
    now: dict[str, None] = {}
    before: dict[str, None] = {}
    for used in names(equation.rhs):
        name, shifted, _ = used.key.partition("[n-1]")
        shown = "the number of the iteration" if name == ITERATION else name
        (before if shifted else now)[shown] = None
    parts = [f"from {join(list(now))}"] if now else []
    if before:
        parts.append(f"from {join(list(before))} of the iteration before")
    return f"It is computed {', and '.join(parts)}."


def _formula(expression: Expression) -> str:
    """Write an expression as in print: with minus signs and dots, and steps in words."""
    written = displayed(to_text(expression)).replace("*", "·")
    if _STEP.fullmatch(written):
        return _STEP.sub(r"1 if \1 > 0, otherwise 0", written)
    return _STEP.sub(r"(1 if \1 > 0, otherwise 0)", written)


def _hints_of_derivative(system: EquationSystem, equation: Equation) -> tuple[str, str, str]:
    of = system.quantities[equation.name].of
    paths = _spelled_out(system, equation)
    along, each = ("one path", "the path") if len(paths) == 1 else (f"{len(paths)} paths", "")
    routes = [" → ".join([of, *(factor.of for factor in reversed(path))]) for path in paths]
    products = [" · ".join(factor.label for factor in path) for path in paths]
    rule = f"multiply the derivatives along {each or 'each path, and add the products'}"
    return (
        "\n".join([f"A change of {of} reaches the error along {along}:", *routes]),
        "\n".join([f"The chain rule: {rule}.", f"{equation.name} = " + "\n   + ".join(products)]),
        "\n".join(f"{label} = {text}" for label, text in _derivatives(system, paths).items()),
    )


def _derivatives(system: EquationSystem, paths: Sequence[Path]) -> dict[str, str]:
    """Return each factor's derivative, or where it is known from, in the order of the paths."""
    known: dict[str, str] = {}
    for factor in (factor for path in paths for factor in path):
        if factor.derivative is not None:
            slope = _slope_of_activation(system, factor)
            known[factor.label] = f"{slope}{_formula(factor.derivative)}"
        elif factor.label in system.columns:
            known[factor.label] = "(in its own column)"
        elif elsewhere := _spelled_out_at(system, factor.label):
            known[factor.label] = f"(see the hints of {elsewhere})"
    return known


def _slope_of_activation(system: EquationSystem, factor: Factor) -> str:
    """Return ``σ′(h1) = `` for the derivative of a_h1 = σ(h1), and "" for others."""
    if isinstance(factor.derivative, Number):
        return ""  # a linear activation
    rhs = next((one.rhs for one in system.equations if one.name == factor.of), None)
    match rhs:
        case Call(function, (Name(argument),)) if argument == factor.by:
            return f"{function}′({argument}) = "
    return ""


def _spelled_out(system: EquationSystem, equation: Equation) -> tuple[Path, ...]:
    """Return the paths from the error, also through derivatives that have no column.

    If they are too many, a derivative that is known from another hint stays as it is.
    """
    by_name = {one.name: one for one in system.equations}
    paths: list[Path] = []
    for path in equation.paths:
        first = by_name.get(f"∂E/∂{path[0].by}") if path and path[0].derivative is None else None
        if first is None or first.name in system.columns:
            paths.append(path)
        else:
            paths += [(*before, *path[1:]) for before in _spelled_out(system, first)]
    return tuple(paths) if len(paths) <= _MAX_PATHS else equation.paths


def _spelled_out_at(system: EquationSystem, label: str) -> str:
    """Return the first column whose hints spell out a derivative that has no column, or ""."""
    for equation in system.equations:
        starts = [path[0].label for path in equation.paths if path]
        if equation.name in system.columns and label in starts and label not in system.columns:
            labels = {f.label for path in _spelled_out(system, equation) for f in path}
            if label not in labels:
                return equation.name
    return ""


def write_hints(sheet: Worksheet, styles: Styles, blanks: Blanks) -> None:
    """Write the sheet: a row per column, and its hints in folded rows below."""
    set_page(sheet, tab_color=ROLE_COLORS[Role.HIDDEN].strong)
    sheet.set_portrait()
    sheet.outline_settings(symbols_below=False)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(_FIRST_ROW, 0)
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, "Hints", styles.title)
    sheet.write_url(1, 0, f"internal:'{OVERVIEW}'!A1", styles.link(), "← Overview")
    sheet.repeat_rows(_FIRST_ROW - 1)
    text = (
        "Each column has three folded hints, and each tells more than the one before. Open the "
        "first with the + at the left of the column's row, and the next with the + beside it."
    )
    note = styles.format(font_color=FAINT, text_wrap=True, valign="top")
    sheet.merge_range(2, 0, 2, len(_WIDTHS) - 1, text, note)
    sheet.set_row(2, row_height([(text, sum(_WIDTHS))]))
    if ColumnGroup.UPDATES in blanks.groups:
        text = "[n−1] means the value of the iteration before."
        sheet.write_string(3, 0, text, styles.note)
    header = styles.header(ROLE_COLORS[Role.HIDDEN], align="left")
    for column, title in enumerate(("column", "hint", "")):
        sheet.write_string(_FIRST_ROW - 1, column, title, header)
    row = _FIRST_ROW
    for name in blanks.columns:
        row = _write_column(sheet, styles, row, name, blanks.system)


def _write_column(
    sheet: Worksheet, styles: Styles, row: int, name: str, system: EquationSystem
) -> int:
    colors = ROLE_COLORS[system.columns[name]]
    bold = styles.format(bold=True, font_color=colors.strong, top=4, top_color=EDGE)
    sheet.write_string(row, 0, name, bold)
    sheet.write_string(row, 1, "3 hints", styles.format(font_color=FAINT, top=4, top_color=EDGE))
    sheet.write_blank(row, 2, None, styles.format(top=4, top_color=EDGE))
    sheet.set_row(row, None, None, {"collapsed": True})
    wrapped = styles.format(text_wrap=True, valign="top")
    titles = _TITLES[bool(_is_derivative(system, name))]
    for level, (title, text) in enumerate(zip(titles, hints_of(system, name), strict=True), 1):
        sheet.write_string(row + level, 1, title, styles.format(font_color=FAINT, valign="top"))
        sheet.write_string(row + level, 2, text, wrapped)
        options = {"level": level, "hidden": True, "collapsed": level < len(titles)}
        sheet.set_row(row + level, row_height([(text, _WIDTHS[2])]), None, options)
    return row + len(titles) + 1


def _is_derivative(system: EquationSystem, name: str) -> bool:
    return system.columns[name] is Role.GRADIENT
