"""PostgreSQL: applying reports locks the counters of its statuses alone, and never the campaign after them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.delivery import applying, events
from campaigns.models import DeliveryEvent, Message
from providers.answers import Report, StatusReport
from providers.sandbox import Sandbox
from tests import builders


@pytest.mark.django_db(transaction=True)
def test_the_campaign_is_not_locked_with_its_counters(sandbox: Sandbox) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    campaign = builders.campaign_of(sandbox, 4)
    builders.send_all(campaign)
    ref = Message.objects.order_by("pk").values_list("provider_ref", flat=True)[0]
    events.store(campaign.line.account_id, [StatusReport(str(ref), Report.DELIVERED, "10")], DeliveryEvent.Source.POLL)
    with CaptureQueriesContext(connection) as queries:
        applying.apply()
    locks = [each["sql"] for each in queries if "FOR UPDATE" in each["sql"] and "campaigns_statuscount" in each["sql"]]
    assert len(locks) == 1
    assert "campaigns_campaign" not in locks[0], locks[0]
