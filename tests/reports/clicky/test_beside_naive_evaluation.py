"""visitors-list and segmentation equal a naive evaluation of the list of visits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sites.models import Site
from tests.support import record, visit
from tests.support.clicky_client import Clicky
from tests.support.turns import count_examples
from tests.support.types import Store
from tracking import store as event_store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
PAGES = ("/", "/a", "/b", "/blog/x")
COUNTRIES = ("EE", "DE", "")
TITLES = {"EE": "Estonia", "DE": "Germany"}


@dataclass(frozen=True)
class Visit:
    """One visit as plain data."""

    number: int
    visitor: int
    country: str
    channel: str
    pages: tuple[str, ...]

    @property
    def at(self) -> datetime:
        return NOON + timedelta(minutes=self.number)


visits = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(COUNTRIES),
        st.sampled_from(("Direct", "Organic Search")),
        st.lists(st.sampled_from(PAGES), min_size=1, max_size=4).map(tuple),
    ),
    min_size=0,
    max_size=12,
).map(lambda rows: [Visit(n + 1, *row) for n, row in enumerate(rows)])
filters = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(("Estonia", "DE")),
        "source": st.sampled_from(("direct", "searches")),
        "href": st.sampled_from((*PAGES, "/blog/*")),
        "landing": st.sampled_from(PAGES),
        "exit": st.sampled_from(PAGES),
        "num_actions": st.sampled_from(("1", "2,", ",3", "2,3")),
    },
)


def holds(one: Visit, asked: dict[str, str]) -> bool:
    """Whether a visit satisfies all filters, read off the plain data."""
    least, _, most = asked.get("num_actions", ",").partition(",")
    if "," not in asked.get("num_actions", ","):
        most = least
    tests: dict[str, Callable[[str], bool]] = {
        "country": lambda value: one.country in (value, {"Estonia": "EE"}.get(value)),
        "source": lambda value: one.channel == {"direct": "Direct", "searches": "Organic Search"}[value],
        "href": lambda value: any(p.startswith(value[:-1]) if value.endswith("*") else p == value for p in one.pages),
        "landing": lambda value: one.pages[0] == value,
        "exit": lambda value: one.pages[-1] == value,
        "num_actions": lambda value: int(least or 0) <= len(one.pages) <= int(most or 99),
    }
    return all(tests[name](value) for name, value in asked.items())


def stored(site: Site, rows: list[Visit]) -> None:
    event_store.truncate()
    events = [
        event
        for one in rows
        for event in visit(
            site, *one.pages, at=one.at, visitor=one.visitor, visit=one.number, country=one.country,
            channel=one.channel, step=timedelta(seconds=1),
        )
    ]  # fmt: skip
    if events:
        record(*events)


@settings(max_examples=count_examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=visits, asked=filters, size=st.integers(1, 5))
def test_pages_and_filters_of_visitors_equal_a_naive_evaluation(
    site: Site, store: Store, rows: list[Visit], asked: dict[str, str], size: int
) -> None:
    stored(site, rows)
    expected = [str(one.number) for one in reversed(rows) if holds(one, asked)]
    clicky, found = Clicky(site), []
    for page in range(1, len(rows) + 3):
        items = clicky.items("visitors-list", date="yesterday", limit=size, page=page, **asked)
        found += [item["session_id"] for item in items]
        if len(items) < size:
            break
    assert found == expected


@settings(max_examples=count_examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=visits, asked=filters)
def test_segments_equal_a_naive_evaluation(site: Site, store: Store, rows: list[Visit], asked: dict[str, str]) -> None:
    stored(site, rows)
    chosen = [one for one in rows if holds(one, asked)]
    blocks = Clicky(site).json(
        "segmentation", segments="visitors,visitors-unique,actions,countries", date="yesterday", **asked
    )
    values = [block["dates"][0]["items"] for block in blocks]
    assert values[0] == [{"value": str(len(chosen))}]
    assert values[1] == [{"value": str(len({one.visitor for one in chosen}))}]
    assert values[2] == [{"value": str(sum(len(one.pages) for one in chosen))}]
    counts = {code: sum(one.country == code for one in chosen) for code in COUNTRIES}
    expected = {TITLES.get(code, "Unknown"): str(n) for code, n in counts.items() if n}
    assert {item["title"]: item["value"] for item in values[3]} == expected
