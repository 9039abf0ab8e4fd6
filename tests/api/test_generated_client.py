"""The OpenAPI document by what it is for: a client that openapi-python-client makes of it, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import httpx2 as httpx
import pytest
from support.logs import IPHONE, Request, realtime_text, write
from support.posts import ctx
from support.world import World

from analytics_core.api import create_app
from analytics_core.api.export_schemas import (
    ExportedClickSchema,
    ExportedConversionSchema,
    ExportedRowSchema,
    ExportSchema,
)
from analytics_core.query.reader import CLICK_EVENT_COLUMNS, CONVERSION_EVENT_COLUMNS

# What a user of the generated client writes. Each operation is a module that is named after it.
CALLS = """
import json, sys
from client import AuthenticatedClient, Client, models
from client.api.analytics import (
    analytics_v2_handles_handle_analytics_get as analytics,
    analytics_v2_public_handles_handle_analytics_get as public_analytics,
    export_v2_handles_handle_analytics_export_get as export,
    export_v2_public_handles_handle_analytics_export_get as public_export,
    manifest_v2_handles_handle_analytics_exports_manifest_id_get as manifest,
)
from client.api.audit import of_handle_v2_handles_handle_audit_get as audit, strays_v2_posts_get as posts
from client.api.health import healthz_healthz_get as healthz, metrics_metrics_get as metrics
from client.api.health import readyz_readyz_get as readyz
from client.api.public import (
    post_conversion_v2_public_conversions_post as conversions,
    post_signal_v2_public_chain_signals_post as signals,
    read_context_v2_public_context_get as context,
)
from client.api.tokens import (
    listed_v2_handles_handle_tokens_get as tokens,
    make_v2_handles_handle_tokens_post as make_token,
    revoke_v_2_handles_handle_tokens_token_id_delete as revoke,
)

given = json.load(sys.stdin)
anybody = Client(given["base"])
ann, sue = (AuthenticatedClient(given["base"], given[who]) for who in ("ann", "sue"))
days = {"from_day": given["from"], "to_day": given["to"]}
told = {}


def tell(name, found):
    told[name] = [type(found).__name__, found.to_dict() if hasattr(found, "to_dict") else found]


if given["step"] == "post":
    post = models.PostConversionV2PublicConversionsPostPostSchema
    sale = post(given["ctx"], "purchase", "order-1", value=99.99, currency="EUR")
    tell("conversion", conversions.sync(client=anybody, body=sale))
    tell("replay", conversions.sync(client=anybody, body=sale))
    told["replay status"] = conversions.sync_detailed(client=anybody, body=sale).status_code
    signal = models.PostSignalV2PublicChainSignalsPostSignalSchema
    tell("signal", signals.sync(client=anybody, body=signal("sig_acme_1_a", "intent", "", 1.0, handle="acme")))
    tell("context", context.sync(client=anybody, ctx=given["ctx"]))
    tell("bad context", context.sync(client=anybody, ctx="nonsense"))
else:
    answer = analytics.sync("acme", client=ann, group_by="country", funnel="true", confidence="true", **days)
    tell("answer", answer)
    exported = export.sync("acme", client=ann, format_="json", group_by="country", **days)
    tell("rows", exported)
    told["row types"] = [type(row).__name__ for row in exported.rows]
    told["row"] = [exported.rows[0].clicks, exported.rows[0]["country"], exported.rows[0]["revenue_EUR"]]
    for metric in ("clicks", "conversions"):
        events = export.sync("acme", client=ann, format_="json", group_by="event", metric=metric, **days)
        told[metric] = [[type(row).__name__, row.to_dict()] for row in events.rows]
    tell("manifest", manifest.sync("acme", exported.manifest.id, client=ann))
    wanted = models.MakeV2HandlesHandleTokensPostTokenRequest("Nightly", ["analytics.*"])
    made = make_token.sync("acme", client=ann, body=wanted)
    script = AuthenticatedClient(given["base"], made.token)
    tell("public answer", public_analytics.sync("acme", client=script, group_by="day", **days))
    tell("public rows", public_export.sync("acme", client=script, format_="json", group_by="slug", **days))
    tell("tokens", tokens.sync("acme", client=ann))
    told["revoked"] = revoke.sync_detailed("acme", made.token_id, client=ann).status_code
    tell("revoked answer", public_analytics.sync("acme", client=script, group_by="day", **days))
    tell("refused", analytics.sync("acme", client=ann, group_by="colour"))
    tell("audit", audit.sync("acme", client=ann))
    tell("posts", posts.sync(client=sue))
    tell("healthz", healthz.sync(client=anybody))
    tell("readyz", readyz.sync(client=anybody))
    told["metrics"] = metrics.sync_detailed(client=anybody).status_code
