"""The pages that are timed, and the parts that a page fetches when it is there."""

from __future__ import annotations

from typing import Any, NamedTuple


class Address(NamedTuple):
    """Where a page is; with a ``form`` it is sent there. A ``part`` comes when its page is there already."""

    path: str
    part: bool = False
    form: dict[str, Any] | None = None


FLOOR = "/contacts/new/"  # an empty form
# What needs no number of a row.
FIXED = (
    FLOOR, "/", "/?days=30", "/campaigns/", "/campaigns/?status=ended", "/campaigns/?q=small", "/campaigns/new/",
    "/contacts/", "/contacts/actions/", "/phonebooks/", "/phonebooks/?q=bench&sort=size", "/imports/", "/imports/new/",
    "/categories/", "/suppressions/", "/suppressions/?reason=opt_out", "/suppressions/?q=0912", "/suppressions/new/",
    "/segments/", "/segments/new/", "/texts/", "/texts/new/", "/messages/", "/exports/", "/approvals/",
    "/approvals/?tab=decided", "/people/", "/people/new/", "/accounts/", "/accounts/new/", "/accounts/holidays/",
    "/admin/", "/admin/campaigns/campaign/", "/admin/campaigns/campaign/?q=small", "/admin/campaigns/message/",
    "/admin/campaigns/batch/", "/admin/campaigns/deliveryevent/", "/admin/campaigns/auditentry/",
    "/admin/campaigns/statuscount/", "/admin/campaigns/approval/",
    "/admin/campaigns/segment/", "/admin/contacts/contact/", "/admin/contacts/contact/?q=0912",
    "/admin/contacts/membership/", "/admin/contacts/phonebook/", "/admin/contacts/suppression/",
    "/admin/contacts/jobcategory/", "/admin/providers/provideraccount/", "/admin/providers/senderline/",
    "/admin/auth/user/",
)  # fmt: skip


def addresses() -> dict[str, Address]:
    """Every page and part, by what it is."""
    found = {path: Address(path) for path in FIXED}
    return found | _composing() | _campaigns() | _people() | _messages()


def _composing() -> dict[str, Address]:
    """A draft for everybody, from its first step to the launch."""
    from campaigns.models import Approval, Campaign, Segment, TextTemplate
    from contacts.models import Phonebook

    draft, book = Campaign.objects.get(name="draft"), Phonebook.objects.get()
    submitted = Approval.objects.latest("pk").campaign
    segment, kept = Segment.objects.get(), TextTemplate.objects.get()
    at, text = f"/campaigns/{draft.pk}/", {"text": draft.text}
    audience = {"name": "draft", "account": draft.line.account_id, "line": draft.line_id, "include": book.pk}
    return {
        "composer, audience": Address(f"{at}edit/audience/"),
        "composer, audience, count": Address(f"/campaigns/count/?campaign={draft.pk}", True, audience),
        "composer, text": Address(f"{at}edit/text/"),
        "composer, text, preview": Address(f"/campaigns/preview/?campaign={draft.pk}", True, text),
        "composer, sending": Address(f"{at}edit/sending/"),
        "composer, sending, course": Address(f"{at}edit/course/", True, {"line": draft.line_id, "when": "now"}),
        "review": Address(at),
        "review, counted": Address(f"{at}?counted", True),
        "review, waits for approval": Address(submitted.get_absolute_url()),
        "review, tests": Address(f"{at}tests/", True),
        "segment": Address(f"/segments/{segment.pk}/"),
        "segment, size": Address(f"/segments/{segment.pk}/size/", True),
        "text": Address(f"/texts/{kept.pk}/"),
        "text, preview": Address("/campaigns/preview/", True, text),
        "texts to choose": Address("/texts/choose/", True),
    }


