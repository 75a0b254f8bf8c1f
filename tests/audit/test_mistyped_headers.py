"""``check`` of tables in which several headers have a typing error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import judge_one
from fixtures.generated_judgement import judged
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import COURSE, Description, Rounding
from fixtures.sampling import some_named
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Table

WEIGHTS = tuple(f"w{number}" for number in range(1, 9))
GROUP = tuple(f"g{number}" for number in (5, 6, 7, 8, 1, 2, 3, 4))


def described(
    headers: Mapping[str, str],
    *mistakes: Mistake,
    backward: str = "full",
    rounding: Rounding | None = None,
    given: str = "",
    iterations: int = 8,
    biases: bool = False,
    rate: float = 0.5,
    **layout: Any,
) -> Description:
    """The exercise with other headers.

    Args:
        given: where the given numbers stand, if not in columns.
    """
    description = plain(1, backward=backward)
    order = description.layout.order
    outside = (*GIVEN, "b1", "b2") if biases else GIVEN
    if given:
        is_form = layout.get("kind") == "form"
        order = tuple(name for name in order[is_form:] if name not in GIVEN)
        order = (*outside, "eta", *order) if is_form else order
        outside = (*outside, "eta") if is_form else outside
        layout = {"given": outside, "given_place": given, **layout}
    elif biases:
        order = (order[0], *outside, *order[5:])
    changed = replace(description.layout, order=order, headers=tuple(headers.items()))
    numbers = {**(COURSE if biases else dict(description.numbers)), "eta": rate}
    return replace(
        description,
        style=replace(description.style, biases=biases),
        numbers=tuple(numbers.items()),
        iterations=iterations,
        layout=replace(changed, **layout),
        rounding=rounding or Rounding(),
        mistakes=mistakes,
    )


def grouped(*order: str) -> dict[str, Any]:
    """Gradients under their group's header, after other columns."""
    return {"gradients": "group", "order": order}


