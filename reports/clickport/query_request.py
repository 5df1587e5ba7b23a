"""The JSON of `POST /api/query`: from its body to a `Query`, and from the engine's result to the response.

Whatever cannot be understood raises QueryRefused with a sentence and the part of the body that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from goals.predicates import Filter
from reports.clickport.vocabulary import (
    JsonValue,
    build_formatter,
    build_row,
    find_dimension,
    find_metric,
    is_money,
    round_hundredth,
)
from reports.query import Period, Query
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.model import Meta, Result, Row
from reports.query.periods import parse_date
from sites.amounts import round_amount

PERIODS = ("realtime", "today", "yesterday", "7d", "14d", "30d", "90d", "12m", "all",
           "this-week", "last-week", "this-month", "last-month", "this-year")  # fmt: skip
COMPARISONS = ("previous", "year", "weekday")
FIELDS = {"metrics", "dimensions", "period", "date_range", "filters", "order_by", "order_dir", "limit", "offset",
          "timezone", "include_comparison", "compare", "totals", "exact", "search"}  # fmt: skip
TIME_DIMENSIONS = ("minute", "hour", "date", "week", "month")
DAY = timedelta(days=1)
DEFAULT_ROWS = 100
MAX_ROWS = 10_000
MAX_OFFSET = 1_000_000
MAX_NAMES = 30
MAX_FILTER_DEPTH = 8
MAX_IGNORED_FIELDS = 20
GROUP_OPERATORS = ("and", "or")


@dataclass(frozen=True)
class QueryRequest:
    """A `Query` together with the names that the client used for its metrics and dimensions."""

    query: Query
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    ignored: tuple[str, ...]  # fields of the body that have no meaning


def parse_query_request(body: Mapping[str, object], site_id: int, now: datetime) -> QueryRequest:
    """Parse the body of a request about one site. Raises QueryRefused."""
    metrics = read_names(body, "metrics", ["visitors"])
    dimensions = read_names(body, "dimensions", [])
    compares = read_flag(body, "include_comparison") or body.get("compare") is not None
    query = Query(
        sites=(site_id,),
        period=parse_period(body, now),
        metrics=tuple(find_metric(name, f"metrics[{i}]") for i, name in enumerate(metrics)),
        dimensions=tuple(find_dimension(name, f"dimensions[{i}]") for i, name in enumerate(dimensions)),
        where=parse_filters(body.get("filters")),
        order=parse_order(body, metrics, dimensions),
        limit=read_number(body, "limit", DEFAULT_ROWS, 1, MAX_ROWS),
        offset=read_number(body, "offset", 0, 0, MAX_OFFSET),
        compare=read_choice(body, "compare", "previous", COMPARISONS) if compares else None,  # type: ignore[arg-type]
        totals=read_flag(body, "totals") and bool(dimensions),
        exact=read_flag(body, "exact"),
        search=read_text(body, "search", ""),
    )
    ignored = tuple(sorted(quote_value(name, 40) for name in set(body) - FIELDS))[:MAX_IGNORED_FIELDS]
    return QueryRequest(query, tuple(metrics), tuple(dimensions), ignored)


def read_value(body: Mapping[str, object], name: str, default: object) -> object:
    """Return the value of a field; null is the same as leaving it out."""
    value = body.get(name)
    return default if value is None else value


def read_names(body: Mapping[str, object], name: str, default: list[str]) -> list[str]:
    """Return a field's list of distinct names, which may be empty only if the default is."""
    names = read_value(body, name, default)
    if not isinstance(names, list):
        raise QueryRefused(f"“{name}” is a list of names, not {quote_value(type(names).__name__)}.", name)
    if not names and default:
        raise QueryRefused(f"“{name}” is empty; name at least one.", name)
    if len(names) > MAX_NAMES:
        raise QueryRefused(f"“{name}” takes at most {MAX_NAMES} names, not {len(names):,}.", name)
    for index, word in enumerate(names):
        if not isinstance(word, str):
            raise QueryRefused(f"A name is text, not {quote_value(type(word).__name__)}.", f"{name}[{index}]")
    return list(dict.fromkeys(names))


