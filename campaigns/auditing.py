"""Writing down who did what to which campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from campaigns.models import AuditEntry

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def note(
    action: str, campaign_id: int | None, actor: AbstractBaseUser | AnonymousUser | None = None, **facts: Any
) -> None:
    """Append an entry; ``actor`` is None for the engine and the command line. Facts hold no text and no number."""
    known = actor.pk if actor is not None and actor.is_authenticated else None
    AuditEntry.objects.create(action=action, campaign_id=campaign_id, actor_id=known, facts=facts)
