"""``gradsheet sweep``."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.digit_inputs import digits_from, network_from, recipe_with
from gradsheet.commands.given_values import numbers_of
from gradsheet.commands.messages import Refused, note
from gradsheet.commands.options import FILE, data_option, device_option, network_option
from gradsheet.installation import install_command
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED
from gradsheet.words import count

if TYPE_CHECKING:
    from keras_model.recipe import Recipe
    from keras_model.sweeps.events import Event
    from keras_model.sweeps.sweep import Outcome
    from keras_model.sweeps.training_process import Job


@click.command()
@network_option
@click.option(
    "--batch-sizes",
    default="32,64,128,256",
    show_default=True,
    metavar="LIST",
    help="Batch sizes to compare.",
)
@click.option(
    "--seeds",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Trainings per batch size, with random seeds 1 to N.",
)
@click.option(
    "--recipe", default="original", show_default=True, metavar="NAME", help="As in train."
)
@click.option("--epochs", type=int, help="Override the recipe's number of epochs.")
@click.option("--lr", type=float, help="Override the learning rate at the recipe's batch size.")
@click.option("--same-lr", is_flag=True, help="Do not scale the learning rate with the batch size.")
@click.option(
    "--jobs",
    type=int,
    metavar="N",
    help="Train N at a time, each on its share of the cores.  [default: 1]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Train on the workers of the Dask cluster with this scheduler address.",
)
@device_option
@data_option
@click.option(
    "--out",
    type=FILE,
    default=Path("runs/sweep"),
    show_default=True,
    metavar="DIR",
    help="Folder of the sweep; finished trainings in it are kept.",
)
@click.pass_context
def sweep(context: click.Context, /, **values: Any) -> None:
    """Compare batch sizes and random seeds.

    The learning rate is scaled with the batch size (twice the batch size, twice the rate), unless
    --same-lr is given. After an interruption, the same command continues where it was. Writes
    sweep.csv, sweep.xlsx and sweep.png.

    --scheduler needs gradsheet with the extra dask (in a clone, requirements-dask.txt) here and in
    the workers' environment (dask worker ADDRESS). Each worker needs the digits: at the path that
    --data gives here, in its own GRADSHEET_DATA, or in its own Keras cache. Use only a cluster that
    you trust: Dask executes the code that it receives.

    \b
    Examples:
      gradsheet sweep --data mnist.npz
      gradsheet sweep --batch-sizes 64,512 --seeds 3 --recipe best --jobs 2
      gradsheet sweep --batch-sizes 128 --seeds 10 --recipe best
      gradsheet sweep --scheduler tcp://10.0.0.1:8786 --data /data/mnist.npz
    """
    options = _Options(**values)
    sizes = options.sizes()
    options.check()
    network = network_from(options.network)
    base = recipe_with(options.recipe, epochs=options.epochs, learning_rate=options.lr)

    from keras_model.backend import prepare_backend
    from keras_model.sweeps.sweep import job_for, run_folder, run_sweep
    from keras_model.training.blocks import is_fusable
    from keras_model.training.progress import SweepProgress
    from keras_model.training.run_config import RunConfig
    from keras_model.training.run_folder import locked

    recipes = _at_batch_sizes(base, sizes, same_lr=options.same_lr)
    train_jobs = _trainer(options)
    prepare_backend(options.device, for_training=is_fusable(network), say=note)
    digits = digits_from(options.data)
    configs = [
        RunConfig(recipe, seed, digits.name, network=network)
        for recipe in recipes
        for seed in range(1, options.seeds + 1)
    ]
    jobs = [
        job_for(config, run_folder(options.out, config), digits, options.device)
        for config in configs
    ]
    context.with_resource(locked(options.out))
    click.echo(
        f"{network.name}, {base.name}: {count(len(jobs), 'training')} of "
        f"{count(base.epochs, 'epoch')} on {digits.name}"
    )
    try:
        with SweepProgress(len(jobs) * base.epochs, click.echo) as progress:
            outcome = run_sweep(jobs, options.out, train_jobs, progress)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command continues where it was.", err=True)
        sys.exit(INTERRUPTED)
    _tell(outcome, len(jobs), options.out)


@dataclass(frozen=True)
class _Options:
    """The values of the command's options."""

    network: str | None
    batch_sizes: str
    seeds: int
    recipe: str
    epochs: int | None
    lr: float | None
    same_lr: bool
    jobs: int | None
    scheduler: str | None
    device: str
    data: Path | None
    out: Path

    def sizes(self) -> list[int]:
        """Return the batch sizes, each once."""
        sizes = numbers_of("--batch-sizes", self.batch_sizes)
        if any(size != int(size) for size in sizes):
            raise Refused(
                f"--batch-sizes: {self.batch_sizes!r} has a size that is not a whole number"
            )
        return list(dict.fromkeys(map(int, sizes)))

    def check(self) -> None:
        """Refuse values that are impossible, also together."""
        if not 1 <= self.seeds <= 1000:
            raise Refused(f"--seeds must be 1 to 1000, got {self.seeds}")
        if self.jobs is not None and not 1 <= self.jobs <= 256:
            raise Refused(f"--jobs must be 1 to 256, got {self.jobs}")
        if self.jobs is not None and self.scheduler is not None:
            raise Refused(
                "--jobs is for this machine and --scheduler for a cluster: give one of them"
            )
        if self.scheduler is not None and importlib.util.find_spec("distributed") is None:
            raise Refused(f"--scheduler needs Dask: {install_command('dask')}")


def _at_batch_sizes(base: Recipe, sizes: list[int], *, same_lr: bool) -> list[Recipe]:
    from keras_model.sweeps.sweep import at_batch_size

    try:
        return [at_batch_size(base, size, same_lr=same_lr) for size in sizes]
    except ValueError as error:
        raise Refused(str(error)) from error


def _trainer(options: _Options) -> Callable[[Mapping[int, Job]], Generator[Event, None, None]]:
    """Return what trains: processes on this machine, or a cluster."""
    if options.scheduler is None:
        from keras_model.sweeps.local_trainings import train_locally

        return functools.partial(train_locally, at_once=options.jobs or 1)
    from keras_model.sweeps.dask_trainings import train_on_cluster

    return functools.partial(train_on_cluster, scheduler=options.scheduler)


def _tell(outcome: Outcome, trainings: int, folder: Path) -> None:
    """Print the results, and fail if a training or a report has failed."""
    from keras_model.sweeps.results import how_measured, noise_note, table

    if outcome.results:
        click.echo("\n".join(table(outcome.results)))
        click.echo(how_measured(outcome.results))
        if noise := noise_note(outcome.results):
            click.echo(click.wrap_text(noise, 80))
        if not outcome.report_error:
            click.echo(printable(f"Written to {folder}: sweep.csv, sweep.xlsx, sweep.png"))
    if outcome.failed:
        raise click.ClickException(
            f"{len(outcome.failed)} of {trainings} failed: " + "; ".join(outcome.failed)
        )
    if outcome.report_error:
        raise click.ClickException(outcome.report_error)
