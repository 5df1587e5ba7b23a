"""Operators suspend and resume accounts: nothing can be read meanwhile, and hits are recorded for some days."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services.suspension import account_resume, account_suspend
from reports.sharing.services import share_create
from sites import site_cache
from sites.models import Site
from sites.services import api_key_create
from tests.conftest import member
from tests.support import read_html
from tests.support.traffic import log_in
from tests.support.types import Store

REASON = "an unpaid invoice"
SENTENCE = f"This account is suspended: {REASON}"


@pytest.fixture
def operator(account: Account) -> User:
    """Olga, who runs the installation and is in no account."""
    return User.objects.create_user("olga@example.com", "correct horse battery", name="Olga", is_operator=True)


def suspend(account: Account, days: int = 30) -> None:
    account_suspend(account=account, reason=REASON, collection_days=days, now=timezone.now())
    site_cache.refresh()


def test_pages_say_why_and_log_in_still_works(account: Account, alice: User, site: Site) -> None:
    suspend(account)
    client = Client()
    sent = {"email": alice.email, "password": "correct horse battery"}
    answer = client.post("/login", sent, follow=True)
    assert answer.status_code == 403 and SENTENCE in read_html(answer)
    for path in (f"/sites/{site.pk}/", "/account", "/links", f"/sites/{site.pk}/settings/general"):
        answer = client.get(path)
        assert (answer.status_code, SENTENCE in read_html(answer)) == (403, True), path
    assert client.get("/no-such-page").status_code == 404


def test_every_dialect_answers_an_error(account: Account, alice: User, site: Site, store: Store) -> None:
    key = api_key_create(site=site, name="k")[1]
    suspend(account)
    client = Client()
    sitekey = {"site_id": str(site.pk), "sitekey": site.sitekey, "type": "visitors", "output": "json"}
    for answer in (
        client.get("/api/v1/sites", headers={"authorization": f"Bearer {account.authkey}"}),
        client.get("/api/v1/me", headers={"authorization": f"Bearer {alice.memberships.get().authkey}"}),
        client.post("/api/query", {"metrics": ["visitors"]}, "application/json", headers={"x-api-key": key}),
        client.get("/api/stats/4", sitekey),
        client.get("/clickmeter/datapoints", headers={"x-clickmeter-authkey": account.authkey}),
    ):
        assert answer.status_code == 403, (answer.request["PATH_INFO"], answer.content)
        assert "This account is suspended" in str(answer.json()), answer.content
    answer = client.get("/api/whitelabel/sites", {"auth": account.authkey})
    assert answer.status_code == 403 and SENTENCE in answer.content.decode()


def test_shared_links_and_the_lists_of_other_accounts_do_not_show_it(
    account: Account, alice: User, site: Site, charlie: User
) -> None:
    share = share_create(site=site, name="public")
    Membership.objects.create(user=charlie, account=account, role=Role.VIEWER)
    assert Client().get(f"/share/{share.token}/").status_code == 200
    suspend(account)
    assert Client().get(f"/share/{share.token}/").status_code == 404
    client = log_in(charlie)
    assert "example.com" not in read_html(client.get("/sites")).replace("charlie@example.com", "")
    assert client.get(f"/sites/{site.pk}/").status_code == 403


def test_hits_are_recorded_for_some_days(account: Account, site: Site) -> None:
    suspend(account, days=3)
    now = timezone.now()
    assert not account.refuses_hits(now + timedelta(days=2)) and account.refuses_hits(now + timedelta(days=4))
    config = site_cache.get_site(site.pk)
    assert config is not None and config.suspended and not config.refuses_hits
    account_resume(account=account)
    suspend(account, days=0)
    config = site_cache.get_site(site.pk)
    assert config is not None and config.refuses_hits


def test_a_resumed_account_works_as_before(account: Account, alice: User, site: Site) -> None:
    suspend(account)
    account_resume(account=account)
    site_cache.refresh()
    assert log_in(alice).get("/account").status_code == 200
    assert not account.refuses_hits(timezone.now() + timedelta(days=100))
    actions = AuditEntry.objects.filter(account=account, action__in=("account.suspended", "account.resumed"))
    assert [entry.changes["suspension_reason"] for entry in actions.order_by("pk")] == [["", REASON], [REASON, ""]]


def test_only_operators_suspend(account: Account, alice: User, operator: User) -> None:
    path = f"/operations/accounts/{account.pk}"
    assert log_in(alice).post(f"{path}/suspend", {"reason": REASON, "collection_days": 1}).status_code == 404
    client = log_in(operator)
    assert "Alice &amp; Co" in read_html(client.get("/operations/accounts", {"q": "alice@"}))
    assert "Say why" in read_html(client.post(f"{path}/suspend", {"reason": "x" * 400, "collection_days": 1}))
    client.post(f"{path}/suspend", {"reason": REASON, "collection_days": 1})
    account.refresh_from_db()
    assert account.suspension_reason == REASON and REASON in read_html(client.get(path))
    client.post(f"{path}/resume")
    account.refresh_from_db()
    assert account.suspended is None
    entries = AuditEntry.objects.filter(action="account.suspended").order_by("account_id")
    assert {(row.account_id, row.actor_type, row.actor_id) for row in entries} == {
        (account.pk, "operator", operator.pk), (None, "operator", operator.pk)
    }  # fmt: skip
    assert REASON in read_html(client.get("/operations/audit-log"))


def test_a_suspension_has_a_reason_and_happens_once(account: Account) -> None:
    for reason, days in (("", 1), (REASON, -1), (REASON, 91)):
        with pytest.raises(ValidationError):
            account_suspend(account=account, reason=reason, collection_days=days, now=timezone.now())
    suspend(account)
    with pytest.raises(ValidationError):
        suspend(account)


def test_a_guest_of_two_accounts_works_in_the_other_one(account: Account, charlie: User) -> None:
    Membership.objects.create(user=charlie, account=account, role=Role.ADMIN)
    suspend(charlie.memberships.exclude(account=account).get().account)
    assert "Alice &amp; Co" in read_html(log_in(charlie).get("/account"))
    assert member(account, "adam", Role.ADMIN).is_active
