"""The same data for all calls of a module, with a fixed clock and known ids; every change is rolled back.

The data is created once, since what a call changes is rolled back; creating it for every call would take a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import override_settings

from accounts.models import Account, Role
from links.models import Domain
from links.public_urls import get_system_domain
from sites import site_cache
from sites.services import site_create
from tests.conftest import member
from tests.contract.numbers import number_rows, seed_choices, seed_keys
from tests.support import empty_store
from tests.support.hits import reset_state as forget_visitors
from tests.support.links import reset_state as forget_links

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)  # a Monday, on which `tests.contract.test_documented_calls.traffic` ends
WORLD = 7  # what is drawn while the world is made
SECRET = "only for tests, and long enough that no check complains about it"


def forget_all() -> None:
    """Nobody has come yet, and nothing is known of sites and links."""
    empty_store()
    forget_links()
    forget_visitors()
    site_cache.forget()


@pytest.fixture(scope="module")
def fixed_conditions(migrated_store: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The clock stands at NOW, keys are derived from one secret, and what is drawn is always the same."""
    with django_db_blocker.unblock(), override_settings(SECRET_KEY=SECRET), seed_choices(WORLD), seed_keys():
        with time_machine.travel(NOW, tick=False), transaction.atomic():
            Domain.objects.filter(pk=get_system_domain().pk).update(id=1)  # it is made anew by some tests
            forget_all()
            number_rows()
            yield
            transaction.set_rollback(True)
        forget_all()


@pytest.fixture(scope="module")
def people(fixed_conditions: None) -> Any:
    """alice with her account and site, yoursite.com, and charlie, a stranger, with his."""
    mine, other = Account.objects.create(name="Alice & Co"), Account.objects.create(name="Charlie's")
    alice, charlie = member(mine, "alice", Role.OWNER), member(other, "charlie", Role.OWNER)
    site = site_create(account=mine, domain="yoursite.com", by_operator=True)
    theirs = site_create(account=other, domain="charlie.example")
    site_cache.refresh()
    return SimpleNamespace(account=mine, alice=alice, site=site, other=other, charlie=charlie, theirs=theirs)
