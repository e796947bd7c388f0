"""Making a draft: from the composer's form and from the command line, by the same rules."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from campaigns import attaching, checking
from campaigns.auditing import note
from campaigns.models import AudienceRule, Campaign, Segment
from campaigns.sending.naming import PASTED_LIMIT
from campaigns.states import CampaignStatus, statuses_of_outcome
from contacts import phones
from contacts.models import JobCategory, Phonebook
from interface import persian
from providers.models import SenderLine, UploadedFile

MAX_NAME = 150
MAX_NATURAL = 2**31 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and what a command line makes of bytes that are no UTF-8
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Row = TypeVar("_Row", bound=models.Model)


class InvalidDraft(Exception):
    """A draft that cannot be made; the text is a sentence for people."""


class Outdated(Exception):
    """A draft that somebody has changed since it was looked at: ``campaign`` is as it is now."""

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(campaign.pk)
        self.campaign = campaign


def create(
    *,
    rules: Iterable[AudienceRule],
    file_path: str = "",
    created_by: Any = None,
    form_token: uuid.UUID | None = None,
    **fields: Any,
) -> Campaign:
    """Make a draft with its audience rules; ``fields`` are those of ``Campaign`` that a person sets, by their names.

    The same ``form_token`` again gives the draft that it has made already.

    Raises:
        InvalidDraft: the name or the text cannot be, no rule includes anybody, or the file cannot be sent.
    """
    rules = list(rules)
    _check(rules, fields)
    if made := _made_by(form_token):
        return made
    if file_path:
        fields["file"] = _attached(fields["line"], file_path)
    return store(rules, created_by, form_token, fields)


def store(rules: list[AudienceRule], created_by: Any, form_token: uuid.UUID | None, fields: dict[str, Any]) -> Campaign:
    """Write a draft down as it is, whether or not it fits together; the same ``form_token`` again gives the same."""
    if made := _made_by(form_token):
        return made
    try:
        with transaction.atomic():
            campaign = Campaign.objects.create(**fields, created_by=created_by, form_token=form_token)
            _add_rules(campaign, rules)
            note("created", campaign.pk, created_by)
    except IntegrityError:
        # The second of two clicks at the same moment waited for the first one's commit, and lost.
        if made := _made_by(form_token):
            return made
        raise
    return campaign


def begin(*, rules: Iterable[AudienceRule], created_by: Any, form_token: uuid.UUID | None, **fields: Any) -> Campaign:
    """Make a draft of which only the composer's first step is filled in; the same ``form_token`` gives the same.

    Raises:
        InvalidDraft: the name cannot be.
    """
    _check_words(fields)
    unfinished = {"text": "", "composed_to": Campaign.Step.TEXT} | fields
    return store(list(rules), created_by, form_token, unfinished)


def _attached(line: SenderLine, file_path: str) -> UploadedFile:
    try:
        return attaching.attach(line, Path(file_path))
    except attaching.InvalidFile as error:
        raise InvalidDraft(str(error)) from None


def _made_by(form_token: uuid.UUID | None) -> Campaign | None:
    return Campaign.objects.filter(form_token=form_token).first() if form_token else None


def _check_words(fields: Mapping[str, Any]) -> None:
    """Whether the name and the text, where they are given, can be stored."""
    name, text = fields.get("name"), fields.get("text", "")
    if name is not None and not 0 < len(name.strip()) <= MAX_NAME:
        raise InvalidDraft(_("The name must have 1 to %(most)s characters.") % {"most": persian.number(MAX_NAME)})
    if _UNSTORABLE.search(f"{name}{text}"):
        raise InvalidDraft(_("The name or the text is not in UTF-8."))


def _check(rules: list[AudienceRule], fields: Mapping[str, Any]) -> None:
    text = fields["text"]
    _check_words(fields)
    problems = checking.text_problems(text)
    if problems:
        raise InvalidDraft(" ".join(problems))
    if not any(rule.rule == AudienceRule.Rule.INCLUDE for rule in rules):
        raise InvalidDraft(_("Choose who gets the campaign."))
    draft = Campaign(**fields)
    problems = checking.line_problems(draft.line, text, copy_text=draft.copy_text, secure=draft.is_secure)
    problems += checking.audience_problems(draft.line, rules)
    if draft.fallback_line is not None:
        problems += checking.fallback_problems(draft.line, draft.fallback_line, text)
    problems += [problem for found in checking.course_problems(draft).values() for problem in found]
    if problems:
        raise InvalidDraft(" ".join(problems))


def _add_rules(campaign: Campaign, rules: list[AudienceRule]) -> None:
    for rule in rules:
        rule.campaign = campaign
    AudienceRule.objects.bulk_create(rules)


def revise(
    campaign_id: int,
    *,
    actor: Any = None,
    revision: int | None = None,
    step: Campaign.Step | None = None,
    rules: Iterable[AudienceRule] | None = None,
    **fields: Any,
) -> Campaign:
    """Change some fields of a draft, and its rules where they are given; what it says already changes nothing.

    Rules without a key replace those with none of ``rules``' keys. ``revision`` is the one that was looked at; after
    ``step`` the composer goes on with the next one. What does not fit together yet is told before the launch.

    Raises:
        InvalidDraft: it is no draft any more, or the name or the text cannot be.
        Outdated: it has another revision by now, and says something else.
    """
    given = None if rules is None else list(rules)
    _check_words(fields)
    with transaction.atomic():
        campaign = _locked_draft(campaign_id)
        changed = [name for name, value in fields.items() if getattr(campaign, name) != value]
        new_rules = given is not None and content_of(given) != content_of(campaign.rules.all())
        if (changed or new_rules) and revision not in (None, campaign.revision):
            raise Outdated(campaign)
        for name in changed:
            setattr(campaign, name, fields[name])
        if given is not None and new_rules:
            campaign.rules.exclude(pk__in=[rule.pk for rule in given if rule.pk]).delete()
            _add_rules(campaign, [rule for rule in given if not rule.pk])
        campaign.composed_to = _further(campaign, step)
        campaign.revision += bool(changed or new_rules)
        campaign.save(update_fields=[*changed, "composed_to", "revision", "updated_at"])
        if campaign.status != CampaignStatus.DRAFT:
            Campaign.objects.move(campaign_id, CampaignStatus.DRAFT)
        if changed or new_rules:
            note("revised", campaign_id, actor)
    return campaign


def content_of(rules: Iterable[AudienceRule]) -> list[tuple[Any, ...]]:
    """What rules say, in an order of its own: two lists that choose the same people in the same way are equal."""
    said = [(r.rule, r.kind, r.phonebook_id, r.job_category_id, r.source_id, r.segment_id, r.params) for r in rules]
    return sorted(said, key=str)


def _further(campaign: Campaign, done: Campaign.Step | None) -> str:
    """The step that comes next when ``done`` is done: later than the one that came next before, or that one."""
    order = list(Campaign.Step)
    after = order.index(done) + 1 if done else 0
    return order[max(after, order.index(Campaign.Step(campaign.composed_to)))]


def discard(campaign_id: int, actor: Any = None) -> None:
    """Delete a draft.

    Raises:
        InvalidDraft: it is no draft any more, or another campaign names it in a rule.
    """
    with transaction.atomic():
        campaign = _locked_draft(campaign_id)
        if AudienceRule.objects.filter(source=campaign).exists():
            raise InvalidDraft(_("Another campaign refers to this one."))
        note("draft_deleted", None, actor, id=campaign_id, name=campaign.name)
        campaign.delete()


def _locked_draft(campaign_id: int) -> Campaign:
    campaign = Campaign.objects.select_for_update(of=("self",)).filter(pk=campaign_id).first()
    if campaign is None or not campaign.is_editable:
        raise InvalidDraft(_("This campaign is no draft any more, so it cannot be changed."))
    return campaign


def line_of(sender: str) -> SenderLine:
    """The line with this sender.

    Raises:
        InvalidDraft: there is none, or several accounts have one.
    """
    lines = list(SenderLine.objects.usable().select_related("account").filter(sender=sender)[:2])
    if not lines:
        raise InvalidDraft(_("There is no line “%(sender)s”.") % {"sender": sender})
    if len(lines) > 1:
        raise InvalidDraft(_("Several accounts have a line “%(sender)s”.") % {"sender": sender})
    return lines[0]


def phonebook_rules(include: Iterable[str], exclude: Iterable[str] = ()) -> list[AudienceRule]:
    """Rules for phonebooks by name.

    Raises:
        InvalidDraft: there is no phonebook of that name.
    """
    rules = []
    for rule, names in ((AudienceRule.Rule.INCLUDE, include), (AudienceRule.Rule.EXCLUDE, exclude)):
        rules += [AudienceRule(rule=rule, phonebook=_phonebook(name)) for name in names]
    return rules


def rules_from_file(path: str, line: SenderLine) -> list[AudienceRule]:
    """The rules of a JSON file, as the command line's ``--audience`` takes them.

    Raises:
        InvalidDraft: the file is no list of rules, or a rule names what does not exist.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise InvalidDraft(_("The audience file cannot be read as JSON.")) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidDraft(_("The audience file must hold a list of rules."))
    try:
        theirs = checking.keeps_audience(line)
        return [(_provider_rule(entry) if theirs else None) or _rule(entry) for entry in entries]
    except (KeyError, TypeError, ValueError):
        raise InvalidDraft(_("A rule of the audience file cannot be read.")) from None


