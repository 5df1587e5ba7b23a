"""Nobody is taken for somebody else in the audit log, whatever they call themselves or their tokens."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.audit.models import ActorType, AuditEntry
from accounts.models import Account, Membership, User
from accounts.services.personal_tokens import personal_token_create
from tests.support.traffic import log_in


def rename_account(client: Client) -> AuditEntry:
    client.post("/account", {"name": "Another name", "timezone": "UTC"})
    return AuditEntry.objects.get(action="account.changed")


@pytest.mark.parametrize(("name", "label"), [
    ("Zoe", "Zoe (alice@example.com)"),
    ("", "alice@example.com"),
    ("Footfall operator", "Footfall operator (alice@example.com)"),
    ("bob@example.com", "bob example.com (alice@example.com)"),
    ("Bob (bob@example.com)", "Bob bob example.com (alice@example.com)"),
    ("Olga (olga@example.com) as Bob", "Olga olga example.com as Bob (alice@example.com)"),
    ("Bob \N{FULLWIDTH LEFT PARENTHESIS}bob", "Bob bob (alice@example.com)"),
    ("bob\N{FULLWIDTH COMMERCIAL AT}example.com", "bob example.com (alice@example.com)"),
    ("Token “x” of Bob", "Token x of Bob (alice@example.com)"),
    ("Bob\N{RIGHT-TO-LEFT OVERRIDE}moc", "Bob moc (alice@example.com)"),
    ("\N{ZERO WIDTH SPACE}", "alice@example.com"),
])  # fmt: skip
def test_the_only_address_in_a_label_is_the_persons_own(name: str, label: str, alice: User, account: Account) -> None:
    User.objects.filter(pk=alice.pk).update(name=name)
    entry = rename_account(log_in(alice))
    assert (entry.actor_label, entry.actor_type) == (label, ActorType.USER)


def test_a_long_name_does_not_push_the_address_out_of_the_label(alice: User, account: Account) -> None:
    User.objects.filter(pk=alice.pk).update(name="x" * 120)
    assert rename_account(log_in(alice)).actor_label.endswith("x (alice@example.com)")


def test_the_name_of_a_token_names_nobody_else(alice: User, account: Account) -> None:
    membership = Membership.objects.get(user=alice)
    name = "x” of Bob (bob@example.com)"
    plain = personal_token_create(membership=membership, name=name, scopes=["account:write"])[1]
    headers = {"authorization": f"Bearer {plain}"}
    answer = Client().patch("/api/v1/account", {"name": "New"}, content_type="application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    entry = AuditEntry.objects.get(action="account.changed")
    assert entry.actor_label == "Token “x of Bob bob example.com” of Alice (alice@example.com)"