FORWARD = ("h1", "ah1", "h2", "ah2", "o1", "ao1", "o2", "ao2", "E1", "E2", "E")
TYPED = Rounding("typed", 6, significant=True)
ALL_FROM_INPUT = tuple(
    Mistake("all η from an input", f"w{n}", f"{{w{n}<}}-{{i1}}*{{g{n}<}}", "η|rate", of_rate=True)
    for n in range(1, 9)
)
SLOPE_O1, SLOPE_O2 = (f"({{ao{n}}}-{{t{n}}})*{{ao{n}}}*(1-{{ao{n}}})" for n in (1, 2))
SLOPE_H2 = "{ah2}*(1-{ah2})"
CASES = {
    "a weight's header above a gradient": described(
        {"g5": "w_h1o1", "w8": "_h2o2"},
        Mistake("no a", "g5", "({ao1}-{t1})*(1-{ao1})*{ah1}", ".*"),
        vocabulary="sums", numbering="from to", rounding=Rounding("typed", 4), iterations=10,
    ),
    "that of ∂E/∂a_h2 lacks its a": described(
        {"A_h2": "∂E/∂_h2", "w8": "vkt 8"},
        Mistake("s_o of another", "A_h2", "{A_o1}*{s_o2}*{w6}+{A_o2}*{s_o2}*{w8}", "another|wrong"),
        backward="chain", vocabulary="swedish", rounding=Rounding("ROUND", 5), iterations=10,
    ),
    "a sign of the total twice": described(
        {"E": "总误误差"}, Mistake("E of another", "E", "{E2}+{E2}", ".*"),
        vocabulary="chinese", rounding=TYPED,
    ),
    "a digit of a gradient twice": described(
        {"g3": "waga 114"},
        Mistake("planted", "g3", f"({SLOPE_O1}*{{w6}}+{SLOPE_O2}*{{w7}})*{SLOPE_H2}*{{i1}}", ""),
        vocabulary="polish", numbering="nodes", rounding=Rounding("typed", 4, True), beside=True,
        iterations=5, biases=True,
        **grouped(*GIVEN, "b1", "b2", *WEIGHTS, *FORWARD, *sorted(GROUP)),
    ),
    "a number in the place of a weight": described(
        {"g1": "slope of w5.", "w1": "5"},
        Mistake("i of another", "g1", "{d_h1}*{i2}", ".*"),
        Mistake("no η", "w1", "{w1<}-{g1<}", ".*", rows="from a row on"),
        backward="delta", vocabulary="long", numbering="outputs first",
        rounding=Rounding("typed", 8), given="sheet", gradients="sheet",
    ),
    "a matrix's weight above a gradient": described(
        {"ah1": "a11", "d_h1": "d1_1", "g6": "v12"},
        backward="negative delta", vocabulary="ng", numbering="matrix",
        rounding=Rounding("typed", 4), given="cells",
    ),
    "the first header of a group alone": described(
        {"g1": "w1.", "h2": "z_2.", "w5": "ww5"},
        vocabulary="letters", rounding=Rounding("typed", 6), given="cells",
        backward="delta",
        **grouped("iteration", *WEIGHTS, *FORWARD, *GROUP, "d_o1", "d_o2", "d_h1", "d_h2"),
    ),
    "a weight's header on the gradients' sheet": described(
        {"g5": "w5", "w5": "w5."},
        backward="delta", vocabulary="han and kamber", numbering="source",
        rounding=Rounding("typed", 4), given="cells", gradients="sheet",
    ),
    "two weights by their letter in a form": described(
        {"w5": "w", "w6": "w", "w3": "ww3"},
        Mistake("a number typed over", "w6", "", "typed", rows="one row", typed=True),
        Mistake("g of another", "w3", "{w3<}-{eta}*{g1<}", "another"),
        backward="chain", vocabulary="sums", kind="form", iterations=1, given="cells",
    ),
    "a sum by its letter, another by its number": described(
        {"ao1": "a_oo1", "h1": "1", "h2": "h"},
        Mistake("no parentheses", "ao1", "1/1+EXP(-{o1})", "parenthes"),
        Mistake("i of another", "h1", "{w1}*{i1}+{w2}*{i1}", "another|i2", rows="from a row on"),
        backward="adjoint", kind="rows", given="cells", numbering="source", iterations=12,
    ),
    "weights in another numbering": described(
        {"w1": "peeso 1", "w2": "pso 3", "w3": "pes 2"}, *ALL_FROM_INPUT,
        vocabulary="spanish", numbering="source", rate_place="column",
        order=("iteration", "eta", *WEIGHTS, *FORWARD, *sorted(GROUP), *GIVEN),
    ),
    "a weight by its letter, another by its number": described(
        {"w1": "1", "w2": "w2.", "w3": "w"}, *ALL_FROM_INPUT,
        vocabulary="mazur", given="sheet", biases=True, rate_place="column",
        order=("iteration", "eta", *WEIGHTS, *FORWARD, *sorted(GROUP)),
    ),
    "an output beside the same numbers": described(
        {"ao1": "výstup o1.", "i2": "vstup ", "g4": "gradien w_i2h2"},
        Mistake("no sigmoid", "ao1", "{o1}", ".*"),
        backward="delta", vocabulary="czech", numbering="from to", rounding=Rounding("typed", 4),
    ),
    "a weight's number beside that of an input, in a form": described(
        {"w1": "w1.", "w2": "2", "w3": "w3."}, *ALL_FROM_INPUT,
        vocabulary="sums", rounding=Rounding("typed", 8, True), kind="form", iterations=1,
        given="cells",
    ),
    "the total's word without another one": described(
        {"E": "EError", "ao2": "O_o", "ah1": "OO_h1"}, Mistake("one only", "E", "{E1}", ".*"),
        backward="adjoint", vocabulary="han and kamber", numbering="source",
        rounding=Rounding("typed", 6), given="cells",
    ),
    "an error by its number in a form": described(
        {"E2": "2", "E": "E_total."},
        Mistake("ao of another", "E2", "0.5*({t2}-{ao1})^2", ".*"),
        Mistake("difference", "E", "{E1}-{E2}", ".*"),
        kind="form", rounding=Rounding("typed", 8), iterations=1, given="cells",
    ),
    "a wrong sum in a form": described(
        {"h2": "tplam h2", "g5": "gradyn w5", "w5": "ağırlık5"},
        Mistake("plus for times", "h2", "{w3}+{i1}+{w4}*{i2}", ".*"),
        backward="output delta", vocabulary="turkish", numbering="source", kind="form",
        rounding=Rounding("typed", 8), iterations=1, given="cells",
    ),
    "a wrong sum and its weight in a form": described(
        {"h2": "nnet_h2", "w8": "ww46", "w4": "ww24"},
        Mistake("target for input", "h2", "{w3}*{i1}+{w4}*{t2}+{b1}", ".*"),
        backward="chain", vocabulary="mazur", numbering="nodes", kind="form", biases=True,
        rounding=Rounding("typed", 4), iterations=1, given="cells", rate=0.1,
    ),
    "no header of errors, sums or activations": described(
        {"g7": "ω77", "E": "ℰℰ"},
        backward="output delta", vocabulary="haykin", rounding=Rounding("typed", 6), given="sheet",
        **grouped("iteration", *WEIGHTS, *FORWARD, *sorted(GROUP), "d_o1", "d_o2"),
    ),
    "a target, beside exchanged weights": described(
        {"t1": "t11", "w1": "w1e"},
        backward="negative delta", numbering="nodes", rounding=Rounding("typed", 8),
    ),
    "a wrong δ, beside exchanged weights": described(
        {"d_o2": "δ_o2.", "g8": "∂E/v22", "g4": "∂E/∂u2"},
        Mistake("sum for activation", "d_o2", "({t2}-{ao2})*{o2}*(1-{ao2})", ".*"),
        backward="negative delta", numbering="matrix", rounding=Rounding("typed", 6),
        given="sheet",
    ),
    "a weight of a matrix": described(
        {"w3": "u211", "E2": "j2", "g5": "dvv11"},
        Mistake("plus for minus", "w3", "{w3<}+{eta}*{g3<}", ".*"),
        backward="chain", vocabulary="ng", numbering="matrix", rounding=TYPED,
    ),
    "an error of which a typed total is the sum": described(
        {"E1": "q1", "E": "E_ottal", "w6": "6"},
        Mistake("no square", "E1", "0.5*({t1}-{ao1})", ".*"),
        backward="output delta", rounding=Rounding("typed", 6),
    ),
    "∂E/∂s_h2 beside a wrong activation": described(
        {"ah1": "a_1", "A_h2": "∂E/∂s_h2", "A_h1": "∂E/∂a_1"},
        Mistake("no sigmoid", "ah1", "{h1}", ".*"),
        backward="chain", kind="form", iterations=1, given="cells",
    ),
    "a bias by its number beside zeros headed b": described(
        {"w6": "w77", "g4": "dE/dw4.", "b1": "1"},
        Mistake("plus for minus", "w6", "{w6<}+{eta}*{g6<}", ".*"),
        backward="delta", vocabulary="mazur", numbering="source", rounding=Rounding("typed", 4),
        biases=True,
        order=("iteration", *GIVEN, "b1", "b2", *WEIGHTS, *FORWARD, *sorted(GROUP), "own b/zeros"),
    ),
    "a total without its space, beside an own column": described(
        {"E": "celkováchyba", "ah1": "výsttup h1", "g4": "gradiet w4"},
        Mistake("mean of errors", "E", "({E1}+{E2})/2", ".*"),
        vocabulary="czech", rounding=Rounding("typed", 4),
        order=("iteration", *GIVEN, *WEIGHTS, *FORWARD[:-1], "own t1-out/difference", "E",
               *sorted(GROUP)),
    ),
    "a sum headed as an input": described(
        {"w5": "_h1o1", "g5": "Δw_h1oa", "o1": "I_1", "g2": "Δw_i2h 1"},
        Mistake("g of another", "w5", "{w5<}-{eta}*{g6<}", ".*"),
        vocabulary="han and kamber", numbering="from to", rounding=TYPED, given="cells",
    ),
    "weights headed as a sum and an error": described(
        {"E1": "E11", "w1": "z1", "w8": "e8", "ah1": "_h1"},
        Mistake("η from an input", "w1", "{w1<}-{i1}*{g1<}", ".*"),
        numbering="source", kind="rows", rounding=Rounding("typed", 6),
    ),
    "fixed biases": described(
        {"w5": "5", "b2": "θ2.", "b1": "θθ1"},
        Mistake("always the first weight", "w5", "{w5@0}-{eta}*{g5<}", ".*"),
        vocabulary="han and kamber", numbering="source", kind="rows", biases=True,
        rounding=TYPED, iterations=4,
    ),
    "an input in a form of one record, where every number is fixed": described(
        {"i2": "i"},
        Mistake(
            "t-a", "A_h1", "({t1}-{ao1})*{ao1}*(1-{ao1})*{w5}+({ao2}-{t2})*{ao2}*(1-{ao2})*{w7}",
            "sign|minus",
        ),
        backward="adjoint", vocabulary="mazur", numbering="nodes", kind="form", given="cells",
        rounding=Rounding("typed", 8), iterations=1, form_pairs=1,
    ),
    "two weights of a wrong sum, of which one is in two sums": described(
        {"w1": "权重重u11", "w2": "权重1u2"},
        Mistake("w of another", "h1", "{w6}*{i1}+{w2}*{i2}", "another"),
        Mistake("doubled factor", "g6", "{d_o1}*{ah2}*{ah2}", "factor"),
        backward="output delta", vocabulary="chinese", numbering="matrix", rounding=TYPED,
        order=("iteration", *GIVEN, *WEIGHTS, "own t1-out/difference", *FORWARD, "d_o1", "d_o2",
               *sorted(GROUP)),
    ),
    "the first header of a group, whose others say what they connect": described(
        {"g1": "Gewichht _i1h1"},
        Mistake("doubled factor", "d_h2", f"({{d_o1}}*{{w6}}+{{d_o2}}*{{w8}})*{SLOPE_H2}*{{ah2}}",
                "factor"),
        backward="delta", vocabulary="german", numbering="from to",
        rounding=Rounding("typed", 4, True), given="cells",
        **grouped(*WEIGHTS, *FORWARD, *sorted(GROUP), "d_o1", "d_o2", "d_h1", "d_h2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("description", some_named(CASES, 9))
def test_a_table_is_judged_by_what_its_headers_are_meant_to_say(
    description: Description, tmp_path: Path
) -> None:
    judgement = judged(description, tmp_path)
    assert judgement.fits, judgement


def test_the_first_header_typed_twice_does_not_begin_a_second_table(
    saved: Callable[..., Path],
) -> None:
    """Without its first columns, a table lacks an input, and its weights have other numbers."""
    wrong = {"∂E/∂w2": PLAIN["∂E/∂w2"].replace("[i2]", "[i1]")}
    order = ("i1", "i2", "t1", "t2", *COURSE_ORDER[4:])
    table = Table(header=lambda name: {"i2": "i1"}.get(name, name), order=order)
    result = judge_one(saved(replace(table, changes=wrong, rows=6)))
    [fault] = result["faults"]
    assert (fault["column"], fault["cause"]) == ("∂E/∂w2", "the other input: i1 where i2 belongs")
    assert [note for note in result["warnings"] if "numbering" in note] == []
