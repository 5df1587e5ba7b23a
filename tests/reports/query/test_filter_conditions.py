"""Filters as SQL, word for word, and what resolving a query makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reports.query import Period, Query, QueryRefused, filters
from reports.query.context import QueryContext
from reports.query.data_version import DataVersion
from reports.query.evaluate import check_evaluable, satisfies
from reports.query.resolve import Resolver
from reports.query.sql.conditions import ConditionBuilder
from tests.support.written_queries import (
    EVENTS,
    FIRST,
    GOALS,
    MS,
    NOW,
    SITE,
    leaf,
    resolved,
)


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving reads nothing: there are a million rows."""
    monkeypatch.setattr("reports.query.resolve.read_version", lambda context: DataVersion(number=(1, 1, 0), rows=10**6))


def condition(where: Any, table: str = "events") -> tuple[str, dict[str, Any]]:
    context = QueryContext(sites=(SITE,), period=FIRST, now=NOW)
    builder = ConditionBuilder(context)
    write = builder.for_events if table == "events" else builder.for_visits
    return write(filters.parse(where)), context.params.values


@pytest.mark.parametrize(
    ("where", "sql", "values"),
    [
        (None, "", []),
        (leaf("page", "is", "/a"), "(path = {p0:String})", ["/a"]),
        (leaf("page", "is_not", ["/a", "/b"]), "NOT (path IN {p0:Array(String)})", [["/a", "/b"]]),
        (leaf("title", "contains", "x"), "(positionCaseInsensitiveUTF8(title, {p0:String}) > 0)", ["x"]),
        (
            leaf("title", "starts_with", ["x", "y"]),
            "(arrayExists(pattern -> startsWith(title, pattern), {p0:Array(String)}))", [["x", "y"]],
        ),
        (
            leaf("title", "matches", ["^a", "b$"]), "(match(title, {p0:String}) OR match(title, {p1:String}))",
            ["^a", "b$"],
        ),
        (leaf("event", "is", "Buy"), "(kind = 'event' AND (name = {p0:String}))", ["Buy"]),
        (leaf("event", "is", ""), "(if(kind = 'event', name, '') = {p0:String})", [""]),
        (leaf("scroll", "at_least", [50, 70]), "(scroll >= 50.0 OR scroll >= 70.0)", []),
        (leaf("visit", "is", ["12", "no number"]), "(visit IN (12))", []),
        (leaf("visit", "is", "no number"), "(0)", []),
        (leaf("visit", "contains", "12"), "(positionCaseInsensitiveUTF8(toString(visit), {p0:String}) > 0)", ["12"]),
        (leaf("unique", "is", "1"), "(kind IN ('link', 'pixel') AND (is_unique IN (1)))", []),
        (
            leaf("unique", "is", ["", "1"]),
            "(if(kind IN ('link', 'pixel'), toString(is_unique), '') IN {p0:Array(String)})", [["", "1"]],
        ),
        (leaf("link", "is", ["7", "0", "x"]), "(link_id IN (7))", []),
        (leaf("link", "is", ["", "7"]), "(link_id IN {p0:Array(UInt64)})", [[0, 7]]),
        (leaf("link", "contains", "7"),
         "(positionCaseInsensitiveUTF8(if(link_id = 0, '', toString(link_id)), {p0:String}) > 0)", ["7"]),
        (leaf("link_conversion", "is", "7"), "(kind IN ('conversion', 'refund') AND (conversion_id IN (7)))", []),
        (
            leaf("link_conversion", "is", ""),
            "(if(kind IN ('conversion', 'refund'), if(conversion_id = 0, '', toString(conversion_id)), '') "
            "= {p0:String})", [""],
        ),
        (leaf("amount", "at_least", 5), "(toFloat64(revenue) >= 5.0)", []),
        (leaf("prop:plan", "is", "pro"), "(props[{p0:String}] = {p1:String})", ["plan", "pro"]),
        (leaf("weekday", "is", "1"), "(toInt64((intDiv((toUnixTimestamp(ts) + 0), 86400) + 3) % 7 + 1) IN (1))", []),
        (
            [leaf("page", "is", "/a"), {"not": {"or": [leaf("host", "is", "a.b"), leaf("page", "is", "/a")]}}],
            "((path = {p0:String}) AND NOT (((host = {p1:String}) OR (path = {p0:String}))))", ["/a", "a.b"],
        ),
        (
            {"visited": leaf("page", "is", "/a")},
            f"visit IN (SELECT visit {EVENTS} AND (path = {{p0:String}}))", ["/a"],
        ),
    ],
)  # fmt: skip
def test_a_filter_of_events_is_a_condition_with_bound_values(where: Any, sql: str, values: list[Any]) -> None:
    text, params = condition(where)
    assert text == sql
    assert list(params.values()) == values


