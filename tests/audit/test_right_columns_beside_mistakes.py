"""A mistake is found in its own column, and no right column is accused beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.generated_equations import equations
from fixtures.generated_judgement import judge_result, judged
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import COURSE, Rounding, generate
from fixtures.sampling import some_named

from backprop_sheet.audit.workbook_audit import audit_workbook

SEEDS = {
    5114: "δ of neurons whose activations are headed H",
    5111: "stated biases, and a table of results beside",
    5194: "a typed table with targets beside words that are not known",
    5122: "a typed table with its gradients on another sheet",
    5016: "gradients headed as the weights, a gap and OFFSET",
    5023: "gradients headed as the weights, a gap and defined names",
    5174: "headers that name nothing, and a gap",
    5384: "headers that name little, and gradients on another sheet",
    5256: "a typed table in another numbering",
    5335: "an error that is computed with the other target",
    6004: "an activation that is computed from the other sum",
    20824: "gradients headed as the weights, before these",
    20263: "one δ with the other sign",
    20710: "δ as textbooks with t − a have it, and one of them twice as large",
    20194: "two columns with a_o2's numbers: that of the other output is wrong",
    21204: "an output that repeats its sum is no target",
    20045: "η headed l, as the error is, and E typed everywhere",
    40738: "a column b of zeros after the gradients",
    55320: "gradients headed as the weights in a typed table",
    71169: "a gradient that is wrong from a row on, and under a header without a meaning",
    71255: "updates by INDEX are no summaries",
    71115: "own zeros under b beside b1",
    20993: "a weight of 0.15 in each row, rounded to 3 decimals as all others",
    21496: "two columns with a_h2's numbers from a row on, under headers that name nothing",
    50529: "two columns with a_o2's numbers, and a number that is typed over E2",
    55606: "two columns with a_o2's numbers in a typed table",
    20586: "an output that is typed everywhere, and has its target's number",
    40356: "a sum that is typed everywhere",
    20333: "rounded gradients near 0, whose headers end as those of the weights",
    71562: "the sign of one δ, which is wrong, is that of the others",
    40546: "a typed table in which one update has another η than the others",
    50193: "weights counted by source, and a wrong weight in two sums",
    55508: "weights counted by source in a typed table, and a misspelled header",
    71056: "gradients of a wrong derivative in a typed table",
    50445: "a typed form whose first weights have fewer digits",
    40456: "a table whose headers name eight weights, and little of the rest",
    55548: "the same without a mistake, with every derivative in a column",
    71139: "two activations of one sum, and one of them without its weight",
    71294: "a weight that is updated from another one is a weight",
    50580: "gradients headed as the weights in a typed table, and a repeated header",
    115053: "∂E/∂_o1 beside ∂E/∂a_o2 is ∂E/∂a_o1",
    101620: "a δ without one path is not the derivative of one output's error",
    112278: "zeros are no column's numbers",
    84303: "a sum that is typed everywhere, and its one cell with a name",
    112366: "two activations of one sum, whose header is misspelled",
    101819: "weights counted by source, and one without its number",
    110104: "a form with w+ beside w1+",
    112201: "a wrong gradient under an unknown header, and a wrong update, without a stated η",
    104966: "gradients headed as the weights, one typed everywhere, and the headers again",
    84864: "a typed table of four decimals with two computed columns of its own",
    118450: "a typed form of four digits, whose targets have one",
    117587: "a results table whose rates are near to any activation",
    915517: "an output of 0.5 in each row, which would follow from an own column of zeros",
}


@pytest.mark.parametrize("seed", some_named({kind: seed for seed, kind in SEEDS.items()}, 10))
def test_only_what_is_wrong_is_found(seed, tmp_path: Path):
    workbook = generate(seed)
    judgement = judge_result(workbook, audit_workbook(workbook.write(tmp_path / "book.xlsx")))
    assert judgement.fits, judgement


def test_of_two_columns_with_the_same_numbers_the_used_one_is_the_derivative(tmp_path: Path):
    """t1 - a_o1 in a column of the student's own is not ∂E/∂a_o1 in place of a mistyped header."""
    description = plain(1, backward="chain")
    order = list(description.layout.order)
    order.insert(4, "own t1-out/difference")
    layout = replace(description.layout, order=tuple(order), headers=(("A_o1", "∂E/∂_o1"),))
    assert judged(replace(description, layout=layout), tmp_path).fits


