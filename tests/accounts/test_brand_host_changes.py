"""The host of a white label leads to whoever controls it, so only an owner changes it, in person, and all are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.core.cache import caches
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import Account, HostClaim, Purpose, Role, User
from accounts.services import account_brand_set
from accounts.services.personal_tokens import personal_token_create
from tests.conftest import PASSWORD, member
from tests.support import log_in, read_html, verify_host
from tests.support.traffic import confirm

pytestmark = pytest.mark.django_db
HOST, EVIL = "stats.alice.test", "stats.evil.test"
PAGE, CONFIRMATION = "/account/brand", "/me/confirm?next=%2Faccount%2Fbrand"


@pytest.fixture
def branded(account: Account, alice: User) -> Account:
    """Alice's account has a white label on HOST."""
    caches["requests"].clear()
    account_brand_set(account=account, host=HOST, name="Alice Numbers")
    verify_host(account, HOST, Purpose.BRAND)
    return account


@pytest.fixture
def adam(account: Account) -> User:
    """An administrator of alice's account."""
    return member(account, "adam", Role.ADMIN)


def read_brand() -> dict[str, str]:
    account = Account.objects.get(memberships__user__email="alice@example.com")
    return {name: value for name, value in account.brand.items() if value}


def send(client: Client, **body: str) -> Any:
    return client.patch("/api/v1/brand", body, content_type="application/json")


def bearer(key: str) -> Client:
    return Client(headers={"authorization": f"Bearer {key}"})


def test_an_administrator_changes_the_name_and_not_the_host(branded: Account, adam: User) -> None:
    browser = confirm(log_in(adam), PASSWORD)
    page = read_html(browser.get(PAGE))
    assert "Only an owner can change the host" in page and "readonly" in page and "confirm that it is you" not in page
    for host in (EVIL, ""):
        answer = browser.post(PAGE, {"host": host, "name": "Adam's"})
        assert answer.status_code == 200 and '<ul class="errors"' in read_html(answer), host
    assert read_brand() == {"host": HOST, "name": "Alice Numbers"}
    assert browser.post(PAGE, {"host": f"https://{HOST.upper()}/", "name": "Adam's"})["Location"] == PAGE
    assert read_brand() == {"host": HOST, "name": "Adam's"}
    assert not HostClaim.objects.filter(host=EVIL).exists() and mail.outbox == []


def test_no_program_changes_the_host(branded: Account, alice: User, adam: User) -> None:
    tokens = [
        personal_token_create(membership=user.memberships.get(), name="t", scopes=["account:write"])[1]
        for user in (alice, adam)
    ]
    own = [user.memberships.get().authkey for user in (alice, adam)]
    programs = [*map(bearer, (branded.authkey, *tokens, *own)), confirm(log_in(alice), PASSWORD)]
    for program in programs:
        for host in (EVIL, "", "not a host"):
            answer = send(program, host=host, name="Stolen")
            assert answer.status_code == 400, host
            assert "an owner does under Settings → White label" in str(answer.json()["error"]["fields"]["host"])
        assert read_brand() == {"host": HOST, "name": "Alice Numbers"}
        assert send(program, name="Alice Numbers", host=HOST).status_code == 200, "what was read is sent back"
    assert read_brand() == {"host": HOST, "name": "Alice Numbers"} and mail.outbox == []


def test_the_host_of_the_tracking_code_is_changed_like_that_of_the_pages(
    branded: Account, alice: User, adam: User
) -> None:
    answer = send(bearer(branded.authkey), tracking_host=EVIL)
    assert "an owner does under Settings" in str(answer.json()["error"]["fields"]["tracking_host"])
    form = {"host": HOST, "name": "Alice Numbers", "tracking_host": EVIL}
    assert "Only an owner can change the host" in read_html(confirm(log_in(adam), PASSWORD).post(PAGE, form))
    browser = log_in(alice)
    assert browser.post(PAGE, form)["Location"] == CONFIRMATION and "tracking_host" not in read_brand()
    confirm(browser, PASSWORD).post(PAGE, {**form, "tracking_host": "t.alice.test"})
    assert read_brand()["tracking_host"] == "t.alice.test"
    (letter,) = mail.outbox
    assert letter.to == [alice.email] and "Its tracking code is on t.alice.test now." in letter.body


def test_clickys_white_label_api_does_not_change_the_host(branded: Account) -> None:
    for operation in ("brand", "host", "edit", "sites", "usage"):
        Client().get(f"/api/whitelabel/{operation}", {"auth": branded.authkey, "host": EVIL, "hostname": EVIL})
    answer = Client().get("/api/whitelabel/host", {"auth": branded.authkey, "host": EVIL})
    assert answer.content.decode().splitlines()[0] == "NOK" and "Unknown operation" in answer.content.decode()
    assert read_brand() == {"host": HOST, "name": "Alice Numbers"}


def test_an_owner_confirms_first_and_all_owners_are_told(branded: Account, alice: User) -> None:
    olga = member(branded, "olga", Role.OWNER)
    browser = log_in(alice)
    assert f'href="{CONFIRMATION}"' in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, {"host": EVIL, "name": "Alice Numbers"})["Location"] == CONFIRMATION
    assert "Nothing was saved yet." in read_html(browser.get(CONFIRMATION))
    assert read_brand() == {"host": HOST, "name": "Alice Numbers"} and mail.outbox == []
    assert browser.post(PAGE, {"host": HOST, "name": "Numbers"})["Location"] == PAGE, "the name needs no confirmation"
    confirm(browser, PASSWORD)
    assert "confirm that it is you" not in browser.get(PAGE).content.decode() and mail.outbox == []
    assert browser.post(PAGE, {"host": "new.alice.test", "name": "Numbers"})["Location"] == PAGE
    assert read_brand() == {"host": "new.alice.test", "name": "Numbers"}
    assert sorted(letter.to[0] for letter in mail.outbox) == [alice.email, olga.email]
    for letter in mail.outbox:
        assert letter.subject == "The white label of “Alice & Co” has another host"
        assert "Alice (alice@example.com) changed the host" in letter.body and "new.alice.test now" in letter.body
        assert f"http://127.0.0.1:8000{PAGE}" in letter.body
    entry = AuditEntry.objects.filter(account_id=branded.pk, action="account.changed").latest("pk")
    assert entry.actor_label == "Alice (alice@example.com)"
    browser.post(PAGE, {"host": "", "name": "Numbers"})
    assert len(mail.outbox) == 4 and "the white label is off" in mail.outbox[-1].body


def test_a_host_that_is_none_is_refused_and_nobody_is_told(branded: Account, alice: User) -> None:
    answer = confirm(log_in(alice), PASSWORD).post(PAGE, {"host": "not a host", "name": "x"})
    assert "Enter a host name" in read_html(answer)
    assert read_brand()["host"] == HOST and mail.outbox == []


@pytest.mark.parametrize("way", ["page", "key"])
def test_an_administrator_gets_no_link_of_an_owner_to_a_host_of_theirs(
    branded: Account, alice: User, adam: User, way: str
) -> None:
    if way == "page":
        confirm(log_in(adam), PASSWORD).post(PAGE, {"host": EVIL, "name": "Alice Numbers"})
    else:
        send(bearer(branded.authkey), host=EVIL)
    verify_host(branded, EVIL, Purpose.BRAND)  # the records of their host name this account
    mail.outbox.clear()
    Client().post("/password/reset", {"email": alice.email}, headers={"host": EVIL})
    (letter,) = mail.outbox
    assert EVIL not in str(letter.message()) and "/password/reset/" in letter.body
