"""Every write of a page or API leaves an entry in the audit log of its account, with who did it and from where."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.audit.subjects import ACTION_SUBJECTS
from accounts.models import Membership
from tests.permissions import callers
from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import SET, V1, S, build_path
from tests.permissions.tenants import World
from tests.permissions.test_paths import own_values
from tests.support import insert_recorded
from tests.support.database import rolled_back
from tests.support.turns import take_turns

# Requests of the tables that record nothing, and why
SILENT = {
    "POST account/switch": "which of their accounts a person works in is no change of it",
    "POST clients/<int:client_id>/open": "which of their accounts a person works in is no change of it",
    "POST clients/view/end": "that the view was begun is recorded",
    "POST theme": "a cookie",
    "POST account/brand/check": "looks at DNS; what it changes is recorded as a verified host",
    "POST account/brand/preview": "shows a page",
    f"POST {SET}/domain-check": "looks at DNS; what it changes is recorded as a verified host",
    f"POST {S}/alerts/channels/<int:channel_id>/ask": "repeats a mail",
    f"POST {SET}/tracking-code": "looks at the site's page",
    "POST account/sso/test": "asks the provider",
    f"POST {V1}sso/test": "asks the provider",
    "POST account/sso/domains/<int:email_domain_id>/check": "looks at DNS; what it changes is recorded",
    f"POST {V1}sso/domains/<int:email_domain_id>/check": "looks at DNS; what it changes is recorded",
    f"POST {V1}brand/check": "looks at DNS; what it changes is recorded as a verified host",
    f"POST {V1}{S}/domain-check": "looks at DNS; what it changes is recorded as a verified host",
    f"POST {V1}channels/<int:channel_id>/confirmation": "repeats a mail",
    "POST changelog/read": "what a person has read is theirs",
    "POST notices/read": "what a person has read is theirs",
    "POST notices/<int:notice_id>/open": "what a person has read is theirs",
    "POST notices/<int:notice_id>/read": "what a person has read is theirs",
    "POST notices/choices": "what a person is told of is theirs",
    f"POST {V1}notices/read": "what a person has read is theirs",
    f"PATCH {V1}notices/<int:notice_id>": "what a person has read is theirs",
}
# They belong to a person, so keys have none; single sign-on is the owners', so the account's key changes nothing
WITHOUT_KEYS = (f"{V1}digests", f"{V1}exports/", f"{V1}sso")
KEYED = sorted(
    call
    for call in (*BODIES, *READS)
    if V1 in call and call not in SILENT and not call.partition(" ")[2].startswith(WITHOUT_KEYS)
)
# Bodies that change something, where those of the table do not
CHANGING = {
    "POST links/bulk": lambda things: {"link": [things["link"]], "action": "paused"},
    f"PATCH {V1}digests/<int:subscription_id>": lambda things: {"attach_csv": True},
    f"PATCH {V1}{S}/annotations/<int:note_id>": lambda things: {"text": "another"},
    f"PATCH {V1}{S}/segments/<int:segment_id>": lambda things: {"name": "another"},
    f"POST {V1}{S}/segments": lambda things: {"name": "new", "filter": [{"goal": things["goal"]}], "shared": True},
}
# Requests that only show a secret
SHOWS = [
    "GET account/key", "GET account/own-key", f"GET {SET}/api-keys/show",
    f"GET {S}/alerts/channels/<int:channel_id>/secret", "GET links/guests/<int:member_id>/key",
    "GET links/export.csv", f"GET {V1}{S}", f"GET {V1}channels/<int:channel_id>/secret",
]  # fmt: skip


def send_recorded(client: Client, call: str, world: World, headers: dict[str, str]) -> tuple[Any, list[AuditEntry]]:
    """Send a request about alice's objects; return the answer and what it left in the log, then take it back."""
    method, _, route = call.partition(" ")
    made = (BODIES | READS | CHANGING).get(call)
    path = build_path(route, own_values(route, world.open, newcomer=method == "POST"))
    if V1 in call and "personal" in route:
        path += "?by=ip&value=203.0.113.250"
    insert_recorded()
    with rolled_back():
        newest = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        answer = callers.send(client, method, path, made(world.open) if made else None, headers)
        return answer, list(AuditEntry.objects.filter(pk__gt=newest).order_by("pk"))


