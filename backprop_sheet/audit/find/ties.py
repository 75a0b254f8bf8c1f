"""Columns that can have each other's quantities, where neither headers nor numbers tell which.

Of two typed columns headed ``y1``, in a table of one record without gradients, one is the target
and one the output. If neither is the right output, either could be the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from backprop_sheet.audit.find.judging import Assignment, Judge
from backprop_sheet.audit.find.proposals import DOUBTFUL
from backprop_sheet.audit.read.header_text import without_spaces

ABOUT = DOUBTFUL / 2  # how much more another reading may cost that is about as good
MAX_TRIALS = 40


def tied_columns(judge: Judge, best: Assignment) -> tuple[int, ...]:
    """Return two columns of which another reading, about as good, calls the other one wrong."""
    for first, second, other in islice(_with_exchanged(judge, best), MAX_TRIALS):
        wrong = {other.names[name] for name in judge.unexplained(other)}
        if other.cost <= best.cost + ABOUT and first not in wrong:
            return min(first, second), max(first, second)
    return ()


def _with_exchanged(judge: Judge, best: Assignment) -> Iterator[tuple[int, int, Assignment]]:
    """Yield two typed columns, one of them wrong, and the assignment that exchanges them."""
    by_column = {index: name for name, index in best.names.items()}
    typed = [
        index
        for index in (*by_column, *judge.free_columns(best))
        if judge.proposals[index].is_doubtful and not judge.numbers.computed[index]
    ]
    for name in judge.unexplained(best):
        first = best.names[name]
        for second in typed if first in typed else ():
            other = by_column.get(second)
            if other == name or not _propose_both(judge, first, second, name, other):
                continue
            names = {**best.names, name: second}
            if other is not None:
                names[other] = first
            yield first, second, judge.judged(names, best.numbering, best.constants)


def _propose_both(judge: Judge, first: int, second: int, name: str, other: str | None) -> bool:
    """Whether the headers of two columns allow that they have each other's quantities.

    Args:
        name, other: their quantities; the second column may have none.
    """
    if judge.is_no_given(name, second) or (other is not None and judge.is_no_given(other, first)):
        return False
    if other is None:  # a header typed twice; a list of results beside the table is shorter
        known = ~np.isnan(judge.numbers.values[[first, second]])
        if np.any(known[0] & ~known[1]):
            return False
        texts = [without_spaces(judge.columns[index].text).casefold() for index in (first, second)]
        return texts[0] == texts[1] and name in judge.proposals[second].names
    proposed = [set(judge.proposals[index].names) for index in (first, second)]
    return proposed[0] == proposed[1] and {name, other} <= proposed[0]
