"""Who gets a campaign: the rules as sets of recipients, and the freeze that turns them into messages, once.

The freeze is one ``INSERT … SELECT`` a rule, whatever the number of recipients: it deduplicates by phone, marks the
suppressed as skipped, renders personal texts in the database and gives each message its batch number. Recipients keep
a stated order: rule by rule, within a phonebook in the order in which contacts were added.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Case, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import Window
from django.db.models.functions import Cast, Now, RowNumber

from campaigns import counting, segmenting
from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.composing.templating import Template
from campaigns.counting import Delta
from campaigns.models import AudienceRule, Batch, Campaign, Message
from campaigns.states import BatchStatus, MessageStatus, Reason, statuses_of_outcome
from contacts.models import Contact, Membership, Suppression
from providers import registry
from providers.models import SenderLine

PASTED_LIMIT = 10_000
ASKED_AGAIN = dt.timedelta(days=90)  # after which a contact who was not on Bale is asked there again


class Recipients(NamedTuple):
    """A rule as a set of rows, one a recipient: where their contact and phone are found from those rows."""

    rows: QuerySet[Any]
    contact: str  # path to the contact, "" where the row is the contact
    phone: str  # path to the phone


def recipients_of(rule: AudienceRule) -> Recipients:
    """The recipients that a rule names."""
    if rule.kind == AudienceRule.Kind.PHONEBOOK:
        rows: QuerySet[Any] = _positions(Membership.objects.filter(phonebook=rule.phonebook_id), rule.params)
        if numbers := rule.params.get("numbers"):
            rows = rows.filter(contact__phone__in=numbers)
        return Recipients(rows, "contact", "contact__phone")
    if rule.kind == AudienceRule.Kind.CAMPAIGN:
        source = rule.source
        assert source is not None  # noqa: S101 - a database constraint
        rows = Message.objects.of(source).filter(phone__isnull=False)
        if outcome := rule.params.get("outcome"):
            rows = rows.filter(status__in=statuses_of_outcome(str(outcome)))
        return Recipients(rows, "contact", "phone")
    if rule.kind == AudienceRule.Kind.SEGMENT:
        assert rule.segment is not None  # noqa: S101 - a database constraint
        return Recipients(segmenting.contacts_of(rule.segment), "", "phone")
    if rule.kind == AudienceRule.Kind.NUMBERS:
        return Recipients(Contact.objects.filter(phone__in=rule.params.get("numbers", [])), "", "phone")
    return Recipients(_in_category(rule), "", "phone")


def _positions(rows: QuerySet[Any], params: dict[str, Any]) -> QuerySet[Any]:
    """Only the rows from position ``start`` (from 0, by id), ``size`` of them; all without either."""
    start, size = int(params.get("start") or 0), params.get("size")
    if not start and size is None:
        return rows
    stop = None if size is None else start + int(size)
    return rows.filter(pk__in=rows.order_by("pk").values("pk")[start:stop])


def _in_category(rule: AudienceRule) -> QuerySet[Any]:
    category = Q(job_category=rule.job_category_id) | Q(job_category__parent=rule.job_category_id)
    found = Contact.objects.filter(category)
    operators = rule.params.get("operators") or []
    if not operators:
        return found
    chosen = Q(pk__in=[])
    for operator in operators:
        chosen |= Q(pk__in=_positions(found.filter(operator=operator["id"]), operator).values("pk"))
    return found.filter(chosen)


def included(campaign: Campaign) -> Iterator[Recipients]:
    """Each include rule's recipients without those that an exclude rule names."""
    rules = campaign.audience_rules()
    excluded = [recipients_of(rule) for rule in rules if rule.rule == AudienceRule.Rule.EXCLUDE]
    for rule in rules:
        if rule.rule == AudienceRule.Rule.INCLUDE:
            recipients = recipients_of(rule)
            rows = recipients.rows
            for other in excluded:
                rows = rows.filter(~Exists(other.rows.filter(**{other.phone: OuterRef(recipients.phone)})))
            yield recipients._replace(rows=rows)


def contacts(campaign: Campaign) -> QuerySet[Contact]:
    """The contacts that the rules name, each once; pasted numbers that are no contact are not among them."""
    keys = [r.rows.order_by().values(_path(r.contact, "pk")) for r in included(campaign)]
    if not keys:
        return Contact.objects.none()
    return Contact.objects.filter(pk__in=keys[0].union(*keys[1:]) if keys[1:] else keys[0])


