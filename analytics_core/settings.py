"""The only reader of the environment: one frozen object with a default for everything that a laptop needs."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_core.errors import SettingsError

REALTIME_FIELDS = (
    "timestamp,c-ip,s-ip,time-to-first-byte,sc-status,sc-bytes,cs-method,cs-protocol,cs-host,cs-uri-stem,cs-bytes,"
    "x-edge-location,x-edge-request-id,x-host-header,time-taken,cs-protocol-version,c-ip-version,cs-user-agent,"
    "cs-referer,cs-cookie,cs-uri-query,x-edge-response-result-type,x-forwarded-for,ssl-protocol,ssl-cipher,"
    "x-edge-result-type,fle-encrypted-fields,fle-status,sc-content-type,sc-content-len,sc-range-start,sc-range-end,"
    "c-port,x-edge-detailed-result-type,c-country,cs-accept-encoding,cs-accept,cache-behavior-path-pattern,cs-headers,"
    "cs-header-names,cs-headers-count,primary-distribution-id,primary-distribution-dns-name,origin-fbl,origin-lbl,asn"
)

SHORTEST_SECRET = 32  # bytes, in production


class Settings(BaseSettings):
    """Read from `CLICKLEDGER_*` or `.env`. Secrets that are not set are made once and kept in the state folder."""

    model_config = SettingsConfigDict(env_prefix="CLICKLEDGER_", env_file=".env", extra="ignore", frozen=True)

    state: Path = Field(
        default=Path("var"), description="folder of the embedded defaults: lake, database, made secrets"
    )
    lake: str = Field(default="", description="a folder or s3://bucket/prefix; default <state>/lake")
    database_url: str = Field(
        default="", description="sqlite:///… or postgresql+psycopg://…; default SQLite in <state>"
    )
    public_domain: str = Field(default="clickledger.localhost", description="short links live on {handle}.<this>")
    engine: Literal["duckdb"] = Field(default="duckdb", description="what answers queries")

    production: bool = Field(default=False, description="refuse to start without secrets of its own")
    demo: bool = Field(default=False, description="offer demo users on the sign-in screen")

    jwt_secret: SecretStr | None = Field(default=None, description="HS256 secret of user JWTs")
    jwks_url: str | None = Field(default=None, description="key set of user JWTs, instead of a secret")
    jwt_issuer: str | None = Field(default=None, description="required iss, when set")
    jwt_audience: str | None = Field(default=None, description="required aud, when set")
    sign_in_claim: str = Field(default="sub", description="OpenID Connect claim that is the user id: sub or email")
    staff_users: str = Field(default="", description="user ids (a,b) whom OpenID Connect signs in as reviewers")
    token_secret: SecretStr | None = Field(default=None, description="key of the hash of personal access tokens")
    visitor_secret: SecretStr | None = Field(default=None, description="key of the visitor hash")

    sla_minutes: int = Field(default=60, ge=1, description="FRESH up to so many minutes after a complete sync")
    realtime_fields: str = Field(default=REALTIME_FIELDS, description="field list of real-time sources that name none")
    sources: Path | None = Field(
        default=None, description="sources.toml: url, fields, sampling, look-back hours, distribution"
    )
    lookback_hours: int = Field(default=48, ge=1, description="hours of S3 prefixes that every sync lists again")
    batch_megabytes: int = Field(
        default=96, ge=1, le=512, description="log text of one batch; bounds the memory of ingest"
    )
    accounts: str = Field(default="", description="accounts file, or s3:// object, that every sync loads first")
    rate_limit_url: str = Field(default="memory://", description="where requests are counted: memory:// or redis://…")
    query_rate: str = Field(default="1200/minute", description="requests that one access token may send to the API")
    body_kilobytes: int = Field(default=64, ge=1, description="largest body of a request to the API")
    body_seconds: float = Field(default=10.0, gt=0, description="time in which the body of a request must arrive")
    query_seconds: float = Field(default=30.0, gt=0, description="time limit of one query")
    query_memory_megabytes: int = Field(default=1024, ge=128, description="memory limit of the query engine")
    file_cache_megabytes: int = Field(
        default=4096, ge=64, description="disk for files of a lake under s3://, kept in <state>/lake-files"
    )

    @property
    def lake_url(self) -> str:
        return self.lake or str(self.state / "lake")

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.state / 'clickledger.sqlite'}"


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError for a wrong value, or a production start without secrets."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLICKLEDGER_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}.") from None
    return with_secrets(settings)


def with_secrets(settings: Settings) -> Settings:
    """Fills missing secrets from `<state>/secrets.json`, made on first use; in production it refuses instead."""
    missing = [name for name in ("jwt_secret", "token_secret", "visitor_secret") if getattr(settings, name) is None]
    if settings.jwks_url and "jwt_secret" in missing:
        missing.remove("jwt_secret")
    if settings.production:
        _refuse_short_secrets(settings)
    if not missing:
        return settings
    if settings.production:
        names = ", ".join(f"CLICKLEDGER_{name.upper()}" for name in missing)
        raise SettingsError(f"A production start needs {names}; set them, or unset CLICKLEDGER_PRODUCTION.")
    kept = _kept_secrets(settings.state / "secrets.json", missing)
    return settings.model_copy(update={name: SecretStr(kept[name]) for name in missing})


def _refuse_short_secrets(settings: Settings) -> None:
    for name in ("jwt_secret", "token_secret"):  # keys of HMAC-SHA-256: RFC 7518 asks for 256 bits
        secret: SecretStr | None = getattr(settings, name)
        if secret is not None and len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
            raise SettingsError(
                f"CLICKLEDGER_{name.upper()} is shorter than {SHORTEST_SECRET} bytes; take a random one."
            )


def _kept_secrets(path: Path, names: list[str]) -> dict[str, str]:
    """The kept secrets; those that are missing are made. Of two processes at once, both use what the first one made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        made = {name: secrets.token_urlsafe(48) for name in names if name not in kept}
        if not made:
            return kept
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(kept | made, indent=2) + "\n")
        if kept:
            draft.replace(path)
        else:
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
