"""A person under attack is not locked out: devices, programs and reset mails that are known let them in."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.security import rate_limits
from tests.accounts.test_login_throttle import EMAIL, PASSWORD, post_log_in
from tests.support.types import Store


@pytest.fixture
def besieged(db: None) -> User:
    """A person whose e-mail strangers tried from so many networks that the limit of the e-mail is used up."""
    user = User.objects.create_user(EMAIL, PASSWORD)
    for _ in range(rate_limits.LOGIN_EMAIL.maximum):
        rate_limits.count_attempt((rate_limits.LOGIN_EMAIL, EMAIL))
    return user


def test_a_recognized_device_can_log_in_during_an_attack(client: Client, besieged: User) -> None:
    rate_limits.clear_attempts((rate_limits.LOGIN_EMAIL, EMAIL))
    assert post_log_in(client, PASSWORD).status_code == 302
    cookie = client.cookies["known_device"]
    assert cookie["httponly"] and cookie["path"] == "/login" and cookie["samesite"] == "Lax" and cookie["max-age"] > 1e7
    assert EMAIL not in cookie.value and not cookie["secure"]
    client.post("/logout")
    for _ in range(rate_limits.LOGIN_EMAIL.maximum):
        rate_limits.count_attempt((rate_limits.LOGIN_EMAIL, EMAIL))
    assert post_log_in(Client(), PASSWORD, "203.0.113.5").status_code == 429, "an unknown device waits"
    assert post_log_in(client, PASSWORD, "203.0.113.6").status_code == 302, "the known one does not, from anywhere"


def test_a_recognized_device_is_limited_too_and_only_for_its_own_users(client: Client, besieged: User) -> None:
    rate_limits.clear_attempts((rate_limits.LOGIN_EMAIL, EMAIL))
    post_log_in(client, PASSWORD)
    client.post("/logout")
    answers = [post_log_in(client, address=f"203.0.113.{number}").status_code for number in range(7)]
    assert answers == [200] * 5 + [429] * 2
    other = User.objects.create_user("eve@example.org", PASSWORD)
    for _ in range(rate_limits.LOGIN_EMAIL.maximum):
        rate_limits.count_attempt((rate_limits.LOGIN_EMAIL, other.email))
    form = {"email": other.email, "password": PASSWORD}
    assert client.post("/login", form, REMOTE_ADDR="203.0.113.9").status_code == 429


def test_two_users_of_one_device_are_both_recognized(client: Client, besieged: User) -> None:
    rate_limits.clear_attempts((rate_limits.LOGIN_EMAIL, EMAIL))
    other = User.objects.create_user("eve@example.org", PASSWORD)
    for email in (EMAIL, other.email):
        client.post("/login", {"email": email, "password": PASSWORD})
        client.post("/logout")
    for email in (EMAIL, other.email):
        for _ in range(rate_limits.LOGIN_EMAIL.maximum):
            rate_limits.count_attempt((rate_limits.LOGIN_EMAIL, email))
        form = {"email": email, "password": PASSWORD}
        assert client.post("/login", form, REMOTE_ADDR="203.0.113.9").status_code == 302
        client.post("/logout")


@pytest.mark.parametrize("forged", ["", "x", "WyJhIixbImIiXV0:1abcde:x"])
def test_a_forged_device_cookie_is_not_recognized(client: Client, besieged: User, forged: str) -> None:
    client.cookies["known_device"] = forged
    assert post_log_in(client, PASSWORD).status_code == 429


def test_the_device_cookie_is_secure_where_https_is_used(client: Client, db: None) -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    client.post("/login", {"email": EMAIL, "password": PASSWORD}, secure=True)
    assert client.cookies["known_device"]["secure"]


def test_a_person_under_attack_can_log_in_through_a_reset_mail(client: Client, besieged: User) -> None:
    for number in range(rate_limits.RESET_EMAIL.maximum + 3):  # strangers, who would like no mail to be left for her
        Client().post("/password/reset", {"email": EMAIL}, REMOTE_ADDR=f"203.0.113.{number}")
    answer = client.post("/password/reset", {"email": EMAIL})
    assert answer.status_code == 200 and "Look for an earlier one" in answer.content.decode()
    assert len(mail.outbox) == rate_limits.RESET_EMAIL.maximum
    path = str(mail.outbox[0].body).split("/password/reset/")[1].split()[0]
    choose = client.get(f"/password/reset/{path}")["Location"]
    chosen = client.post(choose, {"password": "quite another password"})
    assert chosen.status_code == 302 and client.get("/me").status_code == 200
    client.post("/logout")
    assert post_log_in(client, "quite another password").status_code == 302, "her device is known from now on"
    elsewhere = post_log_in(Client(), "quite another password", "203.0.113.200")
    assert elsewhere.status_code == 302, "and what strangers tried is forgotten"


def test_a_reset_mail_that_could_not_be_sent_is_not_counted(client: Client, besieged: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    for _ in range(rate_limits.RESET_EMAIL.maximum + 1):
        assert "could not be sent" in client.post("/password/reset", {"email": EMAIL}).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client.post("/password/reset", {"email": EMAIL})
    assert len(mail.outbox) == 1


def test_a_program_that_logged_in_before_is_recognized_by_its_network(besieged: User, store: Store) -> None:
    params = {"username": EMAIL, "password": PASSWORD, "output": "json"}

    def listed(address: str) -> Any:
        return Client().get("/api/account/sites", params, REMOTE_ADDR=address)

    refused = listed("203.0.113.5")
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert "Too many attempts" in refused.json()[0]["error"]
    rate_limits.clear_attempts((rate_limits.LOGIN_EMAIL, EMAIL))
    assert listed("203.0.113.5").json() == []
    for _ in range(rate_limits.LOGIN_EMAIL.maximum):
        rate_limits.count_attempt((rate_limits.LOGIN_EMAIL, EMAIL))
    assert listed("203.0.113.5").json() == [] and listed("203.0.113.6").status_code == 429
