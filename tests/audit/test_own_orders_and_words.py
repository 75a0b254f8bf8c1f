"""Tables whose order, signs or words are a student's own, as hand-made workbooks have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import Table

OTHER_WORDS = {
    **{f"{kind}{n}": word.format(n) for n in (1, 2) for kind, word in {
        "i": "x_{}", "t": "target_{}", "h": "zin_{}", "a_h": "zout_{}", "o": "yin_{}",
        "a_o": "yout_{}", "E": "Err_{}"}.items()},
    "E_total": "SSE",
}  # fmt: skip


def in_other_words(name: str) -> str:
    return OTHER_WORDS.get(name, name)


def test_a_sum_with_two_weights_exchanged_is_no_other_numbering(saved: Callable[..., Path]) -> None:
    wrong = {"o1": "[w6]*[a_h1]+[w5]*[a_h2]"}
    table = judge_one(saved(Table(header=in_other_words, changes=wrong)))
    assert [fault["column"] for fault in table["faults"]] == ["o1"]


def test_exchanged_headers_of_two_weights_are_another_numbering(saved: Callable[..., Path]) -> None:
    swap = str.maketrans("56", "65")

    def header(name: str) -> str:
        return in_other_words(name.translate(swap) if "w" in name else name)

    assert_right(judge_one(saved(Table(header=header))))
