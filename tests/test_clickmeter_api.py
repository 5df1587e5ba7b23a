"""The ClickMeter dialect: a whole session, every operation, every sort of caller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, Membership, Right, User
from accounts.services import grant_set
from links import belongings, guests
from links.api.operations import OPERATIONS, Operation
from links.models import Kind, Listing
from links.services import datapoint_create
from tests.clickmeter_support import Program, guest, master
from tests.links_support import Browser, forget, learn, store_now

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(store: Any) -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def owner(account: Account, alice: User) -> Program:
    """Alice's programs."""
    return master(account)


def test_a_session_as_programs_make_it(owner: Program, account: Account) -> None:
    group = owner.post("/groups", {"name": "Spring", "preferred": True, "tags": [{"name": "mail"}]})
    assert group["uri"] == f"/groups/{group['id']}"
    domain = owner.get("/domains?type=system&_expand=true")["entities"][0]
    made = owner.post("/datapoints/", {
        "Type": "0", "Title": "Offer", "groupId": str(group["id"]), "Name": "offer", "tags": [{"name": "MAIL"}],
        "typeTL": {
            "domainId": str(domain["id"]), "redirectType": "307", "url": "https://shop.test/",
            "destinationMode": "simple",
        },
    })  # fmt: skip
    link = owner.get(f"/datapoints/{made['id']}")
    assert link["trackingCode"].endswith("/offer") and link["groupName"] == "Spring"
    assert link["typeTL"] == {
        "url": "https://shop.test/",
        "firstUrl": "",
        "redirectType": 307,
        "domainId": domain["id"],
    }
    assert not {"type", "status", "preferred", "notes"} & link.keys()
    assert [tag["name"] for tag in link["tags"]] == ["mail"]

    again = owner.post("/datapoints", {"name": "Offer", "typeTL": {"url": "https://x.test"}}, status=400)
    assert again["errors"][0]["property"] == "Name"
    many = {
        "List": [{"name": f"n{n}", "typeTL": {"url": "https://shop.test/"}, "type": 0} for n in range(24)]
        + [{"name": "n1", "typeTL": {"url": "https://x.test"}}]
    }
    results = owner.put("/datapoints/batch", many)["results"]
    assert [one["status"] for one in results] == ["Ok"] * 24 + ["Error"]
    assert results[0]["result"]["uri"] == f"/datapoints/{results[0]['entityData']['id']}"
    assert owner.get("/datapoints/count") == {"count": 25}

    learn()
    for number in range(7):
        Browser(ip=f"203.0.113.{number % 3}").open("/l/offer?src=letter")
    Browser(agent="Googlebot/2.1").open("/l/offer")
    store_now()
    whole = owner.get("/aggregated?timeFrame=today")
    assert (whole["totalClicks"], whole["uniqueClicks"], whole["spiderHitsCount"]) == (7, 3, 1)
    one = owner.get(f"/datapoints/{link['id']}/aggregated?timeframe=TODAY&hourly=true")
    assert one["entityId"] == str(link["id"]) and one["entityData"]["datapointType"] == "TrackingLink"
    assert sum(hour.get("totalClicks", 0) for hour in one["hourlyBreakDown"].values()) == 7
    assert sum(row.get("totalClicks", 0) for row in owner.get("/aggregated/list?timeFrame=last7")["rows"]) == 7

    stream = owner.get(f"/clickstream?datapoint={link['id']}&pageSize=500")["rows"]
    assert len(stream) == 8 and {row["isSpider"] for row in stream} == {"0", "1"}
    assert next(row for row in stream if row["isUnique"] == "1")["trackedParameters"] == {"src": "letter"}
    seen, path = [], f"/hits?datapoint={link['id']}&timeframe=last180&limit=3"
    while path:
        page = owner.get(path)
        seen += [hit["id"] for hit in page["hits"]]
        last = page.get("lastKey")
        path = f"/hits?datapoint={link['id']}&timeframe=last180&limit=3&offset={last}" if last else ""
    assert len(seen) == len(set(seen)) == 8

    rows = owner.get("/reports?type=destinations&timeframe=beginning")["data"]
    assert rows[0]["id"] == "https%3A%2F%2Fshop.test%2F" and rows[0]["totalHits"] == 7 and rows[0]["uniqueHits"] == 3
    assert owner.delete(f"/datapoints/{link['id']}") == {"id": link["id"], "uri": f"/datapoints/{link['id']}"}
    assert owner.get(f"/datapoints/{link['id']}")["status"] == 3


# -- every operation ----------------------------------------------------------------------------------------------


