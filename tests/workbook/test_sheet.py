"""The workbook, made through the command as a user makes it."""

from __future__ import annotations

import gc
import io
import itertools
import os
import re
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result
from fixtures.sampling import some_of
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import (
    network_diagram,
    write_workbook,
    written_by_gradsheet,
)
from backprop_sheet.workbook.layout import FIRST_ROW, HEADER_ROW, sheet_name, shortest
from backprop_sheet.workbook.network_diagram import draw_network
from cli import main
from gradsheet.excel import fast_writing

COURSE = system_of(load_exercise("course"))
HEADER = ("iteration", *COURSE.columns)
TABLE = FIRST_ROW + 1  # as Excel counts


def run(*arguments: str) -> Result:
    """Run the command. Whatever happens, it ends with an exit code, not with another exception."""
    result = CliRunner().invoke(main, ["sheet", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def both(path: Path) -> tuple[openpyxl.Workbook, openpyxl.Workbook]:
    """The workbook with its formulas, and with the values stored beside them, to be read only."""
    return _both(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _both(path: Path, _: int) -> tuple[openpyxl.Workbook, openpyxl.Workbook]:
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
        ["0.1", "0.24252", "0.133511", "not", "reached"],
        ["0.2", "0.24252", "0.0791664", "not", "reached"],
        ["0.5", "0.24252", "0.0291667", "not", "reached"],
        ["0.8", "0.24252", "0.0163866", "not", "reached"],
        ["1", "0.24252", "0.0123951", "not", "reached"],
        ["2", "0.24252", "0.00516011", "59"],
    ]
    assert "backprop.xlsx" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["backprop.xlsx"]


def test_sheets_and_headers(default_sheets):
    formulas, values = default_sheets
    rates = ["LR 0.1", "LR 0.2", "LR 0.5", "LR 0.8", "LR 1", "LR 2"]
    assert formulas.sheetnames == ["Overview", "Equations", *rates, "Gradient check"]
    for sheet in rate_sheets(values):
        header = [cell.value for cell in sheet[HEADER_ROW + 1]]
        assert tuple(header) == HEADER
        assert sheet.max_row == TABLE + 100
        assert [sheet.cell(TABLE + n, 1).value for n in range(101)] == list(range(101))


def test_stored_values_are_the_engines(default_sheets):
    _, values = default_sheets
    rates = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    for n, row in enumerate(descend(load_exercise("course"), COURSE, rates, 100)):
        for index, sheet in enumerate(rate_sheets(values)):
            cells = next(sheet.iter_rows(TABLE + n, TABLE + n, 2, len(HEADER), values_only=True))
            assert list(cells) == [row[name][index, 0] for name in COURSE.columns]


def test_the_courses_numbers_stand_in_the_workbook(default_sheets):
    sheet = default_sheets[1]["LR 0.5"]
    column = {name: index for index, name in enumerate(HEADER, 1)}
    assert sheet.cell(TABLE, column["E_total"]).value == 0.24251985734837728
    assert sheet.cell(TABLE + 1, column["w1"]).value == 0.14990587216652995
    assert sheet.cell(TABLE + 1, column["w5"]).value == 0.3639214635439319
    assert sheet.cell(TABLE + 1, column["E_total"]).value == 0.23549537787349017


def filled_cells(sheet: Worksheet) -> list[Cell]:
    """The cells that are in the file. ``iter_rows`` also creates all the others."""
    return list(sheet._cells.values())


def count_formulas(path: Path) -> dict[str, int]:
    """The formulas of each sheet; each must have a stored value that is not an error."""
    formulas, values = both(path)
    counts = {}
    for sheet in formulas.worksheets:
        counts[sheet.title] = 0
        for cell in filled_cells(sheet):
            if cell.data_type == "f":
                counts[sheet.title] += 1
                stored = values[sheet.title][cell.coordinate].value
                assert stored is not None and not str(stored).startswith("#"), cell
                assert isinstance(stored, str) or abs(stored) < 1e308, cell
    return counts


def test_every_formula_has_a_stored_value(default):
    counts = count_formulas(default)
    assert counts.pop("Overview") == 6 * 4
    assert counts.pop("Equations") == 0
    # E, the sentence, 8 rows of 4; the forward pass with all 23 quantities; then the changed
    # weight and what it affects: 9 quantities for w1 to w4, 4 for w5 to w8 (o1, a_o1, E1, E_total).
    assert counts.pop("Gradient check") == 2 + 8 * 4 + 23 + 2 * (4 * 10 + 4 * 5)
    # The title, and all cells of the table but iteration 0.
    assert set(counts.values()) == {1 + 101 * 32 - 1}


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
    assert typed.pop("Gradient check") == {"B5": 0.0001}
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
    assert shown[0][3] == "not reached"


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
        for names in (["E_total"], ["a_o1", "a_o2", "t1", "t2"], list(COURSE.weights)):
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
    monkeypatch.setattr("backprop_sheet.workbook.CHART_ROWS", 10)
    for module in ("learning_rate_sheet", "overview"):
        monkeypatch.setattr(f"backprop_sheet.workbook.{module}.CHART_ROWS", 10)
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
    (["--lrs", "0"], "above 0"),
    (["--lrs", "-0.5"], "above 0"),
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
    (["--biases", "1,2"], "network.bias is 'none'"),
    (["--exercise", "mazur", "--biases", "1"], "2 numbers"),
    (["--exercise", "xor", "--inputs", "1,1"], "4 samples"),
    (["--exercise", "xor", "--targets", "1"], "4 samples"),
    (["--exercise", "nothing"], "there is no exercise 'nothing'"),
    (["--exercise", "missing.toml"], "missing.toml"),
    (["--iterations", "0"], "1 to"),
    (["--iterations", "-3"], "1 to"),
    (["--iterations", "many"], "not a valid integer"),
    (["--iterations", "1000001"], "1,000,000"),
    (["--exercise", "xor", "--iterations", "262142"], "262,141"),
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
    assert written_by_gradsheet(path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.xlsx"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target.xlsx", tmp_path / "link.xlsx"
    link.symlink_to(target)
    assert run("--iterations", "1", "-o", str(link)).exit_code == 0
    assert link.is_symlink() and written_by_gradsheet(target)


# XlsxWriter leaves the temporary files of an interrupted workbook open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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

    monkeypatch.setattr(
        "backprop_sheet.workbook.learning_rate_sheet.LearningRateSheet.write_row", break_off
    )
    result = run("-o", str(tmp_path / "out.xlsx"))
    assert result.exit_code == (130 if error is KeyboardInterrupt else 1)
    assert result.stderr.count("\n") == 1
    assert list(parts.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["parts"]
    del result
    gc.collect()


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
    exercise = with_values(load_exercise("course"), learning_rates=rates, iterations=1)
    runs = write_workbook(exercise, path)
    assert len({run.sheet for run in runs}) == 60


@pytest.mark.parametrize("name", ["course", "relu", "softmax", "adam"])
def test_rows_are_written_as_xlsxwriter_writes_them(tmp_path, monkeypatch, name):
    """Cell by cell, the sheets are the same to the byte."""
    exercise = with_values(load_exercise(name), iterations=3)
    fast, slow = tmp_path / "fast.xlsx", tmp_path / "slow.xlsx"
    write_workbook(exercise, fast)
    monkeypatch.setattr(fast_writing, "ROW_INTERNALS", ("no longer there",))
    write_workbook(exercise, slow)
    with zipfile.ZipFile(fast) as a, zipfile.ZipFile(slow) as b:
        assert a.namelist() == b.namelist()
        for part in a.namelist():
            if part.startswith("xl/"):
                assert a.read(part) == b.read(part), part


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"<xml/>", os.urandom(500)]
)
def test_junk_is_not_ours(tmp_path, content):
    path = tmp_path / "junk.xlsx"
    path.write_bytes(content)
    assert not written_by_gradsheet(path)
    assert not written_by_gradsheet(tmp_path)
    assert not written_by_gradsheet(tmp_path / "missing")


def test_a_bomb_is_not_ours(tmp_path):
    path = tmp_path / "bomb.xlsx"
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><Properties>&a;</Properties>'
    for content in (entities, b" " * 10_000_000, b"<a>" * 30_000):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("docProps/custom.xml", content)
        assert not written_by_gradsheet(path)


def test_help_sheet_and_check_do_not_load_what_they_do_not_need(tmp_path):
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
            ["check", str(tmp_path / "out.xlsx")],
        )
    ]  # fmt: skip
    assert not {"numpy", "xlsxwriter", "openpyxl", "tensorflow", "keras", "PIL"} & set(loaded[0])
    assert not {"openpyxl", "tensorflow", "keras", "matplotlib"} & set(loaded[1])
    assert not {"openpyxl", "xlsxwriter", "lxml", "tensorflow", "keras", "PIL"} & set(loaded[2])


