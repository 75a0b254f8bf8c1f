"""Circles of formulas that refer to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def circle_from(start: str, used_by: Callable[[str], Iterable[str]]) -> list[str]:
    """Return a circle that a cell depends on, with its first name again at the end; [] if none.

    Args:
        used_by: gives the names that the formula of a name refers to.
    """
    path: list[str] = []
    on_path: set[str] = set()
    done: set[str] = set()
    waiting = [(start, iter(used_by(start)))]
    path.append(start)
    on_path.add(start)
    while waiting:
        name, following = waiting[-1]
        used = next(following, None)
        if used is None:
            waiting.pop()
            path.pop()
            on_path.discard(name)
            done.add(name)
        elif used in on_path:
            return [*path[path.index(used) :], used]
        elif used not in done:
            waiting.append((used, iter(used_by(used))))
            path.append(used)
            on_path.add(used)
    return []
