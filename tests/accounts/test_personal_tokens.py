"""Personal tokens: created on their page, shown once, used for the management API, ended with the membership."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, PersonalToken, Role, User
from accounts.revocation import list_ending_access
from accounts.services import member_remove
from accounts.services.members import member_role_store
from accounts.services.personal_tokens import compute_checksum, generate_personal_token, personal_token_create
from reports.digests.services import subscription_save
from sites.alerts.models import Alert, Channel
from sites.alerts.services import alert_save, channel_save
from sites.models import Site
from sites.services import site_create
from tests.conftest import PASSWORD
from tests.support import read_html
from tests.support.traffic import confirm, log_in
from tests.values import extract, require

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r"wapt_[A-Za-z0-9]{42}")


@pytest.fixture
def membership(alice: User, account: Account) -> Membership:
    return Membership.objects.get(user=alice, account=account)


def open_page(user: User) -> Client:
    return confirm(log_in(user), PASSWORD)


def call(plain: str, path: str = "sites", method: str = "get", data: object = None) -> Any:
    client = Client(headers={"authorization": f"Bearer {plain}"})
    return getattr(client, method)(f"/api/v1/{path}", data, content_type="application/json")


def test_a_token_is_shown_once_and_then_only_its_beginning(alice: User, site: Site) -> None:
    client = open_page(alice)
    body = {"name": "Backup", "may_sites": "read", "may_reports": "write", "sites": [site.pk]}
    shown = client.post("/me/tokens", body).content.decode()
    plain = TOKEN.findall(shown)[0]
    again = client.get("/me/tokens").content.decode()
    assert plain not in again and f"{plain[:12]}…" in again
    assert all(word in again for word in ("Backup", "sites:read", "reports:write", str(site)))
    assert plain not in str(PersonalToken.objects.values())
    assert [row["id"] for row in call(plain).json()["results"]] == [site.pk]


def test_a_token_is_made_only_by_somebody_who_has_just_confirmed_who_they_are(alice: User, account: Account) -> None:
    client, body = log_in(alice), {"name": "t", "may_sites": "read"}
    page = client.get("/me/tokens").content.decode()
    assert 'href="/me/confirm?next=%2Fme%2Ftokens"' in page and 'name="may_sites"' not in page
    assert client.post("/me/tokens", body)["Location"] == "/me/confirm?next=%2Fme%2Ftokens"
    assert not PersonalToken.objects.exists()
    assert client.post("/me/confirm", {"password": PASSWORD, "next": "/me/tokens"})["Location"] == "/me/tokens"
    assert TOKEN.search(client.post("/me/tokens", body).content.decode())
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert client.post("/me/tokens", body)["Location"] == "/me/confirm?next=%2Fme%2Ftokens"
    assert PersonalToken.objects.count() == 1


def test_the_person_is_told_of_a_new_token_by_mail(alice: User, account: Account) -> None:
    client = open_page(alice)
    client.post("/me/tokens", {"name": "t", "may_sites": "read"}, headers={"user-agent": "A browser"})
    letter = mail.outbox[-1]
    assert letter.to == [alice.email] and letter.subject == "New API token “t”"
    for part in ("“Alice & Co”", "sites:read", "never", "127.0.0.1", "A browser", "/me/tokens"):
        assert part in letter.body, part
    assert not TOKEN.search(str(letter.body))
    client.post("/me/tokens", {"name": "without a right"})
    assert len(mail.outbox) == 1


def test_a_token_is_made_even_if_the_mail_about_it_cannot_be_sent(
    alice: User, account: Account, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert TOKEN.search(open_page(alice).post("/me/tokens", {"name": "t", "may_sites": "read"}).content.decode())


def test_a_form_without_a_right_is_refused(alice: User, site: Site) -> None:
    shown = open_page(alice).post("/me/tokens", {"name": "Nothing"}).content.decode()
    assert "Choose at least one scope." in shown and not PersonalToken.objects.exists()


def test_a_revoked_token_no_longer_works(alice: User, membership: Membership) -> None:
    token, plain = personal_token_create(membership=membership, name="t", scopes=["sites:read"])
    assert call(plain).status_code == 200
    open_page(alice).post(f"/me/tokens/{token.pk}/revoke")
    answer = call(plain)
    assert answer.status_code == 401 and answer["WWW-Authenticate"] == "Bearer"
    assert "unknown, expired or revoked" in answer.json()["error"]["message"]


def test_a_token_works_to_the_end_of_its_last_day_in_the_accounts_time_zone(alice: User, account: Account) -> None:
    account.timezone = "Asia/Tokyo"
    account.save()
    shown = open_page(alice).post("/me/tokens", {"name": "t", "may_sites": "read", "expires": "2037-03-01"})
    plain = TOKEN.findall(shown.content.decode())[0]
    for at, status in (("2037-03-01T14:59:00Z", 200), ("2037-03-01T15:00:00Z", 401)):
        with time_machine.travel(at, tick=False):
            assert call(plain).status_code == status


def test_the_last_day_of_a_token_is_displayed_as_it_was_chosen(alice: User, account: Account) -> None:
    for zone in ("Pacific/Honolulu", "Asia/Tokyo"):
        account.timezone = zone
        account.save()
        open_page(alice).post("/me/tokens", {"name": zone, "may_sites": "read", "expires": "2037-03-01"})
        assert read_html(open_page(alice).get("/me/tokens")).count("1 Mar 2037") == 1
        PersonalToken.objects.all().delete()


def test_a_token_ends_with_the_membership_and_is_announced_before(membership: Membership, bob: User) -> None:
    guest = Membership.objects.get(user=bob)
    plain = personal_token_create(membership=guest, name="Bob's script", scopes=["sites:read"])[1]
    assert call(plain).status_code == 200
    assert "Personal API tokens" in dict(list_ending_access(guest))
    member_remove(membership=guest, by=membership)
    assert call(plain).status_code == 401


def test_a_token_loses_what_its_person_loses(account: Account, site: Site, charlie: User) -> None:
    member = Membership.objects.create(user=charlie, account=account, role=Role.ADMIN, accepted=timezone.now())
    plain = personal_token_create(membership=member, name="t", scopes=["sites:write"])[1]
    change = ("patch", {"nickname": "Shop"})
    assert call(plain, f"sites/{site.pk}", *change).status_code == 200
    member_role_store(membership=member, role=Role.VIEWER)
    assert call(plain, f"sites/{site.pk}", *change).status_code == 404
    assert call(plain, f"sites/{site.pk}").status_code == 200
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    assert call(plain).status_code == 401


def test_the_last_use_is_written_at_most_once_a_minute(membership: Membership) -> None:
    token, plain = personal_token_create(membership=membership, name="t", scopes=["sites:read"])
    start = timezone.now().replace(microsecond=0)
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (100, 60), (121, 121)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            call(plain)
        token.refresh_from_db()
        assert token.last_used == start + timedelta(seconds=noted)


def test_a_guest_cannot_limit_a_token_to_a_site_of_others(account: Account, site: Site, bob: User) -> None:
    other = site_create(account=account, domain="other.example")
    shown = open_page(bob).post("/me/tokens", {"name": "t", "may_sites": "read", "sites": [other.pk]})
    assert "Select a valid choice" in shown.content.decode() and not PersonalToken.objects.exists()


def test_an_account_limits_the_tokens_of_a_member_and_their_requests(alice: User, account: Account) -> None:
    account.limits = {"tokens_per_member": 1, "management_per_minute": 2}
    account.save()
    client, body = open_page(alice), {"name": "t", "may_sites": "read"}
    plain = TOKEN.findall(client.post("/me/tokens", body).content.decode())[0]
    assert "This account may have 1 tokens per member" in client.post("/me/tokens", body).content.decode()
    with time_machine.travel("2037-03-01T10:00:05Z", tick=False):
        answers = [call(plain) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2]["Retry-After"] == "55" and answers[2].json()["error"]["code"] == "too_many_requests"
        assert call(str(account.authkey)).status_code == 200  # each key has a limit of its own


def test_a_token_opens_no_other_api(membership: Membership, site: Site) -> None:
    plain = personal_token_create(membership=membership, name="t", scopes=["sites:read", "links:read"])[1]
    assert Client().get("/api/goals", headers={"x-api-key": plain}).status_code == 401
    assert Client().get("/clickmeter/datapoints", headers={"x-clickmeter-authkey": plain}).status_code == 401


def test_the_keys_of_a_site_are_shown_to_a_token_that_writes_and_that_is_recorded(
    membership: Membership, site: Site
) -> None:
    shown = AuditEntry.objects.filter(action="site_keys.shown", target_id=str(site.pk))
    reads, writes = (
        personal_token_create(membership=membership, name="t", scopes=[scope])[1]
        for scope in ("sites:read", "sites:write")
    )
    answer = call(reads, f"sites/{site.pk}").json()
    assert answer["domain"] == site.domain and not {"sitekey", "sitekey_admin", "proxy_secret"} & set(answer)
    assert not shown.exists()
    assert call(writes, f"sites/{site.pk}").json()["sitekey_admin"] == site.sitekey_admin
    assert shown.count() == 1
    assert call(writes, f"sites/{site.pk}", "patch", {"nickname": "Shop"}).json()["sitekey"] == site.sitekey
    assert shown.count() == 1, "once an hour"


def test_a_token_reaches_only_digests_of_sites_of_its_account(
    membership: Membership, alice: User, site: Site, charlie: User
) -> None:
    other = site_create(account=require(charlie.memberships.first()).account, domain="other.example")
    Membership.objects.create(user=alice, account=other.account, role=Role.VIEWER, accepted=timezone.now())
    own, foreign, both, everything = (
        subscription_save(user=alice, frequency="week", sites=sites, attach_csv=False)
        for sites in ([site], [other], [site, other], [])
    )
    plain = personal_token_create(membership=membership, name="t", scopes=["reports:write"])[1]
    assert [row["id"] for row in call(plain, "digests").json()["results"]] == [own.pk]
    for row in (foreign, both, everything):
        for method in ("get", "patch", "delete"):
            assert call(plain, f"digests/{row.pk}", method, {"frequency": "day"}).status_code == 404
    for path, method, body in (
        ("digests", "post", {"frequency": "day"}),
        ("digests", "post", {"frequency": "day", "sites": []}),
        (f"digests/{own.pk}", "patch", {"sites": []}),
    ):
        refused = call(plain, path, method, body)
        assert refused.status_code == 400
        assert "Name at least one site" in refused.json()["error"]["message"]
    assert call(plain, "digests", "post", {"frequency": "day", "sites": [site.pk]}).status_code == 201
    assert call(plain, f"digests/{own.pk}", "patch", {"frequency": "month"}).json()["sites"] == [site.pk]
    assert {row["id"] for row in open_page(alice).get("/api/v1/digests").json()["results"]} >= {
        own.pk, foreign.pk, both.pk, everything.pk,
    }  # fmt: skip


def test_a_token_limited_to_sites_chooses_among_the_channels_of_their_alerts(
    membership: Membership, account: Account, site: Site
) -> None:
    known, unknown = (
        channel_save(channel=Channel(account=account, kind="webhook", name=name, target="https://a.example/"))
        for name in ("known", "unknown")
    )
    alert_save(alert=Alert(site=site, name="a", condition="uptime"), parameters={}, channels=[known])
    path, body = f"sites/{site.pk}/alerts", {"name": "b", "condition": "uptime"}
    for sites, status in (([site.pk], 400), ([], 201)):
        plain = personal_token_create(membership=membership, name="t", scopes=["monitoring:write"], sites=sites)[1]
        assert call(plain, path, "post", {**body, "channels": [known.pk]}).json()["channels"] == [known.pk]
        assert call(plain, path, "post", {**body, "channels": [unknown.pk]}).status_code == status


def test_a_token_limited_to_sites_is_told_only_the_name_of_its_account(
    membership: Membership, account: Account, site: Site
) -> None:
    limited, whole = (
        personal_token_create(membership=membership, name="t", scopes=["sites:read"], sites=sites)[1]
        for sites in ([site.pk], [])
    )
    shown = call(limited, "me").json()
    assert shown == {"email": "alice@example.com", "role": "owner", "account": {"id": account.pk, "name": account.name}}
    assert "monthly_events" in call(whole, "me").json()["account"]


def test_the_end_of_a_token_is_a_checksum_of_the_rest() -> None:
    plain = generate_personal_token()
    assert TOKEN.fullmatch(plain)
    assert compute_checksum(plain[5:41]) == plain[41:]
    assert compute_checksum("a" * 36) == compute_checksum("a" * 36) != compute_checksum("b" * 36)


def reset_password(client: Client, user: User) -> str:
    """Set a new password by a mailed link; returns where that leads."""
    client.post("/password/reset", {"email": user.email})
    link = client.get(extract(r"https?://\S+?(/password/reset/\S+)", mail.outbox[-1].body))["Location"]
    return str(client.post(link, {"password": "quite another password"})["Location"])


def test_a_reset_ends_sessions_and_asks_whether_the_tokens_stay(
    membership: Membership, alice: User, charlies_site: Site
) -> None:
    elsewhere = Membership.objects.create(user=alice, account=charlies_site.account, role=Role.EDITOR)
    plains = [
        personal_token_create(membership=one, name="Backup", scopes=["sites:read"])[1]
        for one in (membership, elsewhere)
    ]
    thief, client = log_in(alice), Client()
    assert reset_password(client, alice) == "/me/tokens/review"
    assert thief.get("/me").status_code == 302 and "/me/tokens/review" in mail.outbox[-1].body
    assert [call(plain).status_code for plain in plains] == [200, 200], "programs go on until the person decides"
    page = read_html(client.get("/me/tokens/review"))
    assert all(f"{plain[:12]}…" in page for plain in plains) and "Charlie&#x27;s" in page
    assert "2 tokens no longer work." in read_html(client.post("/me/tokens/review", follow=True))
    assert [call(plain).status_code for plain in plains] == [401, 401]
    revoked = AuditEntry.objects.filter(action="personal_token.revoked")
    assert {entry.account_id for entry in revoked} == {membership.account_id, elsewhere.account_id}


def test_a_reset_of_somebody_without_tokens_leads_to_the_start_page(alice: User, account: Account) -> None:
    assert reset_password(Client(), alice) == "/"


def test_nobody_sees_or_revokes_the_tokens_of_others(membership: Membership, charlie: User) -> None:
    token, plain = personal_token_create(membership=membership, name="Backup", scopes=["sites:read"])
    client = log_in(charlie)
    assert token.prefix not in client.get("/me/tokens/review").content.decode()
    client.post("/me/tokens/review")
    assert call(plain).status_code == 200