# --- any network ---

ONLINE = """
title = "Three samples in turn"
[network]
neurons = [2, 1]
activations = ["linear"]
bias = "layer"
train_bias = false
[parameters]
weights = [0.5, -0.25]
biases = [0.125]
[training]
update = "online"
loss = "squared_error"
learning_rates = [0.1]
iterations = 7
[[samples]]
inputs = [1, 0]
targets = [1]
[[samples]]
inputs = [0, 1]
targets = [0]
[[samples]]
inputs = [0, 2]
targets = [0.5]
"""


def large(neurons: str, activations: str, samples: int = 1, more: str = "") -> str:
    """The text of an exercise with random parameters."""
    inputs, *_, outputs = map(int, neurons.split(","))
    text = (
        f'title = "Large"\n[network]\nneurons = [{neurons}]\nactivations = [{activations}]\n'
        f'bias = "neuron"\n[parameters]\nseed = 5\n[training]\niterations = 3\n'
        f"learning_rates = [0.5, 1]\n{more}\n"
    )
    for n in range(samples):
        given = [round(((7 * n + 3 * i) % 11 - 5) / 5, 1) for i in range(inputs)]
        hot = [int(o == n % outputs) for o in range(outputs)]
        text += f"[[samples]]\ninputs = {given}\ntargets = {hot}\n"
    return text


