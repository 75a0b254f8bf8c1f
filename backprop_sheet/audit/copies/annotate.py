"""Write an annotated copy of an audited workbook."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from backprop_sheet.audit.copies.cells import cells_of
from backprop_sheet.audit.copies.earlier import earlier_feedback, remove_marks
from backprop_sheet.audit.copies.feedback import (
    PART,
    Feedback,
    add_feedback,
    replace_feedback,
)
from backprop_sheet.audit.copies.mending import mend_properties, mend_sheet, mend_workbook
from backprop_sheet.audit.copies.notes import add_notes, mend_notes
from backprop_sheet.audit.copies.package import (
    AnnotationError,
    Package,
    whole_number,
    xml_name,
    xml_text,
)
from backprop_sheet.audit.copies.styles import MAX_FORMATS, Styles
from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.read.cell_values import plain_text
from backprop_sheet.audit.read.limits import brief
from backprop_sheet.audit.read.workbook import Cell
from backprop_sheet.audit.results import Finding, number_text

MAX_NOTE = 1_500  # characters


def is_annotated_copy(path: Path) -> bool:
    """Whether a file is a copy that :func:`annotate` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            return PART in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def annotate(source: Path, feedback: Feedback, target: Path) -> None:
    """Write a copy of a workbook with its findings marked.

    Wrong cells get a light red fill, the first wrong cell of each column gets a note, and a new
    first sheet lists the findings. The bytes of all other parts stay the same.

    Args:
        feedback: the audit of the workbook, and how much of it is told.
        target: where to write; an existing file is replaced.

    Raises:
        AnnotationError: the workbook's parts cannot be edited.
        OSError: a file cannot be read or written.
    """
    try:
        with Package(source) as package:
            _annotate(package, feedback)
            package.save(target)
    except (AnnotationError, OSError):
        raise
    except MemoryError as error:
        raise AnnotationError("cannot be annotated: it is too large for the memory") from error
    # Damaged parts raise many kinds of exceptions; none may cost the rest of a class its copies.
    except Exception as error:
        raise AnnotationError(f"cannot be annotated: {brief(error)}") from error


def _annotate(package: Package, feedback: Feedback) -> None:
    mend_workbook(package)
    mend_properties(package)
    parts = _sheet_parts(package)
    needed = [mend_sheet(package, part, MAX_FORMATS) for part in parts.values()]
    styles = Styles(package)
    styles.provide(max(needed, default=0))
    findings = [finding for result in feedback.results for finding in result.findings]
    by_sheet = _by_sheet(findings if feedback.level.tells_places else ())
    for title in by_sheet:
        if title not in parts:
            raise AnnotationError(f"has no sheet {title!r}, which was checked")
    earlier = earlier_feedback(package, parts)
    for title, part in parts.items():
        if earlier is not None and title != earlier:
            remove_marks(package, styles, part)
        if title in by_sheet:
            wrong = {cell for one in by_sheet[title] for cell in one.cells if cell.sheet == title}
            _fill(package, styles, part, {(cell.row, cell.column) for cell in wrong})
            add_notes(package, part, _notes(title, by_sheet[title], feedback.level))
        else:
            mend_notes(package, part)
    if earlier is None:
        add_feedback(package, styles, feedback)
    else:
        replace_feedback(package, styles, feedback, parts[earlier])
    package.spell_references()


def _sheet_parts(package: Package) -> dict[str, str]:
    """Return the part of each worksheet, by title."""
    targets = {identifier: part for identifier, _, part in package.relationships(package.workbook)}
    sheets = package.peek(package.workbook).iter(xml_name(package.main, "sheet"))
    attribute = xml_name(package.relationship_types, "id")
    return {
        plain_text(sheet.get("name", "")): targets[sheet.get(attribute, "")]
        for sheet in sheets
        if package.has(targets.get(sheet.get(attribute, ""), ""))
    }


def _by_sheet(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Group findings by the sheets of their cells."""
    by_sheet: dict[str, list[Finding]] = {}
    for finding in findings:
        for title in dict.fromkeys(cell.sheet for cell in finding.cells):
            by_sheet.setdefault(title, []).append(finding)
    return by_sheet


def _fill(package: Package, styles: Styles, part: str, wrong: set[Cell]) -> None:
    """Fill the wrong cells of a sheet."""
    for cell in cells_of(package.tree(part), package.main, wrong):
        cell.set("s", str(styles.with_red_fill(whole_number(cell.get("s"), 0))))


def _notes(title: str, findings: Sequence[Finding], level: FeedbackLevel) -> dict[Cell, str]:
    """Return the notes of a sheet, at the first cell of each finding."""
    notes: dict[Cell, str] = {}
    for finding in findings:
        first = finding.cells[0]
        if first.sheet == title:
            at = (first.row, first.column)
            before = f"{notes[at]}\n\n" if at in notes else ""
            notes[at] = before + note_text(finding, level)
    return notes


def note_text(finding: Finding, level: FeedbackLevel = FeedbackLevel.FULL) -> str:
    """Return the text of a finding's note, as much as a level tells."""
    cells = "1 cell" if finding.count == 1 else f"{finding.count} cells"
    right = finding.right_in_cells
    lines = [
        f"{finding.column}: {cells} wrong",
        *([f"meaning: {finding.meaning}"] if finding.meaning else []),
    ]
    if level.tells_values:
        lines += [
            f"found: {number_text(finding.found)}",
            f"expected: {number_text(finding.expected)}",
            *([f"right formula: {right}"] if right else []),
        ]
    if level.tells_causes:
        lines.append(f"cause: {finding.cause_for_student}")
    text = xml_text("\n".join(lines))
    return text if len(text) <= MAX_NOTE else f"{text[:MAX_NOTE]}…"
