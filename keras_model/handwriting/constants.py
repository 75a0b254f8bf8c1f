"""The constants of the steps from a picture to digits. The web page has them in its data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preparation:
    """Ink and brightness are 0 to 255; lengths are pixels, or shares where that is said.

    Attributes:
        smallest: a picture whose shorter side is shorter has no digit.
        page_size: the longer side of the picture that digits are searched in.
        small_digit: a digit with a smaller longer side is read from the original picture.
        digit_margin: space around it that is cut out with it, a share of its longer side.
        axes: what ink may differ from the paper in, as shares of red, green and blue: luminance
            (ITU-R BT.601, as Pillow converts to gray), and two differences of colors.
        sheet_grid: how many squares the longer side has in which a sheet on a table is searched.
        flat_deviation: the standard deviation of the pixels of a flat square is at most this,
        flat_noise: or so many times the noise,
        flat_quantile: which is the quantile of the variance of all squares.
        flat_step: flat squares beside each other that differ less are one region.
        least_sheet: a sheet is at least this share of the picture,
        full_sheet: and flat, but for the ink, to this share.
        least_piece: flat regions of at least this share go on behind a printed line or in a shadow,
        near_piece: if so many squares are between them at most.
        most_sheets: so many regions may be the sheet; the first is the largest.
        least_table: the table is at least this share of the picture,
        pattern: and not flat to this share; else its pattern is no ink.
        same_color: nor does the table have the sheet's color, but for this difference,
        shade: or as much of its light,
        same_pixels: in so many of its pixels, as a sheet of squared paper with a plain part.
        stroke: strokes are narrower than this share of the picture's shorter side. What is wider
            (a table, a finger, a shadow) is background.
        paper_grid: the longer side of the picture in which the color of the paper is estimated.
        paper_window: the part of that picture, a share, whose median is the paper.
        sheet: the quantile of the brightness that is the paper of dark ink where the median is
            that of a table,
        table: which is darker than this share of the quantile.
        darkest_paper: paper is taken to be at least as bright as this, for the share of light that
            ink absorbs.
        luminance_weight: how many times the contrast of luminance counts beside that of a color.
        min_contrast: fainter marks are no ink.
        noise_median: the median of the absolute differences of neighbors, for noise with a
            standard deviation of 1.
        small_picture: in a picture with a shorter side, one pixel may have the most ink; in others
            it may be noise, and the mean of 3×3 pixels counts.
        noise_contrast: nor is what is fainter than so many standard deviations of the noise.
        faint: nor is what is fainter than this share of the picture's most ink.
        full_ink: the quantile of the ink of a part's pixels that is its own ink.
        edge: a part's pixels have more ink than this share of its own ink.
        soft_edge: pixels from a stroke to where the paper is.
        surroundings: the quantiles of the pixels around a part of which the one that differs more
            from the part is the paper.
        alike: a pixel around a part belongs to the same thing if its difference from the part is
            less than this share of the paper's.
        attached: a part of whose surroundings this share is alike is the end of something larger.
        same_paper: what is on one sheet has paper around it that is at least this share as bright
            as that around the part with the most ink,
        as_strong: or it is in a shadow, and has at least this share of that part's ink.
        line_slopes: the largest slope of printed lines, beside the horizontal and the vertical.
        line_slope_count: how many slopes are tried, from minus the largest to the largest.
        line_edge: a printed line begins within this share of the picture's side from an edge.
        line_width: the widest printed line, a share of the picture's shorter side.
        line_length: a printed line is at least this share of the picture's side, from an edge on.
        segment_part: a smaller part has no lines that are looked for.
        segment_slopes: as line_slopes, of lines that touch a digit.
        segment_slope_count: as line_slope_count.
        segment_width: the widest such line, a share of the longer side of it with the digit.
        segment_length: such a line is at least this share of the part's width or height.
        short_segment: of a box whose sides strokes cross, it may be this share.
        as_thin: that of a box may be so many times as thick as its other lines.
        most_segments: so many lines of a direction are looked for.
        grid: so many lines of both directions are a box.
        enclosed: what is smaller than this share of a box is not enclosed by it, but dust.
        beside_lines: without its lines, a part is at least this share of its size.
        thin_line: lines thinner than this share of the strokes beside them are printed.
        underline: so are lines that are longer than this share of what is beside them,
        outside: and are above or below all but this share of its height.
        beyond: printed lines of no box go beyond the strokes, on both sides, by this share of them.
        scrap: what has fewer pixels than this share of the largest piece is no stroke.
        speck: a part whose amount of ink is a smaller share of the largest one's is a speck.
        speck_size: so is one whose longer side is shorter than this share of the longest.
        pale: a part is no digit if its pixels have less ink than this share of that of the part
            with the most ink.
        most_parts: of more parts, those with the most ink are looked at.
        background: a line behind a digit has less ink across than this share of its strokes.
        frame: a part that surrounds another of at least this share of its height is a frame.
        open_frame: so is a part whose box encloses another of at least this share of its size.
        rule: a flat part, or a narrow one as long as a line, is a printed line if it is so many
            times as long as the longest other.
        rule_height: a flat part is at most this share of its width high, a narrow one as wide.
        aligned: so are longer lines whose ends differ by at most this share of their length.
        gap: parts of one digit are nearer to each other than this share of the longer side of both.
        overlap: parts above each other share this share of the narrower one's width,
        overlap_of_alike: or this, if neither is so low beside the other that it is a piece.
        thin: strokes thinner than this share of the largest part's longer side may be broken into
            specks.
        crumb: a piece of a stroke is at least this share of its width long.
        fray: it is between the parts, or beyond them by at most this share of the strokes' width.
        slender: strokes thinner than this share of the largest digit's may be broken into parts.
        piece: a part whose height is a smaller share of a digit's may be above or below it.
        tallest: so may others, if both together are at most so many times as high as wide.
        tallest_broken: as tallest, of strokes that are broken.
        crack: strokes nearer to each other than this share of that longer side are connected.
        blot: beside others, a digit whose strokes are wider than this share of its longer side is
            a blot or a hole. Of a disk this is 0.55.
        blot_size: what is smaller, in pixels of its longer side, is no blot: it has few pixels.
        compared_pixels: of parts with more pixels, so many or fewer, evenly chosen, are compared.
        line_overlap: digits of a line share this share of the lower one's height.
        digit_full_ink: the quantile of the ink of a digit's pixels that becomes 255.
        digit_size: the longer side of the digit in the 28×28 pixels.
        stroke_width: strokes are thickened to this share of the digit's longer side. MNIST's have
            about 0.12.
        touching: a digit wider than so many times its height may be two that touch.
        tiny: a digit may be dust if its longer side is less than this share of the shorter of the
            picture's,
        tiny_size: and less than so many pixels.
        dash: a wide digit that is thinner than so many widths of its stroke, measured across its
            main direction, is a dash.
    """

    smallest: int = 5
    page_size: int = 640
    small_digit: int = 80
    digit_margin: float = 0.35
    axes: tuple[tuple[float, float, float], ...] = (
        (0.299, 0.587, 0.114),
        (0.7, -0.7, 0.0),
        (-0.35, -0.35, 0.7),
    )
    sheet_grid: int = 64
    flat_deviation: float = 6.0
    flat_noise: float = 3.0
    flat_quantile: float = 0.1
    flat_step: float = 16.0
    least_sheet: float = 0.1
    full_sheet: float = 0.65
    least_piece: float = 0.01
    near_piece: int = 3
    most_sheets: int = 4
    least_table: float = 0.08
    pattern: float = 0.2
    same_color: float = 24.0
    shade: float = 0.6
    same_pixels: float = 0.6
    stroke: float = 0.3
    paper_grid: int = 32
    paper_window: float = 0.55
    sheet: float = 0.8
    table: float = 0.6
    darkest_paper: int = 48
    luminance_weight: float = 1.5
    min_contrast: int = 24
    noise_median: float = 0.954
    small_picture: int = 60
    noise_contrast: float = 5.0
    faint: float = 0.2
    full_ink: float = 0.9
    edge: float = 0.35
    soft_edge: int = 2
    surroundings: tuple[float, float] = (0.1, 0.9)
    alike: float = 0.25
    attached: float = 0.1
    same_paper: float = 0.4
    as_strong: float = 0.9
    line_slopes: float = 0.05
    line_slope_count: int = 11
    line_edge: float = 0.025
    line_width: float = 0.02
    line_length: float = 0.5
    segment_part: int = 24
    segment_slopes: float = 0.1
    segment_slope_count: int = 21
    segment_width: float = 0.06
    segment_length: float = 0.6
    short_segment: float = 0.3
    as_thin: float = 1.3
    most_segments: int = 12
    grid: int = 3
    enclosed: float = 0.08
    beside_lines: float = 0.12
    thin_line: float = 0.5
    underline: float = 0.8
    outside: float = 0.2
    beyond: float = 0.15
    scrap: float = 0.1
    speck: float = 0.03
    speck_size: float = 0.15
    pale: float = 0.4
    most_parts: int = 300
    background: float = 0.1
    frame: float = 0.25
    open_frame: float = 0.5
    rule: float = 1.8
    rule_height: float = 0.1
    aligned: float = 0.03
    gap: float = 0.22
    overlap: float = 0.15
    overlap_of_alike: float = 0.4
    thin: float = 0.075
    crumb: float = 0.15
    fray: float = 0.5
    slender: float = 0.1
    piece: float = 0.6
    tallest: float = 1.6
    tallest_broken: float = 1.75
    crack: float = 0.06
    blot: float = 0.45
    blot_size: int = 12
    compared_pixels: int = 1500
    line_overlap: float = 0.5
    digit_full_ink: float = 0.8
    digit_size: int = 20
    stroke_width: float = 0.1
    touching: float = 1.35
    tiny: float = 0.04
    tiny_size: int = 20
    dash: float = 2.5


PREPARATION = Preparation()
