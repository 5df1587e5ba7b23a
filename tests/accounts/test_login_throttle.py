"""Limits on guessing passwords: attempts, memory and processor time, and no lock-out of the right person."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

import config.settings as configured
from accounts.audit.repetition import SHOWN
from accounts.models import Account, User
from accounts.security import hashers, rate_limits
from accounts.security.hashers import MAX_HASHES_AT_ONCE, hashing
from reports.sharing.services import share_create
from reports.sharing.views import SHARE_LINK
from sites.models import Site
from tests.support import asgi
from tests.support import links as links_support
from tests.support.clickmeter_client import use_account_key

PASSWORD = "a long enough password"
EMAIL = "dora@example.org"
MAX_CACHED = cast(dict[str, int], configured.CACHES["default"]["OPTIONS"])["MAX_ENTRIES"]


def neighbour(number: int) -> str:
    """One of the addresses of one IPv6 customer."""
    return f"2001:db8:1:2::{number:x}"


class Watched:
    """How often Argon2 ran, and how many ran at one moment at most."""

    def __init__(self) -> None:
        self.lock, self.now, self.peak, self.total = threading.Lock(), 0, 0, 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.total += 1
            self.peak = max(self.peak, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


@pytest.fixture
def argon2(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The installation's own hashers instead of the tests' fast one, and how they are used."""
    settings.PASSWORD_HASHERS = configured.PASSWORD_HASHERS
    monkeypatch.setattr(hashers, "MAX_WAIT_SECONDS", 60)  # the machine may be slow; who waits in vain is tested apart
    watched = Watched()
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(self: Argon2PasswordHasher, *args: Any, real: Any = real) -> Any:
            with watched:
                return real(self, *args)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    return watched


@pytest.fixture
def dora(argon2: Watched, transactional_db: None) -> User:
    """Somebody with a password, on a database that all threads see."""
    user = User.objects.create_user(EMAIL, PASSWORD, name="Dora")
    argon2.total = 0
    return user


