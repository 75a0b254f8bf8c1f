"""How a table was read, in words: notes about a judged table, and why a table is not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from backprop_sheet.audit.compare.completeness import MIN_RANGE, column_words, consecutive
from backprop_sheet.audit.compare.table_data import missing_columns
from backprop_sheet.audit.find.counted_from_zero import counted_from_one, first_names
from backprop_sheet.audit.find.reading import BY_HEADER, Reading
from backprop_sheet.audit.find.unknown_headers import labels_left_out
from backprop_sheet.audit.read.spellings import quantity_name
from backprop_sheet.audit.results import Finding, ReadColumn
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import COMPUTED_KINDS, Kind, kind_of
from gradsheet.words import join, plural

_NUMBERS = re.compile("[0-9]+")
MAX_SHOWN = 6  # columns that a sentence names
_PLURALS = {
    Kind.INPUT: ("input", "inputs"),
    Kind.TARGET: ("target", "targets"),
    Kind.WEIGHT: ("weight", "weights"),
    Kind.BIAS: ("bias", "biases"),
    Kind.SUM: ("weighted sum", "weighted sums"),
    Kind.ACTIVATION: ("activation", "activations"),
    Kind.ERROR: ("error", "errors"),
    Kind.GRADIENT: ("gradient", "gradients"),
}


# --- a table that is judged -----------------------------------------------------------------------


def reading_notes(
    reading: Reading, missing: Sequence[str], findings: Sequence[Finding]
) -> list[str]:
    """Say in words what was read against its header, and what was not checked.

    Args:
        missing: the columns that the table lacks.
        findings: those whose columns are named by their headers.
    """
    notes = []
    if numbering := list(_numbering(reading)):
        notes.append("; ".join(numbering))
    if nameless := list(_of_findings(reading, findings)):
        notes.append(join(nameless))
    parts = [*_against_headers(reading), *_not_checked(reading, missing)]
    return [*notes, "; ".join(parts)] if parts else notes


def _numbering(reading: Reading) -> Iterator[str]:
    """Say how the weights and neurons are numbered, if not as in the exercise."""
    if reading.from_zero:
        first, named = zip(*first_names(reading.from_zero), strict=True)
        are = plural(len(first), "is", "are")
        yield f"numbered from 0: {join(first)} {are} {join(named)} in the exercise, and so on"
    if reading.numbering:
        headers: dict[str, str] = {}
        for column in reading.columns:  # w1, and later new w1
            headers.setdefault(column.quantity, column.header)
        numbering = {old: new for old, new in reading.numbering.items() if old[:2] != "a_"}
        own = {name: headers.get(name) or old for old, name in numbering.items()}
        words = f"{_own_names(own)} {plural(len(own), 'is', 'are')} {column_words(list(own))} there"
        is_first = not reading.from_zero
        same_numbers = all(_NUMBERS.findall(one) == _NUMBERS.findall(own[one]) for one in own)
        what = "notation" if same_numbers else "numbering"
        start = f"the {what} differs from the exercise's, and is consistent: "
        yield f"{start}{words}" if is_first else words


def _own_names(own: Mapping[str, str]) -> str:
    """Join headers; a range stands for those that are in order, as their quantities are.

    Args:
        own: the header of each quantity.
    """
    words: list[str] = []
    for run in consecutive(list(own)):
        headers = [own[name] for name in run]
        numbers = [tuple(map(int, re.findall(r"\d+", header))) for header in headers]
        letters = [re.sub(r"\d+", "0", header) for header in headers]
        is_ordered = all(
            letters[at] != letters[at - 1] or numbers[at] > numbers[at - 1]
            for at in range(1, len(run))
        )
        if is_ordered and len(run) >= MIN_RANGE:
            headers = [f"{headers[0]} … {headers[-1]}"]
        words += headers
    return join(words)


def _of_findings(reading: Reading, findings: Sequence[Finding]) -> Iterator[str]:
    """Say which columns the findings are about whose headers do not tell."""
    wrong = {finding.column for finding in findings} - set(reading.numbering.values())
    for column in reading.columns:
        own = quantity_name(column.header) if reading.from_zero else None
        is_renumbered = own is not None and counted_from_one(own, reading.from_zero) != own
        is_told = column.is_against_header or (column.by == BY_HEADER and not is_renumbered)
        if column.quantity in wrong and not is_told and column.header:
            yield f"{column.quantity} is the column {column.header!r} ({column.cell})"


def _against_headers(reading: Reading) -> Iterator[str]:
    against = list(reading.against_headers)
    opposite = [
        one for one in against if one.quantity == NEGATIVE + (quantity_name(one.header) or "")
    ]
    if opposite:
        yield (
            f"{column_words([one.header for one in opposite])} "
            f"{plural(len(opposite), 'has', 'have')} the opposite sign, -∂E/∂w, and the updates "
            "add what others subtract"
        )
    if against := [one for one in against if one not in opposite]:
        words = [f"{column.header} ({column.cell}) as {column.quantity}" for column in against]
        yield (
            f"read against {plural(len(words), 'its header', 'their headers')}, because "
            f"the numbers say so: {join(words)}"
        )


def _not_checked(reading: Reading, missing: Sequence[str]) -> Iterator[str]:
    left = [column for column in reading.columns if not column.quantity]
    if missing:
        sheet = reading.table.sheet
        labels = labels_left_out(reading.table, reading.labels).items()
        read = {column.cell for column in reading.columns}  # of a form, by their labels
        places = ((text, cell.text(sheet)) for cell, text in labels)
        left += [ReadColumn(text, place, "", "") for text, place in places if place not in read]
        if left:
            yield f"not recognized, and perhaps what is missing: {_named(left)}"
        return
    left = [column for column in left if column.names_quantity and not column.is_used]
    if left:
        are = plural(len(left), "it is a column", "they are columns")
        yield f"not checked, because {are} of your own: {_named(left)}"


def _named(columns: Sequence[ReadColumn]) -> str:
    """Name the first columns by their headers and cells."""
    words = [
        f"{column.header!r} ({column.cell})" if column.header else f"the one at {column.cell}"
        for column in columns
    ]
    return _first(words)


def _first(words: Sequence[str]) -> str:
    """Join the first words: ``x, y and 3 more``."""
    shown, more = list(words[:MAX_SHOWN]), len(words) - MAX_SHOWN
    return join([*shown, f"{more} more"] if more > 0 else shown)


# --- a table that is not judged -------------------------------------------------------------------


def which_is_which(reading: Reading) -> str:
    """Say that headers and numbers do not tell which of two columns is which quantity."""
    columns = join([f"{_header(column)!r} ({column.cell})" for column in reading.tied])
    names = join([column.quantity for column in reading.tied if column.quantity], "and which is")
    return f"neither the headers nor the numbers tell which of {columns} is {names}"


def why_not_judged(reading: Reading) -> str:
    """Say what is missing in a table, and quote the headers that fit nothing."""
    parts = []
    if missing := list(_missing(reading)):
        parts.append(f"nothing was found for {join(missing)}")
    if unfit := _unfit(reading):
        words = _first([f"{header!r}" for header in unfit])
        parts.append(f"nothing in the exercise fits the {plural(len(unfit), 'column')} {words}")
    if unlike := [_header(column) for column in reading.columns if not column.agrees]:
        words = _first([f"{header!r}" for header in unlike])
        parts.append(f"the numbers of {words} do not follow from the others")
    return "; ".join(parts)


_ADVICE = (
    "give each quantity a column of its own, with its name above it (w1, a_h1, E_total, ∂E/∂w1) "
    "and a row per iteration"
)


def no_table(headers: Sequence[str]) -> str:
    """Say that a workbook has no table of an exercise, quote its headers, and say what to do."""
    names = {header: quantity_name(header) for header in map(_line, headers)}
    unknown = [f"{header!r}" for header, name in names.items() if name is None]
    known = list(dict.fromkeys(filter(None, names.values())))
    parts = []
    if unknown:
        header, name = plural(len(unknown), "header"), plural(len(unknown), "names", "name")
        parts.append(f"its {header} {_first(unknown)} {name} nothing in it")
    if known:
        parts.append(f"only {column_words(known)} {plural(len(known), 'is', 'are')} known")
    return f"has no table of the exercise: {'; '.join([*parts, _ADVICE])}"


def spread_over_sheets(labels: Mapping[str, Sequence[str]]) -> str | None:
    """Say that the labels of one table are on several sheets; None if they are not.

    Args:
        labels: the quantities that labels name, by sheet.
    """
    computed = {
        title: {name for name in names if kind_of(name) in COMPUTED_KINDS}
        for title, names in labels.items()
    }
    filled = [names for names in computed.values() if names]
    if len(filled) < 2 or set.intersection(*filled):
        return None
    places = [f"{column_words(names)} on {title!r}" for title, names in labels.items()]
    return (
        f"has no table of the exercise: its labels are on several sheets ({_first(places)}); put "
        "all labels of an iteration on one sheet"
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def misfits(reading: Reading) -> tuple[int, int]:
    """Count what a table lacks and the headers that fit nothing, then the numbers that do not fit.

    What cannot be computed has no number that does not fit: the sums of an exercise with biases
    that the table does not have.
    """
    missing = missing_columns(reading.system, {*reading.table.names, *reading.labels})
    unlike = sum(not column.agrees for column in reading.columns)
    return len(missing) + len(_unfit(reading)), unlike


def _unfit(reading: Reading) -> list[str]:
    """Return the headers of the columns without a quantity, those that seem to name one first."""
    left = [column for column in reading.columns if not column.quantity]
    left.sort(key=lambda column: not column.names_quantity)
    return list(dict.fromkeys(map(_header, left)))


def _header(column: ReadColumn) -> str:
    return column.header or column.cell


def _missing(reading: Reading) -> Iterator[str]:
    """Yield the missing quantities, kind by kind: ``the weights w1 … w8``."""
    system = reading.system
    missing: dict[Kind, list[str]] = {}
    for name in missing_columns(system, {*reading.table.names, *reading.labels}):
        missing.setdefault(system.quantities[name].kind, []).append(name)
    for kind, names in missing.items():
        word = f"the {plural(len(names), *_PLURALS[kind])} " if kind in _PLURALS else ""
        yield f"{word}{column_words(names)}"
