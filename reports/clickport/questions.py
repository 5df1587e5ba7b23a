"""From the JSON of `POST /api/query` to a `Query`, and from its answer back.

What cannot be understood raises QueryRefused: a sentence, and the part of the body it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from reports.clickport.names import amount, is_money, our_dimension, our_metric, two_places, writer, written_row
from reports.engine import Period, Query
from reports.engine.period import date_of
from reports.engine.query import Meta, Result
from reports.engine.refusal import QueryRefused, one_of, shown

PERIODS = ("realtime", "today", "yesterday", "7d", "14d", "30d", "90d", "12m", "all",
           "this-week", "last-week", "this-month", "last-month", "this-year")  # fmt: skip
COMPARISONS = ("previous", "year", "weekday")
FIELDS = {"metrics", "dimensions", "period", "date_range", "filters", "order_by", "order_dir", "limit", "offset",
          "timezone", "include_comparison", "compare", "totals", "exact", "search"}  # fmt: skip
TIMES = ("minute", "hour", "date", "week", "month")
DAY = timedelta(days=1)
MOST_ROWS = 10_000
GROUPS = ("and", "or")


@dataclass(frozen=True)
class Question:
    """A `Query` together with the words in which it was asked."""

    query: Query
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    ignored: tuple[str, ...]


def question(body: dict[str, Any], site_id: int, now: datetime) -> Question:
    """The question of a request's body for one site. Raises QueryRefused."""
    metrics = word_list(body, "metrics", ["visitors"])
    dimensions = word_list(body, "dimensions", [])
    wants = flag(body, "include_comparison") or body.get("compare") is not None
    query = Query(
        sites=(site_id,),
        period=period_of(body, now),
        metrics=tuple(our_metric(name, f"metrics[{i}]") for i, name in enumerate(metrics)),
        dimensions=tuple(our_dimension(name, f"dimensions[{i}]") for i, name in enumerate(dimensions)),
        where=filters_of(body.get("filters")),
        order=order_of(body, metrics, dimensions),
        limit=number(body, "limit", 100, 1, MOST_ROWS),
        offset=number(body, "offset", 0, 0, 1_000_000),
        compare=chosen(body, "compare", "previous", COMPARISONS) if wants else None,  # type: ignore[arg-type]
        totals=flag(body, "totals") and bool(dimensions),
        exact=flag(body, "exact"),
        search=text(body, "search", ""),
    )
    ignored = tuple(sorted(shown(name, 40) for name in set(body) - FIELDS))[:20]
    return Question(query, tuple(metrics), tuple(dimensions), ignored)


def given(body: dict[str, Any], name: str, default: Any) -> Any:
    """The value of a field; null is the same as leaving it out."""
    value = body.get(name)
    return default if value is None else value


def word_list(body: dict[str, Any], name: str, default: list[str]) -> list[str]:
    listed = given(body, name, default)
    if not isinstance(listed, list):
        raise QueryRefused(f"“{name}” is a list of names, not {shown(type(listed).__name__)}.", name)
    if not listed and default:
        raise QueryRefused(f"“{name}” is empty; name at least one.", name)
    if len(listed) > 30:
        raise QueryRefused(f"“{name}” takes at most 30 names, not {len(listed):,}.", name)
    for index, word in enumerate(listed):
        if not isinstance(word, str):
            raise QueryRefused(f"A name is text, not {shown(type(word).__name__)}.", f"{name}[{index}]")
    return list(dict.fromkeys(listed))


def text(body: dict[str, Any], name: str, default: str) -> str:
    value = given(body, name, default)
    if not isinstance(value, str):
        raise QueryRefused(f"“{name}” is text, not {shown(type(value).__name__)}.", name)
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    value = given(body, name, False)
    if not isinstance(value, bool):
        raise QueryRefused(f"“{name}” is true or false, not {shown(value)}.", name)
    return value


