"""What ends together with a member's access, and which keys are then listed as exposed."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import reports.annotations.urls
import reports.dashboard.goals.urls
import reports.dashboard.urls
import reports.sharing.urls
import sites.alerts.urls
import sites.uptime.urls
import sites.urls
from accounts.models import Account, ExposedKey, Grant, Invitation, Membership, Right, Role, User
from accounts.permissions import may_on_object
from accounts.services import grant_set
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
from reports.sharing.services import share_create
from sites import site_cache
from sites.alerts.models import Channel
from sites.models import ApiKey, Site
from sites.services import api_key_create, site_create, site_update
from sites.uptime.services import monitor_create
from tests.conftest import member
from tests.support import log_in
from tests.support.clickmeter_client import Program, use_account_key
from tests.support.types import Store
from tests.values import extract

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    caches["requests"].clear()


def exposed() -> set[tuple[str, int, str]]:
    return set(ExposedKey.objects.values_list("kind", "object_id", "person"))


def api(client: Client, method: str, path: str, data: Any = None) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", data, content_type="application/json")


# -- a role, or a right on a site ---------------------------------------------------------------------------------


def test_the_account_key_is_exposed_when_an_owner_is_demoted(inside: Client, account: Account, site: Site) -> None:
    olga = member(account, "olga", Role.OWNER).memberships.get()
    assert api(inside, "patch", f"members/{olga.pk}", {"role": "admin"}).status_code == 200
    assert exposed() == {("account", account.pk, "Olga (olga@example.com)")}
    erin = log_in(member(account, "erin", Role.ADMIN))
    page, (row,) = erin.get("/account/team").content.decode(), ExposedKey.objects.all()
    assert "an owner can replace it" in page
    erin.post(f"/account/team/keys/{row.pk}/replace")
    assert Account.objects.get().key_generation == 1 and exposed()
    inside.post(f"/account/team/keys/{row.pk}/replace")
    assert Account.objects.get().key_generation == 2 and not exposed()


def test_keys_of_other_sites_are_exposed_when_an_editor_becomes_a_guest_of_one(
    inside: Client, account: Account, site: Site
) -> None:
    more = site_create(account=account, domain="more.example")
    erin = member(account, "erin", Role.EDITOR)
    remaining, ended = (api_key_create(site=row, name=row.domain, user=erin)[0] for row in (site, more))
    form = {"role": "guest", f"grant-site-{site.pk}": "write"}
    page = inside.get(f"/account/team/{erin.memberships.get().pk}").content.decode()
    assert "API keys (2)" in page and "more.example" in page, "the form says beforehand what may end"
    inside.post(f"/account/team/{erin.memberships.get().pk}", form)
    assert exposed() == {("site", more.pk, "Erin (erin@example.com)")}
    assert set(ApiKey.objects.filter(revoked=None)) == {remaining}
    assert ended.pk not in ApiKey.objects.filter(revoked=None).values_list("pk", flat=True)


def test_a_guest_reduced_to_read_access_loses_api_keys_and_exposes_the_site_keys(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    guest = bob.memberships.get()
    grant_set(membership=guest, kind="site", object_id=site.pk, right=Right.WRITE)
    api_key_create(site=site, name="bob's", user=bob)
    grants = [{"kind": "site", "id": site.pk, "right": "read"}]
    assert api(inside, "patch", f"members/{guest.pk}", {"grants": grants}).status_code == 200
    assert exposed() == {("site", site.pk, "Bob (bob@example.com)")}, "they knew sitekey_admin"
    assert not ApiKey.objects.filter(revoked=None).exists()


def test_site_keys_are_exposed_when_a_site_is_no_longer_shared_with_a_guest(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    more = site_create(account=account, domain="more.example")
    guest = bob.memberships.get()
    grant_set(membership=guest, kind="site", object_id=more.pk, right=Right.READ)
    inside.post(f"/sites/{more.pk}/settings/team/{guest.pk}/remove")
    assert exposed() == {("site", more.pk, "Bob (bob@example.com)")}
    old_key = Site.objects.get(pk=more.pk).sitekey
    api(inside, "post", f"sites/{more.pk}/keys/rotate")
    assert not exposed() and Site.objects.get(pk=more.pk).sitekey != old_key


def test_a_promoted_guest_loses_only_what_the_new_role_does_not_allow(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    guest = bob.memberships.get()
    api_key_create(site=site, name="hers", user=User.objects.get(email="alice@example.com"))
    for change in ({"grants": [{"kind": "site", "id": site.pk, "right": "write"}]}, {"role": "viewer"}):
        api(inside, "patch", f"members/{guest.pk}", change)
    assert not may_on_object(bob, account, "site", site.pk, "edit"), (
        "what a guest was given makes no editor of a viewer"
    )
    assert exposed() == {("site", site.pk, "Bob (bob@example.com)")}, "a viewer sees no sitekey_admin any more"
    ExposedKey.objects.all().delete()
    for role in ("editor", "admin", "owner"):
        api(inside, "patch", f"members/{guest.pk}", {"role": role})
    assert not exposed() and ApiKey.objects.filter(revoked=None).count() == 1


def test_an_exposed_key_is_dismissed_by_page_or_api_or_with_its_site(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    more = site_create(account=account, domain="more.example")
    guest = bob.memberships.get()
    grant_set(membership=guest, kind="site", object_id=more.pk, right=Right.READ)
    api(inside, "delete", f"members/{guest.pk}")
    first, second = api(inside, "get", "exposed-keys").json()["results"]
    inside.post(f"/account/team/keys/{first['id']}/dismiss")
    assert api(inside, "delete", f"exposed-keys/{first['id']}").status_code == 404
    old = {row.pk: row.sitekey for row in Site.objects.all()}
    api(inside, "delete", f"sites/{second['object_id']}")
    assert not exposed() and {row.pk: row.sitekey for row in Site.objects.all()} == old


def test_secrets_that_an_editor_could_read_are_listed_and_can_be_replaced(
    inside: Client, account: Account, site: Site, charlies_site: Site
) -> None:
    erin = member(account, "erin", Role.EDITOR)
    site_update(site=site, proxy_secret="a-word-of-the-proxy")
    hook = Channel.objects.create(account=account, kind="webhook", name="Pager", target="https://hooks.example/a")
    alice = User.objects.get(email="alice@example.com")
    remaining, own = (share_create(site=site, name=user.name, user=user) for user in (alice, erin))
    share_create(site=charlies_site, name="other account")
    secret = hook.secret
    inside.post(f"/account/team/{erin.memberships.get().pk}/remove")
    person = "Erin (erin@example.com)"
    site_keys = {("site", site.pk, person), ("proxy-secret", site.pk, person)}
    assert exposed() == {*site_keys, ("webhook-secret", hook.pk, person), ("share", remaining.pk, person)}
    page = inside.get("/account/team").content.decode()
    for label in (f"Secret of the proxy of {site}", "Webhook secret of Pager", f"Shared link of Alice ({site})"):
        assert label in page, label
    for row in ExposedKey.objects.exclude(kind="site"):
        inside.post(f"/account/team/keys/{row.pk}/replace")
    assert exposed() == {("site", site.pk, person)}
    for changed in (site, hook, remaining, own):
        changed.refresh_from_db()
    assert site.proxy_secret not in ("", "a-word-of-the-proxy") and hook.secret != secret
    assert remaining.revoked and own.revoked


def test_a_channel_that_is_deleted_leaves_the_list(inside: Client, account: Account, site: Site) -> None:
    erin = member(account, "erin", Role.EDITOR)
    hook = Channel.objects.create(account=account, kind="webhook", name="Pager", target="https://hooks.example/a")
    inside.post(f"/account/team/{erin.memberships.get().pk}/remove")
    assert ("webhook-secret", hook.pk, "Erin (erin@example.com)") in exposed()
    assert inside.post(reverse("alerts:channel-delete", args=[site.pk, hook.pk])).status_code == 302
    assert not Channel.objects.exists()
    assert {kind for kind, *_ in exposed()} == {"site"}


def test_a_guest_without_write_access_could_read_no_webhook_secret(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    Channel.objects.create(account=account, kind="webhook", name="Pager", target="https://hooks.example/a")
    share_create(site=site, name="kept")
    inside.post(f"/account/team/{bob.memberships.get().pk}/remove")
    assert {kind for kind, *_ in exposed()} <= {"site"}


# -- everything of somebody who leaves ----------------------------------------------------------------------------


def test_open_invitations_and_mails_of_alerts_end_with_the_person(
    inside: Client, account: Account, site: Site, charlie: User
) -> None:
    erin = member(account, "erin", Role.ADMIN)
    log_in(erin).post("/account/team", {"email": "second@erin.example", "role": "admin"})
    log_in(charlie).post("/account/team", {"email": "his@charlie.example", "role": "admin"})
    for target in ("Erin@example.com", "ops@example.com"):
        Channel.objects.create(account=account, kind="email", name=target, target=target)
    page = inside.get(f"/account/team/{erin.memberships.get().pk}").content.decode()
    assert "Open invitations (1)" in page and "Alert channels that mail to them (1)" in page
    inside.post(f"/account/team/{erin.memberships.get().pk}/remove")
    assert not account.invitations.open().exists()
    assert {row.name: row.enabled for row in Channel.objects.all()} == {
        "Erin@example.com": False,
        "ops@example.com": True,
    }
    assert charlie.memberships.get().account.invitations.open().count() == 1


def test_only_access_within_this_account_ends(
    inside: Client, account: Account, site: Site, charlie: User, charlies_site: Site
) -> None:
    theirs = Membership.objects.create(user=charlie, account=account, role=Role.EDITOR)
    here = api_key_create(site=site, name="here", user=charlie)[1]
    there = api_key_create(site=charlies_site, name="there", user=charlie)[1]
    inside.post(f"/account/team/{theirs.pk}/remove")
    site_cache.refresh()
    assert site_cache.find_key(here) is None and site_cache.find_key(there) is not None
    assert charlie.memberships.count() == 1 and User.objects.filter(pk=charlie.pk).exists()


def test_a_guest_promoted_to_member_gets_a_new_own_key(inside: Client, account: Account, bob: User) -> None:
    guest = bob.memberships.get()
    allowed_count = use_account_key(account).get(f"/account/guests/{guest.pk}")["apiKey"]
    assert Program(allowed_count).call("GET", "/account").status_code == 200
    api(inside, "patch", f"members/{guest.pk}", {"role": "owner"})
    assert Program(allowed_count).call("GET", "/account").status_code == 401


def test_a_member_replaces_their_own_key(account: Account, alice: User) -> None:
    erin = member(account, "erin", Role.EDITOR)
    client, old = log_in(erin), erin.memberships.get().authkey
    assert old in client.get("/account/own-key").content.decode()
    assert client.post("/account/own-key", {"next": "/links/toolbox"})["Location"] == "/links/toolbox"
    assert Program(old).call("GET", "/account").status_code == 401
    new = erin.memberships.get().authkey
    assert new in client.get("/account/own-key").content.decode()
    assert Program(new).call("GET", "/account").status_code == 200


# -- guests of one site, and what can be given --------------------------------------------------------------------

SECRETS = {"webhook": "https://hooks.example/T000/secret-path", "signing": "whsec-of-the-account"}


def pages_of(site: Site) -> list[str]:
    """Every page and API of one site that needs nothing but its number, and those of the account and one's own."""
    rooms = (
        sites.urls,
        sites.uptime.urls,
        sites.alerts.urls,
        reports.dashboard.urls,
        reports.dashboard.goals.urls,
        reports.annotations.urls,
        reports.sharing.urls,
    )
    patterns = [str(pattern.pattern) for room in rooms for pattern in room.urlpatterns]
    filled = {pattern.replace("<int:site_id>", str(site.pk)) for pattern in patterns if "<int:site_id>" in pattern}
    own = ("go?q=", "go?q=settings", "sites", "me", "account", "account/team", "links", "api/v1/me", "api/v1/sites",
           "api/v1/members", "api/v1/account", "api/v1/exposed-keys", "digests")  # fmt: skip
    return [f"/{path}" for path in sorted({*filled, *own}) if "<" not in path]


