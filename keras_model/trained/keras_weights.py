"""The weights in a ``.keras`` file: HDF5, which may come from anyone."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_model.layers.arguments import shown
from keras_model.layers.layer import Weights, WeightSpec
from keras_model.networks.architecture import MAX_PARAMETERS, NetworkError, Place

if TYPE_CHECKING:
    import h5py

WEIGHTS = "model.weights.h5"  # its name in a .keras file
# The groups that hold the layers, of Keras 3 and of Keras 2.
_LAYER_GROUPS = ("layers", "_layer_checkpoint_dependencies")


def read_weights(
    content: bytes, groups: Sequence[tuple[str, ...]], places: Sequence[Place]
) -> tuple[Weights, ...]:
    """Read the weights of each layer from the groups that hold them.

    Raises:
        NetworkError: the file is damaged, or its weights are others.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return tuple(
                _weights_of(file, group, place.weights)
                for group, place in zip(groups, places, strict=True)
            )
    except NetworkError:
        raise
    except Exception as error:  # whatever h5py raises on a damaged file
        raise NetworkError(f"is damaged: its {WEIGHTS} cannot be read") from error


def _weights_of(file: h5py.File, group: tuple[str, ...], specs: dict[str, WeightSpec]) -> Weights:
    """Read the weights of one layer, as many and as large as it needs."""
    import h5py

    groups = [
        "/".join([*(f"{layers}/{name}" for name in group), "vars"]) for layers in _LAYER_GROUPS
    ]
    # Keras 2 joined the names of groups with the separator of folders, which Windows has otherwise.
    places = [*groups, *(name.replace("/", "\\") for name in groups)]
    stored = next((item for name in places if (item := _item(file, name)) is not None), None)
    count = len(stored) if isinstance(stored, h5py.Group) else 0
    if count != len(specs):
        raise NetworkError(
            f"is damaged: its {WEIGHTS} has {count:,} weights in {shown(groups[0])}, not "
            f"{len(specs)}"
        )
    weights = {}
    for index, (name, spec) in enumerate(specs.items()):
        where = shown(f"{groups[0]}/{index}")
        dataset = _item(stored, str(index))
        if dataset is None:
            raise NetworkError(f"is damaged: its {WEIGHTS} has no {where}")
        if not _is_plain(dataset):
            raise NetworkError(f"is damaged: {where} does not hold plain numbers")
        if dataset.shape != spec.shape or math.prod(dataset.shape) > MAX_PARAMETERS:
            raise NetworkError(
                f"is damaged: {where} has the shape {shown(dataset.shape)}, not {spec.shape}"
            )
        with np.errstate(over="ignore"):
            weights[name] = _numbers(dataset).astype(np.float32)
    return weights


def _is_plain(dataset: Any) -> bool:
    """Whether an item of an HDF5 file holds numbers, uncompressed and in the file itself.

    What is compressed may unpack to any size. Keras writes neither this nor chunks.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        return False
    return dataset.chunks is None and (dataset.dtype.kind in "fiu" or _is_bfloat16(dataset))


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    """Whether numbers are bfloat16, which HDF5 does not know: Keras stores their bytes."""
    return bool(dataset.dtype == np.dtype("V2") and dataset.attrs.get("dtype") == "bfloat16")


def _numbers(dataset: h5py.Dataset) -> np.ndarray:
    values = np.asarray(dataset[()])
    if not _is_bfloat16(dataset):
        return values
    # A bfloat16 is the first half of a number in single precision.
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _item(group: h5py.Group, place: str) -> Any:
    """Return what is at a place of an HDF5 file; None where there is nothing, or a link.

    A link may lead to another file.
    """
    import h5py

    item: Any = group
    for part in place.split("/"):
        name = part.encode()
        if not isinstance(item, h5py.Group) or not item.id.links.exists(name):
            return None
        if item.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            return None
        item = item[part]
    return item
