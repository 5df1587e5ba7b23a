"""The ClickMeter dialect: a typical session, what guests see, how requests are parsed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, Right, User
from accounts.services import grant_set
from links.services.guests import guest_create
from links.services.links import datapoint_create
from tests.support import asgi
from tests.support.clickmeter_client import Program, create_one_of_each, use_account_key, use_own_key
from tests.support.links import Browser, flush_clicks, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def test_a_typical_session_of_a_program_works(owner: Program, account: Account) -> None:
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

    refresh_caches()
    for number in range(7):
        Browser(ip=f"203.0.113.{number % 3}").open("/l/offer?src=letter")
    Browser(agent="Googlebot/2.1").open("/l/offer")
    flush_clicks()
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


@pytest.fixture
def world(account: Account, alice: User) -> dict[str, Any]:
    return create_one_of_each(account)


def test_a_guest_sees_only_numbers_of_their_links_with_hidden_fields_blank(
    account: Account, world: dict[str, Any]
) -> None:
    datapoint_create(account=account, alias="secret", url="https://x.test/")
    refresh_caches()
    Browser(ip="203.0.113.99").open("/l/secret", referer="https://blog.test/")
    Browser(ip="203.0.113.98").open("/l/one", referer="https://blog.test/")
    flush_clicks()
    member = guest_create(
        account=account, email="g2@example.org",
        options={
            "hitOptions": {"hideReferrer": True},
            "conversionOptions": {"percentValue": 50, "hideComCost": True, "hideParams": True},
        },
    )  # fmt: skip
    grant_set(membership=member, kind="datapoint", object_id=world["link"].pk, right=Right.READ)
    theirs, all_of_it = use_own_key(member), use_account_key(account)
    assert all_of_it.get("/aggregated?timeFrame=today")["totalClicks"] == 3
    seen = theirs.get("/aggregated?timeFrame=today")
    assert (seen["totalClicks"], seen["conversionsValue"]) == (2, 5.0) and "commissionsCost" not in seen
    rows = theirs.get("/clickstream")["rows"]
    assert {row["entity"]["datapointName"] for row in rows} == {"one"} and not any("referer" in row for row in rows)
    sold = [row["conversion1"] for row in rows if "conversion1" in row]
    assert sold[0]["value"] == 5.0 and not {"parameter", "comcost"} & sold[0].keys()
    assert theirs.get("/reports?type=referrers&timeframe=last7")["data"] == []
    assert "password" not in all_of_it.get(f"/account/guests/{member.pk}")


def test_aggregates_equal_the_dashboard_and_the_hit_list_in_every_time_frame(
    owner: Program, account: Account, world: dict[str, Any]
) -> None:
    from tests.support import ask

    now = datetime.now(UTC)
    for days in (0, 1, 5, 20, 45, 100, 150, 300, 500):
        Browser(ip=f"198.51.100.{days % 250}").open("/l/one", at=now - timedelta(days=days))
    flush_clicks()
    from links.clickmeter.parameters import TIME_FRAMES

    for frame in TIME_FRAMES:
        extra = f"&fromDay={now - timedelta(days=30):%Y%m%d}&toDay={now:%Y%m%d}" if frame == "custom" else ""
        total = owner.get(f"/aggregated?timeFrame={frame}{extra}").get("totalClicks", 0)
        listed = sum(
            row.get("totalClicks", 0) for row in owner.get(f"/aggregated/list?timeFrame={frame}{extra}")["rows"]
        )
        hits = owner.get(f"/hits?timeframe={frame}{extra}&limit=500")["hits"]
        assert total == listed == sum(hit["isSpider"] == "0" for hit in hits), frame
    assert owner.get("/aggregated?timeFrame=last30")["totalClicks"] == ask(account.pk, "clicks", period="30d", now=now)


def test_lenient_spellings_of_values_are_read(owner: Program, world: dict[str, Any]) -> None:
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


def test_apiv2_hosts_serve_the_api_at_their_root_with_open_cors(owner: Program) -> None:
    assert Program(owner.key, host="apiv2.example.org").get("/me")["email"] == "alice@example.com"
    answer = Program(host="apiv2.example.org").call("OPTIONS", "/datapoints")
    assert answer.status_code == 200 and answer["Access-Control-Allow-Origin"] == "*"
    assert "X-Clickmeter-AuthKey" in answer["Access-Control-Allow-Headers"]


def test_every_answer_is_json_with_its_charset(owner: Program) -> None:
    for answer in (owner.call("GET", "/me"), owner.call("GET", "/datapoints/1x"), Program().call("GET", "/me")):
        assert answer["Content-Type"] == "application/json; charset=utf-8", answer.status_code


def test_a_link_with_a_password_is_returned_as_secured(owner: Program, world: dict[str, Any]) -> None:
    made = owner.post("/datapoints", {"type": 0, "title": "S", "name": "sec", "typeTL": {"url": "https://a.test"}})
    assert "isSecured" not in owner.get(f"/datapoints/{made['id']}")
    owner.post(f"/datapoints/{made['id']}", {"typeTL": {"password": "sesame"}})
    found = owner.get(f"/datapoints/{made['id']}")
    assert found["isSecured"] is True and "password" not in found["typeTL"]


def test_more_than_ten_requests_a_second_get_429(owner: Program) -> None:
    from unittest import mock

    from django.test import Client

    client = Client(HTTP_X_CLICKMETER_AUTHKEY=owner.key)
    moment = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    with mock.patch("links.clickmeter.api_request.clock.now", lambda: moment):
        answers = [client.get("/clickmeter/me") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert answers[3]["X-Rate-Limit-Remaining"] == "6" and answers[-1]["Retry-After"] == "1"


def test_xml_bodies_are_read_and_document_types_rejected(owner: Program, world: dict[str, Any]) -> None:
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


def test_a_body_that_is_sent_in_chunks_is_read_although_it_has_no_length(owner: Program) -> None:
    headers = {"content-length": "", "transfer-encoding": "chunked", "x-clickmeter-authkey": owner.key}
    answer = asgi.request("/clickmeter/groups", "POST", headers, body=b'{"name": "In chunks"}')
    assert answer.status == 200, answer.text
    assert owner.get(f"/groups/{json.loads(answer.text)['id']}")["name"] == "In chunks"


def test_a_method_that_an_address_does_not_have_is_refused_before_the_key_is_read() -> None:
    unknown = (("PUT", "/me", "GET"), ("PATCH", "/groups", "GET, POST"), ("TRACE", "/groups/1", "DELETE, GET, POST"))
    for method, path, known in unknown:
        response = Program().call(method, path)
        assert response.status_code == 405
        assert json.loads(response.content)["message"] == f"{method} is not known here; use {known}."


def test_a_guest_is_told_of_what_does_not_exist_before_what_they_may_not_do(owner: Program, account: Account) -> None:
    tag = owner.post("/tags", {"name": "unseen"})
    guest = use_own_key(guest_create(account=account, email="few@example.org"))
    assert guest.call("GET", "/account/guests/nonsense").status_code == 404
    assert guest.call("DELETE", f"/tags/{tag['id']}").status_code == 404
    assert guest.call("POST", "/tags", {"name": "mine"}).status_code == 403
