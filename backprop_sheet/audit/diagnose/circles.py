"""Circles of formulas that refer to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def circle_from(start: str, used_by: Callable[[str], Iterable[str]]) -> list[str]:
    """Return a circle that a cell depends on, with its first name again at the end; [] if none.

    Args:
        used_by: gives the names that the formula of a name refers to.
    """
    path = {start: iter(used_by(start))}  # from the start, with what is still to follow of each
    done: set[str] = set()
    while path:
        used = next(path[next(reversed(path))], None)
        if used is None:
            name, _ = path.popitem()
            done.add(name)
        elif used in path:
            names = list(path)
            return [*names[names.index(used) :], used]
        elif used not in done:
            path[used] = iter(used_by(used))
    return []
