"""The original's experiment: the same training at several batch sizes, side by side.

A sweep is a folder with a run's folder for each batch size and seed. What is finished stays; the
tables and charts are made anew from the runs' own files whenever one ends.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range_abs
from xlsxwriter.worksheet import Worksheet

from common.files import finished_file
from common.look import FONT, GRID, PLAIN_TEXT, SHADES, Look, line_chart, line_style
from common.mark import mark
from keras_model.recipe import Recipe
from keras_model.training import HISTORY, METRICS, Plan, write_text


@dataclass(frozen=True)
class Row:
    """A run's row of ``sweep.csv``; ``accuracy`` and ``loss`` are of the final epoch's test."""

    batch_size: int
    seed: int
    learning_rate: float
    epochs: int
    accuracy: float
    loss: float
    best_accuracy: float
    best_epoch: int
    seconds: float
    seconds_per_epoch: float


@dataclass(frozen=True)
class Result:
    """A finished run: its row, and its test accuracy and training loss after each epoch."""

    row: Row
    test_accuracy: tuple[float, ...]
    loss: tuple[float, ...]


def at_batch_size(recipe: Recipe, batch_size: int, *, same_lr: bool) -> Recipe:
    """The recipe with another batch size, and the learning rate that goes with it.

    The linear scaling rule: k times the batch, k times the learning rate, so that an epoch moves
    the weights about as far (Goyal et al., "Accurate, Large Minibatch SGD", 2017,
    https://arxiv.org/abs/1706.02677).

    Raises:
        ValueError: an impossible batch size.
    """
    rate = recipe.learning_rate
    if not same_lr:
        rate = rate * batch_size / recipe.batch_size
    return recipe.changed(batch_size=batch_size, learning_rate=rate)


def run_folder(folder: Path, batch_size: int, seed: int) -> Path:
    """Where a run of the sweep is kept."""
    return folder / f"batch-{batch_size}-seed-{seed}"


def finished(folder: Path, plan: Plan) -> Result | None:
    """The run in a folder, if it is finished and of this plan; else None.

    Raises:
        ValueError: it is of another plan.
    """
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        with (folder / HISTORY).open(encoding="utf-8") as file:
            history = list(csv.DictReader(file))
        is_of_plan = (metrics["recipe"], metrics["seed"], metrics["dataset"]) == (
            plan.recipe.values(), plan.seed, plan.data,
        )  # fmt: skip
        if is_of_plan and metrics["epochs"] == len(history) == plan.recipe.epochs:
            row = Row(
                plan.recipe.batch_size,
                plan.seed,
                plan.recipe.learning_rate,
                metrics["epochs"],
                metrics["accuracy"],
                metrics["loss"],
                metrics["best_accuracy"],
                metrics["best_epoch"],
                metrics["seconds"],
                round(statistics.median(float(epoch["seconds"]) for epoch in history), 3),
            )
            return Result(
                row,
                tuple(float(epoch["test_accuracy"]) for epoch in history),
                tuple(float(epoch["loss"]) for epoch in history),
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not is_of_plan:
        raise ValueError(
            f"{folder} holds a run of other values or digits: name another --out, or remove it"
        )
    return None


def table(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """A line a batch size: learning rate, runs, mean accuracy, lowest, mean loss, seconds."""
    lines = []
    for size, of_size in _by_batch_size(results).items():
        rows = [result.row for result in of_size]
        lines.append(
            (
                f"{size}",
                f"{rows[0].learning_rate:g}",
                f"{len(rows)}",
                f"{statistics.mean(row.accuracy for row in rows):.2%}",
                f"{min(row.accuracy for row in rows):.2%}",
                f"{statistics.mean(row.loss for row in rows):.4f}",
                f"{statistics.mean(row.seconds_per_epoch for row in rows):.1f}",
            )
        )
    return lines


TABLE_HEAD = ("batch size", "lr", "runs", "accuracy", "lowest", "loss", "s/epoch")


def _by_batch_size(results: Iterable[Result]) -> dict[int, list[Result]]:
    of_size: dict[int, list[Result]] = {}
    for result in sorted(results, key=lambda result: (result.row.batch_size, result.row.seed)):
        of_size.setdefault(result.row.batch_size, []).append(result)
    return of_size


def _mean_curve(results: list[Result]) -> list[float]:
    curves = zip(*(result.test_accuracy for result in results), strict=True)
    return [statistics.mean(epoch) for epoch in curves]


def write_reports(results: list[Result], folder: Path) -> None:
    """``sweep.csv``, ``sweep.xlsx`` and ``sweep.png`` of the finished runs.

    Raises:
        CannotWriteError: one of them cannot be written.
    """
    of_size = _by_batch_size(results)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(result.row) for same in of_size.values() for result in same)
    write_text(folder / "sweep.csv", file.getvalue())
    _write_workbook(of_size, folder / "sweep.xlsx")
    _draw(of_size, folder / "sweep.png")


def _write_workbook(of_size: dict[int, list[Result]], path: Path) -> None:
    """The runs as a table; means and charts are formulas of it."""
    with finished_file(path) as unfinished:
        workbook = Workbook(str(unfinished), {"default_format_properties": PLAIN_TEXT})
        mark(workbook, "sweep", "The batch size")
        look = Look(workbook)
        sheet = workbook.add_worksheet("Sweep")
        sheet.hide_gridlines(2)
        sheet.set_row(0, 28)
        sheet.write(0, 0, "The batch size", look.title)
        sheet.set_column_pixels(0, 9, 92)
        _for_paper(sheet)
        heads = [name.replace("_", " ") for name in Row.__dataclass_fields__]
        formats = ["0", "0", "General", "0", "0.00%", "0.0000", "0.00%", "0", "0.0", "0.0"]
        runs = [result.row for same in of_size.values() for result in same]
        sheet.write(2, 0, "Means of each batch size", look.section)
        sheet.set_row_pixels(3, 34)
        top = 4  # of the means
        bottom = top + len(of_size) + 2  # of the runs
        area = {
            name: xl_range_abs(bottom + 1, column, bottom + len(runs), column)
            for column, name in enumerate(Row.__dataclass_fields__)
        }
        means = (("accuracy", "0.00%"), ("loss", "0.0000"), ("seconds_per_epoch", "0.0"))
        for column, name in enumerate(("batch size", "runs", *(name for name, _ in means))):
            sheet.write(top - 1, column, name.replace("_", " "), look.header(SHADES["blue"]))
        for row, (size, same) in enumerate(of_size.items(), start=top):
            sheet.write_number(row, 0, size, look.cell("0"))
            key = f"{area['batch_size']},$A{row + 1}"
            sheet.write_formula(row, 1, f"=COUNTIF({key})", look.cell("0"), len(same))
            for column, (name, num_format) in enumerate(means, start=2):
                value = statistics.mean(getattr(result.row, name) for result in same)
                sheet.write_formula(
                    row, column, f"=AVERAGEIF({key},{area[name]})", look.cell(num_format), value
                )
        sheet.write(bottom - 1, 0, "Runs", look.section)
        sheet.set_row_pixels(bottom, 34)
        for column, name in enumerate(heads):
            sheet.write(bottom, column, name, look.header(SHADES["slate"]))
        for row, run in enumerate(runs, start=bottom + 1):
            for column, (value, num_format) in enumerate(
                zip(asdict(run).values(), formats, strict=True)
            ):
                sheet.write_number(row, column, value, look.cell(num_format))
        _add_charts(workbook, sheet, of_size, top, bottom + len(runs) + 3)
        workbook.close()


def _for_paper(sheet: Worksheet) -> None:
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 1)


def _add_charts(
    workbook: Workbook, sheet: Worksheet, of_size: dict[int, list[Result]], top: int, below: int
) -> None:
    last = top + len(of_size) - 1
    name = sheet.get_name()
    for place, (column, title, num_format) in enumerate(
        ((2, "Test accuracy, final epoch", "0.00%"), (4, "Seconds an epoch", "0.0"))
    ):
        chart = workbook.add_chart({"type": "column"})
        font = {"name": FONT, "size": 9}
        chart.add_series(
            {
                "categories": [name, top, 0, last, 0],
                "values": [name, top, column, last, column],
                "fill": {"color": SHADES["blue" if column == 2 else "slate"].strong},
                "data_labels": {"value": True, "num_format": num_format, "font": font},
                "gap": 60,
            }
        )
        chart.set_title({"name": title, "name_font": font | {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_x_axis({"name": "batch size", "num_font": font, "name_font": font})
        low = {"min": 0.0}
        if column == 2:
            least = min(row.row.accuracy for same in of_size.values() for row in same)
            low = {"min": max(0.0, int(least * 100 - 0.5) / 100)}
        chart.set_y_axis(
            {"num_font": font, "num_format": num_format, "major_gridlines": {"visible": False}}
            | low
        )
        chart.set_size({"width": 440, "height": 280})
        sheet.insert_chart(below, 0, chart, {"x_offset": 460 * place + 4})
    curves = workbook.add_worksheet("Curves")
    curves.hide_gridlines(2)
    _for_paper(curves)
    curves.set_row_pixels(2, 34)
    look = Look(workbook)
    curves.write(
        0, 0, "Test accuracy after each epoch, the mean of a batch size's runs", look.title
    )
    curves.set_row(0, 28)
    curves.write(2, 0, "epoch", look.header(SHADES["slate"]))
    epochs = len(next(iter(of_size.values()))[0].test_accuracy)
    for epoch in range(epochs):
        curves.write_number(3 + epoch, 0, epoch + 1, look.cell("0"))
    chart = line_chart(workbook, "Learning curves", "epoch", "test accuracy", epochs)
    lows = []
    for column, (size, same) in enumerate(of_size.items(), start=1):
        curves.write(2, column, f"batch {size}", look.header(SHADES["blue"]))
        curve = _mean_curve(same)
        lows += curve[len(curve) // 4 :]
        for epoch, value in enumerate(curve):
            curves.write_number(3 + epoch, column, value, look.cell("0.00%"))
        chart.add_series(
            {
                "name": ["Curves", 2, column],
                "categories": ["Curves", 3, 0, 2 + epochs, 0],
                "values": ["Curves", 3, column, 2 + epochs, column],
                "line": line_style(column - 1),
            }
        )
    chart.set_y_axis(
        {
            "name": "test accuracy", "num_format": "0.0%", "min": int(min(lows) * 200) / 200,
            "major_gridlines": {"visible": True, "line": {"color": GRID}},
            "num_font": {"name": FONT, "size": 9}, "name_font": {"name": FONT, "size": 9},
        }
    )  # fmt: skip
    chart.set_size({"width": 760, "height": 400})
    curves.insert_chart(2, len(of_size) + 2, chart)


def _draw(of_size: dict[int, list[Result]], path: Path) -> None:
    from keras_model.report import dress, new_figure, save

    drawing = new_figure(11, 3.6)
    accuracy, seconds, curves = drawing.subplots(1, 3)
    names = [str(size) for size in of_size]
    colours = [line_style(index)["color"] for index in range(len(of_size))]
    for axes, title, label in (
        (accuracy, "Test accuracy, final epoch", "batch size"),
        (seconds, "Seconds an epoch", "batch size"),
        (curves, "Learning curves, mean", "epoch"),
    ):
        dress(axes, title, label)
        axes.set_axisbelow(True)
    lows = []
    for index, (name, same) in enumerate(zip(names, of_size.values(), strict=True)):
        rows = [result.row for result in same]
        accuracy.plot(
            [name] * len(rows), [100 * row.accuracy for row in rows], "o", color=colours[index]
        )
        mean = 100 * statistics.mean(row.accuracy for row in rows)
        accuracy.annotate(f"{mean:.2f}", (name, mean), (7, -3), textcoords="offset points")
        seconds.bar(
            name, statistics.mean(row.seconds_per_epoch for row in rows), color=colours[index]
        )
        curve = [100 * value for value in _mean_curve(same)]
        lows += curve[len(curve) // 4 :]
        marker = "o" if len(curve) < 3 else None
        curves.plot(
            range(1, len(curve) + 1), curve, color=colours[index], label=name, marker=marker
        )
    accuracy.set_ylabel("%")
    accuracy.margins(x=0.3, y=0.2)
    curves.set_ylim(bottom=min(lows) - 0.1)
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.legend(frameon=False, title="batch size")
    save(drawing, path)
