"""The reports of a sweep: ``sweep.csv``, ``sweep.xlsx`` and ``sweep.png``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from gradsheet.excel.provenance import set_provenance
from gradsheet.excel.styles import (
    COLORS,
    FONT,
    GRID,
    Styles,
    default_format,
    line_chart,
    line_style,
    set_page,
)
from gradsheet.files import CannotWriteError, atomic_write
from keras_model.sweeps.results import (
    Result,
    Row,
    Spread,
    by_batch_size,
    curve_of,
    how_measured,
    noise_note,
    spread_of,
)
from keras_model.training.epoch import epoch_step
from keras_model.training.run_folder import write_text
from keras_model.training.run_outputs import PlotsError

_NAMES = [field.name for field in fields(Row)]
_FORMATS = (
    "0", "0", "General", "0", "0.00%", "0.0000", "0.00%", "0", "0.0", "0.0", "0", "0", "General",
)  # fmt: skip

# The columns of the statistics: header, the column of the runs, function, number format.
_STATISTICS = (
    ("accuracy, mean", "accuracy", "AVERAGE", "0.00%"),
    ("accuracy, lowest", "accuracy", "MIN", "0.00%"),
    ("accuracy, highest", "accuracy", "MAX", "0.00%"),
    ("accuracy, std dev", "accuracy", "STDEV", "0.00%"),
    ("loss, mean", "loss", "AVERAGE", "0.0000"),
    ("loss, std dev", "loss", "STDEV", "0.0000"),
    ("seconds per epoch, mean", "seconds_per_epoch", "AVERAGE", "0.0"),
    ("seconds per epoch, std dev", "seconds_per_epoch", "STDEV", "0.0"),
)
_ATTRIBUTES = {"AVERAGE": "mean", "MIN": "lowest", "MAX": "highest", "STDEV": "deviation"}
_ACCURACY, _ACCURACY_DEVIATION, _SECONDS, _SECONDS_DEVIATION = 2, 5, 8, 9  # columns of the sheet
_TOP = 4  # first row of the statistics, from 0


def write_reports(results: Iterable[Result], folder: Path) -> None:
    """Write ``sweep.csv``, ``sweep.xlsx`` and ``sweep.png`` of the finished runs.

    Raises:
        CannotWriteError: one of them cannot be written.
        PlotsError: the plot cannot be drawn; the others are written.
    """
    groups = by_batch_size(results)
    file = io.StringIO()
    writer = csv.DictWriter(file, _NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(result.row) for group in groups.values() for result in group)
    write_text(folder / "sweep.csv", file.getvalue())
    _write_workbook(groups, folder / "sweep.xlsx")
    try:
        _draw(groups, folder / "sweep.png")
    except CannotWriteError:
        raise
    except Exception as error:  # whatever Matplotlib raises
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PlotsError(f"{folder / 'sweep.png'} could not be drawn: {reason}") from error


# --- the workbook ---


def _write_workbook(groups: dict[int, list[Result]], path: Path) -> None:
    """Write the runs as a table; the statistics and the charts are formulas of it."""
    with atomic_write(path) as unfinished:
        workbook = Workbook(
            str(unfinished), {"default_format_properties": default_format(), "in_memory": True}
        )
        set_provenance(workbook, "sweep", "The batch size")
        styles = Styles(workbook)
        sheet = workbook.add_worksheet("Sweep")
        sheet.set_row(0, 28)
        sheet.write(0, 0, "The batch size", styles.title)
        sheet.set_column_pixels(0, len(_NAMES) - 2, 92)
        sheet.set_column_pixels(len(_NAMES) - 1, len(_NAMES) - 1, 160)
        set_page(sheet, fit=(1, 1))
        first_run = _TOP + len(groups) + 6
        _write_statistics(sheet, styles, groups, first_run)
        runs = [result.row for group in groups.values() for result in group]
        measured = how_measured(result for group in groups.values() for result in group)
        sheet.write(_TOP + len(groups) + 1, 0, measured, styles.note)
        noise = noise_note(result for group in groups.values() for result in group)
        sheet.write(_TOP + len(groups) + 2, 0, noise, styles.note)
        sheet.write(first_run - 2, 0, "Runs", styles.section)
        sheet.set_row_pixels(first_run - 1, 34)
        for column, name in enumerate(_NAMES):
            words = name.replace("_", " ")
            sheet.write(first_run - 1, column, words, styles.header(COLORS["slate"]))
        for line, run in enumerate(runs, start=first_run):
            for column, (value, num_format) in enumerate(
                zip(asdict(run).values(), _FORMATS, strict=True)
            ):
                if isinstance(value, str):
                    sheet.write_string(line, column, value, styles.cell(num_format, indent=1))
                else:
                    sheet.write_number(line, column, value, styles.cell(num_format))
        _add_charts(workbook, sheet, groups, first_run + len(runs) + 2)
        _write_curves(workbook, styles, groups)
        workbook.close()


def _write_statistics(
    sheet: Worksheet, styles: Styles, groups: dict[int, list[Result]], first_run: int
) -> None:
    """Write one row per batch size; the runs of a batch size stand one below the other."""
    sheet.write(2, 0, "Statistics of each batch size's runs", styles.section)
    sheet.set_row_pixels(3, 50)
    heads = ("batch size", "runs", *(head for head, *_ in _STATISTICS))
    for column, head in enumerate(heads):
        sheet.write(_TOP - 1, column, head, styles.header(COLORS["blue"]))
    last_run = first_run - 1
    for line, group in enumerate(groups.values(), start=_TOP):
        first, last_run = last_run + 1, last_run + len(group)

        def area(name: str, first: int = first, last: int = last_run) -> str:
            column = _NAMES.index(name)
            return str(xl_range_abs(first, column, last, column))

        size = f"={xl_rowcol_to_cell(first, _NAMES.index('batch_size'))}"
        sheet.write_formula(line, 0, size, styles.cell("0"), group[0].row.batch_size)
        count = f"=COUNT({area('accuracy')})"
        sheet.write_formula(line, 1, count, styles.cell("0"), len(group))
        for column, (_, name, function, num_format) in enumerate(_STATISTICS, start=2):
            value = getattr(spread_of(group, name), _ATTRIBUTES[function])
            formula = f"{function}({area(name)})"
            if function == "STDEV":  # of one run there is none
                formula = f'IF({xl_rowcol_to_cell(line, 1)}>1,{formula},"")'
            value = "" if value is None else value
            sheet.write_formula(line, column, f"={formula}", styles.cell(num_format), value)


def _has_spread(groups: dict[int, list[Result]]) -> bool:
    return any(len(group) > 1 for group in groups.values())


def _error_bars(area: str, values: list[float | None]) -> dict[str, object]:
    """Return XlsxWriter's error bars of a standard deviation on both sides."""
    data = [0 if value is None else value for value in values]
    return {
        "type": "custom", "plus_values": f"={area}", "minus_values": f"={area}",
        "plus_data": data, "minus_data": data, "line": {"color": "#222B38"},
    }  # fmt: skip


