"""Campaigns from the command line: made, tested, approved, launched, paused, resumed, cancelled, settled, audited."""

from __future__ import annotations

import datetime as dt
import json
import re
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models.functions import Mod
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _

from campaigns import approving, checking, drafting, lifecycle, reporting, testing
from campaigns.models import Batch, Campaign
from campaigns.states import MessageStatus
from interface import persian
from interface.commands import ScriptCommand

APPROVALS = ("submit", "approve", "reject", "withdraw")
DECISIONS = ("count-as-sent", "send-again")  # on what is unclear
MOST_PER_MINUTE = 1_000_000


class Command(ScriptCommand):
    """``campaign create|test|launch|pause|resume|cancel|show|audit``; with ``--json`` one object on standard output."""

    help = "Create, test, launch, pause, resume, cancel, show or audit a campaign."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create")
        create.add_argument("--name", required=True)
        create.add_argument("--line", required=True, help="the sender of the line")
        create.add_argument("--text", required=True)
        create.add_argument("--phonebook", action="append", default=[])
        create.add_argument("--exclude-phonebook", action="append", default=[])
        create.add_argument("--audience", help="a JSON file with a list of audience rules")
        create.add_argument("--fallback-line", default="")
        create.add_argument("--file", default="", help="a file to send along (Bale)")
        create.add_argument("--copy-text", default="", help="what a copy button copies (Safir)")
        create.add_argument("--secure", action="store_true", help="ask for the recipient's password (Safir)")
        create.add_argument("--at", help="when to start, ISO 8601; without an offset in the project's time zone")
        create.add_argument("--provider-keeps-time", action="store_true", help="hand --at to the provider (IPPanel)")
        create.add_argument("--not-after", help="when what is still pending expires, ISO 8601")
        create.add_argument("--per-minute", type=int, help="messages a minute at most")
        create.add_argument("--failover-line", default="", help="takes over where the account is stopped")
        create.add_argument("--sample", type=int, help="draw so many people from the audience")
        create.add_argument("--pilot", type=int, help="send to the first so many, then wait for “resume”")
        create.add_argument("--cap", default="", help="N/D: nobody gets more than N messages in D days")
        create.add_argument("--json", action="store_true")
        for action in ("launch", "take-back", "pause", "resume", "cancel", *APPROVALS, *DECISIONS, "show", "audit"):
            one = actions.add_parser(action)
            one.add_argument("id", type=int)
            one.add_argument("--json", action="store_true")
            if action in APPROVALS:
                one.add_argument("--by", default="", help="the user whose word it is")
                one.add_argument("--comment", default="")
            if action in DECISIONS:
                one.add_argument("--batch", type=int, help="one request alone, by its number on the campaign's page")
                one.add_argument("--line", default="", help="its line, where requests on two lines have this number")

        test = actions.add_parser("test")
        test.add_argument("id", type=int)
        test.add_argument("--to", nargs="+", required=True, metavar="NUMBER", help="at most TEST_RECIPIENTS")
        test.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            facts = self._create(options) if options["action"] == "create" else self._act(options)
        except (lifecycle.NotAllowed, drafting.InvalidDraft) as error:
            raise CommandError(str(error)) from None
        except Campaign.DoesNotExist:
            raise CommandError(_("There is no campaign with this number.")) from None
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(f"{key}: {value}" for key, value in facts.items()))

    def _create(self, options: dict[str, Any]) -> dict[str, Any]:
        at = _time(options["at"]) if options["at"] else None
        if options["per_minute"] is not None and not 1 <= options["per_minute"] <= MOST_PER_MINUTE:
            raise CommandError(_("A campaign has a pace of 1 to 1,000,000 messages a minute."))
        if options["sample"] is not None and not 1 <= options["sample"] <= drafting.MAX_NATURAL:
            raise CommandError(_("A sample has at least one recipient."))
        if options["pilot"] is not None and not 1 <= options["pilot"] <= drafting.MAX_NATURAL:
            raise CommandError(_("A pilot has at least one recipient."))
        messages, days = _cap(options["cap"]) if options["cap"] else (None, None)
        with transaction.atomic():
            rules = drafting.phonebook_rules(options["phonebook"], options["exclude_phonebook"])
            line = drafting.line_of(options["line"])
            if options["audience"]:
                rules += drafting.rules_from_file(options["audience"], line)
            campaign = drafting.create(
                name=options["name"],
                line=line,
                text=options["text"],
                rules=rules,
                fallback_line=drafting.line_of(options["fallback_line"]) if options["fallback_line"] else None,
                file_path=options["file"],
                copy_text=options["copy_text"],
                is_secure=options["secure"],
                scheduled_at=at,
                provider_keeps_time=options["provider_keeps_time"],
                expires_at=_time(options["not_after"]) if options["not_after"] else None,
                messages_per_minute=options["per_minute"],
                cap_messages=messages,
                cap_days=days,
                sample_size=options["sample"],
                pilot_size=options["pilot"],
                failover_line=drafting.line_of(options["failover_line"]) if options["failover_line"] else None,
            )
        return {"id": campaign.pk}

    def _act(self, options: dict[str, Any]) -> dict[str, Any]:
        campaign = Campaign.objects.select_related("line").get(pk=options["id"])
        action = options["action"]
        if action == "test":
            return {"id": testing.send(campaign.pk, options["to"]).pk}
        if action == "show":
            return _shown(campaign)
        if action == "audit":
            return _audited(campaign)
        facts = {}
        if action in DECISIONS:
            number = None if options["batch"] is None else _batch(campaign, options["batch"], options["line"])
            facts["messages"] = getattr(lifecycle, action.replace("-", "_"))(campaign.pk, batch=number)
        elif action in APPROVALS:
            facts = _approval(campaign, action, options)
        else:
            getattr(lifecycle, action.replace("-", "_"))(campaign.pk)
        campaign.refresh_from_db()
        return {"id": campaign.pk, "status": campaign.status, **facts}


