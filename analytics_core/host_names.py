"""Names of hosts: how they are compared and shown, and which handle owns one by name (`{handle}.{public_domain}`)."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import Final

import idna

_LONGEST_NAME: Final = 253  # of DNS
_OF_EUROPE: Final = frozenset("ßæøœđðþłħŋ")
_WRITTEN_TOGETHER: Final = (
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "LATIN"},
    {"CJK", "IDEOGRAPHIC", "BOPOMOFO", "LATIN"},
    {"CJK", "IDEOGRAPHIC", "HANGUL", "LATIN"},
)
# Letters that a reader of Latin takes for others: a name of these alone is read as another name.
_LIKE_LATIN: Final = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ" + "αγηικνορτυχω" + "0123456789-")


def host_name(host: str) -> str:
    """A host as sent or logged, without what does not matter: case, port, trailing dot."""
    return host.lower().split(":", 1)[0].rstrip(".")


def ascii_name(name: str) -> str:
    """An international name as browsers send it (`xn--…`); what is none stays as it is."""
    if name.isascii() or len(name) > _LONGEST_NAME:
        return name
    with suppress(UnicodeError):
        return idna.encode(name, uts46=True).decode()
    with suppress(UnicodeError):  # an older rule lets more pass: a `_` beside letters beyond ASCII
        return name.encode("idna").decode()
    return name


def referring_name(host: str) -> str:
    """A referring host as clicks keep it: small letters, ASCII, no trailing dot, no leading `www.` of a longer name."""
    name = ascii_name(host.lower().rstrip("."))
    return name.removeprefix("www.") if name.count(".") > 1 else name


def site_name(name: str) -> str:
    """A site, or an app's id, as clicks keep it: small letters, ASCII. `Straße.de` and `xn--strae-oqa.de` are one."""
    return ascii_name(name.lower())


def shown_name(name: str) -> str:
    """A name kept in ASCII, each label in its own script where that is safe to read, else as it is kept."""
    if "xn--" not in name:
        return name
    labels = name.split(".")
    ends_in_ascii = not labels[-1].startswith("xn--")
    return ".".join(_shown_label(label, ends_in_ascii=ends_in_ascii) for label in labels)


def _shown_label(label: str, *, ends_in_ascii: bool) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        shown = idna.decode(label)
    except UnicodeError:
        return label
    scripts = {_script(character) for character in shown} - {None}
    is_of_one = len(scripts) == 1 or any(scripts <= together for together in _WRITTEN_TOGETHER)
    is_disguise = ends_in_ascii and set(shown) <= _LIKE_LATIN
    return shown if is_of_one and not is_disguise else label


def _script(character: str) -> str | None:
    """The script of a letter by its name in Unicode; None of what every script has (digits, hyphen, marks).

    A Latin letter that is none of A to Z with a mark, nor of an alphabet of Europe, is a script of its own: `ɑ` looks
    like `a`.
    """
    if character in "0123456789-" or unicodedata.category(character).startswith("M"):
        return None
    script = unicodedata.name(character, "?").split()[0].split("-")[0]
    is_plain = unicodedata.normalize("NFD", character)[0].isascii() or character in _OF_EUROPE
    return script if script != "LATIN" or is_plain else f"LATIN {character}"


def label_below(name: str, public_domain: str) -> str | None:
    """`acme` for `acme.links.example`; None for every other host. No custom domain can take such a name."""
    label, _, rest = name.partition(".")
    return label if label and rest == public_domain.lower() else None
