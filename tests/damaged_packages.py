"""Damaged copies of a workbook, one part at a time."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

Parts = dict[str, bytes]


def parts_of(path: Path) -> Parts:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_parts(path: Path, parts: Parts) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


WORDS = (
    *(b"<v>", b"</c>", b"<row>", b'"', b"<", b"&", b"&#0;", b"=", b"-1", b"0", b"1e999", b"NaN"),
    *(b"999999999999", b"A1", b"XFE1", b"K0", b'r="', b't="s"', b't="shared" si="0"', b"\x00"),
    *(
        b"<f>",
        b"</f>",
        b"_x000D_",
        b"\xff\xfe",
        b"<is><t>",
        b"]]>",
        b"<!--",
        b"<?x ?>",
        b"\xe2\x80",
    ),
)


def mutated(parts: Parts, chance: random.Random) -> Parts:
    """Damage one part: remove it, cut it, or change some bytes, attributes or elements in it."""
    weights = [6 if "sheet" in name or "workbook.xml" in name else 1 for name in parts]
    part = chance.choices(list(parts), weights)[0]
    data = bytearray(parts[part])
    kind = chance.randrange(8)
    if kind == 0:
        return {name: content for name, content in parts.items() if name != part}
    if kind == 1:
        return {**parts, part: bytes(data[: chance.randrange(len(data) + 1)])}
    if kind == 2:
        return {**parts, part: parts[chance.choice(list(parts))]}
    for _ in range(chance.choice((1, 1, 2, 8))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 4, 30, 300)))
        if kind == 3:
            data[start:end] = chance.choice(WORDS)
        elif kind == 4:
            data[start:start] = chance.choice(WORDS)
        elif kind == 5:
            del data[start:end]
        elif kind == 6:
            data[start:start] = data[start:end] * chance.choice((1, 1, 50))
        else:  # the value of an attribute, or a text
            values = list(re.finditer(rb'(?<=")[^"<>]*(?=")|(?<=>)[^<>]+(?=<)', bytes(data)))
            if values:
                value = chance.choice(values)
                data[value.start() : value.end()] = chance.choice(WORDS)
    return {**parts, part: bytes(data)}


def mutations(path: Path, seed: int, count: int) -> Iterator[Parts]:
    """Yield copies of a workbook with one damaged part each."""
    chance = random.Random(seed)
    parts = parts_of(path)
    for _ in range(count):
        yield mutated(parts, chance)