def test_a_guest_with_write_access_to_one_site_sees_no_secret_of_the_account(
    account: Account, alice: User, site: Site, store: Store
) -> None:
    more = site_create(account=account, domain="more.example")
    Channel.objects.create(
        account=account, kind="webhook", name="Hook", target=SECRETS["webhook"], secret=SECRETS["signing"]
    )
    conversion_create(account=account, name="Sale")
    datapoint_create(account=account, alias="hidden-link", url="https://shop.test/")
    monitor = monitor_create(site=more, url="https://more.example/")
    dave = member(account, "dave", Role.GUEST)
    Grant.objects.create(membership=dave.memberships.get(), kind="site", object_id=site.pk, right=Right.WRITE)
    client = log_in(dave)
    hidden = (
        account.authkey, more.sitekey, more.sitekey_admin, "more.example", "hidden-link", *SECRETS.values(),
        account.memberships.get(user=alice).authkey,
    )  # fmt: skip
    allowed_count = 0
    for page in pages_of(site):
        answer = client.get(page)
        allowed_count += answer.status_code == 200
        body = b"" if answer.streaming else answer.content
        assert not [secret for secret in hidden if secret in body.decode(errors="replace")], page
    assert allowed_count >= 40
    channel = Channel.objects.get().pk
    for page in (f"{more.pk}/", f"{more.pk}/uptime/{monitor.pk}/edit", f"{site.pk}/alerts/channels/{channel}"):
        assert client.get(f"/sites/{page}").status_code == 404


