"""Replies in the threads of Excel 365's comments.

A thread stands beside an ordinary note whose author is ``tc=`` and the id of the thread's first
comment. Excel shows the thread and not that note; other programs show the note, which repeats the
thread's texts ([MS-XLSX] 2.6.204 to 2.6.206). So a finding is written into both.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from lxml import etree

from backprop_sheet.audit.copies.package import Package, elements, to_bytes, xml_name

NAMESPACE = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
PERSON = "gradsheet"
# The same in every workbook, so that Excel takes the notes of all copies for one person's.
PERSON_ID = "{" + str(uuid.uuid5(uuid.NAMESPACE_URL, "gradsheet")).upper() + "}"

_RELATIONSHIP = "http://schemas.microsoft.com/office/2017/10/relationships"
_PERSONS_TYPE = "application/vnd.ms-excel.person+xml"
_PREFIX = "tc="


def thread_of(author: str) -> str | None:
    """Return the id of the thread that a note with this author stands for."""
    return author[len(_PREFIX) :].strip() if author.startswith(_PREFIX) else None


def add_reply(package: Package, sheet_part: str, thread: str, text: str) -> bool:
    """Add a reply to a thread.

    Args:
        thread: the id of the thread's first comment.

    Returns:
        Whether there is such a thread. Without it, Excel shows the note.
    """
    related = package.related(sheet_part, "threadedComment")
    if related is None:
        return False
    threads = package.tree(related[1], recover=True)
    tag = xml_name(NAMESPACE, "threadedComment")
    comments = [one for one in elements(threads) if one.tag == tag]
    first = next((one for one in comments if one.get("id", "").upper() == thread.upper()), None)
    if first is None:
        return False
    parent = first.get("parentId") or first.get("id", "")
    reply = etree.Element(tag)
    reply.set("ref", first.get("ref", ""))
    reply.set("dT", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.00"))
    reply.set("personId", _person(package))
    reply.set("id", "{" + str(uuid.uuid4()).upper() + "}")
    reply.set("parentId", parent)
    etree.SubElement(reply, xml_name(NAMESPACE, "text")).text = text
    # Excel keeps the comments of a thread together.
    of_thread = [one for one in comments if parent in (one.get("id"), one.get("parentId"))]
    of_thread[-1].addnext(reply)
    return True


def remove_replies(package: Package, sheet_part: str) -> None:
    """Remove our replies from the threads of a sheet."""
    related = package.related(sheet_part, "threadedComment")
    if related is None:
        return
    threads = package.peek(related[1], recover=True)
    ours = [
        comment
        for comment in elements(threads)
        if comment.get("personId", "").upper() == PERSON_ID and comment.get("parentId")
    ]
    for comment in ours:
        threads.remove(comment)
    if ours:
        package.keep(related[1], threads)


def _person(package: Package) -> str:
    """Return the id of our person, who is added to the workbook's persons if needed."""
    tag = xml_name(NAMESPACE, "personList")
    related = package.related(package.workbook, "person")
    if related is None:
        part = package.unused_name("xl/persons/personGradsheet{}.xml")
        root = etree.Element(tag, nsmap={None: NAMESPACE})
        package.write(part, to_bytes(root), _PERSONS_TYPE)
        package.relate(package.workbook, f"{_RELATIONSHIP}/person", part, is_single=True)
    else:
        part = related[1]
    persons = package.tree(part, recover=True)
    if persons.tag != tag:
        persons = etree.Element(tag, nsmap={None: NAMESPACE})
        package.write(part, b"", _PERSONS_TYPE)
        package.keep(part, persons)
    if all(person.get("id", "").upper() != PERSON_ID for person in elements(persons)):
        person = etree.SubElement(persons, xml_name(NAMESPACE, "person"))
        person.set("displayName", PERSON)
        person.set("id", PERSON_ID)
        person.set("userId", PERSON)
        person.set("providerId", "None")
    return PERSON_ID
