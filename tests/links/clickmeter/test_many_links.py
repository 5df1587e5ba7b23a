"""Numbers of very many links are complete, or an error says that there are too many; never silently truncated."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Grant, Membership, Right, User
from links import link_statistics
from links.models import Datapoint
from links.services.conversions import conversion_create
from reports.query.analyses import link_hits
from tests.support.clickmeter_client import Program, use_account_key, use_own_key
from tests.support.links import Browser, create_link, flush_clicks, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
MANY = 2_300  # more than two conditions of the event store take


@pytest.fixture
def links(account: Account, alice: User) -> list[Datapoint]:
    """Very many links; the first, one in the middle and the last were clicked."""
    first = create_link(account, "first")
    Datapoint.objects.bulk_create(
        Datapoint(
            account=account, group=first.group, domain=first.domain, alias=f"m{number}",
            url="https://x.test/",
        )
        for number in range(MANY - 1)
    )  # fmt: skip
    refresh_caches()
    found = list(Datapoint.objects.order_by("pk"))
    for row in (found[0], found[1200], found[-1]):
        Browser().open(f"/l/{row.alias}")
    flush_clicks()
    return found


ASKED = (
    "/datapoints/aggregated?timeFrame=today&status=active", "/datapoints/aggregated?timeFrame=today&type=tl",
    "/groups/aggregated?timeFrame=today&status=active",
)  # fmt: skip


def clicks(program: Program, address: str) -> int:
    found = program.get(address)
    return (
        found.get("totalClicks", 0) if "rows" not in found else sum(row.get("totalClicks", 0) for row in found["rows"])
    )


def test_a_filter_that_matches_very_many_links_counts_them_all(account: Account, links: list[Datapoint]) -> None:
    owner = use_account_key(account)
    assert [clicks(owner, address) for address in ASKED] == [3, 3, 3]
    assert clicks(owner, "/datapoints/aggregated/list?timeFrame=today&type=tl&status=active") == 3
    assert clicks(owner, "/datapoints/aggregated?timeFrame=today&status=paused") == 0


def test_a_guest_of_very_many_links_sees_them_all(account: Account, bob: User, links: list[Datapoint]) -> None:
    member = Membership.objects.get(user=bob)
    Grant.objects.bulk_create(
        Grant(membership=member, kind="datapoint", object_id=row.pk, right=Right.READ) for row in links[1:]
    )
    program = use_own_key(member)
    assert program.get("/datapoints/count") == {"count": MANY - 1}
    assert clicks(program, "/aggregated?timeFrame=today") == 2
    assert clicks(program, "/datapoints/aggregated?timeFrame=today&status=active") == 2
    assert len(program.get("/clickstream")["rows"]) == len(program.get("/hits?timeframe=today")["hits"]) == 2
    summary = program.get(
        "/aggregated/summary/datapoints?timeFrame=today&type=tl&sortBy=totalClicks&sortDirection=desc"
    )
    assert [row.get("totalClicks", 0) for row in summary["result"]][:3] == [1, 1, 0] and summary["count"] == MANY - 1
    client = Client()
    client.force_login(bob)
    assert client.get("/links").status_code == client.get("/links/live").status_code == 200


def test_a_selection_of_too_many_links_is_an_error(
    account: Account, links: list[Datapoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_statistics, "MAX_FILTER_VALUES", 2_000)
    owner: Any = use_account_key(account)
    told = owner.get("/datapoints/aggregated?timeFrame=today&status=active", status=400)
    assert told["message"] == "This selects more than 2,000 links; narrow it by type, status, tag or favourite."
    assert clicks(owner, "/aggregated?timeFrame=today") == 3


def test_counts_of_very_many_links_are_complete(
    account: Account, links: list[Datapoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_statistics, "MAX_ROWS", 2)
    summary = use_account_key(account).get(
        "/aggregated/summary/datapoints?timeFrame=today&type=tl&sortBy=totalclicks&limit=1000"
    )
    assert sum(row.get("totalClicks", 0) for row in summary["result"]) == 0 and summary["count"] == MANY
    down = use_account_key(account).get(
        "/aggregated/summary/datapoints?timeFrame=today&sortBy=totalClicks&sortDirection=desc"
    )
    assert [row.get("totalClicks", 0) for row in down["result"][:4]] == [1, 1, 1, 0]


def test_the_clicks_of_a_conversion_are_paged_completely(
    account: Account, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more sales than one page of hits holds, none is left out."""
    monkeypatch.setattr(link_hits, "MAX_HITS", 4)
    sale = conversion_create(account=account, name="Sale")
    create_link(account, "one", url="https://shop.test/?s=[s2sidentifier]", conversions=[sale])
    for number in range(10):
        word = Browser(ip=f"198.51.100.{number}").open("/l/one").location.partition("=")[2]
        Browser().open(f"/s2s?clickId={word}&id={sale.code}&val=10&param=A{number}")
        Browser(ip=f"198.51.100.{number}").open("/l/one")
    flush_clicks()
    program, seen, last = use_account_key(account), [], ""
    while True:
        page = program.get(f"/conversions/{sale.pk}/hits?timeframe=today&limit=3&offset={last}")
        seen += [hit["id"] for hit in page["hits"]]
        last = page.get("lastKey", "")
        if not last:
            break
    assert len(seen) == len(set(seen)) == 10
    assert len(program.get(f"/conversions/{sale.pk}/hits?timeframe=today&filter=nonuniques")["hits"]) == 0
    assert program.get(f"/conversions/{sale.pk}/hits?timeframe=yesterday")["hits"] == []
