"""What a database says of itself, so that a restored one is told from the one that was worked on."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Witness(models.Model):
    """The one row of this database's history (``campaigns.witness``).

    ``counter`` grows with every tick and slice of sending in ``epoch``, which ends with a confirmed restore; ``former``
    has the last counter of each earlier epoch. ``identity`` is what the server said of itself. ``doubt`` is why nothing
    may be sent from ``doubted_at`` on, and ``told`` what files knew better then (counter by epoch). ``is_settling``
    while a confirmed restore is being carried out.
    """

    class Doubt(models.TextChoices):
        BEHIND = "behind", _("It is older than what this machine has seen of it: a backup was restored.")
        FOREIGN = "foreign", _("This machine has worked with a later state of it, or with another database.")
        SYSTEM = "system", _("It lies on another server than before: it was restored, copied or moved.")
        DATABASE = "database", _("It was made anew on its server: it was restored or copied.")
        TIMELINE = "timeline", _("Its server was set back to an earlier moment, or a replica took over.")
        DECLARED = "declared", _("Somebody said so.")

    epoch = models.UUIDField(default=uuid.uuid4)
    counter = models.PositiveBigIntegerField(default=0)
    former: models.JSONField[Any, Any] = models.JSONField(default=dict)
    identity: models.JSONField[Any, Any] = models.JSONField(default=dict)
    doubt = models.CharField(max_length=16, choices=Doubt, blank=True)
    doubted_at = models.DateTimeField(null=True)
    told: models.JSONField[Any, Any] = models.JSONField(default=dict)
    is_settling = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("witness")
        verbose_name_plural = _("witnesses")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="witness_is_one_row")]

    def __str__(self) -> str:
        return f"{self.epoch}: {self.counter}"
