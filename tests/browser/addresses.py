"""Every page of the site, filled: a cast for it, the addresses, and which addresses are no pages of their own."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from campaigns import approving
from campaigns.models import Campaign, Message, Segment, TextTemplate
from campaigns.states import CampaignStatus
from contacts import bulk, importing, suppression_files, suppressions
from contacts.models import BulkAction, Contact, ContactImport, JobCategory, Phonebook, Suppression
from contacts.suppressions import Terms
from providers.models import ProviderAccount, Tariff
from providers.secrets import encrypt
from tests import builders
from tests.campaigns.screens import campaign_in, unclear

WITHOUT_PARAMETERS = (
    "/", "/approvals/", "/approvals/?tab=decided", "/campaigns/", "/campaigns/?tests=1", "/campaigns/new/",
    "/messages/", "/segments/", "/segments/new/", "/texts/", "/texts/new/", "/contacts/", "/contacts/new/",
    "/contacts/actions/", "/contacts/actions/new/?kind=add&filter=1", "/exports/", "/phonebooks/", "/categories/",
    "/imports/", "/imports/new/", "/suppressions/", "/suppressions/new/", "/suppressions/files/",
    "/accounts/", "/accounts/new/", "/accounts/holidays/", "/people/", "/people/new/",
)  # fmt: skip
_PART, _FILE, _ELSEWHERE = "a part of a page", "a file", "leads elsewhere"
# Addresses that a GET answers and that are still no page to be looked at here, each with its reason.
NO_PAGES = {
    "login": "tested without a session",
    "set_language": _ELSEWHERE,
    "health": "for machines",
    "webhook": "for machines",
    "campaigns:edit": _ELSEWHERE,
    "campaigns:live": _PART,
    "campaigns:quote": _PART,
    "campaigns:tests": _PART,
    "campaigns:segment_size": _PART,
    "campaigns:text_choices": _PART,
    "campaigns:file": _FILE,
    "contacts:contact_timeline": _PART,
    "contacts:bulk_live": _PART,
    "contacts:numbers": _PART,
    "contacts:mirror": _PART,
    "contacts:import_live": _PART,
    "contacts:suppression_file_live": _PART,
    "contacts:import_issues": _FILE,
    "contacts:export_download": _FILE,
}


def imported(content: str, *, run: bool) -> ContactImport:
    path = importing.store([content.encode()], max_bytes=10_000)
    job = importing.prepare(path, "مشتریان.csv")
    if run:
        book = Phonebook.objects.create(name="imported")
        importing.start(job, job.mapping["columns"], phonebooks=[book], in_background=False)
        importing.run(job.pk)
    return job


def needing_a_person() -> list[str]:
    """A campaign that has stopped, its account's breaker open, and an account low in credit; the pages of each."""
    campaign = campaign_in(CampaignStatus.RUNNING)
    Campaign.objects.move(campaign.pk, CampaignStatus.PAUSED, pause_code="refused_request", pause_text="نامجاز")
    low = builders.account(name="حساب اصلی", credit=10_000, low_credit=50_000)
    Tariff.objects.create(line=builders.line(low, daily_cap=1_000), rial_per_part=1_000)
    ProviderAccount.objects.open_breaker(campaign.line.account_id, "418", "اعتبار کافی نیست")
    return [campaign.get_absolute_url(), *(f"/accounts/{pk}/" for pk in (campaign.line.account_id, low.pk))]


def every_page(draft: Campaign, finished: Campaign, user: User) -> list[str]:
    """The menu's pages, every form, and a page of each thing, for this user."""
    made = [*_campaigns(draft, finished), *_contacts(user), *_accounts(draft)]
    return [*WITHOUT_PARAMETERS, *made, *needing_a_person()]


def _campaigns(draft: Campaign, finished: Campaign) -> list[str]:
    customers = builders.include(Phonebook.objects.get(name="مشتریان"))
    waiting = builders.running(draft.line, customers)
    submitted = builders.draft(draft.line, builders.include(customers.phonebook or Phonebook()))
    approving.submit(submitted.pk, comment="برای جمعه")
    doubtful = unclear(1)
    segment = Segment.objects.create(name="تهرانی‌ها", conditions={"all": []})
    text = TextTemplate.objects.create(name="یلدا", text="سلام {first_name|دوست}")
    edit, over = f"/campaigns/{draft.pk}/edit/", finished.get_absolute_url()
    return [
        *(campaign.get_absolute_url() for campaign in (draft, waiting, submitted, doubtful, finished)),
        *(f"{edit}{step}/" for step in ("audience", "text", "sending")),
        *(f"{doubtful.get_absolute_url()}{word}/" for word in ("count-as-sent", "send-again")),
        *(f"{over}{rest}/" for rest in ("left-out", "clone", "again")),
        f"{draft.get_absolute_url()}test/",
        f"/messages/{Message.objects.of(builders.refreshed(finished)).latest('pk').pk}/",
        f"/segments/{segment.pk}/",
        f"/texts/{text.pk}/",
    ]


def _contacts(user: User) -> list[str]:
    imports = [imported("موبایل,نام,شهر\n09121112233,مینا,یزد\n1234,علی,\n", run=run) for run in (True, False)]
    book, category = Phonebook.objects.latest("pk"), JobCategory.objects.create(name="پزشک")
    suppressions.suppress([builders.phone(1)], scope=Suppression.Scope.ALL, reason="manual", source="manual")
    stops = Path(settings.UPLOAD_DIR) / "stops.csv"
    stops.write_text(f"{builders.phone(2)}\n0912\n", encoding="utf-8")
    file = suppression_files.start(stops, "stops.csv", Terms("all", "manual", "file"), in_background=False)
    suppression_files.run(file.pk)
    added = bulk.start(BulkAction.Kind.ADD, {"filter": {}}, {"phonebook": book.pk})
    bulk.start(BulkAction.Kind.EXPORT, {"filter": {}}, {"by": user.pk, "language": "fa"}, user)
    return [
        Contact.objects.latest("pk").get_absolute_url(),
        book.get_absolute_url(),
        f"{book.get_absolute_url()}organise/",
        f"/categories/{category.pk}/",
        f"/imports/{imports[0].pk}/",
        f"/imports/{imports[1].pk}/mapping/",
        f"/contacts/actions/{added.pk}/",
        f"/suppressions/{Suppression.objects.latest('pk').pk}/lift/",
        f"/suppressions/files/{file.pk}/",
        f"/people/{User.objects.create_user('sara').pk}/",
    ]


def _accounts(draft: Campaign) -> list[str]:
    account = f"/accounts/{draft.line.account_id}/"
    keeping = ProviderAccount.objects.create(
        name="IPPanel", slug="ippanel", base_url="http://127.0.0.1:9", credentials=encrypt({"token": "x"})
    )
    mirror = Phonebook.objects.create(name="مشتریان پنل", size=3, account=keeping, provider_ref="1")
    JobCategory.objects.create(name="پزشک", account=keeping, provider_ref="1")
    return [
        *(account + rest for rest in ("", "edit/", "lines/new/", f"lines/{draft.line_id}/")),
        *(f"/accounts/{keeping.pk}/{rest}" for rest in ("", "lists/", "lists/categories/")),
        f"/phonebooks/mirrored/{mirror.pk}/",
    ]
