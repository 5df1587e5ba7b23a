"""Sessions are stored under a hash of their key, and otherwise behave as Django's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.security.sessions import SessionStore, hash_session_key
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def log_in(user: User, client: Client | None = None) -> Client:
    client = client or Client()
    assert client.post("/login", {"email": user.email, "password": PASSWORD}).status_code == 302
    return client


def key_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def inside(client: Client) -> bool:
    return client.get("/me").status_code == 200


def with_cookie(value: str) -> Client:
    client = Client()
    client.cookies["sessionid"] = value
    return client


def test_a_session_key_from_the_database_does_not_work(alice: User) -> None:
    client = log_in(alice)
    row = Session.objects.get()
    assert inside(client) and inside(with_cookie(key_of(client)))
    assert key_of(client) not in f"{row.session_key} {row.session_data}"
    assert not inside(with_cookie(row.session_key))


def test_a_session_stored_in_plain_text_by_an_earlier_version_does_not_work(alice: User) -> None:
    client = log_in(alice)
    old = DatabaseStore()
    old.update(dict(client.session.items()))
    old.create()
    old.save()
    assert not inside(with_cookie(str(old.session_key)))


def test_logging_in_changes_the_session_key(alice: User) -> None:
    client = Client()
    session = client.session
    session["seen"] = "before"
    session.save()
    client.cookies["sessionid"] = before = str(session.session_key)
    log_in(alice, client)
    assert key_of(client) != before and inside(client)
    assert Session.objects.count() == 1 and not inside(with_cookie(before))


def test_a_session_key_chosen_by_the_client_is_not_used(alice: User) -> None:
    client = with_cookie("a" * 32)
    log_in(alice, client)
    assert key_of(client) != "a" * 32 and not inside(with_cookie("a" * 32))


def test_logging_out_ends_the_session(alice: User) -> None:
    client = log_in(alice)
    key = key_of(client)
    client.post("/logout")
    assert not Session.objects.exists() and not inside(with_cookie(key))


def test_changing_the_password_keeps_this_session_and_ends_the_others(alice: User) -> None:
    here, elsewhere = log_in(alice), log_in(alice)
    before = key_of(here)
    new = "another good battery"
    here.post("/me/password", {"current": PASSWORD, "password": new})
    assert inside(here) and key_of(here) != before and not inside(elsewhere)


def test_an_expired_session_does_not_work_and_is_deleted(alice: User) -> None:
    client = log_in(alice)
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        assert not inside(client)
        call_command("clearsessions")
    assert not Session.objects.exists()


def test_a_session_that_ended_meanwhile_is_not_saved_again(alice: User) -> None:
    client = log_in(alice)
    session = client.session
    session["later"] = 1
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not inside(client)


def test_the_store_saves_and_finds_sessions_by_the_cookies_key() -> None:
    store = SessionStore()
    store["word"] = "kept"
    store.create()
    store["word"] = "kept"
    store.save()
    key = str(store.session_key)
    assert store.exists(key) and not store.exists(hash_session_key(key))
    assert SessionStore(key)["word"] == "kept" and len(hash_session_key(key)) == 40
    again = SessionStore(key)
    again.cycle_key()
    assert again["word"] == "kept" and not store.exists(key) and store.exists(str(again.session_key))
    again.delete(again.session_key)
    assert not Session.objects.exists()
    SessionStore().delete()  # there is none
    unknown = SessionStore("b" * 32)
    assert unknown.get("word") is None and unknown.session_key is None


@pytest.mark.django_db(transaction=True)
def test_the_async_methods_do_the_same() -> None:
    async def walk() -> None:
        store = SessionStore()
        await store.aset("word", "kept")
        await store.acreate()
        await store.aset("word", "kept")
        await store.asave()
        key = str(store.session_key)
        assert await store.aexists(key) and not await store.aexists(hash_session_key(key))
        again = SessionStore(key)
        assert await again.aget("word") == "kept"
        await again.acycle_key()
        assert not await store.aexists(key) and await store.aexists(str(again.session_key))
        await again.adelete()
        assert await SessionStore(again.session_key).aget("word") is None
        await SessionStore().adelete()

    async_to_sync(walk)()
    assert not Session.objects.exists()
