"""Graphs as SVG drawn on the server: geometry in a box of 1000 x 100, labels and hover beside it in HTML.

The picture stretches to its place (`preserveAspectRatio="none"`), so nothing here knows pixels; each bucket is a
link to itself, with its numbers as its text, and therefore works by mouse, touch, keyboard and without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from babel import Locale
from babel.dates import format_date, format_time

from reports.engine.registry import METRICS, Metric
from reports.pages.numbers import NOTHING, Change, change, exact, short

WIDTH, HEIGHT = 1000, 100
TICKS = 4
MOST_LABELS = 8


@dataclass(frozen=True)
class Bucket:
    """One minute, hour, day, week or month. `ghost`: not over yet."""

    key: str
    label: str
    value: str
    before: str
    change: Change | None
    second: str
    href: str
    late: bool  # in the right half, so that its bubble opens to the left
    ghost: bool = False
    tick: str = ""
    minor: bool = False  # its tick is left out where there is little room
    marks: tuple[Any, ...] = ()  # notes and incidents: `text` and `kind`


@dataclass(frozen=True)
class Graph:
    label: str
    second_label: str
    buckets: list[Bucket]
    area: str
    line: str
    tail: str  # the unfinished end, dashed
    before: str
    second: str
    ticks: list[str]
    words: str
    ghost: tuple[str, str] | None  # x and width of the unfinished bucket
    dots: list[tuple[str, str]]
    second_ticks: list[str] = field(default_factory=list)  # the second line's own scale, on the other side


def nice_top(highest: float) -> float:
    """The smallest round number that holds `highest` and divides well into ticks."""
    if highest <= 0:
        return float(TICKS)
    step = 10 ** math.floor(math.log10(highest))
    for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10):
        if step * factor >= highest:
            top = step * factor
            return max(top, TICKS) if highest == int(highest) and top < TICKS else top
    return step * 10.0


def points(values: list[float | None], top: float) -> list[tuple[float, float] | None]:
    """Where values lie: each in the middle of its share of the width."""
    share = WIDTH / max(len(values), 1)
    return [
        None if value is None else ((i + 0.5) * share, HEIGHT - HEIGHT * max(value, 0) / top)
        for i, value in enumerate(values)
    ]


def path(places: list[tuple[float, float] | None]) -> str:
    """An SVG path through the places; a gap where there is none."""
    pieces, pen = [], "M"
    for place in places:
        if place is None:
            pen = "M"
            continue
        pieces.append(f"{pen}{place[0]:.1f} {place[1]:.2f}")
        pen = "L"
    return "".join(pieces)


def area(places: list[tuple[float, float] | None]) -> str:
    """The line, closed down to zero."""
    real = [place for place in places if place is not None]
    if len(real) < 2:
        return ""
    return path(list(real)) + f"L{real[-1][0]:.1f} {HEIGHT}L{real[0][0]:.1f} {HEIGHT}Z"


def spark(values: list[float | None]) -> dict[str, str]:
    """A sparkline's line and area."""
    numbers = [value for value in values if value is not None]
    places = points(values, nice_top(max(numbers, default=0)))
    return {"line": path(places), "area": area(places)}


def bucket_label(by: str, key: str, locale: Locale) -> str:
    """A bucket's name in the reader's form: 14:00, 3 Mar, March 2026."""
    if by in ("minute", "hour"):
        at = datetime.fromisoformat(key)
        return f"{format_date(at, 'EEE d MMM', locale=locale)} {format_time(at, 'short', locale=locale)}"
    if by == "month":
        return str(format_date(date.fromisoformat(f"{key[:7]}-01"), "MMMM yyyy", locale=locale))
    day = str(format_date(date.fromisoformat(key[:10]), "EEE d MMM", locale=locale))
    return f"Week of {day}" if by == "week" else day


def tick_label(by: str, key: str, locale: Locale, single_day: bool) -> str:
    if by in ("minute", "hour"):
        at = datetime.fromisoformat(key)
        return str(format_time(at, "short", locale=locale) if single_day else format_date(at, "d MMM", locale=locale))
    if by == "month":
        return str(format_date(date.fromisoformat(f"{key[:7]}-01"), "MMM yyyy", locale=locale))
    return str(format_date(date.fromisoformat(key[:10]), "d MMM", locale=locale))


