"""Reading workbooks as programs write them, damaged ones, and what one file may cost a batch."""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures import student_workbooks
from fixtures.check_command import judge, run
from fixtures.damaged_packages import Parts, mutations, parts_of, write_parts
from fixtures.student_workbooks import Table
from openpyxl.formula.translate import Translator, TranslatorError
from openpyxl.utils import get_column_letter

from backprop_sheet.audit import batch
from backprop_sheet.audit.read.formulas import SharedFormula
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import Sheet, UnreadableWorkbookError, read_sheets
from backprop_sheet.audit.submissions.collection import SubmittedFile
from backprop_sheet.audit.workbook_audit import audit_workbook, not_checked

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    return student_workbooks.book_of(Table(rows=4)).write(folder / "small.xlsx")


def replaced(part: str, pattern: bytes, new: bytes) -> Callable[[Parts], Parts]:
    def change(parts: Parts) -> Parts:
        data, count = re.subn(pattern, lambda _: new, parts[part], count=1)
        assert count, f"{pattern!r} is not in {part}"
        return {**parts, part: data}

    return change


def renamed(old: str, new: str, *, target: tuple[bytes, bytes] = (b"", b"")) -> Callable:
    def change(parts: Parts) -> Parts:
        rename = {old: new, f"xl/_rels/{Path(old).name}.rels": f"xl/_rels/{Path(new).name}.rels"}
        return {
            rename.get(name, name): data.replace(*target) if target[0] else data
            for name, data in parts.items()
        }

    return change


def strict(parts: Parts) -> Parts:
    transitional = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return {
        name: data.replace(
            transitional, b"http://purl.oclc.org/ooxml/officeDocument/relationships"
        ).replace(main, b"http://purl.oclc.org/ooxml/spreadsheetml/main")
        for name, data in parts.items()
    }


def with_prefix(parts: Parts) -> Parts:
    """The sheet as the Open XML SDK writes it."""
    data = re.sub(rb"<(/?)(?=[A-Za-z])", rb"<\1x:", parts[SHEET])
    return {**parts, SHEET: data.replace(b"xmlns=", b"xmlns:x=")}


