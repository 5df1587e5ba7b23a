"""Logging in and out, with limits on guessing, and resetting a password by mail."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

import config.settings as configured
from accounts.models import User
from accounts.security import rate_limits
from tests.support.types import Response
from tests.values import extract

PASSWORD = "a long enough password"


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora@example.org", PASSWORD, name="Dora")


def log_in(client: Client, email: str = "dora@example.org", password: str = PASSWORD, **extra: Any) -> Response:
    return client.post("/login", {"email": email, "password": password}, **extra)


def is_in(client: Client) -> bool:
    return client.get("/me").status_code == 200


def test_a_user_logs_in_by_email_regardless_of_case_and_logs_out(client: Client, dora: User) -> None:
    assert log_in(client, "Dora@Example.org").status_code == 302
    assert is_in(client)
    assert client.post("/logout").status_code == 302
    assert not is_in(client)


def test_passwords_are_stored_with_argon2(db: None, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = configured.PASSWORD_HASHERS  # the tests' own hasher is a fast one
    assert User.objects.create_user("a@example.org", PASSWORD).password.startswith("argon2$argon2id$")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Client, dora: User) -> None:
    wrong = log_in(client, password="not the password")
    unknown = log_in(client, email="nobody@example.org")
    message = "do not match"
    assert message in wrong.content.decode() and message in unknown.content.decode()
    assert not is_in(client)


def test_a_disabled_user_cannot_log_in(client: Client, dora: User) -> None:
    dora.is_active = False
    dora.save()
    log_in(client)
    assert not is_in(client)


def test_after_five_wrong_passwords_the_right_one_has_to_wait_too(client: Client, dora: User) -> None:
    for _ in range(5):
        assert log_in(client, password="guess").status_code == 200
    refused = log_in(client)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert not is_in(client)


def test_a_person_under_attack_can_log_in_from_another_address(client: Client, dora: User) -> None:
    for _ in range(6):
        log_in(client, password="guess", REMOTE_ADDR="198.51.100.7")
    assert log_in(client, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_one_address_cannot_try_many_people(client: Client, dora: User) -> None:
    for _ in range(rate_limits.LOGIN_ADDRESS.maximum - 2):
        rate_limits.count_attempt((rate_limits.LOGIN_ADDRESS, "198.51.100.7"))
    for number in range(2):
        log_in(client, email=f"person{number}@example.org", password="guess", REMOTE_ADDR="198.51.100.7")
    assert log_in(client, REMOTE_ADDR="198.51.100.7").status_code == 429
    assert log_in(client, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_an_untrusted_forwarded_address_does_not_bypass_the_limit(client: Client, dora: User) -> None:
    for number in range(5):
        log_in(client, password="guess", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert log_in(client, HTTP_X_FORWARDED_FOR="203.0.113.99").status_code == 429


def test_a_login_redirects_to_the_requested_page_but_never_to_another_host(client: Client, dora: User) -> None:
    fields = {"email": dora.email, "password": PASSWORD}
    assert client.post("/login", {**fields, "next": "/me"})["Location"] == "/me"
    client.post("/logout")
    assert client.post("/login", {**fields, "next": "https://evil.example/"})["Location"] == "/"
    client.post("/logout")
    assert client.post("/login", {**fields, "next": "//evil.example/"})["Location"] == "/"


def test_a_login_without_csrf_token_is_rejected(dora: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert log_in(strict).status_code == 403


def words(answer: Response, email: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode()).replace(email, "")


def reset_path(client: Client, email: str = "dora@example.org") -> str:
    """The path of the mailed link."""
    client.post("/password/reset", {"email": email}, headers={"host": "evil.example"})
    return extract(r"https?://\S+?(/password/reset/\S+)", mail.outbox[-1].body)


def opened(client: Client, path: str) -> str:
    """Where the mailed link leads."""
    return client.get(path)["Location"]


def test_a_reset_link_sets_a_new_password_once(client: Client, dora: User) -> None:
    path = reset_path(client)
    form = opened(client, path)
    assert client.post(form, {"password": "quite another password"}).status_code == 302
    assert is_in(client)
    assert client.get(form).status_code == 404
    client.post("/logout")
    assert client.get(path).status_code == 404
    assert log_in(client, password="quite another password").status_code == 302


def test_a_reset_token_is_removed_from_the_url_and_works_only_in_the_same_session(client: Client, dora: User) -> None:
    path = reset_path(client)
    form = opened(client, path)
    token = path.rpartition("/")[2]
    assert token not in form and token not in client.get(form).content.decode()
    assert opened(client, path) == form, "opening it twice is no use of it"
    assert Client().get(form).status_code == 404
    other = User.objects.create_user("eve@example.org", PASSWORD)
    theirs = opened(Client(), reset_path(Client(), other.email))
    assert client.get(theirs).status_code == 404, "the token of one person opens nothing for another"


def test_a_reset_link_ends_when_the_password_changes(client: Client, dora: User) -> None:
    first, second = reset_path(client), reset_path(client)
    elsewhere = Client()
    address = opened(elsewhere, first)
    client.post(opened(client, second), {"password": "quite another password"})
    assert elsewhere.post(address, {"password": "yet another password"}).status_code == 404
    assert Client().get(first).status_code == 404
    assert log_in(Client(), password="quite another password").status_code == 302


def test_a_reset_link_points_to_the_installation_whatever_the_host_header_says(
    client: Client, dora: User, settings: Settings
) -> None:
    settings.BASE_URL = "https://stats.example.net"
    reset_path(client)
    assert "https://stats.example.net/password/reset/" in mail.outbox[-1].body
    assert "evil.example" not in str(mail.outbox[-1].message())


def test_a_reset_for_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client, dora: User) -> None:
    known = client.post("/password/reset", {"email": dora.email})
    unknown = client.post("/password/reset", {"email": "who@example.org"})
    assert known.status_code == unknown.status_code == 200
    assert words(known, dora.email) == words(unknown, "who@example.org")
    assert len(mail.outbox) == 1


def test_reset_mails_are_limited_and_all_sent_links_keep_working(client: Client, dora: User) -> None:
    answers = [client.post("/password/reset", {"email": dora.email}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert words(answers[-1], "") == words(answers[0], "")
    assert "Look for an earlier one" in answers[-1].content.decode()
    assert len(mail.outbox) == 3
    path = extract(r"https?://\S+?(/password/reset/\S+)", mail.outbox[0].body)
    assert client.post(path, {"password": "quite another password"}).status_code == 302


def test_a_weak_new_password_is_rejected_with_the_reason(client: Client, dora: User) -> None:
    answer = client.post(opened(client, reset_path(client)), {"password": "12345"})
    assert answer.status_code == 200
    assert "too short" in answer.content.decode()


@pytest.mark.parametrize("path", ["/password/reset/x-y", "/password/reset/zzzzzzzzzzzzzzzzz-t-t", "/join/x"])
def test_an_invalid_reset_link_says_so(client: Client, dora: User, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "does not work" in answer.content.decode()


def test_changing_the_password_ends_other_sessions(client: Client, dora: User) -> None:
    elsewhere = Client()
    log_in(client)
    log_in(elsewhere)
    wrong = client.post("/me/password", {"current": "no", "password": "quite another password"})
    assert "not your current password" in wrong.content.decode()
    client.post("/me/password", {"current": PASSWORD, "password": "quite another password"})
    assert is_in(client)
    assert not is_in(elsewhere)


def test_a_form_of_an_earlier_session_is_rejected_with_a_hint(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login", {"email": "a@example.org", "password": "x"})
    page = " ".join(answer.content.decode().split())
    assert answer.status_code == 403 and "reload the page and send it again" in page and "CSRF" not in page


@pytest.mark.parametrize("wanted", ["99", "logout", "reset-confirm", "accounts.views", "/links?q=1", "me#x"])
def test_the_next_parameter_is_a_path_and_not_a_url_name(client: Client, dora: User, wanted: str) -> None:
    inside = log_in(client)
    assert inside.status_code == 302
    for answer in (client.get("/login", {"next": wanted}), client.post("/account/own-key", {"next": wanted})):
        assert answer.status_code == 404 or answer["Location"] == wanted
