"""The resources of the management API: each is listed, created, shown, changed and deleted as its pages do it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, User
from reports.sharing.models import Share
from sites.models import Site
from tests.values import require

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Case:
    """A resource: a body that creates a row, one that changes it (none: it cannot be changed), and bodies that are
    refused, each with the sentence of its page."""

    path: str
    body: dict[str, Any]
    _: KW_ONLY
    change: dict[str, Any] | None = None
    refused: tuple[tuple[dict[str, Any], str], ...] = ()

    def __str__(self) -> str:
        return self.path.rpartition("/")[2]


WHERE = [{"dimension": "country", "operator": "is", "value": ["EE"]}]
CASES = (
    Case(
        "sites/{site}/goals",
        {"name": "Order", "kind": "page", "pattern": "/thanks", "fixed_revenue": "9.5000", "currency": "EUR"},
        change={"name": "Paid order", "pattern_kind": "wildcard", "pattern": "/thanks*"},
        refused=(
            ({"name": "x", "kind": "page"}, "Give the path of a page, for example /thanks or /order/*."),
            ({"name": "x", "kind": "scroll"}, "Give a number of percent from 1 to 100."),
            ({"name": "Order", "pattern": "/"}, "Goal with this Site and Name already exists."),
        ),
    ),
    Case(
        "sites/{site}/funnels",
        {"name": "Checkout", "steps": [{"page": "/cart"}, {"page": "/thanks"}], "strict": True},
        change={"steps": [{"page": "/cart"}, {"page": "/pay"}, {"page": "/thanks"}]},
        refused=(
            ({"name": "x", "steps": [{"page": "/"}]}, "A funnel has 2 to 8 steps."),
            (
                {"name": "x", "steps": [{"page": "cart"}, {"page": "/"}]},
                "“cart” is not a page: write a path such as /cart, or begin with * for anything.",
            ),
        ),
    ),
    Case(
        "sites/{site}/segments",
        {"name": "Estonia", "filter": WHERE, "shared": True},
        change={"name": "From Estonia"},
        refused=(({"name": "x", "filter": []}, "A segment needs a filter."),),
    ),
    Case(
        "sites/{site}/annotations",
        {"at": "2026-03-02T08:00:00Z", "text": "New prices"},
        change={"text": "New prices, at last"},
    ),
    Case(
        "sites/{site}/shares",
        {"name": "Client", "embed": True},
        refused=(
            (
                {"name": "x", "embed": True, "password": "a long enough word"},
                "A link with a password cannot be embedded: frames cannot log in.",
            ),
            ({"name": "x", "expires": "2020-01-01T00:00:00Z"}, "This day is over already."),
        ),
    ),
    Case("digests", {"frequency": "month", "sites": [], "attach_csv": True}, change={"frequency": "day"}),
)


@pytest.fixture
def client(alice: User, site: Site) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def send(client: Client, method: str, path: str, data: object = None) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", data, content_type="application/json")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_row_is_created_listed_shown_changed_and_deleted(case: Case, client: Client, site: Site) -> None:
    path = case.path.format(site=site.pk)
    created = send(client, "post", path, case.body)
    assert created.status_code == 201, created.json()
    assert {name: created.json()[name] for name in case.body} == case.body
    one = f"{path}/{created.json()['id']}"
    assert created.json() in send(client, "get", path).json()["results"]
    assert send(client, "get", one).json() == created.json()
    changed = send(client, "patch", one, case.change or {})
    if case.change is None:
        assert changed.status_code == 405
    else:
        assert changed.json() == {**created.json(), **case.change}
        assert send(client, "get", one).json() == changed.json()
    assert send(client, "delete", one).status_code == 204
    assert send(client, "get", one).status_code == send(client, "delete", one).status_code == 404
    assert send(client, "get", path).json()["results"] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.refused], ids=str)
def test_what_a_page_refuses_is_refused_with_its_sentence(case: Case, client: Client, site: Site) -> None:
    path = case.path.format(site=site.pk)
    send(client, "post", path, case.body)
    for body, sentence in case.refused:
        answer = send(client, "post", path, body)
        assert answer.status_code == 400 and sentence in answer.json()["error"]["message"], answer.json()


def test_lists_are_filtered(client: Client, site: Site) -> None:
    for name, kind in (("Order", "page"), ("Signup", "event")):
        send(client, "post", f"sites/{site.pk}/goals", {"name": name, "kind": kind, "pattern": "/x"})
    found = send(client, "get", f"sites/{site.pk}/goals?kind=event&active=true").json()["results"]
    assert [row["name"] for row in found] == ["Signup"]
    assert send(client, "get", f"sites/{site.pk}/goals?colour=red").status_code == 400


def test_a_reader_has_segments_of_their_own_and_shares_none(client: Client, site: Site, bob: User) -> None:
    shared = send(client, "post", f"sites/{site.pk}/segments", {"name": "All", "filter": WHERE, "shared": True}).json()
    reader = Client()
    reader.force_login(bob)
    path = f"sites/{site.pk}/segments"
    own = send(reader, "post", path, {"name": "Mine", "filter": WHERE}).json()
    refused = send(reader, "post", path, {"name": "Ours", "filter": WHERE, "shared": True})
    assert "Only those who may edit the site can share a segment." in refused.json()["error"]["message"]
    assert [row["id"] for row in send(reader, "get", path).json()["results"]] == [shared["id"], own["id"]]
    assert [row["id"] for row in send(client, "get", path).json()["results"]] == [shared["id"]]
    assert send(reader, "delete", f"{path}/{shared['id']}").status_code == 404
    assert send(reader, "delete", f"{path}/{own['id']}").status_code == 204


def test_the_accounts_key_has_shared_segments_only(account: Account, site: Site) -> None:
    program = Client(headers={"Authorization": f"Bearer {account.authkey}"})
    refused = send(program, "post", f"sites/{site.pk}/segments", {"name": "x", "filter": WHERE})
    assert "The account's key has no segments of its own; send true." in refused.json()["error"]["message"]


def test_the_address_of_a_shared_link_opens_its_report_and_no_longer_once_revoked(client: Client, site: Site) -> None:
    body = {"name": "Client", "password": "a long enough word"}
    made = send(client, "post", f"sites/{site.pk}/shares", body).json()
    assert made["has_password"] and "password" not in made
    assert require(Share.objects.first()).token in made["url"]
    assert Client().get(made["url"]).status_code == 200
    send(client, "delete", f"sites/{site.pk}/shares/{made['id']}")
    assert Client().get(made["url"]).status_code == 404


def test_digests_are_a_persons_and_no_keys(account: Account, client: Client, site: Site) -> None:
    send(client, "post", "digests", {"frequency": "day"})
    answer = Client(headers={"Authorization": f"Bearer {account.authkey}"}).get("/api/v1/digests")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Digests belong to a person; an authkey has none."