@pytest.fixture
def world(account: Account, alice: User) -> dict[str, Any]:
    """One of everything, with a click and a sale, and a guest with rights on the first group."""
    group = belongings.group_create(account=account, name="One", tags=["red"])
    sale = belongings.conversion_create(account=account, name="Sale", value="5")
    script = belongings.script_write(account=account, name="s", text="var a=1")
    link = datapoint_create(
        account=account, alias="one", url="https://shop.test/?s=[s2sidentifier]", group=group, conversions=[sale],
        tags=["red"],
    )  # fmt: skip
    pixel = datapoint_create(account=account, kind=Kind.PIXEL, group=group, title="p")
    learn()
    word = Browser().open("/l/one").location.partition("=")[2]
    Browser().open(f"/s2s?clickId={word}&id={sale.code}&val=10&param=A1&com=2")
    store_now()
    return {
        "group": group, "sale": sale, "script": script, "link": link, "pixel": pixel, "tag": group.tags.get(),
        "domain": belongings.domain_create(account=account, name="go.own.test"),
        "guest": guests.guest_create(account=account, email="guest@example.org", name="Guest"),
        "white": belongings.entry_create(account=account, listing=Listing.WHITELIST, value="a.test"),
        "black": belongings.entry_create(account=account, listing=Listing.BLACKLIST, value="192.0.2.1"),
    }  # fmt: skip


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
    text = None if body is None else __import__("json").dumps(body)
    if text:
        text = text.replace('"LINK"', str(world["link"].pk)).replace('"GROUP"', str(world["group"].pk))
    return path, text


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_there_are_108_operations_at_79_addresses() -> None:
    assert len(OPERATIONS) == 108 and len({operation.path for operation in OPERATIONS}) == 79


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_answers_its_master(operation: Operation, owner: Program, world: dict[str, Any]) -> None:
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


