"""What campaigns forget of a person who is erased; the campaigns' figures stay as they are.

A message stays, without number, contact and own text. One that still waits is skipped when its turn comes
(``sending.jobs``), and one whose answer comes later is unclear or settled by its id (``sending.recording``): neither is
sent, nor sent again, for there is nobody to send to. A campaign that is being frozen is waited for, so that the freeze
does not put the number back.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from campaigns.models import Attempt, AudienceRule, Campaign, DeliveryEvent, LeftOut, Message
from campaigns.states import CampaignStatus


def erase(phones: Sequence[str]) -> None:
    """Forget these numbers (E.164), in the caller's transaction."""
    preparing = Campaign.objects.select_for_update(no_key=True, of=("self",)).filter(status=CampaignStatus.PREPARING)
    list(preparing.order_by("pk").values_list("pk", flat=True))
    campaigns = list(Campaign.objects.filter(audience__isnull=False).values_list("pk", flat=True))
    _forget_messages(campaigns, phones)
    LeftOut.objects.filter(campaign__in=campaigns, phone__in=phones).delete()
    _forget_rules(set(phones))


def _forget_messages(campaigns: Sequence[int], phones: Sequence[str]) -> None:
    # Campaign by campaign, in one statement: the table's only index on the number begins with the campaign.
    rows = Message.objects.filter(campaign__in=campaigns, phone__in=phones).select_for_update(of=("self",))
    facts = list(rows.order_by("pk").values_list("pk", "phone", "account_id", "provider_ref", "provider_text"))
    ids = [pk for pk, *_rest in facts]
    Message.objects.filter(pk__in=ids).update(phone=None, contact=None, text=None)
    named = [pk for pk, phone, _account, _ref, words in facts if _tells(words, phone)]
    Message.objects.filter(pk__in=named).update(provider_text="")
    Attempt.objects.filter(message_id__in=ids).exclude(words="").update(words="")
    _forget_words([(account, ref) for _pk, _phone, account, ref, _words in facts if account and ref])


def _tells(words: str, phone: str | None) -> bool:
    return bool(phone) and str(phone).removeprefix("+98").removeprefix("+") in words


def _forget_words(refs: Sequence[tuple[int, str]]) -> None:
    """A provider's words in the reports about these messages may name the number; its codes do not."""
    for account in {account for account, _ref in refs}:
        mine = [ref for of, ref in refs if of == account]
        DeliveryEvent.objects.filter(account=account, provider_ref__in=mine).exclude(words="").update(words="")


def _forget_rules(phones: set[str]) -> None:
    """Take the numbers out of the rules that name them; a rule that named nobody else goes.

    Left without its numbers it would mean the whole phonebook.
    """
    named = Q(kind=AudienceRule.Kind.NUMBERS) | Q(kind=AudienceRule.Kind.PHONEBOOK)
    rules = AudienceRule.objects.filter(named, params__has_key="numbers")
    for pk, params in list(rules.order_by("pk").values_list("pk", "params")):
        left = [number for number in params["numbers"] if number not in phones]
        if not left:
            AudienceRule.objects.filter(pk=pk).delete()
        elif len(left) < len(params["numbers"]):
            AudienceRule.objects.filter(pk=pk).update(params={**params, "numbers": left})
