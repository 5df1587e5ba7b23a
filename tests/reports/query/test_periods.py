"""Named periods, clock changes, gaps, comparisons, order, totals and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reports.query import Period, Query, QueryRefused, ask
from reports.query.periods import find_comparison_period
from reports.query.timezones import Clock
from tests.support import event
from tests.support.mapped_goals import MappedGoals
from tests.support.types import Store

SITE = 800_000_001
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
NAMES = MappedGoals({}, {4: {"dimension": "country", "operator": "is", "value": "EE"}, 5: {"segment": 5}})


def utc(year: int, month: int, day: int, *more: int) -> datetime:
    hour, minute, second = (*more, 0, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", utc(2026, 3, 2), utc(2026, 3, 3)),
        ("yesterday", utc(2026, 3, 1), utc(2026, 3, 2)),
        ("7d", utc(2026, 2, 24), utc(2026, 3, 3)),
        ("30d", utc(2026, 2, 1), utc(2026, 3, 3)),
        ("12m", utc(2025, 4, 1), utc(2026, 3, 3)),
        ("this-week", utc(2026, 3, 2), utc(2026, 3, 9)),
        ("last-week", utc(2026, 2, 23), utc(2026, 3, 2)),
        ("this-month", utc(2026, 3, 1), utc(2026, 4, 1)),
        ("last-month", utc(2026, 2, 1), utc(2026, 3, 1)),
        ("this-year", utc(2026, 1, 1), utc(2027, 1, 1)),
        ("2026-02-27..2026-02-28", utc(2026, 2, 27), utc(2026, 3, 1)),
        ("2026-02-28", utc(2026, 2, 28), utc(2026, 3, 1)),
    ],
)
def test_named_periods_have_the_expected_days(text: str, start: datetime, end: datetime) -> None:
    period = Period.parse(text, "UTC", NOW)
    assert (period.start, period.end, period.name) == (start, end, text)


def test_realtime_is_the_current_minute_and_the_twenty_nine_before_it() -> None:
    period = Period.parse("realtime", "UTC", NOW + timedelta(seconds=20))
    assert (period.start, period.end) == (NOW - timedelta(minutes=29), NOW + timedelta(seconds=21))
    assert len(Clock(period).minutes()) == 30


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Tallinn", 23), ("2026-10-25", "Europe/Tallinn", 25),
        ("2026-03-02", "Asia/Kathmandu", 24), ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2026-10-04", "Australia/Lord_Howe", 23.5), ("2011-12-29", "Pacific/Apia", 24),
        ("2026-03-08", "America/St_Johns", 23), ("2018-11-04", "America/Sao_Paulo", 23),
    ],
)  # fmt: skip
def test_a_day_of_a_clock_change_has_23_or_25_hours(day: str, zone: str, hours: float) -> None:
    period = Period.parse(day, zone, NOW)
    assert (period.end - period.start) == timedelta(hours=hours)
    assert len(Clock(period).hours()) in (int(hours), int(hours) + 1)
    assert len(set(Clock(period).hours())) == len(Clock(period).hours())


def test_a_skipped_day_is_rejected_with_a_message() -> None:
    with pytest.raises(QueryRefused, match="never happened in Pacific/Apia"):
        Period.parse("2011-12-30", "Pacific/Apia", NOW)
    assert [day.day for day in Clock(Period.parse("2011-12-28..2012-01-01", "Pacific/Apia", NOW)).days()] == [
        28, 29, 31, 1,
    ]  # fmt: skip


def put(store: Store, *moments: tuple[datetime, dict[str, Any]]) -> None:
    store.insert_rows(
        "events", [event(SITE, fields.pop("path", "/"), at=at, visit=index + 1, visitor=index, **fields)
                   for index, (at, fields) in enumerate(moments)],
    )  # fmt: skip


def query(period: str = "today", zone: str = "UTC", **fields: Any) -> Query:
    fields.setdefault("metrics", ("views",))
    return Query(sites=(SITE,), period=Period.parse(period, zone, NOW), **fields)


def test_a_repeated_hour_of_a_clock_change_has_two_rows(store: Store) -> None:
    put(store, (utc(2026, 10, 25, 0, 30), {}), (utc(2026, 10, 25, 1, 30), {}), (utc(2026, 10, 25, 1, 40), {}))
    later = utc(2026, 10, 26)
    rows = ask(query("2026-10-25", "Europe/Tallinn", dimensions=("hour",)), now=later, source=NAMES).rows
    assert len(rows) == 25
    counted = {row["hour"]: row["views"] for row in rows if row["views"]}
    assert counted == {"2026-10-25T03:00:00+03:00": 1, "2026-10-25T03:00:00+02:00": 2}


def test_empty_buckets_are_filled_up_to_now(store: Store) -> None:
    put(store, (utc(2026, 3, 2, 3, 30), {}), (utc(2026, 3, 1, 3, 30), {}))
    rows = ask(query("this-week", dimensions=("day",)), now=NOW, source=NAMES).rows
    assert rows == [{"day": "2026-03-02", "views": 1}]
    week = ask(query("7d", dimensions=("day",), metrics=("views", "bounce_rate")), now=NOW, source=NAMES).rows
    assert [row["views"] for row in week] == [0, 0, 0, 0, 0, 1, 1]
    assert week[0] == {"day": "2026-02-24", "views": 0, "bounce_rate": None}
    assert len(ask(query(dimensions=("hour",)), now=NOW, source=NAMES).rows) == 13
    bare = ask(query("7d", dimensions=("day",), fill=False), now=NOW, source=NAMES).rows
    assert [row["day"] for row in bare] == ["2026-03-01", "2026-03-02"]


def test_all_time_begins_with_the_first_event(store: Store) -> None:
    put(store, (utc(2026, 1, 2), {}))
    rows = ask(query("all", dimensions=("month",)), now=NOW, source=NAMES).rows
    assert [(row["month"], row["views"]) for row in rows] == [("2026-01", 1), ("2026-02", 0), ("2026-03", 0)]


def test_an_unfinished_day_is_compared_with_the_same_part_of_the_other(store: Store) -> None:
    today = Period.parse("today", "UTC", NOW)
    assert find_comparison_period(today, "previous", NOW).end == utc(2026, 3, 1, 12)
    assert find_comparison_period(today, "weekday", NOW).start == utc(2026, 2, 23)
    assert find_comparison_period(Period.parse("yesterday", "UTC", NOW), "year", NOW).start == utc(2025, 3, 1)
    assert find_comparison_period(Period.parse("30d", "UTC", NOW), "weekday", NOW).start == utc(2026, 2, 1) - timedelta(
        days=35
    )
    moments = (utc(2026, 3, 2, 10), utc(2026, 3, 1, 10), utc(2026, 3, 1, 11), utc(2026, 3, 1, 13))
    put(store, *((moment, {}) for moment in moments))
    result = ask(query(compare="previous"), now=NOW, source=NAMES)
    assert (result.rows, result.comparison) == ([{"views": 1}], {"views": 2})


def test_a_comparison_has_one_row_for_each_row(store: Store) -> None:
    put(store, (NOW, {"country": "EE"}), (NOW, {"country": "EE"}), (NOW, {"country": "DE"}),
        (NOW - timedelta(days=1), {"country": "DE"}), (NOW - timedelta(days=1), {"country": "FI"}))  # fmt: skip
    late = NOW + timedelta(hours=5)
    result = ask(query(dimensions=("country",), compare="previous", totals=True), now=late, source=NAMES)
    assert result.rows == [{"country": "EE", "views": 2}, {"country": "DE", "views": 1}]
    assert result.comparison == [{"country": "EE", "views": 0}, {"country": "DE", "views": 1}]
    assert result.totals == {"views": 3}


def test_order_by_several_keys_and_pages_that_do_not_overlap(store: Store) -> None:
    for number in range(6):
        put(store, *[(NOW, {"path": f"/{number % 3}", "country": str(number)})])
    order = (("views", "desc"), ("page", "desc"))
    rows = ask(query(dimensions=("page",), order=order), now=NOW, source=NAMES).rows
    assert [row["page"] for row in rows] == ["/2", "/1", "/0"]
    pages = [ask(query(dimensions=("country",), limit=2, offset=n), now=NOW, source=NAMES).rows for n in (0, 2, 4)]
    assert [row["country"] for page in pages for row in page] == ["0", "1", "2", "3", "4", "5"]
    found = ask(query(dimensions=("page",), search="2"), now=NOW, source=NAMES).rows
    assert [row["page"] for row in found] == ["/2"]


def test_a_segment_is_replaced_by_its_filter_and_a_recursive_one_is_rejected(store: Store) -> None:
    put(store, (NOW, {"country": "EE"}), (NOW, {"country": "DE"}))
    assert ask(query(where={"segment": 4}), now=NOW, source=NAMES).rows == [{"views": 1}]
    with pytest.raises(QueryRefused, match="circle"):
        ask(query(where={"segment": 5}), now=NOW, source=NAMES)


def test_amounts_of_two_currencies_are_never_added(store: Store) -> None:
    put(store, (NOW, {"kind": "event", "revenue": "10", "currency": "EUR"}),
        (NOW, {"kind": "event", "revenue": "10", "currency": "EUR"}),
        (NOW, {"kind": "event", "revenue": "500", "currency": "USD"}),
        (NOW, {"kind": "event", "revenue": "-4", "currency": "EUR"}))  # fmt: skip
    result = ask(query(metrics=("revenue", "avg_order", "refunds")), now=NOW, source=NAMES)
    assert result.rows == [{"revenue": Decimal(16), "avg_order": Decimal(10), "refunds": Decimal(4)}]
    assert (result.meta.currency, result.meta.other_currencies) == ("EUR", {"USD": Decimal(500)})
    by = ask(query(metrics=("revenue",), dimensions=("currency",)), now=NOW, source=NAMES).rows
    assert by == [{"currency": "USD", "revenue": Decimal(500)}, {"currency": "EUR", "revenue": Decimal(16)}]
    whole = ask(
        query(metrics=("revenue", "avg_order", "events"), dimensions=("currency",), totals=True),
        now=NOW, source=NAMES,
    )  # fmt: skip
    assert whole.totals == {"revenue": None, "avg_order": None, "events": 4}


def test_a_result_is_cached_until_its_data_changes(store: Store) -> None:
    put(store, (NOW, {}))
    first = ask(query(), now=NOW, source=NAMES)
    again = ask(query(), now=NOW, source=NAMES)
    assert (first.meta.cached, again.meta.cached, again.rows) == (False, True, [{"views": 1}])
    again.rows[0]["views"] = 99
    put(store, (NOW - timedelta(minutes=1), {}))
    changed = ask(query(), now=NOW, source=NAMES)
    assert (changed.meta.cached, changed.rows) == (False, [{"views": 2}])
