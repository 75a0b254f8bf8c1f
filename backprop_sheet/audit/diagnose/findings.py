"""The findings of a table: one per wrong column, with its cause."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from backprop_sheet.audit.compare.comparison import ColumnComparison
from backprop_sheet.audit.compare.derivative_rules import right_with
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import auditable, plain
from backprop_sheet.audit.diagnose.cell_formulas import formula_in_cells
from backprop_sheet.audit.diagnose.diagnosis import diagnosis_of
from backprop_sheet.audit.diagnose.formula_causes import FormulaCauses
from backprop_sheet.audit.diagnose.given_causes import given_finding, rate_finding
from backprop_sheet.audit.diagnose.helper_columns import HelperColumns
from backprop_sheet.audit.diagnose.helper_mistake import HelperMistake, own_column_meaning
from backprop_sheet.audit.diagnose.number_causes import cause_of_numbers
from backprop_sheet.audit.diagnose.other_losses import plainer_cause
from backprop_sheet.audit.diagnose.shared_helpers import SharedHelpers
from backprop_sheet.audit.diagnose.value_causes import cause_by_value
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.intermediates import explain_intermediate
from backprop_sheet.equations.names import LEARNING_RATE, Kind, kind_of
from backprop_sheet.symbolic.expressions import Expression, Name, names, rename
from backprop_sheet.symbolic.rendering import to_text

MAX_FOLLOWING = 200  # wrong cells of a column that are looked at one by one
MAX_PAIR_SEARCHES = 6  # columns of a table in which two mistakes at once are looked for


def findings_of(comparison: Comparison) -> list[Finding]:
    """Return the findings of a table in the order of its columns."""
    data = comparison.data
    explainer = _Explainer(comparison)
    findings = [given_finding(comparison, given) for given in comparison.given]
    of_columns = list(filter(None, map(explainer.finding, comparison.columns)))
    findings += SharedHelpers(comparison, explainer.diagnosis).merged(of_columns)
    if (label := rate_finding(comparison)) is not None:
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
        self.helper_columns = HelperColumns(comparison, self._right)
        self._computed_by_derivatives = {
            one.column for one in comparison.columns if one.by_derivatives
        }
        self._pair_searches = 0

    def finding(self, comparison: ColumnComparison) -> Finding | None:
        """Return the finding of a column, or None if the mistake is in another column."""
        comparison = self._without_following(comparison)
        rows = np.flatnonzero(comparison.wrong)
        if not len(rows):
            return None
        column, record = comparison.column, int(rows[0])
        position = self.data.position_in(column, record)
        shown = self.table.value(column, record)
        telling = self._telling(column, rows.tolist())
        formula, expression = self.translator.text(column, telling)
        right = self._right(column, position, expression)
        cells = self.data.cells(column, comparison.wrong)
        cause = self._cause(comparison, telling, formula, expression)
        cause = plainer_cause(self.comparison, column, cause)
        finding = Finding(
            column=column,
            cells=cells,
            first_cell=cells[0].text(self.table.sheet),
            found=plain(shown),
            expected=_known(comparison.expected[record]),
            formula=formula,
            expected_formula=to_text(right),
            cause=cause or self._difference(column, telling, expression),
            expected_in_cells=formula_in_cells(self.comparison, right, record, cells[0].sheet),
            meaning=self._meaning(column),
            is_explained=bool(cause),
        )
        return self._in_helper_column(finding, rows.tolist(), expression)

    def _telling(self, column: str, records: list[int]) -> int:
        """Return the wrong record that shows the cause: of a wrong formula, if most have one.

        Where a formula refers to the record above, the first number is typed.
        """
        computed = [one for one in records if self.table.formula(column, one) is not None]
        if 2 * len(computed) <= len(records) or self._follows(column, computed[0]):
            return records[0]
        return computed[0]

    def _follows(self, column: str, record: int) -> bool:
        """Whether the formula of a cell is right, and other wrong cells are to blame."""
        _, expression = self.translator.text(column, record)
        position = self.data.position_in(column, record)
        return expression is not None and self.diagnosis.follows_from_others(
            column, expression, position
        )

    def _right(self, column: str, position: int, found: Expression | None) -> Expression:
        """Return the right formula, in the derivatives that the student's one has to use."""
        right = row_rhs(self.system, column, position)
        if found is None or not (
            column in self.system.updates or column in self._computed_by_derivatives
        ):
            return right
        return right_with(self.system, column, found) or right

    def _in_helper_column(
        self, finding: Finding, records: list[int], expression: Expression | None
    ) -> Finding:
        """Move a finding to the student's own column in which the mistake was made, if it was."""
        mistake = self.helper_columns.mistake(finding.column, records)
        if mistake is None:
            return finding
        first = mistake.cells[0]
        part = None if expression is None else mistake.part(finding.column, expression)
        return replace(
            finding,
            cells=mistake.cells,
            first_cell=first.text(self.table.sheet),
            found=plain(self.table.value_at(first)),
            expected=mistake.expected,
            formula=None
            if part is None or mistake.is_typed
            else to_text(mistake.shown(part), cell=reference_text),
            expected_formula=to_text(mistake.shown(mistake.right)),
            cause=self._cause_in_helper(finding, mistake, records[0]),
            expected_in_cells=formula_in_cells(
                self.comparison, mistake.right, records[0], first.sheet
            ),
            meaning=own_column_meaning(self.table, first, (finding.column,)),
        )

    def _cause_in_helper(self, finding: Finding, mistake: HelperMistake, record: int) -> str:
        if mistake.is_typed:
            return "a number typed over the column's formula"
        if mistake.of_state is None:
            return finding.cause
        causes, found = self.formula_causes, mistake.of_state
        return (
            self._turned_step(mistake)
            or causes.cause(mistake.state, record, found, pairs=self._pairs())
            or causes.difference(mistake.state, record, found)
        )

    def _turned_step(self, mistake: HelperMistake) -> str:
        """Describe a step with momentum that has the wrong sign before the gradient."""
        if mistake.found is None:
            return ""
        own = {name for name in names(mistake.right) if name.name.startswith("Δ")}

        def as_state(expression: Expression) -> Expression:
            return rename(expression, lambda used: Name(mistake.state, -1) if used in own else used)

        wanted = self.diagnosis.fingerprints.of(as_state(mistake.found))
        return self.diagnosis.turned(as_state(mistake.right), wanted)

    def _meaning(self, column: str) -> str:
        """Say what a derivative is that the exercise's own table does not have."""
        is_own = column in self.system.columns and kind_of(column) is not Kind.ADJOINT
        return "" if is_own else explain_intermediate(column)

    def _without_following(self, comparison: ColumnComparison) -> ColumnComparison:
        """Leave out the first wrong cells whose right formulas use other wrong cells."""
        column, wrong = comparison.column, comparison.wrong.copy()
        for record in np.flatnonzero(wrong)[:MAX_FOLLOWING].tolist():
            if not self._follows(column, record):
                return replace(comparison, wrong=wrong)
            wrong[record] = False
        return replace(comparison, wrong=np.zeros_like(wrong))

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
            cause = self.formula_causes.cause(column, record, expression, pairs=self._pairs())
            return cause or cause_by_value(self.comparison, comparison, pairs=False)
        if formula is not None:
            return cause_by_value(self.comparison, comparison, pairs=self._pairs())
        return cause_of_numbers(self.comparison, comparison, pairs=self._pairs())

    def _difference(self, column: str, record: int, expression: Expression | None) -> str:
        """Say what a formula without a known mistake should use; "" if it is not read."""
        if self.table.formula(column, record) is None:
            return ""
        if expression is None:
            return "the formula is not the exercise's formula"
        return self.formula_causes.difference(column, record, expression)

    def _pairs(self) -> bool:
        """Whether two mistakes in one formula are looked for, in a few columns only."""
        self._pair_searches += 1
        return self._pair_searches <= MAX_PAIR_SEARCHES


def _known(expected: float) -> float | None:
    """Return an expected value; None if it is not known."""
    return None if math.isnan(expected) else plain(float(expected))