def read_text(body: Mapping[str, object], name: str, default: str) -> str:
    value = read_value(body, name, default)
    if not isinstance(value, str):
        raise QueryRefused(f"“{name}” is text, not {quote_value(type(value).__name__)}.", name)
    return value


def read_flag(body: Mapping[str, object], name: str) -> bool:
    value = read_value(body, name, False)
    if not isinstance(value, bool):
        raise QueryRefused(f"“{name}” is true or false, not {quote_value(value)}.", name)
    return value


def read_number(body: Mapping[str, object], name: str, default: int, minimum: int, maximum: int) -> int:
    value = read_value(body, name, default)
    return check_number(value, name, minimum, maximum)


def check_number(value: object, name: str, minimum: int, maximum: int) -> int:
    """Return the value of a field if it is a whole number in this range. Raises QueryRefused."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise QueryRefused(
            f"“{name}” is a whole number from {minimum:,} to {maximum:,}, not {quote_value(value)}.", name
        )
    return value


def read_choice(body: Mapping[str, object], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = read_value(body, name, default)
    if not isinstance(value, str) or value not in allowed:
        raise QueryRefused(f"“{name}” is one of {join_names(allowed)}, not {quote_value(value)}.", name)
    return value


def parse_period(body: Mapping[str, object], now: datetime) -> Period:
    """Return `date_range` (its end is exclusive) if there is one, else `period`, in `timezone`."""
    zone = read_text(body, "timezone", "UTC")
    dates = body.get("date_range")
    if dates is None:
        return Period.parse(read_choice(body, "period", "today", PERIODS), zone, now)
    if not isinstance(dates, dict) or set(dates) != {"start", "end"}:
        raise QueryRefused("“date_range” is an object with “start” and “end”.", "date_range")
    start, end = (read_date(dates[name], f"date_range.{name}") for name in ("start", "end"))
    return build_period(start, end, zone, "date_range.end")


def build_period(start: date, end: date, zone: str, where: str) -> Period:
    """Return the days from `start` to before `end`. `where`: the field of the end, for the error."""
    if end <= start:
        raise QueryRefused(
            f"The end is exclusive, so it must be after the start; for {start} alone write the day after it.", where
        )
    return Period.days(start, end, zone)


def read_date(value: object, where: str) -> date:
    if not isinstance(value, str):
        raise QueryRefused(f"A date is text such as 2026-03-31, not {quote_value(type(value).__name__)}.", where)
    try:
        return parse_date(value)
    except QueryRefused as error:
        raise QueryRefused(error.sentence, where) from None


def parse_filters(filters: object) -> list[Filter] | None:
    """Return the filters with the engine's names of dimensions; all of them must be true."""
    if filters is None:
        return None
    if not isinstance(filters, list):
        raise QueryRefused("“filters” is a list of filters.", "filters")
    return [parse_filter(item, f"filters[{index}]", 1) for index, item in enumerate(filters)]


def parse_filter(raw: object, where: str, depth: int) -> Filter:
    """Return one filter with the engine's names of dimensions.

    Beside Clickport's three keys it may have and, or, not, visited, goal and segment, as in the engine.
    """
    if not isinstance(raw, dict):
        raise QueryRefused("A filter is an object with “dimension”, “operator” and “value”.", where)
    if depth > MAX_FILTER_DEPTH:
        raise QueryRefused(f"The filter is nested more than {MAX_FILTER_DEPTH} levels deep.", where)
    parsed: dict[str, object] = dict(raw)
    if "dimension" in parsed:
        parsed["dimension"] = find_dimension(parsed["dimension"], f"{where}.dimension")
    for key in GROUP_OPERATORS:
        if isinstance(parts := parsed.get(key), list):
            parsed[key] = [parse_filter(part, f"{where}.{key}[{index}]", depth + 1) for index, part in enumerate(parts)]
    for key in ("not", "visited"):
        if key in parsed:
            parsed[key] = parse_filter(parsed[key], f"{where}.{key}", depth + 1)
    return cast(Filter, parsed)  # the engine checks the rest


