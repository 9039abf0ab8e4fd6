"""A fork behaves as a program that was started: what it is given, what it writes, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import forks

TELLS = """
import os, sys
print(sys.argv, os.getcwd(), os.environ["CLICKLEDGER_STATE"], os.environ.get("HOME"))
print("wrong", file=sys.stderr)
sys.exit(3)
"""


def test_it_gets_words_folder_and_environment_and_tells_what_it_wrote_and_how_it_ended(tmp_path: Path) -> None:
    words = [sys.executable, "-c", TELLS, "one", b"t\xff"]
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | {"CLICKLEDGER_STATE": "here"}
    started = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    forked = forks.run(words, environment, tmp_path, check=False, timeout=60)

    assert (forked.returncode, forked.stdout, forked.stderr) == (3, started.stdout, started.stderr)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        forks.run(words, environment, tmp_path, check=True, timeout=60)


def test_it_is_killed_and_others_go_on(tmp_path: Path) -> None:
    waits = "import sys, time; print('begun', flush=True); time.sleep(float(sys.argv[1]))"
    long, short = (
        forks.start([sys.executable, "-c", waits, seconds], os.environ, tmp_path, stdout=subprocess.PIPE)
        for seconds in ("600", "0.1")
    )
    assert long.stdout is not None
    assert long.stdout.readline() == "begun\n"
    assert long.poll() is None

    long.kill()

    assert (long.wait(60), short.communicate(timeout=60)[0], short.wait()) == (-9, "begun\n", 0)
    long.stdout.close()


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run([sys.executable, "-c", "while True: pass"], os.environ, tmp_path, check=True, timeout=1)
