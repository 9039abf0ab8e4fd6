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
from analytics_core.validation import complaint

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
        default=Path("var"),
        description="The folder of the lake, the database and the made secrets, unless they are put elsewhere.",
    )
    lake: str = Field(
        default="", description="The place of the lake: a folder, or s3://bucket/prefix. By default it is <state>/lake."
    )
    database_url: str = Field(
        default="",
        description="The database: sqlite:///… or postgresql+psycopg://…. By default it is an SQLite file in <state>.",
    )
    public_domain: str = Field(
        default="clickledger.localhost",
        description="The domain of short links: those of a handle live on https://{handle}.<this domain>/.",
    )
    trailing_slash: bool = Field(
        default=False,
        description="Whether short links also answer, and count, with a slash at their end: /launch/ as /launch.",
    )
    engine: Literal["duckdb"] = Field(default="duckdb", description="The engine that answers queries.")

    production: bool = Field(default=False, description="Whether a start without secrets of its own is refused.")
    demo: bool = Field(
        default=False, description="Whether the sign-in screen offers demo users, whom anybody may sign in as."
    )

    jwt_secret: SecretStr | None = Field(
        default=None, description="The HS256 secret that user tokens (JWT) are signed with."
    )
    jwks_url: str | None = Field(
        default=None,
        description="The https:// URL of the key set that user tokens are signed with, instead of a secret.",
    )
    jwt_issuer: str | None = Field(
        default=None, description="The iss that user tokens must have. Without it any is accepted."
    )
    jwt_audience: str | None = Field(
        default=None,
        description="The aud that user tokens must have. Without it any is accepted; a key set in production needs it.",
    )
    ctx_secrets: SecretStr | None = Field(
        default=None, description="The secrets of ctx tokens, with commas between: the first signs, all of them verify."
    )
    ctx_ttl_minutes: int = Field(
        default=15, ge=1, description="The minutes after its click at which a ctx token expires."
    )
    sign_in_claim: str = Field(default="sub", description="The OpenID Connect claim that is the user id: sub or email.")
    staff_users: str = Field(
        default="", description="The user ids, with commas between, whom OpenID Connect signs in as reviewers."
    )
    token_secret: SecretStr | None = Field(
        default=None, description="The key of the hash with which personal access tokens are stored."
    )
    visitor_secret: SecretStr | None = Field(
        default=None,
        description="The key of the hash that tells visitors apart. Another key makes every visitor a new one.",
    )

    segment_vip_conversions: int = Field(
        default=3, ge=1, description="The least number of conversions that make a visitor a vip."
    )
    segment_vip_days: int = Field(
        default=365, ge=1, description="The days before a click in which the conversions of a vip must lie."
    )
    segment_customer_days: int = Field(
        default=30, ge=1, description="The days before a click in which a customer has a conversion."
    )
    segment_engaged_confidence: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The least confidence of an intent signal that makes a visitor an engaged prospect.",
    )
    segment_engaged_clicks: int = Field(
        default=3, ge=1, description="The least number of clicks that make a visitor an engaged prospect."
    )
    segment_engaged_days: int = Field(
        default=7, ge=1, description="The days before a click in which those clicks, or that signal, must lie."
    )
    segment_returning_days: int = Field(
        default=30, ge=1, description="The days before a click in which a returning visitor has another click."
    )

    list_version: str = Field(
        default="",
        description="The list version whose verdicts on user agents stay as they are. By default the installed lists "
        "judge all agents.",
    )
    sla_minutes: int = Field(
        default=60, ge=1, description="The minutes after a complete sync for which the numbers are FRESH."
    )
    realtime_fields: str = Field(
        default=REALTIME_FIELDS, description="The field list of real-time sources that name none of their own."
    )
    sources: Path | None = Field(
        default=None,
        description="The sources.toml file with the log sources: url, fields, sampling, look-back hours, distribution.",
    )
    lookback_hours: int = Field(
        default=48,
        ge=1,
        description="The hours before the last complete sync that are listed again on S3, for objects that came late.",
    )
    batch_megabytes: int = Field(
        default=48, ge=1, le=512, description="The megabytes of log text in one batch. It bounds the memory of a sync."
    )
    rate_limit_url: str = Field(
        default="memory://",
        description="The place where requests are counted: memory:// in each process, redis://… for all of them.",
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        description="The number n of proxies in front: the client is the n-th of X-Forwarded-For from the right.",
    )
    redirect_logs: Path | None = Field(
        default=None,
        description="The folder of the logs of short links answered here. By default it is <state>/redirect-logs.",
    )
    accounts: str = Field(default="", description="The accounts file, or s3:// object, that every sync loads first.")
    query_rate: str = Field(
        default="1200/minute", description="The requests that one access token may send to the API."
    )
    head_seconds: float = Field(
        default=10.0, gt=0, description="The seconds in which the head of a request must arrive."
    )
    body_kilobytes: int = Field(
        default=64, ge=1, description="The kilobytes that the body of a request to the API may have."
    )
    body_seconds: float = Field(
        default=10.0, gt=0, description="The seconds in which the body of a request must arrive."
    )
    downloads: int = Field(
        default=8,
        ge=1,
        description="The downloads that a process makes at a time; one handle has half of them at most.",
    )
    query_seconds: float = Field(default=30.0, gt=0, description="The seconds that one query may take.")
    query_memory_megabytes: int = Field(
        default=1024, ge=128, description="The megabytes of memory that the query engine may use."
    )
    file_cache_megabytes: int = Field(
        default=4096,
        ge=64,
        description="The megabytes of disk for files of a lake under s3://, which are kept in <state>/lake-files.",
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
        try:
            parts = urlsplit(url)
        except ValueError as error:  # a host that begins as an IPv6 address and does not end as one
            raise ValueError(
                f"must be an https:// URL, or http:// on this machine; got a URL that cannot be read ({error})"
            ) from None
        host = parts.hostname or ""
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
            raise ValueError(
                "must be an https:// URL, or http:// on this machine (localhost, 127.0.0.1, [::1]); "
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
            raise ValueError(
                f"must be secrets of {SHORTEST_SECRET} bytes or more, with commas between; one of them is shorter"
            )
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
        raise SettingsError(f"{name} {complaint(first, is_secret=first['loc'][0] in _SECRETS)}.") from None
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