@pytest.fixture
def everything_busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All hashing threads are taken by others, and nobody waits long for one."""
    done, holding = threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        holding.release()
        done.wait()

    threads = [threading.Thread(target=hashing.run, args=(hold,)) for _ in range(MAX_HASHES_AT_ONCE)]
    for thread in threads:
        thread.start()
        assert holding.acquire(timeout=30)
    monkeypatch.setattr(hashers, "MAX_WAIT_SECONDS", 0.05)  # from now on: a busy machine may need longer to get here
    yield
    done.set()
    for thread in threads:
        thread.join()


def log_in(
    email: str = EMAIL, password: str = "guess", address: str = "198.51.100.1", cookie: str = ""
) -> Coroutine[Any, Any, asgi.Answer]:
    return asgi.send("POST", "/login", {"email": email, "password": password}, address=address, cookie=cookie)


def post_log_in(client: Client, password: str = "guess", address: str = "198.51.100.1") -> Any:
    return client.post("/login", {"email": EMAIL, "password": password}, REMOTE_ADDR=address)


# How much of the machine


async def test_of_forty_concurrent_wrong_passwords_only_the_limit_is_checked(argon2: Watched, dora: User) -> None:
    answers = await asyncio.gather(*(log_in() for _ in range(40)))
    assert Counter(answer.status for answer in answers) == {200: 5, 429: 35}
    assert argon2.total == 5


async def test_concurrent_logins_hash_only_a_few_passwords_at_a_time(argon2: Watched, dora: User) -> None:
    answers = await asyncio.gather(*(log_in(f"nobody{number}@example.org") for number in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert argon2.total == 20 and argon2.peak <= MAX_HASHES_AT_ONCE <= 4


async def test_of_forty_concurrent_guesses_at_a_link_ten_are_checked(
    argon2: Watched, account: Account, transactional_db: None
) -> None:
    await asyncio.to_thread(links_support.create_link, account, password="open sesame")
    argon2.total = 0
    answers = await asyncio.gather(*(asgi.send("POST", "/l/offer", {"password": "no"}) for _ in range(40)))
    links_support.reset_state()
    assert Counter(answer.status for answer in answers) == {403: 10, 429: 30}
    assert argon2.total == 10 and argon2.peak <= MAX_HASHES_AT_ONCE


async def test_of_thirty_concurrent_guesses_at_a_shared_link_ten_are_checked(
    argon2: Watched, site: Site, transactional_db: None
) -> None:
    share = await asyncio.to_thread(share_create, site=site, name="Client", password=PASSWORD)
    argon2.total = 0
    path = f"/share/{share.token}/"
    answers = await asyncio.gather(*(asgi.send("POST", path, {"password": "no"}) for _ in range(30)))
    assert Counter(answer.status for answer in answers) == {403: 10, 429: 20}
    assert argon2.total == 10 and argon2.peak <= MAX_HASHES_AT_ONCE


def test_a_client_rejected_by_a_full_queue_loses_no_attempt(dora: User, everything_busy: None) -> None:
    client = Client()
    for _ in range(rate_limits.LOGIN_PAIR.maximum + 1):
        answer = post_log_in(client, PASSWORD)
        assert answer.status_code == 503 and int(answer["Retry-After"]) == hashers.RETRY_SECONDS
        assert "Try again in a few seconds" in answer.content.decode()
    assert client.get("/login").status_code == 200, "other pages are answered meanwhile"


def test_every_endpoint_with_a_password_answers_503_when_busy(
    argon2: Watched, account: Account, alice: User, site: Site, request: pytest.FixtureRequest
) -> None:
    inside = Client()
    inside.force_login(alice)
    request.getfixturevalue("everything_busy")
    answers = [
        Client().get("/api/account/sites", {"username": alice.email, "password": PASSWORD}),
        inside.post("/me/password", {"current": PASSWORD, "password": "quite another password"}),
        inside.post(f"/sites/{site.pk}/settings/sharing", {"name": "A", "password": PASSWORD}),
    ]
    assert [(answer.status_code, answer["Retry-After"]) for answer in answers] == [(503, "5")] * 3
    link = {"name": "a", "typeTL": {"url": "https://x.test", "password": "p"}}
    user = use_account_key(account).call("POST", "/datapoints", link)
    assert user.status_code == 503 and user.json()["errorCode"] == "0503"


def test_the_queue_for_password_hashing_is_bounded(monkeypatch: pytest.MonkeyPatch, everything_busy: None) -> None:
    monkeypatch.setattr(hashers, "MAX_WAITING", 0)
    monkeypatch.setattr(hashers, "MAX_WAIT_SECONDS", 3600)
    with pytest.raises(hashers.HashingBusy):
        hashing.run(print, "there was a free thread")


def test_waiting_for_password_hashing_holds_no_database_connection(dora: User, everything_busy: None) -> None:
    from django.db import connection

    assert User.objects.filter(email=EMAIL).exists() and connection.connection is not None
    with pytest.raises(hashers.HashingBusy):
        hashing.run(print, "there was a free thread")
    assert connection.connection is None


# What is kept of a password


def test_password_hashes_use_the_parameters_that_owasp_recommends(argon2: Watched) -> None:
    assert make_password(PASSWORD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.django_db
@pytest.mark.parametrize("old", ["Argon2PasswordHasher", "PBKDF2PasswordHasher"])
def test_a_password_with_old_hash_parameters_works_and_is_hashed_again(
    old: str, settings: Settings, client: Client
) -> None:
    settings.PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{old}"]
    dora = User.objects.create_user(EMAIL, PASSWORD)
    settings.PASSWORD_HASHERS = configured.PASSWORD_HASHERS
    assert post_log_in(client, "wrong").status_code == 200
    assert post_log_in(client, PASSWORD).status_code == 302
    dora.refresh_from_db()
    assert "$m=19456,t=2,p=1$" in dora.password
    assert client.get("/me").status_code == 200, "the log-in that replaced the hash goes on"


# How many guesses


@pytest.mark.django_db
def test_a_rejected_attempt_is_not_counted() -> None:
    wide, narrow = rate_limits.RateLimit("one", 5, 60), rate_limits.RateLimit("two", 3, 60)
    assert [rate_limits.count_attempt((wide, "a"), (narrow, "a")) > 0 for _ in range(6)] == [False] * 3 + [True] * 3
    assert [rate_limits.count_attempt((wide, "a")) > 0 for _ in range(3)] == [False, False, True], (
        "three of five were made"
    )
    rate_limits.undo_attempt((narrow, "a"))
    rate_limits.clear_attempts((wide, "a"))
    assert rate_limits.count_attempt((wide, "a"), (narrow, "a")) == 0


def test_the_remaining_wait_is_given_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    import time_machine

    limit = rate_limits.RateLimit("waits", 1, 900)
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as clock:
        assert rate_limits.count_attempt((limit, "a")) == 0
        clock.shift(600)
        assert rate_limits.count_attempt((limit, "a")) == 300
        clock.shift(301)
        assert rate_limits.count_attempt((limit, "a")) == 0
    assert rate_limits.format_wait(300) == "5 minutes" and rate_limits.format_wait(20) == "1 minute"


def flood_with_requests() -> None:
    """Fill a cache with counters of requests, as many addresses do."""
    limit, now = rate_limits.RateLimit("flood", 5, 60), timezone.now()
    for number in range(MAX_CACHED + 1000):
        rate_limits.count_request(limit, str(number), now)


def flood_with_audited_reads() -> None:
    """Fill a cache with what the audit log has to remember of reads, as keys that read many secrets do."""
    for number in range(MAX_CACHED + 1000):
        rate_limits.count_event(SHOWN, str(number))


@pytest.mark.django_db
@pytest.mark.parametrize("flood", [flood_with_requests, flood_with_audited_reads])
def test_a_flood_of_requests_resets_no_limit_of_attempts(flood: Callable[[], None], settings: Settings) -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    settings.SIGN_UP = "open"
    limit = rate_limits.RateLimit("kept", 1, 900)
    rate_limits.count_attempt((limit, "a"))
    assert [Client().post("/signup", {}).status_code for _ in range(21)] == [200] * 20 + [429]
    flood()
    assert rate_limits.count_attempt((limit, "a")) > 0
    assert Client().post("/signup", {}).status_code == 429, "a limit of django-allauth"


@pytest.mark.django_db
def test_the_current_password_cannot_be_guessed_from_an_open_session(client: Client) -> None:
    client.force_login(User.objects.create_user(EMAIL, PASSWORD))
    form = {"current": "guess", "password": "quite another password"}
    answers = [client.post("/me/password", form).status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2


@pytest.mark.django_db
def test_attempts_at_a_one_time_link_are_limited(client: Client, account: Account) -> None:
    from accounts.models import Invitation

    invitation = Invitation.objects.create(account=account, email=EMAIL)
    path, most = f"/join/{invitation.token}", rate_limits.JOIN_ADDRESS.maximum
    answers = [client.post(path, {"password": "short"}, REMOTE_ADDR=neighbour(n)).status_code for n in range(most + 1)]
    assert answers == [200] * most + [429]
    assert client.post(path, {"password": PASSWORD}, REMOTE_ADDR="203.0.113.5").status_code == 302


# Whom it keeps out


def test_addresses_of_one_ipv6_network_count_as_one_client(db: None) -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    answers = [post_log_in(Client(), address=neighbour(number)).status_code for number in range(8)]
    assert answers == [200] * 5 + [429] * 3
    assert post_log_in(Client(), PASSWORD, "2001:db8:1:3::1").status_code == 302


def test_one_ipv6_network_cannot_try_many_people(db: None) -> None:
    guesses = [
        Client().post("/login", {"email": f"p{n}@example.org", "password": "x"}, REMOTE_ADDR=neighbour(n)).status_code
        for n in range(rate_limits.LOGIN_ADDRESS.maximum + 1)
    ]
    assert Counter(guesses) == {200: rate_limits.LOGIN_ADDRESS.maximum, 429: 1}


def test_requests_for_reset_mails_are_limited_by_network(client: Client, db: None) -> None:
    answers = [
        client.post("/password/reset", {"email": f"p{n}@example.org"}, REMOTE_ADDR=neighbour(n))
        for n in range(rate_limits.RESET_ADDRESS.maximum + 2)
    ]
    assert [answer.status_code for answer in answers] == [200] * rate_limits.RESET_ADDRESS.maximum + [429] * 2
    assert 0 < int(answers[-1]["Retry-After"]) <= rate_limits.RESET_ADDRESS.seconds


def test_guesses_at_a_shared_links_password_do_not_lock_out_others(site: Site) -> None:
    share = share_create(site=site, name="Client", password=PASSWORD)
    path, knows = f"/share/{share.token}/", Client()
    assert knows.post(path, {"password": PASSWORD}, REMOTE_ADDR="203.0.113.5").status_code == 302
    guesses = [Client().post(path, {"password": "no"}, REMOTE_ADDR=neighbour(n)).status_code for n in range(12)]
    assert guesses == [403] * 10 + [429] * 2
    assert Client().post(path, {"password": PASSWORD}, REMOTE_ADDR="203.0.113.6").status_code == 302
    while rate_limits.count_attempt((SHARE_LINK, str(share.pk))) == 0:
        pass  # strangers from everywhere
    assert Client().post(path, {"password": PASSWORD}, REMOTE_ADDR="203.0.113.7").status_code == 429
    del knows.cookies["sessionid"]
    assert knows.post(path, {"password": PASSWORD}, REMOTE_ADDR="203.0.113.8").status_code == 302