def test_a_filter_of_visits_looks_into_their_events_only_where_it_must() -> None:
    assert condition(leaf("country", "is", "DE"), "visits")[0] == "(country = {p0:String})"
    assert condition(leaf("visitor_id", "is", "3"), "visits")[0] == "(device IN (3))"
    assert condition(leaf("tag:plan", "is", "pro"), "visits") == (
        "(tags[{p0:String}] = {p1:String})", {"p0": "plan", "p1": "pro"}
    )  # fmt: skip
    assert condition(leaf("any_tag", "contains", "x"), "visits")[0] == (
        r"(positionCaseInsensitiveUTF8(arrayStringConcat(mapValues(tags), '\n'), {p0:String}) > 0)"
    )
    assert condition(leaf("page", "is", "/a"), "visits")[0] == (
        f"visit IN (SELECT visit {EVENTS} AND (path = {{p0:String}}))"
    )


def test_a_filter_of_events_looks_into_visits_for_what_only_they_have() -> None:
    text, _ = condition(leaf("duration", "at_least", 60))
    assert text.startswith(f"visit IN ({MS}, ms / 1000 AS seconds SELECT visit FROM visits FINAL WHERE ")
    assert text.endswith(" AND (seconds >= 60.0))")


def test_a_goal_that_was_not_looked_up_is_refused_rather_than_ignored() -> None:
    with pytest.raises(QueryRefused, match="There is no goal 7 on this site"):
        condition({"goal": 7})


def test_a_parsed_filter_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = filters.parse([leaf("page", "is", "/a"), leaf("country", "is", "Germany")])
    monkeypatch.setattr(filters, "parse_node", None)
    query = resolved("visitors", "page", where=tree)
    assert query.context.tree == tree
    assert replace(Query(sites=(SITE,), period=FIRST, where=tree), limit=3).tree is tree


def test_one_tree_is_sql_and_evaluates_one_event() -> None:
    tree = filters.parse([leaf("page", "is", "/a"), leaf("country", "is_not", "DE")])
    check_evaluable(tree)
    assert ConditionBuilder(QueryContext(sites=(SITE,), period=FIRST, now=NOW)).for_events(tree) == (
        "((path = {p0:String}) AND NOT (country = {p1:String}))"
    )
    for path, country, fits in (("/a", "EE", True), ("/a", "DE", False), ("/b", "EE", False)):
        assert satisfies(tree, {"path": path, "country": country, "kind": "view"}, FIRST.info) is fits


def test_equal_questions_have_equal_keys_and_others_do_not() -> None:
    asked = {"where": leaf("country", "is", "Germany"), "compare": "previous"}
    key = resolved("visitors", "page", **asked).key
    assert resolved("visitors", "page", **{**asked, "where": [leaf("country", "is", "de")]}).key != ()
    assert resolved("visitors", "page", **{**asked, "where": leaf("country", "is", "DE")}).key == key
    others: list[dict[str, Any]] = [
        {"compare": None}, {"compare": "year"}, {"limit": 5}, {"offset": 1}, {"totals": True}, {"exact": True},
        {"search": "a"}, {"values": ("/a",)}, {"where": leaf("country", "is", "EE")}, {"order": (("page", "asc"),)},
        {"period": Period(FIRST.start, FIRST.end + timedelta(1))},
    ]  # fmt: skip
    keys = {resolved("visitors", "page", **{**asked, **other}).key for other in others}
    assert len(keys) == len(others)
    assert key not in keys


def test_what_queries_share_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Period] = []

    def read_version(context: Any) -> DataVersion:
        read.append(context.period)
        return DataVersion()

    monkeypatch.setattr("reports.query.resolve.read_version", read_version)
    resolver = Resolver(NOW, GOALS)
    tree = filters.parse({"goal": 7})
    queries = [
        Query(sites=(SITE,), period=FIRST, metrics=(name,), where=tree, compare="previous")
        for name in ("views", "revenue")
    ]
    first, second = map(resolver.resolve, queries)
    assert len(read) == 2
    assert first.context.tree is second.context.tree
    assert first.comparison is not None and first.comparison.context.period.end == FIRST.start