def _add_charts(
    workbook: Workbook, sheet: Worksheet, groups: dict[int, list[Result]], below: int
) -> None:
    last = _TOP + len(groups) - 1
    name = sheet.get_name()
    spread = _has_spread(groups)
    suffix = ", mean ± standard deviation" if spread else ""
    font = {"name": FONT, "size": 9}
    for place, (column, deviation, title, num_format) in enumerate(
        (
            (_ACCURACY, _ACCURACY_DEVIATION, "Test accuracy, final epoch", "0.00%"),
            (_SECONDS, _SECONDS_DEVIATION, "Seconds per epoch", "0.0"),
        )
    ):
        is_accuracy = column == _ACCURACY
        chart = workbook.add_chart({"type": "column"})
        # Above the bar, the label would stand on the error bar.
        on_bar = {"position": "inside_base", "font": font | {"color": "#FFFFFF"}}
        series = {
            "categories": [name, _TOP, 0, last, 0],
            "values": [name, _TOP, column, last, column],
            "fill": {"color": COLORS["blue" if is_accuracy else "slate"].strong},
            "data_labels": {
                "value": True, "num_format": num_format, "font": font,
                **(on_bar if spread else {}),
            },
            "gap": 60,
        }  # fmt: skip
        if spread:
            runs = "accuracy" if is_accuracy else "seconds_per_epoch"
            values = [spread_of(group, runs).deviation for group in groups.values()]
            area = f"{name}!{xl_range_abs(_TOP, deviation, last, deviation)}"
            series["y_error_bars"] = _error_bars(area, values)
        chart.add_series(series)
        chart.set_title({"name": title + suffix, "name_font": font | {"size": 10}})
        chart.set_legend({"none": True})
        chart.set_x_axis({"name": "batch size", "num_font": font, "name_font": font})
        limits = {"min": 0.0}
        if is_accuracy:
            spreads = [spread_of(group, "accuracy") for group in groups.values()]
            lowest = min(figures.lowest - (figures.deviation or 0) for figures in spreads)
            highest = max(figures.mean + (figures.deviation or 0) for figures in spreads)
            # In tenths of a percent, with some distance to the bars' ends.
            limits = {
                "min": max(0.0, math.floor(1000 * lowest - 1) / 1000),
                "max": min(1.0, math.ceil(1000 * highest + 0.5) / 1000),
            }
        chart.set_y_axis(
            {"num_font": font, "num_format": num_format, "major_gridlines": {"visible": False}}
            | limits
        )
        chart.set_size({"width": 440, "height": 280})
        sheet.insert_chart(below, 0, chart, {"x_offset": 460 * place + 4})