def test_the_list_of_grantable_objects_is_limited_searchable_and_keeps_grants(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    Site.objects.bulk_create(
        Site(pk=site.pk + number, account=account, domain=f"s{number:03}.example") for number in range(1, 250)
    )
    guest, last = bob.memberships.get(), site.pk + 249
    grant_set(membership=guest, kind="site", object_id=last, right=Right.READ)
    address = f"/account/team/{guest.pk}"
    page = inside.get(address).content.decode()
    offered = re.findall(r'name="grant-site-(\d+)"', page)
    assert len(offered) == len(set(offered)) == 201 and {str(last), str(site.pk)} <= set(offered)
    form = {"role": "guest", f"grant-site-{last}": "read", f"grant-site-{site.pk}": "read"}
    assert inside.post(address, form).status_code == 302
    choices = set(re.findall(r'name="grant-site-(\d+)"', inside.get(f"{address}?q=s23").content.decode()))
    assert choices == {str(site.pk), str(last), *(str(site.pk + number) for number in range(230, 240))}
    assert set(guest.grants.values_list("object_id", flat=True)) == {site.pk, last}
    assert 'role="search"' in inside.get("/account/team?q=s23").content.decode()


def test_checking_one_right_does_not_load_all_grants(account: Account, site: Site, bob: User) -> None:
    for number in range(30):
        datapoint_create(account=account, alias=f"a{number}", url="https://shop.test/")
    guest = bob.memberships.get()
    link = datapoint_create(account=account, alias="one", url="https://shop.test/")
    with CaptureQueriesContext(connection) as queries:
        grant_set(membership=guest, kind="datapoint", object_id=link.pk, right=Right.READ)
    read = [query["sql"] for query in queries if "links_datapoint" in query["sql"]]
    assert len(read) == 1 and f"IN ({link.pk})" in read[0]


def test_an_impossible_site_id_is_rejected_with_its_field(inside: Client, bob: User) -> None:
    grants = [{"kind": "site", "id": 10**30, "right": "read"}]
    error = api(inside, "patch", f"members/{bob.memberships.get().pk}", {"grants": grants}).json()["error"]
    assert error["code"] == "invalid" and list(error["fields"]) == ["grants.0.id"]


@pytest.mark.parametrize("number", [0, -1, "charlies"])
def test_objects_of_other_accounts_cannot_be_granted(
    inside: Client, bob: User, charlies_site: Site, number: int | str
) -> None:
    wanted = charlies_site.pk if number == "charlies" else number
    grants = [{"kind": "site", "id": wanted, "right": "read"}]
    answer = api(inside, "patch", f"members/{bob.memberships.get().pk}", {"grants": grants})
    assert answer.status_code == 400 and "There is no site" in answer.content.decode()


# -- keys of guests, which the team is shown ----------------------------------------------------------------------


def test_keys_of_guests_are_exposed_when_an_editor_leaves(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    erin, guest = member(account, "erin", Role.EDITOR).memberships.get(), bob.memberships.get()
    use_account_key(account).post(f"/account/guests/{guest.pk}", {"extendedGrants": {"allowAllGrants": True}})
    (listed,) = Program(erin.authkey).get("/account/guests?_expand=true")["entities"]
    assert api(inside, "delete", f"members/{erin.pk}").status_code == 204
    assert Program(listed["apiKey"]).get("/datapoints") == {"entities": []}
    assert ("guest", guest.pk, "Erin (erin@example.com)") in exposed()
    assert "Guest key of Bob" in inside.get("/account/team").content.decode()
    inside.post(f"/account/team/keys/{ExposedKey.objects.get(kind='guest').pk}/replace")
    assert Program(listed["apiKey"]).call("GET", "/datapoints").status_code == 401
    assert not ExposedKey.objects.filter(kind="guest").exists()


def test_keys_of_guests_are_not_exposed_when_a_viewer_or_a_guest_leaves(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    vera, erin = (member(account, *who).memberships.get() for who in (("vera", Role.VIEWER), ("erin", Role.EDITOR)))
    for row in (vera, erin):
        api(inside, "delete", f"members/{row.pk}")
    assert {person for kind, _, person in exposed() if kind == "guest"} == {"Erin (erin@example.com)"}
    api(inside, "delete", f"members/{bob.memberships.get().pk}")
    assert "guest" not in {kind for kind, _, _ in exposed()}


# -- what somebody prepared to come back --------------------------------------------------------------------------


def test_invitations_to_become_owner_end_when_their_sender_is_demoted(inside: Client, account: Account) -> None:
    olga = member(account, "olga", Role.OWNER)
    for email, role in (("second@example.org", "owner"), ("third@example.org", "admin")):
        api(log_in(olga), "post", "members", {"email": email, "role": role})
    assert api(inside, "patch", f"members/{olga.memberships.get().pk}", {"role": "admin"}).status_code == 200
    assert [row.email for row in Invitation.objects.open()] == ["third@example.org"]
    (link, _) = [extract(r"/join/\w+", letter.body) for letter in mail.outbox]
    assert Client().get(link).status_code == 404


def test_invitations_sent_with_the_account_key_end_when_it_is_replaced(inside: Client, account: Account) -> None:
    headers = {"Authorization": f"Bearer {account.authkey}"}
    body = {"email": "second@example.org", "role": "admin"}
    Client().post("/api/v1/members", body, content_type="application/json", headers=headers)
    api(inside, "post", "members", {"email": "third@example.org", "role": "viewer"})
    inside.post("/account/key")
    assert [row.email for row in Invitation.objects.open()] == ["third@example.org"]
