"""Numbers of each student's own, drawn so that the exercise is equally hard for everyone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from backprop_sheet.exercise.class_options import GivenKind, Individual
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.handout.difficulty import Difficulty
from backprop_sheet.handout.random_stream import RandomStream
from backprop_sheet.handout.roster import Student
from gradsheet.errors import InvalidInputError
from gradsheet.printable import printable
from gradsheet.words import count, join

MAX_DRAWS = 400  # per student
_PER_ROUND = 3  # numbers that are judged at once, per student
_DRAWS_IN_A_ROW = 200  # until no two numbers are equal
# Values that are drawn without a range are this far from those of the exercise, as factors.
_LOWEST, _HIGHEST = 0.5, 1.5
_DEFAULT_RANGE = (0.1, 0.9)  # for values that are all 0
_CHOICES = 4  # at least so many different values per number


def individual_exercises(
    exercise: Exercise,
    students: Sequence[Student],
    seed: int,
    progress: Callable[[], None] = lambda: None,
) -> list[Exercise]:
    """Return each student's exercise, with other numbers; the same for the same seed and id.

    Neurons are not saturated, gradients are large enough to be seen, every mistake of the catalogue
    changes a value, no two numbers of a student are equal, and no two students have the same.

    Args:
        progress: called once per student, when the numbers are found.

    Raises:
        InvalidInputError: there are no such numbers, or not enough of them.
    """
    plan = DrawingPlan.of(exercise)
    difficulty = Difficulty.of(exercise, plan.draw)
    chosen: dict[str, Exercise] = {}
    taken: set[Numbers] = set()
    waiting = sorted(students, key=lambda student: student.id)
    draws = {student.id: _draws(plan, difficulty, seed, student) for student in students}
    for _ in range(MAX_DRAWS // _PER_ROUND):
        drawn = [(student, _next(draws[student.id], student, plan)) for student in waiting]
        flat = [candidate for _, candidates in drawn for candidate in candidates]
        is_sensitive = iter(difficulty.shows_every_mistake(flat))
        waiting = []
        for student, candidates in drawn:
            fitting = [one for one in candidates if next(is_sensitive)]
            fresh = [one for one in fitting if numbers_of(one) not in taken]
            if fresh:
                chosen[student.id] = fresh[0]
                taken.add(numbers_of(fresh[0]))
                progress()
            else:
                waiting.append(student)
        if not waiting:
            return [chosen[student.id] for student in students]
    raise _none_found(waiting[0], plan)


def _none_found(student: Student, plan: DrawingPlan) -> InvalidInputError:
    varied = join([drawing.kind for drawing in plan.drawings])
    return InvalidInputError(
        f"no numbers that are as hard as the exercise's were found for {printable(student.name)}; "
        f"[individual] of the exercise file varies {varied}: give other ranges, more decimals, or "
        "more that varies"
    )


def _draws(
    plan: DrawingPlan, difficulty: Difficulty, seed: int, student: Student
) -> Iterator[Exercise]:
    for draw in range(MAX_DRAWS):
        candidate = plan.draw(RandomStream(seed, student.id, draw))
        if candidate is not None and difficulty.is_even(candidate):
            yield candidate


def _next(draws: Iterator[Exercise], student: Student, plan: DrawingPlan) -> list[Exercise]:
    candidates = [candidate for candidate, _ in zip(draws, range(_PER_ROUND), strict=False)]
    if not candidates:
        raise _none_found(student, plan)
    return candidates


Numbers = tuple[tuple[float, ...], ...]


def numbers_of(exercise: Exercise) -> Numbers:
    """Return all given numbers of an exercise: what two students must not share."""
    samples = [
        numbers for sample in exercise.samples for numbers in (sample.inputs, sample.targets)
    ]
    return (exercise.weights, exercise.biases, *samples, exercise.training.learning_rates)


def varied_kinds(exercise: Exercise) -> tuple[GivenKind, ...]:
    """Return the kinds of given values that differ: those of [individual], or the usual ones.

    These are the weights, the biases, the learning rate, and the inputs unless they are a truth
    table such as XOR's.
    """
    individual = exercise.individual or Individual()
    if individual.vary is not None:
        return tuple(kind for kind in individual.vary if values_of(exercise, kind))
    usual = [GivenKind.WEIGHTS, GivenKind.BIASES, GivenKind.LEARNING_RATE]
    inputs = values_of(exercise, GivenKind.INPUTS)
    if not set(inputs) <= {-1.0, 0.0, 1.0}:
        usual.insert(2, GivenKind.INPUTS)
    return tuple(kind for kind in usual if values_of(exercise, kind))


def values_of(exercise: Exercise, kind: GivenKind) -> tuple[float, ...]:
    """Return the given values of a kind; those of inputs and targets, sample by sample."""
    match kind:
        case GivenKind.WEIGHTS:
            return exercise.weights
        case GivenKind.BIASES:
            return exercise.biases
        case GivenKind.INPUTS:
            return tuple(value for sample in exercise.samples for value in sample.inputs)
        case GivenKind.TARGETS:
            return tuple(value for sample in exercise.samples for value in sample.targets)
        case GivenKind.LEARNING_RATE:
            return exercise.training.learning_rates


def with_numbers(exercise: Exercise, kind: GivenKind, values: Sequence[float]) -> Exercise:
    """Return the exercise with other values of a kind, in the order of :func:`_values`."""
    match kind:
        case GivenKind.WEIGHTS:
            return replace(exercise, weights=tuple(values))
        case GivenKind.BIASES:
            return replace(exercise, biases=tuple(values))
        case GivenKind.INPUTS:
            left = iter(values)
            samples = [
                Sample(tuple(next(left) for _ in sample.inputs), sample.targets)
                for sample in exercise.samples
            ]
            return replace(exercise, samples=tuple(samples))
        case GivenKind.TARGETS:
            left = iter(values)
            samples = [
                Sample(sample.inputs, tuple(next(left) for _ in sample.targets))
                for sample in exercise.samples
            ]
            return replace(exercise, samples=tuple(samples))
        case GivenKind.LEARNING_RATE:
            training = replace(exercise.training, learning_rates=tuple(values))
            return replace(exercise, training=training)


@dataclass(frozen=True)
class _Drawing:
    """How the values of a kind are drawn, in units of the last decimal.

    Attributes:
        signs: of each value, 1 or -1.
    """

    kind: GivenKind
    low: int
    high: int
    signs: tuple[int, ...]


@dataclass(frozen=True)
class DrawingPlan:
    """Which values are drawn, and from which ranges."""

    exercise: Exercise
    drawings: tuple[_Drawing, ...]
    decimals: int

    @classmethod
    def of(cls, exercise: Exercise) -> DrawingPlan:
        """Plan the drawing of an exercise's numbers.

        Raises:
            InvalidInputError: nothing differs, or a range has too few values.
        """
        individual = exercise.individual or Individual()
        kinds = varied_kinds(exercise)
        if not kinds:
            named = join([str(kind) for kind in individual.vary or ()], "and")
            raise InvalidInputError(f"individual.vary: the exercise has no {named}")
        unit = 10**individual.decimals
        drawings = tuple(_drawing(exercise, individual, kind, unit) for kind in kinds)
        return cls(exercise, drawings, individual.decimals)

    def draw(self, stream: RandomStream) -> Exercise | None:
        """Draw all numbers; None if two of them are equal after many draws in a row."""
        unit = 10**self.decimals
        kinds = {drawing.kind for drawing in self.drawings}
        kept = {
            abs(value)
            for kind in GivenKind
            if kind not in kinds
            for value in values_of(self.exercise, kind)
        }
        result, used = self.exercise, set(kept)
        for drawing in self.drawings:
            values = []
            for sign in drawing.signs:
                for _ in range(_DRAWS_IN_A_ROW):
                    value = (drawing.low + stream.below(drawing.high - drawing.low + 1)) / unit
                    if value and abs(value) not in used:
                        break
                else:
                    return None
                used.add(abs(value))
                values.append(sign * value)
            result = with_numbers(result, drawing.kind, values)
        return result


def _drawing(exercise: Exercise, individual: Individual, kind: GivenKind, unit: int) -> _Drawing:
    values = values_of(exercise, kind)
    number = 1 if kind is GivenKind.LEARNING_RATE else len(values)
    bounds = individual.range_of(kind)
    if bounds is not None:
        low, high = math.ceil(bounds[0] * unit - 1e-9), math.floor(bounds[1] * unit + 1e-9)
        if kind is GivenKind.LEARNING_RATE:
            low = max(low, 1)
        if high - low + 1 < number + 1:
            raise InvalidInputError(
                f"individual.{kind} needs {count(number, 'different value')}, and there are fewer "
                f"between {bounds[0]:g} and {bounds[1]:g}: give a wider range or more decimals"
            )
        return _Drawing(kind, low, high, (1,) * number)
    sizes = sorted(abs(value) for value in values if value) or list(_DEFAULT_RANGE)
    low = max(1, math.floor(_LOWEST * sizes[0] * unit))
    high = max(math.ceil(_HIGHEST * sizes[-1] * unit), low + _CHOICES * number)
    if kind is GivenKind.LEARNING_RATE and len(values) > 1:  # one of the exercise's kind, not wider
        low, high = math.ceil(sizes[0] * unit), math.floor(sizes[-1] * unit)
    signs = tuple(-1 if value < 0 else 1 for value in values[:number])
    return _Drawing(kind, low, high, signs)
