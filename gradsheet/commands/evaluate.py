"""``gradsheet evaluate``."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.digit_inputs import digits_from, refuse_missing
from gradsheet.commands.messages import note, value_of
from gradsheet.commands.options import FILE, data_option, force_option, scale_option
from gradsheet.commands.progress import progress_of
from gradsheet.input_files import is_folder
from gradsheet.printable import printable

if TYPE_CHECKING:
    from keras_model.data.mnist import Digits
    from keras_model.evaluation import Evaluation
    from keras_model.marking.conditions import Conditions
    from keras_model.marking.judged_models import JudgedModel, ModelFile


@click.command()
@click.argument("models", type=FILE, nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--max-parameters",
    type=int,
    metavar="N",
    help="Condition: at most N trainable parameters.",
)
@click.option(
    "--min-accuracy",
    type=float,
    metavar="P",
    help="Condition: at least P percent of the test digits right.",
)
@click.option(
    "--require",
    metavar="LIST",
    help="Conditions: what the network must have, of batchnorm, layernorm, dropout, gap (global "
    "average pooling), maxpool and dense, separated by commas.",
)
@scale_option
@data_option
@click.option(
    "--report",
    type=FILE,
    metavar="PATH",
    help="Write a row per model into a workbook (.xlsx), or .csv or .json.",
)
@force_option
def evaluate(**values: Any) -> None:
    """Test and mark trained digit classifiers.

    Of one model, prints the accuracy, the precision and recall of each class, the confusion matrix,
    and a line per condition. Of several models, or of a folder with the folders in it, prints a
    table with one line per model.

    Exit code: 0 if all models meet the conditions, 1 if a condition is missed, 2 if a model cannot
    be read and for bad use.

    \b
    Examples:
      gradsheet evaluate runs/best/model.keras --data mnist.npz
      gradsheet evaluate model.keras --max-parameters 20000 --min-accuracy 99.4
      gradsheet evaluate submissions/ --require batchnorm,gap --report marks.xlsx
    """
    options = _Options(**values)
    conditions = options.conditions()
    options.check_report()
    for model in options.models:
        if not is_folder(model):
            refuse_missing(model)
    from keras_model.marking.judged_models import find_models

    files = find_models(options.models)
    digits = digits_from(options.data)
    is_one = len(files) == 1 and not is_folder(options.models[0])
    if is_one:
        judged = [_evaluate_one(files[0], digits, conditions, options.scale)]
    else:
        judged = _evaluate_many(files, digits, conditions, options.scale)
    if options.report is not None:
        _write_report(judged, conditions, digits.name, options.report, force=options.force)
    if any(model.problem for model in judged):
        sys.exit(2)
    if not all(model.is_passed for model in judged):
        sys.exit(1)


@dataclass(frozen=True)
class _Options:
    """The values of the command's arguments and options."""

    models: tuple[Path, ...]
    max_parameters: int | None
    min_accuracy: float | None
    require: str | None
    scale: str | None
    data: Path | None
    report: Path | None
    force: bool

    def conditions(self) -> Conditions:
        """Return the conditions; refuse impossible ones."""
        from keras_model.marking import conditions

        if self.max_parameters is not None:
            with value_of("--max-parameters"):
                conditions.check_max_parameters(self.max_parameters)
        if self.min_accuracy is not None:
            with value_of("--min-accuracy"):
                conditions.check_min_accuracy(self.min_accuracy)
        with value_of("--require"):
            required = () if self.require is None else conditions.features_of(self.require)
        return conditions.Conditions(self.max_parameters, self.min_accuracy, required)

    def check_report(self) -> None:
        """Refuse a report of another format, and one that cannot be written."""
        if self.report is not None:
            from gradsheet.files import check_suffix, checked_target
            from keras_model.marking.model_report import SUFFIXES, written_by_gradsheet

            check_suffix(self.report, SUFFIXES, "--report")
            checked_target(self.report, force=self.force, is_replaceable=written_by_gradsheet)


def _evaluate_one(
    file: ModelFile, digits: Digits, conditions: Conditions, scale: str | None
) -> JudgedModel:
    """Print everything about one model."""
    from keras_model.marking.judged_models import JudgedModel, outcomes_of, tested_model

    tested = tested_model(file.path, digits, scale)
    note(tested.scaling.words())
    _tell_digits(digits)
    click.echo(tested.evaluation.line())
    _tell_classes(tested.evaluation, digits)
    outcomes = outcomes_of(file, tested, conditions)
    if outcomes:
        click.echo()
    for outcome in outcomes:
        click.echo(outcome.line())
    return JudgedModel(file.name, tested, outcomes)


def _evaluate_many(
    files: Sequence[ModelFile], digits: Digits, conditions: Conditions, scale: str | None
) -> list[JudgedModel]:
    """Print one line per model."""
    from keras_model.marking.judged_models import judge_model
    from keras_model.marking.model_report import table_lines

    judged = []
    with progress_of(len(files), "Testing", takes_long=True) as step:
        for file in files:
            judged.append(judge_model(file, digits, conditions, scale))
            step()
    _tell_digits(digits)
    click.echo("\n".join(table_lines(judged, conditions)))
    return judged


def _tell_digits(digits: Digits) -> None:
    click.echo(f"{digits.name}: {len(digits.x_test):,} test digits")
    if digits.is_sample:
        click.echo(
            "The sample is a part of MNIST's training digits. A network that was trained on\n"
            "MNIST has seen them: test it on MNIST's test digits with --data."
        )


def _tell_classes(tested: Evaluation, digits: Digits) -> None:
    """Print the precision and recall of each class, and the confusion matrix."""
    from keras_model.evaluation import class_table, confusion_matrix

    click.echo("\ndigit  support  precision   recall")
    for digit, support, precision, recall in class_table(tested.logits, digits.y_test):
        shares = (
            f"{'–' if math.isnan(share) else f'{share:.2%}':>{width}}"
            for share, width in ((precision, 11), (recall, 9))
        )
        click.echo(f"{digit:>5}{support:>9}{''.join(shares)}")
    click.echo("\ntrue \\ predicted" + "".join(f"{digit:>6}" for digit in range(10)))
    for digit, row in enumerate(confusion_matrix(tested.logits, digits.y_test)):
        click.echo(f"{digit:>16}" + "".join(f"{number or '.':>6}" for number in row))


def _write_report(
    judged: Sequence[JudgedModel], conditions: Conditions, data: str, report: Path, *, force: bool
) -> None:
    from gradsheet.files import atomic_write
    from keras_model.marking.model_report import write_report, written_by_gradsheet

    with atomic_write(report, force=force, is_replaceable=written_by_gradsheet) as unfinished:
        write_report(judged, conditions, data, unfinished, report.suffix.lower())
    click.echo(printable(f"Report: {report}"))
