"""Authenticator apps and recovery codes; passkeys are in tests/browser, because only a browser has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts.audit.models import ActorType, AuditEntry
from accounts.models import User
from accounts.security.encrypted_fields import decrypt
from accounts.services import account_create
from tests.support import read_html
from tests.support.types import Response
from tests.values import extract

PASSWORD = "a long enough password"
EMAIL = "dora@example.org"


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user(EMAIL, PASSWORD, name="Dora")


@pytest.fixture
def inside(client: Client, dora: User) -> Client:
    """Dora's browser, a moment after she entered her password again."""
    client.force_login(dora)
    assert client.post("/me/confirm", {"password": PASSWORD, "next": "/me/security"})["Location"] == "/me/security"
    return client


def compute_code(secret: str, steps: int = 0) -> str:
    """The code that an app shows (RFC 6238), `steps` of 30 seconds from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    number: int = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def set_up_app(browser: Client) -> tuple[str, list[str]]:
    """Set up an app; return its secret and the recovery codes."""
    secret = extract(r'class="secret">([A-Z2-7]{32})<', browser.get("/me/security/app").content.decode())
    answer = browser.post("/me/security/app", {"code": compute_code(secret)})
    assert answer["Location"] == "/me/security/codes"
    page = browser.get("/me/security/codes").content.decode()
    return secret, [piece.partition("<")[0] for piece in page.split("<code>")[1:]]


def log_in(browser: Client, password: str = PASSWORD) -> Response:
    return browser.post("/login", {"email": EMAIL, "password": password, "next": "/sites"})


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def test_after_the_password_the_apps_code_is_asked(
    inside: Client, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        secret, _ = set_up_app(inside)
    assert mail.outbox[-1].subject == "Authenticator app added" and mail.outbox[-1].to == [EMAIL]
    browser = Client()
    assert log_in(browser)["Location"] == "/login/second-factor"
    assert not is_in(browser)
    assert "Incorrect code" in browser.post("/login/second-factor", {"code": "000000"}).content.decode()
    assert browser.post("/login/second-factor", {"code": compute_code(secret, 1)})["Location"] == "/sites"
    assert is_in(browser)


def test_a_wrong_code_is_in_the_audit_log_of_the_persons_account(inside: Client, dora: User) -> None:
    account = account_create(name="Dora Ltd", owner=dora)
    set_up_app(inside)
    browser = Client()
    log_in(browser)
    browser.post("/login/second-factor", {"code": "000000"})
    entry = AuditEntry.objects.get(action="session.refused")
    assert entry.changes == {"email": [None, EMAIL], "kind": [None, "totp"]}
    assert (entry.account_id, entry.target_id, entry.actor_type) == (account.pk, str(dora.pk), ActorType.ANONYMOUS)


def test_a_code_works_once(inside: Client) -> None:
    secret, _ = set_up_app(inside)
    code = compute_code(secret, 1)
    first, second = Client(), Client()
    for browser in (first, second):
        log_in(browser)
        browser.post("/login/second-factor", {"code": code})
    assert is_in(first) and not is_in(second)


def test_a_recovery_code_replaces_the_app_once(inside: Client) -> None:
    _, codes = set_up_app(inside)
    assert len(codes) == 10
    browser, again = Client(), Client()
    for one in (browser, again):
        log_in(one)
        one.post("/login/second-factor", {"code": codes[0]})
    assert is_in(browser) and not is_in(again)
    assert "9 codes are left" in read_html(inside.get("/me/security"))


def test_recovery_codes_are_shown_once_and_can_be_replaced(inside: Client) -> None:
    _, codes = set_up_app(inside)
    page = inside.get("/me/security/codes").content.decode()
    assert not any(code in page for code in codes) and "shown already" in page
    assert inside.post("/me/security/codes/new")["Location"] == "/me/security/codes"
    renewed = inside.get("/me/security/codes").content.decode()
    assert "<code>" in renewed and codes[0] not in renewed


def test_guesses_at_the_second_factor_are_limited(inside: Client) -> None:
    secret, _ = set_up_app(inside)
    browser = Client()
    log_in(browser)
    for _ in range(5):
        browser.post("/login/second-factor", {"code": "000000"})
    page = browser.post("/login/second-factor", {"code": compute_code(secret, 1)}).content.decode()
    assert "Too many attempts" in page and not is_in(browser)


def test_a_new_password_by_mail_does_not_replace_the_second_factor(inside: Client) -> None:
    set_up_app(inside)
    thief = Client()
    thief.post("/password/reset", {"email": EMAIL})
    link = thief.get(extract(r"https?://\S+?(/password/reset/\S+)", mail.outbox[-1].body))["Location"]
    assert thief.post(link, {"password": "quite another password"})["Location"] == "/login/second-factor"
    assert not is_in(thief)


def test_the_password_alone_opens_no_api(inside: Client) -> None:
    params: dict[str, Any] = {"username": EMAIL, "password": PASSWORD, "output": "json"}
    assert Client().get("/api/account/sites", params).json() == []
    set_up_app(inside)
    assert "second factor" in Client().get("/api/account/sites", params).json()[0]["error"]


def test_an_app_is_added_and_removed_only_after_a_confirmation(client: Client, dora: User) -> None:
    client.force_login(dora)
    for path in ("/me/security/app", "/me/security/passkeys/new", "/me/security/codes/new"):
        assert client.get(path)["Location"].startswith("/me/confirm?")
        assert client.post(path, {"code": "123456"})["Location"].startswith("/me/confirm?")
    assert not Authenticator.objects.exists()


def test_a_removed_app_is_no_longer_asked_for_and_told_by_mail(inside: Client) -> None:
    set_up_app(inside)
    assert inside.post("/me/security/app/remove")["Location"] == "/me/security"
    assert mail.outbox[-1].subject == "Authenticator app removed"
    assert log_in(Client())["Location"] == "/sites"


def test_what_a_user_does_not_have_leads_to_the_overview(inside: Client) -> None:
    for path in ("/me/security/app/remove", "/me/security/codes"):
        assert inside.get(path)["Location"] == "/me/security"


def test_nobody_removes_a_passkey_of_somebody_else(inside: Client, alice: User) -> None:
    hers = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Hers", "credential": {}})
    path = f"/me/security/passkeys/{hers.pk}/remove"
    assert inside.get(path).status_code == 404 and inside.post(path).status_code == 404
    assert Authenticator.objects.filter(pk=hers.pk).exists()


def test_secrets_of_second_factors_are_encrypted_and_follow_a_change_of_the_key(
    inside: Client, dora: User, settings: Settings
) -> None:
    secret, codes = set_up_app(inside)
    app = Authenticator.objects.get(user=dora, type="totp")
    assert secret not in str(app.data) and decrypt(app.data["secret"]) == secret
    assert not any(code in str(list(Authenticator.objects.values())) for code in codes)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, as long as keys are"
    call_command("reencrypt", "--lost-key", stdout=StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    app.refresh_from_db()
    assert decrypt(app.data["secret"]) == secret


def test_a_secret_that_cannot_be_decrypted_admits_nobody(inside: Client, dora: User) -> None:
    set_up_app(inside)
    Authenticator.objects.filter(user=dora).update(data={"secret": "other", "seed": "other", "used_mask": 0})
    browser = Client()
    log_in(browser)
    page = browser.post("/login/second-factor", {"code": compute_code("")}).content.decode()
    assert "cannot be checked" in page and not is_in(browser)
