"""Draw a network: neurons, connections with their weights, biases and errors.

Lengths are in pixels of the screen at a zoom of 100 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.workbook.layout import ROLE_COLORS
from gradsheet.excel.styles import FAINT, ColorPair
from gradsheet.words import plural

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_FONTS = Path(__file__).parent / "fonts"

MAX_DRAWN = 8  # neurons per layer; a larger layer has an ellipsis before its last neuron
_DRAWN_BEFORE_ELLIPSIS = 6

_SHARPNESS = 2  # pixels of the picture per pixel on the screen, so that zooming in stays sharp
_SUPERSAMPLING = 2  # the picture is drawn larger by this factor and then reduced: smooth edges
_FULL = _SHARPNESS * _SUPERSAMPLING

RADIUS = 23
_MARGIN = 8
_HEADING = 40
_SPACINGS = {1: 110, 2: 110, 3: 84, 4: 74}  # between neurons, by the number in the largest layer
_DENSE_SPACING = 62
_GAPS = tuple(range(118, 420, 12))  # possible distances between layers
_COLUMN_COST = 60  # one more column of labels is as bad as a gap that is wider by this much
_MAX_LABEL_COLUMNS = 6
_ERROR_GAP, _TOTAL_GAP = 92, 76
_LABEL_DISTANCE = 2
_DENSE = 16  # connections between two layers; more have paler lines and smaller labels
_MAX_WIDTH = 1100  # a wider picture is shown smaller
_ARROW = 9
_LINE, _FILL = 1.6, "#FFFFFF"


@dataclass(frozen=True)
class Diagram:
    """A PNG picture; ``scale`` reduces it to ``width`` × ``height`` pixels on the screen."""

    png: bytes
    width: int
    height: int
    scale: float
    description: str


@dataclass(frozen=True)
class _Place:
    """The position of a neuron; ``name`` is empty for an ellipsis."""

    name: str
    x: float
    y: float
    number: int = 0


def draw_network(system: EquationSystem) -> Diagram:
    """Draw the network of an exercise."""
    layers, heights = drawn_layers(system)
    gaps: list[float] = []
    labels: list[dict[str, tuple[float, float]]] = []
    for (sources, targets), (ys, next_ys) in zip(pairwise(layers), pairwise(heights), strict=True):
        gap, of_gap = place_labels(system, sources, targets, ys, next_ys)
        gaps.append(gap)
        labels.append(of_gap)
    total_gap = max(_TOTAL_GAP, 0.28 * (heights[-1][-1] - heights[-1][0]))
    x: float = _MARGIN + RADIUS + 2
    places: list[list[_Place]] = []
    for names, ys, gap in zip(layers, heights, [*gaps, 0.0], strict=True):
        places.append([_Place(name, x, y) for name, y in zip(names, ys, strict=True)])
        x += gap
    output_x = places[-1][0].x
    width = output_x + _ERROR_GAP + total_gap + box_width(TOTAL_ERROR, 12) / 2 + _MARGIN
    lowest = max(y for ys in heights for y in ys)
    badge = 10 if system.biases else 2
    height = lowest + RADIUS + badge + _MARGIN
    canvas = _Canvas(width, height)
    _draw_connections(canvas, system, places, labels)
    _draw_errors(canvas, system, places[-1], total_gap)
    _draw_neurons(canvas, system, places)
    _draw_headings(canvas, system, places, total_gap)
    shrink = min(1.0, _MAX_WIDTH / width)
    return Diagram(
        canvas.png(),
        round(width * shrink),
        round(height * shrink),
        shrink / _SHARPNESS,
        describe_network(system),
    )


# --- positions ---


def drawn_layers(system: EquationSystem) -> tuple[list[list[str]], list[list[float]]]:
    """Return the neurons that are drawn, layer by layer from the inputs, and their heights.

    An empty name is an ellipsis. All layers are centered on the same height.
    """
    layers = [list(system.inputs)]
    layers += [[sum_name for sum_name, _ in layer] for layer in system.layers]
    layers = [
        names if len(names) <= MAX_DRAWN else [*names[:_DRAWN_BEFORE_ELLIPSIS], "", names[-1]]
        for names in layers
    ]
    largest = max(map(len, layers))
    spacing = _SPACINGS.get(largest, _DENSE_SPACING)
    full = (largest - 1) * spacing
    top = _HEADING + RADIUS + 4
    heights = []
    for names in layers:
        # A smaller layer has a little more space between its neurons.
        own = min(full / (len(names) - 1), 1.5 * spacing) if len(names) > 1 else 0
        start = top + (full - own * (len(names) - 1)) / 2
        heights.append([start + own * index for index in range(len(names))])
    return layers, heights


def place_labels(
    system: EquationSystem,
    sources: Sequence[str],
    targets: Sequence[str],
    source_ys: Sequence[float],
    target_ys: Sequence[float],
) -> tuple[float, dict[str, tuple[float, float]]]:
    """Return the gap between two layers, and the position of each weight's label in it.

    The position is the share of the way from source to target, and the height. The labels are in
    as few columns as possible without overlap. A layer with an ellipsis has no labels.
    """
    min_gap = 0.55 * max(abs(b - a) for a in source_ys for b in target_ys)  # not steeper than 60°
    if "" in sources or "" in targets:
        return max(_GAPS[0], min_gap), {}
    weights = _weights_between(system, sources, targets)
    size, height = label_size(len(weights))
    width = max(box_width(weight, size) for weight in weights.values())
    options = sorted(
        (gap + _COLUMN_COST * columns, gap, columns)
        for gap in _GAPS
        for columns in range(1, min(_MAX_LABEL_COLUMNS, len(sources)) + 1)
        if gap >= min_gap
    )
    for _, gap, columns in options:
        shares = _label_columns(columns, gap, width, height, source_ys, target_ys)
        if shares:
            return gap, {
                weight: (share, (1 - share) * source_ys[i] + share * target_ys[j])
                for (i, j), weight in weights.items()
                for share in [shares[i % columns]]
            }
    return _GAPS[-1], {}


def label_size(connections: int) -> tuple[float, float]:
    """Return the font size and the height of the labels between two layers."""
    return (8.5, 13) if connections > _DENSE else (10, 16)


def _weights_between(
    system: EquationSystem, sources: Sequence[str], targets: Sequence[str]
) -> dict[tuple[int, int], str]:
    """Return the weight of each connection, by the indices of its source and its target."""
    found = {}
    for one in system.connections.values():
        source = one.source.removeprefix("a_")
        if source in sources and one.target in targets:
            found[sources.index(source), targets.index(one.target)] = one.weight
    return found


def _label_columns(
    columns: int,
    gap: float,
    label_width: float,
    label_height: float,
    source_ys: Sequence[float],
    target_ys: Sequence[float],
) -> list[float] | None:
    """Return each label column's share of the way, or None if labels would overlap.

    The labels of source ``i`` are in column ``i`` modulo ``columns``.
    """
    first = (RADIUS + 3 + label_width / 2) / gap
    last = 1 - (RADIUS + 6 + _ARROW + label_width / 2) / gap
    steps = 60
    candidates = [
        share for n in range(1, steps) if first <= (share := n / steps) <= last
    ]  # fmt: skip
    apart = (label_width + _LABEL_DISTANCE) / gap
    choices: list[list[tuple[float, float]]] = []  # per column: (distance between labels, share)
    for column in range(columns):
        fitting = []
        for share in candidates:
            heights = sorted(
                (1 - share) * source_y + share * target_y
                for source_y in source_ys[column::columns]
                for target_y in target_ys
            )
            distance = min((b - a for a, b in pairwise(heights)), default=99.0)
            if distance >= label_height + _LABEL_DISTANCE:
                fitting.append((round(distance, 6), share))
        # The largest distance first; if equal, the one nearest to a third of the way.
        choices.append(sorted(fitting, key=lambda one: (-min(one[0], 40.0), abs(one[1] - 1 / 3))))
    return _choose(choices, apart, [])


def _choose(
    choices: list[list[tuple[float, float]]], apart: float, chosen: list[float]
) -> list[float] | None:
    if len(chosen) == len(choices):
        return chosen
    for _, share in choices[len(chosen)]:
        if all(abs(share - other) >= apart for other in chosen):
            found = _choose(choices, apart, [*chosen, share])
            if found:
                return found
    return None


# --- drawing ---


class _Canvas:
    """A picture that is drawn larger than needed and then reduced."""

    def __init__(self, width: float, height: float) -> None:
        from PIL import Image, ImageDraw

        self.size = round(width) * _SHARPNESS, round(height) * _SHARPNESS
        full = self.size[0] * _SUPERSAMPLING, self.size[1] * _SUPERSAMPLING
        self.image = Image.new("RGB", full, _FILL)
        self.draw = ImageDraw.Draw(self.image)

    def line(self, start: tuple[float, float], end: tuple[float, float], color: str,
             width: float = _LINE) -> None:  # fmt: skip
        """Draw a line."""
        points = [_FULL * part for part in (*start, *end)]
        self.draw.line(points, color, round(_FULL * width))

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], color: str, head: float = 1.0
    ) -> None:
        """Draw an arrow."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = (dx * dx + dy * dy) ** 0.5
        ux, uy = dx / length, dy / length
        back, half = head * _ARROW, head * _ARROW * 0.42
        base = end[0] - ux * back, end[1] - uy * back
        self.line(start, (base[0] + ux, base[1] + uy), color, _LINE * head)
        corners = [
            end,
            (base[0] - uy * half, base[1] + ux * half),
            (base[0] + uy * half, base[1] - ux * half),
        ]
        self.draw.polygon([(_FULL * x, _FULL * y) for x, y in corners], color)

    def circle(self, x: float, y: float, radius: float, colors: ColorPair) -> None:
        """Draw the circle of a neuron."""
        box = [_FULL * (x - radius), _FULL * (y - radius), _FULL * (x + radius),
               _FULL * (y + radius)]  # fmt: skip
        self.draw.ellipse(box, colors.pale, colors.strong, round(_FULL * _LINE))

    def box(
        self,
        center: tuple[float, float],
        text: str,
        size: float,
        colors: ColorPair,
        height: float,
        line: float = 1.0,
    ) -> None:
        """Draw a text in a frame."""
        x, y = center
        half = box_width(text, size) / 2
        corners = [_FULL * (x - half), _FULL * (y - height / 2), _FULL * (x + half),
                   _FULL * (y + height / 2)]  # fmt: skip
        self.draw.rounded_rectangle(
            corners, _FULL * height * 0.28, colors.pale, colors.strong, round(_FULL * line)
        )
        self.text(x, y, text, size, colors.strong, bold=True)

    def text(
        self, x: float, y: float, text: str, size: float, color: str, *, bold: bool = False
    ) -> None:
        """Draw a text, centered."""
        font = _font(round(_FULL * size), bold)
        self.draw.text((_FULL * x, _FULL * y), text, color, font, anchor="mm")

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        file = BytesIO()
        self.image.reduce(_SUPERSAMPLING).save(file, "png", compress_level=4)
        return file.getvalue()


