"""``gradsheet train``."""

from __future__ import annotations

import importlib.util
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradsheet.commands.digit_inputs import DEFAULT_RECIPE, digits_from, network_from, recipe_with
from gradsheet.commands.messages import Refused, note, program, tell
from gradsheet.commands.options import FILE, data_option, device_option, network_option
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED
from gradsheet.words import count

if TYPE_CHECKING:
    from keras_model.data.mnist import Digits
    from keras_model.networks.architecture import Architecture
    from keras_model.recipe import Recipe
    from keras_model.training.run_config import RunConfig
    from keras_model.training.trainer import Trainer


@click.command()
@network_option
@click.option(
    "--recipe",
    metavar="NAME",
    help="best, original (as in the course), sprint (99 % in one epoch), or those of the networks "
    "strong and small.  "
    "[default: the network's own]",
)
@click.option("--epochs", type=int, help="Override the recipe's number of epochs.")
@click.option("--batch-size", type=int, help="Override the recipe's batch size.")
@click.option("--lr", type=float, help="Override the recipe's learning rate.")
@click.option("--momentum", type=float, help="Override the recipe's momentum.")
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed.")
@device_option
@data_option
@click.option(
    "--out",
    type=FILE,
    metavar="DIR",
    help="Folder of the run.  [default: runs/<recipe>-<time>]",
)
@click.option("--resume", is_flag=True, help="Resume the run in --out.")
@click.option("--force", is_flag=True, help="Replace the run in --out.")
@click.option("--deterministic", is_flag=True, help="Give the same numbers each time; slower.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs into the folder, too.")
@click.pass_context
def train(context: click.Context, /, **values: Any) -> None:
    """Train a digit classifier on MNIST.

    The network is the course's, with 19,848 parameters, or that of --network.

    Uses the digits of --data (or of the variable GRADSHEET_DATA), those in Keras' cache, or Keras'
    download; where there is no Internet connection, the sample of 5,000 digits in the package.
    Writes a checkpoint after each epoch; after any interruption, --resume continues the run.

    --resume --epochs N continues a run to N epochs, if its learning rate is constant, as in the
    recipe original. The other options of the saved run cannot be changed.

    \b
    Examples:
      gradsheet train
      gradsheet train --recipe original --data mnist.npz --out runs/original
      gradsheet train --resume --out runs/original
      gradsheet train --resume --out runs/original --epochs 30
    """
    from keras_model.training.checkpoint import read_checkpoint

    options = _Options(**values)
    options.check()
    if options.resume and options.out is not None and options.network is None:
        network = read_checkpoint(options.out).config.network
    else:
        network = network_from(options.network)
    recipe = recipe_with(options.recipe or network.recipe or DEFAULT_RECIPE, **options.of_recipe())
    words = network.name if options.network else recipe.name
    folder = options.out or Path("runs") / f"{words}-{time.strftime('%Y%m%d-%H%M%S')}"

    from keras_model.backend import device_name, import_keras, prepare_backend
    from keras_model.training.run_folder import locked

    if options.is_new and folder.is_dir():
        with locked(folder):
            _refuse_other_run(folder)
    from keras_model.training.blocks import is_fusable

    prepare_backend(options.device, for_training=is_fusable(network), say=note)
    digits = digits_from(options.data)
    config = _config(context, options, recipe, network, digits, folder)

    import_keras()
    from keras_model.training.trainer import Trainer

    device = device_name(options.device)
    context.with_resource(locked(folder))
    if options.is_new:
        _refuse_other_run(folder)  # which may have ended meanwhile
    trainer = Trainer(config, digits, folder, device=device, resume=options.resume)
    _tell_start(trainer, resume=options.resume)
    to_continue = f"{program(context)} train --resume --out {folder}"
    if options.data:
        to_continue += f" --data {options.data}"
    callbacks = _tensorboard(folder) if options.tensorboard else []
    if code := _train(trainer, callbacks, to_continue):
        sys.exit(code)


