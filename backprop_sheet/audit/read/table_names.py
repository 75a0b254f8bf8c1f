"""The names that make a table of an exercise."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.equations.names import NEUTRAL_KINDS, PARAMETER_KINDS, Kind, kind_of

MIN_NAMES = 6  # fewer names are a legend, not a table


class Names:
    """Names that may be the columns of a table of an exercise, added one at a time.

    They make a table if there is a parameter, a quantity that depends on it (a sum, the activation
    of a hidden neuron or a gradient), and a name that is distinct. w1, w2, h1, h2 and t1 alone may
    also be weeks, homework and a test.
    """

    def __init__(self) -> None:
        self._strength: dict[str, bool] = {}
        self._count = 0
        self._has_parameter = self._is_deep = self._is_distinct = self._has_error = False

    def __contains__(self, name: str) -> bool:
        return name in self._strength

    def __len__(self) -> int:
        return len(self._strength)

    def __iter__(self) -> Iterator[str]:
        return iter(self._strength)

    def add(self, name: str, *, is_weak: bool = False) -> None:
        """Add a name. It may be added again."""
        known = self._strength.get(name)
        if known or (known is False and is_weak):
            return
        kind = kind_of(name)
        if known is None:
            self._count += kind not in NEUTRAL_KINDS
        self._strength[name] = not is_weak
        self._has_parameter |= kind in PARAMETER_KINDS
        self._has_error |= kind in (Kind.ERROR, Kind.TOTAL)  # also E, which is weak
        self._is_deep |= kind in _DEEP or name.startswith("a_h")
        self._is_distinct |= not is_weak and kind in _DISTINCT

    @property
    def make_table(self) -> bool:
        """Whether these names make a table."""
        return (
            self._count >= MIN_NAMES and self._has_parameter and self._is_deep and self._is_distinct
        )

    @property
    def may_make_table(self) -> bool:
        """Whether these names make a table if its numbers say so, as other headers are unknown."""
        is_of_network = self._has_parameter or self._is_deep
        is_distinct = self._is_distinct or self._has_error
        return self._count >= MIN_NAMES and is_of_network and is_distinct


_DEEP = (Kind.SUM, Kind.GRADIENT, Kind.ADJOINT)
_DISTINCT = (Kind.ACTIVATION, Kind.TOTAL, Kind.MEAN, Kind.GRADIENT, Kind.ADJOINT, Kind.STATE)
