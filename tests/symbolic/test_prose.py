"""Sentences with formulas in them."""

from __future__ import annotations

from backprop_sheet.symbolic.expressions import ONE, Call, Name, Number, Operation
from backprop_sheet.symbolic.latex import to_latex
from backprop_sheet.symbolic.prose import NOTHING, Equality, joined, sentence

W, X = Name("w1"), Name("x")


def test_the_words_between_two_formulas_are_one_part():
    start = sentence("The weight ", W)
    assert sentence(start, " is ", "", "small.").parts == ("The weight ", W, " is small.")


def test_a_name_with_the_text_of_a_word_stays_a_name():
    assert sentence("w1", W).parts == ("w1", W)


def test_equal_sentences_are_found_in_a_set():
    assert sentence("a ", W) in {sentence("a ", Name("w1"))}
    assert sentence("a ", W) not in {sentence("a w1")}


def test_written_by_each_kind_of_document():
    text = sentence("Here ", Equality(W, Number(0.5)), " & ", Operation("-", ONE, X), ".")
    assert str(text) == "Here w1 = 0.5 & 1 - x."
    assert str(sentence(Call("exp", (X,)))) == "exp(x)"

    def formula(part):
        return to_latex(part.left if isinstance(part, Equality) else part)

    written = text.written(lambda part: f"${formula(part)}$", lambda words: words.replace("&", "+"))
    assert written == "Here $w_{1}$ + $1 - x$."


def test_joined():
    assert str(joined([W, sentence("b ", X), "c"], ", ")) == "w1, b x, c"
    assert not joined([]) and not NOTHING and str(NOTHING) == ""
