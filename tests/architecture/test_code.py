"""House rules that a machine can keep."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import ROOT

from analytics_core import names

PACKAGES = ("analytics_core", "ingest", "deploy", "pages")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
ALLOCATORS = ROOT / "ingest" / "memory.py"  # sets there what Polars reads when it is imported, unless somebody did


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_layers_import_only_from_below() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_says_what_it_is_and_is_finished(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with a sentence"
    assert "NotImplementedError" not in text


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.name)
def test_a_page_is_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 60
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    allowed = ("streamlit", "analytics_core", "analytics_core.ui", "__future__")
    assert all(name in allowed or name.startswith("analytics_core.ui") for name in imported if name)


def test_only_settings_read_the_environment() -> None:
    readers = [path for path in MODULES if "os.environ" in path.read_text() or "getenv" in path.read_text()]
    assert readers == [ALLOCATORS]


def test_no_row_loops_over_frames() -> None:
    slow = [
        (path.name, call) for path in MODULES for call in calls(ast.parse(path.read_text())) if "map_elements" in call
    ]
    assert slow == []


def test_the_edge_knows_handles_and_slugs_by_the_same_patterns() -> None:
    script = (ROOT / "deploy" / "edge" / "redirect.js").read_text()
    said = dict(re.findall(r"^const (\w+) = /\^(.*)\$/;$", script, re.MULTILINE))

    assert said["SLUG"] == names.SLUG
    assert said["SLUG_PATH"] == rf"\/({names.SLUG})(\/?)"
    assert said["HANDLE"] == names.HANDLE.replace("(?:", "(")  # what it captures, nobody reads
