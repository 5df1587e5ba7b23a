"""Notices: everybody whom something concerns finds it in the inbox, once, and nobody else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import SCOPES, Account, Grant, Invitation, Membership, Right, Role, User
from accounts.notices.kinds import ALL_KINDS, DESTINATION_DEAD, KINDS, QUOTA_NEAR, QUOTA_USED, Audience
from accounts.notices.models import Notice, NoticeChoice
from accounts.notices.selectors import count_unread
from accounts.notices.services import MAX_PER_DAY, RETENTION, notices_clear, notify
from accounts.services import account_create, user_create
from accounts.services.invitations import invitation_accept, invitation_create
from accounts.services.notice_mails import notice_mails_send
from accounts.services.personal_tokens import personal_token_create
from accounts.services.suspension import account_suspend
from links.services.groups import group_create
from sites.models import Site
from tests.conftest import PASSWORD
from tests.support import log_in, read_html

pytestmark = pytest.mark.django_db
USED = {"quota": "9", "what": "events of this month", "consequence": "Nothing is refused."}
DEAD = {"link": "Spring", "url": "https://shop.example/", "cause": "It answers 404."}


def list_sentences(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"/api/v1/notices{query}")
    assert answer.status_code == 200, answer.json()
    return [row["sentence"] for row in answer.json()["results"]]


def patch(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.patch(f"/api/v1/{path}", body, content_type="application/json")


def test_owners_read_of_the_quota_and_guests_and_strangers_do_not(
    account: Account, alice: User, bob: User, charlie: User
) -> None:
    assert notify(QUOTA_NEAR, {**USED, "percent": 80, "quota": "1,000"}, account=account) == 1
    page = read_html(log_in(alice).get("/notices"))
    assert "80% of the 1,000 events of this month are used." in page and "Inbox: 1 unread" in page
    for other in (bob, charlie):
        assert "80%" not in read_html(log_in(other).get("/notices"))
        assert list_sentences(log_in(other)) == []


def test_a_guest_is_told_only_of_links_that_they_may_change(account: Account, alice: User, bob: User) -> None:
    group = group_create(account=account, name="Spring")
    guest = Membership.objects.get(user=bob)
    assert notify(DESTINATION_DEAD, DEAD, account=account, about=[("group", group.pk)]) == 1
    for right, told in ((Right.READ, 1), (Right.WRITE, 2)):
        Grant.objects.filter(membership=guest, kind="group").delete()
        Grant.objects.create(membership=guest, kind="group", object_id=group.pk, right=right)
        assert notify(DESTINATION_DEAD, DEAD, account=account, about=[("group", group.pk)]) == told
    assert len(list_sentences(log_in(bob))) == 1
    assert notify(DESTINATION_DEAD, DEAD, account=account, about=[("group", group.pk + 1)]) == 1


def test_the_same_thing_is_told_once_and_a_flood_of_others_is_bounded(account: Account, alice: User) -> None:
    for _ in range(3):
        notify(DESTINATION_DEAD, DEAD, account=account, key="7:2026-03-02")
    assert Notice.objects.count() == 1
    for number in range(MAX_PER_DAY + 10):
        notify(DESTINATION_DEAD, DEAD, account=account, key=f"{number}:2026-03-02")
    assert Notice.objects.count() == MAX_PER_DAY
    assert notify(QUOTA_USED, USED, account=account) == 1


def test_the_end_of_access_ends_the_notices_of_the_account(account: Account, alice: User) -> None:
    carol = user_create(email="carol@example.com", password=PASSWORD)
    membership = Membership.objects.create(user=carol, account=account, role=Role.ADMIN)
    notify(QUOTA_USED, USED, account=account)
    assert count_unread(carol) == 1
    membership.delete()
    assert count_unread(carol) == 0 and list_sentences(log_in(carol)) == []


def test_a_suspended_account_and_one_that_demands_a_second_factor_show_no_notices(
    account: Account, alice: User
) -> None:
    notify(QUOTA_USED, USED, account=account)
    Account.objects.filter(pk=account.pk).update(second_factor_required=True)
    assert count_unread(alice) == 0
    Account.objects.filter(pk=account.pk).update(second_factor_required=False)
    assert count_unread(alice) == 1
    Account.objects.filter(pk=account.pk).update(suspended=timezone.now())
    assert count_unread(alice) == 0


def test_an_account_of_the_same_person_keeps_its_notices_from_the_token_of_another(
    account: Account, alice: User
) -> None:
    second = account_create(name="Second", owner=alice)
    notify(QUOTA_USED, {**USED, "quota": "first"}, account=account)
    notify(QUOTA_USED, {**USED, "quota": "second"}, account=second)
    by = Membership.objects.get(user=alice, account=account)
    token = personal_token_create(membership=by, name="t", scopes=SCOPES)[1]
    program = Client(headers={"Authorization": f"Bearer {token}"})
    sentences = list_sentences(program, "?kind=quota_used")
    assert len(sentences) == 1 and "first" in sentences[0]
    assert program.post("/api/v1/notices/read").json() == {"read": 2}  # and that of the token itself
    assert [row.account_id for row in Notice.objects.filter(read=None)] == [second.pk]
    assert len(list_sentences(log_in(alice))) == 3


def test_a_notice_is_marked_as_read_and_unread(account: Account, alice: User) -> None:
    notify(QUOTA_USED, USED, account=account)
    client = log_in(alice)
    number = client.get("/api/v1/notices").json()["results"][0]["id"]
    assert patch(client, f"notices/{number}", {"read": True}).json()["read"] is True
    assert list_sentences(client, "?unread=true") == [] and len(list_sentences(client, "?unread=false")) == 1
    assert patch(client, f"notices/{number}", {"read": False}).json()["read"] is False
    assert patch(client, f"notices/{number}", {"raed": True}).status_code == 400


def test_the_page_marks_one_opens_one_and_marks_all(account: Account, alice: User) -> None:
    for _ in range(3):
        notify(QUOTA_USED, USED, account=account)
    client = log_in(alice)
    first, second, _ = Notice.objects.values_list("pk", flat=True)
    part = client.post(f"/notices/{first}/read", headers={"HX-Request": "true"})
    assert "Inbox: 2 unread" in read_html(part) and 'hx-swap-oob="true"' in part.content.decode()
    assert client.post(f"/notices/{second}/open")["Location"] == "/account/usage"
    assert count_unread(alice) == 1
    assert client.post("/notices/read")["Location"] == "/notices" and count_unread(alice) == 0
    assert "You have read everything." in read_html(client.get("/notices?unread=1"))
    assert "There are no older notices." in read_html(client.get("/notices?before=1"))


def test_an_empty_inbox_says_what_will_be_in_it(alice: User, account: Account) -> None:
    Notice.objects.all().delete()
    assert "Your inbox is empty." in read_html(log_in(alice).get("/notices"))


def test_what_strangers_wrote_is_text(account: Account, alice: User) -> None:
    notify(DESTINATION_DEAD, {**DEAD, "link": "<script>alert(1)</script>{cause}"}, account=account)
    shown = log_in(alice).get("/notices").content.decode()
    assert "<script>alert(1)" not in shown and "&lt;script&gt;alert(1)&lt;/script&gt;{cause}" in shown


def test_each_kind_can_be_chosen_and_is_then_told_so(account: Account, alice: User) -> None:
    client = log_in(alice)
    defaults = client.get("/api/v1/notice-choices").json()
    assert defaults == {kind.name: kind.default for kind in ALL_KINDS if kind.audience != Audience.OPERATORS}
    client.post("/notices/choices", {"quota_used": "nothing"})
    assert client.get("/api/v1/notice-choices").json() == {**defaults, "quota_used": "nothing"}
    assert notify(QUOTA_USED, USED, account=account) == 0
    client.post("/notices/choices", {"quota_used": "inbox"})
    assert notify(QUOTA_USED, USED, account=account) == 1
    chosen = client.get("/api/v1/notice-choices").json()
    client.post("/notices/choices", {"invitation_received": "mail", "nonsense": "mail"})
    assert client.get("/api/v1/notice-choices").json() == chosen, "no such ways"


def test_programs_read_the_choices_and_change_none(account: Account, alice: User) -> None:
    _, token = personal_token_create(membership=alice.memberships.get(), name="t", scopes=["account:write"])
    program = Client(headers={"Authorization": f"Bearer {token}"})
    assert program.get("/api/v1/notice-choices").status_code == 200
    assert patch(program, "notice-choices", {"quota_used": "nothing"}).status_code == 405
    assert not NoticeChoice.objects.exists()


def test_authkeys_have_neither_notices_nor_choices(account: Account) -> None:
    program = Client(headers={"Authorization": f"Bearer {account.authkey}"})
    for path in ("notices", "notice-choices"):
        answer = program.get(f"/api/v1/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "Notices belong to a person; an authkey has none."


def test_a_notice_is_mailed_once_if_its_person_chose_so(account: Account, alice: User) -> None:
    log_in(alice).post("/notices/choices", {"destination_dead": "mail"})
    notify(DESTINATION_DEAD, {**DEAD, "link_id": 7}, account=account)
    now = timezone.now() + timedelta(seconds=1)
    assert [notice_mails_send(now=now) for _ in range(2)] == [1, 0]
    (sent,) = mail.outbox
    assert sent.to == [alice.email] and sent.subject == f"Dead destination · {account.name}"
    assert "The link Spring leads to https://shop.example/" in sent.body and "/links/7" in sent.body


def test_nothing_is_mailed_to_somebody_who_has_left(account: Account, alice: User) -> None:
    carol = user_create(email="carol@example.com", password=PASSWORD)
    Membership.objects.create(user=carol, account=account, role=Role.ADMIN)
    assert notify(QUOTA_USED, USED, account=account) == 2
    Membership.objects.filter(user=carol).delete()
    assert notice_mails_send(now=timezone.now() + timedelta(seconds=1)) == 1
    assert [letter.to for letter in mail.outbox] == [[alice.email]]


def test_a_mail_server_that_is_away_delays_the_mail(account: Account, alice: User, settings: Settings) -> None:
    notify(QUOTA_USED, USED, account=account)
    now = timezone.now() + timedelta(seconds=1)
    backends = "django.core.mail.backends."
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = f"{backends}smtp.EmailBackend", "127.0.0.1", 1
    assert notice_mails_send(now=now) == 0
    settings.EMAIL_BACKEND = f"{backends}locmem.EmailBackend"
    assert notice_mails_send(now=now) == 0
    assert notice_mails_send(now=now + timedelta(minutes=11)) == 1


def test_notices_are_deleted_after_ninety_days(account: Account, alice: User) -> None:
    notify(QUOTA_USED, USED, account=account)
    created = Notice.objects.get().created
    assert notices_clear(now=created + RETENTION) == 0
    assert notices_clear(now=created + RETENTION + timedelta(seconds=1)) == 1


def test_the_count_in_the_header_is_one_statement_and_a_second_one_if_there_are_any(
    account: Account, alice: User
) -> None:
    counts = []
    for number in (0, 3, 60):
        Notice.objects.bulk_create(
            Notice(user=alice, account=account, kind="quota_used", key=f"{number}-{n}", created=timezone.now())
            for n in range(number)
        )
        with CaptureQueriesContext(connection) as captured:
            count_unread(alice)
        counts.append(len(captured))
    assert counts == [1, 2, 2]
    Notice.objects.bulk_create(
        Notice(user=alice, account=account, kind="quota_used", key=f"x{n}", created=timezone.now()) for n in range(60)
    )
    assert ">99+</span>" in log_in(alice).get("/me").content.decode()


def test_every_kind_has_a_sentence_a_page_and_values_that_are_checked(account: Account, alice: User) -> None:
    assert len(KINDS) == len(ALL_KINDS)
    for kind in ALL_KINDS:
        values = dict.fromkeys((*kind.sentence_values, *kind.route[1:]), 7)
        assert "{" not in kind.format_sentence(values)
        assert bool(kind.build_path(values)) == bool(kind.route)
        with pytest.raises(LookupError):
            notify(kind, {"nonsense": 1}, account=account, person=alice)


# -- who writes them ----------------------------------------------------------------------------------------------


def test_an_invitation_is_told_to_a_user_and_its_acceptance_to_the_managers(
    account: Account, alice: User, charlie: User
) -> None:
    by = Membership.objects.get(user=alice, account=account)
    for _ in range(2):
        invitation = invitation_create(account=account, email=charlie.email, role=Role.VIEWER, by=by)
    invitation_create(account=account, email="nobody@example.org", role=Role.VIEWER, by=by)
    assert [row.kind for row in Notice.objects.filter(user=charlie)] == ["invitation_received"]
    assert any("invites you into the account" in text for text in list_sentences(log_in(charlie)))
    invitation_accept(invitation=Invitation.objects.get(pk=invitation.pk), user=charlie, now=timezone.now())
    assert "joined the account as viewer." in list_sentences(log_in(alice), "?kind=invitation_accepted")[0]


def test_a_new_token_is_told_to_its_person_and_a_sites_key_to_the_other_managers(
    account: Account, alice: User, bob: User, site: Site
) -> None:
    personal_token_create(membership=Membership.objects.get(user=bob), name="CI", scopes=SCOPES)
    assert "“CI” was created in your name" in list_sentences(log_in(bob))[0]
    assert notice_mails_send(now=timezone.now() + timedelta(seconds=1)) == 0, "its page mails it"
    carol = user_create(email="carol@example.com", password=PASSWORD)
    Membership.objects.create(user=carol, account=account, role=Role.ADMIN)
    log_in(alice).post(f"/api/v1/sites/{site.pk}/keys", {"name": "Reader"}, content_type="application/json")
    assert "The API key “Reader” of" in list_sentences(log_in(carol))[0]
    assert list_sentences(log_in(alice), "?kind=site_key_created") == []


def test_keys_that_somebody_who_left_may_know_are_told_to_the_managers(
    account: Account, alice: User, site: Site
) -> None:
    carol = user_create(email="carol@example.com", password=PASSWORD)
    member = Membership.objects.create(user=carol, account=account, role=Role.EDITOR)
    log_in(alice).delete(f"/api/v1/members/{member.pk}")
    (told,) = list_sentences(log_in(alice), "?kind=key_exposed")
    assert told.startswith("carol@example.com can no longer read some shared keys, but may still know them (number: ")


def test_the_end_of_an_import_is_told_to_who_began_it(account: Account, alice: User) -> None:
    log_in(alice).post("/links/import", {"text": "url\nhttps://a.example/\nhttp://[a"})
    assert list_sentences(log_in(alice), "?kind=import_ended") == [
        "The import has ended. Links imported: 1; lines refused: 1."
    ]


def test_an_account_that_is_suspended_sends_no_mail(account: Account, alice: User) -> None:
    notify(QUOTA_USED, USED, account=account)
    account_suspend(account=account, reason="Unpaid", collection_days=0, now=timezone.now())
    assert notice_mails_send(now=timezone.now() + timedelta(seconds=1)) == 0
