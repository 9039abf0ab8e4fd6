"""The OpenAPI document under Schemathesis: whatever is sent, every answer is one that the document describes."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.api import NOW, Api

from analytics_core.access import user_tokens
from analytics_core.access.actors import Actor
from analytics_core.api import create_app

DOCUMENT = create_app(lambda: pytest.fail("the document alone needs no application")).openapi()
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
EXAMPLES = 40
# That fromDay is not after toDay, or that a zone is one of IANA's, no schema can say: they are 400, with a code.
BEYOND_SCHEMAS = [positive_data_acceptance]


@pytest.fixture(scope="module")
def described(api: Api) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/v2/openapi.json", api.client.app)


@pytest.fixture(scope="module")
def script(api: Api) -> str:
    made = api.application.personal_tokens.make(
        Actor("user_ann"), "acme", name="schemathesis", scopes=("analytics.*",), now=NOW
    )
    return made.secret_text


@pytest.mark.parametrize("is_own_handle", [True, False], ids=["own handle", "any handle"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_described(
    api: Api, described: schemathesis.BaseSchema, script: str, name: str, is_own_handle: bool
) -> None:
    """All checks: no 5xx, statuses, types, headers and bodies as documented, authentication really asked for."""
    method, _, path = name.partition(" ")
    operation = described[path][method]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def ask(case: schemathesis.Case) -> None:
        if is_own_handle and "handle" in case.path_parameters:
            case.path_parameters["handle"] = "acme"
        role = {} if is_own_handle else {"role": user_tokens.STAFF}
        token = script if "/public/" in path else api.token("user_ann", **role)
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=BEYOND_SCHEMAS)

    ask()
