"""Which values of a saved run may change when it is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradsheet.errors import InvalidInputError
from keras_model.networks.architecture import Architecture
from keras_model.recipe import Recipe
from keras_model.training.checkpoint import Checkpoint
from keras_model.training.run_config import RunConfig

_OF_RECIPE = ("epochs", "batch_size", "learning_rate", "momentum")
_OF_RUN = ("seed", "deterministic")


class CannotResumeError(InvalidInputError):
    """The saved run cannot be resumed with the wanted values; the message says which and why."""


def resumed_config(
    saved: Checkpoint,
    wanted: Mapping[str, Any],
    *,
    recipe: str | None,
    network: Architecture | None,
    data: str,
) -> RunConfig:
    """Return the configuration with which to resume a saved run.

    Only the number of epochs may differ from the saved run's, and only where the epochs that are
    done would have been the same; see :func:`epochs_conflict`.

    Args:
        wanted: values that the user asked for, by the names of the fields of :class:`Recipe` and
            :class:`RunConfig`; the saved run's are used for the others.
        recipe: the name of the recipe that the user asked for, or None.
        network: the network that the user asked for, or None.
        data: the name of the digits that there are.

    Raises:
        CannotResumeError: a value differs and may not.
    """
    config = saved.config
    differences = [("recipe", config.recipe.name, recipe)] if recipe is not None else []
    for name in wanted:
        if name in _OF_RECIPE and name != "epochs":
            differences.append((name, getattr(config.recipe, name), wanted[name]))
        elif name in _OF_RUN:
            differences.append((name, getattr(config, name), wanted[name]))
    for name, old, new in differences:
        if old != new:
            raise CannotResumeError(
                f"the saved run has {name.replace('_', ' ')} {old}, not {new}: resume it without "
                "changing that, or start a new run"
            )
    if network is not None and network != config.network:
        raise CannotResumeError(
            f"the saved run trains another network ({config.network.name}): resume it without "
            "naming another one, or start a new run"
        )
    if config.data != data:
        raise CannotResumeError(
            f"the saved run was trained on other digits ({config.data}), not on {data}: "
            "resume it with the digits that it was started with"
        )
    epochs = wanted.get("epochs", config.recipe.epochs)
    conflict = epochs_conflict(config.recipe, epochs, done=len(saved.history))
    if conflict:
        raise CannotResumeError(conflict)
    return config.with_epochs(epochs)


def epochs_conflict(recipe: Recipe, epochs: int, *, done: int) -> str | None:
    """Return why a run of a recipe cannot continue to another number of epochs, or None.

    It can if the ``done`` epochs are those that a run of ``epochs`` epochs would have begun with.
    """
    if epochs == recipe.epochs:
        return None
    if epochs < done:
        return (
            f"the saved run already has {done} epochs and cannot be cut to {epochs}: "
            "start a new run"
        )
    if not recipe.has_constant_rate:
        return (
            f"the recipe {recipe.name} lowers its learning rate to 0 over {recipe.epochs} epochs, "
            f"so a run of {epochs} epochs differs from its first step: start a new run"
        )
    augmented = min(done, recipe.replace(epochs=epochs).augmented_epochs)
    if augmented != min(done, recipe.augmented_epochs):
        return (
            f"the saved run's augmentation ended after epoch {recipe.augmented_epochs}, and in a "
            f"run of {epochs} epochs it would not have: start a new run"
        )
    return None