@dataclass(frozen=True)
class Series:
    """What a graph is drawn from: rows by time of one metric, perhaps another, perhaps another period."""

    by: str
    metric: str
    second: str
    rows: list[dict[str, Any]]
    before: list[dict[str, Any]]
    currency: str = ""
    unfinished: bool = False
    marks: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # by the bucket's key

    def values(self, metric: str, rows: list[dict[str, Any]]) -> list[float | None]:
        return [None if row.get(metric) is None else float(row[metric]) for row in rows]


def draw(series: Series, locale: Locale, link: Any) -> Graph:
    """The graph of a series. `link(key)` is the address a bucket leads to."""
    row = METRICS[series.metric]
    values = series.values(series.metric, series.rows)
    earlier = series.values(series.metric, series.before)[: len(values)]
    top = nice_top(max([value for value in [*values, *earlier] if value is not None], default=0))
    places = points(values, top)
    whole = places[:-1] if series.unfinished and len(places) > 1 else places
    second = series.values(series.second, series.rows) if series.second else []
    second_top = nice_top(max([value for value in second if value is not None], default=0))
    share = WIDTH / max(len(values), 1)
    return Graph(
        label=row.label,
        second_label=METRICS[series.second].label if series.second else "",
        buckets=buckets(series, locale, link),
        area=area(places),
        line=path(whole),
        tail=path(places[-2:]) if series.unfinished and len(places) > 1 else "",
        before=path(padded(points(earlier, top), len(values), earlier, top)),
        second=path(points(second, second_top)),
        ticks=tick_texts(top, row, locale, series.currency),
        second_ticks=tick_texts(second_top, METRICS[series.second], locale, series.currency) if series.second else [],
        words=in_words(series, locale),
        ghost=(f"{WIDTH - share:.1f}", f"{share:.1f}") if series.unfinished else None,
        dots=[(f"{x:.1f}", f"{y:.2f}") for x, y in (p for p in places if p)] if len(values) == 1 else [],
    )


def tick_texts(top: float, row: Metric, locale: Locale, currency: str) -> list[str]:
    """The numbers beside the gridlines, from the top down to zero."""
    return [short(top * i / TICKS, row, locale, currency) for i in range(TICKS, -1, -1)]


def padded(
    places: list[tuple[float, float] | None], width: int, values: list[float | None], top: float
) -> list[tuple[float, float] | None]:
    """The other period's places, laid on this period's buckets."""
    return points([*values, *([None] * (width - len(values)))], top) if len(places) != width else places


def buckets(series: Series, locale: Locale, link: Any) -> list[Bucket]:
    rows, count = series.rows, len(series.rows)
    row = METRICS[series.metric]
    every = max(1, math.ceil(count / MOST_LABELS))
    single_day = series.by == "minute" or (count <= 25 and series.by == "hour")
    found = []
    for i, one in enumerate(rows):
        key, value = str(one[series.by]), one.get(series.metric)
        before = series.before[i].get(series.metric) if i < len(series.before) else None
        second = exact(one.get(series.second), METRICS[series.second], locale, series.currency) if series.second else ""
        ghost = series.unfinished and i == count - 1
        found.append(
            Bucket(
                key, bucket_label(series.by, key, locale), exact(value, row, locale, series.currency),
                exact(before, row, locale, series.currency) if before is not None else "",
                None if ghost else change(value, before, row, locale), second, link(key), i > count / 2, ghost,
                tick_label(series.by, key, locale, single_day) if i % every == 0 else "",
                bool(i // every % 2), series.marks.get(key, ()),
            )
        )  # fmt: skip
    return found


def in_words(series: Series, locale: Locale) -> str:
    """The trend for those who do not see the picture."""
    row = METRICS[series.metric]
    known = [(one, float(one[series.metric])) for one in series.rows if one.get(series.metric) is not None]
    if not known:
        return f"{row.label}: nothing in this period."
    best = max(known, key=lambda pair: pair[1])
    first, last = known[0], known[-1]

    def at(pair: tuple[dict[str, Any], float]) -> str:
        number = exact(pair[1], row, locale, series.currency) if pair else NOTHING
        return f"{number} ({bucket_label(series.by, str(pair[0][series.by]), locale)})"

    return f"{row.label} from {at(first)} to {at(last)}; the highest is {at(best)}."
