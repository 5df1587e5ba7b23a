"""Every address of accounts and sites, asked by everybody. An address this table does not know fails it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver
from django.utils import timezone

import accounts.urls
import reports.digest.urls
import reports.notes.urls
import reports.share.urls
import sites.alerts.urls
import sites.uptime.urls
import sites.urls
import tracking.urls
from accounts.models import ExposedKey, Invitation, Membership
from reports.digest.services import subscription_save
from reports.notes.services import note_add
from reports.share.services import share_create
from sites.alerts.models import Alert, Channel
from sites.services import api_key_create
from sites.uptime.services import monitor_create

# A row: method, then what alice (owner), bob (guest who may look at the site), charlie (a stranger who owns another
# account) and nobody get. "in" = sent to the log-in page. Alice comes last, since her request may change things.
OPEN, OWN, OWNERS = "200 200 200 200", "200 200 200 in", "200 404 200 in"
HERS, HERS_POST = "200 404 404 in", "302 404 404 in"
LOOK = "200 200 404 in"
HERS_API, LOOK_API = "200 404 404 401", "200 200 404 401"
TABLE: dict[str, tuple[str, str]] = {
    "login": ("GET", "302 302 302 200"),
    "logout": ("POST", "302 302 302 302"),
    "password/reset": ("GET", OPEN),
    "password/reset/<str:uid>/<str:token>": ("GET", "404 404 404 404"),
    "brand.css": ("GET", "404 404 404 404"),
    "setup": ("GET", "302 302 302 302"),
    "setup/<str:token>": ("GET", "404 404 404 404"),
    "join/<str:token>": ("GET", OPEN),
    "settings": ("GET", "302 302 302 in"),
    "me": ("GET", OWN),
    "me/password": ("GET", OWN),
    "account": ("GET", OWNERS),
    "account/key": ("POST", "302 404 302 in"),
    "account/own-key": ("POST", "302 302 302 in"),
    "account/brand": ("GET", OWNERS),
    "account/brand/check": ("POST", "302 404 302 in"),
    "account/switch": ("POST", "302 302 404 in"),
    "account/team": ("GET", OWNERS),
    "account/team/<int:member_id>": ("GET", HERS),
    "account/team/<int:member_id>/remove": ("POST", HERS_POST),
    "account/team/<int:member_id>/invite": ("POST", "404 404 404 in"),  # bob has accepted
    "account/team/keys/<int:key_id>/replace": ("POST", HERS_POST),
    "account/team/keys/<int:key_id>/keep": ("POST", HERS_POST),
    "account/invitations/<int:invitation_id>/renew": ("POST", HERS_POST),
    "account/invitations/<int:invitation_id>/revoke": ("POST", HERS_POST),
    "": ("GET", "302 302 302 in"),
    "sites/new": ("GET", OWNERS),
    "sites/<int:site_id>/settings": ("GET", HERS_POST),
    "sites/<int:site_id>/settings/general": ("GET", HERS),
    "sites/<int:site_id>/settings/privacy": ("GET", HERS),
    "sites/<int:site_id>/settings/exclusions": ("GET", HERS),
    "sites/<int:site_id>/settings/proxy": ("GET", HERS),
    "sites/<int:site_id>/settings/team": ("GET", HERS),
    "sites/<int:site_id>/settings/team/<int:member_id>/remove": ("POST", HERS_POST),
    "sites/<int:site_id>/settings/tracking-code": ("GET", HERS),
    "sites/<int:site_id>/settings/tracking-code/first-hit": ("GET", HERS),
    "sites/<int:site_id>/settings/api-keys": ("GET", HERS),
    "sites/<int:site_id>/settings/api-keys/show": ("GET", HERS),
    "sites/<int:site_id>/settings/api-keys/rotate": ("POST", HERS_POST),
    "sites/<int:site_id>/settings/api-keys/<int:key_id>/revoke": ("POST", HERS_POST),
    "sites/<int:site_id>/settings/domain-check": ("POST", HERS_POST),
    "sites/<int:site_id>/settings/delete": ("POST", HERS_POST),
    "operations": ("GET", "404 404 404 404"),  # the operator only
    "operations/mail": ("GET", "404 404 404 404"),
    "operations/mail/<str:name>/<int:place>": ("GET", "404 404 404 404"),
    "operations/mail/<str:name>/<int:place>/letter": ("GET", "404 404 404 404"),
    "sites/<int:site_id>/uptime": ("GET", LOOK),
    "sites/<int:site_id>/uptime/new": ("GET", HERS),
    "sites/<int:site_id>/uptime/<int:monitor_id>": ("GET", LOOK),
    "sites/<int:site_id>/uptime/<int:monitor_id>/edit": ("GET", HERS),
    "sites/<int:site_id>/uptime/<int:monitor_id>/delete": ("POST", HERS_POST),
    "status/<int:site_id>": ("GET", OPEN),
    "sites/<int:site_id>/alerts": ("GET", HERS),
    "sites/<int:site_id>/alerts/new/<slug:condition>": ("GET", HERS),
    "sites/<int:site_id>/alerts/<int:alert_id>": ("GET", HERS),
    "sites/<int:site_id>/alerts/<int:alert_id>/delete": ("POST", HERS_POST),
    "sites/<int:site_id>/alerts/channels/new": ("GET", HERS),
    "sites/<int:site_id>/alerts/channels/<int:channel_id>": ("GET", HERS),
    "sites/<int:site_id>/alerts/channels/<int:channel_id>/secret": ("GET", HERS),
    "sites/<int:site_id>/alerts/channels/<int:channel_id>/test": ("POST", HERS_POST),
    "sites/<int:site_id>/alerts/channels/<int:channel_id>/ask": ("POST", HERS_POST),
    "sites/<int:site_id>/alerts/channels/<int:channel_id>/delete": ("POST", HERS_POST),
    "sites/<int:site_id>/settings/personal-data": ("GET", HERS),
    "api/v1/sites/<int:site_id>/personal-data": ("GET", "400 404 404 401"),
    "sites/<int:site_id>/settings/sharing": ("GET", HERS),
    "sites/<int:site_id>/settings/sharing/<int:share_id>/revoke": ("POST", HERS_POST),
    "sites/<int:site_id>/notes": ("GET", LOOK),
    "sites/<int:site_id>/notes/<int:note_id>/remove": ("POST", HERS_POST),
    "digests": ("GET", OWN),
    "digests/<int:subscription_id>/delete": ("POST", HERS_POST),
    "digests/stop/<str:token>": ("GET", "404 404 404 404"),
    "channels/confirm/<str:token>": ("GET", "404 404 404 404"),
    "channels/stop/<str:token>": ("GET", "404 404 404 404"),
    "api/v1/me": ("GET", "200 200 200 401"),
    "api/v1/account": ("GET", "200 404 200 401"),
    "api/v1/members": ("GET", "200 404 200 401"),
    "api/v1/members/<int:member_id>": ("GET", HERS_API),
    "api/v1/exposed-keys": ("GET", "200 404 200 401"),
    "api/v1/exposed-keys/<int:key_id>": ("DELETE", "204 404 404 401"),
    "api/v1/sites": ("GET", "200 200 200 401"),
    "api/v1/sites/<int:site_id>": ("GET", LOOK_API),
    "api/v1/sites/<int:site_id>/keys": ("GET", HERS_API),
    "api/v1/sites/<int:site_id>/keys/rotate": ("POST", HERS_API),
    "api/v1/sites/<int:site_id>/keys/<int:key_id>": ("DELETE", "204 404 404 401"),
}
# Writes behind addresses that answer a GET above: what bob and charlie must not do either
WRITES = {
    "POST sites/<int:site_id>/settings/general": {"domain": "taken.example", "timezone": "UTC"},
    "POST sites/<int:site_id>/settings/privacy": {"addresses": "drop", "cookies": "on", "retention_months": "1"},
    "POST sites/<int:site_id>/settings/exclusions": {"excluded_ips": "0.0.0.0/0"},
    "POST sites/<int:site_id>/settings/proxy": {"proxy_addresses": "0.0.0.0/0"},
    "POST sites/<int:site_id>/settings/team": {"email": "eve@example.org", "right": "write"},
    "POST sites/<int:site_id>/settings/api-keys": {"name": "mine", "can_read": "on"},
    "POST sites/<int:site_id>/settings/tracking-code": {"url": "http://example.com/"},
    "POST sites/<int:site_id>/alerts/channels/<int:channel_id>/secret": {},
    "POST account/team/<int:member_id>": {"role": "owner"},
    "POST sites/<int:site_id>/settings/sharing": {"name": "For me"},
    "POST sites/<int:site_id>/notes": {"day": "2026-03-02", "text": "Taken"},
    "PATCH api/v1/sites/<int:site_id>": {"domain": "taken.example"},
    "DELETE api/v1/sites/<int:site_id>": {},
    "POST api/v1/sites/<int:site_id>/keys": {"name": "mine"},
    "PATCH api/v1/members/<int:member_id>": {"role": "owner"},
    "DELETE api/v1/members/<int:member_id>": {},
    "POST account/team/keys/<int:key_id>/replace": {},
    "POST account/team/keys/<int:key_id>/keep": {},
    "POST account/invitations/<int:invitation_id>/renew": {},
    "DELETE api/v1/exposed-keys/<int:key_id>": {},
}


@dataclass
class World:
    """Real ids to fill into addresses; all of them alice's."""

    site_id: int
    member_id: int
    key_id: int
    invitation_id: int
    token: str
    account_id: int
    monitor_id: int
    alert_id: int
    channel_id: int
    subscription_id: int
    share_id: int
    note_id: int
    uid: str = "MQ"
    condition: str = "uptime"
    name: str = "20260302-120000-1.log"
    place: int = 0

    def path(self, route: str) -> str:
        for name, value in vars(self).items():
            for kind in ("int", "str", "slug"):
                route = route.replace(f"<{kind}:{name}>", str(value))
        return f"/{route}"


