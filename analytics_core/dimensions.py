"""DIMENSIONS: the properties by which clicks are grouped and filtered. One dimension is one row here.

Columns of the roll-ups, SQL, parameters of the API, files, screens and docs are derived from these rows. A new
dimension needs its row and, beside it, whatever finds its value for a click.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from analytics_core.host_names import referring_name, site_name
from analytics_core.model import BOT, NONE, NOT_TRACKED, PENDING, PERSON, SEGMENTS, Sort

BOT_PURPOSES: Final = ("search", "agent", "training", "preview", "monitor", "scanner", "prefetch", "library", "other")
WEEKDAY_HOUR: Final = "weekdayHour"

Origin = Literal["time", "log", "link", "agent", "history"]
Place = Literal["slots", "cube", "detail"]


def _as_it_stands(value: str) -> str:
    return value


@dataclass(frozen=True, slots=True)
class Dimension:
    """One property of a click.

    `name` is the word of `groupBy`; `parameter`, the word of filters and of single events, is the same unless it is
    given. `label` and `plural` are those of screens. `origin` says where the value of a click comes from: its time,
    the log line, the link in force, the user agent, or the visitor's history. `kept` says where answers find it:
    `slots` are times; `cube` and `detail` are the two cubes of the roll-up `click_counts`, each of which counts clicks
    in all of its dimensions at once. Its grains `quarter_hour` and `day` are of the first cube, its grain `detail` is
    the second one, per UTC day.

    `column` holds the value; where it is null that of `fallback` counts, and where both are, `absent`. A log may lack
    what `tracked_as` names: then the dimension has a `trackedFrom`. `spelling` turns what a caller typed into the way
    values are stored. `values` are all that there are, where they are known; otherwise `form` may be a pattern that all
    have, which `form_label` says in words. Filters by others are refused. `value_labels` are what screens call them.
    """

    name: str
    column: str
    label: str
    plural: str
    definition: str
    example: str
    origin: Origin
    kept: Place = "cube"
    parameter: str = ""
    groups: bool = True
    filters: bool = True
    default_sort: Sort = "desc"
    tracked_as: str = ""
    fallback: str = ""
    quarter_hours_only: bool = False  # the grain of UTC days lacks it
    absent: str = NOT_TRACKED
    spelling: Callable[[str], str] = _as_it_stands
    any_case: bool = False  # a filter finds the value however it writes capital letters
    values: tuple[str, ...] = ()
    form: str = ""
    form_label: str = ""
    value_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    key_label: str = ""  # of the stored value, where screens show it beside its name
    of_bots: str = ""  # the value of every bot, whatever its user agent claims
    of_people: str = ""  # the value of every person: it tells bots apart

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that may hold the value; the first that is not null counts."""
        return (self.column, self.fallback) if self.fallback else (self.column,)

    @property
    def word(self) -> str:
        """What filters and single events call it."""
        return self.parameter or self.name

    def compared(self, value: str) -> str:
        """What a filter compares of a value."""
        return value.lower() if self.any_case else value