def _write_curves(workbook: Workbook, styles: Styles, groups: dict[int, list[Result]]) -> None:
    """Write the mean test accuracy after each epoch, with its spread where there are more runs."""
    sheet = workbook.add_worksheet("Curves")
    set_page(sheet, fit=(1, 1))
    sheet.set_row_pixels(2, 50)
    sheet.write(0, 0, "Test accuracy after each epoch, mean of a batch size's runs", styles.title)
    sheet.set_row(0, 28)
    sheet.write(2, 0, "epoch", styles.header(COLORS["slate"]))
    curves = {size: curve_of(group) for size, group in groups.items()}
    epochs = len(next(iter(curves.values())))
    for epoch in range(epochs):
        sheet.write_number(3 + epoch, 0, epoch + 1, styles.cell("0"))
    spread = _has_spread(groups)
    chart = line_chart(workbook, "Learning curves", "epoch", "test accuracy", epochs)
    font = {"name": FONT, "size": 9}
    chart.set_x_axis(
        {
            "name": "epoch", "min": 0, "max": epochs, "major_unit": epoch_step(epochs),
            "major_gridlines": {"visible": False}, "num_font": font, "name_font": font,
        }
    )  # fmt: skip
    step = 2 if spread else 1
    sheet.set_column_pixels(1, step * len(groups), 80)
    for index, (size, curve) in enumerate(curves.items()):
        column = 1 + step * index
        style = line_style(index)
        series = {
            "name": ["Curves", 2, column],
            "categories": ["Curves", 3, 0, 2 + epochs, 0],
            "values": ["Curves", 3, column, 2 + epochs, column],
            "line": style,
        }
        if epochs < 3:  # one epoch makes no line
            fill = {"color": style["color"]}
            series["marker"] = {"type": "circle", "size": 6, "fill": fill, "border": fill}
        sheet.write(2, column, f"batch {size}", styles.header(COLORS["blue"]))
        _write_column(sheet, styles, column, [point.mean for point in curve])
        if spread:
            sheet.write(2, column + 1, f"batch {size}, std dev", styles.header(COLORS["slate"]))
            deviations = [point.deviation for point in curve]
            _write_column(sheet, styles, column + 1, deviations)
            area = f"Curves!{xl_range_abs(3, column + 1, 2 + epochs, column + 1)}"
            line = {"color": style["color"], "width": 0.75}
            series["y_error_bars"] = _error_bars(area, deviations) | {"line": line}
        chart.add_series(series)
    chart.set_y_axis(
        {
            "name": "test accuracy", "num_format": "0.0%",
            "min": max(0, int(_lowest_late(curves.values()) * 200) / 200),
            "major_gridlines": {"visible": True, "line": {"color": GRID}},
            "num_font": font, "name_font": font,
        }
    )  # fmt: skip
    chart.set_size({"width": 760, "height": 400})
    sheet.insert_chart(2, step * len(groups) + 2, chart)


