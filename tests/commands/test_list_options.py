"""Options that take a list of numbers name themselves in errors, and know decimal commas."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import cli
from gradsheet.commands.number_lists import with_decimal_points


def error_of(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, [*arguments, "-o", "unwritten.xlsx"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").strip()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--lrs", "0,5"], "0.5"),
        (["--lrs", "0,5;0,8"], "0.5,0.8"),
        (["--lrs", "0,5 0,8"], "0.5,0.8"),
        (["--lrs", "0.1,0,5"], "0.1,0.5"),
        (["--inputs", "0,05,0,1"], "0.05,0.1"),
        (["--targets", "0,01,0,99"], "0.01,0.99"),
        (["--weights", ",".join(f"0,{n}" for n in range(15, 23))],
         "0.15,0.16,0.17,0.18,0.19,0.20,0.21,0.22"),
        (["--exercise", "mazur", "--biases", "0,35,-0,6"], "0.35,-0.6"),
    ],
)  # fmt: skip
def test_a_decimal_comma_is_recognized_in_every_list(arguments, meant):
    *_, option, text = arguments
    error = error_of("sheet", *arguments)
    assert error.startswith(f"{option} {text}: ")
    assert error.endswith(f"; if you meant {meant}, write decimal points")


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--lrs", "0", "above 0, got 0"),
        ("--lrs", "fast", "'fast' is not a number"),
        ("--weights", "0,1,0,2", "8 numbers"),  # with points, two are not enough either
        ("--inputs", "1,nan", "i2 must be a finite number"),
        ("--biases", "0,5", "the network has none"),
    ],
)
def test_a_point_is_not_proposed_where_it_does_not_help(option, text, says):
    error = error_of("sheet", option, text)
    assert error.startswith(f"{option} {text}: ") and says in error
    assert "if you meant" not in error


def test_values_are_checked_together(tmp_path):
    """A learning rate that is too large for 100 iterations is allowed for one."""
    arguments = ["sheet", "--exercise", "deep", "--lrs", "1e29"]
    assert "must be at most" in error_of(*arguments)
    few = [*arguments, "--iterations", "1", "-o", str(tmp_path / "few.xlsx")]
    assert CliRunner().invoke(cli.main, few).exit_code == 0


@pytest.mark.parametrize("text", ["0.5,0.8", "fast", "1.5", "", "1;2"])
def test_a_list_without_a_decimal_comma_stays(text):
    assert with_decimal_points(text) is None
