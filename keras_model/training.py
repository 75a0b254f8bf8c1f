"""Training: the epochs, what is kept of each, and going on after a stop.

A run is a folder. As each epoch ends, a checkpoint (the whole state, as plain arrays) and then
``history.csv`` are moved into place; the checkpoint decides. Nothing is ever half-written.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import GradsheetError
from common.files import finished_file
from keras_model.mnist import CLASSES, Digits, normalised
from keras_model.network import build_network, looking_at, parameters
from keras_model.recipe import Recipe, from_values

if TYPE_CHECKING:
    import keras

CHECKPOINT, HISTORY, METRICS, MODEL = "checkpoint.npz", "history.csv", "metrics.json", "model.keras"
_FORMAT = 1
_EVALUATED_AT_ONCE = 1000


class TrainingError(GradsheetError):
    """The run cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True)
class Epoch:
    """A row of ``history.csv``. ``seconds`` is the training alone, without the test."""

    epoch: int
    seconds: float
    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class Score:
    """How a network reads digits: logits (n, 10), their mean cross-entropy, how many are right."""

    logits: np.ndarray
    loss: float
    correct: int

    @property
    def total(self) -> int:
        """How many digits were read."""
        return len(self.logits)

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.correct / self.total

    def line(self) -> str:
        """The original's line."""
        return (
            f"Test set: Average loss: {self.loss:.4f}, Accuracy: {self.correct}/{self.total} "
            f"({self.accuracy:.2%})"
        )


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run's numbers."""

    recipe: Recipe
    seed: int
    data: str  # the digits' name
    deterministic: bool = False

    def values(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "recipe": self.recipe.values()}


