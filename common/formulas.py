"""Writing many formulas fast."""

from __future__ import annotations


class ReadyFormula(str):
    """A formula that needs nothing done to it before it is written.

    XlsxWriter leaves a formula alone that has ``_xlfn.`` in it, as its user has then marked the
    functions that Excel got after 2007 himself. It looks for them in every other formula, with 29
    regular expressions, which took 80 % of the time of our tables. A formula of this class says
    that it is marked, which holds for every formula without such functions: there is nothing to
    mark. Should a later XlsxWriter ask in another way, the same file is only written slower.
    """

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part == "_xlfn." or str.__contains__(self, part)  # type: ignore[operator]