json.dump(told, sys.stdout, default=str)
"""


@pytest.fixture
def generator() -> Path:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("openapi-python-client", path=places)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openapi-python-client is missing: make dev.")
        pytest.skip("openapi-python-client is missing: make dev.")
    return Path(program)


@pytest.fixture
def call(tmp_path: Path, generator: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Runs CALLS with what it is given, where the generator has its own Python and libraries."""
    python = generator.read_text().splitlines()[0].removeprefix("#!")

    def run(given: dict[str, Any]) -> dict[str, Any]:
        ran = subprocess.run(
            [python, "-c", CALLS],
            input=json.dumps(given),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def generate(generator: Path, document: bytes, folder: Path) -> None:
    (folder / "openapi.json").write_bytes(document)
    words = ["generate", "--path", "openapi.json", "--output-path", "client", "--meta", "none", "--fail-on-warning"]
    told = subprocess.run(
        [generator, *words],
        cwd=folder,
        env=os.environ | {"PATH": os.pathsep.join([str(generator.parent), os.environ["PATH"]])},  # it calls ruff
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_generated_client_gets_what_the_document_promises(
    world: World,
    serve: Callable[[World], str],
    generator: Path,
    call: Callable[[dict[str, Any]], dict[str, Any]],
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    clicked = Request(1, at=now - timedelta(seconds=30), country="DE", user_agent=IPHONE)
    here = World(world.folder, world.environment, now=now)
    here.sync(write(tmp_path / "logs" / "a.log", realtime_text([clicked])))
    base = serve(world)
    generate(generator, httpx.get(f"{base}/v2/openapi.json").content, tmp_path)
    given = {
        "base": base,
        "from": f"{clicked.time:%Y%m%d}",
        "to": f"{now + timedelta(hours=1):%Y%m%d}",
        "ctx": ctx(world.settings, clicked.time, click_id=clicked.id),
        "ann": world.run_token("user_ann"),
        "sue": world.run_token("user_sue", "--staff"),
    }

    posted = call(given | {"step": "post"})
    here.now = datetime.now(UTC)
    here.sync(tmp_path / "logs")
    found = call(given | {"step": "ask"})

    assert posted["conversion"][0] == posted["replay"][0] == "RecordedSchema"
    assert (posted["replay"][1]["duplicate"], posted["replay status"]) == (True, 200)
    kinds = [posted[name][0] for name in ("signal", "context", "bad context")]
    assert kinds == ["RecordedSignalSchema", "ContextSchema", "ErrorBody"]
    kind, answer = found["answer"]
    assert (kind, answer["totals"]["clicks"]) == ("AnswerSchema", 1)
    assert answer["totals"]["revenueByCurrency"] == {"EUR": 99.99}
    assert (found["rows"][0], found["row types"]) == ("ExportSchema", ["ExportedRowSchema"])
    assert found["row"] == [1, "DE", 99.99]
    assert [kind for kind, _ in found["clicks"]] == ["ExportedClickSchema"]
    ((kind, sale),) = found["conversions"]
    assert (kind, sale["value"], sale["currency"], sale["country"]) == ("ExportedConversionSchema", 99.99, "EUR", "DE")
    assert found["manifest"][1]["sha256"] == found["rows"][1]["manifest"]["sha256"]
    kinds = [found[name][0] for name in ("public answer", "public rows", "tokens", "audit", "posts")]
    assert kinds == ["AnswerSchema", "ExportSchema", "TokensSchema", "AuditSchema", "StrayPostsSchema"]
    assert (found["revoked"], found["revoked answer"][1]["error"]) == (204, "invalid_token")
    assert found["refused"][1]["error"] == "invalid_group_by"
    assert (found["healthz"][1], found["readyz"][1]["status"], found["metrics"]) == ({"status": "ok"}, "ok", 200)


def test_the_document_is_openapi_3_1_and_promises_no_422() -> None:
    document = create_app(lambda: pytest.fail("the document alone needs no application")).openapi()

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert document["openapi"].startswith("3.1.")
    assert len(operations) >= 20
    assert [one["operationId"] for one in operations if "422" in one["responses"]] == []
    assert "ValidationError" not in json.dumps(document)


def test_what_an_export_holds_is_described_column_by_column() -> None:
    def columns(schema: Any) -> list[str]:
        return [field.alias for field in schema.model_fields.values()]

    assert columns(ExportedClickSchema) == list(CLICK_EVENT_COLUMNS)
    assert columns(ExportedConversionSchema) == list(CONVERSION_EVENT_COLUMNS)
    (row,) = get_args(ExportSchema.model_fields["rows"].annotation)
    assert get_args(row) == (ExportedClickSchema, ExportedConversionSchema, ExportedRowSchema)
