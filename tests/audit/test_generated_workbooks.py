"""`check` on generated workbooks of students: every wrong cell is found, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from fixtures.generated_equations import BACKWARD_STYLES, equations, round_half_up
from fixtures.generated_judgement import Judgement, judge_result
from fixtures.generated_mistakes import possible_mistakes
from fixtures.generated_relations import plain, relations
from fixtures.generated_workbooks import (
    Description,
    GeneratedWorkbook,
    Rounding,
    build,
    generate,
)
from fixtures.sampling import some_of

from backprop_sheet.audit.workbook_audit import audit_workbook

SEEDS = 200
# Workbooks that are judged wrongly as yet, with the reason. None of them may be left out.
KNOWN_KINDS: dict[str, tuple[int, ...]] = {}
KNOWN = {seed: kind for kind, seeds in KNOWN_KINDS.items() for seed in seeds}
KNOWN_RELATIONS: dict[str, str] = {}

BASES = [
    plain(seed, mistakes, backward)
    for seed, (mistakes, backward) in enumerate(
        (mistakes, backward) for mistakes in (0, 1, 2) for backward in BACKWARD_STYLES
    )
]


def judged(workbook: GeneratedWorkbook, folder: Path) -> Judgement:
    """What `check` says, beside what is wrong."""
    return judge_result(workbook, audit_workbook(workbook.write(folder / "book.xlsx")))


def assert_fits(seed: int, folder: Path) -> None:
    """What is wrong in a seed's workbook is found with its cause, and nothing else."""
    judgement = judged(generate(seed), folder)
    assert judgement.fits, judgement


def marked(cases, known):
    """The cases, those that are known to fail with a strict mark."""
    return [
        pytest.param(
            *case.values, marks=[*case.marks, pytest.mark.xfail(reason=known[key], strict=True)]
        )
        if (key := case.values[0]) in known
        else case
        for case in (case if hasattr(case, "marks") else pytest.param(case) for case in cases)
    ]


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(40969, id="bands with labels alone"),
        pytest.param(71749, id="typed, with hardly a known label"),
        pytest.param(73717, id="thresholds, of which one is near a sum"),
        pytest.param(305063, id="a gradient labelled as its weight"),
        pytest.param(71725, id="a typed total beside the errors"),
    ],
)
def test_a_form_is_read(seed: int, tmp_path: Path) -> None:
    assert_fits(seed, tmp_path)


@pytest.mark.parametrize(
    "seed",
    some_of(
        [
            pytest.param(20970, id="a gradient of 0.000 in all rows beside one of 0.001"),
            pytest.param(40540, id="the same, and a mistake"),
            pytest.param(50100, id="a typed gradient with the same digit in all rows"),
            pytest.param(
                41044, id="fixed biases after the gradients, in the columns of their group"
            ),
            pytest.param(55785, id="a number typed everywhere that ROUND gives once, too"),
            pytest.param(40725, id="biases in a numbering of the weights that names neurons"),
            pytest.param(200268, id="gradients beyond an empty column, computed from δ beyond it"),
            pytest.param(202299, id="a comment above rows that look like a matrix"),
            pytest.param(205043, id="a typed group of gradients, and h2 typed twice"),
            pytest.param(
                260791, id="a typed table whose weights are numbered by source, and no Adam"
            ),
            pytest.param(204948, id="rounded columns, of which the last record has none"),
            pytest.param(205168, id="an output typed as its target, under a mistyped header"),
            pytest.param(706436, id="repeated headers, activations under H1 and y1, a list beside"),
            pytest.param(707094, id="a column of zeros headed b, in another numbering"),
            pytest.param(
                8257, id="a wrong sum of three decimals, a_1, that nothing tells from its like"
            ),
        ],
        8,
    ),
)
def test_no_right_column_is_accused(seed: int, tmp_path: Path) -> None:
    assert_fits(seed, tmp_path)