def cells(sheet: Worksheet, row: int) -> dict[str, object]:
    """A row of a learning rate's table by the names of its columns."""
    header = [cell.value for cell in sheet[HEADER_ROW + 1]]
    return dict(zip(header, (cell.value for cell in sheet[row]), strict=True))


@pytest.fixture(scope="module")
def packaged(tmp_path_factory) -> dict[str, Path]:
    """A workbook of every packaged exercise, with few iterations."""
    folder = tmp_path_factory.mktemp("packaged")
    for name in packaged_exercises():
        result = run("--exercise", name, "--iterations", "3", "-o", str(folder / f"{name}.xlsx"))
        assert result.exit_code == 0, result.output
    return {name: folder / f"{name}.xlsx" for name in packaged_exercises()}


@pytest.mark.parametrize("name", packaged_exercises())
def test_every_packaged_exercise_is_complete(packaged, name):
    exercise = load_exercise(name)
    system = system_of(exercise)
    several = len(exercise.samples) > 1
    formulas, values = both(packaged[name])
    count_formulas(packaged[name])
    rates = [f"LR {rate:g}" for rate in exercise.training.learning_rates]
    samples = ["Samples"] if several else []
    assert formulas.sheetnames == ["Overview", "Equations", *samples, *rates, "Gradient check"]
    header = ["iteration", *(["sample"] if several else []), *system.columns]
    for sheet in rate_sheets(formulas):
        shown = [cell.value for cell in sheet[HEADER_ROW + 1]]
        is_batch = several and exercise.training.is_batch(len(exercise.samples))
        added = [f"mean({system.gradient(name)})" for name in system.trained if is_batch]
        classes = ["target class", "predicted class", "correct", "accuracy"]
        assert shown == [*header, *added, *(classes if name == "softmax" else [])]
        assert sheet.max_row == FIRST_ROW + 4 * (len(exercise.samples) if is_batch else 1)
        bands = [cell.value for cell in sheet[HEADER_ROW] if cell.value]
        assert ("optimizer state" in bands) == bool(system.states)
    verdicts = {row[4] for row in values["Gradient check"].iter_rows(
        10, 9 + len(system.trained), max_col=5, values_only=True)}  # fmt: skip
    assert verdicts == {"yes"}


