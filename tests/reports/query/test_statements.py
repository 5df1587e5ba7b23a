"""The statements of queries, word for word: what is selected from which table, and added up to metrics."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reports.query import Query, planner
from reports.query.context import Params
from reports.query.data_version import DataVersion
from reports.query.grouping import GroupBy
from reports.query.metrics import METRICS
from reports.query.resolve import Resolver
from reports.query.rows import write_key_condition
from reports.query.sql.select import Rows, Select, unite
from reports.query.sql.tables import rows_of_sites
from tests.support.mapped_goals import MappedGoals
from tests.support.written_queries import (
    EVENTS,
    FIRST,
    GOALS,
    MS,
    NOW,
    SITE,
    VISITS,
    choose_events,
    resolved,
    written,
)

SIGNUP = "(kind = 'event' AND (name = {p0:String}))"


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving reads nothing: there are a million rows."""
    monkeypatch.setattr("reports.query.resolve.read_version", lambda context: DataVersion(number=(1, 1, 0), rows=10**6))


def test_a_select_writes_its_parts_in_the_order_of_sql() -> None:
    rows = Rows("events").join(" INNER JOIN x USING (visit)").where("a = 1", "", "b = 2")
    assert str(rows) == "FROM events INNER JOIN x USING (visit) WHERE a = 1 AND b = 2"
    select = Select(["a", "b AS c"], rows, "a", order_by=["a DESC"], limit=5, offset=2, expressions="1 AS one")
    assert str(select) == f"WITH 1 AS one SELECT a, b AS c {rows} GROUP BY a ORDER BY a DESC LIMIT 5 OFFSET 2"
    assert str(Select(["a"], Rows("t"), limit=9, limit_each=(5, "a"), distinct=True)) == (
        "SELECT DISTINCT a FROM t LIMIT 5 BY a LIMIT 9 OFFSET 0"
    )
    assert str(Select(["a"], Rows("t"), "a", having="a > 1", order_by=["a"])) == (
        "SELECT a FROM t GROUP BY a HAVING a > 1 ORDER BY a"
    )


def test_a_select_is_a_table_of_another() -> None:
    inner = Select(["a"], Rows("t"))
    assert str(inner.as_rows("x").where("a = 1")) == "FROM (SELECT a FROM t) AS x WHERE a = 1"
    assert str(unite([inner, inner])) == "FROM (SELECT a FROM t UNION ALL SELECT a FROM t)"


def test_adding_to_rows_leaves_the_rows_themselves_as_they_are() -> None:
    rows = Rows("t", ("a = 1",))
    rows.where("b = 2")
    rows.join(" JOIN x")
    assert str(rows) == "FROM t WHERE a = 1"


def test_rows_of_recorded_data_name_their_tenant() -> None:
    assert str(rows_of_sites("events", (7, 5, 7), "kind = 'view'")) == (
        "FROM events WHERE site_id IN (5, 7) AND kind = 'view'"
    )
    with pytest.raises(ValueError, match="at least one site"):
        rows_of_sites("events", ())


