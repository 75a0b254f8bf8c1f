"""The sheet Feedback: every finding of a workbook, with links to the cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from backprop_sheet.audit.copies.package import (
    AnnotationError,
    Package,
    elements,
    to_bytes,
    whole_number,
    xml_name,
    xml_text,
)
from backprop_sheet.audit.copies.styles import Styles
from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.read.feedback_sheet import HEADERS, TITLE
from backprop_sheet.audit.results import RIGHT, Finding, TableResult, number_text
from gradsheet.excel.text_height import row_height

# By the name of this part, a later run recognizes the file as an annotated copy.
PART = "xl/worksheets/gradsheet_feedback.xml"

_WORKSHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_WIDTHS = (16, 18, 11, 44, 18, 18, 44, 44)
_MAX_TEXT = 2_000


@dataclass(frozen=True)
class Feedback:
    """The results of a workbook, and how much of them is told."""

    results: Sequence[TableResult]
    level: FeedbackLevel = FeedbackLevel.FULL


def replace_feedback(package: Package, styles: Styles, feedback: Feedback, earlier: str) -> None:
    """Write the sheet in the place of an earlier annotation's.

    Args:
        earlier: the part of the earlier sheet.
    """
    workbook = package.tree(package.workbook)
    content = _Sheet(package, styles, feedback).to_bytes()
    package.remove(earlier)
    package.write(PART, content, _WORKSHEET_TYPE)
    targets = {identifier: part for identifier, _, part in package.relationships(package.workbook)}
    for sheet in workbook.iter(xml_name(package.main, "sheet")):
        identifier = sheet.get(xml_name(package.relationship_types, "id"), "")
        if targets.get(identifier) == earlier:
            package.redirect(package.workbook, identifier, PART)
            sheet.attrib.pop("state", None)


def add_feedback(package: Package, styles: Styles, feedback: Feedback) -> None:
    """Add the sheet as the workbook's first one."""
    workbook = package.tree(package.workbook)
    sheets = workbook.find(xml_name(package.main, "sheets"))
    if sheets is None:
        raise AnnotationError("has no list of sheets")
    names = {sheet.get("name", "").casefold() for sheet in elements(sheets)}
    numbers = [whole_number(sheet.get("sheetId"), 0) for sheet in elements(sheets)]
    package.write(PART, _Sheet(package, styles, feedback).to_bytes(), _WORKSHEET_TYPE)
    sheet = etree.Element(xml_name(package.main, "sheet"))
    sheet.set("name", _unused(TITLE, names))
    sheet.set("sheetId", str(max(numbers, default=0) + 1))
    identifier = package.relate(package.workbook, "worksheet", PART)
    sheet.set(xml_name(package.relationship_types, "id"), identifier)
    sheets.insert(0, sheet)
    _shift_positions(workbook, package.main)


def _unused(title: str, names: set[str]) -> str:
    number, name = 1, title
    while name.casefold() in names:
        number += 1
        name = f"{title} ({number})"
    return name


def _shift_positions(workbook: etree._Element, main: str) -> None:
    """Correct the references to sheets by position, which are now one higher."""
    for name in workbook.iter(xml_name(main, "definedName")):
        if (position := name.get("localSheetId")) is not None:
            name.set("localSheetId", str(whole_number(position, 0) + 1))
    for view in workbook.iter(xml_name(main, "workbookView")):
        view.set("activeTab", str(whole_number(view.get("activeTab"), 0) + 1))
        if view.get("firstSheet") is not None:
            view.set("firstSheet", str(whole_number(view.get("firstSheet"), 0) + 1))


def _columns_at(level: FeedbackLevel) -> tuple[str, ...]:
    """Return the headers of what a level tells about a finding."""
    if level.tells_values:
        return HEADERS
    return HEADERS[: HEADERS.index("found") if level.tells_causes else HEADERS.index("cause")]


