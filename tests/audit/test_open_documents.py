"""OpenDocument spreadsheets (.ods) are read as the same workbooks in .xlsx are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import run
from fixtures.course_mistakes import MISTAKES
from fixtures.course_systems import JANE
from fixtures.damaged_packages import write_parts
from fixtures.generated_workbooks import generate
from fixtures.handing_out import Handout, check_assignment, points_of, words_of
from fixtures.student_workbooks import DIALECTS, Table, Transposed, book_of
from oracles.libreoffice import convert, needs_libreoffice

from backprop_sheet.audit.read.open_formula import excel_formula, excel_reference
from backprop_sheet.audit.read.workbook import Sheet, UnreadableWorkbookError, read_sheets
from backprop_sheet.audit.results import WorkbookResult
from backprop_sheet.audit.workbook_audit import audit_workbook
from gradsheet.excel.provenance import kind_of_workbook, property_of

_NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "meta")
)
MIME_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"


def document(body: str, kind: str = "spreadsheet") -> dict[str, bytes]:
    content = (
        f"<office:document-content {_NAMESPACES} "
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    return {"mimetype": MIME_TYPE, "content.xml": content.encode()}


def sheet(rows: str, name: str = "S") -> str:
    return f'<table:table table:name="{name}">{rows}</table:table>'


def row(*cells: str, times: object = 1) -> str:
    return (
        f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'
    )


def cell(inner: str = "", times: object = 1, **attributes: str) -> str:
    written = " ".join(
        f'{"table" if name in ("formula", "name") else "office"}:{name.replace("_", "-")}="{text}"'
        for name, text in attributes.items()
    )
    return (
        f'<table:table-cell table:number-columns-repeated="{times}" {written}>{inner}'
        "</table:table-cell>"
    )


def number(value: float, times: object = 1, **attributes: str) -> str:
    return cell("", times, value_type="float", value=repr(value), **attributes)


def text(words: str) -> str:
    return cell(f"<text:p>{words}</text:p>", value_type="string")


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], list[Sheet]]:
    return lambda body: list(read_sheets(write_parts(tmp_path / "x.ods", document(body))))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("of:=[.A1]*2", "=A1*2"),
        ("of:=SUM([.$A$1:.B2];1)", "=SUM($A$1:B2,1)"),
        ("of:=[$'My data'.$C$3]+['It''s'.A1]", "='My data'!$C$3+'It''s'!A1"),
        ("of:=[$S2.A1:.B3]", "=S2!A1:B3"),
        ("of:=[$S2.A1:$S2.B3]", "=S2!A1:B3"),
        ("of:=SUM([.A:.A];[.1:.1])", "=SUM(A:A,1:1)"),
        ('of:=IF([.A1]="a;[.B1]""";1;0)', '=IF(A1="a;[.B1]""",1,0)'),
        ("of:=SUMPRODUCT({1;2|3;4})", "=SUMPRODUCT({1,2;3,4})"),
        ("of:=COM.MICROSOFT.STDEV.S([.A1])+LEGACY.RANK(1;2)", "=STDEV.S(A1)+RANK(1,2)"),
        ("of:=[.A1:.B2]~[.C3]", "=A1:B2,C3"),
        ("of:=[#REF!]+1", "=#REF!+1"),
        ("of:=lr*$$'rate'", "=lr*rate"),
        ("msoxl:=SUM(A1,B2)", "=SUM(A1,B2)"),
        ("=[.A1]", "=A1"),
        ("of:=[.'A", "=[.'A"),
        ("", "="),
    ],
)
def test_formulas_are_written_as_excel_writes_them(formula: str, expected: str) -> None:
    assert excel_formula(formula) == expected


def test_references_of_names() -> None:
    assert excel_reference("$'My data'.$A$1:.$B$2") == "'My data'!$A$1:$B$2"
    assert excel_reference("$'a.b'.A1") == "'a.b'!A1"
    assert excel_reference("nonsense") == "#REF!"


