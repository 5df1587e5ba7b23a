"""Signing up where the operator lets strangers do so: with a verified address, and without telling who has one."""

from __future__ import annotations

from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, Invitation, Membership, Purpose, Role, User
from accounts.services import account_brand_set
from links.services.guests import guest_create
from tests.support import read_html, verify_host
from tests.values import extract

PASSWORD = "a long enough password"
FIELDS = {"name": "Zoe", "email": "Zoe@Example.org", "password1": PASSWORD, "account_name": "Zoe Ltd"}


@pytest.fixture
def open_sign_up(settings: Settings, alice: User) -> None:
    settings.SIGN_UP = "open"


def find_code() -> str:
    return extract(r"\b([A-Z0-9]{4}-[A-Z0-9]{4}|\d{6})\b", mail.outbox[-1].body)


def is_in(client: Client) -> bool:
    return client.get("/me").status_code == 200


@pytest.mark.usefixtures("open_sign_up")
def test_a_stranger_signs_up_and_is_in_after_entering_the_mailed_code(client: Client) -> None:
    assert 'href="/signup"' in client.get("/login").content.decode()
    assert client.post("/signup", FIELDS)["Location"] == "/signup/verify"
    assert mail.outbox[-1].to == ["zoe@example.org"] and not is_in(client)
    assert "Incorrect code" in client.post("/signup/verify", {"code": "AAAA-AAAA"}).content.decode()
    assert client.post("/signup/verify", {"code": find_code()})["Location"] == "/"
    assert is_in(client)
    zoe = User.objects.get(email="zoe@example.org")
    membership = Membership.objects.get(user=zoe)
    assert (str(membership.account), membership.role, zoe.name) == ("Zoe Ltd", Role.OWNER, "Zoe")
    assert not zoe.is_operator


@pytest.mark.usefixtures("open_sign_up")
def test_an_address_that_was_not_verified_does_not_log_in(client: Client) -> None:
    client.post("/signup", FIELDS)
    later = Client()
    answer = later.post("/login", {"email": FIELDS["email"], "password": PASSWORD})
    assert answer.status_code in (200, 302) and not is_in(later)
    for path in ("/api/account/sites", "/app/api?url=https://example.org/"):
        refused = Client().post(
            path, {"username": FIELDS["email"], "password": PASSWORD, "url": "https://example.org/"}
        )
        assert "not verified" in refused.content.decode(), path


@pytest.mark.usefixtures("open_sign_up")
def test_a_mailed_link_to_a_new_password_verifies_the_address_too(client: Client) -> None:
    client.post("/signup", FIELDS)
    owner = Client()
    owner.post("/password/reset", {"email": "zoe@example.org"})
    link = owner.get(extract(r"https?://\S+?(/password/reset/\S+)", mail.outbox[-1].body))["Location"]
    assert owner.post(link, {"password": "quite another password"}).status_code == 302
    assert is_in(owner)
    assert Client().post("/login", {"email": "zoe@example.org", "password": PASSWORD}).status_code == 200


@pytest.mark.usefixtures("open_sign_up")
def test_signing_up_with_an_address_in_use_looks_the_same_and_mails_its_owner(client: Client, alice: User) -> None:
    taken = client.post("/signup", {**FIELDS, "email": alice.email})
    free = Client().post("/signup", FIELDS)
    assert (taken.status_code, taken["Location"]) == (free.status_code, free["Location"])
    letters = {letter.to[0]: letter for letter in mail.outbox}
    assert "already" in letters[alice.email].subject
    assert "/password/reset" in letters[alice.email].body and "code is" in letters["zoe@example.org"].subject
    page = read_html(client.get("/signup/verify"))
    assert alice.email in page
    assert not Membership.objects.filter(user=alice, account__name="Zoe Ltd").exists()


@pytest.mark.usefixtures("open_sign_up")
@pytest.mark.parametrize(("field", "value", "reason"), [
    ("password1", "12345", "too short"), ("email", "zoe", "valid email"), ("account_name", "", "required"),
])  # fmt: skip
def test_what_is_wrong_with_a_sign_up_is_said(client: Client, field: str, value: str, reason: str) -> None:
    answer = client.post("/signup", {**FIELDS, field: value})
    assert answer.status_code == 200 and reason in answer.content.decode()
    assert not Account.objects.filter(name="Zoe Ltd").exists()


