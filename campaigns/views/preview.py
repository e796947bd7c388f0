"""The live preview of a text, and what the step that writes it offers: placeholders, and what lines carry besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import checking, previewing
from campaigns.composing import templating
from campaigns.models import Campaign
from campaigns.sending import naming
from campaigns.views.cautioning import FIELD_NAMES, advice
from campaigns.views.lines import Card, cards
from contacts.models import Operator
from providers.models import SenderLine

SAMPLE = 200  # contacts that are asked for their attributes
MOST_ATTRIBUTES = 12
WRITERS = ("add_campaign", "change_campaign", "add_texttemplate", "change_texttemplate")


class Chip(NamedTuple):
    """A placeholder to put in, and what people call it."""

    name: str
    label: str


class Bale(NamedTuple):
    """The lines that carry what only Bale has: a file, a copy button, a message under a password."""

    files: list[Card]
    copy: list[Card]
    secure: list[Card]


class Row(NamedTuple):
    """An operator's share of the cost."""

    operator: str
    parts: int
    cost: int | None


def chips(contacts: Any) -> list[Chip]:
    """The placeholders that these contacts can fill: their fields, then their attributes, the commonest first."""
    keys = Counter(key for attributes in contacts.values_list("attributes", flat=True) for key in attributes or ())
    names = [name for name, _number in keys.most_common(MOST_ATTRIBUTES) if templating.is_name(name)]
    return [Chip(name, str(label)) for name, label in FIELD_NAMES.items()] + [Chip(name, name) for name in names]


def context(campaign: Campaign, lines: Iterable[SenderLine]) -> dict[str, Any]:
    """What the text step shows of a draft that may go out on any of these lines."""
    line, *others = cards([campaign.line, *(each for each in lines if each != campaign.line)])
    every = [line, *others]
    bale = Bale(
        [card for card in every if card.takes_files],
        [card for card in every if card.can.copy_button],
        [card for card in every if card.can.secure],
    )
    return {
        "card": line,
        "bale": bale if any(bale) else None,
        "placeholders": [] if line.can.keeps_audience else chips(naming.contacts(campaign).order_by("pk")[:SAMPLE]),
    }


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What recipients will read of the text that is being written, what it costs, and what is odd in it.

    ``?campaign=`` names the draft whose audience and line it is for; without one it is a text to be kept. A part of
    the page that asked, or a page of its own where no script did.
    """
    if not any(request.user.has_perm(f"campaigns.{name}") for name in WRITERS):
        raise PermissionDenied
    campaign, text = _draft(request), typed(request)
    facts: dict[str, Any] = {"campaign": campaign, "typed": text}
    problems = checking.text_problems(text) if text.strip() else []
    if campaign is None:
        facts |= _looked(previewing.look_at(text)) if text.strip() and not problems else {}
    else:
        campaign.text, copy = text, request.POST.get("copy_text", "").strip()
        facts |= {"line": campaign.line, "card": cards([campaign.line])[0], "file": campaign.file}
        facts |= {"copy_text": copy, "is_secure": "is_secure" in request.POST}
        facts["keeps"] = checking.keeps_audience(campaign.line)
        if text.strip() and not problems:
            problems = checking.line_problems(campaign.line, text)
            facts |= _looked(previewing.look(campaign))
    page = "_preview" if request.headers.get("HX-Request") else "preview"
    return render(request, f"campaigns/text/{page}.html", facts | {"problems": problems})


def typed(request: HttpRequest) -> str:
    """The text that was sent, with plain newlines and no more of it than a text may have."""
    text = request.POST.get("text", "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text[: checking.MAX_TEXT + 1]


def _draft(request: HttpRequest) -> Campaign | None:
    number = request.GET.get("campaign", "")
    drafts = Campaign.objects.select_related("line__account", "fallback_line", "file")
    return drafts.filter(pk=int(number[:18])).first() if number.isascii() and number.isdigit() else None


def _looked(look: previewing.Look) -> dict[str, Any]:
    charges = look.bill.charges if look.bill else ()
    rows = [Row(operator_name(each.operator), each.parts, each.cost) for each in charges if each.parts]
    return {"look": look, "advice": advice(look.cautions), "rows": rows}


def operator_name(key: int) -> str:
    """An operator as people call it."""
    if key == Operator.UNKNOWN:
        return _("operator not told")
    return str(Operator(key).label) if key in Operator.values else str(key)
