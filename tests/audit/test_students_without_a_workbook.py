"""Students without a workbook, files without a table, and an output whose reader has ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from fixtures.class_of_submissions import COMMON, Plan, varied, write
from fixtures.class_run import contents, invoke_check
from fixtures.commands import ENVIRONMENT, command
from fixtures.report_reading import MARKS, read_csv, read_sheet

from backprop_sheet.audit.submissions import found_files
from backprop_sheet.audit.submissions.collection import Submission, collect


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def without_workbook(*given: Path) -> list[Submission]:
    with collect(given) as submissions:
        return [one for one in submissions.students if not one.files]


def content_of(folder: Path) -> str:
    """What there is in a folder beside one with a workbook."""
    with collect([folder.parent]) as submissions:
        (content,) = (one.content for one in submissions.students if one.student == folder.name)
    return content


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """One student with a right workbook, and six without one."""
    folder = tmp_path / "class"
    (folder / "ann").mkdir(parents=True)
    write(Plan([varied(1, rows=3)]), folder / "ann" / "a.xlsx")
    for name in ("ben/b.numbers", "cem/c.csv", "cem/c.PDF", "cem/deep/er/c.pdf", "dora/d.zip"):
        touch(folder / name)
    touch(folder / "eli" / "README", folder / "eli" / "~$e.xlsx", folder / "eli" / ".hidden.xlsx")
    (folder / "fay").mkdir()
    (folder / ".git").mkdir()
    touch(folder / "gil" / "bad\u202e.x\x1bls")
    return folder


EXPECTED = {
    "ben": "1 .numbers",
    "cem": "2 .pdf, 1 .csv",
    "dora": "1 .zip, which is empty",
    "eli": "1 without a suffix",
    "fay": "nothing",
    "gil": "1 .x\\x1bls",
}


def test_each_has_a_row_and_a_line(group: Path, tmp_path: Path) -> None:
    done = invoke_check(group, "--report", tmp_path / "marks.csv")
    assert done.exit_code == 0
    first, *rows = read_csv(tmp_path / "marks.csv")[0].rows
    assert first["student"] == "ann"
    assert {row["student"]: row["first"] for row in rows} == {
        name: f"no workbook: {content}" for name, content in EXPECTED.items()
    }
    assert {row["verdict"] for row in rows} == {"no workbook"}
    assert [row["file"] for row in rows] == [str(group / name) for name in EXPECTED]
    assert "1 file, 1 table: 1 right\n6 folders without a workbook:\n" in done.stdout
    assert f"  {group / 'cem'}: 2 .pdf, 1 .csv\n" in done.stdout
    assert "  and 1 more\n" in done.stdout
    invoke_check(group, "--report", tmp_path / "marks.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "marks.xlsx")["Tables"]
    assert [row["student"] for row in read_sheet(sheet, MARKS).rows] == ["ann", *EXPECTED]


def test_the_json_stays_json(group: Path) -> None:
    done = invoke_check(group, "--json")
    assert [Path(one["file"]).name for one in json.loads(done.stdout)] == ["a.xlsx"]
    assert f"{group / 'ben'}: 1 .numbers" in done.stderr


def test_ones_own_folder_is_no_class(tmp_path: Path) -> None:
    """Its workbooks are directly in it; other folders there are not students'."""
    touch(tmp_path / "a.xlsx", tmp_path / "pictures" / "p.png")
    assert without_workbook(tmp_path) == []


def test_several_folders_are_given(tmp_path: Path) -> None:
    """Each may be a student's, as a shell's ``*`` gives them, or a group's."""
    touch(tmp_path / "ann" / "a.xlsx", tmp_path / "ben" / "b.pdf", tmp_path / "ben" / "old" / "c")
    touch(tmp_path / "group" / "cem" / "c.ods.txt", tmp_path / "group" / "dora" / "d.pages")
    given = [tmp_path / name for name in ("ann", "ben", "group")]
    found = without_workbook(*given)
    assert [(one.student, one.content) for one in found] == [
        ("ben", "1 .pdf, 1 without a suffix"),
        ("cem", "1 .txt"),
        ("dora", "1 .pages"),
    ]


