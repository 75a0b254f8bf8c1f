"""Rows are high enough for wrapped text: measured with a real font."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from fixtures.class_of_submissions import COMMON, SIGN, Plan, varied, write
from fixtures.class_run import invoke_check
from matplotlib import get_data_path
from PIL import ImageFont

from gradsheet.excel.text_height import column_width, row_height, wrapped_lines

FONT = ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 10 / 72 * 96)
SHEETS = ("Feedback", "Marks", "Tables", "Mistakes", "Findings")
STUDENTS = (
    "Maximiliane-Friederike Donaudampfschifffahrtsgesellschaftskapitän",
    "Bundesausbildungsförderungsgesetzantragsteller",
    "Anna Maria Theresia von und zu Hohenzollern-Sigmaringen",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A report and a marked copy with long names, sheets and formulas."""
    folder = tmp_path_factory.mktemp("long")
    for number, student in enumerate(STUDENTS):
        (folder / "in" / student).mkdir(parents=True)
        table = varied(number, changes=COMMON | SIGN, sheet="Rückwärtspropagierung Übung 1")
        write(Plan([table]), folder / "in" / student / "hw.xlsx")
    report, marked = folder / "marks.xlsx", folder / "marked"
    assert invoke_check(folder / "in", "--report", report, "--annotate", marked).exit_code == 1
    return [report, *sorted(marked.rglob("*.xlsx"))[:1]]


def lines_in_print(text: str, pixels: float) -> int:
    """Wrap a text by the widths of a real font, one of the widest that replace Arial."""
    lines, line = 1, ""
    for word in text.split(" "):
        if line and FONT.getlength(f"{line} {word}") > pixels:
            lines, line = lines + 1, ""
        line = f"{line} {word}" if line else word
        while FONT.getlength(line) > pixels:
            kept = next(n for n in range(len(line), 0, -1) if FONT.getlength(line[:n]) <= pixels)
            lines, line = lines + 1, line[kept:]
    return lines


def test_no_row_is_lower_than_its_text(written: list[Path]) -> None:
    wrapped = 0
    for path in written:
        book = openpyxl.load_workbook(path)
        for sheet in (book[name] for name in book.sheetnames if name in SHEETS):
            merged = {cells.min_row for cells in sheet.merged_cells.ranges}
            widths = {
                number: one.width
                for one in sheet.column_dimensions.values()
                if not one.hidden
                for number in range(one.min, one.max + 1)  # columns of one width are one entry
            }
            for row in sheet.iter_rows():
                number = row[0].row
                lines = 1
                for cell in row if number not in merged else ():
                    width = widths.get(cell.column)
                    if width and cell.value is not None:
                        lines = max(lines, lines_in_print(str(cell.value), width * 7 - 5))
                height = sheet.row_dimensions[number].height or 15
                assert height >= 12.75 * lines, (sheet.title, number)
                wrapped += lines > 1
    assert wrapped > 10, "the test's own case"


def test_a_column_is_as_wide_as_its_names() -> None:
    names = ["Ada Lovelace", "Working sheet.xlsx", "MMMMMMMMMMMM", "李" * 8]
    width = column_width(names, 8, 60)
    assert all(wrapped_lines(name, width) == 1 for name in names)
    assert all(lines_in_print(name, width * 7 - 5) == 1 for name in names[:3])
    assert column_width([], 8, 60) == 8 and column_width(["m" * 100], 8, 60) == 60


def test_lines() -> None:
    assert wrapped_lines("", 10) == wrapped_lines("short", 10) == 1
    assert wrapped_lines("one\ntwo\nthree", 10) == 3
    assert wrapped_lines("m" * 100, 10) >= 10
    assert wrapped_lines("李" * 20, 10) > wrapped_lines("i" * 10, 10) == 1
    assert row_height([("short", 10), ("", 3)]) is None
    highest = row_height([("word " * 10_000, 10)])
    assert highest is not None and highest <= 409, "Excel's limit"
