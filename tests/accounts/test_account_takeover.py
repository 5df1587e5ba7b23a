"""One account, guest or former member cannot take over log-ins, memberships, roles or keys of others."""

import json
from typing import Any

import pytest
from django.core import mail
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, Grant, Membership, Right, Role, User
from accounts.services import account_brand_set
from links.services.links import datapoint_create
from sites import site_cache
from sites.models import Site
from tests.conftest import PASSWORD, member
from tests.support import log_in
from tests.support.clickmeter_client import Program, use_account_key
from tests.support.types import Store
from tests.values import extract

pytestmark = pytest.mark.django_db
EVIL = "evil-charlie.example"
VICTIM = "bigclient@corp.example"
CHOSEN = "attackers-password-1"


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    caches["requests"].clear()


@pytest.fixture
def charlies(charlie: User) -> Account:
    return Account.objects.get(memberships__user=charlie)


def bearer(key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"})


def send(client: Client, method: str, path: str, data: Any = None) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", data, content_type="application/json")


# -- reset links --------------------------------------------------------------------------------------------------


def test_a_reset_link_requested_on_another_accounts_host_points_to_the_installation(
    alice: User, charlies: Account, settings: Settings
) -> None:
    settings.BASE_URL = "https://stats.example.net"
    account_brand_set(account=charlies, host=EVIL, name="Footfall")
    Client().post("/password/reset", {"email": alice.email}, headers={"host": EVIL})
    (letter,) = mail.outbox
    assert "https://stats.example.net/password/reset/" in letter.body
    assert EVIL not in str(letter.message()) and EVIL not in letter.from_email


def test_mails_to_a_pending_guest_never_use_the_accounts_host(alice: User, charlies: Account) -> None:
    account_brand_set(account=charlies, host=EVIL)
    use_account_key(charlies).post("/account/guests", {"email": alice.email})
    mail.outbox.clear()
    Client().post("/password/reset", {"email": alice.email}, headers={"host": EVIL})
    assert EVIL not in str(mail.outbox[0].message())


def test_a_reset_link_for_a_member_of_several_accounts_uses_no_accounts_host(alice: User, charlies: Account) -> None:
    """Who controls the host reads the token, and with it would open every account of that person."""
    account_brand_set(account=charlies, host=EVIL)
    Membership.objects.create(user=alice, account=charlies, role=Role.GUEST)
    Client().post("/password/reset", {"email": alice.email}, headers={"host": EVIL})
    assert EVIL not in str(mail.outbox[0].message())


# -- people who did not accept ------------------------------------------------------------------------------------


def test_a_password_chosen_by_another_account_does_not_log_a_person_in(
    account: Account, alice: User, charlies: Account, link: int
) -> None:
    assert "id" in use_account_key(charlies).post("/account/guests", {"email": VICTIM, "password": CHOSEN})
    use_account_key(account).post("/account/guests", {"email": VICTIM, "extendedGrants": {"allowAllGrants": True}})
    attacker = Client()
    attacker.post("/login", {"email": VICTIM, "password": CHOSEN})
    assert attacker.get("/me").status_code == 302
    assert attacker.get(f"/links/{link}/edit").status_code == 302


@pytest.fixture
def link(account: Account) -> int:
    return datapoint_create(account=account, alias="offer", url="https://shop.test/").pk


PLACES = ("/account", "/account/team", "/account/brand", "/links")


@pytest.mark.parametrize("way", ["guests", "team"])
def test_an_invitation_does_not_change_an_existing_user(
    alice: User, charlie: User, charlies: Account, way: str
) -> None:
    client, charlies.name = log_in(alice), "AAA stranger"
    charlies.save()
    before = {place: client.get(place).status_code for place in PLACES}
    if way == "guests":
        use_account_key(charlies).post("/account/guests", {"email": alice.email})
    else:
        log_in(charlie).post("/account/team", {"email": alice.email, "role": "viewer"})
    assert {place: client.get(place).status_code for place in PLACES} == before == dict.fromkeys(PLACES, 200)
    assert {place: log_in(alice).get(place).status_code for place in PLACES} == before
    assert "AAA stranger" not in client.get("/me").content.decode()


def test_responses_reveal_nothing_about_a_guest_before_they_accept(alice: User, charlies: Account) -> None:
    """Whether the address has a log-in here, and what that person is called, is theirs to say."""
    alice.name = "Alice Adams"
    alice.save()
    theirs = use_account_key(charlies)
    registered, unregistered = (theirs.post("/account/guests", {"email": e}) for e in (alice.email, "who@example.org"))
    for row in (registered, unregistered):
        assert row.pop("email") == row.pop("userName")
        for name in ("id", "apiKey", "key", "creationDate"):
            row.pop(name)
    assert registered == unregistered
    assert theirs.get("/account/guests/count?textSearch=Adams") == {"count": 0}
    guest = Membership.objects.get(account=charlies, user=alice)
    responses = json.dumps(Program(guest.authkey).get("/account")) + json.dumps(
        theirs.get(f"/account/guests/{guest.pk}")
    )
    responses += send(bearer(guest.authkey), "get", "me").content.decode()
    responses += log_in(charlies.memberships.get(role="owner").user).get("/links/guests").content.decode()
    assert "Adams" not in responses


# -- roles --------------------------------------------------------------------------------------------------------


def test_an_account_key_can_neither_create_nor_change_an_owner(account: Account, alice: User, bob: User) -> None:
    client, guest, owner = bearer(account.authkey), bob.memberships.get(), alice.memberships.get()
    assert send(client, "get", "me").json()["role"] == "admin"
    for answer in (
        send(client, "patch", f"members/{guest.pk}", {"role": "owner"}),
        send(client, "patch", f"members/{owner.pk}", {"role": "viewer"}),
        send(client, "delete", f"members/{owner.pk}"),
        send(client, "post", "members", {"email": "eve@example.org", "role": "owner"}),
    ):
        assert answer.status_code == 400 and "Only an owner" in answer.content.decode()
    assert send(client, "patch", f"members/{guest.pk}", {"role": "editor"}).json()["role"] == "editor"


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
def test_only_owners_see_and_replace_the_account_key(account: Account, alice: User, site: Site, role: str) -> None:
    client = log_in(member(account, "erin", role))
    for page in ("/account", "/links/toolbox", "/account/team", f"/sites/{site.pk}/settings/api-keys", "/links/guests"):
        assert account.authkey not in client.get(page).content.decode(), page
    for answer in (client.get("/account/key"), client.post("/account/key")):
        assert answer.status_code == 404 and account.authkey not in answer.content.decode()
    assert Account.objects.get().key_generation == 1
    assert account.authkey in log_in(alice).get("/account/key").content.decode()


# -- a guest of links ---------------------------------------------------------------------------------------------


def test_a_guest_of_all_links_cannot_see_any_site(
    account: Account, alice: User, bob: User, site: Site, link: int
) -> None:
    guest = bob.memberships.get()
    guest.grants.all().delete()
    use_account_key(account).post(f"/account/guests/{guest.pk}", {"extendedGrants": {"allowAllGrants": True}})
    client = log_in(bob)
    assert client.get(f"/links/{link}/edit").status_code == 200
    for page in ("", "settings/api-keys", "alerts", "alerts/channels/new", "settings/personal-data", "uptime/new"):
        assert client.get(f"/sites/{site.pk}/{page}").status_code == 404, page
    assert send(client, "get", "sites").json()["results"] == []
    assert send(bearer(guest.authkey), "get", f"sites/{site.pk}").status_code == 404
    listed = {"username": bob.email, "password": PASSWORD, "output": "json"}
    assert Client().get("/api/account/sites", listed).json() == []


# -- people who left ----------------------------------------------------------------------------------------------


@pytest.fixture
def writer(account: Account, site: Site) -> User:
    """Dave, a guest who may change alice's site."""
    user = member(account, "dave", Role.GUEST)
    Grant.objects.create(membership=user.memberships.get(), kind="site", object_id=site.pk, right=Right.WRITE)
    return user


def reads(key: str, site: Site) -> bool:
    asked = {"site_id": str(site.pk), "sitekey": key, "type": "visitors", "output": "json"}
    answer = Client().get("/api/stats/4", asked)
    return "error" not in answer.content.decode()


def test_api_keys_and_shared_links_of_a_guest_end_when_the_guest_is_removed(
    alice: User, writer: User, site: Site, store: Store
) -> None:
    guest, client = writer.memberships.get(), log_in(writer)
    fields = {"name": "mine", "trusted": "on", "can_track": "on", "can_read": "on"}
    page = client.post(f"/sites/{site.pk}/settings/api-keys", fields).content.decode()
    mine = extract(r"ck_\w+", page)
    by_key = send(bearer(guest.authkey), "post", f"sites/{site.pk}/keys", {"name": "by key"}).json()["api_key"]
    page = client.post(f"/sites/{site.pk}/settings/sharing", {"name": "Mine"}, follow=True).content.decode()
    share = extract(r"/share/\w+/", page)
    site_cache.refresh()
    assert site_cache.find_key(mine) and site_cache.find_key(by_key)
    assert Client().get(share).status_code == 200
    log_in(alice).post(f"/account/team/{guest.pk}/remove")
    site_cache.load_changes()
    assert site_cache.find_key(mine) is None and site_cache.find_key(by_key) is None
    assert Client().get(share).status_code == 404
    assert bearer(guest.authkey).get("/api/v1/me").status_code == 401


def test_site_keys_known_to_a_removed_guest_are_listed_and_can_be_replaced(
    alice: User, bob: User, site: Site, store: Store
) -> None:
    old, client = site.sitekey, log_in(alice)
    client.post(f"/account/team/{bob.memberships.get().pk}/remove")
    page = client.get("/account/team").content.decode()
    assert "may know" in page and "Bob" in page and str(site) in page
    (row,) = send(client, "get", "exposed-keys").json()["results"]
    assert (row["kind"], row["object_id"], row["person"]) == ("site", site.pk, "Bob (bob@example.com)")
    assert reads(old, site)
    client.post(f"/account/team/keys/{row['id']}/replace")
    site_cache.load_changes()
    assert not reads(old, site)
    assert send(client, "get", "exposed-keys").json()["results"] == []