def score(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> Score:
    """Read digits (n, 28, 28) uint8 and compare with their labels (n,)."""
    logits = network.predict(normalised(images), batch_size=_EVALUATED_AT_ONCE, verbose=0)
    logits = np.asarray(logits, np.float64)
    likely = logits - logits.max(axis=1, keepdims=True)
    likely = likely - np.log(np.exp(likely).sum(axis=1, keepdims=True))
    return Score(
        logits,
        float(-likely[np.arange(len(labels)), labels].mean()),
        int((logits.argmax(axis=1) == labels).sum()),
    )


def device_name(wanted: str) -> str:
    """The device that Keras computes on: ``gpu`` or ``cpu``.

    Raises:
        TrainingError: ``gpu`` is wanted and there is none.
    """
    import keras

    try:
        found = wanted != "cpu" and keras.distribution.list_devices("gpu")
    except RuntimeError:  # JAX's answer where there is none
        found = []
    if found:
        return "gpu"
    if wanted == "gpu":
        raise TrainingError(
            "no GPU was found by Keras: install requirements-gpu.txt and NVIDIA's driver, or use "
            "--device cpu"
        )
    return "cpu"


# --- a run's folder ---


def saved_plan(folder: Path) -> Plan:
    """The plan of the run in a folder.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    meta = _read_checkpoint(folder)[0]
    try:
        return Plan(
            from_values(meta["plan"]["recipe"]),
            int(meta["plan"]["seed"]),
            str(meta["plan"]["data"]),
            bool(meta["plan"]["deterministic"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{folder / CHECKPOINT} is damaged: {error}") from error


def holds_run(folder: Path) -> bool:
    """Whether a folder has anything of a run in it."""
    return any((folder / name).exists() for name in (CHECKPOINT, HISTORY, METRICS, MODEL))


def _read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    path = folder / CHECKPOINT
    if not path.is_file():
        raise TrainingError(f"{folder} holds no run to go on with (no {CHECKPOINT})")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        if meta["format"] != _FORMAT:
            raise ValueError("another version's")
        meta["history"] = [Epoch(**row) for row in meta["history"]]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
    return meta, arrays


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    with finished_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _history_text(history: list[Epoch]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(Epoch.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    for row in history:
        writer.writerow(asdict(row))
    return file.getvalue()


# --- training ---


class Run:
    """One training: set up or taken up again, then :meth:`train`.

    Args:
        folder: where it is kept; it must exist.
        resume: go on with what is there.
        device: what :func:`device_name` gave.

    Raises:
        TrainingError: nothing to go on with, a damaged checkpoint, or other digits than before.
    """

    def __init__(
        self, plan: Plan, digits: Digits, folder: Path, *, device: str, resume: bool = False
    ) -> None:
        import keras

        self.plan, self.digits, self.folder, self.device = plan, digits, folder, device
        self.history: list[Epoch] = []
        self._tested: Score | None = None  # of the last epoch, if it was trained here
        self.recipe = plan.recipe
        self.steps = -(-len(digits.x_train) // self.recipe.batch_size)
        self.on_tensorflow = keras.backend.backend() == "tensorflow"
        keras.utils.set_random_seed(plan.seed)
        if plan.deterministic and self.on_tensorflow:
            from keras_model.pipeline import be_deterministic

            be_deterministic()
        self.network = build_network(plan.seed, self.recipe.dropout)
        self.trainee = self._trainee()
        self.trainee.compile(
            optimizer=self._optimizer(),
            loss=keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=self.recipe.label_smoothing
            ),
            metrics=["accuracy"],
            jit_compile=False if self.on_tensorflow else "auto",
        )
        # TensorFlow traces a first step twice, for a second or two, if it makes variables.
        self.trainee.optimizer.build(self.trainee.trainable_variables)
        nothing = keras.ops.zeros((1, CLASSES))
        self.trainee.compute_metrics(None, nothing, nothing)
        self.trainee.reset_metrics()
        if resume:
            self._restore()

    def _trainee(self) -> keras.Sequential:
        """The network itself, or on a CPU with TensorFlow its faster twin of the same weights."""
        network = looking_at(self.network, self.recipe.side)
        if self.on_tensorflow and self.device == "cpu":
            from keras_model.fast_block import fast_twin

            return fast_twin(network, self.plan.seed)
        return network

    def _optimizer(self) -> keras.Optimizer:
        import keras

        recipe, steps = self.recipe, self.steps * self.recipe.epochs
        rate: float | keras.optimizers.schedules.LearningRateSchedule = recipe.learning_rate
        if recipe.warm_up:
            rising = max(1, round(steps * recipe.warm_up))
            rate = keras.optimizers.schedules.CosineDecay(
                0.0, max(1, steps - rising), warmup_target=recipe.learning_rate, warmup_steps=rising
            )
        if recipe.adam_beta_2:
            return keras.optimizers.Adam(
                rate, beta_1=recipe.momentum, beta_2=recipe.adam_beta_2, epsilon=1e-8
            )
        return keras.optimizers.SGD(rate, momentum=recipe.momentum, nesterov=recipe.nesterov)

    def _batches(self) -> Any:
        if self.on_tensorflow:
            from keras_model.pipeline import batches
        else:
            from keras_model.arrays import batches
        return batches(
            self.digits.x_train,
            self.digits.y_train,
            self.recipe,
            seed=self.plan.seed,
            first_epoch=len(self.history),
        )

    def _state(self) -> dict[str, keras.Variable]:
        """Every variable that a later epoch depends on."""
        variables = {f"network{i}": v for i, v in enumerate(self.network.variables)}
        own = {id(variable) for variable in variables.values()}
        others = [v for v in self.trainee.variables if id(v) not in own]
        variables |= {f"trainee{i}": v for i, v in enumerate(others)}
        return variables | {
            f"optimizer{i}": v for i, v in enumerate(self.trainee.optimizer.variables)
        }

    def _keep(self) -> None:
        """The checkpoint, then the history, each moved into place."""
        meta = {
            "format": _FORMAT,
            "plan": self.plan.values(),
            "history": [asdict(row) for row in self.history],
        }
        arrays = {name: np.asarray(variable) for name, variable in self._state().items()}
        with finished_file(self.folder / CHECKPOINT) as unfinished, unfinished.open("wb") as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **arrays)
        write_text(self.folder / HISTORY, _history_text(self.history))

    def _restore(self) -> None:
        meta, arrays = _read_checkpoint(self.folder)
        if meta["plan"] != self.plan.values():
            raise TrainingError(
                f"the run in {self.folder} was of other values, seed or digits: go on without "
                "changing them, or start a new run in another folder"
            )
        state = self._state()
        if set(state) != set(arrays) or any(
            tuple(variable.shape) != arrays[name].shape for name, variable in state.items()
        ):
            raise TrainingError(
                f"{self.folder / CHECKPOINT} is of another backend, device or version"
            )
        for name, variable in state.items():
            variable.assign(arrays[name])
        self.history = meta["history"]

    @property
    def is_finished(self) -> bool:
        """Whether every epoch is done."""
        return len(self.history) >= self.recipe.epochs

    def train(
        self,
        *,
        on_batch: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
        on_epoch: Callable[[Epoch, Score], None] = lambda *_: None,
        callbacks: Iterator[Any] | list[Any] = (),
    ) -> None:
        """Train the epochs that are left; each is kept as it ends.

        Args:
            on_batch: called with the epoch (from 1), the batch (from 1) and the running figures.
            on_epoch: called after each epoch is kept.
            callbacks: of Keras, besides.

        Raises:
            TrainingError: the loss is no longer a number.
        """
        import keras

        run = self

        class Keeper(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.start = time.perf_counter()

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                on_batch(len(run.history) + 1, batch + 1, logs or {})

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                logs = logs or {}
                seconds = time.perf_counter() - self.start
                if not np.isfinite(logs["loss"]):
                    raise TrainingError(
                        f"the loss of epoch {epoch + 1} is {logs['loss']}: try a smaller --lr"
                    )
                tested = score(run.network, run.digits.x_test, run.digits.y_test)
                row = Epoch(
                    epoch=epoch + 1,
                    seconds=round(seconds, 3),
                    loss=float(logs["loss"]),
                    accuracy=float(logs["accuracy"]),
                    test_loss=tested.loss,
                    test_accuracy=tested.accuracy,
                    learning_rate=float(run.trainee.optimizer.learning_rate),
                )
                run.history.append(row)
                run._tested = tested
                run._keep()
                on_epoch(row, tested)

        if self.is_finished:
            return
        try:
            self.trainee.fit(
                self._batches(),
                initial_epoch=len(self.history),
                epochs=self.recipe.epochs,
                steps_per_epoch=self.steps,
                verbose=0,
                shuffle=False,
                callbacks=[Keeper(), *callbacks],
            )
        except KeyboardInterrupt:
            if self.history:
                self._restore()  # the weights are those of the middle of an epoch
            raise

    # --- what is left of it ---

    def finish(self) -> Score:
        """Write the model, the metrics and the pictures of what is done; the last epoch's score."""
        from keras_model import report

        tested = self._tested or score(self.network, self.digits.x_test, self.digits.y_test)
        with finished_file(self.folder / MODEL) as unfinished:
            self.network.save(unfinished)
        labels = self.digits.y_test
        report.draw_curves(self.history, self.folder / "curves.png")
        report.draw_confusion(tested.logits, labels, self.folder / "confusion.png")
        report.draw_mistakes(
            self.digits.x_test, tested.logits, labels, self.folder / "mistakes.png"
        )
        write_text(self.folder / METRICS, json.dumps(self.metrics(tested), indent=2) + "\n")
        return tested

    def metrics(self, tested: Score) -> dict[str, Any]:
        """What ``metrics.json`` holds: the figures of the final epoch, and how they came about."""
        import keras

        best = max(self.history, key=lambda row: row.test_accuracy)
        return {
            "accuracy": tested.accuracy,
            "loss": tested.loss,
            "correct": tested.correct,
            "total": tested.total,
            "best_accuracy": best.test_accuracy,
            "best_epoch": best.epoch,
            "parameters": parameters(self.network),
            "epochs": len(self.history),
            "seconds": round(sum(row.seconds for row in self.history), 3),
            "recipe": self.recipe.values(),
            "seed": self.plan.seed,
            "deterministic": self.plan.deterministic,
            "device": self.device,
            "dataset": self.digits.name,
            "versions": {
                "python": platform.python_version(),
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
                **_version_of(keras.backend.backend()),
            },
        }


def train_run(
    plan: Plan,
    digits: Digits,
    folder: Path,
    *,
    device: str,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Run:
    """Train a run to its end in its folder, going on with what is there of it; see :class:`Run`.

    ``on_epoch`` is called for each epoch, also for those that were done before.
    """
    import keras

    keras.backend.clear_session()
    folder.mkdir(parents=True, exist_ok=True)
    resume = (folder / CHECKPOINT).is_file()
    run = Run(plan, digits, folder, device=device, resume=resume)
    for row in run.history:
        on_epoch(row)
    run.train(on_epoch=lambda row, _: on_epoch(row))
    run.finish()
    return run


def _version_of(package: str) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {package: version(package)}
    except PackageNotFoundError:
        return {}


def load_network(path: Path) -> keras.Model:
    """A saved digit reader. Nothing in the file is run: Keras' safe mode stays on.

    Raises:
        TrainingError: not a model, an unsafe one, or one of another shape.
    """
    import keras

    from keras_model.network import is_digit_reader

    if not path.is_file():
        raise TrainingError(f"{path} does not exist" if not path.exists() else f"{path} is no file")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a Keras model (.keras)")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 500 * 2**20:
                raise TrainingError(f"{path} unpacks to more than 500 MB")
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except TrainingError:
        raise
    except Exception as error:  # Keras meets damaged files with whatever its layers raise
        words = " ".join(str(error).split())[:100]
        kind = "is unsafe" if "unsafe" in str(error).lower() else "cannot be loaded"
        raise TrainingError(f"{path} {kind}: {words}") from error
    if not is_digit_reader(network):
        raise TrainingError(
            f"{path} is a model of another shape: a digit reader takes 28×28×1 and gives {CLASSES}"
        )
    return network


def prepare_backend(device: str) -> None:
    """Set what the backend reads when it is imported: quiet, and blind to GPUs for ``cpu``.

    TensorFlow's native code writes its start-up notes straight to file descriptor 2, whatever
    TF_CPP_MIN_LOG_LEVEL says; Python's own standard error is moved aside and stays. Who sets that
    variable wants to see the notes, and does.
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if sys.stderr is sys.__stderr__ and sys.stderr is not None:
            sys.stderr.flush()
            sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="replace")
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            os.close(null)
