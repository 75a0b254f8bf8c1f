"""Networks read from formulas of which one sum has two parameters exchanged.

The sums tell which parameter is which. One with a mistake, b*x + a beside gradients of a*x + b,
makes both gradients wrong; with the two exchanged, only the sum is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations

from backprop_sheet.audit.find.derivatives_by_use import sum_of
from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import gradient_name

MAX_DOUBTFUL = 4  # parameters with wrong gradients


def with_exchanged(
    reading: NetworkReading, compared: Collection[str], wrong: Collection[str]
) -> Iterator[NetworkReading]:
    """Yield the readings with two parameters of a sum exchanged, if both gradients are wrong.

    Where many are wrong, something else is.

    Args:
        compared: the columns that were compared.
        wrong: those that do not follow from the others.
    """

    def is_wrong(parameter: str) -> bool:
        gradients = (gradient_name(parameter), NEGATIVE + gradient_name(parameter))
        updated = () if any(name in compared for name in gradients) else (parameter,)
        return any(name in wrong for name in (*gradients, *updated))

    columns = reading.columns
    doubtful = [name for name in reading.names.parameters if name in columns and is_wrong(name)]
    if len(doubtful) > MAX_DOUBTFUL:
        return
    pairs = (
        (one, other)
        for one, other in combinations(doubtful, 2)
        if sum_of(reading, one) and sum_of(reading, one) == sum_of(reading, other)
    )
    for one, other in pairs:
        exchanged = {columns[one]: other, columns[other]: one}
        yield replace(reading, quantities={**reading.quantities, **exchanged})