@pytest.mark.parametrize("name", packaged_exercises())
def test_each_given_value_is_typed_once(packaged, name):
    exercise = load_exercise(name)
    system = system_of(exercise)
    formulas, _ = both(packaged[name])
    typed = {
        sheet.title: [
            cell.value for row in sheet.iter_rows() for cell in row
            if cell.data_type == "n" and cell.value is not None
        ]
        for sheet in formulas.worksheets
    }  # fmt: skip
    parameters = [*exercise.weights, *exercise.biases, *system.hyperparameters.values()]
    samples = [[*sample.inputs, *sample.targets] for sample in exercise.samples]
    if len(samples) == 1:
        assert typed["Overview"] == samples[0] + parameters
    else:
        assert typed["Overview"] == parameters
        numbered = [[n, *sample] for n, sample in enumerate(samples, 1)]
        assert typed["Samples"] == [value for sample in numbered for value in sample]
    for rate in exercise.training.learning_rates:
        # η, iteration 0, and where the optimizer's state starts.
        assert typed[f"LR {rate:g}"] == [rate, 0, *[0] * len(system.states)]
    assert typed["Gradient check"] == [0.0001]


def test_rows_of_several_samples(packaged):
    sheet = both(packaged["xor"])[0]["LR 2"]
    first, second, fifth, sixth = (cells(sheet, TABLE + n) for n in (0, 1, 4, 5))
    assert (first["iteration"], second["iteration"]) == (0, "=A7")
    assert (first["sample"], second["sample"]) == ("=Samples!$A$7", "=Samples!$A$8")
    assert [second[name] for name in ("t1", "i1", "i2")] == [
        "=Samples!$D$8", "=Samples!$B$8", "=Samples!$C$8"
    ]  # fmt: skip
    assert (first["w1"], second["w1"]) == ("=Overview!$C$7", "=F7")
    assert (fifth["iteration"], sixth["iteration"]) == ("=A10+1", "=A11")
    assert (fifth["sample"], sixth["t1"]) == ("=B7", "=C8")
    assert (fifth["w1"], sixth["w1"]) == ("=F10-$B$3*AVERAGE(W7:W10)", "=F11")
    assert (fifth["b3"], sixth["b3"]) == ("=R10-$B$3*AVERAGE(AE7:AE10)", "=R11")
    assert (fifth["h1"], sixth["h1"]) == ("=F11*D11+G11*E11+J11", "=F12*D12+G12*E12+J12")
    assert (fifth["E_mean"], sixth["E_mean"]) == ("=AVERAGE(V11:V14)", "=AF11")


def test_rows_of_samples_in_turn(tmp_path):
    file, path = tmp_path / "online.toml", tmp_path / "online.xlsx"
    file.write_text(ONLINE, encoding="utf-8")
    assert run("--exercise", str(file), "-o", str(path)).exit_code == 0
    formulas, values = both(path)
    rows = [cells(formulas["LR 0.1"], TABLE + n) for n in range(8)]
    assert [row["sample"] for row in rows] == [
        "=Samples!$A$7", "=Samples!$A$8", "=Samples!$A$9", *(f"=B{row}" for row in range(7, 12))
    ]  # fmt: skip
    assert [cells(values["LR 0.1"], TABLE + n)["sample"] for n in range(8)] == [
        1, 2, 3, 1, 2, 3, 1, 2
    ]  # fmt: skip
    assert [row["E_mean"] for row in rows[:5]] == [
        "=AVERAGE(L7:L7)", "=AVERAGE(L7:L8)", "=AVERAGE(L7:L9)", "=AVERAGE(L8:L10)",
        "=AVERAGE(L9:L11)",
    ]  # fmt: skip
    assert (rows[0]["w1"], rows[1]["w1"]) == ("=Overview!$C$7", "=F7-$B$3*M7")
    assert (rows[0]["b1"], rows[1]["b1"]) == ("=Overview!$C$9", "=H7")  # not trained
    # By hand: o1 = w1*i1 + w2*i2 + b1 = 0.625, ∂E/∂w1 = 2(a - t)*i1 = -0.75, w1 = 0.5 + 0.075.
    first, second = (cells(values["LR 0.1"], TABLE + n) for n in (0, 1))
    assert (first["E_total"], first["∂E/∂w1"]) == (0.140625, -0.75)
    assert second["w1"] == pytest.approx(0.575, rel=1e-15)


