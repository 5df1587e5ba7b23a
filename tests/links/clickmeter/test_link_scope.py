"""The ClickMeter dialect: an object out of the caller's scope is treated like one that does not exist.

For every operation, and every parameter and member that refers to an object (read from the operations and their
description): a guest without a grant and a stranger are rejected, nothing changes or is revealed, and the answer is
that for an id that does not exist.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from accounts.models import Account, Grant, Membership, Right
from accounts.services import grant_set
from links.clickmeter.operations import OPERATIONS, Operation
from links.models import ListKind
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.guests import guest_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write
from tests.permissions.callers import watch_writes
from tests.support.clickmeter_client import Program, use_own_key
from tests.support.clickmeter_fields import (
    ADDRESSES,
    list_ignored_members,
    list_naming_members,
    list_undeclared_members,
    place_value,
)
from tests.support.database import rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_caches")]
NOWHERE, NO_NAME = 987_654_321, "a name that nobody has"
World = dict[str, Any]


def belongings_of(account: Account, word: str) -> World:
    """One of everything whose name is `word`."""
    group = group_create(account=account, name=f"{word} group", notes=f"{word} notes", tags=[f"{word} tag"])
    sale = conversion_create(account=account, name=f"{word} sale")
    script = script_write(account=account, name=f"{word} script", text=f"var {word}")
    link = datapoint_create(
        account=account, alias=word, title=f"{word} link", url=f"https://{word}.test/", group=group, conversions=[sale],
        scripts=[script], tags=[f"{word} tag"],
    )  # fmt: skip
    return {
        "group": group,
        "sale": sale,
        "script": script,
        "link": link,
        "tag": group.tags.get(),
        "domain": domain_create(account=account, name=f"go.{word}.test"),
        "guest": guest_create(account=account, email=f"guest@{word}.test", name=word),
        "white": entry_create(account=account, listing=ListKind.WHITELIST, value=f"{word}.test"),
        "black": entry_create(account=account, listing=ListKind.BLACKLIST, value=f"192.0.2.{len(word)}"),
    }


@pytest.fixture(scope="module")
def hidden(module_account: Account) -> World:
    """What neither the guest nor the stranger may see."""
    return belongings_of(module_account, "hidden")


@pytest.fixture(scope="module")
def callers(module_account: Account, hidden: World, module_stranger: Membership) -> dict[str, tuple[Program, World]]:
    """A guest who may write to one group, and the owner of another account, each with what is theirs."""
    mine = belongings_of(module_account, "mine")
    member = guest_create(account=module_account, email="writer@example.org")
    grant_set(membership=member, kind="group", object_id=mine["group"].pk, right=Right.WRITE)
    theirs = belongings_of(module_stranger.account, "theirs")
    return {"guest": (use_own_key(member), mine), "stranger": (use_own_key(module_stranger), theirs)}


DATAPOINT = {"name": "new", "typeTL": {"url": "https://a.test"}}
BODIES: dict[str, Any] = {
    "/datapoints": DATAPOINT, "/groups/{id}/datapoints": DATAPOINT, "/datapoints/{id}": {"title": "T"},
    "/datapoints/batch": DATAPOINT, "/groups": {"name": "New"}, "/groups/{id}": {"name": "G"},
    "/tags": {"name": "blue"}, "/conversions": {"name": "Lead"}, "/conversions/{conversionId}": {"name": "Sale 2"},
    "/domains": {"name": "new.own.test", "type": "personal"}, "/domains/{id}": {"custom404": "https://own.test/404"},
    "/retargeting": {"name": "r", "script": "var b"}, "/retargeting/{id}": {"name": "r2"},
    "/account": {"firstName": "Al"}, "/account/domainwhitelist": {"name": "b.test"},
    "/account/ipblacklist": {"ip": "192.0.2.99"},
    "/account/guests": {"email": "new@example.org", "name": "N", "password": "long enough 77"},
    "/account/guests/{guestId}": {"notes": "n"},
}  # fmt: skip


def base_body(operation: Operation, own: World) -> dict[str, Any]:
    """A body that would do if everything it names were the caller's."""
    path = operation.path
    if operation.method == "GET" or (operation.method == "DELETE" and "batch" not in path):
        return {}
    if path == "/datapoints/batch" and operation.method == "DELETE":
        return {"entities": [{"id": own["link"].pk}]}
    if path.endswith("patch"):
        what = "group" if "/groups/" in path or "permissions" in path else "link"
        return {"action": "add", "verb": "rw", "id": own[what].pk}
    if path.endswith(("/notes", "/name")):
        return {"text": "words"}
    body = dict(BODIES.get(path, {}))
    if "typeTL" in body and path != "/groups/{id}/datapoints":
        body["groupId"] = own["group"].pk
    if (operation.method, path) == ("POST", "/datapoints/batch"):
        body = {"id": own["link"].pk, "title": "T"}
    return body


def place_kind(operation: Operation) -> str:
    """What the number in the operation's address names."""
    return next((kind for prefix, kind in reversed(ADDRESSES.items()) if operation.path.startswith(prefix)), "")


def address(operation: Operation, own: World, things: World, member: str) -> str:
    """The operation's address: the named place is of `things`, all others are the caller's own."""
    path = operation.path
    kind = place_kind(operation)
    for word in ("id", "tagId", "conversionId", "guestId"):
        if f"{{{word}}}" in path:
            path = path.replace(f"{{{word}}}", str((things if member == f"/{{{word}}}" else own)[kind].pk))
    for word, name in (("whitelistId", "white"), ("blacklistId", "black")):
        path = path.replace(f"{{{word}}}", (things if member == f"/{{{word}}}" else own)[name].code)
    path = path.replace("{type}", "group")
    if "aggregated" in path:
        path += "?timeFrame=last7&type=tl"
    elif path.endswith("reports"):
        path += "?type=countries&timeframe=last30"
    elif path.endswith("hits"):
        path += "?timeframe=last30"
    return path


