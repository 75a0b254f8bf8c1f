"""The machine that a benchmark runs on: processor, vector instructions, cores, stolen time.

    python benchmarks/machine.py

Stolen time is the share of the cores' time that the hypervisor gave to other virtual machines.
"""

from __future__ import annotations

import platform
from pathlib import Path

from gradsheet.cores import available_cores

VECTOR_INSTRUCTIONS = ("avx512_bf16", "avx512_vnni", "avx512f", "avx2", "avx", "sse4_2")


def describe_processor() -> str:
    """Return the processor's name, its newest vector instructions and the cores to be used."""
    name, flags = platform.processor() or platform.machine(), ""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        lines = [line.partition(":") for line in cpu_info.read_text().splitlines()]
        values = {key.strip(): value.strip() for key, _, value in lines}
        name, flags = values.get("model name", name), values.get("flags", "")
    known = [one for one in VECTOR_INSTRUCTIONS if one in flags.split()]
    newest = known[0] if known else "unknown vector instructions"
    without = "" if newest.startswith("avx512") else " (no AVX-512)"
    return f"{name}, {newest}{without}, {available_cores()} cores"


def _times() -> tuple[int, int] | None:
    """Return the stolen clock ticks of all cores since the start, and all; None where unknown."""
    path = Path("/proc/stat")
    if not path.is_file():
        return None
    ticks = [int(one) for one in path.read_text().splitlines()[0].split()[1:9]]
    return ticks[7], sum(ticks)


class StolenTime:
    """Measures the share of stolen time since it was made or last asked."""

    def __init__(self) -> None:
        self._before = _times()

    def share(self) -> str:
        """Return the share as text, for example ``3.1 %``."""
        now, before = _times(), self._before
        self._before = now
        if now is None or before is None or now[1] == before[1]:
            return "unknown"
        return f"{100 * (now[0] - before[0]) / (now[1] - before[1]):.1f} %"


if __name__ == "__main__":
    print(describe_processor())
