"""The ClickMeter dialect: every operation for every kind of caller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.models import Account, Membership, Right
from accounts.services import grant_set
from links.clickmeter.operations import OPERATIONS, Operation
from links.services.guests import guest_create
from tests.support.clickmeter_client import Program, create_one_of_each, use_account_key, use_own_key
from tests.support.turns import take_turns

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_caches")]


@pytest.fixture(scope="module")
def owner(module_account: Account) -> Program:
    """Alice's programs."""
    return use_account_key(module_account)


@pytest.fixture(scope="module")
def world(module_account: Account) -> dict[str, Any]:
    """One of everything, with numbers."""
    return create_one_of_each(module_account)


PLACES = {
    "/datapoints/": "link", "/groups/": "group", "/tags/": "tag", "/conversions/": "sale", "/domains/": "domain",
    "/retargeting/": "script", "/account/guests/": "guest",
}  # fmt: skip
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/datapoints"): {"name": "new", "typeTL": {"url": "https://a.test"}},
    ("POST", "/groups"): {"name": "New"},
    ("POST", "/groups/{id}/datapoints"): {"name": "new2", "typeTL": {"url": "https://a.test"}},
    ("POST", "/datapoints/{id}"): {"title": "T"},
    ("POST", "/groups/{id}"): {"name": "G"},
    ("PUT", "/datapoints/batch"): {"list": [{"name": "b1", "typeTL": {"url": "https://a.test"}}]},
    ("POST", "/datapoints/batch"): {"list": [{"id": "LINK", "title": "B"}]},
    ("DELETE", "/datapoints/batch"): {"entities": [{"id": "LINK"}]},
    ("POST", "/tags"): {"name": "blue"},
    ("POST", "/conversions"): {"name": "Lead"},
    ("POST", "/conversions/{conversionId}"): {"name": "Sale 2"},
    ("POST", "/domains"): {"name": "new.own.test", "type": "personal"},
    ("POST", "/domains/{id}"): {"name": "go.own.test", "custom404": "https://own.test/404"},
    ("POST", "/retargeting"): {"name": "r", "script": "var b"},
    ("POST", "/retargeting/{id}"): {"name": "r2"},
    ("POST", "/account"): {"firstName": "Al"},
    ("POST", "/account/domainwhitelist"): {"name": "b.test"},
    ("POST", "/account/ipblacklist"): {"ip": "192.0.2.9"},
    ("POST", "/account/guests"): {"email": "new@example.org", "name": "N", "password": "long enough 77"},
    ("POST", "/account/guests/{guestId}"): {"notes": "n"},
    ("PUT", "/tags/{tagId}/datapoints/patch"): {"action": "add", "id": "LINK"},
    ("PUT", "/tags/{tagId}/groups/patch"): {"action": "add", "id": "GROUP"},
    ("PUT", "/conversions/{conversionId}/datapoints/patch"): {"Action": "Add", "Id": "LINK"},
    ("PUT", "/conversions/{conversionId}/datapoints/batch/patch"): {
        "PatchRequests": [{"action": "remove", "id": "LINK"}],
    },
}  # fmt: skip


def filled(operation: Operation, world: dict[str, Any]) -> tuple[str, Any]:
    """The address and body of an operation on the world."""
    path = operation.path
    for prefix, name in PLACES.items():
        if path.startswith(prefix) and "{" in path:
            path = path.replace("{id}", str(world[name].pk), 1)
            for word in ("tagId", "conversionId", "guestId"):
                path = path.replace(f"{{{word}}}", str(world[name].pk))
    path = path.replace("{whitelistId}", world["white"].code).replace("{blacklistId}", world["black"].code)
    path = path.replace("{type}", "group")
    if "aggregated" in path:
        path += "?timeFrame=last7&type=tl"
    elif path.endswith("reports"):
        path += "?type=countries&timeframe=last30"
    elif path.endswith("hits"):
        path += "?timeframe=last30"
    body = BODIES.get((operation.method, operation.path))
    if operation.path.endswith("permissions/patch"):
        body = {"action": "add", "id": world["group"].pk, "verb": "rw"}
    if body is None and operation.method == "PUT":
        body = {"text": "words"}
    text = None if body is None else json.dumps(body)
    if text:
        text = text.replace('"LINK"', str(world["link"].pk)).replace('"GROUP"', str(world["group"].pk))
    return path, text


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_there_are_108_operations_at_79_paths() -> None:
    assert len(OPERATIONS) == 108 and len({operation.path for operation in OPERATIONS}) == 79


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_answers_the_account_key(operation: Operation, owner: Program, world: dict[str, Any]) -> None:
    path, body = filled(operation, world)
    answer = owner.json(operation.method, path, body)
    assert shape(operation) <= answer.keys(), answer


