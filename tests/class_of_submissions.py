"""A class of submissions: some sixty kinds of workbooks, repeated with variations.

:data:`KINDS` makes a :class:`Plan` from the number of its variation: tables of
:mod:`student_workbooks`, what XlsxWriter puts around them, and changes of the package's parts for
what XlsxWriter does not write. :func:`build_class` fills a folder with them, and says of each file
what is wrong in it, by the formulas of :func:`student_workbooks.mistakes_in`.
"""

from __future__ import annotations

import base64
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import openpyxl
import student_workbooks
import xlsxwriter
from click.testing import CliRunner
from student_workbooks import (
    COURSE_ORDER,
    DIALECTS,
    GRADIENTS,
    HELPERS,
    PLAIN,
    STYLES,
    Book,
    Form,
    Table,
    Transposed,
    Wrong,
    delta,
    rewrite,
)
from xlsxwriter.utility import xl_cell_to_rowcol

from cli import main

SIZE = 200
ROOT = "class"  # the folder's name

# A picture of one red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
NOTE = 'Ask in the tutorial: "why is this < 1 & > 0?"\n= -- really?'  # a student's own words

Sheets = Mapping[str, xlsxwriter.worksheet.Worksheet]
Extras = Callable[[xlsxwriter.Workbook, Sheets, list[Table]], None]


