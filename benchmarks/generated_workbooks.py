"""How well `check` judges generated workbooks of students, and why not where it does not.

    python benchmarks/generated_workbooks.py [--count 10000] [--first 0] [--list]

A workbook is a function of its seed (tests/fixtures/generated_workbooks.py).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fixtures.generated_judgement import Judgement, judge_result
from fixtures.generated_workbooks import GeneratedWorkbook, generate
from machine import describe_processor


@dataclass(frozen=True)
class Outcome:
    """What became of one workbook."""

    seed: int
    kind: str
    seconds: float
    is_right: bool
    text: str


def outcome_of(seed: int) -> Outcome:
    """Make a workbook, check it, and compare."""
    from backprop_sheet.audit.workbook_audit import audit_workbook

    warnings.simplefilter("ignore")
    workbook = generate(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = workbook.write(Path(folder) / f"{seed}.xlsx")
        start = time.perf_counter()
        try:
            result = audit_workbook(path)
        except Exception:  # a traceback is what is counted here
            seconds = time.perf_counter() - start
            return Outcome(seed, "traceback", seconds, False, traceback.format_exc())
        seconds = time.perf_counter() - start
    judgement = judge_result(workbook, result)
    return Outcome(seed, judgement.kind, seconds, not workbook.wrong, text_of(workbook, judgement))


def text_of(workbook: GeneratedWorkbook, judgement: Judgement) -> str:
    """What the workbook is and how its judgement differs, in one line."""
    description = workbook.description
    layout = description.layout
    planted = [f"{m.kind} in {m.quantity} ({m.rows})" for m in description.mistakes[:2]]
    parts = {
        "layout": (layout.kind, layout.vocabulary, layout.numbering, layout.dialect),
        "given": (layout.given_place, layout.rate_place, layout.gradients),
        "rows": (*layout.gaps, layout.summary, "beside" if layout.beside else ""),
        "own": [name for name in layout.order if name.startswith("own")],
        "headers": dict(layout.headers),
        "style": (description.style.backward, "biases" if description.style.biases else ""),
        "rounding": description.rounding if description.rounding.kind != "none" else "",
        "planted": planted,
        "not judged": judgement.not_judged[:160],
        "false": sorted({name for name, _ in judgement.false}),
        "missed": sorted({name for name, _ in judgement.missed}),
        "incomplete": judgement.incomplete[:160],
        "causes": judgement.causes[:3],
    }
    return "; ".join(f"{name}: {value}" for name, value in parts.items() if value)


def print_counts(outcomes: Sequence[Outcome]) -> None:
    """Print how many workbooks were judged in which way."""
    print("| workbooks | without a mistake | with |")
    print("|---|---|---|")
    kinds = Counter((outcome.kind, outcome.is_right) for outcome in outcomes)
    for kind, _ in Counter(outcome.kind for outcome in outcomes).most_common():
        print(f"| {kind} | {kinds[kind, True]} | {kinds[kind, False]} |")
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    middle = statistics.median(outcome.seconds for outcome in outcomes)
    print(f"\nmedian {middle:.3f} s, slowest {slowest.seconds:.2f} s (seed {slowest.seed})")


def main() -> None:
    """Check the workbooks on two cores and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print each that is misjudged")
    arguments = parser.parse_args()
    print(describe_processor())
    seeds = range(arguments.first, arguments.first + arguments.count)
    start = time.perf_counter()
    outcomes = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(outcome_of, seeds, chunksize=8):
            outcomes.append(outcome)
            if arguments.list and outcome.kind != "as it should be":
                print(f"{outcome.seed}: {outcome.kind}: {outcome.text}", flush=True)
    print_counts(outcomes)
    print(f"{len(outcomes):,} workbooks in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
