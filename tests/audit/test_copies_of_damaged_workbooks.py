"""Annotated copies of workbooks whose packages are damaged, or as odd programs write them."""

from __future__ import annotations

import random
import re
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import openpyxl
import pytest
from fixtures.class_of_submissions import (
    everything,
    note_on_the_wrong_cell,
    thread_on_the_wrong_cell,
    write,
)
from fixtures.class_run import invoke_check
from fixtures.sampling import some_of
from openpyxl.utils.cell import coordinate_to_tuple
from oracles.libreoffice import convert, needs_libreoffice
from oracles.office_package import Package
from oracles.open_xml import errors_of

from backprop_sheet.audit.copies import annotate as annotation
from backprop_sheet.audit.copies import package as package_module
from backprop_sheet.audit.copies.annotate import annotate, is_annotated_copy
from backprop_sheet.audit.copies.feedback import Feedback
from backprop_sheet.audit.copies.package import AnnotationError
from backprop_sheet.audit.results import TableResult
from backprop_sheet.audit.workbook_audit import audit_workbook

Parts = dict[str, bytes]
Damage = Callable[[Parts, random.Random], None]

SHEET, STYLES = "xl/worksheets/sheet1.xml", "xl/styles.xml"
RELS, WORKBOOK_RELS = "xl/worksheets/_rels/sheet1.xml.rels", "xl/_rels/workbook.xml.rels"
TYPES, COMMENTS = "[Content_Types].xml", "xl/comments1.xml"
VML = "xl/drawings/vmlDrawing1.vml"
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def substitute(part: str, pattern: str, new: str, count: int = 0) -> Damage:
    """Substitute a regular expression in a part; it must match."""

    def damage(parts: Parts, _: random.Random) -> None:
        text, number = re.subn(pattern, new, parts[part].decode(), count=count, flags=re.DOTALL)
        assert number, f"{pattern} is not in {part}"
        parts[part] = text.encode()

    return damage


def somewhere(part: str, pattern: str, new: str) -> Damage:
    """Substitute it at one place by chance."""

    def damage(parts: Parts, chance: random.Random) -> None:
        text = parts[part].decode()
        place = chance.choice(list(re.finditer(pattern, text)))
        parts[part] = (text[: place.start()] + place.expand(new) + text[place.end() :]).encode()

    return damage


def replaced(part: str, data: bytes) -> Damage:
    def damage(parts: Parts, _: random.Random) -> None:
        assert part in parts
        parts[part] = data

    return damage


def truncated(part: str) -> Damage:
    def damage(parts: Parts, chance: random.Random) -> None:
        parts[part] = parts[part][: chance.randrange(len(parts[part]))]

    return damage


def removed(part: str) -> Damage:
    def damage(parts: Parts, _: random.Random) -> None:
        del parts[part]

    return damage


def renamed(part: str, name: str) -> Damage:
    def damage(parts: Parts, _: random.Random) -> None:
        parts[name] = parts.pop(part)

    return damage


def both(*damages: Damage) -> Damage:
    def damage(parts: Parts, chance: random.Random) -> None:
        for one in damages:
            one(parts, chance)

    return damage


def strays(part: str, before: str) -> dict[str, Damage]:
    """Things that do not belong where an element starts."""
    odd = {
        "comment": "<!-- x -->",
        "instruction": "<?x y?>",
        "foreign element": '<x:y xmlns:x="urn:x"><x:z/></x:y>',
        "alternative": f'<mc:AlternateContent {MC}><mc:Choice Requires="x" xmlns:x="urn:x"/>'
        "</mc:AlternateContent>",
    }
    return {
        f"{name} before {before} in {part}": somewhere(part, f"(?=<{before}[ />])", text)
        for name, text in odd.items()
    }


def empty_list(name: str) -> Damage:
    return substitute(STYLES, rf"<{name}[ >].*?</{name}>", f"<{name}/>")


