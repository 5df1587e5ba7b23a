"""Single sign-on against a real OpenID provider: who gets in, as what, and who does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services.sso import sso_connection_set
from accounts.sso.models import SsoConnection, SsoDomain
from tests.services.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.support import read_html

pytestmark = [pytest.mark.services, pytest.mark.django_db]
ZOE = "zoe@acme.test"


@pytest.fixture(scope="module")
def running_provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OpenIdProvider, settings: Settings) -> OpenIdProvider:
    """The provider, which behaves well; of the local addresses only its own may be requested."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    cache.clear()
    running_provider.behave()
    return running_provider


@pytest.fixture
def connection(account: Account, provider: OpenIdProvider) -> SsoConnection:
    """Alice's account logs in people of acme.test through the provider, as editors."""
    connection = sso_connection_set(
        account=account, issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, default_role="editor"
    )
    SsoDomain.objects.create(connection=connection, domain="acme.test", verified=timezone.now())
    return connection


def open_browser() -> Client:
    return Client(HTTP_HOST=urlsplit(settings.BASE_URL).netloc)


def begin(browser: Client, email: str = ZOE) -> str:
    """Go from the log-in page to the provider; returns the address there."""
    answer = browser.post("/login/sso", {"email": email, "next": "/me"})
    assert answer.status_code == 302, read_html(answer)
    return str(browser.post(answer["Location"], {"next": "/me"})["Location"])


def log_in(provider: OpenIdProvider, browser: Client, name: str = ZOE) -> str:
    """Log in as somebody at the provider, and follow its answer back here; returns where that leads."""
    answer = provider.log_in(begin(browser), name, until=settings.BASE_URL)
    return str(browser.get(answer)["Location"])


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def list_actions(account: Account) -> list[str]:
    return list(AuditEntry.objects.filter(account_id=account.pk).order_by("pk").values_list("action", flat=True))


def test_somebody_new_logs_in_through_the_provider_and_is_a_member(
    provider: OpenIdProvider, connection: SsoConnection, account: Account
) -> None:
    browser = open_browser()
    assert log_in(provider, browser) == "/me"
    assert is_in(browser)
    zoe = User.objects.get(email=ZOE)
    membership = Membership.objects.get(user=zoe)
    assert (membership.account, membership.role, zoe.name) == (account, Role.EDITOR, "Zoe")
    assert membership.accepted and not zoe.has_usable_password()
    assert {"member.joined", "sso.used", "session.started"} <= set(list_actions(account))
