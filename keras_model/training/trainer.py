"""Training a network, with a checkpoint after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradsheet.cores import available_cores
from keras_model.data.mnist import CLASSES, SIDE, Digits
from keras_model.data.scaling import SCALINGS
from keras_model.errors import TrainingError
from keras_model.evaluation import EVALUATION_BATCH_SIZE, Evaluation, evaluate
from keras_model.trained.scaling import expected_scaling
from keras_model.training.blocks import is_fusable
from keras_model.training.checkpoint import Checkpoint, read_checkpoint
from keras_model.training.epoch import Epoch
from keras_model.training.keras_network import build_network, crop_input, used_size
from keras_model.training.resume import epochs_conflict
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    import keras

MAX_STEPS_PER_EXECUTION = 10


def steps_per_execution(steps_per_epoch: int) -> int:
    """Return how many steps TensorFlow computes before it returns to Python.

    One at a time would cost 2 of 27 ms per step. The number divides the steps of an epoch, because
    Keras does not stop in between.
    """
    counts = range(1, MAX_STEPS_PER_EXECUTION + 1)
    return max(count for count in counts if steps_per_epoch % count == 0)


class Trainer:
    """One run: set up or restored from its checkpoint, then :meth:`train`.

    ``network`` is the plain Keras network of logits, which is tested; ``training_model`` is the
    model of the same weights that is fitted. :meth:`finished_network` is saved.

    Args:
        folder: where the run is kept; it must exist.
        device: what :func:`keras_model.backend.device_name` returned.
        resume: continue from the checkpoint in ``folder``.

    Raises:
        TrainingError: no checkpoint, a damaged one, or one of another configuration.
    """

    def __init__(
        self, config: RunConfig, digits: Digits, folder: Path, *, device: str, resume: bool = False
    ) -> None:
        import keras

        self.config, self.digits, self.folder, self.device = config, digits, folder, device
        self.recipe = config.recipe
        self.steps_per_epoch = self.recipe.steps_per_epoch(len(digits.x_train))
        self.history: list[Epoch] = []
        self._evaluation: Evaluation | None = None  # of the last epoch, if it was trained here
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            from keras_model.data.pipeline import be_deterministic

            be_deterministic()
        self._logits_architecture = config.network.without_output_activation()
        self.network = build_network(self._logits_architecture, config.seed, self.recipe.dropout)
        self.scaling = SCALINGS[expected_scaling(config.network) or "mnist"]
        self.input_size = max(self.recipe.input_size, used_size(config.network))
        self._is_fused = device == "cpu" and is_fusable(config.network)
        self.training_model = self._training_model()
        self.evaluation_model = self._evaluation_model()
        self._compile()
        if resume:
            self._restore()

    def _training_model(self) -> keras.Model:
        """Return the network on cropped input, with fused layers on a CPU."""
        network = crop_input(self.network, self.input_size)
        if self._is_fused:
            from keras_model.training.fused_model import (
                disable_graph_optimizer,
                fused_model,
                hide_retracing_warnings,
                parts_of_batches,
            )

            disable_graph_optimizer()
            hide_retracing_warnings()
            return fused_model(
                network,
                self._logits_architecture,
                self.config.seed,
                dropout=self.recipe.dropout,
                crop=self.input_size < SIDE,
                parts=parts_of_batches(len(self.digits.x_train), self.recipe.batch_size),
            )
        return network

    def _evaluation_model(self) -> keras.Model:
        """Return a model that computes what the network computes, faster where that is possible."""
        if self._is_fused:
            from keras_model.training.fused_model import parts_of_batches, split_model

            parts = parts_of_batches(len(self.digits.x_test), EVALUATION_BATCH_SIZE)
            return split_model(self.network, parts=parts)
        return self.network

    def _compile(self) -> None:
        import keras

        from keras_model.training.optimizer import make_optimizer

        is_sigmoid = self.config.network.output_activation == "sigmoid"
        losses = keras.losses
        loss = losses.BinaryCrossentropy if is_sigmoid else losses.CategoricalCrossentropy
        self.training_model.compile(
            optimizer=make_optimizer(self.recipe, self.steps_per_epoch),
            loss=loss(from_logits=True, label_smoothing=self.recipe.label_smoothing),
            metrics=["accuracy"],
            steps_per_execution=steps_per_execution(self.steps_per_epoch),
            jit_compile=False,
        )
        # TensorFlow traces a first step that creates variables twice, which takes a second or two.
        self.training_model.optimizer.build(self.training_model.trainable_variables)
        zeros = keras.ops.zeros((1, CLASSES))
        self.training_model.compute_metrics(None, zeros, zeros)
        self.training_model.reset_metrics()

    def _batches(self) -> Any:
        from keras_model.data.pipeline import batches

        return batches(
            self.digits.x_train,
            self.digits.y_train,
            self.recipe.replace(input_size=self.input_size),
            seed=self.config.seed,
            first_epoch=len(self.history),
            scaling=self.scaling,
        )

    # --- the checkpoint ---

    def _state(self) -> dict[str, keras.Variable]:
        """Return every variable that a later epoch depends on."""
        variables = {f"network{i}": v for i, v in enumerate(self.network.variables)}
        own = {id(variable) for variable in variables.values()}
        others = [v for v in self.training_model.variables if id(v) not in own]
        variables |= {f"training_model{i}": v for i, v in enumerate(others)}
        return variables | {
            f"optimizer{i}": v for i, v in enumerate(self.training_model.optimizer.variables)
        }

    def add_epoch(self, row: Epoch, evaluation: Evaluation) -> None:
        """Add a finished epoch to the history, and write the checkpoint.

        Raises:
            CannotWriteError: it cannot be written.
        """
        state = {name: np.asarray(variable) for name, variable in self._state().items()}
        Checkpoint(self.config, [*self.history, row], state).write(self.folder)
        self.history.append(row)
        self._evaluation = evaluation

    def _restore(self) -> None:
        saved = read_checkpoint(self.folder)
        if saved.config.with_epochs(self.recipe.epochs) != self.config:
            raise TrainingError(
                f"the run in {self.folder} has other values, another seed or other digits: resume "
                "it without changing them, or start a new run in another folder"
            )
        conflict = epochs_conflict(saved.config.recipe, self.recipe.epochs, done=len(saved.history))
        if conflict:
            raise TrainingError(conflict)
        variables = self._state()
        if set(variables) != set(saved.state) or any(
            tuple(variable.shape) != saved.state[name].shape for name, variable in variables.items()
        ):
            raise TrainingError(
                f"{self.folder / CHECKPOINT} is of another device or version: resume it "
                "with those that it was started with, or start a new run"
            )
        for name, variable in variables.items():
            values, dtype = saved.state[name], np.asarray(variable).dtype
            if values.dtype != dtype:
                raise TrainingError(
                    f"{self.folder / CHECKPOINT} is damaged: {name} is of type {values.dtype}, "
                    f"not {dtype}"
                )
            if not np.isfinite(values).all():
                raise TrainingError(
                    f"{self.folder / CHECKPOINT} is damaged: {name} has values that are no numbers"
                )
        for name, variable in variables.items():
            variable.assign(saved.state[name])
        self.history = saved.history

    # --- training ---

    @property
    def is_finished(self) -> bool:
        """Whether every epoch is done."""
        return len(self.history) >= self.recipe.epochs

    def train(
        self,
        *,
        on_batch: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
        on_epoch: Callable[[Epoch, Evaluation], None] = lambda *_: None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        """Train the remaining epochs. A checkpoint is written after each.

        Args:
            on_batch: called every few batches with the epoch and the batch (both from 1) and the
                running metrics.
            on_epoch: called after each epoch's checkpoint is written.
            callbacks: further Keras callbacks.

        Raises:
            TrainingError: the loss is not a finite number.
            KeyboardInterrupt: after the last checkpoint's weights are restored.
        """
        if self.is_finished:
            return
        from keras_model.training.checkpoint_callback import CheckpointCallback
        from keras_model.training.deferred_signals import DeferredSignals

        def end_epoch(row: Epoch, evaluation: Evaluation) -> None:
            self.add_epoch(row, evaluation)
            on_epoch(row, evaluation)

        checkpoints = CheckpointCallback(self._test_epoch, on_batch=on_batch, on_epoch=end_epoch)
        deferred = DeferredSignals()
        all_callbacks = [checkpoints, *callbacks, deferred]
        if self._is_fused and available_cores() > 1:
            from keras_model.training.fused_model import CompileBlocks

            all_callbacks.insert(0, CompileBlocks(self.recipe.batch_size))
        try:
            with deferred:
                self.training_model.fit(
                    self._batches(),
                    initial_epoch=len(self.history),
                    epochs=self.recipe.epochs,
                    steps_per_epoch=self.steps_per_epoch,
                    verbose=0,
                    shuffle=False,
                    callbacks=all_callbacks,
                )
        except KeyboardInterrupt:
            if self.history:
                self._restore()
            raise

    def _test_epoch(self) -> Evaluation:
        """Test the network as an epoch ends; the last one gets its final statistics before."""
        if self.recipe.statistics_digits and len(self.history) + 1 == self.recipe.epochs:
            from keras_model.training.batch_statistics import recompute_statistics

            images = self.digits.x_train[: self.recipe.statistics_digits]
            size = self.input_size
            digits = self.scaling(images)[:, :size, :size, None]
            recompute_statistics(crop_input(self.network, size), digits)
        return self.evaluate()

    def evaluate(self) -> Evaluation:
        """Evaluate the network on the test digits."""
        images, labels = self.digits.x_test, self.digits.y_test
        activation = self.config.network.output_activation
        return evaluate(self.evaluation_model, images, labels, self.scaling, activation)

    def finished_network(self) -> keras.Sequential:
        """Return the network with its own outputs, which may be probabilities."""
        if self.config.network.output_activation == "linear":
            return self.network
        network = build_network(self.config.network, self.config.seed, self.recipe.dropout)
        network.set_weights(self.network.get_weights())
        return network

    def evaluation(self) -> Evaluation:
        """Return the evaluation of the last epoch."""
        if self._evaluation is None:
            self._evaluation = self.evaluate()
        return self._evaluation
