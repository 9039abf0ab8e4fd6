"""The only reader of the environment: one frozen object with a default for everything that a laptop needs."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import limits
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from analytics_core.errors import SettingsError
from analytics_core.model import SegmentRules

REALTIME_FIELDS = (
    "timestamp,c-ip,s-ip,time-to-first-byte,sc-status,sc-bytes,cs-method,cs-protocol,cs-host,cs-uri-stem,cs-bytes,"
    "x-edge-location,x-edge-request-id,x-host-header,time-taken,cs-protocol-version,c-ip-version,cs-user-agent,"
    "cs-referer,cs-cookie,cs-uri-query,x-edge-response-result-type,x-forwarded-for,ssl-protocol,ssl-cipher,"
    "x-edge-result-type,fle-encrypted-fields,fle-status,sc-content-type,sc-content-len,sc-range-start,sc-range-end,"
    "c-port,x-edge-detailed-result-type,c-country,cs-accept-encoding,cs-accept,cache-behavior-path-pattern,cs-headers,"
    "cs-header-names,cs-headers-count,primary-distribution-id,primary-distribution-dns-name,origin-fbl,origin-lbl,asn"
)

_SECRETS: Final = ("jwt_secret", "ctx_secrets", "token_secret", "visitor_secret")
SHORTEST_SECRET: Final = 32  # bytes: as long as the hash of HS256 (RFC 7518, section 3.2)


class Settings(BaseSettings):
    """Read from `CLICKLEDGER_*` or `.env`. Secrets that are not set are made once and kept in the state folder."""

    model_config = SettingsConfigDict(
        env_prefix="CLICKLEDGER_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    state: Path = Field(
        default=Path("var"), description="folder of the embedded defaults: lake, database, made secrets"
    )
    lake: str = Field(default="", description="a folder or s3://bucket/prefix; default <state>/lake")
    database_url: str = Field(
        default="", description="sqlite:///… or postgresql+psycopg://…; default SQLite in <state>"
    )
    public_domain: str = Field(default="clickledger.localhost", description="short links live on {handle}.<this>")
    trailing_slash: bool = Field(
        default=False, description="short links also answer, and count, with a slash at their end: /launch/"
    )
    engine: Literal["duckdb"] = Field(default="duckdb", description="what answers queries")

    production: bool = Field(default=False, description="refuse to start without secrets of its own")
    demo: bool = Field(default=False, description="offer demo users on the sign-in screen")

    jwt_secret: SecretStr | None = Field(default=None, description="HS256 secret of user JWTs")
    jwks_url: str | None = Field(default=None, description="https:// key set of user JWTs, instead of a secret")
    jwt_issuer: str | None = Field(default=None, description="required iss, when set")
    jwt_audience: str | None = Field(
        default=None, description="required aud, when set; a key set in production needs it"
    )
    ctx_secrets: SecretStr | None = Field(
        default=None, description="secrets of ctx tokens, comma separated: the first signs, all verify"
    )
    ctx_ttl_minutes: int = Field(default=15, ge=1, description="a ctx token expires so many minutes after its click")
    sign_in_claim: str = Field(default="sub", description="OpenID Connect claim that is the user id: sub or email")
    staff_users: str = Field(default="", description="user ids (a,b) whom OpenID Connect signs in as reviewers")
    token_secret: SecretStr | None = Field(default=None, description="key of the hash of personal access tokens")
    visitor_secret: SecretStr | None = Field(default=None, description="key of the visitor hash")

    segment_vip_conversions: int = Field(default=3, ge=1, description="a vip has so many conversions …")
    segment_vip_days: int = Field(default=365, ge=1, description="… in so many days")
    segment_customer_days: int = Field(default=30, ge=1, description="a customer has a conversion in so many days")
    segment_engaged_confidence: float = Field(
        default=0.5, ge=0, le=1, description="an engaged prospect has an intent signal of this confidence …"
    )
    segment_engaged_clicks: int = Field(default=3, ge=1, description="… or so many clicks …")
    segment_engaged_days: int = Field(default=7, ge=1, description="… in so many days")
    segment_returning_days: int = Field(default=30, ge=1, description="a returning visitor has a click in so many days")

    sla_minutes: int = Field(default=60, ge=1, description="FRESH up to so many minutes after a complete sync")
    realtime_fields: str = Field(default=REALTIME_FIELDS, description="field list of real-time sources that name none")
    sources: Path | None = Field(
        default=None, description="sources.toml: url, fields, sampling, look-back hours, distribution"
    )
    lookback_hours: int = Field(
        default=48, ge=1, description="hours before the last complete sync that are listed again on S3"
    )
    batch_megabytes: int = Field(
        default=48, ge=1, le=512, description="log text of one batch; bounds the memory of ingest"
    )
    rate_limit_url: str = Field(default="memory://", description="where requests are counted: memory:// or redis://…")
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        description="proxies in front: the client is so many addresses from the right of X-Forwarded-For",
    )
    redirect_logs: Path | None = Field(
        default=None, description="folder of the logs of redirects served here; default <state>/redirect-logs"
    )
    accounts: str = Field(default="", description="accounts file, or s3:// object, that every sync loads first")
    query_rate: str = Field(default="1200/minute", description="requests that one access token may send to the API")
    head_seconds: float = Field(default=10.0, gt=0, description="time in which the head of a request must arrive")
    body_kilobytes: int = Field(default=64, ge=1, description="largest body of a request to the API")
    body_seconds: float = Field(default=10.0, gt=0, description="time in which the body of a request must arrive")
    downloads: int = Field(
        default=8, ge=1, description="downloads that a process makes at a time; half of them at most for one handle"
    )
    query_seconds: float = Field(default=30.0, gt=0, description="time limit of one query")
    query_memory_megabytes: int = Field(default=1024, ge=128, description="memory limit of the query engine")
    file_cache_megabytes: int = Field(
        default=4096, ge=64, description="disk for files of a lake under s3://, kept in <state>/lake-files"
    )

    @field_validator("public_domain")
    @classmethod
    def _as_hosts_are_compared(cls, domain: str) -> str:
        return domain.strip().lower().rstrip(".")

    @field_validator("jwks_url")
    @classmethod
    def _nobody_listens_in(cls, url: str | None) -> str | None:
        """Who can change the key set on its way can sign in as anybody."""
        if url is None:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
            raise ValueError(
                "it must be an https:// URL, or http:// on this machine (localhost, 127.0.0.1, [::1]); "
                f"got the scheme {parts.scheme!r} and the host {host!r}"
            )
        return url

    @field_validator("query_rate")
    @classmethod
    def _a_rate(cls, rate: str) -> str:
        try:
            limits.parse(rate)
        except ValueError:
            raise ValueError(f"must be a rate such as 1200/minute; got {rate!r}") from None
        return rate

    @field_validator("ctx_secrets")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and min(len(key.encode()) for key in _split(secret)) < SHORTEST_SECRET:
            raise ValueError(f"each secret must have {SHORTEST_SECRET} bytes or more")
        return secret

    @property
    def ctx_keys(self) -> tuple[str, ...]:
        """The secrets of ctx tokens one by one: the first signs, all verify."""
        return () if self.ctx_secrets is None else _split(self.ctx_secrets)

    @property
    def ctx_ttl(self) -> timedelta:
        return timedelta(minutes=self.ctx_ttl_minutes)

    @property
    def segment_rules(self) -> SegmentRules:
        return SegmentRules(
            vip_conversions=self.segment_vip_conversions,
            vip_days=self.segment_vip_days,
            customer_days=self.segment_customer_days,
            engaged_confidence=self.segment_engaged_confidence,
            engaged_clicks=self.segment_engaged_clicks,
            engaged_days=self.segment_engaged_days,
            returning_days=self.segment_returning_days,
        )

    @property
    def lake_url(self) -> str:
        return self.lake or str(self.state / "lake")

    @property
    def redirect_log_folder(self) -> Path:
        return self.redirect_logs or self.state / "redirect-logs"

    @property
    def database(self) -> str:
        """A URL, in which whatever is special in the names of folders is encoded."""
        file = URL.create("sqlite", database=str(self.state / "clickledger.sqlite"))
        return self.database_url or file.render_as_string()


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _split(secrets_in_order: SecretStr) -> tuple[str, ...]:
    return tuple(key.strip() for key in secrets_in_order.get_secret_value().split(","))


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError for a wrong value, or a production start without secrets."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLICKLEDGER_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}.") from None
    return with_secrets(settings)


def with_secrets(settings: Settings) -> Settings:
    """Fills missing secrets from `<state>/secrets.json`, made on first use; in production it refuses instead.

    Raises SettingsError for that, for a key set without an audience in production, and for a demo whose users no
    sign-in service knows.
    """
    if settings.demo and settings.jwks_url:
        raise SettingsError(
            "CLICKLEDGER_DEMO signs its users in with tokens made here, and with CLICKLEDGER_JWKS_URL only those of a "
            "sign-in service are valid; unset one of them."
        )
    missing = [name for name in _SECRETS if not _is_set(getattr(settings, name))]
    if settings.jwks_url and "jwt_secret" in missing:
        missing.remove("jwt_secret")
    if settings.production:
        if settings.demo:
            raise SettingsError("CLICKLEDGER_DEMO signs anyone in; a production start refuses it.")
        if settings.jwks_url and not settings.jwt_audience:
            raise SettingsError(
                "A production start with CLICKLEDGER_JWKS_URL needs CLICKLEDGER_JWT_AUDIENCE, the aud of tokens made "
                "for this service: without it, tokens for another service of the same issuer would be valid here."
            )
        _refuse_short_secrets(settings)
    if not missing:
        return settings
    if settings.production:
        names = ", ".join(f"CLICKLEDGER_{name.upper()}" for name in missing)
        raise SettingsError(f"A production start needs {names}; set them, or unset CLICKLEDGER_PRODUCTION.")
    kept = _kept_secrets(settings.state / "secrets.json", missing)
    return settings.model_copy(update={name: SecretStr(kept[name]) for name in missing})


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value())


def _refuse_short_secrets(settings: Settings) -> None:
    for name in _SECRETS:
        secret: SecretStr | None = getattr(settings, name)
        if secret is not None and 0 < len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
            raise SettingsError(
                f"CLICKLEDGER_{name.upper()} is shorter than {SHORTEST_SECRET} bytes; take a random one."
            )


def _kept_secrets(path: Path, names: list[str]) -> dict[str, str]:
    """The kept secrets; those that are missing are made. Of two processes at once, both use what the first one made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _made_secrets(path, names)
    except OSError as error:
        raise SettingsError(
            f"The state folder {path.parent} must be one to write to ({error.strerror}); name another with "
            "CLICKLEDGER_STATE."
        ) from None


def _made_secrets(path: Path, names: list[str]) -> dict[str, str]:
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