def check_entries(entries: list[AuditEntry], world: World, actor: tuple[str, int | None], via: str) -> None:
    assert entries, "nothing was recorded"
    logs = {entry.account_id for entry in entries if entry.action != "account.created"}  # which is in the new one's
    assert logs <= {world.open["account"], world.open["client"]}
    assert {(entry.actor_type, entry.actor_id) for entry in entries} == {actor}
    assert {(entry.via, entry.address, entry.request_id) for entry in entries} == {(via, "192.0.2.44", "request-7")}
    for entry in entries:
        assert entry.action in ACTION_SUBJECTS
        assert "@example" in entry.actor_label or entry.actor_label == "Authkey of the account"
        assert not any(secret in str(entry.changes) for secret in (world.open["api_key"], world.open["share_token"]))


HEADERS = {"x-request-id": "request-7", "user-agent": "A browser"}


RECORDED = sorted([*(call for call in (*BODIES, *READS) if call not in SILENT), *SHOWS])


@pytest.mark.parametrize("call", take_turns(2, RECORDED))
def test_every_write_of_a_person_is_recorded(call: str, world: World, clients: Any, settings: Any) -> None:
    client = callers.copy_client(clients["alice"])
    client.defaults["REMOTE_ADDR"] = "192.0.2.44"
    entries = send_recorded(client, call, world, HEADERS)[1]
    alice = world.people["alice"]
    check_entries(entries, world, ("user", alice.pk), "api" if " api/" in call else "web")
    assert {entry.user_agent for entry in entries} == {"A browser"}


KEYS = ("the account's", "a member's")
# Every second operation, with each key in turn
TURNS = [(call, KEYS[number % 2]) for number, call in enumerate(KEYED[::2])]
SHOWN = [call for call in SHOWS if V1 in call]


@pytest.mark.parametrize(("call", "key"), [*TURNS, *((call, key) for call in SHOWN for key in KEYS)])
def test_writes_with_a_key_are_recorded(call: str, key: str, world: World) -> None:
    check_keyed_write(call, key, world)


@pytest.mark.heavy
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("call", KEYED)
def test_every_write_with_every_key_is_recorded(call: str, key: str, world: World) -> None:
    check_keyed_write(call, key, world)


def check_keyed_write(call: str, key: str, world: World) -> None:
    member = Membership.objects.get(user=world.people["alice"])
    is_member = key == "a member's"
    authkey = member.authkey if is_member else world.open["authkey"]
    client = Client(REMOTE_ADDR="192.0.2.44")
    entries = send_recorded(client, call, world, {**HEADERS, "authorization": f"Bearer {authkey}"})[1]
    check_entries(entries, world, ("key", member.user_id if is_member else world.open["account"]), "api")


@pytest.mark.parametrize(
    "call", sorted(call for call in BODIES if call.startswith("POST") and call.endswith("digests"))
)
def test_a_digest_that_is_created_is_recorded_as_such(call: str, world: World, clients: Any) -> None:
    entries = send_recorded(callers.copy_client(clients["alice"]), call, world, HEADERS)[1]
    assert [entry.action for entry in entries] == ["digest.created"]


@pytest.mark.parametrize("call", sorted(SILENT))
def test_what_need_not_be_recorded_is_not(call: str, world: World, clients: Any) -> None:
    assert call in BODIES | READS, "it is no request of the tables any more"
    assert send_recorded(callers.copy_client(clients["alice"]), call, world, HEADERS)[1] == []


def test_a_request_that_is_refused_records_nothing(world: World, clients: Any) -> None:
    for call in ("POST account", f"POST {SET}/general", "POST account/key"):
        assert send_recorded(callers.copy_client(clients["bob"]), call, world, HEADERS)[1] == []
