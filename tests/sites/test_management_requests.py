"""What every endpoint of the management API shares: unknown fields, errors, pages by cursor, filters of lists."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Account, Membership, User
from sites.models import Site
from sites.services import api_key_create, site_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(account: Account) -> Client:
    return Client(headers={"Authorization": f"Bearer {account.authkey}"})


@pytest.fixture
def shops(account: Account) -> list[Site]:
    """Seven sites, s0.example to s6.example."""
    return [site_create(account=account, domain=f"s{number}.example") for number in range(7)]


def get_fields(answer: Any) -> dict[str, list[str]]:
    """The sentences of an error by field; it must have the API's one shape."""
    assert answer.status_code == 400 and set(answer.json()) == {"error"}, answer.content
    error = answer.json()["error"]
    assert error["code"] == "invalid" and set(error) == {"code", "message", "fields"}
    fields: dict[str, list[str]] = error["fields"]
    assert all(f"{name}: {text}" in error["message"] for name, (text, *_) in fields.items())
    return fields


def read_pages(client: Client, address: str, direction: str = "next") -> Iterator[list[str]]:
    """The domains of each page from this one on."""
    following: str | None = address
    while following:
        page = client.get(following).json()
        assert set(page) == {"next", "previous", "results"}
        yield [row["domain"] for row in page["results"]]
        following = page[direction]


def test_an_unknown_field_is_refused_by_name_beside_the_invalid_ones(api: Client, site: Site) -> None:
    sent = {"nicknme": "x", "any_host": "perhaps", "nickname": "new"}
    answer = api.patch(f"/api/v1/sites/{site.pk}", sent, content_type="application/json")
    fields = get_fields(answer)
    assert set(fields) == {"nicknme", "any_host"}
    assert fields["nicknme"][0].startswith("There is no such field. Known: domain, nickname, timezone, ")
    site.refresh_from_db()
    assert site.nickname != "new"


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("post", "sites", {"domain": "x.example"}),
        ("patch", "account", {"name": "New"}),
        ("post", "sites/{site}/keys", {"name": "Reader"}),
        ("post", "members", {"email": "zoe@example.org"}),
        ("patch", "members/{member}", {"role": "viewer"}),
    ],
)
def test_every_body_is_refused_with_an_unknown_field_and_accepted_without(
    method: str, path: str, sent: dict[str, str], api: Client, site: Site, bob: User
) -> None:
    address = "/api/v1/" + path.format(site=site.pk, member=Membership.objects.get(user=bob).pk)
    call = getattr(api, method)
    assert set(get_fields(call(address, {**sent, "colour": "red"}, content_type="application/json"))) == {"colour"}
    assert call(address, sent, content_type="application/json").status_code in (200, 201)


def test_an_unknown_field_of_a_grant_is_named_by_its_place(api: Client, site: Site) -> None:
    grant = {"kind": "site", "id": site.pk, "right": "read", "until": "tomorrow"}
    sent = {"email": "zoe@example.org", "role": "guest", "grants": [grant]}
    answer = api.post("/api/v1/members", sent, content_type="application/json")
    assert get_fields(answer) == {"grants.0.until": ["There is no such field. Known: kind, id, right."]}


def test_an_object_that_was_read_can_be_sent_back(api: Client, site: Site) -> None:
    address = f"/api/v1/sites/{site.pk}"
    read = api.get(address).json()
    changed = api.patch(address, {**read, "nickname": "Shop"}, content_type="application/json")
    assert changed.json() == {**read, "nickname": "Shop"}


def test_a_form_names_nested_fields_in_its_own_way(api: Client, site: Site) -> None:
    form = {
        "email": "zoe@example.org", "role": "guest", "grants[0]kind": "site", "grants[0]id": site.pk,
        "grants[0]right": "read", "csrfmiddlewaretoken": "x",
    }  # fmt: skip
    assert api.post("/api/v1/members", form).status_code == 201
    assert set(get_fields(api.post("/api/v1/members", {**form, "grant[0]kind": "site"}))) == {"grant"}


def test_the_error_of_an_unknown_address_has_the_same_shape() -> None:
    for method in ("get", "post", "delete", "put"):
        answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing")
        assert answer.status_code == 404
        assert answer.json() == {"error": {"code": "not_found", "message": "There is no such endpoint."}}


