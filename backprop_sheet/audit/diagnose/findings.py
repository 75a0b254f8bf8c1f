"""The findings of a table: one per wrong column, with its cause."""

from __future__ import annotations

import math

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import auditable, plain
from backprop_sheet.audit.diagnose.cell_formulas import formula_in_cells
from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.diagnose.formula_causes import FormulaCauses
from backprop_sheet.audit.diagnose.given_causes import given_finding, label_finding
from backprop_sheet.audit.diagnose.number_causes import cause_of_numbers
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.expressions import Expression
from backprop_sheet.symbolic.rendering import to_text


def findings_of(comparison: Comparison) -> list[Finding]:
    """Return the findings of a table in the order of its columns."""
    data = comparison.data
    explainer = _Explainer(comparison)
    findings = [given_finding(comparison, given) for given in comparison.given]
    findings += filter(None, map(explainer.finding, comparison.columns))
    if (label := label_finding(comparison.rate, data.table.sheet)) is not None:
        findings.append(label)
    order = {name: index for index, name in enumerate((LEARNING_RATE, *auditable(data.system)))}
    findings.sort(key=lambda finding: order[finding.column])
    return findings


class _Explainer:
    """Finds the causes of wrong columns."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison, self.data = comparison, comparison.data
        self.translator, self.table = comparison.translator, comparison.data.table
        self.system = comparison.data.system
        self.diagnosis = diagnosis_of(self.system)
        self.formula_causes = FormulaCauses(comparison, self.diagnosis)

    def finding(self, comparison: ColumnComparison) -> Finding | None:
        """Return the finding of a column, or None if the mistake is in another column."""
        rows = np.flatnonzero(comparison.wrong)
        if not len(rows):
            return None
        column, record = comparison.column, int(rows[0])
        position = self.data.position_in(column, record)
        shown = self.table.value(column, record)
        formula, expression = self.translator.text(column, record)
        if expression is not None and self.diagnosis.follows_from_others(
            column, expression, position
        ):
            return None
        right = row_rhs(self.system, column, position)
        cells = self.data.cells(column, comparison.wrong)
        return Finding(
            column=column,
            cells=cells,
            first_cell=cells[0].text(self.table.sheet),
            found=plain(shown),
            expected=_known(comparison.expected[record]),
            formula=formula,
            expected_formula=to_text(right),
            cause=self._cause(comparison, record, formula, expression),
            expected_in_cells=formula_in_cells(self.comparison, right, record),
        )

    def _cause(
        self,
        comparison: ColumnComparison,
        record: int,
        formula: str | None,
        expression: Expression | None,
    ) -> str:
        column = comparison.column
        shown = self.table.value(column, record)
        if isinstance(shown, str) and number(shown) is None:
            if shown.startswith("#"):
                return f"the cell shows {shown}"
            return f"a text ({shown[:20]!r}) where a number belongs"
        if expression is not None:
            return self.formula_causes.cause(column, record, expression)
        if formula is not None:
            return "the formula is not the exercise's formula"
        return cause_of_numbers(self.comparison, comparison)


def _known(expected: float) -> float | None:
    """Return an expected value; None if it is not known."""
    return None if math.isnan(expected) else plain(float(expected))
