"""``check`` of tables of typed numbers with few digits, under headers that tell little."""

from __future__ import annotations

from dataclasses import replace

import openpyxl
import pytest
from fixtures.generated_judgement import judged
from fixtures.generated_layouts import Layout
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import COURSE, Description, Rounding
from fixtures.sampling import some_of

from backprop_sheet.audit.workbook_audit import audit_workbook

DIGITS = [Rounding("typed", 4), Rounding("typed", 4, True), Rounding("typed", 8)]
WRONG = {
    "a sum with another weight": Mistake("planted", "o1", "{w6}*{ah1}+{w8}*{ah2}", ".*"),
    "a sum with a minus": Mistake("planted", "o1", "{w5}*{ah1}-{w6}*{ah2}", ".*"),
    "a gradient with another input": Mistake("planted", "g2", "{d_h1}*{i1}", ".*"),
}


def typed(rounding: Rounding, backward: str = "full", **fields: object) -> Description:
    """The exercise with its given values in cells above, and its numbers typed."""
    description = plain(1, backward=backward)
    order = tuple(name for name in description.layout.order if name not in GIVEN)
    layout: Layout = replace(
        description.layout, **{"given": GIVEN, "given_place": "cells", "order": order, **fields}
    )
    return replace(description, layout=layout, rounding=rounding)


def ids(rounding: Rounding) -> str:
    return f"{rounding.digits} {'digits' if rounding.significant else 'decimals'}"


@pytest.mark.parametrize("rounding", some_of(DIGITS, 1), ids=ids)
@pytest.mark.parametrize("vocabulary", some_of(["czech", "haykin", "bishop", "letters"], 2))
@pytest.mark.parametrize("numbering", ["outputs first", "source"])
def test_another_numbering_under_unknown_words(rounding, vocabulary, numbering, tmp_path):
    description = typed(rounding, vocabulary=vocabulary, numbering=numbering)
    assert judged(description, tmp_path).fits


@pytest.mark.parametrize("rounding", some_of(DIGITS[1:], 1), ids=ids)
@pytest.mark.parametrize(
    "mistake", some_of([pytest.param(one, id=name) for name, one in WRONG.items()], 1)
)
def test_a_wrong_column_does_not_hide_the_numbering(mistake, rounding, tmp_path):
    description = typed(rounding, "delta", numbering="outputs first")
    judgement = judged(replace(description, mistakes=(mistake,)), tmp_path)
    assert not (judgement.false or judgement.missed or judgement.not_judged), judgement


@pytest.mark.parametrize("rounding", some_of(DIGITS, 1), ids=ids)
def test_no_own_column_explains_a_wrong_gradient(rounding, tmp_path):
    """From ∂E/∂h1 with one decimal, any ∂E/∂w2 would follow."""
    description = typed(rounding, "chain")
    order = (*description.layout.order, "own time/time")
    layout = replace(description.layout, order=order)
    wrong = (Mistake("planted", "g2", "{A_h1}*{s_h1}*{i1}", ".*"),)
    judgement = judged(replace(description, layout=layout, mistakes=wrong), tmp_path)
    assert not judgement.false and not judgement.missed, judgement


def test_no_own_column_explains_a_wrong_delta_of_the_other_sign(tmp_path):
    """That δ_h2 = t - a … has about the numbers of the right one tells nothing of ``time``."""
    description = typed(SIX, "negative delta")
    layout = replace(description.layout, order=(*description.layout.order, "own time/time"))
    wrong = Mistake("planted", "d_h2", "({d_o1}*{w6}+{d_o2}*{w7})*{ah2}*(1-{ah2})", ".*")
    changed = replace(description, layout=layout, mistakes=(wrong,))
    judgement = judged(changed, tmp_path)
    assert not judgement.false and not judgement.missed, judgement