@pytest.fixture
def callers(world: dict[str, Any], account: Account, charlie: User) -> dict[str, Program]:
    def made(name: str, right: str = "", **options: Any) -> Program:
        member = guests.guest_create(account=account, email=f"{name}@example.org", options=options)
        if right:
            grant_set(membership=member, kind="group", object_id=world["group"].pk, right=right)
        return guest(member)

    other = Membership.objects.get(user=charlie)
    return {
        "master": master(account), "master guest": made("all", extendedGrants={"allowAllGrants": True}),
        "write grant": made("w", Right.WRITE), "read grant": made("r", Right.READ), "no grant": made("none"),
        "other account": guest(other), "no key": Program(),
    }  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_guests_may_what_they_were_granted_and_strangers_nothing(
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
    if operation.path.startswith("/domains"):  # everybody of the account sees where links may live
        assert reading or {statuses[name] for name in CALLERS[1:5]} == {403}
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


def test_a_guest_sees_the_numbers_of_their_links_only_blanked_as_told(account: Account, world: dict[str, Any]) -> None:
    datapoint_create(account=account, alias="secret", url="https://x.test/")
    learn()
    Browser(ip="203.0.113.99").open("/l/secret", referer="https://blog.test/")
    Browser(ip="203.0.113.98").open("/l/one", referer="https://blog.test/")
    store_now()
    member = guests.guest_create(
        account=account, email="g2@example.org",
        options={
            "hitOptions": {"hideReferrer": True},
            "conversionOptions": {"percentValue": 50, "hideComCost": True, "hideParams": True},
        },
    )  # fmt: skip
    grant_set(membership=member, kind="datapoint", object_id=world["link"].pk, right=Right.READ)
    theirs, all_of_it = guest(member), master(account)
    assert all_of_it.get("/aggregated?timeFrame=today")["totalClicks"] == 3
    seen = theirs.get("/aggregated?timeFrame=today")
    assert (seen["totalClicks"], seen["conversionsValue"]) == (2, 5.0) and "commissionsCost" not in seen
    rows = theirs.get("/clickstream")["rows"]
    assert {row["entity"]["datapointName"] for row in rows} == {"one"} and not any("referer" in row for row in rows)
    sold = [row["conversion1"] for row in rows if "conversion1" in row]
    assert sold[0]["value"] == 5.0 and not {"parameter", "comcost"} & sold[0].keys()
    assert theirs.get("/reports?type=referrers&timeframe=last7")["data"] == []
    assert "password" not in all_of_it.get(f"/account/guests/{member.pk}")


def test_the_aggregate_equals_the_dashboard_and_the_clickstreams_own_count_in_every_time_frame(
    owner: Program, account: Account, world: dict[str, Any]
) -> None:
    from links.api.frames import AGGREGATED
    from tests.support import ask

    now = datetime.now(UTC)
    for days in (0, 1, 5, 20, 45, 100, 150, 300, 500):
        Browser(ip=f"198.51.100.{days % 250}").open("/l/one", at=now - timedelta(days=days))
    store_now()
    for frame in AGGREGATED:
        extra = f"&fromDay={now - timedelta(days=30):%Y%m%d}&toDay={now:%Y%m%d}" if frame == "custom" else ""
        total = owner.get(f"/aggregated?timeFrame={frame}{extra}").get("totalClicks", 0)
        listed = sum(
            row.get("totalClicks", 0) for row in owner.get(f"/aggregated/list?timeFrame={frame}{extra}")["rows"]
        )
        hits = owner.get(f"/hits?timeframe={frame}{extra}&limit=500")["hits"]
        assert total == listed == sum(hit["isSpider"] == "0" for hit in hits), frame
    assert owner.get("/aggregated?timeFrame=last30")["totalClicks"] == ask(account.pk, "clicks", period="30d", now=now)


def test_what_is_sent_is_read_leniently(owner: Program, world: dict[str, Any]) -> None:
    key = owner.key
    assert Program().call("GET", f"/me?AuthKey={key.lower()}").status_code == 200
    assert owner.call("GET", "/Groups/", '{"x": 1}').status_code == 200
    assert owner.get("/datapoints/non-existent", status=404)["httpErrorCode"] == 404
    assert owner.get("/nothing", status=404)["errorCode"]
    assert owner.call("PATCH", "/groups").status_code == 405
    form = owner.call(
        "POST", "/datapoints", "name=form1&typeTL[url]=https%3A%2F%2Fa.test",
        CONTENT_TYPE="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert form.status_code == 200, form.content
    assert owner.post("/datapoints", "{broken", status=400)["errorCode"]
    assert owner.get("/aggregated?timeFrame=sometimes", status=400)["errors"][0]["property"] == "TimeFrame"


def test_the_root_of_apiv2_hosts_is_the_api_and_cors_is_open(owner: Program) -> None:
    assert Program(owner.key, host="apiv2.example.org").get("/me")["email"] == "alice@example.com"
    answer = Program(host="apiv2.example.org").call("OPTIONS", "/datapoints")
    assert answer.status_code == 200 and answer["Access-Control-Allow-Origin"] == "*"
    assert "X-Clickmeter-AuthKey" in answer["Access-Control-Allow-Headers"]


def test_every_answer_is_json_with_its_charset(owner: Program) -> None:
    for answer in (owner.call("GET", "/me"), owner.call("GET", "/datapoints/1x"), Program().call("GET", "/me")):
        assert answer["Content-Type"] == "application/json; charset=utf-8", answer.status_code


def test_a_link_with_a_password_says_that_it_is_secured(owner: Program, world: dict[str, Any]) -> None:
    made = owner.post("/datapoints", {"type": 0, "title": "S", "name": "sec", "typeTL": {"url": "https://a.test"}})
    assert "isSecured" not in owner.get(f"/datapoints/{made['id']}")
    owner.post(f"/datapoints/{made['id']}", {"typeTL": {"password": "sesame"}})
    found = owner.get(f"/datapoints/{made['id']}")
    assert found["isSecured"] is True and "password" not in found["typeTL"]


def test_more_than_ten_requests_a_second_are_told_to_wait(owner: Program) -> None:
    from unittest import mock

    from django.test import Client

    client = Client(HTTP_X_CLICKMETER_AUTHKEY=owner.key)
    moment = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    with mock.patch("links.api.views.clock.now", lambda: moment):
        answers = [client.get("/clickmeter/me") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[3]["X-Rate-Limit-Remaining"] == "6" and answers[-1]["Retry-After"] == "1"


def test_bodies_are_read_as_xml_too_and_declarations_are_refused(owner: Program, world: dict[str, Any]) -> None:
    body = (
        '<?xml version="1.0"?><Datapoint xmlns="urn:x"><Name>xml1</Name><type>TrackingLink</type>'
        "<tags><Tag><name>blue</name></Tag><Tag><name>green</name></Tag></tags>"
        "<typeTL><url>https://a.test/</url></typeTL></Datapoint>"
    )
    made = owner.call("POST", "/datapoints", body, CONTENT_TYPE="application/xml")
    link = owner.get(f"/datapoints/{json.loads(made.content)['id']}")
    assert link["name"] == "xml1" and {tag["name"] for tag in link["tags"]} == {"blue", "green"}
    for bad in ("<Group><name>", '<!DOCTYPE x [<!ENTITY a "b">]><Group><name>&a;</name></Group>'):
        assert owner.call("POST", "/groups", bad, CONTENT_TYPE="text/xml").status_code == 400
