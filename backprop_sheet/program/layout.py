"""Statements of Python laid out as ``ruff format`` and Black lay them out.

A statement that is too long for a line is broken at its outermost brackets, or in new parentheses
at the operators that bind least. The document is a tree of groups, as Wadler's in *A prettier
printer* (2003): a group stands on one line if it fits, and else all its own breaks are lines.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True)
class _Break:
    """A place where a line may end, and what stands there if it does not."""

    flat: str


@dataclass(frozen=True)
class _Group:
    parts: tuple[_Part, ...]


@dataclass(frozen=True)
class _Indent:
    parts: tuple[_Part, ...]


@dataclass(frozen=True)
class _IfBroken:
    text: str


_Part = str | _Break | _Group | _Indent | _IfBroken
_SPACE, _NOTHING = _Break(" "), _Break("")
_PRECEDENCE: dict[type[ast.operator], int] = {
    ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.MatMult: 2, ast.Pow: 3,
}  # fmt: skip
_POWER = 3
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
}  # fmt: skip


def statement(code: str, indent: int = 0) -> list[str]:
    """Return the lines of an assignment, a ``return`` or a call.

    Args:
        code: the statement on one line, without comments.
        indent: by how many levels the lines will be indented.
    """
    width = WIDTH - len(INDENT) * indent
    [node] = ast.parse(code if not code.startswith("return ") else f"_ = {code[7:]}").body
    match node:
        case ast.Assign(targets=[target], value=value):
            left = ["return "] if code.startswith("return ") else [_target(target), " = "]
        case ast.Expr(value=value):
            left = []
        case _:
            raise ValueError(f"not a statement that is laid out: {code}")
    part = _part(value)
    is_short = sum(len(_flat(each)) for each in [*left, part]) <= width
    if is_short or not isinstance(value, ast.BinOp):
        return _rendered([*left, part], width)
    if _ends_in_brackets(value):
        lines = _rendered([*left, *_without_breaks(value)], width)
        if max(map(len, lines)) <= width:
            return lines
    return _rendered([*left, _in_brackets("(", [part], ")")], width)


def _target(node: ast.expr) -> _Part:
    if isinstance(node, ast.Tuple):  # without parentheses
        return _Group(tuple(_with_commas(list(map(_part, node.elts)))))
    return _part(node)


def _ends_in_brackets(value: ast.BinOp) -> bool:
    """Return whether a line can be broken in brackets at an end, with one operator outside."""
    operands, operators = _flattened(value)
    lowest = min(_PRECEDENCE[type(each)] for each in operators)
    if sum(_PRECEDENCE[type(each)] == lowest for each in operators) > 1:
        return False
    # A sum is an operand of a product in parentheses only.
    begins = isinstance(operands[0], ast.BinOp | ast.List | ast.Tuple)
    return begins or isinstance(operands[-1], ast.BinOp | ast.List | ast.Tuple | ast.Call)


# --- the tree -------------------------------------------------------------------------------------


def _part(node: ast.expr) -> _Part:
    match node:
        case ast.BinOp():
            return _Group(_operation(*_flattened(node)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _Group(("-", _operand(operand, _POWER + 1)))
        case ast.Call(func=func, args=args, keywords=keywords):
            named = [_Group((f"{each.arg}=", _part(each.value))) for each in keywords]
            items = [*map(_part, args), *named]
            # All arguments stand on one line, if they fit.
            inner = [_Group((*_with_commas(items), _IfBroken("," if len(items) > 1 else "")))]
            return _Group((_part(func), _in_brackets("(", inner, ")")))
        case ast.List(elts=items):
            return _list("[", list(map(_part, items)), "]")
        case ast.Tuple(elts=items):
            return _list("(", list(map(_part, items)), ")")
        case ast.Attribute(value=value, attr=name):
            return _Group((_part(value), f".{name}"))
        case ast.Constant(value=str(text)):
            return json.dumps(text)
        case ast.Starred(value=value):
            return _Group(("*", _part(value)))
    return ast.unparse(node)


def _flattened(node: ast.expr, precedence: int = 0) -> tuple[list[ast.expr], list[ast.operator]]:
    """Return the operands and operators that stand outside of parentheses."""
    if not isinstance(node, ast.BinOp) or _PRECEDENCE[type(node.op)] < precedence:
        return [node], []
    own = _PRECEDENCE[type(node.op)]
    is_power = isinstance(node.op, ast.Pow)
    left, first = _flattened(node.left, own + 1 if is_power else own)
    right, last = _flattened(node.right, own if is_power else own + 1)
    return [*left, *right], [*first, node.op, *last]


def _operation(
    operands: Sequence[ast.expr], operators: Sequence[ast.operator]
) -> tuple[_Part, ...]:
    """Return the operands with breaks before those operators that bind least."""
    if not operators:
        return (_operand(operands[0], _POWER + 1),)
    lowest = min(_PRECEDENCE[type(each)] for each in operators)
    parts: list[_Part] = []
    start = 0
    for index, operator in enumerate(operators):
        if _PRECEDENCE[type(operator)] > lowest:
            continue
        parts.append(_Group(_operation(operands[start : index + 1], operators[start:index])))
        start = index + 1
        if isinstance(operator, ast.Pow) and all(map(_is_simple, operands[index : index + 2])):
            parts.append("**")
        else:
            parts += [_SPACE, f"{_SIGNS[type(operator)]} "]
    parts.append(_Group(_operation(operands[start:], operators[start:])))
    return tuple(parts)


def _operand(node: ast.expr, precedence: int) -> _Part:
    part = _part(node)
    needs = isinstance(node, ast.BinOp) and _PRECEDENCE[type(node.op)] < precedence
    return _in_brackets("(", [part], ")") if needs else part


def _is_simple(node: ast.expr) -> bool:
    """Return whether a power of it is written without spaces."""
    if isinstance(node, ast.Attribute):
        return _is_simple(node.value)
    if isinstance(node, ast.UnaryOp):
        return _is_simple(node.operand)
    return isinstance(node, ast.Name | ast.Constant)


def _without_breaks(node: ast.BinOp) -> tuple[_Part, ...]:
    """Return an operation whose lines end in the brackets of its operands only."""

    def unbroken(part: _Part) -> _Part:
        match part:
            case _Break(flat):
                return flat
            case _Group(parts) if not isinstance(parts[0], str) or parts[0] not in ("(", "["):
                return _Group(tuple(map(unbroken, parts)))
        return part

    return tuple(map(unbroken, _operation(*_flattened(node))))


def _in_brackets(opening: str, parts: Sequence[_Part], closing: str) -> _Part:
    return _Group((opening, _Indent((_NOTHING, *parts)), _NOTHING, closing))


def _list(opening: str, items: Sequence[_Part], closing: str) -> _Part:
    if not items:
        return opening + closing
    return _in_brackets(opening, [*_with_commas(items), _IfBroken(",")], closing)


def _with_commas(items: Sequence[_Part]) -> list[_Part]:
    parts = list(items[:1])
    for item in items[1:]:
        parts += [",", _SPACE, item]
    return parts


# --- lines ----------------------------------------------------------------------------------------


def _flat(part: _Part) -> str:
    match part:
        case str():
            return part
        case _Break(flat):
            return flat
        case _IfBroken():
            return ""
    return "".join(map(_flat, part.parts))


def _rendered(parts: Sequence[_Part], width: int) -> list[str]:
    """Return the lines; a group is broken if it does not fit to where the next line may begin."""
    lines = [""]
    waiting: list[tuple[int, bool, _Part]] = [(0, True, part) for part in reversed(parts)]
    while waiting:
        indent, is_broken, part = waiting.pop()
        match part:
            case str():
                lines[-1] += part
            case _Break(flat):
                if is_broken:
                    lines.append(INDENT * indent)
                else:
                    lines[-1] += flat
            case _IfBroken(text):
                lines[-1] += text if is_broken else ""
            case _Indent(inner):
                waiting += [(indent + 1, is_broken, each) for each in reversed(inner)]
            case _Group(inner):
                flat_text = _flat(part)
                is_broken = not _fits(width - len(lines[-1]) - len(flat_text), waiting)
                waiting += [(indent, is_broken, each) for each in reversed(inner)]
    return lines


def _fits(room: int, waiting: Sequence[tuple[int, bool, _Part]]) -> bool:
    """Return whether what follows fits, up to the next place where a line may end."""
    rest = list(waiting)
    while room >= 0 and rest:
        indent, is_broken, part = rest.pop()
        match part:
            case str():
                room -= len(part)
            case _Break(flat):
                if is_broken:
                    return True
                room -= len(flat)
            case _IfBroken(text):
                room -= len(text) if is_broken else 0
            case _Indent(inner):
                rest += [(indent, is_broken, each) for each in reversed(inner)]
            case _Group(inner):  # it may be broken
                rest += [(indent, True, each) for each in reversed(inner)]
    return room >= 0
