"""The report on models: one row per model, as a workbook, CSV or JSON, and as lines to print."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradsheet.csv_values import csv_value
from gradsheet.excel.provenance import has_provenance, set_provenance
from gradsheet.printable import printable
from gradsheet.words import count, plural
from keras_model.marking.conditions import Conditions
from keras_model.marking.judged_models import JudgedModel

SUFFIXES = (".xlsx", ".csv", ".json")
_KIND = "model_report"
_COLUMNS = (
    "model", "trainable_parameters", "other_parameters", "correct", "test_digits", "accuracy",
    "loss", "scaling",
)  # fmt: skip
_FORMATS = {
    "trainable_parameters": "#,##0", "other_parameters": "#,##0", "correct": "#,##0",
    "test_digits": "#,##0", "accuracy": "0.00%", "loss": "0.0000",
}  # fmt: skip
_WIDTHS = {"model": 280, "problem": 480}  # pixels
_TOP = 3  # the row of the headers in the workbook, from 0
_JSON_START = '{\n "written_by": "gradsheet evaluate",'
_MAX_NAME = 34  # characters in the terminal


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a report of :func:`write_report`."""
    starts = {".csv": f"\ufeff{','.join(_COLUMNS)}", ".json": _JSON_START}
    start = starts.get(path.suffix.lower())
    if start is None:
        return has_provenance(path, _KIND)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(len(start)) == start
    except (OSError, ValueError):
        return False


# --- lines to print ---


def table_lines(models: Sequence[JudgedModel], conditions: Conditions) -> list[str]:
    """Return one line per model under a header, and how many meet the conditions."""
    names = [_shortened(printable(model.name)) for model in models]
    width = max(len("model"), *map(len, names))
    header = f"{'model':<{width}}  parameters  accuracy  pixels"
    lines = [header + ("  missed" if conditions.names else "")]
    for name, model in zip(names, models, strict=True):
        if model.tested is None:
            lines.append(f"{name:<{width}}  {printable(model.problem)}")
            continue
        tested = model.tested
        line = (
            f"{name:<{width}}{tested.architecture.trainable:>12,}"
            f"{tested.evaluation.accuracy:>10.2%}  {tested.scaling.scaling.name:<6}"
        )
        missed = f"  {', '.join(model.missed) or '–'}" if conditions.names else ""
        lines.append((line + missed).rstrip())
    return [*lines, _counts(models, conditions)]


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"…{name[1 - _MAX_NAME :]}"


def _counts(models: Sequence[JudgedModel], conditions: Conditions) -> str:
    unread = sum(model.tested is None for model in models)
    passed = sum(model.is_passed for model in models)
    parts = []
    if conditions.names:
        missed = len(models) - unread - passed
        parts.append(f"{passed} {plural(passed, 'meets', 'meet')} the conditions")
        parts += [f"{missed} {plural(missed, 'does', 'do')} not"] if missed else []
    parts += [f"{unread} cannot be read"] if unread else []
    words = f": {', '.join(parts)}" if parts else ""
    return f"{count(len(models), 'model')}{words}"


# --- files ---


def write_report(
    models: Sequence[JudgedModel], conditions: Conditions, data: str, path: Path, suffix: str
) -> None:
    """Write the report.

    Args:
        data: the name of the test digits.
        path: where to write; an existing file is replaced.
        suffix: one of :data:`SUFFIXES`.

    Raises:
        OSError, FileCreateError: the file cannot be written.
    """
    rows = [_row(model, conditions) for model in models]
    by_condition = [f"condition_{name}" for name in conditions.names]
    headers = [*_COLUMNS, *by_condition, "result", "problem"]
    if suffix == ".json":
        path.write_text(_json(models, data), encoding="utf-8", newline="\n")
    elif suffix == ".csv":
        # With a byte order mark, Excel reads UTF-8.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headers)
            writer.writerows([csv_value(value) for value in row] for row in rows)
    else:
        _write_workbook(headers, rows, data, path)


def _row(model: JudgedModel, conditions: Conditions) -> list[Any]:
    values = list(_figures(model).values())
    met = {outcome.name: outcome.is_met for outcome in model.outcomes}
    words = {True: "met", False: "missed", None: ""}
    by_condition = [words[met.get(name)] for name in conditions.names]
    return [*values, *by_condition, _result(model), printable(model.problem)]


def _result(model: JudgedModel) -> str:
    if model.tested is None:
        return "not read"
    if not model.outcomes:
        return ""
    return "passed" if model.is_passed else "failed"


def _figures(model: JudgedModel) -> dict[str, Any]:
    """Return the values of the columns that every report has, by their names."""
    name = printable(model.name)
    if model.tested is None:
        return dict.fromkeys(_COLUMNS) | {"model": name}
    architecture, evaluation = model.tested.architecture, model.tested.evaluation
    values = (
        name, architecture.trainable, architecture.not_trainable, evaluation.correct,
        evaluation.total, round(evaluation.accuracy, 6), round(evaluation.loss, 6),
        model.tested.scaling.scaling.name,
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _json(models: Sequence[JudgedModel], data: str) -> str:
    described = [
        _figures(model)
        | {
            "conditions": [
                {"condition": each.condition, "found": each.found, "met": each.is_met}
                for each in model.outcomes
            ],
            "result": _result(model) or None,
            "problem": printable(model.problem) or None,
        }
        for model in models
    ]
    document = {"written_by": "gradsheet evaluate", "digits": data, "models": described}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _write_workbook(headers: list[str], rows: list[list[Any]], data: str, path: Path) -> None:
    from xlsxwriter import Workbook

    from gradsheet.excel.styles import COLORS, Styles, default_format, set_page

    options = {
        "default_format_properties": default_format(), "in_memory": True,
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }  # fmt: skip
    workbook = Workbook(str(path), options)
    set_provenance(workbook, _KIND, "Models")
    styles, sheet = Styles(workbook), workbook.add_worksheet("Models")
    set_page(sheet)
    sheet.set_row(0, 28)
    sheet.write_string(0, 0, "Models", styles.title)
    tested = max((row[_COLUMNS.index("test_digits")] or 0 for row in rows), default=0)
    sheet.write_string(1, 0, f"Tested on {count(tested, 'digit')} of {data}", styles.note)
    sheet.set_row_pixels(_TOP, 34)
    for column, header in enumerate(headers):
        sheet.set_column_pixels(column, column, _WIDTHS.get(header, 92))
        is_text = header in _WIDTHS
        heading = styles.header(COLORS["blue"], "left" if is_text else "center")
        sheet.write_string(_TOP, column, header.replace("_", " "), heading)
    for line, row in enumerate(rows, start=_TOP + 1):
        for column, (header, value) in enumerate(zip(headers, row, strict=True)):
            if isinstance(value, str):
                style = styles.cell() if header in _WIDTHS else styles.cell(align="center")
                sheet.write_string(line, column, value, style)
            elif value is not None:
                sheet.write_number(line, column, value, styles.cell(_FORMATS[header]))
    last = _TOP + len(rows)
    for words, color in (("missed", "red"), ("failed", "red"), ("not read", "amber"),
                         ("met", "green"), ("passed", "green")):  # fmt: skip
        colors = COLORS[color]
        rule = styles.differential(font_color=colors.strong, bg_color=colors.pale)
        area = (_TOP + 1, len(_COLUMNS), last, len(headers) - 2)
        sheet.conditional_format(
            *area, {"type": "cell", "criteria": "==", "value": f'"{words}"', "format": rule}
        )
    sheet.freeze_panes(_TOP + 1, 1)
    sheet.autofilter(_TOP, 0, last, len(headers) - 1)
    workbook.close()
