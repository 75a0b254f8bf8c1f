"""The result of one table: its verdict, findings and notes."""

from __future__ import annotations

from types import MappingProxyType

from backprop_sheet.audit.compare.column_scores import column_scores
from backprop_sheet.audit.compare.completeness import completeness
from backprop_sheet.audit.compare.inside_columns import Inside
from backprop_sheet.audit.compare.record_places import record_word
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.diagnose.findings import findings_of
from backprop_sheet.audit.diagnose.notes import rate_notes, typing_of, without_number_notes
from backprop_sheet.audit.diagnose.unknown_updates import unknown_rule_note, unknown_updates
from backprop_sheet.audit.results import INCOMPLETE, RIGHT, WRONG, TableResult
from backprop_sheet.audit.similarity.traces import table_trace


def diagnose(
    comparison: Comparison, file: str, exercise: str, inside: Inside = MappingProxyType({})
) -> TableResult:
    """Find the causes of the wrong cells, and return the result of the table.

    Args:
        inside: the missing columns that count as checked, as they are a part of others.
    """
    data, rate = comparison.data, comparison.rate
    findings = findings_of(comparison)
    unknown = unknown_updates(comparison, findings)
    findings = [finding for finding in findings if finding.column not in unknown]
    whole = completeness(data, comparison.columns, inside)
    typing = typing_of(comparison, findings)
    unchecked = without_number_notes(data, whole.without_number, findings)
    notes = [*whole.notes, *unchecked, *typing.notes, *rate_notes(data, rate)]
    if unknown:
        notes.insert(0, unknown_rule_note(unknown))
    several = data.records > data.system.rows_per_iteration
    verdict = RIGHT
    if findings:
        verdict = WRONG
    elif unknown or not whole.is_complete or (several and rate.values is None):
        verdict = INCOMPLETE
    return TableResult(
        file=file,
        sheet=data.table.sheet,
        exercise=exercise,
        verdict=verdict,
        rows=whole.rows,
        lr=None if unknown else rate.value,
        findings=tuple(findings),
        warnings=tuple(notes),
        audited_columns=tuple(one.column for one in comparison.columns),
        typed_columns=typing.typed,
        text_columns=typing.text,
        rounded_columns=typing.rounded,
        begun_rows=whole.begun,
        unchecked_columns=whole.unchecked + unknown + (() if findings else whole.without_number),
        trace=table_trace(comparison, findings),
        scores=column_scores(comparison, findings, inside),
        rows_per_iteration=data.system.rows_per_iteration,
        row_word=record_word(data),
    )
