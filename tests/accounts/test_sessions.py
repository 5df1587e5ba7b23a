"""Sessions: their list, ending them from elsewhere, their end when they are not used, and mail about new devices."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.security.sessions import SessionStore
from tests.support import read_html
from tests.values import extract

PASSWORD = "a long enough password"
EMAIL = "dora@example.org"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user(EMAIL, PASSWORD, name="Dora")


def log_in(agent: str = FIREFOX, address: str = "198.51.100.7") -> Client:
    browser = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    assert browser.post("/login", {"email": EMAIL, "password": PASSWORD}).status_code == 302
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def test_sessions_are_listed_with_device_place_and_address(dora: User) -> None:
    log_in(PHONE, "81.2.69.142")
    page = read_html(log_in().get("/me/sessions"))
    assert "Firefox on Linux" in page and "198.51.100.7" in page and "this one" in page
    assert "Safari on iOS" in page and "81.2.69.142" in page


def test_a_session_that_is_ended_elsewhere_is_ended(dora: User) -> None:
    here, phone = log_in(), log_in(PHONE)
    path = extract(r'action="(/me/sessions/\d+/end)"', here.get("/me/sessions").content.decode())
    assert here.post(path)["Location"] == "/me/sessions"
    assert is_in(here) and not is_in(phone)
    assert "Safari" not in here.get("/me/sessions").content.decode()


def test_all_other_sessions_end_at_once(dora: User) -> None:
    here, others = log_in(), [log_in(PHONE), log_in(PHONE)]
    assert here.post("/me/sessions")["Location"] == "/me/sessions"
    assert is_in(here) and not any(is_in(other) for other in others)


def test_nobody_ends_a_session_of_somebody_else(dora: User, alice: User, client: Client) -> None:
    here = log_in()
    client.force_login(alice)
    number = UserSession.objects.get(user=dora).pk
    client.post(f"/me/sessions/{number}/end")
    assert is_in(here)
    assert "Firefox on Linux" not in client.get("/me/sessions").content.decode()


def test_the_list_does_not_help_to_log_in(dora: User) -> None:
    browser = log_in()
    key = browser.cookies["sessionid"].value
    assert key not in str(list(UserSession.objects.values()))
    thief = Client()
    thief.cookies["sessionid"] = UserSession.objects.get().session_key
    assert not is_in(thief)


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_in_the_list(dora: User) -> None:
    here, phone = log_in(), log_in(PHONE)
    here.post("/me/password", {"current": PASSWORD, "password": "quite another password"})
    assert is_in(here) and not is_in(phone)
    page = read_html(here.get("/me/sessions"))
    assert "this one" in page and "Safari" not in page


def test_logging_out_takes_the_session_off_the_list(dora: User) -> None:
    here, phone = log_in(), log_in(PHONE)
    phone.post("/logout")
    assert "Safari" not in here.get("/me/sessions").content.decode()


def test_a_session_ends_when_it_is_not_used_and_lasts_as_long_as_it_is(dora: User, settings: Settings) -> None:
    settings.SESSION_IDLE_DAYS = 3
    here, idle = log_in(), log_in(PHONE)
    for _ in range(2):
        Session.objects.update(expire_date=timezone.now() + timedelta(hours=1))
        caches["requests"].clear()  # activity is noted every few minutes
        assert is_in(here)
    left = sorted(Session.objects.values_list("expire_date", flat=True))
    assert left[0] < timezone.now() + timedelta(hours=2) and left[1] > timezone.now() + timedelta(days=2)
    Session.objects.filter(expire_date__lt=timezone.now() + timedelta(hours=2)).update(expire_date=timezone.now())
    assert is_in(here) and not is_in(idle)


def test_a_session_of_an_earlier_version_gets_into_the_list(dora: User) -> None:
    here = log_in()
    UserSession.objects.all().delete()
    caches["requests"].clear()
    here.get("/me")
    assert "this one" in here.get("/me/sessions").content.decode()


def test_the_upgrade_lists_earlier_sessions_so_that_all_others_end(dora: User, alice: User) -> None:
    here, earlier, elsewhere = log_in(), log_in(PHONE, "81.2.69.142"), Client()
    elsewhere.force_login(alice)
    nobodys, gone = SessionStore(), SessionStore()
    nobodys["theme"], gone[SESSION_KEY] = "dark", "987654321"
    nobodys.save()
    gone.save()
    known = UserSession.objects.get(user=dora, user_agent=FIREFOX)
    UserSession.objects.exclude(pk=known.pk).delete()
    import_module("accounts.migrations.0009_list_earlier_sessions").list_sessions(apps, None)
    assert sorted(UserSession.objects.values_list("user", flat=True)) == sorted([dora.pk, dora.pk, alice.pk])
    page = read_html(here.get("/me/sessions"))
    assert "Unknown browser" in page and "0.0.0.0" not in page and "Firefox on Linux" in page
    caches["requests"].clear()  # activity is noted every few minutes
    assert is_in(earlier) and "Safari on iOS" in read_html(here.get("/me/sessions"))
    here.post("/me/sessions")
    assert is_in(here) and not is_in(earlier) and is_in(elsewhere)


def test_a_log_in_on_a_new_device_is_told_by_mail(dora: User) -> None:
    here = log_in()
    assert mail.outbox == [], "not the first log-in of all"
    here.post("/logout")
    here.post("/login", {"email": EMAIL, "password": PASSWORD})
    assert mail.outbox == [], "nor one on a device that is known"
    log_in(PHONE)
    letter = mail.outbox[-1]
    assert letter.to == [EMAIL] and letter.subject == "New log-in with Safari on iOS"
    assert "198.51.100.7" in letter.body and "/me/sessions" in letter.body
