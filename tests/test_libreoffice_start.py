"""The start of LibreOffice, which some tests leave to a thread."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from oracles import libreoffice


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("true") is None, reason="there is no program `true`")
def test_a_start_does_not_read_an_environment_that_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which fails with "Bad address", in about one of fifteen starts of this test."""
    monkeypatch.setattr(libreoffice, "SOFFICE", shutil.which("true"))
    (tmp_path / "book.xlsx").touch()

    def start_often() -> None:
        for _ in range(60):
            libreoffice.convert([tmp_path / "book.xlsx"], tmp_path)

    names = [f"GRADSHEET_TEST_{number}" for number in range(200)]
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(start_often)
        while not started.done():
            for name in names:
                os.environ[name] = "tests/audit/test_annotated_copies.py (setup)"
            for name in names:
                del os.environ[name]
    started.result()