def test_the_error_of_a_bug_has_the_same_shape(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sites.api.select_sites", lambda actor: 1 / 0)
    answer = api.get("/api/v1/sites")
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "server_error"
    assert "division" not in answer.content.decode()


@pytest.mark.parametrize(("kind", "status", "code"), [("text/css", 415, "unsupported_media_type")])
def test_a_body_of_another_kind_is_refused(kind: str, status: int, code: str, api: Client) -> None:
    answer = api.post("/api/v1/sites", b"a{}", content_type=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_list_is_read_page_by_page_and_back(api: Client, shops: list[Site]) -> None:
    pages = list(read_pages(api, "/api/v1/sites?limit=3&domain=.example"))
    assert pages == [[f"s{n}.example" for n in range(3)], [f"s{n}.example" for n in range(3, 6)], ["s6.example"]]
    last = api.get("/api/v1/sites?limit=3").json()["next"]
    last = api.get(last).json()["next"]
    assert list(read_pages(api, last, "previous")) == pages[::-1]


def test_a_row_added_or_removed_meanwhile_moves_no_other_row(api: Client, account: Account, shops: list[Site]) -> None:
    first = api.get("/api/v1/sites?limit=3&domain=.example").json()
    site_create(account=account, domain="r9.example")  # before the first page
    shops[1].delete()
    assert [row["domain"] for row in api.get(first["next"]).json()["results"]] == [
        "s3.example", "s4.example", "s5.example",
    ]  # fmt: skip


def test_keys_and_members_are_paged_in_the_order_they_were_made(
    api: Client, site: Site, alice: User, bob: User
) -> None:
    names = [f"k{number}" for number in range(5)]
    for name in names:
        api_key_create(site=site, name=name)
    address, found = f"/api/v1/sites/{site.pk}/keys?limit=2", []
    while address:
        page = api.get(address).json()
        found += [row["name"] for row in page["results"]]
        address = page["next"]
    assert found[-5:] == names
    members = api.get("/api/v1/members?limit=1").json()
    assert members["results"][0]["email"] == "alice@example.com" and members["next"]
    assert api.get(members["next"]).json()["results"][0]["email"] == "bob@example.com"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "", "9" * 30, "٣"])
def test_a_limit_out_of_range_is_refused(limit: str, api: Client, site: Site) -> None:
    fields = get_fields(api.get("/api/v1/sites", {"limit": limit}))
    assert fields == {"limit": ["Must be a whole number from 1 to 1000."]}


@pytest.mark.parametrize("position", ["x", "9" * 40, "\x00", "1.5", "", "-1", "o=9&r=z", "é"])
@pytest.mark.parametrize("path", ["sites", "members", "exposed-keys", "sites/{site}/keys"])
def test_a_made_up_cursor_is_refused_or_finds_nothing(path: str, position: str, api: Client, site: Site) -> None:
    for raw in (urlencode({"p": position}), position, f"r=1&p={position}"):
        cursor = base64.b64encode(raw.encode()).decode()
        for sent in (cursor, raw):
            answer = api.get("/api/v1/" + path.format(site=site.pk), {"cursor": sent})
            if answer.status_code != 200:
                assert set(get_fields(answer)) == {"cursor"}, (raw, answer.content)


@pytest.mark.parametrize("path", ["sites", "members", "exposed-keys", "sites/{site}/keys"])
def test_an_unknown_parameter_of_a_list_is_refused_with_those_that_exist(path: str, api: Client, site: Site) -> None:
    fields = get_fields(api.get("/api/v1/" + path.format(site=site.pk), {"offset": "3", "colour": "red"}))
    assert set(fields) == {"offset", "colour"}
    assert (
        fields["offset"][0].startswith("There is no such parameter. Known: ")
        and "limit, cursor." in fields["offset"][0]
    )


def test_sites_are_filtered(api: Client, account: Account, shops: list[Site]) -> None:
    def find(**asked: str | int) -> list[str]:
        return [row["domain"] for row in api.get("/api/v1/sites", asked).json()["results"]]

    shops[2].nickname = "Summer Sale"
    shops[2].save()
    assert find(nickname="summer") == ["s2.example"]
    assert find(domain="S4") == ["s4.example"]
    assert find(domain="s4", nickname="summer") == []
    assert len(find(account=account.pk)) == len(find()) >= 7 and find(account=account.pk + 1) == []
    since = shops[0].created.isoformat()
    assert len(find(created_after=since)) == 7 and "s0.example" not in find(created_before=since)


def test_keys_and_members_are_filtered(api: Client, site: Site, alice: User, bob: User) -> None:
    def find(path: str, **asked: str | int) -> list[Any]:
        rows: list[Any] = api.get(f"/api/v1/{path}", asked).json()["results"]
        return rows

    api_key_create(site=site, name="Only reads", can_track=False)
    api_key_create(site=site, name="Only tracks", can_read=False)
    keys = f"sites/{site.pk}/keys"
    assert [row["name"] for row in find(keys, can_track="false")] == ["Only reads"]
    assert [row["name"] for row in find(keys, can_read="false", name="only")] == ["Only tracks"]
    assert [row["email"] for row in find("members", role="guest")] == ["bob@example.com"]
    assert [row["email"] for row in find("members", email="ALICE")] == ["alice@example.com"]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("members", {"role": "king"}),
        ("sites/{site}/keys", {"trusted": "perhaps"}),
        ("sites", {"account": "x"}),
        ("sites", {"account": "9" * 30}),
        ("sites", {"created_after": "yesterday"}),
        ("sites", {"domain": "\x00"}),
    ],
)
def test_an_invalid_filter_is_refused_by_name(path: str, asked: dict[str, str], api: Client, site: Site) -> None:
    assert set(get_fields(api.get("/api/v1/" + path.format(site=site.pk), asked))) == {*asked}