def strangers(campaign: Campaign) -> list[str]:
    """The pasted numbers that no contact has, E.164, each once, without the excluded ones."""
    numbers: dict[str, None] = {}
    out: set[str] = set()
    for rule in campaign.audience_rules():
        excludes = rule.rule == AudienceRule.Rule.EXCLUDE
        listed = rule.params.get("numbers", [])[:PASTED_LIMIT] if rule.kind == AudienceRule.Kind.NUMBERS else []
        if excludes and rule.kind == AudienceRule.Kind.CAMPAIGN:
            out.update(recipients_of(rule).rows.filter(contact=None).values_list("phone", flat=True))
        elif excludes:
            out.update(listed)
        else:
            numbers.update(dict.fromkeys(listed))
    known = set(Contact.objects.filter(phone__in=list(numbers)).values_list("phone", flat=True))
    return [number for number in numbers if number not in known and number not in out]


def suppressed(campaign: Campaign, phone: str) -> Exists:
    """Whether the phone at this path must not get messages from the campaign's line."""
    return Exists(Suppression.objects.for_line(campaign.line).filter(phone=OuterRef(phone)))


class Plan(NamedTuple):
    """How a campaign's recipients are cut into batches: a first one of ``pilot``, the rest of ``size`` each.

    Who is known not to be on the first line's channel goes to the fallback line at once, in batches of ``fallback``.
    """

    pilot: int
    size: int
    fallback: int = 1

    def batch_number(self, row: int) -> int:
        """The batch of the recipient at this place (from 1); batch 0 is the pilot."""
        return 0 if row <= self.pilot else 1 + (row - self.pilot - 1) // self.size


def plan_for(campaign: Campaign, personal: bool) -> Plan:
    """The batches that a campaign's lines allow."""
    size = batch_size(campaign.line, personal)
    if campaign.messages_per_minute:  # a batch that takes longer than a minute's turn would come in bursts
        size = min(size, campaign.messages_per_minute)
    fallback = batch_size(campaign.fallback_line, personal) if campaign.fallback_line else 1
    return Plan(min(settings.SEND_PILOT_SIZE, size), size, fallback)


def batch_size(line: SenderLine, personal: bool) -> int:
    """How many recipients make a batch on a line.

    What its provider takes in a request, or in a group of requests what its pace lets out in one slice; with a daily
    cap a tenth of it at most, for a batch that no longer fits today waits for tomorrow as a whole.
    """
    account = line.account
    limits = registry.provider_class(account.slug).capabilities
    if limits.single:
        pace = account.requests_per_second or limits.pace
        size = min(account.batch_size or limits.group, limits.max_batch)
        size = min(size, math.ceil(pace * settings.SEND_SLICE)) if pace else size
    else:
        most = limits.max_personalised if personal else limits.max_recipients
        size = min(account.batch_size or settings.SEND_BATCH_SIZE, most)
    return max(1, min(size, line.daily_cap // 10) if line.daily_cap else size)


def freeze(campaign: Campaign) -> None:
    """Write a campaign's messages, batches and counters, and set its audience; in the caller's transaction.

    The caller holds the campaign's row and has seen that it is being prepared; what it then saves of the campaign must
    include ``audience``, ``sent_text``, ``first_message_id`` and ``last_message_id``.

    Raises:
        TemplateError: the text is no template.
    """
    text = with_suffix(campaign.text, campaign.line.suffix)
    template = templating.parse(text)
    plan = plan_for(campaign, template.is_personal)
    before = Message.objects.aggregate(last=Max("id"))["last"] or 0
    done = Done(0, 0)
    for recipients in included(campaign):
        if any(done):
            # Repeated numbers take no place: with gaps, two rules' places would meet in one batch beyond its size.
            repeated = Message.objects.filter(campaign=campaign.pk, phone=OuterRef(recipients.phone))
            recipients = recipients._replace(rows=recipients.rows.filter(~Exists(repeated)))
        done = _insert(campaign, recipients, template, plan, done)
    _insert_strangers(campaign, template, plan, done.first)
    campaign.sent_text = text if template.is_personal else template.literal
    _insert_batches(campaign, before)
    _count(campaign, before)


# The columns are named once; an update of the table must come through here.
_INSERT = """
    INSERT INTO campaigns_message
        (campaign_id, contact_id, phone, batch_number, status, reason, text, provider_code, provider_text, updated_at)
    SELECT %s, q.contact_key, q.phone_value, CASE
            WHEN q.is_suppressed THEN NULL {absent}
            WHEN q.place + %s <= %s THEN 0 ELSE 1 + (q.place + %s - %s - 1) / %s END,
        CASE WHEN q.is_suppressed THEN %s ELSE %s END, CASE WHEN q.is_suppressed THEN %s ELSE %s END,
        {text}, '', '', {now}
    FROM ({rows}) AS q ORDER BY q.place
    {conflict}
"""


class Done(NamedTuple):
    """How many places have been given on the first line and on the fallback line."""

    first: int
    fallback: int


def _insert(campaign: Campaign, recipients: Recipients, template: Template, plan: Plan, done: Done) -> Done:
    # Places are counted on each line by itself, so that both are cut into full batches.
    absent = None if campaign.fallback_line_id is None else _known_absent(recipients.contact)
    rows = recipients.rows.annotate(
        place=Window(RowNumber(), partition_by=[absent] if absent else None, order_by=F("pk").asc()),
        contact_key=F(_path(recipients.contact, "pk")),
        phone_value=Cast(F(recipients.phone), BigIntegerField()),
        is_suppressed=suppressed(campaign, recipients.phone),
    )
    columns = ["place", "contact_key", "phone_value", "is_suppressed"]
    head: list[int] = [campaign.pk]
    if absent is not None:
        rows = rows.annotate(is_absent=absent)
        columns.append("is_absent")
        head += [Batch.FALLBACK_FROM, done.fallback - 1, plan.fallback]
    if template.is_personal:
        rows = rows.annotate(rendered=template.expression(_path(recipients.contact, "")))
        columns.append("rendered")
    sql, params = rows.order_by().values_list(*columns).query.sql_with_params()
    statement = _INSERT.format(
        text="q.rendered" if template.is_personal else "NULL",
        absent="" if campaign.fallback_line_id is None else "WHEN q.is_absent THEN %s + (q.place + %s) / %s",
        now="now()" if connection.vendor == "postgresql" else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
        rows=sql,
        # The first rule can't repeat a phone: contacts are unique by phone, memberships by contact.
        conflict="ON CONFLICT (campaign_id, phone) DO NOTHING" if any(done) else "",
    )
    pending, skipped = MessageStatus.PENDING, MessageStatus.SKIPPED
    head += [done.first, plan.pilot, done.first, plan.pilot, plan.size]
    choices = [int(skipped), int(pending), int(Reason.SUPPRESSED), int(Reason.NONE)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*head, *choices, *params])
        written = int(cursor.rowcount)
    if absent is None:
        return Done(done.first + written, 0)
    aside = Message.objects.filter(campaign=campaign, batch_number__gte=Batch.FALLBACK_FROM).count()
    return Done(done.first + written - (aside - done.fallback), aside)


def _known_absent(contact: str) -> Case:
    """Whether the contact at this path need not be asked on a Bale line: it told lately that they are not there."""
    since = Now() - ASKED_AGAIN
    known = Q(**{f"{_path(contact, 'not_on_bale_since')}__gt": since})
    return Case(When(known, then=Value(True)), default=Value(False))


def _insert_strangers(campaign: Campaign, template: Template, plan: Plan, done: int) -> None:
    numbers = strangers(campaign)
    blocked = Suppression.objects.for_line(campaign.line).filter(phone__in=numbers)
    skip = set(blocked.values_list("phone", flat=True))
    text = template.literal if template.is_personal else None
    rows = []
    for place, phone in enumerate(numbers, start=done + 1):
        message = Message(campaign=campaign, phone=phone, text=text, batch_number=plan.batch_number(place))
        if phone in skip:
            message.batch_number, message.status = None, MessageStatus.SKIPPED
            message.reason = Reason.SUPPRESSED
        rows.append(message)
    Message.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)


