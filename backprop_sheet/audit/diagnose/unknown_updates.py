"""Updates by a rule that is none of the known optimizers, such as AdaGrad or an L2 penalty.

They are no mistake that could be named, so they are not called wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backprop_sheet.audit.compare.completeness import column_words
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.symbolic.expressions import CellReference, Name, walk


def unknown_updates(comparison: Comparison, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the parameters whose updates follow an unknown rule; none if some weight's do not.

    Each formula uses something that no known rule has, and no mistake explains it.
    """
    system = comparison.data.system
    trained = [name for name in system.trained if name in comparison.data.columns]
    weights = {name for name in trained if kind_of(name) is Kind.WEIGHT}
    unknown = {
        finding.column
        for finding in findings
        if finding.column in trained
        and not finding.is_explained
        and _is_in_column(comparison, finding)
        and _is_wrong_everywhere(comparison, finding.column)
        and _uses_more(comparison, finding.column)
    }
    is_rule = bool(weights) and weights <= unknown
    return tuple(name for name in trained if name in unknown) if is_rule else ()


def _is_in_column(comparison: Comparison, finding: Finding) -> bool:
    """Whether a finding is about the updates themselves, and not about a state they use."""
    cells = {comparison.data.table.cell(finding.column, n) for n in range(comparison.data.records)}
    return finding.cells[0] in cells


def unknown_rule_note(parameters: Sequence[str]) -> str:
    """Say that the updates of some parameters were not checked."""
    return (
        f"not checked: the updates of {column_words(parameters)}, which follow no optimizer that "
        "check knows"
    )


def _is_wrong_everywhere(comparison: Comparison, column: str) -> bool:
    """Whether all updates are wrong, perhaps without the first, which averages nothing yet."""
    one = comparison.by_column[column]
    right = np.flatnonzero(one.checked & ~one.wrong)
    is_first = len(right) == 0 or bool(np.array_equal(right, np.flatnonzero(one.checked)[:1]))
    return is_first and int(one.wrong.sum()) > 1


def _uses_more(comparison: Comparison, column: str) -> bool:
    """Whether an update refers to a cell that is no quantity, or remembers older rows."""
    one = comparison.by_column[column]
    record = int(np.flatnonzero(one.wrong)[-1])
    written, formula = comparison.translator.text(column, record)
    if formula is None:  # more than can be inserted into one formula
        return written is not None
    return any(
        isinstance(node, CellReference) or (isinstance(node, Name) and node.shift < -1)
        for node in walk(formula)
    )
