"""Training runs for the benchmarks, one folder per run. Finished runs are kept."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def train(folder: Path, data: str, *options: str, cores: set[int] | None = None) -> dict[str, Any]:
    """Train unless the folder has it; return the metrics with the epochs as ``history``."""
    if not (folder / "metrics.json").is_file():
        command = [sys.executable, str(ROOT / "cli.py"), "train", "--data", data]
        command += ["--out", str(folder), "--force", *options]
        pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, preexec_fn=pin)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    with (folder / "history.csv").open(encoding="utf-8") as file:
        metrics["history"] = [
            {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
        ]
    return metrics


def train_all(jobs: list[tuple[Path, str, list[str]]], at_once: int) -> list[dict[str, Any]]:
    """Train several runs, ``at_once`` of them side by side, each on its own cores."""
    available = sorted(os.sched_getaffinity(0))
    free: Queue[set[int]] = Queue()
    for place in range(at_once):
        free.put(set(available[place::at_once]))

    def one(job: tuple[Path, str, list[str]]) -> dict[str, Any]:
        folder, data, options = job
        cores = free.get()
        try:
            return train(folder, data, *options, cores=cores)
        finally:
            free.put(cores)

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, jobs))


def pytorch_baseline(kind: str, data: str, number: int, seed: int) -> dict[str, Any]:
    """Run benchmarks/pytorch_baseline.py in a process of its own."""
    command = [sys.executable, str(ROOT / "benchmarks" / "pytorch_baseline.py"), kind, data]
    done = subprocess.run(
        [*command, str(number), str(seed)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)