def test_mazurs_published_figures(tmp_path):
    path = tmp_path / "mazur.xlsx"
    assert run("--exercise", "mazur", "--iterations", "1", "-o", str(path)).exit_code == 0
    formulas, values = both(path)
    first, second = (cells(values["LR 0.5"], TABLE + n) for n in (0, 1))
    assert first["E_total"] == pytest.approx(0.2983711087600027, rel=1e-14)
    assert second["E_total"] == pytest.approx(0.29102777369359933, rel=1e-14)
    assert (second["w1"], second["w5"]) == pytest.approx((0.149780716, 0.35891648), rel=1e-8)
    assert (second["b1"], second["b2"]) == (0.35, 0.6)
    assert cells(formulas["LR 0.5"], TABLE + 1)["b1"] == "=J7"
    assert "∂E/∂b1" not in first


def test_optimizer_state(packaged):
    formulas, _ = both(packaged["adam"])
    first, second = (cells(formulas["LR 0.1"], TABLE + n) for n in (0, 1))
    assert (first["m_w1"], first["v_w1"]) == (0, 0)
    assert second["m_w1"] == "=Overview!$C$19*AG7+(1-Overview!$C$19)*Y7"
    assert second["v_w1"] == "=Overview!$C$20*AO7+(1-Overview!$C$20)*(Y7*Y7)"
    assert second["w1"] == (
        "=F7-$B$3*(AG8/(1-IFERROR(Overview!$C$19^A8,0)))"
        "/(SQRT(AO8/(1-IFERROR(Overview!$C$20^A8,0)))+Overview!$C$21)"
    )
    listed = list(formulas["Overview"].iter_rows(19, 21, 2, 4, values_only=True))
    assert listed == [
        ("β1", 0.9, "beta_1"), ("β2", 0.999, "beta_2"), ("ε", 1e-8, "epsilon")
    ]  # fmt: skip


def test_what_may_be_typed_holds_together(tmp_path):
    """With weight decay, no η and λ that may be typed have a product above 1."""
    file, path = tmp_path / "decay.toml", tmp_path / "decay.xlsx"
    more = 'optimizer = "adamw"\nweight_decay = 0.1'
    file.write_text(large("2,2,1", '"tanh", "linear"', more=more), encoding="utf-8")
    assert run("--exercise", str(file), "--lrs", "0.5,4", "-o", str(path)).exit_code == 0
    workbook = both(path)[0]
    largest = {}
    for sheet in workbook.worksheets:
        for validation in sheet.data_validations.dataValidation:
            assert validation.type == "decimal" and not validation.allow_blank
            largest[sheet.title, str(validation.sqref)] = float(validation.formula2)
    names = {row[0].value: row[1].coordinate for row in workbook["Overview"]["B7:C25"]}
    eta, decay = largest["LR 4", "B3"], largest["Overview", names["λ"]]
    assert eta >= 4 and decay >= 0.1 and eta * decay <= 1
    assert largest["Overview", names["β1"]] < 1


