"""``gradsheet handout``."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from gradsheet.commands.column_groups import ALL, column_groups
from gradsheet.commands.messages import Refused
from gradsheet.commands.options import FILE, exercise_option
from gradsheet.commands.progress import progress_of
from gradsheet.printable import printable
from gradsheet.words import count

_DRAWN_SEEDS = 10**9
_FEW = 5  # students, for whom no bar is shown


@click.command()
@click.option(
    "--roster",
    type=FILE,
    required=True,
    metavar="FILE.csv",
    help="Who is in the class: an export of Moodle or Canvas, or a list with id and name.",
)
@exercise_option
@click.option(
    "--blank",
    metavar="GROUP,...",
    default=ALL,
    show_default=True,
    help="Columns to fill in: forward, error, gradients, updates, or all.",
)
@click.option(
    "--iterations", type=int, default=3, show_default=True, metavar="N", help="Number of updates."
)
@click.option(
    "--points", type=float, metavar="N", help="Points of a table without a mistake.  [default: 10]"
)
@click.option(
    "--seed", type=int, metavar="N", help="Seed: the same one repeats a handout.  [default: random]"
)
@click.option("--no-marks", is_flag=True, help="Leave out the marks that show what is right.")
@click.option("--solutions", type=FILE, metavar="FOLDER", help="Folder for everybody's solution.")
@click.option(
    "-o", "--output", type=FILE, required=True, metavar="FOLDER", help="Folder to write to."
)
@click.option("--force", is_flag=True, help="Replace files that this tool did not write.")
def handout(
    roster: Path,
    exercise: str,
    blank: str,
    iterations: int,
    points: float | None,
    seed: int | None,
    no_marks: bool,
    solutions: Path | None,
    output: Path,
    force: bool,
) -> None:
    """Write a worksheet for each student, with its own numbers.

    The worksheets differ in their weights, biases, inputs and learning rates, and are
    as hard as the exercise; [individual] in an exercise file chooses what differs. The
    same seed and id give the same numbers again. The file assignment.toml says who has
    which numbers: keep it, to check what is handed in.

    \b
    Examples:
      gradsheet handout --roster class.csv -o handout/
      gradsheet handout --roster class.csv --blank gradients,updates -o handout/
      gradsheet check submissions.zip --assignment handout/assignment.toml
    """
    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.exercise.given_values import with_values
    from backprop_sheet.handout.assignment import (
        AssignmentPlan,
        assign,
        check_points,
    )
    from backprop_sheet.handout.handing_out import ASSIGNMENT_FILE, Handout, hand_out
    from backprop_sheet.handout.roster import read_roster
    from gradsheet.cores import available_cores

    if seed is not None and seed < 0:
        raise Refused(f"--seed must be 0 or more, got {seed}")
    class_ = read_roster(roster)
    number = len(class_.students)
    click.echo(f"{printable(str(roster))}: {count(number, 'student')}, {class_.kind}")
    drawn = secrets.randbelow(_DRAWN_SEEDS) if seed is None else seed
    plan = AssignmentPlan(
        with_values(load_exercise(exercise), iterations=iterations),
        drawn,
        tuple(sorted(column_groups("--blank", blank))),
        check_points(points, "--points"),
    )
    rest = f"what is written stays; add the rest with --seed {drawn} and the same options"
    with progress_of(2 * number, "Handing out", takes_long=number > _FEW, stopped=rest) as progress:
        assignment = assign(plan, class_.students, progress)
        files = Handout(assignment, output, solutions, not no_marks, force)
        blanks = hand_out(files, available_cores(), progress)
    what = f"{count(number, 'worksheet')} with {count(blanks, 'cell')} to fill in each"
    click.echo(f"{what}: {printable(str(output))}")
    if solutions is not None:
        click.echo(f"Solutions: {printable(str(solutions))}")
    click.echo(f"Who has which numbers: {printable(str(output / ASSIGNMENT_FILE))}")
    click.echo(f"Seed: {drawn}")
