"""What the writer of a text should know before it goes out: by code, with the repair where one is safe. Pure.

The words are in ``campaigns.views.texting_words``. A text is taken with its placeholders, as it is written; what the
recipients' own words make of it is taken from a sample of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from campaigns.composing import segments, suffix, templating

LONG = 3  # parts; a longer text is rarely worth its price
OFTEN = 0.2  # of the recipients: a fallback that so many read is the text itself
# Shorteners that everybody may use, so that operators block what comes from them.
SHORTENERS = frozenset(
    (
        *("bit.ly", "tinyurl.com", "t.ly", "is.gd", "goo.gl", "cutt.ly", "rebrand.ly", "ow.ly", "t.co", "rb.gy"),
        *("shorturl.at", "yun.ir", "b2n.ir", "zaya.io"),
    )
)
_ARABIC = str.maketrans("يكى٠١٢٣٤٥٦٧٨٩", "یکی۰۱۲۳۴۵۶۷۸۹")
_TO_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_PLAIN = {  # what word processors and phones put in, and what GSM-7 has for it
    **dict.fromkeys("‘’‚`´", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("–—−‐‑", "-"),
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad", ""),
    "…": "...",
    "•": "*",
}
# Cyrillic and Greek letters that look like Latin ones.
_ALIKE = dict(zip("АВЕКМНОРСТХЅІЈаеорсухѕіјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTXSIJaeopcyxsijABEZHIKMNOPTYXo", strict=True))
_NAME = re.compile(r"(\{\{|\{[^{}|]*)")  # a placeholder's brace and name, which no repair touches; a brace of the text
_WORD = re.compile(r"[^\W\d_]+")
_LINK = re.compile(
    r"(?:(?:https?://|www\.)[!-~]*|(?<![\w.@-])(?:[a-z0-9-]+\.)+[a-z]{2,}/[!-~]*)[a-z0-9/=_&#%}~-]", re.IGNORECASE
)
_HOST = re.compile(r"(?:https?://)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_MIXED = re.compile(r"\d*(?:[0-9][۰-۹]|[۰-۹][0-9])\d*")
# Longer ones are telephone numbers and codes, which phones read.
_ALONE = re.compile(r"(?<![\w/._@#=&?:+-])[0-9]{1,4}(?![\w/_@#=&?:+-]|\.[0-9])")
_OPT_OUT = re.compile(r"لغو[\s\u200b-\u200f=:]*[1۱١]{2}")


class Caution(NamedTuple):
    """One thing to know: ``shown`` are the characters, links or names that it is about.

    ``number`` of ``of``: recipients of the sample, or the parts now and the parts without it. ``repaired`` is the
    whole text with the safe repair made, None where a person has to think.
    """

    code: str
    shown: Sequence[str] = ()
    number: int = 0
    of: int = 0
    repaired: str | None = None


class Sampled(NamedTuple):
    """One recipient of the sample: the values that the text asks for, and the segments of what is read."""

    values: Mapping[str, str]
    segments: segments.Segments


class Setting(NamedTuple):
    """What a text goes out with: the line's opt-out suffix, whether it is an advertising line, its part size."""

    suffix: str = ""
    is_advertising: bool = False
    part_size: int = segments.UCS2_PART


def cautions(text: str, setting: Setting, sample: Sequence[Sampled] = ()) -> list[Caution]:
    """Everything that there is to know of a text, the dearest first.

    Raises:
        TemplateError: the text is no template.
    """
    template = templating.parse(suffix.with_suffix(text, setting.suffix))
    found = [
        *_length(template, setting, sample),
        *_encoding(text, setting, sample),
        *_opt_out(text, setting),
        *_blanks(template, sample),
        *_letters(text),
        *_links(text),
        *_digits(text),
    ]
    if text != text.strip():
        found.append(Caution("spaces", repaired=text.strip()))
    return found


def _length(template: templating.Template, setting: Setting, sample: Sequence[Sampled]) -> Iterator[Caution]:
    usual = segments.count(template.literal, setting.part_size).parts
    if sample:
        usual = Counter(each.segments.parts for each in sample).most_common(1)[0][0]
    if usual > LONG:
        yield Caution("long", number=usual)
    longer = [each for each in sample if each.segments.parts > usual]
    if longer:
        worst = max(longer, key=lambda each: each.segments.units)
        longest = max((worst.values.get(name, "") for name in template.names), key=len, default="")
        yield Caution("long_value", [longest], len(longer), len(sample))


def _encoding(text: str, setting: Setting, sample: Sequence[Sampled]) -> Iterator[Caution]:
    """What alone makes a Latin text as dear as a Persian one."""
    bare = templating.parse(text).literal
    strays = _strays(bare)
    if strays:
        now = segments.count(bare, setting.part_size).parts
        without = segments.count("".join(char for char in bare if char not in strays), setting.part_size).parts
        plain = _outside_names(text, lambda piece: "".join(_PLAIN.get(char, char) for char in piece))
        yield Caution("encoding", strays, now, without, plain if plain != text else None)
        return
    if not bare.strip() or segments.count(bare).encoding == "ucs2":
        return
    whole = suffix.with_suffix(text, setting.suffix)
    if whole != text and segments.count(setting.suffix).encoding == "ucs2":
        yield Caution("suffix_encoding", [setting.suffix])
    elif turned := sum(each.segments.encoding == "ucs2" for each in sample):
        yield Caution("value_encoding", number=turned, of=len(sample))