def _draw_connections(
    canvas: _Canvas,
    system: EquationSystem,
    places: list[list[_Place]],
    labels: list[dict[str, tuple[float, float]]],
) -> None:
    colors = ROLE_COLORS[Role.WEIGHT]
    for sources, targets, at in zip(places, places[1:], labels, strict=False):
        dense = len(sources) * len(targets) > _DENSE
        color = _mixed(colors.strong, 0.45) if dense else colors.strong
        for source in sources:
            for target in targets:
                if source.name and target.name:
                    start = _rim(source, target, RADIUS)
                    end = _rim(target, source, RADIUS + 2)
                    canvas.arrow(start, end, color, 0.7 if dense else 1.0)
        for weight, (share, y) in at.items():
            x = (1 - share) * sources[0].x + share * targets[0].x
            size, box_height = label_size(len(at))
            canvas.box((x, y), weight, size, colors, box_height)


def _draw_neurons(canvas: _Canvas, system: EquationSystem, places: list[list[_Place]]) -> None:
    bias_of = {of: bias for bias, all_of in system.bias_targets.items() for of in all_of}
    activation_of = {name: activation for layer in system.layers for name, activation in layer}
    for number, layer in enumerate(places):
        role = Role.HIDDEN if number < len(places) - 1 else Role.OUTPUT
        colors = ROLE_COLORS[role if number else Role.GIVEN]
        for place in layer:
            if not place.name:
                for step in (-9, 0, 9):
                    dot = ColorPair(colors.strong, colors.strong)
                    canvas.circle(place.x, place.y + step, 1.8, dot)
                continue
            canvas.circle(place.x, place.y, RADIUS, colors)
            if place.name in activation_of:
                canvas.text(place.x, place.y - 6, place.name, 12, colors.strong, bold=True)
                activation = activation_of[place.name]
                size = 9 if len(activation) < 6 else 8
                canvas.text(place.x, place.y + 8, activation, size, colors.strong)
            else:
                canvas.text(place.x, place.y, place.name, 13, colors.strong, bold=True)
            if bias := bias_of.get(place.name):
                canvas.box((place.x, place.y + RADIUS + 1), bias, 9, ROLE_COLORS[Role.BIAS], 14)


