"""The statements of analyses, word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from reports.query import Period, filters
from reports.query.analyses import (
    attribution,
    experiments,
    funnels,
    heatmaps,
    ingestion_audit,
    journeys,
    link_hits,
    retention,
    usage,
)
from reports.query.context import QueryContext
from reports.query.filters import Node
from reports.query.sql.select import Rows, Select
from reports.query.sql.tables import rows_of_sites
from tests.support.written_queries import END, EVENTS, FIRST, NOW, SITE, START, leaf

BOUGHT = "(kind = 'event' AND (name = {p0:String}))"
LISTED = ", ".join(link_hits.COLUMNS)
HEAT = f"FROM heat WHERE site_id = 5 AND ts >= {START} AND ts < {END}"
CLICK_COUNTS = "count() AS clicks, countIf(kind = 'rage') AS rage, countIf(kind = 'dead') AS dead"
BOTS = "FROM bots WHERE site_id = 5 AND ts >= {start:DateTime} AND ts < {end:DateTime}"


@pytest.fixture
def context() -> QueryContext:
    return QueryContext(sites=(SITE,), period=FIRST, now=NOW)


def parse(where: dict[str, Any]) -> Node:
    tree = filters.parse(where)
    assert tree is not None
    return tree


def test_a_funnel_reads_each_visitors_steps_in_order(context: QueryContext) -> None:
    steps = [parse(leaf("event", "is", "Buy")), parse(leaf("page", "is", "/a"))]
    events = (
        f"SELECT device AS who, ts, id, kind, toUInt16(if({BOUGHT}, 1, 0) + if((path = {{p1:String}}), 2, 0)) AS bits "
        f"{EVENTS}"
    )
    furthest = (
        "arrayFold((done, bits) -> if(bitTest(bits, done), toUInt8(done + 1), done), "
        "arrayMap(item -> item.3, arraySort(groupArray((ts, id, bits)))), toUInt8(0))"
    )
    assert str(funnels.select_funnel(context, steps, strict=False)) == (
        "SELECT countIf(furthest >= 1) AS s0, countIf(furthest >= 2) AS s1 FROM ("
        f"SELECT {furthest} AS furthest FROM ({events}) WHERE bits != 0 GROUP BY who)"
    )
    strict = str(funnels.select_funnel(context, steps, strict=True))
    assert "WHERE (bits != 0 OR kind = 'view') GROUP BY who" in strict and "bitShiftRight(arrayFold(" in strict


def test_a_journey_finds_the_path_among_the_pages_of_each_visit(context: QueryContext) -> None:
    visits = journeys.select_visits(context, ["/a", "/b"])
    assert str(visits) == (
        "SELECT pages, arrayFirstIndex(i -> arraySlice(pages, i, 2) = {p0:Array(String)}, arrayEnumerate(pages)) "
        "AS place FROM (SELECT arrayCompact(arrayMap(item -> item.3, arraySort(groupArray((ts, id, toString(path)))))) "
        f"AS pages {EVENTS} AND kind = 'view' AND path != '' GROUP BY visit) WHERE place > 0"
    )
    assert context.params.values == {"p0": ["/a", "/b"]}
    neighbours = str(journeys.select_neighbours(Select(["pages", "place"], Rows("t")), 2))
    assert neighbours.startswith(
        "SELECT item.1 AS level, item.2 AS page, count() AS visits FROM (SELECT arrayJoin(["
        "(-2, if(place > 2, pages[toInt64(place) - 2], ''), place >= 2), "
    )
    assert neighbours.endswith(
        "(3, pages[toInt64(place) + 4], toInt64(length(pages)) >= toInt64(place) + 3)]) AS item "
        "FROM (SELECT pages, place FROM t)) WHERE item.3 GROUP BY level, page ORDER BY level, visits DESC, page "
        "LIMIT 10 BY level"
    )


def test_an_experiment_counts_those_who_saw_one_variant(context: QueryContext) -> None:
    assert str(experiments.select_experiments(context)) == (
        f"SELECT split_test, uniq(device) AS visitors {EVENTS} AND split_test != '' GROUP BY split_test "
        "ORDER BY visitors DESC, split_test"
    )
    assert str(experiments.select_variants(context, "Prices", [parse(leaf("event", "is", "Buy"))])) == (
        "SELECT if(length(variants) = 1, variants[1], '') AS variant, length(variants) > 1 AS mixed, "
        "count() AS visitors, countIf(converts AND reached >= since) AS converted FROM (SELECT device AS who, "
        "groupUniqArrayIf(2)(split_arm, split_test = {p1:String}) AS variants, "
        f"minIf(ts, split_test = {{p1:String}}) AS since, maxIf(ts, ({BOUGHT})) AS reached, "
        f"countIf(({BOUGHT})) > 0 AS converts {EVENTS} GROUP BY who HAVING notEmpty(variants)) "
        "GROUP BY variant, mixed ORDER BY mixed, variant"
    )


def test_attribution_joins_conversions_with_the_visits_before_them(context: QueryContext) -> None:
    events = Rows("reached")
    conversions = attribution.select_conversions(context, events, once_per_visit=False)
    assert str(conversions) == "SELECT id AS number, device AS who, ts FROM reached"
    assert str(attribution.select_conversions(context, events, once_per_visit=True)) == (
        "SELECT visit AS number, any(device) AS who, min(ts) AS ts FROM reached GROUP BY visit"
    )
    touches = str(attribution.select_touches(context, conversions))
    assert touches.startswith(
        "SELECT arrayMap(item -> item.3, arraySort(groupArray((touch.visit_start, touch.visit, touch.source)))) "
        "AS sources, dateDiff('second', min(touch.visit_start), any(done.ts)) AS seconds "
        f"FROM ({conversions}) AS done INNER JOIN (WITH device AS visitor SELECT visitor AS who, visit_start, visit, "
        "source FROM visits FINAL WHERE "
    )
    assert touches.endswith(
        ") AS touch ON done.who = touch.who WHERE touch.visit_start <= done.ts "
        "AND touch.visit_start > done.ts - toIntervalDay(30) GROUP BY done.number, done.ts"
    )
    assert str(attribution.select_credits(Select(["sources"], Rows("t")))) == (
        "SELECT sources[place] AS name, sum(place = 1) AS first_touches, sum(place = length(sources)) AS last_touches, "
        "sum(1 / length(sources)) AS linear FROM (SELECT sources, arrayJoin(arrayEnumerate(sources)) AS place "
        "FROM (SELECT sources FROM t)) GROUP BY name ORDER BY linear DESC, name"
    )


def test_retention_counts_new_visitors_by_the_steps_in_which_they_visited(context: QueryContext) -> None:
    day = "intDiv((toUnixTimestamp(visit_start) + 0), 86400)"
    cohorts = str(retention.select_cohorts(context, "day", named=False))
    assert cohorts.startswith(
        "SELECT cohort, arrayJoin(steps) AS step, count() AS visitors FROM (SELECT min(visit_start) AS since, "
        f"argMin(1, (visit_start, visit)) AS fits, argMin({day}, visit_start) AS cohort, "
        f"groupUniqArrayIf({day}, visit_start >= {START}) AS steps FROM (SELECT *, "
    )
    assert cohorts.endswith(
        ") WHERE device IN (SELECT device FROM firsts WHERE site_id = 5 GROUP BY device "
        f"HAVING min(first) >= {START}) GROUP BY visitor HAVING since >= {START} AND fits) "
        "GROUP BY cohort, step ORDER BY cohort, step"
    )


def test_heatmaps_read_the_clicks_of_a_page_and_a_class_of_widths(context: QueryContext) -> None:
    heatmap = heatmaps.Heatmap(context, "/a", "phone")
    clicks = f"{HEAT} AND kind != 'reach' AND path = {{p0:String}} AND viewport >= 1 AND viewport < 600"
    assert str(heatmaps.select_points(heatmap)) == (
        "SELECT element, intDiv(offset_x, 50) * 50 + 25 AS ox, intDiv(offset_y, 50) * 50 + 25 AS oy, "
        "toUInt32(avg(least(x * 1000 / if(layout > 0, layout, greatest(viewport, 1)), 1000))) AS across, "
        f"toUInt32(avg(y)) AS down, count() AS clicks {clicks} GROUP BY element, ox, oy, "
        "if(element = '', intDiv(y, 20), 0), if(element = '', intDiv(x, 20), 0) ORDER BY clicks DESC, element, ox, oy"
    )
    everywhere = heatmaps.Heatmap(context, "")
    assert str(heatmaps.select_pages(everywhere, "x")) == (
        f"SELECT path, any(host) AS host, {CLICK_COUNTS}, uniqExact(visit) AS visits {HEAT} AND kind != 'reach' "
        "AND positionCaseInsensitiveUTF8(path, {p1:String}) > 0 GROUP BY path ORDER BY clicks DESC, path"
    )
    assert context.params.values == {"p0": "/a", "p1": "x"}


def test_hits_of_links_are_read_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def dicts(self) -> list[dict[str, Any]]:
            return []

    statements: list[tuple[str, dict[str, object]]] = []

    def run_statement(sql: Select, params: Mapping[str, object], sites: Sequence[int]) -> Nothing:
        assert list(sites) == [SITE]
        statements.append((str(sql), dict(params)))
        return Nothing()

    monkeypatch.setattr(link_hits, "run_statement", run_statement)
    later = Period(FIRST.start, FIRST.end + timedelta(1))
    link_hits.fetch_hits(SITE, FIRST, where=parse(leaf("country", "is", "DE")), before=(1, 2), converted=True, limit=7)
    link_hits.fetch_hits(SITE, FIRST, kinds=("link",), conversion=(9, later), limit=10**6)
    link_hits.fetch_sales(SITE, [3, 1, 3])
    sales = "SELECT click_id FROM events WHERE site_id = 5"
    assert statements[0] == (
        f"SELECT {LISTED} {EVENTS} AND kind IN ('link', 'pixel', 'spider') AND (country = {{p0:String}}) "
        "AND (ts, id) < (fromUnixTimestamp64Milli(1, 'UTC'), 2) "
        f"AND id IN ({sales} AND kind IN ('conversion', 'refund')) ORDER BY ts DESC, id DESC LIMIT 7 OFFSET 0",
        {"p0": "DE"},
    )
    assert statements[1][0] == (
        f"SELECT {LISTED} {EVENTS} AND kind = 'link' AND id IN ({sales} AND ts >= {START} "
        "AND ts < fromUnixTimestamp64Milli(1772496000000, 'UTC') AND kind IN ('conversion', 'refund') "
        "AND conversion_id = 9) ORDER BY ts DESC, id DESC LIMIT 1000 OFFSET 0"
    )
    assert statements[2][0].endswith(
        "AND kind IN ('conversion', 'refund') AND click_id IN (1, 3) ORDER BY ts, id LIMIT 10000 OFFSET 0"
    )


def test_usage_is_counted_by_site_and_day() -> None:
    events = rows_of_sites("events", (5, 6))
    assert str(usage.select_events_by_day(events)) == (
        "SELECT site_id, toString(toDate(ts, 'UTC')) AS day, count() FROM events WHERE site_id IN (5, 6) "
        "AND kind NOT IN ('ping', 'set') GROUP BY site_id, day"
    )
    assert str(usage.select_named_goals(9, events)) == (
        "SELECT site_id, name FROM events WHERE site_id IN (5, 6) AND kind = 'goal' "
        "AND NOT match(name, '^[0-9]*$') GROUP BY site_id, name ORDER BY site_id, count() DESC, name LIMIT 9 BY site_id"
    )


def test_the_ingestion_audit_counts_hits_by_bucket_and_reason() -> None:
    assert str(ingestion_audit.select_counts("rejected", SITE, FIRST, "minute")) == (
        "SELECT intDiv(toUnixTimestamp(minute), 60) * 60 AS bucket, reason AS reason, "
        "sumIf(hits, reason NOT IN ('bot', 'spam')) AS hits FROM refusals WHERE site_id = 5 "
        "AND minute >= {start:DateTime} AND minute < {end:DateTime} GROUP BY bucket, reason"
    )
    assert str(ingestion_audit.select_bots(SITE, 7)) == (
        "SELECT reason, user_agent, organization, count() AS hits, uniqExact(path) AS pages, max(ts) AS latest "
        f"{BOTS} GROUP BY reason, user_agent, organization ORDER BY hits DESC, user_agent LIMIT 7 OFFSET 0"
    )
    assert str(ingestion_audit.select_bot_reasons(SITE)) == (
        f"SELECT reason, count() AS hits {BOTS} GROUP BY reason ORDER BY hits DESC, reason"
    )
