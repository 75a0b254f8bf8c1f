"""Writing many formulas quickly with XlsxWriter."""

from __future__ import annotations


class ReadyFormula(str):
    """A formula that XlsxWriter writes without searching it for newer functions.

    In a formula without ``_xlfn.``, XlsxWriter looks for functions that were added to Excel after
    2007 and marks them with this prefix. The search takes 29 regular expressions per formula and
    was 80 % of the time of writing a table. An instance of this class claims to contain the
    prefix, so that XlsxWriter skips the search. Use it only for formulas without such functions.
    If a later XlsxWriter tests for the prefix in another way, the file stays the same and is
    written more slowly.
    """

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part == "_xlfn." or str.__contains__(self, part)  # type: ignore[operator]
