"""Where a formula differs from the right one, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType

from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    Number,
    children,
    names,
    references,
    transform,
    with_children,
)
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.words import join

MAX_SHOWN = 6  # names in a message


def wrong_constants(found: Expression, right: Expression) -> str:
    """Describe a formula that is right except for one or two constants."""
    changed = list(differing_leaves(found, right, Number))
    pairs = [pair for pair in changed if pair is not None]
    if len(pairs) != len(changed) or not pairs or len(pairs) > 2:
        return ""
    return join([f"a wrong constant: {to_text(a)} where {to_text(b)} belongs" for a, b in pairs])


def differing_leaves(
    found: Expression, right: Expression, kinds: type | UnionType
) -> Iterator[tuple[Expression, Expression] | None]:
    """Yield a formula's leaves where other ones belong; None where the trees differ otherwise.

    Args:
        kinds: the leaves of the formula that may be wrong: numbers, or references.
    """
    if found == right:
        return
    if isinstance(found, Number) and isinstance(right, Number) and found.value == right.value:
        return  # 0.5 is ½
    parts, others = children(found), children(right)
    if isinstance(found, kinds) and not others:
        yield found, right
    elif others and len(parts) == len(others) and with_children(found, others) == right:
        for one, other in zip(parts, others, strict=True):
            yield from differing_leaves(one, other, kinds)
    else:
        yield None


def difference_words(found: Expression, right: Expression) -> str:
    """Say which quantities a formula should use and does not, and the other way round."""
    used = dict.fromkeys(map(_text, references(found)))
    needed = dict.fromkeys(name.key for name in names(right))
    extra = [key for key in used if key not in needed]
    missing = [key for key in needed if key not in used]
    parts = []
    if extra:
        parts.append(f"the formula uses {_some(extra)}, which the right formula does not use")
    if missing:
        parts.append(f"{'it' if extra else 'the formula'} does not use {_some(missing)}")
    return ", and ".join(parts) or "the formula combines the right quantities in a wrong way"


def _some(words: list[str]) -> str:
    """Join words, at most some of them."""
    if len(words) <= MAX_SHOWN:
        return join(words)
    return join([*words[: MAX_SHOWN - 1], f"{len(words) - MAX_SHOWN + 1} others"])


def with_references(
    expression: Expression, changes: Mapping[Name | CellReference, Name]
) -> Expression:
    """Return an expression that refers to other quantities."""

    def changed(node: Expression) -> Expression:
        return changes.get(node, node) if isinstance(node, (Name, CellReference)) else node

    return transform(expression, changed)


def _text(leaf: Name | CellReference) -> str:
    return leaf.key if isinstance(leaf, Name) else reference_text(leaf, is_absolute=True)


def plain_text(leaf: Name | CellReference) -> str:
    """Return a name without its row, or the reference to a cell."""
    return leaf.name if isinstance(leaf, Name) else reference_text(leaf, is_absolute=True)
