"""Live views of people who log in through their account's provider, which counts as their second factor."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Account, User
from accounts.sso.models import SsoConnection, SsoLogin
from accounts.sso.rules import SSO_ACCOUNT
from sites.models import Site
from tests.support import asgi, event, log_in
from tests.support.asgi import cookie, database
from tests.values import require
from tracking import live


def happens(site: Site, path: str) -> None:
    live.publish(event(site, path, at=timezone.now()))


def demand_second_factor(account: Account, user: User, days: int) -> str:
    """Let the account require a second factor; returns the cookie of a session begun days ago at its provider."""
    connection = SsoConnection.objects.create(account=account, issuer="https://login.acme.test", client_id="c-1")
    SsoLogin.objects.create(connection=connection, user=user, at=timezone.now() - timedelta(days=days))
    Account.objects.filter(pk=account.pk).update(second_factor_required=True)
    session = (client := log_in(user)).session
    session[SSO_ACCOUNT] = account.pk
    session.save()
    return f"sessionid={client.cookies['sessionid'].value}"


async def test_a_stream_continues_for_who_came_by_the_provider_that_counts_as_a_second_factor(
    at_once: None, spied: str, site: Site, bob: User
) -> None:
    session = await database(demand_second_factor, site.account, bob, 40)
    async with asgi.connected(spied, cookie=session) as browser:
        assert await browser.piece(b"still here")
        happens(site, "/after")
        assert b"/after" in require(await browser.piece(b"action"))


async def test_a_stream_ends_for_who_came_by_a_password_whatever_they_did_elsewhere(
    at_once: None, spied: str, site: Site, bob: User
) -> None:
    async with asgi.connected(spied, cookie=await cookie(bob)) as browser:
        assert await browser.piece(b"still here")
        await database(demand_second_factor, site.account, bob, 0)
        assert await browser.piece(b"action") is None
