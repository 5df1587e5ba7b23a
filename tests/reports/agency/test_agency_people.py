"""What an agency's owners and administrators have at a client: pages, exports, notices, and its brand's host."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.clients.models import ClientAccount
from accounts.exports.services import exports_write
from accounts.models import Account, Membership, Purpose, Role, User
from accounts.notices.kinds import QUOTA_NEAR
from accounts.notices.models import Notice
from accounts.notices.services import notify
from accounts.services import account_brand_set
from accounts.services.clients import client_release
from accounts.sign_in.handover import may_hand_over
from sites.models import Site
from sites.site_moves import site_move
from tests.conftest import member
from tests.support import log_in, read_html, verify_host

pytestmark = pytest.mark.django_db
NEAR: dict[str, str | int] = {
    "percent": 80,
    "quota": "1,000",
    "what": "events of this month",
    "consequence": "Nothing is refused.",
}


def list_exports(browser: Client) -> list[int]:
    return [row["id"] for row in browser.get("/api/v1/exports").json()["results"]]


def test_an_export_in_a_clients_account_is_of_who_asked_for_it(
    inside: Client, account: Account, client: ClientAccount, zoo: Site
) -> None:
    adam = log_in(member(account, "adam", Role.ADMIN))
    for browser in (inside, adam):
        browser.post(f"/clients/{client.pk}/open")
    asked = inside.post("/api/v1/exports", {"kind": "sites"}, "application/json")
    number = asked.json()["id"]
    exports_write(now=timezone.now())
    export = inside.get(f"/api/v1/exports/{number}").json()
    assert (export["state"], export["rows"]) == ("done", 1)
    key = Client(headers={"Authorization": f"Bearer {client.account.authkey}"})
    zoe = log_in(User.objects.get(email="zoe@example.com"))
    assert list_exports(inside) == [number] and list_exports(adam) == list_exports(key) == list_exports(zoe) == []
    assert inside.get(export["url"]).status_code == 200
    Membership.objects.filter(user__email="alice@example.com").update(role=Role.EDITOR)
    assert Client().get(export["url"]).status_code == 404, "the role in the agency has ended"


def test_who_is_a_member_of_a_client_too_looks_after_the_clients_from_there(
    inside: Client, account: Account, alice: User, client: ClientAccount
) -> None:
    Membership.objects.create(user=alice, account=client.account, role=Role.ADMIN, accepted=timezone.now())
    inside.post(f"/clients/{client.pk}/open")
    assert inside.get(f"/clients/{client.pk}").status_code == 200
    assert '<a href="/clients"' in read_html(inside.get("/account"))


def test_the_role_at_a_client_is_that_in_the_agency(account: Account, client: ClientAccount) -> None:
    adam = member(account, "adam", Role.ADMIN)
    Membership.objects.create(user=adam, account=client.account, role=Role.OWNER, accepted=timezone.now())
    browser = log_in(adam)
    browser.post(f"/clients/{client.pk}/open")
    browser.post("/clients/new", {"name": "Circus", "timezone": "UTC", "email": "cleo@example.org"})
    circus = ClientAccount.objects.get(account__name="Circus")
    assert circus.account.invitations.get().role == Role.ADMIN, "an administrator appoints no owners"


def test_notices_of_clients_reach_the_agencys_managers(inside: Client, account: Account, client: ClientAccount) -> None:
    member(account, "ed", Role.EDITOR)
    notify(QUOTA_NEAR, NEAR, account=client.account)
    told = Notice.objects.filter(kind="quota_near").values_list("user__email", flat=True)
    assert set(told) == {"alice@example.com", "zoe@example.com"}
    page = read_html(inside.get("/notices"))
    assert "80% of the 1,000 events" in page and "Zoo" in page
    inside.post(f"/notices/{Notice.objects.get(user__email='alice@example.com').pk}/open")
    assert 'value="Zoo"' in read_html(inside.get("/account")), "it opens in the account that it is about"


def test_notices_of_the_agency_reach_no_client(account: Account, client: ClientAccount) -> None:
    notify(QUOTA_NEAR, NEAR, account=account)
    assert set(Notice.objects.values_list("user__email", flat=True)) == {"alice@example.com"}


def test_both_sides_are_told_of_a_moved_site(account: Account, alice: User, client: ClientAccount, site: Site) -> None:
    adam = member(account, "adam", Role.ADMIN)
    site_move(site=site, account=client.account, by=alice)
    rows = Notice.objects.filter(kind="site_moved").values_list("user__email", flat=True)
    assert sorted(rows) == [adam.email, "zoe@example.com"], "each once, and not who moved it"
    page = read_html(log_in(adam).get("/notices"))
    assert "example.com moved from Alice &amp; Co to Zoo" in page


def test_both_sides_are_told_of_a_released_client(account: Account, alice: User, client: ClientAccount) -> None:
    adam = member(account, "adam", Role.ADMIN)
    client_release(client=client, by=alice)
    for email in (adam.email, "zoe@example.com"):
        page = read_html(log_in(User.objects.get(email=email)).get("/notices"))
        assert "Zoo is no client of Alice &amp; Co any more" in page, email


def test_a_clients_people_may_log_in_on_its_agencys_host_and_others_may_not(
    account: Account, client: ClientAccount, charlie: User
) -> None:
    zoe = User.objects.get(email="zoe@example.com")
    account_brand_set(account=account, host="stats.agency.example", name="Agency")
    assert not may_hand_over(account, "google", zoe), "the host is not verified"
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    assert may_hand_over(account, "google", zoe) and not may_hand_over(account, "google", charlie)
    assert not may_hand_over(account, f"account-{account.pk}", zoe), "the agency's own provider logs in its members"
    account_brand_set(account=client.account, host="stats.zoo.example", name="Zoo stats")
    verify_host(client.account, "stats.zoo.example", Purpose.BRAND)
    assert not may_hand_over(account, "google", zoe), "the client has a host of its own"


def test_clients_are_in_the_header_and_found_from_anywhere(inside: Client, client: ClientAccount) -> None:
    assert 'href="/clients"' in read_html(inside.get("/sites"))
    assert f'<a href="/clients/{client.pk}">Zoo · Client' in read_html(inside.get("/go", {"q": "zoo client"}))
    zoe = log_in(User.objects.get(email="zoe@example.com"))
    assert "/clients" not in read_html(zoe.get("/sites")) and "/clients" not in read_html(
        zoe.get("/go", {"q": "client"})
    )


def test_a_suspended_client_is_out_of_reach(inside: Client, client: ClientAccount, zoo: Site, site: Site) -> None:
    Account.objects.filter(pk=client.account_id).update(suspended=timezone.now())
    assert "Zoo" not in read_html(inside.get("/clients")) and "Zoo" not in read_html(inside.get("/clients/sites"))
    for path in (f"/clients/{client.pk}", f"/sites/{zoo.pk}/"):
        assert inside.get(path).status_code in (403, 404), path
    key = Client(headers={"Authorization": f"Bearer {site.account.authkey}"})
    move = key.post(f"/api/v1/sites/{site.pk}/move", {"account": client.pk}, "application/json")
    assert move.status_code == 400 and key.get("/api/v1/clients").json()["results"] == []
