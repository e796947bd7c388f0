"""The freeze: the rules of a campaign become its messages, once.

One ``INSERT … SELECT`` a rule, whatever the number of recipients: it deduplicates by phone, marks whom it must not
write to as skipped, with the reason, renders personal texts in the database and gives each message its batch number.
Recipients keep their order (``sending.naming``). Whom an exclude rule takes out is kept, too, with the rule.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BigIntegerField, Case, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import Window
from django.db.models.functions import Cast, Now, RowNumber

from campaigns import counting
from campaigns.composing import templating
from campaigns.composing.suffix import with_suffix
from campaigns.composing.templating import Template
from campaigns.counting import Delta
from campaigns.models import AudienceRule, Batch, Campaign, LeftOut, Message
from campaigns.sending import barring, capping, naming, pilots, sampling, sizes
from campaigns.sending.naming import Named, Recipients, Strangers, path
from campaigns.sending.sampling import Sample
from campaigns.sending.sizes import Plan
from campaigns.states import BatchStatus, MessageStatus, Reason

ASKED_AGAIN = dt.timedelta(days=90)  # after which a contact who was not on Bale is asked there again


def freeze(campaign: Campaign) -> None:
    """Write a campaign's messages, batches and counters, and set its audience; in the caller's transaction.

    The caller holds the campaign's row and has seen that it is being prepared; what it then saves of the campaign must
    include ``audience``, ``left_out``, ``sent_text``, ``first_message_id``, ``last_message_id`` and
    ``pilot_released_at``.

    Raises:
        TemplateError: the text is no template.
    """
    text = with_suffix(campaign.text, campaign.line.suffix)
    template = templating.parse(text)
    plan = sizes.plan_for(campaign, template.is_personal)
    if campaign.cap_messages:
        capping.take_turn()
    before = Message.objects.aggregate(last=Max("id"))["last"] or 0
    who, strangers = naming.named(campaign), naming.strangers(campaign)
    barred = barring.reasons(campaign, strangers.numbers)
    alone = naming.alone(who, strangers.numbers) if campaign.sample_size else set()
    drawn = sampling.sample(campaign, who, sorted(alone - barred.keys()))
    done = Done(0, 0)
    for _rule, recipients in who.included:
        done = _insert(campaign, recipients.without(who.out), template, plan, drawn, done)
    _insert_strangers(campaign, _drawn(campaign, strangers.numbers, barred, drawn), barred, template, plan, done.first)
    campaign.sent_text = text if template.is_personal else template.literal
    _insert_batches(campaign, before)
    skipped = _count(campaign, before)
    pilots.cut_out(campaign)
    campaign.left_out = skipped | _leave_out(campaign, who, strangers, drawn.not_drawn if drawn else 0)


# The columns are named once; an update of the table must come through here.
_INSERT = """
    INSERT INTO campaigns_message
        (campaign_id, contact_id, phone, batch_number, status, reason, text, provider_code, provider_text, updated_at)
    SELECT %s, q.contact_key, q.phone_value, CASE
            WHEN q.barred > 0 THEN NULL {absent}
            WHEN q.place + %s <= %s THEN 0 ELSE 1 + (q.place + %s - %s - 1) / %s END,
        CASE WHEN q.barred > 0 THEN %s ELSE %s END, q.barred,
        {text}, '', '', {now}
    FROM ({rows}) AS q ORDER BY q.place
    {conflict}