@pytest.fixture
def world(alice, bob, charlie, site, account) -> World:
    cache.clear()
    invitation = Invitation.objects.create(account=account, email="zoe@example.org", role="viewer")
    key, _ = api_key_create(site=site, name="hers")
    guest = Membership.objects.get(user=bob)
    now = timezone.now()
    ExposedKey.objects.create(pk=key.pk, account=account, kind="site", object_id=site.pk, person="Eve", since=now)
    monitor = monitor_create(site=site, url="https://example.com/", public=True)
    alert = Alert.objects.create(site=site, name="down", condition="uptime")
    channel = Channel.objects.create(account=account, kind="webhook", name="me", target="http://127.0.0.1:1/")
    digest = subscription_save(user=alice, every="week", sites=[], attach_csv=False)
    return World(
        site.pk, guest.pk, key.pk, invitation.pk, invitation.token, account.pk,
        monitor.pk, alert.pk, channel.pk, digest.pk,
        share_create(site=site, name="Client").pk, note_add(site=site, at=timezone.now(), text="Launch").pk,
    )  # fmt: skip


@pytest.fixture
def clients(alice, bob, charlie) -> dict[str, Client]:
    found = {"alice": Client(), "bob": Client(), "charlie": Client(), "nobody": Client()}
    for name, user in (("alice", alice), ("bob", bob), ("charlie", charlie)):
        found[name].force_login(user)
    return found


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


