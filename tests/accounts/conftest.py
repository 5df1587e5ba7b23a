"""Fixtures of single sign-on: a provider for acme.test, its person Zoe, and “SSO only”."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.models import Account, Membership, Role, User
from accounts.sso.models import SsoConnection, SsoDomain
from tests.conftest import PASSWORD

ZOE = "zoe@acme.test"


@pytest.fixture
def connection(account: Account, alice: User) -> SsoConnection:
    """Alice's account has a provider for acme.test."""
    connection = SsoConnection.objects.create(account=account, issuer="https://login.acme.test", client_id="c-1")
    SsoDomain.objects.create(connection=connection, domain="acme.test", verified=timezone.now())
    return connection


@pytest.fixture
def zoe(connection: SsoConnection) -> User:
    """A viewer with an address of the domain and a password."""
    user = User.objects.create_user(ZOE, PASSWORD, name="Zoe")
    Membership.objects.create(user=user, account=connection.account, role=Role.VIEWER)
    EmailAddress.objects.create(user=user, email=ZOE, verified=True, primary=True)
    return user


@pytest.fixture
def enforced(connection: SsoConnection, zoe: User, alice: User) -> SsoConnection:
    """The provider is the only way in; alice is the emergency owner."""
    User.objects.filter(pk=alice.pk).update(email="alice@acme.test")
    alice.refresh_from_db()
    connection.enforced, connection.way_back = True, alice
    connection.save()
    return connection
