"""The demo: an account at each provider of the sandbox, a phonebook of a thousand people, and three campaigns that ran.

Everything goes through the product: the contacts are imported from a CSV file, and the campaigns are sent by the engine
to a sandbox on a socket and followed to their end. Only the times are moved into the past afterwards.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import math
import random
import time
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from campaigns import approving, drafting, lifecycle, standing
from campaigns.auditing import note
from campaigns.delivery import applying, polling
from campaigns.models import AuditEntry, Batch, Campaign, DeliveryEvent, Message, StatusCount, TimelinePoint
from campaigns.sending import dispatch
from campaigns.states import MessageStatus
from contacts import importing, mirroring
from contacts.models import Phonebook
from providers.models import ProviderAccount, SenderLine, Tariff
from providers.sandbox import running_sandbox
from providers.sandbox.ledger import Behaviour
from providers.secrets import encrypt

TOKEN = "sandbox-demo-token"  # noqa: S105 - the sandbox takes any


class Line(NamedTuple):
    """A line of a demo account."""

    sender: str
    name: str
    kind: str = SenderLine.Kind.SERVICE
    channel: str = SenderLine.Channel.SMS
    price: int = 1450  # rial a part in Persian
    daily_cap: int | None = None


class Account(NamedTuple):
    """A demo account at the sandbox; ``pace`` in requests a second, None for its provider's own."""

    slug: str
    name: str
    credential: str
    lines: tuple[Line, ...]
    pace: float | None = None


NAJVA = Account(
    "najva",
    "نجوا (آزمایشی)",
    "api_token",
    (
        Line("90000123", "خط خدماتی"),
        Line("90000456", "خط تبلیغاتی", SenderLine.Kind.ADVERTISING),
        Line("70001234", "بازوی نجوا", channel=SenderLine.Channel.BALE, price=700),
    ),
)
SAFIR = Account(
    "safir",
    "سفیر بله (آزمایشی)",
    "api_access_key",
    (Line("1122334455", "بازوی فروشگاه", channel=SenderLine.Channel.BALE, price=700),),
    pace=40.0,
)
IPPANEL = Account("ippanel", "آی‌پی‌پنل (آزمایشی)", "token", (Line("+983000505", "خط آی‌پی‌پنل"),))
GOSMS = Account(
    "gosms",
    "گوشی فروشگاه (آزمایشی)",
    "token",
    (Line("6654a4e8f1527149588c89f2:0", "گوشی صندوق", daily_cap=500),),
)
ACCOUNTS = (NAJVA, SAFIR, IPPANEL, GOSMS)
PHONEBOOK = "مشتریان فروشگاه"
PEOPLE = 1_000
# fmt: off
FIRST_NAMES = [
    "سارا", "علی", "مریم", "رضا", "فاطمه", "حسین", "زهرا", "محمد", "نرگس", "امیر", "لیلا", "مهدی", "الهام",
    "حامد", "شیرین", "بهرام", "پریسا", "کیان", "نازنین", "آرش", "مینا", "پویا", "سمیرا", "فرهاد", "ندا", "سینا",
    "هدیه", "کامران", "یاسمن", "بابک",
]
# fmt: on
# fmt: off
LAST_NAMES = [
    "محمدی", "حسینی", "احمدی", "کریمی", "رضایی", "موسوی", "جعفری", "صادقی", "نوروزی", "رحیمی", "قاسمی", "اکبری",
    "شریفی", "یوسفی", "کاظمی", "مرادی", "عباسی", "نجفی", "سلیمانی", "باقری", "فرهادی", "طاهری", "امینی", "زمانی",
]
# fmt: on
CITIES = ["تهران", "اصفهان", "شیراز", "مشهد", "تبریز", "رشت", "کرج", "اهواز", "یزد", "قم"]
PREFIXES = ("0912000", "0913000", "0935000", "0936000", "0921000")
CAMPAIGNS = (
    ("خوش‌آمد پاییزی", "سلام {first_name|مشتری} عزیز! پاییزتان رنگارنگ. کد {code} تا پایان هفته ۲۰٪ تخفیف دارد.", 6),
    ("یادآوری سبد خرید", "سبد خرید شما منتظر است. ارسال رایگان تا فردا شب.", 2),
    ("اول بله، بعد پیامک", "سلام {first_name|مشتری} عزیز! سفارشتان آماده است؛ کد تحویل {code}.", 1),
)
BALE_FIRST = CAMPAIGNS[2][0]
SHARES = {"11": 0.055, "14": 0.012}
NOT_ON_BALE = 0.3
HURRY = 10_000.0  # requests a second while the demo is made


