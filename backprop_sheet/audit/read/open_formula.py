"""Write formulas of OpenDocument files as Excel writes them.

Source: OpenDocument 1.3 part 4 (OpenFormula), section 5: ``of:=SUM([.A1:.B2];2)*[$'My data'.$C$3]``
is ``=SUM(A1:B2,2)*'My data'!$C$3``.
"""

from __future__ import annotations

import re

_EXCEL = ("msoxl:", "xlsx:")  # formulas that are in Excel's dialect
_PREFIX = re.compile(r"\s*(?:of|oooc|msoxl|xlsx):")
_TOKENS = re.compile(
    r"""
      (?P<text>"(?:[^"]|"")*")
    | \[(?P<reference>(?:'(?:[^']|''){0,400}'|[^\]']){0,150})\]  # bounded, for time
    | \$\$'(?P<quoted>(?:[^']|'')*)'                 # the name of a cell
    | (?P<function>[^\W\d][\w.]*)(?=\s*\()
    | (?P<sign>[;|~{}])
    | (?:[^\W\d]|[\\_])[\w.\\?]*                     # a name
    """,
    re.VERBOSE,
)
_NAMESPACES = ("COM.MICROSOFT.", "ORG.LIBREOFFICE.", "ORG.OPENOFFICE.", "LEGACY.")
_END = re.compile(r"(?P<sheet>\$?(?:'(?:[^']|'')*'|[^.'\s]*))\.(?P<cell>[^.]+)", re.DOTALL)
_RANGE = re.compile(r"((?:'(?:[^']|'')*'|[^:'])*)(?::((?:'(?:[^']|'')*'|[^:'])*))?", re.DOTALL)
_PLAIN_TITLE = re.compile(r"[^\W\d]\w*")
# The usual references, which are replaced at once, for speed.
_CELL = r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
_HERE = re.compile(rf"\[\.({_CELL})\]")
_ELSEWHERE = re.compile(rf"\[\$?([^\W\d]\w*)\.({_CELL})\]")
_UNUSUAL = re.compile(r"""["'{}|~\[]|COM\.|ORG\.|LEGACY\.""", re.IGNORECASE)
_BROKEN = "#REF!"


def excel_formula(formula: str) -> str:
    """Return a formula as Excel writes it, with its leading ``=``.

    Args:
        formula: the attribute ``table:formula``, with or without its prefix (``of:``).
    """
    prefix = _PREFIX.match(formula)
    written = formula[prefix.end() :] if prefix else formula
    written = written if written.startswith("=") else f"={written}"
    if prefix and prefix[0].strip() in _EXCEL:
        return written
    usual = _ELSEWHERE.sub(r"\1!\2", _HERE.sub(r"\1", written))
    if not _UNUSUAL.search(usual):
        return usual.replace(";", ",")
    in_array = False

    def token(match: re.Match[str]) -> str:
        nonlocal in_array
        if (reference := match["reference"]) is not None:
            return excel_reference(reference)
        if function := match["function"]:
            for namespace in _NAMESPACES:
                if function.upper().startswith(namespace):
                    return function[len(namespace) :]
            return function
        if (name := match["quoted"]) is not None:
            return name.replace("''", "'")
        sign = match["sign"]
        if sign is None:
            return match[0]
        if sign in "{}":
            in_array = sign == "{"
        return {";": ",", "|": ";" if in_array else "|", "~": ","}.get(sign, sign)

    return _TOKENS.sub(token, written)


def excel_reference(reference: str) -> str:
    """Return a reference as Excel writes it: ``$'My data'.A1:.B2`` becomes ``'My data'!A1:B2``.

    Args:
        reference: without the brackets that it has in a formula.
    """
    whole = _RANGE.fullmatch(reference.strip())
    first = _END.fullmatch(whole[1]) if whole else None
    if whole is None or first is None:
        return _BROKEN
    start = _title(first["sheet"]) + first["cell"]
    if whole[2] is None:
        return start
    last = _END.fullmatch(whole[2])
    if last is None:
        return _BROKEN
    if last["sheet"] and _title(last["sheet"]) != _title(first["sheet"]):
        return f"{start}:{_title(last['sheet'])}{last['cell']}"  # over several sheets
    return f"{start}:{last['cell']}"


def _title(sheet: str) -> str:
    """Return a sheet's name and ``!``; "" for the formula's own sheet."""
    title = sheet.removeprefix("$")
    if title.startswith("'") or not title or _PLAIN_TITLE.fullmatch(title):
        return f"{title}!" if title else ""
    return f"'{title}'!"