def test_values_of_all_types(read) -> None:
    kinds: list[tuple[str, Any]] = [
        (number(0.25), 0.25),
        (cell(value_type="percentage", value="0.5"), 0.5),
        (cell(value_type="boolean", boolean_value="true"), True),
        (cell(value_type="date", date_value="1899-12-30T00:00:16.2652896"), 16.2652896 / 86400),
        (cell(value_type="date", date_value="2026-01-02"), 46024.0),
        (cell(value_type="time", time_value="PT12H30M00S"), 12.5 / 24),
        (cell(value_type="time", time_value="-PT01H"), -1 / 24),
        (cell("<text:p>one</text:p><text:p>two</text:p>", value_type="string"), "one\ntwo"),
        (text('a<text:s text:c="2"/><text:span>b</text:span><text:tab/>c'), "a  b\tc"),
        (
            cell(
                "<office:annotation><text:p>note</text:p></office:annotation><text:p>w1</text:p>",
                value_type="string",
            ),
            "w1",
        ),
        (cell("<text:p></text:p>", value_type="string"), None),
        (cell("<text:p>#DIV/0!</text:p>", value_type="string", string_value=""), "#DIV/0!"),
        (
            cell("<text:p>x</text:p>", value_type="string").replace(
                "office:value-type", 'calcext:value-type="error" office:value-type'
            ),
            "x",
        ),
    ]
    (read_sheet,) = read(sheet(row(*(written for written, _ in kinds))))
    shown = [read_sheet.values.get((1, column)) for column in range(1, len(kinds) + 1)]
    assert shown == [
        pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for _, value in kinds
    ]


def test_repeated_cells_and_rows(read) -> None:
    body = (
        row(cell(times=3), number(1.5, 2), cell(times=16_379))
        + row(cell(times=16_384), times=4)
        + row(number(2.0), times=3)
        + row(cell(times=16_384), times=1_048_568)
    )
    (read_sheet,) = read(sheet(body))
    assert read_sheet.values == {
        (1, 4): 1.5, (1, 5): 1.5, (6, 1): 2.0, (7, 1): 2.0, (8, 1): 2.0,
    }  # fmt: skip


def test_names_and_other_tables(read) -> None:
    """Names after the sheets are known in the first one; what only looks like a sheet is none."""
    local = (
        '<table:named-expressions><table:named-range table:name="Own" '
        'table:cell-range-address="$S.$A$1"/></table:named-expressions>'
    )
    linked = sheet('<table:table-source table:name="x"/>' + row(number(1.0)), "'file:///x'#$A")
    nested = row(cell(sheet(row(number(9.0)), "inner")), number(4.0))
    everywhere = (
        '<table:named-expressions><table:named-range table:name="lr" '
        'table:cell-range-address="$\'My data\'.$A$1"/><table:named-expression table:name="k" '
        'table:expression="of:=[.A1]*2"/></table:named-expressions>'
    )
    sheets = read(
        f"<table:dde-links>{sheet(row(number(1.0)), 'dde')}</table:dde-links>"
        + sheet(row(number(1.0)) + local) + linked + sheet(nested, "T") + everywhere
    )  # fmt: skip
    assert [one.title for one in sheets] == ["S", "T"]
    assert sheets[0].defined_names == {"lr": "'My data'!$A$1", "k": "A1*2", "own": "S!$A$1"}
    assert "own" not in sheets[1].defined_names
    assert sheets[1].values == {(1, 2): 4.0}


