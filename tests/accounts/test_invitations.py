"""Invitations: people become members by opening a mailed link, and have no access before."""

from datetime import timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.cache import caches
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.keys import hash_key
from accounts.models import Account, Invitation, Membership, Role, User
from accounts.permissions import may_on_object
from accounts.services import grant_set
from links.services.groups import group_create
from sites.models import Site
from sites.services import site_create
from tests.conftest import PASSWORD
from tests.support import log_in, read_html
from tests.support.clickmeter_client import Program, use_account_key
from tests.support.clickmeter_client import use_own_key as program_of
from tests.support.members import may_in_account
from tests.support.types import Response, Store
from tests.values import extract

pytestmark = pytest.mark.django_db
NEW = {"name": "Zoe", "password": "a long enough password"}
ZOE = "zoe@example.org"
FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    caches["requests"].clear()


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks: Any) -> Any:
    """What waits for the end of a transaction happens at the end of the block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def mailed() -> str:
    """The path of the link in the latest mail."""
    return extract(r"(/join/\w+)", mail.outbox[-1].body)


# -- every way in ends in the same link ---------------------------------------------------------------------------


def by_team(client: Client, account: Account, site: Site) -> None:
    client.post("/account/team", {"email": ZOE, "role": "guest", f"grant-site-{site.pk}": "read"})


def by_site(client: Client, account: Account, site: Site) -> None:
    client.post(f"/sites/{site.pk}/settings/team", {"email": ZOE, "right": "read"})


def by_api(client: Client, account: Account, site: Site) -> None:
    grants = [{"kind": "site", "id": site.pk, "right": "read"}]
    body = {"email": ZOE, "role": "guest", "grants": grants}
    client.post("/api/v1/members", body, content_type="application/json")


def by_guests_page(client: Client, account: Account, site: Site) -> None:
    client.post("/links/guests", {"email": ZOE, "name": "Z"})
    grant_set(membership=account.memberships.pending().get(), kind="site", object_id=site.pk, right="read")


def by_clickmeter(client: Client, account: Account, site: Site) -> None:
    use_account_key(account).post("/account/guests", {"email": ZOE, "name": "Z", "password": "chosen by somebody else"})
    grant_set(membership=account.memberships.pending().get(), kind="site", object_id=site.pk, right="read")


WAYS = [by_team, by_site, by_api, by_guests_page, by_clickmeter]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known", [False, True], ids=["stranger", "known person"])
def test_an_invited_person_has_access_after_opening_the_link(
    way: Any, known: bool, inside: Client, account: Account, site: Site, on_commit: Any
) -> None:
    if known:
        User.objects.create_user(ZOE, PASSWORD, name="Zoe Known")
    with on_commit():
        way(inside, account, site)
    assert mail.outbox[-1].to == [ZOE]
    link, visitor = mailed(), Client()
    zoe = User.objects.filter(email=ZOE).first()
    assert zoe is None or not may_on_object(zoe, account, "site", site.pk, "view")
    if known:
        assert visitor.get(link)["Location"] == f"/login?next={link}"
        assert 'href="/password/reset"' in visitor.get(visitor.get(link)["Location"]).content.decode()
        visitor.post("/login", {"email": ZOE, "password": PASSWORD})
        assert visitor.post(link).status_code == 302
    else:
        assert visitor.post(link, NEW).status_code == 302
    zoe = User.objects.get(email=ZOE)
    assert zoe.name == ("Zoe Known" if known else "Zoe")
    assert may_on_object(zoe, account, "site", site.pk, "view")
    assert visitor.get("/")["Location"] == f"/sites/{site.pk}/"
    assert account.memberships.filter(user=zoe).count() == 1
    assert Client().post(link, NEW).status_code == 404, "it works once"


def test_the_link_is_stored_as_a_hash_and_shown_on_no_page(inside: Client, account: Account, site: Site) -> None:
    by_team(inside, account, site)
    token = mailed().rpartition("/")[2]
    row = Invitation.objects.get()
    assert row.token_hash == hash_key(token)
    assert token not in str(list(Invitation.objects.values()))
    for page in ("/account/team", f"/sites/{site.pk}/settings/team", "/links/guests", "/api/v1/members"):
        assert token not in inside.get(page).content.decode()


# -- who is shown the link ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [by_team, by_site, by_guests_page])
def test_the_inviter_sees_the_link_once_where_mail_is_written_to_files(
    way: Any, inside: Client, account: Account, site: Site, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    answers: list[Response] = []
    post = inside.post

    def noted(*args: Any, **more: Any) -> Response:
        answers.append(post(*args, **more))
        return answers[-1]

    monkeypatch.setattr(inside, "post", noted)
    way(inside, account, site)
    link = extract(r"/join/\w+", answers[-1].content.decode())
    assert "no-store" in answers[-1]["Cache-Control"] or "no-cache" in answers[-1]["Cache-Control"]
    assert Client().get(link).status_code == 200
    for page in ("/account/team", f"/sites/{site.pk}/settings/team", "/links/guests"):
        assert "/join/" not in inside.get(page).content.decode()


class NoServer(EmailBackend):
    """A mail server that is away."""

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("away")


class NoSuchMailbox(EmailBackend):
    """A mail server that knows no such address."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPRecipientsRefused({ZOE: (550, b"unknown")})


