"""One flow for every invitation: what the lists show and do, what the person sees, and links that do not work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, Invitation, Membership, Role, User
from accounts.security import rate_limits
from accounts.services import grant_set
from links.services.groups import group_create
from links.services.guests import guest_create
from sites.models import Site
from tests.conftest import PASSWORD
from tests.support import log_in, read_html
from tests.support.clickmeter_client import Program, use_account_key
from tests.support.types import Response
from tests.values import extract

pytestmark = pytest.mark.django_db
NEW = {"name": "Zoe", "password": "a long enough password"}
ZOE = "zoe@example.org"
LISTS = ("/account/invitations", "/account/team")


def find_link(text: object) -> str:
    return extract(r"(/join/\w+)", str(text))


def mailed() -> str:
    return find_link(mail.outbox[-1].body)


def invite(client: Client, role: str = "viewer", **more: str) -> Invitation:
    client.post("/account/team", {"email": ZOE, "role": role, **more})
    return Invitation.objects.open().get()


def copy(client: Client, invitation: Invitation, **more: str) -> str:
    return find_link(client.post(f"/account/invitations/{invitation.pk}/link", more).content.decode())


def api(client: Client, method: str, path: str, body: object = None, **headers: str) -> Response:
    send = getattr(client, method)
    more: dict[str, Any] = {} if method == "get" else {"data": body or {}, "content_type": "application/json"}
    return send(f"/api/v1/{path}", headers=headers, **more)  # type: ignore[no-any-return]


# -- lists --------------------------------------------------------------------------------------------------------


def test_one_page_lists_members_guests_of_sites_and_guests_of_links(
    inside: Client, account: Account, site: Site
) -> None:
    inside.post("/account/team", {"email": "member@example.org", "role": "editor"})
    inside.post(f"/sites/{site.pk}/settings/team", {"email": "site@example.org", "right": "write"})
    guest = use_account_key(account).post("/account/guests", {"email": "links@example.org"})
    group = group_create(account=account, name="Partners")
    grant_set(membership=Membership.objects.get(pk=guest["id"]), kind="group", object_id=group.pk, right="read")
    for path in LISTS:
        page = read_html(inside.get(path))
        assert "all sites and links of the account, to look at and to change" in page
        assert f"{site}, to look at and to change" in page
        assert "Partners, to look at" in page and "Reports of these links show conversions" in page
    at_site = read_html(inside.get(f"/sites/{site.pk}/settings/team"))
    assert "site@example.org" in at_site and "member@example.org" not in at_site and "links@" not in at_site
    at_links = read_html(inside.get("/links/guests"))
    assert "links@example.org" in at_links and "site@example.org" not in at_links
    assert log_in(User.objects.create_user("x@example.org", PASSWORD)).get(LISTS[0]).status_code == 404


def test_a_copied_link_replaces_the_mailed_one_and_is_shown_once(inside: Client, site: Site) -> None:
    invitation = invite(inside)
    first = mailed()
    link = copy(inside, invitation)
    assert len(mail.outbox) == 1 and link != first
    assert "A newer link has replaced this one" in read_html(Client().get(first))
    assert Client().get(link).status_code == 200
    assert link not in inside.get("/account/invitations").content.decode()
    invitation.refresh_from_db()
    assert invitation.link_shown and Invitation.objects.open().get() == invitation, "its number stays"
    inside.post(f"/account/invitations/{invitation.pk}/resend")
    assert Client().get(link).status_code == 404 and Client().get(mailed()).status_code == 200


def test_a_button_returns_to_its_list_on_this_host_only(inside: Client, site: Site) -> None:
    path = f"/account/invitations/{invite(inside).pk}/resend"
    assert inside.post(path, {"next": "/links/guests"})["Location"] == "/links/guests"
    assert inside.post(path, {"next": "https://evil.example/"})["Location"] == "/account/invitations"


def test_only_an_owner_copies_or_sends_the_link_of_an_owner(inside: Client, account: Account) -> None:
    invitation = invite(inside, "owner")
    admin = User.objects.create_user("admin@example.org", PASSWORD)
    Membership.objects.create(user=admin, account=account, role=Role.ADMIN)
    theirs = log_in(admin)
    for what in ("link", "resend"):
        answer = theirs.post(f"/account/invitations/{invitation.pk}/{what}", follow=True)
        assert "Only an owner can invite an owner" in read_html(answer) and "/join/" not in read_html(answer)
    assert Client().get(mailed()).status_code == 200


def test_revoking_removes_the_guest_who_was_added_with_a_key(inside: Client, account: Account) -> None:
    for number, path in enumerate(("page", "api")):
        guest = use_account_key(account).post("/account/guests", {"email": f"{number}@example.org"})
        invitation = Invitation.objects.open().get()
        if path == "page":
            inside.post(f"/account/invitations/{invitation.pk}/revoke")
        else:
            assert api(inside, "delete", f"invitations/{invitation.pk}").status_code == 204
        assert Program(guest["apiKey"]).call("GET", "/account").status_code == 401
        assert f"{number}@example.org" not in read_html(inside.get("/account/invitations"))


def test_a_guest_whose_invitation_ended_is_listed_and_invited_again(inside: Client, account: Account) -> None:
    guest = guest_create(account=account, email=ZOE)
    page = read_html(inside.get("/account/invitations"))
    assert "no open invitation" in page and "Send an invitation" in page
    inside.post(f"/account/team/{guest.pk}/invite")
    assert Client().post(mailed(), NEW).status_code == 302
    guest.refresh_from_db()
    assert guest.accepted


def test_mails_of_an_account_to_one_address_are_limited(inside: Client, charlie: User) -> None:
    most, hers = rate_limits.INVITATION_PAIR.maximum, invite(inside)
    for _ in range(most):
        refused = inside.post(f"/account/invitations/{hers.pk}/resend", follow=True)
    assert "Too many invitations to this address" in read_html(refused) and len(mail.outbox) == most
    assert Client().get(mailed()).status_code == 200, "a refused mail does not end the link"
    inside.post("/account/team", {"email": "other@example.org", "role": "viewer"})
    assert len(mail.outbox) == most + 1
    log_in(charlie).post("/account/team", {"email": ZOE, "role": "viewer"})
    assert len(mail.outbox) == most + 2, "other accounts still invite the person"
    assert Client().get(copy(inside, hers)).status_code == 200, "a copied link is no mail"


def test_mails_of_all_accounts_to_one_address_are_limited(
    inside: Client, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "INVITATION_EMAIL", replace(rate_limits.INVITATION_EMAIL, maximum=2))
    hers = invite(inside)
    inside.post(f"/account/invitations/{hers.pk}/resend")
    refused = log_in(charlie).post("/account/team", {"email": ZOE, "role": "viewer"})
    assert "Too many invitations to this address" in read_html(refused) and len(mail.outbox) == 2


def test_the_audit_log_has_every_step(inside: Client, account: Account) -> None:
    invitation = invite(inside)
    inside.post(f"/account/invitations/{invitation.pk}/resend")
    Client().post(find_link(mail.outbox[-1].body), NEW)
    inside.post("/account/team", {"email": "yan@example.org", "role": "viewer"})
    copy(inside, Invitation.objects.open().get())
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/revoke")
    entries = AuditEntry.objects.filter(account_id=account.pk, target_type="invitation").order_by("pk")
    verbs = [entry.action.partition(".")[2] for entry in entries]
    assert verbs == ["created", "resent", "accepted", "created", "link_shown", "revoked"]
    accepted = entries[2]
    assert accepted.actor_label == f"Zoe ({ZOE})" and accepted.target_id == str(invitation.pk)


# -- the person ---------------------------------------------------------------------------------------------------


def test_the_page_says_who_invites_and_what_one_gets_before_accepting(
    inside: Client, account: Account, alice: User, site: Site
) -> None:
    group = group_create(account=account, name="Partners")
    options = {"conversionOptions": {"hideValue": True}}
    guest = guest_create(account=account, email=ZOE, options=options)
    grant_set(membership=guest, kind="group", object_id=group.pk, right="write")
    invite(inside, "guest", **{f"grant-site-{site.pk}": "read"})
    page = unescape(read_html(Client().get(mailed())))
    assert f"{alice} invites you to {account}, as <strong>guest</strong>" in page
    assert f"Site {site}, to look at" in page and "Partners, to look at and to change" in page
    assert "Reports of these links show conversions, not their values" in page


def test_a_mailed_link_needs_no_code_and_a_copied_one_does(inside: Client, account: Account, site: Site) -> None:
    link, visitor = copy(inside, invite(inside)), Client()
    assert "We mail a code" in read_html(visitor.get(link))
    sent = visitor.post(link, NEW)
    assert sent["Location"] == "/signup/verify"
    assert mail.outbox[-1].to == [ZOE] and not account.memberships.filter(user__email=ZOE).exists()
    assert visitor.get("/me").status_code == 302, "not logged in before the address is verified"
    code = extract(r"(?m)^([A-Z0-9]{4}-[A-Z0-9]{4})$", mail.outbox[-1].body)
    assert visitor.post("/signup/verify", {"code": code})["Location"] == link
    assert "You are logged in as" in read_html(visitor.get(link))
    assert visitor.post(link)["Location"] == "/"
    assert visitor.get("/")["Location"] == f"/sites/{site.pk}/"


def test_who_opened_a_copied_link_cannot_join_without_the_code(inside: Client, account: Account) -> None:
    link, visitor = copy(inside, invite(inside)), Client()
    visitor.post(link, NEW)
    assert visitor.post(link)["Location"].startswith("/login?next="), "the user exists, and is not logged in"
    visitor.post("/login", {"email": ZOE, "password": NEW["password"], "next": link})
    assert visitor.get("/me").status_code == 302
    assert not account.memberships.filter(user__email=ZOE).exists()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [("used", "was accepted already"), ("revoked", "was revoked"), ("expired", "has expired"),
     ("unknown", "is unknown here")],
)  # fmt: skip
def test_a_link_that_does_not_work_says_why(state: str, sentence: str, inside: Client, account: Account) -> None:
    invitation = invite(inside)
    link = mailed()
    if state == "used":
        Client().post(link, NEW)
    elif state == "revoked":
        inside.post(f"/account/invitations/{invitation.pk}/revoke")
    elif state == "expired":
        Invitation.objects.update(expires=timezone.now() - timedelta(seconds=1))
    else:
        link += "x"
    answer = Client().get(link)
    assert answer.status_code == 404 and sentence in read_html(answer)
    assert account.name not in unescape(read_html(answer))


def test_a_link_works_for_as_many_days_as_the_operator_says(inside: Client, settings: Settings) -> None:
    settings.INVITATION_DAYS = 3
    before = timezone.now()
    invitation = invite(inside)
    assert timedelta(days=3) <= invitation.expires - before < timedelta(days=3, hours=1)
    assert "for 3 days" in mail.outbox[-1].body


def test_the_upgrade_lets_links_work_as_long_as_their_mails_say(account: Account) -> None:
    created = timezone.now() - timedelta(days=3)
    joins = Invitation.objects.create(account=account, email=ZOE, created=created)
    sets_up = Invitation.objects.create(role=Role.OWNER, created=created)
    import_module("accounts.migrations.0010_invitation_links_and_sign_up").keep_old_ends(apps, None)
    ends = {row.pk: row.expires - row.created for row in Invitation.objects.all()}
    assert ends == {joins.pk: timedelta(days=14), sets_up.pk: timedelta(hours=24)}


# -- the API ------------------------------------------------------------------------------------------------------


def test_the_api_creates_lists_resends_and_revokes(inside: Client, account: Account, site: Site) -> None:
    grants = [{"kind": "site", "id": site.pk, "right": "read"}]
    body = {"email": ZOE, "role": "guest", "grants": grants}
    made = api(inside, "post", "invitations", body, **{"Idempotency-Key": "one"})
    again = api(inside, "post", "invitations", body, **{"Idempotency-Key": "one"})
    assert made.status_code == 201 and again.json() == made.json() and len(mail.outbox) == 1
    row = made.json()
    assert (row["email"], row["role"], row["grants"], row["mailed"], row["link"]) == (ZOE, "guest", grants, True, "")
    assert row["invited_by"] == "alice@example.com" and row["expired"] is False
    shown = {name: value for name, value in row.items() if name not in ("link", "mailed")}
    assert api(inside, "get", "invitations").json()["results"] == [shown]
    assert api(inside, "get", f"invitations/{row['id']}").json() == shown
    first = mailed()
    resent = api(inside, "post", f"invitations/{row['id']}/resend")
    assert resent.status_code == 200 and resent.json()["id"] == row["id"]
    assert Client().get(first).status_code == 404 and Client().get(mailed()).status_code == 200
    link = find_link(api(inside, "post", f"invitations/{row['id']}/link").json()["link"])
    assert Client().get(link).status_code == 200
    assert api(inside, "delete", f"invitations/{row['id']}").status_code == 204
    assert Client().get(link).status_code == 404
    assert api(inside, "post", f"invitations/{row['id']}/resend").status_code == 404


def test_the_api_shows_what_a_guest_of_links_was_granted(inside: Client, account: Account) -> None:
    guest = use_account_key(account).post("/account/guests", {"email": ZOE})
    group = group_create(account=account, name="Partners")
    grant_set(membership=Membership.objects.get(pk=guest["id"]), kind="group", object_id=group.pk, right="read")
    row = api(inside, "get", "invitations").json()["results"][0]
    assert row["grants"] == [{"kind": "group", "id": group.pk, "right": "read"}]
    assert row["invited_by"] is None, "a program with the account's key did"
