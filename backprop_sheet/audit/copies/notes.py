"""Notes on cells (Excel's legacy comments): the comments part and its drawing."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree
from openpyxl.comments.comment_sheet import CommentRecord, CommentSheet

from backprop_sheet.audit.copies.cells import cell_of
from backprop_sheet.audit.copies.drawing import draw_notes
from backprop_sheet.audit.copies.mending import openpyxl_reads, prune
from backprop_sheet.audit.copies.package import Package, elements, to_bytes, whole_number, xml_name
from backprop_sheet.audit.copies.threads import add_reply, thread_of
from backprop_sheet.audit.read.references import cell_text
from backprop_sheet.audit.read.workbook import Cell

AUTHOR = "gradsheet"

_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def add_notes(package: Package, sheet_part: str, notes: Mapping[Cell, str]) -> None:
    """Add notes to cells of a sheet.

    On a cell that has a note, the text is added to it; on a cell with a thread of comments, also
    as a reply to the thread.
    """
    if not notes:
        return
    comments = Comments(package, _comments_part(package, sheet_part))
    existing = comments.by_cell()
    for cell, text in notes.items():
        if cell not in existing:
            existing[cell] = comments.add(cell, comments.author(AUTHOR), text)
            continue
        thread = thread_of(comments.author_of(existing[cell]))
        if thread is not None and add_reply(package, sheet_part, thread, text):
            comments.append(existing[cell], f"\nReply:\n    {text}")
        else:
            comments.append(existing[cell], f"\n\n{text}")
    draw_notes(package, sheet_part, comments.texts())


def mend_notes(package: Package, sheet_part: str) -> None:
    """Mend the notes of a sheet that no finding is added to; sound ones stay as they are."""
    related = package.related(sheet_part, "comments")
    if related is None:
        return
    root, is_damaged = package.repaired(related[1])
    if is_damaged or not _is_sound(root, package.main):
        Comments(package, related[1])


def _comments_part(package: Package, sheet_part: str) -> str:
    related = package.related(sheet_part, "comments")
    if related is not None:
        return related[1]
    part = package.unused_name("xl/comments{}.xml")
    root = etree.Element(xml_name(package.main, "comments"), nsmap={None: package.main})
    package.write(part, to_bytes(root), _COMMENTS_TYPE)
    package.relate(sheet_part, "comments", part, is_single=True)
    return part


def _is_sound(root: etree._Element, main: str) -> bool:
    authors = root.find(xml_name(main, "authors"))
    listed = root.find(xml_name(main, "commentList"))
    return (
        authors is not None
        and listed is not None
        and openpyxl_reads(CommentSheet, root)
        and all(
            cell_of(comment.get("ref")) is not None
            and whole_number(comment.get("authorId"), len(authors)) < len(authors)
            for comment in elements(listed)
        )
    )


class Comments:
    """The comments part of a sheet. What is missing in a damaged one is added."""

    def __init__(self, package: Package, part: str) -> None:
        self._main = package.main
        _, is_damaged = package.repaired(part)
        root = package.tree(part, recover=True)
        if root.tag != xml_name(self._main, "comments"):
            root = etree.Element(xml_name(self._main, "comments"), nsmap={None: self._main})
            package.keep(part, root)
        self._authors = self._child(root, "authors", 0)
        self._listed = self._child(root, "commentList", 1)
        if is_damaged and len(self._listed):
            self._complete(self._listed[-1])
        self._mend()
        if not openpyxl_reads(CommentSheet, root):
            for comment in self._listed:
                prune(comment, lambda element: openpyxl_reads(CommentRecord, element))

    def _child(self, root: etree._Element, name: str, place: int) -> etree._Element:
        child = root.find(xml_name(self._main, name))
        if child is None:
            child = etree.Element(xml_name(self._main, name))
        root.insert(place, child)
        return child

    def _complete(self, comment: etree._Element) -> None:
        """Keep the text of a comment that was cut off."""
        text = "".join(comment.itertext())
        for child in list(comment):
            comment.remove(child)
        etree.SubElement(comment, xml_name(self._main, "text"))
        self.append(comment, text)

    def _mend(self) -> None:
        """Leave out what is no comment on a cell; let each comment have an author and a text."""
        for listed, name in ((self._authors, "author"), (self._listed, "comment")):
            for child in elements(listed):
                if child.tag != xml_name(self._main, name):
                    listed.remove(child)
        for comment in list(self._listed):
            cell = cell_of(comment.get("ref"))
            if cell is None:
                self._listed.remove(comment)
                continue
            comment.set("ref", cell_text(cell))
            if whole_number(comment.get("authorId"), len(self._authors)) >= len(self._authors):
                comment.set("authorId", str(self.author("")))
            if comment.find(xml_name(self._main, "text")) is None:
                comment.insert(0, etree.Element(xml_name(self._main, "text")))

    def by_cell(self) -> dict[Cell, etree._Element]:
        """Return the comments by their cells; the first of several on a cell."""
        comments: dict[Cell, etree._Element] = {}
        for comment in self._listed:
            cell = cell_of(comment.get("ref"))
            if cell is not None:
                comments.setdefault(cell, comment)
        return comments

    def texts(self) -> dict[Cell, str]:
        """Return the texts of the comments by their cells."""
        return {cell: "".join(comment.itertext()) for cell, comment in self.by_cell().items()}

    def author(self, name: str) -> int:
        """Return the index of an author, who is added if needed."""
        known = [author.text or "" for author in self._authors]
        if name in known:
            return known.index(name)
        etree.SubElement(self._authors, xml_name(self._main, "author")).text = name
        return len(known)

    def author_of(self, comment: etree._Element) -> str:
        """Return the name of a comment's author."""
        return self._authors[whole_number(comment.get("authorId"), 0)].text or ""

    def add(self, cell: Cell, author: int, text: str) -> etree._Element:
        """Add a comment."""
        comment = etree.SubElement(self._listed, xml_name(self._main, "comment"))
        comment.set("ref", cell_text(cell))
        comment.set("authorId", str(author))
        etree.SubElement(comment, xml_name(self._main, "text"))
        self.append(comment, text)
        return comment

    def append(self, comment: etree._Element, text: str) -> None:
        """Add a text to a comment: to its plain text, or as a run to its formatted text."""
        into = comment.find(xml_name(self._main, "text"))
        assert into is not None
        plain, runs = into.find(xml_name(self._main, "t")), into.findall(xml_name(self._main, "r"))
        if plain is not None and not runs:
            plain.text = (plain.text or "") + text
            plain.set(_SPACE, "preserve")
            return
        run = etree.Element(xml_name(self._main, "r"))
        written = etree.SubElement(run, xml_name(self._main, "t"))
        written.text = text
        written.set(_SPACE, "preserve")
        # Runs come before phonetic text in the schema.
        if runs:
            runs[-1].addnext(run)
        else:
            into.insert(0, run)
