"""Writing files: whole or not at all, and only where that is allowed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from gradsheet.errors import InvalidInputError
from gradsheet.files import (
    CannotWriteError,
    WouldOverwriteError,
    atomic_write,
    check_suffix,
    make_folder,
    reason_of,
    temporary_folder,
)

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX alone has this")
not_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def test_a_file_appears_when_the_block_ends(tmp_path: Path):
    target = tmp_path / "a.txt"
    with atomic_write(target) as path:
        assert path.parent == tmp_path and path.suffix == ".txt"
        path.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_until_then_the_old_one_stays(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target) as path:
        path.write_text("new")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@posix
def test_a_new_file_has_the_usual_permissions(tmp_path: Path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a.txt") as path:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


@posix
def test_a_link_stays_a_link(tmp_path: Path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_write(link) as path:
        path.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("force", [False, True])
def test_somebody_elses_file_is_kept_unless_forced(ours: bool, force: bool, tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    if ours or force:
        with atomic_write(target, force=force, is_replaceable=lambda _: ours) as path:
            path.write_text("new")
        assert target.read_text() == "new"
        return
    with (
        pytest.raises(WouldOverwriteError, match="was not written by this tool"),
        atomic_write(target, force=force, is_replaceable=lambda _: ours),
    ):
        raise AssertionError("the block must not run")
    assert target.read_text() == "old"


def test_an_existing_file_of_a_kind_that_is_never_replaced_is_no_strangers(tmp_path: Path):
    target = tmp_path / "exercise.toml"
    target.write_text("old")
    with (
        pytest.raises(WouldOverwriteError, match=r"exercise\.toml exists: choose another name"),
        atomic_write(target, force=False),
    ):
        raise AssertionError("the block must not run")


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (folder, "is a folder: name a file in it"),
        (lambda path: path / "b.txt", "does not exist: create it first"),
        (lambda path: path.with_name("a" * 300), "File name too long"),
        (lambda path: path.with_name("a\0b"), "null"),
        pytest.param(pipe, "is not a regular file", marks=posix),
    ],
)
def test_what_cannot_be_written_is_said_before_the_block(make, words: str, tmp_path: Path):
    with pytest.raises(CannotWriteError, match=words), atomic_write(make(tmp_path / "a")):
        raise AssertionError("the block must not run")


@posix
@not_root
def test_a_read_only_file_is_kept(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(CannotWriteError, match="is read-only"), atomic_write(target):
        raise AssertionError("the block must not run")


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.XLSX", ""), ("a.csv", ""), ("a.pdf", r"must end in \.xlsx or \.csv"), ("a", "must end")],
)
def test_suffixes(name: str, words: str):
    if not words:
        check_suffix(Path(name), (".xlsx", ".csv"))
        return
    with pytest.raises(InvalidInputError, match=words):
        check_suffix(Path(name), (".xlsx", ".csv"))


def test_a_folder_has_no_suffix_to_be_checked(tmp_path: Path):
    check_suffix(tmp_path, (".xlsx",))


def test_folders_are_made_and_may_exist(tmp_path: Path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(CannotWriteError, match="cannot create the folder"):
        make_folder(tmp_path / "file" / "c")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "whatever h5py says"), os.strerror(errno.ENOSPC)),
        (ValueError("two\n lines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_reasons_are_one_line(error: Exception, reason: str):
    assert reason_of(error) == reason


def test_a_temporary_folder_is_gone_in_the_end():
    with pytest.raises(ZeroDivisionError), temporary_folder() as name:
        (Path(name) / "a").touch()
        raise ZeroDivisionError
    assert not Path(name).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="other variables")
def test_no_place_for_temporary_files_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    import tempfile

    def none(*_: object, **__: object) -> None:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", none)
    with pytest.raises(CannotWriteError, match="set TMPDIR"), temporary_folder():
        raise AssertionError("the block must not run")