@pytest.mark.parametrize(
    "seed",
    some_of(
        [
            pytest.param(100415, id="a typed form with a weight that stays as it was"),
            pytest.param(103399, id="a weight that stays as it was, before an unfinished record"),
            pytest.param(119700, id="a weight that is not updated in one row"),
            pytest.param(81184, id="numbers of few digits beside one that is surely wrong"),
            pytest.param(114683, id="numbers typed below the formulas of a column"),
            pytest.param(115360, id="a wrong sum headed as the other one"),
            pytest.param(115089, id="a target that nothing uses, headed as the other one"),
            pytest.param(116691, id="a gradient that hardly changes its weight"),
            pytest.param(113088, id="a total error beside a list of results with others"),
            pytest.param(117101, id="a group of gradients beside a list of results"),
            pytest.param(
                112628, id="given values, of which a formula uses one with an unknown label"
            ),
            pytest.param(84588, id="an input without a header beside an activation of 0.524"),
            pytest.param(104337, id="a target of 0.5 in a typed form, which is no activation"),
            pytest.param(100649, id="weights that say what they connect beside a wrong sum"),
            pytest.param(117482, id="both outputs computed from the same sum, which is wrong"),
            pytest.param(117625, id="an η under its header that no update uses"),
            pytest.param(82386, id="a target on a sheet of given values"),
            pytest.param(104476, id="t - a of one's own beside gradients of the usual sign"),
            pytest.param(116153, id="numbers of few digits that are the same by rounding"),
            pytest.param(200471, id="a wrong δ whose gradients are rounded to 0.000"),
            pytest.param(200833, id="a mistyped number of an output, o11, beside equal targets"),
            pytest.param(104466, id="a wrong typed sum that other weights explain in most rows"),
            pytest.param(207266, id="a wrong total error beside a list headed as it should be"),
            pytest.param(
                201774, id="a wrong δ_o1 with t2, beside an error that is typed everywhere"
            ),
            pytest.param(202331, id="both errors with t1 and a_o2, in words that are not known"),
            pytest.param(
                203008, id="negative δ, of which one has a wrong sign, and mistyped headers"
            ),
            pytest.param(203085, id="a typed total error under a mistyped header, in a form"),
            pytest.param(203794, id="an input instead of η, beside gradients on another sheet"),
            pytest.param(305439, id="twice a typed gradient, where i2 is twice i1"),
            pytest.param(
                308151, id="twice the factor i2 in a typed gradient, where t1 is i2 squared"
            ),
            pytest.param(203995, id="a typed group of gradients beside a list of rates and errors"),
            pytest.param(303178, id="two equal errors, of which the header tells the output"),
            pytest.param(300487, id="a weight in two sums, one of which has a target as an input"),
            pytest.param(300985, id="two weights that stand still beside gradients of one digit"),
            pytest.param(
                300010, id="a number typed over in the second row, beyond an empty column"
            ),
            pytest.param(306167, id="a mistyped number, w44, that no formula uses"),
            pytest.param(300967, id="twice a typed gradient, which is that of the other input"),
            pytest.param(840130, id="a typed δ_h1 headed as an error, beside rounded gradients"),
        ],
        6,
    ),
)
def test_a_mistake_is_found_with_its_cause(seed: int, tmp_path: Path) -> None:
    assert_fits(seed, tmp_path)


@pytest.mark.parametrize(
    "seed",
    some_of(
        [
            pytest.param(703005, id="of which one takes the other back: ∂E/∂w4 from twice δ_h2"),
            pytest.param(708083, id="of which one hides the other in some rows, rounded"),
            pytest.param(707679, id="of which the other looks like a slip in one row, typed"),
            pytest.param(705076, id="which look like another numbering, and a weight headed 3"),
            pytest.param(432, id="in both errors, whose headers are not known"),
            pytest.param(1438, id="which look like biases in a form of one iteration"),
            pytest.param(8875, id="above a sum whose header lacks its number"),
            pytest.param(
                910334, id="which give two gradients, headed by neurons, the same numbers"
            ),
            pytest.param(911028, id="of which one types a_h1, and one computes a_h2 as a_h1"),
            pytest.param(
                350, id="of which one is as if it came from a difference that nothing uses"
            ),
            pytest.param(
                1295, id="in updates beside a column of η, under a header that is repeated"
            ),
        ],
        5,
    ),
)
def test_two_mistakes_are_told_apart(seed: int, tmp_path: Path) -> None:
    assert_fits(seed, tmp_path)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(700125, id="beside gradients of which four decimals leave nothing"),
        pytest.param(705417, id="whose step of few digits is ten times the right one"),
        pytest.param(3976, id="of gradients on another sheet, one of them headed w3"),
        pytest.param(7457, id="in a sum whose weights say what they connect"),
    ],
)
def test_a_mistake_in_typed_numbers_is_found(seed: int, tmp_path: Path) -> None:
    assert_fits(seed, tmp_path)