def test_a_huge_folder_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(*(tmp_path / "many" / f"{number}.txt" for number in range(60)))
    assert content_of(tmp_path / "many") == "60 .txt"
    monkeypatch.setattr(found_files, "MAX_ENTRIES", 51)
    assert content_of(tmp_path / "many") == "50 .txt, and more, not counted"
    touch(tmp_path / Path(*"abcdef") / "x.pdf")
    assert content_of(tmp_path / "a") == "1 .pdf"
    monkeypatch.setattr(found_files, "MAX_FOLDERS", 3)
    assert content_of(tmp_path / "a") == "not counted"


@pytest.mark.thorough
def test_many_suffixes_are_summed_up(tmp_path: Path) -> None:
    touch(*(tmp_path / f"a.{number}" for number in range(10)))
    assert content_of(tmp_path) == "1 .0, 1 .1, 1 .2, 1 .3, 6 others"


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need a permission elsewhere")
def test_a_link_in_a_circle(group: Path) -> None:
    (group / "fay" / "again").symlink_to(group)
    (group / "hal").symlink_to(group)
    found = without_workbook(group)
    assert {one.student: one.content for one in found}["hal"].startswith("a link")
    assert {one.student: one.content for one in found}["fay"] == "1 without a suffix"


def test_no_workbook_at_all_says_what_is_there(tmp_path: Path) -> None:
    touch(tmp_path / "ben" / "b.numbers")
    done = invoke_check(tmp_path)
    assert done.exit_code == 2
    assert done.stderr == f"Error: no workbook (.xlsx) in {tmp_path} (1 .numbers)\n"
    (tmp_path / "empty").mkdir()
    done = invoke_check(tmp_path / "empty")
    assert done.stderr == f"Error: no workbook (.xlsx) in {tmp_path / 'empty'}: it is empty\n"


def test_many_files_without_a_table_are_one_line(tmp_path: Path) -> None:
    for number in range(30):
        book = openpyxl.Workbook()
        book.active["A1"] = "shopping"
        book.save(tmp_path / f"list {number:02}.xlsx")
    touch(tmp_path / "broken.xlsx")
    done = invoke_check(tmp_path, "--report", tmp_path / "marks.csv", "--jobs", 1)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert any("broken.xlsx" in line for line in lines)
    (line,) = (line for line in lines if "broken" not in line)
    assert line.startswith(f"Error: each of 30 files ({tmp_path / 'list 00.xlsx'}, ")
    assert "list 02.xlsx, …) has no table of the exercise" in line
    assert len(read_csv(tmp_path / "marks.csv")[0].rows) == 31


def test_few_files_without_a_table_have_a_line_each(tmp_path: Path) -> None:
    for number in range(3):
        openpyxl.Workbook().save(tmp_path / f"{number}.xlsx")
    assert len(invoke_check(tmp_path).stderr.splitlines()) == 3


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="pipes end in another way elsewhere")
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_an_output_that_nobody_reads_loses_nothing(option: tuple[str, ...], tmp_path: Path) -> None:
    """As with ``| head -1``; there is more of it than waits in a buffer."""
    write(Plan([varied(1, changes=COMMON, rows=3)]), tmp_path / "hw.xlsx")
    for number in range(40):
        (tmp_path / "in" / f"{number}").mkdir(parents=True)
        shutil.copy(tmp_path / "hw.xlsx", tmp_path / "in" / f"{number}")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            command(
                "check", tmp_path / "in", "--report", tmp_path / "marks.csv",
                "--annotate", tmp_path / "marked", *option,
            ),
            stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
            env=ENVIRONMENT,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr if not option else "") == (1, "")
    assert len(read_csv(tmp_path / "marks.csv")[0].rows) == 40
    assert len(contents(tmp_path / "marked")) == 40
