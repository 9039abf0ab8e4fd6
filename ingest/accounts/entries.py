"""What an accounts file may say: its entries, each value checked as it is read."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from analytics_core.address_ranges import parse_range
from analytics_core.dimensions import BOT_PURPOSES
from analytics_core.errors import InvalidTimezoneError
from analytics_core.host_names import ascii_name, host_name
from analytics_core.model import Plan, Role
from analytics_core.names import HANDLE, SLUG
from analytics_core.store.request_rules import NO_VALUE
from analytics_core.zones import check_timezone


def _known_zone(name: str) -> str:
    try:
        check_timezone(name, "timezone")
    except InvalidTimezoneError as error:
        raise ValueError(error.message.rstrip(".")) from None
    return name


_SHOWN_CHARACTERS: Final = 80
_AGENT: Final = re.compile(r"[ -~]{3,200}")
_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}")


def _domain(name: str) -> str:
    """As hosts are logged and compared: lower case, no trailing dot, an international name as browsers send it."""
    host = ascii_name(host_name(name))
    if not _DOMAIN.fullmatch(host):
        raise ValueError(f"must be a domain such as go.acme.example; got {name[:_SHOWN_CHARACTERS]!r}")
    return host


_HAS_AUTHORITY: Final = re.compile(r"https?://[^\s\\/?#]+(?:[/?#]|\Z)", re.IGNORECASE)
_HTTP_URL: Final = TypeAdapter(AnyHttpUrl)


def _destination(url: str) -> str:
    """As it stands. Browsers would also make an absolute URL of `https:shop.example`; other readers would not."""
    with suppress(ValidationError):
        if _HAS_AUTHORITY.match(url):
            _HTTP_URL.validate_python(url)
            return _text(url)
    raise ValueError(
        f"must be an absolute http or https URL such as https://shop.example/launch; got {url[:_SHOWN_CHARACTERS]!r}"
    )


def _text(value: str) -> str:
    if "\0" in value:  # PostgreSQL takes no text with it
        raise ValueError(f"must not hold the character U+0000; got {value[:_SHOWN_CHARACTERS]!r}")
    return value


def _network(text: str) -> str:
    return str(parse_range(text))


def _agent(text: str) -> str:
    if not _AGENT.fullmatch(text):
        raise ValueError(
            f"must be 3 to 200 characters of ASCII that the user agent contains; got {text[:_SHOWN_CHARACTERS]!r}"
        )
    return text


def _rule_name(name: str) -> str:
    if name == NO_VALUE or not name.isprintable():
        raise ValueError(f"must be a printable name other than {NO_VALUE!r}; got {name!r}")
    return name


def _purpose(purpose: str) -> str:
    if purpose not in BOT_PURPOSES:
        raise ValueError(f"must be one of {', '.join(BOT_PURPOSES)}; got {purpose[:_SHOWN_CHARACTERS]!r}")
    return purpose


Handle = Annotated[str, StringConstraints(pattern=f"^{HANDLE}$")]
Slug = Annotated[str, StringConstraints(pattern=f"^{SLUG}$")]
Text = Annotated[str, AfterValidator(_text)]
CampaignId = Annotated[Text, StringConstraints(pattern=r"^[^,]+$", max_length=128)]  # a comma parts values of filters
DestinationUrl = Annotated[str, AfterValidator(_destination)]
Domain = Annotated[str, AfterValidator(_domain)]
Timezone = Annotated[str, AfterValidator(_known_zone)]
Network = Annotated[str, AfterValidator(_network)]
AgentText = Annotated[str, AfterValidator(_agent)]
RuleName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_rule_name)]
Purpose = Annotated[str, AfterValidator(_purpose)]


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Collaborator(Entry):
    user_id: Text = Field(min_length=1, max_length=255)
    role: Role


class Campaign(Entry):
    campaign_id: CampaignId
    name: Text


class Link(Entry):
    slug: Slug
    destination_url: DestinationUrl
    redirect_status: Literal[302, 307] = 302
    campaign_id: CampaignId | None = None
    append_context_param: bool = False
    enabled: bool = True
    expires_at: AwareDatetime | None = None
    title: Text | None = None


class OwnRule(Entry):
    """The clicks of a handle that it takes for a bot's: from a network, or by a text in the user agent."""

    name: RuleName
    sentence: Text | None = Field(default=None, max_length=1_000)
    network: Network | None = None
    agent: AgentText | None = None
    purpose: Purpose = "other"

    @model_validator(mode="after")
    def _has_one_sign(self) -> OwnRule:
        if (self.network is None) == (self.agent is None):
            got = "neither" if self.network is None else "both"
            raise ValueError(f"must have either network or agent; got {got}")
        return self


class HandleEntry(Entry):
    handle: Handle
    plan: Plan
    plan_since: AwareDatetime
    domains: tuple[Domain, ...] = ()
    timezone: Timezone = "UTC"
    collaborators: tuple[Collaborator, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    links: tuple[Link, ...] = ()
    own_rules: tuple[OwnRule, ...] = ()
    counted_purposes: tuple[Purpose, ...] = ()


class AccountsFile(Entry):
    handles: tuple[HandleEntry, ...]


ENTRIES: Final[dict[str, type[Entry]]] = {
    "handles": HandleEntry,
    "collaborators": Collaborator,
    "campaigns": Campaign,
    "links": Link,
    "ownRules": OwnRule,
}