ROOMS = (accounts.urls, sites.urls, sites.uptime.urls, sites.alerts.urls, tracking.urls, reports.notes.urls)
DIGESTS = [pattern for pattern in reports.digest.urls.urlpatterns if str(pattern.pattern).startswith("digests")]
SHARES = [pattern for pattern in reports.share.urls.urlpatterns if str(pattern.pattern).startswith("sites")]
ALL = sorted({*routes(DIGESTS), *routes(SHARES), *(route for room in ROOMS for route in routes(room.urlpatterns))})


def test_the_table_knows_every_address_and_no_other() -> None:
    others = {route for route in ALL if route not in TABLE}
    assert others == set(), "say in TABLE who may open these"
    assert set(TABLE) <= set(ALL)


def ask(client: Client, method: str, path: str, data: object = None):
    kind = "application/json" if path.startswith("/api/") else None
    extra = {"content_type": kind} if kind else {}
    return client.generic(method, path) if data is None else getattr(client, method.lower())(path, data, **extra)


@pytest.mark.parametrize("route", [route for route in ALL if route in TABLE])
def test_everybody_gets_what_is_theirs(route: str, world: World, clients: dict[str, Client]) -> None:
    method, expected = TABLE[route]
    data = {"account": world.account_id} if route == "account/switch" else None
    wanted = dict(zip(("alice", "bob", "charlie", "nobody"), expected.split(), strict=True))
    for name in ("nobody", "charlie", "bob", "alice"):
        answer = ask(clients[name], method, world.path(route), data)
        got = "in" if answer.get("Location", "").startswith("/login?next=") else str(answer.status_code)
        assert got == wanted[name], (name, answer.status_code, answer.get("Location"))


@pytest.mark.parametrize("write", WRITES)
def test_neither_a_guest_who_may_look_nor_a_stranger_writes(write: str, world, clients, site, account) -> None:
    method, _, route = write.partition(" ")
    before = picture(site, account)
    for name, statuses in (("nobody", {302, 401, 403}), ("charlie", {404}), ("bob", {404})):
        assert ask(clients[name], method, world.path(route), WRITES[write]).status_code in statuses, name
    assert picture(site, account) == before


def picture(site, account) -> object:
    site.refresh_from_db()
    keys = list(site.api_keys.values("pk", "revoked"))
    members = sorted(account.memberships.values_list("user__email", "role"))
    fields = {name: value for name, value in vars(site).items() if not name.startswith("_")}
    shares = list(site.shares.values_list("pk", "revoked")), site.notes.count()
    secrets = [channel.secret for channel in account.channels.all()]
    exposed = list(account.exposed_keys.values_list("pk", flat=True))
    return fields, keys, secrets, members, shares, exposed, list(account.invitations.values_list("email", "revoked"))


@pytest.mark.parametrize("route", ["account", "account/team", "account/brand", "me"])
def test_a_strangers_own_pages_show_nothing_of_hers(route: str, world, clients, account, alice) -> None:
    page = clients["charlie"].get(f"/{route}").content.decode()
    assert account.authkey not in page and alice.email not in page and account.name not in page


def test_a_guest_who_may_write_edits_settings_yet_neither_shares_nor_deletes(world, clients, bob, site) -> None:
    bob.memberships.get().grants.update(right="write")
    base = f"/sites/{site.pk}/settings"
    assert clients["bob"].get(f"{base}/privacy").status_code == 200
    assert "Delete" not in clients["bob"].get(f"{base}/general").content.decode()
    assert clients["bob"].get(f"{base}/team").status_code == 404
    assert clients["bob"].post(f"{base}/delete", {"domain": site.domain}).status_code == 404


@pytest.mark.parametrize("route", [route for route in TABLE if TABLE[route][0] == "POST" and "api/" not in route])
def test_what_changes_things_is_not_done_by_a_link(route: str, world, clients) -> None:
    assert clients["alice"].get(world.path(route)).status_code == 405