"""


class Done(NamedTuple):
    """How many places have been given on the first line and on the fallback line, and to how many people there."""

    first: int
    fallback: int
    aside: int = 0


def _insert(
    campaign: Campaign, recipients: Recipients, template: Template, plan: Plan, drawn: Sample | None, done: Done
) -> Done:
    absent = None if campaign.fallback_line_id is None else _known_absent(recipients.contact)
    rows = _placed(campaign, recipients, drawn, absent, again=any(done))
    columns = ["place", "contact_key", "phone_value", "barred"]
    head: list[int] = [campaign.pk]
    if absent is not None:
        rows = rows.annotate(is_absent=absent)
        columns.append("is_absent")
        head += [Batch.FALLBACK_FROM, done.fallback - 1, plan.fallback]
    if template.is_personal:
        rows = rows.annotate(rendered=template.expression(path(recipients.contact, "")))
        columns.append("rendered")
    try:
        sql, params = rows.order_by().values_list(*columns).query.sql_with_params()
    except EmptyResultSet:  # such as an empty list of numbers
        return done
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
    choices = [int(skipped), int(pending)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*head, *choices, *params])
        written = int(cursor.rowcount)
    return Done(done.first + written, 0) if absent is None else _done(campaign, plan, done, written)


def _placed(
    campaign: Campaign, recipients: Recipients, drawn: Sample | None, absent: Case | None, *, again: bool
) -> QuerySet[Any]:
    """The recipients with their places, each line's by themselves, so that both are cut into full batches.

    ``again``: some may have a message already. They take no place: with gaps, two rules' places would meet in one batch
    beyond its size.
    """
    rows = recipients.rows.annotate(barred=barring.reason(campaign, recipients.phone))
    if again:
        rows = rows.filter(~Exists(Message.objects.filter(campaign=campaign.pk, phone=OuterRef(recipients.phone))))
    if drawn:
        rows = rows.annotate(draw=sampling.draw(campaign, recipients.phone))
        rows = rows.filter(Q(barred__gt=0) | Q(draw__lte=drawn.last))
    placed: QuerySet[Any] = rows.annotate(
        place=Window(RowNumber(), partition_by=[absent] if absent else None, order_by=F("pk").asc()),
        contact_key=F(path(recipients.contact, "pk")),
        phone_value=Cast(F(recipients.phone), BigIntegerField()),
    )
    return placed


def _done(campaign: Campaign, plan: Plan, done: Done, written: int) -> Done:
    """The places that are given after so many further rows were written, where some went to the fallback line."""
    found = dict(
        Message.objects.filter(campaign=campaign, batch_number__gte=Batch.FALLBACK_FROM)
        .values_list("batch_number")
        .annotate(n=Count("pk"))
    )
    aside, last = sum(found.values()), max(found, default=Batch.FALLBACK_FROM)
    # Who is skipped had a place there, too: by the last batch, for two rules' places would else meet in it.
    fallback = (last - Batch.FALLBACK_FROM) * plan.fallback + found.get(last, 0)
    return Done(done.first + written - (aside - done.aside), fallback, aside)


def _known_absent(contact: str) -> Case:
    """Whether the contact at this path need not be asked on a Bale line: it told lately that they are not there."""
    since = Now() - ASKED_AGAIN
    known = Q(**{f"{path(contact, 'not_on_bale_since')}__gt": since})
    return Case(When(known, then=Value(True)), default=Value(False))


def _drawn(campaign: Campaign, numbers: list[str], barred: dict[str, Reason], drawn: Sample | None) -> list[str]:
    """Of the strangers those who get a message row: who is drawn, and who could not be."""
    if drawn is None:
        return numbers
    return [each for each in numbers if each in barred or sampling.draw_of(campaign, each) <= drawn.last]


def _insert_strangers(
    campaign: Campaign, numbers: list[str], barred: dict[str, Reason], template: Template, plan: Plan, done: int
) -> None:
    text = template.literal if template.is_personal else None
    rows = []
    for place, phone in enumerate(numbers, start=done + 1):
        message = Message(campaign=campaign, phone=phone, text=text, batch_number=plan.batch_number(place))
        if phone in barred:
            message.batch_number, message.status = None, MessageStatus.SKIPPED
            message.reason = barred[phone]
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


def _count(campaign: Campaign, before: int) -> dict[str, int]:
    """Set the counters and what they stand on; how many are skipped, by the name of the reason."""
    rows = Message.objects.filter(campaign=campaign, id__gt=before)
    reasons = dict(rows.filter(batch_number=None).values_list("reason").annotate(n=Count("pk")))
    skipped = sum(reasons.values())
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
    return {Reason(reason).name.lower(): number for reason, number in reasons.items()}


_LEAVE_OUT = """
    INSERT INTO campaigns_leftout (campaign_id, phone, rule_id)
    SELECT %s, q.phone_value, %s FROM ({rows}) AS q WHERE true
    ON CONFLICT (campaign_id, phone) DO NOTHING
"""


def _leave_out(campaign: Campaign, who: Named, strangers: Strangers, not_drawn: int) -> dict[str, int]:
    """Keep whom the exclude rules took out, each with the first that did; how many were left out, by cause.

    Who got a message row is ``audience``. Where one rule names everybody nobody can be named twice.
    """
    if not campaign.audience and not not_drawn:
        return {}  # it goes nowhere, and becomes a draft again
    for rule, recipients in who.excluded:
        for _, included in who.included:
            _take_out(campaign, rule, recipients, included)
    rows = [LeftOut(campaign=campaign, phone=phone, rule=rule) for phone, rule in strangers.excluded.items()]
    LeftOut.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    excluded = LeftOut.objects.filter(campaign=campaign).count() if who.excluded else 0
    repeated = 0
    if len(who.included) > 1:
        named = sum(recipients.rows.count() for _, recipients in who.included) + strangers.listed
        repeated = named - (campaign.audience or 0) - not_drawn - excluded
    return {"excluded": excluded, "repeated": repeated, "not_drawn": not_drawn}


def _take_out(campaign: Campaign, rule: AudienceRule, excluded: Recipients, included: Recipients) -> None:
    rows = included.met_by([excluded]).rows.order_by().annotate(phone_value=Cast(F(included.phone), BigIntegerField()))
    try:
        sql, params = rows.values_list("phone_value").query.sql_with_params()
    except EmptyResultSet:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE_OUT.format(rows=sql), [campaign.pk, rule.pk, *params])
