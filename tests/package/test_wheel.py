"""The package as people install it: a wheel of a clean checkout, in another environment, works anywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import httpx2 as httpx
import pytest
from packaging.requirements import Requirement
from support.api import free_port
from support.server import started
from support.world import ROOT

from analytics_core import __version__
from analytics_core.commands import COMMANDS as ANSWERING
from ingest.commands import COMMANDS as READING


@pytest.fixture(scope="module")
def clickledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment with the wheel and what it depends on without extras, and nothing else: links to
    those packages of the tests' environment."""
    folder = tmp_path_factory.mktemp("package")
    checkout = folder / "checkout"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\n"):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, checkout], check=True
    )
    shutil.rmtree(checkout)
    venv.create(folder / "elsewhere", symlinks=True)
    bin_ = folder / "elsewhere" / "bin"
    [packages] = (folder / "elsewhere").glob("lib/python*/site-packages")
    [wheel] = folder.glob("*.whl")
    subprocess.run([*pip, "--python", bin_ / "python", "install", "--quiet", "--no-deps", wheel], check=True)
    installed = Path(httpx.__file__).parents[1]
    for name in top_level_names(packages):
        if not (packages / name).exists():
            (packages / name).symlink_to(installed / name)
    return bin_ / "clickledger"


def top_level_names(packages: Path) -> set[str]:
    """What lies in `site-packages` of everything that the wheel there depends on, extras left out."""
    [metadata] = packages.glob("clickledger-*.dist-info")
    waiting = [Requirement(text) for text in PathDistribution(metadata).requires or ()]
    looked_at: set[tuple[str, str]] = set()
    names: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = distribution(requirement.name)
        names |= {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
        for extra in {"", *requirement.extras} - {extra for name, extra in looked_at if name == found.name}:
            looked_at.add((found.name, extra))
            for text in found.requires or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    needed.marker = None
                    waiting.append(needed)
    return names


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a shell that knows nothing of the checkout."""
    own = {"CLICKLEDGER_STATE": str(tmp_path / "state"), "CLICKLEDGER_DEMO": "true"}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **own}


def test_a_demo_world_is_made_read_proved_and_served(
    clickledger: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [clickledger, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    run("demo", "--days", "3", "--lines", "3000")
    environment["CLICKLEDGER_SOURCES"] = str(tmp_path / "state" / "world" / "sources.toml")
    counted = json.loads(run("sync").splitlines()[-1])
    proofs = json.loads(run("verify", "--json"))
    token = run("token", "--user", "reviewer", "--staff").strip()
    port = free_port()
    words = [str(clickledger), "serve", "--address", "127.0.0.1", "--port", str(port)]
    with started(words, environment, tmp_path, f"http://127.0.0.1:{port}") as base:
        headers = {"Authorization": f"Bearer {token}"}
        totals = httpx.get(f"{base}/v2/handles/nilaray/analytics?groupBy=day", headers=headers).json()
        page = httpx.get(f"{base}/breakdown")

    assert counted["lines"] == 3_000
    assert all(one["holds"] for one in proofs)
    assert totals["freshness"]["status"] == "FRESH", totals
    assert page.status_code == 200
    assert "Streamlit" in page.text


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_and_options_complete(
    clickledger: Path, environment: dict[str, str], tmp_path: Path, shell: str
) -> None:
    printed = subprocess.run(
        [clickledger, "--print-completion", shell], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert [name for name in [*READING, *ANSWERING] if name not in printed] == []
    assert "--fields" in printed
    if shell == "bash":
        script = (
            'source /dev/stdin; COMP_WORDS=(clickledger ver); COMP_CWORD=1; _shtab_clickledger; echo "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", script], input=printed, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["verify"]


def test_its_release_is_told(clickledger: Path, environment: dict[str, str]) -> None:
    told = subprocess.run(
        [clickledger, "--version"], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert told == f"clickledger {__version__}\n"
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


STORE = "s3://bucket/prefix"
NO_BOTO = "is in object storage, for which boto3 must be installed; it is not. Install the extra s3: "


@pytest.mark.parametrize(
    ("words", "setting", "refusal"),
    [
        (("sync", "--source", STORE), {}, f"{STORE} {NO_BOTO}pip install 'clickledger[s3]'."),
        (("verify",), {"CLICKLEDGER_LAKE": STORE}, f"{STORE} {NO_BOTO}pip install 'clickledger[s3]'."),
        (("accounts", "s3://a/b.json"), {}, f"s3://a/b.json {NO_BOTO}pip install 'clickledger[s3]'."),
        (
            ("deliveries", "add", "--handle", "acme", "--query", "groupBy=day", "--to", STORE),
            {},
            f"{STORE} {NO_BOTO}pip install 'clickledger[s3]'.",
        ),
        (
            ("verify",),
            {"CLICKLEDGER_DATABASE_URL": "postgresql://ann@localhost/clickledger"},
            "CLICKLEDGER_DATABASE_URL names a PostgreSQL server, for which psycopg must be installed; it is not. "
            "Install the extra postgresql: pip install 'clickledger[postgresql]'.",
        ),
    ],
)
def test_a_place_that_needs_an_extra_is_refused_with_its_name(
    clickledger: Path, environment: dict[str, str], words: tuple[str, ...], setting: dict[str, str], refusal: str
) -> None:
    folder = Path(environment["HOME"])
    accounts = {"handles": [{"handle": "acme", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"}]}
    (folder / "accounts.json").write_text(json.dumps(accounts))
    subprocess.run([clickledger, "accounts", "accounts.json"], env=environment, cwd=folder, check=True)

    done = subprocess.run(
        [clickledger, *words], env=environment | setting, cwd=folder, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, f"invalid_settings: {refusal}\n")


def test_what_is_depended_on_is_pinned_with_all_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    depended_on = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert {Requirement(text).name for text in depended_on} - set(pinned) == set()