TOO_LARGE = {
    "a value in all cells": row(number(1.0, 16_384), times=1_048_576),
    "a value in all rows, twice": row(number(1.0, 2), times=1_048_576),
    "beyond the last column": row(cell(times=16_384), number(1.0)),
    "beyond the last row": row(cell(), times=1_048_576) + row(number(1.0)),
    "huge counts": row(number(1.0, "9" * 4000), times="9" * 4000),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_sheet_that_is_too_large_costs_only_itself(name: str, tmp_path: Path) -> None:
    body = sheet(TOO_LARGE[name], "big") + sheet(row(number(1.0)), "small")
    path = write_parts(tmp_path / "x.ods", document(body))
    reasons: list[tuple[str, str]] = []
    sheets = list(read_sheets(path, lambda *what: reasons.append(what)))
    assert [one.title for one in sheets] == ["small"]
    assert [title for title, _ in reasons] == ["big"]
    with pytest.raises(UnreadableWorkbookError, match=r"too large|outside"):
        list(read_sheets(path))


def test_repetitions_in_many_sheets_are_bounded_together(tmp_path: Path) -> None:
    body = "".join(sheet(row(number(1.0), times=1_000_000), f"s{n}") for n in range(20))
    reasons: list[str] = []
    path = write_parts(tmp_path / "x.ods", document(body))
    assert len(list(read_sheets(path, lambda title, _: reasons.append(title)))) == 1
    assert len(reasons) == 19


MANIFEST = b'<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
REFUSED = {
    "encrypted": ({**document(""), "META-INF/manifest.xml": MANIFEST}, "encrypted: remove"),
    "encrypted as a whole": ({"mimetype": MIME_TYPE, "encrypted-package": b"x"}, "encrypted"),
    "a text document": (document("", kind="text"), "not a spreadsheet"),
    "entities": (
        {"content.xml": b'<!DOCTYPE x [<!ENTITY a "b">]>' + document("")["content.xml"]},
        "document type or entities",
    ),
    "cut off": (
        {"content.xml": document(sheet(row(number(1.0))))["content.xml"][:-30]}, "damaged",
    ),
    "no number": (document(sheet(row(number(1.0, "many")))), "is repeated 'many' times"),
    "many sheets": (document(sheet("") * 501), "more than 500 sheets"),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read(parts: dict[str, bytes], says: str, tmp_path: Path) -> None:
    path = write_parts(tmp_path / "x.ods", parts)
    with pytest.raises(UnreadableWorkbookError, match=re.escape(says)):
        list(read_sheets(path))
    done = run(path)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_properties_of_the_document(tmp_path: Path) -> None:
    meta = (
        f"<office:document-meta {_NAMESPACES}><office:meta>"
        '<meta:user-defined meta:name="gradsheet">class_report</meta:user-defined>'
        '<meta:user-defined meta:name="gradsheet student">10101</meta:user-defined>'
        "</office:meta></office:document-meta>"
    )
    path = write_parts(tmp_path / "x.ods", {**document(""), "meta.xml": meta.encode()})
    assert kind_of_workbook(path) == "class_report"
    assert property_of(path, "gradsheet student") == "10101"


# ---------------------------------------------------------------------------------------------
# Beside the same workbooks in .xlsx


def judged(result: WorkbookResult) -> object:
    """The verdicts, the cells of the findings and their causes."""
    return [
        (
            table.sheet, table.exercise, table.verdict, table.rows, table.typed_columns,
            table.text_columns, table.rounded_columns, table.unchecked_columns,
            [(one.column, one.cells, one.cause) for one in table.findings],
        )
        for table in result.tables
    ], result.problems  # fmt: skip


def _shows_errors(path: Path) -> bool:
    values = (value for one in read_sheets(path) for value in one.values.values())
    return any(value in ("#NAME?", "#VALUE!", "#REF!") for value in values)


def same_in_both(paths: list[Path], folder: Path) -> None:
    for path, made in zip(paths, convert(paths, folder / "ods", "ods"), strict=True):
        if _shows_errors(made) and not _shows_errors(path):  # LibreOffice lacks a function
            continue
        assert judged(audit_workbook(made)) == judged(audit_workbook(path)), path.stem


@needs_libreoffice
def test_a_workbook_saved_by_libreoffice(tmp_path: Path) -> None:
    """One right, one wrong and one turned round, on sheets whose names need quotes."""
    tables = {
        "right": Table(rows=4, sheet="It's mine", header=DIALECTS["net and out"]),
        "wrong": Table(rows=4, changes=MISTAKES["w3 with h1's slope"].changes, top=6),
        "turned": Transposed(rows=4, changes=MISTAKES["w5 uphill"].changes),
    }
    paths = [book_of(table).write(tmp_path / f"{name}.xlsx") for name, table in tables.items()]
    same_in_both(paths, tmp_path)
    folder = tmp_path / "marked"
    done = run(tmp_path / "ods" / "wrong.ods", "--annotate", folder)
    assert "OpenDocument file (.ods): save it as .xlsx" in " ".join(done.output.split())
    assert not list(folder.glob("*"))


@needs_libreoffice
@pytest.mark.thorough
def test_generated_workbooks_saved_by_libreoffice(tmp_path: Path) -> None:
    paths = [generate(seed).write(tmp_path / f"{seed}.xlsx") for seed in range(60)]
    same_in_both(paths, tmp_path)


@pytest.mark.thorough
@needs_libreoffice
def test_a_worksheet_saved_by_libreoffice_is_its_students(
    class_handout: Handout, tmp_path: Path
) -> None:
    """The property that says whose it is stays, also where the file's name says nothing."""
    (worksheet,) = class_handout.folder.glob(f"*{JANE.moodle}*.xlsx")
    path = Path(shutil.copy(worksheet, tmp_path / "mine.xlsx"))
    (made,) = convert([path], tmp_path / "class", "ods")
    checked = check_assignment(made.parent, class_handout, tmp_path / "marks.xlsx")
    assert points_of(checked.mark(JANE.name)) == 0
    assert "mine.ods" in words_of(checked.mark(JANE.name))


@pytest.mark.parametrize("piece", ["['", "[.A1:", "'", '"', "['[", "$$'", "a."])
def test_damaged_formulas_of_any_length(piece: str) -> None:
    """Nothing is tried again from every sign on: that took minutes."""
    formula = "of:=" + piece * 30_000
    assert excel_formula(formula).startswith("=")
