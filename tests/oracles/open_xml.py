"""The rules of Office files, as the Open XML SDK has them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from openxml_audit import OpenXmlValidator, ValidationSeverity


def errors_of(path: Path) -> Counter[tuple[str, str]]:
    """Return what openxml-audit calls an error, by part and rule; parts may be in another case."""
    found = OpenXmlValidator(max_errors=0).validate(path).errors
    return Counter(
        (error.part_uri.lower(), error.description)
        for error in found
        if error.severity is ValidationSeverity.ERROR
    )
