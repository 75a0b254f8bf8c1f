"""The receptive field of each layer: how many pixels of the picture one of its numbers depends on.

The formulas, along one axis, with the field r, the jump j (how many pixels apart the centers of two
neighbors are) and the window's extent k, stride s: r' = r + (k - 1)·j and j' = j·s. They are those
of Araujo, Norris and Sim, 2019, https://distill.pub/2019/computing-receptive-fields/.
"""

from __future__ import annotations

from dataclasses import dataclass

from keras_model.networks.architecture import Architecture


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field and the jump after a layer, as (rows, columns), in pixels.

    Both None: the layer's outputs depend on the whole picture, for example after a dense layer.
    """

    size: tuple[int, int] | None
    jump: tuple[int, int] | None


def receptive_fields(architecture: Architecture) -> list[ReceptiveField]:
    """Return the receptive field after each layer of a network.

    The field is not cut at the edges of the picture: with padding it may be larger.
    """
    fields = []
    size, jump = (1, 1), (1, 1)
    is_known = len(architecture.input_shape) > 1
    for place in architecture.places:
        windows = place.layer.windows(place.input_shape) if is_known else None
        if windows is None:
            is_known = False
            fields.append(ReceptiveField(None, None))
            continue
        sizes = [size[axis] + (windows[axis].size - 1) * jump[axis] for axis in range(2)]
        jumps = [jump[axis] * windows[axis].stride for axis in range(2)]
        size, jump = (sizes[0], sizes[1]), (jumps[0], jumps[1])
        fields.append(ReceptiveField(size, jump))
    return fields