SEEDED = "demo_seeded"


def seed() -> bool:
    """Make the demo, unless it was made before or somebody has an account of their own; whether it did.

    What an interrupted seeding left is completed.
    """
    ours = [account.name for account in ACCOUNTS]
    if AuditEntry.objects.filter(action=SEEDED).exists() or ProviderAccount.objects.exclude(name__in=ours).exists():
        return False
    behaviour = Behaviour(
        seed=1405, price=1450, sent_after=0.0, final_after=0.0, shares=SHARES, not_on_bale=NOT_ON_BALE
    )
    with running_sandbox(behaviour=behaviour) as sandbox:
        sms, bale, ippanel, _phone = [_lines(account, sandbox.base_url)[0] for account in ACCOUNTS]
        _mirror(ippanel.account)
        if not Phonebook.objects.filter(name=PHONEBOOK).exists():
            _import_people()
        for name, text, days in CAMPAIGNS:
            if not Campaign.objects.filter(name=name).exists():
                first = name == BALE_FIRST
                _run(name, text, bale if first else sms, sms if first else None, days)
    for account in ACCOUNTS:
        address = f"http://127.0.0.1:{settings.SANDBOX_PORT}"
        rows = ProviderAccount.objects.filter(name=account.name)
        rows.update(base_url=address, requests_per_second=account.pace, next_request_at=None)
    note(SEEDED, None)
    return True


@transaction.atomic
def _lines(account: Account, base_url: str) -> list[SenderLine]:
    """The lines of a demo account, which answers at ``base_url`` and, while the demo is made, at once."""
    credentials = encrypt({account.credential: TOKEN})
    found, _created = ProviderAccount.objects.update_or_create(
        name=account.name,
        defaults={
            "slug": account.slug,
            "base_url": base_url,
            "credentials": credentials,
            "requests_per_second": HURRY,
        },
    )
    return [_line(found, line) for line in account.lines]


