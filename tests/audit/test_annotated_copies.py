"""``check DIR --annotate marked/``, from outside: what is added to a workbook, and what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fixtures.class_of_submissions import (
    KINDS,
    NOTE,
    ROOT,
    THREAD_AUTHOR,
    THREAD_NOTE,
    UNJUDGED,
    Plan,
    Submission,
    common,
    everything,
    make,
    to_transitional,
    write,
)
from fixtures.class_run import SIZES, Run, check, class_run, contents, converted, home, invoke_check
from fixtures.commands import ENVIRONMENT
from fixtures.commands import ROOT as PROJECT
from fixtures.commands import command as command_line
from fixtures.report_reading import JUDGED, read_csv, rows_by_submission, same_file
from fixtures.student_workbooks import GIVEN, Book, CellError, _Evaluation, rewrite
from oracles.libreoffice import convert, needs_libreoffice
from oracles.office_package import (
    Package,
    Styles,
    attribute,
    canonical,
    child,
    children,
    differing_children,
    is_light_red,
    place,
    problems_of,
)
from oracles.open_xml import errors_of

FEEDBACK = "Feedback"
# What has to change: an added sheet, its place in the workbook, styles, the mark that it is ours.
CHANGING = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|custom)\.xml"
    r"|xl/(workbook|styles)\.xml|xl/_rels/workbook\.xml\.rels"
)


@pytest.fixture(scope="module", params=SIZES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The class; LibreOffice starts on the copies at once, and needs a while."""
    result = class_run(tmp_path_factory.getbasetemp(), request.param)
    assert result.done.returncode == 2, result.done.stderr[-2000:]
    assert "Traceback" not in result.done.stderr
    with contextlib.suppress(pytest.skip.Exception):
        converted(tmp_path_factory.getbasetemp(), request.param)
    return result


Pair = tuple[Submission, Package, Package]


@pytest.fixture(scope="module")
def pairs(run: Run) -> list[Pair]:
    """Each judged submission with its package and its copy's."""
    return [
        (one, Package(run.folder / one.path), Package(run.marked / one.below))
        for one in run.judged
        if (run.marked / one.below).is_file()
    ]


def wrong_places(submission: Submission) -> set[tuple[str, str]]:
    """The sheet and the address of each wrong cell."""
    return {(sheet, one.cell) for (sheet, _), cells in submission.wrong.items() for one in cells}


class Failures:
    """All that is wrong, by file, so that one message tells all of it."""

    def __init__(self) -> None:
        self.found: dict[str, list[Any]] = {}

    def add(self, submission: Submission, problem: Any) -> None:
        self.found.setdefault(f"{submission.kind}: {submission.path}", []).append(problem)

    @contextlib.contextmanager
    def of(self, submission: Submission) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            self.add(submission, str(error).splitlines()[0] if str(error) else error)

    def check(self) -> None:
        shown = [f"{name}: {problems[:3]}" for name, problems in self.found.items()]
        assert not shown, f"{len(shown)} files:\n" + "\n".join(shown[:12])


# ---------------------------------------------------------------------------------------------
# The files


def test_a_copy_of_each_judged_workbook_and_nothing_else(run: Run) -> None:
    """In the folders of the submissions; a file that cannot be judged has none."""
    made = {path.relative_to(run.marked) for path in run.marked.rglob("*") if path.is_file()}
    expected = {one.below: one.kind for one in run.judged}
    assert made <= set(expected)
    assert [kind for path, kind in expected.items() if path not in made] == []
    assert len(made) >= len(KINDS)
    assert len(run.submissions) - len(made) >= len(UNJUDGED)


def test_submissions_are_never_changed(run: Run) -> None:
    assert contents(run.folder / ROOT) == run.before


def test_the_class_is_judged_as_it_was_made(run: Run) -> None:
    """So that what follows speaks of the right cells."""
    failures = Failures()
    for one in run.submissions:
        tables = run.tables_of(one)
        with failures.of(one):
            assert tuple(table["verdict"] for table in tables) == one.verdicts
            found = {(sheet, finding["column"]): (cell, finding["count"])
                     for sheet, cell, finding in run.findings_of(one)}  # fmt: skip
            made = {key: (cells[0].cell, len(cells)) for key, cells in one.wrong.items()}
            assert found == made
    failures.check()


