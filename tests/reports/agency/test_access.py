"""The table of people and sites, and seeing the pages as a client."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.clients.models import ClientAccount
from accounts.models import Account, Grant, Membership, Purpose, Right, Role, User
from accounts.services import account_brand_set
from sites.models import Site
from tests.conftest import member
from tests.support import read_html, verify_host

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: ClientAccount) -> ClientAccount:
    """Also with a guest (gus), who sees nothing yet."""
    member(client.account, "gus", Role.GUEST)
    return client


def get_guest(client: ClientAccount) -> Membership:
    return Membership.objects.get(account=client.account, role=Role.GUEST)


def test_the_table_shows_roles_and_rights(
    inside: Client, client: ClientAccount, zoo: Site, site: Site, bob: User
) -> None:
    table = inside.get("/clients/access").context["table"]
    emails = [person.email for person in table.people]
    cells = {
        (row_site.domain, email): cell.role or cell.right
        for row_site, _, row in table.rows
        for email, cell in zip(emails, row, strict=True)
    }
    assert emails == ["alice@example.com", "bob@example.com", "gus@example.com", "zoe@example.com"]
    assert cells["example.com", "alice@example.com"] == "Owner" and cells["example.com", "bob@example.com"] == "read"
    assert cells["zoo.example", "zoe@example.com"] == "Owner" and cells["zoo.example", "gus@example.com"] == "none"
    assert cells["zoo.example", "bob@example.com"] == "" == cells["example.com", "zoe@example.com"]


def test_a_right_is_given_and_taken_in_the_table(inside: Client, client: ClientAccount, zoo: Site) -> None:
    guest = get_guest(client)
    inside.post("/clients/access", {f"{guest.pk}-{zoo.pk}": "write"})
    assert Grant.objects.get(membership=guest).right == Right.WRITE
    assert AuditEntry.objects.filter(action="member.changed", account=client.account).count() == 1
    inside.post("/clients/access", {f"{guest.pk}-{zoo.pk}": "write"})
    assert AuditEntry.objects.filter(action="member.changed").count() == 1, "nothing was changed"
    inside.post("/clients/access", {f"{guest.pk}-{zoo.pk}": "none"})
    assert not Grant.objects.filter(membership=guest).exists()


def test_cells_of_others_are_not_read(
    inside: Client, client: ClientAccount, zoo: Site, charlies_site: Site, bob: User
) -> None:
    theirs = member(charlies_site.account, "ted", Role.GUEST).memberships.get()
    inside.post("/clients/access", {f"{theirs.pk}-{charlies_site.pk}": "read"})
    inside.post("/clients/access", {f"{theirs.pk}-{zoo.pk}": "read", f"{bob.memberships.get().pk}-{zoo.pk}": "read"})
    assert not Grant.objects.filter(membership=theirs).exists()
    assert not Grant.objects.filter(object_id=zoo.pk).exists()


def test_an_agency_sees_the_pages_as_a_guest_of_its_client(
    inside: Client, account: Account, client: ClientAccount, zoo: Site, site: Site
) -> None:
    guest = get_guest(client)
    inside.post(f"/clients/{client.pk}/view", {"member": guest.pk})
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 404, "nothing was shared with the guest"
    Grant.objects.create(membership=guest, kind="site", object_id=zoo.pk, right=Right.READ)
    page = read_html(inside.get(f"/sites/{zoo.pk}/"))
    assert "You see Zoo as your client does" in page
    for path in (f"/sites/{site.pk}/", "/clients", "/account", f"/sites/{zoo.pk}/settings/general"):
        assert inside.get(path).status_code in (403, 404), path
    inside.post("/clients/view/end")
    assert inside.get(f"/sites/{site.pk}/").status_code == 200 and inside.get("/clients").status_code == 200


def test_nothing_is_changed_and_no_key_is_shown_meanwhile(inside: Client, client: ClientAccount, zoo: Site) -> None:
    zoe = Membership.objects.get(account=client.account, role=Role.OWNER)
    inside.post(f"/clients/{client.pk}/view", {"member": zoe.pk})
    assert inside.get(f"/sites/{zoo.pk}/settings/general").status_code == 200
    for method, path in (
        ("post", f"/sites/{zoo.pk}/settings/general"), ("post", "/account"), ("get", "/account/own-key"),
        ("get", "/account/key"), ("get", "/me/tokens"), ("get", f"/api/v1/sites/{zoo.pk}"),
        ("post", f"/clients/{client.pk}/release"), ("get", f"/sites/{zoo.pk}/settings/api-keys/show"),
    ):  # fmt: skip
        answer = getattr(inside, method)(path)
        assert answer.status_code == 403 and "as a client" in answer.content.decode(), path


def test_the_pages_have_the_clients_brand_meanwhile(inside: Client, client: ClientAccount) -> None:
    account_brand_set(account=client.account, host="stats.zoo.example", name="Zoo stats")
    verify_host(client.account, "stats.zoo.example", Purpose.BRAND)
    inside.post(f"/clients/{client.pk}/view")
    assert "<span>Zoo stats</span>" in read_html(inside.get("/sites"))


def test_the_view_is_recorded_in_both_logs(inside: Client, account: Account, client: ClientAccount) -> None:
    inside.post(f"/clients/{client.pk}/view", {"member": get_guest(client).pk})
    entries = AuditEntry.objects.filter(action="client.viewed")
    assert {entry.account_id for entry in entries} == {account.pk, client.account_id}
    assert all(entry.changes["as"] == [None, "gus@example.com"] for entry in entries)


def test_the_view_ends_with_the_role_in_the_agency(inside: Client, client: ClientAccount, zoo: Site) -> None:
    inside.post(f"/clients/{client.pk}/view")
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 200
    Membership.objects.filter(user__email="alice@example.com").update(role=Role.EDITOR)
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 404


def test_only_members_of_the_client_can_be_seen_as(inside: Client, client: ClientAccount, bob: User) -> None:
    assert inside.post(f"/clients/{client.pk}/view", {"member": bob.memberships.get().pk}).status_code == 404
    assert inside.post(f"/clients/{client.pk}/view", {"member": "x"}).status_code == 404