_INSERT_BATCHES = """
    INSERT INTO campaigns_batch (campaign_id, line_id, number, status, first_message_id, last_message_id, size, pending,
                                 accepted, unlisted, unlisted_status, owner, attempt, repeats, doubts, code, words,
                                 anomalies, poll_round)
    SELECT %s, CASE WHEN batch_number >= %s THEN %s ELSE %s END, batch_number, %s, min(id), max(id), count(*), count(*),
           0, 0, %s, '', 0, 0, 0, '', '', '{}', 0
    FROM campaigns_message WHERE campaign_id = %s AND id > %s AND batch_number IS NOT NULL GROUP BY batch_number
"""


def _insert_batches(campaign: Campaign, before: int) -> None:
    with connection.cursor() as cursor:
        lines = [Batch.FALLBACK_FROM, campaign.fallback_line_id, campaign.line_id]
        states = [int(BatchStatus.PENDING), int(MessageStatus.PENDING)]
        cursor.execute(_INSERT_BATCHES, [campaign.pk, *lines, *states, campaign.pk, before])


def _count(campaign: Campaign, before: int) -> None:
    rows = Message.objects.filter(campaign=campaign, id__gt=before)
    skipped = rows.filter(batch_number=None).count()
    facts = Batch.objects.filter(campaign=campaign).aggregate(pending=Sum("size"))
    pending = facts["pending"] or 0
    ends = rows.aggregate(first=Min("id"), last=Max("id"))
    campaign.audience = pending + skipped
    campaign.first_message_id, campaign.last_message_id = ends["first"], ends["last"]
    counting.add(
        campaign.pk,
        {MessageStatus.PENDING: Delta(pending), MessageStatus.SKIPPED: Delta(skipped)},
        arrived={MessageStatus.SKIPPED: skipped},
    )


def _path(prefix: str, name: str) -> str:
    return f"{prefix}__{name}" if prefix else name