@pytest.mark.thorough
def test_copies_are_judged_the_same(run: Run) -> None:
    again = check(run.folder, run.marked.name, "--json")
    found = json.loads(again.stdout)
    expected = [
        table | {"file": table["file"].replace(f"{ROOT}/", f"{run.marked.name}/", 1)}
        for table in run.tables
    ]
    assert [table["file"] for table in found] == [table["file"] for table in expected]
    for table, one in zip(found, expected, strict=True):
        assert table == one
    # The sheet of feedback is no table, nor one that cannot be judged.
    others = [line for line in again.stderr.splitlines() if line.startswith("Error: ")]
    assert len(others) == sum(one.kind == "beside another network" for one in run.judged)


def test_excel_needs_no_repair(pairs: list[Pair]) -> None:
    failures = Failures()
    for submission, original, copy in pairs:
        assert problems_of(original) == [], "the test's own case"
        for problem in problems_of(copy):
            failures.add(submission, problem)
    failures.check()


@pytest.mark.thorough
def test_no_copy_has_an_error_of_its_own(run: Run) -> None:
    failures = Failures()
    for one in {one.kind: one for one in run.judged}.values():
        before, after = errors_of(run.folder / one.path), errors_of(run.marked / one.below)
        for error in after - before:
            failures.add(one, error)
    failures.check()


# ---------------------------------------------------------------------------------------------
# What is kept


def annotated_sheets(submission: Submission) -> set[str]:
    return {sheet for sheet, _ in submission.wrong}


def test_other_parts_are_byte_for_byte_the_same(pairs: list[Pair]) -> None:
    failures = Failures()
    for submission, original, copy in pairs:
        for name, data in original.parts.items():
            if (
                name.endswith("/")
                or CHANGING.fullmatch(name)
                or may_change(submission, original, name)
            ):
                continue
            if name == "xl/calcChain.xml" and name not in copy.parts:
                continue  # Excel makes a new one
            new = copy.parts.get(name)
            if new is not None and name in original.sheets.values():
                # A sheet that was the selected one may not be it any more.
                data, new = without_selection(data), without_selection(new)
            if new != data:
                failures.add(submission, f"{name} is {'gone' if new is None else 'different'}")
    failures.check()


def may_change(submission: Submission, package: Package, name: str) -> bool:
    """Whether it is a sheet with wrong cells, or holds its relationships or notes."""
    for sheet in annotated_sheets(submission):
        part = package.sheets[sheet]
        legacy = child(package.tree(part), "legacyDrawing")
        shapes = []
        if legacy is not None:
            shapes = [package.relationships(part)[str(attribute(legacy, "id"))].target]
        folder, _, file = part.rpartition("/")
        notes = package.related(part, "comments")
        if name in (part, f"{folder}/_rels/{file}.rels", *notes, *shapes):
            return True
        if submission.kind == "thread on the wrong cell" and name in (
            *package.related(part, "threadedComment"),
            *package.related(package.workbook, "person"),
        ):
            return True  # a reply is added to the thread, which Excel shows instead of the note
    return False


def without_selection(data: bytes) -> bytes:
    return re.sub(rb'\s+tabSelected="[^"]*"', b"", data)


def test_right_workbooks_keep_their_sheets(pairs: list[Pair]) -> None:
    seen = 0
    for submission, original, copy in pairs:
        if not submission.wrong:
            for part in original.sheets.values():
                assert without_selection(copy.parts[part]) == without_selection(
                    original.parts[part]
                )
            seen += 1
    assert seen >= 3


def test_formulas_and_values_of_all_cells(pairs: list[Pair]) -> None:
    failures = Failures()
    for submission, original, copy in pairs:
        for name, part in original.worksheets.items():
            before, after = original.cells(part), copy.cells(copy.sheets[name])
            if list(before) != list(after):
                failures.add(submission, f"other cells: {sorted(set(before) ^ set(after))}")
                continue
            for address, cell in before.items():
                new = after[address]
                if (new.type, new.formula, new.value, new.inline) != (
                    (cell.type, cell.formula, cell.value, cell.inline)
                ):
                    failures.add(submission, f"{name}!{address}: {new} was {cell}")
    failures.check()


def test_wrong_cells_are_light_red_and_others_look_as_before(pairs: list[Pair]) -> None:
    failures = Failures()
    for submission, original, copy in pairs:
        wrong = wrong_places(submission)
        for name, part in original.worksheets.items():
            before, after = original.cells(part), copy.cells(copy.sheets[name])
            for address, cell in before.items():
                old, new = original.look(cell), copy.look(after[address])
                where = f"{name}!{address}"
                if (name, address) in wrong:
                    if new is None or not new.is_light_red:
                        failures.add(submission, f"{where} is not red")
                    elif old is not None and without_fill(new) != without_fill(old):
                        failures.add(submission, f"{where}: more than the fill is new")
                elif old is not None and new != old:
                    failures.add(submission, f"{where} is right, and looks different")
                elif new is not None and new.is_light_red:
                    failures.add(submission, f"{where} is right, and red")
    failures.check()


