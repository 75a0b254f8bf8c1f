"""XlsxWriter still has what gradsheet uses beyond its documented interface."""

from __future__ import annotations

import ast
import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from gradsheet.excel import fast_writing
from gradsheet.excel.fast_writing import ReadyFormula, RowCell, RowTemplate, RowWriter

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "gradsheet" / "excel" / "fast_writing.py"


@pytest.fixture
def workbook(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "book.xlsx", {"constant_memory": True})
    yield book
    if not book.fileclosed:
        book.add_worksheet()
        book.close()


@pytest.mark.parametrize(
    ("kind", "internals"),
    [
        ("worksheet", fast_writing.ROW_INTERNALS),
        ("chart", fast_writing.CHART_INTERNALS),
        ("format", fast_writing.FORMAT_INTERNALS),
    ],
)
def test_the_installed_version_has_all_internals(workbook, kind, internals):
    part = {
        "worksheet": workbook.add_worksheet,
        "chart": lambda: workbook.add_chart({"type": "line"}),
        "format": workbook.add_format,
    }[kind]()
    missing = fast_writing.missing_internals(part, internals)
    assert not missing, (
        f"XlsxWriter {xlsxwriter.__version__} has changed {', '.join(missing)} of a {kind}: files "
        f"are right, but written slowly. Adapt {HOOKS.relative_to(ROOT)} to the new version."
    )


def test_the_installed_version_skips_the_search_of_a_ready_formula(tmp_path):
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path, {"use_future_functions": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_formula("A1", "=STDEV.S(B1:B9)")
        sheet.write_formula("A2", ReadyFormula("STDEV.S(B1:B9)"))
    cells = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "_xlfn.STDEV.S(B1:B9)" in cells
    assert "<f>STDEV.S(B1:B9)</f>" in cells, (
        f"XlsxWriter {xlsxwriter.__version__} searches a ReadyFormula: formulas are written slowly"
    )


def test_the_installed_version_compresses_at_the_level_that_is_set(tmp_path):
    sizes = []
    for name in ("small", "quick"):
        book = xlsxwriter.Workbook(tmp_path / name)
        sheet = book.add_worksheet()
        for row in range(3000):
            sheet.write_number(row, 0, (row * 7919) ** 0.5)
        if name == "quick":
            with fast_writing.fast_compression():
                book.close()
        else:
            book.close()
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes[1] > 1.03 * sizes[0], (
        f"XlsxWriter {xlsxwriter.__version__} creates its file in another way: it is compressed "
        "slowly"
    )


@pytest.mark.parametrize("lost", ["ROW_INTERNALS", "FORMAT_INTERNALS"])
def test_without_the_internals_rows_are_the_same(tmp_path, monkeypatch, lost):
    def write(path: Path) -> bytes:
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            sheet, cell_format = book.add_worksheet(), book.add_format({"bold": True})
            template = RowTemplate(
                [
                    RowCell(0, None, cell_format, whole=True),
                    RowCell(1, "A{row}%*{last}<2", cell_format),
                    RowCell(2, None, cell_format, text="50 % & more"),
                ]
            )
            writer = RowWriter(sheet)
            for row in (1, 2, 5):
                writer.write(template.at(row, last=9), [float(row), 0.1])
        return zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")

    quick = write(tmp_path / "quick.xlsx")
    assert quick.count(b"<row ") == 3
    monkeypatch.setattr(fast_writing, lost, ("no longer there",))
    assert write(tmp_path / "slow.xlsx") == quick


def test_no_other_module_uses_internals_of_xlsxwriter():
    used = []
    for package in ("gradsheet", "backprop_sheet", "keras_model"):
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text("utf-8")
            if path == HOOKS or "xlsxwriter" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                if (
                    isinstance(node, ast.Attribute)
                    and re.match("_[^_]", node.attr)
                    and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
                ):
                    used.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}")
    assert used == []
