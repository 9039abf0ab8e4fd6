"""A token whose maker is removed at the very moment stays dead, whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from support import old_tables
from support.world import NOW, World

from analytics_core.access.actors import Actor
from analytics_core.access.personal_tokens import NewToken, PersonalTokens
from analytics_core.access.policy import Policy
from analytics_core.access.rules import Action
from analytics_core.errors import HandleNotFoundError, InvalidTokenError
from analytics_core.store import tables
from analytics_core.store.account_lookup import Account, Accounts
from analytics_core.store.database import Database
from ingest.accounts.accounts_file import load_accounts
from ingest.accounts.entries import AccountsFile

MAKER = Actor("user_ann")
ROUNDS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def on_a_database(request: pytest.FixtureRequest, world: World) -> World:
    if request.param == "postgresql":
        return replace(world, environment={"CLICKLEDGER_DATABASE_URL": request.getfixturevalue("postgresql")})
    return world


@pytest.fixture
def database(on_a_database: World) -> Iterator[Database]:
    opened = on_a_database.database
    load(opened, is_there=True)
    yield opened
    opened.engine.dispose()


def load(database: Database, *, is_there: bool) -> None:
    people = [{"userId": MAKER.user_id, "role": "OWNER"}] if is_there else []
    acme: dict[str, Any] = {"handle": "acme", "plan": "PRO", "planSince": "2026-01-01T00:00:00Z"}
    file = AccountsFile.model_validate({"handles": [acme | {"collaborators": people}]})
    load_accounts(database, file, "clickledger.localhost", NOW)


def make(personal: PersonalTokens) -> NewToken:
    return personal.make(MAKER, "acme", name="script", scopes=("analytics.*",), now=NOW)


def test_a_maker_who_is_removed_between_the_check_and_the_token_gets_none(
    on_a_database: World, database: Database
) -> None:
    class RemovedAtOnce(Policy):
        def check(self, actor: Actor, action: Action, handle: str) -> Account:
            found = super().check(actor, action, handle)
            load(database, is_there=False)
            return found

    with pytest.raises(HandleNotFoundError):
        make(PersonalTokens(on_a_database.settings, database, RemovedAtOnce(Accounts(database))))

    with database.connect() as connection:
        assert connection.execute(select(tables.access_tokens)).all() == []


def test_a_load_that_removes_the_maker_at_the_same_time_leaves_no_token_alive(
    on_a_database: World, database: Database
) -> None:
    personal = PersonalTokens(on_a_database.settings, database, Policy(Accounts(database)))
    for _ in range(ROUNDS):
        load(database, is_there=True)
        made: list[NewToken] = []

        def make_some(made: list[NewToken] = made) -> None:
            with suppress(HandleNotFoundError):
                while True:
                    made.append(make(personal))

        makers = [threading.Thread(target=make_some) for _ in range(3)]
        for one in makers:
            one.start()
        while not made:  # until the first token is there
            assert any(one.is_alive() for one in makers)
        load(database, is_there=False)
        for one in makers:
            one.join(timeout=60)
        load(database, is_there=True)

        for token in made:
            with pytest.raises(InvalidTokenError):
                personal.verify(token.secret_text, NOW)


def test_an_upgrade_revokes_the_tokens_of_makers_who_are_gone(on_a_database: World, database: Database) -> None:
    """As release 0.1.0 left them: alive, until their makers came back."""
    personal = PersonalTokens(on_a_database.settings, database, Policy(Accounts(database)))
    gone, still_there = make(personal), make(personal)
    with database.begin() as connection:
        token = tables.access_tokens
        connection.execute(token.update().where(token.c.token_id == gone.token.token_id).values(created_by="user_old"))
    old_tables.set_back(database, "0001")

    upgraded = on_a_database.database

    with pytest.raises(InvalidTokenError):
        personal.verify(gone.secret_text, NOW)
    assert personal.verify(still_there.secret_text, NOW).user_id == MAKER.user_id
    with upgraded.connect() as connection:
        told = tables.audit_events
        event = connection.execute(select(told).where(told.c.action == "token.revoked")).one()
    upgraded.engine.dispose()
    assert (event.handle, event.actor) == ("acme", "upgrade")
    assert gone.token.token_id in event.detail