def _strays(text: str) -> list[str]:
    """The characters that alone make a Latin text UCS-2; none in a Persian text, where all of them cost the same."""
    outside = [char for char in dict.fromkeys(text) if segments.count(char).encoding == "ucs2"]
    letters = any(char.isalpha() and segments.count(char).encoding == "gsm7" for char in text)
    if not letters or any(char.isalpha() and char not in _ALIKE for char in outside):
        return []
    return [char for char in outside if char not in _ALIKE]


def _opt_out(text: str, setting: Setting) -> Iterator[Caution]:
    if not setting.is_advertising:
        return
    written = bool(_OPT_OUT.search(text))
    if not setting.suffix:
        if not written:
            yield Caution("no_opt_out")
    elif suffix.with_suffix(text, setting.suffix) == text:
        yield Caution("suffix_written", [setting.suffix])
    elif written or setting.suffix in text:
        yield Caution("suffix_twice", [setting.suffix])


def _blanks(template: templating.Template, sample: Sequence[Sampled]) -> Iterator[Caution]:
    """The placeholders that recipients have no value for."""
    if not sample:
        return
    fallbacks = {part.name: part.fallback for part in template.parts if isinstance(part, templating.Placeholder)}
    for name, fallback in fallbacks.items():
        lacking = sum(not each.values.get(name) for each in sample)
        if lacking and not fallback:
            yield Caution("blank", [name], lacking, len(sample))
        elif lacking >= OFTEN * len(sample):
            yield Caution("often_blank", [name, fallback], lacking, len(sample))


def _letters(text: str) -> Iterator[Caution]:
    alike = list(dict.fromkeys(char for word in _WORD.findall(text) if _is_disguised(word) for char in word))
    alike = [char for char in alike if char in _ALIKE]
    if alike:
        yield Caution("alike", alike, repaired=_outside_names(text, lambda piece: _WORD.sub(_undisguised, piece)))
    arabic = [char for char in dict.fromkeys("".join(_NAME.split(text)[::2])) if ord(char) in _ARABIC]
    if arabic:
        yield Caution("arabic", arabic, repaired=_outside_names(text, lambda piece: piece.translate(_ARABIC)))


def _is_disguised(word: str) -> bool:
    """A word of Latin letters with others among them that look the same."""
    return any(char in _ALIKE for char in word) and any(char.isascii() for char in word)


def _undisguised(word: re.Match[str]) -> str:
    found = word.group()
    return "".join(_ALIKE.get(char, char) for char in found) if _is_disguised(found) else found


def _links(text: str) -> Iterator[Caution]:
    links = [match.group() for match in _LINK.finditer(text)]
    if not links:
        return
    freed = _outside_names(text, _freed)
    if freed != text:
        yield Caution("link_runs_on", links, repaired=freed)
    short = [link for link in links if _host(link) in SHORTENERS]
    if short:
        yield Caution("short_link", short)
    else:
        yield Caution("link", links)


def _host(link: str) -> str:
    match = _HOST.match(link)
    return match.group(1).lower() if match else ""


def _freed(piece: str) -> str:
    """The links in it with a space to what is not theirs, where letters or signs stand right at them."""
    freed, end = "", 0
    for match in _LINK.finditer(piece):
        before, after = piece[end : match.start()], piece[match.end() : match.end() + 1]
        freed += before + (" " if before and before[-1].isalnum() else "") + match.group()
        freed += " " if after and not after.isascii() and not after.isspace() else ""
        end = match.end()
    return freed + piece[end:]


def _digits(text: str) -> Iterator[Caution]:
    mixed = [match.group() for match in _MIXED.finditer(text)]
    alone = _ALONE.findall(_OPT_OUT.sub("", text))
    if mixed or (alone and re.search(r"[۰-۹]", text)):
        yield Caution("digits", [*mixed, *alone], repaired=_outside_names(text, _one_family))


def _one_family(piece: str) -> str:
    piece = _MIXED.sub(lambda match: match.group().translate(_TO_PERSIAN), piece)
    kept: list[str] = _OPT_OUT.findall(piece)
    changed = [_ALONE.sub(lambda match: match.group().translate(_TO_PERSIAN), part) for part in _OPT_OUT.split(piece)]
    return "".join(part for pair in zip(changed, [*kept, ""], strict=True) for part in pair)


def _outside_names(text: str, change: Callable[[str], str]) -> str:
    """The text with a change made everywhere but in the names of its placeholders."""
    return "".join(piece if n % 2 else change(piece) for n, piece in enumerate(_NAME.split(text)))