def number(body: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = given(body, name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise QueryRefused(f"“{name}” is a whole number from {least:,} to {most:,}, not {shown(value)}.", name)
    return value


def chosen(body: dict[str, Any], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = given(body, name, default)
    if not isinstance(value, str) or value not in allowed:
        raise QueryRefused(f"“{name}” is one of {one_of(allowed)}, not {shown(value)}.", name)
    return value


def period_of(body: dict[str, Any], now: datetime) -> Period:
    """`date_range` (its end is exclusive) where it is given, else `period`, in `timezone`."""
    zone = text(body, "timezone", "UTC")
    dates = body.get("date_range")
    if dates is None:
        return Period.parse(chosen(body, "period", "today", PERIODS), zone, now)
    if not isinstance(dates, dict) or set(dates) != {"start", "end"}:
        raise QueryRefused("“date_range” is an object with “start” and “end”.", "date_range")
    first, after = (day_of(dates[name], f"date_range.{name}") for name in ("start", "end"))
    return days(first, after, zone, "date_range.end")


def days(first: date, after: date, zone: str, where: str) -> Period:
    """The days before `after`, which is exclusive."""
    if after <= first:
        raise QueryRefused(
            f"The end is exclusive, so it must be after the start; for {first} alone write the day after it.", where
        )
    return Period.days(first, after, zone)


def day_of(value: object, where: str) -> date:
    if not isinstance(value, str):
        raise QueryRefused(f"A date is text such as 2026-03-31, not {shown(type(value).__name__)}.", where)
    try:
        return date_of(value)
    except QueryRefused as refused:
        raise QueryRefused(refused.sentence, where) from None


def filters_of(listed: object) -> list[dict[str, Any]] | None:
    """The filters in the engine's words; every one of them must hold."""
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise QueryRefused("“filters” is a list of filters.", "filters")
    return [filter_of(one, f"filters[{index}]", 1) for index, one in enumerate(listed)]


def filter_of(one: object, where: str, depth: int) -> dict[str, Any]:
    """One filter. Beyond Clickport's three keys also and, or, not, visited, goal and segment, as in the engine."""
    if not isinstance(one, dict):
        raise QueryRefused("A filter is an object with “dimension”, “operator” and “value”.", where)
    if depth > 8:
        raise QueryRefused("The filter is nested more than 8 levels deep.", where)
    found = dict(one)
    if "dimension" in found:
        found["dimension"] = our_dimension(found["dimension"], f"{where}.dimension")
    for word in GROUPS:
        if isinstance(found.get(word), list):
            found[word] = [filter_of(part, f"{where}.{word}[{i}]", depth + 1) for i, part in enumerate(found[word])]
    for word in ("not", "visited"):
        if word in found:
            found[word] = filter_of(found[word], f"{where}.{word}", depth + 1)
    return found


def order_of(body: dict[str, Any], metrics: list[str], dimensions: list[str]) -> tuple[tuple[str, str], ...]:
    """Without `order_by`: by time where the breakdown is one (oldest first), else by the first metric."""
    direction = body.get("order_dir")
    if body.get("order_by") is None:
        if direction is None or not dimensions:
            return ()
        name = next((word for word in dimensions if word in TIMES), metrics[0])
    else:
        name = text(body, "order_by", "")
    direction = chosen(body, "order_dir", "desc", ("asc", "desc"))
    if name in metrics:
        return ((our_metric(name, "order_by"), direction),)
    if name in dimensions:
        return ((our_dimension(name, "order_by"), direction),)
    raise QueryRefused(
        f"The answer has no {shown(name)} to order by; use one of {one_of([*metrics, *dimensions])}.", "order_by"
    )


def answer(asked: Question, result: Result) -> dict[str, Any]:
    """The body of the answer: `results`, then what was asked for beside it, then `meta`."""
    currency = result.meta.currency
    rows = [written_row(row, asked.dimensions, asked.metrics, currency) for row in result.rows]
    body: dict[str, Any] = {"results": rows if asked.dimensions else rows[0]}
    if asked.query.compare is not None and result.comparison is not None:
        body |= compared(asked, result)
    if result.totals is not None:
        body["totals"] = totals_of(asked, result.totals, currency)
    return body | {"meta": meta_of(result.meta, asked)}


def totals_of(asked: Question, row: dict[str, Any], currency: str) -> dict[str, Any]:
    """The row without the breakdown; beside rows of several currencies its amounts are null."""
    written = written_row(row, (), asked.metrics, currency)
    if "currency" not in asked.query.dimensions:
        return written
    return {name: None if is_money(name) else value for name, value in written.items()}


def compared(asked: Question, result: Result) -> dict[str, Any]:
    """`comparison` in the shape of `results`, and `change` in percent, null where there was nothing before."""
    if isinstance(result.comparison, dict):
        before = written_row(result.comparison, (), asked.metrics, result.meta.currency)
        return {"comparison": before, "change": changes(asked, result.rows[0], result.comparison, result.meta.currency)}
    listed = result.comparison or []
    return {
        "comparison": [written_row(row, asked.dimensions, asked.metrics, result.meta.currency) for row in listed],
        "change": [
            {name: written_row(row, asked.dimensions, ())[name] for name in asked.dimensions}
            | changes(asked, row, old, result.meta.currency)
            for row, old in zip(result.rows, listed, strict=False)
        ],
    }


def changes(asked: Question, row: dict[str, Any], old: dict[str, Any], currency: str) -> dict[str, float | None]:
    """By how many percent each metric moved, from the numbers as they are shown."""
    found: dict[str, float | None] = {}
    for name in asked.metrics:
        now, before = (writer(name, row.get("currency") or currency)(of[our_metric(name, "")]) for of in (row, old))
        found[name] = two_places(100 * (now - before) / abs(before)) if before else None  # type: ignore
    return found


def meta_of(meta: Meta, asked: Question | None = None) -> dict[str, Any]:
    """What was executed: the range (end exclusive), zone, how fresh, and whether exact."""
    found: dict[str, Any] = {
        "start": meta.range[0],
        "end": meta.range[1],
        "timezone": meta.zone,
        "fresh_until": meta.freshness,
        "exact": meta.exact,
        "error": meta.error,
    }
    if meta.currency:
        found["currency"] = meta.currency
    if meta.other_currencies:
        found["other_currencies"] = {name: amount(total, name) for name, total in meta.other_currencies.items()}
    if asked and asked.ignored:
        found["ignored"] = list(asked.ignored)
    return found