class _Sheet:
    """Writes the XML of the sheet. All cells are texts, so that nothing becomes a formula."""

    def __init__(self, package: Package, styles: Styles, feedback: Feedback) -> None:
        results, self.level = feedback.results, feedback.level
        self.columns = _columns_at(self.level)
        self.widths = [_WIDTHS[HEADERS.index(header)] for header in self.columns]
        self.main, self.relationships = package.main, package.relationship_types
        self.title = styles.text_style(bold=True, size=16)
        self.header = styles.text_style(bold=True, color="FFA63232", fill="FFFBE5E3")
        self.text = styles.text_style()
        self.link = styles.text_style(color="FF0563C1")
        self.rows: list[list[tuple[str, int]]] = []
        self.links: list[tuple[str, str]] = []
        self.add((TITLE, self.title))
        for result in results:
            self.add_summary(result)
        findings = [(result, one) for result in results for one in result.findings]
        if findings and self.level.tells_places:
            self.add(("", self.text))
            self.add(*((header, self.header) for header in self.columns))
            for result, finding in findings:
                self.add_finding(result, finding)

    def add(self, *cells: tuple[str, int]) -> None:
        self.rows.append(list(cells))

    def add_summary(self, result: TableResult) -> None:
        rate = "" if result.lr is None else f", η = {result.lr:g}"
        about = f"{result.exercise}, {result.rows_text}{rate}"
        self.add((f"{result.sheet}: {result.verdict} ({about})", self.text))
        if not result.findings:
            where = "" if result.verdict == RIGHT else " in what could be checked"
            self.add((f"No mistakes were found{where}.", self.text))
        if not self.level.tells_places:
            return
        for finding in result.findings:
            if finding.meaning:
                self.add((f"{finding.column}: {finding.meaning}", self.text))
        for warning in result.warnings:
            if warning not in result.teacher_notes:
                self.add((f"Note: {warning}", self.text))

    def add_finding(self, result: TableResult, finding: Finding) -> None:
        cells = finding.first_cell
        if finding.count > 1:
            cells += f" and {finding.count - 1} more"
        row = len(self.rows) + 1
        if finding.cells:
            self.links.append((f"B{row}", finding.cells[0].text("")))
        texts = {
            "sheet": result.sheet,
            "cell": cells,
            "column": finding.column,
            "cause": finding.cause_for_student,
            "found": number_text(finding.found),
            "expected": number_text(finding.expected),
            "formula": finding.formula or "",
            "right formula": finding.right_in_cells,
        }
        styles = {"cell": self.link if finding.cells else self.text}
        self.add(*((texts[column], styles.get(column, self.text)) for column in self.columns))

    def to_bytes(self) -> bytes:
        root = etree.Element(
            xml_name(self.main, "worksheet"), nsmap={None: self.main, "r": self.relationships}
        )
        properties = self.child(root, "sheetPr")
        self.child(properties, "tabColor", rgb="FFA63232")
        self.child(properties, "pageSetUpPr", fitToPage="1")
        self.child(root, "sheetFormatPr", defaultRowHeight="15")
        columns = self.child(root, "cols")
        for number, width in enumerate(self.widths, 1):
            self.child(
                columns, "col", min=str(number), max=str(number), width=str(width), customWidth="1"
            )
        data = self.child(root, "sheetData")
        merged = []
        for number, cells in enumerate(self.rows, 1):
            row = self.child(data, "row", r=str(number))
            for column, (text, style) in enumerate(cells):
                reference = f"{'ABCDEFGH'[column]}{number}"
                cell = self.child(row, "c", r=reference, s=str(style), t="inlineStr")
                self.child(self.child(cell, "is"), "t").text = xml_text(text[:_MAX_TEXT])
            texts = [text[:_MAX_TEXT] for text, _ in cells]
            if len(texts) == 1 and texts[0]:
                merged.append(f"A{number}:{'ABCDEFGH'[len(self.columns) - 1]}{number}")
                self.set_height(row, [(texts[0], sum(self.widths))])
            else:
                self.set_height(row, zip(texts, self.widths, strict=False))
        if merged:
            merges = self.child(root, "mergeCells", count=str(len(merged)))
            for reference in merged:
                self.child(merges, "mergeCell", ref=reference)
        if self.links:
            hyperlinks = self.child(root, "hyperlinks")
            for reference, target in self.links:
                self.child(hyperlinks, "hyperlink", ref=reference, location=target, display=target)
        self.child(root, "pageSetup", paperSize="9", orientation="landscape", fitToHeight="0")
        return to_bytes(root)

    def set_height(self, row: etree._Element, texts: Iterable[tuple[str, float]]) -> None:
        """Set the height for the texts and the widths of their cells, which are wrapped."""
        height = 24 if row.get("r") == "1" else row_height(texts) or 15
        row.set("ht", f"{height:g}")
        row.set("customHeight", "1")

    def child(self, parent: etree._Element, name: str, **attributes: str) -> etree._Element:
        element = etree.SubElement(parent, xml_name(self.main, name))
        for key, value in attributes.items():
            element.set(key, value)
        return element
