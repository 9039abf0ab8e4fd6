"""The package as people install it: a wheel of a clean checkout, in another environment, works anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import httpx2 as httpx
import pytest
from support.api import free_port
from support.server import started
from support.world import ROOT

from analytics_core.commands import COMMANDS as ANSWERING
from ingest.commands import COMMANDS as READING


@pytest.fixture(scope="module")
def clickledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment with the wheel, which takes what it depends on from that of the tests."""
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
    (packages / "dependencies.pth").write_text(str(Path(httpx.__file__).parents[1]))
    return bin_ / "clickledger"


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
