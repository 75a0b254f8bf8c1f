"""LibreOffice without a window: workbooks recalculated, or turned into another format."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_libreoffice = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed")

# Whatever a workbook was saved by, LibreOffice computes its formulas anew on loading it; by
# itself it would trust the stored values of workbooks that it did not write.
_ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


def convert(
    paths: Iterable[Path], folder: Path, extension: str = "xlsx", timeout: float = 300
) -> list[Path]:
    """Load each file, recalculate it, and save it in ``folder``; one start for all of them.

    Returns:
        The new files, in the order of ``paths``, whose names (without extension) must differ.

    Raises:
        RuntimeError: LibreOffice did not make one of them; what it printed is the message.
    """
    paths = [Path(path) for path in paths]
    if SOFFICE is None:
        pytest.skip("LibreOffice is not installed")
    assert len({path.stem for path in paths}) == len(paths), "two files would have one name"
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{path.stem}.{extension}" for path in paths]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        settings = Path(profile) / "user" / "registrymodifications.xcu"
        settings.parent.mkdir()
        settings.write_text(_ALWAYS_RECALCULATE, encoding="utf-8")
        done = subprocess.run(
            [
                SOFFICE,
                f"-env:UserInstallation={Path(profile).as_uri()}",
                "--headless",
                "--norestore",
                "--convert-to",
                extension,
                "--outdir",
                str(folder),
                *map(str, paths),
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    missing = [path.name for path in made if not path.is_file()]
    if missing:
        raise RuntimeError(f"LibreOffice did not make {missing}: {done.stdout}{done.stderr}")
    return made
