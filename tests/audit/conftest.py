"""What several tests of ``check`` need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures import student_workbooks
from fixtures.student_workbooks import (
    Book,
    Table,
)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Writes a book, or the book that holds just these tables."""

    def save(*parts: Table | Book, name: str = "book.xlsx", shared: bool = False) -> Path:
        book = parts[0] if isinstance(parts[0], Book) else student_workbooks.book_of(*parts)
        return book.write(tmp_path / name, shared=shared)

    return save
