"""What `check` does with thousands of damaged workbooks, and whether its marked copies open.

    python benchmarks/fuzz.py [--files 3000] [--seed 1] [--keep FOLDER]

Each workbook has one damaged part. It is checked and annotated with `check`'s own limits. Counted
are internal errors, answers that took over 10 s of processor time, processes over 600 MB, and
copies that cannot be opened although the damaged workbook can: by openpyxl, and by lxml for each
part.
"""

from __future__ import annotations

import argparse
import functools
import random
import resource
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

from fixtures import student_workbooks
from fixtures.course_mistakes import MISTAKES
from fixtures.damaged_packages import mutations, write_parts
from lxml import etree
from openpyxl import load_workbook
from tqdm import tqdm

from backprop_sheet.audit import batch
from backprop_sheet.audit.copies.copies import CopyPlan, audit_and_annotate
from backprop_sheet.audit.results import WorkbookResult
from backprop_sheet.audit.submissions.collection import SubmittedFile
from backprop_sheet.audit.workbook_audit import not_checked
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.workbook import write_workbook

MAX_SECONDS, MAX_MEGABYTES = 10.0, 600.0
Outcome = tuple[WorkbookResult, float, float]


def seeds(folder: Path) -> list[Path]:
    """Write the workbooks that are damaged: students' right and wrong ones, and this project's."""
    tables = [
        student_workbooks.Table(rows=4),
        *(MISTAKES[name].made() for name in list(MISTAKES)[:3]),
    ]
    paths = [
        student_workbooks.book_of(table).write(folder / f"student-{number}.xlsx")
        for number, table in enumerate(tables)
    ]
    own = folder / "own.xlsx"
    write_workbook(with_values(load_exercise(), learning_rates=[0.5], iterations=5), own)
    return [*paths, own]


def outcome(file: SubmittedFile, *, plan: CopyPlan) -> Outcome:
    """Check and annotate; return the result, the processor time, and the process's peak in MB."""
    start = time.process_time()
    result = audit_and_annotate(file, tolerance=1e-6, plan=plan)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return result, time.process_time() - start, peak


def failed(file: SubmittedFile, reason: str) -> Outcome:
    """Return the outcome of a file that was stopped, or that met a bug."""
    return not_checked(file, reason), 0.0, 0.0


def opens(path: Path) -> bool:
    """Whether openpyxl loads a workbook, and all of its XML is well-formed."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.lower().endswith((".xml", ".rels", ".vml")):
                    etree.fromstring(archive.read(name))
        load_workbook(path)
    except Exception:
        return False
    return True


def damaged_workbooks(folder: Path, files: int, seed: int) -> list[Path]:
    """Write the damaged workbooks."""
    source = folder / "seeds"
    source.mkdir()
    chance = random.Random(seed)
    originals = seeds(source)
    share = -(-files // len(originals))
    made = (
        parts for path in originals for parts in mutations(path, chance.randrange(2**32), share)
    )
    (folder / "damaged").mkdir()
    return [
        write_parts(folder / "damaged" / f"{number:05}.xlsx", parts)
        for number, parts in zip(range(files), made, strict=False)
    ]


def count(outcomes: list[Outcome], keep: Path | None) -> Counter[str]:
    """Count the answers, and what must not happen; keep the files of the latter."""
    counts: Counter[str] = Counter()
    for result, seconds, peak in outcomes:
        problems = " ".join(problem.text for problem in result.problems)
        bad = {
            "internal errors": batch.INTERNAL_ERROR in problems,
            f"answers over {MAX_SECONDS:.0f} s": seconds > MAX_SECONDS
            or "it takes more" in problems,
            f"processes over {MAX_MEGABYTES:.0f} MB": peak > MAX_MEGABYTES
            or "too much memory" in problems,
            "copies that do not open": result.copy is not None
            and opens(result.path)
            and not opens(result.copy),
        }
        for what, happened in bad.items():
            counts[what] += happened
            if happened:
                print(f"{what}: {result.path.name} {problems[:150]}", file=sys.stderr)
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(result.path, keep)
        counts["copies written"] += result.copy is not None
        counts["copies refused in one line"] += result.copy_error is not None
        verdicts = {table.verdict for table in result.tables}
        counts["could not be checked" if result.problems else max(verdicts)] += 1
    return counts


def main() -> None:
    """Make the workbooks, check them, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = damaged_workbooks(folder, arguments.files, arguments.seed)
        plan = CopyPlan.of(folder / "marked", [folder / "damaged"], files, force=False)
        job = functools.partial(outcome, plan=plan)
        submitted = [SubmittedFile(path, path) for path in files]
        results = batch.run_batch(job, submitted, jobs=arguments.jobs, failed=failed)
        outcomes = list(tqdm(results, total=len(files), unit="workbook"))
        counts = count(outcomes, arguments.keep)
        slowest, largest = max(one[1] for one in outcomes), max(one[2] for one in outcomes)
    print(f"| {len(files)} damaged workbooks, seed {arguments.seed} | |\n|---|---|")
    for what, times in counts.items():
        print(f"| {what} | {times} |")
    print(f"| slowest answer | {slowest:.1f} s |\n| largest process | {largest:.0f} MB |")


if __name__ == "__main__":
    main()
