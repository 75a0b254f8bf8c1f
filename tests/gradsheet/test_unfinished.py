"""Temporary files that no interruption leaves behind."""

from __future__ import annotations

import os

import pytest

from gradsheet import unfinished
from gradsheet.unfinished import unfinished_file


def test_ctrl_c_just_after_the_file_was_created_leaves_nothing(tmp_path, monkeypatch):
    create = os.open

    def interrupted(*arguments: object) -> int:
        os.close(create(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(unfinished.os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), unfinished_file(tmp_path / "a.xlsx"):
        pass
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken_is_left_alone(tmp_path, monkeypatch):
    taken = tmp_path / ".a-gradsheet-00000000.xlsx"
    taken.write_text("another's")
    numbers = iter([bytes(4), b"\1\2\3\4"])
    monkeypatch.setattr(unfinished.os, "urandom", lambda _: next(numbers))
    monkeypatch.setattr(unfinished, "delete_leftovers", lambda _: None)
    with unfinished_file(tmp_path / "a.xlsx") as path:
        assert path.name == ".a-gradsheet-01020304.xlsx"
    assert list(tmp_path.iterdir()) == [taken] and taken.read_text() == "another's"
    assert not set(tmp_path.iterdir()) & set(unfinished._of_this_process)
