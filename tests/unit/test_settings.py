"""Settings: defaults for a laptop, refusals for production, errors that name the setting."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.world import ROOT, World

from analytics_core.access import user_tokens
from analytics_core.errors import InvalidTokenError, SettingsError
from analytics_core.settings import Settings, load_settings, with_secrets
from analytics_core.zones import RELEASE


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_laptop_needs_no_setting_and_keeps_its_secrets(tmp_path: Path) -> None:
    first, second = load_settings(), load_settings()

    assert first.lake_url == "var/lake"
    assert first.database == "sqlite:///var/clickledger.sqlite"
    assert first.jwt_secret is not None
    assert first.jwt_secret == second.jwt_secret
    assert len(first.ctx_keys) == 1
    assert first.ctx_keys == second.ctx_keys
    assert stat.S_IMODE((tmp_path / "var" / "secrets.json").stat().st_mode) == 0o600


def test_a_production_start_without_secrets_refuses_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_PRODUCTION", "true")
    monkeypatch.setenv("CLICKLEDGER_JWT_SECRET", "s" * 40)

    with pytest.raises(
        SettingsError, match="needs CLICKLEDGER_CTX_SECRETS, CLICKLEDGER_TOKEN_SECRET, CLICKLEDGER_VISITOR_SECRET;"
    ):
        load_settings()
    assert not Path("var").exists()

    monkeypatch.setenv("CLICKLEDGER_TOKEN_SECRET", "t" * 40)
    monkeypatch.setenv("CLICKLEDGER_VISITOR_SECRET", "v" * 40)
    monkeypatch.setenv("CLICKLEDGER_CTX_SECRETS", "c" * 40)
    assert load_settings().production


@pytest.mark.parametrize("name", ["JWT_SECRET", "TOKEN_SECRET"])
def test_a_production_start_refuses_a_secret_that_can_be_guessed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for one in ("JWT_SECRET", "TOKEN_SECRET", "VISITOR_SECRET"):
        monkeypatch.setenv(f"CLICKLEDGER_{one}", "s" * 40)
    monkeypatch.setenv("CLICKLEDGER_PRODUCTION", "true")
    monkeypatch.setenv(f"CLICKLEDGER_{name}", "changeme")

    with pytest.raises(SettingsError, match=f"CLICKLEDGER_{name} is shorter than 32") as refused:
        load_settings()
    assert "changeme" not in refused.value.message


def test_a_key_set_stands_for_the_jwt_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_PRODUCTION", "true")
    monkeypatch.setenv("CLICKLEDGER_TOKEN_SECRET", "t" * 40)
    monkeypatch.setenv("CLICKLEDGER_VISITOR_SECRET", "v" * 40)
    monkeypatch.setenv("CLICKLEDGER_CTX_SECRETS", "c" * 40)
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", "https://id.example/jwks.json")
    monkeypatch.setenv("CLICKLEDGER_JWT_AUDIENCE", "clickledger")

    assert load_settings().jwt_secret is None


def test_a_key_set_needs_an_audience_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", "https://id.example/jwks.json")
    assert load_settings().jwt_audience is None

    monkeypatch.setenv("CLICKLEDGER_PRODUCTION", "true")
    with pytest.raises(SettingsError, match="needs CLICKLEDGER_JWT_AUDIENCE"):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        *("https://id.example/jwks.json", "HTTPS://id.example:8443/k?a=b", "http://localhost:8080/k", "http://[::1]/k"),
        *("http://127.0.0.1:1/k", "http://127.9.9.9/k", "http://id.localhost/k"),
    ],
)
def test_a_key_set_is_fetched_where_nobody_listens_in(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", url)

    assert load_settings().jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://id.example/jwks.json", "http://localhost@id.example/k", "http://localhost.id.example/k"),
        *("http://10.0.0.1/k", "http://0.0.0.0/k", "http://[::ffff:10.0.0.1]/k", "http://2130706433/k"),
        *(
            "file:///etc/jwks.json",
            "ftp://id.example/k",
            "id.example/jwks.json",
            "//id.example/k",
            "https:///k",
            "https:",
        ),
        *("http://[::1/k", "https://user:hunter2@"),
    ],
)
def test_a_key_set_that_others_could_change_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", url)

    with pytest.raises(SettingsError, match="CLICKLEDGER_JWKS_URL must be an https:// URL, or http://") as told:
        load_settings()
    assert "hunter2" not in told.value.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLA_MINUTES", "soon", "must be a whole number; got 'soon'."),
        ("SLA_MINUTES", "0", "must be 1 or more; got '0'."),
        ("BATCH_MEGABYTES", "513", "must be 512 or less; got '513'."),
        ("QUERY_SECONDS", "-1", "must be more than 0; got '-1'."),
        ("HEAD_SECONDS", "x", "must be a number; got 'x'."),
        ("PRODUCTION", "maybe", "must be true or false; got 'maybe'."),
        ("ENGINE", "postgres", "must be one of duckdb; got 'postgres'."),
        ("QUERY_RATE", "lots", "must be a rate such as 1200/minute; got 'lots'."),
    ],
)
def test_a_wrong_value_is_told_with_its_setting_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"CLICKLEDGER_{name}", value)

    with pytest.raises(SettingsError) as told:
        load_settings()
    assert told.value.message == f"CLICKLEDGER_{name} {said}"


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE", "SOURCES", "REDIRECT_LOGS", "SLA_MINUTES"):
        monkeypatch.setenv(f"CLICKLEDGER_{name}", "")

    loaded = load_settings()
    assert (loaded.jwks_url, loaded.jwt_issuer, loaded.jwt_audience, loaded.sources) == (None,) * 4
    assert (loaded.redirect_logs, loaded.sla_minutes) == (None, 60)


def test_the_public_domain_is_written_as_hosts_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_PUBLIC_DOMAIN", "Links.Example.")

    assert load_settings().public_domain == "links.example"


def test_ctx_secrets_are_a_list_of_which_the_first_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_CTX_SECRETS", f"{'n' * 32}, {'o' * 32}")

    assert load_settings().ctx_keys == ("n" * 32, "o" * 32)


@pytest.mark.parametrize("secrets", ["short", f"{'n' * 32},", f"{'n' * 32},{'o' * 31}"])
def test_a_short_ctx_secret_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch, secrets: str) -> None:
    monkeypatch.setenv("CLICKLEDGER_CTX_SECRETS", secrets)

    with pytest.raises(SettingsError, match=r"CLICKLEDGER_CTX_SECRETS must be secrets of 32 bytes") as told:
        load_settings()
    assert "nnn" not in told.value.message


def test_the_command_prints_every_setting_and_no_secret(world: World) -> None:
    rows = json.loads(world.run("settings", "--json").stdout)

    assert [row["name"] for row in rows[:-1]] == [f"CLICKLEDGER_{name.upper()}" for name in Settings.model_fields]
    assert (rows[-1]["name"], rows[-1]["value"]) == ("tzdata", RELEASE)
    secret = json.loads((world.folder / "var" / "secrets.json").read_text())["jwt_secret"]
    assert secret not in world.run("settings").stdout
    assert [row["name"] for row in rows if not re.fullmatch(r"[A-Z].+\.", row["meaning"])] == []


def test_a_person_reads_the_settings_in_120_columns(world: World) -> None:
    ours, theirs = os.openpty()
    words = world.command("settings")
    environment = world.process_environment() | {"COLUMNS": "120"}
    with subprocess.Popen(words, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=theirs):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # of a terminal whose other end was closed
            while read := os.read(ours, 65_536):
                shown += read
    os.close(ours)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).splitlines()

    assert max(map(len, lines)) <= 120
    assert [name for name in Settings.model_fields if f"CLICKLEDGER_{name.upper()} " not in "\n".join(lines)] == []


def test_the_command_prints_no_password_of_a_url(world: World) -> None:
    world.environment = {
        "CLICKLEDGER_RATE_LIMIT_URL": "redis://:hunter2@cache:6379/0",
        "CLICKLEDGER_DATABASE_URL": "postgresql+psycopg://db/clicks?user=u&password=hunter2&sslpassword=hunter2&a=b",
    }

    told = world.run("settings", "--json").stdout

    assert "hunter2" not in told
    assert "redis://:***@cache:6379/0" in told
    assert "postgresql+psycopg://db/clicks?user=u&password=***&sslpassword=***&a=b" in told


def test_processes_that_start_at_once_use_the_same_secrets(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: with_secrets(Settings(state=tmp_path / "fresh")), range(16)))

    assert len({settings.visitor_secret for settings in made}) == 1
    assert [path.name for path in (tmp_path / "fresh").iterdir()] == ["secrets.json"]


def test_a_demo_with_a_key_set_is_refused_since_none_of_its_users_could_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLICKLEDGER_DEMO", "true")
    assert load_settings().demo
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", "https://id.example/jwks.json")
    with pytest.raises(SettingsError, match="unset one of them"):
        load_settings()


def test_no_token_is_minted_that_a_key_set_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKLEDGER_JWKS_URL", "https://id.example/jwks.json")
    monkeypatch.setenv("CLICKLEDGER_JWT_SECRET", "s" * 40)
    with pytest.raises(InvalidTokenError, match="CLICKLEDGER_JWKS_URL is set"):
        user_tokens.mint(load_settings(), "user_ann", now=datetime.now(UTC), lifetime=timedelta(hours=1))
