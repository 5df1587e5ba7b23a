"""Accounts of clients: who reaches them, what the agency's home says of their sites, and how they begin and end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.account_limits import get_account_limit
from accounts.audit.models import AuditEntry
from accounts.branding import load_brand
from accounts.clients.models import ClientAccount
from accounts.models import Account, ExposedKey, Membership, Purpose, Role, User
from accounts.permissions import find_membership
from accounts.services import account_brand_set, account_limits_set
from accounts.services.clients import client_create, client_release
from accounts.services.plans import account_plan_set, plan_create
from goals.services import goal_create
from sites.alerts.models import Alert
from sites.models import Site
from sites.selectors import select_sites
from sites.services import api_key_create, site_create
from sites.uptime.models import Incident, WatchedPeriod
from sites.uptime.services import monitor_create
from tests.conftest import member
from tests.support import browse, event, log_in, read_html, record, verify_host
from tests.support.members import may_in_account
from tests.support.types import Store

pytestmark = pytest.mark.django_db


def test_the_agencys_home_lists_a_new_client_with_its_numbers(inside: Client, account: Account, store: Store) -> None:
    answer = inside.post("/clients/new", {"name": "Zoo", "timezone": "UTC", "labels": "animals, big"})
    client = ClientAccount.objects.get()
    assert answer["Location"] == f"/clients/{client.pk}"
    assert (client.agency, client.account.name, client.labels) == (account, "Zoo", ["animals", "big"])
    inside.post("/clients/sites", {"account": client.pk, "sites": "zoo.example, The zoo\n"})
    zoo = Site.objects.get()
    hour_ago = timezone.now() - timedelta(hours=1)
    browse(zoo, "/", at=hour_ago, visitor="one")
    browse(zoo, "/", at=hour_ago, visitor="two")
    page = read_html(inside.get("/clients"))
    assert f'<a href="/sites/{zoo.pk}/" dir="auto">The zoo</a>' in page
    assert '<td class="number" title="2">2</td>' in page and "1 hour ago" in page
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 200
    assert "Zoo" in read_html(inside.get("/account"))


def test_the_agencys_owners_and_administrators_have_their_role_at_a_client(
    account: Account, alice: User, client: ClientAccount, zoo: Site
) -> None:
    people = {role: member(account, role, role) for role in (Role.ADMIN, Role.EDITOR, Role.VIEWER, Role.GUEST)}
    for user, role in ((alice, Role.OWNER), (people[Role.ADMIN], Role.ADMIN)):
        membership = find_membership(user, client.account)
        assert membership is not None and membership.role == role and membership.pk is None
        assert zoo in select_sites(user, may="manage")
    for role in (Role.EDITOR, Role.VIEWER, Role.GUEST):
        assert find_membership(people[role], client.account) is None
        assert zoo not in select_sites(people[role])
    assert set(client.account.members.values_list("email", flat=True)) == {"zoe@example.com"}


def test_a_clients_owner_reaches_nothing_of_the_agency_or_of_other_clients(
    account: Account, client: ClientAccount, site: Site
) -> None:
    other = client_create(agency=account, name="Circus")
    circus = site_create(account=other.account, domain="circus.example")
    zoe = User.objects.get(email="zoe@example.com")
    assert [found.domain for found in select_sites(zoe)] == ["zoo.example"]
    assert not may_in_account(zoe, account, "view") and not may_in_account(zoe, other.account, "view")
    browser = log_in(zoe)
    for path in (f"/sites/{site.pk}/", f"/sites/{circus.pk}/", "/clients", "/clients/new", f"/clients/{other.pk}"):
        assert browser.get(path).status_code == 404, path
    assert "Clients" not in read_html(browser.get("/account"))


def test_the_end_of_the_role_ends_the_access(account: Account, alice: User, client: ClientAccount, zoo: Site) -> None:
    adam = member(account, "adam", Role.ADMIN)
    browser = log_in(adam)
    assert browser.get(f"/sites/{zoo.pk}/").status_code == 200
    Membership.objects.filter(user=adam).update(role=Role.EDITOR)
    assert browser.get(f"/sites/{zoo.pk}/").status_code == 404


def test_keys_at_clients_are_listed_as_exposed_to_who_leaves_the_agency(
    inside: Client, account: Account, client: ClientAccount, zoo: Site
) -> None:
    adam = member(account, "adam", Role.ADMIN)
    key, _ = api_key_create(site=zoo, name="adam's", user=adam)
    inside.post(f"/account/team/{adam.memberships.get().pk}/remove")
    exposed = ExposedKey.objects.filter(account=client.account)
    assert {(row.kind, row.object_id, row.person) for row in exposed} == {("site", zoo.pk, "Adam (adam@example.com)")}
    key.refresh_from_db()
    assert key.revoked is not None


def test_who_is_a_member_of_the_client_too_keeps_what_that_permits(
    inside: Client, account: Account, client: ClientAccount, zoo: Site
) -> None:
    adam = member(account, "adam", Role.ADMIN)
    Membership.objects.create(user=adam, account=client.account, role=Role.EDITOR)
    key, _ = api_key_create(site=zoo, name="adam's", user=adam)
    membership = Membership.objects.get(user=adam, account=account)
    inside.post(f"/account/team/{membership.pk}", {"role": Role.VIEWER})
    key.refresh_from_db()
    assert key.revoked is None and not ExposedKey.objects.filter(account=client.account).exists()
    assert zoo in select_sites(adam, may="edit") and zoo not in select_sites(adam, may="manage")


def test_a_suspended_agency_reaches_no_client_whose_own_people_go_on(
    account: Account, alice: User, client: ClientAccount, zoo: Site
) -> None:
    Account.objects.filter(pk=account.pk).update(suspended=timezone.now())
    zoe = User.objects.get(email="zoe@example.com")
    assert zoo not in select_sites(alice) and zoo in select_sites(zoe)


def test_keys_and_tokens_belong_to_stored_memberships(inside: Client, client: ClientAccount) -> None:
    inside.post(f"/clients/{client.pk}/open")
    assert read_html(inside.get("/account")).count("Zoo") > 0
    for path in ("/account/own-key", "/me/tokens"):
        assert inside.get(path).status_code == 404, path


def test_the_key_of_an_agency_opens_its_own_account_only(account: Account, client: ClientAccount, zoo: Site) -> None:
    headers = {"authorization": f"Bearer {account.authkey}"}
    assert Client().get(f"/api/v1/sites/{zoo.pk}", headers=headers).status_code == 404
    rows = Client().get("/api/v1/clients", headers=headers).json()["results"]
    assert [(row["id"], row["name"], row["labels"]) for row in rows] == [(client.pk, "Zoo", ["animals"])]


def test_a_client_has_no_clients(inside: Client, client: ClientAccount) -> None:
    with pytest.raises(ValidationError, match="cannot have clients"):
        client_create(agency=client.account, name="Below")
    headers = {"authorization": f"Bearer {client.account.authkey}"}
    assert Client().get("/api/v1/clients", headers=headers).status_code == 404


def test_clients_are_limited(inside: Client, account: Account) -> None:
    account.limits = {"clients": 1}
    account.save()
    for name in ("One", "Two"):
        page = read_html(inside.post("/clients/new", {"name": name, "timezone": "UTC"}, follow=True))
    assert ClientAccount.objects.count() == 1 and "may have 1 clients" in page


def test_a_new_client_has_the_limits_of_the_agency_and_of_its_plan_but_no_quota_of_its_own(account: Account) -> None:
    plan = plan_create(
        name="Agencies", limits={"monthly_events": 9_000, "monthly_api_calls": 80, "clicky_per_minute": 7}
    )
    account_plan_set(account=account, plan=plan)
    account_limits_set(account=account, changes={"sites": 3})
    created = client_create(agency=account, name="Zoo").account
    assert (created.monthly_events, created.limits) == (0, {"clicky_per_minute": 7, "sites": 3})


def test_a_client_that_is_released_has_the_agencys_monthly_limits_as_its_own(
    inside: Client, account: Account, client: ClientAccount
) -> None:
    plan = plan_create(name="Agencies", limits={"monthly_events": 9_000, "monthly_api_calls": 80})
    account_plan_set(account=account, plan=plan)
    released = client.account
    client_release(client=client)
    released.refresh_from_db()
    assert (released.monthly_events, get_account_limit(released, "monthly_api_calls")) == (9_000, 80)


def test_the_owner_of_a_new_client_is_invited_into_its_account(inside: Client, account: Account) -> None:
    inside.post("/clients/new", {"name": "Zoo", "timezone": "UTC", "email": "zoe@example.org"})
    client = ClientAccount.objects.get()
    invitation = client.account.invitations.get()
    assert (invitation.email, invitation.role) == ("zoe@example.org", Role.OWNER)
    assert not account.invitations.exists()


def test_a_client_has_its_own_brand_or_its_agencys(account: Account, client: ClientAccount) -> None:
    account_brand_set(account=account, host="stats.agency.example", name="Agency")
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    assert load_brand(client.account).name == "Agency"
    account_brand_set(account=client.account, host="stats.zoo.example", name="Zoo stats")
    assert load_brand(client.account).name == "Agency", "not before the host is verified"
    verify_host(client.account, "stats.zoo.example", Purpose.BRAND)
    assert load_brand(client.account).name == "Zoo stats"


def test_a_client_is_released_only_to_an_owner_of_its_own(
    inside: Client, account: Account, alice: User, client: ClientAccount, zoo: Site
) -> None:
    lonely = client_create(agency=account, name="Circus")
    with pytest.raises(ValidationError, match="Invite an owner"):
        client_release(client=lonely)
    inside.post(f"/clients/{client.pk}/release")
    assert list(ClientAccount.objects.all()) == [lonely]
    assert zoo not in select_sites(alice) and inside.get("/account").status_code == 200
    logs = AuditEntry.objects.filter(action="client.released").values_list("account_id", flat=True)
    assert set(logs) == {account.pk, client.account_id}
    exposed = ExposedKey.objects.filter(account=client.account_id).values_list("kind", "person")
    assert set(exposed) == {(kind, "Alice (alice@example.com)") for kind in ("site", "account")}


def test_the_table_says_how_a_site_does(inside: Client, client: ClientAccount, zoo: Site, store: Store) -> None:
    now = timezone.now()
    goal_create(site=zoo, name="Ticket", pattern="/thanks")
    browse(zoo, "/", "/thanks", at=now - timedelta(hours=1), visitor="one")
    browse(zoo, "/", at=now - timedelta(days=8), visitor="two")
    browse(zoo, "/", at=now - timedelta(days=9), visitor="three")
    record(event(zoo, at=now - timedelta(hours=1), kind="event", name="order", revenue=12.5, currency="EUR"))
    monitor = monitor_create(site=zoo, url="https://zoo.example/")
    WatchedPeriod.objects.create(monitor=monitor, start=now - timedelta(hours=10), end=now)
    Incident.objects.create(monitor=monitor, start=now - timedelta(hours=2), end=now - timedelta(hours=1), cause="502")
    Alert.objects.create(site=zoo, name="a", condition="uptime", last_fired=now - timedelta(hours=3))
    Alert.objects.create(site=zoo, name="b", condition="uptime", last_fired=now - timedelta(hours=25))
    (row,) = inside.get("/api/v1/client-sites").json()["sites"]
    assert row["last_event"] is not None
    assert {name: row[name] for name in ("visitors", "visitors_before", "conversions", "revenue", "currency")} == {
        "visitors": 1, "visitors_before": 2, "conversions": 1, "revenue": "12.50", "currency": "EUR"
    }  # fmt: skip
    assert (row["uptime"], row["alerts"], row["down"]) == (pytest.approx(90), 1, False)
    page = read_html(inside.get("/clients"))
    assert "€12.50" in page and "90%" in page and "50%" in page


def test_a_goal_counts_on_its_own_site_only(inside: Client, client: ClientAccount, zoo: Site, store: Store) -> None:
    bare = site_create(account=client.account, domain="bare.example")
    also = site_create(account=client.account, domain="also.example")
    for site in (zoo, also):
        goal_create(site=site, name="Ticket", pattern="/thanks")
    for site in (zoo, also, bare):
        browse(site, "/thanks", at=timezone.now() - timedelta(hours=1))
    rows = inside.get("/api/v1/client-sites").json()["sites"]
    assert {row["domain"]: row["conversions"] for row in rows} == {
        "zoo.example": 1, "also.example": 1, "bare.example": 0
    }  # fmt: skip


def test_the_table_is_sorted_searched_and_filtered(
    inside: Client, account: Account, client: ClientAccount, zoo: Site, site: Site, store: Store
) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    browse(site, "/", at=hour_ago, visitor="one")
    browse(site, "/", at=hour_ago, visitor="two")
    browse(zoo, "/", at=hour_ago)

    def list_domains(query: str) -> list[str]:
        return [str(line.site) for line in inside.get(f"/clients?{query}").context["lines"]]

    assert list_domains("") == ["example.com", "zoo.example"]
    assert list_domains("sort=visitors") == ["zoo.example", "example.com"]
    assert list_domains("sort=-site") == ["zoo.example", "example.com"]
    assert list_domains("sort=nonsense") == ["example.com", "zoo.example"]
    assert list_domains("q=zoo") == list_domains("label=animals") == ["zoo.example"]
    assert list_domains("q=nothing") == []
    inside.patch(f"/api/v1/sites/{site.pk}", {"labels": ["ours", "Ours"]}, "application/json")
    assert list_domains("label=ours") == ["example.com"]
    page = read_html(inside.get("/clients"))
    assert "<option>animals</option>" in page and "<option>ours</option>" in page


def test_a_browser_with_scripts_gets_the_table_without_figures_first(
    inside: Client, client: ClientAccount, zoo: Site, store: Store
) -> None:
    browse(zoo, "/", at=timezone.now() - timedelta(hours=1))
    inside.cookies["js"] = "1"
    page = read_html(inside.get("/clients"))
    assert 'hx-get="/clients?' in page and "zoo.example" in page and "ago" not in page
    part = read_html(inside.get("/clients", headers={"hx-request": "true", "hx-target": "client-sites"}))
    assert part.startswith('<div id="client-sites"') and "1 hour ago" in part and "hx-get" not in part


def test_an_operator_who_acts_for_the_owner_reaches_no_client(
    account: Account, alice: User, client: ClientAccount, zoo: Site
) -> None:
    from accounts.permissions import IMPERSONATED_ACCOUNT

    setattr(alice, IMPERSONATED_ACCOUNT, account.pk)
    assert zoo not in select_sites(alice) and find_membership(alice, client.account) is None
