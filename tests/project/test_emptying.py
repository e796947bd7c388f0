"""What a test has committed is gone before the next one, and the roles are there whatever it did to them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from project import roles
from tests import builders
from tests.emptying import Emptying, made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def emptying() -> Emptying:
    found = Emptying()
    found.empty()
    return found


def test_what_was_committed_is_gone_and_what_migrations_make_stays(emptying: Emptying) -> None:
    before = made()
    builders.campaign_of(None, 3)
    assert {"campaigns_campaign", "campaigns_message", "contacts_membership"} <= set(emptying.filled())
    emptying.empty()
    assert emptying.filled() == []
    assert made() == before


def test_a_role_that_was_changed_is_made_anew(emptying: Emptying) -> None:
    Group.objects.get(name=roles.VIEWER).delete()
    Group.objects.get(name=roles.COMPOSER).permissions.clear()
    emptying.empty()
    assert Group.objects.get(name=roles.VIEWER).permissions.exists()
    composer = Group.objects.get(name=roles.COMPOSER)
    assert set(composer.permissions.all()) == set(roles.permissions_of(roles.COMPOSER))