def parse_order(body: Mapping[str, object], metrics: list[str], dimensions: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the order; () leaves it to the engine: a breakdown by time oldest first, others by the first metric."""
    direction = body.get("order_dir")
    if body.get("order_by") is None:
        if direction is None or not dimensions:
            return ()
        name = next((word for word in dimensions if word in TIME_DIMENSIONS), metrics[0])
    else:
        name = read_text(body, "order_by", "")
    direction = read_choice(body, "order_dir", "desc", ("asc", "desc"))
    if name in metrics:
        return ((find_metric(name, "order_by"), direction),)
    if name in dimensions:
        return ((find_dimension(name, "order_by"), direction),)
    raise QueryRefused(
        f"The answer has no {quote_value(name)} to order by; use one of {join_names([*metrics, *dimensions])}.",
        "order_by",
    )


def build_response(request: QueryRequest, result: Result) -> dict[str, object]:
    """Build the response: `results`, then the requested comparison and totals, then `meta`."""
    currency = result.meta.currency
    rows = [build_row(row, request.dimensions, request.metrics, currency) for row in result.rows]
    body: dict[str, object] = {"results": rows if request.dimensions else rows[0]}
    if request.query.compare is not None and result.comparison is not None:
        body |= build_comparison(request, result)
    if result.totals is not None:
        body["totals"] = build_totals(request, result.totals, currency)
    return body | {"meta": build_meta(result.meta, request.ignored)}


def build_totals(request: QueryRequest, row: Row, currency: str) -> dict[str, JsonValue]:
    """Build the row without the breakdown; beside rows of several currencies its amounts are null."""
    totals = build_row(row, (), request.metrics, currency)
    if "currency" not in request.query.dimensions:
        return totals
    return {name: None if is_money(name) else value for name, value in totals.items()}


def build_comparison(request: QueryRequest, result: Result) -> dict[str, object]:
    """Build `comparison` in the shape of `results`, and `change` in percent, null if the earlier value is 0."""
    currency, earlier = result.meta.currency, result.comparison
    if isinstance(earlier, dict):
        comparison = build_row(earlier, (), request.metrics, currency)
        return {"comparison": comparison, "change": compute_changes(request, result.rows[0], earlier, currency)}
    earlier_rows = earlier or []
    return {
        "comparison": [build_row(row, request.dimensions, request.metrics, currency) for row in earlier_rows],
        "change": [
            build_row(row, request.dimensions, ()) | compute_changes(request, row, earlier_row, currency)
            for row, earlier_row in zip(result.rows, earlier_rows, strict=False)
        ],
    }


def compute_changes(request: QueryRequest, row: Row, earlier_row: Row, currency: str) -> dict[str, JsonValue]:
    """Return by how many percent each metric changed, computed from the rounded numbers that the response shows."""
    changes: dict[str, JsonValue] = {}
    for name in request.metrics:
        format_value, metric = build_formatter(name, row.get("currency") or currency), find_metric(name, "")
        value, earlier = format_value(row[metric]), format_value(earlier_row[metric])
        changes[name] = round_hundredth(100 * (value - earlier) / abs(earlier)) if earlier else None  # type: ignore
    return changes


def build_meta(meta: Meta, ignored: tuple[str, ...]) -> dict[str, object]:
    """Build `meta`: the range (end exclusive), its zone, how recent the data is, and whether numbers are exact."""
    body: dict[str, object] = {
        "start": meta.range[0],
        "end": meta.range[1],
        "timezone": meta.zone,
        "fresh_until": meta.freshness,
        "exact": meta.exact,
        "error": meta.error,
    }
    if meta.currency:
        body["currency"] = meta.currency
    if meta.other_currencies:
        totals = meta.other_currencies.items()
        body["other_currencies"] = {currency: float(round_amount(total, currency)) for currency, total in totals}
    if ignored:
        body["ignored"] = list(ignored)
    return body
