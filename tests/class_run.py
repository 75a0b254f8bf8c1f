"""A class of submissions, judged once for all tests, and what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from class_of_submissions import (
    COMMON,
    ROOT,
    SIGN,
    Plan,
    Submission,
    build_class,
    deep_recursion,
    varied,
    write,
)  # fmt: skip
from click.testing import Result
from commands import ENVIRONMENT, command, invoke
from libreoffice import convert
from office_package import place


@dataclass(frozen=True)
class Run:
    """A class and what the command did with it.

    Attributes:
        folder: the working folder, with the class's folder in it.
        before: the submissions' contents before the command ran.
        done: the process, whatever its exit code.
        report: where it was told to write the report; ``marked`` likewise.
        inside: whether the class's folder was the working folder.
        text: what the command printed without ``--json``, where that was asked too.
    """

    folder: Path
    submissions: list[Submission]
    before: Mapping[Path, bytes]
    done: subprocess.CompletedProcess[str]
    report: Path
    marked: Path
    inside: bool = False
    text: str = ""

    @cached_property
    def tables(self) -> list[dict[str, Any]]:
        """The tables that ``--json`` printed."""
        return json.loads(self.done.stdout)

    @cached_property
    def by_file(self) -> dict[str, list[dict[str, Any]]]:
        """The same by their files."""
        found: dict[str, list[dict[str, Any]]] = {}
        for table in self.tables:
            found.setdefault(table["file"], []).append(table)
        return found

    @property
    def judged(self) -> list[Submission]:
        """The submissions that have a table that can be judged."""
        return [one for one in self.submissions if one.verdicts]

    def tables_of(self, submission: Submission) -> list[dict[str, Any]]:
        """The tables of one submission."""
        return self.by_file.get(self.file_of(submission), [])

    def file_of(self, submission: Submission) -> str:
        """How ``--json`` names a submission."""
        return str(submission.below if self.inside else submission.path)

    def findings_of(self, submission: Submission) -> list[tuple[str, str, dict[str, Any]]]:
        """The sheet and the address of each finding's first cell, and the finding."""
        return [
            (*home(table, finding), finding)
            for table in self.tables_of(submission)
            for finding in table["faults"]
        ]


def home(table: Mapping[str, Any], finding: Mapping[str, Any]) -> tuple[str, str]:
    """The sheet and the address of a finding's first cell."""
    if "!" in finding["first_cell"]:
        return place(finding["first_cell"])
    return table["sheet"], finding["first_cell"]


def contents(folder: Path) -> dict[Path, bytes]:
    """The digest of each file in and below a folder."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).digest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``check`` in a process of its own, with a folder to work in."""
    return subprocess.run(
        command("check", *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=ENVIRONMENT,
    )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time in: test files may run in processes of their own."""
    end = time.monotonic() + 600
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            assert time.monotonic() < end, "the other process does not come to an end"
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.rmdir()


@cache
def class_run(base: Path) -> Run:
    """The class of 200, judged once with everything: report, copies and ``--json``.

    ``base`` is the test run's own folder; pytest-xdist's processes have folders in it.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "course"
    known = base / "course.pickle"
    with _alone(base / "course.lock"):
        if not known.exists():
            submissions = build_class(folder)
            before = contents(folder / ROOT)
            report, marked = folder / "marks.xlsx", folder / "marked"
            arguments = ("--json", "--report", report.name, "--annotate", marked.name)
            done = check(folder, ROOT, *arguments)
            run = Run(folder, submissions, before, done, report, marked)
            with deep_recursion():
                known.write_bytes(pickle.dumps(run))
    return pickle.loads(known.read_bytes())


def invoke_check(*arguments: str | Path) -> Result:
    """Run ``check`` in this process."""
    return invoke("check", *arguments)


@cache
def converted(base: Path) -> Future[dict[Path, Path]]:
    """The copies as LibreOffice saves them, by their paths below the folder of copies.

    It takes its time, in the background.
    """
    run = class_run(base)
    flat = base / "flat"
    flat.mkdir()
    files = {}
    for at, submission in enumerate(run.judged):
        path = run.marked / submission.below
        if path.is_file():
            files[submission.below] = flat / f"{at:03}{path.suffix}"
            shutil.copy(path, files[submission.below])

    def convert_all() -> dict[Path, Path]:
        saved = convert(files.values(), flat / "saved", timeout=900)
        return dict(zip(files, saved, strict=True))

    return ThreadPoolExecutor(1).submit(convert_all)


def make_small_class(folder: Path) -> Path:
    """Write two workbooks with mistakes, a right one, and a file that is none."""
    for name, changes in {"anna": COMMON, "bert": SIGN, "carl": {}}.items():
        (folder / name).mkdir(parents=True)
        write(Plan([varied(1, changes=changes)]), folder / name / "hw.xlsx")
    (folder / "dora").mkdir()
    (folder / "dora" / "hw.xlsx").write_text("this is no workbook")
    return folder