@dataclass
class Plan:
    """One workbook before it is written.

    Attributes:
        wrong: the wrong cells where :func:`mistakes_in` cannot tell, by sheet and column.
        verdicts: of the tables in their order; None takes them from the wrong cells.
        look: XlsxWriter's properties of the tables' cells.
        notes: existing notes, by sheet and cell.
        edit: changes the file in the end.
    """

    tables: list[Table]
    before: Mapping[str, str] = field(default_factory=dict)  # sheets with one text, put first
    cells: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    extras: Extras | None = None
    edit: Callable[[Path], Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    wrong: Mapping[tuple[str, str], tuple[Wrong, ...]] | None = None
    verdicts: tuple[str, ...] | None = None
    shared: bool = False
    suffix: str = ".xlsx"


@dataclass(frozen=True)
class Submission:
    """One file of the class, and what is known about it.

    Attributes:
        path: below the folder that :func:`build_class` filled, the class's folder included.
        verdicts: of its tables; () if it cannot be judged.
        wrong: the wrong cells, by sheet and column.
        book: the cells and their values, None where they were not made here.
        notes: the notes that it has, by sheet and cell.
    """

    path: Path
    kind: str
    verdicts: tuple[str, ...]
    wrong: Mapping[tuple[str, str], tuple[Wrong, ...]] = field(default_factory=dict)
    book: Book | None = None
    notes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def student(self) -> str:
        """The first folder in the class's folder, or the file's name."""
        return self.path.parts[1]

    @property
    def below(self) -> Path:
        """The path below the class's folder."""
        return self.path.relative_to(ROOT)


def wrong_cells(book: Book, table: Table) -> dict[tuple[str, str], tuple[Wrong, ...]]:
    """The wrong cells of each column, by sheet and column."""
    found = {}
    for column, wrong in student_workbooks.mistakes_in(book, table).items():
        assert min(one.distance for one in wrong) > 1e-5, f"{column}: too near to the right value"
        found[table.sheet, column] = tuple(wrong)
    return found


def write(plan: Plan, path: Path) -> tuple[Book, Plan]:
    """Write a plan as a workbook; its book has the values."""
    book = Book()
    for name, text in plan.before.items():
        book.put(name, 0, 0, text)
    for table in plan.tables:
        table.place(book)
    for (sheet, cell), content in plan.cells.items():
        book.put(sheet, *xl_cell_to_rowcol(cell), content)
    with xlsxwriter.Workbook(path, dict(plan.options)) as out:
        head = out.add_format({"bold": True, "bg_color": "#FFE699", "border": 1})
        look = out.add_format(dict(plan.look)) if plan.look else None
        sheets = {}
        for name in book.sheets:
            sheets[name] = out.add_worksheet(name)
            book.write_cells(sheets[name], head, look)
        for (name, cell), text in plan.notes.items():
            sheets[name].write_comment(cell, text, {"author": "Anna"})
        for name, (sheet_name, cell) in book.names.items():
            out.define_name(name, f"='{sheet_name}'!{cell}")
        if plan.extras is not None:
            plan.extras(out, sheets, plan.tables)
    if plan.shared:
        rewrite(
            path, lambda name, data: student_workbooks._share(data) if "/sheet" in name else data
        )
    if plan.edit is not None:
        plan.edit(path)
    return book, plan


def described(plan: Plan, book: Book, path: Path, kind: str) -> Submission:
    """What is known about a written plan."""
    wrong = plan.wrong
    if wrong is None:
        wrong = {}
        for table in plan.tables:
            wrong |= wrong_cells(book, table)
    verdicts = plan.verdicts
    if verdicts is None:
        verdicts = tuple(
            "wrong" if student_workbooks.mistakes_in(book, table) else "right"
            for table in plan.tables
        )
    return Submission(path, kind, verdicts, wrong, book, plan.notes)


# ---------------------------------------------------------------------------------------------
# Mistakes

D1, D2 = delta(1), delta(2)
B1, B2 = f"({D1}*[w5]+{D2}*[w7])", f"({D1}*[w6]+{D2}*[w8])"
H1, H2 = "[a_h1]*(1-[a_h1])", "[a_h2]*(1-[a_h2])"
COMMON = {"∂E/∂w3": f"{B2}*{H1}*[i1]"}  # a_h1 where a_h2 belongs
BOTH = {**COMMON, "∂E/∂w4": f"{B2}*{H1}*[i2]"}
SIGN = {"∂E/∂w5": "([t1]-[a_o1])*[a_o1]*(1-[a_o1])*[a_h1]"}
NO_HALF = {"E1": "([t1]-[a_o1])^2"}
UPHILL = {"w5": "[w5@-1]+[η]*[∂E/∂w5@-1]"}
PARENTHESIS = {"a_h1": "1/1+EXP(-[h1])"}
_ETAS = (0.5, 0.1, 0.2, 1.0, 2.0, 0.8)
_DIALECTS = tuple(DIALECTS.values())
_STYLES = tuple(name for name in STYLES if name not in ("helpers", "one from another"))


def varied(number: int, **options: Any) -> Table:
    """A table whose place, headers, spelling, rows and learning rate go with a number."""
    chosen: dict[str, Any] = {
        "eta": _ETAS[number % 6],
        "header": _DIALECTS[number * 5 % len(_DIALECTS)],
        "rows": 5 + number % 3,
        "top": 3 + number % 4,
        "left": number % 3,
        "repeat": ("above", "typed", "first")[number % 3],
        "formulas": STYLES[_STYLES[number % len(_STYLES)]],
        "counter": ("iteration", "Step", "Epoch")[number % 3],
    }
    return Table(**(chosen | options))


def common(number: int, **options: Any) -> Table:
    """The same with the commonest mistake."""
    return varied(number, **({"changes": COMMON} | options))


# ---------------------------------------------------------------------------------------------
# Changes of a package's parts

Change = Callable[[str, bytes], bytes | None]


def _edit(*changes: Change) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        for change in changes:
            rewrite(path, change)

    return edit


def in_part(pattern: str, old: str, new: str, count: int = 0) -> Change:
    """Substitute a regular expression in the parts whose names match."""

    def change(name: str, data: bytes) -> bytes:
        if not re.fullmatch(pattern, name):
            return data
        text, times = re.subn(old, new, data.decode(), count=count)
        assert times, f"{old!r} is not in {name}"
        return text.encode()

    return change


def add_parts(path: Path, parts: Mapping[str, str]) -> None:
    """Add parts to a package."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


SHEET = r"xl/worksheets/sheet\d+\.xml"
WORKBOOK, TYPES = r"xl/workbook\.xml", r"\[Content_Types\]\.xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_STRICT = (
    ("http://schemas.openxmlformats.org/spreadsheetml/2006/main",
     "http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (f"{_OFFICE}/relationships/extended-properties",
     "http://purl.oclc.org/ooxml/officeDocument/relationships/extendedProperties"),
    (f"{_OFFICE}/relationships", "http://purl.oclc.org/ooxml/officeDocument/relationships"),
    (f"{_OFFICE}/extended-properties",
     "http://purl.oclc.org/ooxml/officeDocument/extendedProperties"),
    (f"{_OFFICE}/docPropsVTypes", "http://purl.oclc.org/ooxml/officeDocument/docPropsVTypes"),
    ("http://schemas.openxmlformats.org/drawingml/2006/",
     "http://purl.oclc.org/ooxml/drawingml/"),
)  # fmt: skip


def to_strict(name: str, data: bytes) -> bytes:
    """A part as ISO 29500 strict has it."""
    if not name.endswith((".xml", ".rels")):
        return data
    text = data.decode()
    for transitional, strict in _STRICT:
        text = text.replace(transitional, strict)
    if name == "xl/workbook.xml":
        text = text.replace("<workbook ", '<workbook conformance="strict" ', 1)
    return text.encode()


def to_transitional(name: str, data: bytes) -> bytes:
    """The reverse, for readers that know the usual names only."""
    if not name.endswith((".xml", ".rels")):
        return data
    for transitional, strict in _STRICT:
        data = data.replace(strict.encode(), transitional.encode())
    return data


def prefixed(name: str, data: bytes) -> bytes:
    """Each element of the main namespace with a prefix."""
    if not re.fullmatch(r"xl/(workbook|styles|sharedStrings|worksheets/sheet\d+)\.xml", name):
        return data
    text = data.decode().replace(' xmlns="', ' xmlns:x="', 1)
    return re.sub(r"<(/?)([A-Za-z]\w*)(?=[\s/>])", r"<\1x:\2", text).encode()


_IGNORABLE = (
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'mc:Ignorable="x14ac xr" '
    'xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" '
    'xmlns:xr="http://schemas.microsoft.com/office/spreadsheetml/2014/revision" '
)
_CHOICE = (
    '<mc:AlternateContent><mc:Choice Requires="x15"><x15ac:absPath url="C:\\\\Users\\\\anna\\\\" '
    'xmlns:x15ac="http://schemas.microsoft.com/office/spreadsheetml/2010/11/ac"/></mc:Choice>'
    "</mc:AlternateContent>"
)
AS_EXCEL_WRITES = _edit(
    in_part(SHEET, "<worksheet ", f"<worksheet {_IGNORABLE}", 1),
    in_part(SHEET, r'<row r="(\d+)"', r'<row r="\1" x14ac:dyDescent="0.25"'),
    in_part(SHEET, r"<sheetFormatPr ", '<sheetFormatPr x14ac:dyDescent="0.25" '),
    in_part(r"xl/styles\.xml", "<styleSheet ", f"<styleSheet {_IGNORABLE}", 1),
    in_part(
        WORKBOOK,
        "<workbook ",
        f"<workbook {_IGNORABLE}"
        'xmlns:x15="http://schemas.microsoft.com/office/spreadsheetml/2010/11/main" ',
        1,
    ),
    in_part(WORKBOOK, r"(<workbookPr [^>]*/>)", rf"\1{_CHOICE}"),
    in_part(SHEET, r"<\?xml[^>]*\?>\n", '<?xml version="1.0" encoding="UTF-8"?>\r\n', 1),
)


def without_styles(path: Path) -> None:
    """A workbook with no styles part, as some programs write."""
    _edit(
        in_part(TYPES, r'<Override PartName="/xl/styles.xml"[^>]*/>', ""),
        in_part(r"xl/_rels/workbook\.xml\.rels", r'<Relationship [^>]*"styles\.xml"/>', ""),
        in_part(SHEET, r'(<c r="[A-Z]+\d+") s="\d+"', r"\1"),
        lambda name, data: None if name == "xl/styles.xml" else data,
    )(path)


def absolute_targets(path: Path) -> None:
    """Relationships with absolute targets, as openpyxl writes them."""
    _edit(
        in_part(r"xl/_rels/workbook\.xml\.rels", r'Target="(?=\w)', 'Target="/xl/'),
        in_part(r"_rels/\.rels", r'Target="(?=\w)', 'Target="/'),
    )(path)


def without_references(path: Path) -> None:
    """Cells and rows that do not say where they are."""
    _edit(
        in_part(SHEET, r'<c r="[A-Z]+\d+"', "<c"),
        in_part(SHEET, r'<row r="\d+"', "<row"),
    )(path)


def with_calculation_chain(path: Path) -> None:
    """The order of calculation that Excel leaves in a workbook."""
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    cells = re.findall(r'<c r="([A-Z]+\d+)"[^>]*><f>', sheet)
    links = "".join(f'<c r="{cell}" i="1"/>' for cell in cells)
    namespace = _STRICT[0][0]
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"
    _edit(
        in_part(
            TYPES,
            "</Types>",
            f'<Override PartName="/xl/calcChain.xml" ContentType="{kind}"/></Types>',
        ),
        in_part(
            r"xl/_rels/workbook\.xml\.rels",
            "</Relationships>",
            f'<Relationship Id="rId77" Type="{_OFFICE}/relationships/calcChain" '
            'Target="calcChain.xml"/></Relationships>',
        ),
    )(path)
    add_parts(
        path, {"xl/calcChain.xml": f'{_HEAD}<calcChain xmlns="{namespace}">{links}</calcChain>'}
    )


def as_others_write(path: Path) -> None:
    """XML by another hand: a byte-order mark, line breaks, single quotes, comments; folders."""

    def change(name: str, data: bytes) -> bytes:
        if not re.fullmatch(f"{WORKBOOK}|{SHEET}|xl/styles\\.xml|xl/_rels/.*", name):
            return data
        text = re.sub(r'(\s[\w:]+)="([^"\']*)"', r"\1='\2'", data.decode())
        text = re.sub(r"<c r='(\w+)' s='(\d+)'", r"<c  s='\2'\n   r='\1'", text)
        text = re.sub(r">(?=<(?:c|row|xf|sheet|Relationship|cols)\b)", ">\n  ", text)
        text = text.replace("?>", "?>\n<!-- <row><c/></row> </sheetData> </worksheet> -->", 1)
        return b"\xef\xbb\xbf" + text.encode()

    rewrite(path, change)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/", b"")
        archive.writestr("xl/worksheets/", b"")


def saved_by_openpyxl(path: Path) -> None:
    """Its parts have other names and places, and its relationships other ids."""
    openpyxl.load_workbook(path).save(path)


_THREAD = "{11111111-2222-3333-4444-555555555555}"
_PERSON = "{AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE}"
THREAD_AUTHOR = f"tc={_THREAD}"
THREAD_NOTE = (
    "[Threaded comment]\n\nYour version of Excel allows you to read this threaded comment; "
    "however, any edits to it will get removed if the file is opened in a newer version of "
    "Excel.\n\n"
    "Comment:\n    Why is this one smaller?"
)
_THREADS = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"


def with_thread(cell: str) -> Callable[[Path], None]:
    """Add the thread of the note that stands for it."""

    def edit(path: Path) -> None:
        kind = "application/vnd.ms-excel"
        types = (
            '<Override PartName="/xl/threadedComments/threadedComment1.xml" '
            f'ContentType="{kind}.threadedcomments+xml"/>'
            f'<Override PartName="/xl/persons/person.xml" ContentType="{kind}.person+xml"/></Types>'
        )
        relation = "http://schemas.microsoft.com/office/2017/10/relationships"
        _edit(
            in_part(TYPES, "</Types>", types),
            in_part(
                r"xl/worksheets/_rels/sheet1\.xml\.rels",
                "</Relationships>",
                f'<Relationship Id="rId77" Type="{relation}/threadedComment" '
                'Target="../threadedComments/threadedComment1.xml"/></Relationships>',
            ),
            in_part(
                r"xl/_rels/workbook\.xml\.rels",
                "</Relationships>",
                f'<Relationship Id="rId78" Type="{relation}/person" '
                'Target="persons/person.xml"/></Relationships>',
            ),
        )(path)
        thread = (
            f'{_HEAD}<ThreadedComments xmlns="{_THREADS}"><threadedComment ref="{cell}" '
            f'dT="2024-03-01T10:00:00.00" personId="{_PERSON}" id="{_THREAD}">'
            "<text>Why is this one smaller?</text></threadedComment></ThreadedComments>"
        )
        persons = (
            f'{_HEAD}<personList xmlns="{_THREADS}"><person displayName="Anna" id="{_PERSON}" '
            'userId="anna" providerId="None"/></personList>'
        )
        add_parts(
            path,
            {
                "xl/threadedComments/threadedComment1.xml": thread,
                "xl/persons/person.xml": persons,
            },
        )

    return edit


# ---------------------------------------------------------------------------------------------
# Kinds


def _first_wrong(table: Table, column: str = "∂E/∂w3") -> str:
    return table.cell(column, 0)


def _chart(out: xlsxwriter.Workbook, kind: str, table: Table) -> Any:
    chart = out.add_chart({"type": kind})
    at = table.left + table.columns().index("E_total")
    sheet = table.sheet
    chart.add_series({"values": [sheet, table.top + 1, at, table.top + table.rows, at]})
    return chart


def charts(number: int) -> Plan:
    table = common(number)

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].insert_chart(20, 2, _chart(out, "line", table))
        sheets["Sheet1"].insert_chart(20, 12, _chart(out, "column", table))
        other = out.add_worksheet("Graphs")
        other.insert_chart(1, 1, _chart(out, "line", table))

    return Plan([table], extras=extras)


def chartsheet(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        out.add_chartsheet("Diagram").set_chart(_chart(out, "line", tables[0]))
        out.add_worksheet("After").write(0, 0, "after the chart sheet")

    return Plan([common(number)], extras=extras)


def picture(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].insert_image("C20", "dot.png", {"image_data": io.BytesIO(PNG)})

    return Plan([common(number)], extras=extras)


def notes_elsewhere(number: int) -> Plan:
    table = common(number)
    notes = {("Sheet1", table.cell("h1", 2)): NOTE, ("Sheet1", "A30"): "second\nnote ∂"}
    return Plan([table], notes=notes)


def note_on_the_wrong_cell(number: int) -> Plan:
    table = common(number)
    return Plan([table], notes={("Sheet1", _first_wrong(table)): NOTE})


def note_on_a_later_wrong_cell(number: int) -> Plan:
    table = common(number)
    return Plan([table], notes={("Sheet1", table.cell("∂E/∂w3", 3)): NOTE})


def notes_on_another_sheet(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Cover"].write_comment("B2", NOTE, {"author": "Anna"})
        sheets["Cover"].show_comments()

    table = common(number)
    return Plan([table], before={"Cover": "Backpropagation"}, extras=extras)


def notes_shown(number: int) -> Plan:
    table = common(number)
    notes = {("Sheet1", table.cell("h1", 0)): NOTE}

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].show_comments()

    return Plan([table], notes=notes, extras=extras)


def _threaded(number: int, column: str) -> Plan:
    table = common(number)
    cell = table.cell(column, 0)

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].write_comment(cell, THREAD_NOTE, {"author": THREAD_AUTHOR})

    return Plan([table], extras=extras, edit=with_thread(cell))


def thread_elsewhere(number: int) -> Plan:
    return _threaded(number, "h1")


def thread_on_the_wrong_cell(number: int) -> Plan:
    return _threaded(number, "∂E/∂w3")


def button(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].insert_button("C25", {"caption": "Press me", "macro": "recalculate"})

    return Plan([common(number)], extras=extras)


def button_of_two_lines(number: int) -> Plan:
    """Excel writes a line break there as ``<br>``, so that the part is not XML."""
    vml = in_part(r"xl/drawings/vmlDrawing1\.vml", "Press me", "Press<br>\nme")
    return replace(button(number), edit=_edit(vml))


def header_picture(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        image = {"image_left": "dot.png", "image_data_left": io.BytesIO(PNG)}
        sheets["Sheet1"].set_header("&L&G&CSession 6", image)

    return Plan([common(number)], extras=extras)


def protected_sheet(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].protect("secret", {"format_cells": False})

    return Plan([common(number)], extras=extras, look={"locked": False})


def protected_structure(number: int) -> Plan:
    protection = '<workbookProtection workbookPassword="CC1A" lockStructure="1"/>'
    return Plan(
        [common(number)], edit=_edit(in_part(WORKBOOK, r"(<workbookPr[^>]*/>)", rf"\1{protection}"))
    )


def strict(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].insert_chart(20, 2, _chart(out, "line", tables[0]))

    return Plan([common(number)], extras=extras, edit=lambda path: rewrite(path, to_strict))


def strict_with_notes(number: int) -> Plan:
    return replace(notes_elsewhere(number), edit=lambda path: rewrite(path, to_strict))


def conditional_formats(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheet, red = sheets["Sheet1"], out.add_format({"bg_color": "#00FF00"})
        rule = {"type": "cell", "criteria": ">", "value": 0.5, "format": red}
        sheet.conditional_format("A1:AH20", rule)
        sheet.conditional_format("A1:AH20", {"type": "data_bar", "data_bar_2010": True})
        sheet.conditional_format("B5:B9", {"type": "3_color_scale"})
        sheet.conditional_format("C5:C9", {"type": "icon_set", "icon_style": "3_arrows"})

    return Plan([common(number)], extras=extras)


def names_of_sheets(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheet = sheets["Sheet1"]
        out.define_name("Sheet1!local", "=Sheet1!$B$4")
        out.define_name("Cover!local", "=Cover!$A$1")
        out.define_name("everywhere", "=Sheet1!$C$5:$C$9")
        sheet.print_area("A1:AH20")
        sheet.repeat_rows(0, 3)
        sheets["Cover"].print_area("A1:B2")
        out.add_worksheet("Last").autofilter("A1:B5")

    return Plan([common(number)], before={"Cover": "Backpropagation"}, extras=extras)


def hidden_sheets(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Cover"].hide()
        out.add_worksheet("Notes").very_hidden()
        sheets["Sheet1"].activate()
        sheets["Sheet1"].set_first_sheet()

    return Plan([common(number)], before={"Cover": "Backpropagation"}, extras=extras)


def second_sheet_active(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        out.add_worksheet("Open here").activate()

    return Plan([common(number)], before={"Cover": "Backpropagation"}, extras=extras)


def wide_columns(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheet, italic = sheets["Sheet1"], out.add_format({"italic": True})
        sheet.set_column("A:C", 22.5, italic)
        sheet.set_column("F:H", 3, None, {"hidden": True})
        sheet.set_column("J:L", 9, None, {"level": 1, "collapsed": True})
        sheet.set_row(5, 40, italic)
        sheet.set_row(6, None, None, {"hidden": True})
        sheet.freeze_panes(4, 2)

    return Plan([common(number)], extras=extras)


def list_object(number: int) -> Plan:
    table = common(number, top=4, left=1, header=DIALECTS["course"], counter="iteration")

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        head = [{"header": name} for name in table.columns()]
        sheets["Sheet1"].add_table(
            table.top,
            table.left,
            table.top + table.rows,
            table.right_edge() - 1,
            {"columns": head, "name": "Steps"},
        )

    return Plan([table], extras=extras)


def everything(number: int) -> Plan:
    table = common(number)
    notes = {("Sheet1", table.cell("o1", 1)): NOTE, ("Sheet1", _first_wrong(table)): "mine"}

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheet = sheets["Sheet1"]
        sheet.insert_chart(22, 2, _chart(out, "line", table))
        sheet.insert_image("C40", "dot.png", {"image_data": io.BytesIO(PNG)})
        image = {"image_left": "dot.png", "image_data_left": io.BytesIO(PNG)}
        sheet.set_header("&L&G", image)
        sheet.set_background(io.BytesIO(PNG))
        sheet.insert_button("H40", {"caption": "Press me"})
        sheet.add_sparkline("AK6", {"range": "Sheet1!C6:C9"})
        sheet.data_validation("AK8", {"validate": "list", "source": ["right", "wrong"]})
        sheet.write_url("AK9", "https://example.org/?a=1&b=2")
        sheet.write_url("AK10", "internal:Sheet1!A1", string="up")
        sheet.add_table("AM3:AN6", {"name": "Other"})
        sheet.merge_range("AK12:AM13", "merged")
        sheet.set_h_pagebreaks([20])
        sheet.ignore_errors({"number_stored_as_text": "A1:B9"})
        sheet.conditional_format("A1:AH20", {"type": "data_bar", "data_bar_2010": True})
        sheet.protect()
        sheet.set_landscape()
        out.define_name("Sheet1!here", "=Sheet1!$A$1")

    return Plan([table], notes=notes, extras=extras, look={"num_format": "0.000000"})


def formatted(number: int) -> Plan:
    look: dict[str, Any] = {"num_format": "0.0000E+00", "bg_color": "#DDEBF7", "border": 2}
    look |= {"italic": True, "align": "center", "font_name": "Courier New", "font_size": 9}
    return Plan([common(number)], look=look)


def rich_texts(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        bold = out.add_format({"bold": True})
        sheets["Sheet1"].write_rich_string("A26", "an ", bold, " important ", "remark ")
        for row, text in enumerate(("=SUM(A1:A2)", "+1", "-2", "@x", "'quoted", " spaced ")):
            sheets["Sheet1"].write_string(30 + row, 0, text)

    return Plan([common(number)], extras=extras)


def custom_properties(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        out.set_custom_property("Course", "Session 6")
        out.set_properties({"author": "Anna", "title": "Mine"})

    return Plan([common(number)], extras=extras)


def macros(number: int) -> Plan:
    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        out.add_vba_project(io.BytesIO(b"\xd0\xcf\x11\xe0 no real project"), True)

    return Plan([common(number)], extras=extras, suffix=".xlsm")


def typed_by_a_program(number: int) -> Plan:
    """Numbers without formulas, and a note, saved by openpyxl."""
    table = common(number, digits=99)
    notes = {("Sheet1", table.cell("h1", 1)): NOTE, ("Sheet1", _first_wrong(table)): "mine"}
    return Plan([table], notes=notes, edit=saved_by_openpyxl)


def own_feedback_sheet(number: int) -> Plan:
    return Plan(
        [common(number, sheet="Feedback")],
        before={"FEEDBACK (2)": "what we thought of the course"},
    )


_SHEET_NAMES = ("=1+1", "+plus", "-minus", "@at", "O'Neil", 'say "hi", please', "A1", "∂E & <w>")


def odd_sheet_name(number: int) -> Plan:
    return Plan([common(number, sheet=_SHEET_NAMES[number % len(_SHEET_NAMES)])])


def inline_strings(number: int) -> Plan:
    return Plan([common(number)], options={"constant_memory": True})


def transposed(number: int) -> Plan:
    table = varied(number)
    return Plan([Transposed(**_same(table), changes=COMMON)])


def _same(table: Table) -> dict[str, Any]:
    names = ("eta", "header", "rows", "top", "left", "repeat", "formulas", "counter")
    return {name: getattr(table, name) for name in names}


def form_beside(number: int) -> Plan:
    return Plan([Form(changes=COMMON, rows=4, eta=_ETAS[number % 6], heading="Iteration {}")])


def form_above(number: int) -> Plan:
    return Plan(
        [Form(changes=SIGN, rows=4, labels="above", blocks="side by side", rate="literal", left=2)]
    )


def form_on_sheets(number: int) -> Plan:
    """A block per sheet; the third has a wrong cell."""
    changes: dict[str, Any] = {"∂E/∂w6": f"{D1}*[a_h1]"}
    form = Form(changes=changes, only=(2,), rows=4, blocks="sheets", rate="literal")
    book = student_workbooks.book_of(form)
    wrong = tuple(student_workbooks.mistakes_in(book, form)["∂E/∂w6"])
    return Plan([form], wrong={("Iter 3", "∂E/∂w6"): wrong}, verdicts=("wrong",))


def tables_on_one_sheet(number: int) -> Plan:
    first = varied(number, left=1, top=4, rows=6)
    beside = common(number + 1, left=first.right_edge() + 4, top=4, rows=6)
    below = varied(number + 2, left=1, top=18, rows=6, changes=NO_HALF)
    return Plan([first, beside, below])


def tables_on_sheets(number: int) -> Plan:
    return Plan(
        [
            common(number, sheet="LR 1", eta=0.1, rate="beside"),
            varied(number + 1, sheet="LR 2", eta=0.2, rate="beside"),
            common(number + 2, sheet="LR 3", eta=0.5, rate="beside"),
        ]
    )


def another_typed_cell(number: int) -> Plan:
    return Plan([varied(number, changes={"a_h2": lambda _: 0.3}, only=(4,))])


def counted_up(number: int) -> Plan:
    return Plan([varied(number, changes={"i1": lambda row: 0.05 + row}, repeat="typed")])


def sliding_rate(number: int) -> Plan:
    return Plan([varied(number, rate="sliding", left=1, eta=0.5)])


def error_values(number: int) -> Plan:
    return Plan([varied(number, changes={"o1": "#REF!*[a_h1]+[w6]*[a_h2]"})])


def text_in_a_column(number: int) -> Plan:
    """A text that reads like a formula, where a number belongs."""
    table = varied(number, rows=8)
    text = ("=HYPERLINK(1)", "+2", "@SUM", "-x")[number % 4]
    cell = table.cell("∂E/∂w7", 7)
    row, column = xl_cell_to_rowcol(cell)

    def extras(out: Any, sheets: Sheets, tables: list[Table]) -> None:
        sheets["Sheet1"].write_string(row, column, text)

    return Plan([table], cells={("Sheet1", cell): None}, extras=extras)


def an_empty_cell(number: int) -> Plan:
    """Nothing to judge there."""
    table = varied(number, changes={"∂E/∂w2": lambda _: None}, only=(3,))
    return Plan([table], wrong={}, verdicts=("incomplete",))


_WITHOUT_ERRORS = {
    **PLAIN,
    "E_total": "0.5*([t1]-[a_o1])^2+0.5*([t2]-[a_o2])^2",
}
_NO_ERRORS = tuple(name for name in COURSE_ORDER if name not in ("E1", "E2"))


def incomplete(number: int) -> Plan:
    table = varied(number, order=_NO_ERRORS, formulas=_WITHOUT_ERRORS)
    return Plan([table], wrong={}, verdicts=("incomplete",))


def incomplete_and_wrong(number: int) -> Plan:
    return Plan([common(number, order=_NO_ERRORS, formulas=_WITHOUT_ERRORS)])


def helper_columns(number: int) -> Plan:
    order = (*COURSE_ORDER[:23], *HELPERS, *GRADIENTS)
    change = {"∂E/∂w3": "[∂E/∂a_h2]*[a_h1]*(1-[a_h1])*[i1]"}
    return Plan([varied(number, order=order, formulas=STYLES["helpers"], changes=change)])


def _other(table: Table, column: str, cells: list[str], book: Book | None = None) -> Plan:
    wrong = {(table.sheet, column): tuple(Wrong(cell, None, 0.0) for cell in cells)}
    return Plan([table], wrong=wrong, verdicts=("wrong",))


def mazur_wrong(number: int) -> Plan:
    table = Table(**student_workbooks.mazur_columns(), changes=COMMON, rows=7, top=3 + number)
    return _other(table, "∂E/∂w3", [table.cell("∂E/∂w3", row) for row in range(7)])


def mazur_right(number: int) -> Plan:
    table = Table(**student_workbooks.mazur_labels(), rows=7, top=5 + number)
    return Plan([table], wrong={}, verdicts=("right",))


def xor_wrong(number: int) -> Plan:
    options = student_workbooks.xor(8)
    d = "([a_o1]-[t1])*[a_o1]*(1-[a_o1])"
    options["changes"] = options["changes"] | {"∂E/∂b3": f"{d}*[a_h1]"}
    table = Table(**options, top=3 + number)
    return _other(table, "∂E/∂b3", [table.cell("∂E/∂b3", row) for row in range(8)])


def another_network(number: int) -> Table:
    """The same network with tanh throughout."""
    formulas = {}
    for name, formula in PLAIN.items():
        if name.startswith("a_"):
            formula = "(EXP([{0}])-EXP(-[{0}]))/(EXP([{0}])+EXP(-[{0}]))".format(name[2:])
        formula = re.sub(r"\[(a_\w+)\]\*\(1-\[\1\]\)", r"(1-[\1]^2)", formula)
        formulas[name] = formula
    return varied(number, formulas=formulas)


def beside_another_network(number: int) -> Plan:
    """One table that can be judged, and one that cannot."""
    table = common(number)
    wrong = wrong_cells(student_workbooks.book_of(table), table)
    other = replace(another_network(number), sheet="tanh")
    return Plan([table, other], wrong=wrong, verdicts=("wrong",))


def own_workbook(path: Path) -> Submission:
    """The workbook that ``sheet`` writes, handed in as it is."""
    done = CliRunner().invoke(
        main, ["sheet", "--lrs", "0.1,0.5", "--iterations", "6", "-o", str(path), "--force"]
    )
    assert done.exit_code == 0, done.output
    return Submission(path, "own workbook", ("right", "right"))


KINDS: dict[str, Callable[[int], Plan]] = {
    "the common mistake": lambda n: Plan([common(n)]),
    "the common mistake in two": lambda n: Plan([common(n, changes=BOTH)]),
    "right": lambda n: Plan([varied(n)]),
    "a sign": lambda n: Plan([varied(n, changes=SIGN)]),
    "no half": lambda n: Plan([varied(n, changes=NO_HALF)]),
    "charts": charts,
    "chart sheet": chartsheet,
    "picture": picture,
    "uphill": lambda n: Plan([varied(n, changes=UPHILL)]),
    "notes elsewhere": notes_elsewhere,
    "note on the wrong cell": note_on_the_wrong_cell,
    "note on a later wrong cell": note_on_a_later_wrong_cell,
    "notes on another sheet": notes_on_another_sheet,
    "notes shown": notes_shown,
    "thread elsewhere": thread_elsewhere,
    "thread on the wrong cell": thread_on_the_wrong_cell,
    "button": button,
    "button of two lines": button_of_two_lines,
    "header picture": header_picture,
    "protected sheet": protected_sheet,
    "protected structure": protected_structure,
    "strict": strict,
    "strict with notes": strict_with_notes,
    "shared formulas": lambda n: Plan([common(n)], shared=True),
    "1904": lambda n: Plan([common(n)], options={"date_1904": True}),
    "conditional formats": conditional_formats,
    "names of sheets": names_of_sheets,
    "hidden sheets": hidden_sheets,
    "second sheet active": second_sheet_active,
    "wide columns": wide_columns,
    "list object": list_object,
    "everything": everything,
    "formatted": formatted,
    "rich texts": rich_texts,
    "custom properties": custom_properties,
    "macros": macros,
    "own Feedback sheet": own_feedback_sheet,
    "odd sheet name": odd_sheet_name,
    "inline strings": inline_strings,
    "no styles": lambda n: Plan([common(n)], edit=without_styles),
    "prefixed": lambda n: Plan([common(n)], edit=lambda path: rewrite(path, prefixed)),
    "as Excel writes": lambda n: Plan([common(n)], edit=AS_EXCEL_WRITES),
    "as others write": lambda n: Plan([common(n)], edit=as_others_write),
    "typed by a program": typed_by_a_program,
    "absolute targets": lambda n: Plan([common(n)], edit=absolute_targets),
    "no references": lambda n: Plan(
        [common(n, top=0, left=0, rate="literal")], edit=without_references
    ),
    "calculation chain": lambda n: Plan([common(n)], edit=with_calculation_chain),
    "transposed": transposed,
    "form beside": form_beside,
    "form above": form_above,
    "form on sheets": form_on_sheets,
    "tables on one sheet": tables_on_one_sheet,
    "tables on sheets": tables_on_sheets,
    "a typed cell": another_typed_cell,
    "counted up": counted_up,
    "sliding rate": sliding_rate,
    "error values": error_values,
    "text in a column": text_in_a_column,
    "an empty cell": an_empty_cell,
    "parenthesis": lambda n: Plan([varied(n, changes=PARENTHESIS)]),
    "incomplete": incomplete,
    "incomplete and wrong": incomplete_and_wrong,
    "helper columns": helper_columns,
    "mazur, wrong": mazur_wrong,
    "mazur, right": mazur_right,
    "xor, wrong": xor_wrong,
    "beside another network": beside_another_network,
}


# ---------------------------------------------------------------------------------------------
# Files that cannot be judged


def _text(path: Path, number: int) -> None:
    path.write_text("t1,t2,i1,i2\n0.01,0.99,0.05,0.1\n")


def _empty(path: Path, number: int) -> None:
    path.write_bytes(b"")


def _encrypted(path: Path, number: int) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))


def _truncated(path: Path, number: int) -> None:
    write(Plan([common(number)]), path)
    path.write_bytes(path.read_bytes()[: -2000 - 50 * number])


def _another_zip(path: Path, number: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")


def _no_table(path: Path, number: int) -> None:
    with xlsxwriter.Workbook(path) as out:
        out.add_worksheet("=notes").write_string(0, 0, "=no table")


def _no_values(path: Path, number: int) -> None:
    write(Plan([common(number)]), path)
    openpyxl.load_workbook(path).save(path)


def _another_network(path: Path, number: int) -> None:
    write(Plan([another_network(number)]), path)


UNJUDGED: dict[str, Callable[[Path, int], None]] = {
    "text": _text,
    "empty": _empty,
    "encrypted or old": _encrypted,
    "truncated": _truncated,
    "another zip": _another_zip,
    "no table": _no_table,
    "no values": _no_values,
    "another network": _another_network,
}


# ---------------------------------------------------------------------------------------------
# A folder of them

_STUDENTS = ("=2+5", "+anna", "-bert", "@carl", "O'Brien", 'a, "b"', "línea ∂", "new\nline")
_FILES = ("backprop.xlsx", "Session 6 (final).xlsx", "=HYPERLINK(1).xlsx", "backprop.xlsx")
_ODD_FILES = ("-1.xlsx", "+1.xlsx", "@1.xlsx", "=1+1.xlsx", "tab\there.xlsx", "bell\x07.xlsx")


def make(kind: str, number: int, folder: Path, path: Path) -> Submission:
    """Make one submission at ``path`` in a folder."""
    where = folder / path
    where.parent.mkdir(parents=True, exist_ok=True)
    if kind in UNJUDGED:
        UNJUDGED[kind](where, number)
        return Submission(path, kind, ())
    if kind == "own workbook":
        own_workbook(where)
        return Submission(path, kind, ("right", "right"))
    plan = KINDS[kind](number)
    book, plan = write(plan, where)
    return described(plan, book, path, kind)


def _made(arguments: tuple[str, int, Path, Path]) -> Submission:
    return make(*arguments)


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let the cells of submissions be pickled, which are deep trees, wherever a test is called."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def build_class(folder: Path, size: int = SIZE) -> list[Submission]:
    """Fill ``folder`` with a class's folder.

    Returns:
        The submissions in the order in which ``check`` finds them.
    """
    kinds = [*KINDS, *UNJUDGED, "own workbook"]
    jobs = []
    for at in range(size):
        kind = kinds[at % len(kinds)]
        number = at % len(kinds) + at // len(kinds)
        suffix = ".xlsm" if kind == "macros" else ".xlsx"
        name = _FILES[at % 7] if at % 7 < len(_FILES) else f"exercise {at}.xlsx"
        student = _STUDENTS[at // 9 % len(_STUDENTS)] if at % 9 == 0 else f"student {at:03}"
        parts = (student, "second try", name) if at % 11 == 5 else (student, name)
        if at % 13 == 7:
            parts = (f"{at:03} {name}",)
        path = Path(ROOT, *parts).with_suffix(suffix)
        jobs.append((kind, number, folder, path))
    assert len({path for *_, path in jobs}) == size
    # The processes inherit the limit.
    with deep_recursion(), ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        made = list(pool.map(_made, jobs, chunksize=5))
    return sorted(made, key=lambda one: folder / one.path)


def build_small_class(folder: Path) -> list[Submission]:
    """Fill ``folder`` with the folder of a small class, whose names are as odd as names can be."""
    kinds = [
        *["the common mistake"] * 4,
        *["a sign"] * 4,
        *["no half"] * 2,
        *("right", "uphill", "tables on sheets", "text in a column", "odd sheet name"),
        *("incomplete", "xor, wrong", "beside another network"),
        *UNJUDGED,
    ]
    made = []
    for at, kind in enumerate(kinds):
        if at < len(_ODD_FILES):
            path = Path(ROOT, _ODD_FILES[at])
        else:
            path = Path(ROOT, _STUDENTS[at % len(_STUDENTS)], f"{at // 8} {_FILES[at // 8 % 3]}")
        made.append(make(kind, at, folder, path))
    assert len({one.path for one in made}) == len(made)
    return sorted(made, key=lambda one: folder / one.path)