@pytest.mark.usefixtures("open_sign_up")
def test_sign_ups_are_limited_by_client_behind_trusted_proxies(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ("127.0.0.1",)

    def sign_up(number: int, address: str) -> int:
        fields = {**FIELDS, "email": f"p{number}@example.org", "account_name": ""}
        return Client().post("/signup", fields, headers={"x-forwarded-for": address}).status_code

    answers = [sign_up(number, "198.51.100.7") for number in range(21)]
    assert answers == [200] * 20 + [429]
    assert sign_up(22, "198.51.100.8") == 200


def test_without_the_operators_leave_nobody_signs_up(client: Client, alice: User) -> None:
    assert "/signup" not in client.get("/login").content.decode()
    for answer in (client.get("/signup"), client.post("/signup", FIELDS)):
        assert answer.status_code == 403 and "by invitation only" in answer.content.decode()
    assert not User.objects.filter(email="zoe@example.org").exists()


def test_before_the_set_up_nobody_signs_up(client: Client, db: None, settings: Settings) -> None:
    settings.SIGN_UP = "open"
    assert client.post("/signup", FIELDS).status_code == 403
    assert not User.objects.exists()


@pytest.mark.usefixtures("open_sign_up")
def test_on_a_white_label_host_nobody_signs_up(client: Client, account: Account) -> None:
    account_brand_set(account=account, host="stats.agency.example", name="Agency")
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    assert client.post("/signup", FIELDS, headers={"host": "stats.agency.example"}).status_code == 403


def test_a_user_changes_the_address_by_a_code_sent_to_the_new_one(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/me/email")["Location"] == "/me/confirm?next=%2Fme%2Femail"
    wrong = client.post("/me/confirm", {"password": "guess", "next": "/me/email"})
    assert "not your current password" in wrong.content.decode()
    password = "correct horse battery"
    alice.set_password(password)
    alice.save()
    client.force_login(alice)
    assert client.post("/me/confirm", {"password": password, "next": "/me/email"})["Location"] == "/me/email"
    answer = client.post("/me/email", {"email": "new@example.org", "action_add": "1"})
    assert answer["Location"] == "/signup/verify" and mail.outbox[-1].to == ["new@example.org"]
    assert User.objects.filter(email=alice.email).exists(), "the old address counts until then"
    client.post("/signup/verify", {"code": find_code()})
    alice.refresh_from_db()
    assert alice.email == "new@example.org"
    told = [letter.to[0] for letter in mail.outbox if "was changed" in letter.subject]
    assert told == ["alice@example.com"], "the old address is told"


def test_a_form_that_needs_confirmation_is_not_kept_in_the_session(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.post("/me/email", {"email": "new@example.org", "action_add": "1"})
    assert answer["Location"] == "/me/confirm?next=%2Fme%2Femail"
    kept = str(dict(client.session.items()))
    assert "new@example.org" not in kept and client.cookies["sessionid"].value not in kept


def test_a_changed_password_is_told_by_mail(client: Client, alice: User) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    client.force_login(alice)
    answer = client.post("/me/password", {"current": PASSWORD, "password": "quite another password"})
    assert answer["Location"] == "/me/security"
    assert "logged out everywhere else" in client.get("/me/security").content.decode()
    assert mail.outbox[-1].subject == "Your password was changed" and "127.0.0.1" in mail.outbox[-1].body


@pytest.mark.usefixtures("open_sign_up")
def test_a_code_that_could_not_be_mailed_can_be_asked_for_again(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "could not be sent" in client.post("/signup", FIELDS, follow=True).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()  # another code is sent after ten seconds
    client.post("/signup/verify", {"action": "resend"})
    client.post("/signup/verify", {"code": find_code(), "action": "verify"})
    assert is_in(client)


def test_a_password_is_changed_even_if_the_mail_about_it_cannot_be_sent(
    client: Client, alice: User, settings: Settings
) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    client.force_login(alice)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answer = client.post("/me/password", {"current": PASSWORD, "password": "quite another password"})
    assert answer.status_code == 302 and User.objects.get(pk=alice.pk).check_password("quite another password")


def test_where_sign_up_is_closed_an_invitation_makes_no_new_user(
    client: Client, account: Account, settings: Settings
) -> None:
    settings.SIGN_UP = "closed"
    invitation = Invitation.objects.create(account=account, email="zoe@example.org")
    answer = client.post(f"/join/{invitation.token}", {"password": PASSWORD})
    assert answer.status_code == 403 and "No new users" in answer.content.decode()
    user = User.objects.create_user("zoe@example.org", PASSWORD)
    client.force_login(user)
    assert client.post(f"/join/{invitation.token}").status_code == 302, "somebody who has a log-in still joins"


@pytest.mark.parametrize("sign_up", ["invitation", "closed"])
def test_where_sign_up_is_closed_a_pending_guest_gets_no_password_by_mail(
    client: Client, account: Account, alice: User, settings: Settings, sign_up: str
) -> None:
    settings.SIGN_UP = sign_up
    guest_create(account=account, email="zoe@example.org")
    answers = [
        client.post("/password/reset", {"email": email}) for email in (alice.email, "zoe@example.org", "no@example.org")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    linked = [message.to for message in mail.outbox if "/password/reset/" in message.body]
    assert linked == [[alice.email], *([] if sign_up == "closed" else [["zoe@example.org"]])]
    texts = {
        extract(r"(<section class=.*</section>)", read_html(answer)).replace(email, "…")
        for answer, email in zip(answers, (alice.email, "zoe@example.org", "no@example.org"), strict=True)
    }
    assert len(texts) == 1, "the answer tells who has a user"


def test_the_upgrade_keeps_addresses_of_people_who_can_log_in_as_verified(db: None) -> None:
    migration = import_module("accounts.migrations.0004_verified_email_addresses")
    known, invited = (
        User.objects.create_user("known@example.org", PASSWORD),
        User.objects.create_user("new@example.org"),
    )
    migration.add_addresses(apps, None)
    rows = EmailAddress.objects.values_list("user", "email", "verified", "primary")
    assert list(rows) == [(known.pk, known.email, True, True)] and not EmailAddress.objects.filter(user=invited)