def test_the_equations_sheet_explains_every_equation(packaged):
    workbook = both(packaged["deep"])[0]
    system = system_of(load_exercise("deep"))
    rows = list(workbook["Equations"].iter_rows(1, None, 2, 6, values_only=True))
    shown = {row[0]: row[1:] for row in rows if row[1] and row[1].startswith("= ")}
    assert set(shown) == {equation.name for equation in system.equations}
    in_cells = cells(workbook["LR 0.1"], TABLE + 1)
    for equation in system.equations:
        text, why, chain, cell = shown[equation.name]
        assert len(why) > 20 and "·" not in text + why + (chain or "")
        assert bool(chain) == bool(equation.paths)
        assert cell == in_cells.get(equation.name, "(inside the formulas below)")
    assert shown["∂E/∂b6"][2] == (
        "∂E/∂b6 = ∂E2/∂a_o2 * ∂a_o2/∂o2 * ∂o2/∂b6\nwith ∂o2/∂b6 = 1"
    )  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("neurons", "activations", "samples"),
    [
        ("1,1", '"linear"', 1),
        pytest.param("4,8,3", '"sigmoid", "sigmoid"', 10, marks=pytest.mark.thorough),
        pytest.param(
            *("6,6,6,6,6,4", '"tanh", "relu", "tanh", "linear", "softmax"', 3),
            marks=pytest.mark.thorough,
        ),
        ("64,2,3", '"relu", "softmax"', 2),
    ],
)
def test_large_networks(tmp_path, neurons, activations, samples):
    """Up to 200 parameters, everything is there, and the learning rates are in view."""
    file, path = tmp_path / "large.toml", tmp_path / "large.xlsx"
    file.write_text(large(neurons, activations, samples), encoding="utf-8")
    result = run("--exercise", str(file), "-o", str(path))
    assert result.exit_code == 0, result.output
    assert ("E_mean" if samples > 1 else "E_total") in result.output
    count_formulas(path)
    formulas, values = both(path)
    assert any(
        formulas["Overview"].cell(row, 2).value == "η" for row in range(1, 31)
    )  # fmt: skip
    system = system_of(load_exercise(str(file)))
    summary = values["Gradient check"].iter_rows(10, 9 + len(system.trained), max_col=5)
    verdicts = {row[0].value: row[4].value for row in summary}
    # The central difference is no derivative at the kink of relu.
    wrong = [name for name, verdict in verdicts.items() if verdict != "yes"]
    assert list(verdicts) == list(system.trained)
    assert not wrong or "relu" in activations
    for sheet in formulas.worksheets:
        assert all(len(str(cell.value or "")) <= 8192 for cell in filled_cells(sheet))
        heights = [row.height or 0 for row in sheet.row_dimensions.values()]
        assert max(heights, default=0) <= 409


def test_options_replace_the_exercises_values(tmp_path):
    path = tmp_path / "out.xlsx"
    options = ["--exercise", "mazur", "--lrs", "0.25", "--iterations", "2", "--inputs", "1,2"]
    options += ["--targets", "0.5,0.75", "--weights", "1,2,3,4,5,6,7,8", "--biases=-1,-2"]
    assert run(*options, "-o", str(path)).exit_code == 0
    workbook = both(path)[0]
    values = [row[0] for row in workbook["Overview"].iter_rows(7, 20, 3, 3, values_only=True)]
    assert values == [1, 2, 0.5, 0.75, 1, 2, 3, 4, 5, 6, 7, 8, -1, -2]
    assert workbook["LR 0.25"].max_row == TABLE + 2


def test_several_samples_are_drawn_as_points(packaged):
    with zipfile.ZipFile(packaged["softmax"]) as archive:
        charts = [
            archive.read(name).decode("utf-8")
            for name in archive.namelist()
            if name.startswith("xl/charts/chart")
        ]
    [outputs] = [chart for chart in charts if "'LR 1'!$AJ$7" in chart]  # a_o1
    assert outputs.count("<c:ser>") == outputs.count('<c:symbol val="circle"/>') == 3
    assert outputs.count("<a:noFill/>") >= 3


