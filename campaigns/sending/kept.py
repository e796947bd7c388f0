"""Campaigns whose recipients the provider keeps: the rules as its audience, its count and its price, the freeze.

Such a campaign is one request. Until the provider's report lists them, its recipients are only a number: the batch
holds them as ``unlisted``, and they stand in the accounting like any others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.conf import settings

from campaigns import counting
from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.counting import Delta
from campaigns.models import AudienceRule, Batch, Campaign
from campaigns.states import MessageStatus
from contacts.models import Phonebook
from providers import http, registry
from providers.answers import Outcome
from providers.audience import Audience, CategoryPart, NumbersPart, OperatorSlice, PhonebooksPart
from providers.base import HttpRequest, HttpResponse, ProviderError, TransportError
from providers.keeping import KeepingProvider
from providers.models import ProviderAccount

PATIENCE = 10.0  # seconds; somebody waits for the page
MCI = 1
MOST_PAGES = 100  # of phonebooks that are asked for one that is not mirrored


class NotTold(ProviderError):
    """The provider did not tell what was asked; ``code`` and ``words`` are its own where it said any."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.words = words


class Quote(NamedTuple):
    """What the provider says before a send: recipients, by operator where it tells, parts, and rial from … to."""

    recipients: int
    by_operator: Mapping[int, int]
    parts: int | None
    least: int | None
    most: int | None


def provider_of(account: ProviderAccount) -> KeepingProvider:
    """The backend of an account whose provider keeps the recipients."""
    provider = registry.provider_for(account)
    assert isinstance(provider, KeepingProvider)  # noqa: S101 - its capabilities say so
    return provider


def ask(request: HttpRequest) -> HttpResponse:
    """Carry out a question, which may be repeated at any time.

    Raises:
        NotTold: there was no answer.
    """
    try:
        return http.exchange(
            request,
            connect_timeout=min(PATIENCE, settings.SEND_CONNECT_TIMEOUT),
            read_timeout=min(PATIENCE, settings.SEND_READ_TIMEOUT),
        )
    except TransportError as error:
        raise NotTold(error.code) from None


def audience_of(campaign: Campaign) -> Audience:
    """The campaign's rules as the provider's audience."""
    return audience_from(rule.params for rule in campaign.audience_rules() if rule.kind == AudienceRule.Kind.PROVIDER)


def audience_from(rules: Iterable[Mapping[str, Any]]) -> Audience:
    """Rules' parameters (see :class:`AudienceRule`) as the provider's audience."""
    categories: list[CategoryPart] = []
    phonebooks: list[PhonebooksPart | NumbersPart] = []
    for params in rules:
        if "main" in params:
            operators = [OperatorSlice(it["id"], it.get("start"), it.get("size")) for it in params.get("operators", [])]
            categories.append(CategoryPart(params["main"], params.get("sub"), tuple(operators)))
        elif "phonebook" in params:
            phonebooks.append(NumbersPart(params["phonebook"], tuple(params["numbers"])))
        else:
            phonebooks.append(PhonebooksPart(tuple(params["phonebooks"]), params.get("start"), params.get("size")))
    return Audience(tuple(categories), tuple(phonebooks))


def quote(campaign: Campaign) -> Quote:
    """The provider's count and price of a campaign; several calls, so never in a transaction.

    Raises:
        NotTold: the provider did not answer, or refused.
        UndecryptableSecret: the account's credentials cannot be opened.
    """
    by_operator = count(campaign)
    recipients = sum(by_operator.values())
    provider = provider_of(campaign.line.account)
    text = with_suffix(campaign.text, campaign.line.suffix)
    answer = provider.parse_price(ask(provider.build_price(campaign.line.sender, text)))
    if answer.outcome is not Outcome.ACCEPTED or answer.mci is None or answer.other is None:
        return Quote(recipients, by_operator, answer.parts, None, None)
    unknown = by_operator.get(0, 0)
    prices = {MCI: answer.mci, 0: 0}
    known = sum(n * prices.get(operator, answer.other) for operator, n in by_operator.items())
    low, high = sorted((answer.mci, answer.other))
    return Quote(recipients, by_operator, answer.parts, known + unknown * low, known + unknown * high)


def count(campaign: Campaign) -> dict[int, int]:
    """How many recipients the provider has for a campaign, by operator; under 0 those whose operator it does not tell.

    Raises:
        NotTold: the provider did not answer, or refused.
    """
    provider, audience = provider_of(campaign.line.account), audience_of(campaign)
    found: Counter[int] = Counter()
    for part in audience.categories:
        for operator in part.operators or (None,):
            answer = provider.parse_count(ask(provider.build_count(part, operator)))
            if answer.outcome is not Outcome.ACCEPTED:
                raise NotTold(answer.code, answer.text)
            found.update(answer.by_operator)
    for book in audience.phonebooks:
        if isinstance(book, NumbersPart):
            found[0] += len(book.ids)
        else:
            there = sum(_sizes(provider, campaign.line.account, book.ids).values())
            left = max(0, there - (book.start or 0))
            found[0] += left if book.size is None else min(left, book.size)
    return {operator: n for operator, n in found.items() if n}


def _sizes(provider: KeepingProvider, account: ProviderAccount, refs: Iterable[str]) -> dict[str, int]:
    """The sizes of the provider's phonebooks: as mirrored, else as it lists them now."""
    wanted = set(refs)
    mirrored = Phonebook.objects.filter(account=account, provider_ref__in=wanted)
    found = dict(mirrored.values_list("provider_ref", "size"))
    page, last = 1, 1
    while wanted - found.keys() and page <= min(last, MOST_PAGES):
        answer = provider.parse_phonebooks(ask(provider.build_phonebooks(page)))
        if answer.outcome is not Outcome.ACCEPTED:
            raise NotTold(answer.code, answer.text)
        found |= {row.ref: row.size for row in answer.rows if row.ref in wanted}
        page, last = page + 1, answer.last_page or page + 1
    if missing := wanted - found.keys():
        raise NotTold("no_such_phonebook", ", ".join(sorted(missing)))
    return found


def freeze(campaign: Campaign, recipients: int) -> None:
    """Write the campaign's one batch and its counter, and set its audience; in the caller's transaction.

    What the caller then saves of the campaign must include ``audience`` and ``sent_text``.

    Raises:
        TemplateError: the text is no template.
    """
    campaign.sent_text = templating.parse(with_suffix(campaign.text, campaign.line.suffix)).literal
    campaign.audience = recipients
    if not recipients:
        return
    # Not number 0: there is no pilot, for the provider cannot send to the first ten alone.
    numbers = {"size": recipients, "pending": recipients, "unlisted": recipients}
    ends = {"first_message_id": 0, "last_message_id": 0}
    Batch.objects.create(campaign=campaign, line=campaign.line, number=1, **numbers, **ends)
    counting.add(campaign.pk, {MessageStatus.PENDING: Delta(recipients)})