def without_fill(look: Styles) -> tuple[str, ...]:
    return look.number_format, look.font, look.border, look.alignment, look.protection


def test_the_workbook_around_is_kept(pairs: list[Pair]) -> None:
    """Other sheets, what names mean, 1904, protection."""
    failures = Failures()
    for submission, original, copy in pairs:
        with failures.of(submission):
            assert list(copy.sheets)[1:] == list(original.sheets)
            assert next(iter(copy.sheets)).startswith(FEEDBACK)
            assert copy.defined_names == original.defined_names
            before, after = (one.tree(one.workbook) for one in (original, copy))
            assert after.tag == before.tag
            assert dict(after.items()) == dict(before.items())
            ignored = ("sheets", "definedNames", "bookViews")
            assert differing_children(before, after, ignored) == []
            states = [
                {str(one.get("name")): (one.get("state"), one.get("sheetId"))
                 for one in children(child(root, "sheets"), "sheet")}
                for root in (before, after)
            ]  # fmt: skip
            assert states[0].items() <= states[1].items()
            for part in (original, copy):
                (kind,) = (
                    str(one.get("ContentType"))
                    for one in part.tree("[Content_Types].xml")
                    if one.get("PartName") == f"/{part.workbook}"
                )
                assert ("macroEnabled" in kind) == (submission.path.suffix == ".xlsm")
    failures.check()


def test_the_sheets_around_the_cells_are_kept(pairs: list[Pair]) -> None:
    """Column widths, conditional formats, protection, charts, pictures, printing and the rest."""
    failures = Failures()
    for submission, original, copy in pairs:
        for name in annotated_sheets(submission):
            before, after = (one.tree(one.sheets[name]) for one in (original, copy))
            ignored = ("sheetData", "legacyDrawing", "sheetViews", "dimension")
            for child_name in differing_children(before, after, ignored):
                failures.add(submission, f"<{child_name}> of {name} is different")
            views = [
                re.sub(r" tabSelected='.'", "", canonical(child(root, "sheetViews")))
                for root in (before, after)
            ]
            if views[0] != views[1]:
                failures.add(submission, f"<sheetViews> of {name} is different")
            rows = [
                [
                    {key: value for key, value in row.items() if key != "spans"}
                    for row in children(child(root, "sheetData"), "row")
                ]
                for root in (before, after)
            ]
            if rows[0] != rows[1]:
                failures.add(submission, f"rows of {name} are different")
            relationships = [one.relationships(one.sheets[name]) for one in (original, copy)]
            for key, value in relationships[0].items():
                if relationships[1].get(key) != value:
                    failures.add(submission, f"{name} does not lead to {value.target} any more")
    failures.check()


def test_existing_notes_are_kept(pairs: list[Pair]) -> None:
    """Word for word; on a cell that has none of ours, also with their looks and author."""
    failures = Failures()
    seen = 0
    for submission, original, copy in pairs:
        wrong = wrong_places(submission)
        for name, part in original.worksheets.items():
            after = copy.notes(copy.sheets[name])
            for address, note in original.notes(part).items():
                seen += 1
                new = after.get(address)
                if new is None or note.text not in new.text:
                    failures.add(submission, f"the note of {address} is gone: {new}")
                elif (name, address) not in wrong and new != note:
                    failures.add(submission, f"the note of {address} is different: {new}")
    assert seen >= 14
    failures.check()


def test_threads_and_buttons_are_kept(pairs: list[Pair]) -> None:
    seen = set()
    for submission, original, copy in pairs:
        if submission.kind.startswith("thread"):
            notes = copy.notes(copy.sheets["Sheet1"]).values()
            assert [
                note.text[: len(THREAD_NOTE)] for note in notes if note.author == THREAD_AUTHOR
            ] == [THREAD_NOTE]
            seen.add(submission.kind)
        if submission.kind == "thread on the wrong cell":
            (part,) = copy.related(copy.sheets["Sheet1"], "threadedComment")
            first, reply = copy.tree(part)
            assert (reply.get("ref"), reply.get("parentId")) == (first.get("ref"), first.get("id"))
            assert "cause: " in "".join(reply.itertext())
            (part,) = copy.related(copy.workbook, "person")
            persons = [(one.get("displayName"), one.get("id")) for one in copy.tree(part)]
            assert ("gradsheet", reply.get("personId")) in persons
        if submission.kind.startswith("button") or submission.kind == "everything":
            part = copy.sheets["Sheet1"]
            assert copy.vml(part).count('ObjectType="Button"') == 1
            caption = re.search(r"Press.*?me", original.vml(part), re.DOTALL)
            assert caption and caption[0] in copy.vml(part)
            seen.add(submission.kind)
        if submission.kind == "header picture":
            assert child(copy.tree(copy.sheets["Sheet1"]), "legacyDrawingHF") is not None
            seen.add(submission.kind)
    assert len(seen) == 6


