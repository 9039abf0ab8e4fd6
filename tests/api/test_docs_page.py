"""The page that describes the API: all of it, readable without a script or a network."""

from __future__ import annotations

import re
from html import escape

from support.api import Api

from analytics_core.api.docs_page import page


def test_the_page_names_every_operation_parameter_error_and_schema(api: Api) -> None:
    document = api.client.get("/v2/openapi.json").json()
    text = api.client.get("/v2/docs").text

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in text
            assert escape(operation["summary"]) in text
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in text
    for code in ("invalid_group_by", "feature_locked", "store_unavailable", "rate_limited"):
        assert f"<code>{code}</code>" in text
    assert {f"#{name}" for name in re.findall(r'id="([^"]+)"', text)} >= set(re.findall(r'href="(#[^"]+)"', text))


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(api: Api) -> None:
    answer = api.client.get("/v2/docs")

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|src=|https?://", answer.text)


def test_text_of_the_document_stays_text() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "<b>", "description": "a `<i>` b"},
        "paths": {},
        "components": {"schemas": {"<u>": {"properties": {"<s>": {"type": "string"}}}}},
    }
    text = page(document)

    assert not re.search("<b>|<i>|<u>|<s>", text)
    assert "a <code>&lt;i&gt;</code> b" in text
