"""The checkpoint of a run: its configuration, its history and the state of the training.

The file is an ``.npz`` of plain arrays. As each epoch ends, the checkpoint and then ``history.csv``
are written atomically; where they differ, the checkpoint counts.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradsheet.files import atomic_write
from keras_model.errors import TrainingError
from keras_model.training.epoch import Epoch, check_history, history_text
from keras_model.training.run_config import RunConfig
from keras_model.training.run_folder import CHECKPOINT, HISTORY, write_text

_FORMAT = 1
_MAX_BYTES = 500 * 2**20


@dataclass(frozen=True)
class Checkpoint:
    """What a later epoch depends on. ``state`` has the value of each variable by its name."""

    config: RunConfig
    history: list[Epoch]
    state: dict[str, np.ndarray]

    def write(self, folder: Path) -> None:
        """Write the checkpoint, then ``history.csv``, each atomically.

        Raises:
            CannotWriteError: one of them cannot be written.
        """
        meta = {
            "format": _FORMAT,
            "config": self.config.to_dict(),
            "history": [asdict(row) for row in self.history],
        }
        with atomic_write(folder / CHECKPOINT) as unfinished, unfinished.open("wb") as file:
            arrays: dict[str, Any] = {"meta": np.array(json.dumps(meta)), **self.state}
            np.savez(file, **arrays)
        write_text(folder / HISTORY, history_text(self.history))


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint of the run in a folder.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise TrainingError(f"{folder} has no run to resume (no {CHECKPOINT})")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise ValueError(f"it unpacks to more than {_MAX_BYTES >> 20} MB")
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        meta = json.loads(str(state.pop("meta")))
        if not isinstance(meta, dict):
            raise ValueError("it has no description")
        if meta["format"] != _FORMAT:
            raise ValueError("it was written by another version")
        config = RunConfig.from_dict(meta["config"])
        history = check_history([Epoch(**row) for row in meta["history"]])
        if not 1 <= len(history) <= config.recipe.epochs:
            raise ValueError(f"it has {len(history)} of {config.recipe.epochs} epochs")
    except RecursionError as error:
        raise TrainingError(f"{path} is damaged: its description is nested too deeply") from error
    except (
        OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, NotImplementedError,
        RuntimeError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise TrainingError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error
    return Checkpoint(config, history, state)