def invited_by_api(client: Client) -> dict[str, Any]:
    body = {"email": ZOE, "role": "viewer"}
    result: dict[str, Any] = client.post("/api/v1/members", body, content_type="application/json").json()
    return result


def test_the_api_returns_the_link_only_if_no_mail_could_be_sent(
    inside: Client, settings: Settings, tmp_path: Path
) -> None:
    expected = {"email": ZOE, "role": "viewer"}
    assert invited_by_api(inside) == {**expected, "link": "", "mailed": True}
    settings.EMAIL_BACKEND = f"{__name__}.NoServer"
    away = invited_by_api(inside)
    assert away["mailed"] is False and "/join/" in away["link"]
    settings.EMAIL_BACKEND = f"{__name__}.NoSuchMailbox"
    assert invited_by_api(inside) == {**expected, "link": "", "mailed": False}, "else the inviter could be that address"
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    written = invited_by_api(inside)
    assert written["mailed"] is False and "/join/" in written["link"]


# -- waiting ------------------------------------------------------------------------------------------------------


def test_an_invitation_can_be_resent_with_a_new_link_and_revoked(inside: Client, account: Account, site: Site) -> None:
    by_team(inside, account, site)
    first = mailed()
    Invitation.objects.update(expires=timezone.now() - timedelta(minutes=1))
    assert "the link has expired" in inside.get("/account/team").content.decode()
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/resend")
    second = mailed()
    assert Client().get(first).status_code == 404 and Client().get(second).status_code == 200
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/revoke")
    assert Client().post(second, NEW).status_code == 404
    assert ZOE not in inside.get("/account/team").content.decode()


def test_a_pending_guest_can_be_invited_again_or_removed(inside: Client, account: Account, on_commit: Any) -> None:
    with on_commit():
        guest = use_account_key(account).post("/account/guests", {"email": ZOE, "name": "Zoe's blog"})
    first = mailed()
    page = read_html(inside.get("/account/team"))
    assert page.count(f"Revoke the invitation of {ZOE}") == 1
    assert f'<td class="full-width soft">{ZOE}' not in page, "among those invited, not among the members"
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/resend", {"next": "/links/guests"})
    assert Client().get(first).status_code == 404 and Client().get(mailed()).status_code == 200
    Invitation.objects.update(revoked=timezone.now())
    assert ZOE in inside.get("/account/team").content.decode(), "also without an open link"
    inside.post(f"/account/team/{guest['id']}/invite")
    assert Client().get(mailed()).status_code == 200
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/revoke")
    assert Program(guest["apiKey"]).call("GET", "/account").status_code == 401
    assert not User.objects.filter(email=ZOE).exists(), "nobody is kept who was only invited"