def test_the_properties_are_kept(pairs: list[Pair]) -> None:
    """A student's own ones, if the mark that the copy is ours is among them."""
    seen = 0
    for submission, original, copy in pairs:
        if submission.kind in ("custom properties", "own workbook"):
            seen += 1
            (part,) = original.related("", "custom-properties")
            before = {one.get("name"): "".join(one.itertext()) for one in original.tree(part)}
            (part,) = copy.related("", "custom-properties")
            properties = list(copy.tree(part))
            after = {one.get("name"): "".join(one.itertext()) for one in properties}
            if submission.kind == "custom properties":
                assert before.items() <= after.items()
            ids = [one.get("pid") for one in properties]
            assert len(set(ids)) == len(ids)
            assert all(int(str(one)) >= 2 for one in ids)
    assert seen >= 2


def test_a_strict_workbook_stays_strict(pairs: list[Pair]) -> None:
    """What is added is strict too: a program for strict files does not see anything else."""
    seen = 0
    for submission, original, copy in pairs:
        if not submission.kind.startswith("strict"):
            continue
        seen += 1
        assert b"purl.oclc.org" in original.parts["xl/workbook.xml"]
        for name, data in copy.parts.items():
            if name.endswith((".xml", ".rels")) and name != "[Content_Types].xml":
                for usual in (
                    b"http://schemas.openxmlformats.org/spreadsheetml",
                    b"http://schemas.openxmlformats.org/officeDocument",
                    b"http://schemas.openxmlformats.org/drawingml",
                ):
                    assert usual not in data, name
    assert seen >= 2


# ---------------------------------------------------------------------------------------------
# What is added

FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def says(text: str, value: Any) -> bool:
    """Whether a text has a number, to five digits, or another value as it is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value) in text
    numbers = [float(one) for one in re.findall(FLOAT, text.replace("−", "-").replace(",", ""))]
    return any(one == pytest.approx(value, rel=2e-5, abs=1e-300) for one in numbers)


def one_line(text: str) -> str:
    return " ".join(text.split())


def right_formula(text: str, book: Book, sheet: str, expected: float) -> str | None:
    """The formula in a text that has the right value in this sheet's cells."""
    for start in re.finditer("=", text):
        formula = text[start.start() :].splitlines()[0].strip().rstrip(".;")
        try:
            value = _Evaluation(book, sheet, formula[1:]).result()
        except (CellError, ValueError, KeyError, IndexError, AssertionError):
            continue
        if re.search(r"[A-Z]+\$?\d", formula) and value == pytest.approx(expected, rel=1e-6):
            return formula
    return None


def test_the_first_wrong_cell_of_each_column_has_a_note(run: Run, pairs: list[Pair]) -> None:
    """With what was found and expected, the right formula in the sheet's own cells, the cause."""
    failures = Failures()
    formulas = 0
    for submission, original, copy in pairs:
        firsts = set()
        for sheet, address, finding in run.findings_of(submission):
            firsts.add((sheet, address))
            note = copy.notes(copy.sheets[sheet]).get(address)
            if note is None:
                failures.add(submission, f"{address} has no note")
                continue
            for name in ("found", "expected"):
                if finding[name] is not None and not says(note.text, finding[name]):
                    failures.add(submission, f"{name} {finding[name]} is not in {note.text!r}")
            if one_line(finding["cause"]) not in one_line(note.text):
                failures.add(submission, f"{finding['cause']!r} is not in {note.text!r}")
            if finding["column"] in (*GIVEN, "η"):
                continue  # a number, or the label's
            assert submission.book is not None
            if right_formula(note.text, submission.book, sheet, finding["expected"]) is None:
                failures.add(submission, f"no right formula in {note.text!r}")
            formulas += 1
        # Others have none of ours.
        for name, part in original.worksheets.items():
            added = set(copy.notes(copy.sheets[name])) - set(original.notes(part))
            if added - {address for sheet, address in firsts if sheet == name}:
                failures.add(submission, f"notes on {sorted(added)}")
    assert formulas > 70
    failures.check()