@pytest.mark.parametrize(
    ("metrics", "dimensions", "inner"),
    [
        ("visitors", (), f"SELECT toUInt64(uniqExact(device)) AS a_visitors {EVENTS}"),
        (
            "views visitors", ("country",),
            "SELECT country AS d0, toUInt64(countIf(kind = 'view')) AS a_views, "
            f"toUInt64(uniqExact(device)) AS a_visitors {EVENTS} GROUP BY d0",
        ),
        (
            "visitors", ("page",),
            f"SELECT path AS d0, toUInt64(uniqExact(device)) AS a_visitors {EVENTS} AND path != '' "
            "AND kind = 'view' GROUP BY d0",
        ),
        (
            "visits", ("event",),
            f"SELECT name AS d0, toUInt64(uniqExact(visit)) AS a_exposed_visits {EVENTS} AND kind = 'event' "
            "AND name != '' GROUP BY d0",
        ),
        (
            "visits", ("day",),
            f"SELECT toInt64(intDiv((toUnixTimestamp(visit_start) + 0), 86400)) AS d0, "
            f"toUInt64(count()) AS a_entries {VISITS} GROUP BY d0",
        ),
        (
            "visitors", ("entry_page",),
            f"WITH device AS visitor SELECT entry_page AS d0, toUInt64(uniqExact(visitor)) AS a_visitors {VISITS} "
            "AND entry_page != '' GROUP BY d0",
        ),
        (
            "avg_duration", ("page",),
            "SELECT d0, toUInt64(sum(ms)) AS a_dwell_ms, toUInt64(count()) AS a_dwells FROM (SELECT path AS d0, "
            "sum(engaged) AS engaged_ms, max(scroll) AS scroll, if(engaged_ms > 0, engaged_ms, "
            f"toUInt64(dateDiff('millisecond', min(ts), max(ts)))) AS ms {EVENTS} AND path != '' "
            "GROUP BY visit, d0) GROUP BY d0",
        ),
        (
            "revenue", ("currency",),
            f"SELECT currency AS d0, sumIf(revenue, 1) AS a_revenue, toDecimal128(0, 4) AS a_goal_value {EVENTS} "
            "AND currency != '' GROUP BY d0",
        ),
        (
            "new_visitors", (),
            "SELECT toUInt64(uniqExactIf(device, (device, visit_start) IN (SELECT device, first FROM firsts FINAL "
            "WHERE site_id = 5 AND first >= fromUnixTimestamp64Milli(1772236800000, 'UTC') "
            f"AND first < fromUnixTimestamp64Milli(1772424000000, 'UTC')))) AS a_new_visitors {EVENTS}",
        ),
        (
            "online", (),
            "SELECT toUInt64(uniqExact(device)) AS a_online FROM events WHERE site_id = 5 "
            "AND ts >= fromUnixTimestamp64Milli(1773143701000, 'UTC') "
            "AND ts < fromUnixTimestamp64Milli(1773144001000, 'UTC')",
        ),
    ],
)  # fmt: skip
def test_every_aggregate_is_counted_in_its_own_table(metrics: str, dimensions: tuple[str, ...], inner: str) -> None:
    sql, params = written(metrics, *dimensions)
    assert f"FROM ({inner})" in sql
    assert params == {}


def test_a_statement_turns_aggregates_into_metrics_leaves_empty_rows_out_and_breaks_ties() -> None:
    sql, _ = written("bounce_rate views", "country", order=(("views", "asc"),), limit=7, offset=3)
    assert sql.startswith("SELECT d0, 100 * a_bounces / nullIf(a_entries, 0) AS m0, a_views AS m1 FROM (SELECT d0, ")
    assert sql.endswith(
        " GROUP BY d0) WHERE (a_bounces != 0 OR a_entries != 0 OR a_views != 0) "
        "ORDER BY m1 ASC NULLS LAST, d0 ASC LIMIT 7 OFFSET 3"
    )


def test_visits_have_the_expressions_that_are_asked_for() -> None:
    sql, _ = written("bounce_rate", "country")
    bounce = "views = 1 AND actions = 1 AND ms < 30000 AS bounce"
    assert f"({MS}, {bounce} SELECT country AS d0, toUInt64(countIf(bounce)) AS a_bounces" in sql
    by_page = "toUInt64(sum(points)) AS a_points"
    sql, _ = written("engagement", "entry_page")
    assert f"({MS}, toUInt64(scroll) * 600 + least(ms, 60000) AS points SELECT entry_page AS d0, {by_page}" in sql


def test_tables_that_are_added_up_give_zero_for_what_they_do_not_have() -> None:
    sql, _ = written("visits views")
    assert sql == (
        "SELECT a_entries AS m0, a_views AS m1 FROM (SELECT sum(a_entries) AS a_entries, sum(a_views) AS a_views FROM ("
        f"SELECT toUInt64(count()) AS a_entries, toUInt64(0) AS a_views {VISITS} "
        f"UNION ALL SELECT toUInt64(0) AS a_entries, toUInt64(countIf(kind = 'view')) AS a_views {EVENTS}))"
    )


