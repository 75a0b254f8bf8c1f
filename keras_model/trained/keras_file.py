"""Reading a ``.keras`` file without Keras: a zip of a description (JSON) and weights (HDF5).

The file may come from anyone. Nothing of it is executed; what it declares is checked before it is
read. The format is that of ``keras/src/saving/saving_lib.py``.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from gradsheet.zip_directory import open_zip, read_member
from keras_model.layers.arguments import shown
from keras_model.layers.training_only import TRAINING_ONLY
from keras_model.networks.architecture import Architecture, NetworkError, layer_words
from keras_model.trained.keras_description import TOO_DEEP, architecture_of, check_classes
from keras_model.trained.keras_weights import WEIGHTS, read_weights
from keras_model.trained.network import TrainedNetwork

MAX_UNPACKED_BYTES = 200 * 2**20
MAX_DESCRIPTION_BYTES = 2 * 2**20

_DESCRIPTION = "config.json"
_METADATA = "metadata.json"


def read_keras_file(path: Path) -> TrainedNetwork:
    """Read a digit classifier from a ``.keras`` file.

    Raises:
        NetworkError: not a model, an unsafe one, one with other layers or another shape, or one
            that is damaged or too large. The message continues a sentence that starts with the
            path.
    """
    architecture, groups, weights_file = _unpacked_architecture(path)
    return TrainedNetwork(architecture, read_weights(weights_file, groups, architecture.places))


def read_keras_architecture(path: Path) -> Architecture:
    """Read the layers of a ``.keras`` file, without its weights.

    Raises:
        NetworkError: see :func:`read_keras_file`.
    """
    architecture, _, _ = _unpacked_architecture(path)
    for place in architecture.places:
        if place.layer.kind in TRAINING_ONLY:
            words = layer_words(place.number, place.layer.kind, place.layer.name)
            raise NetworkError(
                f"cannot be trained anew here: its {words} would be left out. Remove it: the "
                "recipes move digits at random themselves"
            )
    return architecture


def _unpacked_architecture(path: Path) -> tuple[Architecture, list[tuple[str, ...]], bytes]:
    """Return a file's layers, where its weights hold each of them, and these weights."""
    description, weights_file, version = _unpack(path)
    architecture, groups = architecture_of(description)
    for place in architecture.places if version.startswith("2.") else ():
        if getattr(place.layer, "activation", "") == "hard_sigmoid":
            words = layer_words(place.number, place.layer.kind, shown(place.layer.name))
            raise NetworkError(
                f"cannot be read: its {words} has the hard_sigmoid of Keras 2, which is steeper"
            )
    return architecture, groups, weights_file


def _unpack(path: Path) -> tuple[dict[str, Any], bytes, str]:
    """Return the description, the file of weights and the version of Keras in a file."""
    try:
        if path.stat().st_size > MAX_UNPACKED_BYTES:
            raise NetworkError(f"has more than {MAX_UNPACKED_BYTES >> 20} MB")
        with open_zip(path, NetworkError("has too many files in it")) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise NetworkError(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB")
            if archive.getinfo(_DESCRIPTION).file_size > MAX_DESCRIPTION_BYTES:
                limit = MAX_DESCRIPTION_BYTES >> 20
                raise NetworkError(f"has a description of more than {limit} MB ({_DESCRIPTION})")
            description = json.loads(read_member(archive, _DESCRIPTION))
            if WEIGHTS not in archive.namelist():
                raise NetworkError(f"is damaged: it has no {WEIGHTS}")
            weights = read_member(archive, WEIGHTS)
            version = _version(archive)
    except NetworkError:
        raise
    except RecursionError as error:
        raise NetworkError(TOO_DEEP) from error
    except KeyError as error:
        raise NetworkError(f"is not a Keras model: it has no {_DESCRIPTION}") from error
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        if not zipfile.is_zipfile(path):
            raise NetworkError("is not a Keras model (.keras)") from error
        raise NetworkError(f"is damaged: its {_DESCRIPTION} cannot be read") from error
    if not isinstance(description, dict):
        raise NetworkError(f"is damaged: its {_DESCRIPTION} does not describe a model")
    description.pop("compile_config", None)  # loss, optimizer and metrics are not needed
    check_classes(description)
    return description, weights, version


def _version(archive: zipfile.ZipFile) -> str:
    """Return the version of Keras that wrote a file; empty if it does not say so."""
    names = archive.namelist()
    if _METADATA not in names or archive.getinfo(_METADATA).file_size > MAX_DESCRIPTION_BYTES:
        return ""
    try:
        metadata = json.loads(read_member(archive, _METADATA))
    except ValueError:
        return ""
    return str(metadata.get("keras_version")) if isinstance(metadata, dict) else ""
