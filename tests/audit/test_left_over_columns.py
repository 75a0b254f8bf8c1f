"""Wrong columns under headers that nobody knows are found by their formulas and by their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.check_command import judge_one, words_of
from fixtures.generated_equations import equations
from fixtures.generated_judgement import judged
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import COURSE, Rounding, build
from fixtures.student_workbooks import COURSE_ORDER, GRADIENTS, PLAIN, Form, Table

from backprop_sheet.audit.workbook_audit import audit_workbook

SLOPES = {name: name.replace("∂E/∂", "slope of ") for name in GRADIENTS}
CASES: dict[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "total of the errors": ({"E_total": "all"}, {"E_total": "[E1]-[E2]"}, "E_total"),
    "one error only": ({"E_total": "E_ges"}, {"E_total": "[E1]"}, "E_total"),
    "error and total": (
        {"E2": "lower", "E_total": "both"},
        {"E2": "0.5*([t2]-[a_o1])^2"},
        "E2",
    ),
    "gradient by its formula": (
        {"∂E/∂w5": "foo"},
        {"∂E/∂w5": "-1*(" + PLAIN["∂E/∂w5"] + ")", "w5": "[w5@-1]"},
        "∂E/∂w5",
    ),
    "gradient by its like": (
        SLOPES,
        {"∂E/∂w3": PLAIN["∂E/∂w3"].replace("[w6]", "[w5]"), "w3": "[w3@-1]"},
        "∂E/∂w3",
    ),
}


@pytest.mark.parametrize(("headers", "changes", "wrong"), CASES.values(), ids=CASES)
def test_a_wrong_column_that_nothing_uses_is_found(
    headers: Mapping[str, str],
    changes: Mapping[str, str],
    wrong: str,
    saved: Callable[..., Path],
) -> None:
    table = Table(rows=5, header=lambda name: headers.get(name, name), changes=changes)
    result = judge_one(saved(table))
    columns = [fault["column"] for fault in result["faults"]]
    assert columns == [*(name for name in changes if name[0] == "w"), wrong], result["warnings"]
    assert "missing column" not in words_of(result)


def test_two_own_columns_are_not_the_total_error(saved: Callable[..., Path]) -> None:
    """Of two columns that are computed from the errors, neither is called a wrong total."""
    order = [name for name in COURSE_ORDER if name != "E_total"]
    changes = {"difference": "[E1]-[E2]", "ratio": "[E1]/[E2]"}
    table = Table(rows=5, order=[*order, *changes], changes=changes)
    result = judge_one(saved(table))
    assert (result["verdict"], result["faults"]) == ("incomplete", [])


def test_a_label_whose_value_is_used_is_recognized(saved: Callable[..., Path]) -> None:
    """η among the labels of a form is not named as perhaps what is missing."""
    order = [name for name in COURSE_ORDER if name != "E_total"]
    words = words_of(judge_one(saved(Form(rows=1, order=order, rate="column", new="new {}"))))
    assert "missing: E_total" in words and "'η'" not in words


def test_a_wrong_activation_hides_nothing_under_unknown_headers(tmp_path: Path) -> None:
    """Nothing that is computed from it follows, so that few columns seemed to be explained."""
    description = plain(1)
    order = tuple(name for name in description.layout.order if name not in GIVEN)
    layout = replace(
        description.layout,
        vocabulary="haykin", numbering="from to", given_place="cells", given=GIVEN, order=order,
    )  # fmt: skip
    mistakes = (
        Mistake("planted", "ao2", "1/1+EXP(-{o2})", ".*"),
        Mistake("planted", "w6", "{w6<}-{i1}*{g6<}", ".*"),
    )
    changed = replace(description, layout=layout, mistakes=mistakes)
    assert judged(changed, tmp_path).fits


def test_derivatives_of_outputs_are_none_of_biases(tmp_path: Path) -> None:
    """Beside b1 and b2, ``back 1`` and ``back 2`` end in the same numbers."""
    description = plain(1, backward="delta")
    style = replace(description.style, biases=True)
    computed = [name for name in equations(style) if name[0] != "w"]
    weights = [f"w{n}" for n in range(1, 9)]
    layout = replace(
        description.layout,
        order=("iteration", *GIVEN, "b1", "b2", *weights, *computed),
        vocabulary="plain english", numbering="nodes",
        headers=(("d_o1", "back 1"), ("d_o2", "back 2")),
    )  # fmt: skip
    changed = replace(
        description, style=style, numbers=(*COURSE.items(), ("eta", 0.5)), iterations=4,
        layout=layout, rounding=Rounding("ROUND", 3),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_a_wrong_error_is_found_where_targets_have_no_known_labels(tmp_path: Path) -> None:
    """What is computed from the targets is known after these."""
    description = plain(1, backward="chain")
    layout = replace(
        description.layout,
        vocabulary="haykin", given_place="cells", given=GIVEN,
        order=tuple(name for name in description.layout.order if name not in GIVEN),
    )  # fmt: skip
    no_half = Mistake("no half", "E2", "({t2}-{ao2})^2", "½")
    changed = replace(
        description, layout=layout, rounding=Rounding("typed", 6), mistakes=(no_half,)
    )
    assert judged(changed, tmp_path).fits


def test_weights_of_a_wrong_sum_are_found_by_their_updates(tmp_path: Path) -> None:
    """No sum shows which of the weights in a matrix they are."""
    description = plain(1)
    layout = replace(description.layout, vocabulary="french", numbering="matrix")
    mistake = Mistake("i of another", "h2", "{w3}*{i1}+{w4}*{i1}", "input")
    changed = replace(
        description, layout=layout, rounding=Rounding("typed", 6), mistakes=(mistake,)
    )
    assert judged(changed, tmp_path).fits


def test_a_gradient_is_not_an_intermediate_derivative_of_few_digits(tmp_path: Path) -> None:
    """0.003 in each row may be ∂E/∂h1, but its header is as those of the other gradients."""
    description = plain(1, backward="chain")
    right = equations(description.style)["g2"]
    mistake = Mistake("target for input", "g2", right.replace("{i2}", "{t2}"), "target")
    numbers = {**dict(description.numbers), "eta": 0.1}
    changed = replace(
        description,
        numbers=tuple(numbers.items()), rounding=Rounding("ROUND", 3), mistakes=(mistake,),
        layout=replace(description.layout, vocabulary="han and kamber"),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_a_typed_derivative_that_gradients_use_is_found_through_others(tmp_path: Path) -> None:
    """∂E/∂w1 follows from ∂E/∂h1, which has no column, and this from ∂E/∂a_h1."""
    description = plain(1, backward="chain")
    typed = Mistake("typed everywhere", "A_h1", "", "typed", typed=True)
    layout = replace(description.layout, headers=(("A_h1", "back"),))
    changed = replace(description, seed=2, layout=layout, mistakes=(typed,))
    assert judged(changed, tmp_path).fits


def test_a_gradient_typed_beyond_an_empty_column_is_found_by_its_update(tmp_path: Path) -> None:
    """It has no formula, and no formula of its own record uses it."""
    description = plain(1, backward="delta")
    typed = Mistake("typed everywhere", "g3", "", "typed", typed=True)
    order = list(description.layout.order)
    for name in ("g4", "g3"):
        order.insert(order.index(name), "")
    layout = replace(description.layout, order=tuple(order), vocabulary="long")
    assert judged(replace(description, layout=layout, mistakes=(typed,)), tmp_path).fits


@pytest.mark.parametrize("header", ["gradiënt ww1", "grdaiënt w1"])
def test_a_typed_gradient_under_a_mistyped_header_is_found(header: str, tmp_path: Path) -> None:
    """No formula uses it, and its wrong numbers do not tell what it is."""
    description = plain(1)
    style = replace(description.style, biases=True)
    right = equations(style)
    order = ("iteration", *GIVEN, "b1", "b2", *(f"w{n}" for n in range(1, 9)))
    layout = replace(
        description.layout,
        vocabulary="dutch", headers=(("g1", header),),
        order=(*order, *(name for name in right if name[0] != "w")),
    )  # fmt: skip
    mistake = Mistake("planted", "g1", right["g1"].replace("{ah1}", "{ah2}"), ".*")
    changed = replace(
        description, style=style, numbers=(*COURSE.items(), ("eta", 0.2)), iterations=6,
        layout=layout, rounding=Rounding("typed", 4, significant=True), mistakes=(mistake,),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_a_weight_that_no_sum_uses_is_no_momentum(tmp_path: Path) -> None:
    """It is updated, and two gradients are computed from it, so that w3 and w4 follow from it."""
    description = plain(1)
    order = ("iteration", "eta", *description.layout.order[1:])
    layout = replace(
        description.layout, vocabulary="han and kamber", rate_place="column", order=order
    )
    mistake = Mistake("w of another", "o2", "{w7}*{ah1}+{w6}*{ah2}", "weight")
    assert judged(replace(description, layout=layout, mistakes=(mistake,)), tmp_path).fits


def test_a_wrong_sum_is_found_by_its_activation_that_is_wrong_from_a_row_on(tmp_path: Path) -> None:
    """Neither follows from the other, and ``_k1`` means nothing."""
    description = plain(1)
    layout = replace(description.layout, vocabulary="bishop", headers=(("o1", "_k1"),))
    mistakes = (
        Mistake("no parentheses", "ao1", "1/1+EXP(-{o1})", "parenthes", rows="from a row on"),
        Mistake("plus for times", "o1", "{w5}+{ah1}+{w6}*{ah2}", "operator"),
    )
    assert judged(replace(description, seed=2, layout=layout, mistakes=mistakes), tmp_path).fits


def test_an_error_under_the_header_of_the_total_is_no_total(tmp_path: Path) -> None:
    """``Cost`` adds ``J``, mistyped for J1 and without its half, and J2."""
    description = plain(1)
    layout = replace(description.layout, vocabulary="ng", headers=(("E1", "J"), ("E", "Cost")))
    no_half = Mistake("no half", "E1", "({t1}-{ao1})^2", "half|½")
    assert judged(replace(description, layout=layout, mistakes=(no_half,)), tmp_path).fits


@pytest.mark.parametrize("rounding", [Rounding(), Rounding("typed", 8)], ids=["formulas", "typed"])
@pytest.mark.parametrize(
    ("vocabulary", "header"),
    [("dutch", "totale foutt"), ("mazur", "E_toal"), ("german", "Gesamtfeler")],
)
def test_a_total_error_under_a_mistyped_header_is_found(
    vocabulary: str, header: str, rounding: Rounding, tmp_path: Path
) -> None:
    """It lacks one of the errors, so that its numbers do not tell what it is."""
    description = plain(1)
    layout = replace(description.layout, vocabulary=vocabulary, headers=(("E", header),))
    only_one = Mistake("one error only", "E", "{E1}", "E2")
    changed = replace(description, layout=layout, rounding=rounding, mistakes=(only_one,))
    assert judged(changed, tmp_path).fits


WRONG_DELTAS = {
    "one path, and twice a gradient": (
        "delta", Rounding(), "δ_hh1",
        Mistake("one path", "d_h1", "{d_o2}*{w7}*{ah1}*(1-{ah1})", ".*"),
        Mistake("twice", "g1", "2*{d_h1}*{i1}", ".*"),
    ),
    "one path, typed": (
        "delta", Rounding("typed", 8), "δ_h",
        Mistake("one path", "d_h2", "{d_o1}*{w6}*{ah2}*(1-{ah2})", ".*"),
    ),
    "a sign": (
        "negative delta", Rounding(), "δ_h",
        Mistake("sign", "d_h2", "-({d_o1}*{w6}+{d_o2}*{w8})*{ah2}*(1-{ah2})", "sign"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_DELTAS.values(), ids=WRONG_DELTAS)
def test_a_wrong_delta_under_a_mistyped_header_is_found(
    case: tuple[str, Rounding, str, Mistake], tmp_path: Path
) -> None:
    """Its numbers are those of another derivative."""
    backward, rounding, header, *mistakes = case
    description = plain(1, backward=backward)
    headers = ((mistakes[0].quantity, header), ("w2", "w223"))
    layout = replace(description.layout, vocabulary="mazur", headers=headers)
    if rounding.kind == "typed":
        layout = replace(layout, numbering="nodes")
    changed = replace(description, layout=layout, rounding=rounding, mistakes=tuple(mistakes))
    assert judged(changed, tmp_path).fits


def test_a_delta_typed_everywhere_is_found_by_one_of_its_gradients(tmp_path: Path) -> None:
    """The other one is wrong, so that as much is wrong if both are, and δ_h1 is none."""
    description = plain(1, backward="negative delta")
    layout = replace(description.layout, vocabulary="bishop", numbering="outputs first")
    mistakes = (
        Mistake("doubled factor", "g2", "-{d_h1}*{i2}*{i2}", "factor"),
        Mistake("typed everywhere", "d_h1", "", "typed", typed=True),
    )
    assert judged(replace(description, layout=layout, mistakes=mistakes), tmp_path).fits


def test_a_column_of_two_digits_is_no_total_in_place_of_a_wrong_one(tmp_path: Path) -> None:
    """∂E/∂w5 is 0.013 where the total error is 0.015, under a header that means little."""
    description = plain(1, backward="delta")
    mean = Mistake("mean of errors", "E", "({E1}+{E2})/2", "½|half|mean|2")
    numbers = {**dict(description.numbers), "t1": 0.5, "t2": 0.5}
    changed = replace(
        description,
        numbers=tuple(numbers.items()), rounding=Rounding("ROUND", 3), mistakes=(mean,),
        layout=replace(description.layout, vocabulary="long"),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_a_derivative_of_zeros_is_found_by_the_formulas_that_use_it(tmp_path: Path) -> None:
    """All that is computed from ∂E/∂a_h1 is 0, too."""
    description = plain(1, backward="chain")
    typed = Mistake("typed everywhere", "A_h1", "", "typed", typed=True)
    layout = replace(description.layout, headers=(("A_h1", "∂E/∂a_hh1"),))
    workbook = build(replace(description, seed=0, layout=layout, mistakes=(typed,)))
    result = audit_workbook(workbook.write(tmp_path / "book.xlsx"))
    assert [finding.column for finding in result.tables[0].findings] == ["∂E/∂a_h1"]


def test_an_update_that_begins_with_the_first_weight_is_one(tmp_path: Path) -> None:
    """The sum that has this weight is wrong, too, so that only its gradient tells."""
    description = plain(1)
    layout = replace(
        description.layout, vocabulary="letters", numbering="from to", dialect="absolute"
    )
    mistakes = (
        Mistake("first weight", "w3", "{w3@0}-{eta}*{g3<}", "row"),
        Mistake("plus for times", "h2", "{w3}+{i1}+{w4}*{i2}", "operator"),
    )
    assert judged(replace(description, layout=layout, mistakes=mistakes), tmp_path).fits


def test_a_wrong_delta_is_found_by_the_header_of_the_other_neurons(tmp_path: Path) -> None:
    """Its gradients, rounded to two digits, follow from the right one, too."""
    description = plain(1, backward="negative delta")
    order = ("iteration", *GIVEN, "b1", "b2", *description.layout.order[5:])
    wrong = "({d_o1}*{w5}+{d_o2}*{w7})*{ah2}*(1-{ah2})"
    changed = replace(
        description,
        style=replace(description.style, biases=True), numbers=(*COURSE.items(), ("eta", 0.1)),
        layout=replace(description.layout, vocabulary="ng", order=order),
        rounding=Rounding("ROUND", 5), iterations=5,
        mistakes=(Mistake("ah of another", "d_h1", wrong, "another|a_h2"),),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


def test_a_typed_gradient_is_found_by_its_like_that_say_what_they_connect(tmp_path: Path) -> None:
    """ "slope of w3 (i1→h2)" has other numbers than "slope of w4 (i2→h2)"."""
    description = plain(1, backward="chain")
    changed = replace(
        description,
        layout=replace(description.layout, vocabulary="long", numbering="arrows"),
        rounding=Rounding("typed", 8),
        mistakes=(Mistake("s_h of another", "g3", "{A_h2}*{s_h1}*{i1}", "another"),),
    )
    assert judged(changed, tmp_path).fits