@pytest.mark.parametrize(
    ("seed", "rounding", "planted"),
    [
        pytest.param(
            900283,
            Rounding("typed", 8),
            {"w8": "plus for minus", "E2": "t of another"},
            id="an error beside a δ that is headed as an error",
        ),
        pytest.param(
            900299,
            Rounding("typed", 6),
            {"h1": "i of another", "h2": "missing term"},
            id="two sums of a form, which look like biases",
        ),
        pytest.param(
            900575,
            Rounding(),
            {"ah1": "h of another", "g8": "wrong sign"},
            id="two activations of one sum, whose header is not known",
        ),
        pytest.param(
            840534,
            Rounding("typed", 8),
            {"s_h1": "twice", "g2": "i of another"},
            id="a typed gradient that is right beside a wrong ∂a_h1/∂h1",
        ),
    ],
)
def test_planted_mistakes_are_found(
    seed: int, rounding: Rounding, planted: dict[str, str], tmp_path: Path
) -> None:
    description = generate(seed).description
    right = equations(description.style)
    mistakes = [
        next(
            mistake
            for mistake in possible_mistakes(Random(seed), description.style, right, name)
            if mistake.kind == kind
        )
        for name, kind in planted.items()
    ]
    workbook = build(
        replace(
            description,
            layout=replace(description.layout, dialect="plain"),
            rounding=rounding,
            mistakes=tuple(mistakes),
        )
    )
    assert workbook is not None
    judgement = judged(workbook, tmp_path)
    assert judgement.fits, judgement


@pytest.mark.parametrize(
    ("seed", "gradient", "weight"),
    [
        pytest.param(430460, "g7", "ω7", id="above the weight, in another column"),
        pytest.param(430533, "g5", "ω5", id="beside the weights"),
    ],
)
def test_a_gradient_labelled_as_its_weight_is_no_weight(
    seed: int, gradient: str, weight: str, tmp_path: Path
) -> None:
    description = generate(seed).description
    layout = replace(description.layout, headers=((gradient, weight),))
    workbook = build(replace(description, layout=layout))
    assert workbook is not None
    judgement = judged(workbook, tmp_path)
    assert judgement.fits, judgement


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(420029, id="which ends beside an empty row among the records"),
        pytest.param(420034, id="which has a comment beside it"),
    ],
)
def test_a_list_of_results_is_no_part_of_the_table(seed: int, tmp_path: Path) -> None:
    """Rates and errors stand beside the table, whose own total error has a mistyped header."""
    description = generate(seed).description
    layout = description.layout
    headers = {**dict(layout.headers), "E": f"{layout.words.total}l"}
    beside = replace(layout, beside=True, headers=tuple(headers.items()))
    workbook = build(replace(description, layout=beside))
    assert workbook is not None
    judgement = judged(workbook, tmp_path)
    assert judgement.fits, judgement


@pytest.mark.parametrize("seed", marked(some_of(range(SEEDS), quick=8), KNOWN))
def test_exactly_the_wrong_cells_are_found(seed, tmp_path):
    assert_fits(seed, tmp_path)


def varied(description: Description, relation: str) -> Description:
    """The workbook with one change."""
    return dict(relations(description))[relation]


@pytest.mark.parametrize(
    "relation",
    marked(some_of([name for name, _ in relations(BASES[0])], quick=10), KNOWN_RELATIONS),
)
def test_a_change_of_the_looks_changes_no_judgement(relation, tmp_path):
    names = [name for name, _ in relations(BASES[0])]
    description = BASES[names.index(relation) % len(BASES)]
    _compare(description, relation, tmp_path)


def _compare(description: Description, relation: str, folder: Path) -> None:
    """Both have findings in the same cells, whose places may differ."""
    before, after = build(description), build(dict(relations(description)).get(relation))
    if before is None or after is None:  # a circular mistake
        return
    first, second = judged(before, folder), judged(after, folder)
    assert first.fits, first
    assert second.fits, (relation, second)
    unsure = before.uncertain | after.uncertain | (before.wrong ^ after.wrong)
    assert first.found - unsure == second.found - unsure


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(-0.12345, 4, -0.1235), (0.00005, 4, 0.0001), (2.5, 0, 3), (1e27, 6, 1e27), (5, 4, 5)],
)
def test_numbers_are_rounded_as_in_a_spreadsheet(value: float, digits: int, rounded: float) -> None:
    assert round_half_up(value, digits) == rounded


def test_numbers_of_thousands_of_digits_in_headers_number_nothing(tmp_path: Path) -> None:
    description = generate(8875).description
    long = "7" * 5000
    headers = (("h1", f"q{long}"), ("h2", f"q{long}8"), ("ah1", f"r{long}"), ("ah2", f"r{long}8"))
    workbook = build(replace(description, layout=replace(description.layout, headers=headers)))
    assert workbook is not None
    assert not judged(workbook, tmp_path).false
