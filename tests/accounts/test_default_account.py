"""Which account opens for a person who is a member of several."""

import pytest
from django.test import Client

from accounts.models import Account, Membership, Role, User
from sites.models import Site
from sites.services import site_create
from tests.conftest import member
from tests.support import log_in
from tests.support.types import Store
from tests.values import extract

pytestmark = pytest.mark.django_db


def opens(client: Client) -> str:
    """The name of the account whose settings open."""
    return extract(r'name="name" value="([^"]*)"', client.get("/account").content.decode())


@pytest.fixture
def two(alice: User, account: Account) -> Account:
    """Another account, first by name, in which alice is an administrator and which she joined later."""
    other = Account.objects.create(name="AAA")
    member(other, "olga", Role.OWNER)
    Membership.objects.create(user=alice, account=other, role=Role.ADMIN)
    return other


def test_an_owned_account_opens_before_other_accounts(alice: User, two: Account) -> None:
    assert opens(log_in(alice)) == "Alice &amp; Co"


def test_the_account_used_last_opens_after_the_next_log_in(alice: User, two: Account, site: Site, store: Store) -> None:
    theirs = site_create(account=two, domain="aaa.example")
    client = log_in(alice)
    client.post("/account/switch", {"account": two.pk})
    assert opens(log_in(alice)) == "AAA"
    client.get(f"/sites/{site.pk}/")
    assert opens(log_in(alice)) == "Alice &amp; Co"
    client.get(f"/sites/{theirs.pk}/")
    assert opens(log_in(alice)) == "AAA"
    two.memberships.get(user=alice).delete()
    assert opens(log_in(alice)) == "Alice &amp; Co"
