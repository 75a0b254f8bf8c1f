"""The programs that recalculate workbooks, for tests to be run with each of them.

IronCalc is quick, so most tests of formulas use it. That LibreOffice agrees takes longer.
"""

from __future__ import annotations

import pytest
from oracles import ironcalc, libreoffice

# Functions with the arguments (paths, folder); they return the paths of the recalculated workbooks.
ENGINES = [
    pytest.param(ironcalc.convert, id="IronCalc"),
    pytest.param(
        libreoffice.convert,
        id="LibreOffice",
        marks=[libreoffice.needs_libreoffice, pytest.mark.thorough],
    ),
]