def test_a_formula_longer_than_excel_allows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("backprop_sheet.workbook.table_formulas.MAX_FORMULA", 60)
    result = run("-o", str(tmp_path / "out.xlsx"))
    assert result.exit_code == 2 and "formula of ∂E/∂w1" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", some_of(["relu", "softmax", "xor", "deep", "adam", "momentum"], 2))
def test_extreme_values_of_any_network_give_numbers(tmp_path, name):
    exercise = load_exercise(name)
    largest = 1e40
    while True:
        try:
            signs = [(-1) ** n * largest for n in range(len(exercise.weights))]
            extreme = with_values(exercise, weights=signs, iterations=20)
            break
        except ValueError:
            largest /= 10
    assert largest >= 1e3
    path = tmp_path / "extreme.xlsx"
    write_workbook(extreme, path)
    count_formulas(path)


# --- the diagram ---


@pytest.mark.parametrize("sources", range(1, 9))
@pytest.mark.parametrize("targets", range(1, 9))
def test_weight_labels_do_not_collide(sources, targets):
    """Each weight has a label on its connection; no two labels overlap."""
    text = large(f"{sources},{targets},2", '"tanh", "sigmoid"')
    system = system_of(parse_exercise(text))
    layers, heights = network_diagram.drawn_layers(system)
    for at in range(2):
        names, ys = layers[at : at + 2], heights[at : at + 2]
        gap, labels = network_diagram.place_labels(system, *names, *ys)
        assert set(labels) == set(system.layer_weights[at])
        font_size, height = network_diagram.label_size(len(labels))
        boxes = []
        for weight, (share, y) in labels.items():
            connection = system.connections[weight]
            start = ys[0][names[0].index(connection.source.removeprefix("a_"))]
            end = ys[1][names[1].index(connection.target)]
            assert y == pytest.approx(start + share * (end - start))
            width = network_diagram.box_width(weight, font_size)
            boxes.append((share * gap, y, width))
            assert network_diagram.RADIUS + width / 2 < share * gap
            assert share * gap + width / 2 < gap - network_diagram.RADIUS
        for first, second in itertools.combinations(boxes, 2):
            apart_x = abs(first[0] - second[0]) - (first[2] + second[2]) / 2
            apart_y = abs(first[1] - second[1]) - height
            assert apart_x >= 0 or apart_y >= 0


@pytest.mark.parametrize("neurons", ["1,1", "2,2,2", "8,8,8", "20,5,12", "2,2,2,2,2,2"])
def test_the_diagram_is_a_sharp_picture(neurons):
    activations = ", ".join(['"sigmoid"'] * neurons.count(","))
    diagram = draw_network(system_of(parse_exercise(large(neurons, activations))))
    picture = Image.open(io.BytesIO(diagram.png))
    assert picture.width * diagram.scale == pytest.approx(diagram.width, abs=1)
    assert picture.height * diagram.scale == pytest.approx(diagram.height, abs=1)
    assert diagram.scale <= 0.5 and diagram.width <= 1100
    assert len(picture.getcolors(1_000_000)) > 50


def test_the_diagram_is_described(packaged):
    with zipfile.ZipFile(packaged["mazur"]) as archive:
        drawing = archive.read("xl/drawings/drawing1.xml").decode("utf-8")
    assert (
        "Inputs i1, i2. Hidden neurons h1, h2 (sigmoid), with the weights w1, w2 to h1; w3, w4 to "
        "h2 and the bias b1. Outputs o1, o2 (sigmoid), with the weights w5, w6 to o1; w7, w8 to o2 "
        "and the bias b2. E1, E2 add up to E_total."
    ) in drawing


def test_each_learning_rates_sheet_has_its_own_title(default_sheets):
    formulas, values = default_sheets
    titles = {sheet.title: sheet["A1"].value for sheet in rate_sheets(values)}
    assert titles == {
        f"LR {rate:g}": f"Training at η = {rate:g}" for rate in (0.1, 0.2, 0.5, 0.8, 1, 2)
    }
    assert {sheet["A1"].value for sheet in rate_sheets(formulas)} == {'="Training at η = "&B3'}