def shape(operation: Operation) -> set[str]:
    """Members every answer of this kind has."""
    path, method = operation.path, operation.method
    if path.endswith("batch"):
        return {"results"}
    if path.endswith("/count"):
        return {"count"}
    if path.endswith(("whitelist", "whitelistId}")):
        return {"entities"} if method == "GET" else {"id", "name"}
    if path.endswith(("ipblacklist", "blacklistId}")):
        return {"entities"} if method == "GET" else {"id", "ip"}
    if "/summary" in path:
        return {"count", "limit", "offset", "result"}
    if path.endswith("aggregated/list") or path == "/clickstream":
        return {"rows"}
    if path.endswith("hits"):
        return {"hits"}
    if path.endswith("reports"):
        return {"createdAt", "data"}
    if path.endswith("aggregated"):
        return {"entityId", "entityData", "totalClicks"} if "{id}" in path else set()
    if path in ("/account", "/me"):
        return {"email", "firstName", "registrationDate", "timezone", "timezonename", "boGoVal"}
    if path.endswith("plan"):
        return {"name", "maximumDatapoints", "usedDatapoints", "monthlyEvents", "billingPeriodStart"}
    if path.startswith("/account/guests") and "permissions" not in path and method == "POST":
        return {"id", "apiKey", "name", "email"}
    if method == "GET":
        return {"id", "name"} if path.endswith("}") else {"entities"}
    return {"id", "uri"}


CALLERS = ("master", "master guest", "write grant", "read grant", "no grant", "other account", "no key")
MASTER_ONLY = ("/account/", "/me/plan")


@pytest.fixture(scope="module")
def callers(world: dict[str, Any], module_account: Account, module_stranger: Membership) -> dict[str, Program]:
    def made(name: str, right: str = "", **options: Any) -> Program:
        member = guest_create(account=module_account, email=f"{name}@example.org", options=options)
        if right:
            grant_set(membership=member, kind="group", object_id=world["group"].pk, right=right)
        return use_own_key(member)

    return {
        "master": use_account_key(module_account), "master guest": made("all", extendedGrants={"allowAllGrants": True}),
        "write grant": made("w", Right.WRITE), "read grant": made("r", Right.READ), "no grant": made("none"),
        "other account": use_own_key(module_stranger), "no key": Program(),
    }  # fmt: skip


@pytest.mark.parametrize("operation", take_turns(2, OPERATIONS), ids=named)
def test_guests_can_do_what_is_granted_and_strangers_nothing(
    operation: Operation, callers: dict[str, Program], world: dict[str, Any]
) -> None:
    path, body = filled(operation, world)
    statuses = {}
    for name in reversed(CALLERS):  # the one who may most comes last, since some operations delete
        response = callers[name].call(operation.method, path, body)
        statuses[name] = response.status_code
        assert response.status_code in (200, 400, 401, 403, 404), (name, response.content)
    assert statuses["no key"] == 401
    reading, own = operation.method == "GET", "{" in operation.path
    managed = operation.path.startswith(MASTER_ONLY)
    if operation.path.startswith("/domains"):  # a guest sees the installation's and those of links he sees
        assert reading or {statuses[name] for name in CALLERS[1:5]} <= {403, 404}
        return
    if managed:
        assert {statuses[name] for name in CALLERS[1:5]} == {403}
    elif own:
        assert statuses["other account"] == statuses["no grant"] == 404
        of_links = operation.path.startswith(("/datapoints", "/groups"))
        if of_links and not reading:
            assert statuses["read grant"] == 403 and statuses["write grant"] in (200, 404)
        if of_links and reading:
            assert statuses["read grant"] == statuses["write grant"] == statuses["master guest"] == 200