def test_a_gradient_of_one_digit_is_none_of_another_weight(tmp_path):
    """0.0004 under a mistyped header of ∂E/∂w1 has the numbers of ∂E/∂w4, by chance."""
    description = plain(1, backward="output delta")
    layout = replace(description.layout, vocabulary="french", headers=(("g1", "gradientpoids 1"),))
    wrong = Mistake("planted", "g1", "({d_o1}*{w5}+{d_o2}*{w7})*{ah1}*{i1}", ".*")
    changed = replace(
        description, layout=layout, rounding=Rounding("typed", 4), iterations=3, mistakes=(wrong,)
    )
    assert judged(changed, tmp_path).fits


def test_a_gradient_of_few_digits_has_the_decimals_of_the_table(tmp_path):
    """-0.001 below 0.0009 is -0.0010, and wrong by 0.0005."""
    description = plain(1, backward="delta")
    order = ("iteration", *GIVEN, "b1", "b2", *description.layout.order[5:])
    twice = Mistake("twice", "g1", "2*{d_h1}*{i1}", "2|twice|factor")
    changed = replace(
        description,
        style=replace(description.style, biases=True), numbers=(*COURSE.items(), ("eta", 0.5)),
        layout=replace(description.layout, order=order),
        rounding=Rounding("typed", 4), iterations=14, mistakes=(twice,),
    )  # fmt: skip
    assert judged(changed, tmp_path).fits


@pytest.mark.parametrize("rounding", some_of(DIGITS, 1), ids=ids)
def test_a_group_ends_where_its_headers_occur_again(rounding, tmp_path):
    """w1 … w8 right of the w1 … w8 under "Gradients" are the weights."""
    names = [name for name in typed(rounding).layout.order if name[0] not in "wg"]
    gradients = [f"g{number}" for number in range(1, 9)]
    weights = [f"w{number}" for number in range(1, 9)]
    order = (*names, *gradients, *weights)
    assert judged(typed(rounding, order=order, gradients="group"), tmp_path).fits


def test_errors_stand_before_the_group_of_gradients(tmp_path):
    """The word is above the first gradient, and not above the table's first column."""
    names = [
        name for name in typed(SIX).layout.order if name[0] not in "wgE" and name != "iteration"
    ]
    numbers = range(1, 9)
    gradients, weights = [f"g{n}" for n in numbers], [f"w{n}" for n in numbers]
    order = ("iteration", "E1", "E2", "E", *gradients, *weights, *names)
    wrong = (Mistake("planted", "g8", "{d_o1}*{ah2}", ".*"),)
    description = replace(typed(SIX, "delta", order=order, gradients="group"), mistakes=wrong)
    judgement = judged(description, tmp_path)
    assert not judgement.false and not judgement.missed, judgement


def test_an_own_column_between_weights_divides_no_table(tmp_path):
    """Repeated under "Gradients", the first weights are no headers of something else."""
    names = [
        name for name in typed(SIX).layout.order if name[0] not in "wg" and name != "iteration"
    ]
    weights = [f"w{number}" for number in range(1, 9)]
    order = (*weights[:3], "own Notes/text", *weights[3:], *names)
    gradients = tuple(f"g{number}" for number in range(1, 9))
    description = typed(SIX, "delta", order=(*order, *gradients, "d_o1", "d_o2"), gradients="group")
    assert judged(description, tmp_path).fits


@pytest.mark.parametrize("rounding", some_of(DIGITS, 1), ids=ids)
@pytest.mark.parametrize(
    ("vocabulary", "numbering", "backward"),
    [("han and kamber", "receiver", "output delta"), ("dutch", "matrix", "delta")],
)
def test_numbers_tell_what_too_few_headers_say(vocabulary, numbering, backward, rounding, tmp_path):
    """Only weights and errors have known headers, or all but the weights."""
    description = typed(rounding, backward, vocabulary=vocabulary, numbering=numbering)
    assert judged(description, tmp_path).fits


