"""`/v2/docs`: the OpenAPI document as one page to read. No script, and nothing from elsewhere: it needs no network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from analytics_core.web.security_headers import DOCS_PATH

router = APIRouter()

_Node = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#dfe4e0, #2b3532); --muted: light-dark(#5b6763, #9aa8a3);
  --accent: light-dark(#0f6b5f, #4cc3ae); --tint: light-dark(#f1f4f2, #18211f); }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; font: 16px/1.55 system-ui, sans-serif;
  color: light-dark(#1a2421, #e6ecea); background: light-dark(#ffffff, #0f1413); }
a { color: var(--accent); } h1 { margin-bottom: .2rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
section { border: 1px solid var(--line); border-radius: .8rem; padding: .3rem 1.2rem 1rem; margin: 1rem 0; }
h3 { font-size: 1rem; margin: .8rem 0 .2rem; overflow-wrap: anywhere; } h3 b { color: var(--accent); }
h4 { font-size: .9rem; margin: 1.1rem 0 .3rem; color: var(--muted); }
code { font: .9em ui-monospace, monospace; background: var(--tint); border-radius: .25rem; padding: .05rem .3rem; }
h3 code { background: none; padding: 0; } .table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
td { border-top: 1px solid var(--line); padding: .4rem .8rem .4rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; } .muted { color: var(--muted); }
"""


@router.get(DOCS_PATH, include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(request.app.openapi()))


def page(document: _Node) -> str:
    """The whole document as HTML."""
    info = document["info"]
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    declared = [tag["name"] for tag in document.get("tags", ())]
    tags = dict.fromkeys([*declared, *(tag for _, _, operation in operations for tag in operation["tags"])])
    contents = " · ".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in (*tags, "Schemas"))
    groups = "".join(
        f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>'
        + "".join(_operation(*one) for one in operations if tag in one[2]["tags"])
        for tag in tags
    )
    schemas = "".join(
        f'<section id="{_anchor(name)}"><h3>{escape(name)}</h3>{_prose(schema)}{_fields(schema)}</section>'
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(info['title'])} API</h1>{_prose(info)}"
        f'<p>For machines: <a href="openapi.json">openapi.json</a> ({escape(document["openapi"])}).</p>'
        f"<p>{contents}</p>"
        f'{groups}<h2 id="schemas">Schemas</h2>{schemas}</body></html>'
    )


def _operation(path: str, method: str, operation: _Node) -> str:
    tokens = [name for one in operation.get("security", ()) for name in one]
    body: _Node = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    parts = [
        f"<h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3><p>{escape(operation.get('summary', ''))}</p>",
        _prose(operation),
        f'<p class="muted">Authorization: Bearer {escape(" or ".join(tokens))}</p>' if tokens else "",
        _table("Parameters", (_parameter(one) for one in operation.get("parameters", ()))),
        f"<h4>Body</h4><p>{_reference(body)}</p>" if "$ref" in body else _fields(body, "Body"),
        _table("Answers", (_answer(*one) for one in operation["responses"].items())),
    ]
    return f"<section>{''.join(parts)}</section>"


def _parameter(parameter: _Node) -> tuple[str, ...]:
    examples = ", ".join(f"<code>{escape(str(one))}</code>" for one in parameter["schema"].get("examples", ()))
    place = parameter["in"] + (", required" if parameter.get("required") else "")
    return _name(parameter["name"]), escape(place), _code(parameter.get("description", "")), examples


def _answer(status: str, response: _Node) -> tuple[str, ...]:
    content: _Node = response.get("content", {})
    kinds = ", ".join(escape(kind) for kind in content)
    shapes = "".join(_reference(one["schema"]) for one in content.values() if "$ref" in one.get("schema", {}))
    return _name(status), _code(response.get("description", "")), shapes or kinds


def _fields(schema: _Node, title: str = "") -> str:
    required = schema.get("required", ())
    return _table(
        title,
        (
            (
                _name(name),
                _kind(one) + (", required" if name in required else ""),
                _code(one.get("description", "")),
            )
            for name, one in schema.get("properties", {}).items()
        ),
    )


def _kind(schema: _Node) -> str:
    """What values are, in words: `string`, `array of Row`, `number or null`."""
    if "$ref" in schema:
        return _reference(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    kind = escape(str(schema.get("type", "any")))
    return f"{kind} of {_kind(schema['items'])}" if "items" in schema else kind


def _reference(schema: _Node) -> str:
    name = schema["$ref"].rsplit("/", 1)[-1]
    return f'<a href="#{_anchor(name)}">{escape(name)}</a>'


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    heading = f"<h4>{escape(title)}</h4>" if title else ""
    return f'{heading}<div class="table"><table>{lines}</table></div>' if lines else ""


def _prose(node: _Node) -> str:
    return f"<p>{_code(node['description'])}</p>" if node.get("description") else ""


def _code(text: str) -> str:
    """Text in which backticks are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _name(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())