def _draw_errors(
    canvas: _Canvas, system: EquationSystem, outputs: list[_Place], total_gap: float
) -> None:
    colors = ROLE_COLORS[Role.ERROR]
    x = outputs[0].x + _ERROR_GAP
    middle = (outputs[0].y + outputs[-1].y) / 2
    total_x = x + total_gap
    total_half = box_width(TOTAL_ERROR, 12) / 2
    error_of = dict(zip((name for name, _ in system.outputs), system.errors, strict=True))
    target_of = dict(zip((name for name, _ in system.outputs), system.targets, strict=True))
    dense = len(outputs) > 4
    for place in outputs:
        if not place.name:
            for step in (-9, 0, 9):
                canvas.circle(x, place.y + step, 1.8, ColorPair(colors.strong, colors.strong))
            continue
        error = error_of[place.name]
        half = box_width(error, 12) / 2
        canvas.arrow((place.x + RADIUS, place.y), (x - half - 1, place.y), colors.strong)
        entry = middle + (place.y - middle) * min(0.25, 24 / max(abs(place.y - middle), 1))
        end = (total_x - total_half - 1, max(min(entry, middle + 12), middle - 12))
        canvas.arrow((x + half, place.y), end, colors.strong, 0.8 if dense else 1.0)
        canvas.box((x, place.y), error, 12, colors, 26, _LINE)
        target = target_of[place.name]
        target = f"target {target}" if len(outputs) <= 2 else target
        canvas.text(x, place.y - 21, target, 9, ROLE_COLORS[Role.GIVEN].strong)
    canvas.box((total_x, middle), TOTAL_ERROR, 12, colors, 30, _LINE)


