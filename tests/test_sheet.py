"""The workbook, made through the command as a user makes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result
from openpyxl.worksheet.worksheet import Worksheet

import backprop_sheet.rate_sheet as rate_sheet
from backprop_sheet.descent import Problem, descend
from backprop_sheet.equations import COLUMNS, WEIGHTS
from backprop_sheet.layout import FIRST_ROW, HEADER_ROW, MOST_ITERATIONS, sheet_name, shortest
from backprop_sheet.workbook import is_ours, write_workbook
from cli import main

HEADER = ("iteration", *COLUMNS)
TABLE = FIRST_ROW + 1  # as Excel counts


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sheet", *arguments])


def both(path: Path) -> tuple[openpyxl.Workbook, openpyxl.Workbook]:
    """The workbook with its formulas, and with the values stored beside them."""
    return openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)


@pytest.fixture(scope="module")
def default(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("default") / "backprop.xlsx"
    result = run("-o", str(path))
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def default_sheets(default):
    return both(default)


def rate_sheets(workbook: openpyxl.Workbook) -> list[Worksheet]:
    return [sheet for sheet in workbook.worksheets if sheet.title.startswith("LR ")]


def test_without_options_it_is_the_courses_exercise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == 0
    assert [line.split() for line in result.output.splitlines()[1:7]] == [
        ["0.1", "0.24252", "0.133511", "-"],
        ["0.2", "0.24252", "0.0791664", "-"],
        ["0.5", "0.24252", "0.0291667", "-"],
        ["0.8", "0.24252", "0.0163866", "-"],
        ["1", "0.24252", "0.0123951", "-"],
        ["2", "0.24252", "0.00516011", "59"],
    ]
    assert "backprop.xlsx" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["backprop.xlsx"]


def test_sheets_and_headers(default_sheets):
    formulas, values = default_sheets
    rates = ["LR 0.1", "LR 0.2", "LR 0.5", "LR 0.8", "LR 1", "LR 2"]
    assert formulas.sheetnames == ["Overview", "Equations", *rates]
    for sheet in rate_sheets(values):
        header = [cell.value for cell in sheet[HEADER_ROW + 1]]
        assert tuple(header) == HEADER
        assert sheet.max_row == TABLE + 100
        assert [sheet.cell(TABLE + n, 1).value for n in range(101)] == list(range(101))


def test_stored_values_are_the_engines(default_sheets):
    _, values = default_sheets
    rates = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    for n, row in enumerate(descend(Problem(), rates, 100)):
        for index, sheet in enumerate(rate_sheets(values)):
            cells = next(sheet.iter_rows(TABLE + n, TABLE + n, 2, len(HEADER), values_only=True))
            assert list(cells) == [row[name][index] for name in COLUMNS]


def test_the_courses_numbers_stand_in_the_workbook(default_sheets):
    sheet = default_sheets[1]["LR 0.5"]
    column = {name: index for index, name in enumerate(HEADER, 1)}
    assert sheet.cell(TABLE, column["E_total"]).value == 0.24251985734837728
    assert sheet.cell(TABLE + 1, column["w1"]).value == 0.14990587216652995
    assert sheet.cell(TABLE + 1, column["w5"]).value == 0.3639214635439319
    assert sheet.cell(TABLE + 1, column["E_total"]).value == 0.23549537787349017


def test_every_formula_has_a_stored_value(default_sheets):
    formulas, values = default_sheets
    count = 0
    for sheet in formulas.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    count += 1
                    stored = values[sheet.title][cell.coordinate].value
                    assert stored is not None and not str(stored).startswith("#"), cell
    assert count == 6 * (101 * 32 - 1) + 6 * 4


def test_given_values_and_rates_are_typed_in_one_cell_each(default_sheets):
    formulas, _ = default_sheets
    typed = {
        sheet.title: {
            cell.coordinate: cell.value
            for row in sheet.iter_rows()
            for cell in row
            if cell.data_type == "n" and cell.value is not None
        }
        for sheet in formulas.worksheets
    }
    assert list(typed.pop("Overview").values()) == [
        0.05, 0.1, 0.01, 0.99, 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55
    ]  # fmt: skip
    assert typed.pop("Equations") == {}
    for name, cells in typed.items():
        assert cells == {"B3": float(name.removeprefix("LR ")), f"A{TABLE}": 0}


def test_formulas_are_the_exercises(default_sheets):
    sheet = default_sheets[0]["LR 0.1"]
    first = [cell.value for cell in sheet[TABLE]]
    second = [cell.value for cell in sheet[TABLE + 1]]
    assert first[1:9] == [
        "=Overview!$C$9", "=Overview!$C$10", "=Overview!$C$7", "=Overview!$C$8",
        "=Overview!$C$11", "=Overview!$C$12", "=Overview!$C$13", "=Overview!$C$14",
    ]  # fmt: skip
    assert second[:11] == [
        "=A7+1", "=B7", "=C7", "=D7", "=E7", "=F7-$B$3*Y7", "=G7-$B$3*Z7", "=H7-$B$3*AA7",
        "=I7-$B$3*AB7", "=F8*D8+G8*E8", "=1/(1+EXP(MIN(-J8,700)))",
    ]  # fmt: skip
    assert second[28] == "=(S8-B8)*S8*(1-S8)*K8"


def test_overview_follows_the_sheets(default_sheets):
    formulas, values = default_sheets
    rows = list(formulas["Overview"].iter_rows(23, 28, 2, 5, values_only=True))
    assert rows[5][:3] == ("='LR 2'!$B$3", "='LR 2'!X7", "='LR 2'!X107")
    shown = list(values["Overview"].iter_rows(23, 28, 2, 5, values_only=True))
    assert shown[5] == (2, 0.24251985734837728, 0.005160108602350808, 59)
    assert shown[0][3] == "–"


def test_print_and_window(default_sheets):
    for sheet in rate_sheets(default_sheets[0]):
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.print_title_rows == "$5:$6"
        assert sheet.freeze_panes == f"B{TABLE}"
        assert sheet.print_area.endswith("$A$1:$AF$107")
        validation = sheet.data_validations.dataValidation[0]
        assert str(validation.sqref) == "B3"
    validation = default_sheets[0]["Overview"].data_validations.dataValidation[0]
    assert str(validation.sqref) == "C7:C18"


def chart_references(path: Path) -> list[list[str]]:
    """For each chart of the workbook, in order, the references that its series are drawn from."""
    with zipfile.ZipFile(path) as archive:
        charts = sorted(
            (name for name in archive.namelist() if name.startswith("xl/charts/chart")),
            key=lambda name: int(re.sub(r"\D", "", name)),
        )
        return [
            re.findall(r"<c:f>(.*?)</c:f>", archive.read(name).decode("utf-8")) for name in charts
        ]


def test_charts_refer_to_the_right_ranges(default):
    charts = chart_references(default)
    assert len(charts) == 2 + 6 * 3
    # Each series refers to its name, its x values, its y values.
    total = [
        reference
        for index, rate in enumerate(("0.1", "0.2", "0.5", "0.8", "1", "2"))
        for reference in (
            f"Overview!$B${23 + index}",
            f"'LR {rate}'!$A$7:$A$107",
            f"'LR {rate}'!$X$7:$X$107",
        )
    ]
    assert charts.count(total) == 2
    letters = {name: openpyxl.utils.get_column_letter(i) for i, name in enumerate(HEADER, 1)}
    for rate in ("0.1", "2"):
        for names in (["E_total"], ["a_o1", "a_o2", "t1", "t2"], list(WEIGHTS)):
            expected = [
                f"'LR {rate}'!{cells}"
                for name in names
                for cells in (
                    f"${letters[name]}$6",
                    "$A$7:$A$107",
                    f"${letters[name]}$7:${letters[name]}$107",
                )
            ]
            assert expected in charts


def test_charts_beyond_what_excel_draws_show_the_first_rows(tmp_path, monkeypatch):
    for module in ("rate_sheet", "overview", "workbook"):
        monkeypatch.setattr(f"backprop_sheet.{module}.CHART_ROWS", 10)
    path = tmp_path / "long.xlsx"
    result = run("--lrs", "1", "--iterations", "20", "-o", str(path))
    assert "first 10 of 21 rows" in result.output
    ranges = {
        reference
        for chart in chart_references(path)
        for reference in chart
        if ":" in reference
    }  # fmt: skip
    assert all(reference.endswith("$16") for reference in ranges)
    texts = [cell.value for cell in openpyxl.load_workbook(path)["LR 1"][2] if cell.value]
    assert any("first 10 of 21 rows" in str(text) for text in texts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--lrs", "1000000,1e40,1e-9"],
        ["--weights", "-900,900,-900,900,900,-900,900,900"],
        ["--weights=-900,-900,900,900,-900,-900,-900,-900", "--inputs", "1,-1"],
        ["--weights", ",".join(["1e40", "-1e40"] * 4), "--lrs", "1e40", "--targets", "-1e40,1e40"],
        ["--inputs", "0,0", "--targets", "0.5,0.5", "--weights", "0,0,0,0,0,0,0,0"],
    ],
)
def test_extreme_values_give_numbers(tmp_path, arguments):
    path = tmp_path / "extreme.xlsx"
    result = run(*arguments, "--iterations", "20", "-o", str(path))
    assert result.exit_code == 0, result.output
    for sheet in rate_sheets(both(path)[1]):
        for row in sheet.iter_rows(TABLE, values_only=True):
            for value in row[: len(HEADER)]:
                assert isinstance(value, int | float) and abs(value) < 1e308


REFUSED = [
    (["--lrs", ""], "empty"),
    (["--lrs", ","], "not a number"),
    (["--lrs", "0.1,,0.2"], "not a number"),
    (["--lrs", "0.1;0.2"], "not a number"),
    (["--lrs", "fast"], "not a number"),
    (["--lrs", "1_0"], "not a number"),
    (["--lrs", "0"], "positive"),
    (["--lrs", "-0.5"], "positive"),
    (["--lrs", "nan"], "finite"),
    (["--lrs", "0.1,inf"], "finite"),
    (["--lrs", "1e999"], "finite"),
    (["--lrs", "1e41"], "1e+40"),
    (["--lrs", ",".join(map(str, range(1, 257)))], "255"),
    (["--inputs", "1"], "2 numbers"),
    (["--inputs", "1,2,3"], "2 numbers"),
    (["--inputs", "1,nan"], "i2"),
    (["--targets", "inf,1"], "t1"),
    (["--targets", ""], "empty"),
    (["--weights", "1,2,3"], "8 numbers"),
    (["--weights", "1,2,3,4,5,6,7,1e50"], "w8"),
    (["--weights", "1,2,3,4,5,6,7,-inf"], "w8"),
    (["--iterations", "0"], "at least 1"),
    (["--iterations", "-3"], "at least 1"),
    (["--iterations", "many"], "not a valid integer"),
    (["--iterations", str(MOST_ITERATIONS + 1)], "1,048,569"),
    (["--nonsense"], "No such option"),
    (["stray"], "unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
def test_bad_use_is_refused_in_one_line(tmp_path, arguments, says):
    result = run(*arguments, "-o", str(tmp_path / "out.xlsx"))
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.xls", "out.csv", "out", "out.xlsx.txt"])
def test_another_kind_of_file_is_refused(tmp_path, name):
    result = run("-o", str(tmp_path / name))
    assert result.exit_code == 2 and ".xlsx" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_repeated_rates_are_merged_and_said(tmp_path):
    path = tmp_path / "out.xlsx"
    result = run("--lrs", "1,0.5,1.0", "--iterations", "2", "-o", str(path))
    assert result.exit_code == 0
    assert "repeated" in result.stderr
    assert [sheet.title for sheet in rate_sheets(both(path)[0])] == ["LR 1", "LR 0.5"]


def _no_folder(tmp_path: Path) -> Path:
    return tmp_path / "missing" / "out.xlsx"


def _a_folder(tmp_path: Path) -> Path:
    (tmp_path / "folder.xlsx").mkdir()
    return tmp_path / "folder.xlsx"


def _foreign(tmp_path: Path) -> Path:
    path = tmp_path / "out.xlsx"
    openpyxl.Workbook().save(path)
    return path


def _junk(tmp_path: Path) -> Path:
    path = tmp_path / "out.xlsx"
    path.write_bytes(b"PK\x03\x04 gradsheet backprop_sheet")
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_no_folder, "does not exist"),
        (_a_folder, "is a folder"),
        (_foreign, "--force"),
        (_junk, "--force"),
    ],
)
def test_impossible_outputs_fail_and_change_nothing(tmp_path, make, says):
    path = make(tmp_path)
    before = {p: p.is_file() and p.read_bytes() for p in tmp_path.iterdir()}
    result = run("-o", str(path))
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert {p: p.is_file() and p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind here")
def test_read_only_file_and_folder(tmp_path):
    path = tmp_path / "out.xlsx"
    assert run("--iterations", "1", "-o", str(path)).exit_code == 0
    path.chmod(0o444)
    assert run("--iterations", "1", "-o", str(path)).exit_code == 1
    path.unlink()
    tmp_path.chmod(0o555)
    assert run("--iterations", "1", "-o", str(path)).exit_code == 1


def test_a_file_open_elsewhere_is_said_so(tmp_path, monkeypatch):
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    result = run("--iterations", "1", "-o", str(tmp_path / "out.xlsx"))
    assert result.exit_code == 1 and "open in another program" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_own_earlier_workbook_is_replaced_and_a_foreign_one_with_force(tmp_path):
    path = tmp_path / "out.xlsx"
    assert run("--lrs", "1", "--iterations", "2", "-o", str(path)).exit_code == 0
    assert run("--lrs", "2", "--iterations", "2", "-o", str(path)).exit_code == 0
    assert "LR 2" in both(path)[0].sheetnames
    _foreign(tmp_path)
    assert run("--lrs", "2", "--iterations", "2", "-o", str(path), "--force").exit_code == 0
    assert is_ours(path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.xlsx"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target.xlsx", tmp_path / "link.xlsx"
    link.symlink_to(target)
    assert run("--iterations", "1", "-o", str(link)).exit_code == 0
    assert link.is_symlink() and is_ours(target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch, error):
    parts = tmp_path / "parts"
    parts.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(parts))
    calls = []

    def break_off(*_: object) -> None:
        calls.append(1)
        if len(calls) > 5:
            raise error

    monkeypatch.setattr(rate_sheet.RateSheet, "write_row", break_off)
    result = run("-o", str(tmp_path / "out.xlsx"))
    assert result.exit_code == (130 if error is KeyboardInterrupt else 1)
    assert result.stderr.count("\n") == 1
    assert list(parts.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["parts"]


@pytest.mark.parametrize(
    ("rate", "written"),
    [(0.1, "0.1"), (1.0, "1"), (1e6, "1000000"), (1e-7, "0.0000001"), (1e40, "1e+40")],
)
def test_rates_are_named_by_their_shortest_decimal(rate, written):
    assert shortest(rate) == written
    assert len(sheet_name(1.2345678901234567e-300)) <= 31


def test_many_rates_fit(tmp_path):
    path = tmp_path / "many.xlsx"
    rates = [n / 100 for n in range(1, 61)]
    runs = write_workbook(Problem(), rates, 1, path)
    assert len({run.sheet for run in runs}) == 60


def test_ready_formulas_write_the_same_workbook(tmp_path, monkeypatch):
    """What XlsxWriter is spared is work only: the sheets are the same to the byte."""
    fast, slow = tmp_path / "fast.xlsx", tmp_path / "slow.xlsx"
    write_workbook(Problem(), [1.0], 5, fast)
    monkeypatch.setattr(rate_sheet, "ReadyFormula", str)
    monkeypatch.setattr("backprop_sheet.overview.ReadyFormula", str)
    plain = [str(formula) for formula in rate_sheet.FIRST_ROW_FORMULAS]
    monkeypatch.setattr(rate_sheet, "FIRST_ROW_FORMULAS", plain)
    write_workbook(Problem(), [1.0], 5, slow)
    with zipfile.ZipFile(fast) as a, zipfile.ZipFile(slow) as b:
        for name in a.namelist():
            if name.startswith("xl/"):
                assert a.read(name) == b.read(name), name


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"<xml/>", os.urandom(500)]
)
def test_junk_is_not_ours(tmp_path, content):
    path = tmp_path / "junk.xlsx"
    path.write_bytes(content)
    assert not is_ours(path)
    assert not is_ours(tmp_path)
    assert not is_ours(tmp_path / "missing")


def test_a_bomb_is_not_ours(tmp_path):
    path = tmp_path / "bomb.xlsx"
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><Properties>&a;</Properties>'
    for content in (entities, b" " * 10_000_000, b"<a>" * 30_000):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("docProps/custom.xml", content)
        assert not is_ours(path)


def test_help_and_sheet_do_not_load_what_they_do_not_need(tmp_path):
    code = (
        "import sys; from cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as e: assert not e.code\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()[-1].split()
        for arguments in (
            ["--help"], ["sheet", "--iterations", "1", "-o", str(tmp_path / "out.xlsx")],
        )
    ]  # fmt: skip
    assert not {"numpy", "xlsxwriter", "openpyxl", "tensorflow", "keras"} & set(loaded[0])
    assert not {"openpyxl", "tensorflow", "keras"} & set(loaded[1])
