"""What the docs say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.world import ROOT

from analytics_core import commands, errors
from analytics_core.query.catalog import GROUPINGS
from analytics_core.query.parameters import PARAMETERS
from deploy.build import files
from docs.generate import pages
from ingest import commands as commands_of_ingest

FOLDERS = ("docs", "analytics_core", "ingest", "deploy", "benchmarks")
PAGES = sorted({*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))})
OPERATORS_ONLY = {"invalid_settings", "invalid_list_version", "invalid_accounts_file", "invalid_source"}


def all_errors(root: type[errors.ClickledgerError]) -> list[type[errors.ClickledgerError]]:
    return [root, *(found for child in root.__subclasses__() for found in all_errors(child))]


def test_generated_pages_are_up_to_date() -> None:
    made = pages() | files()
    stale = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
    assert not stale, "run make docs"


def test_every_error_that_a_caller_can_meet_is_in_the_api_page() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    told = set(re.findall(r"`([a-z_]+)`", page))
    assert {one.code for one in all_errors(errors.ClickledgerError)} - told == OPERATORS_ONLY


def test_the_api_page_names_every_parameter_and_grouping() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    named = [*(one.name for one in PARAMETERS), *GROUPINGS]
    assert [name for name in named if f"`{name}`" not in page and f"{name}=" not in page] == []
    assert f"groupBy must be one of {', '.join(GROUPINGS)}; got 'city'." in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    names = [*commands.COMMANDS, *commands_of_ingest.COMMANDS]
    assert [name for name in names if not re.search(rf"(clickledger |`){name}\b", readme)] == []


def test_each_word_occurs_in_the_modules_that_are_named_beside_it() -> None:
    rows = re.findall(r"^\| ([\w-]+) \| .+ \| (`[^|]+`) \|$", (ROOT / "docs" / "words.md").read_text(), re.MULTILINE)
    assert len(rows) >= 20
    absent = [
        (word, module)
        for word, modules in rows
        for module in re.findall("`([^`]+)`", modules)
        if not re.search(word.replace("-", "[-_]?"), (ROOT / module).read_text(), re.IGNORECASE)
    ]
    assert absent == []
    assert sorted({word for word, _ in rows}) == sorted(word for word, _ in rows), "a word has one meaning"


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:analytics_core|ingest|tests|docs|deploy|pages|benchmarks|findings)/[\w./-]*)`", page.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []
