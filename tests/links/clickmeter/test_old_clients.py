"""What clients written for ClickMeter send and expect beyond the description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.models import Account, Right, User
from accounts.services import grant_set
from links.clickmeter.operations import OPERATIONS, Operation
from links.models import Datapoint, Domain, DomainKind, Tag
from links.services.groups import group_create
from links.services.guests import guest_create
from links.services.links import datapoint_create
from tests.support.clickmeter_client import Program, create_one_of_each

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def link(account: Account) -> Datapoint:
    return datapoint_create(account=account, alias="mine", url="https://shop.test/")


def test_a_tag_is_created_with_its_links_and_groups(owner: Program, account: Account, link: Datapoint) -> None:
    other = datapoint_create(account=account, alias="two", url="https://shop.test/")
    group = group_create(account=account, name="Spring")
    made = owner.post("/tags", {"name": "post", "datapoints": [link.pk, str(other.pk)], "groups": [group.pk]})
    expected = {"id": made["id"], "name": "post", "datapoints": [link.pk, other.pk], "groups": [group.pk]}
    assert owner.get(f"/tags/{made['id']}") == expected
    tagged = owner.get(f"/tags/{made['id']}/datapoints")["entities"]
    assert [row["id"] for row in tagged] == [link.pk, other.pk]
    assert [row["id"] for row in owner.get("/datapoints?tag=post")["entities"]] == [link.pk, other.pk]


def test_an_existing_tag_is_added_to_the_named_objects(owner: Program, account: Account, link: Datapoint) -> None:
    first = owner.post("/tags", {"name": "post"})
    again = owner.post("/tags", {"name": "POST", "datapoints": [{"id": link.pk}]})
    assert again["id"] == first["id"]
    other = datapoint_create(account=account, alias="two", url="https://shop.test/")
    owner.post("/tags", {"name": "post", "datapoints": f"{other.pk}"})
    assert owner.get(f"/tags/{first['id']}")["datapoints"] == [link.pk, other.pk]


def test_a_tag_cannot_be_put_on_a_link_of_others(owner: Program, charlie: User, link: Datapoint) -> None:
    theirs = datapoint_create(account=Account.objects.exclude(pk=link.account_id).get(), url="https://c.test/")
    for number in (theirs.pk, 987_654_321, "abc"):
        answer = owner.post("/tags", {"name": "post", "datapoints": [link.pk, number]}, status=400)
        assert answer["errors"][0]["property"] == "Datapoints"
    assert not Tag.objects.exists()


@pytest.mark.parametrize("number", [1597, 1501, "1597"])
def test_the_ids_of_clickmeters_domains_mean_the_installations_domain(owner: Program, number: Any) -> None:
    specifics = {"domainId": number, "goDomainId": 1501, "url": "https://shop.test/", "redirectType": 301}
    made = owner.post("/datapoints", {"type": 0, "name": "first", "title": "First", "typeTL": specifics})
    row = Datapoint.objects.get(pk=made["id"])
    assert row.domain.account_id is None and row.domain.kind == DomainKind.SYSTEM
    owner.post(f"/datapoints/{row.pk}", {"title": "Other", "typeTL": {"domainId": number, "url": "https://b.test/"}})
    answer = owner.post("/datapoints", {"typeTL": {"domainId": 1598, "url": "https://shop.test/"}}, status=400)
    assert answer["errors"][0]["property"] == "DomainId"


def test_an_existing_domain_with_such_an_id_takes_precedence(owner: Program, account: Account) -> None:
    mine = Domain.objects.create(pk=1597, account=account, name="go.own.test")
    made = owner.post("/datapoints", {"name": "first", "typeTL": {"domainId": 1597, "url": "https://shop.test/"}})
    assert Datapoint.objects.get(pk=made["id"]).domain == mine


@pytest.mark.parametrize(("kind", "kept"), [("system", 3), ("go", 3), ("personal", 3), ("dedicated", 2), (0, 3)])
def test_a_domain_of_any_type_becomes_the_accounts_own_domain(owner: Program, kind: Any, kept: int) -> None:
    made = owner.post("/domains", {"name": "domain10.example", "type": kind})
    assert owner.get(f"/domains/{made['id']}")["type"] == kept


@pytest.mark.parametrize("path", ["/datapoints/{link}/notes", "/groups/{group}/notes", "/conversions/{sale}/notes"])
@pytest.mark.parametrize("body", [None, {}, [1], {"text": {"a": 1}}, {"text": ["a"]}])
def test_notes_without_text_are_rejected_and_unchanged(owner: Program, account: Account, path: str, body: Any) -> None:
    things = create_one_of_each(account, clicked=False)
    path = path.format(**{name: row.pk for name, row in things.items()})
    owner.put(path, {"text": "kept"})
    owner.put(path, body, status=400)
    found = owner.get(path.removesuffix("/notes"))
    assert found.get("notes", found.get("description")) == "kept"
    owner.put(path, {"text": ""})
    assert not owner.get(path.removesuffix("/notes")).get("notes")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/groups", {"name": {"a": 1}}), ("/tags", {"name": ["a"]}), ("/retargeting", {"name": {"a": 1}, "script": "a()"}),
     ("/retargeting", {"name": "a", "script": ["b"]}), ("/datapoints", {"title": {}, "typeTL": {"url": "https://a.test"}}),
     ("/datapoints", {"typeTL": {"url": ["https://a.test"]}}), ("/conversions", {"name": {"a": 1}}),
     ("/domains", {"name": {"a": 1}})],
)  # fmt: skip
def test_an_object_in_place_of_text_is_rejected(owner: Program, path: str, body: Any) -> None:
    assert "text is expected" in owner.post(path, body, status=400)["message"]


def test_the_minimum_and_maximum_date_mean_no_expiration(owner: Program, link: Datapoint) -> None:
    path = f"/datapoints/{link.pk}"
    owner.post(path, {"typeTL": {"url": link.url, "expirationDate": "20970101"}})
    assert owner.get(path)["typeTL"]["expirationDate"] == "20970101000000"
    for never in ("99991231235959", "00010101000000"):
        owner.post(path, {"typeTL": {"url": link.url, "expirationDate": never}})
        assert "expirationDate" not in owner.get(path)["typeTL"]
    for impossible in ("99980101", "00020101", "19000101", "20261301"):
        answer = owner.post(path, {"typeTL": {"url": link.url, "expirationDate": impossible}}, status=400)
        assert answer["errors"][0]["property"] == "ExpirationDate"


STATISTICS = [one for one in OPERATIONS if one.method == "GET" and "{" not in one.path and (
    "aggregated" in one.path or one.path in ("/reports", "/hits"))]  # fmt: skip


@pytest.mark.parametrize("operation", STATISTICS, ids=lambda one: one.path)
@pytest.mark.parametrize("day", ["99991231", "20990101", "00010101", "99991231235959"])
def test_impossible_dates_are_rejected(owner: Program, operation: Operation, day: str) -> None:
    more = "type=tl&" if "aggregated" in operation.path else "type=countries&"
    for days in (f"fromDay=20261128&toDay={day}", f"fromDay={day}&toDay=20261128"):
        owner.get(f"{operation.path}?{more}timeFrame=custom&{days}", status=400)


WRITING = [one for one in OPERATIONS if one.method in ("POST", "PUT")]
SURROGATES = (
    rb'{"name": "\ud800"}', rb'{"name": "a", "text": "\udc00", "typeTL": {"url": "\ud83d"}}', rb'{"\ud800": 1}',
    b'{"name": "\xed\xa0\x80"}', rb'[{"name": "\ud800"}]',
)  # fmt: skip


@pytest.mark.parametrize("operation", WRITING, ids=lambda one: f"{one.method} {one.path}")
def test_a_lone_surrogate_is_rejected_by_every_operation(owner: Program, operation: Operation) -> None:
    path = operation.path.replace("{type}", "datapoint")
    for word in ("id", "tagId", "conversionId", "guestId"):
        path = path.replace(f"{{{word}}}", "1")
    for body in SURROGATES:
        response = owner.call(operation.method, path, body)
        assert response.status_code == 400, (body, response.content[:200])
        assert json.loads(response.content)["message"] == "The body is not valid JSON."
    for query in ("name=%ED%A0%80", "textSearch=%ED%A0%80"):
        assert owner.call("GET", f"/datapoints?{query}").status_code == 200


def test_summaries_contain_creation_dates_and_grants(
    owner: Program, account: Account, link: Datapoint, time_machine: Any
) -> None:
    time_machine.move_to("2026-03-02T12:00:30Z", tick=False)
    things = create_one_of_each(account, clicked=False)
    grant_set(membership=things["guest"], kind="datapoint", object_id=link.pk, right=Right.READ)
    shared = guest_create(account=account, email="group@example.org", name="Group")
    grant_set(membership=shared, kind="group", object_id=things["group"].pk, right=Right.WRITE)
    for what in ("datapoints", "groups", "conversions"):
        rows = owner.get(f"/aggregated/summary/{what}?timeFrame=today")["result"]
        assert {row["activityDay"] for row in rows} == {"20260302120030"}
    rows = owner.get("/aggregated/summary/datapoints?timeFrame=today")["result"]
    assert {row["entityId"] for row in rows if row["entityData"].get("isPrivateShared")} == {
        str(link.pk), str(things["link"].pk), str(things["pixel"].pk),
    }  # fmt: skip
    rows = owner.get("/aggregated/summary/groups?timeFrame=today")["result"]
    told = {row["entityId"]: row["entityData"].get("isPrivateShared") for row in rows}
    assert told == {str(things["group"].pk): True, str(link.group_id): None}


def test_time_zones_are_returned_by_windows_names_and_read_in_every_form(owner: Program, account: Account) -> None:
    for sent, name in (
        ({"timezone": 82}, "Mountain Standard Time"),
        ({"timezonename": "Europe/Tallinn"}, "FLE Standard Time"),
        ({"timezonename": "FLE Standard Time"}, "FLE Standard Time"),
        ({"timezonename": "W. Europe Standard Time"}, "W. Europe Standard Time"),
    ):
        assert owner.post("/account", sent)["timezonename"] == name
        account.refresh_from_db()
        if name == "FLE Standard Time":
            assert account.timezone == "Europe/Tallinn"
    assert account.timezone == "Europe/Berlin"
    owner.post("/account", {"timezonename": "Nowhere Standard Time"}, status=400)


def test_uk_is_accepted_for_gb(owner: Program, link: Datapoint) -> None:
    nations = [{"nation": "UK", "url": "https://gb.test/"}]
    owner.post(f"/datapoints/{link.pk}", {"typeTL": {"destinationMode": 6, "url": link.url, "urlsByNation": nations}})
    kept = owner.get(f"/datapoints/{link.pk}")["typeTL"]["urlsByNation"]
    assert kept == [{"nation": "GB", "url": "https://gb.test/"}]