def _approval(campaign: Campaign, action: str, options: dict[str, Any]) -> dict[str, Any]:
    """Say a word on a campaign's approval, in the name of ``--by``; the seal that it is under."""
    actor = get_user_model().objects.filter(username=options["by"], is_active=True).first()
    if options["by"] and actor is None:
        raise CommandError(_("There is no user with this name."))
    comment = {} if action == "withdraw" else {"comment": options["comment"]}
    getattr(approving, action)(campaign.pk, actor, **comment)
    approval = campaign.approvals.first()
    return {"seal": approval.seal if approval else ""}


def _cap(text: str) -> tuple[int, int]:
    """The messages and the days of ``N/D``; whether they make a cap is the draft's to say."""
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", persian.ascii_digits(text))
    if not found:
        raise CommandError(_("A cap is written as messages/days, such as 2/7."))
    return int(found[1]), int(found[2])


def _batch(campaign: Campaign, ordinal: int, sender: str) -> int:
    """The number of the batch that the page shows under this number, on this line where one is named."""
    batches = Batch.objects.filter(campaign=campaign).annotate(place=Mod("number", Batch.FALLBACK_FROM))
    found = batches.filter(place=ordinal - 1, **({"line__sender": sender} if sender else {}))
    numbers = list(found.values_list("number", flat=True))
    if not numbers:
        raise CommandError(_("There is no request with this number."))
    if len(numbers) > 1:
        raise CommandError(_("Requests on two lines have this number: name the line with --line."))
    return numbers[0]


def _time(text: str) -> dt.datetime:
    """A time to come. A Jalali year would be long past, and the campaign would start at once."""
    try:
        at = parse_datetime(text)
        at = make_aware(at) if at and is_naive(at) else at
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise CommandError(_("The time is not in ISO 8601, such as 2026-03-21T09:30."))
    if problem := checking.time_problem(at):
        raise CommandError(problem)
    return at


def _shown(campaign: Campaign) -> dict[str, Any]:
    account = reporting.accounting(campaign)
    return {
        "id": campaign.pk,
        "status": campaign.status,
        "name": campaign.name,
        "line": campaign.line.sender,
        "audience": account.audience,
        "counts": {status.name.lower(): account.counts[status] for status in MessageStatus},
        "cost": account.cost,
        "why": campaign.pause_text or campaign.pause_code,
        "scheduled_at": campaign.scheduled_at.isoformat() if campaign.scheduled_at else None,
        "started_at": campaign.started_at.isoformat() if campaign.started_at else None,
        "finished_at": campaign.finished_at.isoformat() if campaign.finished_at else None,
    }


def _audited(campaign: Campaign) -> dict[str, Any]:
    audit = reporting.audit(campaign)
    return {
        "audience": audit.recount.audience,
        **{status.name.lower(): audit.recount.counts[status] for status in MessageStatus},
        "balanced": audit.recount.balanced,
        "counters_match": audit.counters_match,
    }
