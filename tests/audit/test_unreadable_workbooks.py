"""``check`` with files that are no workbooks, and with hostile and damaged ones."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fixtures import student_workbooks
from fixtures.check_command import judge, run
from fixtures.sampling import some_named
from fixtures.student_workbooks import (
    WEIGHTS,
    Book,
    Table,
)

ROOT = Path(__file__).resolve().parent.parent.parent
# ---------------------------------------------------------------------------------------------
# Files that cannot be judged


def text_file(path: Path) -> None:
    path.write_text("t1,t2,i1,i2\n0.01,0.99,0.05,0.1\n")


def zip_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")


def truncated(path: Path) -> None:
    student_workbooks.book_of(Table()).write(path)
    path.write_bytes(path.read_bytes()[:-2000])


def without_table(path: Path) -> None:
    book = Book()
    for row in range(5):
        book.put("Sheet1", row, 0, f"item {row}")
        book.put("Sheet1", row, 1, row)
    for column, weight in enumerate(WEIGHTS):  # a legend, not a table
        book.put("Sheet1", 10, column, weight)
        book.put("Sheet1", 11, column, WEIGHTS[weight])
    book.write(path)


def without_values(path: Path) -> None:
    student_workbooks.book_of(Table()).write(path)
    book = openpyxl.load_workbook(path)
    book.save(path)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
UNJUDGED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text": (text_file, r"text file such as \.csv, not an .* workbook: save it as \.xlsx"),
    "program": (lambda path: path.write_bytes(b"\x7fELF\2\1" + bytes(99)), r"is not an Excel wor"),
    "old or encrypted": (lambda path: path.write_bytes(OLE), r"encrypted.*(old|\.xls)|old.*encry"),
    "truncated": (truncated, r"truncated|damaged"),
    "empty": (lambda path: path.write_bytes(b""), r"empty"),
    "another zip": (zip_of_something_else, r"not .*workbook"),
    "no cells": (lambda path: openpyxl.Workbook().save(path), r"no table: its cells are empty"),
    "no table": (without_table, r"no .*table|table"),
    "no values": (without_values, r"open and save it once in Excel or LibreOffice"),
    "nothing there": (lambda path: None, r"not exist|no such file|not found"),
}


@pytest.mark.parametrize(("make", "says"), UNJUDGED.values(), ids=UNJUDGED)
def test_unjudged(
    make: Callable[[Path], Any], says: str, tmp_path: Path, saved: Callable[..., Path]
) -> None:
    path = tmp_path / "handed-in.xlsx"
    make(path)
    result = run(path, "--json")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert re.search(says, said, re.IGNORECASE), said
    assert "handed-in.xlsx" in said
    result = run(path, saved(Table(rows=3)), "--json")
    assert result.exit_code == 2
    assert [table["verdict"] for table in json.loads(result.stdout)] == ["right"]


# ---------------------------------------------------------------------------------------------
# Hostile files

SHEET = "xl/worksheets/sheet1.xml"


def edited(part: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        student_workbooks.rewrite(path, lambda name, data: change(data) if name == part else data)

    return make


def substituted(part: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(data: bytes) -> bytes:
        assert old in data, "the test's own case"
        return data.replace(old, new, 1)

    return edited(part, change)


def in_cell(cell: str, new: bytes) -> Callable[[Path], None]:
    """Another <c> for a cell."""

    def change(data: bytes) -> bytes:
        result, count = re.subn(rb'<c r="%s"[^>]*>.*?</c>' % cell.encode(), lambda _: new, data)
        assert count == 1, "the test's own case"
        return result

    return edited(SHEET, change)


def laughs(part: str) -> Callable[[Path], None]:
    entities = b'<!ENTITY l0 "lol">' + b"".join(
        b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10)
    )

    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b"?>")
        name = re.match(rb"\s*<([\w:]+)", rest)[1]
        rest = re.sub(rb"(<(?:t|v)>)[^<]*", rb"\g<1>&l9;", rest, count=1)
        rest = rest.replace(b'name="Sheet1"', b'name="&l9;"')
        return head + b"?><!DOCTYPE " + name + b" [" + entities + b"]>" + rest

    return edited(part, change)


def with_formula(formula: str) -> Callable[[Path], None]:
    """One cell's formula, its value kept."""

    def change(data: bytes) -> bytes:
        cell = Table().cell("∂E/∂w5", 0).encode()
        return re.sub(
            rb'(<c r="%s"[^>]*>)<f>[^<]*</f>' % cell,
            lambda match: match[1] + b"<f>" + formula.encode() + b"</f>",
            data,
        )

    return edited(SHEET, change)


