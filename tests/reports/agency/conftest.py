"""A client of alice's agency."""

from __future__ import annotations

import pytest

from accounts.clients.models import ClientAccount
from accounts.models import Account, Role, User
from accounts.services.clients import client_create
from sites import site_cache
from sites.models import Site
from sites.services import site_create
from tests.conftest import member


@pytest.fixture
def client(account: Account, alice: User) -> ClientAccount:
    """A client of alice's agency, with one site (`zoo`) and one owner of its own: zoe."""
    client = client_create(agency=account, name="Zoo", labels=["animals"])
    member(client.account, "zoe", Role.OWNER)
    site_create(account=client.account, domain="zoo.example")
    site_cache.refresh()
    return client


@pytest.fixture
def zoo(client: ClientAccount) -> Site:
    return Site.objects.get(account=client.account)