EIGHT, SIX = Rounding("typed", 8), Rounding("typed", 6)
HARDLY_KNOWN: dict[str, tuple[Rounding, str, dict[str, object]]] = {
    "targets beside unknown words": (
        SIX, "delta",
        {"vocabulary": "swedish", "numbering": "matrix", "own": "own t1-out/difference"},
    ),
    "given values on a sheet": (
        EIGHT, "full",
        {"vocabulary": "han and kamber", "given_place": "sheet", "gradients": "group"},
    ),
    "weights, and weights under gradients": (
        EIGHT, "full", {"vocabulary": "ng", "gradients": "group"},
    ),
    "headers that are labels of a form, too": (
        Rounding("typed", 6, True), "full",
        {"vocabulary": "letters", "numbering": "nodes", "gradients": "sheet"},
    ),
    "weights and a letter for the total, gradients and given values on sheets": (
        EIGHT, "full", {"vocabulary": "haykin", "given_place": "sheet", "gradients": "sheet"},
    ),
    "eight weights and a total": (
        SIX, "chain", {"vocabulary": "haykin", "numbering": "matrix", "gradients": "sheet"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rounding", "backward", "fields"), HARDLY_KNOWN.values(), ids=HARDLY_KNOWN
)
def test_a_typed_table_is_judged_by_its_numbers(rounding, backward, fields, tmp_path):
    fields = dict(fields)
    own = fields.pop("own", None)
    description = typed(rounding, backward, **fields)
    if own:
        layout = replace(description.layout, order=(*description.layout.order, own))
        description = replace(description, layout=layout)
    assert judged(description, tmp_path).fits


@pytest.mark.parametrize(
    ("vocabulary", "numbering", "mistake"),
    some_of(
        [
            pytest.param(
                "bishop", "from to", Mistake("planted", "ah2", "1/(1+EXP({h2}))", "sign"),
                id="sign",
            ),
            pytest.param(
                "ng", "receiver",
                Mistake("planted", "ah2", "1/(1+EXP(-{h1}))", "h1 where h2 belongs"),
                id="equal activations",
            ),
            pytest.param(
                "bishop", "receiver", Mistake("planted", "ah1", "{h1}", "sigmoid is missing"),
                id="no activation",
            ),
            pytest.param(
                "haykin", "outputs first",
                Mistake("planted", "ao2", "1/1+EXP(-{o2})", "parenthesis"),
                id="output",
            ),
            pytest.param(
                "letters", "receiver", Mistake("planted", "E", "{E1}+{E1}", "E1 where E2 belongs"),
                id="total",
            ),
            pytest.param(
                "course", "receiver", Mistake("planted", "w3", "{w3<}-0.05*{g3<}", ""),
                id="few digits",
            ),
        ],
        3,
    ),
)  # fmt: skip
def test_a_wrong_column_of_a_typed_table_is_found(vocabulary, numbering, mistake, tmp_path):
    """Nothing that is computed from an activation that is wrong tells that it is one."""
    description = typed(DIGITS[1], "delta", vocabulary=vocabulary, numbering=numbering)
    if mistake.quantity == "w3":
        numbers = {**description.given, "eta": 2.0}
        description = replace(description, numbers=tuple(numbers.items()))
    judgement = judged(replace(description, mistakes=(mistake,)), tmp_path)
    assert judgement.fits, judgement


def test_a_typed_form_under_hardly_known_labels_is_one_record(tmp_path):
    """l and Error, and E_1 and Err_o1, are known, and no two records of E and E1."""
    description = typed(SIX, "output delta", vocabulary="han and kamber")
    given = (*GIVEN, "eta")
    order = (*given, *(name for name in description.layout.order if name != "iteration"))
    mistake = Mistake("planted", "ah1", "1/(1+EXP(-{h2}))", "h2 where h1 belongs")
    layout = replace(description.layout, kind="form", given=given, order=order)
    form = replace(description, layout=layout, iterations=1, mistakes=(mistake,))
    judgement = judged(form, tmp_path)
    assert judgement.fits, judgement


def test_a_letter_beside_a_numbered_one_begins_no_table(tmp_path):
    """The table has x1 and x, and not two tables side by side."""
    description = typed(DIGITS[0], vocabulary="ng", headers=(("i2", "x"),))
    layout = replace(
        description.layout,
        given=(), given_place="columns", order=(*GIVEN, *description.layout.order),
    )  # fmt: skip
    assert judged(replace(description, layout=layout), tmp_path).fits


def test_biases_in_other_words_are_the_exercises(tmp_path):
    """No header names a neuron whose θ1 would be, and no formula uses it."""
    description = typed(SIX, "delta", vocabulary="han and kamber")
    biased = replace(
        description,
        style=replace(description.style, biases=True),
        numbers=(*description.numbers, ("b1", 0.35), ("b2", 0.6)),
    )
    given = (*GIVEN, "b1", "b2")
    computed = [name for name in description.layout.order if name not in given]
    layout = replace(description.layout, given=given, order=(*computed, "own ratio/ratio"))
    assert judged(replace(biased, layout=layout), tmp_path).fits
    columns = replace(layout, given=(), given_place="columns", order=(*given, *computed))
    wrong = (Mistake("planted", "ah1", "1/(1+EXP(-{h2}))", "h2 where h1 belongs"),)
    judgement = judged(replace(biased, layout=columns, mistakes=wrong), tmp_path)
    assert judgement.fits, judgement


def test_a_small_rounded_derivative_has_the_sign_of_the_others(tmp_path):
    """With a_h1 = 0.0275, δ_h1 is 0.0001 or 0.0000."""
    description = typed(DIGITS[0], "negative delta", vocabulary="haykin")
    numbers = {**description.given, "eta": 0.8}
    description = replace(description, iterations=13, numbers=tuple(numbers.items()))
    wrong = (Mistake("planted", "ah1", "{h1}", ".*"),)
    judgement = judged(replace(description, mistakes=wrong), tmp_path)
    assert judgement.fits, judgement


def test_a_list_of_final_values_is_no_table(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["lr", *(f"w{number}" for number in range(1, 9)), "E1", "E2", "E_total"])
    for row in range(1, 6):
        book.active.append([row / 10, *(0.1 * row + column for column in range(11))])
    book.save(tmp_path / "book.xlsx")
    assert audit_workbook(tmp_path / "book.xlsx").tables == ()


@pytest.mark.parametrize("place", ["cells", "sheet"])
@pytest.mark.parametrize("no_sigmoid", [False, True])
def test_one_own_formula_does_not_hide_the_other_given_values(no_sigmoid, place, tmp_path):
    """``=G2-S8`` refers to y1 alone; and that it uses a_o1 does not make this o1."""
    description = typed(Rounding("typed", 6), vocabulary="ng", given_place=place)
    order = (*description.layout.order[:3], "own t1-out/difference", *description.layout.order[3:])
    wrong = (Mistake("no sigmoid", "ao1", "{o1}", "sigmoid"),) if no_sigmoid else ()
    layout = replace(description.layout, order=order)
    assert judged(replace(description, layout=layout, mistakes=wrong), tmp_path).fits


def test_inputs_headed_as_the_errors_of_other_headers_are_inputs(tmp_path):
    """e1, une entrée, beside "erreur 1": only given numbers stay the same."""
    description = plain(1, backward="output delta")
    unknown = {
        **{f"{a}h{n}": f"{word} c{n}" for n in (1, 2) for a, word in (("", "pot"), ("a", "act"))},
        **{f"{a}o{n}": f"{word} s{n}" for n in (1, 2) for a, word in (("", "pot"), ("a", "act"))},
    }
    headers = {"i1": "e1", "i2": "e2", "E1": "erreur 1", "E2": "erreur 2", **unknown}
    layout = replace(description.layout, headers=tuple(headers.items()))
    description = replace(description, layout=layout, rounding=Rounding("typed", 6))
    judgement = judged(description, tmp_path)
    assert judgement.fits, judgement
    (path,) = tmp_path.glob("*.xlsx")
    (table,) = audit_workbook(path).tables
    by = {column.header: column.by for column in table.columns}
    assert {by["e1"], by["pot c1"]} == {"numbers"}
