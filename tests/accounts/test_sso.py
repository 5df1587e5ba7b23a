"""Single sign-on without a provider: its settings, its domains, and every way in that “SSO only” closes.

Log-ins at a real provider are in tests/services/test_sso.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.custom_domains.services import GRACE_PERIOD
from accounts.models import Account, Membership, Role, User
from accounts.security.password_login import build_reset_path
from accounts.services.invitations import invitation_create
from accounts.services.personal_tokens import personal_token_create
from accounts.services.sso_domains import sso_domains_check
from accounts.sso.models import SsoConnection, SsoDomain, SsoLogin
from accounts.sso.rules import KEY_DAYS
from tests.accounts.test_second_factor_demand import add_factor, open_browser
from tests.accounts.test_second_factors import compute_code
from tests.conftest import PASSWORD
from tests.support import read_html
from tests.support.dns_server import DnsServer, dns_server
from tests.support.traffic import confirm
from tests.values import extract

ZOE = "zoe@acme.test"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FORM = {"issuer": "https://login.acme.test", "client_id": "c-1", "client_secret": "hush-hush", "default_role": "editor"}


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def confirm_by_code(browser: Client) -> Client:
    """The browser of a user with a second factor, who has just confirmed that it is them."""
    assert browser.post("/me/confirm/code", {"code": compute_code(SECRET), "next": "/me"})["Location"] == "/me"
    return browser


def list_refusals(account: Account) -> list[str]:
    rows = AuditEntry.objects.filter(account_id=account.pk, action="sso.refused").order_by("pk")
    return [str(row.changes.get("way", ["", ""])[1]) for row in rows]


def test_the_password_leads_to_the_provider_and_the_attempt_is_recorded(enforced: SsoConnection) -> None:
    browser = Client()
    answer = browser.post("/login", {"email": ZOE, "password": PASSWORD})
    assert answer["Location"] == "/login/sso?email=zoe%40acme.test" and not is_in(browser)
    page = read_html(browser.get(answer["Location"]))
    assert "log in through single sign-on" in page and 'value="zoe@acme.test"' in page
    assert list_refusals(enforced.account) == ["/login"]


def test_a_mailed_link_sets_no_password_and_none_is_mailed(enforced: SsoConnection, zoe: User) -> None:
    browser = Client()
    earlier = build_reset_path(zoe)
    assert (
        "/password/reset" in read_html(browser.get("/password/reset"))
        and browser.post("/password/reset", {"email": ZOE}).status_code == 200
    )
    assert "/login/sso?email=zoe%40acme.test" in mail.outbox[-1].body and "/password/reset/" not in mail.outbox[-1].body
    form = browser.get(earlier)["Location"]
    answer = browser.post(form, {"password": "quite another long word"})
    assert answer["Location"].startswith("/login/sso") and not is_in(browser)
    zoe.refresh_from_db()
    assert zoe.check_password(PASSWORD)


def test_the_address_cannot_be_changed_away_nor_another_one_to_it(
    enforced: SsoConnection, zoe: User, bob: User
) -> None:
    for person, new in ((zoe, "zoe@private.test"), (bob, "bob@acme.test")):
        browser = open_browser(person)
        browser.post("/me/confirm", {"password": PASSWORD})
        answer = browser.post("/me/email", {"action_add": "", "email": new})
        assert answer.status_code == 200 and "single sign-on" in read_html(answer), person
    assert not EmailAddress.objects.filter(email__in=("zoe@private.test", "bob@acme.test")).exists()


@pytest.mark.parametrize("action", ["action_primary", "action_remove", "action_send"])
def test_another_address_that_is_stored_of_somebody_does_not_become_theirs(
    action: str, enforced: SsoConnection, zoe: User
) -> None:
    EmailAddress.objects.create(user=zoe, email="zoe@private.test", verified=True)
    browser = confirm(open_browser(zoe), PASSWORD)
    assert browser.post("/me/email", {action: "", "email": "zoe@private.test"})["Location"] == "/me/email"
    zoe.refresh_from_db()
    assert zoe.email == ZOE and EmailAddress.objects.get(user=zoe, primary=True).email == ZOE
    assert EmailAddress.objects.filter(user=zoe).count() == 2 and mail.outbox == []


def test_nobody_signs_up_with_an_address_of_the_domain(enforced: SsoConnection, settings: Settings) -> None:
    settings.SIGN_UP = "open"
    fields = {"name": "Max", "email": "max@acme.test", "password1": PASSWORD, "account_name": "Max Ltd"}
    for path in ("/signup", "/signup/passkey"):
        assert "log in through single sign-on" in read_html(Client().post(path, fields)), path
    assert not User.objects.filter(email="max@acme.test").exists()


def test_an_invited_person_of_the_domain_joins_through_the_provider(enforced: SsoConnection, alice: User) -> None:
    by = Membership.objects.get(user=alice)
    invitation = invitation_create(account=enforced.account, email="max@acme.test", role=Role.VIEWER, by=by)
    answer = Client().get(f"/join/{invitation.token}")
    assert answer["Location"].startswith("/login/sso?email=max%40acme.test&next=%2Fjoin%2F")


@pytest.mark.parametrize("who", [ZOE, "alice@acme.test"])
def test_the_password_opens_no_api_not_even_the_emergency_owners(who: str, enforced: SsoConnection) -> None:
    params = {"username": who, "password": PASSWORD, "output": "json"}
    for path in ("/api/account/sites", "/app/api"):
        answer = Client().get(path, {**params, "url": "https://example.org/"})
        assert "single sign-on" in answer.content.decode(), path


def test_a_members_tokens_and_key_work_for_days_after_the_last_log_in_there(enforced: SsoConnection, zoe: User) -> None:
    membership = Membership.objects.get(user=zoe)
    _, plain = personal_token_create(membership=membership, name="t", scopes=["sites:read"])

    def list_statuses() -> list[int]:
        by_token = Client().get("/api/v1/me", headers={"authorization": f"Bearer {plain}"})
        by_key = Client().get("/api/v1/me", headers={"authorization": f"Bearer {membership.authkey}"})
        return [by_token.status_code, by_key.status_code]

    assert list_statuses() == [401, 401]
    login = SsoLogin.objects.create(connection=enforced, user=zoe, at=timezone.now())
    assert list_statuses() == [200, 200]
    login.at -= timedelta(days=KEY_DAYS, hours=1)
    login.save()
    assert list_statuses() == [401, 401]
    key = enforced.account.authkey
    assert Client().get("/api/v1/me", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_keys_of_the_emergency_owner_work_as_long_as_they_own_the_account(enforced: SsoConnection, alice: User) -> None:
    membership = Membership.objects.get(user=alice)
    _, plain = personal_token_create(membership=membership, name="t", scopes=["sites:read"])
    for role, status in ((Role.OWNER, 200), (Role.ADMIN, 401)):
        Membership.objects.filter(user=alice).update(role=role)
        for key in (plain, membership.authkey):
            answer = Client().get("/api/v1/me", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == status, (role, key)


def test_members_with_other_addresses_log_in_as_before(enforced: SsoConnection, bob: User) -> None:
    browser = Client()
    browser.post("/login", {"email": bob.email, "password": PASSWORD})
    assert is_in(browser)


def test_the_way_back_needs_password_and_second_factor_and_is_recorded(enforced: SsoConnection, alice: User) -> None:
    browser = Client()
    credentials = {"email": alice.email, "password": PASSWORD}
    assert browser.post("/login", credentials)["Location"].startswith("/login/sso"), "she has no second factor"
    add_factor(alice)
    Membership.objects.filter(user=alice).update(role=Role.ADMIN)
    assert browser.post("/login", credentials)["Location"].startswith("/login/sso"), "she owns it no longer"
    Membership.objects.filter(user=alice).update(role=Role.OWNER)
    assert browser.post("/login", credentials)["Location"] == "/login/second-factor"
    assert not AuditEntry.objects.filter(action="sso.bypassed").exists()
    assert browser.post("/login/second-factor", {"code": compute_code(SECRET)})["Location"] == "/"
    assert is_in(browser)
    entry = AuditEntry.objects.get(action="sso.bypassed")
    assert entry.account_id == enforced.account_id and entry.changes["email"] == [None, alice.email]


def test_who_is_the_way_back_no_longer_is_logged_out(enforced: SsoConnection, zoe: User, alice: User) -> None:
    SsoLogin.objects.create(connection=enforced, user=zoe, at=timezone.now())
    Membership.objects.filter(user=zoe).update(role=Role.OWNER)
    add_factor(alice)
    add_factor(zoe)
    browser, other = confirm_by_code(open_browser(alice)), open_browser(alice)
    choice = {"enforced": "1", "way_back": alice.email}
    assert browser.post("/account/sso/enforce", choice)["Location"] == "/account/sso"
    assert is_in(browser) and is_in(other), "she still is it"
    assert browser.post("/account/sso/enforce", {**choice, "way_back": ZOE})["Location"] == "/account/sso"
    assert not is_in(browser) and not is_in(other)


def test_without_sso_only_the_password_still_works(connection: SsoConnection, zoe: User) -> None:
    browser = Client()
    browser.post("/login", {"email": ZOE, "password": PASSWORD})
    assert is_in(browser)
    assert not AuditEntry.objects.filter(action__startswith="sso.").exists()


def test_a_domain_that_is_not_verified_has_no_effect(enforced: SsoConnection) -> None:
    SsoDomain.objects.update(verified=None)
    answer = Client().post("/login/sso", {"email": ZOE})
    assert "No account has set up single sign-on" in read_html(answer)
    browser = Client()
    browser.post("/login", {"email": ZOE, "password": PASSWORD})
    assert is_in(browser)


def read_stored_secret() -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM sso_ssoconnection")
        return str(cursor.fetchone()[0])


def test_the_secret_is_stored_encrypted_and_never_shown_again(account: Account, alice: User) -> None:
    browser = confirm(open_browser(alice), PASSWORD)
    assert browser.post("/account/sso", FORM)["Location"] == "/account/sso"
    page = browser.get("/account/sso").content.decode()
    assert "hush-hush" not in page and f"/login/sso/account-{account.pk}/callback" in page
    assert "hush-hush" not in read_stored_secret()
    dots = extract(r'name="client_secret" value="([^"]+)"', page)
    browser.post("/account/sso", {**FORM, "client_id": "c-2", "client_secret": dots})
    connection = SsoConnection.objects.get()
    assert (connection.client_id, connection.client_secret) == ("c-2", "hush-hush")
    shown = browser.get("/api/v1/sso").json()
    assert shown["client_id"] == "c-2" and "client_secret" not in shown
    assert "hush-hush" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    "wrong", [{"issuer": "ftp://a.test"}, {"issuer": ""}, {"client_id": " "}, {"default_role": "owner"}]
)
def test_a_wrong_setting_is_refused(wrong: dict[str, str], alice: User) -> None:
    browser = confirm(open_browser(alice), PASSWORD)
    assert browser.post("/account/sso", {**FORM, **wrong}).status_code == 200
    assert not SsoConnection.objects.exists()


def test_only_owners_set_it_up(connection: SsoConnection, alice: User) -> None:
    Membership.objects.filter(user=alice).update(role=Role.ADMIN)
    browser = open_browser(alice)
    assert browser.get("/account/sso").status_code == 404
    assert browser.post("/account/sso", FORM).status_code == 404


def test_programs_read_the_provider_and_change_nothing(connection: SsoConnection, alice: User) -> None:
    _, token = personal_token_create(membership=alice.memberships.get(), name="t", scopes=["account:write"])
    domain = connection.domains.get()
    for key in (connection.account.authkey, token):
        program = Client(headers={"authorization": f"Bearer {key}"})
        assert program.get("/api/v1/sso").json()["issuer"] == "https://login.acme.test"
        assert program.get(f"/api/v1/sso/domains/{domain.pk}").json()["domain"] == "acme.test"
        for method, path in (
            ("patch", "sso"), ("delete", "sso"), ("post", "sso/domains"), ("delete", f"sso/domains/{domain.pk}"),
        ):  # fmt: skip
            call: Any = getattr(program, method)
            answer = call(f"/api/v1/{path}", {"domain": "b.test"}, content_type="application/json")
            assert answer.status_code == 405, path


def test_nothing_is_changed_before_the_owner_confirms_that_it_is_them(connection: SsoConnection, alice: User) -> None:
    browser, domain = open_browser(alice), connection.domains.get()
    confirmation = "/me/confirm?next=%2Faccount%2Fsso"
    page = browser.get("/account/sso").content.decode()
    assert f'href="{confirmation}"' in page and "Save" not in page and "Remove" not in page
    for path in ("", "/remove", "/enforce", "/domains", f"/domains/{domain.pk}/remove"):
        answer = browser.post(f"/account/sso{path}", {**FORM, "domain": "b.test"})
        assert answer["Location"] == confirmation, path
    connection.refresh_from_db()
    assert connection.client_id == "c-1" and list(connection.domains.all()) == [domain]


def test_all_owners_are_told_of_another_provider(connection: SsoConnection, alice: User, account: Account) -> None:
    olga = User.objects.create_user("olga@example.com", PASSWORD, name="Olga")
    Membership.objects.create(user=olga, account=account, role=Role.OWNER)
    browser = confirm(open_browser(alice), PASSWORD)
    browser.post("/account/sso", {**FORM, "client_secret": "", "issuer": "https://login.acme.test"})
    assert mail.outbox == [], "only the role of new members is another"
    browser.post("/account/sso", {**FORM, "issuer": "https://evil.test"})
    assert sorted(message.to[0] for message in mail.outbox) == [alice.email, olga.email]
    for message in mail.outbox:
        assert "Single sign-on of “Alice & Co” was changed" in message.subject
        assert "https://evil.test" in message.body and "Alice (alice@example.com)" in message.body
    entry = AuditEntry.objects.filter(account=account, action="sso.changed").latest("pk")
    assert entry.changes["issuer"] == ["https://login.acme.test", "https://evil.test"]
    browser.post("/account/sso/remove")
    assert len(mail.outbox) == 4 and "It was removed" in mail.outbox[-1].body


@pytest.fixture
def names(settings: Settings) -> Any:
    """The DNS server that the product asks."""
    with dns_server() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


def test_a_domain_is_verified_by_a_record_of_its_own(
    connection: SsoConnection, alice: User, names: DnsServer, charlie: User
) -> None:
    browser = confirm(open_browser(alice), PASSWORD)
    browser.post("/account/sso/domains", {"domain": "Corp.Example"})
    row = SsoDomain.objects.get(domain="corp.example")
    names.name_accounts("corp.example", connection.account_id)  # that of a website
    check = f"/account/sso/domains/{row.pk}/check"
    assert "There is no TXT record" in read_html(browser.post(check, follow=True))
    names.texts["_analytics-sso.corp.example"] = [(f"account={connection.account_id}",)]
    assert "The record names this account" in read_html(browser.post(check, follow=True))
    row.refresh_from_db()
    assert row.verified
    theirs = SsoConnection.objects.create(
        account=charlie.memberships.get().account, issuer="https://c.test", client_id="c"
    )
    second = SsoDomain.objects.create(connection=theirs, domain="corp.example")
    other = open_browser(charlie)
    names.texts["_analytics-sso.corp.example"].append((f"account={theirs.account_id}",))
    other.post(f"/account/sso/domains/{second.pk}/check")
    second.refresh_from_db()
    assert second.verified is None and "still names it" in second.check_result
    names.texts["_analytics-sso.corp.example"] = [(f"account={theirs.account_id}",)]
    other.post(f"/account/sso/domains/{second.pk}/check")
    second.refresh_from_db()
    row.refresh_from_db()
    assert second.verified and row.verified is None


def test_a_verified_domain_ends_when_its_record_was_missing_for_days(
    connection: SsoConnection, names: DnsServer
) -> None:
    now = timezone.now()
    SsoDomain.objects.update(checked=now - timedelta(days=2))
    names.broken.add("_analytics-sso.acme.test")
    assert sso_domains_check(now=now) == 1
    assert SsoDomain.objects.get().verified and SsoDomain.objects.get().failing_since is None, "DNS is away"
    names.broken.clear()
    assert sso_domains_check(now=now + timedelta(hours=1)) == 0, "not due"
    later = now + timedelta(days=1, minutes=1)
    sso_domains_check(now=later)
    row = SsoDomain.objects.get()
    assert row.verified and row.failing_since == later and "The record is missing" in row.check_result
    sso_domains_check(now=later + GRACE_PERIOD)
    assert SsoDomain.objects.get().verified is None
    assert AuditEntry.objects.filter(action="sso_domain.verification_withdrawn").count() == 1
