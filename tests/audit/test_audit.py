"""Properties of the audit: right tables are right whatever is given; no input crashes it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.planted_tables import FIRST_COLUMN, HEADER_ROW, audit, planted_sheet
from fixtures.sampling import some_of
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from backprop_sheet.audit import recognition
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.diagnose.mistakes import mistakes
from backprop_sheet.audit.find.given_values import labeled_values
from backprop_sheet.audit.find.layouts import find_tables
from backprop_sheet.audit.read.formula_parser import (
    UnreadableFormulaError,
    parse_formula,
)
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.recognition import NotRecognizedError, OtherNetworkError
from backprop_sheet.audit.submissions.collection import collect
from backprop_sheet.audit.workbook_audit import audit_workbook
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.expressions import CellReference, Name, Operation
from backprop_sheet.symbolic.functions import CLIP
from backprop_sheet.symbolic.rendering import to_excel, to_text

numbers = st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)


@given(st.data(), st.sampled_from(packaged_exercises()), st.floats(1e-3, 5))
@settings(max_examples=25, deadline=None)
def test_every_right_table_is_right(data, name, rate):
    exercise = load_exercise(name)
    exercise = with_values(
        exercise,
        weights=data.draw(st.tuples(*[numbers] * len(exercise.weights))),
        biases=data.draw(st.tuples(*[numbers] * len(exercise.biases))),
        learning_rates=(rate,),
    )
    sheet = planted_sheet(exercise, system_of(exercise))
    if sheet is None:  # a run that diverges beyond all numbers
        return
    result = audit(sheet, exercise)
    assert (result.verdict, result.findings) == ("right", ())
    assert result.lr == rate and result.rows == 5 * system_of(exercise).rows_per_iteration


@pytest.mark.parametrize("name", packaged_exercises())
def test_a_table_is_recognized_among_the_packaged_exercises(name):
    exercises = [load_exercise(one) for one in packaged_exercises()]
    exercise = load_exercise(name)
    result = audit(planted_sheet(exercise, system_of(exercise)), *exercises)
    assert (result.exercise, result.verdict) == (name, "right")


@pytest.mark.parametrize("counters", [1, 2])
def test_a_table_with_one_wrong_column_is_compared_with_its_exercise_alone(monkeypatch, counters):
    """Deriving the equations of all packaged exercises takes longer than the rest of a check.

    The iterations may be counted twice, as they are where a table stands on two sheets.
    """
    read: list[str] = []

    def load(name: str) -> Exercise:
        read.append(name)
        return load_exercise(name)

    monkeypatch.setattr(recognition, "_packaged", load)
    course = load_exercise("course")
    wrong = Operation("*", Name("a_o1"), Name("a_h1"))
    sheet = planted_sheet(course, system_of(course), "∂E/∂w5", wrong)
    across = max(column for _, column in sheet.values) + 1
    for (row, column), value in list(sheet.values.items()):
        if column == FIRST_COLUMN and row >= HEADER_ROW and counters == 2:
            sheet.values[row, across] = value
    (table,) = find_tables([sheet])
    exercises = recognition.PackagedExercises()
    found = recognition.recognize(table, labeled_values(table), exercises, 1e-6)
    assert found.exercise == "course" and read == ["course"]


@pytest.mark.parametrize("name", some_of(packaged_exercises(), 3))
def test_another_wrong_value_in_one_cell_is_wrong(name):
    """The comparison itself: one number changed by a hundredth, in columns of every kind."""
    exercise = load_exercise(name)
    system = system_of(exercise)
    columns = list(system.correct)
    for column in columns[:: max(1, len(columns) // 12)]:
        sheet = planted_sheet(exercise, system)
        place = next(at for (_, at), value in sheet.values.items() if value == column)
        row = max(row for row, at in sheet.values if at == place)
        if not sheet.values[row, place]:
            continue
        sheet.values[row, place] *= 1.01
        result = audit(sheet, exercise)
        assert result.verdict == "wrong", column
        assert column in [finding.column for finding in result.findings]


@pytest.mark.parametrize("name", ["course", "relu", "softmax"])
def test_a_mistake_is_named_from_its_formula_as_excel_holds_it(name):
    """Written as a formula and parsed again, a mistake is still the same function."""
    system = system_of(load_exercise(name))
    diagnosis = diagnosis_of(system)
    places = {column: at for at, column in enumerate((*system.columns, *system.constants), 1)}
    back = {at: column for column, at in places.items()}

    def cell(name: Name) -> str:
        return f"{get_column_letter(places[name.name])}{50 + name.shift}"

    def resolve(sheet, row, column):
        return Name(back[column], row - 50)

    for column in list(system.correct)[::5]:
        for mistake in list(mistakes(system, column))[::7]:
            parsed = parse_formula("=" + to_excel(mistake.expression, cell), resolve)
            assert diagnosis.same(parsed, mistake.expression), to_text(mistake.expression)
        assert diagnosis.cause(column, row_rhs(system, column)) == ""


def cell_reference(sheet, row, column):
    return CellReference(sheet or "", row, column)


formula_texts = st.text(alphabet="=+-*/^()<>A1B2$:!,;%\"'EXPSUMIF[]@#{} .0", max_size=40)


@given(formula_texts)
@settings(max_examples=300, deadline=None)
def test_no_formula_is_a_crash(written):
    try:
        expression = parse_formula("=" + written, cell_reference)
    except UnreadableFormulaError:
        return
    assert to_text(expression)


@pytest.mark.parametrize(
    "written",
    ["=" + "(" * 400 + "1" + ")" * 400, "=" + "-" * 900 + "1", "=" + "+".join("1" * 400),
     "=" + "+".join("1" * 4000), "=SUM(" * 80 + "A1:A60" + ")" * 80,
     "=SUM(A1:A60)" + "+SUM(A1:A60)" * 60, "=A1:XFD1048576"],
)  # fmt: skip
def test_deep_and_endless_formulas_are_refused_or_parsed(written):
    with contextlib.suppress(UnreadableFormulaError):
        assert to_text(parse_formula(written, cell_reference))


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("=IF(A1>0,1,0)", "step(A1)"),
        ("=IF(A1>0,A1,0)", "step(A1)*A1"),
        ("=(A1>0)*B1", "step(A1)*B1"),
        ("=MAX(0,A1)", "relu(A1)"),
        (f"=MIN(MAX(A1,0),{CLIP:.0f})", "relu(A1)"),
        ("=AVERAGE(A1:A3)", "(A1 + A2 + A3)/3"),
        ("=1/(1+EXP(-A1))", "σ(A1)"),
        ("=1/(EXP(-1*A1)+1)", "σ(A1)"),
        ("=LN(MAX(A1,1E-300))", "ln(A1)"),
        ("=-A1^2", "(-A1)²"),
        ("=50%*SUMSQ(A1,B1)", "50/100*(A1² + B1²)"),
    ],
)
def test_formulas_are_parsed_as_excel_means_them(written, means):
    expression = parse_formula(written, cell_reference)
    assert to_text(expression, cell=reference_text) == means


@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_and_never_a_crash(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("bytes") / "any.xlsx"
    path.write_bytes(start + content)
    result = audit_workbook(path)
    assert not result.tables and len(result.problems) == 1


def test_a_folder_means_the_workbooks_in_it(tmp_path: Path):
    for name in ("b.xlsx", "a.XLSM", "~$a.xlsx", "notes.txt", "old.xls", ".hidden.xlsx"):
        (tmp_path / name).touch()
    with collect([tmp_path]) as submissions:
        names = [file.shown.name for file in submissions.files]
    assert names == ["a.XLSM", "b.xlsx", "old.xls"]


# --- other networks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"activations": ("tanh", "sigmoid")}, "2-2-2, tanh, sigmoid, no biases"),
        ({"activations": ("sigmoid", "tanh")}, "2-2-2, sigmoid, tanh, no biases"),
        ({"activations": ("relu", "linear")}, "2-2-2, relu, linear, no biases"),
    ],
)
def test_another_activation_everywhere_is_another_network_and_not_wrong(change, says):
    course = load_exercise("course")
    other = replace(course, network=replace(course.network, **change))
    other = with_values(
        other, weights=(0.5, -0.4, 0.3, 0.6, -0.7, 0.8, 0.2, -0.5), inputs=(1, -0.5)
    )
    sheet = planted_sheet(other, system_of(other))
    with pytest.raises(OtherNetworkError) as error:
        audit(sheet, *[load_exercise(name) for name in packaged_exercises()])
    assert says in str(error.value)


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_another_loss_everywhere_is_another_network(loss):
    course = load_exercise("course")
    other = replace(course, training=replace(course.training, loss=loss))
    with pytest.raises(OtherNetworkError, match=loss):
        audit(planted_sheet(other, system_of(other)), course)


def test_a_table_of_another_shape_is_not_judged():
    xor = load_exercise("xor")
    sheet = planted_sheet(xor, system_of(xor))
    with pytest.raises(NotRecognizedError, match="the weights w7 and w8, the weighted sum o2"):
        audit(sheet, load_exercise("course"))