def test_a_required_goal_selects_its_events_for_conversions_and_its_visits_for_the_rest() -> None:
    sql, params = written("visitors conversions", where={"goal": 7})
    conversions = f"toUInt64(countIf({SIGNUP})) AS a_conversions"
    assert f"SELECT toUInt64(0) AS a_visitors, {conversions} {EVENTS} AND {SIGNUP} UNION ALL " in sql
    assert (
        f"SELECT toUInt64(uniqExact(device)) AS a_visitors, toUInt64(0) AS a_conversions {EVENTS} "
        f"AND visit IN (SELECT visit {EVENTS} AND {SIGNUP})"
    ) in sql
    assert params == {"p0": "Signup"}


def test_rows_by_goal_are_one_per_goal_an_event_reaches_beside_everybody_who_could() -> None:
    sql, params = written("conversion_rate", "goal")
    assert f"toInt64(arrayJoin(arrayFilter(number -> number != 0, [if({SIGNUP}, 7, 0)]))) AS d0" in sql
    eligible = "toUInt64(0) AS a_converting_visitors, eligible.a_eligible_visitors AS a_eligible_visitors"
    assert f"SELECT toInt64(arrayJoin([7])) AS d0, {eligible} FROM (" in sql
    assert params == {"p0": "Signup"}


def test_amounts_are_of_the_currency_of_the_answer() -> None:
    query = resolved("revenue").in_currency("EUR")
    context = replace(query.context, params=Params())
    (subquery,) = planner.write_plan(context, query.group_by, choose_events(query)).subqueries
    assert "sumIf(revenue, currency = {p0:String}) AS a_revenue" in str(subquery.select)
    assert context.params.values == {"p0": "EUR"}


def test_visits_by_what_only_their_events_have_are_joined_with_those() -> None:
    sql, _ = written("bounce_rate", "title")
    join = f"INNER JOIN (SELECT DISTINCT visit, title AS c0 {EVENTS} AND title != '') AS contained USING (visit)"
    assert f" AS visited {join} WHERE c0 != '' GROUP BY d0)" in sql


def test_persons_take_the_place_of_their_devices() -> None:
    context = replace(resolved("visitors").context, has_persons=True)
    assert context.visitor_sql == "if(person_id != 0, person_id, device)"
    assert str(context.from_events()).startswith(
        "FROM events LEFT ANY JOIN (SELECT visit, person_id FROM identities FINAL WHERE site_id = 5 "
    )


def test_wanted_rows_are_selected_by_their_values() -> None:
    params = Params()
    query = resolved("views", "country", values=("DE", "EE"))
    assert write_key_condition(query, params) == "d0 IN {p0:Array(String)}"
    assert params.values == {"p0": ["DE", "EE"]}
    assert query.context.only_values == {"country": ("DE", "EE")}
    hours = resolved("views", "hour_of_day").for_keys(((3,), (4,), (3,)))
    assert write_key_condition(hours, params) == "d0 IN (3, 4)"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_statement_over_its_own_aggregates(name: str) -> None:
    group_by = GroupBy((METRICS[name],), ())
    sql, _ = written(name)
    assert all(f" AS a_{aggregate.name}" in sql for aggregate in group_by.aggregates)
    assert "{" not in sql.replace("{p", "")


def test_a_goal_with_a_value_corrects_the_amounts() -> None:
    valued = MappedGoals(GOALS.goal_filters, {}, {7: (Decimal("2.5"), "EUR")})
    query = Resolver(NOW, valued).resolve(Query(sites=(SITE,), period=FIRST, metrics=("revenue",))).in_currency("EUR")
    plan = planner.write_plan(replace(query.context, params=Params()), query.group_by, choose_events(query))
    sql = " ".join(str(subquery.select) for subquery in plan.subqueries)
    assert "toDecimal128('2.5', 4) * toInt64(countIf(revenue = 0 AND ((kind = 'event' AND (name = " in sql