def far_cell(data: bytes) -> bytes:
    row = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return data.replace(b"</sheetData>", row + b"</sheetData>")


def circular_names(path: Path) -> None:
    names = (
        b"<definedNames><definedName name='aa'>bb</definedName>"
        b"<definedName name='bb'>aa</definedName></definedNames>"
    )
    substituted("xl/workbook.xml", b"</sheets>", b"</sheets>" + names)(path)
    edited(SHEET, lambda data: re.sub(rb"\$C\$2\*", b"aa*", data))(path)


CELL_E5 = b'<c r="C5"%s><v>%s</v></c>'
HOSTILE: dict[str, tuple[Callable[[Path], None], int]] = {
    **{f"laughs in {part}": (laughs(part), 2) for part in (SHEET, "xl/workbook.xml")},
    "laughs in the strings": (laughs("xl/sharedStrings.xml"), 2),
    "a cell in the last corner": (edited(SHEET, far_cell), 0),
    "a dimension too large": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:XFD1048576"', d, count=1)),
        0,
    ),
    "a dimension too small": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:B2"', d, count=1)),
        0,
    ),
    "a dimension of nonsense": (
        edited(SHEET, lambda d: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="?:!"', d, count=1)),
        0,
    ),
    "circular names": (circular_names, 0),
    "a string that is not there": (in_cell("C5", CELL_E5 % (b' t="s"', b"99999")), 2),
    "a string before the first": (in_cell("C5", CELL_E5 % (b' t="s"', b"-1")), 2),
    "a string of a huge number": (in_cell("C5", CELL_E5 % (b' t="s"', b"9" * 30)), 2),
    "an infinite number": (in_cell("L6", b'<c r="L6"><v>1e999</v></c>'), 1),
    "not a number": (in_cell("L6", b'<c r="L6"><v>nan</v></c>'), 1),
    "an endless number": (in_cell("L6", b'<c r="L6"><v>' + b"9" * 5000 + b"</v></c>"), 1),
    "a boolean": (in_cell("L6", b'<c r="L6" t="b"><v>1</v></c>'), 1),
    "a date": (in_cell("L6", b'<c r="L6" t="d"><v>2020-01-01</v></c>'), 1),
    "an unknown type": (in_cell("L6", b'<c r="L6" t="zz"><v>?</v></c>'), 1),
    "a row of number 0": (substituted(SHEET, b'<row r="4"', b'<row r="0"'), 2),
    "a row far below": (substituted(SHEET, b'<row r="6"', b'<row r="9999999999"'), 2),
    "a cell of no column": (substituted(SHEET, b'r="L6"', b'r="ZZZZZ6"'), 2),
    "a cell of no row": (substituted(SHEET, b'r="L6"', b'r="6"'), 2),
    "a shared formula of nobody": (
        in_cell("L6", b'<c r="L6"><f t="shared" si="77"/><v>0.6</v></c>'),
        1,
    ),
    "a shared formula without number": (
        in_cell("L6", b'<c r="L6"><f t="shared"/><v>0.6</v></c>'),
        1,
    ),
    "an array formula": (
        in_cell("L6", b'<c r="L6"><f t="array" ref="L6">1/(1+EXP(-K6))</f><v>0.6</v></c>'),
        1,
    ),
    "a data table": (
        in_cell("L6", b'<c r="L6"><f t="dataTable" ref="L6" r1="A1"/><v>0.6</v></c>'),
        1,
    ),
    "many signs": (with_formula("-" * 900 + "1"), 0),
    "many parentheses": (with_formula("(" * 480 + "1" + ")" * 480), 0),
    "many operators": (with_formula("1" + "+1" * 490), 0),
    "a very long formula": (with_formula("1" + "+1" * 20_000), 0),
    "a tower of powers": (with_formula("9^9^9^9^9^9^9^9"), 0),
    "a range of everything": (with_formula("SUM(A1:XFD1048576)"), 0),
    "an unfinished formula": (with_formula("(1+"), 0),
    "an unfinished text": (with_formula("&quot;"), 0),
    "a reference to nowhere": (with_formula("Nowhere!A1+#REF!+[1]Sheet9!Z1"), 0),
    "a reference beyond the sheet": (with_formula("ZZZ9999999+A0"), 0),
    "itself": (with_formula(Table().cell("∂E/∂w5", 0)), 0),
    "sheet of another kind": (
        edited(SHEET, lambda d: b"<worksheet/>"),
        2,
    ),
    "no sheet part": (
        lambda path: student_workbooks.rewrite(path, lambda n, d: None if n == SHEET else d),
        2,
    ),
    "no strings": (
        lambda path: student_workbooks.rewrite(path, lambda n, d: None if "shared" in n else d),
        2,
    ),
    "no relations": (
        lambda path: student_workbooks.rewrite(
            path, lambda n, d: None if n.endswith(".rels") else d
        ),
        2,
    ),
    "a deep nest": (
        edited(SHEET, lambda d: b"<worksheet>" + b"<a>" * 200_000 + b"</a>" * 200_000),
        2,
    ),
    "a deep nest of sheets": (
        edited("xl/workbook.xml", lambda d: d + b"<a>" * 200_000),
        2,
    ),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return student_workbooks.book_of(Table(rows=4)).write(
        tmp_path_factory.mktemp("small") / "small.xlsx"
    )


@pytest.mark.parametrize(("make", "code"), some_named(HOSTILE, 25))
def test_hostile(make: Callable[[Path], None], code: int, small: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(small, tmp_path / "hostile.xlsx"))
    make(path)
    found, tables = judge(path)
    assert found == code, tables
    assert run(path).exit_code == code


def test_no_file_is_read_through_an_entity(small: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("xyzzy-0.123456789")
    for part in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"):
        path = Path(shutil.copy(small, tmp_path / "entity.xlsx"))

        def change(data: bytes) -> bytes:
            head, _, rest = data.partition(b"?>")
            name = re.match(rb"\s*<([\w:]+)", rest)[1].decode()
            kind = f'<!DOCTYPE {name} [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
            rest = re.sub(rb"(<(?:t|v)>)[^<]*", rb"\g<1>&x;", rest)
            rest = re.sub(rb"(</sheets>)", rb"\g<1>&x;", rest)
            return head + b"?>" + kind.encode() + rest

        edited(part, change)(path)
        for result in (run(path, "--json"), run(path)):
            assert result.exit_code == 2
            assert "xyzzy" not in result.output


def test_odd_names(tmp_path: Path, small: Path) -> None:
    names = ["two words.xlsx", "[red]{0}%s.xlsx", "naïve ∂.xlsx", "line\nbreak.xlsx"]
    if os.name == "posix":
        names.append(os.fsdecode(b"caf\xe9.xlsx"))
    paths = []
    for name in names:
        try:
            paths.append(Path(shutil.copy(small, tmp_path / name)))
        except OSError:  # a file system that does not have it
            continue
    code, tables = judge(*paths, tmp_path / "missing [/]\udce9.xlsx")
    assert code == 2
    assert len(tables) == len(paths)
    assert run(*paths).exit_code == 0


def test_no_control_characters_reach_the_terminal(small: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(small, tmp_path / "bell.xlsx"))
    evil = "\u009b2J\u202e".encode()
    substituted("xl/workbook.xml", b'name="Sheet1"', b'name="' + evil + b'"')(path)
    in_cell("L6", b'<c r="L6" t="str"><v>' + evil + b"</v></c>")(path)
    output = run(path).output
    assert "\u009b" not in output
    assert "\x1b[2J" not in output


def bomb(path: Path, small: Path, part: str, marker: bytes, filling: bytes, times: int) -> None:
    """A part that holds ``filling`` a million bytes at a time, which zip makes small."""
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            kind = zipfile.ZipInfo(name)
            kind.compress_type = zipfile.ZIP_DEFLATED
            kind._compresslevel = 1
            with archive.open(kind, "w", force_zip64=True) as out:
                if name != part:
                    out.write(data)
                    continue
                at = data.index(marker) + len(marker)
                out.write(data[:at])
                block = filling * (1_000_000 // len(filling))
                for _ in range(times):
                    out.write(block)
                out.write(data[at:])


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_bombs(small: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"bomb{number}.xlsx" for number in range(3)]
    bomb(paths[0], small, SHEET, b"<v>", b" ", 200)
    bomb(paths[1], small, "xl/sharedStrings.xml", b"<t>", b"0", 200)
    bomb(paths[2], small, SHEET, b"<sheetData>", b"<row/>", 300)
    limits = (
        "import resource, runpy, sys; gb = 2**30;"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * gb, 3 * gb)); sys.argv.pop(0);"
        "code = 0\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        # Not ru_maxrss: that counts the process that this one was forked from, too.
        "status = open('/proc/self/status').read()\n"
        "peak = int(status.split('VmHWM:')[1].split()[0]) // 1024\n"
        "print('peak', peak, file=sys.stderr); sys.exit(code)"
    )
    for path in paths:
        done = subprocess.run(
            [sys.executable, "-c", limits, str(ROOT / "cli.py"), "check", "--jobs", "1", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1, 2), done.stderr
        assert int(done.stderr.split("peak")[-1]) < 400, f"{path.name} {done.stderr}"


def mutations(small: Path, seed: int) -> Iterator[bytes]:
    """Damaged copies: bytes of the zip, and bytes and words of the XML inside it."""
    chance = random.Random(seed)
    whole = small.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        yield bytes(data)
    with zipfile.ZipFile(small) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    words = [b"<v>", b"</c>", b'"', b"<", b"&", b"=", b"-1", b"999999999999", b"A1", b"e", b"\x00"]
    for _ in range(90):
        weights = [8 if name == SHEET else 1 for name in parts]
        part = chance.choices(list(parts), weights)[0]
        data = bytearray(parts[part])
        for _ in range(chance.choice((1, 2, 8))):
            at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            match chance.randrange(4):
                case 0 if data:
                    data[min(at, len(data) - 1)] = chance.randrange(256)
                case 1:
                    data[at:at] = chance.choice(words)
                case 2:
                    del data[at : min(end, at + 30)]
                case _:
                    data[at:at] = data[at : min(end, at + 200)]
        new = dict(parts)
        new[part] = bytes(data)
        target = small.parent / "mutated.xlsx"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in new.items():
                archive.writestr(name, content)
        yield target.read_bytes()


def test_damaged_files_never_crash_it(small: Path, tmp_path: Path) -> None:
    for number, data in enumerate(mutations(small, seed=2)):
        path = tmp_path / f"{number}.xlsx"
        path.write_bytes(data)
        try:
            judge(path, "--jobs", "1")
        except Exception as error:
            error.add_note(f"the damaged file is {path}")
            raise