# Each of these is opened by Excel or LibreOffice with the same numbers.
SAME: dict[str, Callable[[Parts], Parts]] = {
    "another case of the sheet's name": renamed(SHEET, "xl/worksheets/Sheet1.XML"),
    "another case of the strings' name": renamed("xl/sharedStrings.xml", "xl/SharedStrings.xml"),
    "a workbook part of another name": renamed(
        "xl/workbook.xml", "xl/workbook2.xml", target=(b"xl/workbook.xml", b"xl/workbook2.xml")
    ),
    "backslashes": replaced(
        "xl/_rels/workbook.xml.rels", rb"/?(xl/)?worksheets/sheet1", rb"worksheets\sheet1"
    ),
    "a relative target": replaced(
        "xl/_rels/workbook.xml.rels", rb"/?(xl/)?worksheets/sheet1", rb"./x/../worksheets/sheet1"
    ),
    "percent-encoding": replaced(
        "xl/_rels/workbook.xml.rels", rb"/?(xl/)?worksheets/sheet1", rb"worksheets/%73heet1"
    ),
    "styles that are not XML": lambda parts: {**parts, "xl/styles.xml": b"<styleSheet"},
    "properties that are not XML": lambda parts: {**parts, "docProps/core.xml": b"x"},
    "an empty comments part": lambda parts: {**parts, "xl/comments1.xml": b""},
    "strict": strict,
    "a prefix": with_prefix,
    "UTF-16": lambda parts: {
        **parts,
        SHEET: re.sub(r"<\?.*?\?>", "", parts[SHEET].decode()).encode("utf-16"),
    },
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_does_not_matter(
    change: Callable[[Parts], Parts], small: Path, tmp_path: Path
) -> None:
    before = parts_of(small)
    parts = change(before)
    path = write_parts(tmp_path / "same.xlsx", parts)
    (expected,), (found,) = list(read_sheets(small)), list(read_sheets(path))
    assert (found.values, dict(found.formulas)) == (expected.values, dict(expected.formulas))
    code, (table,) = judge(path)
    assert (code, table["verdict"]) == (0, "right")


def cells(parts: Parts, path: Path, rows: str, strings: str = "") -> Sheet:
    """Read a sheet of given XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    new = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    table = f'<sst xmlns="{main}">{strings}</sst>'
    changed = {**parts, SHEET: new.encode(), "xl/sharedStrings.xml": table.encode()}
    (sheet,) = read_sheets(write_parts(path, changed))
    return sheet


def test_values(small: Path, tmp_path: Path) -> None:
    stored = {
        '<c r="A1"><v>0.25</v></c>': 0.25,
        '<c r="B1" s="99999"><v>45000</v></c>': 45000.0,
        '<c r="C1"><v>NaN</v></c>': "NaN",
        '<c r="D1" t="n"><v>INF</v></c>': "INF",
        '<c r="E1"><v>1e999</v></c>': "1e999",
        '<c r="F1" t="b"><v>1</v></c>': True,
        '<c r="G1" t="e"><v>#REF!</v></c>': "#REF!",
        '<c r="H1" t="str"><v>a_x000D_b</v></c>': "a\rb",
        '<c r="I1" t="s"><v>0</v></c>': "w1 new",
        '<c r="J1" t="s"><v>1</v></c>': "_x000D_",
        '<c r="K1" t="inlineStr"><is><r><t>a_</t></r><r><t>h1</t></r></is></c>': "a_h1",
        '<c r="L1" t="d"><v>1900-01-02</v></c>': 2.0,
        '<c r="M1" t="str"><v></v></c>': None,
        '<c r="N1" t="s"><v>2</v></c>': "😀",
    }
    strings = (
        "<si><r><t>w1</t></r><r><t> new</t></r><rPh><t>wan</t></rPh></si>"
        "<si><t>_x005F_x000D_</t></si><si><t>_xD83D__xDE00_</t></si>"
    )
    sheet = cells(
        parts_of(small), tmp_path / "x.xlsx", f"<row r='1'>{''.join(stored)}</row>", strings
    )
    assert [sheet.values.get((1, column)) for column in range(1, 15)] == list(stored.values())


def test_formulas(small: Path, tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1"><f>B1+1</f><v>1</v></c>'
        '<c r="B1"><f t="shared" si="0" ref="B1:B3">A1*$C$1+A$1</f></c>'
        '<c r="C1"><f t="array" ref="C1">SUM(A1:B1)</f><v>2</v></c>'
        '<c r="D1"><f t="dataTable" ref="D1:D2" r1="A1"/><v>2</v></c></row>'
        '<row r="3"><c r="B3"><f t="shared" si="0"/><v>3</v></c><c r="C3"><v>4</v></c></row>'
    )
    sheet = cells(parts_of(small), tmp_path / "x.xlsx", rows)
    assert dict(sheet.formulas.items()) == {
        (1, 1): "=B1+1",
        (1, 2): "=A1*$C$1+A$1",
        (1, 3): "=SUM(A1:B1)",
        (1, 4): "=TABLE(A1,)",
        (3, 2): "=A3*$C$1+A$1",
    }


OPERANDS = (
    *("A1", "$B2", "C$3", "$D$4", "A1:B5", "$A:C", "2:$3", "Sheet1!E5", "'a B1'!F6"),
    *('"B7"', "SUM(G8)", "LOG10(A9)", "rate1", "w_B1", "1.5", "2E3", "#N/A", "[1]S!H9"),
    "T[[#x],[A1]]",
    *("A1%", "-B1", "TRUE", "ATAN2(A1,B2)", "Q1_total", "'it''s'!C3"),
)  # fmt: skip


def test_shared_formulas_are_translated_as_openpyxl_does() -> None:
    chance = random.Random(7)
    for _ in range(500):
        formula = "=" + "".join(
            chance.choice("+-*/&,") + chance.choice(OPERANDS) for _ in range(chance.randint(1, 6))
        )
        (row, column), (to_row, to_column) = (
            (chance.randint(1, 40), chance.randint(1, 30)) for _ in range(2)
        )
        origin, target = (
            f"{get_column_letter(at)}{line}" for line, at in ((row, column), (to_row, to_column))
        )
        found = SharedFormula(formula, row, column).at(to_row, to_column)
        try:
            expected = Translator(formula, origin).translate_formula(target)
        except (TranslatorError, ValueError):  # a reference leaves the sheet
            assert "#REF!" in found
            continue
        assert found == expected


INVISIBLE = ("\u200b", "\ufeff", "\u00ad", "\u200e", "\r", "\u2060", "\x07")


@pytest.mark.parametrize("sign", INVISIBLE, ids=ascii)
def test_invisible_characters_in_headers(sign: str) -> None:
    assert meaning_of(f"{sign}w{sign}1{sign}".replace("\r1", "1")) == meaning_of("w1")
    assert meaning_of("\u00a0w1\u00a0") == meaning_of("w1")
    assert meaning_of("w1\r\n(step)") == meaning_of("w1\n(step)")


# What cannot be read is never left out without a word.
SHEETS: dict[str, tuple[Callable[[Parts], Parts], str]] = {
    "no part": (lambda parts: {n: d for n, d in parts.items() if n != SHEET}, "missing"),
    "no relationship": (replaced("xl/workbook.xml", rb'r:id="rId1"', b'r:id="rId77"'), "missing"),
    "cut": (lambda parts: {**parts, SHEET: parts[SHEET][:-30]}, "damaged"),
    "row 0": (replaced(SHEET, rb'r="L6"', b'r="L0"'), "impossible reference: L0"),
    "no column": (replaced(SHEET, rb'r="L6"', b'r="ZZZ6"'), "impossible reference: ZZZ6"),
    "no strings": (lambda parts: {n: d for n, d in parts.items() if "shared" not in n}, "text of"),
}


@pytest.mark.parametrize(("change", "reason"), SHEETS.values(), ids=SHEETS)
def test_one_sheet_does_not_cost_the_others(
    change: Callable[[Parts], Parts], reason: str, tmp_path: Path
) -> None:
    book = student_workbooks.book_of(Table(rows=4))
    one = parts_of(book.write(tmp_path / "one.xlsx"))
    text = 't="s"' if reason != "text of" else 't="str"'
    second = re.sub(rb't="s"><v>(\d+)</v>', b't="str"><v>second</v>', one[SHEET])
    main = "xl/workbook.xml"
    both = {
        **one,
        "xl/worksheets/sheet9.xml": second.replace(b't="s"', text.encode()),
        main: one[main].replace(
            b"</sheets>", b'<sheet name="B" sheetId="9" r:id="rId99"/></sheets>'
        ),
        "xl/_rels/workbook.xml.rels": one["xl/_rels/workbook.xml.rels"].replace(
            b"</Relationships>",
            b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
            b'relationships/worksheet" Target="/xl/worksheets/sheet9.xml"/></Relationships>',
        ),
    }
    path = write_parts(tmp_path / "both.xlsx", change(both))
    problems: list[tuple[str, str]] = []
    read = [sheet.title for sheet in read_sheets(path, lambda *what: problems.append(what))]
    assert read == ["B"]
    ((title, why),) = problems
    assert title == "Sheet1"
    assert reason in why
    with pytest.raises(UnreadableWorkbookError, match=re.escape(reason)):
        list(read_sheets(path))
    assert run(path).exit_code == 2


KINDS: dict[str, tuple[bytes, str]] = {
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), ".xls"),
    "encrypted": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "encrypted: remove the password",
    ),
    "pdf": (b"%PDF-1.7", "PDF"),
    "web page": (b"\xef\xbb\xbf <!DOCTYPE html><html>", "HTML"),
    "text": (b"w1;w2", "not an Excel workbook"),
}


@pytest.mark.parametrize(("content", "says"), KINDS.values(), ids=KINDS)
def test_what_another_file_is(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "other.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnreadableWorkbookError, match=re.escape(says)):
        list(read_sheets(path))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("content.xml", "not a spreadsheet (.ods)"),
        ("word/document.xml", ".docx"),
        ("xl/workbook.bin", ".xlsb"),
    ],
)
def test_what_another_zip_file_is(name: str, says: str, tmp_path: Path) -> None:
    path = write_parts(tmp_path / "other.xlsx", {name: b"<x/>"})
    with pytest.raises(UnreadableWorkbookError, match=re.escape(says)):
        list(read_sheets(path))


def test_a_sheet_listed_many_times_is_refused_at_once(small: Path, tmp_path: Path) -> None:
    again = b"".join(b'<sheet name="x%d" sheetId="9%d" r:id="rId1"/>' % (n, n) for n in range(300))
    change = replaced("xl/workbook.xml", rb"</sheets>", again + b"</sheets>")
    path = write_parts(tmp_path / "many.xlsx", change(parts_of(small)))
    (problem,) = audit_workbook(path).problems
    assert "Sheet1 and x0 are the same sheet" in problem.text


def test_an_overflowing_number_in_a_formula(small: Path, tmp_path: Path) -> None:
    change = replaced(SHEET, rb"<f>(?=[^<]*EXP)", b"<f>1e999+")
    path = write_parts(tmp_path / "overflow.xlsx", change(parts_of(small)))
    assert run(path).exit_code in (0, 1)


# ---------------------------------------------------------------------------------------------
# One file never costs the others


def slow(path: Path) -> str:
    if path.name == "slow":
        end = time.process_time() + 60
        while time.process_time() < end:
            try:
                sum(range(1000))
            except Exception:  # code that handles everything is stopped, too
                continue
    if path.name == "large":
        return str(len(bytearray(2**33)))
    if path.name == "wrong":
        raise ValueError("two\nlines")
    return path.name


def failed(path: Path, reason: str) -> str:
    return f"{path.name}: {reason}"


@pytest.mark.skipif(sys.platform != "linux", reason="time and memory are limited on Linux")
@pytest.mark.parametrize("jobs", [1, 2])
def test_limits(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SECONDS", 0.5)
    files = [Path(name) for name in ("a", "slow", "large", "wrong", "b")]
    results = list(batch.run_batch(slow, files, jobs=jobs, failed=failed))
    assert results == [
        "a",
        "slow: it takes more than 0 seconds",
        "large: it needs too much memory",
        "wrong: internal error (ValueError: two); please report it",
        "b",
    ]


def test_a_failed_job_is_the_result_of_its_file(tmp_path: Path) -> None:
    file = SubmittedFile(tmp_path / "000001.xlsx", Path("class.zip", "a.xlsx"))
    result = not_checked(file, f"internal error (no {file.path})")
    assert result.path == file.shown
    (problem,) = result.problems
    assert problem.text == f"could not be checked: internal error (no {file.shown})"


# ---------------------------------------------------------------------------------------------
# Damaged parts


@pytest.mark.parametrize(
    "count", [60, pytest.param(900, marks=pytest.mark.thorough)], ids="{} files".format
)
def test_damaged_parts(count: int, small: Path, tmp_path: Path) -> None:
    verdicts = set()
    path = tmp_path / "damaged.xlsx"
    for number, parts in enumerate(mutations(small, seed=18, count=count)):
        write_parts(path, parts)
        try:
            result = audit_workbook(path)
        except Exception as error:
            kept = shutil.copy(path, tmp_path / f"{number}.xlsx")
            error.add_note(f"the damaged file is {kept}")
            raise
        assert result.tables or result.problems
        assert all("\n" not in problem.text for problem in result.problems)
        verdicts.add("problem" if result.problems else result.tables[0].verdict)
    assert {"right", "wrong", "problem"} <= verdicts
