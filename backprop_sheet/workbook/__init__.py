"""An exercise as a workbook of formulas, each with its stored value."""

from backprop_sheet.workbook.layout import CHART_ROWS
from backprop_sheet.workbook.overview import Run
from backprop_sheet.workbook.writer import (
    check_size,
    error_name,
    table_rows,
    write_workbook,
    written_by_gradsheet,
)

__all__ = [
    "CHART_ROWS",
    "Run",
    "check_size",
    "error_name",
    "table_rows",
    "write_workbook",
    "written_by_gradsheet",
]