def _draw_headings(
    canvas: _Canvas, system: EquationSystem, places: list[list[_Place]], total_gap: float
) -> None:
    hidden = len(system.hidden)
    for number, layer in enumerate(places):
        title, below = "inputs", ""
        if number:
            below = system.network.activations[number - 1]
            title = "outputs"
            if number <= hidden:
                title = f"hidden layer {number}" if hidden > 1 else "hidden neurons"
        canvas.text(layer[0].x + (10 if not number else 0), 12, title, 10.5, FAINT)
        if below:
            canvas.text(layer[0].x, 26, below, 9, FAINT)
    x = places[-1][0].x + _ERROR_GAP + total_gap / 2
    canvas.text(x, 12, "error", 10.5, FAINT)
    canvas.text(x, 26, system.training.loss.replace("_", " "), 9, FAINT)


def _rim(of: _Place, towards: _Place, radius: float) -> tuple[float, float]:
    """Return the point on a neuron's circle that faces another neuron."""
    dx, dy = towards.x - of.x, towards.y - of.y
    length = (dx * dx + dy * dy) ** 0.5
    return of.x + dx / length * radius, of.y + dy / length * radius


def _mixed(color: str, share: float) -> str:
    """Mix a color with a share of white."""
    parts = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)


def box_width(text: str, size: float) -> float:
    """Return the width of a frame around a text."""
    return _font(round(10 * size), True).getlength(text) / 10 + 0.75 * size


@lru_cache(maxsize=32)
def _font(size: int, bold: bool) -> FreeTypeFont:
    """Load DejaVu Sans from the package, so that the picture is the same everywhere.

    The files have the letters, digits and signs of formulas only.
    """
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(_FONTS / name), size)


# --- description ---


def describe_network(system: EquationSystem) -> str:
    """Describe the picture in words, as its alternative text."""
    parts = [f"Inputs {_listed(system.inputs)}."]
    for number, layer in enumerate(system.layers):
        sums = [name for name, _ in layer]
        if layer is system.outputs:
            what = plural(len(sums), "Output")
        elif len(system.hidden) > 1:
            what = f"Hidden layer {number + 1}:"
        else:
            what = plural(len(sums), "Hidden neuron")
        text = f"{what} {_listed(sums)} ({system.network.activations[number]})"
        weights = system.layer_weights[number]
        fan_in = len(weights) // len(sums)
        if len(weights) <= 8:
            ways = "; ".join(
                f"{_listed(weights[at * fan_in : (at + 1) * fan_in])} to {name}"
                for at, name in enumerate(sums)
            )
            text += f", with the weights {ways}"
        else:
            text += f", connected by the weights {_listed(weights)}"
        biases = system.layer_biases[number]
        if biases:
            text += f" and the {plural(len(biases), 'bias', 'biases')} {_listed(biases)}"
        parts.append(text + ".")
    errors = _listed(system.errors)
    verb = plural(len(system.errors), "is", "add up to")
    parts.append(f"{errors} {verb} {TOTAL_ERROR}.")
    return " ".join(parts)


def _listed(names: Sequence[str], limit: int = 4) -> str:
    """List names in a description: ``w1, w2, w3``, or ``w1 to w8`` for more than ``limit``."""
    return ", ".join(names) if len(names) <= limit else f"{names[0]} to {names[-1]}"
