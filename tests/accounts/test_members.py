"""Members of an account: roles, permissions, invitations and removal."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Account, Grant, Invitation, Membership, Role, User
from accounts.permissions import Bearer, find_bearer, load_grants, may_on_object
from accounts.services import grant_set, member_access_set, member_remove
from accounts.services.invitations import invitation_create
from sites.models import Site
from tests.support.members import may_in_account
from tests.values import extract

NEW = {"name": "Zoe", "password": "a long enough password"}


@pytest.fixture
def hers(account: Account, alice: User) -> Membership:
    return Membership.objects.get(user=alice, account=account)


@pytest.fixture
def inside(client: Client, account: Account, alice: User) -> Client:
    caches["requests"].clear()
    client.force_login(alice)
    return client


def invite(client: Client, email: str = "zoe@example.org", role: str = "viewer", **more: str) -> str:
    client.post("/account/team", {"email": email, "role": role, **more})
    return extract(r"(/join/\w+)", mail.outbox[-1].body)


@pytest.mark.parametrize(
    ("role", "words"),
    [("owner", "view edit manage"), ("admin", "view edit manage"), ("editor", "view edit"), ("viewer", "view"),
     ("guest", "")],
)  # fmt: skip
def test_a_role_decides_the_permissions_in_the_whole_account(account: Account, role: str, words: str) -> None:
    user = User.objects.create_user("r@example.org")
    Membership.objects.create(user=user, account=account, role=role)
    assert {word for word in ("view", "edit", "manage") if may_in_account(user, account, word)} == set(words.split())


def test_a_grant_decides_what_a_guest_may_do_with_an_object(account: Account, bob: User, site: Site) -> None:
    guest = Membership.objects.get(user=bob, account=account)
    grant_set(membership=guest, kind="site", object_id=site.pk, right="read")
    assert may_on_object(bob, account, "site", site.pk, "view")
    assert not may_on_object(bob, account, "site", site.pk, "edit")
    grant_set(membership=guest, kind="site", object_id=site.pk, right="write")
    assert may_on_object(bob, account, "site", site.pk, "edit")
    assert not may_on_object(bob, account, "site", site.pk, "manage")
    assert not may_on_object(bob, account, "site", site.pk + 1, "view")
    assert not may_on_object(bob, account, "group", site.pk, "view")
    grant_set(membership=guest, kind="site", object_id=site.pk, right=None)
    assert load_grants(guest, "site") == {}


def test_an_unknown_permission_raises_an_error(account: Account, alice: User) -> None:
    with pytest.raises(ValueError, match="'wiew'"):
        may_in_account(alice, account, "wiew")


def test_a_disabled_owner_has_no_permissions(account: Account, alice: User) -> None:
    alice.is_active = False
    assert not may_in_account(alice, account, "view")


def test_an_authkey_acts_as_one_membership_even_if_its_user_has_others(
    account: Account, charlie: User, bob: User
) -> None:
    elsewhere = Membership.objects.get(user=charlie).account
    Membership.objects.create(user=charlie, account=account, role=Role.VIEWER)
    of_charlies = find_bearer(elsewhere.authkey.lower())
    assert isinstance(of_charlies, Bearer)
    assert may_in_account(of_charlies, elsewhere, "manage")
    assert not may_in_account(of_charlies, account, "view")
    guest = Membership.objects.get(user=bob, account=account)
    assert not may_in_account(find_bearer(guest.authkey), account, "view")
    assert find_bearer("00000000-0000-0000-0000-000000000000") is None


def test_an_invited_new_user_chooses_a_password_and_joins(inside: Client, account: Account) -> None:
    link = invite(inside, role="editor")
    stranger = Client()
    assert escape(account.name) in stranger.get(link).content.decode()
    assert stranger.post(link, NEW).status_code == 302
    assert may_in_account(User.objects.get(email="zoe@example.org"), account, "edit")
    assert stranger.get("/me").status_code == 200
    assert Client().post(link, NEW).status_code == 404


def test_an_invited_guest_gets_exactly_the_selected_grants(inside: Client, account: Account, site: Site) -> None:
    link = invite(inside, role="guest", **{f"grant-site-{site.pk}": "read"})
    Client().post(link, NEW)
    zoe = User.objects.get(email="zoe@example.org")
    assert may_on_object(zoe, account, "site", site.pk, "view")
    assert not may_on_object(zoe, account, "site", site.pk, "edit")


def test_an_existing_user_logs_in_and_joins_with_one_click(inside: Client, account: Account, charlie: User) -> None:
    link = invite(inside, email="charlie@example.com")
    visitor = Client()
    assert visitor.get(link)["Location"] == f"/login?next={link}"
    visitor.force_login(charlie)
    assert visitor.post(link).status_code == 302
    assert may_in_account(charlie, account, "view")


def test_an_invitation_expires(inside: Client, alice: User) -> None:
    link = invite(inside)
    Invitation.objects.update(expires=timezone.now() - timedelta(minutes=1))
    assert Client().post(link, NEW).status_code == 404


def test_an_invitation_can_be_revoked(inside: Client, alice: User) -> None:
    link = invite(inside)
    inside.post(f"/account/invitations/{Invitation.objects.get().pk}/revoke")
    assert Client().post(link, NEW).status_code == 404


def test_inviting_the_same_address_twice_leaves_one_working_link(inside: Client, alice: User) -> None:
    first, second = invite(inside), invite(inside)
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200


def test_a_member_cannot_be_invited_again(hers: Membership, account: Account, bob: User) -> None:
    with pytest.raises(ValidationError, match="already a member"):
        invitation_create(account=account, email="BOB@example.com", role="viewer", by=hers)


def test_a_member_cannot_grant_objects_of_other_accounts(
    inside: Client, account: Account, charlies_site: Site, bob: User
) -> None:
    guest = Membership.objects.get(user=bob, account=account)
    answer = inside.post(f"/account/team/{guest.pk}", {"role": "guest", f"grant-site-{charlies_site.pk}": "read"})
    assert "There is no site" in answer.content.decode()
    assert not Grant.objects.filter(object_id=charlies_site.pk).exists()


def test_only_an_owner_can_appoint_owners(hers: Membership, account: Account, bob: User, charlie: User) -> None:
    admin = Membership.objects.create(user=charlie, account=account, role=Role.ADMIN)
    guest = Membership.objects.get(user=bob, account=account)
    for act in (
        lambda: member_access_set(membership=guest, role=Role.OWNER, by=admin),
        lambda: member_access_set(membership=hers, role=Role.VIEWER, by=admin),
        lambda: member_remove(membership=hers, by=admin),
        lambda: invitation_create(account=account, email="x@example.org", role=Role.OWNER, by=admin),
    ):
        with pytest.raises(ValidationError, match="Only an owner"):
            act()
    assert member_access_set(membership=guest, role=Role.OWNER, by=hers).role == Role.OWNER


def test_the_last_owner_cannot_be_removed_or_demoted(inside: Client, hers: Membership) -> None:
    page = inside.post(f"/account/team/{hers.pk}/remove", follow=True).content.decode()
    assert "needs an owner" in page
    page = inside.post(f"/account/team/{hers.pk}", {"role": "viewer"}).content.decode()
    assert "needs an owner" in page
    hers.refresh_from_db()
    assert hers.role == Role.OWNER


def test_a_removed_member_loses_access_at_once(inside: Client, account: Account, bob: User, site: Site) -> None:
    guest = Membership.objects.get(user=bob, account=account)
    grant_set(membership=guest, kind="site", object_id=site.pk, right="read")
    inside.post(f"/account/team/{guest.pk}/remove")
    assert not may_on_object(bob, account, "site", site.pk, "view")
    assert not Grant.objects.filter(membership_id=guest.pk).exists()


def test_the_account_switcher_rejects_an_account_of_others(inside: Client, alice: User, charlie: User) -> None:
    foreign = Membership.objects.get(user=charlie).account
    assert inside.post("/account/switch", {"account": foreign.pk}).status_code == 404
    Membership.objects.create(user=alice, account=foreign, role=Role.OWNER)
    assert inside.post("/account/switch", {"account": foreign.pk}).status_code == 302
    assert foreign.authkey in inside.get("/account/key").content.decode()


def test_replacing_the_authkey_ends_the_old_one(inside: Client, account: Account) -> None:
    old = account.authkey
    inside.post("/account/key")
    account.refresh_from_db()
    assert find_bearer(old) is None
    assert find_bearer(account.authkey) is not None
    assert account.authkey in inside.get("/account/key").content.decode()


def test_name_and_time_zone_are_saved_and_invalid_ones_reported(inside: Client, account: Account) -> None:
    inside.post("/account", {"name": "New name", "timezone": "Europe/Tallinn"})
    account.refresh_from_db()
    assert (account.name, account.timezone) == ("New name", "Europe/Tallinn")
    assert "Select a valid choice" in inside.post("/account", {"name": "x", "timezone": "Mars"}).content.decode()
