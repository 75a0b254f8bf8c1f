"""The table of a network: output, parameters, receptive field and jump of each layer."""

from __future__ import annotations

from gradsheet.words import join
from keras_model.layers.layer import shape_text
from keras_model.networks.architecture import Architecture
from keras_model.networks.receptive_field import receptive_fields

# The limits of the course's assignments: fewer trainable parameters than these.
COURSE_LIMITS = (20_000, 10_000, 8_000)
_WIDTH = 34  # of the names of layers, if all are shorter


def summary_lines(architecture: Architecture) -> list[str]:
    """Return the table of a network, its totals, and which of the course's limits it meets."""
    width = max(_WIDTH, *(len(place.layer.description()) + 1 for place in architecture.places))
    lines = [f"{'layer':<{width}}{'output':>11}{'trainable':>11}{'field':>9}{'jump':>7}"]
    fields = receptive_fields(architecture)
    for place, field in zip(architecture.places, fields, strict=True):
        lines.append(
            f"{place.layer.description():<{width}}{shape_text(place.output_shape):>11}"
            f"{f'{place.trainable:,}' if place.trainable else '':>11}"
            f"{_side(field.size, 'all'):>9}{_side(field.jump, ''):>7}"
        )
    lines.append(f"{'trainable':<{width + 11}}{architecture.trainable:>11,}")
    if architecture.not_trainable:
        total = architecture.trainable + architecture.not_trainable
        lines += [
            "",
            f"Keras counts {total:,} parameters, with the {architecture.not_trainable:,} means and "
            "variances of",
            f"{_with_statistics(architecture)}, which are not trained. The course's limits do not "
            "include them.",
        ]
    met = [f"{limit:,}" for limit in COURSE_LIMITS if architecture.trainable < limit]
    lines += ["", _limits(met)]
    return lines


def _with_statistics(architecture: Architecture) -> str:
    """Return which kinds of layers have weights that are not trained."""
    kinds = {place.layer.description() for place in architecture.places if place.not_trainable}
    return join(sorted(kinds))


def _limits(met: list[str]) -> str:
    if not met:
        return f"It meets none of the course's limits (fewer than {COURSE_LIMITS[0]:,})."
    return f"It meets the course's limits of fewer than {', '.join(met)} trainable parameters."


def _side(pair: tuple[int, int] | None, otherwise: str) -> str:
    if pair is None:
        return otherwise
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"
