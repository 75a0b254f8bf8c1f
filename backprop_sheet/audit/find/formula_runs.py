"""Equal formulas below each other, and which of them belong to one training.

In a training, each column follows from others, and through the record above from itself: the
weights from the gradients above, these from the activations, and these from the weights. Of two
trainings on a sheet, none depends on the other, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backprop_sheet.audit.find.regions import Grid
from backprop_sheet.audit.read.used_cells import used_cells

MIN_RUNS = 3  # that depend on each other: a counter depends on itself alone
MAX_RUNS = 4_000  # of a sheet in which several trainings are looked for


class Run(NamedTuple):
    """Equal formulas in neighbouring lines, from the first to the last one."""

    across: int
    first: int
    last: int


@dataclass
class Training:
    """The formulas of one training, and all lines across whose cells they use."""

    runs: list[Run] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    @property
    def lines(self) -> set[int]:
        """All lines across that belong to it."""
        return self.used.union(run.across for run in self.runs)

    @property
    def first(self) -> int:
        """The first line of its formulas."""
        return min(run.first for run in self.runs)

    @property
    def last(self) -> int:
        """The last line of its formulas."""
        return max(run.last for run in self.runs)

    def is_beside(self, other: Training) -> bool:
        """Whether two trainings have records in the same lines."""
        return self.first <= other.last and other.first <= self.last


def runs_of(relative: Mapping[tuple[int, int], str]) -> list[Run]:
    """Return the runs of equal formulas.

    Args:
        relative: the relative formulas by their lines across and along.
    """
    runs: list[Run] = []
    previous: tuple[int, int] | None = None
    for across, along in sorted(relative):
        follows = previous == (across, along - 1)
        if follows and relative[across, along] == relative[across, along - 1]:
            start = runs[-1].first if runs and runs[-1][::2] == (across, along - 1) else along - 1
            if start < along - 1:
                runs.pop()
            runs.append(Run(across, start, along))
        previous = (across, along)
    return runs


def trainings(grid: Grid, runs: Sequence[Run]) -> list[Training]:
    """Return the trainings of a sheet with the runs of each; one with all runs if there is one."""
    if len(runs) > MAX_RUNS:
        return [Training(list(runs))]
    by_line: dict[int, list[int]] = {}
    for place, run in enumerate(runs):
        by_line.setdefault(run.across, []).append(place)
    uses: list[set[int]] = []  # other runs
    lines: list[set[int]] = []
    for run in runs:
        cells = _used_at(grid, run.last, run.across)
        near = [(along, across) for along, across in cells if run.first - 1 <= along <= run.last]
        lines.append({across for _, across in near})
        uses.append(
            {
                place
                for along, across in near
                for place in by_line.get(across, ())
                if runs[place].first - 1 <= along <= runs[place].last
            }
        )
    cores = [core for core in _circles(uses) if len(core) >= MIN_RUNS]
    cores = _connected(cores, uses) if len(cores) > 1 else cores
    if len(cores) < 2:
        return [Training(list(runs))]
    training_of = {place: number for number, core in enumerate(cores) for place in core}
    _attach(training_of, uses)
    found = [Training() for _ in cores]
    for place, number in sorted(training_of.items()):
        found[number].runs.append(runs[place])
        found[number].used |= lines[place]
    joined = _joined(found, grid)
    return joined if len(joined) > 1 else [Training(list(runs))]


def _used_at(grid: Grid, along: int, across: int) -> list[tuple[int, int]]:
    """Return the positions of the same sheet that the formula at a position uses."""
    return [
        grid.position((cell.row, cell.column))
        for cell in used_cells(grid.sheet, grid.cell(along, across))
        if cell.sheet == grid.sheet.title
    ]


def _joined(found: Sequence[Training], grid: Grid) -> list[Training]:
    """Join the parts of a training between which a comment or an empty line is.

    What goes on uses the last line of the part before.
    """
    joined: list[Training] = []
    for training in sorted(found, key=lambda one: one.first):
        above = {
            cell for run in training.runs for cell in _used_at(grid, run.first - 1, run.across)
        }
        part = next(
            (
                one
                for one in joined
                if any((run.last, run.across) in above for run in one.runs)
                and not one.is_beside(training)
            ),
            None,
        )
        if part is None:
            joined.append(training)
        else:
            part.runs += training.runs
            part.used |= training.used
    return joined


def _connected(cores: Sequence[Sequence[int]], uses: Sequence[set[int]]) -> list[list[int]]:
    """Join the circles of one training: one uses another, or something uses both.

    So it is with outputs without a common hidden layer, whose errors are added up. Of other
    trainings, no more than the inputs may be the same.
    """
    core_of = {place: number for number, core in enumerate(cores) for place in core}
    reached = [{core_of[place]} if place in core_of else set() for place in range(len(uses))]
    is_growing = True
    while is_growing:
        is_growing = False
        for place, used in enumerate(uses):
            more = set().union(*(reached[other] for other in used)) - reached[place]
            if more:
                reached[place] |= more
                is_growing = True
    joined: list[set[int]] = []
    for group in reached:
        touching = [other for other in joined if not other.isdisjoint(group)]
        joined = [other for other in joined if other.isdisjoint(group)]
        joined.append(group.union(*touching))
    return [[place for number in group for place in cores[number]] for group in joined if group]


def _attach(training_of: dict[int, int], uses: Sequence[set[int]]) -> None:
    """Add the runs that use a training, such as errors, and those that it uses."""
    is_growing = True
    while is_growing:
        is_growing = False
        for place, used in enumerate(uses):
            known = training_of.get(place)
            near = next((training_of[other] for other in used if other in training_of), None)
            if known is None and near is not None:
                training_of[place] = near
                is_growing = True
            elif known is not None:
                for other in used - training_of.keys():
                    training_of[other] = known
                    is_growing = True


def _circles(uses: Sequence[set[int]]) -> Iterator[list[int]]:
    """Yield the sets of runs that all depend on each other (Tarjan's algorithm)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    for start in range(len(uses)):
        if start in order:
            continue
        path = [(start, iter(uses[start]))]
        order[start] = lowest[start] = len(order)
        stack.append(start)
        waiting.add(start)
        while path:
            place, following = path[-1]
            other = next(following, None)
            if other is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[place])
                if lowest[place] == order[place]:
                    circle = stack[stack.index(place) :]
                    del stack[-len(circle) :]
                    waiting.difference_update(circle)
                    yield circle
            elif other not in order:
                order[other] = lowest[other] = len(order)
                stack.append(other)
                waiting.add(other)
                path.append((other, iter(uses[other])))
            elif other in waiting:
                lowest[place] = min(lowest[place], order[other])
