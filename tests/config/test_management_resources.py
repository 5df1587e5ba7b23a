"""The resources of the management API: each is listed, created, shown, changed and deleted as its pages do it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from accounts.exports.models import Export
from accounts.models import Account, Invitation, User
from accounts.notices.kinds import QUOTA_USED
from accounts.notices.services import notify
from accounts.services.clients import client_create
from accounts.sso.models import SsoConnection, SsoDomain
from links.services.guests import guest_create
from reports.agency.services import site_template_create
from reports.sharing.models import Share
from sites.models import Site
from sites.uptime.models import Incident, Monitor
from sites.uptime.services import monitor_create
from tests.permissions.routes import list_patterns
from tests.values import require

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Case:
    """A resource: a body that creates a row, one that changes it (none: it cannot be changed), and bodies that are
    refused, each with the sentence of its page."""

    path: str
    body: dict[str, Any]
    _: KW_ONLY
    more: dict[str, Any] | None = None  # of the body, which is not answered
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
            ({"name": "x", "expires": "2020-01-01T00:00:00Z"}, "This time has passed already."),
        ),
    ),
    Case(
        "sites/{site}/monitors",
        {"url": "https://a.example/", "name": "Shop", "interval": 300},
        change={"name": "The shop", "enabled": False},
        refused=(
            ({"url": "https://a.example/", "interval": 5}, "Choose 30 to 3600 seconds."),
            ({"url": "ftp://a.example/"}, "Enter a valid URL."),
            ({"url": "https://me:word@a.example/"}, "The address must not contain a name and password"),
            ({"url": "https://a.example/", "headers": {"X": "••••••••"}}, "Enter the values of these headers: X."),
        ),
    ),
    Case(
        "sites/{site}/alerts",
        {"name": "Down", "condition": "uptime", "channels": [], "throttle_minutes": 5},
        change={"name": "The shop is down", "enabled": False},
        refused=(
            ({"name": "x", "condition": "quota", "parameters": {"percent": ""}}, "percent: This field is required."),
            ({"name": "x", "condition": "nonsense"}, "is not a valid choice."),
            ({"name": "x", "condition": "uptime", "parameters": {"a": 1}}, "a: There is no such parameter."),
        ),
    ),
    Case(
        "channels",
        {"kind": "webhook", "name": "Hook", "quiet_from": "22:00:00"},
        more={"target": "https://a.example/secret"},
        change={"name": "Hooks"},
        refused=(
            ({"kind": "email", "name": "x", "target": "me"}, "This is not an e-mail address."),
            ({"kind": "webhook", "name": "x", "target": "a.example"}, "it starts with https://."),
            ({"kind": "slack", "name": "x", "target": "http://a.example/"}, "Slack's hooks start with https://"),
        ),
    ),
    Case(
        "links",
        {"url": "https://a.example/", "alias": "spring", "title": "Spring", "tags": ["new"], "cost": "0.5000"},
        change={"url": "https://b.example/", "status": 1, "tags": []},
        refused=(
            ({"url": "https://a.example/", "alias": "spring"}, "an alias is never reused, not even after deletion."),
            ({"url": "https://a.example/", "group": 987654321}, "Specified group does not exist."),
        ),
    ),
    Case(
        "link-groups",
        {"name": "Spring", "tags": ["new"], "redirect_only": True},
        change={"name": "Summer", "tags": ["old"]},
        refused=(({"name": " "}, "may not be blank"),),
    ),
    Case("link-tags", {"name": "new"}, change={"name": "newer"}),
    Case(
        "link-conversions",
        {"name": "Order", "value": "10.00", "currency": "EUR", "window_days": 60},
        change={"name": "Sale"},
    ),
    Case(
        "link-domains",
        {"name": "go.example.org", "custom_404": "https://example.org/"},
        change={"custom_homepage": "https://example.org/"},
        refused=(({"name": "go.example.org"}, "go.example.org is in use already."),),
    ),
    Case("link-scripts", {"name": "Pixel", "script": "track()"}, change={"script": "track('click')"}),
    Case(
        "link-lists",
        {"listing": "blacklist", "value": "192.0.2.0/24"},
        refused=(({"listing": "whitelist", "value": "x y"}, "is not a host name such as example.com."),),
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
    created = send(client, "post", path, {**case.body, **(case.more or {})})
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
    assert created.json()["id"] not in [row["id"] for row in send(client, "get", path).json()["results"]]


@pytest.mark.parametrize("case", [case for case in CASES if case.refused], ids=str)
def test_what_a_page_refuses_is_refused_with_its_sentence(case: Case, client: Client, site: Site) -> None:
    path = case.path.format(site=site.pk)
    send(client, "post", path, {**case.body, **(case.more or {})})
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


def test_a_headers_value_is_never_answered_and_not_sent_to_another_host(client: Client, site: Site) -> None:
    path = f"sites/{site.pk}/monitors"
    made = send(client, "post", path, {"url": "https://a.example/", "headers": {"Authorization": "word"}}).json()
    assert made["headers"] == {"Authorization": "••••••••"}
    kept = send(client, "patch", f"{path}/{made['id']}", {"headers": made["headers"], "name": "x"})
    assert kept.status_code == 200 and require(Monitor.objects.first()).headers == {"Authorization": "word"}
    moved = send(client, "patch", f"{path}/{made['id']}", {"url": "https://b.example/"})
    assert "Enter the values of these headers again: Authorization." in moved.json()["error"]["message"]


def test_incidents_are_filtered_by_whether_they_are_over(client: Client, site: Site) -> None:
    monitor = monitor_create(site=site, url="https://a.example/")
    now = timezone.now()
    past = Incident.objects.create(monitor=monitor, start=now - timedelta(hours=2), end=now, cause="Status 502")
    present = Incident.objects.create(monitor=monitor, start=now, cause="Status 500")
    for query, wanted in (("", [present, past]), ("?open=true", [present]), ("?open=false", [past])):
        found = send(client, "get", f"sites/{site.pk}/incidents{query}").json()["results"]
        assert [row["id"] for row in found] == [row.pk for row in wanted]


def test_an_alert_keeps_its_condition_and_takes_its_parameters(client: Client, site: Site) -> None:
    path = f"sites/{site.pk}/alerts"
    made = send(client, "post", path, {"name": "Quota", "condition": "quota", "parameters": {"percent": 90}}).json()
    assert made["parameters"] == {"percent": 90.0}
    changed = send(client, "patch", f"{path}/{made['id']}", {"parameters": {"percent": "many"}})
    assert "percent: Enter a number." in changed.json()["error"]["message"]
    assert send(client, "patch", f"{path}/{made['id']}", {"condition": "uptime"}).status_code == 400


def test_an_address_of_a_stranger_is_asked_to_confirm_before_anything_is_sent(
    client: Client, site: Site, mailoutbox: list[Any]
) -> None:
    made = send(client, "post", "channels", {"kind": "email", "name": "x", "target": "zoe@example.org"}).json()
    assert made["waits_for_confirmation"] and [mail.to for mail in mailoutbox] == [["zoe@example.org"]]
    refused = send(client, "post", f"channels/{made['id']}/test")
    assert "until its recipient has confirmed it" in refused.json()["error"]["message"]
    assert send(client, "post", f"channels/{made['id']}/confirmation").json()["done"] and len(mailoutbox) == 2


def test_a_hooks_secret_is_replaced(client: Client, site: Site) -> None:
    body = {"kind": "webhook", "name": "x", "target": "https://a.example/"}
    path = f"channels/{send(client, 'post', 'channels', body).json()['id']}/secret"
    before = send(client, "get", path).json()["secret"]
    after = send(client, "post", path).json()["secret"]
    assert before != after == send(client, "get", path).json()["secret"]


def vary(body: dict[str, Any], number: int) -> dict[str, Any]:
    """The body of another row: with another name, alias or value."""
    words: dict[str, Any] = {name: f"{number}-{body[name]}" for name in ("name", "alias", "text") if name in body}
    return {**body, **words, **({"value": f"192.0.2.{number}"} if "listing" in body else {})}


def count_list_queries(client: Client, path: str) -> int:
    client.get(f"/api/v1/{path}?limit=1000")  # what is looked up once after a change is known from now on
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(f"/api/v1/{path}?limit=1000")
    assert answer.status_code == 200
    return len(captured)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_list_of_many_rows_needs_no_more_queries_than_one_of_few(case: Case, client: Client, site: Site) -> None:
    path, counts = case.path.format(site=site.pk), []
    for numbers in (range(2), range(2, 6)):
        for number in numbers:
            made = send(client, "post", path, vary({**case.body, **(case.more or {})}, number))
            assert made.status_code == 201, made.json()
        counts.append(count_list_queries(client, path))
    assert counts[0] == counts[1]
    assert len(send(client, "get", path).json()["results"]) >= 6


def test_lists_with_rows_of_their_own_need_as_many_queries_for_many(
    client: Client, account: Account, site: Site
) -> None:
    monitor, now = monitor_create(site=site, url="https://a.example/"), timezone.now()
    paths, counts = ["invitations", "notices", "exports", "sso/domains", "clients", "site-templates"], []
    paths.append(f"sites/{site.pk}/incidents")
    connection = SsoConnection.objects.create(account=account, issuer="https://a.example", client_id="c")
    for numbers in (range(3), range(3, 13)):
        for number in numbers:
            Incident.objects.create(monitor=monitor, start=now, end=now + timedelta(hours=number), cause="Status 502")
            guest = guest_create(account=account, email=f"p{number}@example.org")
            Invitation.objects.create(account=account, email=f"i{number}@example.org", membership=guest)
            asked = {"kind": "report", "site": site.pk, "table": "page"}
            assert send(client, "post", "exports", asked).status_code == 202
            notify(QUOTA_USED, {"quota": number, "what": "links", "consequence": ""}, account=account)
            SsoDomain.objects.create(connection=connection, domain=f"d{number}.example")
            client_create(agency=account, name=f"C{number}")
            site_template_create(agency=account, name=f"T{number}", site=site)
        Export.objects.update(state="done", file="a.csv", finished=now)  # whose links are in the list
        counts.append([count_list_queries(client, path) for path in paths])
    assert counts[0] == counts[1]


# Lists whose queries are counted above by rows of their own, in test_list_query_counts.py, or in test_widget_pages.py
COUNTED = {"sites/<int:site_id>/incidents", "invitations", "notices", "exports", "sso/domains", "clients"}
COUNTED |= {"site-templates"}
# tests/accounts/test_installation_api.py
COUNTED |= {f"installation/{rows}" for rows in ("plans", "accounts", "billing-webhooks", "billing-deliveries")}
COUNTED |= {"audit-log", "sites", "sites/<int:site_id>/keys", "members", "exposed-keys"}
COUNTED |= {"sites/<int:site_id>/open-widgets"}


def is_list_view(view: type) -> bool:
    """Whether this is one of DRF's generic views that list rows; a view set says so for each of its addresses."""
    return issubclass(view, ListModelMixin) and not issubclass(view, GenericViewSet)


def test_every_list_of_the_api_has_its_queries_counted() -> None:
    lists = set()
    for route, pattern in list_patterns():
        view: Any = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        is_list = getattr(pattern.callback, "actions", {}).get("get") == "list"
        if view and route.startswith("api/v1/") and (is_list or is_list_view(view)):
            lists.add(route.removeprefix("api/v1/"))
    assert lists == {case.path.replace("{site}", "<int:site_id>") for case in CASES} | COUNTED
