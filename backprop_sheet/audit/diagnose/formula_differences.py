"""Where a formula differs from the right one, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    Number,
    children,
    names,
    transform,
    walk,
    with_children,
)
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.words import join

MAX_SHOWN = 6  # names in a message


def wrong_constants(found: Expression, right: Expression) -> str:
    """Describe a formula that is right except for one or two constants."""
    changed = list(_differing_leaves(found, right))
    pairs = [pair for pair in changed if pair is not None]
    if len(pairs) != len(changed) or not pairs or len(pairs) > 2:
        return ""
    return join([f"a wrong constant: {to_text(a)} where {to_text(b)} belongs" for a, b in pairs])


def _differing_leaves(
    found: Expression, right: Expression
) -> Iterator[tuple[Expression, Expression] | None]:
    """Yield pairs of a wrong number and the right leaf; None where the trees differ otherwise."""
    if found == right:
        return
    found_parts, right_parts = children(found), children(right)
    if isinstance(found, Number) and not right_parts:
        if not (isinstance(right, Number) and right.value == found.value):
            yield found, right
    elif (
        right_parts
        and len(right_parts) == len(found_parts)
        and with_children(found, right_parts) == right
    ):
        for a, b in zip(found_parts, right_parts, strict=True):
            yield from _differing_leaves(a, b)
    else:
        yield None


def exchanged_leaves(
    found: Expression, right: Expression
) -> Iterator[tuple[Name | CellReference, Name] | None]:
    """Yield the pairs of names that stand in the same place; None where the trees differ."""
    if found == right:
        return
    if isinstance(found, (Name, CellReference)) and isinstance(right, Name):
        yield found, right
        return
    parts, others = children(found), children(right)
    is_alike = len(parts) == len(others) > 0 and with_children(found, others) == right
    if not is_alike:
        yield None
        return
    for one, other in zip(parts, others, strict=True):
        yield from exchanged_leaves(one, other)


def difference_words(found: Expression, right: Expression) -> str:
    """Say which quantities a formula should use and does not, and the other way round."""
    used = dict.fromkeys(map(_text, references_of(found)))
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


def references_of(expression: Expression) -> Iterator[Name | CellReference]:
    """Yield what an expression refers to, in its order."""
    return (node for node in walk(expression) if isinstance(node, (Name, CellReference)))


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