def missing_list(name: str) -> Damage:
    return substitute(STYLES, rf"<{name}[ >].*?</{name}>", "")


def without_references(parts: Parts, _: random.Random) -> None:
    """Leave out the references of cells and rows that follow the one before."""
    last = (0, 0)

    def leave_out(match: re.Match[str]) -> str:
        nonlocal last
        if match[1] is not None:
            here = (int(match[1]), 0)
            follows = here[0] == last[0] + 1
        else:
            here = coordinate_to_tuple(match[2])
            follows = here == (last[0], last[1] + 1)
        last = here
        return match[0].rpartition(" ")[0] if follows else match[0]

    text = parts[SHEET].decode()
    parts[SHEET] = re.sub(r'<row r="(\d+)"|<c r="([A-Z]+\d+)"', leave_out, text).encode()


LISTS = ("fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles")
DAMAGES: dict[str, Damage] = {
    "reference with a space": somewhere(SHEET, r'<c r="([A-Z]+\d+)"', r'<c r="\1 "'),
    "reference in lower case": substitute(SHEET, r'<c r="C(\d+)"', r'<c r="c\1"'),
    "reference without a column": somewhere(SHEET, r'<c r="[A-Z]+(\d+)"', r'<c r="\1"'),
    "cells without references": without_references,
    "row number as a decimal": substitute(SHEET, r'<row r="(\d+)"', r'<row r="\1.0"'),
    **{
        f"style {index}": somewhere(SHEET, r'(<c r="[A-Z]+\d+") s="\d+"', rf'\1 s="{index}"')
        for index in (-1, -1000, 99, 70_000, 10**12, "x", "", " 1", "1.5")
    },
    "style of a row": substitute(SHEET, r"<row ", '<row s="500" customFormat="1" ', 1),
    "style of a column": somewhere(SHEET, r'(<col [^>]*?)(?: style="\d+")?/>', r'\1 style="-7"/>'),
    **{f"empty {name}": empty_list(name) for name in LISTS},
    **{f"no {name}": missing_list(name) for name in LISTS},
    "formats that lead nowhere": substitute(STYLES, r'fillId="\d+"', 'fillId="99"'),
    "negative font": substitute(STYLES, r'fontId="\d+"', 'fontId="-3"'),
    "empty fill": substitute(STYLES, "</fills>", "<fill/></fills>"),
    "extension in a fill": somewhere(
        STYLES, r"</patternFill>", '<extLst><ext uri="{1}"/></extLst></patternFill>'
    ),
    "font family": substitute(STYLES, r'<family val="\d+"/>', '<family val="34"/>'),
    "underline": substitute(STYLES, "<font>", '<font><u val="1"/>', 1),
    "color": substitute(STYLES, r'<color theme="1"/>', '<color rgb="red"/>', 1),
    "alignment": substitute(STYLES, "</cellXfs>", '<xf fontId="0"><alignment vertical="up"/></xf>'
                            "</cellXfs>"),
    "styles empty": replaced(STYLES, b""),
    "styles truncated": truncated(STYLES),
    "styles of nothing": replaced(STYLES, b"<a/>"),
    "styles missing": removed(STYLES),
    "styles missing and unrelated": both(
        removed(STYLES), substitute(WORKBOOK_RELS, r'<Relationship [^>]*/styles"[^>]*/>', "")
    ),
    **strays(STYLES, "xf"), **strays(STYLES, "fill"), **strays(STYLES, "font"),
    **strays(STYLES, "cellXfs"), **strays(SHEET, "row"), **strays(SHEET, "c"),
    **strays(SHEET, "sheetData"), **strays("xl/workbook.xml", "sheet"),
    **strays(COMMENTS, "comment"), **strays(COMMENTS, "author"), **strays(COMMENTS, "commentList"),
    **strays(TYPES, "Override"), **strays(RELS, "Relationship"),
    "comments empty": replaced(COMMENTS, b""),
    "comments of nothing": substitute(COMMENTS, r"<authors>.*</commentList>", ""),
    "comments without authors": substitute(COMMENTS, "<authors>.*</authors>", ""),
    "comments with an empty list of authors": substitute(
        COMMENTS, "<authors>.*</authors>", "<authors/>"
    ),
    "comments truncated": truncated(COMMENTS),
    "comments missing": removed(COMMENTS),
    "author out of range": substitute(COMMENTS, r'authorId="\d+"', 'authorId="7"', 1),
    "author negative": substitute(COMMENTS, r'authorId="\d+"', 'authorId="-7"', 1),
    "comment on no cell": somewhere(COMMENTS, r' ref="[A-Z]+\d+"', ' ref="#REF!"'),
    "comment in lower case": somewhere(COMMENTS, r' ref="(A|C)(\w+)"', r' ref=" \1\2"'),
    "comment without a text": somewhere(COMMENTS, r"<text>.*?</text>", ""),
    "VML missing": removed(VML),
    "VML empty": replaced(VML, b""),
    "VML truncated": truncated(VML),
    "VML without shapes": replaced(VML, b"<xml></xml>"),
    "VML closed at once": replaced(VML, b"<xml/>"),
    "VML as HTML": substitute(VML, "</xml>", "<br></xml>"),
    "relationships truncated": truncated(RELS),
    "relationships empty": replaced(RELS, b""),
    "drawing twice": substitute(SHEET, "(<legacyDrawing [^>]*>)", r"\1\1"),
    "drawing leads nowhere": substitute(
        SHEET, r'<legacyDrawing r:id="\w+"', '<legacyDrawing r:id="rId99"'
    ),
    "drawing among alternatives": substitute(
        SHEET, "(<legacyDrawing [^>]*>)",
        rf'<mc:AlternateContent {MC}><mc:Choice Requires="r">\1</mc:Choice></mc:AlternateContent>',
    ),
    "styles in another case": renamed(STYLES, "xl/Styles.xml"),
    "sheet in another case": renamed(SHEET, "xl/worksheets/Sheet1.xml"),
    "strings in another case": renamed("xl/sharedStrings.xml", "xl/SharedStrings.XML"),
    "comments in another case": renamed(COMMENTS, "xl/Comments1.xml"),
    "relationships in another case": renamed(RELS, "xl/worksheets/_RELS/Sheet1.xml.rels"),
    "types in another case": renamed(TYPES, "[content_types].xml"),
    "backslashes in a target": substitute(WORKBOOK_RELS, "worksheets/", r"worksheets\\\\"),
    "backslashes in a name": renamed(SHEET, "xl\\worksheets\\sheet1.xml"),
    "absolute targets": substitute(WORKBOOK_RELS, r'Target="(?=\w)', 'Target="/xl/'),
    "worksheets by Default": both(
        substitute(TYPES, r'<Override PartName="/xl/worksheets/[^>]*>', ""),
        substitute(TYPES, r'(Extension="xml" ContentType=)"[^"]*"',
                   r'\1"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"'),
    ),
    "a part that is not there": substitute(
        TYPES, "</Types>", '<Override PartName="/xl/x.xml" ContentType="application/xml"/></Types>'
    ),
    "impossible date": substitute("docProps/core.xml", r"\d{4}-\d\d-\d\d", "0000-99-99"),
    "properties truncated": truncated("docProps/core.xml"),
    "number of a sheet": substitute("xl/workbook.xml", r'sheetId="1"', 'sheetId="first"'),
    "active tab": substitute("xl/workbook.xml", "<workbookView ", '<workbookView activeTab="x" '),
}  # fmt: skip


