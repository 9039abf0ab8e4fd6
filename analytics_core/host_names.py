"""Names of hosts: how they are compared and shown, and which handle owns one by name (`{handle}.{public_domain}`)."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import Final

import idna

_LONGEST_NAME: Final = 253  # of DNS
_OF_EUROPE: Final = frozenset("ßæøœđðþłħŋ")
# How Unicode's names of the letters that are shown begin: scripts in common use, without their older and smaller forms.
# `ᴏ` is a Latin letter, yet no word's; letters of Armenian, Cherokee or Lisu are taken for those of Latin.
_IN_COMMON_USE: Final = (
    "ARABIC", "BENGALI", "CJK UNIFIED", "CYRILLIC SMALL", "DEVANAGARI", "GEORGIAN LETTER", "GREEK SMALL", "GUJARATI",
    "GURMUKHI", "HANGUL SYLLABLE", "HEBREW", "HIRAGANA", "IDEOGRAPHIC", "KANNADA", "KATAKANA", "LATIN SMALL", "TAMIL",
    "TELUGU", "THAI",
)  # fmt: skip
_WRITTEN_TOGETHER: Final = (
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "LATIN"},
    {"CJK", "IDEOGRAPHIC", "HANGUL", "LATIN"},
)
# Letters that a reader of Latin takes for Latin's, a stroke or a slash: a name of these alone is read as another.
_LIKE_LATIN: Final = frozenset(
    "асԁеһіјӏорԛѕԝхуъьҽпгѵѡԍ" + "αγηικνορτυχωσϲ" + "וןסיח" + "اه" + "იოყხ" + "แเรบพนท" + "டப"
    + "丨丶丿亅一〇口工卜" + "ーノソンニロエトヘへ"
)  # fmt: skip


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
    scripts = {_script(character) for character in shown if character.isalpha() or not character.isascii()}
    is_of_one = len(scripts) == 1 or any(scripts <= together for together in _WRITTEN_TOGETHER)
    is_safe = None not in scripts and is_of_one
    return shown if is_safe and not (ends_in_ascii and scripts != {"LATIN"} and _looks_latin(shown)) else label


def _script(character: str) -> str | None:
    """The script of a letter, digit or mark, by its name in Unicode; None of what no name in common use has.

    A Latin letter that is none of A to Z with a mark, nor of an alphabet of Europe, is no ordinary one: `ɑ` looks like
    `a`.
    """
    name = unicodedata.name(character, "")
    if not name.startswith(_IN_COMMON_USE):
        return None
    script = name.split()[0].split("-")[0]
    is_ordinary = unicodedata.normalize("NFD", character)[0].isascii() or character in _OF_EUROPE
    return script if script != "LATIN" or is_ordinary else None


def _looks_latin(label: str) -> bool:
    """Whether all of a label is ASCII or like it: its marks aside, and with the digits of any script."""
    bare = (character for character in unicodedata.normalize("NFD", label) if not unicodedata.combining(character))
    return all(character.isascii() or character.isdecimal() or character in _LIKE_LATIN for character in bare)


def label_below(name: str, public_domain: str) -> str | None:
    """`acme` for `acme.links.example`; None for every other host. No custom domain can take such a name."""
    label, _, rest = name.partition(".")
    return label if label and rest == public_domain.lower() else None
