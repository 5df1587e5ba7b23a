"""A client that goes on after it was refused gets its 429 before Django does anything for it."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from accounts.security import rate_limits
from config import asgi as config_asgi
from config.serving.early_refusals import (
    MAX_DEVICE_FORMS,
    MAX_KEPT,
    MAX_REFUSED,
    PROBE_SECONDS,
    RESET_HINT,
    WINDOW_SECONDS,
    RefusedClients,
)
from tests.support import asgi

PASSWORD = "a long enough password"
EMAIL = "dora@example.org"
ATTACKER, OTHER = "198.51.100.1", "198.51.100.2"
KEY = (ATTACKER, "/login")


class CountedDjango:
    """Django, and how many requests reach it."""

    def __init__(self, app: Any) -> None:
        self.app, self.requests = app, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await self.app(scope, receive, send)


@pytest.fixture
def django(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> CountedDjango:
    counted = CountedDjango(config_asgi.django_app)
    monkeypatch.setattr(config_asgi, "django_app", counted)
    User.objects.create_user(EMAIL, PASSWORD, name="Dora")
    return counted


async def log_in(email: str = EMAIL, password: str = "guess", address: str = ATTACKER, cookie: str = "") -> asgi.Answer:
    return await asgi.send("POST", "/login", {"email": email, "password": password}, address=address, cookie=cookie)


async def exhaust() -> None:
    """Use up the client's attempts, and be refused until the refusals come early."""
    for _ in range(rate_limits.LOGIN_ADDRESS.maximum):
        rate_limits.count_attempt((rate_limits.LOGIN_ADDRESS, ATTACKER))
    answers = [await log_in(f"person{number}@example.org") for number in range(MAX_REFUSED)]
    assert {answer.status for answer in answers} == {429}


async def test_a_client_that_was_refused_again_and_again_does_not_reach_django(django: CountedDjango) -> None:
    await exhaust()
    before = django.requests
    answers = [await log_in(f"person{number}@example.com") for number in range(20)]
    assert django.requests == before == MAX_REFUSED
    for answer in answers:
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= rate_limits.LOGIN_ADDRESS.seconds
        assert answer.headers["connection"] == "close" and answer.headers["cache-control"] == "no-store"


async def test_the_early_refusal_is_a_page_with_the_sentence_of_the_form(django: CountedDjango) -> None:
    await exhaust()
    answer = await log_in()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"Too many attempts. Try again in 15 minutes.{RESET_HINT}" in answer.text


async def test_nobody_else_and_no_other_page_is_refused(django: CountedDjango) -> None:
    await exhaust()
    assert (await log_in()).status == 429
    assert (await log_in(address=OTHER)).status == 200, "a wrong password from another address"
    assert (await asgi.send("GET", "/login", address=ATTACKER)).status == 200
    assert (await asgi.send("POST", "/password/reset", {"email": EMAIL}, address=ATTACKER)).status == 200


async def test_one_persons_password_tried_again_and_again_is_refused_early_too(django: CountedDjango) -> None:
    answers = [await log_in() for _ in range(rate_limits.LOGIN_PAIR.maximum + MAX_REFUSED + 10)]
    assert {answer.status for answer in answers[rate_limits.LOGIN_PAIR.maximum :]} == {429}
    assert django.requests == rate_limits.LOGIN_PAIR.maximum + MAX_REFUSED


async def test_a_recognized_device_logs_in_from_an_address_that_is_refused(django: CountedDjango) -> None:
    device = (await log_in(password=PASSWORD, address=OTHER)).cookies["known_device"]
    await exhaust()
    assert (await log_in(password=PASSWORD)).status == 429
    assert (await log_in(password=PASSWORD, cookie="known_device=forged:signature")).status == 429
    assert (await log_in(password=PASSWORD, cookie=f"known_device={device}")).status == 302


def refuse(clients: RefusedClients, now: float, times: int = MAX_REFUSED) -> None:
    for _ in range(times):
        clients.note_answer(KEY, 900, now)


def test_one_form_in_ten_seconds_asks_the_view_whether_the_limit_still_holds() -> None:
    clients = RefusedClients()
    refuse(clients, 100.0)
    assert [clients.check_form(KEY, "", 101.0) for _ in range(2)] == [899, 899]
    later = 100.0 + PROBE_SECONDS
    assert [clients.check_form(KEY, "", later) for _ in range(3)] == [0, 890, 890]
    clients.note_answer(KEY, 890, later)
    assert clients.check_form(KEY, "", later + 1) == 889
    clients.note_answer(KEY, 0, later + PROBE_SECONDS)
    assert clients.check_form(KEY, "", later + PROBE_SECONDS) == 0, "the view accepted it again"


def test_other_answers_in_between_do_not_put_the_refusal_off() -> None:
    clients = RefusedClients()
    for _ in range(MAX_REFUSED):
        clients.note_answer(KEY, 0, 100.0)
        clients.note_answer(KEY, 900, 100.0)
    assert clients.check_form(KEY, "", 101.0) == 899


def test_refusals_of_another_minute_do_not_add_up() -> None:
    clients = RefusedClients()
    refuse(clients, 100.0, MAX_REFUSED - 1)
    clients.note_answer(KEY, 900, 101.0 + WINDOW_SECONDS)
    assert clients.check_form(KEY, "", 101.0 + WINDOW_SECONDS) == 0


def test_a_few_forms_of_a_recognized_device_pass_while_its_address_is_refused() -> None:
    clients = RefusedClients()
    refuse(clients, 100.0)
    waits = [clients.check_form(KEY, "device", 101.0) for _ in range(MAX_DEVICE_FORMS + 2)]
    assert waits == [0] * MAX_DEVICE_FORMS + [899] * 2


def test_refused_clients_take_bounded_memory() -> None:
    clients = RefusedClients()
    for number in range(MAX_KEPT + 10):
        clients.note_answer((str(number), "/login"), 900, 100.0)
    assert len(clients.refusals) == MAX_KEPT and ("0", "/login") not in clients.refusals