def _campaigns() -> dict[str, Address]:
    """The campaign that is under way, and one that is over."""
    from campaigns.models import Campaign

    campaign = Campaign.objects.get(status="running")
    first, last = int(campaign.first_message_id or 0), int(campaign.last_message_id or 0)
    over = Campaign.objects.filter(audience__gt=0).exclude(pk=campaign.pk).latest("last_message_id")
    at, done = campaign.get_absolute_url(), over.get_absolute_url()
    end = int(over.last_message_id or 0)
    return {
        "campaign": Address(at),
        "campaign, live part": Address(f"{at}live/", True),
        "campaign, over": Address(done),
        "campaign, over, again": Address(f"{done}again/", True),
        "campaign, over, clone": Address(f"{done}clone/", True),
        "recipients, middle": Address(f"{at}?after={(first + last) // 2}"),
        "recipients, end": Address(f"{at}?before={last}"),
        "recipients, delivered": Address(f"{done}?status=delivered"),
        "recipients, failed": Address(f"{done}?status=failed"),
        "recipients, pending, end": Address(f"{at}?status=pending&before={last}"),
        "recipients, request 7": Address(f"{done}?batch=7"),
        "recipients, a number": Address(f"{at}?q={_number(last)}"),
        "recipients, delivered, end": Address(f"{done}?status=delivered&before={end}"),
        "left out": Address(f"{done}left-out/"),
        "admin, a campaign": Address(f"/admin/campaigns/campaign/{campaign.pk}/change/"),
        "admin, a message": Address(f"/admin/campaigns/message/{first}/change/"),
    }


def _people() -> dict[str, Address]:
    from contacts.models import Contact, Phonebook
    from providers.models import SenderLine

    contact, line, book = Contact.objects.latest("pk"), SenderLine.objects.get(), Phonebook.objects.get()
    account, at = line.account.get_absolute_url(), contact.get_absolute_url()
    filters = (
        "q=سارا", "q=سارا محمدی تهران", "q=زرافه", "q=0912", f"q={contact.phone}", f"phonebook={book.pk}", "operator=1",
        "operator=2", "suppressed=yes", "suppressed=no", "since=2020-01-01", "since=2099-01-01", "bale=off",
        f"phonebook={book.pk}&q=سارا&operator=1", "suppressed=yes&q=سارا", "import=1", "category=1",
    )  # fmt: skip
    return {f"contacts, {query}": Address(f"/contacts/?{query}") for query in filters} | {
        "contacts, deep": Address(f"/contacts/?after={contact.pk // 2}"),
        "contact": Address(at),
        "contact, timeline": Address(f"{at}timeline/", True),
        "phonebook": Address(book.get_absolute_url()),
        "phonebook, a word": Address(f"{book.get_absolute_url()}?q=سارا"),
        "phonebook, organise": Address(f"{book.get_absolute_url()}organise/"),
        "account": Address(account),
        "line": Address(f"{account}lines/{line.pk}/"),
        "admin, a contact": Address(f"/admin/contacts/contact/{contact.pk}/change/"),
    }


def _messages() -> dict[str, Address]:
    """The explorer, with filters that meet many, few and none; and one message."""
    from campaigns.models import Message, ProviderRef
    from providers.models import SenderLine

    last, line = Message.objects.latest("pk"), SenderLine.objects.get()
    ref = ProviderRef.objects.order_by("ref").values_list("ref", flat=True)[0]
    filters = (
        "status=delivered", "status=failed", "status=unknown", "status=pending", f"q={_number(last.pk)}", "q=0912000",
        "code=999", f"account={line.account_id}", f"line={line.pk}&status=undelivered", "since=1404/01/01",
        f"ref={ref}",
        f"status=undelivered&below={last.pk // 2}", "reason=suppressed", f"campaign={last.campaign_id}&batch=3",
        f"code=999&below={last.pk // 2}", f"below={last.pk // 3}",
    )  # fmt: skip
    return {f"messages, {query}": Address(f"/messages/?{query}") for query in filters} | {
        "message": Address(f"/messages/{last.pk}/")
    }


def _number(message: int) -> str:
    """The number that a message went to, as people type it."""
    from campaigns.models import Message

    return f"0{str(Message.objects.get(pk=message).phone)[3:]}"
