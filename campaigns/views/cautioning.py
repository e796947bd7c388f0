"""What the writer of a text should know, in words: ``composing.warnings`` finds it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.composing.warnings import Caution
from interface import persian

MOST_SHOWN = 5
OPT_OUT = "لغو11"
FIELD_NAMES: dict[str, Promise] = {
    "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"),
    "full_name": gettext_lazy("full name"),
}
_INVISIBLE: dict[str, Promise] = {
    "\u200c": gettext_lazy("half space"),
    "\u00a0": gettext_lazy("no-break space"),
    "\u200b": gettext_lazy("zero-width space"),
    "\u200d": gettext_lazy("invisible joiner"),
    "\u200e": gettext_lazy("invisible direction mark"),
    "\u200f": gettext_lazy("invisible direction mark"),
    "\ufeff": gettext_lazy("invisible byte order mark"),
}


class Advice(NamedTuple):
    """A caution in words: ``level`` info or warning, a sentence, a next step, and the label of its repair's button.

    ``repaired`` is the whole text with the repair made; None where a person has to think.
    """

    code: str
    level: str
    title: str
    text: str = ""
    button: str = ""
    repaired: str | None = None


def advice(cautions: Iterable[Caution]) -> list[Advice]:
    """Cautions in words, warnings first."""
    found = [_WORDS[each.code](each)._replace(code=each.code, repaired=each.repaired) for each in cautions]
    return sorted(found, key=lambda each: each.level != "warning")


def _warning(title: str, text: str = "", button: str = "") -> Advice:
    return Advice("", "warning", title, text, button)


def _info(title: str, text: str = "", button: str = "") -> Advice:
    return Advice("", "info", title, text, button)


def _character(char: str) -> str:
    if char in _INVISIBLE:
        return str(_INVISIBLE[char])
    return persian.isolated(char) if char.isprintable() else unicodedata.name(char, f"U+{ord(char):04X}")


def _list(shown: Sequence[str], word: Callable[[str], str] = persian.isolated) -> str:
    return _(", ").join(dict.fromkeys(word(each) for each in shown[:MOST_SHOWN]))


def _parts(number: int) -> str:
    return ngettext("%(n)s part", "%(n)s parts", number) % {"n": persian.number(number)}


def _people(caution: Caution) -> dict[str, str]:
    return {"n": persian.number(caution.number), "of": persian.number(caution.of)}


def _placeholder(name: str) -> str:
    return str(FIELD_NAMES[name]) if name in FIELD_NAMES else persian.isolated(name)


def _long(caution: Caution) -> Advice:
    title = _("The text takes %(parts)s parts; each one is paid for.")
    return _warning(title % {"parts": persian.number(caution.number)}, _("A shorter text is cheaper, and read sooner."))


def _long_value(caution: Caution) -> Advice:
    said = ngettext(
        "Of %(of)s recipients looked at, %(n)s gets a longer text than usual, which costs a part more.",
        "Of %(of)s recipients looked at, %(n)s get a longer text than usual, which costs a part more.",
        caution.number,
    )
    longest = _("The longest word put in is “%(value)s”. Leave more room, or use a shorter placeholder.")
    return _warning(said % _people(caution), longest % {"value": persian.isolated(caution.shown[0])})


def _encoding(caution: Caution) -> Advice:
    title = _("%(characters)s makes this Latin text cost as much as a Persian one: 70 characters a part, not 160.")
    told = {"now": _parts(caution.number), "without": _parts(caution.of)}
    if caution.number > caution.of:
        text = _("It takes %(now)s; without that it would be %(without)s.") % told
    else:
        text = _("It is %(now)s either way, but there is less room left.") % told
    return _warning(title % {"characters": _list(caution.shown, _character)}, text, _("Put plain characters in"))


def _suffix_encoding(caution: Caution) -> Advice:
    title = _("The line's opt-out words “%(suffix)s” make this Latin text cost as much as a Persian one.")
    hint = _("Opt-out words in Latin letters, set at the line, would leave 160 characters a part.")
    return _warning(title % {"suffix": persian.isolated(caution.shown[0])}, hint)


def _value_encoding(caution: Caution) -> Advice:
    said = ngettext(
        "For %(n)s of %(of)s recipients looked at, Persian words come into this Latin text: 70 characters a part.",
        "For %(n)s of %(of)s recipients looked at, Persian words come into this Latin text: 70 characters a part.",
        caution.number,
    )
    return _warning(said % _people(caution), _("Write the text in Persian, or leave the placeholder out."))


def _no_opt_out(_caution: Caution) -> Advice:
    title = _("This is an advertising line, and neither it nor the text says how to opt out.")
    hint = _("Write “%(suffix)s” at the end of the text, or set the opt-out words at the line.")
    return _warning(title, hint % {"suffix": persian.isolated(OPT_OUT)})


def _suffix_written(_caution: Caution) -> Advice:
    return _info(_("The text ends in the opt-out words already, so the line does not add them again."))


def _suffix_twice(caution: Caution) -> Advice:
    title = _("The opt-out words stand within the text, and the line adds “%(suffix)s” at its end once more.")
    hint = _("Move them to the end, or take them out of the text.")
    return _warning(title % {"suffix": persian.isolated(caution.shown[0])}, hint)


def _blank(caution: Caution) -> Advice:
    said = ngettext(
        "%(n)s of %(of)s recipients looked at has no “%(name)s”, and nothing stands in for it.",
        "%(n)s of %(of)s recipients looked at have no “%(name)s”, and nothing stands in for it.",
        caution.number,
    )
    told = _people(caution) | {"name": _placeholder(caution.shown[0])}
    name = caution.shown[0]
    hint = _("Write a word that stands in, such as %(token)s.") % {"token": f"\u2066{{{name}|{_('customer')}}}\u2069"}
    return _warning(said % told, hint)


def _often_blank(caution: Caution) -> Advice:
    name, fallback = caution.shown
    said = ngettext(
        "%(n)s of %(of)s recipients looked at has no “%(name)s” and reads “%(fallback)s”.",
        "%(n)s of %(of)s recipients looked at have no “%(name)s” and read “%(fallback)s”.",
        caution.number,
    )
    return _info(said % (_people(caution) | {"name": _placeholder(name), "fallback": persian.isolated(fallback)}))


def _alike(caution: Caution) -> Advice:
    title = _("A Latin word has letters of another alphabet that look the same: %(characters)s")
    hint = _("They make the whole text dearer, and a code with them does not work.")
    return _warning(title % {"characters": _list(caution.shown)}, hint, _("Make them Latin"))


def _arabic(caution: Caution) -> Advice:
    title = _("The text has Arabic letters or digits in place of Persian ones: %(characters)s")
    hint = _("They look odd on many phones.")
    return _warning(title % {"characters": _list(caution.shown)}, hint, _("Make them Persian"))


def _link_runs_on(caution: Caution) -> Advice:
    title = _("A link touches the letters next to it, so phones open the wrong address: %(links)s")
    return _warning(title % {"links": _list(caution.shown)}, "", _("Put a space in between"))


def _short_link(caution: Caution) -> Advice:
    title = _("Operators often hold back messages with a public short link: %(links)s")
    hint = _("An address of your own site gets through, and people trust it more.")
    return _warning(title % {"links": _list(caution.shown)}, hint)


def _link(caution: Caution) -> Advice:
    title = _("The text has a link: %(links)s")
    hint = _("Open it once on a phone. Operators look closely at links, so send a test first.")
    return _info(title % {"links": _list(caution.shown)}, hint)


def _digits(caution: Caution) -> Advice:
    title = _("The text mixes Persian and Latin digits: %(numbers)s")
    return _info(title % {"numbers": _list(caution.shown)}, "", _("Make them Persian"))


def _spaces(_caution: Caution) -> Advice:
    return _info(_("The text begins or ends with blank space."), _("It is sent and paid for."), _("Take it away"))


_WORDS: dict[str, Callable[[Caution], Advice]] = {
    "long": _long,
    "long_value": _long_value,
    "encoding": _encoding,
    "suffix_encoding": _suffix_encoding,
    "value_encoding": _value_encoding,
    "no_opt_out": _no_opt_out,
    "suffix_written": _suffix_written,
    "suffix_twice": _suffix_twice,
    "blank": _blank,
    "often_blank": _often_blank,
    "alike": _alike,
    "arabic": _arabic,
    "link_runs_on": _link_runs_on,
    "short_link": _short_link,
    "link": _link,
    "digits": _digits,
    "spaces": _spaces,
}
