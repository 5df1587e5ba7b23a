"""Operators act for the owner of an account: for an hour, in that account alone, on record, and without secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import impersonation
from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from sites.models import Site
from tests.support import read_html
from tests.support.traffic import confirm, log_in

REASON = "ticket 4711"


@pytest.fixture
def acting(account: Account, alice: User, site: Site) -> Client:
    """Olga, an operator, who acts for alice."""
    olga = User.objects.create_user("olga@example.com", "correct horse battery", name="Olga", is_operator=True)
    client = confirm(log_in(olga), "correct horse battery")
    answer = client.post(f"/operations/accounts/{account.pk}/impersonate", {"reason": REASON})
    assert answer.status_code == 302
    return client


def test_an_operator_confirms_who_they_are_before(account: Account, alice: User) -> None:
    olga = User.objects.create_user("olga@example.com", "correct horse battery", name="Olga", is_operator=True)
    client, page = log_in(olga), f"/operations/accounts/{account.pk}"
    confirmation = f"/me/confirm?next=%2Foperations%2Faccounts%2F{account.pk}"
    shown = client.get(page).content.decode()
    assert f'href="{confirmation}"' in shown and "/impersonate" not in shown
    assert client.post(f"{page}/impersonate", {"reason": REASON})["Location"] == confirmation
    assert client.get("/account").status_code == 404
    assert "/impersonate" in confirm(client, "correct horse battery").get(page).content.decode()
    assert client.post(f"{page}/impersonate", {"reason": REASON})["Location"] == "/"
    assert "You (olga@example.com) act as alice@example.com." in read_html(client.get("/account"))


def test_the_operator_sees_the_account_under_a_banner(acting: Client, site: Site) -> None:
    text = read_html(acting.get(f"/sites/{site.pk}/"))
    assert "You (olga@example.com) act as alice@example.com." in text
    assert "Audit log" in read_html(acting.get("/account/audit-log"))
    assert acting.get("/operations").status_code == 404, "the operator's pages are not the member's"


def test_everything_is_recorded_in_the_accounts_log(acting: Client, account: Account, alice: User) -> None:
    acting.post("/account", {"name": "Renamed", "timezone": "UTC"})
    olga = User.objects.get(name="Olga")
    rows = AuditEntry.objects.filter(account=account, actor_type="operator").order_by("pk")
    assert [(row.action, row.actor_id) for row in rows] == [
        ("account.impersonated", olga.pk), ("account.changed", olga.pk)
    ]  # fmt: skip
    assert rows[0].changes["reason"] == [None, REASON]
    assert rows[1].actor_label == "Olga (olga@example.com) as Alice (alice@example.com)"
    assert REASON in read_html(log_in(alice).get("/account/audit-log"))


def test_it_ends_by_the_button(acting: Client, account: Account) -> None:
    acting.post("/operations/impersonation/end")
    assert acting.get("/operations").status_code == 200 and acting.get("/account").status_code == 404
    assert AuditEntry.objects.filter(account=account, action="account.impersonation_ended").count() == 1


def test_it_ends_after_an_hour(acting: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    session = acting.session
    session[impersonation.SESSION_KEY] |= {"until": (timezone.now() - timedelta(seconds=1)).isoformat()}
    session.save()
    assert acting.get("/account").status_code == 404 and acting.get("/operations").status_code == 200


def test_a_form_that_is_sent_after_the_hour_changes_nothing(
    acting: Client, account: Account, charlies_site: Site
) -> None:
    olga, own = User.objects.get(name="Olga"), charlies_site.account
    Membership.objects.create(user=olga, account=own, role=Role.OWNER, accepted=timezone.now())
    session = acting.session
    session[impersonation.SESSION_KEY] |= {"until": (timezone.now() - timedelta(seconds=1)).isoformat()}
    session.save()
    answer = acting.post("/account", {"name": "Renamed", "timezone": "UTC"})
    assert answer.status_code == 403 and "nothing was changed" in answer.content.decode()
    assert "Renamed" not in Account.objects.values_list("name", flat=True)


def test_an_account_that_requires_a_second_factor_requires_it_of_operators(account: Account, alice: User) -> None:
    olga = User.objects.create_user("olga@example.com", "correct horse battery", name="Olga", is_operator=True)
    Account.objects.filter(pk=account.pk).update(second_factor_required=True)
    client = confirm(log_in(olga), "correct horse battery")
    answer = client.post(f"/operations/accounts/{account.pk}/impersonate", {"reason": REASON})
    assert "requires a second factor" in read_html(answer)
    assert not AuditEntry.objects.filter(action="account.impersonated").exists()


def test_it_ends_with_the_rights_of_the_operator(acting: Client) -> None:
    User.objects.filter(name="Olga").update(is_operator=False)
    assert acting.get("/account").status_code == 404


def test_a_log_out_is_the_operators(acting: Client) -> None:
    acting.post("/logout")
    assert AuditEntry.objects.filter(action="session.ended").get().target_label == "Olga"
    assert acting.get("/account").status_code == 302


def test_other_accounts_of_the_owner_stay_closed(acting: Client, alice: User, charlies_site: Site) -> None:
    Membership.objects.create(user=alice, account=charlies_site.account, role=Role.OWNER)
    assert log_in(alice).get(f"/sites/{charlies_site.pk}/").status_code == 200
    assert acting.get(f"/sites/{charlies_site.pk}/").status_code == 404
    assert "charlie.example" not in read_html(acting.get("/sites"))


def test_what_shows_or_changes_secrets_is_refused(acting: Client, alice: User, site: Site) -> None:
    before = alice.password
    for method, path in (
        ("get", "/me/password"),
        ("post", "/me/password"),
        ("get", "/me/security"),
        ("post", "/me/sessions/1/end"),
        ("get", "/me/tokens"),
        ("post", "/me/tokens"),
        ("get", "/me/tokens/review"),
        ("post", "/me/tokens/review"),
        ("post", "/account/second-factor"),
        ("post", "/me"),
        ("get", "/account/key"),
        ("post", "/account/key"),
        ("get", "/account/own-key"),
        ("get", f"/sites/{site.pk}/settings/api-keys/show"),
        ("post", f"/sites/{site.pk}/settings/api-keys"),
        ("post", f"/sites/{site.pk}/settings/delete"),
        ("get", f"/sites/{site.pk}/settings/personal-data"),
        ("get", f"/api/v1/sites/{site.pk}"),
        ("post", f"/api/v1/sites/{site.pk}/keys"),
        ("post", "/account/team"),
        ("get", "/join/whatever"),
        ("get", "/digests"),
        ("post", f"/sites/{site.pk}/settings/sharing"),
        ("post", f"/sites/{site.pk}/settings/api-keys/1/revoke"),
        ("post", f"/sites/{site.pk}/alerts/channels/new"),
        ("post", "/links/guests"),
        ("get", "/links/live/stream"),
        ("get", "/exports"),
        ("get", "/exports/whatever/file"),
        ("post", "/exports/1/delete"),
        ("post", "/notices/choices"),
    ):
        answer = getattr(acting, method)(path)
        assert answer.status_code == 403 and "act for somebody else" in answer.content.decode(), (method, path)
    alice.refresh_from_db()
    assert alice.password == before and not site.api_keys.exists()


def test_the_refused_pages_exist() -> None:
    names = {
        f"{resolver.namespace}:{pattern.name}"
        for resolver in get_resolver().url_patterns
        if isinstance(resolver, URLResolver)
        for pattern in resolver.url_patterns
        if isinstance(pattern, URLPattern)
    }
    assert names >= impersonation.REFUSED_PAGES | impersonation.REFUSED_WRITES


def test_a_reason_is_required(account: Account, alice: User) -> None:
    olga = User.objects.create_user("olga@example.com", "correct horse battery", is_operator=True)
    client = confirm(log_in(olga), "correct horse battery")
    client.post(f"/operations/accounts/{account.pk}/impersonate", {"reason": " "})
    assert client.get("/account").status_code == 404
    assert log_in(alice).post(f"/operations/accounts/{account.pk}/impersonate", {"reason": "x"}).status_code == 404
