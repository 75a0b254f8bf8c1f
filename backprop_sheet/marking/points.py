"""The points of a table: shared by groups of columns, and in a group by its columns.

A column earns its share of right cells. Cells that correctly use a wrong value are right, so that
an error is not punished twice; cells that are empty or could not be checked earn nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from backprop_sheet.audit.results import ColumnScore, FilledWorksheet, TableResult
from backprop_sheet.exercise.class_options import Marks
from backprop_sheet.exercise.column_groups import ColumnGroup

DEFAULT_POINTS = 10.0
_PARTS = 100  # of a point; points have two decimals


@dataclass(frozen=True)
class PointRules:
    """What points are given for.

    Attributes:
        points: of a table without a mistake.
        marks: the points of each group, of which only the proportions count; None shares the points
            in proportion to the numbers of columns.
        blank: the groups that were left to the students, which alone earn points; None for all.
        iterations: how many iterations a complete table has at least; None for as many as it has.
    """

    points: float = DEFAULT_POINTS
    marks: Marks | None = None
    blank: tuple[ColumnGroup, ...] | None = None
    iterations: int | None = None

    def of_worksheet(self, worksheet: FilledWorksheet | None) -> PointRules:
        """Return the rules for a workbook: what the teacher did not say, its worksheet says."""
        if worksheet is None:
            return self
        return replace(
            self,
            marks=self.marks or worksheet.marks,
            blank=worksheet.blank if self.blank is None else self.blank,
            iterations=worksheet.iterations if self.iterations is None else self.iterations,
        )


@dataclass(frozen=True)
class Points:
    """The points of a table, in all and by group; groups that have no points are left out.

    They are rounded to two decimals.
    """

    total: float
    by_group: Mapping[ColumnGroup, float]


def points_of(table: TableResult, rules: PointRules) -> Points:
    """Return the points of a table."""
    groups = {
        group: [one for one in table.scores if one.group is group]
        for group in ColumnGroup
        if rules.blank is None or group in rules.blank
    }
    weights = {group: _weight(group, scores, rules) for group, scores in groups.items()}
    every = sum(weights.values())
    by_group = {}
    for group, scores in groups.items():
        if weights[group] > 0:
            shares = [_share(score, table, rules) for score in scores]
            share = sum(shares) / len(shares) if shares else 0.0
            by_group[group] = rules.points * weights[group] / every * share
    if table.is_worthless:
        by_group = dict.fromkeys(by_group, 0.0)
    total = _rounded(sum(by_group.values()))
    return Points(total, {group: _rounded(points) for group, points in by_group.items()})


def _rounded(points: float) -> float:
    """Round points as people do, half up: 8.125 is 8.13, whatever its last binary digit is."""
    return math.floor(points * _PARTS + 0.5 + 1e-9) / _PARTS


def _weight(group: ColumnGroup, scores: list[ColumnScore], rules: PointRules) -> float:
    if not scores:
        return 0.0  # as the error of a table that has none
    return float(len(scores)) if rules.marks is None else rules.marks.of(group)


def _share(score: ColumnScore, table: TableResult, rules: PointRules) -> float:
    """Return the share of right cells in a column, 0 to 1."""
    required = rules.iterations or 1  # without an iteration there is no update
    if score.group is not ColumnGroup.UPDATES:
        required *= table.rows_per_iteration
    return score.right / max(score.needed, required)