def value_of(things: World, kind: str) -> Any:
    return things["tag"].name if kind == "tag name" else things[kind].pk


def request(operation: Operation, own: World, things: World, member: str, kind: str) -> tuple[str, Any]:
    """Address and body in which this one member names something of `things`."""
    path, body = address(operation, own, things, member), base_body(operation, own)
    if member.startswith("?"):
        path += ("&" if "?" in path else "?") + f"{member[1:]}={value_of(things, kind)}"
    elif not member.startswith("/"):
        body = place_value(
            {k: v for k, v in body.items() if k.lower() != member.lower()}, member, value_of(things, kind)
        )
        if member.startswith("typeTL.") or member == "domainId":
            body["typeTL"] = {"url": "https://a.test", **body.get("typeTL", {})}
    if operation.path == "/datapoints/batch" and operation.method != "DELETE":
        body = {"list": [body]}
    if operation.path.endswith("batch/patch"):
        body = {"patchRequests": [body]}
    return path, body or None


class Absent:
    """Stands for something that does not exist."""

    pk = NOWHERE
    code = "0" * 32
    name = NO_NAME


def absent() -> World:
    return dict.fromkeys(("group", "sale", "script", "link", "tag", "domain", "guest", "white", "black"), Absent())


def rows_now() -> dict[str, list[Any]]:
    """Every row of links and of what guests were given."""
    of_links = apps.get_app_config("links").get_models(include_auto_created=True)
    models: list[type[Model]] = [*of_links, Account, Membership, Grant]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def told(response: Any, things: World) -> str:
    """An answer without what the caller sent, so that answers about different numbers can be compared."""
    text = response.content.decode()
    for value in sorted({str(one.pk) for one in things.values()} | {things["tag"].name}, key=len, reverse=True):
        text = text.replace(f'"{value}"', "X").replace(f"“{value}”", "X").replace(f": {value}", ": X")
    return str(text)


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def is_theirs(name: str, kind: str) -> bool:
    """Whether it is no secret: everybody of an account sees where its links may be made, and tags' names are each
    account's own."""
    return (name, kind) in (("guest", "domain"), ("stranger", "tag name"))


def failed(response: Any) -> bool:
    if response.status_code in (400, 403, 404):
        return True
    results = json.loads(response.content).get("results") or [] if response.status_code == 200 else []
    return bool(results) and all(one["status"] == "Error" for one in results)


def check(
    operation: Operation, name: str, caller: Program, own: World, hidden: World, member: str, kind: str,
    before: dict[str, list[Any]],
) -> None:  # fmt: skip
    """One member naming something hidden, against the same member naming nothing: no row differs from `before`."""
    what = (named(operation), name, member)
    answers = {}
    for key, things in (("hidden", hidden), ("absent", absent())):
        path, body = request(operation, own, things, member, kind)
        with rolled_back(), watch_writes() as changes:
            response = caller.call(operation.method, path, body)
            answers[key] = (response.status_code, told(response, things))
            assert "hidden" not in response.content.decode(), what
            if not (operation.method == "GET" and member.startswith("?") and response.status_code == 200):
                assert failed(response), (*what, response.status_code, response.content)
            assert not changes.tables or rows_now() == before, what
    if "aggregated" not in operation.path and "report" not in operation.path:
        assert answers["hidden"] == answers["absent"], what


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_objects_out_of_scope_are_treated_as_if_they_did_not_exist(
    operation: Operation, callers: dict[str, tuple[Program, World]], hidden: World
) -> None:
    """Guest and stranger by turns: every second member names something hidden once."""
    check_members(operation, callers, hidden, every=4)


@pytest.mark.heavy
@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_objects_out_of_scope_are_treated_for_every_caller_as_if_they_did_not_exist(
    operation: Operation, callers: dict[str, tuple[Program, World]], hidden: World
) -> None:
    check_members(operation, callers, hidden, every=1)


def check_members(operation: Operation, callers: dict[str, tuple[Program, World]], hidden: World, every: int) -> None:
    before = rows_now()
    for turn, (name, (caller, own)) in enumerate(callers.items(), OPERATIONS.index(operation)):
        for number, (member, kind) in enumerate(list_naming_members(operation), turn):
            kind = place_kind(operation) if kind == "place" else kind
            if number % every == 0 and not is_theirs(name, kind):
                check(operation, name, caller, own, hidden, member, kind, before)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if list_ignored_members(one)], ids=named)
def test_members_of_responses_are_ignored_in_requests(
    operation: Operation, callers: dict[str, tuple[Program, World]], hidden: World
) -> None:
    for name, (caller, own) in callers.items():
        for member, kind in list_ignored_members(operation):
            before = {key: str(list(type(row).objects.filter(pk=row.pk).values())) for key, row in hidden.items()}
            tags = list(hidden["link"].tags.values_list("pk", flat=True))
            with rolled_back():
                path, body = request(operation, own, hidden, member, kind)
                response = caller.call(operation.method, path, body)
                after = {key: str(list(type(row).objects.filter(pk=row.pk).values())) for key, row in hidden.items()}
                assert after == before, (named(operation), name, member)
                assert list(hidden["link"].tags.values_list("pk", flat=True)) == tags
                assert "hidden" not in response.content.decode(), (named(operation), name, member)


def test_every_member_is_declared_as_naming_an_object_or_not() -> None:
    assert {named(one): list_undeclared_members(one) for one in OPERATIONS if list_undeclared_members(one)} == {}
    assert sum(len(list_naming_members(one)) for one in OPERATIONS) > 150