def feedback_of(package: Package) -> tuple[str, dict[str, tuple[str, str]], str]:
    """The text of the first sheet, its links by their cells, and its name."""
    name, part = next(iter(package.sheets.items()))
    cells = package.cells(part)
    assert not any(cell.formula for cell in cells.values()), "a formula in the feedback"
    text = "\n".join(package.text_of(cell) for cell in cells.values())
    links = {cell: place(location) for cell, location in package.links(part).items()}
    return text, links, name


def test_the_feedback_lists_all_of_it(run: Run, pairs: list[Pair]) -> None:
    failures = Failures()
    for submission, _, copy in pairs:
        with failures.of(submission):
            text, links, _ = feedback_of(copy)
            findings = run.findings_of(submission)
            assert {(sheet, cell) for sheet, cell, _ in findings} <= set(links.values())
            for sheet, _, finding in findings:
                assert finding["column"] in text
                assert one_line(finding["cause"]) in one_line(text)
                for name in ("found", "expected"):
                    if finding[name] is not None:
                        assert says(text, finding[name]), f"{name} {finding[name]}"
                if submission.book is not None and finding["column"] not in (*GIVEN, "η"):
                    found = right_formula(text, submission.book, sheet, finding["expected"])
                    assert found, f"no right formula of {finding['column']}"
            for table in run.tables_of(submission):
                assert table["verdict"] in text.lower()
                if table["verdict"] == "incomplete":
                    for warning in table["warnings"]:
                        assert one_line(warning) in one_line(text)
    failures.check()


def test_the_feedback_of_a_right_workbook(run: Run, pairs: list[Pair]) -> None:
    seen = 0
    for submission, original, copy in pairs:
        if set(submission.verdicts) != {"right"}:
            continue
        text, _, _ = feedback_of(copy)
        assert re.search(r"\bright\b", text, re.IGNORECASE)
        assert not re.search(r"\bwrong\b.*\d|instead of", text, re.IGNORECASE), text
        assert len(copy.sheets) == len(original.sheets) + 1
        seen += 1
    assert seen >= 3


def test_a_sheet_of_that_name_stays_what_it_is(pairs: list[Pair]) -> None:
    seen = 0
    for submission, _, copy in pairs:
        if submission.kind != "own Feedback sheet":
            continue
        seen += 1
        first, *others = copy.sheets
        assert others == ["FEEDBACK (2)", FEEDBACK]
        assert first.lower() not in [name.lower() for name in others]
        (target,) = set(feedback_of(copy)[1].values()) - {("FEEDBACK (2)", "A1")}
        assert target[0] == FEEDBACK
    assert seen >= 1


@pytest.mark.thorough
def test_openpyxl_sees_the_same(run: Run, tmp_path: Path) -> None:
    """An independent reader, over one of each kind: fills, fonts, formats, notes, links."""
    kinds = {one.kind: one for one in run.judged if (run.marked / one.below).is_file()}
    assert len(kinds) > 60
    for kind, submission in kinds.items():
        books = []
        for at, path in enumerate((run.folder / submission.path, run.marked / submission.below)):
            readable = Path(shutil.copy(path, tmp_path / f"{at}.xlsx"))
            if kind.startswith("strict"):
                rewrite(readable, to_transitional)
            books.append(openpyxl.load_workbook(readable))
        original, copy = books
        assert copy.sheetnames[1:] == original.sheetnames
        wrong = wrong_places(submission)
        compared: set[Any] = set()
        for before in original.worksheets:
            after = copy[before.title]
            for line in before.iter_rows():
                for old in line:
                    new = after[old.coordinate]
                    where = f"{kind}: {before.title}!{old.coordinate}"
                    assert new.value == old.value, where
                    is_wrong = (before.title, old.coordinate) in wrong
                    styles = *(tuple(one._style or ()) for one in (old, new)), is_wrong
                    if styles not in compared and (is_wrong or kind != "no styles"):
                        compared.add(styles)
                        assert_styled(old, new, is_wrong, where)
                    if old.comment is not None:
                        assert old.comment.text in new.comment.text
        for sheet, address, finding in run.findings_of(submission):
            note = one_line(copy[sheet][address].comment.text)
            assert one_line(finding["cause"]) in note, kind


def assert_styled(old: Any, new: Any, is_wrong: bool, where: str) -> None:
    same = ["font", "number_format", "border", "alignment", "protection"]
    if is_wrong:
        assert new.fill.fill_type == "solid", where
        rgb = new.fill.fgColor.rgb[-6:]
        assert is_light_red(*(int(rgb[at : at + 2], 16) for at in (0, 2, 4))), rgb
    else:
        same.append("fill")
    for name in same if old.has_style or not is_wrong else ():
        assert repr(getattr(new, name)) == repr(getattr(old, name)), where


# ---------------------------------------------------------------------------------------------
# Where it writes, and where not


