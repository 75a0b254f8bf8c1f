"""Models found in folders, evaluated one after the other, and compared with conditions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradsheet.errors import GradsheetError, InvalidInputError
from gradsheet.input_files import is_folder
from keras_model.data.mnist import Digits
from keras_model.evaluation import Evaluation, evaluation_of
from keras_model.marking.conditions import Conditions, Outcome
from keras_model.networks.architecture import Architecture
from keras_model.trained.files import READERS, read_trained_network
from keras_model.trained.scaling import ChosenScaling, choose_scaling

MAX_MODELS = 1_000
_MAX_PATHS = 100_000  # of a folder, that are looked at
_NOT_SUBMITTED = ("__MACOSX",)


@dataclass(frozen=True)
class ModelFile:
    """A model's file, and the name by which it is told.

    The name is that within the folder, if one folder was given, and else the path.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class TestedModel:
    """A network on the test digits."""

    architecture: Architecture
    scaling: ChosenScaling
    evaluation: Evaluation


@dataclass(frozen=True)
class JudgedModel:
    """A model with its outcomes, or the problem because of which there are none."""

    name: str
    tested: TestedModel | None
    outcomes: tuple[Outcome, ...] = ()
    problem: str = ""

    @property
    def missed(self) -> tuple[str, ...]:
        """The short names of the conditions that are missed."""
        return tuple(outcome.name for outcome in self.outcomes if not outcome.is_met)

    @property
    def is_passed(self) -> bool:
        """Whether the model was read and meets all conditions."""
        return self.tested is not None and not self.missed


def find_models(given: Sequence[Path]) -> list[ModelFile]:
    """Return the models that were given, and those in the folders that were given, each once.

    Raises:
        InvalidInputError: a folder has no model, or there are too many.
    """
    found: dict[Path, ModelFile] = {}
    for path in given:
        files = list(_models_in(path)) if is_folder(path) else [ModelFile(path, str(path))]
        if not files:
            raise InvalidInputError(f"{path} has no model ({' or '.join(READERS)})")
        if len(given) > 1:  # ada/model.keras and bob/model.keras have one name within their folders
            files = [ModelFile(file.path, str(file.path)) for file in files]
        for file in files:
            found.setdefault(file.path.resolve(), file)
            if len(found) > MAX_MODELS:
                raise InvalidInputError(f"there are more than {MAX_MODELS:,} models")
    return list(found.values())


def _models_in(folder: Path) -> Iterator[ModelFile]:
    """Yield the models in a folder and the folders below it, in order; links are not followed."""
    seen = 0
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _NOT_SUBMITTED and not name.startswith(".")
        )
        seen += len(files)
        if seen > _MAX_PATHS:
            raise InvalidInputError(f"{folder} has more than {_MAX_PATHS:,} files")
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix.lower() in READERS and not name.startswith("."):
                yield ModelFile(path, path.relative_to(folder).as_posix())


def tested_model(path: Path, digits: Digits, scale: str | None) -> TestedModel:
    """Read a model and classify the test digits.

    Raises:
        NetworkError: it cannot be read, or gives numbers that are not finite.
    """
    network = read_trained_network(path)
    scaling = choose_scaling(network, scale)
    logits = network.logits(scaling.scaling(digits.x_test))
    return TestedModel(
        network.architecture,
        scaling,
        evaluation_of(logits, digits.y_test, network.architecture.output_activation),
    )


def judge_model(
    file: ModelFile, digits: Digits, conditions: Conditions, scale: str | None
) -> JudgedModel:
    """Read a model, test it and compare it with the conditions; what prevents that is told."""
    try:
        tested = tested_model(file.path, digits, scale)
    except GradsheetError as error:
        return JudgedModel(file.name, None, problem=str(error).removeprefix(f"{file.path} "))
    return JudgedModel(file.name, tested, outcomes_of(file, tested, conditions))


def outcomes_of(
    file: ModelFile, tested: TestedModel, conditions: Conditions
) -> tuple[Outcome, ...]:
    """Compare a tested model with the conditions."""
    is_onnx = file.path.suffix.lower() == ".onnx"
    return conditions.outcomes(tested.architecture, tested.evaluation, is_onnx=is_onnx)