@dataclass(frozen=True)
class Original:
    """A workbook in order: its parts, and the audit of it."""

    path: Path
    parts: Parts
    results: tuple[TableResult, ...]

    @property
    def marked(self) -> set[tuple[str, str]]:
        """The wrong cells."""
        return {
            (cell.sheet, cell.local)
            for result in self.results
            for finding in result.findings
            for cell in finding.cells
        }


def read_parts(path: Path) -> Parts:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_parts(parts: Parts, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is, with backslashes
            archive.writestr(info, data)
    return path


@pytest.fixture(scope="module", params=["notes", "everything", "thread"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Original:
    plans = {
        "notes": note_on_the_wrong_cell,
        "everything": everything,
        "thread": thread_on_the_wrong_cell,
    }
    path = tmp_path_factory.mktemp("original") / f"{request.param}.xlsx"
    write(plans[request.param](2), path)
    results = audit_workbook(path).tables
    assert any(result.findings for result in results)
    return Original(path, read_parts(path), results)


def contents_of(path: Path) -> dict[tuple[str, str], object]:
    """Formulas and values of all cells, as openpyxl sees them."""
    contents = {}
    for data_only in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, data_only=data_only)
        for sheet in book.worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.value is not None:
                        value = getattr(cell.value, "text", cell.value)
                        contents[sheet.title, f"{cell.coordinate} {data_only}"] = value
    return contents


def check_copy(original: Original, damaged: Path, copy: Path, *, is_damaged: bool = True) -> None:
    """A copy opens, has no new error, has the student's data, and marks what is wrong."""
    new = errors_of(copy) - errors_of(damaged)
    assert not new, f"new errors: {list(new)[:5]}"
    contents, before = contents_of(copy), contents_of(original.path)
    assert before.items() <= contents.items()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(copy)
    for sheet, address in original.marked:
        assert book[sheet][address].fill.fgColor.rgb == "FFFFC7CE", address
    for result in original.results:
        for finding in result.findings:
            first = finding.cells[0]
            note = book[first.sheet][first.local].comment
            assert note is not None, first
            assert " ".join(finding.cause.split()) in " ".join(note.text.split())
    package = Package(copy)
    for part in package.worksheets.values():
        data = package.parts[part]
        assert len(re.findall(rb"<(?:\w+:)?legacyDrawing\s", data)) <= 1
    sheet = next(result.sheet for result in original.results if result.findings)
    shapes = re.findall(r"ObjectType=.Note.", package.vml(package.sheets[sheet]))
    assert len(shapes) == len(package.notes(package.sheets[sheet]))


@pytest.mark.parametrize("name", some_of(DAMAGES, 7))
def test_one_damage(name: str, original: Original, tmp_path: Path) -> None:
    parts = dict(original.parts)
    try:
        DAMAGES[name](parts, random.Random(name))
    except (KeyError, AssertionError, IndexError):
        pytest.skip("this workbook has no such part")
    damaged = write_parts(parts, tmp_path / "damaged.xlsx")
    copy = tmp_path / "copy.xlsx"
    annotate(damaged, Feedback(original.results), copy)
    check_copy(original, damaged, copy)


@pytest.mark.parametrize("seed", some_of(range(24), 2))
def test_several_damages(seed: int, original: Original, tmp_path: Path) -> None:
    """Three at once, by chance: a copy is in order, or one line says why there is none."""
    chance = random.Random(seed)
    parts = dict(original.parts)
    for name in chance.sample(sorted(DAMAGES), 3):
        try:
            DAMAGES[name](parts, chance)
        except (KeyError, AssertionError, IndexError, UnicodeDecodeError):
            continue  # another damage removed the place
    damaged = write_parts(parts, tmp_path / "damaged.xlsx")
    try:
        annotate(damaged, Feedback(original.results), tmp_path / "copy.xlsx")
    except AnnotationError as error:
        assert "\n" not in str(error)
        return
    check_copy(original, damaged, tmp_path / "copy.xlsx")


def test_any_exception_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And costs the others nothing."""
    for name in ("first", "second", "third"):
        write(note_on_the_wrong_cell(1), tmp_path / f"{name}.xlsx")
    mend = annotation.mend_workbook

    def fail(package: package_module.Package) -> None:
        if "second" in str(package._archive.filename):
            raise ZeroDivisionError("two\nlines")
        mend(package)

    monkeypatch.setattr(annotation, "mend_workbook", fail)
    files = [tmp_path / f"{name}.xlsx" for name in ("first", "second", "third")]
    result = invoke_check(*files, "--annotate", tmp_path / "marked", "--jobs", "1")
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "second.xlsx has no" in line]
    assert "two lines" in line
    assert {path.name for path in (tmp_path / "marked").iterdir()} == {"first.xlsx", "third.xlsx"}


def fills_and_notes(path: Path, sheet: str) -> tuple[set[str], dict[str, str]]:
    """The red cells of a sheet, and its notes."""
    cells = [cell for row in openpyxl.load_workbook(path)[sheet].iter_rows() for cell in row]
    red = {cell.coordinate for cell in cells if cell.fill.fgColor.rgb == "FFFFC7CE"}
    return red, {cell.coordinate: cell.comment.text for cell in cells if cell.comment}


@pytest.mark.parametrize(
    "saved_by",
    ["nobody", pytest.param("LibreOffice", marks=[needs_libreoffice, pytest.mark.thorough])],
)
def test_a_copy_that_was_corrected(saved_by: str, original: Original, tmp_path: Path) -> None:
    """It has one sheet Feedback, and no mark of what was wrong the first time."""
    first, again = tmp_path / "first.xlsx", tmp_path / "again.xlsx"
    annotate(original.path, Feedback(original.results), first)
    handed_in = first
    if saved_by == "LibreOffice":
        (handed_in,) = convert([first], tmp_path / "saved")
    right = tuple(replace(result, verdict="right", findings=()) for result in original.results)
    annotate(handed_in, Feedback(right), again)
    names = openpyxl.load_workbook(again).sheetnames
    assert names == openpyxl.load_workbook(first).sheetnames
    assert sum(name.startswith("Feedback") for name in names) == 1
    assert "No mistakes were found." in str(list(openpyxl.load_workbook(again)["Feedback"].values))
    sheet = original.results[0].sheet
    red, notes = fills_and_notes(again, sheet)
    assert not red
    own = fills_and_notes(original.path, sheet)[1]
    assert {cell: " ".join(text.split()) for cell, text in notes.items()} == {
        cell: " ".join(text.split()) for cell, text in own.items()
    }
    assert is_annotated_copy(again)
    assert not errors_of(again) - errors_of(handed_in)
    # The same findings again are marked as the first time.
    annotate(handed_in, Feedback(original.results), again)
    assert fills_and_notes(again, sheet)[0] == fills_and_notes(first, sheet)[0]
    for cell, text in fills_and_notes(again, sheet)[1].items():
        assert text.count(" wrong\nfound: ") <= 1, cell


@pytest.mark.thorough
@needs_libreoffice
def test_libreoffice_opens_copies_of_damaged_workbooks(original: Original, tmp_path: Path) -> None:
    names = ("style -1000", "comments empty", "VML truncated", "no cellXfs", "styles missing",
             "sheet in another case", "backslashes in a target", "comment before xf in "
             + STYLES, "drawing leads nowhere", "relationships truncated")  # fmt: skip
    copies = []
    for at, name in enumerate(names):
        parts = dict(original.parts)
        try:
            DAMAGES[name](parts, random.Random(name))
        except (KeyError, AssertionError, IndexError):
            continue
        damaged = write_parts(parts, tmp_path / "damaged.xlsx")
        copies.append(tmp_path / f"{at}.xlsx")
        annotate(damaged, Feedback(original.results), copies[-1])
    sheet = original.results[0].sheet
    for path in convert(copies, tmp_path / "saved"):
        red, notes = fills_and_notes(path, sheet)
        assert {(sheet, cell) for cell in red} == original.marked
        assert any("cause: " in text for text in notes.values())
