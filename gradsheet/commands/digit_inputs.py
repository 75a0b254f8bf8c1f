"""What the commands of the digit classifier are given: a recipe, digits, a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradsheet.commands.messages import Refused, note
from gradsheet.input_files import problem_with_file

if TYPE_CHECKING:
    from keras_model.data.mnist import Digits
    from keras_model.data.scaling import Scaling
    from keras_model.networks.architecture import Architecture
    from keras_model.recipe import Recipe
    from keras_model.trained.network import TrainedNetwork

DEFAULT_RECIPE = "best"


def recipe_with(name: str, **changes: Any) -> Recipe:
    """Return a recipe with the values of options; None leaves a value as it is.

    Raises:
        Refused: there is no such recipe, or it cannot have these values.
    """
    from keras_model.recipe import find_recipe

    try:
        return find_recipe(name).replace(**changes)
    except ValueError as error:
        raise Refused(str(error)) from error


def network_from(given: str | None) -> Architecture:
    """Return the network of ``--network``: a packaged one's name, or a file; else the original's.

    Raises:
        Refused: there is none of that name.
        NetworkError: the file does not describe a network.
    """
    from keras_model.networks.network_file import packaged, packaged_network, read_network

    if given is None:
        return packaged_network()
    if given in packaged():
        return packaged_network(given)
    path = Path(given)
    match path.suffix.lower():
        case ".toml":
            return read_network(path)
        case ".keras" | ".onnx":
            from keras_model.trained.files import read_architecture

            return read_architecture(path)
        case _:
            raise Refused(
                f"--network: there is no network {given!r}: name one of {', '.join(packaged())}, a "
                "network file (.toml) or a model (.keras, .onnx)"
            )


def digits_from(data: Path | None) -> Digits:
    """Return the digits of ``--data``, or of where they usually are."""
    from keras_model.data.mnist import load_digits

    return load_digits(data, say=note)


def network_and_scaling(
    model: Path, scale: str | None, say: Callable[[str], None]
) -> tuple[TrainedNetwork, Scaling]:
    """Return the network of a model file and the scaling of its pixels, which ``say`` is told.

    Raises:
        Refused: there is no such file.
        NetworkError: it cannot be read, or gives numbers that are not finite.
    """
    from keras_model.trained.files import read_trained_network
    from keras_model.trained.scaling import choose_scaling

    refuse_missing(model)
    network = read_trained_network(model)
    chosen = choose_scaling(network, scale)
    say(chosen.words())
    return network, chosen.scaling


def refuse_missing(model: Path) -> None:
    """Refuse a model that is not there."""
    problem = problem_with_file(model)
    if problem == "does not exist":
        raise Refused(f"there is no model {model}")
    if problem is not None:
        raise Refused(f"{model} {problem}, not a model")