def _rule(entry: Mapping[str, Any]) -> AudienceRule:
    rule = AudienceRule(rule=AudienceRule.Rule(entry.get("rule", "include")))
    if "phonebook" in entry:
        rule.phonebook = _phonebook(str(entry["phonebook"]))
        rule.params = _naturals(entry, "start", "size")
        if "numbers" in entry:
            rule.params["numbers"] = numbers_of(entry["numbers"])
    elif "job_category" in entry:
        rule.kind = AudienceRule.Kind.JOB_CATEGORY
        rule.job_category = _category(entry["job_category"])
        operators = [_naturals(operator, "id", "start", "size") for operator in entry.get("operators", [])]
        rule.params = {"operators": operators} if operators else {}
    elif "segment" in entry:
        rule.kind = AudienceRule.Kind.SEGMENT
        rule.segment = _found(Segment.objects.filter(name=str(entry["segment"])), str(entry["segment"]))
    elif "campaign" in entry:
        rule.kind = AudienceRule.Kind.CAMPAIGN
        rule.source = _found(Campaign.objects.filter(pk=int(entry["campaign"])), str(entry["campaign"]))
        if outcome := entry.get("outcome"):
            statuses_of_outcome(str(outcome))  # whether there is such a one
            rule.params = {"outcome": str(outcome).lower()}
    elif "numbers" in entry:
        rule.kind = AudienceRule.Kind.NUMBERS
        rule.params = {"numbers": numbers_of(entry["numbers"])}
    else:
        raise InvalidDraft(_("This kind of audience rule is for a provider that keeps the recipients itself."))
    return rule