def _line(account: ProviderAccount, line: Line) -> SenderLine:
    facts = {"name": line.name, "kind": line.kind, "channel": line.channel, "daily_cap": line.daily_cap}
    found, _created = SenderLine.objects.get_or_create(account=account, sender=line.sender, defaults=facts)
    for encoding, price in ((Tariff.Encoding.UCS2, line.price), (Tariff.Encoding.GSM7, 5 * line.price // 2)):
        Tariff.objects.get_or_create(line=found, encoding=encoding, defaults={"rial_per_part": price})
    return found


def _mirror(account: ProviderAccount) -> None:
    """Fetch what the provider keeps, unless an interrupted seeding has left that to the worker."""
    with contextlib.suppress(mirroring.CannotMirror):
        mirroring.run(mirroring.start(account, phonebook=None, in_background=False).pk)


def _import_people() -> None:
    dice = random.Random(1405)  # noqa: S311 - names for a demo
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(["موبایل", "نام", "نام خانوادگی", "city", "code"])
    for i in range(PEOPLE):
        phone = f"{dice.choice(PREFIXES)}{i:04d}"
        rows.writerow(
            [
                phone,
                dice.choice(FIRST_NAMES),
                dice.choice(LAST_NAMES),
                dice.choice(CITIES),
                f"PAIZ{dice.randrange(100, 999)}",
            ]
        )
    path = importing.store([buffer.getvalue().encode()], max_bytes=settings.IMPORT_MAX_BYTES)
    job = importing.prepare(path, "customers.csv")
    phonebook = Phonebook.objects.create(name=PHONEBOOK)
    importing.start(job, job.mapping["columns"], phonebooks=[phonebook], in_background=False)
    importing.run(job.pk)


def _run(name: str, text: str, line: SenderLine, fallback: SenderLine | None, days: int) -> None:
    """Send a campaign to its end, as the worker would, and move it ``days`` into the past."""
    rules = drafting.phonebook_rules([PHONEBOOK])
    campaign = drafting.create(name=name, line=line, text=text, rules=rules, fallback_line=fallback)
    _approve(campaign)
    lifecycle.launch(campaign.pk)
    lifecycle.prepare(campaign.pk)
    for _ in range(2):  # once more for what gathered for the fallback line
        dispatch.work(campaign.pk, seconds=60)
        lifecycle.finish(campaign.pk)
    time.sleep(0.05)
    due = timezone.now() - dt.timedelta(seconds=1)
    Batch.objects.filter(campaign=campaign).update(poll_at=due)
    for batch_id in polling.due():
        polling.poll(batch_id)
    DeliveryEvent.objects.filter(result=0).update(retry_at=due)
    applying.apply()
    lifecycle.finish(campaign.pk)
    _move_back(Campaign.objects.get(pk=campaign.pk), dt.timedelta(days=days, hours=3))


def _approve(campaign: Campaign) -> None:
    """The administrator's word, where APPROVAL asks for one."""
    if standing.is_required(campaign):
        approving.submit(campaign.pk)
        approving.approve(campaign.pk, get_user_model().objects.filter(is_superuser=True).first())


def _move_back(campaign: Campaign, span: dt.timedelta) -> None:
    moments = ("created_at", "launched_at", "started_at", "finished_at")
    Campaign.objects.filter(pk=campaign.pk).update(**{name: F(name) - span for name in moments})
    Batch.objects.filter(campaign=campaign).update(
        claimed_at=F("claimed_at") - span, settled_at=F("settled_at") - span, poll_at=None
    )
    AuditEntry.objects.filter(campaign=campaign).update(created_at=F("created_at") - span)
    refs = Message.objects.of(campaign).values("provider_ref")
    DeliveryEvent.objects.filter(provider_ref__in=refs).update(received_at=F("received_at") - span)
    Message.objects.of(campaign).update(updated_at=F("updated_at") - span)
    _spread(campaign, timezone.now() - span)


def _spread(campaign: Campaign, start: dt.datetime) -> None:
    """Let the timeline run over an hour and a half, as reports of real phones would; its sums stay what they were."""
    TimelinePoint.objects.filter(campaign=campaign).delete()
    totals = dict(StatusCount.objects.filter(campaign=campaign).values_list("status", "messages"))
    first = start.replace(minute=start.minute // 2 * 2, second=0, microsecond=0)
    _points(campaign, MessageStatus.ACCEPTED, sum(totals.values()), first, steps=8)
    for status in (MessageStatus.DELIVERED, MessageStatus.UNDELIVERED, MessageStatus.BLOCKED):
        _points(campaign, status, totals.get(status, 0), first, steps=45)


def _points(campaign: Campaign, status: MessageStatus, total: int, first: dt.datetime, steps: int) -> None:
    weights = [0.92**step for step in range(steps)]
    left = total
    for step, weight in enumerate(weights):
        share = min(left, math.ceil(total * weight / sum(weights)))
        left -= share
        if share:
            at = first + dt.timedelta(minutes=2 * step)  # the chart's own step: no teeth
            TimelinePoint.objects.create(campaign=campaign, at=at, status=status, messages=share)
