"""Invitations cannot be used to send advertisements or to choose other people's passwords."""

import re
from smtplib import SMTPDataError, SMTPNotSupportedError, SMTPSenderRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, User

pytestmark = pytest.mark.django_db
SPAM = "BUY CHEAP PILLS http://spam.example"
REFUSALS = [
    SMTPSenderRefused(550, b"not your domain", "noreply@evil.example"), SMTPDataError(554, b"this is spam"),
    SMTPNotSupportedError("no SMTPUTF8"),
]  # fmt: skip


class Refuses(EmailBackend):
    """A mail server that takes no mail of this sort."""

    why: Exception = REFUSALS[0]

    def send_messages(self, messages: Any) -> int:
        raise self.why


def invite(client: Client) -> Any:
    body = {"email": "stranger@victim.example", "role": "viewer"}
    return client.post("/api/v1/members", body, content_type="application/json")


def test_an_invitation_mail_contains_no_text_of_the_inviter(inside: Client, account: Account, alice: User) -> None:
    Account.objects.filter(pk=account.pk).update(name=f"{SPAM} www.spam.example\r\nBcc: x@spam.example")
    User.objects.filter(pk=alice.pk).update(name=SPAM)
    assert invite(inside).json()["mailed"]
    [letter] = mail.outbox
    text = f"{letter.subject}\n{letter.body}"
    assert [link.startswith("http://127.0.0.1:8000/join/") for link in re.findall(r"https?://\S+", text)] == [True]
    assert "spam.example" not in text and "@" not in text and letter.message()["Bcc"] is None


def test_an_invitation_names_account_inviter_and_role(inside: Client, account: Account, alice: User) -> None:
    invite(inside)
    assert mail.outbox[0].subject == "Join Alice & Co on Footfall"
    assert "Alice invites you to Alice & Co on Footfall as viewer." in mail.outbox[0].body
    User.objects.filter(pk=alice.pk).update(name="")
    invite(inside)
    assert "alice@example.com invites you to Alice & Co" in mail.outbox[1].body


@pytest.mark.parametrize("why", REFUSALS)
def test_the_inviter_gets_no_link_if_the_mail_server_refuses_the_address(
    inside: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    """The inviter chose what it refuses, and would choose the stranger's password behind the link."""
    monkeypatch.setattr(Refuses, "why", why)
    settings.EMAIL_BACKEND = f"{__name__}.Refuses"
    answer = invite(inside).json()
    assert (answer["mailed"], answer["link"]) == (False, "")
    form = {"email": "stranger@victim.example", "role": "viewer"}
    page = inside.post("/account/team", form, follow=True).content.decode()
    assert "/join/" not in page and "The mail server rejected this mail" in page