def _provider_rule(entry: Mapping[str, Any]) -> AudienceRule | None:
    """The rule for a provider that keeps the recipients, by its own ids; None for a rule about recipients of ours."""
    if "provider_phonebooks" in entry:
        params: dict[str, Any] = {"phonebooks": _ids(entry["provider_phonebooks"]), **_naturals(entry, "start", "size")}
    elif "provider_phonebook" in entry:
        params = {"phonebook": _ids([entry["provider_phonebook"]])[0], "numbers": _ids(entry["number_ids"])}
    elif "job_category" in entry:
        operators = [_naturals(operator, "id", "start", "size") for operator in entry.get("operators", [])]
        if any("id" not in operator for operator in operators):
            raise ValueError("operator")
        params = {**_naturals(entry["job_category"], "main", "sub"), **({"operators": operators} if operators else {})}
        if "main" not in params:
            raise ValueError("main")
    else:
        return None
    return AudienceRule(
        rule=AudienceRule.Rule(entry.get("rule", "include")), kind=AudienceRule.Kind.PROVIDER, params=params
    )


def _ids(values: Any) -> list[str]:
    """Ids of a provider: at least one, each a short word."""
    found = [str(value).strip() for value in values] if isinstance(values, list) else []
    if not found or not all(_ID.fullmatch(value) for value in found):
        raise ValueError("ids")
    return list(dict.fromkeys(found))


def _naturals(entry: Mapping[str, Any], *keys: str) -> dict[str, int]:
    """The whole numbers of an entry that are given; one that no column could hold is an error."""
    found = {key: int(entry[key]) for key in keys if entry.get(key) is not None}
    if any(not 0 <= value <= MAX_NATURAL for value in found.values()):
        raise ValueError(keys)
    return found


def numbers_of(raw: Iterable[str]) -> list[str]:
    """Pasted numbers as E.164, each once.

    Raises:
        InvalidDraft: one is no phone number, or there are too many.
    """
    numbers: dict[str, None] = {}
    for value in raw:
        try:
            numbers[phones.normalise(str(value))] = None
        except phones.InvalidPhone:
            raise InvalidDraft(_("“%(value)s” is not a phone number.") % {"value": value}) from None
    if len(numbers) > PASTED_LIMIT:
        raise InvalidDraft(
            _("At most %(limit)s numbers can be pasted; import them as a phonebook.")
            % {"limit": persian.number(PASTED_LIMIT)}
        )
    return list(numbers)


def _phonebook(name: str) -> Phonebook:
    return _found(Phonebook.objects.ours().filter(name=name), name)


def _category(entry: Mapping[str, Any]) -> JobCategory:
    found = _found(_categories(None, entry["main"]), str(entry["main"]))
    return _found(_categories(found, entry["sub"]), str(entry["sub"])) if entry.get("sub") else found


def _categories(parent: JobCategory | None, key: object) -> models.QuerySet[JobCategory]:
    ours = JobCategory.objects.filter(account=None, parent=parent)
    return ours.filter(pk=key) if isinstance(key, int) else ours.filter(name=str(key))


def _found(rows: models.QuerySet[_Row], name: str) -> _Row:
    row = rows.first()
    if row is None:
        raise InvalidDraft(_("There is nothing named “%(name)s”.") % {"name": name})
    return row