def test_a_structured_reference_is_to_the_column_with_its_header(tmp_path: Path):
    """``_h1`` is a rounded δ_h1, although it could be read as the sum ``net_h1``."""
    description = plain(1, backward="delta")
    layout = replace(
        description.layout, vocabulary="mazur", dialect="structured", headers=(("d_h1", "_h1"),)
    )
    numbers = {**dict(description.numbers), "eta": 1.0}
    changed = replace(
        description, layout=layout, numbers=tuple(numbers.items()), rounding=Rounding("ROUND", 4)
    )
    assert judged(changed, tmp_path).fits


def test_outputs_under_unknown_words_have_the_numbers_of_their_headers(tmp_path: Path):
    """The second one stands first, and without its activation nothing tells the outputs apart."""
    description = plain(1, backward="output delta")
    others = [name for name in description.layout.order if name not in ("o2", "ao2")]
    layout = replace(
        description.layout,
        vocabulary="haykin", numbering="source", order=("o2", "ao2", *others),
    )  # fmt: skip
    wrong = Mistake("no parentheses", "ao2", "1/1+EXP(-{o2})", "parenthes")
    assert judged(replace(description, layout=layout, mistakes=(wrong,)), tmp_path).fits


def test_a_gradient_is_none_of_a_weight_with_a_longer_header(tmp_path: Path):
    """The gradient of u21 is "gradient u21", although that of v21 has a mistyped header."""
    description = plain(1, backward="negative delta")
    layout = replace(
        description.layout,
        vocabulary="czech", numbering="matrix", headers=(("g7", "gradient v221"),),
    )  # fmt: skip
    wrong = Mistake("wrong sign", "g7", "{d_o2}*{ah1}", "sign")
    assert judged(replace(description, layout=layout, mistakes=(wrong,)), tmp_path).fits


def test_an_own_column_b_is_no_bias_beside_thresholds(tmp_path: Path):
    """θ1 and θ2 are the biases, although b could be one of the two."""
    description = plain(1)
    style = replace(description.style, biases=True)
    weights = [f"w{n}" for n in range(1, 9)]
    computed = [name for name in equations(style) if name[0] != "w"]
    order = ("iteration", *GIVEN, "b1", "b2", *weights, "own b/zeros", *computed)
    layout = replace(
        description.layout, vocabulary="han and kamber", numbering="source", order=order
    )
    changed = replace(
        description, style=style, numbers=(*COURSE.items(), ("eta", 0.2)), layout=layout,
        rounding=Rounding("typed", 6, significant=True),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_an_activation_that_repeats_its_sum_is_not_the_sum(tmp_path: Path):
    """Its header is known, and that of the sum is not."""
    description = plain(1)
    headers = (("ao1", "výstup o1."),)
    layout = replace(description.layout, vocabulary="czech", numbering="source", headers=headers)
    wrong = Mistake("no sigmoid", "ao1", "{o1}", "sigmoid")
    assert judged(replace(description, layout=layout, mistakes=(wrong,)), tmp_path).fits


def test_a_sum_under_an_unknown_word_may_have_lost_its_number(tmp_path: Path):
    """I_h beside I_h1, with no activation of its own."""
    description = plain(1)
    layout = replace(
        description.layout,
        vocabulary="han and kamber", numbering="source", headers=(("h2", "I_h"),),
    )  # fmt: skip
    wrong = (
        Mistake("sum for activation", "ah2", "{h2}", "sigmoid"),
        Mistake("no parentheses", "ao2", "1/1+EXP(-{o2})", "parenthes"),
    )
    assert judged(replace(description, layout=layout, mistakes=wrong), tmp_path).fits
