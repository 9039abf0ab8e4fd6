"""A new dimension takes one row and what tells its value: tried in a copy of the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.world import ROOT

ROW = """
    Dimension(
        "engine",
        "engine",
        "Browser engine",
        "Browser engines",
        "The engine that the user agent names.",
        "WebKit",
        origin="agent",
        kept="detail",
        tracked_as="engine",
        of_bots=BOT,
    ),
)

CUBE: Final"""
CLASSIFIER = '''
def engine(found: Found) -> str:
    """The engine that an agent names."""
    return "Blink" if "Chrome/" in found.text else "WebKit"


CLASSIFIERS: Final[Mapping[str, Callable[[Found], str]]] = {
    "engine": engine,'''


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_made_up_dimension_is_one_row_and_what_tells_it(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\n"):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    replaced(tmp_path / "analytics_core" / "dimensions.py", ")\n\nCUBE: Final", ROW.removeprefix("\n"))
    verdicts = tmp_path / "ingest" / "classify" / "verdicts.py"
    replaced(verdicts, "CLASSIFIERS: Final[Mapping[str, Callable[[Found], str]]] = {", CLASSIFIER.lstrip("\n"))

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/pages/made_up_dimension.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