# In the order in which roll-ups keep them, and screens and docs show them. Files that exist hold the cube's columns in
# this order: a new one comes last.
DIMENSIONS: Final = (
    Dimension(
        "day",
        "slot",
        "Day",
        "Days",
        "The day in the requested time zone; every day of the range is present, zeros included.",
        "20260228",
        origin="time",
        kept="slots",
        filters=False,
        default_sort="asc",
    ),
    Dimension(
        WEEKDAY_HOUR,
        "slot",
        "Hour of the week",
        "Hours of the week",
        "Day of the week (1 is Monday) and hour in the requested time zone, 1-00 to 7-23. All are present, and hours "
        "says how many hours of the range fall into each.",
        "3-17",
        origin="time",
        kept="slots",
        filters=False,
        default_sort="asc",
    ),
    Dimension("slug", "slug", "Link", "Links", "The short link.", "launch", origin="log"),
    Dimension(
        "campaign",
        "campaign_id",
        "Campaign",
        "Campaigns",
        f"The campaign that the link belonged to when it was clicked, {NONE} where there was none.",
        "spring-launch",
        origin="link",
        parameter="campaignId",
        absent=NONE,
        value_labels={NONE: "No campaign"},
        key_label="Campaign ID",
    ),
    Dimension(
        "country",
        "country",
        "Country",
        "Countries",
        "ISO 3166-1 alpha-2 code of the viewer's country, ZZ where the log has none.",
        "DE,AT",
        origin="log",
        tracked_as="country",
        spelling=str.upper,
        form="[A-Z]{2}",
        form_label="an ISO 3166-1 code of two letters such as DE, or ZZ where the log has none",
        value_labels={"ZZ": "Unknown country"},
        key_label="Code",
    ),
    Dimension(
        "device",
        "device",
        "Device",
        "Devices",
        "MOBILE, TABLET, DESKTOP, BOT or UNKNOWN. A bot is always BOT.",
        "MOBILE",
        origin="agent",
        tracked_as="device",
        spelling=str.upper,
        values=("MOBILE", "TABLET", "DESKTOP", "BOT", "UNKNOWN", PENDING, NOT_TRACKED),
        value_labels={
            "MOBILE": "Mobile",
            "TABLET": "Tablet",
            "DESKTOP": "Desktop",
            "BOT": "Bot",
            "UNKNOWN": "Unknown",
        },
        of_bots="BOT",
    ),
    Dimension(
        "referrer",
        "referrer",
        "Referrer",
        "Referrers",
        "The referring domain, or the app's site or id; direct where there is none. International names are kept and "
        "answered as browsers send them (xn--…), and found by either spelling.",
        "instagram.com",
        origin="log",
        tracked_as="referrer",
        spelling=site_name,
        value_labels={"direct": "Direct"},
    ),
    Dimension(
        "referrerHost",
        "referrer_host",
        "Referring host",
        "Referring hosts",
        "The referring host without its port and a leading www., which a filter may have or leave out; where the "
        "referrer has no host, the referrer.",
        "l.instagram.com",
        origin="log",
        groups=False,
        tracked_as="referrer",
        fallback="referrer",
        quarter_hours_only=True,
        spelling=referring_name,
        value_labels={"direct": "Direct"},
    ),
    Dimension(
        "segment",
        "segment",
        "Segment",
        "Segments",
        f"What the visitor was when clicking: {', '.join(SEGMENTS)}. A visitor without identity, and a bot, is "
        "unknown.",
        "returning,customer",
        origin="history",
        absent="unknown",
        spelling=str.lower,
        values=(*SEGMENTS, PENDING),
        value_labels={
            "new": "New",
            "returning": "Returning",
            "engaged_prospect": "Engaged prospect",
            "customer": "Customer",
            "vip": "VIP",
            "unknown": "Unknown",
        },
    ),
    Dimension(
        "browser",
        "browser",
        "Browser",
        "Browsers",
        "The family of the browser, or the app that opened the link in a window of its own; unknown where no rule "
        f"matches, {BOT} for every bot.",
        "Safari,Instagram",
        origin="agent",
        kept="detail",
        tracked_as="browser",
        any_case=True,
        value_labels={BOT: "Bot", "unknown": "Unknown"},
        of_bots=BOT,
    ),
    Dimension(
        "os",
        "os",
        "Operating system",
        "Operating systems",
        f"The family of the operating system; unknown where no rule matches, {BOT} for every bot.",
        "iOS,Android",
        origin="agent",
        kept="detail",
        tracked_as="os",
        any_case=True,
        value_labels={BOT: "Bot", "unknown": "Unknown"},
        of_bots=BOT,
    ),
    Dimension(
        "trigger",
        "trigger",
        "Trigger",
        "Triggers",
        "qr where the short link was opened with a query parameter qr (any value), else link.",
        "qr",
        origin="log",
        kept="detail",
        tracked_as="trigger",
        spelling=str.lower,
        values=("qr", "link", PENDING, NOT_TRACKED),
        value_labels={"qr": "QR code", "link": "Link"},
    ),
    Dimension(
        "utmSource",
        "utm_source",
        "UTM source",
        "UTM sources",
        f"utm_source of the short link's own query, else of the destination of the link in force; {NONE} in neither.",
        "newsletter",
        origin="log",
        kept="detail",
        tracked_as="utm_source",
        value_labels={NONE: "None"},
    ),
    Dimension(
        "utmMedium",
        "utm_medium",
        "UTM medium",
        "UTM media",
        f"utm_medium, from the same places as utmSource; {NONE} in neither.",
        "email",
        origin="log",
        kept="detail",
        tracked_as="utm_medium",
        value_labels={NONE: "None"},
    ),
    Dimension(
        "utmCampaign",
        "utm_campaign",
        "UTM campaign",
        "UTM campaigns",
        f"utm_campaign, from the same places as utmSource; {NONE} in neither.",
        "spring",
        origin="log",
        kept="detail",
        tracked_as="utm_campaign",
        value_labels={NONE: "None"},
    ),
    Dimension(
        "botPurpose",
        "bot_purpose",
        "Bots by purpose",
        "Bots by purpose",
        "What a bot comes for: search (an index that people ask), agent (a person sent it), training (of a language "
        "model), preview (of a link that was shared), monitor, scanner (of security), "
        "prefetch (a browser fetched the page ahead of a visit), library (a program's HTTP library), or other. People "
        f"are {PERSON}.",
        "search,training",
        origin="agent",
        kept="detail",
        tracked_as="bot_purpose",
        spelling=str.lower,
        values=(*BOT_PURPOSES, PERSON, PENDING, NOT_TRACKED),
        value_labels={
            "search": "Search engines",
            "agent": "AI agents of people",
            "training": "AI training",
            "preview": "Link previews",
            "monitor": "Monitors",
            "scanner": "Scanners",
            "prefetch": "Fetched ahead",
            "library": "HTTP libraries",
            "other": "Other bots",
            PERSON: "People",
        },
        of_people=PERSON,
    ),
)

CUBE: Final = tuple(one for one in DIMENSIONS if one.kept == "cube")
CUBE_COLUMNS: Final = tuple(one.column for one in CUBE)
DETAILS: Final = tuple(one for one in DIMENSIONS if one.kept == "detail")
DETAIL_COLUMNS: Final = tuple(one.column for one in DETAILS)
DETAIL_FILTERS: Final = ("slug", "campaign_id")  # columns of the cube that the detail grain has too
# What a verdict says of an agent: the value of bots, whatever they claim to be.
OF_BOTS: Final = {one.column: one.of_bots for one in (*CUBE, *DETAILS) if one.of_bots}
OF_PEOPLE: Final = {one.column: one.of_people for one in (*CUBE, *DETAILS) if one.of_people}  # the value of people
VERDICT_COLUMNS: Final = (*OF_BOTS, *OF_PEOPLE)
# What a conversion takes over from its click when the click's line arrives. The slug it knows from its ctx; its segment
# moves by other rules.
TAKEN_FROM_CLICKS: Final = tuple(
    one.column for one in (*CUBE, *DETAILS) if one.origin != "history" and one.column != "slug"
)
TRACKED_COLUMNS: Final = tuple(one.column for one in CUBE if one.tracked_as == one.column)