def files_in(folder: Path) -> set[str]:
    return {str(path) for path in contents(folder)}


def red_cells(path: Path) -> int:
    package = Package(path)
    return sum(
        package.looks[cell.style].is_light_red
        for part in list(package.worksheets.values())[1:]
        for cell in package.cells(part).values()
    )


def test_one_file(handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal says where its copy is."""
    monkeypatch.chdir(tmp_path)
    Path("mine.xlsx").write_bytes((handed_in / "anna" / "hw.xlsx").read_bytes())
    alone = invoke_check("mine.xlsx")
    result = invoke_check("mine.xlsx", "--annotate", "marked/")
    assert result.exit_code == alone.exit_code == 1
    assert files_in(tmp_path / "marked") == {"mine.xlsx"}
    assert str(Path("marked", "mine.xlsx")) in result.output.replace("\n", "")
    assert result.output.startswith(alone.output.rstrip("\n"))
    assert red_cells(Path("marked/mine.xlsx")) > 0


def test_the_rules_of_office_files(handed_in: Path, tmp_path: Path) -> None:
    invoke_check(handed_in, "--annotate", tmp_path / "marked")
    copies = list((tmp_path / "marked").rglob("*.xlsx"))
    assert len(copies) == 3
    for copy in copies:
        assert not errors_of(copy)


def test_a_folder(handed_in: Path, tmp_path: Path) -> None:
    result = invoke_check(handed_in, "--annotate", tmp_path / "marked")
    assert result.exit_code == 2
    assert files_in(tmp_path / "marked") == {f"{name}/hw.xlsx" for name in ("anna", "bert", "carl")}
    assert "marked" in result.output.replace(str(handed_in), "")


def test_the_json_stays_json(handed_in: Path, tmp_path: Path) -> None:
    alone = invoke_check(handed_in, "--json")
    result = invoke_check(handed_in, "--json", "--annotate", tmp_path / "marked")
    assert json.loads(result.stdout) == json.loads(alone.stdout)
    assert result.exit_code == alone.exit_code
    assert len(files_in(tmp_path / "marked")) == 3


def test_nothing_to_annotate(handed_in: Path, tmp_path: Path) -> None:
    result = invoke_check(handed_in / "dora", "--annotate", tmp_path / "marked")
    assert result.exit_code == 2
    assert not (tmp_path / "marked").exists() or files_in(tmp_path / "marked") == set()


def test_a_file_of_somebody_else_is_kept(handed_in: Path, tmp_path: Path) -> None:
    """The other copies are written; with ``--force`` it is replaced."""
    target = tmp_path / "marked" / "anna" / "hw.xlsx"
    target.parent.mkdir(parents=True)
    shutil.copy(handed_in / "bert" / "hw.xlsx", target)
    before = target.read_bytes()
    result = invoke_check(handed_in, "--annotate", tmp_path / "marked")
    assert result.exit_code in (1, 2)
    assert str(Path("anna", "hw.xlsx")) in result.stderr and "--force" in result.stderr
    assert target.read_bytes() == before
    assert files_in(tmp_path / "marked") == {f"{name}/hw.xlsx" for name in ("anna", "bert", "carl")}
    invoke_check(handed_in, "--annotate", tmp_path / "marked", "--force")
    assert target.read_bytes() != before
    assert red_cells(target) > 0


def test_a_kept_file_is_an_error_for_a_right_workbook_too(handed_in: Path, tmp_path: Path) -> None:
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / "hw.xlsx").write_text("mine")
    result = invoke_check(handed_in / "carl" / "hw.xlsx", "--annotate", tmp_path / "marked")
    assert result.exit_code in (1, 2)
    assert (tmp_path / "marked" / "hw.xlsx").read_text() == "mine"


def test_our_own_workbook_of_another_kind_is_kept(tmp_path: Path) -> None:
    """What ``sheet`` wrote is no annotated copy: somebody may want it."""
    (tmp_path / "marked").mkdir()
    make("own workbook", 0, tmp_path, Path("marked", "mine.xlsx"))
    write(Plan([common(1)]), tmp_path / "mine.xlsx")
    before = contents(tmp_path / "marked")
    result = invoke_check(tmp_path / "mine.xlsx", "--annotate", tmp_path / "marked")
    assert result.exit_code in (1, 2)
    assert "--force" in result.stderr
    assert contents(tmp_path / "marked") == before


def test_an_earlier_copy_is_replaced(handed_in: Path, tmp_path: Path) -> None:
    """The student has mended it: nothing is red any more."""
    target = tmp_path / "marked" / "hw.xlsx"
    assert invoke_check(handed_in / "anna" / "hw.xlsx", "--annotate", target.parent).exit_code == 1
    assert red_cells(target) > 0
    shutil.copy(handed_in / "carl" / "hw.xlsx", handed_in / "anna" / "hw.xlsx")
    assert invoke_check(handed_in / "anna" / "hw.xlsx", "--annotate", target.parent).exit_code == 0
    assert red_cells(target) == 0


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("handed in", "handed in"),
        ("handed in", "handed in/."),
        ("handed in", "handed in/anna/../"),
        ("handed in", "link"),
        ("handed in/anna/hw.xlsx", "handed in/anna"),
        ("handed in/anna", "handed in/anna"),
    ],
)
def test_a_submission_is_never_the_target(
    given: str, target: str, force: tuple[str, ...], handed_in: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(handed_in, target_is_directory=True)
    before = contents(handed_in)
    result = invoke_check(tmp_path / given, "--annotate", tmp_path / target, *force)
    assert result.exit_code == 2
    assert "submission" in result.stderr or Path(target).name in result.stderr
    assert not result.stdout
    assert contents(handed_in) == before


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_another_submission_is_never_replaced(
    force: tuple[str, ...], handed_in: Path, tmp_path: Path
) -> None:
    """Neither one that is given beside it, nor one that a link at the target leads to."""
    before = contents(handed_in)
    files = [handed_in / name / "hw.xlsx" for name in ("anna", "bert")]
    result = invoke_check(*files, "--annotate", handed_in / "bert", *force)
    assert result.exit_code == 2
    assert contents(handed_in) == before
    (tmp_path / "marked" / "anna").mkdir(parents=True)
    (tmp_path / "marked" / "anna" / "hw.xlsx").symlink_to(files[1])
    invoke_check(handed_in, "--annotate", tmp_path / "marked", *force)
    assert contents(handed_in) == before


def test_a_folder_among_the_submissions(handed_in: Path) -> None:
    """Refused, or the copies are not taken for submissions the next time."""
    tables = []
    for _ in range(2):
        result = invoke_check(handed_in, "--annotate", handed_in / "marked", "--json")
        assert {path.parts[0] for path in contents(handed_in)} <= {
            *("anna", "bert", "carl", "dora", "marked")
        }
        if not result.stdout.startswith("["):
            assert result.exit_code == 2
            assert not (handed_in / "marked").exists()
            return
        tables.append(json.loads(result.stdout))
    assert tables[0] == tables[1]
    assert not (handed_in / "marked" / "marked").exists()


def test_two_files_of_one_name(handed_in: Path, tmp_path: Path) -> None:
    """The second copy does not replace the first one without a word."""
    files = [handed_in / name / "hw.xlsx" for name in ("anna", "bert")]
    result = invoke_check(*files, "--annotate", tmp_path / "marked")
    if len(files_in(tmp_path / "marked")) < 2:
        assert result.exit_code == 2
        assert "hw.xlsx" in result.stderr
    else:
        assert result.exit_code == 1
        assert all(path in result.output for path in files_in(tmp_path / "marked"))


def test_a_file_where_a_folder_should_be(handed_in: Path, tmp_path: Path) -> None:
    (tmp_path / "marked").write_text("a file")
    result = invoke_check(handed_in, "--annotate", tmp_path / "marked")
    assert result.exit_code in (1, 2)
    assert "marked" in result.stderr
    assert (tmp_path / "marked").read_text() == "a file"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "anna").write_text("a file")
    result = invoke_check(handed_in, "--annotate", tmp_path / "other")
    assert result.exit_code in (1, 2)
    assert "anna" in result.stderr
    assert (tmp_path / "other" / "anna").read_text() == "a file"
    assert {"bert/hw.xlsx", "carl/hw.xlsx"} <= files_in(tmp_path / "other")


def test_the_options_reach_the_copies(handed_in: Path, tmp_path: Path) -> None:
    """With a tolerance of one half, the common mistake is none."""
    marked = tmp_path / "marked"
    done = invoke_check(handed_in / "anna", "--tolerance", "0.5", "--annotate", marked)
    assert done.exit_code == 0
    assert red_cells(marked / "hw.xlsx") == 0


def test_a_copy_that_is_handed_in_again(tmp_path: Path) -> None:
    """Annotating a copy gives a workbook in order, judged the same; the student's note is kept."""
    plan = everything(2)
    write(plan, tmp_path / "mine.xlsx")
    assert invoke_check(tmp_path / "mine.xlsx", "--annotate", tmp_path / "first").exit_code == 1
    again = invoke_check(tmp_path / "first" / "mine.xlsx", "--annotate", tmp_path / "again")
    assert again.exit_code == 1
    paths = [tmp_path / name / "mine.xlsx" for name in ("first", "again")]
    tables = [json.loads(invoke_check(path, "--json").stdout) for path in paths]
    assert [table | {"file": ""} for table in tables[0]] == [
        table | {"file": ""} for table in tables[1]
    ]
    assert problems_of(paths[1]) == []
    assert red_cells(paths[1]) == red_cells(paths[0]) > 0
    notes = Package(paths[1]).notes(Package(paths[1]).sheets["Sheet1"])
    assert any(NOTE in note.text for note in notes.values())


@pytest.mark.thorough
@needs_libreoffice
def test_a_workbook_that_libreoffice_saved(tmp_path: Path) -> None:
    write(everything(3), tmp_path / "mine.xlsx")
    (saved,) = convert([tmp_path / "mine.xlsx"], tmp_path / "saved")
    (table,) = json.loads(invoke_check(saved, "--json", "--annotate", tmp_path / "marked").stdout)
    copy = tmp_path / "marked" / "mine.xlsx"
    assert set(problems_of(copy)) <= set(problems_of(saved))
    (finding,) = table["faults"]
    assert red_cells(copy) == finding["count"] > 0
    notes = Package(copy).notes(Package(copy).sheets["Sheet1"])
    assert finding["cause"] in one_line(notes[home(table, finding)[1]].text)
    assert any(NOTE in note.text for note in notes.values())


# ---------------------------------------------------------------------------------------------
# Ctrl-C


_SLOW_START = """
import os, signal, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from backprop_sheet.audit import batch

def start():
    os.write(1, b"started\\n")
    time.sleep(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

batch._pool = lambda jobs: ProcessPoolExecutor(jobs, initializer=start)
try:
    list(batch.run_batch(str, [Path("a"), Path("b")], jobs=2, failed=str))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be blocked")
def test_an_interrupt_does_not_reach_a_process_that_is_starting() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW_START], cwd=PROJECT, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert said == "interrupted\n"


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_an_interrupt_leaves_whole_copies_and_a_report(run: Run, tmp_path: Path) -> None:
    """Ctrl-C goes to all processes, wherever they are in their work."""
    report, marked = tmp_path / "marks.csv", tmp_path / "marked"
    options = ["--report", report, "--annotate", marked, "--jobs", "2"]
    # Up to 4 workbooks per job wait for an earlier one, which the report lists before them.
    enough = 4 * 2 + 4
    with (tmp_path / "stderr").open("w+") as stderr:
        process = subprocess.Popen(
            command_line("check", ROOT, *options),
            cwd=run.folder,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + 120
            while len([path for path in marked.rglob("*.xlsx") if path.name[0] != "."]) < enough:
                assert process.poll() is None, "it ended before it could be interrupted"
                assert time.monotonic() < end
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        stderr.seek(0)
        said = stderr.read()
    assert process.returncode not in (0, 1)
    assert "Traceback" not in said
    assert "Stopped" in said
    copies = {path.relative_to(marked) for path in marked.rglob("*") if path.is_file()}
    assert copies <= {one.below for one in run.judged}, "half-written or temporary files"
    for path in copies:
        assert problems_of(marked / path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"marked", "marks.csv", "stderr"}
    assert contents(run.folder / ROOT) == run.before

    rows = read_csv(report)[0]
    assert 0 < len(rows.rows) < len(run.submissions)
    finished = [
        one for one in run.submissions if any(same_file(row["file"], one) for row in rows.rows)
    ]
    # Those that came first, in their order, and each judged one has its copy.
    assert finished == run.submissions[: len(finished)]
    for submission, lines in rows_by_submission(finished, rows):
        verdicts = tuple(row["verdict"] for row in lines if row["verdict"] in JUDGED)
        assert verdicts == submission.verdicts
        assert not verdicts or submission.below in copies


# ---------------------------------------------------------------------------------------------
# LibreOffice, which had time to open all copies by now


@pytest.mark.thorough
@needs_libreoffice
def test_libreoffice_opens_all(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    """And sees the wrong cells, and no others, in red."""
    failures = Failures()
    saved = converted(tmp_path_factory.getbasetemp(), len(run.submissions)).result()
    for submission in run.judged:
        if not (run.marked / submission.below).is_file():
            continue
        package = Package(saved[submission.below])
        with failures.of(submission):
            sheets = list(package.worksheets.items())[1:]
            found = {
                (name, address)
                for name, part in sheets
                for address, cell in package.cells(part).items()
                if package.looks[cell.style].is_light_red
            }
            assert found == wrong_places(submission)
    failures.check()
