"""The right formula of each cell of a table, in terms of the table's rows.

In an equation system, a name's shift counts iterations; here it counts rows. The two differ if an
iteration has one row per sample: the first row of an iteration then updates the parameters from all
rows of the previous iteration, and the other rows repeat the parameters.
"""

from __future__ import annotations

from functools import lru_cache

from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Number,
    Operation,
    add_up,
    transform,
)


@lru_cache(maxsize=4096)
def row_rhs(system: EquationSystem, column: str, position: int = 0) -> Expression:
    """Return the right-hand side of a computed column.

    Args:
        position: the row's position within its iteration, from 0.
    """
    if column in system.definitions:
        return system.definitions[column]
    if system.rows_per_iteration == 1:
        return system.updates[column]
    if position:
        return Name(column, -1)
    return over_rows(system.updates[column], system.rows_per_iteration)


def over_rows(rhs: Expression, rows: int) -> Expression:
    """Write a mean or total over the samples of the previous iteration as a sum of its rows."""

    def spell_out(node: Expression) -> Expression:
        match node:
            case Call("mean" | "sum" as function, (Name(name),)):
                total = add_up(Name(name, shift) for shift in range(-rows, 0))
                return total if function == "sum" else Operation("/", total, Number(float(rows)))
        return node

    return transform(rhs, spell_out)