def test_invitations_per_day_are_limited_over_all_pages_and_apis(inside: Client, account: Account, site: Site) -> None:
    account.limits = {"invitations_per_day": 4}
    account.save()
    inside.post("/account/team", {"email": "one@example.org", "role": "viewer"})
    inside.post(f"/account/invitations/{Invitation.objects.get().pk}/revoke")
    inside.post(f"/sites/{site.pk}/settings/team", {"email": "two@example.org", "right": "read"})
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/resend")
    guest = use_account_key(account).post("/account/guests", {"email": "three@example.org"})
    use_account_key(account).delete(f"/account/guests/{guest['id']}")
    assert len(mail.outbox) == 3  # the fourth waits for its transaction
    refused = inside.post("/account/team", {"email": "four@example.org", "role": "viewer"})
    assert "4 invitations in 24 hours" in refused.content.decode()
    inside.post("/links/guests", {"email": "four@example.org"})
    inside.post(f"/account/invitations/{Invitation.objects.open().get().pk}/resend")
    body = {"email": "four@example.org", "role": "viewer"}
    assert inside.post("/api/v1/members", body, content_type="application/json").status_code == 400
    assert use_account_key(account).call("POST", "/account/guests", {"email": "four@example.org"}).status_code == 400
    assert len(mail.outbox) == 3 and not User.objects.filter(email="four@example.org").exists()
    Invitation.objects.update(created=timezone.now() - timedelta(hours=25))
    inside.post("/account/team", {"email": "four@example.org", "role": "viewer"})
    assert len(mail.outbox) == 4


def test_pending_guests_count_towards_the_limit(inside: Client, account: Account, site: Site, store: Store) -> None:
    account.limits = {"guests": 2}
    account.save()
    inside.post("/links/guests", {"email": "one@example.org"})
    by_site(inside, account, site)
    assert "2 guests" in inside.post("/account/team", {"email": "x@example.org", "role": "guest"}).content.decode()
    assert use_account_key(account).call("POST", "/account/guests", {"email": "x@example.org"}).status_code == 400
    assert use_account_key(account).get("/account/plan")["maximumGuests"] == 2


# -- the guest's key ----------------------------------------------------------------------------------------------


def test_a_guests_own_key_reads_the_accounts_links_before_they_accept(
    account: Account, alice: User, site: Site
) -> None:
    group = group_create(account=account, name="Partners")
    guest = use_account_key(account).post("/account/guests", {"email": "bob@example.org", "name": "Bob's blog"})
    body = {"action": "add", "id": group.pk, "verb": "r"}
    use_account_key(account).post(f"/account/guests/{guest['id']}/group/permissions/patch", body)
    theirs = program_of(Membership.objects.get(pk=guest["id"]))
    assert theirs.get(f"/groups/{group.pk}")["name"] == "Partners"
    assert theirs.get("/account")["firstName"] == "Bob's blog"
    use_account_key(account).delete(f"/account/guests/{guest['id']}")
    assert theirs.call("GET", "/account").status_code == 401


# -- accepting ----------------------------------------------------------------------------------------------------


def test_a_pending_guest_made_viewer_accepts_both_with_one_link(
    inside: Client, account: Account, site: Site, on_commit: Any
) -> None:
    with on_commit():
        guest = use_account_key(account).post("/account/guests", {"email": ZOE})
    key = guest["apiKey"]
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    Client().post(mailed(), NEW)
    zoe = Membership.objects.get(user__email=ZOE)
    assert (zoe.pk, zoe.role) == (guest["id"], Role.VIEWER)
    assert may_in_account(zoe.user, account, "view")
    assert Program(key).call("GET", "/account").status_code == 401, "editors saw the guest's key; a viewer's is theirs"


def test_another_user_who_opens_the_link_is_told_what_to_do_and_gets_nothing(
    inside: Client, account: Account, site: Site, charlie: User, on_commit: Any
) -> None:
    with on_commit():
        by_clickmeter(inside, account, site)
    link, visitor = mailed(), log_in(charlie)
    for answer in (visitor.get(link), visitor.post(link)):
        page = read_html(answer)
        assert f"This invitation is for {ZOE}, and you are logged in as {charlie.email}." in page
        assert f"Log out to join as {ZOE}, or ask {account} for an invitation to {charlie.email}." in unescape(page)
    assert not may_on_object(charlie, account, "site", site.pk, "view")
    assert Client().post(link, NEW).status_code == 302, "the link still works for the invited person"


def test_a_member_who_opens_another_persons_link_changes_nothing(inside: Client, account: Account, site: Site) -> None:
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    link = mailed()
    assert f"This invitation is for {ZOE}" in read_html(inside.post(link))
    assert account.memberships.get(user__email="alice@example.com").role == Role.OWNER
    assert Client().post(link, NEW).status_code == 302
    assert account.memberships.get(user__email=ZOE).role == Role.VIEWER