def _write_column(
    sheet: Worksheet, styles: Styles, column: int, values: Iterable[float | None]
) -> None:
    for line, value in enumerate(values, start=3):
        if value is not None:
            sheet.write_number(line, column, value, styles.cell("0.00%"))


def _lowest_late(curves: Iterable[list[Spread]]) -> float:
    """Return the lowest point after the first quarter, with its deviation."""
    return min(
        point.mean - (point.deviation or 0)
        for curve in curves
        for point in curve[len(curve) // 4 :]
    )


# --- the plot ---


def _draw(groups: dict[int, list[Result]], path: Path) -> None:
    from keras_model.training.plots import dress, new_figure, number_epochs, save

    noise = noise_note(result for group in groups.values() for result in group)
    figure = new_figure(11, 3.8 if noise else 3.6)
    accuracy, seconds, curves = figure.subplots(1, 3)
    if noise:
        figure.supxlabel(noise, x=0.01, ha="left", fontsize=8.5, color=COLORS["slate"].strong)
    suffix = ", mean ± SD" if _has_spread(groups) else ""
    for axes, title, label in (
        (accuracy, "Test accuracy, final epoch" + suffix, "batch size"),
        (seconds, "Seconds per epoch" + suffix, "batch size"),
        (curves, "Learning curves" + suffix, "epoch"),
    ):
        dress(axes, title, label, 10)
        axes.set_axisbelow(True)
    for index, (size, group) in enumerate(groups.items()):
        name, color = str(size), line_style(index)["color"]
        points = [100 * result.row.accuracy for result in group]
        spread = spread_of(group, "accuracy")
        mean = 100 * spread.mean
        accuracy.plot([name] * len(points), points, "o", color=color, alpha=0.45)
        if spread.deviation is not None:
            accuracy.errorbar(
                [name], [mean], yerr=100 * spread.deviation, fmt="_", color=color, capsize=6,
                markersize=14,
            )  # fmt: skip
        accuracy.annotate(f"{mean:.2f}", (name, mean), (12, -3), textcoords="offset points")
        time = spread_of(group, "seconds_per_epoch")
        seconds.bar(name, time.mean, yerr=time.deviation, color=color, capsize=6)
        curve = curve_of(group)
        epochs = range(1, len(curve) + 1)
        means = [100 * point.mean for point in curve]
        marker = "o" if len(curve) < 3 else None
        curves.plot(epochs, means, color=color, label=name, marker=marker)
        if len(group) > 1:
            deviations = [100 * (point.deviation or 0) for point in curve]
            curves.fill_between(
                epochs,
                [mean - deviation for mean, deviation in zip(means, deviations, strict=True)],
                [mean + deviation for mean, deviation in zip(means, deviations, strict=True)],
                color=color, alpha=0.15, linewidth=0,
            )  # fmt: skip
    accuracy.set_ylabel("%")
    accuracy.margins(x=0.3, y=0.2)
    lowest = _lowest_late(curve_of(group) for group in groups.values())
    curves.set_ylim(bottom=100 * lowest - 0.1)
    number_epochs(curves, len(next(iter(groups.values()))[0].test_accuracy))
    curves.legend(frameon=False, title="batch size")
    save(figure, path)
