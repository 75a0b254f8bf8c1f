"""The numbers that a chart holds in addition to its references to cells.

Programs that do not read the cells, such as previews, draw a chart from these "caches". XlsxWriter
writes them from numbers that are given with a series, one element at a time. :func:`cache_quickly`
lets a chart write all elements of a series in one step. The names in ``_INTERNALS`` are not part of
XlsxWriter's documented interface. If one of them is missing, the file is the same, but it takes
longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

from xlsxwriter.chart import Chart

_INTERNALS = (
    "_get_data_type", "_write_format_code", "_write_num_cache", "_write_pt_count", "_xml_end_tag",
    "_xml_start_tag",
)  # fmt: skip


class CachedNumbers(list[float]):
    """The numbers of one series, none of which is missing."""

    @cached_property
    def xml(self) -> str:
        """The elements of all numbers. Several series can share them."""
        return _elements(len(self)) % tuple(self)


@lru_cache(maxsize=8)
def _elements(count: int) -> str:
    return "".join(f'<c:pt idx="{index}"><c:v>%r</c:v></c:pt>' for index in range(count))


def cache_quickly(chart: Chart) -> None:
    """Let a chart write the :class:`CachedNumbers` of its series in one step."""
    if all(hasattr(chart, name) for name in _INTERNALS):
        chart._get_data_type = partial(_data_type, chart._get_data_type)
        chart._write_num_cache = partial(_write_cache, chart, chart._write_num_cache)


def _data_type(original: Any, data: Sequence[Any] | None) -> str:
    return "num" if isinstance(data, CachedNumbers) and data else original(data)


def _write_cache(chart: Any, original: Any, data: Sequence[Any] | None) -> None:
    if not isinstance(data, CachedNumbers) or not hasattr(chart, "fh"):
        original(data)
        return
    chart._xml_start_tag("c:numCache")
    chart._write_format_code("General")
    chart._write_pt_count(len(data))
    chart.fh.write(data.xml)
    chart._xml_end_tag("c:numCache")