def test_sharing_another_site_with_a_guest_sends_no_mail(
    inside: Client, account: Account, site: Site, bob: User
) -> None:
    more = site_create(account=account, domain="more.example")
    answer = inside.post(f"/sites/{more.pk}/settings/team", {"email": bob.email, "right": "write"}, follow=True)
    assert "may open more.example now" in answer.content.decode()
    assert may_on_object(bob, account, "site", more.pk, "edit") and may_on_object(bob, account, "site", site.pk, "view")
    assert mail.outbox == []


def test_all_sites_shared_before_a_guest_accepts_are_granted(inside: Client, account: Account, site: Site) -> None:
    more, gone = (site_create(account=account, domain=name) for name in ("more.example", "gone.example"))
    for row in (site, gone, more):
        inside.post(f"/sites/{row.pk}/settings/team", {"email": ZOE, "right": "read"})
        if row == gone:
            inside.delete(f"/api/v1/sites/{gone.pk}")
    inside.post(f"/sites/{site.pk}/settings/team", {"email": ZOE, "right": "write"})
    assert Invitation.objects.open().count() == 1
    Client().post(mailed(), NEW)
    zoe = account.memberships.get(user__email=ZOE)
    assert set(zoe.grants.values_list("object_id", "right")) == {(site.pk, "write"), (more.pk, "read")}


def test_a_site_cannot_be_shared_with_somebody_invited_to_the_whole_account(
    inside: Client, account: Account, site: Site
) -> None:
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    answer = inside.post(f"/sites/{site.pk}/settings/team", {"email": ZOE, "right": "read"})
    assert "invited to the whole account already" in answer.content.decode()
    assert Invitation.objects.open().get().role == "viewer"


def test_an_invitation_sets_a_password_only_for_a_placeholder_user(inside: Client, account: Account) -> None:
    """A person whose log-in was locked, or who logs in another way, has accounts that an inviter must not open."""
    zoe = User.objects.create_user(ZOE, None, name="Zoe")
    Membership.objects.create(user=zoe, account=Account.objects.create(name="Hers"), role=Role.OWNER)
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    visitor = Client()
    assert visitor.post(mailed(), NEW)["Location"].startswith("/login?next=")
    zoe.refresh_from_db()
    assert not zoe.has_usable_password()


def test_an_invitation_does_not_reactivate_a_disabled_user(inside: Client, account: Account) -> None:
    User.objects.create_user(ZOE, None, is_active=False)
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    assert Client().post(mailed(), NEW)["Location"].startswith("/login?next=")


def test_an_invited_person_who_resets_a_password_has_no_access_before_accepting(account: Account, alice: User) -> None:
    use_account_key(account).post("/account/guests", {"email": ZOE, "extendedGrants": {"allowAllGrants": True}})
    visitor = Client()
    visitor.post("/password/reset", {"email": ZOE})
    path = extract(r"/password/reset/\S+", mail.outbox[-1].body)
    visitor.post(visitor.get(path)["Location"], NEW)
    assert visitor.get("/me").status_code == 200
    assert visitor.get("/links").status_code == 404 and visitor.get("/account").status_code == 404
    assert account.name not in visitor.get("/me").content.decode()


def test_an_operator_can_create_a_user_for_an_invited_address(account: Account, alice: User) -> None:
    for email in (ZOE, "yan@example.org"):
        use_account_key(account).post("/account/guests", {"email": email})
    call_command("createuser", ZOE, password=NEW["password"], stdout=StringIO())
    call_command(
        "provision", email="yan@example.org", password=NEW["password"], account="Yan's", domain="yan.example",
        stdout=StringIO(),
    )  # fmt: skip
    for email in (ZOE, "yan@example.org"):
        client = Client()
        client.post("/login", {"email": email, "password": NEW["password"]})
        assert client.get("/account").status_code == 200
        assert account.name not in client.get("/account").content.decode()


def test_logging_out_to_join_returns_to_the_invitation(inside: Client, bob: User, account: Account) -> None:
    inside.post("/account/team", {"email": ZOE, "role": "viewer"})
    link, browser = mailed(), Client()
    browser.force_login(bob)
    page = browser.get(link).content.decode()
    assert f"Log out to join as {ZOE}" in page
    assert browser.post("/logout", {"next": link})["Location"] == link
    assert "choose a password" in browser.get(link).content.decode()
    assert browser.post("/logout", {"next": "https://evil.example/"})["Location"] == "/login", "this host only"