@dataclass(frozen=True)
class _Options:
    """The values of the command's options."""

    network: str | None
    recipe: str | None
    epochs: int | None
    batch_size: int | None
    lr: float | None
    momentum: float | None
    seed: int
    device: str
    data: Path | None
    out: Path | None
    resume: bool
    force: bool
    deterministic: bool
    tensorboard: bool

    @property
    def is_new(self) -> bool:
        """Whether a run that is already in the folder is in the way."""
        return not (self.resume or self.force)

    def of_recipe(self) -> dict[str, Any]:
        """Return the values that replace the recipe's; None leaves a value as it is."""
        return {
            "epochs": self.epochs, "batch_size": self.batch_size, "learning_rate": self.lr,
            "momentum": self.momentum,
        }  # fmt: skip

    def check(self) -> None:
        """Refuse values that are impossible, also together."""
        if not 0 <= self.seed < 2**31:
            raise Refused(f"--seed must be 0 to {2**31 - 1}, got {self.seed}")
        if self.resume and self.out is None:
            raise Refused("--resume needs --out: the folder of the run to resume")
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise Refused("--tensorboard needs the package tensorboard: pip install tensorboard")
        if self.resume and self.force:
            raise Refused("--resume continues a run and --force replaces it: give one of them")


def _config(
    context: click.Context,
    options: _Options,
    recipe: Recipe,
    network: Architecture,
    digits: Digits,
    folder: Path,
) -> RunConfig:
    """Return the configuration of the run: a new one, or the saved one's."""
    from keras_model.training.checkpoint import read_checkpoint
    from keras_model.training.resume import resumed_config
    from keras_model.training.run_config import RunConfig

    if not options.resume:
        return RunConfig(recipe, options.seed, digits.name, options.deterministic, network)
    of_run = {"seed": options.seed, "deterministic": options.deterministic}
    return resumed_config(
        read_checkpoint(folder),
        _given(context, options.of_recipe() | of_run),
        recipe=recipe.name if _given(context, {"recipe": recipe}) else None,
        network=network if _given(context, {"network": network}) else None,
        data=digits.name,
    )


def _given(context: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return those of the values whose options are on the command line."""
    options = {"learning_rate": "lr"}  # where an option is not called like its value
    return {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(options.get(name, name))
        == click.core.ParameterSource.COMMANDLINE
    }


def _refuse_other_run(folder: Path) -> None:
    from keras_model.training.run_folder import holds_run

    if holds_run(folder):
        raise click.ClickException(
            f"{folder} has another run: continue it (--resume), replace it (--force), or name "
            "another folder"
        )


def _tell_start(trainer: Trainer, *, resume: bool) -> None:
    recipe, digits = trainer.recipe, trainer.digits
    network = trainer.config.network
    click.echo(
        f"{network.name or 'network'} ({network.trainable:,} parameters), {recipe.name}: "
        f"{count(recipe.epochs, 'epoch')} on {digits.name} "
        f"({len(digits.x_train):,} for training, {len(digits.x_test):,} for testing), "
        f"on the {trainer.device}"
    )
    if resume and trainer.is_finished:
        click.echo("This run is finished: nothing is left to train.")
    elif resume and trainer.history:
        click.echo(f"Resuming after epoch {len(trainer.history)}.")


def _train(trainer: Trainer, callbacks: list[Any], to_continue: str) -> int:
    """Train to the end or until it is stopped, and write the results; return the exit code.

    Args:
        to_continue: the command line that continues the run.
    """
    from gradsheet.files import CannotWriteError
    from keras_model.training.progress import EpochProgress

    epochs, is_stopped = trainer.recipe.epochs, False
    try:
        with EpochProgress(epochs, trainer.steps_per_epoch, click.echo) as progress:
            trainer.train(on_batch=progress.batch, on_epoch=progress.epoch, callbacks=callbacks)
    except KeyboardInterrupt:
        is_stopped = True
    except CannotWriteError as error:
        if not trainer.history:
            raise
        done = count(len(trainer.history), "epoch")
        raise click.ClickException(f"{error}; {done} kept, to continue: {to_continue}") from error
    plots_error = _write_run(trainer) if trainer.history else None
    if plots_error is not None:
        plots_error.show()
    if is_stopped:
        tell(f"Stopped after epoch {len(trainer.history)}. To continue: {to_continue}")
        return INTERRUPTED
    return 0 if plots_error is None else plots_error.exit_code


def _write_run(trainer: Trainer) -> click.ClickException | None:
    """Write what a run leaves, and tell the result; return why a plot could not be drawn."""
    from keras_model.training.run_outputs import PlotsError, draw_plots, write_outputs

    line = write_outputs(trainer).line()
    done = count(len(trainer.history), "epoch")
    click.echo(printable(f"{line} after {done}; written to {trainer.folder}"))
    try:
        draw_plots(trainer)
    except PlotsError as error:
        return click.ClickException(str(error))
    return None


def _tensorboard(folder: Path) -> list[Any]:
    import keras

    # The graph would be of the fused model, not of the network.
    return [keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)]
