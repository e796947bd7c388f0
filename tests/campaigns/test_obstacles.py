"""What the tick and the page ask about lines fetches no row for every waiting batch of a campaign."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Batch
from campaigns.sending import claiming
from tests import builders
from tests.campaigns import lines


@pytest.mark.django_db
def test_which_lines_wait_is_told_by_one_row_a_line() -> None:
    over = lines.line("safir", of=lines.account("safir", batch_size=2))
    campaign = builders.running(over, builders.include(builders.phonebook(builders.contacts(400))))
    assert Batch.objects.count() == 200  # 25,000 of a million at Safir's own pace
    with CaptureQueriesContext(connection) as queries:
        assert claiming.can_send(campaign)
    sql = next(each["sql"] for each in queries if "campaigns_batch" in each["sql"])
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%", "%%"))
        assert len(cursor.fetchall()) <= 2
