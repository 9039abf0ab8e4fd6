"""Writes what is made from JavaScript: the template's function, and the snippet that the API serves. `make docs`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import minify

ROOT: Final = Path(__file__).parents[1]
TEMPLATE: Final = ROOT / "deploy" / "cloudfront.yaml"
FUNCTION: Final = ROOT / "deploy" / "edge" / "redirect.js"
SNIPPET: Final = ROOT / "docs" / "snippet.js"
SERVED: Final = ROOT / "analytics_core" / "api" / "static" / "clickledger.js"

_BUILT: Final = "// Built from docs/snippet.js\n"  # short: every page of a shop loads it
_CODE: Final = re.compile(r"(?<=^      FunctionCode: \|\n)(?:        .*\n|\n(?!  \w))*", re.MULTILINE)


def template(text: str, function: str) -> str:
    """The template with this code in its function."""
    indented = "".join(f"        {line}\n" if line else "\n" for line in function.splitlines())
    return _CODE.sub(lambda _: indented, text, count=1)


def files() -> dict[Path, str]:
    """Every built file with what it must say."""
    return {
        TEMPLATE: template(TEMPLATE.read_text(), FUNCTION.read_text()),
        SERVED: _BUILT + minify.string("application/javascript", SNIPPET.read_text()),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
