"""Files of digits that lie about what they hold: one line, the path once, nothing allocated."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures.commands import click_run

from keras_model.data.mnist import DataError, load_digits

LAYOUT = {"x_train": (30, 28, 28), "y_train": (30,), "x_test": (10, 28, 28), "y_test": (10,)}


def header(shape: str, dtype: str = "'|u1'", order: str = "False") -> bytes:
    """The header of a .npy file, written by hand so that it can declare anything."""
    text = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = text.ljust(128 * (1 + len(text) // 128) - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def good(name: str) -> bytes:
    member = io.BytesIO()
    np.save(member, np.zeros(LAYOUT[name], np.uint8))
    return member.getvalue()


def an_npz(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes | None) -> Path:
    contents = {name: good(name) for name in LAYOUT} | members
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(f"{name}.npy", content)
    return path


def a_zip() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(100_000))
    return inner.getvalue()


def objects() -> bytes:
    member = io.BytesIO()
    np.save(member, np.array([print] * 30, object), allow_pickle=True)
    return member.getvalue()


PETABYTES = "(9007199254740992, 28, 28)"
LIES: dict[str, tuple[dict[str, bytes | None], str]] = {
    "petabytes of images": ({"x_train": header(PETABYTES)}, "more than 1,000,000 digits"),
    "petabytes of labels": ({"y_test": header("(9007199254740992,)")}, "more than 1,000,000"),
    "petabytes in one label": ({"y_test": header("(10,)", "'<U99999999'")}, "whole numbers"),
    "a number of 4,000 digits": ({"x_test": header(f"({'9' * 4000}, 28, 28)")}, "more than"),
    "many axes": ({"x_test": header(f"({'9, ' * 3000})")}, r"\(n, 28, 28\)"),
    "less than it declares": ({"x_train": header("(30, 28, 28)") + bytes(99)}, "23,520"),
    "more than it declares": ({"y_train": header("(3,)") + bytes(30)}, "says 3"),
    "a negative size": ({"x_train": header("(-30, 28, 28)") + bytes(9)}, "x_train"),
    "objects": ({"y_train": objects()}, "objects"),
    "nested objects": ({"y_train": header("(30,)", "[('a', 'O')]") + bytes(240)}, "objects"),
    "a record": ({"y_train": header("(30,)", "[('a', '<i4')]") + bytes(120)}, "whole numbers"),
    "complex": ({"x_test": header("(10, 28, 28)", "'<c8'") + bytes(62720)}, "complex64"),
    "gigabytes of doubles": ({"x_test": header("(999999, 784)", "'<f8'")}, "takes more than"),
    "narrow images": ({"x_test": header("(10, 783)") + bytes(7830)}, r"\(n, 28, 28\)"),
    "a zip in the zip": ({"x_train": a_zip()}, "x_train is not an array"),
    "no array": ({"y_train": b""}, "y_train is not an array"),
    "code": ({"y_train": header("(30,)", "__import__('os')")}, "y_train is not an array"),
    "nested brackets": ({"y_train": header("(" * 4000 + ")" * 4000)}, "y_train is not an array"),
    "another version": ({"y_train": b"\x93NUMPY\x09\x00" + bytes(99)}, "y_train is not an array"),
    "a missing array": ({"x_train": None, "x_other": b""}, "no array x_train"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_told_in_one_line_before_anything_is_allocated(tmp_path: Path, lie: str) -> None:
    members, words = LIES[lie]
    path = an_npz(tmp_path / "digits.npz", **members)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=words) as error:
            load_digits(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert message.startswith(str(path)) and message.count(str(tmp_path)) == 1
    assert len(message.splitlines()) == 1 and len(message) < len(str(path)) + 120
    assert most < 20 * 2**20


def damaged(path: Path, change: Callable[[bytearray], None]) -> Path:
    content = bytearray(an_npz(path, zipfile.ZIP_STORED).read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def flip_a_pixel(content: bytearray) -> None:
    content[1000] ^= 1


def say_encrypted(content: bytearray) -> None:
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1


def name_no_compression(content: bytearray) -> None:
    for signature, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(signature) + method] = 77


@pytest.mark.parametrize("change", [flip_a_pixel, say_encrypted, name_no_compression])
def test_a_damaged_zip_is_told_in_one_line(tmp_path: Path, change) -> None:
    path = damaged(tmp_path / "digits.npz", change)
    with pytest.raises(DataError) as error:
        load_digits(path)
    assert str(error.value).startswith(f"{path} is damaged: ")
    assert str(error.value).count(str(path)) == 1 and len(str(error.value).splitlines()) == 1


def test_columns_first_is_an_order_like_any_other(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (10, 28, 28), dtype=np.uint8)
    member = io.BytesIO()
    np.save(member, np.asfortranarray(images))
    digits = load_digits(an_npz(tmp_path / "digits.npz", x_test=member.getvalue()))
    np.testing.assert_array_equal(digits.x_test, images)


def test_the_commands_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = an_npz(tmp_path / "digits.npz", x_train=header(PETABYTES))
    model = tmp_path / "model.keras"
    model.write_bytes(b"never read")
    expected = f"Error: {path}: x_train has more than 1,000,000 digits\n"
    assert click_run("evaluate", model, "--data", path, code=2) == expected
    assert click_run("digits", model, "--data", path, code=2) == expected
    assert click_run("train", "--data", path, "--out", tmp_path / "run", code=2) == expected
    np.savez(path, images=np.zeros(3))
    expected = (
        f"Error: {path} has no array x_train: Keras' layout is x_train, y_train, x_test, y_test\n"
    )
    assert click_run("evaluate", model, "--data", path, code=2) == expected
