"""How IPPanel's answers are read: the envelope, its pages, its figures. Pure.

Every answer is ``{"data": …, "meta": {"status", "message", "message_code", "errors"?, paging?}}``. ``message_code`` is
not unique (``400-1`` comes with 400, 401, 404 and 409): the HTTP status decides, the code is only kept. IPPanel's own
pages say that with any status but 200 nothing was sent; a refusal that does not wear the envelope is not IPPanel's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from providers.answers import Blame, Outcome
from providers.base import HttpResponse, MalformedAnswer
from providers.decoding import objects_of, retry_after, text_of, whole_of, word_of
from providers.keeping import Page

Row = TypeVar("Row")

ACCOUNT_REFUSALS = frozenset({401, 403, 404, 405})  # bad token or wrong address: nothing else will pass
TIMED_OUT = frozenset({408, 499})  # a gateway gave up waiting: the request may have gone through behind it
MAX_FIELDS = 50
_FIGURE = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]+)?", re.ASCII)
_MOBILE = re.compile(r"(?:\+98|0098|98|0)?(9[0-9]{9})", re.ASCII)
_FOREIGN = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)


class Verdict(NamedTuple):
    """What an answer says before its data are looked at. ``enveloped``: it is IPPanel that speaks, not a proxy."""

    outcome: Outcome
    blame: Blame | None = None
    code: str = ""
    text: str = ""
    data: Any = None
    meta: Mapping[str, Any] = {}
    enveloped: bool = False
    retry_after: float | None = None


def verdict_of(response: HttpResponse) -> Verdict:
    """The outcome by the HTTP status. A 429 is RETRYABLE here: of all calls only a send makes it doubtful."""
    try:
        content = response.json()
    except MalformedAnswer:
        content = None
    found = content.get("meta") if isinstance(content, dict) else None
    meta: Mapping[str, Any] = found if isinstance(found, dict) else {}
    stated, data = meta.get("status"), content.get("data") if isinstance(content, dict) else None
    code, text = word_of(meta.get("message_code")), text_of(meta.get("message"))
    enveloped = isinstance(stated, bool)
    if response.status == 200:
        if stated is True:
            return Verdict(Outcome.ACCEPTED, None, "", text, data, meta, enveloped)
        return Verdict(Outcome.UNCLEAR, None, code or "not_the_documented_json", text, None, meta, enveloped)
    refusal = Verdict(Outcome.UNCLEAR, None, code or str(response.status), text, None, meta, enveloped)
    if stated is True or data:  # a refusal that says yes contradicts itself
        return refusal
    return _refused(response, refusal)


def _refused(response: HttpResponse, refusal: Verdict) -> Verdict:
    status = response.status
    if status == 429:
        return refusal._replace(outcome=Outcome.RETRYABLE, code="429", retry_after=retry_after(response))
    if status in ACCOUNT_REFUSALS:
        return refusal._replace(outcome=Outcome.REJECTED, blame=Blame.ACCOUNT)
    if 400 <= status < 500 and status not in TIMED_OUT and refusal.enveloped:
        return refusal._replace(outcome=Outcome.REJECTED, blame=Blame.REQUEST)
    return refusal


def asked_of(response: HttpResponse) -> Verdict:
    """The verdict on a question about one thing: IPPanel's own 404 says that the thing is not there."""
    verdict = verdict_of(response)
    if response.status == 404 and verdict.enveloped and verdict.blame is Blame.ACCOUNT:
        return verdict._replace(blame=Blame.REQUEST)
    return verdict


def field_errors(meta: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """``meta.errors``: texts by the field of the request that they concern."""
    errors = meta.get("errors")
    found: dict[str, Sequence[str]] = {}
    for name, texts in list(errors.items())[:MAX_FIELDS] if isinstance(errors, dict) else ():
        read = [text_of(each) for each in (texts if isinstance(texts, list) else [texts])[:MAX_FIELDS]]
        if field := text_of(name)[:100]:
            found[field] = [each for each in read if each]
    return found


def page_of(response: HttpResponse, per_page: int, read: Callable[[dict[str, Any]], Row | None]) -> Page[Row]:
    """One page of a list; a row that ``read`` cannot make sense of is left out.

    An answer without figures of its pages (the lines) ends the list unless it is full.
    """
    verdict = asked_of(response)
    entries = verdict.data.get("data") if isinstance(verdict.data, dict) else verdict.data
    outcome, blame, code, text, _data, meta, _enveloped, wait = verdict
    if outcome is not Outcome.ACCEPTED:
        return Page(outcome, blame=blame, code=code, text=text, retry_after=wait)
    if not isinstance(entries, list):
        return Page(Outcome.UNCLEAR, code="not_the_documented_json", text=text)
    rows = [row for entry in objects_of(entries) if (row := read(entry)) is not None]
    page = whole_of(meta.get("current_page")) or 1
    last_page = whole_of(meta.get("last_page")) or (None if len(entries) >= per_page else page)
    return Page(outcome, rows, page, last_page, whole_of(meta.get("total")))


def rial_of(value: object) -> int | None:
    """A sum in rial, rounded: a number, or a string of one, with or without a fraction; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _FIGURE.fullmatch(str(value).strip())
    return round(float(found[0])) if found else None


def phone_of(value: object) -> str:
    """A number as E.164, out of any form that an Iranian mobile is written in; empty where it is no phone number."""
    written = str(value).strip() if isinstance(value, int | str) else ""
    if found := _MOBILE.fullmatch(written):
        return "+98" + found[1]
    return written if _FOREIGN.fullmatch(written) else ""


def message_of(value: object) -> str:
    """A message's whole text, which may be longer than a provider's own words: at most 2,000 characters."""
    return text_of(value[:1000]) + text_of(value[1000:2000]) if isinstance(value, str) else ""


def counts_of(data: object) -> dict[str, int]:
    """The figures of ``bulk_stats`` by status and operator (``delivered.mci``), both languages of text together."""
    found: Counter[str] = Counter()
    for status, operators in data.items() if isinstance(data, dict) else ():
        for operator, figures in operators.items() if isinstance(operators, dict) else ():
            name = word_of(f"{status.removeprefix('operators_')}.{operator}")
            if name:
                found[name] += _sum_of(figures)
    return dict(found)


def _sum_of(figures: object) -> int:
    values = figures.values() if isinstance(figures, dict) else (figures,)
    return sum(whole_of(value) or 0 for value in values)
