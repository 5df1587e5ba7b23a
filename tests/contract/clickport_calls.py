"""Which calls of Clickport's endpoints are recorded, and with which keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from reports.clickport.breakdowns import TECH
from reports.clickport.vocabulary import CLICKPORT_DIMENSIONS, METRIC_NAMES
from tests.reports.clickport import test_query_endpoint as queries

DAYS = {"start_date": "2026-03-28", "end_date": "2026-03-30"}  # the 29th has the traffic; the end is exclusive
NONSENSE = "nonsense"
BAD_BODIES, NO_BODIES = queries.BAD_BODIES, queries.NO_BODIES
PEOPLE = ("stranger", "no key", "unknown key", "key that only tracks")


class ClickportCall(NamedTuple):
    """One call; `who` names the key."""

    who: str
    method: str
    given: Any


def list_reads(address: str) -> Iterator[tuple[str, ClickportCall]]:
    """The calls of an endpoint that is read with GET."""
    yield "good", ClickportCall("reader", "get", DAYS)
    yield "good, without days", ClickportCall("reader", "get", {})
    yield (
        "good, a day without visits",
        ClickportCall("reader", "get", {"start_date": "2026-01-01", "end_date": "2026-01-02"}),
    )
    yield (
        "good, one row",
        ClickportCall("reader", "get", {**DAYS, "limit": "1", "offset": "1", "timezone": "Asia/Tokyo"}),
    )
    for kind in TECH if address == "api/tech" else ():
        yield f"good, {kind}", ClickportCall("reader", "get", {**DAYS, "type": kind})
    for unit in ("hour", "minute") if address == "api/ledger" else ():
        yield f"good, by {unit}", ClickportCall("reader", "get", {"start_date": "2026-03-29", "end_date": "2026-03-30",
                                                          "interval": unit})  # fmt: skip
    for name in ("start_date", "end_date", "timezone", "limit", "offset", "type", "interval"):
        yield f"bad, {name}", ClickportCall("reader", "get", {**DAYS, name: NONSENSE})
    yield (
        "bad, days in the wrong order",
        ClickportCall("reader", "get", {"start_date": "2026-03-02", "end_date": "2026-03-01"}),
    )
    yield "bad, method", ClickportCall("reader", "post", {})
    for who in PEOPLE:
        yield who, ClickportCall(who, "get", DAYS)


def list_queries() -> Iterator[tuple[str, ClickportCall]]:
    """Questions to /api/query beside one for each metric and dimension."""
    one = {"dimension": "country", "operator": "is", "value": "EE"}
    other = {"dimension": "source", "operator": "contains", "value": "oog"}
    pages = {"metrics": ["visitors", "pageviews"], "dimensions": ["page"]}
    good: dict[str, Any] = {
        "empty": {}, "totals": {"metrics": ["visitors", "sessions", "bounce_rate", "revenue"]}, "pages": pages,
        "two dimensions": {"metrics": ["sessions"], "dimensions": ["country", "source"]},
        "days": {"metrics": ["visitors"], "dimensions": ["date"], "period": "7d"},
        "days said": {"date_range": {"start": "2026-03-29", "end": "2026-03-30"}},
        "ordered": {**pages, "order_by": "pageviews", "order_dir": "asc", "limit": 1, "offset": 1},
        "filtered": {"filters": [one, other]}, "any": {"filters": [{"or": [one, other]}]},
        "not": {"filters": [{"not": one}]}, "compared": {**pages, "include_comparison": True},
        "compared totals": {"include_comparison": True}, "goal": {"filters": [{"goal": 2}]},
        "another zone": {"timezone": "Asia/Kathmandu", "nonsense": 1},
    }  # fmt: skip
    for name, body in good.items():
        yield f"good, {name}", ClickportCall("reader", "post", {"period": "yesterday", **body})
    for number, (body, where) in enumerate(BAD_BODIES, 1):
        yield f"bad, {number}: {where}", ClickportCall("reader", "post", body)
    for number, raw in enumerate(one for one in NO_BODIES if len(one) < 100):
        yield f"bad, no object {number + 1}", ClickportCall("reader", "post", raw)
    yield "bad, goal of nobody", ClickportCall("reader", "post", {"filters": [{"goal": 987_654_321}]})
    yield "bad, method", ClickportCall("reader", "get", {})
    for who in PEOPLE:
        yield who, ClickportCall(who, "post", {"period": "yesterday", **pages})
    yield "stranger, goal", ClickportCall("stranger", "post", {"filters": [{"goal": 2}]})


def list_metrics() -> Iterator[tuple[str, ClickportCall]]:
    """Each metric alone, by pages, and compared."""
    for name in sorted(METRIC_NAMES):
        asked = {"period": "yesterday", "metrics": [name], "include_comparison": True}
        yield name, ClickportCall("reader", "post", asked)


def list_dimensions() -> Iterator[tuple[str, ClickportCall]]:
    """Visitors by each dimension."""
    for name in sorted(CLICKPORT_DIMENSIONS):
        yield (
            name,
            ClickportCall("reader", "post", {"period": "yesterday", "metrics": ["visitors"], "dimensions": [name]}),
        )
